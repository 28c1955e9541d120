package stream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Vault gives signals of one copy of SIGNALS back, each checked as
// [Store.Signal] does, and reads ahead: whoever asks in ascending order has the
// server asked for each frame once, and waits for none. One goroutine uses it.
type Vault struct {
	store   *Store
	replica string

	// p reads ahead from the frame that is held; nil before the first signal.
	p     *puller
	last  uint64 // p may be asked for what lies before, and it comes
	held  frame
	after uint64 // nothing stands from here up to held.seq
	ended uint64 // nothing stands from p.next up to here
}

// A frame is one message of SIGNALS, read.
type frame struct {
	seq      uint64
	signals  []frameSignal
	replaces bool   // it holds what is left of another frame
	old      uint64 // the sequence of that
	err      error  // why it could not be decoded
}

func newFrame(seq uint64, header nats.Header, body []byte) frame {
	f := frame{seq: seq}
	f.old, f.replaces = replaced(header)
	if void(header) {
		return f
	}
	f.signals, f.err = decodeFrame(body, f.replaces)
	return f
}

// jumpFrames is how far ahead a signal may lie for the frames before it to be
// read and left, rather than a new reading begun.
const jumpFrames = 1000

// Vault returns the copy of SIGNALS on replica; whichever copy the cluster gives
// if replica is empty or keeps none.
func (s *Store) Vault(replica string) *Vault { return &Vault{store: s, replica: replica} }

// Close ends the reading ahead. It may be called twice, and the vault used again.
func (v *Vault) Close() error {
	if v.p != nil {
		v.p.end()
	}
	v.p, v.held, v.after, v.ended = nil, frame{}, 0, 0
	return nil
}

// Last returns the position of the last signal in this copy, once it holds what
// the leader held when this was called.
func (v *Vault) Last(ctx context.Context) (incident.Pos, error) {
	if v.replica == "" {
		return v.store.last(ctx)
	}
	st, err := v.store.caughtUp(ctx, v.store.signals, v.replica)
	if err != nil {
		return incident.Pos{}, err
	}
	for seq := st.Last; seq > 0; seq-- {
		f, err := v.at(ctx, seq)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound) && v.store.Gone(seq):
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return incident.Pos{}, &GapError{Stream: st.Stream, Seq: seq}
		case err != nil:
			return incident.Pos{}, err
		case f.err != nil && v.store.lost(seq, -1):
		case f.replaces: // its signals have the places of the frame before
		case f.err != nil:
			return incident.Pos{}, &DamagedError{st.Stream, incident.Pos{Seq: seq}, f.err}
		default:
			return incident.Pos{Seq: seq, Index: len(f.signals) - 1}, nil
		}
	}
	return incident.Pos{}, nil
}

// End returns the last sequence of this copy, whatever has become of the message.
func (v *Vault) End(ctx context.Context) (seq uint64, err error) {
	if v.replica == "" {
		return v.store.End(ctx)
	}
	st, err := v.store.caughtUp(ctx, v.store.signals, v.replica)
	return st.Last, err
}

// Signal is [Store.Signal] of this copy.
func (v *Vault) Signal(ctx context.Context, pos incident.Pos) (incident.Stored, error) {
	if v.p != nil && pos.Seq < v.after {
		return v.again(ctx, pos)
	}
	err := v.advance(ctx, pos.Seq)
	if _, ok := errors.AsType[*GapError](err); ok {
		return v.again(ctx, pos) // nothing more comes: it may have been replaced
	}
	if err != nil {
		return incident.Stored{}, err
	}
	if v.held.seq != pos.Seq {
		return v.again(ctx, pos)
	}
	return v.pick(ctx, &v.held, pos)
}

// advance holds the frame at seq or, if there is none, the first one behind.
func (v *Vault) advance(ctx context.Context, seq uint64) error {
	if v.p != nil && seq <= v.held.seq {
		return nil
	}
	if v.p == nil || seq-v.p.next > jumpFrames {
		if err := v.Close(); err != nil {
			return err
		}
		v.p = newPuller(v.store, v.store.names.signals, seq)
		v.p.replica = v.replica
		v.after = seq
	}
	if seq > v.last {
		st, err := v.store.caughtUp(ctx, v.store.signals, v.replica)
		if err != nil {
			return err
		}
		v.last, v.p.replica = st.Last, st.Replica
		if seq > v.last {
			return &GapError{Stream: st.Stream, Seq: seq}
		}
	}
	if seq <= v.ended {
		return &GapError{Stream: v.p.name, Seq: seq}
	}
	for v.held.seq < seq {
		got, err := v.store.next(ctx, v.p)
		if _, ok := errors.AsType[*GapError](err); ok {
			v.ended = v.last
		}
		if err != nil {
			return err
		}
		v.after = got.seq - got.missing
		if got.seq < seq {
			continue
		}
		v.held = newFrame(got.seq, got.msg.Header, got.msg.Data)
	}
	return nil
}

// pick returns the signal at pos of the frame f, which stands there.
func (v *Vault) pick(ctx context.Context, f *frame, pos incident.Pos) (incident.Stored, error) {
	switch {
	case f.err != nil:
		return incident.Stored{}, &DamagedError{v.store.names.signals, pos, f.err}
	case f.replaces || pos.Index < 0 || pos.Index >= len(f.signals):
		return incident.Stored{}, &DamagedError{v.store.names.signals, pos, errNoPosition}
	}
	return v.store.whole(ctx, pos, &f.signals[pos.Index])
}

// again reads one signal that is not next: behind us, or of a frame that was
// replaced.
func (v *Vault) again(ctx context.Context, pos incident.Pos) (incident.Stored, error) {
	if v.replica == "" {
		return v.store.Signal(ctx, pos)
	}
	f, err := v.at(ctx, pos.Seq)
	if err == nil {
		return v.pick(ctx, &f, pos)
	}
	gone := &GapError{Stream: v.store.names.signals, Seq: pos.Seq}
	if !errors.Is(err, jetstream.ErrMsgNotFound) {
		return incident.Stored{}, err
	}
	// Where the rest of a frame stands is the same in all copies.
	m, err := v.store.replacement(ctx, pos.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return incident.Stored{}, gone
	}
	if err != nil {
		return incident.Stored{}, fmt.Errorf("read signal %s: %w", pos, err)
	}
	if f, err = v.at(ctx, m.Sequence); errors.Is(err, jetstream.ErrMsgNotFound) {
		return incident.Stored{}, gone
	} else if err != nil {
		return incident.Stored{}, err
	}
	if f.err != nil {
		return incident.Stored{}, &DamagedError{v.store.names.signals, pos, f.err}
	}
	for i := range f.signals {
		if f.replaces && f.old == pos.Seq && f.signals[i].index == pos.Index {
			return v.store.whole(ctx, pos, &f.signals[i])
		}
	}
	return incident.Stored{}, gone
}

// at returns the frame at seq of this copy; jetstream.ErrMsgNotFound if there is
// none.
func (v *Vault) at(ctx context.Context, seq uint64) (frame, error) {
	m, err := v.store.from(ctx, v.store.names.signals, v.replica, seq)
	if err != nil {
		return frame{}, err
	}
	if m == nil {
		return frame{}, jetstream.ErrMsgNotFound
	}
	if got, _, err := sequences(m); err != nil {
		return frame{}, fmt.Errorf("read signals: %w", err)
	} else if got != seq {
		return frame{}, jetstream.ErrMsgNotFound
	}
	return newFrame(seq, m.Header, m.Data), nil
}
