package said

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A parser reads one expression from the beginning of text. at is where it
// stands; begin and end bound what it has read.
type parser struct {
	text           string
	receipt        time.Time
	at, begin, end int
}

// The pieces, each anchored where the parser stands.
const (
	blank = `[\s\x{a0}\x{2007}\x{202f}\x{200b}-\x{200f}\x{feff}*_]`
	dash  = `[-\x{2010}-\x{2015}\x{2212}]`
	names = `(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)(?:[a-z]*)\b\.?`
)

type patterns struct {
	blanks, about, weekday, iso, numeric, slashed, dayName, nameDay, joint,
	clock, packed, hourOnly, noon, half, hrs, local, offset, name, named, dash, to, rest, open, ish, between, the, bare *regexp.Regexp
}

// compiled is built once and never changed.
var compiled = sync.OnceValue(func() *patterns { //nolint:gochecknoglobals // constants that Go cannot write as such
	re := func(s string) *regexp.Regexp { return regexp.MustCompile(`(?i)^(?:` + s + `)`) }
	return &patterns{
		blanks:   re(blank + `+`),
		about:    re(`(?:approximately|approx\b\.?|about\b|around\b|roughly\b|circa\b|ca?\.|c\b|~)`),
		weekday:  re(`(mon|tue|wed|thu|fri|sat|sun)[a-z]*\b\.?`),
		iso:      re(`(\d{4})([-/.])(\d{1,2})([-/.])(\d{1,2})(?:\b|(T))`),
		numeric:  re(`(\d{1,2})[ ]?([/.` + `-])[ ]?(\d{1,2})[ ]?([/.-])[ ]?(\d{4}|\d{2})\b`),
		slashed:  re(`(\d{1,2})/(\d{1,2})\b`),
		dayName:  re(`(\d{1,2})(?:st|nd|rd|th)?(?:` + blank + `|-|of\b)*` + names + `(?:(?:` + blank + `|[,-])*(?:(\d{4})|['’](\d{2}))\b)?`),
		nameDay:  re(names + blank + `*(\d{1,2})(?:st|nd|rd|th)?\b(?:(?:` + blank + `|,)*(\d{4})\b)?`),
		joint:    re(`(?:` + blank + `*(?:,|;|` + dash + `|@|\bat\b|\bon\b|\bfrom\b|\bbetween\b|T\b)` + blank + `*|` + blank + `+)`),
		clock:    re(`(\d{1,2})` + blank + `?([:.h])` + blank + `?(\d{2})(?:([:.])(\d{2})(?:[.,](\d{1,9}))?)?(?:\D|$)`),
		packed:   re(`(\d{2})(\d{2})(?:\D|$)`),
		hourOnly: re(`(\d{1,2})` + blank + `*([ap])\.?m\b\.?`),
		noon:     re(`(?:12` + blank + `*)?(?:noon|midday)\b`),
		half:     re(blank + `*([ap])\.?` + blank + `?m(?:\b|$)\.?`),
		hrs:      re(blank + `*(?:hrs|hours|hr|h)\b\.?`),
		local:    re(blank + `*\(?(?:local(?: time)?|london(?: time)?|uk time|uk)\b\)?`),
		offset:   re(blank + `*\(?(?:utc|gmt)?([+` + `\x{2212}-])(\d{1,2})(?::?(\d{2}))?(?:\D|$)`),
		name:     re(blank + `*\(?([a-z]{1,5})\b\)?`),
		named:    re(blank + `*\(?(?:utc|gmt)`),
		dash:     re(blank + `*` + dash + blank + `*`),
		to:       re(blank + `*,?` + blank + `*\b(?:to|and|until|till|til)\b` + blank + `*`),
		rest:     regexp.MustCompile(`(?i)\d{1,2}[:.h]\d{2}(?:\D|$)|\b\d{1,2}[/.-]\d{1,2}\b|\b\d{1,2} ?[ap]\.?m\b|\b(?:[01]\d|2[0-3])[0-5]\d\b|\b\d{1,2}(?:st|nd|rd|th)\b`),
		open:     regexp.MustCompile(`(?i)\b(?:or|not|before|after|earlier|later|earliest|latest|onwards|since|unknown|unsure|\?)\b|\?|` + `^` + blank + `*\+`),
		between:  re(blank + `*(?:between|from|at|on)\b` + blank + `*`),
		bare:     re(`\d{1,2}\W*$`),
		the:      re(`the\b` + blank + `+`),
		ish:      re(blank + `*[,(]?` + blank + `*(?:-?ish\b|or so\b|or thereabouts\b|approximately\b|approx\b\.?|about\b|circa\b|roughly\b)\)?`),
	}
})

