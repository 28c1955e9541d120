package said_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

func instant(t testing.TB, s string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// want is written "earliest latest", both in UTC; latest may be a duration
// after earliest: "1m" is a whole minute.
func interval(t testing.TB, s string) incident.Interval {
	t.Helper()
	e, l, _ := strings.Cut(s, " ")
	in := incident.Interval{Earliest: instant(t, e)}
	if d, err := time.ParseDuration(l); err == nil {
		in.Latest = in.Earliest.Add(d - 1)
	} else {
		in.Latest = instant(t, l)
	}
	return in
}

func TestLabelReadsWhatPeopleWrite(t *testing.T) {
	const noon = "2026-11-23T12:00:00Z"
	for _, tt := range []struct {
		text    string
		receipt string
		want    string
		flags   []incident.Flag
	}{
		// Day first, in every dress.
		{"23/11/2026 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23.11.26 0915", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23-11-2026 9.15am", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/26 0915hrs", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/26, 0915 hours", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/2026 09h15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/2026 - 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/2026 @ 9:15 a.m.", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/2026 at 9:15AM.", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"  23/11/2026\u00a009:15  ", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"*23/11/2026 09:15*", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/2026 9am", noon, "2026-11-23T09:00:00Z 1m", nil},
		{"3/4/2026 8.05", noon, "2026-04-03T07:05:00Z 1m", nil},
		{"03/04/2026 08:05", noon, "2026-04-03T07:05:00Z 1m", nil},
		{"22/11/2026 10:15pm", noon, "2026-11-22T22:15:00Z 1m", nil},
		{"22/11/2026 12:15am", noon, "2026-11-22T00:15:00Z 1m", nil},
		{"22/11/2026 12:15pm", noon, "2026-11-22T12:15:00Z 1m", nil},
		{"22/11/2026 13:15pm", noon, "2026-11-22T13:15:00Z 1m", nil},
		{"22/11/2026 midday", noon, "2026-11-22T12:00:00Z 1m", nil},
		{"22/11/2026 12 noon", noon, "2026-11-22T12:00:00Z 1m", nil},
		{"Mon 23/11/2026 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/2026 09:15:30", noon, "2026-11-23T09:15:30Z 1s", nil},
		{"23/11/2026 09:15 (Jane in finance)", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23/11/2026 09:15, INC0012345", noon, "2026-11-23T09:15:00Z 1m", nil},

		// The month's name.
		{"23 November 2026 at 9:15am", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"Monday 23rd November 2026, 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"Monday the 23rd of November 2026 at 9.15 am", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23 Nov 2026 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23-Nov-2026 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23 Nov '26 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"3 Sept 2026 09:15", noon, "2026-09-03T08:15:00Z 1m", nil},
		{"November 23, 2026 9:15 AM", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"23 November 0915", noon, "2026-11-23T09:15:00Z 1m", nil},

		// Without a year: the last such day.
		{"23/11 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"24/11 09:15", noon, "2025-11-24T09:15:00Z 1m", nil},
		{"31 December 23:50", "2027-01-01T00:20:00Z", "2026-12-31T23:50:00Z 1m", nil},

		// ISO 8601.
		{"2026-11-23 09:15", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"2026-11-23T09:15Z", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"2026-11-23T09:15:00Z", noon, "2026-11-23T09:15:00Z 1s", nil},
		{"2026-11-23T09:15:00.250Z", noon, "2026-11-23T09:15:00.25Z 1ms", nil},
		{"2026-11-23T09:15:00+01:00", noon, "2026-11-23T08:15:00Z 1s", nil},
		{"2026-11-23T04:15:00-05:00", noon, "2026-11-23T09:15:00Z 1s", nil},
		{"2026/11/23 0915", noon, "2026-11-23T09:15:00Z 1m", nil},

		// The time first.
		{"09:15 23/11/2026", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"9.15am on 23 November 2026", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"at 0915 on Monday 23 November", noon, "2026-11-23T09:15:00Z 1m", nil},
		{"between 09:15 and 09:45 on 23/11/2026", noon, "2026-11-23T09:15:00Z 31m", nil},

		// Ranges.
		{"23/11/2026 09:15 to 09:45", noon, "2026-11-23T09:15:00Z 31m", nil},
		{"23/11/2026 09:15 - 09:45", noon, "2026-11-23T09:15:00Z 31m", nil},
		{"23/11/2026 09:15-09:45", noon, "2026-11-23T09:15:00Z 31m", nil},
		{"23/11/2026 09:15–09:45", noon, "2026-11-23T09:15:00Z 31m", nil},
		{"23/11/2026 between 09:15 and 10:05", noon, "2026-11-23T09:15:00Z 51m", nil},
		{"23/11/2026 09:15 and 10:05", noon, "2026-11-23T09:15:00Z 51m", nil},
		{"23/11/2026 9:15 to 9:45am", noon, "2026-11-23T09:15:00Z 31m", nil},
		{"23/11/2026 9am to 10am", noon, "2026-11-23T09:00:00Z 61m", nil},
		{"22/11/2026 1:15 to 1:45pm", noon, "2026-11-22T13:15:00Z 31m", nil},
		{"22/11/2026 11:30 to 12:15pm", noon, "2026-11-22T11:30:00Z 46m", nil},
		{"22/11/2026 11:00am to 1:15", noon, "2026-11-22T11:00:00Z 136m", nil},
		{"14/11/2026 23:50 to 00:10", noon, "2026-11-14T23:50:00Z 21m", nil},
		{"14/11/2026 23:50 to 15/11/2026 00:10", noon, "2026-11-14T23:50:00Z 21m", nil},
		{"14/07/2026 09:15 to 09:45 BST", noon, "2026-07-14T08:15:00Z 31m", nil},
		{"14/07/2026 09:15 to 09:45 GMT", noon, "2026-07-14T09:15:00Z 31m", nil},

		// Zones; none is London's.
		{"14/07/2026 09:15", noon, "2026-07-14T08:15:00Z 1m", nil},
		{"14/07/2026 09:15 BST", noon, "2026-07-14T08:15:00Z 1m", nil},
		{"14/07/2026 09:15 (BST)", noon, "2026-07-14T08:15:00Z 1m", nil},
		{"14/07/2026 09:15 GMT", noon, "2026-07-14T09:15:00Z 1m", nil},
		{"14/07/2026 09:15 UTC", noon, "2026-07-14T09:15:00Z 1m", nil},
		{"14/07/2026 09:15Z", noon, "2026-07-14T09:15:00Z 1m", nil},
		{"14/07/2026 09:15 +02:00", noon, "2026-07-14T07:15:00Z 1m", nil},
		{"14/07/2026 09:15+0200", noon, "2026-07-14T07:15:00Z 1m", nil},
		{"14/07/2026 09:15 GMT+1", noon, "2026-07-14T08:15:00Z 1m", nil},
		{"14/07/2026 09:15 UTC-5", noon, "2026-07-14T14:15:00Z 1m", nil},
		{"14/07/2026 09:15 CEST", noon, "2026-07-14T07:15:00Z 1m", nil},
		{"14/07/2026 09:15 UK time", noon, "2026-07-14T08:15:00Z 1m", nil},

		// Said to be approximate.
		{"23/11/2026 about 09:15", noon, "2026-11-23T09:05:00Z 21m", []incident.Flag{incident.FlagAbout}},
		{"23/11/2026 at approximately 9.15am", noon, "2026-11-23T09:05:00Z 21m", []incident.Flag{incident.FlagAbout}},
		{"circa 09:15 on 23/11/2026", noon, "2026-11-23T09:05:00Z 21m", []incident.Flag{incident.FlagAbout}},
		{"23/11/2026 09:15 approx", noon, "2026-11-23T09:05:00Z 21m", []incident.Flag{incident.FlagAbout}},
		{"23/11/2026 09:15 (approx.)", noon, "2026-11-23T09:05:00Z 21m", []incident.Flag{incident.FlagAbout}},
		{"23/11/2026 9.15ish", noon, "2026-11-23T09:05:00Z 21m", []incident.Flag{incident.FlagAbout}},
		{"approx. 23/11/2026 09:15", noon, "2026-11-23T09:05:00Z 21m", []incident.Flag{incident.FlagAbout}},

		// A day alone.
		{"21/11/2026", noon, "2026-11-21T00:00:00Z 24h", []incident.Flag{incident.FlagDateOnly}},
		{"23/11", noon, "2026-11-23T00:00:00Z 2026-11-23T12:00:00Z", []incident.Flag{incident.FlagDateOnly}},
		{"21/11/2026 to 22/11/2026", noon, "2026-11-21T00:00:00Z 48h", []incident.Flag{incident.FlagDateOnly}},
		{"21 November 2026, in the morning", noon, "2026-11-21T00:00:00Z 24h", []incident.Flag{incident.FlagDateOnly}},
		{"25/10/2026", noon, "2026-10-24T23:00:00Z 25h", []incident.Flag{incident.FlagDateOnly}},
		{"29/03/2026", noon, "2026-03-29T00:00:00Z 23h", []incident.Flag{incident.FlagDateOnly}},

		// American order, where it is the only one.
		{"11/23/2026 09:15", noon, "2026-11-23T09:15:00Z 1m", []incident.Flag{incident.FlagMonthFirst}},

		// The hour that there is twice, and the one that there is not.
		{"25/10/2026 01:30", "2026-10-25T02:05:00Z", "2026-10-25T00:30:00Z 61m", []incident.Flag{incident.FlagHourTwice}},
		{"25/10/2026 01:30", "2026-10-25T00:50:00Z", "2026-10-25T00:30:00Z 1m", []incident.Flag{incident.FlagHourTwice}},
		{"25/10/2026 01:30 BST", "2026-10-25T02:05:00Z", "2026-10-25T00:30:00Z 1m", nil},
		{"25/10/2026 01:30 GMT", "2026-10-25T02:05:00Z", "2026-10-25T01:30:00Z 1m", nil},
		{"25/10/2026 00:59", "2026-10-25T02:05:00Z", "2026-10-24T23:59:00Z 1m", nil},
		{"25/10/2026 02:00", "2026-10-25T02:05:00Z", "2026-10-25T02:00:00Z 1m", nil},
		{"25/10/2026 01:30 to 02:15", "2026-10-25T03:05:00Z", "2026-10-25T00:30:00Z 106m", []incident.Flag{incident.FlagHourTwice}},
		{"29/03/2026 01:30", "2026-03-29T09:00:00Z", "2026-03-29T00:30:00Z 61m", []incident.Flag{incident.FlagHourMissing}},
		{"29/03/2026 02:00", "2026-03-29T09:00:00Z", "2026-03-29T01:00:00Z 1m", nil},

		// Nothing after the receipt, unless it is flagged.
		{"23/11/2026 12:00", "2026-11-23T12:00:20Z", "2026-11-23T12:00:00Z 2026-11-23T12:00:20Z", nil},
		{"23/11/2026 12:03", noon, "2026-11-23T12:03:00Z 1m", []incident.Flag{incident.FlagClipped}},
		{"23/11/2026 12:06", noon, "2026-11-23T12:06:00Z 1m", []incident.Flag{incident.FlagSkewed}},
		{"23/11/2025 09:15", noon, "2025-11-23T09:15:00Z 1m", nil}, // far past is graded elsewhere
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, flags, words, err := said.Label(tt.text, instant(t, tt.receipt))
			if err != nil {
				t.Fatalf("Label(%q, %s) gave error %v, want %s", tt.text, tt.receipt, err, tt.want)
			}
			if want := interval(t, tt.want); got != want {
				t.Errorf("Label(%q, %s) = %s, want %s", tt.text, tt.receipt, got, want)
			}
			if !slices.Equal(flags, tt.flags) {
				t.Errorf("Label(%q, %s) flags = %q, want %q", tt.text, tt.receipt, flags, tt.flags)
			}
			if words[0] < 0 || words[0] >= words[1] || words[1] > len(tt.text) {
				t.Errorf("Label(%q) words = %v, want a range within the text", tt.text, words)
			}
		})
	}
}

func TestLabelRefusesWhatItWouldHaveToGuess(t *testing.T) {
	receipt := instant(t, "2026-11-23T12:00:00Z")
	for _, tt := range []struct {
		text string
		want error
	}{
		{"", said.ErrNoTime},
		{"this morning", said.ErrNoTime},
		{"about 9.15 this morning", said.ErrNoTime},
		{"09:15", said.ErrNoTime}, // of which day? prose is not read yet
		{"version 9.15", said.ErrNoTime},
		{"n/a", said.ErrNoTime},
		{"INC0012345", said.ErrNoTime},
		{"0207 9460 915", said.ErrNoTime},
		{"see below", said.ErrNoTime},
		{"31/02/2026 09:15", said.ErrImpossible},
		{"45/45/2026 09:15", said.ErrImpossible},
		{"23/11/2026 25:15", said.ErrImpossible},
		{"23/11/2026 09:75", said.ErrImpossible},
		{"2026-11-23T", said.ErrImpossible},
		{"Tuesday 23/11/2026 09:15", said.ErrContradicts},
		{"23/11/2026 13:15am", said.ErrContradicts},
		{"23/11/2026 21:00 to 20:00", said.ErrContradicts},
		{"23/11/2026 09:15 or 10:15", said.ErrSeveral},
		{"23/11/2026 09:15 or 24/11/2026 10:15", said.ErrSeveral},
		{"22/11/2026 or 23/11/2026", said.ErrSeveral},
		{"22/11/2026 to 23/11/2026 09:15", said.ErrSeveral},
		{"23/11/2026 09:15, reported 10:15", said.ErrSeveral},
		{"22/11/2026 11am to 1", said.ErrSeveral},
		{"before 23/11/2026 09:15", said.ErrNoTime},
		{"23/11/2026 09:15 or earlier", said.ErrOpen},
		{"23/11/2026 09:15 at the latest", said.ErrOpen},
		{"23/11/2026 09:15?", said.ErrOpen},
		{"about 23/11/2026", said.ErrOpen},
		{"14/07/2026 09:15 IST", said.ErrZone},
		{"14/07/2026 09:15 AEST", said.ErrZone},
		{"14/07/2026 09:15 -05:00", said.ErrZone},
		{"14/07/2026 09:15 +25:00", said.ErrZone},
	} {
		t.Run(tt.text, func(t *testing.T) {
			got, _, _, err := said.Label(tt.text, receipt)
			if err != tt.want { //nolint:errorlint // the very value is promised
				t.Errorf("Label(%q) = %s, error %v, want error %v", tt.text, got, err, tt.want)
			}
		})
	}
}

func TestWordsAreWhatWasRead(t *testing.T) {
	const text = "  Monday 23/11/2026 at 09:15 to 09:45 GMT, by phone"
	_, _, words, err := said.Label(text, instant(t, "2026-11-23T12:00:00Z"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := text[words[0]:words[1]], "Monday 23/11/2026 at 09:15 to 09:45 GMT"; got != want {
		t.Errorf("words = %q, want %q", got, want)
	}
}

func FuzzLabel(f *testing.F) {
	for _, s := range []string{
		"23/11/2026 09:15", "23.11.26 0915", "23-11-2026 9.15am to 10", "2026-11-23T09:15:00.5+01:00",
		"23 November at about 9:15am and 10:05 BST", "25/10/2026 01:30 to 29/03/2027 01:30", "circa 1/2",
		"Monday 29 Feb", "\u00a023/11/2026\u2013", "23/11/2026 09:15 GMT+1", "12 noon on 01/01/1970",
	} {
		f.Add(s, int64(1795435200))
	}
	f.Fuzz(func(t *testing.T, text string, unix int64) {
		receipt := time.Unix(unix%(4<<30), 0)
		in, flags, words, err := said.Label(text, receipt)
		if err != nil {
			if in.Known() || flags != nil {
				t.Errorf("Label(%q, %s) = %s with error %v", text, receipt, in, err)
			}
			return
		}
		if !in.Closed() || !in.Valid() {
			t.Errorf("Label(%q, %s) = %s: not a closed interval", text, receipt, in)
		}
		late := slices.Contains(flags, incident.FlagClipped) || slices.Contains(flags, incident.FlagSkewed)
		if in.Latest.After(receipt) && !late {
			t.Errorf("Label(%q, %s) = %s %q: after the receipt without a flag", text, receipt, in, flags)
		}
		if words[0] < 0 || words[0] >= words[1] || words[1] > len(text) {
			t.Errorf("Label(%q) words = %v", text, words)
		}
	})
}
