package email_test

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func ugliest(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata/ugly", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// A marking is found in whatever form the text has, so that the mail is not
// stored.
func TestAMarkingIsFoundInEveryForm(t *testing.T) {
	b64 := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	swap := func(name, old, new string) []byte {
		// The same length, so that lengths within stay right.
		raw := string(ugliest(t, name))
		head, body, _ := strings.Cut(raw, "base64\r\n\r\n")
		body, tail, _ := strings.Cut(body, "--b")
		b, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(body), ""))
		if err != nil || !strings.Contains(string(b), old) || len(old) != len(new) {
			t.Fatalf("%s: %v, or %q is not in it", name, err, old)
		}
		return []byte(head + "base64\r\n\r\n" + b64(strings.Replace(string(b), old, new, 1)) + "\r\n--b" + tail)
	}
	for name, raw := range map[string][]byte{
		"plain":                            []byte("Subject: x\n\nSECRET\nwords\n"),
		"base64":                           []byte("Subject: x\nContent-Transfer-Encoding: base64\n\n" + b64("SECRET\nwords\n")),
		"HTML":                             []byte("Subject: x\nContent-Type: text/html\n\n<p>words</p><p><b>SECRET</b></p>"),
		"the alternative that is not used": []byte("Subject: x\nContent-Type: multipart/alternative; boundary=b\n\n--b\n\nmany words of the plain form\n--b\nContent-Type: text/html\n\n<p>SECRET</p><p>words</p>\n--b--\n"),
		"an attached mail":                 []byte("Subject: x\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nwords\n--b\nContent-Type: message/rfc822\n\nSubject: y\n\nSECRET\n--b--\n"),
		"an attached text":                 []byte("Subject: x\nContent-Type: text/plain\nContent-Disposition: attachment; filename=x.txt\n\nSECRET\n"),
		"an invitation":                    []byte("Subject: x\nContent-Type: text/calendar\n\nBEGIN:VCALENDAR\nDESCRIPTION:SECRET\nEND:VCALENDAR\n"),
		"winmail.dat":                      swap("tnef-body.eml", "Hello,", "SECRET"),
		"a file in winmail.dat":            swap("tnef-body.eml", "photo of bag.jpg", "SECRET photo.jpg"),
		"a mail in winmail.dat":            swap("tnef-embedded.eml", "the bag was on the train", "TOP SECRET\n the train..."),
		"a signed body":                    swap("smime-signed.eml", "Hello,\r", "SECRET\r"),
		"a signed body in pieces":          swap("smime-signed-ber.eml", "Hello,\r", "SECRET\r"),
	} {
		if !email.Marked(raw) {
			t.Errorf("%s: not marked", name)
		}
	}
}
