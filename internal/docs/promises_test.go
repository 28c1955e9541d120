package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A promise whose test was renamed or taken away is shown by nothing.
func TestEveryTestThatAPromiseNamesIsThere(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "promises.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{"I1", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "I9", "I16", "I17", "I18", "I19"} {
		if !strings.Contains(string(text), "\n| "+p+" ") {
			t.Errorf("promise %s has no row", p)
		}
	}
	named := regexp.MustCompile("`([a-z/]+)\\.(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	if len(named) < 40 {
		t.Fatalf("found %d tests, want 40 or more", len(named))
	}
	for _, m := range named {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(m[1]), "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		found := false
		for _, f := range files {
			code, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			found = found || strings.Contains(string(code), "\nfunc "+m[2]+"(t *testing.T)")
		}
		if !found {
			t.Errorf("%s holds no %s", m[1], m[2])
		}
	}
}
