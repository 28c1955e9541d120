package report_test

import (
	"os"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/report"
)

func TestEveryFigureIsDefinedInTheDocument(t *testing.T) {
	b, err := os.ReadFile("../docs/report.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range report.FigureNames() {
		what, how := n.Define()
		if what == "" || how == "" {
			t.Errorf("%s has no definition", n)
		}
		if row := "| `" + string(n) + "` | " + what + " | " + how + " |\n"; !strings.Contains(string(b), row) {
			t.Errorf("docs/report.md does not have this row:\n%s", row)
		}
	}
}
