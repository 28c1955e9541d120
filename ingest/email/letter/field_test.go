package letter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
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
			h, ok := letter.ParseReceived(strings.NewReplacer("\n\t", " ", "\n", "").Replace(tt.value))
			by, from, stamp := h.By, h.From, h.At
			got := ""
			if !stamp.IsZero() {
				got = stamp.UTC().Format(time.RFC3339)
			}
			if !ok || by != tt.by || from != tt.from || got != tt.want {
				t.Errorf("parseReceived = by %q from %q at %q ok %v, want %q %q %q", by, from, got, ok, tt.by, tt.from, tt.want)
			}
		})
	}
	if _, ok := letter.ParseReceived("(qmail 1 invoked by uid 1); 14 Jul 2026 10:15:02 -0000"); ok {
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
		if x, ok := letter.ParseDate(in); ok {
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
		h, ok := letter.ParseReceived(value)
		by, from, stamp := h.By, h.From, h.At
		if ok == (by == "") {
			t.Errorf("ParseReceived(%q): ok %v with host %q", value, ok, by)
		}
		if strings.ContainsAny(by+from, " \t;()") {
			t.Errorf("ParseReceived(%q) = by %q from %q: no host names", value, by, from)
		}
		if !stamp.IsZero() && (stamp.Location() != time.UTC || stamp.Year() < 1969 || stamp.Year() > 9999) {
			t.Errorf("ParseReceived(%q) at %s", value, stamp)
		}
	})
}
