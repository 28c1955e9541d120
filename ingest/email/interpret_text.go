package email

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// textPatterns is compiled once.
var textPatterns = sync.OnceValue(func() (p struct{ separator *regexp.Regexp }) {
	// A hint may stand behind the label: "Date and time detected (dd/mm/yyyy):".
	const blank = `[ \t*_\x{a0}]*`
	p.separator = regexp.MustCompile(`^[*_?\x{a0} ]*(?:\([^()\n]{0,80}\)[*_?\x{a0} ]*)?(?:[:\x{ff1a}|=\t]|[-\x{2013}][ \x{a0}])[|]?` + blank + `\|?` + blank)
	return p
})

// A labelled is what stands behind a label.
type labelled struct {
	field  string
	value  string
	at     int // where value begins in the text
	quoted bool
	below  bool // it stands on a line below the label
}

// maxLabelled bounds the labelled lines that are used of one mail.
const maxLabelled = 32

// findLabelled returns the labelled lines of text, the sender's own before
// quoted ones. A value may stand below its label, as a form is copied.
func (r *rules) findLabelled(text string, lines []letter.Line) []labelled {
	var found []labelled
	for i, l := range lines {
		if len(found) >= maxLabelled {
			break
		}
		if strings.IndexByte(text[l.Begin:l.End], '\t') >= 0 {
			if more := r.inCells(text, lines, i); more != nil {
				found = append(found, more...)
				continue
			}
		}
		field, at := r.labelAt(text, l.Begin, l.End)
		if field == "" {
			continue
		}
		v := labelled{field: field, value: trimValue(text[at:l.End]), at: at, quoted: l.Quoted}
		if v.value == "" {
			v = r.below(text, lines[i+1:], v)
		}
		if v.value != "" {
			found = append(found, v)
		}
	}
	slices.SortStableFunc(found, func(a, b labelled) int {
		switch {
		case a.quoted == b.quoted:
			return 0
		case b.quoted:
			return -1
		default:
			return 1
		}
	})
	return found
}

// maxCells bounds the cells of a line that are looked at.
const maxCells = 32

// inCells reads a line that tabs cut into cells of which more than the first
// are labels: the value stands in the next cell, or below in the same column
// where the next cell is a label, too. It returns nil for any other line.
func (r *rules) inCells(text string, lines []letter.Line, i int) []labelled {
	cells := cellsOf(text, lines[i])
	fields := make([]string, len(cells))
	n := 0
	for k, c := range cells {
		if fields[k] = r.wholeLabel(text[c[0]:c[1]]); fields[k] != "" {
			n++
		}
	}
	if n == 0 || n == 1 && fields[0] != "" {
		return nil
	}
	var under [][2]int // the cells of the next line that is not empty
	for _, l := range lines[i+1 : min(len(lines), i+3)] {
		if under = cellsOf(text, l); len(under) > 1 {
			break
		}
	}
	found := []labelled{}
	for k, field := range fields {
		if field == "" {
			continue
		}
		v := labelled{field: field, quoted: lines[i].Quoted}
		switch {
		case k+1 < len(cells) && fields[k+1] == "":
			v.at, v.value = cells[k+1][0], trimValue(text[cells[k+1][0]:cells[k+1][1]])
		case len(under) == len(cells) && r.wholeLabel(text[under[k][0]:under[k][1]]) == "":
			v.at, v.value, v.below = under[k][0], trimValue(text[under[k][0]:under[k][1]]), true
		}
		if v.value != "" {
			found = append(found, v)
		}
	}
	return found
}

// cellsOf returns where the cells of a line stand.
func cellsOf(text string, l letter.Line) [][2]int {
	var cells [][2]int
	for at := skipMarkup(text, l.Begin, l.End); at <= l.End && len(cells) < maxCells; {
		end := l.End
		if j := strings.IndexByte(text[at:l.End], '\t'); j >= 0 {
			end = at + j
		}
		cells = append(cells, [2]int{at + len(text[at:end]) - len(strings.TrimLeft(text[at:end], " *_")), end})
		at = end + 1
	}
	return cells
}

// wholeLabel returns the field whose label is all that s says.
func (r *rules) wholeLabel(s string) string {
	if len(s) > 200 {
		return ""
	}
	s = plainLabel(strings.Trim(s, " *_|\u00a0"))
	if s == "" {
		return ""
	}
	for _, l := range r.labels {
		if l.text == s {
			return l.field
		}
	}
	return ""
}

// below returns v with the value on the next line that is not empty, if it is
// among the next three and has no label itself.
func (r *rules) below(text string, lines []letter.Line, v labelled) labelled {
	for _, l := range lines[:min(len(lines), 3)] {
		at := skipMarkup(text, l.Begin, l.End)
		if at == l.End {
			continue
		}
		if f, _ := r.labelAt(text, l.Begin, l.End); f == "" {
			v.at, v.value, v.below = at, trimValue(text[at:l.End]), true
		}
		break
	}
	return v
}

func trimValue(s string) string { return strings.TrimRight(s, " \t*_|\u00a0") }

// labelAt returns the field whose label begins the line from begin to end, and
// where its value begins.
func (r *rules) labelAt(text string, begin, end int) (name string, value int) {
	at := skipMarkup(text, begin, end)
	s := text[at:end]
	for _, l := range r.labels {
		if len(s) < len(l.text) || !strings.EqualFold(s[:len(l.text)], l.text) {
			continue
		}
		if m := textPatterns().separator.FindString(s[len(l.text):]); m != "" {
			return l.field, at + len(l.text) + len(m)
		}
	}
	return "", 0
}

// skipMarkup moves over what may stand before a label: quote signs, bullets and
// the signs of bold type.
func skipMarkup(text string, begin, end int) int {
	return end - len(strings.TrimLeft(text[begin:end], " \t>*_|-\u2022\u00a0\u00b7"))
}

// plainLabel is a label as it is compared.
func plainLabel(s string) string {
	return strings.ToLower(strings.TrimRight(letter.OneLine(s), ":? "))
}

// sortLabels puts longer labels first, so that the more exact one is found.
func sortLabels(labels []label) {
	slices.SortFunc(labels, func(a, b label) int {
		return cmp.Or(cmp.Compare(len(b.text), len(a.text)), cmp.Compare(a.text, b.text), cmp.Compare(a.field, b.field))
	})
}
