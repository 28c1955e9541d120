package ledger

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A coder writes or reads one canonical line. Both ways run through the same
// description of the fields, so that they cannot differ. It may be used again
// for the next line, by one goroutine.
type coder struct {
	words   *words
	reading bool
	b       []byte // what is written, or read
	at      int    // reading: the next byte
	open    bool   // right behind a brace: no comma before the next field
	key     string // of the field in hand
	err     error  // the first fault; reading does nothing after it

	names   map[string]string // names that were read, so that equal ones share their bytes
	scratch scratch
}

// maxNames bounds the names that are shared. There are as many as there are
// sources, policies, organisations and dates of versions.
const maxNames = 4096

func newCoder() *coder { return &coder{words: closedSets(), names: map[string]string{}} }

// A FormError says where a line is not a canonical entry. It quotes nothing of
// the line: what does not belong there may be anything.
type FormError struct {
	At   int    // the byte in the line, from 0
	Key  string // the field in hand
	What string
}

// Error names the place.
func (e *FormError) Error() string {
	return fmt.Sprintf("read entry: %s: %s at byte %d", e.Key, e.What, e.At)
}

func (c *coder) fail(what string) {
	if !c.reading {
		c.at = len(c.b)
	}
	if c.err == nil {
		c.err = &FormError{At: c.at, Key: c.key, What: what}
	}
	c.at = len(c.b) // nothing more is found, so every loop ends
}

// decode reads line into e, which is zero.
func (c *coder) decode(line []byte, e *incident.Entry) error {
	c.reading, c.b, c.at, c.open, c.key, c.err = true, line, 0, false, "entry", nil
	c.entry(e)
	if c.err == nil && c.at != len(line) {
		c.fail("more bytes than one entry")
	}
	c.b = nil
	return c.err
}

// encode appends e to dst. The error says where decode would refuse it; the
// line is written all the same.
func (c *coder) encode(dst []byte, e *incident.Entry) ([]byte, error) {
	c.reading, c.b, c.open, c.key, c.err = false, dst, false, "entry", nil
	c.entry(e)
	dst, c.b = c.b, nil
	return dst, c.err
}

func (c *coder) begin() {
	c.sign('{')
	c.open = true
}

func (c *coder) end() {
	c.sign('}')
	c.open = false
}

// sign writes or reads one byte.
func (c *coder) sign(s byte) {
	switch {
	case !c.reading:
		c.b = append(c.b, s)
	case c.at < len(c.b) && c.b[c.at] == s:
		c.at++
	default:
		c.fail("no " + string(rune(s)) + " where one belongs")
	}
}

// must comes before the value of a field that is always there.
func (c *coder) must(key string) {
	switch {
	case !c.reading:
		c.write(key)
	case !c.find(key):
		c.key = key
		c.fail("missing, or another field in its place")
	}
}

// may comes before the value of a field that is left out where it is zero, and
// reports whether there is a value to write or to read.
func (c *coder) may(key string, zero bool) bool {
	if c.reading {
		return c.find(key)
	}
	if !zero {
		c.write(key)
	}
	return !zero
}

// full comes after an optional value was read: a zero one would have been left
// out.
func (c *coder) full(zero bool) {
	if c.reading && zero {
		c.fail("zero, and so should be left out")
	}
}

func (c *coder) write(key string) {
	if !c.open {
		c.b = append(c.b, ',')
	}
	c.open, c.key = false, key
	c.b = append(c.b, '"')
	c.b = append(c.b, key...)
	c.b = append(c.b, '"', ':')
}

func (c *coder) find(key string) bool {
	b := c.b[c.at:]
	if !c.open {
		if len(b) == 0 || b[0] != ',' {
			return false
		}
		b = b[1:]
	}
	n := len(key)
	if len(b) < n+3 || b[0] != '"' || b[n+1] != '"' || b[n+2] != ':' || string(b[1:n+1]) != key {
		return false
	}
	c.at = len(c.b) - len(b) + n + 3
	c.open, c.key = false, key
	return true
}

