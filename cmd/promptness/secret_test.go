package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// A markedMail is a mail whose words stand nowhere else.
type markedMail struct {
	name  string
	raw   string
	words []string
}

// markedMails are marked SECRET in each of the ways that are looked at.
func markedMails() []markedMail {
	const head = "From: %[1]s.sender <%[1]s.box@example.org>\r\nMessage-ID: <%[1]s.id@example.org>\r\nSubject: "
	return []markedMail{
		{name: "subject", raw: head + "SECRET - %[1]s.subject\r\n\r\nThe %[1]s.body was lost.\r\n"},
		{name: "header", raw: "X-Protective-Marking: TOP SECRET\r\n" + head + "%[1]s.subject\r\n\r\nThe %[1]s.body was lost.\r\n"},
		{name: "text", raw: head + "%[1]s.subject\r\n\r\nUK SECRET\r\nThe %[1]s.body was lost.\r\n"},
		{name: "page", raw: head + "%[1]s.subject\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p><b>SECRET</b></p><p>The %[1]s.body was lost.</p>\r\n"},
		{name: "file", raw: head + "%[1]s.subject\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe %[1]s.body was lost.\r\n" +
			"--b\r\nContent-Type: text/csv; name=\"SECRET %[1]s.file.csv\"\r\nContent-Disposition: attachment\r\n\r\n%[1]s.row\r\n--b--\r\n"},
		{name: "attached", raw: head + "%[1]s.subject\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nThe %[1]s.body was lost.\r\n" +
			"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: SECRET %[1]s.inner\r\n\r\nThe %[1]s.plan.\r\n--b--\r\n"},
		{name: "large", raw: head + "SECRET - %[1]s.subject\r\n\r\nThe %[1]s.body was lost.\r\n" + strings.Repeat("%[1]s.line of many lines\r\n", 30_000)},
	}
}

// TestOfAMailMarkedSecretNothingIsKept looks for the words of marked mails in
// every byte that a run has written: the streams, the object store, the
// positions, the checkpoint, the log and what the program says when it is asked.
// The words of ordinary mails are found, so that it would see the others.
func TestOfAMailMarkedSecretNothingIsKept(t *testing.T) {
	t.Parallel() // it mostly waits
	w := &office{dir: t.TempDir(), box: dovecot.Start(t)}
	hooks, admin := configure(t, w.dir, fmt.Sprintf(`
sources:
  - channel: email
    name: mailbox
    tells: reported
    address: %s
    tls: starttls
    ca_file: %s
    username: %s
    password_file: %s
    poll: 1s
    start: all
    authentication: {closed: true}
`, w.box.Addr, w.box.CAFile, dovecot.User, w.box.PasswordFile))
	secret := markedMails()
	for i := range secret {
		m := &secret[i]
		name := "zqx" + m.name
		m.raw = strings.ReplaceAll(m.raw, "%[1]s", name)
		m.words = []string{name}
		w.box.Deliver([]byte(m.raw))
	}
	ordinary := []markedMail{
		{name: "small", raw: "From: jo@example.org\r\nSubject: ordsubject incident\r\nMessage-ID: <ordid@example.org>\r\n\r\nA laptop was lost, says ordbody.\r\n", words: []string{"ordsubject", "ordid", "ordbody"}},
		{name: "large", raw: "From: jo@example.org\r\nSubject: incident\r\n\r\nordlarge\r\n" + strings.Repeat("a line of a large mail, ordline\r\n", 30_000), words: []string{"ordlarge", "ordline"}},
	}
	for _, m := range ordinary {
		w.box.Deliver([]byte(m.raw))
	}
	w.child = startChild(t, w.dir, hooks, admin)
	w.eventually(t, "all mails to be in the record", func() bool {
		var list board.Decisions
		w.get(t, "/v1/decisions", &list)
		stubs := 0
		for _, d := range list.Decisions {
			if d.Kind == incident.DecideQuarantine {
				stubs++
			}
		}
		return stubs+len(w.rows(t)) == len(secret)+len(ordinary)
	})
	said := []byte(w.run(t, "decisions") + w.run(t, "incidents", "list"))
	for _, path := range []string{"/metrics", "/v1/sources", "/v1/decisions", "/v1/incidents"} {
		said = append(said, w.body(t, path)...)
	}
	told := fmt.Sprintf(`promptness_quarantined_total{source="mailbox",why="%s"} %d`, incident.WhyStub, len(secret))
	if !bytes.Contains(said, []byte(told+"\n")) {
		t.Errorf("nobody is told: /metrics has no line %s", told)
	}
	rule, err := os.ReadFile("../../deploy/prometheus/rules/sources.yml")
	if want := fmt.Sprintf(`promptness_quarantined_total{why="%s"}`, incident.WhyStub); err != nil || !bytes.Contains(rule, []byte(want)) {
		t.Errorf("nobody is told: no alert asks for %s (%v)", want, err)
	}
	w.child.stop()
	said = append(said, w.child.said()...)

	found := func(word []byte) (in []string) {
		if bytes.Contains(bytes.ToLower(said), word) {
			in = append(in, "what it says")
		}
		err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			b, err := os.ReadFile(path)
			if err == nil && (bytes.Contains(bytes.ToLower(b), word) || bytes.Contains(b, word)) {
				in = append(in, strings.TrimPrefix(path, w.dir))
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return in
	}
	for _, m := range ordinary {
		for _, word := range m.words {
			if len(found([]byte(word))) == 0 {
				t.Errorf("the word %q of an ordinary mail is found nowhere: this test could not see that of a marked one", word)
			}
		}
	}
	for _, m := range secret {
		for _, word := range m.words {
			if in := found([]byte(word)); len(in) > 0 {
				t.Errorf("the word %q of the mail marked by its %s stands in %q", word, m.name, in)
			}
		}
		// Nor its hash, by which a guess could be confirmed.
		sum := sha256.Sum256([]byte(m.raw))
		id := incident.NewSignalID("mailbox", []byte(m.raw))
		for _, hash := range [][]byte{sum[:], []byte(fmt.Sprintf("%x", sum)), id[:], []byte(fmt.Sprintf("%x", id[:]))} {
			if in := found(hash); len(in) > 0 {
				t.Errorf("a hash of the mail marked by its %s stands in %q", m.name, in)
			}
		}
	}
}

// body returns what GET path answers.
func (w *office) body(t *testing.T, path string) []byte {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, w.child.admin+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token(t, w.dir, ownNumber))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
