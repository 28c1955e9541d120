package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// WriteIncidents prints a list of incidents as a table of 80 columns, a line for
// each clock. more says that there are others.
func WriteIncidents(w io.Writer, rows []Row, more bool, now time.Time) error {
	var t text
	if len(rows) == 0 {
		t.say(0, "no incidents")
		return t.to(w)
	}
	policies := map[incident.PolicyID]bool{}
	waiting := 0
	for i := range rows {
		if rows[i].Waiting > 0 {
			waiting++
		}
		for _, c := range rows[i].Clocks {
			policies[c.Policy] = true
		}
	}
	head := []string{"INCIDENT", "FIRST HEARD", "CLOCK", "STATE", "DELAY", "ABOUT"}
	several := len(policies) > 1
	if !several {
		head = slices.Delete(head, 2, 3)
	}
	var lines [][]string
	for i := range rows {
		lines = append(lines, listed(&rows[i], several, now)...)
	}
	t.table(head, lines)
	t.raw("")
	tail := count(len(rows), "incident", "incidents")
	if more {
		tail = fmt.Sprintf("the latest %d incidents; there are more", len(rows))
	}
	if waiting > 0 {
		tail += fmt.Sprintf("; %s for a person: promptness decisions", count(waiting, "waits", "wait"))
	}
	t.say(0, "%s", tail)
	return t.to(w)
}

