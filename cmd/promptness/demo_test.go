package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
)

func TestTheDemoShowsEveryVerdictAndPrintsJSONAlone(t *testing.T) {
	var out, errs bytes.Buffer
	got, err := runDemo(t.Context(), DemoOptions{Exit: true, JSON: true}, demoScript(), &out, &errs)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	want := map[string]incident.State{
		"laptop left on a train":                    incident.Met,
		"payroll sent to the wrong address":         incident.Breached,
		"odd log-in, noticed between two times":     incident.Undetermined,
		"work phone left in a taxi":                 incident.Met,
		"phishing, no time given":                   incident.Unmeasured,
		"malware on a server":                       incident.Met,
		"folder shared with everyone":               incident.Met,
		"a stranger's report":                       incident.Overdue,
		"port scan that was a test":                 incident.Excluded,
		"backup server talks to a stranger":         incident.Overdue,
		"stolen credentials, seen by the gateway":   incident.Met,
		"stolen credentials, seen by the directory": incident.Met, // part of the one before
		"unusual download":                          incident.Running,
		demoWatched:                                 incident.Overdue,
	}
	if diff := cmp.Diff(want, got.stories); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
	s := got.Signals
	if s.Sent != len(demoScript()) || s.Sent != s.Stored+s.Duplicate || s.Duplicate != 1 || s.Quarantined != 1 {
		t.Errorf("signals = %+v, want %d sent, all of them stored but one duplicate, one quarantined", s, len(demoScript()))
	}
	if !got.Ledger.Verified || got.Ledger.Entries == 0 {
		t.Errorf("ledger = %+v, want it verified", got.Ledger)
	}
	watched := slices.ContainsFunc(got.Alerts, func(a DemoAlert) bool { return strings.Contains(string(a.ID), "/deadline/") })
	if !watched {
		t.Errorf("alerts = %v, want a deadline", got.Alerts)
	}
	dec := json.NewDecoder(&out)
	dec.DisallowUnknownFields()
	var again DemoResult
	if err := dec.Decode(&again); err != nil {
		t.Errorf("stdout is not the result: %v", err)
	}
	if rest, err := io.ReadAll(dec.Buffered()); err != nil || len(bytes.TrimSpace(rest)) > 0 {
		t.Errorf("stdout holds more than the result: %q, %v", rest, err)
	}
}

// One signal comes earlier, or says more, and its outcome is another: nothing
// of what the demo shows is written down beforehand.
func TestTheDemosOutcomesComeOutOfItsSignals(t *testing.T) {
	change := map[string]func(*demoSignal){
		"payroll sent to the wrong address":     func(s *demoSignal) { s.received = s.noticed - 30*time.Minute },
		"laptop left on a train":                func(s *demoSignal) { s.received = s.noticed - 90*time.Minute },
		"phishing, no time given":               func(s *demoSignal) { s.noticed = s.received + 10*time.Minute },
		"work phone left in a taxi":             func(s *demoSignal) { s.prose = "We noticed 2 hours ago that it was gone." },
		"odd log-in, noticed between two times": func(s *demoSignal) { s.to = 0 },
		"a stranger's report":                   func(s *demoSignal) { s.unknownSender = false },
	}
	want := map[string]incident.State{
		"payroll sent to the wrong address":     incident.Met,
		"laptop left on a train":                incident.Breached,
		"phishing, no time given":               incident.Met,
		"work phone left in a taxi":             incident.Breached,
		"odd log-in, noticed between two times": incident.Breached,
		"a stranger's report":                   incident.Met,
		demoWatched:                             incident.Overdue,
	}
	var script []demoSignal
	for _, s := range demoScript() {
		if f := change[s.story]; f != nil {
			f(&s)
			script = append(script, s)
		}
		if s.story == demoWatched {
			s.started = time.Hour + time.Second // over at once: the wait is the other test's
			script = append(script, s)
		}
	}
	var errs bytes.Buffer
	got, err := runDemo(t.Context(), DemoOptions{Exit: true, JSON: true}, script, io.Discard, &errs)
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.String())
	}
	if diff := cmp.Diff(want, got.stories); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}

// A line that is wider than the terminal wraps, and the table is no longer
// drawn over itself.
func TestTheDemosTableFitsEightyColumns(t *testing.T) {
	long := strings.Repeat("a long story ", 9)
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	for _, c := range []incident.Clock{
		{State: incident.Excluded, Would: incident.Undetermined},
		{State: incident.Undetermined, Doubt: incident.DoubtSecondPerson, Shortest: incident.Span(100 * time.Hour), Longest: incident.Span(1000 * time.Hour)},
		{State: incident.Running, Start: incident.At(at), Limit: incident.Span(72 * time.Hour)},
		{State: incident.Overdue, Start: incident.At(at.Add(-9000 * time.Hour)), Limit: incident.Span(time.Hour)},
	} {
		r := demoRow{ref: "p-0000000x", story: long}
		r.state, r.time = clockWords(c, at)
		if n := len(r.line()); n > 80 {
			t.Errorf("%d columns: %s", n, r.line())
		}
	}
}

func TestCtrlCEndsTheDemoWithAVerifiedRecord(t *testing.T) {
	ctx, ctrlC := context.WithCancel(t.Context())
	var out, errs bytes.Buffer
	var script []demoSignal
	for _, s := range demoScript() {
		if s.story == demoWatched {
			s.started = time.Hour + time.Second
			script = append(script, s)
		}
	}
	time.AfterFunc(3*time.Second, ctrlC) // a person; the demo itself would go on for ever
	got, err := runDemo(ctx, DemoOptions{JSON: true}, script, &out, &errs)
	if err != nil || !got.Ledger.Verified {
		t.Errorf("runDemo = %+v, %v, want a verified record\n%s", got.Ledger, err, errs.String())
	}
}
