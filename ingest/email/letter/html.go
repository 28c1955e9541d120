package letter

import (
	"strings"

	"golang.org/x/net/html"
)

const (
	maxTables = 12  // tables in tables; those of a layout are some five deep
	maxRows   = 400 // of a table that are looked at together
	maxQuotes = 20  // quotations in quotations that are marked
	ruleLine  = "________________________________"
)

// htmlText returns the text of an HTML page: without script, style and what is
// hidden, a line for each block, a line with "label, tab, value" for each pair
// of cells that a table sets side by side or below one another (see grid), and
// > signs before what it repeats of another mail. A page that has no text read
// that way, as its tags are broken, is read without regard to what is hidden.
func htmlText(page string) string {
	r := renderer{}
	text, whole := r.render(page)
	if whole && strings.TrimSpace(text) != "" {
		return text
	}
	r = renderer{all: true}
	if more, _ := r.render(page); len(more) > len(text) {
		text = more
	}
	if strings.TrimSpace(text) == "" {
		text = withoutTags(page)
	}
	return text
}

// A renderer makes text of a page. It does not build a tree: the depth of a
// page costs nothing.
type renderer struct {
	all    bool // read what is hidden, too
	out    flow
	tables []*grid
	quotes []bool // whether each open blockquote is a quotation
	skip   string // within an element that is not shown
	depth  int    // elements of that name within it
	bold   int
	pre    int
	spent  int
}

// flow returns where text goes now.
func (r *renderer) flow() *flow {
	if n := len(r.tables); n > 0 {
		return r.tables[n-1].flow()
	}
	return &r.out
}

// render reads the page. whole is false if it ends within what is not shown.
func (r *renderer) render(page string) (text string, whole bool) {
	z := html.NewTokenizer(strings.NewReader(page))
	z.SetMaxBuf(maxPage + 1<<16)
	for r.spent < maxText {
		switch z.Next() {
		case html.ErrorToken:
			for len(r.tables) > 0 {
				r.endTable()
			}
			return r.out.String(), r.skip == ""
		case html.TextToken:
			if r.skip == "" {
				r.text(string(z.Text()))
			}
		case html.StartTagToken:
			r.start(z.Token(), false)
		case html.SelfClosingTagToken:
			r.start(z.Token(), true)
		case html.EndTagToken:
			name, _ := z.TagName()
			r.end(string(name))
		case html.CommentToken, html.DoctypeToken:
		}
	}
	for len(r.tables) > 0 {
		r.endTable()
	}
	return r.out.String(), true
}

func (r *renderer) text(s string) {
	f := r.flow()
	before := len(f.b)
	if r.pre > 0 {
		f.lines(s)
	} else {
		f.words(s)
	}
	r.spent += len(f.b) - before
	if n := len(r.tables); n > 0 {
		r.tables[n-1].weigh(len(strings.TrimSpace(s)), r.bold > 0)
	}
}

func (r *renderer) start(t html.Token, closed bool) {
	if r.skip != "" {
		switch {
		case r.skip == "head" && t.Data == "body": // </head> is missing
			r.skip = ""
		case t.Data == r.skip && !closed:
			r.depth++
			return
		default:
			return
		}
	}
	if !closed && !void(t.Data) && (unseen(t.Data) || !r.all && hidden(t)) {
		r.skip, r.depth = t.Data, 1
		return
	}
	f := r.flow()
	switch t.Data {
	case "br":
		f.newline(true)
	case "hr":
		f.line(ruleLine)
	case "b", "strong":
		r.bold++
	case "pre":
		r.pre++
		f.newline(false)
	case "li":
		f.newline(false)
		f.words("- ")
	case "dd":
		f.tab()
	case "table":
		r.startTable()
	case "tr", "thead", "tbody", "tfoot":
		if n := len(r.tables); n > 0 {
			r.tables[n-1].endRow()
		} else {
			f.newline(false)
		}
	case "td", "th":
		if n := len(r.tables); n > 0 {
			r.tables[n-1].startCell(t.Data == "th")
		} else {
			f.tab()
		}
	case "blockquote":
		f.newline(false)
		q := quotation(t)
		r.quotes = append(r.quotes, q)
		if q {
			r.requote()
		}
	case "input":
		if v := attr(t, "value"); v != "" && fillable(attr(t, "type")) {
			f.words(" " + v + " ")
		}
	default:
		if t.Data == "div" && outlookRule(t, squeezed(attr(t, "style"))) {
			f.line(ruleLine)
			return
		}
		if block(t.Data) {
			f.newline(false)
		}
	}
}

