package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Follower has verified the record and can go on with what others add to it.
// Head and Entries may be called by any goroutine; Run, Lead and Close by one,
// one after the other.
//
// After an error of Run, or one of Lead that is a [RefusedError], the follower
// is spent and says the same again: what was given to Each is to be dropped, and
// the record followed anew.
type Follower struct {
	*trail
	o      Options
	file   *CheckpointFile // nil without a checkpoint
	marked Checkpoint      // what stands in file
	check  *checker
	err    error // spent
}

// Follow checks the whole record, in the order and with the refusals of [Open],
// and gives every entry to Each. It looks at no signal and, but for the one of an
// empty record, writes no checkpoint: Run and Lead do.
func Follow(ctx context.Context, o Options) (*Follower, error) {
	f := &Follower{trail: &trail{log: o.Log}, o: o}
	if o.Checkpoint != "" {
		var err error
		if f.file, err = OpenCheckpoint(o.Checkpoint); err != nil {
			return nil, err
		}
	}
	if err := f.begin(ctx); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// begin checks the record up to its present end.
func (f *Follower) begin(ctx context.Context) error {
	o := &f.o
	last, deleted, err := endOf(ctx, o.Log)
	if err != nil {
		return err
	}
	marks, err := f.marks(last)
	if err != nil {
		return err
	}
	f.check = newChecker(marks, func(r *record) error {
		f.index(r.entry.N, r.seq)
		if o.Each != nil {
			return o.Each(r.entry)
		}
		return nil
	})
	if o.Quick {
		f.check.trusted = f.marked.Seq
	}
	chain := f.check.chain
	if last < f.check.furthest().Seq {
		chain = f.check.shorter
	}
	if err := chain(ctx, o.Log, last, deleted, o.Progress); err != nil {
		return err
	}
	if f.file != nil && !o.Shared {
		if err := stale(f.marked, f.check.head); err != nil {
			return err
		}
	}
	f.reached(f.check.head)
	return nil
}

// marks returns what the record is compared with: the checkpoint, and what a
// processor at work says. The log reaches last.
func (f *Follower) marks(last uint64) ([]mark, error) {
	var marks []mark
	if f.o.Vouched != nil {
		marks = append(marks, mark{Checkpoint: *f.o.Vouched, who: "the processor at work"})
	}
	if f.file == nil {
		return marks, nil
	}
	cp, err := f.file.Read()
	switch {
	case err == nil:
		f.marked = cp
		return append([]mark{{Checkpoint: cp, who: "the checkpoint"}}, marks...), nil
	case !errors.Is(err, ErrNoCheckpoint):
		return nil, err
	case f.o.Vouched != nil:
		return marks, nil
	case last > 0:
		return nil, &RefusedError{Name: RefuseMissing, What: fmt.Sprintf("%s has none, and the record has %d messages", f.o.Checkpoint, last), Err: err}
	default:
		// Before the first entry, so that from then on a missing checkpoint
		// means a lost one.
		return nil, f.file.Write(Checkpoint{})
	}
}

// lookEvery is how often a follower looks whether what it read still stands:
// a record that shrinks or is made anew sends nothing of itself.
const lookEvery = 5 * time.Second

// Run goes on with what is added to the record until ctx ends, and returns nil
// then. Each message is verified as a whole, its entries are given to Each, and
// the checkpoint names it: not before, and not after each one, but again as soon
// as the last writing of it is done.
//
// A message that does not fit, a record that has become shorter and one that
// has become another are a [RefusedError]: at once, or within some seconds where
// nothing is added to it.
func (f *Follower) Run(ctx context.Context) error {
	if f.err != nil {
		return f.err
	}
	f.err = f.run(ctx)
	return f.err
}

func (f *Follower) run(ctx context.Context) error {
	log, ok := f.log.(Tailer)
	if !ok {
		return fmt.Errorf("follow ledger: a %T cannot be followed", f.log)
	}
	if err := f.mark(); err != nil {
		return err
	}
	inner, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	moved := make(chan struct{}, 1)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-moved:
			case <-inner.Done():
				return
			}
			if err := f.mark(); err != nil {
				stop(err)
				return
			}
		}
	})
	wg.Go(func() {
		if err := f.watch(inner); err != nil {
			stop(err)
		}
	})
	co := newCoder()
	err := log.Tail(inner, f.end().Seq+1, func(seq uint64, body []byte) error {
		if err := f.message(co, seq, body); err != nil {
			return err
		}
		select {
		case moved <- struct{}{}:
		default:
		}
		return nil
	})
	early := inner.Err() == nil // the reading ended by itself
	stop(nil)
	wg.Wait()
	cause := context.Cause(inner)
	_, named := errors.AsType[*RefusedError](err)
	switch {
	case !early && ctx.Err() == nil:
		return cause
	case ctx.Err() != nil && !named:
		return f.mark()
	case named:
		return err
	}
	return f.explain(ctx, err)
}

