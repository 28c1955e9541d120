package letter

import (
	"strings"
)

// A grid is a table of a page while it is read.
type grid struct {
	rows  [][]cell
	row   []cell
	cell  flow // of the cell that is open, or of what stands between cells
	open  bool // a cell is open
	head  bool // it is a th
	heavy int  // bytes of it in bold type
	light int  // bytes of it that are not
	out   flow
	outer int // > signs that stand before the whole table
	quote int // and within it
}

// A cell is one that is closed.
type cell struct {
	text string
	head bool // a th, or all in bold type
}

func (g *grid) flow() *flow { return &g.cell }

// weigh counts text as bold or not.
func (g *grid) weigh(n int, bold bool) {
	if bold {
		g.heavy += n
	} else {
		g.light += n
	}
}

func (g *grid) startCell(head bool) {
	g.endCell()
	g.open, g.head = true, head
}

// endCell closes the cell. What stands outside of cells, which is an error of
// the page, is a cell as well.
func (g *grid) endCell() {
	text := strings.TrimSpace(g.cell.String())
	if g.open || text != "" {
		g.row = append(g.row, cell{text, g.head || g.heavy > 0 && g.light <= 1})
	}
	g.cell = flow{quote: g.quote}
	g.open, g.head, g.heavy, g.light = false, false, 0, 0
}

func (g *grid) endRow() {
	g.endCell()
	if len(g.row) > 0 {
		g.rows = append(g.rows, g.row)
		g.row = nil
	}
	if len(g.rows) >= maxRows {
		g.write()
		g.rows = nil
	}
}

// write makes lines of the rows: "label, tab, value" where two cells of a row
// belong together, or a cell and the one below its heading; the cells one
// after the other where they hold lines of their own, as in a layout.
func (g *grid) write() {
	for i := 0; i < len(g.rows); i++ {
		if n := g.headed(i); n > 0 {
			g.columns(g.rows[i], g.rows[i+1:i+1+n])
			i += n
			continue
		}
		g.line(g.rows[i])
	}
}

// headed returns how many rows below row i stand under its headings.
func (g *grid) headed(i int) int {
	heads := g.rows[i]
	if len(heads) < 2 || !all(heads, func(c cell) bool { return c.text != "" && c.head && oneLined(c.text) }) {
		return 0
	}
	n := 0
	for _, row := range g.rows[i+1:] {
		if len(row) != len(heads) || !all(row, func(c cell) bool { return oneLined(c.text) }) ||
			all(row, func(c cell) bool { return c.head }) {
			break
		}
		n++
	}
	return n
}

// columns writes rows under headings. A table of two columns may as well be a
// list of labels and values under the headings "Question" and "Answer", and so
// may one of many rows; both readings are written where both can be meant.
func (g *grid) columns(heads []cell, rows [][]cell) {
	if len(heads) == 2 || len(rows) > 1 {
		g.line(heads)
		for _, row := range rows {
			g.line(row)
		}
	}
	if len(rows) > 3 || len(heads) == 2 && len(rows) > 1 {
		return
	}
	for _, row := range rows {
		for j, c := range row {
			if c.text != "" && heads[j].text != c.text {
				g.out.line(heads[j].text + "\t" + c.text)
			}
		}
	}
}

// Line writes one row.
func (g *grid) line(row []cell) {
	var cells []cell
	for _, c := range row {
		if c.text != "" {
			cells = append(cells, c)
		}
	}
	switch {
	case len(cells) == 0:
		return
	case len(cells) == 2 && len(cells[0].text) <= 200 && oneLined(cells[0].text):
		g.put(cells[0].text + "\t" + cells[1].text)
		return
	case len(cells) == 1 || !all(cells, func(c cell) bool { return oneLined(c.text) }) && !formRow(cells):
		for _, c := range cells {
			g.put(c.text)
		}
		return
	}
	for len(cells) > 0 {
		n := 1
		for n < len(cells) && !(labelling(cells[n]) && !labelling(cells[n-1])) {
			n++
		}
		text := make([]string, n)
		for i, c := range cells[:n] {
			text[i] = c.text
		}
		g.put(strings.Join(text, "\t"))
		cells = cells[n:]
	}
}

// formRow reports whether cells are labels and values by turns.
func formRow(cells []cell) bool {
	for i, c := range cells {
		if labelling(c) != (i%2 == 0) || i%2 == 0 && !oneLined(c.text) {
			return false
		}
	}
	return true
}

// labelling reports whether a cell stands before its value.
func labelling(c cell) bool { return c.head || strings.HasSuffix(c.text, ":") }

func (g *grid) put(text string) {
	for l := range strings.Lines(text) {
		g.out.line(strings.TrimSuffix(l, "\n"))
	}
}

func oneLined(s string) bool { return !strings.Contains(s, "\n") }

func all(cells []cell, is func(cell) bool) bool {
	for _, c := range cells {
		if !is(c) {
			return false
		}
	}
	return true
}
