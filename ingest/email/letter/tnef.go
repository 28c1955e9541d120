package letter

import (
	"bytes"
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The attributes of a TNEF stream (MS-OXTNEF) that are read.
const (
	tnefSignature  = 0x223e9f78
	tnefSubject    = 0x00018004
	tnefBody       = 0x0002800c
	tnefTitle      = 0x00018010 // of an attachment
	tnefMAPI       = 0x00069003
	tnefAttachment = 0x00069005
	tnefCodepage   = 0x00069007
)

// The properties (MS-OXPROPS) that are read.
const (
	propSubject    = 0x0037
	propBody       = 0x1000
	propRTF        = 0x1009
	propHTML       = 0x1013
	propName       = 0x3001
	propData       = 0x3701
	propFile       = 0x3704
	propLongFile   = 0x3707
	propInternetCP = 0x3fde
	propMessageCP  = 0x3ffd
)

// maxProperties bounds the attributes and properties of one stream.
const maxProperties = 20_000

// tnef reads a winmail.dat: Exchange's own form of a mail. Its plain body is
// wanted, then HTML, then RTF. What cannot be read is opaque: the text beside
// it, which is often the same, is used.
func (d *Mail) tnef(b []byte, at place) piece {
	if at.depth++; at.depth > maxDepth {
		d.fault(incident.WhyTooDeep)
		return piece{}
	}
	w := winmail{d: d, at: at, codepage: 1252}
	whole := w.read(b)
	p := chosen(w.pieces())
	if strings.TrimSpace(p.text) == "" && (!whole || w.found) {
		d.opaque = true
	}
	if !whole {
		d.fault(incident.WhyUnreadable)
	}
	p.repeats = true
	return d.keep(p)
}

// A winmail is a TNEF stream as it is read.
type winmail struct {
	d        *Mail
	at       place
	codepage int
	subject  string
	body     string
	html     []byte
	rtf      []byte
	found    bool // a body of some form was there
	left     int
}

func (w *winmail) pieces() []piece {
	pieces := []piece{{text: cleanText(strings.TrimRight(w.body, "\x00")), form: formPlain}}
	if len(w.html) > 0 {
		pieces = append(pieces, piece{text: cleanText(htmlText(decode(w.html, pageCharset(w.html, w.codepage)))), form: formRich})
	}
	if len(w.rtf) > 0 && strings.TrimSpace(w.body) == "" {
		if raw, ok := unpackRTF(w.rtf); ok {
			pieces = append(pieces, rtfPiece(raw))
		}
	}
	return pieces
}

// pageCharset returns the charset that a page names itself, or that of the
// stream.
func pageCharset(page []byte, codepage int) string {
	head := bytes.ToLower(page[:min(len(page), 2048)])
	if _, after, ok := bytes.Cut(head, []byte("charset=")); ok {
		name := strings.TrimLeft(string(after[:min(len(after), 40)]), "\"' ")
		if end := strings.IndexAny(name, "\"'>; /"); end > 0 {
			return name[:end]
		}
	}
	return codepageName(codepage)
}

func codepageName(n int) string {
	switch n {
	case 65001:
		return "utf-8"
	case 20127:
		return "us-ascii"
	case 20866:
		return "koi8-r"
	case 50220, 50221, 50222:
		return "iso-2022-jp"
	}
	if n > 28590 && n < 28606 {
		return "iso-8859-" + strconv.Itoa(n-28590)
	}
	return "cp" + strconv.Itoa(n)
}

// read reads the attributes. whole is false where the stream is no TNEF or
// breaks off.
func (w *winmail) read(b []byte) (whole bool) {
	r := littleEndian{b}
	if signature, ok := r.long(); !ok || signature != tnefSignature {
		return false
	}
	r.skip(2) // a key that nobody uses
	for range maxProperties {
		if len(r.b) == 0 {
			return true
		}
		r.skip(1) // of the message or of an attachment: the id says so
		id, ok := r.long()
		size, sized := r.long()
		data, there := r.take(int(size))
		if !ok || !sized || !there || !r.skip(2) { // the checksum is not asked: what is damaged is read as far as it goes
			return false
		}
		switch id {
		case tnefSubject:
			w.subject = firstOf(w.subject, OneLine(w.text(data)))
		case tnefBody:
			w.found = true
			w.body = firstOf(w.body, w.text(data))
		case tnefTitle:
			w.d.name(strings.TrimRight(w.text(data), "\x00"))
		case tnefCodepage:
			if n, ok := (&littleEndian{data}).long(); ok && n > 0 && n < 70000 {
				w.codepage = int(n)
			}
		case tnefMAPI:
			w.properties(data, false)
		case tnefAttachment:
			w.properties(data, true)
		}
	}
	return false
}

// text decodes a string in the code page of the stream.
func (w *winmail) text(b []byte) string {
	b, _, _ = bytes.Cut(b[:min(len(b), maxPage)], []byte{0})
	return decode(b, codepageName(w.codepage))
}

// properties reads the properties of the message or of an attachment.
func (w *winmail) properties(b []byte, attachment bool) {
	r := littleEndian{b}
	n, ok := r.long()
	for ; ok && n > 0 && w.left < maxProperties; n-- {
		w.left++
		tag, fine := r.long()
		if !fine {
			return
		}
		id, kind := tag>>16, tag&0xffff
		if id >= 0x8000 && !r.named() {
			return
		}
		count := uint32(1)
		several := kind&0x1000 != 0
		kind &^= 0x1000
		fixed, variable := propertySize(kind)
		if several || variable {
			if count, ok = r.long(); !ok {
				return
			}
		}
		for ; count > 0; count-- {
			size := uint32(fixed)
			if variable {
				if size, ok = r.long(); !ok {
					return
				}
			}
			data, there := r.take(int(size))
			if !there || !r.skip((4-int(size)%4)%4) && len(r.b) > 0 {
				return
			}
			w.property(id, kind, data, attachment)
			if size == 0 && !variable {
				return // of no known size
			}
		}
	}
}

// propertySize returns the bytes that a value of that type takes, or that its
// length stands before it.
func propertySize(kind uint32) (fixed int, variable bool) {
	switch kind {
	case 0x0002, 0x0003, 0x0004, 0x000a, 0x000b:
		return 4, false
	case 0x0005, 0x0006, 0x0007, 0x0014, 0x0040:
		return 8, false
	case 0x0048:
		return 16, false
	case 0x000d, 0x001e, 0x001f, 0x0102:
		return 0, true
	}
	return 0, false
}

func (w *winmail) property(id, kind uint32, data []byte, attachment bool) {
	words := func() string {
		if kind == 0x001f {
			return strings.TrimRight(decode(data[:min(len(data), maxPage)], "utf-16le"), "\x00")
		}
		return w.text(data)
	}
	switch {
	case attachment && (id == propLongFile || id == propFile || id == propName):
		w.d.name(words())
	case attachment && id == propData && kind == 0x000d && len(data) > 16:
		w.embedded(data[16:])
	case attachment:
	case id == propInternetCP || id == propMessageCP && w.codepage == 1252:
		if n, ok := (&littleEndian{data}).long(); ok && n > 0 && n < 70000 {
			w.codepage = int(n)
		}
	case id == propSubject:
		w.subject = words()
	case id == propBody:
		w.found = true
		w.body = words()
	case id == propHTML:
		w.found = true
		if kind == 0x001f {
			data = []byte(words())
			w.codepage = 65001
		}
		w.html = data[:min(len(data), maxPage)]
	case id == propRTF:
		w.found = true
		w.rtf = data
	}
}

// embedded reads a mail that is attached within the stream: evidence, as one
// that is attached to a mail.
func (w *winmail) embedded(b []byte) {
	at := w.at
	if at.nesting++; at.nesting > maxNesting {
		w.d.fault(incident.WhyTooDeep)
		return
	}
	if w.d.spent.parts++; w.d.spent.parts > maxParts {
		w.d.fault(incident.WhyTooManyParts)
		return
	}
	in := &Mail{spent: w.d.spent}
	inner := winmail{d: in, at: at, codepage: w.codepage}
	if !inner.read(b) {
		return
	}
	p := in.keep(chosen(inner.pieces()))
	in.Subject, in.text = inner.subject, p.text
	if in.Subject == "" && in.text == "" {
		return
	}
	for _, n := range in.Names {
		w.d.name(n)
	}
	w.d.Heads = append(append(w.d.Heads, "Subject: "+in.Subject), in.Heads...)
	w.d.attach(in)
}

// A littleEndian reads numbers and bytes, never beyond the end.
type littleEndian struct {
	b []byte
}

func (r *littleEndian) long() (uint32, bool) {
	if len(r.b) < 4 {
		r.b = nil
		return 0, false
	}
	n := binary.LittleEndian.Uint32(r.b)
	r.b = r.b[4:]
	return n, true
}

func (r *littleEndian) take(n int) ([]byte, bool) {
	if n < 0 || n > len(r.b) {
		r.b = nil
		return nil, false
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b, true
}

func (r *littleEndian) skip(n int) bool {
	_, ok := r.take(n)
	return ok
}

// named skips the name of a property that has one.
func (r *littleEndian) named() bool {
	if !r.skip(16) {
		return false
	}
	kind, ok := r.long()
	if !ok {
		return false
	}
	if kind == 0 {
		return r.skip(4)
	}
	n, ok := r.long()
	return ok && n < 1<<20 && r.skip(int(n)) && (r.skip((4-int(n)%4)%4) || len(r.b) == 0)
}
