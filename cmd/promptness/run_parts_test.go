package main

import (
	"bytes"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// An alert of ours that lands in a mailbox that we read must open nothing, and
// only our own stamp makes it ours.
func TestTheProgramKnowsItsOwnAlerts(t *testing.T) {
	pepper, err := incident.NewPepper(bytes.Repeat([]byte("p"), 32))
	if err != nil {
		t.Fatal(err)
	}
	other, err := incident.NewPepper(bytes.Repeat([]byte("o"), 32))
	if err != nil {
		t.Fatal(err)
	}
	read, err := interpreter(Config{}, pepper)
	if err != nil {
		t.Fatal(err)
	}
	box := email.Default()
	box.Name = "ost"
	id := incident.NewAlertID(incident.NewRef(2), "pol-imp-002", incident.Deadline, 1)
	for _, tt := range []struct {
		name  string
		stamp string
		want  incident.Opening
	}{
		{"our stamp", pepper.Stamp(id), incident.NotRelated},
		{"a stamp of another record", other.Stamp(id), incident.Opens},
	} {
		raw := []byte("From: a@example.org\r\nSubject: phishing\r\n" + incident.StampHeader + ": " + tt.stamp + "\r\n\r\nA phishing mail was found at 09:15.\r\n")
		got := read(incident.Signal{Source: "ost", Channel: incident.ChannelEmail, Received: time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC), Raw: raw}, box.Rule())
		if len(got.Parts) != 1 || got.Parts[0].Opening != tt.want {
			t.Errorf("%s: %+v, want %s", tt.name, got, tt.want)
		}
	}
}
