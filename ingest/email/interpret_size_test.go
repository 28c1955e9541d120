package email_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"runtime"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// wrapped is base64 in lines, of about n bytes.
func wrapped(b []byte, n int) string {
	line := base64.StdEncoding.EncodeToString(b[:57]) + "\r\n"
	return strings.Repeat(line, n/len(line))
}

// largeMails are mails of the largest size, each of another kind.
func largeMails() map[string]func() []byte {
	const head = "From: jo@example.org\r\nSubject: report\r\nMIME-Version: 1.0\r\n"
	const text = "--b\r\nContent-Type: text/plain\r\n\r\nDate and time detected: 23/11/2026 09:15\r\n"
	mixed := func(part string) []byte {
		return []byte(head + "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + text + part + "\r\n--b--\r\n")
	}
	filler := bytes.Repeat([]byte("a line of words\r\n"), 10)
	return map[string]func() []byte{
		"a file in base64": func() []byte {
			return mixed("--b\r\nContent-Type: application/zip; name=x.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + wrapped(filler, large))
		},
		"winmail.dat": func() []byte {
			var b bytes.Buffer
			for _, v := range []any{uint32(0x223e9f78), uint16(1), uint8(2), uint32(0x0006800f), uint32(large * 3 / 4)} {
				_ = binary.Write(&b, binary.LittleEndian, v) // to memory
			}
			b.Write(make([]byte, large*3/4))
			return mixed("--b\r\nContent-Type: application/ms-tnef; name=winmail.dat\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(b.Bytes()))
		},
		"an attached mail in base64": func() []byte {
			inner := append([]byte("Subject: x\r\nContent-Type: multipart/mixed; boundary=c\r\n\r\n--c\r\nContent-Type: image/png\r\n\r\n"), make([]byte, large*3/4)...)
			return mixed("--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(inner))
		},
		"a signed body in pieces": func() []byte {
			var b bytes.Buffer
			b.WriteString("\x30\x80\x06\x09" + "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02" + "\xa0\x80\x30\x80\x02\x01\x01\x31\x00\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01\xa0\x80\x24\x80")
			piece := append([]byte("\x04\x82\x10\x00"), make([]byte, 4096)...)
			copy(piece[4:], "Content-Type: image/png\r\n\r\n")
			for b.Len() < large*3/4 {
				b.Write(piece)
			}
			b.Write(make([]byte, 14))
			return []byte(head + "Content-Type: application/pkcs7-mime; smime-type=signed-data\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString(b.Bytes()))
		},
		"HTML with a picture in it": func() []byte {
			return []byte(head + "Content-Type: text/html\r\n\r\n<p>Date and time detected: 23/11/2026 09:15</p><img src=\"data:image/png;base64," + strings.Repeat("A", large) + "\">")
		},
		"text in quoted-printable": func() []byte {
			return []byte(head + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + strings.Repeat("caf=C3=A9 and words =\r\nthat go on\r\n", large/36))
		},
	}
}

// A mail of 25 MB, the largest that is stored whole, takes less than 100 MB
// with its own bytes, even if nothing is collected meanwhile.
func TestALargeMailTakesLessThan100MB(t *testing.T) {
	for name, mail := range largeMails() {
		t.Run(name, func(t *testing.T) {
			s := incident.Signal{Source: "reports", Channel: incident.ChannelEmail, Received: at(t, "10:30:00"), Auth: incident.AuthMail, Raw: mail()}
			rule := config().Rule()
			var x email.Interpreter
			x.Interpret(received(t, []byte("Subject: x\n\nx\n")), rule) // what is made once
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			r := x.Interpret(s, rule)
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc + uint64(len(s.Raw)); took > roomier*100<<20 {
				t.Errorf("took %d MB, want less than 100", took>>20)
			}
			if len(r.Parts) != 1 {
				t.Errorf("%d parts, want one", len(r.Parts))
			}
		})
	}
}