// take moves over re if the parser stands on it, and returns what its groups
// matched.
func (p *parser) take(re *regexp.Regexp) []string {
	m := re.FindStringSubmatch(p.text[p.at:])
	if m == nil {
		return nil
	}
	n := len(m[0])
	p.at += n
	return m
}

// expression reads: [about] date [time [to time]], or time [to time] date.
func (p *parser) expression() (expression, error) {
	re := compiled()
	p.take(re.blanks)
	p.begin = p.at
	var e expression
	e.about = p.about()
	p.take(compiled().between)
	start := p.at
	if err := p.dateFirst(&e); err != nil {
		if err != ErrNoTime { //nolint:errorlint // never wrapped within this package
			return e, err
		}
		p.at = start
		if err := p.timeFirst(&e); err != nil {
			return e, err
		}
	}
	p.end = p.at
	if m := p.take(re.ish); m != nil {
		e.about, p.end = true, p.at
	}
	return e, p.remainder(e)
}

// remainder refuses a text that goes on to speak of another time, or takes
// back what it said.
func (p *parser) remainder(e expression) error {
	re := compiled()
	rest := p.text[p.at:]
	switch {
	case re.rest.MatchString(rest):
		return ErrSeveral
	case re.open.MatchString(rest):
		return ErrOpen
	case e.about && e.dateOnly:
		return ErrOpen // how far off a day may be nobody can tell
	}
	return nil
}

func (p *parser) about() bool {
	if p.take(compiled().about) == nil {
		return false
	}
	p.take(compiled().blanks)
	return true
}

func (p *parser) dateFirst(e *expression) error {
	re := compiled()
	date, glued, err := p.date(e)
	if err != nil {
		return err
	}
	e.from.date, e.to.date = date, date
	back := p.at
	if !glued {
		p.joints()
	}
	if p.about() {
		e.about = true
	}
	p.take(compiled().between)
	first, err := p.time(glued)
	if err == ErrNoTime { //nolint:errorlint // never wrapped within this package
		if glued {
			return ErrImpossible
		}
		p.at = back
		return p.dayRange(e)
	}
	if err != nil {
		return err
	}
	e.from.time, e.to.time = first, first
	sep := p.at
	if p.take(re.to) == nil && p.take(re.dash) == nil {
		return nil
	}
	// The second end may name its own day: a range over midnight.
	if second, glued, err := p.date(e); err == nil {
		if !glued {
			p.joints()
		}
		t, err := p.time(glued)
		if err != nil {
			return ErrSeveral
		}
		e.to = moment{second, t}
		return e.span(false)
	}
	second, err := p.time(false)
	if err != nil {
		if re.bare.MatchString(p.text[p.at:]) {
			return ErrSeveral // "11am to 1"
		}
		p.at = sep
		return nil // a dash before prose
	}
	e.to.time = second
	return e.span(true)
}

// dayRange reads the second date of "21/11/2026 to 23/11/2026".
func (p *parser) dayRange(e *expression) error {
	e.dateOnly = true
	back := p.at
	if p.take(compiled().to) == nil && p.take(compiled().dash) == nil {
		return nil
	}
	second, glued, err := p.date(e)
	if err != nil || glued {
		p.at = back
		return nil
	}
	e.to.date = second
	if second.utc(0).Before(e.from.date.utc(0)) {
		return ErrContradicts
	}
	back = p.at
	p.joints()
	if _, err := p.time(false); err == nil {
		return ErrSeveral // the first day had no time, the second has
	}
	p.at = back
	return nil
}

func (p *parser) timeFirst(e *expression) error {
	re := compiled()
	first, err := p.time(false)
	if err != nil {
		return err
	}
	second := first
	isRange := false
	back := p.at
	if p.take(re.to) != nil || p.take(re.dash) != nil {
		if second, err = p.time(false); err == nil {
			isRange = true
		} else {
			p.at, second = back, first
		}
	}
	p.joints()
	date, glued, err := p.date(e)
	if err != nil {
		return err
	}
	if glued {
		return ErrContradicts
	}
	e.from, e.to = moment{date, first}, moment{date, second}
	if isRange {
		return e.span(true)
	}
	return nil
}

// span settles a range: what one end says of zone and half of the day holds
// for the other too, and a range that ends before it begins runs over midnight
// if that makes it at most twelve hours.
func (e *expression) span(sameDay bool) error {
	from, to := &e.from.time, &e.to.time
	if from.half == noHalf && to.half != noHalf {
		same := from.in(to.half)
		if same.ofDay > to.ofDay && sameDay {
			same = from.in(am + pm - to.half)
		}
		*from = same
	} else if to.half == noHalf && from.half != noHalf && to.ofDay < from.ofDay {
		*to = to.in(pm)
	}
	if to.zoned && !from.zoned {
		from.zone, from.zoned = to.zone, true
	}
	if from.zoned && !to.zoned {
		to.zone, to.zoned = from.zone, true
	}
	begin := e.from.date.utc(from.ofDay).Add(-from.zone)
	end := e.to.date.utc(to.ofDay).Add(-to.zone)
	if !end.Before(begin) {
		return nil
	}
	if sameDay && end.Add(24*time.Hour).Sub(begin) <= 12*time.Hour {
		e.to.date = e.to.date.next()
		return nil
	}
	return ErrContradicts
}

