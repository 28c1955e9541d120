package email

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The bounds of what is looked at in one mail. go-message has none for parts
// and depth.
const (
	maxParts   = 200
	maxText    = 1 << 20 // bytes of text that are read in all
	maxNesting = 5       // of mails attached to mails
)

// A document is what could be read of a mail. A mail is never refused: where
// its structure is broken, its body is read as text.
type document struct {
	fields  []field // from the top
	subject string
	plain   strings.Builder // of text/plain parts
	html    strings.Builder // of text/html parts, as text
	// inner are the texts of attached mails, innerIDs their Message-IDs.
	inner    strings.Builder
	innerIDs []string
	names    []string // of attached files
	report   bool     // multipart/report: a delivery or read report
	broken   incident.Why
	parts    int
	// forwarded are the mails that this one repeats or has attached, in the
	// order of the text; layout fills it.
	forwarded []forwarded
	// calendar says that it is an invitation, or has one as a part.
	calendar bool
	// opaque says that a part which may hold the sender's own words could not
	// be read: a winmail.dat or a signed body. The rest was read.
	opaque bool
}

// parse reads a mail.
func parse(raw []byte) *document {
	d := &document{}
	d.read(raw, 0)
	return d
}

func (d *document) read(raw []byte, depth int) {
	fields, at := splitHeader(raw)
	d.fields = fields
	subject, _ := get(fields, "subject")
	d.subject = oneLine(decodeWords(subject))
	contentType, _ := get(fields, "content-type")
	kind := mediaType(contentType)
	// A complaint about a mail (RFC 5965) is a report that somebody made.
	d.report = kind == "multipart/report" && !strings.Contains(strings.ToLower(contentType), "feedback-report")
	if encrypted(kind, contentType) {
		d.broken = incident.WhyEncrypted
	}
	err := d.walk(d.entity(fields, raw[at:]), depth)
	switch {
	case err == nil:
		return
	case errors.Is(err, errTooMany):
		d.broken = incident.WhyTooManyParts
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		// Cut off: what was read is kept.
	default:
		d.fault()
	}
	if d.plain.Len() == 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		// Later parts may be lost: the body is read as it stands.
		d.text(&d.plain, raw[at:], "")
	}
}

// fault notes that the structure could not be followed.
func (d *document) fault() {
	if d.broken == "" {
		d.broken = incident.WhyMalformed
	}
}

// entity makes a mail of clean fields for go-message, which gives up on a
// single bad line.
func (d *document) entity(fields []field, body []byte) io.Reader {
	var head bytes.Buffer
	for _, f := range fields {
		switch f.name {
		case "content-type", "content-transfer-encoding", "content-disposition":
			head.WriteString(f.name + ": " + cleanValue(f.name, f.value) + "\r\n")
		}
	}
	head.WriteString("\r\n")
	return io.MultiReader(&head, bytes.NewReader(body))
}

func cleanValue(name, value string) string {
	value = strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, value)
	if name == "content-type" {
		// "text/plain; charset=utf-8; name=foo bar;;" is one long media type to
		// package mime. What it can read up to some semicolon is taken.
		for v := value; v != ""; {
			if t, params, err := mime.ParseMediaType(v); err == nil {
				return mime.FormatMediaType(t, params)
			}
			i := strings.LastIndexByte(v, ';')
			if i < 0 {
				return "text/plain"
			}
			v = v[:i]
		}
		return "text/plain"
	}
	return value
}

var errTooMany = errors.New("read mail: more parts than are looked at")

func (d *document) walk(r io.Reader, depth int) error {
	e, err := message.ReadWithOptions(r, &message.ReadOptions{MaxHeaderBytes: maxHeader})
	if e == nil {
		return err
	}
	top := true
	return e.Walk(func(path []int, part *message.Entity, partErr error) error {
		if top {
			partErr, top = err, false
		}
		if d.parts++; d.parts > maxParts || len(path) > 2*maxNesting {
			return errTooMany
		}
		return d.part(part, partErr, depth)
	})
}

