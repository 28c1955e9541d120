package email_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func FuzzInterpret(f *testing.F) {
	body := "Subject: lost\nFrom: jo@example.org\nReferences: <a@b> <c@d>\n\nDate and time detected: 23/11/2026 09:15 to 09:45\nReference: INC0012345\n> quoted\n"
	for _, s := range []string{
		pass + mx + body,
		"Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/html; charset=latin1\n\n<td>Impact</td><td>High\n--b\nContent-Type: message/rfc822\n\n" + body + "\n--b--\n",
		"Content-Type: multipart/report; boundary=\nAuto-Submitted: auto-replied\n\n",
		"From x\nno field\n\nOn Monday Jo wrote:\n> Detected: 23/11 9am\nbelow",
		"Content-Transfer-Encoding: base64\nContent-Type: text/plain; charset=utf-16\n\nAAAA====",
		"Subject: =?utf-8?B?U0VDUkVU?=\n\n-----Original Message-----\nFrom: x\nSent: y\n",
	} {
		f.Add([]byte(s))
	}
	uglySeeds(f)
	rule := config().Rule()
	x := &email.Interpreter{}
	received := time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := incident.Signal{Source: "reports", Channel: incident.ChannelEmail, Received: received, Stamped: received, Auth: incident.AuthMail, Raw: raw}
		r := x.Interpret(s, rule)
		email.Marked(raw)
		text := email.Text(raw)
		if !utf8.ValidString(text) {
			t.Error("the text is not UTF-8")
		}
		if len(r.Parts) == 0 {
			if r.Quarantine == "" {
				t.Error("nothing read and no reason given")
			}
			return
		}
		p := r.Parts[0]
		if p.Receipt.After(received) || p.Receipt.IsZero() {
			t.Errorf("received %s, after we had it", p.Receipt)
		}
		if len(p.Claims) == 0 || p.Claims[0].Milestone != incident.Reported || p.Claims[0].Interval != incident.At(p.Receipt) {
			t.Errorf("claims %+v, want the report first", p.Claims)
		}
		if p.Opening == "" || p.Trust == "" {
			t.Errorf("opening %q, trust %q", p.Opening, p.Trust)
		}
		for _, c := range p.Claims[1:] {
			if !c.Interval.Valid() || c.Receiver && c.Basis != incident.Recorded {
				t.Errorf("claim %+v", c)
			}
			if c.Words[0] < 0 || c.Words[1] > len(text) || c.Words[0] > c.Words[1] {
				t.Errorf("words %v of a text of %d bytes", c.Words, len(text))
			}
		}
		for _, k := range p.Keys {
			if k.Value == "" || !slices.Contains(incident.KeyKinds(), k.Kind) {
				t.Errorf("key %+v", k)
			}
		}
	})
}

// uglySeeds adds the ugly mails to the corpus of a fuzz target.
func uglySeeds(f *testing.F) {
	f.Helper()
	for _, u := range uglies(f) {
		raw, err := os.ReadFile(filepath.Join("testdata/ugly", u.file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
}
