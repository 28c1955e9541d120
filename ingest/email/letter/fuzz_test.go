package letter_test

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// attachments returns the last part of the ugly mails of one name, decoded.
func attachments(f *testing.F, pattern string) {
	f.Helper()
	files, err := filepath.Glob(filepath.Join("../testdata/ugly", pattern))
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		_, raw, _ = bytes.Cut(raw, []byte("base64\r\n\r\n"))
		raw, _, _ = bytes.Cut(raw, []byte("--b"))
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(raw)), ""))
		if err == nil {
			f.Add(b)
		}
	}
}

func FuzzTNEF(f *testing.F) {
	attachments(f, "tnef-*.eml")
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, why := letter.TNEF(b); !utf8.ValidString(text) {
			t.Errorf("text %q, %q: not UTF-8", text, why)
		}
	})
}

func FuzzSMIME(f *testing.F) {
	attachments(f, "smime-*.eml")
	f.Fuzz(func(t *testing.T, b []byte) {
		if text, why := letter.SMIME(b); !utf8.ValidString(text) {
			t.Errorf("text %q, %q: not UTF-8", text, why)
		}
	})
}

func FuzzHTML(f *testing.F) {
	for _, s := range []string{
		"<table><tr><th>a<th>b<tr><td>1<td>2</table>",
		"<blockquote type=cite><table><tr><td>x<blockquote type=cite>y</blockquote></td></tr></table>z",
		"<div hidden><p>x</div><pre>a\n b</pre><ul><li>c<dl><dt>d<dd>e",
		"<head><title>x<body>y<!-- z",
		"<div id=divRplyFwdMsg><b>From:</b> a<br><b>Sent:</b> b</div>",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, page string) {
		page = strings.ToValidUTF8(page, "")
		text := letter.HTMLText(page)
		if !utf8.ValidString(text) {
			t.Errorf("text %q: not UTF-8", text)
		}
		if len(text) > 64*(len(page)+64) {
			t.Errorf("%d bytes of text from %d", len(text), len(page))
		}
	})
}

func FuzzQuotes(f *testing.F) {
	for _, s := range []string{
		"mine\n> theirs\nmine\n-- \nJo\n\nOn 1 Nov 2026 at 9:00, Al\n<al@example.org> wrote:\n> x\nbelow",
		"-----Original Message-----\nFrom: al@example.org\nSent: 23 November 2026 09:15\nTo: x\nSubject: y\n\nbody\n> From: z\n> Date: a\n> To: b",
		"Begin forwarded message:\n\n> From: Al <al@example.org>\n> Date: 23 November 2026 at 09:15:00 GMT\n\nafter",
		"________________________________\nVon: a\nGesendet: Montag, 23. November 2026 09:15\n",
		"Le lun. 23 nov. 2026 à 09:15, Al <al@example.org> a écrit :\n",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := letter.Sort([]byte("From: jo@example.org\nSubject: Re: x\n\n" + text))
		if !s.Ranges {
			t.Error("a range lies outside of the text")
		}
		for _, g := range s.Forwarded {
			if !g.Sent.Valid() || g.Words != g.SentText {
				t.Errorf("%+v: the words are not where they are said to be", g)
			}
		}
	})
}

func FuzzRead(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("../testdata/ugly", "*.eml"))
	if err != nil || len(files) == 0 {
		f.Fatalf("%d files, %v", len(files), err)
	}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := letter.Sort(raw)
		if !s.Ranges {
			t.Error("a range lies outside of the text")
		}
		for _, g := range s.Forwarded {
			if !g.Sent.Valid() || g.Words != g.SentText {
				t.Errorf("%+v: the words are not where they are said to be", g)
			}
		}
	})
}
