package letter

import (
	"bytes"
	"encoding/base64"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/encoding/simplifiedchinese"
	unicodes "golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

// transfer undoes the transfer encoding of a part, up to limit bytes. whole is
// false if a fault within lost some of it, or more than limit is there. An
// encoding that nobody knows is taken for none.
func transfer(body []byte, name string, limit int) (text []byte, whole bool) {
	switch encodingName(name) {
	case "base64":
		if b, ok := byLibrary(body, "base64", limit); ok {
			return b, len(b) < limit
		}
		return looseBase64(body, limit)
	case "quoted-printable":
		if b, ok := byLibrary(body, "quoted-printable", limit); ok {
			return b, len(b) < limit
		}
		return looseQuoted(body, limit)
	case "x-uuencode", "uuencode", "x-uue", "uue":
		if b := uudecode(body, limit); len(b) > 0 {
			return b, len(b) < limit
		}
	}
	return body[:min(len(body), limit)], len(body) <= limit
}

// encodingName is a Content-Transfer-Encoding as it is compared: programs write
// quotes, comments, semicolons and "base 64".
func encodingName(name string) string {
	name, _, _ = strings.Cut(strings.ToLower(name), ";")
	name, _, _ = strings.Cut(name, "(")
	switch name = strings.Trim(name, "\"'<> \t,."); name {
	case "base-64", "base 64", "b64", "b", "x-base64", "mime-base64":
		return "base64"
	case "quoted printable", "quotedprintable", "quoted_printable", "qp", "q", "quoted":
		return "quoted-printable"
	}
	return name
}

// byLibrary decodes what is well formed. ok is false if it is not.
func byLibrary(body []byte, name string, limit int) (text []byte, ok bool) {
	var h message.Header
	h.Set("Content-Transfer-Encoding", name)
	e, err := message.New(h, bytes.NewReader(body))
	if err != nil {
		return nil, false
	}
	var out bytes.Buffer
	size := len(body) // no encoding makes it longer
	if name == "base64" {
		size = base64.StdEncoding.DecodedLen(size)
	}
	out.Grow(min(size, limit) + bytes.MinRead)
	_, err = out.ReadFrom(io.LimitReader(e.Body, int64(limit)))
	return out.Bytes(), err == nil
}

// looseBase64 decodes line by line: characters that are none of base64 are left
// out, a line after a faulty one begins anew, and a line of words, such as a
// mailing list puts below, stays as it is.
func looseBase64(body []byte, limit int) (text []byte, whole bool) {
	out := make([]byte, 0, min(len(body), limit))
	whole = true
	faulty := false // a fault came; what follows it may be out of step
	var rest []byte // characters that are not yet a whole group of four
	flush := func(drop bool) {
		if !drop && len(rest) > 1 {
			b, _ := base64.RawStdEncoding.DecodeString(string(rest)) //nolint:errcheck // what it gives is kept
			out = append(out, b...)
		}
		rest = rest[:0]
	}
	for at := 0; at < len(body) && len(out) < limit; {
		next := lineEnd(body, at)
		line := bytes.TrimSpace(body[at:next])
		at = next
		good, bad, padding := 0, 0, false
		for _, c := range line {
			switch {
			case c == '=':
				padding = true
			case base64Digit(c):
				good++
			case c > ' ':
				bad++
			}
		}
		if len(line) == 0 {
			continue
		}
		if words := len(bytes.Fields(line)); words > 2 || bad > good || good == 0 && !padding {
			flush(false)
			if good+bad > 0 && (words > 1 || faulty) {
				out = append(append(out, '\n'), line...)
			}
			faulty = true
			continue
		}
		if faulty {
			whole = false // more came behind the fault
		}
		for _, c := range line {
			switch {
			case c == '=':
				flush(false)
			case base64Digit(c):
				if rest = append(rest, plainDigit(c)); len(rest) == 4 {
					flush(false)
				}
			}
		}
		if bad > 0 {
			flush(false) // the next line begins with a whole group
			faulty = true
		}
	}
	flush(false)
	if len(out) > limit {
		out, whole = out[:limit], false
	}
	return out, whole && len(out) < limit
}

func base64Digit(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' || c == '-' || c == '_'
}

// plainDigit makes the URL alphabet the usual one.
func plainDigit(c byte) byte {
	switch c {
	case '-':
		return '+'
	case '_':
		return '/'
	}
	return c
}

// looseQuoted decodes quoted-printable; an escape that is none stays as it is
// written, as the standard advises (RFC 2045 section 6.7).
func looseQuoted(body []byte, limit int) (text []byte, whole bool) {
	out := make([]byte, 0, min(len(body), limit))
	for at := 0; at < len(body) && len(out) < limit; {
		next := lineEnd(body, at)
		line := body[at:next]
		at = next
		end := len(line)
		for end > 0 && (line[end-1] == '\n' || line[end-1] == '\r') {
			end--
		}
		crlf := line[end:]
		line = bytes.TrimRight(line[:end], " \t")
		soft := len(line) > 0 && line[len(line)-1] == '='
		if soft {
			line = line[:len(line)-1]
		}
		out = append(out, unquote(string(line))...)
		if !soft {
			out = append(out, crlf...)
		}
	}
	if len(out) >= limit {
		return out[:limit], false
	}
	return out, true
}

// uudecode returns what stands between "begin" and "end".
func uudecode(body []byte, limit int) []byte {
	var out []byte
	on := false
	for at := 0; at < len(body) && len(out) < limit; {
		next := lineEnd(body, at)
		line := bytes.TrimRight(body[at:next], "\r\n")
		at = next
		switch {
		case !on:
			on = uuBegin(line) != ""
		case bytes.Equal(line, []byte("end")):
			return out
		case len(line) > 1:
			n := int(line[0]-' ') & 63
			digit := func(i int) byte {
				if i < len(line) {
					return (line[i] - ' ') & 63
				}
				return 0
			}
			for i := 1; n > 0; i, n = i+4, n-3 {
				group := []byte{digit(i)<<2 | digit(i+1)>>4, digit(i+1)<<4 | digit(i+2)>>2, digit(i+2)<<6 | digit(i+3)}
				out = append(out, group[:min(n, 3)]...)
			}
		}
	}
	return out[:min(len(out), limit)]
}

// uuBegin returns the file name of a line that begins a uuencoded file.
func uuBegin(line []byte) string {
	f := strings.Fields(string(line[:min(len(line), 300)]))
	if len(f) < 3 || f[0] != "begin" || len(f[1]) < 3 || len(f[1]) > 4 || strings.Trim(f[1], "01234567") != "" {
		return ""
	}
	return strings.Join(f[2:], " ")
}

// decode makes valid UTF-8 of b. An unknown charset is read as UTF-8 if it is
// valid, else as Windows-1252, which is also what ISO-8859-1 means in practice.
func decode(b []byte, charset string) string {
	name := charsetName(charset)
	switch {
	case name == "" && nulls(b):
		name = "utf-16"
	case utf8.Valid(b) && !stateful(name):
		// UTF-8 that some program calls otherwise. By chance no text of another
		// charset is valid UTF-8, unless it is ASCII, which reads the same.
		return string(b)
	}
	if enc := charsetOf(name, b); enc != nil {
		if out, err := enc.NewDecoder().Bytes(b); err == nil {
			return strings.ToValidUTF8(string(out), "\uFFFD")
		}
	}
	if utf8.Valid(b) {
		return string(b)
	}
	if mostlyUTF8(b) {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\uFFFD")
	}
	return string(out)
}

// mostlyUTF8 tells a UTF-8 text with a character cut off from one of a single
// byte charset.
func mostlyUTF8(b []byte) bool {
	good, bad := 0, 0
	for i := 0; i < len(b); {
		if b[i] < utf8.RuneSelf {
			i++
			continue
		}
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && n == 1 && !utf8.FullRune(b[i:]):
			return good > 4*bad // the end is cut off
		case r == utf8.RuneError && n == 1:
			bad++
		default:
			good++
		}
		i += n
	}
	return good > 4*bad
}

