package email_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func TestMarked(t *testing.T) {
	subject := func(s string) string { return "From: a@example.org\nSubject: " + s + "\n\nhello\n" }
	body := func(s string) string { return "From: a@example.org\nSubject: report\n\n" + s + "\n" }
	for _, tt := range []struct {
		name string
		mail string
		want bool
	}{
		{"first in the subject", subject("SECRET - convoy plan"), true},
		{"top secret", subject("TOP SECRET: convoy plan"), true},
		{"with a hyphen", subject("TOP-SECRET convoy plan"), true},
		{"after RE and EXTERNAL", subject("RE: [EXTERNAL] FW: SECRET convoy plan"), true},
		{"UK before it", subject("UK SECRET - convoy plan"), true},
		{"last in the subject", subject("convoy plan - SECRET"), true},
		{"in brackets", subject("convoy plan [SECRET] for Monday"), true},
		{"in encoded words", subject("=?utf-8?B?" + base64.StdEncoding.EncodeToString([]byte("SECRET – plan")) + "?="), true},
		{"a line of the text", body("SECRET\n\nThe convoy leaves at nine."), true},
		{"a line with a caveat", body("UK TOP SECRET UK EYES ONLY\nx"), true},
		{"a line in bold and small letters", body("**Secret**\nx"), true},
		{"with a dash of Word", body("SECRET \u2013 UK EYES ONLY\nx"), true},
		{"with a personal caveat", body("SECRET \u2014 PERSONAL\nx"), true},
		{"for two countries", body("SECRET UK/US EYES ONLY\nx"), true},
		{"before what it marks", body("SECRET: convoy plans\nx"), true},
		{"in brackets before what it marks", body("[SECRET] convoy plans\nx"), true},
		{"of NATO", body("NATO SECRET\nx"), true},
		{"with two strokes", body("SECRET//NOFORN\nx"), true},
		{"behind another marking", body("UK OFFICIAL / SECRET\nx"), true},
		{"behind a label and a dash", body("Protective Marking \u2013 SECRET\nx"), true},
		{"behind a label alone", body("Classification SECRET\nx"), true},
		{"a sentence in capitals", body("THE PASSWORD IS NO SECRET\nx"), false},
		{"a sentence that begins so", body("Secret Santa is on Friday\nx"), false},
		{"a label that denies it", body("Classification: not secret\nx"), false},
		{"behind Classification", body("Classification: Secret\nx"), true},
		{"behind Protective marking", body("Protective Marking: TOP SECRET STRAP 1\nx"), true},
		{"at the foot of a short text", body("The convoy leaves at nine.\n\n--\nTOP SECRET"), true},
		{"in a header field", "X-Protective-Marking: SEC=SECRET\nSubject: report\n\nx\n", true},
		{"in base64", "Subject: report\nContent-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte("SECRET\nplan")) + "\n", true},
		{"in HTML only", "Subject: report\nContent-Type: text/html\n\n<html><body><p><b>SECRET</b></p><p>plan</p></body></html>\n", true},
		{"a file's name", "Subject: report\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: application/pdf; name=\"SECRET plan.pdf\"\n\nx\n--b--\n", true},
		{"in an attached mail", "Subject: report\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: SECRET plan\n\nSECRET\n--b--\n", true},
		{"in an attached mail's subject only", "Subject: report\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nSubject: RE: SECRET convoy plan\n\nx\n--b--\n", true},
		{"in an attached mail's header only", "Subject: report\nContent-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\nX-Protective-Marking: TOP SECRET\nSubject: convoy plan\n\nx\n--b--\n", true},
		{"in the subject of a mail that is repeated", body("please look\n\n-----Original Message-----\nFrom: al@example.org\nSent: 23 November 2026 09:20\nSubject: SECRET - convoy plan\n\nx"), true},
		{"after other signs and markings", subject("SV: [OFFICIAL] [CAUTION] SECRET convoy plan"), true},
		{"a sensitivity label of Microsoft", "msip_labels: MSIP_Label_1_Enabled=True;MSIP_Label_1_Name=Secret\nSubject: report\n\nx\n", true},
		{"in the plain text beside HTML", "Subject: report\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nSECRET\nplan\n--b\nContent-Type: text/html\n\n<p>plan</p>\n--b--\n", true},
		{"in HTML beside plain text", "Subject: report\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain\n\nplan\n--b\nContent-Type: text/html\n\n<table><tr><td>SECRET</td></tr></table><p>plan</p>\n--b--\n", true},

		{"OFFICIAL-SENSITIVE", subject("OFFICIAL-SENSITIVE - lost laptop"), false},
		{"OFFICIAL SENSITIVE in the text", body("OFFICIAL SENSITIVE\nx"), false},
		{"a secret santa", subject("Secret Santa list"), false},
		{"an incident about a secret", subject("client secret committed to a repository"), false},
		{"a variable", subject("AWS_SECRET_ACCESS_KEY was leaked"), false},
		{"within a subject", subject("Laptop with SECRET files lost"), false},
		{"not secret", subject("Plan, NOT SECRET"), false},
		{"a sentence that says that it is not", body("This mail is not SECRET."), false},
		{"a sentence about one", body("A document that was marked SECRET was left on a train."), false},
		{"the secretary", subject("SECRETARY OF STATE"), false},
		{"a header that says that it is not", "X-Classification: not secret\nSubject: x\n\nx\n", false},
		{"far down in the text", body(strings.Repeat("a line of text that is long enough\n", 200) + "SECRET\n"), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := email.Marked([]byte(strings.ReplaceAll(tt.mail, "\n", "\r\n"))); got != tt.want {
				t.Errorf("Marked() = %v, want %v", got, tt.want)
			}
		})
	}
}