func (r *renderer) end(tag string) {
	if r.skip != "" {
		if tag == r.skip {
			if r.depth--; r.depth == 0 {
				r.skip = ""
			}
		}
		return
	}
	f := r.flow()
	switch tag {
	case "b", "strong":
		r.bold = max(r.bold-1, 0)
	case "pre":
		r.pre = max(r.pre-1, 0)
		f.newline(false)
	case "table":
		if len(r.tables) > 0 {
			r.endTable()
		}
	case "tr":
		if n := len(r.tables); n > 0 {
			r.tables[n-1].endRow()
		} else {
			f.newline(false)
		}
	case "td", "th":
		if n := len(r.tables); n > 0 {
			r.tables[n-1].endCell()
		}
	case "blockquote":
		f.newline(false)
		if n := len(r.quotes); n > 0 {
			r.quotes = r.quotes[:n-1]
			r.requote()
		}
	case "dt":
	default:
		if block(tag) {
			f.newline(false)
		}
	}
}

// requote sets the signs of the lines that follow.
func (r *renderer) requote() {
	n := 0
	for _, q := range r.quotes[:min(len(r.quotes), maxQuotes)] {
		if q {
			n++
		}
	}
	r.out.quote = n
	for _, t := range r.tables {
		n -= t.outer
	}
	if k := len(r.tables); k > 0 {
		r.tables[k-1].quote = max(n, 0)
		r.tables[k-1].flow().quote = max(n, 0)
	}
}

func (r *renderer) startTable() {
	if len(r.tables) >= maxTables {
		r.flow().newline(false)
		return
	}
	f := r.flow()
	f.newline(false)
	r.tables = append(r.tables, &grid{outer: f.quote})
}

func (r *renderer) endTable() {
	n := len(r.tables) - 1
	t := r.tables[n]
	t.endRow()
	t.write()
	r.tables = r.tables[:n]
	f := r.flow()
	for l := range strings.Lines(t.out.String()) {
		f.line(strings.TrimSuffix(l, "\n"))
	}
}

// A flow is text as it is shown: white space is single, lines that are quoted
// bear signs.
type flow struct {
	b     []byte
	blank bool // a blank stands before the next word
	quote int
}

func (f *flow) String() string { return string(f.b) }

// atStart reports whether a line begins here.
func (f *flow) atStart() bool { return len(f.b) == 0 || f.b[len(f.b)-1] == '\n' }

// open writes the signs of a line that begins.
func (f *flow) open() {
	if f.atStart() {
		for range f.quote {
			f.b = append(f.b, "> "...)
		}
		f.blank = false
	}
}

func (f *flow) words(s string) {
	for at, w := range fieldsOf(s) {
		if at > 0 {
			f.blank = true
		}
		f.open()
		if f.blank && f.b[len(f.b)-1] != '\t' && f.b[len(f.b)-1] != ' ' {
			f.b = append(f.b, ' ')
		}
		f.b = append(f.b, w...)
		f.blank = false
	}
	if s != "" && strings.ContainsAny(s[len(s)-1:], " \t\r\n") {
		f.blank = true
	}
}

// fieldsOf yields the words of s; the number is 0 for one that begins it.
func fieldsOf(s string) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		for i := 0; i < len(s); {
			j := i
			for j < len(s) && (s[j] == ' ' || s[j] == '\n' || s[j] == '\t' || s[j] == '\r' || s[j] == '\f') {
				j++
			}
			end := j
			for end < len(s) && !(s[end] == ' ' || s[end] == '\n' || s[end] == '\t' || s[end] == '\r' || s[end] == '\f') {
				end++
			}
			if j < end && !yield(j, s[j:end]) {
				return
			}
			i = end
		}
	}
}

// lines writes text as it stands, with its line ends.
func (f *flow) lines(s string) {
	for l := range strings.Lines(s) {
		text, ended := strings.CutSuffix(l, "\n")
		text = strings.TrimSuffix(text, "\r")
		if text != "" {
			f.open()
			f.b = append(f.b, text...)
		}
		if ended {
			f.newline(true)
		}
	}
}

