package said

import (
	"strings"
	"time"
)

// date reads a date, with the name of its weekday before it if it stands
// there. glued says that a T follows, as in ISO 8601.
func (p *parser) date(e *expression) (c civil, glued bool, err error) {
	re := compiled()
	start := p.at
	weekday := ""
	if m := p.take(re.weekday); m != nil {
		weekday = strings.ToLower(m[1])
		p.joints()
		p.take(compiled().the)
	} else {
		p.take(compiled().the)
	}
	c, glued, err = p.calendar(e)
	if err != nil {
		p.at = start
		return c, glued, err
	}
	if weekday != "" && !strings.HasPrefix(strings.ToLower(c.utc(0).Weekday().String()), weekday) {
		return c, glued, ErrContradicts
	}
	return c, glued, nil
}

func (p *parser) calendar(e *expression) (civil, bool, error) {
	re := compiled()
	back := p.at
	if m := p.take(re.iso); m != nil {
		if m[2] != m[4] {
			return civil{}, false, ErrNoTime
		}
		c := civil{number(m[1]), time.Month(number(m[3])), number(m[5])}
		if !c.exists() {
			return c, false, ErrImpossible
		}
		return c, m[6] != "", nil
	}
	if m := p.take(re.numeric); m != nil && m[2] == m[4] {
		c, err := e.dayFirst(fullYear(m[5]), number(m[1]), number(m[3]))
		return c, false, err
	}
	p.at = back
	if m := p.take(re.dayName); m != nil {
		c := civil{fullYear(m[3] + m[4]), monthOf(m[2]), number(m[1])}
		return p.named(c, m[3])
	}
	if m := p.take(re.nameDay); m != nil {
		c := civil{fullYear(m[3]), monthOf(m[1]), number(m[2])}
		return p.named(c, m[3])
	}
	if m := p.take(re.slashed); m != nil {
		c, err := p.lastYear(civil{0, time.Month(number(m[2])), number(m[1])})
		return c, false, err
	}
	return civil{}, false, ErrNoTime
}

// dayFirst is British order. The other one is taken only where this one is no
// date at all, and is flagged.
func (e *expression) dayFirst(year, a, b int) (civil, error) {
	c := civil{year, time.Month(b), a}
	if c.exists() {
		return c, nil
	}
	if b > 12 {
		if c = (civil{year, time.Month(a), b}); c.exists() {
			e.monthFirst = true
			return c, nil
		}
	}
	return c, ErrImpossible
}

// named settles the year of a date with the month's name. Four digits that are
// no year of this time are a time of day: "23 November 0915".
func (p *parser) named(c civil, year string) (civil, bool, error) {
	if year != "" && (c.year < 1970 || c.year >= 2100) {
		p.at -= len(year)
		c.year = 0
	}
	if c.year == 0 {
		c, err := p.lastYear(c)
		return c, false, err
	}
	if !c.exists() {
		return c, false, ErrImpossible
	}
	return c, false, nil
}

// lastYear gives a date without a year the last one in which it had begun when
// the text reached us.
func (p *parser) lastYear(c civil) (civil, error) {
	if p.receipt.IsZero() {
		return c, ErrNoTime
	}
	c.year = p.receipt.Year() + 1
	for range 9 { // over a 29 February in the century's gap
		if c.exists() && !c.start().After(p.receipt) {
			return c, nil
		}
		c.year--
	}
	return c, ErrImpossible
}

func fullYear(s string) int {
	if len(s) == 2 {
		return 2000 + number(s)
	}
	return number(s)
}

func monthOf(s string) time.Month {
	return time.Month(strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(s[:3]))/3 + 1)
}
