package docs_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// root is the root of the repository, seen from here.
const root = "../.."

// words returns text in one line, without the marks that Markdown sets code in.
func words(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "`", "")), " ")
}

func readFile(t testing.TB, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestEveryHintOfTheProgramStandsInOperating(t *testing.T) {
	have := words(readFile(t, "docs/OPERATING.md"))
	all := hints(t)
	if len(all) < 40 { // far fewer than there are: the collector is blind
		t.Fatalf("collected %d hints, want 40 or more", len(all))
	}
	for _, hint := range slices.Sorted(maps.Keys(all)) {
		if !strings.Contains(have, words(hint)) {
			t.Errorf("%s: docs/OPERATING.md does not have the hint %q", all[hint], hint)
		}
	}
}

func TestEveryRefusalHasARowInOperating(t *testing.T) {
	text := readFile(t, "docs/OPERATING.md")
	for _, name := range ledger.Refusals() {
		if !strings.Contains(text, "\n| `"+string(name)+"` |") {
			t.Errorf("docs/OPERATING.md has no row for the refusal %s", name)
		}
	}
}

// A hint shorter than this says nothing that needs a document.
const shortHint = 12

var (
	verb     = regexp.MustCompile(`%[-+# 0-9.]*[a-zA-Z]`)
	hintName = regexp.MustCompile(`(?i)hint$|^hint`)
)

// hints returns the fixed words of every hint in the source, with the place of
// one that has them. A hint is what a function called …Hint… returns, what is
// given for a parameter or a field called hint, or a constant called so. What
// tests and the demonstration say is left out.
func hints(t testing.TB) map[string]string {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/internal/bench/") ||
			strings.HasPrefix(filepath.Base(path), "demo") {
			return err
		}
		f, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	collect := func(n ast.Node) {
		ast.Inspect(n, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok || lit.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range verb.Split(text, -1) {
				if part = strings.TrimSpace(part); len(part) >= shortHint {
					all[part] = strings.TrimPrefix(set.Position(lit.Pos()).String(), root+"/")
				}
			}
			return true
		})
	}
	takes := takers(files)
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if hintName.MatchString(n.Name.Name) && n.Type.Results != nil && n.Body != nil {
					ast.Inspect(n.Body, func(n ast.Node) bool {
						if r, ok := n.(*ast.ReturnStmt); ok {
							for _, e := range r.Results {
								collect(e)
							}
						}
						return true
					})
				}
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if hintName.MatchString(name.Name) && i < len(n.Values) {
						collect(n.Values[i])
					}
				}
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					if id, ok := to.(*ast.Ident); ok && hintName.MatchString(id.Name) && len(n.Rhs) == len(n.Lhs) {
						if _, is := n.Rhs[i].(*ast.CallExpr); !is {
							collect(n.Rhs[i])
						}
					}
				}
			case *ast.KeyValueExpr:
				if id, ok := n.Key.(*ast.Ident); ok && hintName.MatchString(id.Name) {
					collect(n.Value)
				}
			case *ast.CallExpr:
				if at, ok := takes[called(n)]; ok && at < len(n.Args) {
					collect(n.Args[at])
				}
			}
			return true
		})
	}
	return all
}

// takers returns the functions that take a parameter called hint, with its
// place.
func takers(files []*ast.File) map[string]int {
	all := map[string]int{}
	note := func(name string, ft *ast.FuncType) {
		i := 0
		for _, field := range ft.Params.List {
			for _, p := range field.Names {
				if p.Name == "hint" {
					all[name] = i
				}
				i++
			}
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				note(n.Name.Name, n.Type)
			case *ast.AssignStmt:
				for i, to := range n.Lhs {
					id, ok := to.(*ast.Ident)
					if !ok || i >= len(n.Rhs) {
						continue
					}
					if fn, ok := n.Rhs[i].(*ast.FuncLit); ok {
						note(id.Name, fn.Type)
					}
				}
			}
			return true
		})
	}
	return all
}

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	default:
		return ""
	}
}
