package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	marks   = regexp.MustCompile("[^a-z0-9 -]")
)

// anchors are the places in a page that a link can lead to.
func anchors(text string) map[string]bool {
	all := map[string]bool{"": true}
	for _, m := range heading.FindAllStringSubmatch(text, -1) {
		all[strings.ReplaceAll(marks.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join(root, "docs", "*", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	more, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	pages = append(append(pages, more...), filepath.Join(root, "README.md"), filepath.Join(root, "CHANGELOG.md"))
	if len(pages) < 12 {
		t.Fatalf("found %d pages, want 12 or more", len(pages))
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			path, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(path, "://") {
				continue
			}
			to := page
			if path != "" {
				to = filepath.Join(filepath.Dir(page), path)
			}
			st, err := os.Stat(to)
			if err != nil {
				t.Errorf("%s: %s leads nowhere", page, m[1])
				continue
			}
			if st.IsDir() || anchor == "" {
				continue
			}
			if b, err := os.ReadFile(to); err != nil || !anchors(string(b))[anchor] {
				t.Errorf("%s: %s leads to no heading (%v)", page, m[1], err)
			}
		}
	}
}

func TestArchitectureIsTwoPagesAndReadmeFitsATerminal(t *testing.T) {
	if n := strings.Count(readFile(t, "docs/ARCHITECTURE.md"), "\n"); n > 110 {
		t.Errorf("docs/ARCHITECTURE.md has %d lines, over two pages of 55", n)
	}
	for i, line := range strings.Split(readFile(t, "README.md"), "\n") {
		if n := len([]rune(line)); n > 80 {
			t.Errorf("README.md:%d is %d wide, over 80", i+1, n)
		}
	}
}
