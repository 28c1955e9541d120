package letter

import (
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// HTMLText is htmlText.
func HTMLText(page string) string { return htmlText(page) }

// TNEF reads a winmail.dat as a mail of its own.
func TNEF(b []byte) (text string, why incident.Why) {
	d := &Mail{spent: &spending{}}
	p := d.tnef(b, place{})
	return p.text + d.inner.String(), d.Broken
}

// SMIME reads the content of a smime.p7m as a mail of its own.
func SMIME(b []byte) (text string, why incident.Why) {
	d := &Mail{spent: &spending{}}
	p := d.smime(b, contentType("application/pkcs7-mime; smime-type=signed-data"), place{})
	return p.text + d.inner.String(), d.Broken
}

// Passed is a Forwarded, as tests look at it.
type Passed struct {
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
	Forwarded                      []Passed
	Calendar, Opaque               bool
	Ranges                         bool // all byte ranges lie within the text and in order
}

// Sort reads a mail and sorts its lines.
func Sort(raw []byte) Sorted {
	d := Read(raw)
	text, lines := d.Layout()
	s := Sorted{Calendar: d.Calendar, Opaque: d.opaque, Ranges: true}
	var own, quoted, passed, signature strings.Builder
	at := 0
	for _, l := range lines {
		s.Ranges = s.Ranges && l.Begin >= at && l.End >= l.Begin && l.End <= len(text) && (!l.Forwarded || l.Quoted)
		at = l.End
		b := &own
		switch {
		case l.Forwarded:
			b = &passed
		case l.Quoted:
			b = &quoted
		case l.Signature:
			b = &signature
		}
		b.WriteString(text[l.Begin:l.End] + "\n")
	}
	s.Own, s.Quoted, s.Passed, s.Signature = own.String(), quoted.String(), passed.String(), signature.String()
	for _, f := range d.Forwarded {
		if f.Begin < 0 || f.End < f.Begin || f.End > len(text) || f.Words[0] < 0 || f.Words[1] < f.Words[0] || f.Words[1] > len(text) {
			s.Ranges = false
			continue
		}
		s.Forwarded = append(s.Forwarded, Passed{f.From, f.Subject, f.messageID, f.Sent, f.zoned, f.sentText,
			text[f.Words[0]:f.Words[1]], text[f.Begin:f.End], f.Attached, f.Answered})
	}
	return s
}
