package said_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

func TestRelativeWordsCountFromTheSending(t *testing.T) {
	receipt := instant(t, "2026-11-23T10:20:00Z")
	for _, tt := range []struct {
		name string
		sent string
		text string
		want string
		flag incident.Flag
	}{
		{"sent four minutes before", "2026-11-23T10:16:00Z", "noticed an hour ago", "2026-11-23T09:16:00Z 1m", incident.FlagAgo},
		{"queued for fifteen minutes: from both", "2026-11-23T10:05:00Z", "noticed an hour ago", "2026-11-23T09:05:00Z 16m", incident.FlagSpansSent},
		{"a fast clock: from the receipt", "2026-11-23T10:27:00Z", "noticed an hour ago", "2026-11-23T09:20:00Z 1m", incident.FlagAgo},
		{"no Date", "", "noticed an hour ago", "2026-11-23T09:20:00Z 1m", incident.FlagAgo},
		{"queued over midnight: whose yesterday", "2026-11-22T23:45:00Z", "noticed yesterday at 14:20", "2026-11-21T14:20:00Z 2026-11-22T14:20:59.999999999Z", incident.FlagSpansSent},
		{"after it says that it was sent", "2026-11-23T10:16:00Z", "noticed at 10:18", "2026-11-23T10:18:00Z 1m", incident.FlagAfterSent},
		{"after the receipt", "2026-11-23T10:19:00Z", "noticed today at 10:23", "2026-11-23T10:23:00Z 1m", incident.FlagClipped},
		{"long after the receipt", "2026-11-23T10:19:00Z", "noticed today at 15:23", "2026-11-23T15:23:00Z 1m", incident.FlagSkewed},
		{"in the minute of the sending", "2026-11-23T10:19:40Z", "noticed at 10:19", "2026-11-23T10:19:00Z 2026-11-23T10:19:40Z", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := said.Anchor{Receipt: receipt}
			if tt.sent != "" {
				a.Sent = instant(t, tt.sent)
			}
			got := said.Prose(tt.text, a)
			if len(got) != 1 {
				t.Fatalf("Prose(%q) = %v, want one saying", tt.text, got)
			}
			if want := interval(t, tt.want); got[0].Interval != want {
				t.Errorf("Prose(%q) = %s, want %s", tt.text, got[0].Interval, want)
			}
			if tt.flag == "" && len(got[0].Flags) > 0 || tt.flag != "" && !has(got[0].Flags, tt.flag) {
				t.Errorf("Prose(%q) flags = %q, want %q", tt.text, got[0].Flags, tt.flag)
			}
		})
	}
}

func has(flags []incident.Flag, f incident.Flag) bool {
	for _, g := range flags {
		if g == f {
			return true
		}
	}
	return false
}

func TestTheSendersZone(t *testing.T) {
	for _, tt := range []struct {
		name     string
		receipt  string
		zone     time.Duration
		text     string
		want     string
		flagged  bool
		unzonedA bool
	}{
		{"Exchange writes +0000 in summer", "2026-07-14T09:20:00Z", 0, "noticed at 9.15 this morning", "2026-07-14T08:15:00Z 1m", false, false},
		{"+0100 in summer is London's", "2026-07-14T09:20:00Z", time.Hour, "noticed at 9.15 this morning", "2026-07-14T08:15:00Z 1m", false, false},
		{"London's zone has other offsets on other days", "2026-07-14T09:20:00Z", time.Hour, "noticed on 3 March at 9.15am", "2026-03-03T09:15:00Z 1m", false, false},
		{"+0100 in winter is not", "2026-11-23T10:20:00Z", time.Hour, "noticed at 10.15 this morning", "2026-11-23T09:15:00Z 1m", true, false},
		{"a zone that is named counts", "2026-11-23T10:20:00Z", time.Hour, "noticed at 09:15 GMT", "2026-11-23T09:15:00Z 1m", false, false},
		{"UK time is London's", "2026-11-23T10:20:00Z", time.Hour, "noticed at 9.15 UK time", "2026-11-23T09:15:00Z 1m", false, false},
		{"days are the sender's, too", "2026-11-23T10:20:00Z", 11 * time.Hour, "noticed yesterday at 17:05", "2026-11-22T06:05:00Z 1m", true, false},
		{"no offset", "2026-07-14T09:20:00Z", 0, "noticed at 9.15 this morning", "2026-07-14T08:15:00Z 1m", false, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := said.Anchor{Receipt: instant(t, tt.receipt), Offset: tt.zone, Zoned: !tt.unzonedA}
			got := said.Prose(tt.text, a)
			if len(got) != 1 || got[0].Interval != interval(t, tt.want) {
				t.Fatalf("Prose(%q) = %v, want %s", tt.text, got, tt.want)
			}
			if f := has(got[0].Flags, incident.FlagSenderZone); f != tt.flagged {
				t.Errorf("Prose(%q) flags = %q, want sender_zone %t", tt.text, got[0].Flags, tt.flagged)
			}
		})
	}
	if got := said.Prose("noticed at 14:45 IST", said.Anchor{Receipt: instant(t, "2026-11-23T20:20:00Z")}); len(got) > 0 {
		t.Errorf("a zone that means several gave %v, want nothing", got)
	}
}

