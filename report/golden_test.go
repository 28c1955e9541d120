package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file, and checks that it fits a terminal.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(got.String()) {
		line = strings.TrimSuffix(line, "\n")
		command := strings.HasPrefix(strings.TrimSpace(line), "promptness record ")
		if n := utf8.RuneCountInString(line); n > 80 && !command {
			t.Errorf("%s: line of %d columns, want at most 80: %s", name, n, line)
		}
	}
	compare(t, name, got.Bytes())
}

func compare(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestWhatIsPrinted(t *testing.T) {
	w, refs := day(t)
	b, now := w.book(), clock(t, "11:00")
	golden(t, "incidents.txt", func(out io.Writer) error {
		rows, more := b.Incidents(report.Filter{})
		return report.WriteIncidents(out, rows, more, now)
	})
	golden(t, "decisions.txt", func(out io.Writer) error { return report.WriteDecisions(out, b.Decisions(now)) })
	for name, ref := range refs {
		d, ok := b.Incident(ref)
		if !ok {
			t.Fatalf("Incident(%s): there is none", ref)
		}
		golden(t, "incident-"+name+".txt", func(out io.Writer) error { return report.WriteIncident(out, &d, now) })
		golden(t, "why-"+name+".txt", func(out io.Writer) error { return report.WriteWhy(out, w.why(b, ref)) })
	}
	text, err := json.MarshalIndent(w.why(b, refs["undetermined"]), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	compare(t, "why-undetermined.json", append(text, '\n'))
}

// merged is an incident that took another over, was corrected, and from which a
// signal was cut.
func merged(t *testing.T) (w *world, home, ended, cut incident.Ref) {
	t.Helper()
	w = newWorld(t)
	at := func(s string) time.Time { return clock(t, s) }
	home = refOf(t, w.signal(at("08:00"), "siem", alert(at("08:00"), "INC1")))
	w.tick(at("08:30"))
	ended = refOf(t, w.signal(at("08:40"), "siem", alert(at("08:40"), "INC2")))
	both := mail(at("08:55"), "INC1", incident.Interval{})
	both.Keys = append(both.Keys, incident.Key{Kind: incident.KeyTicket, Value: "INC2"})
	es := w.signal(at("08:55"), "mailbox", both)
	last := es[len(es)-1]
	w.signal(at("09:10"), "manual", act(at("09:10"), incident.Act{
		Kind: incident.ActCorrection, Ref: home, Milestone: incident.Detected, Interval: incident.Minute(at("07:30")),
		Reason: incident.ReasonWrongTime, Upon: last.Incident.Evidence,
	}))
	for _, e := range w.signal(at("09:20"), "manual", act(at("09:20"), incident.Act{
		Kind: incident.ActDetach, Ref: home, Signal: 2, Reason: incident.ReasonDuplicate,
	})) {
		if e.Kind == incident.KindSplit {
			cut = e.Incident.Ref
		}
	}
	return w, home, ended, cut
}

func TestADerivationFollowsSignalsThroughMergeAndDivision(t *testing.T) {
	w, home, _, cut := merged(t)
	b := w.book()
	if cut == "" {
		t.Fatal("nothing was cut off: the test's own signals do not do what they should")
	}
	golden(t, "why-merged.txt", func(out io.Writer) error { return report.WriteWhy(out, w.why(b, home)) })
	golden(t, "why-cut.txt", func(out io.Writer) error { return report.WriteWhy(out, w.why(b, cut)) })

	// What the derivation shows as signals is what the fold holds as members.
	for _, ref := range []incident.Ref{home, cut} {
		var got, want []uint64
		for _, s := range w.why(b, ref).Signals {
			got = append(got, s.Entry)
		}
		for _, m := range w.s.Members(ref) {
			want = append(want, m.N)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("signals of %s (-fold +derivation):\n%s", ref, diff)
		}
	}
}
