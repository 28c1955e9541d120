package email_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func TestReceivedAsMailSystemsWriteIt(t *testing.T) {
	const when = "2026-07-14T09:15:02Z"
	for _, tt := range []struct {
		name, value    string
		by, from, want string
	}{
		{
			"Postfix", "from out.example.org (out.example.org [192.0.2.7])\n\t(using TLSv1.3 with cipher X (256/256 bits))\n\tby mx.example.org (Postfix) with ESMTPS id 4F7K2Q\n\tfor <r@example.org>; Tue, 14 Jul 2026 10:15:02 +0100 (BST)",
			"mx.example.org", "out.example.org", when,
		},
		{
			"Postfix, not found in DNS", "from desk.example.org (unknown [203.0.113.5]) by mx.example.org (Postfix) with ESMTP id 1; Tue, 14 Jul 2026 10:15:02 +0100",
			"mx.example.org", "", when,
		},
		{
			"Exim", "from [192.0.2.7] (helo=mail.example.org)\n\tby mx.example.org with esmtps (TLS1.3)\n\t(Exim 4.97)\n\tid 1abc; Tue, 14 Jul 2026 09:15:02 +0000",
			"mx.example.org", "mail.example.org", when,
		},
		{
			"Exchange", "from A.eurprd05.prod.example.com (2603:10a6::1) by\n B.eurprd05.prod.example.com (2603:10a6::2) with Microsoft SMTP Server (version=TLS1_2, cipher=X) id\n 15.20.1; Tue, 14 Jul 2026 09:15:02 +0000",
			"b.eurprd05.prod.example.com", "a.eurprd05.prod.example.com", when,
		},
		{
			"Gmail, first hop", "by 2002:a05:6000:1 with SMTP id x1csp1; Tue, 14 Jul 2026 02:15:02 -0700 (PDT)",
			"2002:a05:6000:1", "", when,
		},
		{
			"Dovecot", "from mx.example.org\n\tby store.example.org with LMTP\n\tid abc\n\t(envelope-from <a@example.org>)\n\tfor <r@example.org>; Tue, 14 Jul 2026 10:15:02 +0100",
			"store.example.org", "mx.example.org", when,
		},
		{"a zone by name", "from a.example.org by b.example.org; 14 Jul 2026 10:15:02 BST", "b.example.org", "a.example.org", when},
		{"no zone", "from a.example.org by b.example.org; 14 Jul 2026 10:15:02", "b.example.org", "a.example.org", ""},
		{"no time", "from a.example.org by b.example.org", "b.example.org", "a.example.org", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			by, from, stamp, ok := email.ParseReceived(strings.NewReplacer("\n\t", " ", "\n", "").Replace(tt.value))
			got := ""
			if !stamp.IsZero() {
				got = stamp.UTC().Format(time.RFC3339)
			}
			if !ok || by != tt.by || from != tt.from || got != tt.want {
				t.Errorf("parseReceived = by %q from %q at %q ok %v, want %q %q %q", by, from, got, ok, tt.by, tt.from, tt.want)
			}
		})
	}
	if _, _, _, ok := email.ParseReceived("(qmail 1 invoked by uid 1); 14 Jul 2026 10:15:02 -0000"); ok {
		t.Error("a Received field that names no host was read")
	}
}

// An hour off is the whole limit: package time reads "BST" as the machine's
// zone has it.
func TestNamedZonesAreReadFromOurOwnTable(t *testing.T) {
	for in, want := range map[string]string{
		"Tue, 14 Jul 2026 09:15:00 BST":             "2026-07-14T08:15:00Z",
		"Tue, 14 Jul 2026 09:15:00 GMT":             "2026-07-14T09:15:00Z",
		"Tue, 14 Jul 2026 09:15:00 UT":              "2026-07-14T09:15:00Z",
		"Tue, 14 Jul 2026 09:15:00 +0100 (BST)":     "2026-07-14T08:15:00Z",
		"Tue, 14 Jul 2026 09:15:00 EST":             "2026-07-14T14:15:00Z",
		"Tue, 14 Jul 2026 09:15:00 CEST":            "2026-07-14T07:15:00Z",
		"14 Jul 26 09:15 +0000":                     "2026-07-14T09:15:00Z",
		"Sat, 31 Oct 2026 23:59:60 +0000":           "2026-11-01T00:00:00Z",
		"Tue, 14 Jul 2026 09:15:00 -0000":           "2026-07-14T09:15:00Z",
		"Tue, 14 Jul 2026 09:15:00 IST":             "",
		"Tue, 14 Jul 2026 09:15:00":                 "",
		"Tue, 31 Feb 2026 09:15:00 +0000":           "",
		"Tue, 14 Jul 2026 25:15:00 +0000":           "",
		"Tue, 14 Jul 2026 09:15:00 +9900":           "",
		"2026-07-14T09:15:00Z":                      "",
		"Tue, 14 Jux 2026 09:15:00 +0000":           "",
		"Tue, 14 Jul 2026 09:15:00.123456 +0000 (x": "2026-07-14T09:15:00Z",
	} {
		got := ""
		if x, ok := email.ParseDate(in); ok {
			got = x.Format(time.RFC3339)
		}
		if got != want {
			t.Errorf("parseDate(%q) = %q, want %q", in, got, want)
		}
	}
}

func FuzzReceived(f *testing.F) {
	f.Add("from out.example.org (out.example.org [192.0.2.7]) by mx.example.org (Postfix) with ESMTPS id 1; Mon, 23 Nov 2026 10:20:00 +0000 (GMT)")
	f.Add("by 2002:a05:6000:1 with SMTP id x; Tue, 14 Jul 2026 02:15:02 PDT")
	f.Add("from [192.0.2.7] (helo=mail.example.org) by mx;;; 1 Jan 70 0:0 -1400")
	f.Fuzz(func(t *testing.T, value string) {
		by, from, stamp, ok := email.ParseReceived(value)
		if ok == (by == "") {
			t.Errorf("parseReceived(%q): ok %v with host %q", value, ok, by)
		}
		if strings.ContainsAny(by+from, " \t;()") {
			t.Errorf("parseReceived(%q) = by %q from %q: no host names", value, by, from)
		}
		if !stamp.IsZero() && (stamp.Location() != time.UTC || stamp.Year() < 1969 || stamp.Year() > 9999) {
			t.Errorf("parseReceived(%q) at %s", value, stamp)
		}
	})
}

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
		sorted := email.Sort(raw)
		if !sorted.Ranges {
			t.Error("a range lies outside of the text")
		}
		for _, g := range sorted.Forwarded {
			if !g.Sent.Valid() || g.Words != g.SentText {
				t.Errorf("%+v: the words are not where they are said to be", g)
			}
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
