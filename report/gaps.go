package report

import (
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A GapKind says why a source could not be heard.
type GapKind string

// The kinds of a gap.
const (
	GapUnread GapKind = "unread" // nobody read the source
	GapSilent GapKind = "silent" // it was read, and nothing came for longer than is expected
)

// GapKinds lists every kind.
func GapKinds() []GapKind { return []GapKind{GapUnread, GapSilent} }

// A Gap is a time in which a source was not heard: what came then is in no
// figure until it is read.
type Gap struct {
	Source incident.SourceName `json:"source"`
	Kind   GapKind             `json:"kind"`
	// From is up to when the source had been read, or when something came from
	// it last. Until is the like of when it was heard again; zero while it is not.
	From  time.Time `json:"from"`
	Until time.Time `json:"until,omitzero"`
	// Noted is the entry that says that the gap began.
	Noted uint64 `json:"noted"`
}

// Gaps returns every gap on record, in the order in which they were noted.
func (b *Book) Gaps() []Gap {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return append([]Gap(nil), b.gaps...)
}

// GapKey names a gap that is open.
type GapKey struct {
	Source incident.SourceName
	Kind   GapKind
}

// listen follows the notes of sources that were not heard.
func (b *Book) listen(e *incident.Entry) {
	if e.Note == nil {
		return
	}
	var kind GapKind
	begins := false
	switch e.Note.Code {
	case incident.NoteUnread:
		kind, begins = GapUnread, true
	case incident.NoteRead:
		kind = GapUnread
	case incident.NoteSilent:
		kind, begins = GapSilent, true
	case incident.NoteHeard:
		kind = GapSilent
	default:
		return
	}
	k := GapKey{e.Note.Source, kind}
	at, open := b.openGaps[k]
	switch {
	case begins:
		b.openGaps[k] = len(b.gaps)
		b.gaps = append(b.gaps, Gap{Source: k.Source, Kind: kind, From: e.Note.From, Noted: e.N})
	case open:
		b.gaps[at].Until = e.Note.Until
		delete(b.openGaps, k)
	}
}
