package fold

import (
	"container/heap"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Tick says that time has passed and how far the sources were read.
type Tick struct {
	// At is the instant up to which time is decided. Every signal stored up to
	// it must have been folded (rules.md section 5).
	At time.Time
	// Read returns the instant up to which a polled source was read and all
	// that was read was stored and folded; zero for never. Nil: none was.
	Read func(incident.SourceName) time.Time
}

// Next returns when time changes something next, or false for never.
func (s *State) Next() (time.Time, bool) {
	if len(s.due) == 0 {
		return time.Time{}, false
	}
	return s.due[0].wake, true
}

// Holding reports whether a deadline waits for its sources to be read.
func (s *State) Holding() bool { return len(s.held) > 0 }

// Tick decides what time changed up to t.At, for at most limit incidents, and
// returns one entry for each. Call it again while it returns limit entries.
func (s *State) Tick(t Tick, limit int) []incident.Entry {
	var out []incident.Entry
	for len(out) < limit && len(s.due) > 0 && !s.due[0].wake.After(t.At) {
		i := s.due[0]
		if e, changed := s.pass(i, t); changed {
			out = append(out, e)
		}
	}
	if len(out) < limit {
		out = append(out, s.releaseHeld(t, limit-len(out))...)
	}
	if len(out) < limit {
		out = append(out, s.unheard(t, limit-len(out))...)
	}
	return out
}

// pass judges i at t.At and reports whether anything changed.
func (s *State) pass(i *inc, t Tick) (incident.Entry, bool) {
	rec, alerts := s.judge(i, t.At, judging{tick: &t}, i.rec.Evidence)
	if len(alerts) == 0 && sameClocks(rec, i.rec) && sameFlags(rec, i.rec) {
		next := nextChange(i.rec, s.thresholds)
		if !next.IsZero() && !next.After(t.At) {
			next = t.At.Add(time.Second) // never spin on one instant
		}
		s.schedule(i, next)
		return incident.Entry{}, false
	}
	kind, why := crossed(rec, alerts, t.At)
	e := s.entry(t.At, kind, why)
	s.put(i, rec)
	e.Incident, e.Alerts = rec, alerts
	return e, true
}

// crossed says what a tick made of rec: a crossing that was held is told, or
// time passed a threshold, in time or late.
func crossed(rec *incident.IncidentRecord, alerts []incident.AlertChange, at time.Time) (incident.Kind, incident.Why) {
	kind, why := incident.KindCrossed, incident.WhyDue
	for _, c := range rec.Clocks {
		for _, b := range c.Bars {
			told := slices.ContainsFunc(alerts, func(a incident.AlertChange) bool {
				return a.State == incident.AlertActive && a.ID == incident.NewAlertID(rec.Ref, c.Policy, b.Threshold, b.G)
			})
			switch {
			case told && b.At.Before(at) && b.Why != "":
				return incident.KindTold, b.Why
			case b.Late && b.At.Equal(at):
				why = incident.WhyDueLate
			}
		}
	}
	return kind, why
}

func sameFlags(a, b *incident.IncidentRecord) bool {
	for k := range a.Clocks {
		if len(a.Clocks[k].Flags) != len(b.Clocks[k].Flags) {
			return false
		}
	}
	return true
}

// releaseHeld tells the deadlines whose sources have been read by now.
func (s *State) releaseHeld(t Tick, limit int) []incident.Entry {
	var out []incident.Entry
	for _, i := range sortedHeld(s.held) {
		if len(out) == limit {
			break
		}
		if e, changed := s.pass(i, t); changed {
			out = append(out, e)
		}
	}
	return out
}

func sortedHeld(held map[*inc]bool) []*inc {
	is := make([]*inc, 0, len(held))
	for i := range held {
		is = append(is, i)
	}
	slices.SortFunc(is, byAge)
	return is
}

// nextChange returns when time changes rec next: a threshold, the instant from
// which a clock is certainly overdue, the end of a hold, or of a late report.
func nextChange(rec *incident.IncidentRecord, thresholds func(incident.Clock) []incident.Threshold) time.Time {
	var next time.Time
	add := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	if rec.Open != incident.StatusOpen {
		return next
	}
	for _, c := range rec.Clocks {
		for _, b := range c.Bars {
			switch {
			case b.State == incident.AlertHeld && b.Threshold == incident.LateReport:
				add(b.At)
			case b.State == incident.AlertHeld:
				add(b.Due.Add(HoldFor))
			case b.State == incident.AlertActive && b.Threshold == incident.LateReport:
				add(b.At.Add(LateReportShown))
			}
		}
		if !c.State.Open() {
			continue
		}
		if base := c.Base(); !base.IsZero() {
			for _, t := range thresholds(c) {
				if b, ok := c.Find(t.Name); !ok || !current(b) {
					add(base.Add(t.After))
				}
			}
		}
		if c.State == incident.Running && !c.Certain().IsZero() {
			add(c.Certain().Add(1)) // at exactly the limit it still runs
		}
		if c.State == incident.Running && !hasFlag(c.Flags, incident.FlagMayBeOver) && !c.Start.Earliest.IsZero() {
			add(c.Start.Earliest.Add(c.Limit.D() + 1))
		}
	}
	return next
}

func hasFlag(fs []incident.Flag, f incident.Flag) bool { return slices.Contains(fs, f) }

// schedule notes that time changes i at t, or never where t is zero.
func (s *State) schedule(i *inc, t time.Time) {
	i.wake = t
	switch {
	case t.IsZero() && i.heapIndex >= 0:
		heap.Remove(&s.due, i.heapIndex)
	case t.IsZero():
	case i.heapIndex >= 0:
		heap.Fix(&s.due, i.heapIndex)
	default:
		heap.Push(&s.due, i)
	}
}

// dueHeap holds the incidents that time will change, the earliest first.
type dueHeap []*inc

func (h dueHeap) Len() int { return len(h) }

func (h dueHeap) Less(a, b int) bool {
	if c := h[a].wake.Compare(h[b].wake); c != 0 {
		return c < 0
	}
	return h[a].first < h[b].first
}

func (h dueHeap) Swap(a, b int) {
	h[a], h[b] = h[b], h[a]
	h[a].heapIndex, h[b].heapIndex = a, b
}

// Push adds x; it is for container/heap.
func (h *dueHeap) Push(x any) {
	i := x.(*inc)
	i.heapIndex = len(*h)
	*h = append(*h, i)
}

// Pop takes the last; it is for container/heap.
func (h *dueHeap) Pop() any {
	old := *h
	i := old[len(old)-1]
	i.heapIndex = -1
	*h = old[:len(old)-1]
	return i
}
