package email

import (
	"bytes"
	"errors"
	"strconv"
)

// maxAnswerDepth is how deep a server's answers may nest lists. What we ask for
// needs three.
const maxAnswerDepth = 200

// errTooDeep says that a server nests without end. go-imap follows some lists by
// calling itself without a bound, and a stack that is full ends the process.
var errTooDeep = errors.New("the server's answer nests too deep")

// A nesting follows a server's answers and counts how deep the lists in them
// are. What stands in the text of a mail, or between quotes, is no list.
type nesting struct {
	depth   int
	literal int64  // bytes of a text that are still to come
	line    []byte // the end of the line that is being read
	start   []byte // and its beginning
	fetch   bool   // it is of a mail: quotes and texts count
	quoted  bool
	escaped bool
}

// read follows b and reports whether the depth stayed within maxAnswerDepth.
func (n *nesting) read(b []byte) bool {
	for len(b) > 0 {
		if n.literal > 0 {
			skip := min(n.literal, int64(len(b)))
			n.literal -= skip
			b = b[skip:]
			continue
		}
		c := b[0]
		b = b[1:]
		if len(n.start) < maxStart {
			n.start = append(n.start, c)
			n.fetch = n.fetch || isFetch(n.start)
		}
		switch {
		case n.quoted && n.escaped:
			n.escaped = false
		case n.quoted:
			n.escaped, n.quoted = c == '\\', c != '"'
		case c == '"' && n.fetch:
			n.quoted = true
		case c == '(':
			if n.depth++; n.depth > maxAnswerDepth {
				return false
			}
		case c == ')':
			n.depth--
		case c == '\n':
			if n.literal = literalAt(n.line); n.fetch && n.literal >= 0 {
				n.line = n.line[:0] // the answer goes on behind the text
				continue
			}
			*n = nesting{line: n.line[:0], start: n.start[:0]}
			continue
		}
		if n.line = append(n.line, c); len(n.line) > 2*maxStart {
			n.line = append(n.line[:0], n.line[maxStart:]...)
		}
	}
	return true
}

// maxStart is more than "* 4294967295 FETCH " or "{9223372036854775807}".
const maxStart = 32

// isFetch reports whether a line that begins so is about a mail.
func isFetch(start []byte) bool {
	words := bytes.SplitN(start, []byte(" "), 4)
	return len(words) == 4 && bytes.EqualFold(words[2], []byte("FETCH"))
}

// literalAt returns the length of the text that begins behind a line; -1 where
// none does.
func literalAt(line []byte) int64 {
	line = bytes.TrimSuffix(line, []byte("\r"))
	at := bytes.LastIndexByte(line, '{')
	if at < 0 || !bytes.HasSuffix(line, []byte("}")) {
		return -1
	}
	size, err := strconv.ParseInt(string(line[at+1:len(line)-1]), 10, 64)
	if err != nil || size < 0 {
		return -1
	}
	return size
}
