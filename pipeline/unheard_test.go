package pipeline_test

import (
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
)

// gaps returns what the record says of sources, in order.
func (w *world) gaps() []incident.Note {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []incident.Note
	for _, e := range w.told {
		if e.Note != nil && e.Note.Source != "" {
			all = append(all, *e.Note)
		}
	}
	return all
}

func TestAMailboxThatNobodyReadsIsOnRecordWhileNothingElseHappens(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		start := time.Now().UTC()
		w.readUpTo(start)
		bubble.Advance(10 * time.Minute)
		if got := w.gaps(); len(got) != 0 {
			t.Errorf("after ten minutes the record says %+v", got)
		}
		bubble.Advance(time.Minute + time.Second)
		want := []incident.Note{{Code: incident.NoteUnread, Source: "mailbox", From: start}}
		if got := w.gaps(); !slices.Equal(got, want) {
			t.Errorf("a minute later the record says %+v, want %+v", got, want)
		}
		again := time.Now().UTC()
		w.readUpTo(again)
		bubble.Advance(time.Minute + time.Second)
		want = append(want, incident.Note{Code: incident.NoteRead, Source: "mailbox", From: start, Until: again})
		if got := w.gaps(); !slices.Equal(got, want) {
			t.Errorf("once it is read the record says %+v, want %+v", got, want)
		}
	})
}
