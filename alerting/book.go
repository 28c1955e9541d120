package alerting

import (
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A book is what the record says of the alerts that people were or are to be
// told of. It is pure: the same entries give the same book.
type book struct {
	alerts map[incident.AlertID]*alert
	// of holds the ids of each incident's alerts in the book, so that what is
	// learnt of the incident reaches them.
	of map[incident.Ref][]incident.AlertID
	// titles are the policies' titles in the rules in force.
	titles map[incident.PolicyID]string
	last   uint64 // number of the last entry
}

// An alert is an Alert and the number of the entry that made its state.
type alert struct {
	incident.Alert
	entry uint64
}

func newBook() *book {
	return &book{
		alerts: map[incident.AlertID]*alert{},
		of:     map[incident.Ref][]incident.AlertID{},
		titles: map[incident.PolicyID]string{},
	}
}

// fold adds e and returns the alerts whose state changed.
func (b *book) fold(e *incident.Entry) []*alert {
	b.last = e.N
	if e.Kind == incident.KindRules {
		b.learn(e)
	}
	var changed []*alert
	for _, c := range e.Alerts {
		if a := b.change(e, c); a != nil {
			changed = append(changed, a)
		}
	}
	if e.Incident != nil {
		for _, id := range b.of[e.Incident.Ref] {
			if a := b.alerts[id]; a.Active() || a.entry == e.N {
				a.describe(e.Incident)
				a.Summary, a.Description = b.words(&a.Alert)
			} else if e.Incident.Attrs.Restricted {
				a.restrict()
			}
		}
	}
	for _, a := range changed {
		a.Summary, a.Description = b.words(&a.Alert) // of those, too, whose incident e does not hold
	}
	return changed
}

// change applies one change of an alert's state and returns the alert, or nil
// if nobody is to be told.
func (b *book) change(e *incident.Entry, c incident.AlertChange) *alert {
	a := b.alerts[c.ID]
	switch {
	case c.State == incident.AlertActive:
		if a == nil {
			ref, policy, threshold, g, err := incident.ParseAlertID(c.ID)
			if err != nil {
				return nil // no step makes such an id; telling it would tell nothing
			}
			a = &alert{Alert: incident.Alert{ID: c.ID, Incident: ref, Policy: policy, Threshold: threshold, G: g}}
			b.alerts[c.ID] = a
			b.of[ref] = append(b.of[ref], c.ID)
		}
		a.Since, a.Due, a.Ended = e.At, e.At, time.Time{} // Due until the incident's record says better
	case ended(c.State) && a != nil && a.Active():
		a.Ended = e.At
		if c.State == incident.AlertMerged && e.Incident != nil && e.Incident.Ref != a.Incident {
			a.Into = e.Incident.Ref
		}
	default:
		return nil
	}
	a.State, a.Why, a.entry = c.State, c.Why, e.N
	return a
}

// describe takes from the incident's record what a channel tells of a.
func (a *alert) describe(r *incident.IncidentRecord) {
	a.Restricted, a.Organisation, a.Impact = false, r.Attrs.Organisation, r.Attrs.Impact
	if r.Attrs.Restricted {
		a.restrict()
	}
	if r.Into != "" {
		a.Into = r.Into
	}
	i := slices.IndexFunc(r.Clocks, func(c incident.Clock) bool { return c.Policy == a.Policy })
	if i < 0 {
		return
	}
	c := r.Clocks[i]
	a.Limit, a.LimitDue, a.Certain = c.Limit, c.Due(), c.Certain()
	a.Unconfirmed = slices.Contains(c.Flags, incident.FlagUnconfirmed)
	for _, bar := range c.Bars {
		if bar.Threshold == a.Threshold && bar.G == a.G {
			a.Due, a.Late, a.Unread = bar.Due, bar.Late, bar.Unread
		}
	}
}

// restrict leaves nothing of the incident but its reference and its clock.
func (a *alert) restrict() {
	a.Restricted, a.Organisation, a.Impact = true, "", ""
}

// learn takes the policies' titles from the rules.
func (b *book) learn(e *incident.Entry) {
	rules, err := incident.ParseRules(e.Text)
	if err != nil {
		return // the record is checked elsewhere; an alert can do without a title
	}
	clear(b.titles)
	for _, p := range rules.Policies {
		b.titles[p.ID] = p.Title
	}
}

// firedAgain reports whether the book holds a later alert of a's name.
func (b *book) firedAgain(a *alert) bool {
	return slices.ContainsFunc(b.of[a.Incident], func(id incident.AlertID) bool {
		o := b.alerts[id]
		return o.Policy == a.Policy && o.Threshold == a.Threshold && o.G > a.G
	})
}

// drop forgets an alert that has ended and is owed to nobody.
func (b *book) drop(a *alert) {
	delete(b.alerts, a.ID)
	ids := slices.DeleteFunc(b.of[a.Incident], func(id incident.AlertID) bool { return id == a.ID })
	if len(ids) == 0 {
		delete(b.of, a.Incident)
		return
	}
	b.of[a.Incident] = ids
}

// A kind says what a threshold is to people.
type kind string

const (
	warning    kind = "warning"
	deadline   kind = "deadline"
	reminder   kind = "reminder"
	lateReport kind = "late_report"
)

func kindOf(t incident.ThresholdName) kind {
	switch {
	case t == incident.Deadline:
		return deadline
	case t == incident.LateReport:
		return lateReport
	case strings.HasPrefix(string(t), "reminder-"):
		return reminder
	default:
		return warning
	}
}
