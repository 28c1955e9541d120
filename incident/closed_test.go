package incident_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// constants returns the values of the typed string constants of this package,
// by the name of their type.
func constants(t *testing.T) map[string][]string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("find the source: %d files, %v", len(files), err)
	}
	all := map[string][]string{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 {
				return true
			}
			typ, ok := spec.Type.(*ast.Ident)
			lit, isLit := spec.Values[0].(*ast.BasicLit)
			if ok && isLit && lit.Kind == token.STRING {
				s, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				all[typ.Name] = append(all[typ.Name], s)
			}
			return true
		})
	}
	return all
}

func listed[T ~string](words []T) []string {
	var all []string
	for _, w := range words {
		all = append(all, string(w))
	}
	return all
}

func TestEveryConstantOfAClosedSetIsListed(t *testing.T) {
	declared := constants(t)
	for typ, words := range map[string][]string{
		"Kind": listed(incident.Kinds()), "Why": listed(incident.Whys()), "Flag": listed(incident.Flags()),
		"Opening": listed(incident.Openings()), "Trust": listed(incident.Trusts()), "Basis": listed(incident.Bases()),
		"Void": listed(incident.Voids()), "Doubt": listed(incident.Doubts()), "Route": listed(incident.Routes()),
		"Role": listed(incident.Roles()), "Personal": listed(incident.Personals()), "Impact": listed(incident.Impacts()),
		"Disposition": listed(incident.Dispositions()), "Status": listed(incident.Statuses()),
		"LinkWhy": listed(incident.LinkWhys()), "LinkState": listed(incident.LinkStates()),
		"NoteCode": listed(incident.NoteCodes()), "Refusal": listed(incident.Refusals()), "State": listed(incident.States()),
		"AlertState": listed(incident.AlertStates()), "DecisionKind": listed(incident.DecisionKinds()),
		"ActKind": listed(incident.Acts()), "Reason": listed(incident.Reasons()), "KeyKind": listed(incident.KeyKinds()),
		"Channel": listed(incident.Channels()), "Milestone": listed(incident.Milestones()),
		"DKIM": listed(incident.DKIMs()),
	} {
		t.Run(typ, func(t *testing.T) {
			want := declared[typ]
			if len(want) == 0 {
				t.Fatalf("no constant of type %s was found", typ)
			}
			slices.Sort(words)
			slices.Sort(want)
			if got, want := fmt.Sprint(words), fmt.Sprint(want); got != want {
				t.Errorf("listed   %s\ndeclared %s", got, want)
			}
		})
	}
}
