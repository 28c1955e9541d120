package letter

import (
	"bytes"
	"compress/zlib"
	"encoding/pem"
	"io"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The content types of CMS (RFC 5652) in their encoded form.
const (
	oidSigned        = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02"
	oidEnveloped     = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03"
	oidEncrypted     = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"
	oidAuthEnveloped = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17"
	oidCompressed    = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09"
)

// The bounds of an encoding in BER. Programs nest some six deep.
const (
	maxBER      = 16
	maxElements = 200_000
)

// smimeType reports whether a part is S/MIME whose words are within.
func smimeType(kind, file string) bool {
	switch kind {
	case "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	case "application/octet-stream":
		return strings.EqualFold(file, "smime.p7m")
	}
	return false
}

// sealed reports whether a part is a mail that was encrypted by a way that we
// know and cannot undo.
func sealed(kind, file string) bool {
	switch kind {
	case "application/pgp-encrypted", "application/x-microsoft-rpmsg-message":
		return true
	}
	return strings.HasSuffix(strings.ToLower(file), ".rpmsg")
}

// smime reads what is signed or compressed. The signature is not verified:
// whose the words are is told by other means. What is encrypted needs a person.
func (d *Mail) smime(b []byte, t mediaType, at place) piece {
	if at.depth++; at.depth > maxDepth {
		d.fault(incident.WhyTooDeep)
		return piece{}
	}
	if block, _ := pem.Decode(b[:min(len(b), maxPage)]); block != nil {
		b = block.Bytes
	}
	r := berReader{left: maxElements}
	oid, content, ok := r.cms(b)
	if ok && r.cut {
		d.fault(incident.WhyUnreadable)
	}
	switch oid {
	case oidSigned:
		if !ok {
			break
		}
		if len(content) == 0 {
			return piece{} // certificates, or a signature over another part
		}
		return d.within(content, at)
	case oidCompressed:
		if inflated, fine := d.inflate(content); ok && fine {
			return d.within(inflated, at)
		}
	case oidEnveloped, oidEncrypted, oidAuthEnveloped:
		d.fault(incident.WhyEncrypted)
		return piece{}
	}
	d.opaque = true
	if kind := strings.ToLower(t.param("smime-type")); kind == "" || strings.Contains(kind, "envelop") {
		d.fault(incident.WhyEncrypted) // more often so than not
	} else {
		d.fault(incident.WhyUnreadable)
	}
	return piece{}
}

// Within reads a part that was wrapped in another form.
func (d *Mail) within(raw []byte, at place) piece {
	fields, begin, _ := splitHeader(raw, false)
	return d.part(fields, raw[begin:], at)
}

func (d *Mail) inflate(b []byte) (out []byte, ok bool) {
	r, err := zlib.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, false
	}
	room := max(maxDecoded-d.spent.decoded, 0)
	out, err = io.ReadAll(io.LimitReader(r, int64(room)))
	d.spent.decoded += len(out)
	if len(out) == room {
		d.fault(incident.WhyTooLarge)
	}
	return out, err == nil || len(out) > 0
}

// cms returns the type of a ContentInfo and, of signed and compressed data, the
// content within.
func (r *berReader) cms(b []byte) (oid string, content []byte, ok bool) {
	info, _, ok := r.next(b, 0)
	if !ok || info.tag != tagSequence {
		return "", nil, false
	}
	kind, rest, ok := r.next(info.content, 1)
	if !ok || kind.tag != tagOID {
		return "", nil, false
	}
	oid = string(kind.content)
	if oid != oidSigned && oid != oidCompressed {
		return oid, nil, true
	}
	wrapped, _, ok := r.next(rest, 1)
	if !ok {
		return oid, nil, false
	}
	data, _, ok := r.next(wrapped.content, 2)
	if !ok || data.tag != tagSequence {
		return oid, nil, false
	}
	// version and algorithms, then EncapsulatedContentInfo: the first sequence
	// with a type of content and an explicit [0]. In CompressedData the
	// algorithm is a sequence, too, without one.
	for in := data.content; len(in) > 0; {
		var e element
		if e, in, ok = r.next(in, 3); !ok {
			return oid, nil, false
		}
		if e.tag != tagSequence {
			continue
		}
		_, rest, ok := r.next(e.content, 4)
		if !ok {
			return oid, nil, false
		}
		if len(rest) == 0 {
			if oid == oidSigned {
				return oid, nil, true // detached
			}
			continue
		}
		explicit, _, ok := r.next(rest, 4)
		if !ok || explicit.tag != tagExplicit0 {
			if oid == oidCompressed {
				continue
			}
			return oid, nil, false
		}
		inner, _, ok := r.next(explicit.content, 5)
		if !ok {
			return oid, nil, false
		}
		content, ok = r.octets(inner, 5)
		return oid, content, ok
	}
	return oid, nil, false
}

// The identifier octets that are asked for.
const (
	tagOID       = 0x06
	tagSequence  = 0x30
	tagOctets    = 0x04
	tagExplicit0 = 0xa0
	constructed  = 0x20
)

// An element is one value in BER.
type element struct {
	tag     byte
	content []byte
}

// A berReader reads BER, which is DER with lengths that are not known
// beforehand. It copies nothing but octets that come in pieces.
type berReader struct {
	left int  // elements that may still be read
	cut  bool // an element is longer than what there is
}

// next reads the first element of b. Of one without a length the end is sought.
func (r *berReader) next(b []byte, depth int) (e element, rest []byte, ok bool) {
	if r.left--; r.left < 0 || depth > maxBER || len(b) < 2 {
		return e, nil, false
	}
	e.tag = b[0]
	at := 1
	if e.tag&0x1f == 0x1f { // a tag of several octets: nothing that is asked for
		for at < len(b) && b[at]&0x80 != 0 {
			at++
		}
		at++
	}
	if at >= len(b) {
		return e, nil, false
	}
	n := int(b[at])
	at++
	switch {
	case n == 0x80:
		return r.endless(e, b[at:], depth)
	case n > 0x80:
		size := n & 0x7f
		if size > 4 || at+size > len(b) {
			return e, nil, false
		}
		n = 0
		for _, c := range b[at : at+size] {
			n = n<<8 | int(c) // at most 32 bits
		}
		at += size
	}
	if n > len(b)-at {
		n, r.cut = len(b)-at, true // the mail breaks off
	}
	e.content = b[at : at+n]
	return e, b[at+n:], true
}

// endless reads an element up to its end-of-contents octets.
func (r *berReader) endless(e element, b []byte, depth int) (element, []byte, bool) {
	in := b
	for {
		if len(in) >= 2 && in[0] == 0 && in[1] == 0 {
			e.content = b[:len(b)-len(in)]
			return e, in[2:], true
		}
		if len(in) == 0 {
			e.content, r.cut = b, true
			return e, nil, true
		}
		_, rest, ok := r.next(in, depth+1)
		if !ok {
			return e, nil, false
		}
		in = rest
	}
}

// octets returns the octets of a string, which may come in pieces.
func (r *berReader) octets(e element, depth int) ([]byte, bool) {
	if e.tag&constructed == 0 {
		return e.content, true
	}
	if depth > maxBER {
		return nil, false
	}
	out := make([]byte, 0, len(e.content))
	for in := e.content; len(in) > 0; {
		if in[0] == 0 {
			break
		}
		p, rest, ok := r.next(in, depth+1)
		if !ok {
			return out, len(out) > 0
		}
		b, ok := r.octets(p, depth+1)
		if !ok {
			return out, len(out) > 0
		}
		out = append(out, b...)
		in = rest
	}
	return out, true
}
