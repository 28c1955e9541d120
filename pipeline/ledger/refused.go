package ledger

import (
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Refusal names the reason for which a record is not worked with.
type Refusal = incident.Refusal

// The reasons, in the order in which they are looked for.
const (
	RefuseFirst     = incident.RefusedFirst
	RefuseDeleted   = incident.RefusedDeleted
	RefuseMissing   = incident.RefusedMissing
	RefuseAhead     = incident.RefusedAhead
	RefuseStale     = incident.RefusedStale
	RefuseRecord    = incident.RefusedRecord
	RefuseDiffers   = incident.RefusedDiffers
	RefuseVault     = incident.RefusedVault
	RefuseSignal    = incident.RefusedSignal
	RefuseUnread    = incident.RefusedUnread
	RefuseTwice     = incident.RefusedTwice
	RefuseReference = incident.RefusedReference
)

// Refusals lists every refusal.
func Refusals() []Refusal { return incident.Refusals() }

// A RefusedError says why the record is not worked with, and where.
type RefusedError struct {
	Name Refusal
	N    uint64       // the entry concerned, 0 if none
	Seq  uint64       // its message in LEDGER, 0 if not known
	Pos  incident.Pos // the signal concerned, zero if none
	What string
	Err  error // the cause, if any
}

// Error names the reason, the place and what is wrong there.
func (e *RefusedError) Error() string {
	s := "check ledger: " + string(e.Name)
	if e.N > 0 {
		s += fmt.Sprintf(": entry %d", e.N)
	}
	if e.Seq > 0 {
		s += fmt.Sprintf(" in message %d", e.Seq)
	}
	if !e.Pos.IsZero() {
		s += fmt.Sprintf(": signal %s", e.Pos)
	}
	if e.What != "" {
		s += ": " + e.What
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap returns the cause.
func (e *RefusedError) Unwrap() error { return e.Err }

// Damage says that the record is not to be worked with.
func (e *RefusedError) Damage() bool { return true }

// Hint says what an operator should do: what to bring back first, and the
// command that goes on without it.
func (e *RefusedError) Hint() string {
	switch e.Name {
	case RefuseFirst, RefuseDeleted, RefuseRecord, RefuseDiffers:
		return fmt.Sprintf("the stored record was damaged or changed: keep this directory as it is and restore store and checkpoint together from the last backup; what cannot be brought back is gone on without by promptness repair --accept %s --author NUMBER", e.Name)
	case RefuseAhead:
		return fmt.Sprintf("the end of the record is gone, an old backup was restored, or this is the wrong directory: bring back the store that belongs to this checkpoint, or go on without its end: promptness repair --accept %s --author NUMBER", e.Name)
	case RefuseMissing:
		return fmt.Sprintf("the checkpoint file was lost or its path is wrong: bring back the file that belongs to this store, or go on without it: promptness repair --accept %s --author NUMBER", e.Name)
	case RefuseStale:
		return fmt.Sprintf("the checkpoint file is an old copy, or another program writes to this record: bring back the newest checkpoint, and let one process write; or go on without it: promptness repair --accept %s --author NUMBER", e.Name)
	case RefuseVault:
		return fmt.Sprintf("the end of SIGNALS is gone, so acknowledged signals are lost and their numbers would be used again: restore SIGNALS from a backup that reaches this position, or go on without them: promptness repair --accept %s --author NUMBER", e.Name)
	case RefuseSignal, RefuseUnread:
		return fmt.Sprintf("the bytes of a signal were damaged, or deleted without an erased note: keep this directory as it is and restore SIGNALS from a backup, or go on without them: promptness repair --accept %s --author NUMBER", e.Name)
	case RefuseTwice, RefuseReference:
		return fmt.Sprintf("the chain is whole but the program that wrote it was at fault: keep this directory as it is and report the fault with this line; verify passes over it after promptness repair --accept %s --author NUMBER", e.Name)
	default:
		return ""
	}
}
