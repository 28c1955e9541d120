package letter

import (
	"encoding/base64"
	"strings"
)

// maxWords bounds the encoded words of one field that are decoded.
const maxWords = 2000

// An encodedWord is one word of RFC 2047, =?charset?B?…?=.
type encodedWord struct {
	charset string
	data    []byte
}

// decodeWords reads the encoded words in a field; what cannot be read stays as
// it is. It forgives what programs do: blanks within a word, a character that is
// cut over two words, missing padding, and bytes over 127 as they are.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return cleanValue(decode([]byte(s), ""))
	}
	var out strings.Builder
	var run encodedWord // adjacent words of one charset: a character may be cut between them
	flush := func() {
		if run.data != nil {
			out.WriteString(decode(run.data, run.charset))
			run = encodedWord{}
		}
	}
	for range maxWords {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		w, n, ok := parseWord(s[i:])
		if !ok {
			flush()
			out.WriteString(decode([]byte(s[:i+2]), ""))
			s = s[i+2:]
			continue
		}
		if run.data == nil || strings.TrimSpace(s[:i]) != "" {
			flush()
			out.WriteString(decode([]byte(s[:i]), ""))
		} else if !strings.EqualFold(run.charset, w.charset) {
			flush()
		}
		run.charset, run.data = w.charset, append(run.data, w.data...)
		if run.data == nil {
			run.data = []byte{}
		}
		s = s[i+n:]
	}
	flush()
	out.WriteString(decode([]byte(s), ""))
	return cleanValue(out.String())
}

// parseWord reads the encoded word with which s begins, and how long it is.
func parseWord(s string) (w encodedWord, n int, ok bool) {
	rest := s[2:]
	charset, rest, ok := strings.Cut(rest, "?")
	if !ok || charset == "" || len(charset) > 64 || strings.ContainsAny(charset, " \t=") {
		return w, 0, false
	}
	kind, rest, ok := strings.Cut(rest, "?")
	if !ok || len(kind) != 1 {
		return w, 0, false
	}
	// A Q word may hold a question mark that should have been encoded.
	end := strings.Index(rest, "?=")
	if end < 0 {
		return w, 0, false
	}
	text := rest[:end]
	n = len(s) - len(rest) + end + 2
	charset, _, _ = strings.Cut(charset, "*") // a language, RFC 2231
	w.charset = charset
	switch kind {
	case "B", "b":
		text = strings.Map(func(r rune) rune {
			if r == ' ' || r == '\t' || r == '=' {
				return -1
			}
			return r
		}, text)
		b, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil && len(b) == 0 {
			return w, 0, false
		}
		w.data = b
	case "Q", "q":
		w.data = unquote(strings.ReplaceAll(text, "_", " "))
	default:
		return w, 0, false
	}
	return w, n, true
}

// unquote reads the escapes of quoted-printable; what is none stays.
func unquote(s string) []byte {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '=' && i+2 < len(s) && hexDigit(s[i+1]) >= 0 && hexDigit(s[i+2]) >= 0 {
			out = append(out, byte(hexDigit(s[i+1])<<4|hexDigit(s[i+2])))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return out
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	}
	return -1
}

// cleanValue takes out what no field may hold.
func cleanValue(s string) string {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\t' || s[i] >= 0x7f {
			return strings.Map(func(r rune) rune {
				switch {
				case r == '\t':
					return r
				case r < ' ', r == 0x7f:
					return ' '
				case invisible(r):
					return -1
				}
				return r
			}, s)
		}
	}
	return s
}
