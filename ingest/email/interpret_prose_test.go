package email_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// told writes the claims of a milestone that a sender makes: "basis earliest
// latest observer", with the words behind it.
func told(t testing.TB, mail string, to incident.Milestone, change ...func(*email.Config)) string {
	t.Helper()
	f := facts(t, mail, change...)
	text := email.Text(signal(t, mail).Raw)
	var all []string
	for _, c := range f.Claims {
		if c.Milestone != to || c.Receiver {
			continue
		}
		s := string(c.Basis) + " " + spanText(c.Interval)
		if c.Void != "" {
			s = string(c.Void) + " " + spanText(c.Interval)
		}
		who, _, _ := strings.Cut(c.Observer, "@")
		all = append(all, s+" "+who+" «"+text[c.Words[0]:c.Words[1]]+"»")
	}
	return strings.Join(all, "; ")
}

func TestTimesInProse(t *testing.T) {
	const (
		head     = "From: jo@example.org\nSubject: x\nDate: Mon, 23 Nov 2026 10:19:30 +0000\n\n"
		original = "\n-----Original Message-----\nFrom: Al Other <al@example.org>\nSent: 23 November 2026 09:45\nTo: jo@example.org\nSubject: x\n\n"
	)
	for _, tt := range []struct {
		name, mail string
		want       string // of detected
	}{
		{"a sentence", head + "I noticed at 9:15 that it is gone.\n", "stated 09:15:00 09:15:59 jo «9:15»"},
		{"over two lines", head + "We are sorry to say that we noticed\nat 9:15 that it is gone.\n", "stated 09:15:00 09:15:59 jo «9:15»"},
		{"in the subject", "From: jo@example.org\nSubject: Loss noticed at 9:15\n\nsee subject\n", "stated 09:15:00 09:15:59 jo «9:15»"},
		{"in a subject that is repeated", "From: jo@example.org\nSubject: RE: Loss noticed at 9:15\n\nsee subject\n", ""},
		{"in a subject that is repeated, with its day", "From: jo@example.org\nSubject: RE: Loss noticed at 9:15 on 23/11/2026\n\nsee subject\n", "derived 09:15:00 09:15:59 jo «9:15 on 23/11/2026»"},
		{"in a table of HTML", "From: jo@example.org\nSubject: x\nContent-Type: text/html\n\n<p>I noticed at <b>9:15</b> that it is gone.</p>\n", "stated 09:15:00 09:15:59 jo «9:15»"},
		{"two of one sender, both kept", head + "I noticed at 9:15 that it is gone.\n\nMy colleague noticed at 9:40 that another is gone.\n", "stated 09:15:00 09:15:59 jo «9:15»; stated 09:40:00 09:40:59 jo «9:40»"},
		{"beside a field that says another", head + "Date and time detected: 23/11/2026 09:45\n\nI noticed at 9:15 that it is gone.\n", "stated 09:45:00 09:45:59 jo «23/11/2026 09:45»; stated 09:15:00 09:15:59 jo «9:15»"},
		{"beside a field that says the same", head + "Date and time detected: 23/11/2026 09:15\n\nI noticed at 9:15 that it is gone.\n", "stated 09:15:00 09:15:59 jo «23/11/2026 09:15»"},

		{"no word says of what", head + "It is gone, 9:15.\n", "offered 09:15:00 09:15:59 jo «9:15»"},
		{"nor here, and a detection is named", head + "I noticed at 9:15 that it is gone. Ring me at 9:50.\n", "stated 09:15:00 09:15:59 jo «9:15»"},
		{"in a signature", head + "It is gone.\n\n-- \nJo\nOffice hours 9:15 to 10:00\n", ""},
		{"below a greeting", head + "It is gone.\n\nKind regards,\nJo\nOffice hours 9:15 to 10:00\n", ""},
		{"a time below a greeting that might be anything", head + "It is gone.\n\nKind regards,\nJo\nIt is gone, 9:15.\n", ""},
		{"a detection below a greeting", head + "It is gone.\n\nKind regards,\nJo\n\nPS: I noticed at 9:15 that it is gone.\n", "stated 09:15:00 09:15:59 jo «9:15»"},

		{"another's words are derived, and his", head + "See below." + original + "I noticed at 9:15 that it is gone.\n", "derived 09:15:00 09:15:59 al «9:15»"},
		{"counted from when he wrote", head + "See below." + original + "I noticed at half past eight yesterday that it is gone.\n", "derived 08:30:00 08:30:59 al «half past eight yesterday»"},
		{"one's own before another's", head + "I noticed at 9:30 that it is gone." + original + "I noticed at 9:15 that it is gone.\n", "stated 09:30:00 09:30:59 jo «9:30»"},
		{"what another offers is not", head + "See below." + original + "It is gone, 9:15.\n", ""},
		{"quoted, and when is not known", head + "See below.\n\n> I noticed 23/11/2026 at 09:15 that it is gone.\n", "derived 09:15:00 09:15:59 jo «23/11/2026 at 09:15»"},
		{"quoted, relative, and when is not known", head + "See below.\n\n> I noticed yesterday at 09:15 that it is gone.\n", ""},
		{"a field of another's form", head + "See below." + original + "Date and time detected: 23/11/2026 09:15\n", "derived 09:15:00 09:15:59 al «23/11/2026 09:15»"},
		{
			"an attached mail", "From: jo@example.org\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nSee attached.\n--b\nContent-Type: message/rfc822\n\n" +
				"From: al@example.org\nSubject: y\nDate: Mon, 23 Nov 2026 09:45:00 +0000\n\nI noticed at 9:15 that it is gone.\n--b--\n",
			"derived 09:15:00 09:15:59 al «9:15»",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := told(t, pass+mx+tt.mail, incident.Detected); got != tt.want {
				t.Errorf("detected %s, want %s", got, tt.want)
			}
		})
	}
}

