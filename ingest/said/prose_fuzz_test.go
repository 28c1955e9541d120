package said_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// FuzzProse holds what every reading must keep: an interval is closed and not
// reversed, nothing lies after the sending without a flag, and the words are
// within the text.
func FuzzProse(f *testing.F) {
	for _, s := range []string{
		"I noticed at 9.15 this morning that it was sent last night around 5pm.",
		"between 5pm on Friday 20/11/26 and 9am on Monday, an hour and a half ago",
		"25/10/2026 01:30 and midnight on Sunday; 29/03/2026 at 01:30 BST",
		"Mon-Fri 9-5, half ten to quarter past eleven, 2-3pm, the 23rd, over the weekend",
		"10 minutes later, just now, ten to ten to ten, 9:15:30.123456789+14:00",
		"not until 9\u00a0a.m.? \u2019\u2013\u00bd a few hours ago or so ish",
	} {
		f.Add(s, int64(1795435200), int64(30), int64(0))
		f.Add(s, int64(1793000000), int64(4000), int64(330))
	}
	f.Fuzz(func(t *testing.T, text string, unix, before, zone int64) {
		receipt := time.Unix(unix%(4<<30), 0)
		a := said.Anchor{Receipt: receipt, Sent: receipt.Add(-time.Duration(before%1e6) * time.Second), Offset: time.Duration(zone%840) * time.Minute, Zoned: zone != 0}
		if before == 0 {
			a.Sent = time.Time{}
		}
		all := said.Prose(text, a)
		if len(all) > said.MaxSayings {
			t.Errorf("Prose(%q) gave %d sayings", text, len(all))
		}
		for _, s := range all {
			holds(t, text, a, s)
		}
		in, flags, words, err := said.LabelAt(text, a)
		if err == nil {
			holds(t, text, a, said.Saying{Interval: in, Flags: flags, Words: words})
		}
		said.Detects(text)
	})
}

func holds(t *testing.T, text string, a said.Anchor, s said.Saying) {
	t.Helper()
	if !s.Interval.Closed() || !s.Interval.Valid() {
		t.Errorf("%q at %v: %s is not a closed interval", text, a, s.Interval)
	}
	if l := s.Interval.Latest.Location(); l != time.UTC {
		t.Errorf("%q at %v: in %s, not UTC", text, a, l)
	}
	late := slices.ContainsFunc(s.Flags, func(f incident.Flag) bool {
		return f == incident.FlagClipped || f == incident.FlagSkewed || f == incident.FlagAfterSent || f == incident.FlagSpansSent
	})
	sent := a.Receipt
	if !a.Sent.IsZero() && a.Sent.Before(sent) {
		sent = a.Sent
	}
	if s.Interval.Latest.After(sent) && !late {
		t.Errorf("%q at %v: %s %q lies after the sending without a flag", text, a, s.Interval, s.Flags)
	}
	if s.Words[0] < 0 || s.Words[0] >= s.Words[1] || s.Words[1] > len(text) || strings.TrimSpace(text[s.Words[0]:s.Words[1]]) == "" {
		t.Errorf("%q: words %v", text, s.Words)
	}
}

// mail is a typical report of 2 KB.
var mail = strings.Repeat(`Good morning,

I am writing to report a possible data incident. Yesterday afternoon at about quarter past four one of our
caseworkers, who was covering for a colleague on leave, emailed a spreadsheet with the names and dates of
birth of 43 people to the wrong solicitor (ref 2026/00123, invoice 4411). It was sent at 16:20 and I noticed
it at 9.15 this morning when the recipient phoned us. I told my line manager at half past nine.
`, 1) + strings.Repeat(`The recipient has confirmed by phone that the file has been deleted and that nobody else has seen it. We
have asked them to put that in writing. The spreadsheet held no addresses and no bank details, but it did
hold the case numbers of all of them. Please let me know if you need anything more.
`, 5) + `
Kind regards,
Sam Example | Operational Delivery | 0207 946 0915 | Mon-Fri 9am-5pm
`

func BenchmarkProse(b *testing.B) {
	a := said.Anchor{Receipt: instant(b, "2026-11-23T10:20:30Z"), Sent: instant(b, "2026-11-23T10:20:10Z")}
	b.SetBytes(int64(len(mail)))
	b.ReportAllocs()
	for b.Loop() {
		if n := len(said.Prose(mail, a)); n < 3 {
			b.Fatalf("Prose gave %d sayings, want three at least", n)
		}
	}
}

func BenchmarkDetects(b *testing.B) {
	text := strings.ReplaceAll(mail, "noticed", "saw")
	for b.Loop() {
		said.Detects(text)
	}
}
