package letter

import (
	"strings"
)

// unflow joins the lines of a text of format=flowed (RFC 3676): one that ends
// with a blank goes on in the next.
func unflow(s string, delsp bool) string {
	var out strings.Builder
	out.Grow(len(s))
	depth, open := 0, false // of the line before, and whether it goes on
	for l := range strings.Lines(s) {
		l = strings.TrimRight(l, "\r\n")
		n := len(l) - len(strings.TrimLeft(l, ">"))
		text := strings.TrimPrefix(l[n:], " ") // stuffed, RFC 3676 section 4.4
		flowed := strings.HasSuffix(text, " ") && text != "-- "
		if !open || n != depth || text == "-- " {
			if out.Len() > 0 {
				out.WriteByte('\n')
			}
			if n > 0 {
				out.WriteString(l[:n])
				out.WriteByte(' ')
			}
		}
		if flowed && delsp {
			text = text[:len(text)-1]
		}
		out.WriteString(text)
		depth, open = n, flowed
	}
	return out.String()
}

// withoutFiles takes files that are written into a text (uuencode) out of it
// and returns their names.
func withoutFiles(s string) (text string, names []string) {
	if !strings.HasPrefix(s, "begin ") && !strings.Contains(s, "\nbegin ") {
		return s, nil
	}
	out := make([]byte, 0, len(s))
	name := ""
	from := 0 // where the file that is open begins
	for l := range strings.Lines(s) {
		line := strings.TrimRight(l, "\r\n")
		switch {
		case name == "" && strings.HasPrefix(line, "begin ") && uuBegin([]byte(line)) != "":
			name, from = uuBegin([]byte(line)), len(out)
		case name != "" && line == "end":
			names = append(names, name)
			out, name = out[:from], ""
			continue
		}
		out = append(out, l...)
	}
	return string(out), names
}

// armoured reports whether a text is encrypted with PGP and holds little else.
func armoured(s string) bool {
	const begin, end = "-----BEGIN PGP MESSAGE-----", "-----END PGP MESSAGE-----"
	i := strings.Index(s, begin)
	return i >= 0 && (strings.Contains(s[i:], end) || len(s)-i > 200) && len(strings.TrimSpace(s[:i])) < 2000
}

// enrichedText returns the text of text/enriched (RFC 1896): commands stand in
// angle brackets, a bracket is doubled, and one line end is a blank.
func enrichedText(s string) string {
	var out strings.Builder
	skip := 0
	for i := 0; i < len(s); {
		switch c := s[i]; {
		case c == '<' && strings.HasPrefix(s[i:], "<<"):
			if skip == 0 {
				out.WriteByte('<')
			}
			i += 2
		case c == '<':
			end := strings.IndexByte(s[i:min(len(s), i+200)], '>')
			if end < 0 {
				out.WriteByte(c)
				i++
				continue
			}
			switch strings.ToLower(s[i+1 : i+end]) {
			case "param":
				skip++
			case "/param":
				skip = max(skip-1, 0)
			case "nl", "paragraph", "/paragraph":
				out.WriteByte('\n')
			}
			i += end + 1
		case c == '\r':
			i++
		case c == '\n':
			n := 0
			for i < len(s) && (s[i] == '\n' || s[i] == '\r') {
				if s[i] == '\n' {
					n++
				}
				i++
			}
			if n == 1 {
				out.WriteByte(' ')
			}
			for ; n > 1; n-- {
				out.WriteByte('\n')
			}
		default:
			if skip == 0 {
				out.WriteByte(c)
			}
			i++
		}
	}
	return cleanText(out.String())
}

// maxCalendar bounds the bytes of an invitation that are read.
const maxCalendar = 256 << 10

// calendarText returns what an invitation (RFC 5545) says in words: its
// summary, place and description.
func calendarText(s string) string {
	s = s[:min(len(s), maxCalendar)]
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = strings.NewReplacer("\n ", "", "\n\t", "").Replace(s) // folded lines
	var out strings.Builder
	for l := range strings.Lines(s) {
		name, value, ok := strings.Cut(strings.TrimRight(l, "\n"), ":")
		if !ok {
			continue
		}
		if strings.Count(name, `"`)%2 == 1 { // a colon in a parameter
			_, after, ok := strings.Cut(value, `":`)
			if !ok {
				continue
			}
			value = after
		}
		name, _, _ = strings.Cut(strings.ToUpper(name), ";")
		switch name {
		case "SUMMARY", "LOCATION", "DESCRIPTION", "COMMENT":
			value = strings.NewReplacer(`\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\\`, `\`).Replace(value)
			if value = strings.TrimSpace(value); value != "" {
				out.WriteString(value)
				out.WriteByte('\n')
			}
		}
	}
	return cleanText(out.String())
}
