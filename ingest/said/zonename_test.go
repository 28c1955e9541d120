package said_test

import (
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// A clock of another place whose offset is not known here says no time: London's
// would be hours off and look exact.
func TestAClockOfAnotherPlaceIsNotReadAsLondons(t *testing.T) {
	a := said.Anchor{Receipt: time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)}
	for _, text := range []string{
		"Detected at 04:15 ET.", "We detected it at 9:45 Pacific.", "We detected it at 9:45 AM PT.",
		"I noticed at 9.45am Paris time.", "I noticed it at 10.15am French time.", "I noticed it at 09:15 (Madrid time).",
		"I noticed it at 10:15 local time in Paris.", "They noticed it at 9.15am their time.",
	} {
		for _, s := range said.Prose(text, a) {
			if s.Milestone == incident.Detected && len(s.Flags) == 0 {
				t.Errorf("Prose(%q) = %s without a flag", text, s.Interval)
			}
		}
	}
	for _, text := range []string{"24/11/2026 04:15 ET", "24/11/2026 01:15 AM PT"} {
		if in, _, _, err := said.LabelAt(text, a); err == nil {
			t.Errorf("LabelAt(%q) = %s, want an error", text, in)
		}
	}
	for _, text := range []string{"I noticed it at 9.15am this time.", "I noticed it at 09:15 local time.", "I noticed it at 09:15 UK time."} {
		got := said.Prose(text, a)
		if len(got) != 1 || !got[0].Interval.Earliest.Equal(time.Date(2026, 11, 24, 9, 15, 0, 0, time.UTC)) {
			t.Errorf("Prose(%q) = %v, want 09:15", text, got)
		}
	}
}
