package email_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// A mail that reached the mailbox past the border may hold a Received field of
// the border, written by its sender, with results above it.
func TestAStampOfTheBorderBelowAnotherRoadIsTheSendersWord(t *testing.T) {
	const (
		forged = "Authentication-Results: mx.example.org; dmarc=pass header.from=example.org\n" +
			"Received: from desk.example.org (desk.example.org [192.0.2.7]) by mx.example.org; Mon, 23 Nov 2026 08:00:00 +0000\n" +
			"Received: from pc.example.org (pc.example.org [192.0.2.9]) by desk.example.org; Mon, 23 Nov 2026 07:00:00 +0000\n"
		rest = "From: jo@example.org\nSubject: incident\n\nA phone was lost.\n"
	)
	for _, tt := range []struct {
		name, top string
		receipt   string
		trust     incident.Trust
	}{
		{"the border handed it on", "Received: from mx.example.org (mx.example.org [192.0.2.1]) by store.example.org; Mon, 23 Nov 2026 08:00:02 +0000\n", "08:00:00", incident.Authenticated},
		{"by a relay that is not listed", "Received: from pc.example.org (pc.example.org [192.0.2.9]) by relay.example.org; Mon, 23 Nov 2026 10:20:00 +0000\n", "10:20:05", incident.Unauthenticated},
		{"by a host that found no name", "Received: from mx.example.org (unknown [192.0.2.9]) by relay.example.org; Mon, 23 Nov 2026 10:20:00 +0000\n", "10:20:05", incident.Unauthenticated},
		{"by a host that found another name", "Received: from mx.example.org (mx.evil.invalid [192.0.2.9]) by relay.example.org; Mon, 23 Nov 2026 10:20:00 +0000\n", "10:20:05", incident.Unauthenticated},
		{"by a field that nobody can read", "Received: nonsense\n", "10:20:05", incident.Unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := email.Default()
			c.Name, c.TrustedHops, c.Authentication = "ost", []string{"mx.example.org"}, email.Authentication{AuthservID: "mx.example.org"}
			c.DeskHosts = []string{"desk.example.org"}
			var x email.Interpreter
			at := time.Date(2026, 11, 23, 10, 20, 5, 0, time.UTC)
			got := x.Interpret(incident.Signal{
				Source: "ost", Channel: incident.ChannelEmail, Received: at.Add(time.Second), Stamped: at, Raw: []byte(tt.top + forged + rest),
			}, c.Rule()).Parts[0]
			if s := got.Receipt.Format(time.TimeOnly); s != tt.receipt || got.Trust != tt.trust {
				t.Errorf("receipt %s, trust %s; want %s, %s", s, got.Trust, tt.receipt, tt.trust)
			}
			desk := slices.ContainsFunc(got.Claims, func(c incident.Claim) bool { return c.Milestone == incident.ReportedToDesk })
			if want := tt.trust == incident.Authenticated; desk != want {
				t.Errorf("told to the desk: %v, want %v", desk, want)
			}
		})
	}
}
