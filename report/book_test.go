package report_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

const pol = incident.PolicyID("pol-imp-002")

func figuresOf(t *testing.T, f report.Figures, p incident.PolicyID) report.PolicyFigures {
	t.Helper()
	for _, x := range f.Policies {
		if x.Policy == p {
			return x
		}
	}
	t.Fatalf("figures of %s have no policy %s", f.Month, p)
	return report.PolicyFigures{}
}

func TestTheFiguresOfADay(t *testing.T) {
	w, _ := day(t)
	f := w.book().Month("2026-11", clock(t, "11:00"))
	got := figuresOf(t, f, pol)
	want := map[incident.State]int{
		incident.Waiting: 0, incident.Running: 2, incident.Overdue: 1, incident.Met: 1, incident.Breached: 1,
		incident.Undetermined: 1, incident.Unmeasured: 1, incident.Excluded: 1,
	}
	if diff := cmp.Diff(want, got.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if got.Share != (report.Share{N: 4, Met: 1, Undetermined: 1}) {
		t.Errorf("share = %+v, want 1 to 2 of 4", got.Share)
	}
	if from, ok := got.Share.From(); from != 0.25 || !ok {
		t.Errorf("From() = %v, %v, want 0.25", from, ok)
	}
	if to, ok := got.Share.To(); to != 0.5 || !ok {
		t.Errorf("To() = %v, %v, want 0.5", to, ok)
	}
	if got.Doubts[incident.DoubtStraddles] != 1 || got.Would[incident.Breached] != 1 {
		t.Errorf("doubts = %v, would = %v, want one that straddles, one that would be breached", got.Doubts, got.Would)
	}
	if f.Candidates != 1 {
		t.Errorf("candidates = %d, want 1", f.Candidates)
	}
	// met 20m; undetermined 59m30s to 60m30s; breached over two hours.
	edge := slices.Index(report.DelayEdges(), time.Hour)
	if s, l := got.Shortest.Within[edge], got.Longest.Within[edge]; s != 2 || l != 1 || got.Shortest.N != 3 {
		t.Errorf("within the hour: %d shortest and %d longest of %d, want 2 and 1 of 3", s, l, got.Shortest.N)
	}
}

func TestAShareIsNeverToldWithoutAnIncident(t *testing.T) {
	text, err := json.Marshal(report.Share{})
	if err != nil || string(text) != `{"n":0,"met":0,"undetermined":0}` {
		t.Errorf("Marshal(Share{}) = %s, %v, want no ends", text, err)
	}
	in := report.Share{N: 4, Met: 1, Undetermined: 2}
	text, err = json.Marshal(in)
	if err != nil || !strings.Contains(string(text), `"from":0.25,"to":0.75`) {
		t.Errorf("Marshal(%+v) = %s, %v, want both ends", in, text, err)
	}
	var out report.Share
	if err := json.Unmarshal(text, &out); err != nil || out != in {
		t.Errorf("Unmarshal(%s) = %+v, %v, want %+v", text, out, err, in)
	}
}

func TestAnOverdueClockWithAnUnconfirmedReportIsNotKnownToBeLate(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	w.signal(at, "siem", alert(at, "INC1"))
	leaf := mail(at.Add(20*time.Minute), "INC1", incident.Interval{})
	leaf.Trust = incident.Unauthenticated
	w.signal(at.Add(20*time.Minute), "mailbox", leaf)
	w.tick(at.Add(61 * time.Minute))
	b := w.book()
	got := figuresOf(t, b.Month("2026-11", at), pol)
	if got.Share != (report.Share{N: 1, Undetermined: 1}) || got.Doubts[report.DoubtUnconfirmed] != 1 {
		t.Errorf("share = %+v, doubts = %v, want one undetermined because its report is unconfirmed", got.Share, got.Doubts)
	}
	if rows, _ := b.Incidents(report.Filter{State: incident.Overdue}); len(rows) != 1 {
		t.Errorf("Incidents(overdue) = %d, want 1: the record says overdue", len(rows))
	}
}

func TestAnIncidentBelongsToTheMonthOfTheLatestBoundOfItsStart(t *testing.T) {
	w := newWorld(t)
	// Midnight between October and November in London is 00:00Z.
	at := time.Date(2026, 11, 1, 0, 5, 0, 0, time.UTC)
	in := incident.Interval{Earliest: time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC), Latest: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)}
	w.signal(at, "mailbox", mail(at, "", in))
	in.Latest = in.Latest.Add(-1)
	w.signal(at, "mailbox", mail(at, "", in))
	b := w.book()
	for _, m := range []incident.Month{"2026-10", "2026-11"} {
		if got := figuresOf(t, b.Month(m, at), pol).Share.N; got != 1 {
			t.Errorf("%s: N = %d, want 1", m, got)
		}
		if rows, _ := b.Incidents(report.Filter{Month: m}); len(rows) != 1 {
			t.Errorf("Incidents(%s) = %d, want 1", m, len(rows))
		}
	}
	// The clocks go back on 25 October 2026; 31 March 23:30 BST is 22:30Z.
	july := time.Date(2026, 6, 30, 23, 30, 0, 0, time.UTC) // 00:30 on 1 July in London
	w.signal(at, "mailbox", mail(at, "", incident.At(july)))
	if got := figuresOf(t, w.book().Month("2026-07", at), pol).Counts; got[incident.Undetermined] != 1 {
		t.Errorf("July = %v, want one: half past eleven UTC is July in London", got)
	}
}