func TestLabelAtReadsRelativeValues(t *testing.T) {
	a := said.Anchor{Receipt: instant(t, "2026-11-23T10:20:30Z"), Sent: instant(t, "2026-11-23T10:20:10Z")}
	for text, want := range map[string]string{
		"this morning 9.15":      "2026-11-23T09:15:00Z 1m",
		"9.15 this morning":      "2026-11-23T09:15:00Z 1m",
		"9.15":                   "2026-11-23T09:15:00Z 1m",
		"09:15":                  "2026-11-23T09:15:00Z 1m",
		"about 9.15":             "2026-11-23T09:05:00Z 21m",
		"0915":                   "2026-11-23T09:15:00Z 1m",
		"9am today":              "2026-11-23T09:00:00Z 1m",
		"half nine":              "2026-11-23T09:30:00Z 1m",
		"yesterday at 17:05":     "2026-11-22T17:05:00Z 1m",
		"Friday 17:05":           "2026-11-20T17:05:00Z 1m",
		"an hour ago":            "2026-11-23T09:20:00Z 1m",
		"between 9 and 9.30":     "2026-11-23T09:00:00Z 31m",
		"over the weekend":       "2026-11-21T00:00:00Z 48h",
		"23/11/2026 09:15":       "2026-11-23T09:15:00Z 1m",
		"09:15 (by the cleaner)": "2026-11-23T09:15:00Z 1m",
	} {
		in, _, words, err := said.LabelAt(text, a)
		if err != nil || in != interval(t, want) {
			t.Errorf("LabelAt(%q) = %s, %v, want %s", text, in, err, want)
		}
		if err == nil && (words[0] >= words[1] || words[1] > len(text)) {
			t.Errorf("LabelAt(%q) words = %v", text, words)
		}
	}
	for _, text := range []string{"", "n/a", "unknown", "see below", "9.15 or later", "before 9.15", "INC0000915", "0207 946 0915", "9.15?", "no time", "version 9.15", "I think so"} {
		if in, _, _, err := said.LabelAt(text, a); err == nil {
			t.Errorf("LabelAt(%q) = %s, want an error", text, in)
		}
	}
}

func TestDetects(t *testing.T) {
	for text, want := range map[string]bool{
		"I noticed that the door was open.":                           true,
		"We have just become aware of a breach.":                      true,
		"I found a laptop on the train, it has been stolen, I think.": true,
		"I was told that the letter went to the wrong address.":       true,
		"It was not noticed until this morning.":                      true,
		"Hello. Our scanner detected malware on LT-10159.":            true,
		"Have you noticed the new form?":                              false,
		"Please let me know if you notice anything.":                  false,
		"If you have spotted an error, tell us.":                      false,
		"I have not noticed anything.":                                false,
		"We found a good venue for the away day.":                     false,
		"I saw your mail, thanks.":                                    false,
		"Please be aware that the office closes at five.":             false,
		"You will be alerted when it is ready.":                       false,
		"Can you advise on how to report a loss?":                     false,
		"": false,
		"On Mon, 23 Nov 2026 at 09:15, Ann noticed and Bob wrote:":      false,
		"This is at short notice. The notice board is by the door.":     false,
		"What time did you notice?":                                     false,
		"I am the detection engineer; the discovery call is on Monday.": false,
	} {
		if got := said.Detects(text); got != want {
			t.Errorf("Detects(%q) = %t, want %t", text, got, want)
		}
	}
}

// Read by the sender's clock it would be still to come, so it is London's.
func TestASendersZoneThatPutsATimeAfterTheReceiptIsNotUsed(t *testing.T) {
	at := instant(t, "2026-11-23T10:20:00Z")
	a := said.Anchor{Receipt: at, Sent: at, Zoned: true, Offset: -8 * time.Hour}
	got := said.Prose("I noticed it at 9.15 this morning.", a)
	if len(got) != 1 || got[0].Interval != interval(t, "2026-11-23T09:15:00Z 1m") || !slices.Contains(got[0].Flags, incident.FlagSenderZone) {
		t.Errorf("Prose = %v, want 09:15 in London, flagged", got)
	}
	got = said.Prose("I noticed it at 1.15 this morning.", a)
	if len(got) != 1 || got[0].Interval != interval(t, "2026-11-23T09:15:00Z 1m") {
		t.Errorf("Prose = %v, want 01:15 by the sender's clock", got)
	}
}
