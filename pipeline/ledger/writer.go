package ledger

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Writer is the one who adds to the record. Commit is called by one goroutine
// at a time; Entries and Head may be called by any.
type Writer struct {
	log  Log
	file *CheckpointFile

	// coder and buf are owned by Commit.
	coder *coder
	buf   []byte

	mu    sync.Mutex
	head  Head
	spent error
	// starts holds the number of the first entry of every sparse-th message,
	// the first one included.
	starts []uint64
}

// sparse is how many messages share a place in the index: one number for each
// message would be 24 MB in a record of three million, and reading a few
// messages more costs nothing that a reader feels.
const sparse = 32

// index notes that entry n stands in message seq. It is told all, in order.
func (w *Writer) index(n, seq uint64) {
	if int((seq-1)/sparse) == len(w.starts) {
		w.starts = append(w.starts, n)
	}
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
	w.mu.Lock()
	head, spent := w.head, w.spent
	w.mu.Unlock()
	if spent != nil {
		return &SpentError{spent}
	}
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
	w.mu.Lock()
	defer w.mu.Unlock()
	w.head = head
	w.index(entries[0].N, head.Seq)
	return nil
}

func (w *Writer) fail(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.spent = err
	return err
}

// Head returns the number and the hash of the last entry that is safe, and the
// sequence of its message: zeros before the first.
func (w *Writer) Head() (n uint64, hash incident.Hash, seq uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.head.N, w.head.Hash, w.head.Seq
}

// Entries yields the entries from number from on, up to the last one that was
// safe when the reading began. Each is checked against the one before it, so a
// record that was damaged since Open is noticed, not shown. An error is yielded
// last, with a zero entry.
func (w *Writer) Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error] {
	return func(yield func(incident.Entry, error) bool) {
		w.mu.Lock()
		until := w.head.N
		starts := w.starts
		w.mu.Unlock()
		if from > until {
			return
		}
		from = max(from, 1)
		at, found := slices.BinarySearch(starts, from)
		if !found {
			at--
		}
		h := Head{N: starts[at] - 1, Seq: uint64(at * sparse)}
		c := link{head: h, known: h.N == 0}
		read := one
		if until-from > many {
			read = walk
		}
		err := read(ctx, w.log, h.Seq+1, func(r *record) error {
			if err := c.take(r); err != nil {
				return err
			}
			if r.entry.N > until || r.entry.N >= from && !yield(r.entry, nil) || r.entry.N == until {
				return errStop
			}
			return nil
		})
		if err != nil {
			yield(incident.Entry{}, err)
		}
	}
}

// many is from how many entries on it pays to decode them with all processors.
const many = 2000

// A link checks records against the one before. What comes before the first
// need not be known.
type link struct {
	head  Head
	known bool // the hash in head
}

func (c *link) take(r *record) error {
	err := r.err
	if !c.known {
		c.head.Hash, c.known = r.entry.Prev, true
	}
	if err == nil {
		err = c.head.follows(&r.entry)
	}
	if err != nil {
		return &RefusedError{Name: RefuseRecord, N: c.head.N + 1, Seq: r.seq, Err: err}
	}
	c.head.step(&r.entry, r.hash, r.seq)
	return nil
}

// Close closes the checkpoint file. The log is its owner's to close.
func (w *Writer) Close() error { return w.file.Close() }