func TestRestrictedIncidentsCountInTotalsOnly(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	ref := refOf(t, w.signal(at, "siem", alert(at, "INC1")))
	w.signal(at.Add(time.Minute), "manual", act(at.Add(time.Minute), incident.Act{Kind: incident.ActRestrict, Ref: ref}))
	b := w.book()
	got := figuresOf(t, b.Month("2026-11", at), pol)
	want := []report.Cell{{State: incident.Running, Count: 1}}
	if diff := cmp.Diff(want, got.Cells); diff != "" {
		t.Errorf("cells (-want +got):\n%s", diff)
	}
	rows, _ := b.Incidents(report.Filter{})
	if len(rows) != 1 || rows[0].Organisation != "" || rows[0].Impact != "" || !rows[0].Restricted {
		t.Errorf("Incidents() = %+v, want one without attributes", rows)
	}
	if rows, _ := b.Incidents(report.Filter{Organisation: "hmpps"}); len(rows) != 0 {
		t.Errorf("Incidents(hmpps) = %d, want none: the list would tell", len(rows))
	}
	if d, _ := b.Incident(ref); d.Organisation != "" || len(d.Impacts) != 0 {
		t.Errorf("Incident(%s) = %+v, want it without attributes", ref, d)
	}
}

func TestAClockHasOneFirstVerdict(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	ref := refOf(t, w.signal(at, "siem", alert(at, "INC1")))
	w.tick(at.Add(61 * time.Minute)) // overdue, its first verdict
	late := at.Add(70 * time.Minute)
	w.signal(late, "mailbox", mail(late, "INC1", incident.Interval{})) // breached
	for i, a := range []incident.Act{
		{Kind: incident.ActDisposition, Ref: ref, Disposition: incident.FalsePositive, Reason: incident.ReasonFalseAlarm},
		{Kind: incident.ActDisposition, Ref: ref, Disposition: incident.Suspected},
	} {
		when := late.Add(time.Duration(i+1) * time.Minute)
		w.signal(when, "manual", act(when, a))
	}
	s := w.book().Snapshot(late)
	wantVerdicts := map[report.VerdictKey]uint64{
		{Policy: string(pol), Organisation: "hmpps", Impact: incident.ImpactHigh, Verdict: incident.Overdue}: 1,
	}
	if diff := cmp.Diff(wantVerdicts, s.Verdicts); diff != "" {
		t.Errorf("first verdicts (-want +got):\n%s", diff)
	}
	change := func(from, to incident.State, why report.Cause) report.ChangeKey {
		return report.ChangeKey{Policy: string(pol), From: from, To: to, Why: why}
	}
	wantChanges := map[report.ChangeKey]uint64{
		change(incident.Overdue, incident.Breached, report.CauseSignal): 1,
		change(incident.Breached, incident.Excluded, report.CauseAct):   1,
		change(incident.Excluded, incident.Breached, report.CauseAct):   1,
	}
	if diff := cmp.Diff(wantChanges, s.Changes); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestCausesOfAChange(t *testing.T) {
	w, _, _, _ := merged(t)
	got := w.book().Snapshot(clock(t, "10:00")).Changes
	want := map[report.ChangeKey]uint64{
		{Policy: string(pol), From: incident.Met, To: incident.Breached, Why: report.CauseCorrection}: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}

	// Two that had a verdict each become one by a person's word.
	w = newWorld(t)
	at := func(s string) time.Time { return clock(t, s) }
	a := refOf(t, w.signal(at("09:30"), "mailbox", mail(at("09:30"), "INC1", incident.At(at("09:00")))))
	b := refOf(t, w.signal(at("10:00"), "siem", alert(at("08:00"), "INC2")))
	w.tick(at("10:01"))
	w.signal(at("10:10"), "manual", act(at("10:10"), incident.Act{Kind: incident.ActLink, Ref: a, Other: b}))
	got = w.book().Snapshot(at("11:00")).Changes
	want = map[report.ChangeKey]uint64{
		{Policy: string(pol), From: incident.Met, To: incident.Breached, Why: report.CauseMerge}: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("changes of a merge (-want +got):\n%s", diff)
	}
}

func TestSignalsCountOnceHoweverManyEntriesTheyMake(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	// Three alerts in one delivery, of which one is known already.
	w.signal(at, "siem", alert(at, "INC1"))
	w.deliver(at, "siem", incident.Reading{Interpreter: "test/1", Parts: []incident.Facts{
		alert(at, "INC1"), alert(at, "INC2"), alert(at, "INC3"),
	}})
	// An unauthenticated mail that names all three hangs on each.
	leaf := mail(at, "INC1", incident.Interval{})
	leaf.Trust = incident.Unauthenticated
	leaf.Keys = append(leaf.Keys, incident.Key{Kind: incident.KeyTicket, Value: "INC2"}, incident.Key{Kind: incident.KeyTicket, Value: "INC3"})
	if es := w.signal(at, "mailbox", leaf); len(es) != 3 {
		t.Fatalf("the mail made %d entries, want 3", len(es))
	}
	w.deliver(at, "nowhere", incident.Reading{Interpreter: "none", Quarantine: incident.WhyUnknownSource})
	got := w.book().Snapshot(at).Signals
	want := map[report.SignalKey]uint64{
		{Source: "siem", Result: incident.KindOpened}:            3,
		{Source: "siem", Result: incident.KindJoined}:            1,
		{Source: "mailbox", Result: incident.KindJoined}:         1,
		{Source: report.Other, Result: incident.KindQuarantined}: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

func TestThresholdsThatWereDecidedLateCountOnce(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	w.signal(at, "siem", alert(at, "INC1"))
	w.tick(at.Add(30 * time.Minute)) // in time
	w.tick(at.Add(75 * time.Minute)) // the rest late: the process was down
	w.signal(at.Add(80*time.Minute), "mailbox", mail(at.Add(80*time.Minute), "INC1", incident.Interval{}))
	got := w.book().Snapshot(at).Late
	want := map[report.LateKey]uint64{
		{Policy: string(pol), Threshold: "warn-50m"}: 1, {Policy: string(pol), Threshold: "deadline"}: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("late thresholds (-want +got):\n%s", diff)
	}
}

func TestTheNextDeadlineIsThatOfTheFirstClockThatRuns(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	next := func() time.Time { return w.book().Snapshot(at).Next[pol] }
	if got := next(); !got.IsZero() {
		t.Errorf("next deadline = %s, want none", got)
	}
	w.signal(at, "siem", alert(at, "INC1"))
	w.signal(at.Add(10*time.Minute), "siem", alert(at.Add(10*time.Minute), "INC2"))
	if got, want := next(), at.Add(time.Hour); !got.Equal(want) {
		t.Errorf("next deadline = %s, want %s", got, want)
	}
	w.signal(at.Add(15*time.Minute), "mailbox", mail(at.Add(15*time.Minute), "INC1", incident.Interval{}))
	if got, want := next(), at.Add(70*time.Minute); !got.Equal(want) {
		t.Errorf("next deadline after the first was reported = %s, want %s", got, want)
	}
	w.tick(at.Add(71 * time.Minute))
	if got := next(); !got.IsZero() {
		t.Errorf("next deadline = %s, want none: what is overdue has none", got)
	}
}

func TestAQuarantinedSignalWaitsUntilItIsSettled(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "09:00")
	es := w.deliver(at, "mailbox", incident.Reading{Interpreter: "test/1", Quarantine: incident.WhyEncrypted})
	n := es[len(es)-1].N
	got := w.book().Decisions(at.Add(time.Hour))
	if len(got) != 1 || got[0].Kind != incident.DecideQuarantine || got[0].Entry != n || got[0].Age.D() != time.Hour || got[0].Why != incident.WhyEncrypted {
		t.Fatalf("Decisions() = %+v, want the quarantined signal of entry %d, an hour old", got, n)
	}
	if s := w.book().Snapshot(at); s.Waiting[incident.DecideQuarantine] != 1 {
		t.Errorf("waiting = %v, want one quarantined", s.Waiting)
	}
	w.signal(at.Add(time.Minute), "manual", act(at.Add(time.Minute), incident.Act{Kind: incident.ActSettle, Signal: n}))
	if got := w.book().Decisions(at); len(got) != 0 {
		t.Errorf("Decisions() = %+v, want none after it was settled", got)
	}
}

func TestAMergedIncidentLeadsToWhatItBecamePartOf(t *testing.T) {
	w, home, ended, cut := merged(t)
	b := w.book()
	d, ok := b.Incident(ended)
	if !ok || d.Ref != home || d.Asked != ended {
		t.Errorf("Incident(%s) = %s, asked %q, %v; want %s, and that another was asked for", ended, d.Ref, d.Asked, ok, home)
	}
	if _, ok := b.Incident("p-999999"); ok {
		t.Error("Incident of no incident = true, want false")
	}
	rows, _ := b.Incidents(report.Filter{})
	var refs []incident.Ref
	for _, r := range rows {
		refs = append(refs, r.Ref)
	}
	if diff := cmp.Diff([]incident.Ref{cut, home}, refs); diff != "" {
		t.Errorf("Incidents() (-want +got):\n%s", diff)
	}
	if rows, _ := b.Incidents(report.Filter{Status: incident.StatusMerged}); len(rows) != 1 || rows[0].Into != home {
		t.Errorf("Incidents(merged) = %+v, want %s, part of %s", rows, ended, home)
	}
	if got, want := b.History(home), []uint64{2, 3, 4, 5, 6, 7, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("History(%s) = %v, want %v", home, got, want)
	}
}

func TestAListIsBoundedAndSaysThatThereIsMore(t *testing.T) {
	w, _ := day(t)
	b := w.book()
	rows, more := b.Incidents(report.Filter{Limit: 2})
	if len(rows) != 2 || !more {
		t.Errorf("Incidents(2) = %d, more %v; want 2 and more", len(rows), more)
	}
	rows, more = b.Incidents(report.Filter{Limit: 9})
	if len(rows) != 9 || more {
		t.Errorf("Incidents(9) = %d, more %v; want all nine", len(rows), more)
	}
}

func TestABookRefusesWhatDoesNotFollow(t *testing.T) {
	w, _ := day(t)
	b := w.book()
	before := b.Snapshot(clock(t, "11:00"))
	n, _ := b.N()
	for _, tt := range []struct {
		name string
		e    incident.Entry
		want string
	}{
		{"a gap", incident.Entry{N: n + 2, Kind: incident.KindNote}, "the book is at entry"},
		{"an entry again", incident.Entry{N: n, Kind: incident.KindNote}, "the book is at entry"},
		{"a kind of a later program", incident.Entry{N: n + 1, Kind: "rewritten"}, "unknown kind"},
		{"rules that cannot be read", incident.Entry{N: n + 1, Kind: incident.KindRules, Text: []byte(`{"v":99}`)}, "version 99"},
		{"a merge of nothing", incident.Entry{N: n + 1, Kind: incident.KindMerged}, "holds no incident"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := b.Apply(tt.e); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Apply = %v, want an error with %q", err, tt.want)
			}
			if diff := cmp.Diff(before, b.Snapshot(clock(t, "11:00"))); diff != "" {
				t.Errorf("the book changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestEveryFlagOfADetailSurvivesJSON(t *testing.T) {
	w, refs := day(t)
	b := w.book()
	for name, ref := range refs {
		d, _ := b.Incident(ref)
		text, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		var back report.Detail
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(d, back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		why := w.why(b, ref)
		if text, err = json.Marshal(why); err != nil {
			t.Fatal(err)
		}
		var whyBack report.Derivation
		if err := json.Unmarshal(text, &whyBack); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(why, &whyBack); diff != "" {
			t.Errorf("why %s (-want +got):\n%s", name, diff)
		}
	}
}