// stateful reports whether a text of that charset can look like ASCII and is
// not.
func stateful(name string) bool {
	switch name {
	case "iso-2022-jp", "iso-2022-jp-1", "iso-2022-jp-2", "iso-2022-jp-3", "iso-2022-jp-ms", "csiso2022jp", "hz-gb-2312":
		return true
	}
	return strings.HasPrefix(name, "utf-16") || strings.HasPrefix(name, "utf-32")
}

// nulls reports whether b looks like UTF-16: half of its bytes are zero.
func nulls(b []byte) bool {
	b = b[:min(len(b), 1024)]
	return len(b) >= 4 && 3*bytes.Count(b, []byte{0}) >= len(b)
}

// charsetName is a charset's name as it is looked up.
func charsetName(s string) string {
	s = strings.ToLower(strings.Trim(s, "\"'<>;, \t"))
	s = strings.TrimPrefix(strings.TrimPrefix(s, "charset="), "x-")
	switch s {
	case "utf8", "utf_8", "unicode-1-1-utf-8", "utf-8-bom", "utf8mb4":
		return "utf-8"
	case "us-ascii", "ascii", "usascii", "ansi_x3.4-1968", "7bit", "8bit", "default", "unknown", "unknown-8bit", "none", "default_charset", "user-defined":
		return ""
	case "cp932", "ms932", "ms_kanji", "sjis", "windows-31j", "shift-jis":
		return "shift_jis"
	case "cp936", "ms936", "gb_2312-80":
		return "gbk"
	case "cp949", "ms949":
		return "euc-kr"
	case "cp950":
		return "big5"
	case "hz":
		return "hz-gb-2312"
	case "unicode", "ucs-2", "utf16":
		return "utf-16"
	case "mac-roman", "macroman":
		return "macintosh"
	case "ansi":
		return "windows-1252"
	}
	for _, alias := range []struct{ from, to string }{{"win-", "windows-"}, {"windows_", "windows-"}, {"win", "windows-"}, {"ms-", "windows-"},
		{"cp-", "windows-"}, {"cp", "windows-"}, {"iso8859-", "iso-8859-"}, {"iso8859_", "iso-8859-"}, {"iso_8859_", "iso-8859-"}, {"latin-", "latin"}} {
		if rest, ok := strings.CutPrefix(s, alias.from); ok && rest != "" && rest[0] >= '0' && rest[0] <= '9' {
			if alias.to == "windows-" && !strings.HasPrefix(rest, "125") && rest != "874" {
				return "ibm" + rest
			}
			return alias.to + rest
		}
	}
	return s
}

