package report_test

import (
	"bytes"
	"io"
	"iter"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/ministryofjustice/incident-promptness/incident"
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
