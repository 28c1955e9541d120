package letter

import (
	"encoding/binary"
	"strconv"
	"strings"
)

// rtfDictionary is what the compression of MS-OXRTFCP takes as read before.
const rtfDictionary = "{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"

// unpackRTF undoes the compression of RTF in mails of Exchange. What is beyond
// maxPage is left out; the checksum is not asked.
func unpackRTF(b []byte) (out []byte, ok bool) {
	const header = 16
	if len(b) < header {
		return nil, false
	}
	size := binary.LittleEndian.Uint32(b[4:])
	in := b[header:]
	switch binary.LittleEndian.Uint32(b[8:]) {
	case 0x414c454d: // not compressed
		return in[:min(len(in), int(min(size, maxPage)))], true
	case 0x75465a4c:
	default:
		return nil, false
	}
	var window [4096]byte
	at := copy(window[:], rtfDictionary)
	put := func(c byte) {
		out = append(out, c)
		window[at] = c
		at = (at + 1) % len(window)
	}
	for len(in) > 0 && len(out) < int(min(size, maxPage)) {
		control := in[0]
		in = in[1:]
		for bit := range 8 {
			if control&(1<<bit) == 0 {
				if len(in) == 0 {
					return out, true
				}
				put(in[0])
				in = in[1:]
				continue
			}
			if len(in) < 2 {
				return out, true
			}
			token := int(in[0])<<8 | int(in[1])
			in = in[2:]
			from, n := token>>4, token&15+2
			if from == at {
				return out, true // the end
			}
			for ; n > 0; n-- {
				put(window[from])
				from = (from + 1) % len(window)
			}
		}
	}
	return out, true
}

// rtfPiece returns the text of an RTF document, or of the HTML that Exchange
// has put into one (MS-OXRTFEX).
func rtfPiece(b []byte) piece {
	r := rtfReader{codepage: "cp1252"}
	text := r.read(b[:min(len(b), maxPage)])
	if r.html {
		text = htmlText(text)
	}
	return piece{text: cleanText(text), form: formRich}
}

// maxGroups bounds the groups of RTF in one another.
const maxGroups = 200

// An rtfGroup is what a group inherits.
type rtfGroup struct {
	skip   bool // its text is not shown
	htmlTo bool // \htmlrtf: it stands in the place of HTML
	tag    bool // an HTML tag
	uc     int  // bytes that stand for a character that \u gives
	star   bool // \* was read: an unknown destination is skipped
}

type rtfReader struct {
	codepage string
	html     bool
	out      strings.Builder
	bytes    []byte // of characters in the code page
	group    rtfGroup
	stack    []rtfGroup
	deeper   int // groups beyond maxGroups
	ignore   int // bytes that stand for a character that was given
}

func (r *rtfReader) read(b []byte) string {
	r.group.uc = 1
	for i := 0; i < len(b); {
		switch c := b[i]; c {
		case '{':
			r.flush()
			if len(r.stack) < maxGroups {
				r.stack = append(r.stack, r.group)
			} else {
				r.deeper++
			}
			r.group.star = false
			i++
		case '}':
			r.flush()
			switch n := len(r.stack); {
			case r.deeper > 0:
				r.deeper--
			case n > 0:
				r.group, r.stack = r.stack[n-1], r.stack[:n-1]
			}
			i++
		case '\\':
			i = r.control(b, i+1)
		case '\r', '\n':
			i++
		default:
			r.char(c)
			i++
		}
	}
	r.flush()
	return r.out.String()
}

// shown reports whether text goes to the output.
func (r *rtfReader) shown() bool {
	if r.html && r.group.tag {
		return true
	}
	return !r.group.skip && !(r.html && r.group.htmlTo)
}

func (r *rtfReader) char(c byte) {
	if r.ignore > 0 {
		r.ignore--
		return
	}
	if r.shown() {
		r.bytes = append(r.bytes, c)
	}
}

func (r *rtfReader) flush() {
	if len(r.bytes) > 0 {
		r.out.WriteString(decode(r.bytes, r.codepage))
		r.bytes = r.bytes[:0]
	}
	r.ignore = 0
}

func (r *rtfReader) put(s string) {
	r.flush()
	if r.shown() {
		r.out.WriteString(s)
	}
}

// control reads what stands behind a backslash and returns where the text goes
// on.
func (r *rtfReader) control(b []byte, i int) int {
	if i >= len(b) {
		return i
	}
	switch c := b[i]; {
	case c == '\'':
		if i+2 < len(b) && hexDigit(b[i+1]) >= 0 && hexDigit(b[i+2]) >= 0 {
			r.char(byte(hexDigit(b[i+1])<<4 | hexDigit(b[i+2])))
			return i + 3
		}
		return i + 1
	case c == '*':
		r.group.star = true
		return i + 1
	case c == '\\' || c == '{' || c == '}':
		r.char(c)
		return i + 1
	case c == '~':
		r.put(" ")
		return i + 1
	case c == '_':
		r.put("-")
		return i + 1
	case c == '\r' || c == '\n':
		r.put("\n")
		return i + 1
	case c < 'a' || c > 'z':
		return i + 1
	}
	begin := i
	for i < len(b) && b[i] >= 'a' && b[i] <= 'z' && i-begin < 32 {
		i++
	}
	word := string(b[begin:i])
	number := i
	if i < len(b) && b[i] == '-' {
		i++
	}
	for i < len(b) && digit(b[i]) && i-number < 11 {
		i++
	}
	n, err := strconv.Atoi(string(b[number:i]))
	has := err == nil
	if i < len(b) && b[i] == ' ' {
		i++
	}
	r.word(word, n, has)
	return i
}

func (r *rtfReader) word(word string, n int, has bool) {
	switch word {
	case "par", "line", "row", "sect", "page":
		r.put("\n")
	case "tab", "cell", "nestcell":
		r.put("\t")
	case "emdash":
		r.put("\u2014")
	case "endash":
		r.put("\u2013")
	case "lquote":
		r.put("\u2018")
	case "rquote":
		r.put("\u2019")
	case "ldblquote":
		r.put("\u201c")
	case "rdblquote":
		r.put("\u201d")
	case "bullet":
		r.put("\u2022")
	case "ansicpg":
		r.codepage = codepageName(n)
	case "uc":
		r.group.uc = min(max(n, 0), 8)
	case "u":
		r.flush()
		if n < 0 {
			n += 65536
		}
		if r.shown() && n > 0 && n < 0xd800 || n >= 0xe000 && n < 0x110000 && r.shown() {
			r.out.WriteRune(rune(n))
		}
		r.ignore = r.group.uc
	case "fromhtml":
		r.html = true
	case "htmlrtf":
		r.flush()
		r.group.htmlTo = !has || n != 0
	case "htmltag":
		r.flush()
		r.group.tag, r.group.skip = true, false
	case "mhtmltag", "fonttbl", "colortbl", "stylesheet", "info", "pict", "object", "header", "footer", "headerl", "headerr", "footerl", "footerr", "themedata", "datastore", "generator", "listtable", "listoverridetable", "fldinst", "bkmkstart", "bkmkend", "xmlnstbl", "footnote":
		r.flush()
		r.group.skip, r.group.tag = true, false
	default:
		if r.group.star {
			r.group.skip = true
		}
	}
	r.group.star = false
}
