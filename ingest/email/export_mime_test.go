package email

import (
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// HTMLText is htmlText.
func HTMLText(page string) string { return htmlText(page) }

// TNEF reads a winmail.dat as a mail of its own.
func TNEF(b []byte) (text string, why incident.Why) {
	d := &document{spent: &spending{}}
	p := d.tnef(b, place{})
	return p.text + d.inner.String(), d.broken
}

// SMIME reads the content of a smime.p7m as a mail of its own.
func SMIME(b []byte) (text string, why incident.Why) {
	d := &document{spent: &spending{}}
	p := d.smime(b, contentType("application/pkcs7-mime; smime-type=signed-data"), place{})
	return p.text + d.inner.String(), d.broken
}

// Forwarded is a forwarded, as tests look at it.
type Forwarded struct {
	From, Subject, ID  string
	Sent               incident.Interval
	Zoned              bool
	SentText, Words    string // Words is what the byte range says
	Text               string // all of it
	Attached, Answered bool
}

// Sorted is the text of a mail by its marks.
type Sorted struct {
	Own, Quoted, Passed, Signature string
	Forwarded                      []Forwarded
	Calendar, Opaque               bool
	Ranges                         bool // all byte ranges lie within the text and in order
}

// Sort reads a mail and sorts its lines.
func Sort(raw []byte) Sorted {
	d := parse(raw)
	text, lines := d.layout()
	s := Sorted{Calendar: d.calendar, Opaque: d.opaque, Ranges: true}
	var own, quoted, passed, signature strings.Builder
	at := 0
	for _, l := range lines {
		s.Ranges = s.Ranges && l.begin >= at && l.end >= l.begin && l.end <= len(text) && (!l.forwarded || l.quoted)
		at = l.end
		b := &own
		switch {
		case l.forwarded:
			b = &passed
		case l.quoted:
			b = &quoted
		case l.signature:
			b = &signature
		}
		b.WriteString(text[l.begin:l.end] + "\n")
	}
	s.Own, s.Quoted, s.Passed, s.Signature = own.String(), quoted.String(), passed.String(), signature.String()
	for _, f := range d.forwarded {
		if f.begin < 0 || f.end < f.begin || f.end > len(text) || f.words[0] < 0 || f.words[1] < f.words[0] || f.words[1] > len(text) {
			s.Ranges = false
			continue
		}
		s.Forwarded = append(s.Forwarded, Forwarded{f.from, f.subject, f.messageID, f.sent, f.zoned, f.sentText,
			text[f.words[0]:f.words[1]], text[f.begin:f.end], f.attached, f.answered})
	}
	return s
}
