package email

import (
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A line is one line of a mail's text, by its byte range there.
type line struct {
	begin, end int
	quoted     bool // not the sender's own new words
	forwarded  bool // of a mail that was passed on; such a line is quoted, too
	signature  bool // below the sender's "-- ", or put there by his program
}

// A forwarded is a mail that stands in another: attached, or repeated below
// lines that say whose it was. It is evidence with times of its own; the outer
// mail is the report. What could not be read of it is empty.
type forwarded struct {
	from      string // address, lower case
	subject   string
	messageID string
	// sent is what its Date or Sent line says: the instant where that names a
	// zone, else the whole minute as a clock in London shows it.
	sent     incident.Interval
	zoned    bool   // sent rests on a zone that the line names
	sentText string // the line's value as it is written
	// words is the byte range of sentText in Text, begin and end that of the
	// whole mail.
	words      [2]int
	begin, end int
	attached   bool    // a part of its own (message/rfc822)
	fields     []field // of an attached mail, from the top: its Received fields, too
}

// maxLines bounds the lines of a text that are looked at.
const maxLines = 20_000

// layout joins the texts of the mail: the subject, an empty line, the text, and
// that of attached mails, which is quoted.
func (d *document) layout() (string, []line) {
	body := d.subject + "\n\n" + d.body()
	lines := splitLines(body)
	if d.inner.Len() == 0 {
		return body, lines
	}
	body += "\n\n"
	begin := len(body)
	body += d.inner.String()
	for _, l := range splitLines(body[begin:]) {
		lines = append(lines, line{begin: l.begin + begin, end: l.end + begin, quoted: true, forwarded: true})
	}
	return body, lines
}

// splitLines cuts text into lines and marks those that repeat another mail:
// what stands behind a > sign, and everything below "-----Original Message-----",
// "On … wrote:" or the From: and Sent: lines that Outlook puts over a reply.
func splitLines(text string) []line {
	p := textPatterns()
	var lines []line
	for at := 0; at < len(text) && len(lines) < maxLines; {
		end := strings.IndexByte(text[at:], '\n')
		next := len(text)
		if end >= 0 {
			next = at + end + 1
		}
		end = at + len(strings.TrimRight(text[at:next], "\r\n"))
		lines = append(lines, line{begin: at, end: end})
		at = next
	}
	of := func(i int) string {
		if i < 0 || i >= len(lines) {
			return ""
		}
		return text[lines[i].begin:lines[i].end]
	}
	rest := false
	for i := range lines {
		s := of(i)
		switch {
		case rest:
		case p.quote.MatchString(s):
			lines[i].quoted = true
			continue
		case p.original.MatchString(s):
			rest = true
		case p.wrote.MatchString(s), p.wrote.MatchString(s + " " + of(i+1)):
			// Where > signs follow they say what is quoted: somebody may
			// answer below.
			lines[i].quoted = true
			rest = !quotedBelow(lines[i+1:], of, i+1)
			continue
		case p.from.MatchString(s):
			for j := i + 1; j <= i+4; j++ {
				rest = rest || p.sent.MatchString(of(j))
			}
		}
		lines[i].quoted = rest
	}
	return lines
}

// quotedBelow reports whether a > sign opens one of the next lines that are not
// empty.
func quotedBelow(below []line, of func(int) string, from int) bool {
	for i := range below[:min(len(below), 4)] {
		if textPatterns().quote.MatchString(of(from + i)) {
			return true
		}
	}
	return false
}
