package report_test

import (
	"bytes"
	"encoding/json"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/report"
)

func holidays(t *testing.T) *report.Holidays {
	t.Helper()
	h, err := report.NewHolidays(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func all(entries []incident.Entry) iter.Seq2[incident.Entry, error] {
	return func(yield func(incident.Entry, error) bool) {
		for _, e := range entries {
			if !yield(e, nil) {
				return
			}
		}
	}
}

func (w *world) month(m incident.Month) *report.Report {
	w.t.Helper()
	r, err := report.Build(m, holidays(w.t), all(w.entries))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func asJSON(t *testing.T, r *report.Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.JSON(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// valid checks a report against the shipped schema.
func valid(t *testing.T, text []byte) {
	t.Helper()
	c := jsonschema.NewCompiler()
	s, err := c.Compile("month.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Errorf("the report does not keep to month.schema.json: %v", err)
	}
}

func TestGoldenMonths(t *testing.T) {
	for _, g := range goldenMonths() {
		t.Run(g.name, func(t *testing.T) {
			r := g.make(t).month(g.month)
			golden(t, "months/"+g.name+".txt", func(out io.Writer) error { return r.Text(out, false) })
			golden(t, "months/"+g.name+".outside.txt", func(out io.Writer) error { return r.Text(out, true) })
			compare(t, "months/"+g.name+".json", asJSON(t, r))
			var rows bytes.Buffer
			if err := r.CSV(&rows); err != nil {
				t.Fatal(err)
			}
			compare(t, "months/"+g.name+".csv", rows.Bytes())
			valid(t, asJSON(t, r))
		})
	}
}

// export writes the record as the program exports it.
func (w *world) export() []byte {
	var out []byte
	var prev incident.Hash
	for _, e := range w.entries {
		e.Prev = prev
		at := len(out)
		out = ledger.Encode(out, &e)
		prev = incident.HashOf(out[at:])
		out = append(out, '\n')
	}
	return out
}

// The script reads claims and acts, and none of the verdicts. What it says and
// what the report says come from rules.md by two ways.
func TestAScriptRecountsEveryGoldenMonthFromTheClaims(t *testing.T) {
	script, err := os.ReadFile("../docs/recount.py")
	if err != nil {
		t.Fatal(err)
	}
	if n := bytes.Count(script, []byte("\n")); n > 200 {
		t.Errorf("the script has %d lines: nobody reads so many", n)
	}
	for _, g := range goldenMonths() {
		t.Run(g.name, func(t *testing.T) {
			w := g.make(t)
			file := filepath.Join(t.TempDir(), "record.jsonl")
			if err := os.WriteFile(file, w.export(), 0o600); err != nil {
				t.Fatal(err)
			}
			var stderr bytes.Buffer
			cmd := exec.CommandContext(t.Context(), "python3", "../docs/recount.py", file, string(g.month))
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, stderr.String())
			}
			type recounted struct {
				States map[incident.State]int
				Share  struct{ N, Met, Undetermined int }
			}
			var got map[incident.PolicyID]recounted
			if err := json.Unmarshal(out, &got); err != nil {
				t.Fatal(err)
			}
			want := map[incident.PolicyID]recounted{}
			for _, p := range w.month(g.month).Policies {
				s := p.Share.Value
				r := recounted{States: map[incident.State]int{}}
				r.Share.N, r.Share.Met, r.Share.Undetermined = s.N, s.Met, s.Undetermined
				for state, n := range p.Counts.Value.States {
					if n > 0 {
						r.States[state] = n
					}
				}
				want[p.Policy] = r
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the report and the script differ (-report +script):\n%s", diff)
			}
		})
	}
}
