package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Times follow the GOV.UK style guide: 5:30pm, 10am, midday, midnight; 24
// November 2026. Seconds are shown where there are any, because a verdict can
// hang on them.

// on returns t with its day. Example: "10:20am on 23 November 2026"
func on(t time.Time) string {
	l := t.In(incident.London())
	if l.Hour() == 0 && l.Minute() == 0 && l.Second() == 0 {
		return "midnight at the start of " + l.Format("2 January 2006") // of a day, midnight may be either end
	}
	return timeOfDay(t) + " on " + l.Format("2 January 2006")
}

// timeOfDay returns the time of day of t in London. In the hour that comes
// twice when the clocks go back it says which.
func timeOfDay(t time.Time) string {
	l := t.In(incident.London())
	var s string
	switch {
	case l.Second() != 0:
		s = l.Format("3:04:05pm")
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

// span returns an interval in words. Example: "9:15am on 23 November 2026, to
// the minute", "between 9:05am and 9:25am on 23 November 2026"
func span(i incident.Interval) string {
	switch {
	case !i.Known():
		return "not known"
	case i.Earliest.IsZero():
		return "at or before " + on(i.Latest)
	case i.Latest.IsZero():
		return "at or after " + on(i.Earliest)
	case i.Earliest.Equal(i.Latest):
		return on(i.Earliest)
	}
	to := i.Latest
	if to.Add(1).Truncate(time.Minute).Equal(to.Add(1)) {
		to = to.Truncate(time.Minute) // the last minute, as it was written
	}
	if to.Equal(i.Earliest) {
		return on(i.Earliest) + ", to the minute"
	}
	a, b := i.Earliest.In(incident.London()), to.In(incident.London())
	if a.YearDay() == b.YearDay() && a.Year() == b.Year() {
		return "between " + timeOfDay(i.Earliest) + " and " + timeOfDay(to) + " on " + b.Format("2 January 2006")
	}
	return "between " + on(i.Earliest) + " and " + on(to)
}

// length returns d in words. Example: "6 hours 30 minutes". What is not a whole
// second says on which side of the nearest one it lies.
func length(d time.Duration) string {
	near := ""
	whole := d.Round(time.Second)
	switch {
	case whole > d:
		near = "just under "
	case whole < d:
		near = "just over "
	}
	if whole == 0 {
		return near + "0 minutes"
	}
	var words []string
	count := func(n int64, unit string) {
		if n == 1 {
			words = append(words, "1 "+unit)
		} else if n > 0 {
			words = append(words, fmt.Sprintf("%d %ss", n, unit))
		}
	}
	if whole < 2*time.Hour {
		count(int64(whole/time.Minute), "minute")
		count(int64(whole%time.Minute/time.Second), "second")
		return near + strings.Join(words, " ")
	}
	count(int64(whole/time.Hour), "hour")
	count(int64(whole%time.Hour/time.Minute), "minute")
	if whole < 24*time.Hour {
		count(int64(whole%time.Minute/time.Second), "second")
	}
	return near + strings.Join(words, " ")
}

// brief returns d to its two largest units, for a table. Example: "6h30m"
func brief(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < 0:
		return "-" + brief(-d)
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d%time.Hour/time.Minute)
	default:
		return fmt.Sprintf("%dd%02dh", d/day, d%day/time.Hour)
	}
}

// shown returns the policy's id as people write it: POL.IMP.002.
func shown(p incident.PolicyID) string {
	return strings.ToUpper(strings.ReplaceAll(string(p), "-", "."))
}

// words returns a value of a closed set as people read it: "shared key".
func words[T ~string](v T) string { return strings.ReplaceAll(string(v), "_", " ") }
