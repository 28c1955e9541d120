package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Options are what a ledger is opened with.
type Options struct {
	Log Log
	// Vault is needed to write, not to follow.
	Vault Vault
	// Checkpoint is the path of the checkpoint file. It MUST lie outside the
	// directory of the store, whose loss it is there to notice, and is one
	// process's own. Empty follows without one: then the loss of the record's
	// end is not noticed here.
	Checkpoint string
	// Each, if set, is given every entry in its order while the chain is
	// checked, so that the record is read once. Where Open or Follow fails, what
	// Each made of them is worth nothing. Its error ends them.
	Each func(incident.Entry) error
	// Progress, if set, is told how many of how many messages are checked.
	Progress func(done, total uint64)

	// Shared says that other processes write to this record: a checkpoint any
	// number of steps behind is then what an absence leaves. Else it is refused
	// if it is more than one step behind.
	Shared bool
	// Quick hashes the chain from the checkpoint on only. What stands before is
	// read, decoded and put into its order all the same, so that it saves a third
	// of the work (of 1,000,000 entries in memory 6.7 of 10.0 s of processor
	// time on a busy machine are left) and nothing of the reading from the disk.
	// VerifyFrom reads from the checkpoint on only, and is done in milliseconds.
	Quick bool
	// Vouched is where a processor at work, which verified the record itself,
	// says that it reached: the record is compared with it too, and one without a
	// checkpoint begins with it.
	Vouched *Checkpoint
}

// Open checks the whole record and returns its one writer. In this order, the
// first failure refused by name with a *RefusedError: the first message is
// number 1, none is gone, the last is not before the checkpoint; the whole
// chain; the checkpoint's hash at its entry; SIGNALS reaches the position that
// is covered, and the signal there hashes to its commitment.
//
// A checkpoint one step behind is what a crash leaves: the step was checked
// with the chain, and the checkpoint is written before Open returns.
func Open(ctx context.Context, o Options) (*Writer, error) {
	f, err := Follow(ctx, o)
	if err != nil {
		return nil, err
	}
	w, err := f.Lead(ctx)
	if err != nil {
		return nil, errors.Join(err, f.Close())
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
