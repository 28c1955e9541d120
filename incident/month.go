package incident

import (
	"fmt"
	"sync"
	"time"
	_ "time/tzdata" // London must be known on a machine without a zone database
)

// London returns Europe/London, in which dates, months and office hours count.
func London() *time.Location { return london() }

var london = sync.OnceValue(func() *time.Location {
	loc, err := time.LoadLocation("Europe/London")
	if err != nil {
		panic(fmt.Sprintf("unreachable, time/tzdata is linked in: %v", err))
	}
	return loc
})

// A Date is a calendar day in London, written 2013-05-01.
type Date string

// Start returns the instant at which d begins in London.
func (d Date) Start() (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, string(d), London())
	if err != nil {
		return time.Time{}, fmt.Errorf("%q must be a date, for example 2013-05-01", d)
	}
	return t.UTC(), nil
}

// A Month is a calendar month in Europe/London, half-open. Example: "2026-11"
type Month string

// MonthOf returns the month in which t lies.
func MonthOf(t time.Time) Month { return Month(t.In(London()).Format("2006-01")) }

// ParseMonth reads "2026-11".
func ParseMonth(s string) (Month, error) {
	if _, err := time.Parse("2006-01", s); err != nil {
		return "", fmt.Errorf("read month %q: want year and month, for example 2026-11", s)
	}
	return Month(s), nil
}

// Bounds returns the first instant of m and the first after it. It returns
// zero times for a month that ParseMonth refuses.
func (m Month) Bounds() (from, until time.Time) {
	t, err := time.ParseInLocation("2006-01", string(m), London())
	if err != nil {
		return time.Time{}, time.Time{}
	}
	return t.UTC(), t.AddDate(0, 1, 0).UTC()
}

// Previous returns the month before m.
func (m Month) Previous() Month {
	from, _ := m.Bounds()
	return MonthOf(from.Add(-time.Hour))
}

// Contains reports whether t lies in m.
func (m Month) Contains(t time.Time) bool { return MonthOf(t) == m }
