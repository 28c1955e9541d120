package email_test

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset" // the oracle decodes more than we ask of it elsewhere

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// publicMails is the module whose test mails are read; deploy/test/install.sh
// downloads it.
const publicMails = "github.com/jhillyerd/enmime/v2@v2.3.0"

// public returns the mails that others test their readers with, by their files:
// those of Python's email package and of a Go module. Nothing of them is kept
// in this project.
func public(t *testing.T) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	add := func(least int, patterns ...string) {
		n := 0
		for _, p := range patterns {
			files, err := filepath.Glob(p)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files {
				raw, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				all[f] = raw
				n++
			}
		}
		if n < least {
			t.Fatalf("%d mails in %q, want at least %d: run deploy/test/install.sh", n, patterns, least)
		}
	}
	add(40, "/usr/lib/python3*/test/test_email/data/*.txt")
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", publicMails)
	cmd.Dir = t.TempDir() // of no module
	out, err := cmd.Output()
	var module struct{ Dir string }
	if err != nil || json.Unmarshal(out, &module) != nil {
		t.Fatalf("find %s, which deploy/test/install.sh downloads: %v\n%s", publicMails, err, out)
	}
	d := filepath.Join(module.Dir, "testdata")
	add(80, filepath.Join(d, "mail/*.raw"), filepath.Join(d, "low-quality/*.raw"), filepath.Join(d, "parts/*.raw"),
		filepath.Join(d, "encode/*"), filepath.Join(module.Dir, "dsn/testdata/*.raw"))
	return all
}

func TestPublicTestMailsAreRead(t *testing.T) {
	var x email.Interpreter
	rule := config().Rule()
	for name, raw := range public(t) {
		began := busy(t)
		r := x.Interpret(received(t, raw), rule)
		if took := busy(t) - began; took > bound {
			t.Errorf("%s: took %s of a processor, want at most %s", name, took, bound)
		}
		email.Marked(raw)
		if len(r.Parts) == 0 && r.Quarantine == "" {
			t.Errorf("%s: nothing read and no reason given", name)
		}
		text := plainWords(email.Text(raw))
		// What a strict reader has read is in the text, too.
		for _, l := range strictly(raw) {
			if !strings.Contains(text, plainWords(l)) {
				t.Errorf("%s: %q is not in the text %q", name, l, text)
			}
		}
		for _, p := range r.Parts {
			if len(p.Claims) == 0 || p.Claims[0].Milestone != incident.Reported {
				t.Errorf("%s: claims %+v, want the report first", name, p.Claims)
			}
		}
	}
}

// plainWords is text without its layout.
func plainWords(s string) string {
	return strings.Join(strings.Fields(strings.NewReplacer("\u00a0", " ", "\u200b", "", "\ufeff", "").Replace(s)), " ")
}

// strictly returns the lines of plain text that go-message reads of a mail in
// which it finds no fault; nil of any other.
func strictly(raw []byte) (lines []string) {
	e, err := message.Read(bytes.NewReader(raw))
	if err != nil {
		return nil
	}
	more := 0
	err = e.Walk(func(path []int, p *message.Entity, err error) error {
		if err != nil {
			return err
		}
		kind, params, err := p.Header.ContentType()
		if err != nil {
			return err
		}
		disposition, _, _ := p.Header.ContentDisposition()
		switch {
		case kind == "multipart/alternative", kind == "multipart/digest":
			more++
		case kind == "text/plain" && disposition != "attachment" && params["name"] == "":
			b, err := io.ReadAll(p.Body)
			if err != nil {
				return err
			}
			if utf8.Valid(b) {
				lines = append(lines, strings.Split(string(b), "\n")...)
			}
		}
		return nil
	})
	if err != nil || more > 0 {
		return nil // one of the alternatives is used, and mails in mails are read
	}
	return lines
}