// joints moves over what stands between a date and a time.
func (p *parser) joints() {
	for range 4 {
		if p.take(compiled().joint) == nil {
			return
		}
	}
}

// time reads a time of day and its zone. iso says that it follows a T, where a
// minus begins an offset and not a range.
func (p *parser) time(iso bool) (hours, error) {
	re := compiled()
	start := p.at
	h := hours{unit: time.Minute}
	hour, minute, second := 0, 0, 0
	switch {
	case p.take(re.noon) != nil:
		hour = 12
	default:
		if m := p.takeBefore(re.clock); m != nil {
			hour, minute = number(m[1]), number(m[3])
			if m[5] != "" {
				second, h.unit = number(m[5]), time.Second
			}
			if m[6] != "" {
				h.unit = time.Second
				for range len(m[6]) {
					h.unit /= 10
				}
				h.ofDay = time.Duration(number(m[6])) * h.unit
			}
		} else if m := p.takeBefore(re.packed); m != nil {
			hour, minute = number(m[1]), number(m[2])
		} else if m := p.take(re.hourOnly); m != nil {
			hour, h.half = number(m[1]), halfOf(m[2])
		} else {
			return h, ErrNoTime
		}
	}
	if h.half == noHalf {
		if m := p.take(re.half); m != nil {
			h.half = halfOf(m[1])
		} else {
			p.take(re.hrs)
		}
	}
	switch {
	case hour > 23 || minute > 59 || second > 59:
		p.at = start
		return h, ErrImpossible
	case h.half == am && hour > 12, h.half == pm && hour == 0:
		return h, ErrContradicts
	case h.half == am && hour == 12:
		hour = 0
	case h.half == pm && hour < 12:
		hour += 12
	}
	h.ofDay += time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute + time.Duration(second)*time.Second
	return h, p.zone(&h, iso)
}

// takeBefore is take for a pattern that ends by looking at one character more.
func (p *parser) takeBefore(re *regexp.Regexp) []string {
	m := re.FindStringSubmatchIndex(p.text[p.at:])
	if m == nil {
		return nil
	}
	groups := make([]string, len(m)/2)
	end := 0
	for i := 1; i < len(groups); i++ {
		if m[2*i] >= 0 {
			groups[i] = p.text[p.at+m[2*i] : p.at+m[2*i+1]]
			end = max(end, m[2*i+1])
		}
	}
	p.at += end
	return groups
}

// zone reads a zone if one is named.
func (p *parser) zone(h *hours, iso bool) error {
	re := compiled()
	rest := p.text[p.at:]
	if m := re.offset.FindStringSubmatch(rest); m != nil {
		plus, named := m[1] == "+", re.named.MatchString(rest)
		if plus || named || iso {
			hh, mm := number(m[2]), number(m[3])
			p.takeBefore(re.offset)
			if hh > 14 || mm > 59 {
				return ErrZone
			}
			h.zone, h.zoned = time.Duration(hh)*time.Hour+time.Duration(mm)*time.Minute, true
			if !plus {
				h.zone = -h.zone
			}
			p.closeBracket()
			return nil
		}
		// "09:15 -05:00" is a range or an offset; nobody can tell.
		if glued := strings.TrimLeft(rest, " \u00a0"); glued != rest && len(glued) > 1 && glued[1] != ' ' && m[3] != "" {
			return ErrZone
		}
	}
	if p.take(re.local) != nil {
		return nil
	}
	back := p.at
	m := p.take(re.name)
	if m == nil {
		return nil
	}
	if offset, ok := Zone(m[1]); ok {
		h.zone, h.zoned = offset, true
		return nil
	}
	p.at = back
	// A word of capitals that ends in T is a zone that we do not know; London
	// would be a guess.
	if w := m[1]; len(w) >= 2 && w == strings.ToUpper(w) && strings.HasSuffix(w, "T") {
		return ErrZone
	}
	return nil
}

func (p *parser) closeBracket() {
	if strings.HasPrefix(p.text[p.at:], ")") {
		p.at++
	}
}

func halfOf(s string) half {
	if strings.EqualFold(s, "p") {
		return pm
	}
	return am
}

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0 // an empty group
	}
	return n
}
