package report

import (
	"container/heap"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// An OpenKey counts the clocks that wait for their stop.
type OpenKey struct {
	Policy       incident.PolicyID
	Organisation incident.Organisation
	Impact       incident.Impact
	State        incident.State
}

// A ThresholdKey counts the alerts that people are being told of.
type ThresholdKey struct {
	Policy    incident.PolicyID
	Threshold incident.ThresholdName
}

// accountOpen adds the open clocks of rec, or takes them away.
func (b *Book) accountOpen(rec *incident.IncidentRecord, sign int) {
	org, impact := shownOf(&rec.Attrs)
	for i := range rec.Clocks {
		if c := &rec.Clocks[i]; c.State.Open() {
			add(b.open, OpenKey{c.Policy, org, impact, c.State}, sign)
		}
	}
}

// schedule notes the deadlines of h, whose record was old (nil: none).
func (b *Book) schedule(h *held, old *incident.IncidentRecord) {
	rec := h.rec.Load()
	for i := range rec.Clocks {
		c := &rec.Clocks[i]
		due := nextDeadline(c)
		if rec.Open != incident.StatusOpen || due.IsZero() {
			continue
		}
		if was := clockOf(old, c.Policy); was != nil && old.Open == incident.StatusOpen && nextDeadline(was).Equal(due) {
			continue // it is there already
		}
		d := b.deadlines[c.Policy]
		if d == nil {
			d = &deadlines{policy: c.Policy}
			b.deadlines[c.Policy] = d
		}
		heap.Push(d, deadline{due, h})
	}
	for _, d := range b.deadlines {
		d.clean()
	}
}

// nextDeadline returns when c may next pass its limit, or, once it may have, when
// it certainly has; zero for a clock that does not run.
func nextDeadline(c *incident.Clock) time.Time {
	switch {
	case c.State != incident.Running:
		return time.Time{}
	case slices.Contains(c.Flags, incident.FlagMayBeOver):
		return c.Certain()
	default:
		return c.Due()
	}
}

// deadlines is a heap of the deadlines of one policy. What no longer holds is
// left in it until it comes to the top, where it never stays: so that a reader
// needs to look at one item only, however many clocks run.
type deadlines struct {
	policy incident.PolicyID
	items  []deadline
}

type deadline struct {
	due time.Time
	of  *held
}

// holds reports whether x is still what the record says.
func (d *deadlines) holds(x deadline) bool {
	rec := x.of.rec.Load()
	if rec == nil || rec.Open != incident.StatusOpen {
		return false
	}
	c := clockOf(rec, d.policy)
	return c != nil && nextDeadline(c).Equal(x.due)
}

func (d *deadlines) clean() {
	for len(d.items) > 0 && !d.holds(d.items[0]) {
		heap.Pop(d)
	}
}

// next returns the earliest deadline, or zero where there is none.
func (d *deadlines) next() time.Time {
	if d == nil || len(d.items) == 0 {
		return time.Time{}
	}
	return d.items[0].due
}

// Len, Less, Swap, Push and Pop are for container/heap.
func (d *deadlines) Len() int           { return len(d.items) }
func (d *deadlines) Less(i, j int) bool { return d.items[i].due.Before(d.items[j].due) }
func (d *deadlines) Swap(i, j int)      { d.items[i], d.items[j] = d.items[j], d.items[i] }

// Push adds x.
func (d *deadlines) Push(x any) { d.items = append(d.items, x.(deadline)) }

// Pop takes the last.
func (d *deadlines) Pop() any {
	k := len(d.items) - 1
	x := d.items[k]
	d.items[k] = deadline{}
	d.items = d.items[:k]
	return x
}
