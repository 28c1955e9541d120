package said

import (
	"cmp"
	"errors"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// MaxText bounds the bytes of a text that are looked at. No one needs more to
// say when something was.
const MaxText = 256

// About is how far a time that is said to be approximate may be off, either
// way.
const About = 10 * time.Minute

// The reasons for which a text says no time that we may use. None of them
// quotes what a person wrote.
var (
	ErrNoTime      = errors.New("read time: no date and time at the beginning; want for example 23/11/2026 09:15")
	ErrSeveral     = errors.New("read time: more than one time, and not written as a range; want for example 09:15 to 09:45")
	ErrImpossible  = errors.New("read time: there is no such date or time of day")
	ErrContradicts = errors.New("read time: the parts contradict each other")
	ErrZone        = errors.New("read time: the zone is not known or means several; want BST, GMT, UTC or an offset, for example +01:00")
	ErrOpen        = errors.New("read time: says only that it was before or after")
)

// Label reads the value of a labelled line that says when something was, for
// example "23/11/2026 09:15" or "23 November 2026, 9:15am to 9:45am". receipt
// is when the text reached us; zero if that is not known.
//
// The interval is closed at both ends and in UTC. A time to the minute is that
// whole minute, a date alone the whole day in London. What would lie after
// receipt is cut off, since nobody tells of what has not been; a time that
// begins after receipt is returned as it was written, flagged
// [incident.FlagClipped] up to [incident.DefaultTolerance] and
// [incident.FlagSkewed] beyond: what becomes of it depends on the source.
// Without a zone it is London's. words is the byte range in text that was read.
//
// An error means that the text must not be used as a time; it is one of the
// errors of this package.
func Label(text string, receipt time.Time) (in incident.Interval, flags []incident.Flag, words [2]int, err error) {
	if len(text) > MaxText {
		text = text[:MaxText]
	}
	p := parser{text: text, receipt: receipt}
	e, err := p.expression()
	if err != nil {
		return incident.Interval{}, nil, [2]int{}, err
	}
	in, flags, err = e.interval(receipt)
	if err != nil {
		return incident.Interval{}, nil, [2]int{}, err
	}
	return in, flags, [2]int{p.begin, p.end}, nil
}

// LabelAt is [Label] for a value that may also be relative to a: "this morning
// 9.15", "09:15", "an hour ago". It must begin with the one time that it says.
// A time without a zone is London's, or that of the sender's zone, flagged.
func LabelAt(text string, a Anchor) (in incident.Interval, flags []incident.Flag, words [2]int, err error) {
	r := newResolver(a)
	in, flags, words, err = Label(text, a.Receipt)
	if err == nil && !r.fixed || err != nil && err != ErrNoTime { //nolint:errorlint // never wrapped within this package
		return in, flags, words, err
	}
	if len(text) > MaxText {
		text = text[:MaxText]
	}
	x, words, ok := r.value(text)
	if !ok {
		return incident.Interval{}, nil, [2]int{}, cmp.Or(err, ErrZone)
	}
	return x.in, x.flags, words, nil
}

// value reads a text that is a time, and nothing besides that could be one.
func (r *resolver) value(text string) (x answer, words [2]int, ok bool) {
	read := newReader(text)
	toks, ok := read.sentence()
	if !ok || read.ended == '?' {
		return x, words, false
	}
	s := scan{toks: toks, text: text, a: &r.a}
	begin := 0
	for s.at(begin).is("at", "on", "about", "around", "approximately", "approx", "circa", "roughly", "c", "~", ".", ",", "the", "between", "from", "in", "over", "within", "an", "a", "since", "just", "it", "was", "sometime", "during", "-", "(") && !s.at(begin).is("nothing") {
		if s.begins(begin) {
			if _, ok := s.parse(begin, 0); ok {
				break
			}
		}
		begin++
	}
	w, ok := s.label(begin)
	if !ok || w.bound != closed {
		return x, words, false
	}
	for i := w.end; i < len(toks); i++ {
		if !s.begins(i) {
			if s.at(i).is("?", "or", "unknown", "unsure") {
				return x, words, false
			}
			continue
		}
		if _, again := s.parse(i, w.end); again {
			return x, words, false
		}
	}
	x, ok = r.resolve(&w, false)
	return x, [2]int{toks[w.from].at, toks[w.end-1].end}, ok
}

// label is parse where a label has said that a time follows, so that a number
// needs no "at" before it.
func (s *scan) label(i int) (written, bool) {
	s.labelled = i + 1
	return s.parse(i, 0)
}

// An expression is what was written, before any zone rule is asked.
type expression struct {
	from, to   moment // to is from unless it is a range
	about      bool
	monthFirst bool
	dateOnly   bool
}

// A moment is a civil date and a time of day.
type moment struct {
	date civil
	time hours
}

func (e expression) interval(receipt time.Time) (incident.Interval, []incident.Flag, error) {
	var flags []incident.Flag
	if e.monthFirst {
		flags = append(flags, incident.FlagMonthFirst)
	}
	if e.about {
		flags = append(flags, incident.FlagAbout)
	}
	var in incident.Interval
	if e.dateOnly {
		flags = append(flags, incident.FlagDateOnly)
		in = incident.Interval{Earliest: e.from.date.start(), Latest: e.to.date.next().start().Add(-1)}
	} else {
		from, flag := e.from.readings(receipt)
		to, flagTo := e.to.readings(receipt)
		for _, f := range []incident.Flag{flag, flagTo} {
			if f != "" && !contains(flags, f) {
				flags = append(flags, f)
			}
		}
		in = incident.Interval{Earliest: from[0].Earliest, Latest: to[len(to)-1].Latest}
	}
	if e.about {
		in.Earliest, in.Latest = in.Earliest.Add(-About), in.Latest.Add(About)
	}
	if !in.Valid() {
		return in, nil, ErrContradicts
	}
	if receipt.IsZero() {
		return in, flags, nil
	}
	switch late := in.Earliest.Sub(receipt); {
	case late > incident.DefaultTolerance:
		flags = append(flags, incident.FlagSkewed)
	case late > 0:
		flags = append(flags, incident.FlagClipped)
	default:
		in = in.NotAfter(receipt.UTC())
	}
	return in, flags, nil
}

func contains(flags []incident.Flag, f incident.Flag) bool {
	for _, g := range flags {
		if g == f {
			return true
		}
	}
	return false
}

// readings returns the intervals that m can mean, in order of time: one,
// except where the clocks change and no zone is named. There it is two, unless
// one of them begins after receipt (scenarios.md row 23).
func (m moment) readings(receipt time.Time) ([]incident.Interval, incident.Flag) {
	at := func(offset time.Duration) incident.Interval {
		t := m.date.utc(m.time.ofDay).Add(-offset)
		return incident.Interval{Earliest: t, Latest: t.Add(m.time.unit - 1)}
	}
	if m.time.zoned {
		return []incident.Interval{at(m.time.zone)}, ""
	}
	var flag incident.Flag
	var can []incident.Interval
	summer, winter := at(time.Hour), at(0) // the summer reading is the earlier instant
	for _, r := range []struct {
		in     incident.Interval
		offset time.Duration
	}{{summer, time.Hour}, {winter, 0}} {
		if _, off := r.in.Earliest.In(incident.London()).Zone(); time.Duration(off)*time.Second == r.offset {
			can = append(can, r.in)
		}
	}
	switch len(can) {
	case 1:
		return can, ""
	case 2:
		flag = incident.FlagHourTwice
	default:
		can, flag = []incident.Interval{summer, winter}, incident.FlagHourMissing
	}
	if !receipt.IsZero() && can[1].Earliest.After(receipt) && !can[0].Earliest.After(receipt) {
		can = can[:1]
	}
	return can, flag
}

// A civil is a day in the calendar.
type civil struct {
	year  int
	month time.Month
	day   int
}

func (c civil) utc(ofDay time.Duration) time.Time {
	return time.Date(c.year, c.month, c.day, 0, 0, 0, 0, time.UTC).Add(ofDay)
}

func (c civil) exists() bool {
	t := c.utc(0)
	return c.year >= 1970 && c.year < 2100 && c.month >= 1 && c.month <= 12 && t.Month() == c.month && t.Day() == c.day
}

// start returns when c begins in London.
func (c civil) start() time.Time {
	return time.Date(c.year, c.month, c.day, 0, 0, 0, 0, incident.London()).UTC()
}

func (c civil) next() civil {
	t := c.utc(24 * time.Hour)
	return civil{t.Year(), t.Month(), t.Day()}
}

// An hours is a time of day as written: to the unit, with or without a zone.
type hours struct {
	ofDay time.Duration
	unit  time.Duration
	half  half
	zoned bool
	zone  time.Duration // east of UTC
}

// A half is am, pm, or not said.
type half int

const (
	noHalf half = iota
	am
	pm
)

// in returns h as if it had been written with half x, for a range of which
// only one end says it.
func (h hours) in(x half) hours {
	if h.half != noHalf || x == noHalf || h.ofDay < time.Hour || h.ofDay >= 13*time.Hour {
		return h
	}
	of12 := h.ofDay % (12 * time.Hour)
	if x == pm {
		of12 += 12 * time.Hour
	}
	h.ofDay, h.half = of12, x
	return h
}

// Zone returns the offset east of UTC that a zone's name stands for in British
// use, any letter case. Names that mean several zones are not known: IST is
// Irish, Indian and Israeli.
func Zone(name string) (offset time.Duration, ok bool) {
	switch strings.ToUpper(name) {
	case "Z", "UT", "UTC", "GMT", "WET":
		return 0, true
	case "BST", "WEST", "CET":
		return time.Hour, true
	case "CEST", "EET":
		return 2 * time.Hour, true
	case "EEST":
		return 3 * time.Hour, true
	case "EST":
		return -5 * time.Hour, true
	case "EDT":
		return -4 * time.Hour, true
	case "PST":
		return -8 * time.Hour, true
	case "PDT":
		return -7 * time.Hour, true
	default:
		return 0, false
	}
}
