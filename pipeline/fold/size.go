package fold

import (
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Bytes that a value takes in the record at most, its field's name and a comma
// included where that is the same everywhere.
const (
	sizeInstant = 33 // nanoseconds and quotes
	sizeMark    = 36
	sizeNumber  = 32
	sizeFlag    = 24
)

// Size returns how many bytes an entry takes in the record at most, and not
// much more: a step is bounded by it, and what it says too much is quarantined
// for nothing.
func Size(e *incident.Entry) int {
	n := 215 + len(e.Kind) + len(e.Why) + len(e.From) + len(e.Text) + 21*len(e.Moved)
	for i := range e.Alerts {
		a := &e.Alerts[i]
		n += 32 + len(a.ID) + len(a.State) + len(a.Why)
	}
	if e.Note != nil {
		n += 510 + len(e.Note.Author) + len(e.Note.Source)
	}
	if e.Signal != nil {
		n += sizeSignal(e.Signal)
	}
	if e.Incident != nil {
		n += sizeIncident(e.Incident)
	}
	return n
}

func sizeSignal(r *incident.SignalRecord) int {
	n := 315 + len(r.Source) + len(r.Channel) + len(r.Interpreter) + len(r.Opening) + len(r.Trust) + len(r.Route) +
		sizeFlag*len(r.Flags) + sizeAttributes(&r.Attrs)
	for i := range r.Keys {
		k := &r.Keys[i]
		n += 38 + len(k.Kind) + len(k.Ref)
		if k.Weak {
			n += 12
		}
	}
	for i := range r.Claims {
		c := &r.Claims[i]
		n += 54 + len(c.Milestone) + sizeInterval(c.Interval) + len(c.Basis) + sizeFlag*len(c.Flags)
		if !c.Observer.IsZero() {
			n += sizeMark
		}
		if c.Void != "" {
			n += 10 + len(c.Void)
		}
		if c.Words != [2]int{} {
			n += sizeNumber
		}
	}
	if a := r.Act; a != nil {
		n += 330 + len(a.Kind) + len(a.Author) + len(a.Role) + len(a.Ref) + len(a.Other) + len(a.Milestone) + sizeInterval(a.Interval) +
			len(a.Reason) + len(a.Impact) + len(a.Personal) + len(a.Disposition) + len(a.Org) + len(a.Policy)
	}
	return n
}

func sizeIncident(r *incident.IncidentRecord) int {
	n := 260 + len(r.Ref) + len(r.Open) + len(r.Into) + len(r.Route) + len(r.Source) + sizeAttributes(&r.Attrs)
	for i := range r.Times {
		t := &r.Times[i]
		n += 68 + len(t.Milestone) + sizeInterval(t.Interval) + len(t.Basis) + sizeFlag*len(t.Flags)
		if t.Weak {
			n += 12
		}
		if t.Bound != (incident.Interval{}) {
			n += 9 + sizeInterval(t.Bound)
		}
	}
	for i := range r.Clocks {
		c := &r.Clocks[i]
		n += 115 + len(c.Policy) + len(c.Version) + len(c.State) + len(c.Doubt) + len(c.Would) + sizeFlag*len(c.Flags) +
			sizeInterval(c.Start) + sizeInterval(c.Stop)
		if c.Shortest != 0 {
			n += sizeNumber
		}
		if c.Longest != 0 {
			n += sizeNumber
		}
		for k := range c.Bars {
			b := &c.Bars[k]
			n += 66 + 2*sizeInstant + len(b.Threshold) + len(b.State) + len(b.Why)
			for _, u := range b.Unread {
				n += 14 + len(u)
			}
		}
	}
	for i := range r.Links {
		l := &r.Links[i]
		n += 40 + sizeInstant + len(l.To) + len(l.Why) + len(l.State)
	}
	for i := range r.Decide {
		d := &r.Decide[i]
		n += 72 + sizeInstant + len(d.Kind) + len(d.Policy) + len(d.Other)
	}
	for _, x := range r.Cuts {
		n += 4 + len(x)
	}
	for _, x := range r.Reasons {
		n += 4 + len(x)
	}
	return n + (32+sizeInstant)*len(r.Impacts)
}

func sizeAttributes(a *incident.Attributes) int {
	n := 0
	if a.Organisation != "" || a.Impact != "" || a.Personal != "" || a.Disposition != "" || a.Restricted || a.Canary {
		n = 120 + len(a.Organisation) + len(a.Impact) + len(a.Personal) + len(a.Disposition)
	}
	for _, p := range a.NotNotifiable {
		n += 32 + len(p)
	}
	return n
}

func sizeInterval(i incident.Interval) int {
	n := 6
	for _, t := range [...]time.Time{i.Earliest, i.Latest} {
		switch {
		case t.IsZero():
		case t.Nanosecond() == 0:
			n += sizeInstant - 10
		default:
			n += sizeInstant
		}
	}
	return n
}