// part reads one part. Only an error of reading ends the walk.
func (d *document) part(e *message.Entity, decodeErr error, depth int) error {
	raw := e.Header.Get("Content-Type")
	kind := mediaType(raw)
	disposition, params, _ := mime.ParseMediaType(e.Header.Get("Content-Disposition"))
	_, typeParams, _ := mime.ParseMediaType(raw)
	for _, n := range []string{params["filename"], typeParams["name"]} {
		if n != "" {
			d.names = append(d.names, decodeWords(n))
		}
	}
	charset := typeParams["charset"]
	if decodeErr == nil {
		charset = "utf-8" // decoded, or nothing to decode
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		if typeParams["boundary"] == "" {
			return errors.New("read mail: multipart without boundary")
		}
		return nil
	case kind == "message/rfc822" || kind == "message/global":
		return d.attached(e.Body, depth)
	case encrypted(kind, raw):
		d.broken = incident.WhyEncrypted
		return nil
	case disposition == "attachment":
		return nil
	case kind == "text/html":
		b, err := readSome(e.Body)
		d.text(&d.html, []byte(htmlText(decode(b, charset))), "utf-8")
		return err
	case kind == "text/plain", kind == "", !strings.Contains(kind, "/"):
		b, err := readSome(e.Body)
		d.text(&d.plain, b, charset)
		return err
	}
	return nil
}

// attached reads a mail that is attached to this one: it is evidence, the outer
// one is the report.
func (d *document) attached(body io.Reader, depth int) error {
	raw, err := readSome(body)
	if depth >= maxNesting {
		d.broken = incident.WhyTooDeep
		return nil
	}
	in := &document{parts: d.parts}
	in.read(raw, depth+1)
	d.parts = in.parts
	if in.broken == incident.WhyTooDeep || in.broken == incident.WhyTooManyParts {
		d.broken = in.broken // what is wrong with an attached mail else is no fault of this one
	}
	if id, ok := get(in.fields, "message-id"); ok {
		d.innerIDs = append(d.innerIDs, messageIDs(id)...)
	}
	d.innerIDs = append(d.innerIDs, in.innerIDs...)
	d.names = append(d.names, in.names...)
	d.text(&d.inner, []byte("Subject: "+in.subject+"\n"+in.body()+"\n"+in.inner.String()), "utf-8")
	return err
}

// readSome reads what is looked at of a part. What was read before a fault in
// the encoding is kept and is no error; what is cut off is.
func readSome(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxText))
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		err = nil
	}
	return b, err
}

// text adds what is read to one of the texts.
func (d *document) text(to *strings.Builder, b []byte, charset string) {
	s := decode(b, charset)
	if room := maxText - to.Len(); len(s) > room {
		s = strings.ToValidUTF8(s[:max(room, 0)], "")
	}
	if to.Len() > 0 && s != "" {
		to.WriteByte('\n')
	}
	to.WriteString(s)
}

// body returns the text of the mail itself: the plain one, unless it says next
// to nothing beside the HTML one.
func (d *document) body() string {
	plain, html := d.plain.String(), d.html.String()
	if n := len(strings.TrimSpace(plain)); n == 0 || 10*n < len(strings.TrimSpace(html)) {
		return html
	}
	return plain
}

// mediaType returns the type before the first semicolon, in lower case.
func mediaType(value string) string {
	t, _, _ := strings.Cut(value, ";")
	return strings.ToLower(strings.TrimSpace(t))
}

func encrypted(kind, value string) bool {
	switch kind {
	case "multipart/encrypted":
		return true
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true // signed or enveloped, its text is not to be had
	default:
		return false
	}
}

// decode makes valid UTF-8 of b. An unknown charset is read as UTF-8 if it is
// valid, else as Windows-1252, which is also what ISO-8859-1 means in practice.
func decode(b []byte, charset string) string {
	name := strings.ToLower(strings.Trim(charset, `"' `))
	switch name {
	case "", "utf-8", "utf8", "us-ascii", "ascii", "utf-7":
	default:
		if enc, err := htmlindex.Get(name); err == nil {
			if out, err := enc.NewDecoder().Bytes(b); err == nil {
				return strings.ToValidUTF8(string(out), "\uFFFD")
			}
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// charsetReader is decode for package mime.
func charsetReader(charset string, r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxHeader))
	if err != nil {
		return nil, err
	}
	return strings.NewReader(decode(b, charset)), nil
}

func oneLine(s string) string {
	return strings.Join(strings.Fields(s), " ")
}
