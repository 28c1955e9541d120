package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// columns is the width of a terminal that everybody has.
const columns = 80

// A text is written line by line and never wider than columns, commands apart:
// a command that is broken cannot be copied.
type text struct{ b strings.Builder }

// say writes a sentence, broken between words, each line indented; those after
// the first by two more.
func (t *text) say(indent int, format string, args ...any) {
	line := strings.Repeat(" ", indent)
	used := 0
	for _, w := range strings.Fields(fmt.Sprintf(format, args...)) {
		n := utf8.RuneCountInString(line)
		if used > 0 && n+1+utf8.RuneCountInString(w) > columns {
			t.b.WriteString(line + "\n")
			line, used = strings.Repeat(" ", indent+2), 0
		}
		if used > 0 {
			line += " "
		}
		line += w
		used++
	}
	t.b.WriteString(line + "\n")
}

// raw writes a line as it is.
func (t *text) raw(line string) { t.b.WriteString(strings.TrimRight(line, " ") + "\n") }

// gap writes an empty line and a heading.
func (t *text) gap(heading string) { t.b.WriteString("\n" + heading + "\n") }

func (t *text) to(w io.Writer) error {
	_, err := io.WriteString(w, t.b.String())
	return err
}

// table writes rows under a head, aligned. The last column takes what is left
// of the width; what does not fit is cut with an ellipsis.
func (t *text) table(head []string, rows [][]string) {
	width := make([]int, len(head))
	for _, r := range append([][]string{head}, rows...) {
		for i, c := range r {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	used := 0
	for i := range width {
		left := columns - used - 2*(len(width)-1-i)
		width[i] = max(1, min(width[i], left-3*(len(width)-1-i)))
		used += width[i] + 2
	}
	for _, r := range append([][]string{head}, rows...) {
		var line strings.Builder
		for i, c := range r {
			fmt.Fprintf(&line, "%-*s", width[i], cut(c, width[i]))
			if i < len(r)-1 {
				line.WriteString("  ")
			}
		}
		t.raw(line.String())
	}
}

// cut returns s in at most n characters.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}
