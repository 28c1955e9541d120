package ledger

import (
	"context"
	"iter"
	"slices"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A trail is the record as far as it is known whole: where it ends, and where
// its entries stand. A Follower and the Writer that it becomes share it, so that
// whoever reads by the one sees what the other adds.
type trail struct {
	log Log

	mu   sync.Mutex
	head Head
	// starts holds the number of the first entry of every sparse-th message,
	// the first one included.
	starts []uint64
}

// sparse is how many messages share a place in the index: one number for each
// message would be 24 MB in a record of three million, and reading a few
// messages more costs nothing that a reader feels.
const sparse = 32

// index notes that entry n stands in message seq. It is told all, in order.
func (t *trail) index(n, seq uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.note(n, seq)
}

func (t *trail) note(n, seq uint64) {
	if int((seq-1)/sparse) == len(t.starts) {
		t.starts = append(t.starts, n)
	}
}

// reached makes h the end.
func (t *trail) reached(h Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.head = h
}

// added makes h the end, of which message h.Seq was added; n is its first entry.
func (t *trail) added(n uint64, h Head) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.head = h
	t.note(n, h.Seq)
}

func (t *trail) end() Head {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.head
}

// Head returns the number and the hash of the last entry that is safe, and the
// sequence of its message: zeros before the first.
func (t *trail) Head() (n uint64, hash incident.Hash, seq uint64) {
	h := t.end()
	return h.N, h.Hash, h.Seq
}

// Checkpoint returns Head as a checkpoint names it.
func (t *trail) Checkpoint() Checkpoint {
	h := t.end()
	return h.checkpoint()
}

// Entries yields the entries from number from on, up to the last one that was
// safe when the reading began. Each is checked against the one before it, so a
// record that was damaged since it was verified is noticed, not shown. An error
// is yielded last, with a zero entry.
func (t *trail) Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error] {
	return func(yield func(incident.Entry, error) bool) {
		t.mu.Lock()
		until := t.head.N
		starts := t.starts
		t.mu.Unlock()
		if from = max(from, 1); from > until {
			return
		}
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
		err := read(ctx, t.log, h.Seq+1, 0, func(r *record) error {
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
