package layering_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"path"
	"slices"
	"strings"
	"testing"
)

// longest is the most lines a file may have: a file is a chapter.
const longest = 500

func TestFilesAreChapters(t *testing.T) {
	for _, f := range source(t) {
		if n := bytes.Count(f.text, []byte("\n")); n > longest && !ast.IsGenerated(f.ast) {
			t.Errorf("%s has %d lines, over %d: split it by what it tells", f.name, n, longest)
		}
	}
}

// pure reports whether the file decides, and so takes now as an argument. What
// it decides must come out the same when the record is folded again.
func pure(name string) bool {
	dir, base := path.Split(name)
	dir = strings.TrimSuffix(dir, "/")
	switch {
	case dir == "incident", dir == "pipeline/fold", dir == "pipeline/ledger", dir == "report", dir == "ingest/said", dir == "ingest/email/letter":
		return true
	case path.Dir(dir) == "ingest":
		return strings.HasPrefix(base, "interpret")
	default:
		return false
	}
}

func TestWhatDecidesReadsNoClock(t *testing.T) {
	for _, f := range source(t) {
		if f.test || !pure(f.name) {
			continue
		}
		for _, call := range f.calls("time", "Now", "Since", "Until") {
			t.Errorf("%s: take now as an argument", call)
		}
	}
}

func TestWhatDecidesTouchesNoWorld(t *testing.T) {
	world := []string{"crypto/rand", "math/rand", "math/rand/v2", "net", "net/http", "os", "os/exec"}
	for _, f := range source(t) {
		// The ledger's checkpoint is a file on disk.
		if f.test || !pure(f.name) || path.Dir(f.name) == "pipeline/ledger" {
			continue
		}
		for _, imp := range f.imports() {
			if slices.Contains(world, imp) {
				t.Errorf("%s imports %s: it decides, and takes what it needs as arguments", f.name, imp)
			}
		}
	}
}

func TestOnlyTwoPackagesSleep(t *testing.T) {
	for _, f := range source(t) {
		switch path.Dir(f.name) {
		case "internal/bubble", "internal/eventually":
			continue
		}
		for _, call := range f.calls("time", "Sleep") {
			t.Errorf("%s: a test advances time with bubble.Advance or looks with eventually.Eventually; a program waits on a timer and a context", call)
		}
	}
}

func TestPureFilesAreFound(t *testing.T) {
	for _, tt := range []struct {
		name string
		want bool
	}{
		{"incident/claim.go", true},
		{"incident/scenario/run.go", false},
		{"pipeline/fold/step.go", true},
		{"pipeline/processor.go", false},
		{"pipeline/ledger/chain.go", true},
		{"report/month.go", true},
		{"report/board/page.go", false},
		{"ingest/said/time.go", true},
		{"ingest/email/interpret.go", true},
		{"ingest/email/letter/mail.go", true},
		{"ingest/email/interpret_labels.go", true},
		{"ingest/email/box.go", false},
		{"ingest/interpreter.go", false},
	} {
		if got := pure(tt.name); got != tt.want {
			t.Errorf("pure(%q) = %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestCallsAreFoundUnderAnyName(t *testing.T) {
	for _, tt := range []struct {
		name string
		text string
		want int
	}{
		{"plain", `package p; import "time"; var _ = time.Now()`, 1},
		{"renamed", `package p; import clock "time"; var _ = clock.Now()`, 1},
		{"as a value", `package p; import "time"; var now = time.Now`, 1},
		{"with a dot", `package p; import . "time"; var _ = Now()`, 1},
		{"a variable of that name", `package p; import "time"; func f(time struct{ Now int }) int { return time.Now }; var _ = time.UTC`, 0},
		{"another function", `package p; import "time"; var _ = time.Unix(0, 0)`, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fset := token.NewFileSet()
			tree, err := parser.ParseFile(fset, "p.go", tt.text, 0)
			if err != nil {
				t.Fatal(err)
			}
			f := file{name: "p.go", fset: fset, ast: tree}
			if got := f.calls("time", "Now", "Since", "Until"); len(got) != tt.want {
				t.Errorf("calls in %q = %q, want %d of them", tt.text, got, tt.want)
			}
		})
	}
}
