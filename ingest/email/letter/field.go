package letter

import (
	"bytes"
	"net/mail"
	"regexp"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// A Field is one header field, unfolded. Name is in lower case.
type Field struct {
	Name, Value string
}

// maxHeader bounds the bytes of a header that are looked at, maxFields their
// number, and maxValue the bytes of one of them. Real mail has some 16 KiB in
// a hundred fields.
const (
	maxHeader = 1 << 20
	maxFields = 2000
	maxValue  = 256 << 10
)

// lookahead bounds the lines that are looked at to tell a bad line within a
// header from a text that begins without an empty line before it.
const lookahead = 64

// splitHeader reads the header at the beginning of raw, however broken, and
// returns its fields from the top, and where the body begins. A line that is no
// Field and continues none is dropped if fields follow it; else the body begins
// there, as programs that forget the empty line write it. What has no field at
// its beginning is all body. top says that raw is a whole mail, which may begin
// with an empty line or an mbox From line; an empty first line of a part means
// that it has no header. cut reports that there is more header than is looked
// at.
func splitHeader(raw []byte, top bool) (fields []Field, body int, cut bool) {
	at := 0
	var value []byte // of the last field, while lines still continue it
	end := func() {
		if n := len(fields); n > 0 {
			fields[n-1].Value = strings.TrimSpace(string(value))
		}
	}
	defer func() { end() }()
	for at < len(raw) {
		if at >= maxHeader {
			return fields, at - 1 + afterHeader(raw[at-1:]), true
		}
		next := lineEnd(raw, at)
		line := bytes.TrimRight(raw[at:next], "\r\n\x00")
		begin := at
		at = next
		switch {
		case len(line) == 0:
			if len(fields) == 0 && top && begin <= 4 && hasField(raw[at:]) {
				continue // an empty line before the header
			}
			return fields, at, cut
		case (line[0] == ' ' || line[0] == '\t') && len(fields) > 0:
			if len(bytes.TrimLeft(line, " \t")) == 0 && !continued(raw[at:]) {
				return fields, at, cut // an empty line with blanks in it
			}
			if len(value) < maxValue {
				value = append(append(value, ' '), bytes.TrimLeft(line, " \t")...)
			}
		default:
			before, after, ok := bytes.Cut(line, []byte{':'})
			name := bytes.TrimRight(before, " \t")
			if !ok || !fieldName(name) {
				if len(fields) == 0 && top && mboxLine(line) {
					continue
				}
				if !hasField(raw[at:]) {
					return fields, begin, cut
				}
				continue
			}
			if len(fields) == maxFields {
				cut = true
				continue
			}
			end()
			fields = append(fields, Field{Name: strings.ToLower(string(name))})
			value = append(value[:0], after[:min(len(after), maxValue)]...)
		}
	}
	return fields, at, cut
}

// lineEnd returns where the line that begins at ends, with its line end.
func lineEnd(raw []byte, at int) int {
	if i := bytes.IndexByte(raw[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(raw)
}

// afterHeader returns where the empty line ends that ends a header.
func afterHeader(raw []byte) int {
	end := len(raw)
	for _, blank := range []string{"\n\n", "\n\r\n"} {
		if i := bytes.Index(raw[:end], []byte(blank)); i >= 0 {
			end = min(end, i+len(blank))
		}
	}
	return end
}

func mboxLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("From ")) || bytes.HasPrefix(line, []byte(">From "))
}

// continued reports whether the next line can belong to a header.
func continued(raw []byte) bool {
	line := raw[:lineEnd(raw, 0)]
	name, _, ok := bytes.Cut(line, []byte{':'})
	return ok && commonField(name)
}

// hasField reports whether a field that mails have follows before an empty
// Line.
func hasField(raw []byte) bool {
	at := 0
	for range lookahead {
		next := lineEnd(raw, at)
		line := bytes.TrimRight(raw[at:next], "\r\n")
		if len(line) == 0 {
			return false
		}
		if name, _, ok := bytes.Cut(line, []byte{':'}); ok && commonField(bytes.TrimRight(name, " \t")) {
			return true
		}
		at = next
	}
	return false
}

// commonField reports whether a name is one that only headers have. Others may
// be the beginning of a sentence ("Detected: 09:15").
func commonField(name []byte) bool {
	if !fieldName(name) {
		return false
	}
	switch n := strings.ToLower(string(name)); n {
	case "from", "to", "cc", "subject", "date", "received", "sender":
		return true
	default:
		return strings.Contains(n, "-") && (strings.HasPrefix(n, "x-") || strings.HasPrefix(n, "content-") ||
			strings.HasPrefix(n, "mime-") || strings.HasPrefix(n, "message-") || strings.HasPrefix(n, "return-") ||
			strings.HasPrefix(n, "reply-") || strings.HasPrefix(n, "in-reply-") || strings.HasPrefix(n, "delivered-") ||
			strings.HasPrefix(n, "authentication-") || strings.HasPrefix(n, "dkim-") || strings.HasPrefix(n, "arc-"))
	}
}

func fieldName[T string | []byte](s T) bool {
	if len(s) == 0 || len(s) > 128 {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}

// Get returns the topmost field of that name, in lower case.
func Get(fields []Field, name string) (string, bool) {
	for _, f := range fields {
		if f.Name == name {
			return f.Value, true
		}
	}
	return "", false
}

// headerPatterns is compiled once.
var headerPatterns = sync.OnceValue(func() (p struct{ messageID, address, host, date *regexp.Regexp }) {
	p.messageID = regexp.MustCompile(`<([^<>\s]{3,998})>`)
	p.address = regexp.MustCompile(`[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}`)
	p.host = regexp.MustCompile(`(?i)\b((?:[a-z0-9_-]+\.)+[a-z][a-z0-9-]*)\b`)
	p.date = regexp.MustCompile(`(?i)^\s*(?:[a-z]{3,9},?\s+)?(\d{1,2})[\s-]+([a-z]{3})[a-z]*[\s-]+(\d{4}|\d{2})\s+(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?\s*(?:([+-]\d{4})|([a-z]{1,5})\b)?`)
	return p
})

// MessageIDs returns the ids in a Message-ID, In-Reply-To or References field,
// without their brackets, in order.
func MessageIDs(value string) []string {
	var ids []string
	for _, m := range headerPatterns().messageID.FindAllStringSubmatch(value, maxIDs) {
		ids = append(ids, m[1])
	}
	if ids == nil {
		// Some programs leave the brackets out.
		for _, w := range strings.Fields(value) {
			if strings.Count(w, "@") == 1 && len(w) >= 3 && len(w) <= 998 && len(ids) < maxIDs {
				ids = append(ids, strings.Trim(w, "<>,;"))
			}
		}
	}
	return ids
}

const maxIDs = 500

// Address returns the one address of a From field in lower case, or "" where
// there is none or several. The display name is never looked at: parsers differ
// on it (GO-2024-2609).
func Address(value string) string {
	list, err := mail.ParseAddressList(value)
	if err == nil {
		if len(list) != 1 {
			return ""
		}
		return strings.ToLower(list[0].Address)
	}
	all := headerPatterns().address.FindAllString(value, 3)
	if len(all) != 1 {
		return ""
	}
	return strings.ToLower(strings.TrimRight(all[0], ".-"))
}

// A Hop is what one Received field says.
type Hop struct {
	By string // the host that wrote it, lower case
	// From is the host that it took the mail from: the name that it looked up
	// itself where it gives one, else the name that it was told. Lower case.
	From string
	At   time.Time // zero where it cannot be read
}

// ParseReceived reads a Received field (RFC 5321 section 4.4) as mail systems
// write it. ok is false where it names no host that wrote it.
func ParseReceived(value string) (h Hop, ok bool) {
	if len(value) > 8<<10 {
		return h, false
	}
	i := strings.LastIndexByte(value, ';')
	clauses := value
	if i >= 0 {
		clauses = value[:i]
		h.At, _ = ParseDate(value[i+1:])
	}
	words := ReceivedWords(clauses)
	for i := 0; i+1 < len(words); i++ {
		host := strings.ToLower(strings.Trim(words[i+1].Text, "[].,"))
		switch {
		case words[i].Comment || words[i+1].Comment || h.By != "" || strings.ContainsAny(host, "()\x00"):
		case strings.EqualFold(words[i].Text, "by"):
			h.By = host
		case strings.EqualFold(words[i].Text, "from") && h.From == "":
			h.From = host
			if i+2 < len(words) && words[i+2].Comment {
				h.From = lookedUp(host, words[i+2].Text)
			}
		}
	}
	return h, h.By != ""
}

// A ReceivedWord is a word of a Received field, or a comment in it.
type ReceivedWord struct {
	Text    string
	Comment bool
}

// ReceivedWords cuts a Received field into words and comments. Words in a
// comment ("(qmail invoked by uid 1)") are no clauses.
func ReceivedWords(s string) []ReceivedWord {
	var words []ReceivedWord
	depth, begin := 0, 0
	cut := func(end int) {
		for _, w := range strings.FieldsFunc(s[begin:end], func(r rune) bool { return r == ';' || unicode.IsSpace(r) }) {
			words = append(words, ReceivedWord{Text: w})
		}
	}
	for i := range len(s) {
		switch {
		case s[i] == '(':
			if depth++; depth == 1 {
				cut(i)
				begin = i + 1
			}
		case s[i] == ')' && depth > 0:
			if depth--; depth == 0 {
				words = append(words, ReceivedWord{s[begin:i], true})
				begin = i + 1
			}
		}
	}
	if depth == 0 {
		cut(len(s))
	}
	return words
}

// lookedUp returns the name that the receiving host found for its peer, which
// stands in the comment behind the name that the peer gave itself; that name
// where the comment has none, and nothing where it says that there is none.
func lookedUp(given, comment string) string {
	comment = strings.ToLower(strings.ReplaceAll(comment, "=", " "))
	if found := headerPatterns().host.FindString(comment); found != "" {
		return found
	}
	if strings.Contains(comment, "unknown") {
		return ""
	}
	return given
}

// ParseDate reads a date of RFC 5322. Named zones are taken from our own table:
// package time reads "BST" as an hour off or not, as the machine's zone has it.
// A date without a zone, or with one that nobody knows, is not read.
func ParseDate(s string) (time.Time, bool) {
	m := headerPatterns().date.FindStringSubmatch(s)
	if m == nil {
		return time.Time{}, false
	}
	var offset time.Duration
	switch {
	case m[7] != "":
		hh, mm := atoi(m[7][1:3]), atoi(m[7][3:])
		if hh > 14 || mm > 59 {
			return time.Time{}, false
		}
		offset = time.Duration(hh)*time.Hour + time.Duration(mm)*time.Minute
		if m[7][0] == '-' {
			offset = -offset
		}
	case m[8] != "":
		if rest := s[len(m[0]):]; rest != "" && (rest[0] == '+' || rest[0] == '-') {
			return time.Time{}, false // UTC+5:30 is not UTC
		}
		var ok bool
		if offset, ok = said.Zone(m[8]); !ok {
			return time.Time{}, false
		}
	default:
		return time.Time{}, false
	}
	month := strings.Index("janfebmaraprmayjunjulaugsepoctnovdec", strings.ToLower(m[2]))
	year, day := atoi(m[3]), atoi(m[1])
	if len(m[3]) == 2 {
		year += 2000
	}
	hour, minute, second := atoi(m[4]), atoi(m[5]), atoi(m[6])
	if month < 0 || month%3 != 0 || hour > 23 || minute > 59 || second > 60 || year < 1970 {
		return time.Time{}, false
	}
	t := time.Date(year, time.Month(month/3+1), day, hour, minute, second, 0, time.UTC)
	if t.Day() != day && second < 60 {
		return time.Time{}, false
	}
	return t.Add(-offset), true
}

// atoi reads a few digits; anything else is 0.
func atoi(s string) int {
	n := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0
		}
		n = n*10 + int(c-'0')
	}
	return n
}

// Within reports whether host is one of hosts. An entry that begins with a dot
// stands for every host beneath that domain.
func Within(host string, hosts []string) bool {
	for _, h := range hosts {
		h = strings.ToLower(h)
		if host == h || strings.HasPrefix(h, ".") && strings.HasSuffix(host, h) && len(host) > len(h) {
			return true
		}
	}
	return false
}

// DateOffset returns the sender's zone that a date field names, east of UTC.
// "-0000" says that the zone is not known (RFC 5322 section 3.3).
func DateOffset(date string) (time.Duration, bool) {
	d := headerPatterns().date.FindStringSubmatch(date)
	switch {
	case d == nil, d[7] == "-0000":
		return 0, false
	case d[7] != "":
		offset := time.Duration(atoi(d[7][1:3]))*time.Hour + time.Duration(atoi(d[7][3:]))*time.Minute
		if d[7][0] == '-' {
			offset = -offset
		}
		return offset, true
	default:
		return said.Zone(d[8])
	}
}
