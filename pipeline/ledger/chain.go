package ledger

import (
	"fmt"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Head is the end of the chain: what the next entry must follow.
type Head struct {
	N    uint64        // number of the last entry, 0 before the first
	Hash incident.Hash // of its bytes
	Seq  uint64        // of its message
	At   time.Time     // never runs backwards
	Pos  incident.Pos  // nor does this
}

// An unlinkedError says that an entry does not name the hash of the one before:
// one of the two was changed.
type unlinkedError struct {
	n          uint64 // the entry before
	hash, prev incident.Hash
}

func (e *unlinkedError) Error() string {
	return fmt.Sprintf("prev is %s, the hash of entry %d is %s", e.prev, e.n, e.hash)
}

// follows checks that e may come after h. The hash is looked at before what
// came forward and what backward: a time that runs backwards between two
// entries that do not hang together says only that one was changed.
func (h *Head) follows(e *incident.Entry) error {
	switch {
	case !e.Follows(h.N):
		return fmt.Errorf("entry %d stands where %d belongs", e.N, h.N+1)
	case e.Prev != h.Hash:
		return &unlinkedError{n: h.N, hash: h.Hash, prev: e.Prev}
	case e.At.Before(h.At):
		return fmt.Errorf("time runs backwards: at %s after %s",
			e.At.UTC().Format(time.RFC3339Nano), h.At.UTC().Format(time.RFC3339Nano))
	case e.Pos.Less(h.Pos):
		return fmt.Errorf("position runs backwards: %s after %s", e.Pos, h.Pos)
	default:
		return nil
	}
}

// step moves h on to e, whose bytes have the hash.
func (h *Head) step(e *incident.Entry, hash incident.Hash, seq uint64) {
	*h = Head{N: e.N, Hash: hash, Seq: seq, At: e.At, Pos: e.Pos}
}
