package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Writer is the one who adds to the record. Commit is called by one goroutine
// at a time; Entries and Head may be called by any.
type Writer struct {
	*trail
	file *CheckpointFile

	// coder and buf are owned by Commit.
	coder *coder
	buf   []byte

	spent atomic.Pointer[SpentError]
}

// A SpentError says that a commit failed before, and that what is true can only
// be learnt by opening the ledger anew.
type SpentError struct{ Err error }

// Error says what happened before.
func (e *SpentError) Error() string { return "an earlier commit failed: " + e.Err.Error() }

// Unwrap returns the earlier failure.
func (e *SpentError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *SpentError) Hint() string {
	return "the state in memory is ahead of the record: open the ledger again and rebuild it"
}

// ErrTooLarge says that a step is longer than one message may be.
var ErrTooLarge = errors.New("step is longer than 512 KiB")

// A StepError says that a step cannot be written as it is. Nothing of it was
// stored, and the writer is as it was.
type StepError struct {
	N   uint64
	Err error
}

// Error names the entry, for a step that is too long its first one. It quotes
// nothing of what does not belong into the record.
func (e *StepError) Error() string {
	return fmt.Sprintf("entry %d cannot stand in the record: %v", e.N, e.Err)
}

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *StepError) Hint() string {
	return "nothing was stored; this is a fault of the program, of an interpreter or of a mapping: report it with this line"
}

// Commit stores entries as one message, all or none, behind the last one, and
// returns once they and the checkpoint would survive a power cut. It fills V
// and Prev of each. They come numbered, N going on without a gap.
//
// A *StepError means that the entries cannot stand in a record: nothing is
// stored and the writer goes on. After any other error the outcome is for Open
// to find: this Writer refuses every later commit.
func (w *Writer) Commit(ctx context.Context, entries []incident.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	if spent := w.spent.Load(); spent != nil {
		return spent
	}
	head := w.end()
	fence := head.Seq
	body := w.buf[:0]
	for i := range entries {
		e := &entries[i]
		e.V, e.Prev = incident.EntryVersion, head.Hash
		if err := head.follows(e); err != nil {
			return &StepError{e.N, err}
		}
		if i > 0 {
			body = append(body, '\n')
		}
		start := len(body)
		var err error
		if body, err = w.coder.encode(body, e); err != nil {
			// What could not be read again is never written: it could not be
			// taken back either.
			return &StepError{e.N, err}
		}
		head.step(e, incident.HashOf(body[start:]), fence+1)
	}
	w.buf = body
	if len(body) > MaxBody {
		return &StepError{entries[0].N, fmt.Errorf("%w: %d entries of %d bytes", ErrTooLarge, len(entries), len(body))}
	}

	// Append, then checkpoint, then tell. A crash after the append leaves the
	// checkpoint one step behind, and Open checks that step and goes on. The
	// other way round, a checkpoint ahead would look like a lost tail.
	if err := w.log.Append(ctx, body, fence); err != nil {
		return w.fail(err)
	}
	if err := w.file.Write(head.checkpoint()); err != nil {
		return w.fail(err)
	}
	w.added(entries[0].N, head)
	return nil
}

func (w *Writer) fail(err error) error {
	w.spent.Store(&SpentError{err})
	return err
}

// Close closes the checkpoint file. The log is its owner's to close.
func (w *Writer) Close() error { return w.file.Close() }
