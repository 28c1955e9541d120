package fold_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// summary is what order must not change: the parts, the times, the verdicts;
// and with alerts, how each crossing stands.
func (w *world) summary(alerts bool) string {
	var lines []string
	for _, ref := range w.s.Refs() {
		rec := w.s.Record(ref)
		var names []string
		for _, m := range w.s.Members(ref) {
			names = append(names, w.name(m.Mark))
		}
		slices.Sort(names)
		line := strings.Join(slices.Compact(names), " ") + "\n"
		for _, t := range rec.Times {
			line += fmt.Sprintf("  %s %s weak=%v %v\n", t.Milestone, t.Interval, t.Weak, t.Flags)
		}
		for _, c := range rec.Clocks {
			line += fmt.Sprintf("  %s %s %s %s %s %s %v would=%q\n", c.Policy, c.State, c.Doubt, c.Version, c.Shortest, c.Longest, c.Flags, c.Would)
			if !alerts {
				continue
			}
			for _, b := range c.Bars {
				line += fmt.Sprintf("    %s/%d %s %s\n", b.Threshold, b.G, b.State, b.Due)
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// expect compares the state with the next expectation, for the order as given.
func (w *world) expect(at time.Time) {
	x := w.sc.Then[w.then]
	w.then++
	when := w.sc.clockTime(at)
	if x.Alerts != nil || len(w.log) > 0 {
		if d := gocmp.Diff(append([]string{}, x.Alerts...), append([]string{}, w.log...)); d != "" {
			w.fail("at %s, alerts (-want +got):\n%s", when, d)
		}
	}
	w.log = nil
	for _, row := range x.Incidents {
		w.expectIncident(when, row)
	}
}

func (w *world) expectIncident(when string, row incidentRow) {
	ref := w.of(row.Of)
	rec := w.s.Record(ref)
	var with []string
	for _, m := range w.s.Members(ref) {
		if name := w.name(m.Mark); name != row.Of && !w.isAct(name) {
			with = append(with, name)
		}
	}
	w.same(when, row.Of, "with", sorted(row.With), sorted(with))
	if row.Status != "" {
		w.same(when, row.Of, "status", row.Status, rec.Open)
	}
	for _, m := range slices.Sorted(maps.Keys(row.Times)) {
		var got incident.Interval
		for _, t := range rec.Times {
			if t.Milestone == m {
				got = t.Interval
			}
		}
		w.same(when, row.Of, string(m), w.sc.interval(row.Times[m]).String(), got.String())
	}
	for _, id := range slices.Sorted(maps.Keys(row.Clocks)) {
		w.expectClock(when, row.Of, rec, id, row.Clocks[id])
	}
	if row.Month != "" {
		var got incident.Month
		for _, c := range rec.Clocks {
			if c.Policy == "pol-imp-002" {
				got = incident.MonthOf(c.Start.Latest)
			}
		}
		w.same(when, row.Of, "month", row.Month, got)
	}
	var decide []string
	for _, d := range rec.Decide {
		decide = append(decide, string(d.Kind))
	}
	w.same(when, row.Of, "decide", sorted(row.Decide), sorted(decide))
	var links []string
	for _, l := range rec.Links {
		links = append(links, fmt.Sprintf("%s %s %s", w.begunBy(l.To), l.Why, l.State))
	}
	w.same(when, row.Of, "links", sorted(row.Links), sorted(links))
}

func (w *world) isAct(name string) bool {
	return slices.ContainsFunc(w.sc.Signals, func(r signalRow) bool { return r.Name == name && r.Act != nil })
}

func sorted(s []string) []string {
	s = slices.Clone(s)
	slices.Sort(s)
	return append([]string{}, s...)
}

func (w *world) expectClock(when, of string, rec *incident.IncidentRecord, id incident.PolicyID, row clockRow) {
	var c incident.Clock
	for _, x := range rec.Clocks {
		if x.Policy == id {
			c = x
		}
	}
	w.same(when, of, string(id)+" state", row.State, c.State)
	w.same(when, of, string(id)+" doubt", row.Doubt, c.Doubt)
	w.same(when, of, string(id)+" would", row.Would, c.Would)
	flags := slices.Clone(c.Flags)
	w.same(when, of, string(id)+" flags", append([]incident.Flag{}, row.Flags...), append([]incident.Flag{}, flags...))
	if row.Version != "" {
		w.same(when, of, string(id)+" version", row.Version, c.Version)
	}
	if row.Due != "" {
		w.same(when, of, string(id)+" due", w.sc.instant(row.Due), c.Due())
	}
	if row.Certain != "" {
		w.same(when, of, string(id)+" certain", w.sc.instant(row.Certain), c.Certain())
	}
	for what, d := range map[string][2]string{"shortest": {row.Shortest, c.Shortest.String()}, "longest": {row.Longest, c.Longest.String()}} {
		if d[0] == "" {
			continue
		}
		want, err := time.ParseDuration(d[0])
		if err != nil {
			w.t.Fatal(err)
		}
		w.same(when, of, string(id)+" "+what, want.String(), d[1])
	}
}

func (w *world) same(when, of, what string, want, got any) {
	if d := gocmp.Diff(want, got); d != "" {
		w.fail("at %s, incident of %s, %s (-want +got):\n%s", when, of, what, d)
	}
}
