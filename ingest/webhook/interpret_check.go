package webhook

// A checker decides whether bytes are one JSON document (RFC 8259), as
// encoding/json does, in one pass that knows how deep it is. Strings need not
// be UTF-8: what reads them sees to that.
type checker struct {
	b    []byte
	i    int
	left int  // levels that may still be opened
	deep bool // more were
}

// check reports whether b is one document nested at most depth deep, and
// whether depth is what it fails by.
func check(b []byte, depth int) (ok, deep bool) {
	c := checker{b: b, left: depth}
	ok = c.value() && c.space() == 0 && c.i == len(b)
	return ok, c.deep
}

func (c *checker) space() byte {
	for ; c.i < len(c.b); c.i++ {
		switch c.b[c.i] {
		case ' ', '\t', '\n', '\r':
		default:
			return c.b[c.i]
		}
	}
	return 0
}

func (c *checker) value() bool {
	switch b := c.space(); b {
	case '{':
		return c.members('}', true)
	case '[':
		return c.members(']', false)
	case '"':
		return c.text()
	case 't':
		return c.word("true")
	case 'f':
		return c.word("false")
	case 'n':
		return c.word("null")
	default:
		return (b == '-' || b >= '0' && b <= '9') && c.number()
	}
}

// members steps over an object or array up to its end.
func (c *checker) members(end byte, named bool) bool {
	if c.left == 0 {
		c.deep = true
		return false
	}
	c.left--
	c.i++
	if c.space() == end {
		c.i++
		c.left++
		return true
	}
	for {
		if named {
			if c.space() != '"' || !c.text() || c.space() != ':' {
				return false
			}
			c.i++
		}
		if !c.value() {
			return false
		}
		switch c.space() {
		case ',':
			c.i++
		case end:
			c.i++
			c.left++
			return true
		default:
			return false
		}
	}
}

func (c *checker) text() bool {
	for c.i++; c.i < len(c.b); c.i++ {
		switch b := c.b[c.i]; {
		case b == '"':
			c.i++
			return true
		case b < ' ':
			return false
		case b == '\\':
			if c.i++; c.i == len(c.b) {
				return false
			}
			switch c.b[c.i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if c.i+4 >= len(c.b) {
					return false
				}
				for range 4 {
					c.i++
					if !isHex(c.b[c.i]) {
						return false
					}
				}
			default:
				return false
			}
		}
	}
	return false
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

func (c *checker) word(w string) bool {
	if len(c.b)-c.i < len(w) || string(c.b[c.i:c.i+len(w)]) != w {
		return false
	}
	c.i += len(w)
	return true
}

func (c *checker) number() bool {
	if c.at('-') {
		c.i++
	}
	if c.at('0') {
		c.i++
	} else if !c.digits() {
		return false
	}
	if c.at('.') {
		c.i++
		if !c.digits() {
			return false
		}
	}
	if c.at('e') || c.at('E') {
		c.i++
		if c.at('+') || c.at('-') {
			c.i++
		}
		return c.digits()
	}
	return true
}

func (c *checker) at(b byte) bool { return c.i < len(c.b) && c.b[c.i] == b }

func (c *checker) digits() bool {
	from := c.i
	for c.i < len(c.b) && c.b[c.i] >= '0' && c.b[c.i] <= '9' {
		c.i++
	}
	return c.i > from
}