// text reads a quoted text without escapes: nothing in a record needs one.
func (c *coder) text() []byte {
	c.sign('"')
	n := bytes.IndexByte(c.b[c.at:], '"')
	if n < 0 {
		c.fail("no closing quote")
		return nil
	}
	s := c.b[c.at : c.at+n]
	c.at += n + 1
	return s
}

// quote writes s as a JSON string. Only what Decode will refuse needs escapes.
func (c *coder) quote(s string) {
	for i := range len(s) {
		if b := s[i]; b < ' ' || b == '"' || b == '\\' || b >= 0x7f {
			c.b = append(c.b, escaped(s)...)
			return
		}
	}
	c.b = append(c.b, '"')
	c.b = append(c.b, s...)
	c.b = append(c.b, '"')
}

func escaped(s string) []byte {
	b, err := incident.MarshalCanonical(s)
	if err != nil {
		panic(fmt.Sprintf("unreachable, a string is always JSON: %v", err))
	}
	return b
}

// word is a word from a closed set.
func word[T ~string](c *coder, p *T, set map[string]T) {
	const wrong = "not a word that belongs here"
	if !c.reading {
		if _, ok := set[string(*p)]; !ok {
			c.fail(wrong)
		}
		c.quote(string(*p))
		return
	}
	w, ok := set[string(c.text())]
	if !ok {
		c.fail(wrong)
	}
	*p = w
}

// empty is the empty text, in the two places where one may stand. It reports
// whether it was written or read.
func (c *coder) empty(zero bool) bool {
	const value = `""`
	switch {
	case !c.reading && zero:
		c.b = append(c.b, value...)
		return true
	case c.reading && bytes.HasPrefix(c.b[c.at:], []byte(value)):
		c.at += len(value)
		return true
	default:
		return false
	}
}

// name is a name in an alphabet. Equal names share their bytes.
func name[T ~string](c *coder, p *T, a alphabet) {
	const wrong = "not a name that may stand here"
	if !c.reading {
		if !fits(a, *p) {
			c.fail(wrong)
		}
		c.quote(string(*p))
		return
	}
	s := c.text()
	if !fits(a, s) {
		c.fail(wrong)
		return
	}
	known, ok := c.names[string(s)]
	if !ok {
		known = string(s)
		if len(c.names) < maxNames && a != reference && a != alertID {
			c.names[known] = known
		}
	}
	*p = T(known)
}

func (c *coder) uint(p *uint64) {
	if !c.reading {
		c.b = strconv.AppendUint(c.b, *p, 10)
		return
	}
	start := c.at
	var v uint64
	for ; c.at < len(c.b); c.at++ {
		d := uint64(c.b[c.at] - '0')
		if d > 9 {
			break
		}
		if v > (math.MaxUint64-d)/10 {
			c.fail("number too large")
			return
		}
		v = v*10 + d
	}
	if digits := c.at - start; digits == 0 || digits > 1 && c.b[start] == '0' {
		c.at = start
		c.fail("not a number as it is written here")
		return
	}
	*p = v
}

func (c *coder) int(p *int) {
	if !c.reading {
		c.b = strconv.AppendInt(c.b, int64(*p), 10)
		return
	}
	start := c.at
	negative := c.at < len(c.b) && c.b[c.at] == '-'
	if negative {
		c.at++
	}
	var v uint64
	c.uint(&v)
	switch {
	case negative && v == 0, !negative && v > math.MaxInt64, v > -math.MinInt64:
		c.at = start
		c.fail("not a number as it is written here")
	case negative:
		*p = int(-v)
	default:
		*p = int(v)
	}
}

// pair is two numbers in brackets.
func (c *coder) pair(p *[2]int) {
	c.sign('[')
	c.int(&p[0])
	c.sign(',')
	c.int(&p[1])
	c.sign(']')
}

// pairOfEntries is two entry numbers in brackets.
func (c *coder) pairOfEntries(p *[2]uint64) {
	c.sign('[')
	c.uint(&p[0])
	c.sign(',')
	c.uint(&p[1])
	c.sign(']')
}

func (c *coder) pos(p *incident.Pos) {
	c.sign('[')
	c.uint(&p.Seq)
	c.sign(',')
	c.int(&p.Index)
	c.sign(']')
}

