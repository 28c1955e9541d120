package email_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// An ugly is a mail of testdata/ugly, as INDEX there tells of it.
type ugly struct {
	file  string
	wrong string
	why   incident.Why
	// detected says that the mail has the labelled line of 09:15.
	detected bool
	words    []string // that must be found in its text
}

func uglies(t testing.TB) []ugly {
	t.Helper()
	index, err := os.ReadFile("testdata/ugly/INDEX")
	if err != nil {
		t.Fatal(err)
	}
	var all []ugly
	for l := range strings.Lines(string(index)) {
		if strings.HasPrefix(l, "#") {
			continue
		}
		f := strings.Split(strings.TrimSuffix(l, "\n"), "\t")
		if len(f) != 5 {
			t.Fatalf("INDEX: %q has %d columns, want 5", l, len(f))
		}
		u := ugly{file: f[0], wrong: f[1], detected: f[3] != "-"}
		if f[2] != "-" {
			u.why = incident.Why(f[2])
		}
		if f[4] != "" {
			u.words = strings.Split(strings.ReplaceAll(f[4], `\t`, "\t"), "; ")
		}
		all = append(all, u)
	}
	return all
}

// received is a mail that reached us at half past ten, in the words of signal.
func received(t testing.TB, raw []byte) incident.Signal {
	t.Helper()
	return incident.Signal{
		ID: incident.NewSignalID("reports", raw), Source: "reports", Channel: incident.ChannelEmail,
		Received: at(t, "10:30:00"), Stamped: at(t, "10:29:55"), Auth: incident.AuthMail, Raw: raw,
	}
}

func TestUglyMailsAreRead(t *testing.T) {
	listed := map[string]bool{"INDEX": true, ".gitattributes": true}
	for _, u := range uglies(t) {
		listed[u.file] = true
		t.Run(u.file, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("testdata/ugly", u.file))
			if err != nil {
				t.Fatal(err)
			}
			var x email.Interpreter
			r := x.Interpret(received(t, raw), config().Rule())
			if r.Quarantine != u.why {
				t.Errorf("%s: quarantine %q, want %q", u.wrong, r.Quarantine, u.why)
			}
			text := email.Text(raw)
			for _, w := range u.words {
				if !strings.Contains(text, w) {
					t.Errorf("%s: %q is not in the text\n%s", u.wrong, w, text)
				}
			}
			if len(r.Parts) != 1 {
				t.Fatalf("%s: %d parts, want one", u.wrong, len(r.Parts))
			}
			n := 0
			for _, c := range r.Parts[0].Claims {
				if c.Milestone != incident.Detected || c.Basis == incident.Derived {
					continue
				}
				n++
				if c.Interval != incident.Minute(at(t, "09:15:00")) {
					t.Errorf("%s: detected %s, want 09:15", u.wrong, c.Interval)
				}
				if got := text[c.Words[0]:c.Words[1]]; got != "23/11/2026 09:15" {
					t.Errorf("%s: words = %q, want the time as written", u.wrong, got)
				}
			}
			if want := map[bool]int{true: 1}[u.detected]; n != want {
				t.Errorf("%s: %d claims of detection, want %d\n%s", u.wrong, n, want, text)
			}
		})
	}
	files, err := os.ReadDir("testdata/ugly")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !listed[f.Name()] {
			t.Errorf("%s is not in INDEX", f.Name())
		}
	}
}

// Cut anywhere, a mail is still a report or is quarantined with a reason.
func TestAMailThatBreaksOffAnywhereIsNotLost(t *testing.T) {
	var x email.Interpreter
	rule := config().Rule()
	for _, u := range uglies(t) {
		raw, err := os.ReadFile(filepath.Join("testdata/ugly", u.file))
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(raw); n += 1 + len(raw)/40 {
			r := x.Interpret(received(t, raw[:n]), rule)
			if len(r.Parts) == 0 && r.Quarantine == "" {
				t.Errorf("%s, %d bytes of it: nothing read and no reason given", u.file, n)
			}
		}
	}
}

