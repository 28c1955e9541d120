package stream

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// ErrFull is what a [FullError] is: a limit of the store was reached and
// nothing was stored.
var ErrFull = errors.New("store is full")

// ErrFenced is what a [FencedError] is: another writer appended to the ledger.
var ErrFenced = errors.New("another writer appended to the ledger")

// A FullError reports that a limit was reached. Nothing was stored.
type FullError struct {
	Stream string
	// Spare says that enough is left for what is small and must go on: attempts
	// to tell people of what is recorded, and positions.
	Spare bool
	Err   error
}

func (e *FullError) Error() string { return fmt.Sprintf("store in %s: %v", e.Stream, e.Err) }
func (e *FullError) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrFull) true.
func (e *FullError) Is(target error) bool { return target == ErrFull }

// RetryAfter says when a sender is to try again: a person must act first.
func (e *FullError) RetryAfter() time.Duration { return time.Minute }

// Hint says what to do.
func (e *FullError) Hint() string {
	return "free disk space, or raise the stream's limit under store.max_bytes and restart; nothing that was acknowledged is lost"
}

// An UnavailableError reports that the store did not answer. Unknown says that
// the bytes may be stored all the same: sending them again is safe.
type UnavailableError struct {
	Stream  string
	Unknown bool
	Err     error
}

func (e *UnavailableError) Error() string {
	if e.Unknown {
		return fmt.Sprintf("store in %s: outcome unknown: %v", e.Stream, e.Err)
	}
	return fmt.Sprintf("store in %s: %v", e.Stream, e.Err)
}
func (e *UnavailableError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *UnavailableError) Hint() string {
	return "the sender should try again; if it lasts, look for write errors of the store in the log, then for a full or failing disk"
}

// A WriteError reports that the store refused to write, for a reason other than
// a limit. Nothing was stored.
type WriteError struct {
	Stream string
	Err    error
}

func (e *WriteError) Error() string { return fmt.Sprintf("store in %s: %v", e.Stream, e.Err) }
func (e *WriteError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *WriteError) Hint() string {
	return "look for errors of the disk, then restart; after a write error a stream takes nothing until its server is restarted"
}

// A RefusedError reports a signal whose bytes were erased from the vault and
// have come again. It is not stored, and never will be.
type RefusedError struct{ ID incident.SignalID }

func (e *RefusedError) Error() string { return "store signal: its bytes were erased and are refused" }

// Permanent says that trying again is of no use.
func (e *RefusedError) Permanent() bool { return true }

// Erased says that the bytes were here and are gone on purpose: the sender need
// not try again.
func (e *RefusedError) Erased() bool { return true }

// Hint says what to do.
func (e *RefusedError) Hint() string {
	return "the bytes were erased on a person's decision; the sender should not send them again"
}

// A TooLargeError reports a signal with more raw bytes than the store takes.
type TooLargeError struct{ Bytes, Limit int64 }

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("store signal of %d bytes: larger than the limit of %d bytes", e.Bytes, e.Limit)
}

// Permanent says that trying again is of no use.
func (e *TooLargeError) Permanent() bool { return true }

// Hint says what to do.
func (e *TooLargeError) Hint() string { return "raise store.max_signal, or shorten what is sent" }

// A GapError reports a message that is missing and was not erased.
type GapError struct {
	Stream string
	Seq    uint64
	// Replica is the server whose copy was read, where it is one of several and
	// known; the others may have the message.
	Replica string
}

func (e *GapError) Error() string {
	if e.Replica != "" {
		return fmt.Sprintf("read %s on %s: message %d is missing and was not erased", e.Stream, e.Replica, e.Seq)
	}
	return fmt.Sprintf("read %s: message %d is missing and was not erased", e.Stream, e.Seq)
}

// Damage says that what was stored is not there as it was stored.
func (e *GapError) Damage() bool { return true }

// Hint says what to do.
func (e *GapError) Hint() string {
	return "the disk or the store's files are damaged; keep a copy of the store directory, then restore a backup or repair the replica"
}

// A ShortError reports a stream that ends before a position that was read
// already: its tail is lost. New messages would stand at numbers that were read.
type ShortError struct {
	Stream string
	From   uint64 // the position that was read
	Last   uint64 // where the stream ends
}

func (e *ShortError) Error() string {
	return fmt.Sprintf("read %s: ends at message %d, but message %d was read already", e.Stream, e.Last, e.From)
}

// Damage says that what was stored is not there as it was stored.
func (e *ShortError) Damage() bool { return true }

// Hint says what to do.
func (e *ShortError) Hint() string {
	return "the end of the stream is lost, or this is an older copy of the store: keep a copy of the directory, and restore the newer one"
}

// A DamagedError reports a message that is there but is not what was stored.
type DamagedError struct {
	Stream string
	Pos    incident.Pos
	Err    error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("read %s at %s: %v", e.Stream, e.Pos, e.Err)
}

// Damage says that what was stored is not there as it was stored.
func (e *DamagedError) Damage() bool  { return true }
func (e *DamagedError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *DamagedError) Hint() string {
	return "the bytes were changed after they were stored; keep a copy of the store directory, then restore a backup"
}

// A FencedError reports that the ledger does not end where its writer believes.
// Nothing of the body is stored.
type FencedError struct{ Fence uint64 }

func (e *FencedError) Error() string {
	return fmt.Sprintf("append to the ledger after message %d: another writer stands there", e.Fence)
}

// Is makes errors.Is(err, ErrFenced) true.
func (e *FencedError) Is(target error) bool { return target == ErrFenced }

// Fenced says that another writer is at work.
func (e *FencedError) Fenced() bool { return true }

// Hint says what to do.
func (e *FencedError) Hint() string {
	return "another processor took over; this one rebuilds its state from the ledger and follows"
}

// A FaultError reports a ledger that refuses the fence although nothing stands
// after it: it has lost messages that were committed.
type FaultError struct {
	Fence uint64
	Err   error
}

func (e *FaultError) Error() string {
	return fmt.Sprintf("append to the ledger after message %d: refused, and nothing stands there: %v", e.Fence, e.Err)
}

// Damage says that what was stored is not there as it was stored.
func (e *FaultError) Damage() bool  { return true }
func (e *FaultError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *FaultError) Hint() string {
	return "the ledger lost messages that were committed: stop, keep a copy of the store directory, run promptness verify"
}

// An UnknownOutcomeError reports that time ran out before it was known whether
// the body is stored. Whoever gets it must rebuild from the ledger.
type UnknownOutcomeError struct {
	Fence uint64
	Err   error // the last cause
}

func (e *UnknownOutcomeError) Error() string {
	return fmt.Sprintf("append to the ledger after message %d: outcome unknown: %v", e.Fence, e.Err)
}
func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *UnknownOutcomeError) Hint() string {
	return "the state is rebuilt from the ledger once the store answers; nothing was told to anyone"
}

// A SettingsError reports a stream that exists with settings that are unsafe or
// not the ones configured.
type SettingsError struct {
	Stream   string
	Problems []string // each: setting, what it is, what it must be
}

func (e *SettingsError) Error() string {
	return fmt.Sprintf("check stream %s: %s", e.Stream, strings.Join(e.Problems, "; "))
}

// Hint says what to do.
func (e *SettingsError) Hint() string {
	return "correct the configuration, or the stream with the nats command; settings that cannot be changed need a new stream and a restore"
}
