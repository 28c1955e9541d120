package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

func utc(s string) time.Time {
	t, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		panic(err)
	}
	return t
}

func TestTimesAreReadAsPeopleTypeThem(t *testing.T) {
	winter, summer := utc("2026-11-23T10:30:00Z"), utc("2026-07-01T10:30:00Z")
	minute := func(s string) incident.Interval { return incident.Minute(utc(s)) }
	span := func(a, b string) incident.Interval {
		return incident.Interval{Earliest: utc(a), Latest: utc(b).Add(time.Minute - 1)}
	}
	for _, tt := range []struct {
		text string
		now  time.Time
		want incident.Interval
	}{
		{"09:15", winter, minute("2026-11-23T09:15:00Z")},
		{" 9:15 ", winter, minute("2026-11-23T09:15:00Z")},
		{"9.15am", winter, minute("2026-11-23T09:15:00Z")},
		{"09:15", summer, minute("2026-07-01T08:15:00Z")}, // London is an hour ahead
		{"09:15 GMT", summer, minute("2026-07-01T09:15:00Z")},
		{"00:10", utc("2026-07-01T23:30:00Z"), minute("2026-07-01T23:10:00Z")}, // already tomorrow in London
		{"2026-11-23 09:15", winter, minute("2026-11-23T09:15:00Z")},
		{"23/11/2026 09:15", winter, minute("2026-11-23T09:15:00Z")},
		{"01/02/2026 09:15", winter, minute("2026-02-01T09:15:00Z")}, // the day comes first
		{"23/11/2026   09:15", winter, minute("2026-11-23T09:15:00Z")},
		{"2026-11-23T09:15:00Z", winter, incident.At(utc("2026-11-23T09:15:00Z"))},
		{"2026-11-23T09:15:00.5+01:00", winter, incident.At(utc("2026-11-23T08:15:00.5Z"))},
		{"09:15..09:45", winter, span("2026-11-23T09:15:00Z", "2026-11-23T09:45:00Z")},
		{"09:15 to 09:45", winter, span("2026-11-23T09:15:00Z", "2026-11-23T09:45:00Z")},
		{"09:15 .. 09:45", winter, span("2026-11-23T09:15:00Z", "2026-11-23T09:45:00Z")},
		{"23/11/2026 09:15..09:45", winter, span("2026-11-23T09:15:00Z", "2026-11-23T09:45:00Z")},
		{"22/11/2026 23:50 to 23/11/2026 00:10", winter, span("2026-11-22T23:50:00Z", "2026-11-23T00:10:00Z")},
		{"2026-11-23T09:15:00Z..2026-11-23T09:45:00Z", winter, incident.Interval{Earliest: utc("2026-11-23T09:15:00Z"), Latest: utc("2026-11-23T09:45:00Z")}},
		{"25/10/2026 01:30 BST", winter, minute("2026-10-25T00:30:00Z")},
		{"25/10/2026 01:30 GMT", winter, minute("2026-10-25T01:30:00Z")},
	} {
		got, err := parseTime(tt.text, tt.now)
		if err != nil || got != tt.want {
			t.Errorf("parseTime(%q, %s) = %s, %v, want %s", tt.text, tt.now.Format(time.RFC3339), got, err, tt.want)
		}
	}
}

func TestTimesThatMeanNothingOrTwoThingsAreRefused(t *testing.T) {
	now := utc("2026-11-23T10:30:00Z")
	for _, tt := range []struct{ text, says, hint string }{
		{"25/10/2026 01:30", "this hour is there twice", "BST for the first, GMT for the second"},
		{"29/03/2026 01:30", "this hour is not there", "GMT for the time before"},
		{"11:00", "not that late yet", "write the date"},
		{"", `read time ""`, "09:15"},
		{"soon", "read time \"soon\"", "09:15"},
		{"99:99", `read time "99:99"`, "09:15"},
		{"31/02/2026 09:15", "no such date", "09:15"},
		{"23/11/2026 09:15 and a half", "", ""},
		{"09:45..09:15", "", ""},
		{"2026-11-23T09:45:00Z..2026-11-23T09:15:00Z", "ends before it begins", "09:15"},
		{"2026-11-23T09:15:00Z..soon", "the second time is not like the first", "09:15"},
		{"11/23/2026 09:15", "", ""},
	} {
		got, err := parseTime(tt.text, now)
		if err == nil {
			t.Errorf("parseTime(%q) = %s, want it refused", tt.text, got)
			continue
		}
		if !strings.Contains(err.Error(), tt.says) || !strings.Contains(strings.Join(say.Hints(err), "\n"), tt.hint) {
			t.Errorf("parseTime(%q) = %v, hints %q, want %q and %q", tt.text, err, say.Hints(err), tt.says, tt.hint)
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, s := range []string{
		"09:15", "9.15am", "09:15..09:45", "23/11/2026 09:15 to 09:45", "2026-11-23T09:15:00Z", "25/10/2026 01:30", "..", " to ", "c. 9", "\xff",
		"about 09:15", "midnight", "23/11", "09:15 - 09:45", "1 to 2 to 3", "2026-11-23",
	} {
		f.Add(s)
	}
	now := utc("2026-11-23T10:30:00Z")
	f.Fuzz(func(t *testing.T, text string) {
		in, err := parseTime(text, now)
		switch {
		case err != nil && (err.Error() == "" || errors.Is(err, errSilent)):
			t.Errorf("parseTime(%q) is refused without a word", text)
		case err == nil && (!in.Closed() || !in.Valid()):
			t.Errorf("parseTime(%q) = %s, want a closed interval", text, in)
		}
	})
}
