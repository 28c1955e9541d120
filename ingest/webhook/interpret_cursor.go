package webhook

import (
	"encoding/json"
	"strings"
	"unicode/utf8"
)

// A cursor walks a JSON text that is known to be valid and knows where in it
// each value stands. It exists because the record keeps the place of the words
// that a time was read from, and because alerts are the bulk of what comes.
type cursor struct {
	b []byte
	i int
}

// space skips white space and returns the byte that follows, 0 at the end.
func (c *cursor) space() byte {
	for ; c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case ' ', '\t', '\n', '\r':
		default:
			return c.b[c.i]
		}
	}
	return 0
}

// open steps into an object or array that begins with b, or skips the value
// and returns false where it is another.
func (c *cursor) open(b byte) bool {
	if c.space() == b {
		c.i++
		return true
	}
	c.skip()
	return false
}

// more reports whether another member or element follows, and steps over what
// stands before it; it steps out of the object or array where none does.
func (c *cursor) more() bool {
	switch c.space() {
	case ',':
		c.i++
		c.space()
		return true
	case '}', ']':
		c.i++
		return false
	default:
		return c.i < len(c.b)
	}
}

// name reads the name of a member and steps to its value. What it returns is
// for comparing; a name with an escape in it is unquoted.
func (c *cursor) name() []byte {
	c.space()
	from := c.i
	name := []byte(nil)
	if c.quoted() {
		name = c.b[from+1 : c.i-1]
	} else if s, ok := unquote(c.b[from:c.i]); ok {
		name = []byte(s)
	}
	if c.space() == ':' {
		c.i++
	}
	return name
}

// text reads a string, and where between its quotes it stands. It skips a value
// of another type and returns false.
func (c *cursor) text() (string, [2]int, bool) {
	if c.space() != '"' {
		c.skip()
		return "", [2]int{}, false
	}
	from := c.i
	plain := c.quoted()
	at := [2]int{from + 1, c.i - 1}
	if plain {
		if inner := c.b[at[0]:at[1]]; utf8.Valid(inner) {
			return string(inner), at, true
		}
		return strings.ToValidUTF8(string(c.b[at[0]:at[1]]), "\ufffd"), at, true
	}
	s, ok := unquote(c.b[from:c.i])
	return s, at, ok
}

// unquote reads a string with escapes.
func unquote(quoted []byte) (s string, ok bool) {
	err := json.Unmarshal(quoted, &s)
	return s, err == nil
}

// quoted steps over a string and reports whether it holds no escape.
func (c *cursor) quoted() bool {
	plain := true
	for c.i++; c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case '\\':
			plain = false
			c.i++
		case '"':
			c.i++
			return plain
		}
	}
	return plain
}

// skip steps over one value.
func (c *cursor) skip() {
	depth := 0
	for c.space() != 0 {
		switch c.b[c.i] {
		case '"':
			c.quoted()
		case '{', '[':
			depth++
			c.i++
		case '}', ']':
			depth--
			c.i++
		case ',', ':':
			c.i++
		default:
			c.scalar()
		}
		if depth <= 0 {
			return
		}
	}
}

// scalar steps over a number, true, false or null and returns its text.
func (c *cursor) scalar() string {
	from := c.i
	for c.i < len(c.b) {
		switch c.b[c.i] {
		case ',', ':', '{', '}', '[', ']', '"', ' ', '\t', '\n', '\r':
			return string(c.b[from:c.i])
		}
		c.i++
	}
	return string(c.b[from:])
}