// listed returns the lines of one incident: one for each clock. The column of
// the policy is left out where all clocks are of one.
func listed(r *Row, several bool, now time.Time) [][]string {
	var lines [][]string
	add := func(cells ...string) {
		if !several {
			cells = slices.Delete(cells, 2, 3)
		}
		lines = append(lines, cells)
	}
	ref, first, note := string(r.Ref), stamp(r.First, now), about(r)
	if len(r.Clocks) == 0 {
		add(ref, first, "", words(r.Status), "", note)
	}
	for k := range r.Clocks {
		c := &r.Clocks[k]
		add(ref, first, shown(c.Policy), words(c.State), delay(c, now), note)
		ref, first, note = "", "", ""
	}
	return lines
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// about says what else is known of an incident, in a few words.
func about(r *Row) string {
	var s []string
	add := func(v string) {
		if v != "" {
			s = append(s, v)
		}
	}
	if r.Restricted {
		add("restricted")
	}
	add(string(r.Organisation))
	add(string(r.Impact))
	if r.Personal == incident.PersonalYes {
		add("personal data")
	}
	add(words(r.Disposition))
	if r.Into != "" {
		add("part of " + string(r.Into))
	}
	if r.Leaves > 0 {
		add("unauthenticated signal")
	}
	return strings.Join(s, ", ")
}

// stamp returns t for a table, with the year where it is not that of now.
// Example: "23 Nov 10:20am"
func stamp(t, now time.Time) string {
	l := t.In(incident.London())
	if l.Year() != now.In(incident.London()).Year() {
		return l.Format("2 Jan 2006 3:04pm")
	}
	return l.Format("2 Jan 3:04pm")
}

// delay says for a table how long a clock took, or has left.
func delay(c *RowClock, now time.Time) string {
	switch c.State {
	case incident.Waiting:
		return "not started"
	case incident.Running:
		switch {
		case c.Due.IsZero():
			return ""
		case now.Before(c.Due):
			return brief(c.Due.Sub(now)) + " left"
		case !c.Certain.IsZero() && now.Before(c.Certain):
			return "may be over, surely in " + brief(c.Certain.Sub(now))
		default:
			return "may be over"
		}
	case incident.Overdue:
		s := brief(now.Sub(c.Certain)) + " over"
		if slices.Contains(c.Flags, incident.FlagUnconfirmed) {
			s += ", unconfirmed report"
		}
		return s
	case incident.Excluded:
		if c.Would == "" {
			return ""
		}
		return "would be " + words(c.Would)
	case incident.Unmeasured:
		return "detection not known"
	case incident.Met, incident.Breached, incident.Undetermined:
		s := between(c)
		if c.Doubt != "" && c.Doubt != incident.DoubtStraddles {
			s += ", " + words(c.Doubt)
		}
		return s
	default:
		return ""
	}
}

// between returns the bounds of a delay to the minute: the shortest rounded
// down, the longest up, so that both stay true.
func between(c *RowClock) string { return spanWords(c.Shortest, c.Longest) }

func spanWords(shortest, longest *incident.Span) string {
	up := func(d time.Duration) time.Duration {
		if r := d.Truncate(time.Minute); r != d {
			return r + time.Minute
		}
		return d
	}
	switch {
	case shortest == nil && longest == nil:
		return "not known"
	case longest == nil:
		return "at least " + brief(shortest.D().Truncate(time.Minute))
	case shortest == nil:
		return "at most " + brief(up(longest.D()))
	}
	from, to := brief(shortest.D().Truncate(time.Minute)), brief(up(longest.D()))
	if *shortest == *longest && shortest.D() < time.Hour {
		return length(shortest.D().Truncate(time.Second))
	}
	if from == to {
		return from
	}
	return from + " to " + to
}

// WriteDecisions prints what waits for a person, oldest first, each with the
// commands that settle it. Commands are never broken.
func WriteDecisions(w io.Writer, list []Waiting) error {
	var t text
	if len(list) == 0 {
		t.say(0, "nothing waits for a person")
		return t.to(w)
	}
	t.say(0, "%s, oldest first. Any one of its commands settles it; fill in what is in capitals.",
		count(len(list), "decision waits", "decisions wait"))
	for i := range list {
		d := &list[i]
		t.raw("")
		subject := string(d.Ref)
		if subject == "" {
			subject = fmt.Sprintf("entry %d", d.Entry)
		}
		t.say(0, "%s %s %s", brief(d.Age.D()), subject, question(d))
		for _, c := range d.Commands {
			t.raw("  " + c)
		}
	}
	return t.to(w)
}

// question says what a person must decide.
func question(d *Waiting) string {
	of := ""
	if d.Policy != "" {
		of = " (" + shown(d.Policy) + ")"
	}
	switch d.Kind {
	case incident.DecideDetection:
		return "when was it detected? Nobody has said." + of
	case incident.DecideStraddles:
		return "the limit lies between the bounds of what is known: is there a better time?" + of
	case incident.DecideWeak:
		return fmt.Sprintf("the verdict rests on a weak time of entry %d: does it hold?%s", d.Entry, of)
	case incident.DecideVouch:
		return fmt.Sprintf("is the report of entry %d genuine? Its sender is not authenticated.%s", d.Entry, of)
	case incident.DecideLink:
		return fmt.Sprintf("is it one with %s?", d.Other)
	case incident.DecideCandidate:
		return "is it an incident? No clock runs until somebody says so."
	case incident.DecideInconsistent:
		return "one observer gave two times that do not meet: which is it?" + of
	case incident.DecideNewer:
		return fmt.Sprintf("evidence that came after the correction of entry %d would change the verdict.%s", d.Entry, of)
	case incident.DecideSecond:
		return "what one person entered makes it met: does another confirm that?" + of
	case incident.DecideQuarantine:
		return fmt.Sprintf("a signal of %s could not be read: %s.", d.Source, words(d.Why))
	case incident.DecideNotifiable:
		return "are personal data concerned?" + of
	case incident.DecideSkew:
		return "the clock of a source runs ahead: what was the time?" + of
	case incident.DecideChanged:
		return "a verdict changed after the clock had stopped: has it been seen?" + of
	case incident.DecideAutomatic:
		return fmt.Sprintf("the sender of entry %d says that somebody was told earlier: is that so?", d.Entry)
	default:
		return words(d.Kind)
	}
}
