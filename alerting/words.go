package alerting

import (
	"fmt"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// words returns what a channel says of a to people: one line, and a few
// sentences. No word of it comes from a signal.
func (b *book) words(a *incident.Alert) (summary, description string) {
	policy := shown(a.Policy)
	var say []string
	add := func(format string, args ...any) { say = append(say, fmt.Sprintf(format, args...)) }
	if title := b.titles[a.Policy]; title != "" {
		add("%s: %s.", policy, strings.TrimSuffix(title, "."))
	}
	switch {
	case !a.Active():
		summary = fmt.Sprintf("%s: the alert of %s has ended", a.Incident, policy)
		add("%s", endWords(a))
	default:
		summary = fmt.Sprintf("%s: %s", a.Incident, headline(a, policy))
		add("%s", limitWords(a))
		if k := kindOf(a.Threshold); k == deadline || k == reminder {
			add("The clock has not stopped.")
		}
		if a.Unconfirmed {
			add("A report is on record that nobody has vouched for.")
		}
		if a.Late {
			add("This was noticed after the time had passed.")
		}
		if len(a.Unread) > 0 {
			names := make([]string, len(a.Unread))
			for i, n := range a.Unread {
				names[i] = string(n)
			}
			add("Not read up to that time, so that a report may wait there: %s.", strings.Join(names, ", "))
		}
	}
	ref := a.Incident
	if a.Into != "" {
		ref = a.Into
	}
	add("So that what you send joins this incident, quote %s in your reply.", ref)
	return summary, strings.Join(say, " ")
}

func headline(a *incident.Alert, policy string) string {
	switch kindOf(a.Threshold) {
	case warning:
		after, err := time.ParseDuration(strings.TrimPrefix(string(a.Threshold), "warn-"))
		if err != nil {
			return fmt.Sprintf("the clock of %s runs", policy)
		}
		return fmt.Sprintf("%s of %s have passed", length(after), policy)
	case reminder:
		return fmt.Sprintf("the clock of %s still runs after its limit", policy)
	case lateReport:
		return fmt.Sprintf("the limit of %s was not kept", policy)
	case deadline:
		if certain(a) {
			return fmt.Sprintf("the limit of %s has passed", policy)
		}
		return fmt.Sprintf("the limit of %s may have passed", policy)
	default:
		return policy
	}
}

// certain reports whether the limit had certainly passed when a was decided.
func certain(a *incident.Alert) bool {
	return !a.Certain.IsZero() && !a.Certain.After(a.Since)
}

func limitWords(a *incident.Alert) string {
	due := a.LimitDue
	if due.IsZero() {
		return fmt.Sprintf("It was due at %s.", on(a.Due))
	}
	limit := "The limit"
	if a.Limit > 0 {
		limit = "The limit of " + length(a.Limit.D())
	}
	verb := "is reached"
	if k := kindOf(a.Threshold); k != warning {
		verb = "passed"
	}
	switch {
	case a.Certain.IsZero() && verb == "passed":
		return fmt.Sprintf("%s may have passed at %s; it is not known when it certainly has.", limit, on(due))
	case a.Certain.IsZero():
		return fmt.Sprintf("%s may be reached at %s.", limit, on(due))
	case minute(a.Certain).Equal(minute(due)):
		return fmt.Sprintf("%s %s at %s.", limit, verb, on(due))
	case verb == "passed":
		return fmt.Sprintf("%s may have passed at %s; certain at %s.", limit, on(due), after(due, a.Certain))
	default:
		return fmt.Sprintf("%s may be reached at %s; certain at %s.", limit, on(due), after(due, a.Certain))
	}
}

func endWords(a *incident.Alert) string {
	when := on(a.Ended)
	switch {
	case a.State == incident.AlertMerged && a.Into != "":
		return fmt.Sprintf("The incident became part of %s at %s.", a.Into, when)
	case a.State == incident.AlertMerged:
		return fmt.Sprintf("The incident became part of another at %s.", when)
	case a.Why == incident.WhyReadLate:
		return fmt.Sprintf("The report had come in time and was read late, at %s.", when)
	case a.Why == incident.WhyRedated:
		return fmt.Sprintf("The times of the incident were changed at %s, and this time had not passed.", when)
	case a.Why == incident.WhyExcluded:
		return fmt.Sprintf("Since %s the incident is not measured by this clock.", when)
	case a.State == incident.AlertResolved:
		return fmt.Sprintf("The clock has stopped; this was known at %s.", when)
	default:
		return fmt.Sprintf("The reason for it went at %s.", when)
	}
}

// shown returns the policy's id as people write it: POL.IMP.002.
func shown(p incident.PolicyID) string {
	return strings.ToUpper(strings.ReplaceAll(string(p), "-", "."))
}

// length returns d in words, to the minute. Example: "2 hours 30 minutes"
func length(d time.Duration) string {
	count := func(n int64, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	minutes := int64(d / time.Minute)
	switch {
	case minutes == 0:
		return count(int64(d/time.Second), "second")
	case minutes < 120:
		return count(minutes, "minute")
	case minutes%60 == 0:
		return count(minutes/60, "hour")
	default:
		return count(minutes/60, "hour") + " " + count(minutes%60, "minute")
	}
}

// Times follow the GOV.UK style guide: 5:30pm, 10am, midday, midnight; 24
// November 2026. They are cut to the minute: what needs more stands beside them
// in RFC 3339.

// on returns t with its day. Example: "10:30am on 24 November 2026"
func on(t time.Time) string {
	l := t.In(incident.London())
	if l.Hour() == 0 && l.Minute() == 0 {
		return "midnight at the start of " + l.Format("2 January 2006") // of a day, midnight may be either end
	}
	return clock(t) + " on " + l.Format("2 January 2006")
}

// after returns t, with its day if that is not the day of prior.
func after(prior, t time.Time) string {
	p, l := prior.In(incident.London()), t.In(incident.London())
	if p.YearDay() == l.YearDay() && p.Year() == l.Year() {
		return clock(t)
	}
	return on(t)
}

// clock returns the time of day of t in London. In the hour that comes twice
// when the clocks go back it says which.
func clock(t time.Time) string {
	l := t.In(incident.London())
	var s string
	switch {
	case l.Hour() == 12 && l.Minute() == 0:
		s = "midday"
	case l.Hour() == 0 && l.Minute() == 0:
		s = "midnight"
	case l.Minute() == 0:
		s = l.Format("3pm")
	default:
		s = l.Format("3:04pm")
	}
	for _, d := range []time.Duration{-time.Hour, time.Hour} {
		if other := l.Add(d); other.Hour() == l.Hour() {
			s += l.Format(" MST")
		}
	}
	return s
}

func minute(t time.Time) time.Time { return t.Truncate(time.Minute) }
