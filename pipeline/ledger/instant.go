package ledger

import (
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// instant is a time in RFC 3339, in UTC, with no more digits than needed.
func (c *coder) instant(p *time.Time) {
	const wrong = "not an instant as it is written here"
	if !c.reading {
		if year := p.UTC().Year(); year < 0 || year > 9999 {
			c.fail(wrong)
		}
		c.b = append(c.b, '"')
		c.b = p.UTC().AppendFormat(c.b, time.RFC3339Nano)
		c.b = append(c.b, '"')
		return
	}
	t, ok := parseInstant(c.text())
	if !ok {
		c.fail(wrong)
	}
	*p = t
}

// interval is an object with two ends, each left out where it is open.
func (c *coder) interval(p *incident.Interval) {
	c.begin()
	if c.may("e", p.Earliest.IsZero()) {
		c.instant(&p.Earliest)
		c.full(p.Earliest.IsZero())
	}
	if c.may("l", p.Latest.IsZero()) {
		c.instant(&p.Latest)
		c.full(p.Latest.IsZero())
	}
	c.end()
}

// mayInterval is an interval that is left out where both ends are open.
func (c *coder) mayInterval(key string, p *incident.Interval) {
	if c.may(key, !p.Known()) {
		c.interval(p)
		c.full(!p.Known())
	}
}

// parseInstant reads what time.RFC3339Nano writes of an instant in UTC, and
// nothing else: 2026-11-24T09:15:00Z, 2026-11-24T09:15:00.5Z.
func parseInstant(s []byte) (time.Time, bool) {
	const form = "0000-00-00T00:00:00"
	if len(s) < len(form)+1 || len(s) > len(form)+11 || s[len(s)-1] != 'Z' {
		return time.Time{}, false
	}
	for i := range len(form) {
		if form[i] == '0' {
			if s[i]-'0' > 9 {
				return time.Time{}, false
			}
		} else if s[i] != form[i] {
			return time.Time{}, false
		}
	}
	two := func(i int) int { return int(s[i]-'0')*10 + int(s[i+1]-'0') }
	year, month, day := two(0)*100+two(2), two(5), two(8)
	hour, minute, second := two(11), two(14), two(17)
	if month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return time.Time{}, false
	}
	nano := 0
	if fraction := s[len(form) : len(s)-1]; len(fraction) > 0 {
		if len(fraction) < 2 || fraction[0] != '.' || fraction[len(fraction)-1] == '0' {
			return time.Time{}, false
		}
		unit := 100_000_000
		for _, d := range fraction[1:] {
			if d-'0' > 9 {
				return time.Time{}, false
			}
			nano += int(d-'0') * unit
			unit /= 10
		}
	}
	return time.Date(year, time.Month(month), day, hour, minute, second, nano, time.UTC), true
}

func daysIn(year, month int) int {
	switch month {
	case 4, 6, 9, 11:
		return 30
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	default:
		return 31
	}
}
