package email_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func TestAFormThatAsksForDateAndTimeApartSaysOneTime(t *testing.T) {
	at := time.Date(2026, 11, 24, 10, 30, 0, 0, time.UTC)
	const layout = "02T15:04:05"
	for body, want := range map[string][]string{
		"Date detected: 24/11/2026\nTime detected: 9:15\n":                    {"detected 24T09:15:00 24T09:15:59 []"},
		"Date detected: 23/11/2026\nTime detected: 9:15\n":                    {"detected 23T09:15:00 23T09:15:59 []"},
		"Time detected: 5.15pm\nDate detected: 23/11/2026\nLocation: Leeds\n": {"detected 23T17:15:00 23T17:15:59 []"},
		"Date of incident: 20/11/2026\nTime of incident: 0815hrs\nDate detected: 23/11/2026\nTime detected: about 9:15\n": {
			"detected 23T09:05:00 23T09:25:59 [about]", "occurred 20T08:15:00 20T08:15:59 []",
		},
		"Date detected: 23/11/2026\n": {"detected 23T00:00:00 23T23:59:59 [date_only]"},
		// Two times: which of them belongs to the date nobody can tell.
		"Date detected: 23/11/2026\nTime detected: 9:15\nTime noticed: 9:45\n": {
			"detected 23T00:00:00 23T23:59:59 [date_only]", "detected 24T09:15:00 24T09:15:59 []", "detected 24T09:45:00 24T09:45:59 []",
		},
	} {
		c := email.Default()
		c.Name = "ost"
		var x email.Interpreter
		raw := []byte("From: jo@example.org\nDate: Tue, 24 Nov 2026 10:29:50 +0000\nSubject: report\n\n" + body)
		var got []string
		for _, c := range x.Interpret(incident.Signal{Source: "ost", Channel: incident.ChannelEmail, Received: at, Stamped: at, Raw: raw}, c.Rule()).Parts[0].Claims {
			got = append(got, fmt.Sprintf("%s %s %s %s", c.Milestone, c.Interval.Earliest.Format(layout), c.Interval.Latest.Format(layout), c.Flags))
			if w := c.Words; w[0] >= w[1] || w[1] > len(email.Text(raw)) {
				t.Errorf("%q: words %v", body, w)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%q:\n%q, want\n%q", body, got, want)
		}
	}
}