// newline ends a line; always says that it does so even where nothing stands in
// it.
func (f *flow) newline(always bool) {
	f.blank = false
	if always && f.quote > 0 {
		f.open()
	}
	if always || !f.atStart() {
		f.b = append(f.b, '\n')
	}
}

// Line writes a line of its own.
func (f *flow) line(s string) {
	f.newline(false)
	if s != "" {
		f.open()
		f.b = append(f.b, s...)
	}
	f.newline(true)
}

// tab sets what follows beside what stands in the line.
func (f *flow) tab() {
	f.blank = false
	if !f.atStart() && f.b[len(f.b)-1] != '\t' {
		f.b = append(f.b, '\t')
	}
}

// unseen tells elements whose text nobody sees.
func unseen(tag string) bool {
	switch tag {
	case "script", "style", "head", "title", "template", "noscript", "select", "svg", "object", "iframe", "noembed", "noframes":
		return true
	}
	return false
}

// hidden tells an element that a mail hides.
func hidden(t html.Token) bool {
	for _, a := range t.Attr {
		switch a.Key {
		case "hidden":
			return true
		case "style":
			s := squeezed(a.Val) + ";"
			if strings.Contains(s, "display:none") || strings.Contains(s, "visibility:hidden") || strings.Contains(s, "opacity:0;") ||
				strings.Contains(s, "max-height:0") && strings.Contains(s, "overflow:hidden") {
				return true
			}
		}
	}
	return false
}

func squeezed(style string) string {
	if style == "" {
		return ""
	}
	return strings.ToLower(strings.Join(strings.Fields(style), ""))
}

func attr(t html.Token, name string) string {
	for _, a := range t.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

// quotation tells a blockquote that repeats another mail from one that a person
// made to indent.
func quotation(t html.Token) bool {
	class := strings.ToLower(attr(t, "class"))
	return strings.EqualFold(attr(t, "type"), "cite") || attr(t, "cite") != "" || strings.Contains(class, "quote") ||
		strings.Contains(squeezed(attr(t, "style")), "border-left:")
}

// outlookRule tells the line that Outlook draws above a mail that it repeats,
// in its versions for the desk and for the browser.
func outlookRule(t html.Token, style string) bool {
	if strings.Contains(strings.ToLower(attr(t, "id")), "divrplyfwdmsg") {
		return true
	}
	return strings.Contains(style, "border-top:solid#") && strings.Contains(style, "border:none") ||
		strings.Contains(style, "border-top:1ptsolid") || strings.Contains(style, "border-top-style:solid") && strings.Contains(style, "border-top-width:1pt")
}

// fillable tells fields of a form that people write in.
func fillable(kind string) bool {
	switch strings.ToLower(kind) {
	case "", "text", "date", "time", "datetime-local", "email", "tel", "number", "search", "url":
		return true
	}
	return false
}

func void(tag string) bool {
	switch tag {
	case "br", "hr", "img", "input", "meta", "link", "col", "wbr", "area", "base", "embed":
		return true
	}
	return false
}

func block(tag string) bool {
	switch tag {
	case "p", "div", "tr", "table", "li", "ul", "ol", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote",
		"pre", "section", "article", "header", "footer", "hr", "dl", "dt", "dd", "body", "form", "fieldset", "center", "address", "figure", "main", "nav", "aside", "caption", "legend", "option":
		return true
	}
	return false
}

// withoutTags takes tags away by their brackets alone.
func withoutTags(s string) string {
	var out strings.Builder
	for s != "" && out.Len() < maxText {
		before, rest, ok := strings.Cut(s, "<")
		out.WriteString(html.UnescapeString(before))
		if !ok {
			break
		}
		inside, after, ok := strings.Cut(rest, ">")
		if !ok || len(inside) > 4096 {
			out.WriteString("<")
			s = rest
			continue
		}
		if block(strings.ToLower(strings.Trim(inside, "/ "))) || strings.HasPrefix(strings.ToLower(inside), "br") {
			out.WriteByte('\n')
		}
		s = after
	}
	return out.String()
}
