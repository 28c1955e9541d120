package incident_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
)

var nine = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// after returns nine o'clock and so many minutes and nanoseconds.
func after(minutes, nanos int) time.Time {
	return nine.Add(time.Duration(minutes)*time.Minute + time.Duration(nanos))
}

func between(from, to int) incident.Interval {
	return incident.Interval{Earliest: after(from, 0), Latest: after(to, 0)}
}

// TestTheVerdictTable has every row of the verdict table and the instants at
// which one row ends and the next begins. The limit is an hour.
func TestTheVerdictTable(t *testing.T) {
	none := incident.Time{}
	at := func(i incident.Interval) incident.Time { return incident.Time{Interval: i} }
	weak := func(i, bound incident.Interval) incident.Time {
		return incident.Time{Interval: i, Weak: true, Bound: bound}
	}
	exactly := func(minutes, nanos int) incident.Time { return at(incident.At(after(minutes, nanos))) }
	by := func(minutes int) incident.Interval { return incident.Interval{Latest: after(minutes, 0)} }
	since := func(minutes int) incident.Interval { return incident.Interval{Earliest: after(minutes, 0)} }
	over, unconfirmed, provisional := incident.FlagMayBeOver, incident.FlagUnconfirmed, incident.FlagProvisional

	for _, tt := range []struct {
		name        string
		start, stop incident.Time
		now         time.Time
		state       incident.State
		doubt       incident.Doubt
		flags       []incident.Flag
	}{
		{"nothing is known of the start", none, none, after(600, 0), incident.Waiting, "", nil},
		{"a weak stop does not start a clock", none, weak(by(5), incident.Interval{}), after(600, 0), incident.Waiting, "", []incident.Flag{unconfirmed}},
		{"no stop, at the limit", exactly(0, 0), none, after(60, 0), incident.Running, "", nil},
		{"no stop, an instant after the limit", exactly(0, 0), none, after(60, 1), incident.Overdue, "", nil},
		{"no stop, the earliest start at the limit", at(between(0, 30)), none, after(60, 0), incident.Running, "", nil},
		{"no stop, the earliest start past the limit", at(between(0, 30)), none, after(60, 1), incident.Running, "", []incident.Flag{over}},
		{"no stop, the latest start at the limit", at(between(0, 30)), none, after(90, 0), incident.Running, "", []incident.Flag{over}},
		{"no stop, the latest start past the limit", at(between(0, 30)), none, after(90, 1), incident.Overdue, "", nil},
		{"no stop, only the latest start known", at(by(30)), none, after(90, 0), incident.Running, "", nil},
		{"no stop, only the latest start known, past it", at(by(30)), none, after(90, 1), incident.Overdue, "", nil},
		{"no stop, the latest start open", at(since(0)), none, after(6000, 0), incident.Running, "", []incident.Flag{over}},
		{"a weak stop only", exactly(0, 0), weak(incident.At(after(10, 0)), incident.Interval{}), after(60, 0), incident.Running, "", []incident.Flag{unconfirmed}},
		{"a weak stop only, past the limit", exactly(0, 0), weak(incident.At(after(10, 0)), incident.Interval{}), after(60, 1), incident.Overdue, "", []incident.Flag{unconfirmed, provisional}},
		{"overdue by a weak start", weak(between(0, 1), by(120)), none, after(90, 0), incident.Overdue, "", []incident.Flag{provisional}},
		{"overdue by the evidence bounds too", weak(between(0, 1), by(20)), none, after(90, 0), incident.Overdue, "", nil},

		{"exactly the limit", exactly(0, 0), exactly(60, 0), after(600, 0), incident.Met, "", nil},
		{"an instant more than the limit", exactly(0, 0), exactly(60, 1), after(600, 0), incident.Breached, "", nil},
		{"the longest delay is the limit", at(between(0, 30)), exactly(60, 0), after(600, 0), incident.Met, "", nil},
		{"the longest delay is over the limit", at(between(0, 30)), exactly(60, 1), after(600, 0), incident.Undetermined, incident.DoubtStraddles, nil},
		{"the shortest delay is the limit", at(between(0, 30)), exactly(90, 0), after(600, 0), incident.Undetermined, incident.DoubtStraddles, nil},
		{"the shortest delay is over the limit", at(between(0, 30)), exactly(90, 1), after(600, 0), incident.Breached, "", nil},
		{"a stop that is an interval", exactly(0, 0), at(between(50, 70)), after(600, 0), incident.Undetermined, incident.DoubtStraddles, nil},
		{"a stop before the start", exactly(30, 0), exactly(10, 0), after(600, 0), incident.Met, "", nil},
		{"the earliest start open, reported in time of the latest", at(by(30)), exactly(90, 0), after(600, 0), incident.Unmeasured, "", nil},
		{"the earliest start open, and certainly over", at(by(30)), exactly(90, 1), after(600, 0), incident.Breached, "", nil},
		{"the latest start open, and certainly in time", at(since(0)), exactly(60, 0), after(600, 0), incident.Met, "", nil},
		{"the latest start open, and perhaps over", at(since(0)), exactly(61, 0), after(600, 0), incident.Undetermined, incident.DoubtStraddles, nil},
		{"nothing known of the start, and stopped", none, exactly(0, 0), after(600, 0), incident.Unmeasured, "", nil},
		{"met by a weak start", weak(between(0, 1), by(20)), exactly(20, 0), after(600, 0), incident.Undetermined, incident.DoubtWeak, nil},
		{"breached by a weak start", weak(between(0, 1), by(70)), exactly(70, 0), after(600, 0), incident.Undetermined, incident.DoubtWeak, nil},
		{"breached by the evidence bounds alone", weak(between(0, 1), by(9)), exactly(70, 0), after(600, 0), incident.Breached, "", nil},
		{"straddling by a weak start", weak(between(0, 30), by(40)), exactly(61, 0), after(600, 0), incident.Undetermined, incident.DoubtStraddles, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			j := incident.Judge(time.Hour, tt.start, tt.stop, tt.now)
			if j.State != tt.state || j.Doubt != tt.doubt {
				t.Errorf("got %s %s, want %s %s", j.State, j.Doubt, tt.state, tt.doubt)
			}
			if d := cmp.Diff(tt.flags, j.Flags); d != "" {
				t.Errorf("flags (-want +got):\n%s", d)
			}
			if j.Shortest < 0 || j.Longest < 0 {
				t.Errorf("delay from %s to %s", j.Shortest, j.Longest)
			}
		})
	}
}