// yes is the value of a bool, which is left out where it is false.
func (c *coder) yes(p *bool) {
	const value = "true"
	switch {
	case !c.reading:
		c.b = append(c.b, value...)
	case bytes.HasPrefix(c.b[c.at:], []byte(value)):
		c.at += len(value)
		*p = true
	default:
		c.fail("not true, and so should be left out")
	}
}

func (c *coder) hash(p *incident.Hash) {
	if !c.reading {
		c.b = append(c.b, '"')
		c.b = hex.AppendEncode(c.b, p[:])
		c.b = append(c.b, '"')
		return
	}
	s := c.text()
	if len(s) != 2*len(p) {
		c.fail("not 64 hexadecimal digits")
		return
	}
	for _, d := range s {
		if 'A' <= d && d <= 'F' {
			c.fail("not 64 hexadecimal digits in lower case")
			return
		}
	}
	if _, err := hex.Decode(p[:], s); err != nil {
		c.fail("not 64 hexadecimal digits")
	}
}

func (c *coder) mark(p *incident.Mark)     { c.base64(p[:]) }
func (c *coder) digest(p *incident.Digest) { c.base64(p[:]) }

func (c *coder) base64(p []byte) {
	if !c.reading {
		c.b = append(c.b, '"')
		c.b = base64.RawURLEncoding.AppendEncode(c.b, p)
		c.b = append(c.b, '"')
		return
	}
	s := c.text()
	// The decoder skips line ends; a text of the right length with one of them
	// decodes to fewer bytes.
	if len(s) != base64.RawURLEncoding.EncodedLen(len(p)) {
		c.fail("not base64url of the right length")
		return
	}
	if n, err := base64.RawURLEncoding.Strict().Decode(p, s); err != nil || n != len(p) {
		c.fail("not base64url")
	}
}

func (c *coder) span(p *incident.Span) {
	if !c.reading {
		c.b = append(c.b, '"')
		c.b = append(c.b, p.String()...)
		c.b = append(c.b, '"')
		return
	}
	s := string(c.text())
	d, err := time.ParseDuration(s)
	if err != nil || d.String() != s {
		c.fail("not a length of time as it is written here")
	}
	*p = incident.Span(d)
}

// list is a list that is left out where it is empty. Its elements are gathered
// in scratch, so that the list itself is made once and no longer than it is.
func list[T any](c *coder, key string, p, scratch *[]T, one func(*coder, *T)) {
	if !c.may(key, len(*p) == 0) {
		return
	}
	c.sign('[')
	if !c.reading {
		for i := range *p {
			if i > 0 {
				c.sign(',')
			}
			one(c, &(*p)[i])
		}
		c.sign(']')
		return
	}
	all := (*scratch)[:0]
	for {
		var zero T
		all = append(all, zero)
		one(c, &all[len(all)-1])
		if c.at >= len(c.b) || c.b[c.at] != ',' {
			break
		}
		c.at++
	}
	c.sign(']')
	*p = append(make([]T, 0, len(all)), all...)
	clear(all) // what they point to is the entry's alone
	*scratch = all
}

// pointer is an object that is left out where there is none.
func pointer[T any](c *coder, key string, p **T, one func(*coder, *T)) {
	if !c.may(key, *p == nil) {
		return
	}
	if c.reading {
		*p = new(T)
	}
	one(c, *p)
}

// raw is JSON that is kept as it is, compact.
func (c *coder) raw(p *json.RawMessage) {
	if !c.reading {
		start := len(c.b)
		buf := bytes.NewBuffer(c.b)
		if err := json.Compact(buf, *p); err != nil {
			c.b = append(c.b[:start], *p...)
			c.fail("not JSON")
			return
		}
		c.b = buf.Bytes()
		return
	}
	rest := c.b[c.at:]
	dec := json.NewDecoder(bytes.NewReader(rest))
	var v json.RawMessage
	var compact bytes.Buffer
	if err := dec.Decode(&v); err != nil || json.Compact(&compact, v) != nil {
		c.fail("not JSON")
		return
	}
	if n := int(dec.InputOffset()); n != len(v) || !bytes.Equal(compact.Bytes(), v) {
		c.fail("white space in JSON")
		return
	}
	c.at += len(v)
	*p = v
}
