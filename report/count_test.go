package report_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

func TestASignalThatIsBroughtToAnotherIncidentLaterCountsOnce(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	w.signal(at, "siem", alert(at, "INC1"))
	leaf := mail(at, "INC1", incident.Interval{})
	leaf.Trust = incident.Unauthenticated
	leaf.Keys = append(leaf.Keys, incident.Key{Kind: incident.KeyTicket, Value: "INC2"})
	w.signal(at, "mailbox", leaf)
	es := w.signal(at, "siem", alert(at, "INC2")) // bears a key of the mail, which hangs here too
	if last := es[len(es)-1]; last.Why != incident.WhyLeafClaimed {
		t.Fatalf("last entry is %s (%s), want the mail hung on the new incident", last.Kind, last.Why)
	}
	got := w.book().Snapshot(at).Signals
	want := map[report.SignalKey]uint64{
		{Source: "siem", Result: incident.KindOpened}:    2,
		{Source: "mailbox", Result: incident.KindJoined}: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

func TestALateThresholdThatAMergeTookOverCountsWhereItWasDecided(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	a := refOf(t, w.signal(at, "siem", alert(at, "INC1")))
	b := refOf(t, w.signal(at.Add(time.Minute), "siem", alert(at.Add(-20*time.Minute), "INC2")))
	w.tick(at.Add(15 * time.Minute)) // the second one's first warning, five minutes late
	w.signal(at.Add(16*time.Minute), "manual", act(at.Add(16*time.Minute), incident.Act{Kind: incident.ActLink, Ref: a, Other: b}))
	taken := false
	for _, c := range w.s.Record(a).Clocks {
		for _, bar := range c.Bars {
			taken = taken || bar.State == incident.AlertTaken && bar.Late
		}
	}
	if !taken {
		t.Fatal("the merge took over no late crossing: the test's own signals do not do what they should")
	}
	got := w.book().Snapshot(at).Late
	want := map[report.LateKey]uint64{{Policy: string(pol), Threshold: "warn-30m"}: 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("late thresholds (-want +got):\n%s", diff)
	}
}

func TestADelayWithoutAnUpperBoundIsLongerThanEveryEdge(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "10:50")
	f := mail(at, "INC1", incident.Interval{}) // told to the desk at 9:20, nobody says when it was detected
	f.Claims = append(f.Claims, incident.Claim{
		Milestone: incident.ReportedToDesk, Interval: incident.At(clock(t, "09:20")), Basis: incident.Recorded, Receiver: true,
	})
	w.signal(at, "mailbox", f)
	b := w.book()
	got := figuresOf(t, b.Month("2026-11", at), pol)
	if got.Counts[incident.Breached] != 1 {
		t.Fatalf("counts = %v, want one breached", got.Counts)
	}
	if l := got.Longest; l.N != 1 || l.Open != 1 || l.Sum != 0 || slices.Max(append(l.Within, 0)) != 0 {
		t.Errorf("longest = %+v, want one above every edge", l)
	}
	if s := got.Shortest; s.N != 1 || s.Open != 0 || s.Sum.D() != 90*time.Minute {
		t.Errorf("shortest = %+v, want one of 90 minutes", s)
	}
	rows, _ := b.Incidents(report.Filter{})
	if c := rows[0].Clocks[0]; c.Longest != nil || c.Shortest == nil {
		t.Errorf("bounds = %v, %v, want a shortest and no longest", c.Shortest, c.Longest)
	}
}

func TestLabelsAreClosedAndBounded(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	f := alert(at, "INC1")
	f.Attrs.Organisation = "named-by-a-sender"
	w.signal(at, "siem", f)
	s := w.book().Snapshot(at)
	if want := []string{"hmcts", "hmpps", report.Other, "unknown"}; !slices.Equal(s.Organisations, want) {
		t.Errorf("organisations = %q, want %q", s.Organisations, want)
	}
	open := report.LabelledOpen{Policy: pol, Organisation: report.Other, Impact: incident.ImpactHigh, State: incident.Running}
	if s.Open[open] != 1 {
		t.Errorf("open = %v, want one under other", s.Open)
	}
	if want := []incident.PolicyID{pol}; !slices.Equal(s.Policies, want) {
		t.Errorf("policies = %q, want %q: one that is off is none", s.Policies, want)
	}

	// What was counted as other stays there when the rules come to name it, and
	// a name that the rules drop keeps its series.
	late := at.Add(61 * time.Minute)
	w.tick(late)
	r := rules()
	r.Organisations = []incident.Organisation{"named-by-a-sender"}
	r.Sources = r.Sources[:2]
	w.rules(late, r)
	s = w.book().Snapshot(late)
	key := report.VerdictKey{Policy: string(pol), Organisation: report.Other, Impact: incident.ImpactHigh, Verdict: incident.Overdue}
	if s.Verdicts[key] != 1 {
		t.Errorf("first verdicts = %v, want the one under other", s.Verdicts)
	}
	if want := []incident.SourceName{"mailbox", "manual", "siem"}; !slices.Equal(s.Sources, want) {
		t.Errorf("sources = %q, want %q", s.Sources, want)
	}
	if _, ok := s.Polled["siem"]; ok {
		t.Error("siem is polled or not, want it to be in force no longer")
	}

	many := newWorld(t)
	r = rules()
	for i := range report.MaxOrganisations + 10 {
		r.Organisations = append(r.Organisations, incident.Organisation("o-"+string(rune('a'+i/26))+string(rune('a'+i%26))))
	}
	many.rules(at, r)
	if got := len(many.book().Snapshot(at).Organisations); got != report.MaxOrganisations+2 {
		t.Errorf("%d organisations are labels, want at most %d, unknown and other", got, report.MaxOrganisations)
	}
}
