package email_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// People fill a form in as they speak.
func TestALabelledTimeInTheWordsOfPeopleCounts(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)
	for _, tt := range []struct {
		date, value string
		from, to    string
		flag        incident.Flag
	}{
		{"Tue, 24 Nov 2026 10:29:50 +0000", "09:15", "24 09:15:00", "24 09:15:59", ""},
		{"Tue, 24 Nov 2026 10:29:50 +0000", "this morning 9.15", "24 09:15:00", "24 09:15:59", ""},
		{"Tue, 24 Nov 2026 10:29:50 +0000", "yesterday 5pm", "23 17:00:00", "23 17:00:59", ""},
		{"Tue, 24 Nov 2026 10:29:50 +0000", "an hour ago", "24 09:29:00", "24 09:29:59", incident.FlagAgo},
		{"Tue, 24 Nov 2026 11:29:50 +0100", "24/11/2026 10:15", "24 09:15:00", "24 09:15:59", incident.FlagSenderZone},
	} {
		t.Run(tt.value, func(t *testing.T) {
			c := email.Default()
			c.Name = "ost"
			var x email.Interpreter
			raw := "From: jo@example.org\nDate: " + tt.date + "\nSubject: report\n\nDate and time detected: " + tt.value + "\n"
			got := x.Interpret(incident.Signal{Source: "ost", Channel: incident.ChannelEmail, Received: at, Stamped: at, Raw: []byte(raw)}, c.Rule())
			i := slices.IndexFunc(got.Parts[0].Claims, func(c incident.Claim) bool { return c.Milestone == incident.Detected })
			if i < 0 {
				t.Fatalf("no claim of detection in %+v", got.Parts[0])
			}
			claim := got.Parts[0].Claims[i]
			const layout = "02 15:04:05"
			if f, l := claim.Interval.Earliest.Format(layout), claim.Interval.Latest.Format(layout); f != tt.from || l != tt.to || claim.Void != "" || claim.Basis != incident.Stated {
				t.Errorf("detected %s to %s, %s, void %q; want %s to %s, stated", f, l, claim.Basis, claim.Void, tt.from, tt.to)
			}
			if tt.flag != "" && !slices.Contains(claim.Flags, tt.flag) {
				t.Errorf("flags %q, want %s among them", claim.Flags, tt.flag)
			}
		})
	}
}
