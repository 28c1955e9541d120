package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var alertOfRule = regexp.MustCompile(`(?m)^\s*- alert: (\w+)$`)

func TestEveryRuleIsTestedAndStandsInOperating(t *testing.T) {
	rules, err := filepath.Glob(filepath.Join(root, "deploy/prometheus/rules/*.yml"))
	if err != nil || len(rules) == 0 {
		t.Fatalf("find the rules: %q, %v", rules, err)
	}
	operating := readFile(t, "docs/OPERATING.md")
	for _, path := range rules {
		tests := filepath.Join("deploy/prometheus/tests", filepath.Base(path))
		cmd := exec.Command("promtool", "test", "rules", tests)
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool test rules %s: %v\n%s", tests, err, out)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		tested := readFile(t, tests)
		alerts := alertOfRule.FindAllStringSubmatch(string(text), -1)
		if len(alerts) == 0 {
			t.Errorf("%s has no alert", path)
		}
		for _, m := range alerts {
			if !strings.Contains(tested, m[1]) {
				t.Errorf("%s does not speak of %s", tests, m[1])
			}
			if !strings.Contains(operating, "`"+m[1]+"`") {
				t.Errorf("docs/OPERATING.md does not speak of %s", m[1])
			}
		}
	}
}
