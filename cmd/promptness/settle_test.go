package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/report"
)

// What the list of decisions says to type must be what the program takes: each
// command gets as far as the first call to a server that is not there.
func TestEveryDecisionNamesACommandThatTheProgramTakes(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	rec := &incident.IncidentRecord{Ref: incident.NewRef(2), Open: incident.StatusOpen, First: at, Evidence: 2, Source: "mailbox"}
	for _, k := range incident.DecisionKinds() {
		rec.Decide = append(rec.Decide, incident.Decision{Kind: k, Since: at, Entry: 2, Policy: "pol-imp-002", Other: incident.NewRef(3)})
	}
	book := report.NewBook()
	for _, e := range []incident.Entry{
		{V: 1, N: 1, At: at, Kind: incident.KindRules, Rules: 1, Text: []byte(`{"v":1,"policies":[],"sources":[]}`)},
		{V: 1, N: 2, At: at, Kind: incident.KindOpened, Why: incident.WhyNew, Rules: 1, Incident: rec,
			Signal: &incident.SignalRecord{Source: "mailbox", Channel: incident.ChannelEmail, Received: at, Receipt: at}},
	} {
		if err := book.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte("a-token-that-nobody-will-ask-for\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	seen := map[incident.DecisionKind]bool{}
	for _, w := range book.Decisions(at) {
		seen[w.Kind] = true
		if len(w.Commands) == 0 {
			t.Errorf("%s names no command", w.Kind)
		}
		for _, c := range w.Commands {
			line := strings.NewReplacer("TIME", "23/11/2026 09:15", "CODE", "other").Replace(strings.ReplaceAll(c, " ", "\x1f"))
			args := append([]string{"--server", "http://127.0.0.1:1", "--token-file", tokenFile}, strings.Split(line, "\x1f")[1:]...)
			err := promptness(t.Context(), args, io.Discard, io.Discard)
			var misused *say.UsageError
			if err == nil || errors.As(err, &misused) {
				t.Errorf("%s: %q = %v, want it taken, and no server found", w.Kind, c, err)
			}
		}
	}
	for _, k := range incident.DecisionKinds() {
		if !seen[k] {
			t.Errorf("%s is not listed", k)
		}
	}
}
