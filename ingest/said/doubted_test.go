package said_test

import (
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

func TestATimeThatIsTakenBackIsNoDetection(t *testing.T) {
	a := said.Anchor{Receipt: time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)}
	for text, want := range map[string]bool{
		"I noticed at 9:45. That was yesterday.":                    false,
		"I noticed it at 9:45. It was Friday.":                      false,
		"I noticed it at 9:45. Sorry, I mean yesterday.":            false,
		"I noticed it at 9:45 (not today, Friday).":                 false,
		"I noticed it at 9.15 but it could have been 8.15.":         false,
		"I noticed it at 9.15, maybe a bit earlier.":                false,
		"I noticed it at 9:45. It was the laptop that I use.":       true,
		"I noticed it at 9.15, possibly a phishing mail.":           true,
		"I noticed it on Friday at 9:45. It was Monday's laptop.":   true,
		"I noticed at 9:45 that my phone was gone. Call me Friday.": true,
		"I noticed it at 9.15 or possibly 9.30.":                    true,
	} {
		got := false
		for _, s := range said.Prose(text, a) {
			got = got || s.Milestone == incident.Detected
		}
		if got != want {
			t.Errorf("Prose(%q) detects: %v, want %v", text, got, want)
		}
	}
	got := said.Prose("I noticed it at five and twenty past nine.", a)
	if len(got) != 1 || !got[0].Interval.Earliest.Equal(time.Date(2026, 11, 24, 9, 25, 0, 0, time.UTC)) {
		t.Errorf("five and twenty past nine = %v, want 09:25", got)
	}
}
