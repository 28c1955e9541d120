package incident

import (
	"fmt"
	"time"
)

// An Interval says that an instant lies between Earliest and Latest, both
// included. A zero end is open: not known. All ends are UTC.
type Interval struct {
	Earliest time.Time `json:"e,omitzero"`
	Latest   time.Time `json:"l,omitzero"`
}

// At returns the interval that is the instant t.
func At(t time.Time) Interval { t = t.UTC(); return Interval{t, t} }

// Minute returns the whole minute that starts at t: what a person means who
// writes a time to the minute (rules.md section 1).
func Minute(t time.Time) Interval {
	t = t.UTC()
	return Interval{t, t.Add(time.Minute - 1)}
}

// Known reports whether either end is known.
func (i Interval) Known() bool { return !i.Earliest.IsZero() || !i.Latest.IsZero() }

// Closed reports whether both ends are known.
func (i Interval) Closed() bool { return !i.Earliest.IsZero() && !i.Latest.IsZero() }

// Valid reports whether Earliest is not after Latest.
func (i Interval) Valid() bool { return !i.Closed() || !i.Earliest.After(i.Latest) }

// Width returns Latest − Earliest, or false if an end is open.
func (i Interval) Width() (time.Duration, bool) {
	if !i.Closed() {
		return 0, false
	}
	return i.Latest.Sub(i.Earliest), true
}

// Contains reports whether j lies within i.
func (i Interval) Contains(j Interval) bool {
	return !before(j.Earliest, i.Earliest) && !after(j.Latest, i.Latest)
}

// Meet returns what i and j have in common, and whether there is any.
func (i Interval) Meet(j Interval) (Interval, bool) {
	m := i
	if before(m.Earliest, j.Earliest) {
		m.Earliest = j.Earliest
	}
	if after(m.Latest, j.Latest) {
		m.Latest = j.Latest
	}
	return m, m.Valid()
}

// Min returns the interval in which the earlier of an instant in i and one in
// j lies: [min Earliest, min Latest].
func (i Interval) Min(j Interval) Interval {
	if before(j.Earliest, i.Earliest) {
		i.Earliest = j.Earliest
	}
	if after(i.Latest, j.Latest) {
		i.Latest = j.Latest
	}
	return i
}

// NotAfter returns i with Latest brought down to t where it lies later or is
// open.
func (i Interval) NotAfter(t time.Time) Interval {
	if !t.IsZero() && (i.Latest.IsZero() || i.Latest.After(t)) {
		i.Latest = t
	}
	return i
}

// String returns the interval in RFC 3339, "open" for an open end.
func (i Interval) String() string {
	return fmt.Sprintf("[%s, %s]", endString(i.Earliest), endString(i.Latest))
}

func endString(t time.Time) string {
	if t.IsZero() {
		return "open"
	}
	return t.Format(time.RFC3339Nano)
}

// before compares two Earliest ends, where zero is −∞.
func before(a, b time.Time) bool {
	switch {
	case b.IsZero():
		return false
	case a.IsZero():
		return true
	default:
		return a.Before(b)
	}
}

// after compares two Latest ends, where zero is +∞.
func after(a, b time.Time) bool {
	switch {
	case b.IsZero():
		return false
	case a.IsZero():
		return true
	default:
		return a.After(b)
	}
}
