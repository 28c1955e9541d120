package email_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// Whatever the form of a mail, its labelled line is read.
func TestTheLabelledLineIsFoundInEveryForm(t *testing.T) {
	const line = "Date and time detected: 23/11/2026 09:15"
	head := pass + mx + "From: jo@example.org\nSubject: report\n"
	b64 := base64.StdEncoding.EncodeToString([]byte("Hello,\n" + line + "\nJo\n"))
	for _, tt := range []struct {
		name string
		mail string
		why  incident.Why
	}{
		{"plain", head + "\n" + line + "\n", ""},
		{"base64", head + "Content-Transfer-Encoding: base64\n\n" + b64 + "\n", ""},
		{"base64 that breaks off", head + "Content-Transfer-Encoding: base64\n\n" + b64 + "\n!!!\n", ""},
		{"quoted-printable", head + "Content-Transfer-Encoding: quoted-printable\n\nDate and time =\ndetected: 23/11/2026=2009:15\n", ""},
		{"an unknown transfer encoding", head + "Content-Transfer-Encoding: x-strange\n\n" + line + "\n", ""},
		{"an unknown charset", head + "Content-Type: text/plain; charset=x-strange\n\n" + line + "\n", ""},
		{"Windows-1252 without saying so", head + "\n\x93" + "quote\x94\n" + line + "\n", ""},
		{"UTF-16", head + "Content-Type: text/plain; charset=utf-16le\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString(utf16(line)) + "\n", ""},
		{"a content type that goes on and on", head + "Content-Type: text/plain; charset=utf-8; name=foo bar;;\n\n" + line + "\n", ""},
		{"a content type that is none", head + "Content-Type: cannot open (No such file)\n\n" + line + "\n", ""},
		{"HTML only", head + "Content-Type: text/html\n\n<style>x</style><p>Hello,</p><div>Date and time detected:&nbsp;23/11/2026 09:15</div>\n", ""},
		{"a table in HTML", head + "Content-Type: text/html\n\n<table><tr><td><b>Date and time detected</b></td><td>23/11/2026 09:15</td></tr></table>\n", ""},
		{"both, the plain one empty", head + "Content-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n \n--b\nContent-Type: text/html\n\n<p>" + line + "</p>\n--b--\n", ""},
		{"a part of a part", head + "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\n" + line + "\n--b--\n--a--\n", ""},
		{"no boundary", head + "Content-Type: multipart/mixed\n\n" + line + "\n", incident.WhyMalformed},
		{"the last boundary is missing", head + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\n\n" + line + "\n", ""},
		{"a bad line in the header of a part", head + "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: text/plain\nno field here\n\nx\n--b\n\n" + line + "\n--b--\n", ""},
		{"a bad line in the header", "From nobody Mon Nov 23 10:20:00 2026\n" + strings.Replace(head, "Subject", "no field here\nSubject", 1) + "\n" + line + "\n", ""},
		{"a signed mail", head + "Content-Type: multipart/signed; boundary=b; protocol=\"application/pgp-signature\"\n\n--b\nContent-Type: text/plain\n\n" + line + "\n--b\nContent-Type: application/pgp-signature\n\nx\n--b--\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var x email.Interpreter
			r := x.Interpret(signal(t, tt.mail), config().Rule())
			if len(r.Parts) != 1 || r.Quarantine != tt.why {
				t.Fatalf("%d parts, quarantine %q, want one part, %q", len(r.Parts), r.Quarantine, tt.why)
			}
			n := 0
			for _, c := range r.Parts[0].Claims {
				if c.Milestone == incident.Detected {
					n++
					if c.Interval != incident.Minute(at(t, "09:15:00")) {
						t.Errorf("detected %s, want 09:15", c.Interval)
					}
					if got := email.Text(signal(t, tt.mail).Raw)[c.Words[0]:c.Words[1]]; got != "23/11/2026 09:15" {
						t.Errorf("words = %q, want the time as written", got)
					}
				}
			}
			if n != 1 {
				t.Errorf("%d claims of detection, want 1; text %q", n, email.Text(signal(t, tt.mail).Raw))
			}
			if r.Parts[0].Trust != incident.Authenticated {
				t.Errorf("Trust = %q, want authenticated", r.Parts[0].Trust)
			}
		})
	}
}

func utf16(s string) []byte {
	var b []byte
	for _, c := range []byte(s) {
		b = append(b, c, 0)
	}
	return b
}

func TestMailThatCannotBeReadIsStillAReport(t *testing.T) {
	deep := "Subject: x\n\nlost\n"
	for range 8 {
		deep = "Content-Type: message/rfc822\n\n" + deep
	}
	var parts strings.Builder
	for i := range 300 {
		fmt.Fprintf(&parts, "--b\n\npart %d\n", i)
	}
	head := pass + mx + "From: jo@example.org\n"
	for _, tt := range []struct {
		name string
		mail string
		why  incident.Why
	}{
		{"encrypted", head + "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\nContent-Transfer-Encoding: base64\n\nAAAA\n", incident.WhyEncrypted},
		{"encrypted with PGP", head + "Content-Type: multipart/encrypted; boundary=b\n\n--b\n\nx\n--b--\n", incident.WhyEncrypted},
		{"mails in mails in mails", head + deep, incident.WhyTooDeep},
		{"hundreds of parts", head + "Content-Type: multipart/mixed; boundary=b\n\n" + parts.String() + "--b--\n", incident.WhyTooManyParts},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var x email.Interpreter
			r := x.Interpret(signal(t, tt.mail), config().Rule())
			if r.Quarantine != tt.why {
				t.Errorf("quarantine %q, want %q", r.Quarantine, tt.why)
			}
			if len(r.Parts) != 1 || len(r.Parts[0].Claims) == 0 || r.Parts[0].Claims[0].Milestone != incident.Reported {
				t.Errorf("parts %+v, want that it was reported", r.Parts)
			}
		})
	}
}

func TestNothingAtAllIsQuarantined(t *testing.T) {
	for _, raw := range []string{"", "\n\n", "   "} {
		var x email.Interpreter
		r := x.Interpret(signal(t, raw), config().Rule())
		if r.Quarantine != incident.WhyMalformed || len(r.Parts) != 0 {
			t.Errorf("Interpret(%q) = %+v, want quarantined as malformed", raw, r)
		}
	}
}

func TestBytesThatAreNoMailAreReadAsText(t *testing.T) {
	f := facts(t, "just some lines\nDate and time detected: 23/11/2026 09:15\n")
	if f.Trust != incident.Unauthenticated || f.Opening != incident.Opens {
		t.Errorf("trust %q, opening %q, want unauthenticated, opens", f.Trust, f.Opening)
	}
}

func TestARuleThatCannotBeReadQuarantines(t *testing.T) {
	rule := config().Rule()
	rule.Reading = []byte(`{"references":["("]}`)
	var x email.Interpreter
	if r := x.Interpret(signal(t, "Subject: x\n\nx\n"), rule); r.Quarantine != incident.WhyMapping {
		t.Errorf("quarantine %q, want %q", r.Quarantine, incident.WhyMapping)
	}
}
