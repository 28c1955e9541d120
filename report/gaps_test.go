package report_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

func TestGapsBeginAndEnd(t *testing.T) {
	from := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	b := report.NewBook()
	n := uint64(0)
	note := func(code incident.NoteCode, source incident.SourceName, from, until time.Time) {
		n++
		e := incident.Entry{V: incident.EntryVersion, N: n, At: from.Add(time.Hour), Kind: incident.KindNote,
			Note: &incident.Note{Code: code, Source: source, From: from, Until: until}}
		if err := b.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	note(incident.NoteStarted, "", time.Time{}, time.Time{})
	note(incident.NoteUnread, "mailbox", from, time.Time{})
	note(incident.NoteSilent, "mailbox", from.Add(-time.Hour), time.Time{})
	note(incident.NoteUnread, "second", from, time.Time{})
	note(incident.NoteRead, "mailbox", from, from.Add(2*time.Hour))
	note(incident.NoteRead, "mailbox", from, from.Add(3*time.Hour)) // of a gap that is over
	want := []report.Gap{
		{Source: "mailbox", Kind: report.GapUnread, From: from, Until: from.Add(2 * time.Hour), Noted: 2},
		{Source: "mailbox", Kind: report.GapSilent, From: from.Add(-time.Hour), Noted: 3},
		{Source: "second", Kind: report.GapUnread, From: from, Noted: 4},
	}
	if diff := cmp.Diff(want, b.Gaps()); diff != "" {
		t.Errorf("Gaps (-want +got):\n%s", diff)
	}
	open := map[report.GapKey]time.Time{
		{Source: "mailbox", Kind: report.GapSilent}: from.Add(-time.Hour), {Source: "second", Kind: report.GapUnread}: from,
	}
	if diff := cmp.Diff(open, b.Snapshot(from).Gaps); diff != "" {
		t.Errorf("open gaps (-want +got):\n%s", diff)
	}
}
