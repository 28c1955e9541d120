package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/report"
)

const exported = "../../pipeline/ledger/testdata/entries-v1.jsonl"

func reportOf(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, errs bytes.Buffer
	err = promptness(t.Context(), append([]string{"report"}, args...), &out, &errs)
	return out.String(), err
}

func TestAReportIsMadeOfAnExportInEveryForm(t *testing.T) {
	file := filepath.Join(t.TempDir(), "november.json")
	if _, err := reportOf(t, "2026-11", "--from", exported, "--format", "json", "--out", file); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r report.Report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	lines, err := os.ReadFile(exported)
	if err != nil {
		t.Fatal(err)
	}
	if want := uint64(bytes.Count(lines, []byte("\n"))); r.Entries != want || r.Month != "2026-11" {
		t.Errorf("report on %s of %d entries, want 2026-11 and %d", r.Month, r.Entries, want)
	}
	for _, format := range []string{"text", "csv"} {
		if out, err := reportOf(t, "2026-11", "--from", exported, "--format", format); err != nil || !strings.Contains(out, "2026") {
			t.Errorf("--format %s = %q, %v", format, out, err)
		}
	}
	if out, err := reportOf(t, "2026-11", "--from", exported, "--as-known-at", "1/1/2020 09:00"); err != nil || !strings.Contains(out, "Nothing is on record.") {
		t.Errorf("as known before the first entry: %q, %v, want nothing on record", out, err)
	}
}

func TestAReportOfAnExportThatWasChangedIsRefused(t *testing.T) {
	lines, err := os.ReadFile(exported)
	if err != nil {
		t.Fatal(err)
	}
	all := bytes.SplitAfter(lines, []byte("\n"))
	last := len(all) - 2 // the end, which a report as known earlier does not need, is verified too
	changed := bytes.Join(append(all[:last:last], bytes.Replace(all[last], []byte(`"at":"2026`), []byte(`"at":"2027`), 1), all[last-1]), nil)
	file, out := filepath.Join(t.TempDir(), "changed.jsonl"), filepath.Join(t.TempDir(), "report.txt")
	if err := os.WriteFile(file, changed, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, known := range []string{"2/1/2027 09:00", "1/1/2020 09:00"} {
		if _, err := reportOf(t, "2026-11", "--from", file, "--out", out, "--as-known-at", known); err == nil || !strings.Contains(err.Error(), "read export") {
			t.Errorf("as known at %s: %v, want a refusal", known, err)
		}
		if _, err := os.Stat(out); err == nil {
			t.Error("a report was written")
		}
	}
}

func TestAReportThatIsAskedForWronglySaysWhatIsRight(t *testing.T) {
	for _, args := range [][]string{
		{"2026-13"}, {"2999-01"}, {"2026-11", "--from", "no-such-file"},
		{"2026-11", "--from", exported, "--outside", "--format", "csv"},
		{"2026-11", "--from", exported, "--add-holiday", "24/12/2026"},
		{"2026-11", "--from", exported, "--as-known-at", "yesteryear"},
	} {
		if out, err := reportOf(t, args...); err == nil || out != "" {
			t.Errorf("report %s = %q, %v, want an error", args, out, err)
		}
	}
}
