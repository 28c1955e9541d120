package layering_test

import (
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/ministryofjustice/incident-promptness"

// may says which packages of this module a package may import, outside of its
// tests. "x/*" is everything beneath x, "*" everything. A row's own name may end
// in "/*" too; the longest name that fits is the row.
//
// Data goes one way through the packages. None imports its neighbour up or down
// the flow: they meet in cmd.
var may = map[string]string{
	"incident": "",

	"ingest":         "incident",
	"ingest/said":    "incident",
	"ingest/email":   "incident ingest ingest/said ingest/email/letter internal/*",
	"ingest/webhook": "incident ingest ingest/said internal/*",
	"ingest/slack":   "incident ingest ingest/said internal/*",
	"ingest/manual":  "incident ingest ingest/said internal/*",
	// The bytes of a mail as text: for the interpreter of mail only.
	"ingest/email/letter": "incident ingest/said",

	"pipeline":        "incident pipeline/fold",
	"pipeline/fold":   "incident",
	"pipeline/stream": "incident internal/*",
	"pipeline/ledger": "incident",
	// In memory, for the tests of whoever writes or reads the record.
	"pipeline/ledger/ledgertest": "incident pipeline/ledger",

	// Messages as bytes: whoever knows what they say meets it in cmd.
	"pipeline/backup": "internal/*",

	"pipeline/metrics": "incident report",
	"pipeline/watch":   "incident",

	"alerting":   "incident internal/*",
	"alerting/*": "incident internal/*",

	"report":       "incident",
	"report/board": "incident report",

	// Plumbing means nothing in the domain. A test server that speaks the words
	// of the domain has a row of its own, with incident in it.
	"internal/*":     "internal/*",
	"internal/bench": "*",
	"internal/docs":  "*", // its tests compare documents with the program

	"cmd/*": "*",
}

// rowOf returns the name of the row that speaks for pkg, or "".
func rowOf(pkg string) string {
	if _, ok := may[pkg]; ok {
		return pkg
	}
	for dir := path.Dir(pkg); dir != "."; dir = path.Dir(dir) {
		if _, ok := may[dir+"/*"]; ok {
			return dir + "/*"
		}
	}
	return ""
}

// allows reports whether a row lets pkg be imported.
func allows(row, pkg string) bool {
	return slices.ContainsFunc(strings.Fields(row), func(p string) bool {
		beneath, ok := strings.CutSuffix(p, "*")
		return p == pkg || ok && strings.HasPrefix(pkg, beneath)
	})
}

func TestEveryImportIsInTheTable(t *testing.T) {
	for _, f := range source(t) {
		pkg := path.Dir(f.name)
		row := rowOf(pkg)
		if row == "" {
			t.Errorf("%s: package %s has no row in the table: decide what it may import", f.name, pkg)
			continue
		}
		if f.test {
			continue // a test may meet the neighbours and play their part
		}
		for _, imp := range f.imports() {
			own, ok := strings.CutPrefix(imp, module+"/")
			if !ok || allows(may[row], own) {
				continue
			}
			t.Errorf("%s imports %s; its row is %q: %q", f.name, own, row, may[row])
		}
	}
}

func TestTheTableIsRead(t *testing.T) {
	for _, tt := range []struct {
		name      string
		from, imp string
		row       string
		want      bool
	}{
		{"a leaf imports nothing of ours", "incident", "ingest", "incident", false},
		{"a row of its own comes before the wildcard", "internal/bench", "pipeline", "internal/bench", true},
		{"plumbing imports plumbing", "internal/a", "internal/b/c", "internal/*", true},
		{"plumbing imports no domain", "internal/a/b", "incident", "internal/*", false},
		{"cmd knows everyone", "cmd/promptness", "pipeline/stream", "cmd/*", true},
		{"a channel does not know another", "alerting/smtp", "alerting/slack", "alerting/*", false},
		{"a parent is not its children", "pipeline", "pipeline/stream", "pipeline", false},
		{"a name that only begins alike is another", "ingest", "incidental", "ingest", false},
		{"no row", "surprise", "incident", "", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			row := rowOf(tt.from)
			if row != tt.row {
				t.Errorf("rowOf(%q) = %q, want %q", tt.from, row, tt.row)
			}
			if got := allows(may[row], tt.imp); got != tt.want {
				t.Errorf("%s imports %s: allowed = %v, want %v", tt.from, tt.imp, got, tt.want)
			}
		})
	}
}