// What is too large, too deep or too many is read up to a bound, in a bounded
// time, and says so.
func TestMailThatIsABombIsReadWithinABound(t *testing.T) {
	head := "From: jo@example.org\nSubject: report\n"
	const line = "Date and time detected: 23/11/2026 09:15\n"
	repeat := strings.Repeat
	nested := func(n int, first, each string) string { return repeat(each, n) + first }
	for _, tt := range []struct {
		name     string
		mail     func() string
		why      incident.Why
		detected bool
	}{
		{"10 000 parts", func() string {
			return head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + line + repeat("--b\n\nx\n", 10_000) + "--b--\n"
		}, incident.WhyTooManyParts, true},
		{"10 000 attached mails", func() string {
			return head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + line + repeat("--b\nContent-Type: message/rfc822\n\nSubject: x\n\ny\n", 10_000) + "--b--\n"
		}, incident.WhyTooManyParts, true},
		{"text without end", func() string { return head + "\n" + line + repeat("a line of words that goes on and on\n", huge/36) }, incident.WhyTooLarge, true},
		{"one line without end", func() string { return head + "\n" + line + repeat("a", huge/4) }, incident.WhyTooLarge, true},
		{"dashes", func() string { return head + "Content-Type: multipart/mixed; boundary=-\n\n" + repeat("-", huge/5) }, incident.WhyTooLarge, false},
		{"base64 without end", func() string {
			return head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + line + "--b\nContent-Type: application/zip; name=x.zip\nContent-Transfer-Encoding: base64\n\n" + repeat(repeat("A", 76)+"\n", huge/77) + "--b--\n"
		}, "", true},
		{"an attached mail of 40 MB in base64", func() string {
			return head + "Content-Type: multipart/mixed; boundary=b\n\n--b\n\n" + line + "--b\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + repeat(repeat("YWJj", 19)+"\n", 40<<20/77) + "--b--\n"
		}, incident.WhyTooLarge, true},
		{"multiparts 10 000 deep", func() string {
			return head + "Content-Type: multipart/mixed; boundary=b\n\n" + nested(10_000, line, "--b\nContent-Type: multipart/mixed; boundary=b\n\n")
		}, incident.WhyTooManyParts, false},
		{"multiparts 1 000 deep, each with its boundary", func() string { return deep(head, 1000) }, incident.WhyTooDeep, false},
		{"mails 10 000 deep", func() string { return head + nested(10_000, "Subject: x\n\ny\n", "Content-Type: message/rfc822\n\n") }, incident.WhyTooDeep, false},
		{"a million header lines", func() string { return head + repeat("X-Line: value\n", 1_000_000) + "\n" + line }, incident.WhyTooLarge, true},
		{"a million bad header lines", func() string { return head + repeat("no field\n", 1_000_000) + "X-Last: x\n\n" + line }, incident.WhyTooLarge, false},
		{"a field of 20 MB", func() string { return head + "X-Long: " + repeat("x", 20<<20) + "\n\n" + line }, incident.WhyTooLarge, true},
		{"a field over a million lines", func() string { return head + "X-Long: x" + repeat("\n y", 1_000_000) + "\n\n" + line }, incident.WhyTooLarge, true},
		{"a subject of encoded words", func() string {
			return strings.Replace(head, "report", repeat("=?utf-8?q?=41?= ", 60_000), 1) + "\n" + line
		}, "", true},
		{"a content type of a million semicolons", func() string { return head + "Content-Type: text/plain" + repeat(";", 200_000) + "\n\n" + line }, "", true},
		{"HTML a million deep", func() string {
			return head + "Content-Type: text/html\n\n<p>" + line + "</p>" + repeat("<div>", 700_000)
		}, "", true},
		{"a million tables in tables", func() string {
			return head + "Content-Type: text/html\n\n<p>" + line + "</p>" + repeat("<table><tr><td>", 270_000)
		}, "", true},
		{"thousands of cells", func() string {
			return head + "Content-Type: text/html\n\n<p>" + line + "</p><table><tr>" + repeat("<td>", 200_000)
		}, "", true},
		{"HTML with a picture of 20 MB in it", func() string {
			return head + "Content-Type: text/html\n\n<p>" + line + "</p><img src=\"data:" + repeat("A", 20<<20) + "\">"
		}, incident.WhyTooLarge, true},
		{"a million blockquotes", func() string {
			return head + "Content-Type: text/html\n\n<p>" + line + "</p>" + repeat("<blockquote type=cite>x", 180_000)
		}, incident.WhyTooLarge, true},
		{"thousands of quoted mails", func() string {
			return head + "\n" + line + repeat("On 1 Nov 2026 at 1:00 x wrote:\nFrom: a@example.org\nSent: 1 Nov 2026 1:00\nTo: b\n", 4_000)
		}, "", true},
		{"thousands of tabs", func() string { return head + "\n" + line + repeat("\t", 200_000) }, "", true},
		{"files in the text", func() string { return head + "\n" + line + repeat("begin 644 a\nend\n", 60_000) }, "", true},
		{"a million enriched brackets", func() string { return head + "Content-Type: text/enriched\n\n" + line + repeat("<", 1_000_000) }, "", true},
		{"RTF a million deep", func() string { return head + "Content-Type: text/rtf\n\n{\\rtf1 " + line + repeat("{", 1_000_000) }, "", true},
		{"a calendar of a million folds", func() string {
			return head + "Content-Type: text/calendar\n\nSUMMARY:" + line + "DESCRIPTION:x" + repeat("\n x", 80_000)
		}, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var x email.Interpreter
			s := received(t, []byte(tt.mail()))
			began := busy(t)
			r := x.Interpret(s, config().Rule())
			if took := busy(t) - began; took > bound {
				t.Errorf("took %s of a processor, want at most %s", took, bound)
			}
			if r.Quarantine != tt.why {
				t.Errorf("quarantine %q, want %q", r.Quarantine, tt.why)
			}
			if len(r.Parts) != 1 {
				t.Fatalf("%d parts, want one", len(r.Parts))
			}
			found := false
			for _, c := range r.Parts[0].Claims {
				found = found || c.Milestone == incident.Detected && c.Interval == incident.Minute(at(t, "09:15:00"))
			}
			if found != tt.detected {
				t.Errorf("detection found: %v, want %v", found, tt.detected)
			}
		})
	}
}

// bound is how long a processor may be busy with any mail: a fraction of what
// the pipeline waits for it. Mails of a few kilobytes take some 100 µs.
const bound = 3 * time.Second * slower

// busy is for how long the processors were busy with this program. Unlike the
// time on the wall it does not depend on what else runs on the machine.
func busy(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// deep is a mail of multiparts in one another.
func deep(head string, n int) string {
	var b bytes.Buffer
	b.WriteString(head)
	for i := range n {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i)
	}
	b.WriteString("\nlost\n")
	return b.String()
}
