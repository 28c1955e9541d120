package incident

// A Refusal names the reason for which a record is not worked with. Each is
// accepted, if at all, under this name and never in passing.
type Refusal string

// The reasons, in the order in which they are looked for.
const (
	RefusedFirst     Refusal = "ledger_beginning_lost"  // the first message is not number 1
	RefusedDeleted   Refusal = "ledger_messages_lost"   // messages in between are gone
	RefusedMissing   Refusal = "checkpoint_missing"     // no whole checkpoint, and the record is not empty
	RefusedAhead     Refusal = "checkpoint_ahead"       // the checkpoint names an entry after the last one
	RefusedStale     Refusal = "checkpoint_stale"       // the checkpoint is more than one step behind
	RefusedRecord    Refusal = "ledger_record_bad"      // an entry is damaged, or out of its place
	RefusedDiffers   Refusal = "checkpoint_differs"     // the entry that the checkpoint names has another hash
	RefusedVault     Refusal = "signals_end_lost"       // SIGNALS ends before the position covered
	RefusedSignal    Refusal = "signal_changed"         // a signal does not hash to its commitment
	RefusedUnread    Refusal = "signal_unreadable"      // a signal cannot be read, and no note says that it was erased
	RefusedTwice     Refusal = "alert_told_twice"       // one alert was made more than once
	RefusedReference Refusal = "ledger_reference_wrong" // an entry names one that is not what it should be
)

// LosesEntries reports whether an acceptance of r says that entries are lost:
// its Seq and To are then the numbers of those, and it stands in their place.
func (r Refusal) LosesEntries() bool {
	switch r { //nolint:exhaustive // the others lose none
	case RefusedFirst, RefusedDeleted, RefusedAhead, RefusedRecord:
		return true
	default:
		return false
	}
}

// Follows reports whether e may stand behind entry n: with the next number, or
// as the note by which the numbers between are accepted as lost. No number of a
// lost entry is used again: people may have heard of it, in a reference, an
// alert or an act.
func (e *Entry) Follows(n uint64) bool {
	if e.N == n+1 {
		return true
	}
	return e.N > n && e.Kind == KindNote && e.Note != nil && e.Note.Code == NoteAcceptedLoss &&
		e.Note.Refusal.LosesEntries() && e.Note.Seq == n+1 && e.Note.To == e.N-1
}