func TestAMonthIsHalfOpenInLondon(t *testing.T) {
	for _, tt := range []struct {
		month       incident.Month
		from, until string
		hours       int
	}{
		{"2026-03", "2026-03-01T00:00:00Z", "2026-03-31T23:00:00Z", 31*24 - 1}, // clocks go forward on the 29th
		{"2026-04", "2026-03-31T23:00:00Z", "2026-04-30T23:00:00Z", 30 * 24},
		{"2026-10", "2026-09-30T23:00:00Z", "2026-11-01T00:00:00Z", 31*24 + 1}, // clocks go back on the 25th
		{"2026-11", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", 30 * 24},
		{"2028-02", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z", 29 * 24},
		{"2026-02", "2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z", 28 * 24},
		{"2026-12", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z", 31 * 24},
	} {
		from, until := tt.month.Bounds()
		if got := from.Format(time.RFC3339) + " " + until.Format(time.RFC3339); got != tt.from+" "+tt.until {
			t.Errorf("%s: %s, want %s %s", tt.month, got, tt.from, tt.until)
		}
		if got := until.Sub(from); got != time.Duration(tt.hours)*time.Hour {
			t.Errorf("%s lasts %s, want %d h", tt.month, got, tt.hours)
		}
		if !tt.month.Contains(from) || tt.month.Contains(until) || !tt.month.Contains(until.Add(-1)) || tt.month.Contains(from.Add(-1)) {
			t.Errorf("%s does not hold its first instant up to its last", tt.month)
		}
		if got := incident.MonthOf(until).Previous(); got != tt.month {
			t.Errorf("the month before %s is %s, want %s", incident.MonthOf(until), got, tt.month)
		}
	}
	for _, bad := range []string{"", "2026", "2026-13", "2026-1", "11-2026", "2026-11-01"} {
		if m, err := incident.ParseMonth(bad); err == nil {
			t.Errorf("%q was read as %q", bad, m)
		}
		if from, until := incident.Month(bad).Bounds(); !from.IsZero() || !until.IsZero() {
			t.Errorf("%q has bounds", bad)
		}
	}
}

func TestIntervalsWithOpenEnds(t *testing.T) {
	open := incident.Interval{}
	since := incident.Interval{Earliest: after(10, 0)}
	by := incident.Interval{Latest: after(20, 0)}
	for _, tt := range []struct {
		name      string
		got, want incident.Interval
	}{
		{"min of an instant before and an interval", incident.At(after(5, 0)).Min(between(10, 20)), incident.At(after(5, 0))},
		{"min crosses", between(0, 60).Min(between(10, 20)), between(0, 20)},
		{"min with an open earliest", by.Min(between(0, 30)), by},
		{"min with an open latest", since.Min(between(20, 30)), between(10, 30)},
		{"min with nothing known", open.Min(between(20, 30)), incident.Interval{Latest: after(30, 0)}},
		{"not after, beyond", between(0, 30).NotAfter(after(20, 0)), between(0, 20)},
		{"not after, within", between(0, 10).NotAfter(after(20, 0)), between(0, 10)},
		{"not after, open", since.NotAfter(after(20, 0)), between(10, 20)},
		{"not after nothing", since.NotAfter(time.Time{}), since},
		{"a minute", incident.Minute(after(0, 0)), incident.Interval{Earliest: after(0, 0), Latest: after(1, -1)}},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, tt.got, tt.want)
		}
	}
	if m, ok := since.Meet(by); !ok || m != between(10, 20) {
		t.Errorf("what open ends have in common is %s, %v", m, ok)
	}
	if _, ok := between(0, 10).Meet(between(11, 20)); ok {
		t.Error("what lies apart meets")
	}
	if m, ok := between(0, 10).Meet(between(10, 20)); !ok || m != incident.At(after(10, 0)) {
		t.Errorf("what touches meets in %s, %v", m, ok)
	}
	for _, c := range []struct {
		outer, inner incident.Interval
		want         bool
	}{
		{between(0, 10), between(0, 10), true}, {between(0, 10), between(0, 11), false}, {open, between(0, 10), true},
		{between(0, 10), open, false}, {since, between(10, 99), true}, {since, by, false},
	} {
		if got := c.outer.Contains(c.inner); got != c.want {
			t.Errorf("%s contains %s: %v", c.outer, c.inner, got)
		}
	}
}
