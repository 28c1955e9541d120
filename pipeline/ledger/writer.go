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
func (e *SpentError) Error() string { return "commit: an earlier commit failed: " + e.Err.Error() }

// Unwrap returns the earlier failure.
func (e *SpentError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *SpentError) Hint() string {
	return "the state in memory is ahead of the record: open the ledger again and rebuild it"
}

// A StepError says that a step cannot be written as it is. Nothing of it was
// stored, and the writer is as it was.
type StepError struct {
	N   uint64
	Err error
}

// Error names the entry.
func (e *StepError) Error() string { return fmt.Sprintf("commit entry %d: %v", e.N, e.Err) }

// Unwrap returns the cause.
func (e *StepError) Unwrap() error { return e.Err }

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
		body = w.coder.encode(body, e)
		// What could not be read again is never written: it could not be taken
		// back either.
		var again incident.Entry
		if err := w.coder.decode(body[start:], &again); err != nil {
			return &StepError{e.N, err}
		}
		head.step(e, incident.HashOf(body[start:]), fence+1)
	}
	w.buf = body
	if len(body) > MaxBody {
		return &StepError{entries[0].N, fmt.Errorf("%d entries are %d bytes, one message holds %d", len(entries), len(body), MaxBody)}
	}

	// Append, then checkpoint, then tell. A crash after the append leaves the
	// checkpoint one step behind, and Open checks that step and goes on. The
	// other way round, a checkpoint ahead would look like a lost tail.
	// The log may keep the body, so it gets its own.
	if err := w.log.Append(ctx, slices.Clone(body), fence); err != nil {
		return w.fail(fmt.Errorf("commit entries %d to %d: %w", entries[0].N, head.N, err))
	}
	if err := w.file.Write(head.checkpoint()); err != nil {
		return w.fail(fmt.Errorf("commit entries %d to %d: %w", entries[0].N, head.N, err))
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
		err := walkFrom(ctx, w.log, Head{N: starts[at] - 1, Seq: uint64(at * sparse)}, func(r *record) error {
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

// walkFrom yields the records after h, whose hash need not be known, each
// checked against the one before.
func walkFrom(ctx context.Context, log Log, h Head, yield func(*record) error) error {
	known := h.N == 0
	co := newCoder()
	err := log.Messages(ctx, h.Seq+1, func(seq uint64, body []byte) error {
		c := chunk{seqs: []uint64{seq}, bodies: [][]byte{body}}
		c.decode(co)
		for i := range c.records {
			r := &c.records[i]
			err := r.err
			if !known {
				h.Hash = r.entry.Prev
			}
			if err == nil {
				err = h.follows(&r.entry)
			}
			if err != nil {
				return &RefusedError{Name: RefuseRecord, N: h.N + 1, Seq: seq, Err: err}
			}
			h.step(&r.entry, r.hash, seq)
			known = true
			if err := yield(r); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// Close closes the checkpoint file. The log is its owner's to close.
func (w *Writer) Close() error { return w.file.Close() }