// explain says why the log cannot be read on, if it is not only out of reach.
func (f *Follower) explain(ctx context.Context, err error) error {
	if refused := f.look(ctx); refused != nil {
		return refused
	}
	if next := f.end().Seq + 1; damaged(err) && f.check.unreadable(ctx, f.log, next) {
		return f.check.lost(next, "the message cannot be read, and one beside it can", err)
	}
	if err == nil {
		err = errors.New("the log said no more")
	}
	return fmt.Errorf("follow ledger after entry %d: %w", f.end().N, err)
}

// message verifies one message and gives its entries to Each.
func (f *Follower) message(co *coder, seq uint64, body []byte) error {
	if want := f.check.head.Seq + 1; seq != want {
		return f.check.lost(want, fmt.Sprintf("message %d follows %d", seq, want-1), nil)
	}
	c := chunk{seqs: []uint64{seq}, bodies: [][]byte{body}}
	c.decode(co, 0)
	entries := make([]incident.Entry, 0, len(c.records))
	each := f.check.each
	f.check.each = func(r *record) error {
		entries = append(entries, r.entry)
		return nil
	}
	defer func() { f.check.each = each }()
	for i := range c.records {
		if err := f.check.take(&c.records[i]); err != nil {
			return err
		}
		if f.check.doubt != nil {
			return f.check.blame(false) // the one before was verified when it came
		}
	}
	if f.o.Each != nil {
		for i := range entries {
			if err := f.o.Each(entries[i]); err != nil {
				return err
			}
		}
	}
	f.added(entries[0].N, f.check.head)
	return nil
}

// mark makes the end of what is verified the checkpoint.
func (f *Follower) mark() error {
	end := f.Checkpoint()
	if f.file == nil || end == f.marked {
		return nil
	}
	if err := f.file.Write(end); err != nil {
		return err
	}
	f.marked = end
	return nil
}

// watch looks again and again whether what was read still stands.
func (f *Follower) watch(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		if f.look(ctx) == nil {
			continue
		}
		// A server that was the leader a moment ago may answer once more, from
		// before what was read.
		again := time.NewTimer(time.Second)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return nil
		}
		if refused := f.look(ctx); refused != nil {
			return refused
		}
	}
}

// look returns a *RefusedError if what was read does not stand any more. A log
// that does not answer says nothing.
func (f *Follower) look(ctx context.Context) error {
	head := f.end()
	if head.Seq == 0 {
		return nil
	}
	last, deleted, err := endOf(ctx, f.log)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		return refused
	}
	if err != nil {
		return nil //nolint:nilerr // the next look, or the reading, will tell
	}
	gone := &RefusedError{Name: RefuseAhead, N: head.N, Seq: head.Seq}
	switch {
	case last < head.Seq:
		gone.What = fmt.Sprintf("it was read, and now the record ends with message %d", last)
		return gone
	case deleted > 0:
		return &RefusedError{Name: RefuseDeleted, N: head.N, Seq: head.Seq,
			What: fmt.Sprintf("it was read, and now %d of %d messages are gone", deleted, last)}
	}
	var hash incident.Hash
	found := false
	err = f.log.Messages(ctx, head.Seq, func(seq uint64, body []byte) error {
		found = seq == head.Seq
		hash = incident.HashOf(body[bytes.LastIndexByte(body, '\n')+1:])
		return errStop
	})
	switch {
	case !errors.Is(err, errStop) || !found:
		return nil // not to be had now; the scrub finds what is damaged
	case hash != head.Hash:
		return &RefusedError{Name: RefuseRecord, N: head.N, Seq: head.Seq,
			What: fmt.Sprintf("it was changed since it was read: its hash was %s and is %s", head.Hash, hash)}
	default:
		return nil
	}
}

// Lead reads to the end of the record and makes the follower its writer: Each is
// given what was added, the signals and the checkpoint are seen to as by [Open].
// Run must have returned, and the follower is not used again. Whether nobody else
// writes any more is for the caller to see to; where somebody does, the first
// Commit is fenced.
func (f *Follower) Lead(ctx context.Context) (*Writer, error) {
	if f.err != nil {
		return nil, f.err
	}
	if f.file == nil || f.o.Vault == nil {
		return nil, errors.New("lead: a writer needs a checkpoint and the signals")
	}
	err := f.lead(ctx)
	if _, refused := errors.AsType[*RefusedError](err); refused {
		f.err = err
	}
	if err != nil {
		return nil, err
	}
	f.err = errors.New("follow: it writes now")
	return &Writer{trail: f.trail, file: f.file, coder: newCoder()}, nil
}

func (f *Follower) lead(ctx context.Context) error {
	last, deleted, err := endOf(ctx, f.log)
	if err != nil {
		return err
	}
	if head := f.end(); last < head.Seq {
		return &RefusedError{Name: RefuseAhead, N: head.N, Seq: head.Seq, What: fmt.Sprintf("it was read, and now the record ends with message %d", last)}
	}
	if err := f.check.chain(ctx, f.log, last, deleted, nil); err != nil {
		return err
	}
	f.reached(f.check.head)
	if err := f.check.reaches(ctx, f.o.Vault); err != nil {
		return err
	}
	if err := f.check.lastSignal(ctx, f.o.Vault); err != nil {
		return err
	}
	return f.mark()
}

// Close closes the checkpoint file. After Lead that is the Writer's to do, and
// Close does nothing.
func (f *Follower) Close() error {
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}
