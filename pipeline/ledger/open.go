package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Options are what a ledger is opened with.
type Options struct {
	Log   Log
	Vault Vault
	// Checkpoint is the path of the checkpoint file. It MUST lie outside the
	// directory of the store, whose loss it is there to notice.
	Checkpoint string
	// Each, if set, is given every entry in its order while the chain is
	// checked, so that the record is read once. Where Open fails, what Each
	// made of them is worth nothing. Its error ends Open.
	Each func(incident.Entry) error
	// Progress, if set, is told how many of how many messages are checked.
	Progress func(done, total uint64)
}

// Open checks the whole record and returns its one writer. In this order, the
// first failure refused by name with a *RefusedError: the first message is
// number 1, none is gone, the last is not before the checkpoint; the whole
// chain; the checkpoint's hash at its entry; SIGNALS reaches the position that
// is covered, and the signal there hashes to its commitment.
//
// A checkpoint one step behind is what a crash leaves: the step was checked
// with the chain, and the checkpoint is written before Open returns.
func Open(ctx context.Context, o Options) (w *Writer, err error) {
	file, err := OpenCheckpoint(o.Checkpoint)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	last, deleted, err := endOf(ctx, o.Log)
	if err != nil {
		return nil, err
	}
	mark, err := file.Read()
	switch {
	case errors.Is(err, ErrNoCheckpoint) && last > 0:
		return nil, &RefusedError{Name: RefuseMissing, What: fmt.Sprintf("%s has none, and the record has %d messages", o.Checkpoint, last), Err: err}
	case errors.Is(err, ErrNoCheckpoint):
		// Before the first entry, so that from then on a missing checkpoint
		// means a lost one.
		if err := file.Write(Checkpoint{}); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, err
	}

	w = &Writer{log: o.Log, file: file, coder: newCoder()}
	check := newChecker(mark, func(r *record) error {
		w.index(r.entry.N, r.seq)
		if o.Each != nil {
			return o.Each(r.entry)
		}
		return nil
	})
	if last < mark.Seq {
		return nil, check.shorter(ctx, o.Log, last, deleted, o.Progress)
	}
	if err := check.chain(ctx, o.Log, last, deleted, o.Progress); err != nil {
		return nil, err
	}
	if err := stale(mark, check.head); err != nil {
		return nil, err
	}
	if err := check.reaches(ctx, o.Vault); err != nil {
		return nil, err
	}
	if err := check.lastSignal(ctx, o.Vault); err != nil {
		return nil, err
	}
	w.head = check.head
	if mark.N < w.head.N {
		if err := file.Write(w.head.checkpoint()); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// stale refuses a checkpoint more than one step behind: the program never
// leaves one.
func stale(mark Checkpoint, h Head) error {
	if h.Seq <= mark.Seq+1 {
		return nil
	}
	return &RefusedError{Name: RefuseStale, N: mark.N, Seq: mark.Seq,
		What: fmt.Sprintf("the checkpoint names it, the record ends with entry %d in message %d", h.N, h.Seq)}
}

func (h *Head) checkpoint() Checkpoint { return Checkpoint{N: h.N, Seq: h.Seq, Hash: h.Hash} }