// A mail of a summer's day, from where it is another hour than in London.
func TestTheSendersZoneIsThatOfTheDateField(t *testing.T) {
	for _, tt := range []struct {
		name, date string
		want       string // in UTC
	}{
		{"London's own", "Thu, 23 Jul 2026 11:19:00 +0100", "09:15:00"},
		{"UTC, as Exchange always writes", "Thu, 23 Jul 2026 10:19:00 +0000", "09:15:00"},
		{"not known", "Thu, 23 Jul 2026 10:19:00 -0000", "09:15:00"},
		{"none at all", "", "09:15:00"},
		{"two hours east", "Thu, 23 Jul 2026 13:19:00 +0300", "07:15:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := mailRow{day: "2026-07-23"}
			header := ""
			if tt.date != "" {
				header = "Date: " + tt.date + "\n"
			}
			raw := r.raw(t, step{at: "10:20", header: header, body: "I noticed at 10:15 that it is gone.\n"})
			var x email.Interpreter
			at := r.instant(t, "10:20")
			f := x.Interpret(incident.Signal{Source: "reports", Channel: incident.ChannelEmail, Received: at, Stamped: at, Raw: raw}, config().Rule()).Parts[0]
			i := slices.IndexFunc(f.Claims, func(c incident.Claim) bool { return c.Milestone == incident.Detected })
			if i < 0 {
				t.Fatalf("claims %v, want a detection", f.Claims)
			}
			if got := f.Claims[i].Interval.Earliest.Format(time.TimeOnly); got != tt.want {
				t.Errorf("detected at the earliest %s, want %s; flags %q", got, tt.want, f.Claims[i].Flags)
			}
		})
	}
}

func TestOtherMilestonesInProse(t *testing.T) {
	const mail = pass + mx + "From: jo@example.org\nSubject: x\n\nMy laptop was stolen at 8:40. I noticed at 9:15. I reported it to the service desk at 9:30.\n"
	if got, want := told(t, mail, incident.Occurred), "stated 08:40:00 08:40:59 jo «8:40»"; got != want {
		t.Errorf("occurred %s, want %s", got, want)
	}
	if got, want := told(t, mail, incident.Detected), "stated 09:15:00 09:15:59 jo «9:15»"; got != want {
		t.Errorf("detected %s, want %s", got, want)
	}
}
