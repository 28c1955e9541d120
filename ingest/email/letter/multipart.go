package letter

import (
	"bytes"
	"strings"
	"unicode"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// multipart reads the parts of a part. Where no boundary is found the whole is
// text.
func (d *Mail) multipart(t mediaType, encoding string, body []byte, at place) piece {
	if t.kind == "multipart/encrypted" {
		d.fault(incident.WhyEncrypted)
	}
	if at.depth++; at.depth > maxDepth {
		d.fault(incident.WhyTooDeep)
		return piece{}
	}
	at.within = t.kind
	var all []piece
	first := true
	yield := func(raw []byte) bool {
		if t.kind == "multipart/signed" && !first && len(bytes.TrimSpace(raw)) < 64<<10 && overParts(raw) {
			return true // nobody verifies it here
		}
		first = false
		fields, begin, cut := splitHeader(raw, false)
		if cut {
			d.fault(incident.WhyTooLarge)
		}
		p := d.part(fields, raw[begin:], at)
		if p.text != "" {
			all = append(all, p)
		}
		return d.spent.parts <= maxParts
	}
	found := false
	boundary := t.param("boundary")
	if boundary != "" {
		found = split(body, boundary, yield) || strings.TrimSpace(boundary) != boundary && split(body, strings.TrimSpace(boundary), yield)
	}
	if !found {
		switch encodingName(encoding) {
		case "base64", "quoted-printable": // not allowed, and done
			if b := d.unwrap(body, encoding, t); boundary != "" && split(b, boundary, yield) {
				return joined(t.kind, all)
			}
		}
		if guess := guessBoundary(body); guess != "" {
			found = split(body, guess, yield)
		}
	}
	switch {
	case found:
		return joined(t.kind, all)
	case len(bytes.TrimSpace(body)) == 0:
		return piece{}
	case boundary == "" || at.depth == 1:
		d.fault(incident.WhyMalformed)
	}
	b, _ := transfer(body, encoding, maxPage)
	if s := decode(b, ""); strings.Contains(strings.ToLower(s[:min(len(s), 2048)]), "<html") {
		return d.keep(piece{text: cleanText(htmlText(s)), form: formRich})
	}
	return d.words(b, "")
}

// overParts reports whether a part is the signature over the one before it.
func overParts(raw []byte) bool {
	fields, _, _ := splitHeader(raw, false)
	value, _ := Get(fields, "content-type")
	return strings.Contains(contentType(value).kind, "signature")
}

// joined makes one text of those of the parts: of alternatives one is taken,
// others follow one another.
func joined(kind string, all []piece) piece {
	if kind == "multipart/alternative" {
		return chosen(all)
	}
	out := piece{}
	var b strings.Builder
	for _, again := range []bool{false, true} { // what repeats comes last
		for _, p := range all {
			if p.repeats != again || again && saysAlso(b.String(), p.text) {
				continue
			}
			if b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
				b.WriteByte('\n')
			}
			b.WriteString(p.text)
			out.form = max(out.form, p.form)
		}
	}
	out.text = b.String()
	return out
}

// saysAlso reports whether text says what the beginning of again says, whatever
// their layout.
func saysAlso(text, again string) bool {
	letters := func(s string, n int) string {
		var b strings.Builder
		for _, r := range s {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				b.WriteRune(r)
			}
			if b.Len() >= n {
				break
			}
		}
		return b.String()
	}
	return strings.Contains(letters(text, maxText), letters(again, 120))
}

// chosen returns the text of alternatives: the plain one, unless it says next to
// nothing beside the other, then HTML, then what a calendar says.
func chosen(all []piece) piece {
	var best [formCalendar + 1]piece
	for _, p := range all {
		if len(strings.TrimSpace(p.text)) > len(strings.TrimSpace(best[p.form].text)) {
			best[p.form] = p
		}
	}
	plain, rich := best[formPlain], best[formRich]
	switch n := len(strings.TrimSpace(plain.text)); {
	case n > 0 && 10*n >= len(strings.TrimSpace(rich.text)):
		return plain
	case rich.text != "":
		return rich
	}
	return best[formCalendar]
}

// attachedMail reads a mail that is attached to this one: it is evidence, the
// outer one is the report.
func (d *Mail) attachedMail(raw []byte, at place) {
	if at.nesting++; at.nesting > maxNesting {
		d.fault(incident.WhyTooDeep)
		return
	}
	raw = bytes.TrimLeft(raw, "\r\n")
	in := &Mail{spent: d.spent}
	in.read(raw, place{nesting: at.nesting})
	switch in.Broken {
	case incident.WhyTooDeep, incident.WhyTooManyParts, incident.WhyTooLarge:
		d.fault(in.Broken) // what is wrong with an attached mail else is no fault of this one
	}
	id, _ := Get(in.Fields, "message-id")
	d.InnerIDs = append(append(d.InnerIDs, MessageIDs(id)...), in.InnerIDs...)
	for _, n := range in.Names {
		d.name(n)
	}
	d.Heads = append(append(d.Heads, "Subject: "+in.Subject), in.Heads...)
	d.attach(in)
}
