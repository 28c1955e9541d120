package said

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// longSentence is the number of tokens after which a sentence is cut, so that
// a text without full stops costs no more than one with them.
const longSentence = 160

// wrapped is the length from which a line may have been broken by a mail
// program and not by the writer.
const wrapped = 50

// A kind of token.
type kind uint8

const (
	aMark   kind = iota // one character that is no letter, digit or space
	aWord               // letters, with apostrophes between them
	aNumber             // digits
)

// A token is a piece of a sentence and where it stands.
type token struct {
	kind    kind
	glued   bool // no space before it
	upper   bool // begins with a capital
	line    bool // the first of its line
	n       int  // a number's value
	digits  int  // how many digits it is written with
	at, end int
	text    string // lower case
	lex     lexeme
}

func (t *token) is(words ...string) bool {
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

// A reader cuts a text into sentences and each sentence into tokens.
type reader struct {
	text  string
	lower string // text in lower case, byte for byte
	at    int
	words map[string]lexeme
	toks  []token
	ended byte // what ended the last sentence: '.', '?', '!', '\n'
}

func newReader(text string) *reader {
	return &reader{text: text, lower: lowerASCII(text), words: lexicon(), toks: make([]token, 0, 48)}
}

// lowerASCII keeps every byte where it is.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// sentence returns the tokens of the next sentence; the slice is good until the
// next call. It returns false at the end of the text.
func (r *reader) sentence() ([]token, bool) {
	r.toks = r.toks[:0]
	r.ended = '\n'
	spaced, line := true, true
	for r.at < len(r.text) {
		if len(r.toks) >= longSentence {
			return r.toks, true
		}
		c := r.lower[r.at]
		switch {
		case c == '\n':
			hard := r.newline()
			r.at++
			spaced, line = true, true
			if hard && len(r.toks) > 0 {
				return r.toks, true
			}
		case c == ' ' || c == '\t' || c == '\r' || c == '*' || c == '_' || c == '"' || c == '|' && len(r.toks) == 0:
			r.at++
			spaced = true
		case '0' <= c && c <= '9':
			r.digits(spaced, line)
			spaced, line = false, false
		case 'a' <= c && c <= 'z':
			r.letters(spaced, line)
			spaced, line = false, false
		case c < utf8.RuneSelf:
			at := r.at
			r.at++
			if (c == '.' || c == '?' || c == '!') && r.stops(c) {
				r.ended = c
				if len(r.toks) > 0 {
					return r.toks, true
				}
				continue
			}
			r.toks = append(r.toks, token{kind: aMark, glued: !spaced, line: line, at: at, end: r.at, text: r.lower[at:r.at]})
			spaced, line = false, false
		default:
			spaced, line = r.wide(spaced, line)
		}
	}
	return r.toks, len(r.toks) > 0
}

// wide reads a character outside ASCII.
func (r *reader) wide(spaced, line bool) (bool, bool) {
	c, size := utf8.DecodeRuneInString(r.text[r.at:])
	switch {
	case unicode.IsSpace(c) || c >= 0x2000 && c <= 0x200f || c == 0xfeff || c == 0x201c || c == 0x201d || c == 0x201e || c == 0x202f || c == 0x2060:
		r.at += size
		return true, line
	case unicode.IsLetter(c):
		r.letters(spaced, line)
		return false, false
	case c >= 0x2010 && c <= 0x2015 || c == 0x2212:
		r.toks = append(r.toks, token{kind: aMark, glued: !spaced, line: line, at: r.at, end: r.at + size, text: "-"})
	case c == 0x2022 || c == 0x00b7 || c == 0x25aa || c == 0x25cf: // bullets
		r.at += size
		return true, line
	default:
		r.toks = append(r.toks, token{kind: aMark, glued: !spaced, line: line, at: r.at, end: r.at + size, text: r.text[r.at : r.at+size]})
	}
	r.at += size
	return false, false
}

func (r *reader) digits(spaced, line bool) {
	at, n := r.at, 0
	for r.at < len(r.lower) && '0' <= r.lower[r.at] && r.lower[r.at] <= '9' {
		if r.at-at < 9 {
			n = 10*n + int(r.lower[r.at]-'0')
		}
		r.at++
	}
	r.toks = append(r.toks, token{kind: aNumber, glued: !spaced, line: line, n: n, digits: r.at - at, at: at, end: r.at, text: r.lower[at:r.at]})
}

// letters reads a word. The two letters of a.m. are one.
func (r *reader) letters(spaced, line bool) {
	at := r.at
	if t, n := dottedHalf(r.lower[at:]); n > 0 {
		r.at += n
		r.toks = append(r.toks, token{kind: aWord, glued: !spaced, line: line, at: at, end: r.at, text: t, lex: r.words[t]})
		return
	}
	bent := false
	for r.at < len(r.lower) {
		c := r.lower[r.at]
		if 'a' <= c && c <= 'z' {
			r.at++
			continue
		}
		n := 0
		switch {
		case c == '\'' || c == '`':
			n = 1
		case strings.HasPrefix(r.lower[r.at:], "\u2019"):
			n, bent = len("\u2019"), true
		case c >= utf8.RuneSelf:
			if x, size := utf8.DecodeRuneInString(r.lower[r.at:]); unicode.IsLetter(x) {
				r.at += size
				continue
			}
		}
		if n == 0 || r.at == at || r.at+n >= len(r.lower) || r.lower[r.at+n] < 'a' || r.lower[r.at+n] > 'z' {
			break
		}
		r.at += n
	}
	text := r.lower[at:r.at]
	if bent {
		text = strings.ReplaceAll(text, "\u2019", "'")
	}
	lex, known := r.words[text]
	if !known {
		if m := mend(text); m != text {
			text = m
			lex = r.words[m]
		}
	}
	r.toks = append(r.toks, token{kind: aWord, glued: !spaced, line: line, upper: r.text[at] != r.lower[at], at: at, end: r.at, text: text, lex: lex})
}

// dottedHalf knows a.m. and p.m.
func dottedHalf(s string) (string, int) {
	if len(s) < 3 || s[0] != 'a' && s[0] != 'p' || s[1] != '.' {
		return "", 0
	}
	n := 2
	if s[n] == ' ' && len(s) > 3 {
		n++
	}
	if s[n] != 'm' {
		return "", 0
	}
	n++
	if n < len(s) && 'a' <= s[n] && s[n] <= 'z' {
		return "", 0
	}
	if n < len(s) && s[n] == '.' {
		n++
	}
	if s[0] == 'a' {
		return "am", n
	}
	return "pm", n
}

// stops reports whether the full stop, question or exclamation mark c before
// r.at ends the sentence.
func (r *reader) stops(c byte) bool {
	if r.at < len(r.lower) && !strings.ContainsRune(" \t\r\n\"')]*_", rune(r.lower[r.at])) && r.lower[r.at] < utf8.RuneSelf {
		return false
	}
	if c == '?' && len(r.toks) > 0 && r.toks[len(r.toks)-1].is("(") {
		return false // (?)
	}
	if c != '.' || len(r.toks) == 0 {
		return true
	}
	last := &r.toks[len(r.toks)-1]
	if last.kind != aWord {
		return true
	}
	if last.lex.is&title != 0 || last.upper && last.end-last.at == 1 && last.text != "i" {
		return false
	}
	if last.lex.is&(abbreviation|weekdayName|monthName) == 0 {
		return true
	}
	rest := strings.TrimLeft(r.text[r.at:], " \t\r\n\u00a0")
	return rest == "" || 'A' <= rest[0] && rest[0] <= 'Z'
}

// newline reports whether the line break at r.at was made by the writer.
func (r *reader) newline() bool {
	begin := strings.LastIndexByte(r.text[max(0, r.at-400):r.at], '\n') + max(0, r.at-400) + 1
	before := strings.TrimSpace(r.text[begin:r.at])
	rest := r.text[r.at+1:]
	if len(rest) > 40 {
		rest = rest[:40]
	}
	next := strings.TrimLeft(rest, " \t\r\u00a0")
	if next == "" || next[0] == '\n' || strings.ContainsRune("-*>\u2022\u00b7|", rune(next[0])) || before == "" {
		return true
	}
	if strings.HasPrefix(next, "\u2022") || strings.HasPrefix(next, "\u00b7") || strings.HasPrefix(next, "\u2013") {
		return true
	}
	digit := func(s string) bool { return s[0] >= '0' && s[0] <= '9' }
	switch {
	case strings.HasSuffix(before, ":") && len(before) < wrapped:
		return false // a label, and its value below it
	case digit(before) && digit(next):
		return true // a table of times
	case len(before) >= wrapped:
		return false
	}
	c, _ := utf8.DecodeRuneInString(next)
	return !unicode.IsLower(c) && !strings.HasSuffix(before, ",")
}
