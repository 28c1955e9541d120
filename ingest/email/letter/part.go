package letter

import (
	"bytes"
	"strconv"
	"strings"
)

// maxParams bounds the parameters of one field that are looked at.
const maxParams = 100

// A mediaType is what a Content-Type or Content-Disposition says.
type mediaType struct {
	kind   string // lower case, for example text/plain
	params map[string]string
}

// param returns a parameter; "" where there is none.
func (t mediaType) param(name string) string { return t.params[name] }

// contentType reads a Content-Type as programs write it: with semicolons that
// lead nowhere, without quotes, with "text" alone. What names no type is
// text/plain.
func contentType(value string) mediaType {
	t := parseType(value)
	main, sub, ok := strings.Cut(t.kind, "/")
	switch {
	case ok && typeToken(main) && typeToken(sub):
	case t.kind == "html" || t.kind == "text/html/plain":
		t.kind = "text/html"
	default:
		t.kind = "text/plain"
	}
	return t
}

func typeToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("!#$&^_.+-", c) >= 0) {
			return false
		}
	}
	return s != ""
}

// parseType cuts a field into its first word and its parameters (RFC 2045, and
// RFC 2231 with its continuations).
func parseType(value string) mediaType {
	pieces := pieces(cleanValue(value))
	t := mediaType{params: map[string]string{}}
	first := strings.TrimSpace(pieces[0])
	if i := strings.IndexAny(first, " \t"); i > 0 && strings.Contains(first[:i], "/") && strings.Contains(first[i:], "=") {
		pieces = append(pieces, first[i:]) // the semicolon is missing
		first = first[:i]
	}
	t.kind = strings.ToLower(strings.Trim(first, "\"'<>, \t"))
	parts := map[string][]string{} // of continued parameters
	for _, p := range pieces[1:] {
		name, v, ok := strings.Cut(p, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || name == "" || len(t.params) >= maxParams {
			continue
		}
		v = unquoteParam(strings.TrimSpace(v))
		base, section, extended := strings.Cut(name, "*")
		if !extended {
			if _, known := t.params[name]; !known {
				t.params[name] = v
			}
			continue
		}
		n, encoded := strings.CutSuffix(section, "*")
		i, err := strconv.Atoi(n)
		if n == "" {
			i, err, encoded = 0, nil, true
		}
		if err != nil || i < 0 || i >= maxParams {
			continue
		}
		if encoded {
			v = extendedValue(v, i == 0)
		}
		for len(parts[base]) <= i {
			parts[base] = append(parts[base], "")
		}
		parts[base][i] = v
	}
	for name, sections := range parts {
		if _, known := t.params[name]; !known {
			t.params[name] = strings.Join(sections, "")
		}
	}
	return t
}

// pieces cuts a value at its semicolons, unless they stand in quotes or in a
// comment.
func pieces(value string) []string {
	quotes := strings.Count(value, `"`)-strings.Count(value, `\"`) > 1
	var out []string
	var b strings.Builder
	in, comment := false, 0
	for i := 0; i < len(value); i++ {
		c := value[i]
		switch {
		case c == '\\' && in && i+1 < len(value):
			b.WriteByte(c)
			i++
			c = value[i]
		case c == '"' && quotes && comment == 0:
			in = !in
		case in:
		case c == '(' && strings.IndexByte(value[i:], ')') > 0:
			comment++
			continue
		case c == ')' && comment > 0:
			comment--
			continue
		case comment > 0:
			continue
		case c == ';':
			out = append(out, b.String())
			b.Reset()
			continue
		}
		b.WriteByte(c)
	}
	return append(out, b.String())
}

func unquoteParam(v string) string {
	if len(v) == 0 || v[0] != '"' {
		return strings.Trim(v, `"'`)
	}
	var b strings.Builder
	for i := 1; i < len(v); i++ {
		switch {
		case v[i] == '"':
			return b.String()
		case v[i] == '\\' && i+1 < len(v) && (v[i+1] == '"' || v[i+1] == '\\'):
			i++
		}
		b.WriteByte(v[i])
	}
	return b.String()
}

// extendedValue reads charset'language'per%20cent (RFC 2231).
func extendedValue(v string, first bool) string {
	charset := "utf-8"
	if first {
		if c, rest, ok := strings.Cut(v, "'"); ok {
			if _, text, ok := strings.Cut(rest, "'"); ok {
				charset, v = c, text
			}
		}
	}
	return decode(unquote(strings.ReplaceAll(v, "%", "=")), charset)
}

// split hands the parts of a multipart to yield, as long as that returns true.
// It finds none where the boundary does not occur. Parts behind the closing
// delimiter are taken, too: where two multiparts have the same boundary, the
// inner one closes first.
func split(body []byte, boundary string, yield func(part []byte) bool) (found bool) {
	delimiter := []byte("--" + boundary)
	begin := -1 // of the part that is open
	for at := 0; at < len(body); {
		i := bytes.Index(body[at:], delimiter)
		if i < 0 {
			break
		}
		i += at
		if i > 0 && body[i-1] != '\n' && body[i-1] != '\r' {
			at = nextLine(body, i)
			continue
		}
		at = nextLine(body, i)
		rest, _, _ := bytes.Cut(bytes.TrimSpace(body[i+len(delimiter):at]), []byte{' '})
		closing := bytes.Equal(rest, []byte("--"))
		if len(rest) > 0 && !closing {
			continue // a boundary that only begins like ours
		}
		if begin >= 0 && !yield(trimBreak(body[begin:i])) {
			return true
		}
		found = true
		begin = at
		if closing {
			begin = -1
		}
	}
	if begin >= 0 {
		yield(body[begin:]) // the end is missing
	}
	return found
}

// nextLine returns where the line after the one at i begins. A line may end
// with CR alone.
func nextLine(body []byte, i int) int {
	j := bytes.IndexAny(body[i:min(len(body), i+2048)], "\r\n")
	if j < 0 {
		return lineEnd(body, i)
	}
	j += i
	for j < len(body) && body[j] == '\r' {
		j++
	}
	if j < len(body) && body[j] == '\n' {
		j++
	}
	return j
}

// trimBreak takes away the line end that belongs to the delimiter behind it.
func trimBreak(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimRight(b, "\r")
}

// guessBoundary returns the boundary of a multipart that does not name it, or
// names another one: the first line that begins with -- and above what looks
// like the header of a part.
func guessBoundary(body []byte) string {
	for at, n := 0, 0; at < len(body) && n < 5000; n++ {
		next := lineEnd(body, at)
		line := bytes.TrimSpace(body[at:next])
		if len(line) > 2 && len(line) < 200 && bytes.HasPrefix(line, []byte("--")) && partHeader(body[next:]) {
			return string(line[2:])
		}
		at = next
	}
	return ""
}

// partHeader reports whether the header of a part begins here.
func partHeader(b []byte) bool {
	name, _, ok := bytes.Cut(b[:min(len(b), 100)], []byte{':'})
	return ok && len(name) > 8 && strings.EqualFold(string(name[:8]), "content-")
}