// charsetOf returns the decoder of a charset; nil where there is none. UTF-7 is
// none on purpose: it hides words from whoever looks at the bytes.
func charsetOf(name string, b []byte) encoding.Encoding {
	switch name {
	case "", "utf-8", "utf-7", "unicode-1-1-utf-7", "iso-2022-kr", "iso-2022-cn":
		return nil
	case "utf-16", "utf-16le", "utf-16be":
		return unicodes.UTF16(endian(b, name == "utf-16be"), unicodes.UseBOM)
	case "utf-32", "utf-32le", "utf-32be":
		if name == "utf-32le" {
			return utf32.UTF32(utf32.LittleEndian, utf32.UseBOM)
		}
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	case "hz-gb-2312":
		return simplifiedchinese.HZGB2312
	}
	if enc, err := htmlindex.Get(name); err == nil && enc != encoding.Replacement {
		return enc
	}
	if enc, err := ianaindex.MIME.Encoding(name); err == nil {
		return enc
	}
	return nil
}

// endian tells the order of the bytes in UTF-16 by where the zeros are, since
// the name of the charset is often wrong.
func endian(b []byte, big bool) unicodes.Endianness {
	var zero [2]int
	for i, c := range b[:min(len(b), 1024)] {
		if c == 0 {
			zero[i%2]++
		}
	}
	switch {
	case zero[0] > 2*zero[1]:
		return unicodes.BigEndian
	case zero[1] > 2*zero[0], !big:
		return unicodes.LittleEndian
	}
	return unicodes.BigEndian
}

// cleanText makes the text of a part one that can be searched: lines end with
// \n, a blank is a blank, and what nobody sees is gone.
func cleanText(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c >= 0x7f || c < ' ' && c != '\n' && c != '\t' {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	var out strings.Builder
	out.Grow(len(s))
	for i, r := range s {
		switch {
		case r == '\r':
			if i+1 >= len(s) || s[i+1] != '\n' && s[i+1] != '\r' {
				out.WriteByte('\n')
			}
		case r == '\n', r == '\t':
			out.WriteRune(r)
		case r == '\f', r == '\v', r == '\u2028', r == '\u2029', r == '\u0085':
			out.WriteByte('\n')
		case r < ' ', r == 0x7f, invisible(r):
		case r != ' ' && unicode.Is(unicode.Zs, r):
			out.WriteByte(' ')
		default:
			out.WriteRune(r)
		}
	}
	return out.String()
}

// invisible reports whether a character shows nothing: it would cut a word in
// two for whoever compares, or turn the order of letters.
func invisible(r rune) bool {
	switch {
	case r < 0xad:
		return false
	case r == 0xad, r == 0xfeff, r == 0x180e, r == 0x34f, r == 0x61c:
		return true
	case r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f:
		return true
	case r >= 0xe0000 && r <= 0xe007f:
		return true
	}
	return false
}

// unlikeText reports whether a text is not one: it is full of characters that
// stand for what could not be decoded, or that no text has.
func unlikeText(s string) bool {
	bad, n := 0, 0
	for _, r := range s[:min(len(s), 16<<10)] {
		n++
		if r == utf8.RuneError || r < ' ' && !strings.ContainsRune("\t\r\n\f\v\x1b", r) || r >= 0x80 && r < 0xa0 {
			bad++
		}
	}
	return bad > 8 && 10*bad > n
}
