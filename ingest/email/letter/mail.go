package letter

import (
	"bytes"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The bounds of what is looked at in one mail, whatever it holds: they bound
// the time and the memory that it takes. What is beyond is not read, and the
// mail is quarantined with the reason; its bytes are kept.
const (
	maxParts   = 200       // parts of all kinds, those of attached mails, too
	maxDepth   = 10        // of multiparts in multiparts
	maxNesting = 5         // of mails attached to mails
	maxText    = 1 << 20   // bytes of text in all
	maxPage    = 4 << 20   // bytes of one text before its markup is taken away
	maxDecoded = 24 << 20  // bytes that are decoded in all
	maxNames   = 1000      // names of attached files
	maxSpare   = 256 << 10 // bytes of text from attached files, where there is no other
)

// HeadBytes is how much of each text is kept as its head: a marking stands
// there.
const HeadBytes = 4 << 10

// A Mail is what could be read of a mail. A mail is never refused: where its
// structure is broken, its body is read as text.
type Mail struct {
	Fields   []Field // from the top
	Subject  string
	text     string          // of the mail itself, see body
	inner    strings.Builder // the texts of attached mails
	InnerIDs []string        // Message-IDs of attached mails
	Names    []string        // of attached files
	Report   bool            // multipart/report: a delivery or read report
	Broken   incident.Why    // what could not be read, or empty
	// Heads are the beginnings of all texts, also of those that say the same in
	// another form: a marking may stand in any of them.
	Heads []string
	// Forwarded are the mails that this one repeats or has attached, in the
	// order of the text; Layout fills it.
	Forwarded []Forwarded
	// Calendar says that it is an invitation, or has one as a part.
	Calendar bool
	// opaque says that a part which may hold the sender's own words could not
	// be read: a winmail.dat or a signed body. The rest was read.
	opaque bool

	spare strings.Builder // of attached text files
	spent *spending       // one for all mails in the mail
}

// spending counts against the bounds.
type spending struct {
	parts, decoded, text int
}

// A piece is the text of a part.
type piece struct {
	text string
	form form
	// repeats says that the part may say again what another one says: it is
	// left out if so.
	repeats bool
}

// The forms of text, the less wanted last.
type form int

const (
	formNone form = iota
	formPlain
	formRich // HTML and the like
	formCalendar
)

// A place is where in a mail a part stands.
type place struct {
	depth   int    // of multiparts
	nesting int    // of mails in mails
	within  string // the kind of multipart that it is a part of
}

// Read reads a mail.
func Read(raw []byte) *Mail {
	d := &Mail{spent: &spending{}}
	d.read(raw, place{})
	return d
}

// read reads a whole mail.
func (d *Mail) read(raw []byte, at place) {
	raw = straighten(raw)
	fields, begin, cut := splitHeader(raw, true)
	d.Fields = fields
	subject, _ := Get(fields, "subject")
	d.Subject = OneLine(decodeWords(subject))
	if cut {
		d.fault(incident.WhyTooLarge)
	}
	value, _ := Get(fields, "content-type")
	t := contentType(value)
	// A complaint about a mail (RFC 5965) is a report that somebody made.
	d.Report = t.kind == "multipart/report" && !strings.Contains(strings.ToLower(value), "feedback-report")
	body := raw[begin:]
	p := d.part(fields, body, at)
	d.text = p.text
	if strings.TrimSpace(p.text) != "" {
		return
	}
	if d.text = d.spare.String(); d.text != "" {
		return
	}
	if t.kind != "text/plain" && d.inner.Len() == 0 && d.Broken == "" && len(bytes.TrimSpace(body)) > 0 && strings.HasPrefix(t.kind, "multipart/") {
		// No part had any text. The body is read as it stands, so that words
		// between the parts are not lost.
		d.text = d.words(body[:min(len(body), maxSpare)], "").text
		d.fault(incident.WhyMalformed)
	}
}

// straighten undoes what befell the whole of a mail: a mark before its first
// byte, lines that end with CR alone, and UTF-16.
func straighten(raw []byte) []byte {
	if nulls(raw) {
		raw = []byte(decode(raw, "utf-16"))
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	head := raw[:min(len(raw), 4096)]
	if !bytes.Contains(head, []byte{'\n'}) && bytes.Contains(head, []byte{'\r'}) {
		raw = bytes.ReplaceAll(raw, []byte{'\r'}, []byte{'\n'})
	}
	return raw
}

// fault notes what could not be read. The gravest stays: a bound that was
// passed, then what is encrypted.
func (d *Mail) fault(why incident.Why) {
	weight := func(w incident.Why) int {
		switch w {
		case "":
			return 0
		case incident.WhyMalformed:
			return 1
		case incident.WhyUnreadable:
			return 2
		case incident.WhyTruncated:
			return 3
		case incident.WhyEncrypted:
			return 4
		default:
			return 5
		}
	}
	if weight(why) > weight(d.Broken) {
		d.Broken = why
	}
}

// part reads one part and what is in it.
func (d *Mail) part(fields []Field, body []byte, at place) piece {
	if d.spent.parts++; d.spent.parts > maxParts {
		d.fault(incident.WhyTooManyParts)
		return piece{}
	}
	value, typed := Get(fields, "content-type")
	t := contentType(value)
	if !typed && at.within == "multipart/digest" {
		t.kind = "message/rfc822"
	}
	encoding, _ := Get(fields, "content-transfer-encoding")
	disposition, _ := Get(fields, "content-disposition")
	p := parseType(disposition)
	d.name(p.param("filename"))
	d.name(t.param("name"))
	file := decodeWords(firstOf(p.param("filename"), t.param("name")))
	attached := p.kind == "attachment"
	switch {
	case strings.HasPrefix(t.kind, "multipart/"):
		return d.multipart(t, encoding, body, at)
	case t.kind == "message/rfc822" || t.kind == "message/global" || t.kind == "message/news":
		d.attachedMail(d.unwrap(body, encoding, t), at)
	case t.kind == "message/partial":
		// A piece of a mail (RFC 2046 section 5.2.2): the others are elsewhere.
		d.fault(incident.WhyTruncated)
		return d.words(body, t.param("charset"))
	case t.kind == "text/rfc822-headers" || t.kind == "message/rfc822-headers":
		d.attachedMail(d.unwrap(body, encoding, t), at)
	case sealed(t.kind, file):
		d.fault(incident.WhyEncrypted)
		return piece{}
	case smimeType(t.kind, file):
		return d.smime(d.unwrap(body, encoding, t), t, at)
	case t.kind == "application/ms-tnef" || t.kind == "application/vnd.ms-tnef" || strings.EqualFold(file, "winmail.dat"):
		return d.tnef(d.unwrap(body, encoding, t), at)
	case t.kind == "text/calendar" || t.kind == "application/ics":
		b := d.unwrap(body, encoding, t)
		d.Calendar = true
		return d.keep(piece{text: calendarText(decode(b, t.param("charset"))), form: formCalendar, repeats: true})
	case t.kind == "text/html" || t.kind == "application/xhtml+xml":
		return d.page(body, encoding, t, attached)
	case t.kind == "text/enriched" || t.kind == "text/richtext":
		s, _ := d.texts(body, encoding, t)
		return d.keep(piece{text: enrichedText(s), form: formRich})
	case t.kind == "text/rtf" || t.kind == "application/rtf" && !attached && file == "":
		s, _ := d.texts(body, encoding, t)
		return d.keep(rtfPiece([]byte(s)))
	case plainType(t.kind):
		return d.plain(body, encoding, t, attached)
	}
	return piece{}
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// plainType reports whether a part of that type is read as it is.
func plainType(kind string) bool {
	switch kind {
	case "text/css", "text/xml", "text/javascript", "text/csv", "text/vcard", "text/x-vcard", "text/directory",
		"text/x-amp-html", "text/watch-html", "text/x-watch-html", "text/x-patch", "text/x-diff":
		return false
	}
	return strings.HasPrefix(kind, "text/")
}

// name keeps the name of an attached file.
func (d *Mail) name(s string) {
	if s != "" && len(d.Names) < maxNames {
		d.Names = append(d.Names, decodeWords(s[:min(len(s), 1024)]))
	}
}

// unwrap undoes the transfer encoding of a part of any kind, as far as the
// bound allows.
func (d *Mail) unwrap(body []byte, encoding string, t mediaType) []byte {
	switch encodingName(encoding) {
	case "", "7bit", "8bit", "binary":
		if !looksBase64(body) || strings.HasPrefix(t.kind, "text/") || strings.HasPrefix(t.kind, "message/") {
			return body
		}
		encoding = "base64" // nothing says so
	}
	room := maxDecoded - d.spent.decoded
	if room <= 0 {
		d.fault(incident.WhyTooLarge)
		return nil
	}
	b, whole := transfer(body, encoding, room)
	d.spent.decoded += len(b)
	if !whole {
		if len(b) >= room {
			d.fault(incident.WhyTooLarge)
		} else {
			d.fault(incident.WhyUnreadable)
		}
	}
	return b
}

// looksBase64 reports whether the first line is base64 and nothing else.
func looksBase64(body []byte) bool {
	line := bytes.TrimSpace(body[:min(lineEnd(body, 0), len(body))])
	if len(line) < 40 || len(line) > 1000 {
		return false
	}
	for _, c := range line {
		if !base64Digit(c) && c != '=' {
			return false
		}
	}
	return true
}

// texts decodes a part of text. whole is false where some of it was left out.
func (d *Mail) texts(body []byte, encoding string, t mediaType) (s string, whole bool) {
	b, whole := transfer(body, encoding, maxPage)
	if !whole {
		if len(b) >= maxPage {
			d.fault(incident.WhyTooLarge)
		} else {
			d.fault(incident.WhyUnreadable)
		}
	}
	s = decode(b, t.param("charset"))
	if unlikeText(s) {
		d.fault(incident.WhyUnreadable)
	}
	return s, whole
}

// words is the plain text in b.
func (d *Mail) words(b []byte, charset string) piece {
	return d.keep(piece{text: cleanText(decode(b[:min(len(b), maxPage)], charset)), form: formPlain})
}

func (d *Mail) plain(body []byte, encoding string, t mediaType, attached bool) piece {
	s, _ := d.texts(body, encoding, t)
	s = cleanText(s)
	if strings.EqualFold(t.param("format"), "flowed") {
		s = unflow(s, strings.EqualFold(t.param("delsp"), "yes"))
	}
	s, files := withoutFiles(s)
	for _, f := range files {
		d.name(f)
	}
	if armoured(s) {
		d.fault(incident.WhyEncrypted)
	}
	if attached {
		d.reserve(s)
		return piece{}
	}
	return d.keep(piece{text: s, form: formPlain})
}

func (d *Mail) page(body []byte, encoding string, t mediaType, attached bool) piece {
	s, _ := d.texts(body, encoding, t)
	s = cleanText(htmlText(s))
	if attached {
		d.reserve(s)
		return piece{}
	}
	return d.keep(piece{text: s, form: formRich})
}

// reserve keeps the text of an attached file, for a mail that says nothing
// itself: some programs attach what was written.
func (d *Mail) reserve(s string) {
	if room := maxSpare - d.spare.Len(); room > 0 && strings.TrimSpace(s) != "" {
		if d.spare.Len() > 0 {
			d.spare.WriteByte('\n')
		}
		d.spare.WriteString(prefix(s, room))
		d.Heads = append(d.Heads, prefix(s, HeadBytes))
	}
}

// keep counts the text of a part against the bound.
func (d *Mail) keep(p piece) piece {
	if room := maxText - d.spent.text; len(p.text) > room {
		p.text = prefix(p.text, max(room, 0))
		d.fault(incident.WhyTooLarge)
	}
	d.spent.text += len(p.text)
	if strings.TrimSpace(p.text) == "" {
		return piece{form: p.form}
	}
	d.Heads = append(d.Heads, prefix(p.text, HeadBytes))
	return p
}

// prefix returns the first n bytes of s, without a character that is cut.
func prefix(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// body returns the text of the mail itself.
func (d *Mail) body() string { return d.text }

func OneLine(s string) string {
	return strings.Join(strings.Fields(s), " ")
}
