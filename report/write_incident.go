package report

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// WriteIncident prints one incident: times, clocks, alerts, what waits for a
// person.
func WriteIncident(w io.Writer, d *Detail, now time.Time) error {
	var t text
	t.heading(&d.Row, d.Asked)
	if len(d.Times) > 0 {
		t.gap("Times")
		for i := range d.Times {
			t.say(2, "%s", timeWords(&d.Times[i]))
		}
	}
	t.legs(d.Legs)
	for i := range d.Clocks {
		c := &d.Clocks[i]
		t.gap(clockHeading(c))
		if s := delay(c, now); s != "" {
			t.say(2, "%s; the limit is %s", s, length(c.Limit.D()))
		} else {
			t.say(2, "the limit is %s", length(c.Limit.D()))
		}
		t.limits(2, c)
		t.alerts(2, c)
	}
	if len(d.Links) > 0 {
		t.gap("May be one with")
		for _, l := range d.Links {
			t.say(2, "%s (%s), %s", l.To, words(l.Why), words(l.State))
		}
	}
	if len(d.Reasons) > 0 {
		t.gap("Why it was late")
		for _, r := range d.Reasons {
			t.say(2, "%s", words(r))
		}
	}
	if len(d.Decide) > 0 {
		t.gap("Waits for a person")
		for i := range d.Decide {
			t.say(2, "%s", question(&d.Decide[i]))
			for _, c := range d.Decide[i].Commands {
				t.raw("  " + c)
			}
		}
	}
	t.raw("")
	t.say(0, "Decide upon entry %d. How it came to this: promptness why %s", d.Evidence, d.Ref)
	return t.to(w)
}

func (t *text) heading(r *Row, asked incident.Ref) {
	if asked != "" {
		t.say(0, "%s is part of %s now, which is shown.", asked, r.Ref)
		t.raw("")
	}
	signals := count(r.Signals, "signal", "signals")
	if r.Leaves > 0 {
		signals += fmt.Sprintf(", %d unauthenticated", r.Leaves)
	}
	t.say(0, "%s  %s, %s", r.Ref, words(r.Status), signals)
	t.say(2, "first heard of at %s by %s", on(r.First), r.Source)
	if r.Restricted {
		t.say(2, "restricted: shown in totals only, without attributes")
		return
	}
	about := []string{"organisation " + r.Organisation.Label(), "impact " + r.Impact.Label()}
	personal := string(r.Personal)
	if personal == "" {
		personal = "unknown"
	}
	about = append(about, "personal data "+personal)
	if r.Disposition != "" {
		about = append(about, words(r.Disposition))
	}
	if r.Canary {
		about = append(about, "a test signal of our own")
	}
	t.say(2, "%s", strings.Join(about, "; "))
}

// legs prints how the report came by the desk, where it did.
func (t *text) legs(of []Leg) {
	if len(of) == 0 {
		return
	}
	t.gap("By way of the service desk")
	for i := range of {
		t.say(2, "%s", legWords(&of[i]))
	}
}

func clockHeading(c *RowClock) string {
	s := "Clock " + shown(c.Policy) + ": " + words(c.State)
	if c.Doubt != "" {
		s += " (" + words(c.Doubt) + ")"
	}
	if c.Would != "" {
		s += ", would be " + words(c.Would)
	}
	return s
}

func (t *text) limits(indent int, c *RowClock) {
	switch {
	case c.Due.IsZero() || !c.State.Open():
	case c.Certain.IsZero():
		t.say(indent, "the limit may be passed at %s", on(c.Due))
	case on(c.Certain) == on(c.Due):
		t.say(indent, "the limit is passed after %s", on(c.Due))
	default:
		t.say(indent, "the limit may be passed after %s, and certainly is after %s", on(c.Due), on(c.Certain))
	}
	for _, f := range c.Flags {
		t.say(indent, "note: %s", words(f))
	}
}

func (t *text) alerts(indent int, c *RowClock) {
	for _, a := range c.Alerts {
		_, _, threshold, g, _ := incident.ParseAlertID(a.ID)
		s := fmt.Sprintf("%s/%d %s", threshold, g, words(a.State))
		if a.Why != "" && string(a.Why) != string(a.State) {
			s += " (" + words(a.Why) + ")"
		}
		s += "; due at " + on(a.Due)
		if !a.At.Equal(a.Due) {
			s += ", decided at " + on(a.At)
		}
		if a.Late {
			s += ", late"
		}
		if len(a.Unread) > 0 {
			names := make([]string, len(a.Unread))
			for i, n := range a.Unread {
				names[i] = string(n)
			}
			s += "; not read by then: " + strings.Join(names, ", ")
		}
		t.say(indent, "alert %s", s)
	}
}

func timeWords(x *incident.Time) string {
	s := words(x.Milestone) + " " + span(x.Interval)
	if x.Basis != "" {
		s += " (" + string(x.Basis)
		if x.Weak {
			s += ", weak"
		}
		s += ")"
	}
	for _, f := range x.Flags {
		s += "; " + words(f)
	}
	return s
}
