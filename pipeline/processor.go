package pipeline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

// Signals is the vault, read in order from a position on.
type Signals interface {
	// Batch returns the signals stored after the last one returned, at most
	// limit, waiting until there is at least one or ctx ends.
	Batch(ctx context.Context, limit int) ([]incident.Stored, error)
	// Last returns the position of the last stored signal, zero when none.
	Last(ctx context.Context) (incident.Pos, error)
	// Close ends the reading.
	Close() error
}

// Ledger is the record.
type Ledger interface {
	// Commit makes entries durable as one message, or returns an error after
	// which the state must be rebuilt. It fills in what chains them.
	Commit(ctx context.Context, entries []incident.Entry) error
	// Entries yields the entries from number from on to the present end.
	Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error]
}

// Options are what a Processor is made of. Every field but Marks, Tell, Log and
// Backfill is needed.
type Options struct {
	// Signals opens the vault after a position.
	Signals func(after incident.Pos) (Signals, error)
	Ledger  Ledger
	// Reopen opens the record anew after a failed commit and gives every entry
	// of it to each, in order: whoever failed to write may not know what is
	// stored. Nil reads it through Ledger.
	Reopen func(ctx context.Context, each func(incident.Entry) error) error
	// Fits reports whether a sealed signal may stand in the record. One that
	// may not is quarantined: refused again and again, it would stop the flow.
	// Nil lets everything through.
	Fits func(*incident.SignalRecord) error
	// Interpret reads a signal. It is called from one goroutine at a time and
	// never waits for anything.
	Interpret func(incident.Signal, incident.SourceRule) incident.Reading
	Pepper    incident.Pepper
	Compile   fold.Compile
	Rules     *incident.Rules
	// Marks returns the instant up to which a polled source was read and all
	// that was read is stored; zero for never.
	Marks func(incident.SourceName) time.Time
	// Tell is given every entry in order, after it is durable and the
	// checkpoint stands: first those of the record at start, then each step.
	// It must not wait.
	Tell func(entries []incident.Entry)
	// Backfill makes everything quiet that is read while the processor runs.
	Backfill bool
	// Patience bounds the interpretation of one signal. Default 10s.
	Patience time.Duration
	Log      *slog.Logger
}

// A Processor turns signals into the record.
type Processor struct {
	o   Options
	log *slog.Logger

	// state and told are owned by Run, and by Replay before it.
	state *fold.State
	told  uint64 // the last entry that was told

	status atomic.Pointer[Status]
	lag    atomic.Int64 // received time of the oldest signal read and not committed, Unix ns; 0 for none
}

// A Status says what the processor is doing.
type Status struct {
	// Ready says that the record is read, the backlog is folded and steps are
	// being committed.
	Ready bool
	// Why says what it waits for, for a person; empty when ready.
	Why string
	// Entry is the number of the last committed entry, Pos what it covers.
	Entry uint64
	Pos   incident.Pos
}

// New returns a Processor that has seen nothing. Run starts it.
func New(o Options) *Processor {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Patience <= 0 {
		o.Patience = 10 * time.Second
	}
	if o.Tell == nil {
		o.Tell = func([]incident.Entry) {}
	}
	if o.Marks == nil {
		o.Marks = func(incident.SourceName) time.Time { return time.Time{} }
	}
	p := &Processor{o: o, log: o.Log, state: fold.New(o.Compile)}
	p.status.Store(&Status{Why: "reading the record"})
	return p
}

// Replay takes one entry of the record, in order, while Run does not run: before
// it, so that whoever verifies the record at start reads it only once, and while
// another processor works, so that this one is warm.
func (p *Processor) Replay(e incident.Entry) error {
	if err := p.state.Restore(e); err != nil {
		return err
	}
	if e.N > p.told {
		p.told = e.N
		p.o.Tell([]incident.Entry{e})
	}
	s := *p.status.Load()
	s.Entry, s.Pos = e.N, e.Pos
	p.status.Store(&s)
	return nil
}

// StandBy says what a processor that is not running waits for.
func (p *Processor) StandBy(why string) { p.stop(why, nil) }

// Status returns what the processor is doing.
func (p *Processor) Status() Status { return *p.status.Load() }

// Oldest returns when the oldest signal was received that is read but not yet
// in the record, or zero.
func (p *Processor) Oldest() time.Time {
	if ns := p.lag.Load(); ns != 0 {
		return time.Unix(0, ns).UTC()
	}
	return time.Time{}
}

// A permanent error is one that a rebuilt state would meet again.
type permanent interface{ Permanent() bool }

// Run reads, folds and commits until ctx ends. It returns nil then, and an error
// only where going on would be wrong: rules that edit the past, another writer
// ([Fenced]), damage ([Damaged]). After any other failure it drops the state, rebuilds it
// from the record and goes on. Once Run has returned, the state may be ahead of
// the record: [Processor.Rebuild] comes before anything else.
func (p *Processor) Run(ctx context.Context) error {
	pause := retryFirst
	for {
		started := time.Now()
		err := p.work(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if Fenced(err) {
			// Also with a lease that is still held: the record says who writes.
			p.stop("another processor works", err)
			return err
		}
		if hopeless(err) || Damaged(err) {
			p.stop("stopped", err)
			return err
		}
		p.stop("rebuilding after a fault", err)
		p.log.ErrorContext(ctx, "step failed; rebuilding from the record", "err", err)
		if time.Since(started) > time.Minute {
			pause = retryFirst
		}
		if pause, err = p.recover(ctx, pause); err != nil || ctx.Err() != nil {
			return err
		}
	}
}

// recover waits and rebuilds, again and again until that succeeds, ctx ends, or
// it is hopeless.
func (p *Processor) recover(ctx context.Context, pause time.Duration) (time.Duration, error) {
	for {
		if !wait(ctx, pause) {
			return pause, nil
		}
		pause = min(2*pause, retryMost)
		err := p.Rebuild(ctx, p.o.Reopen)
		switch {
		case err == nil || ctx.Err() != nil:
			return pause, nil
		case hopeless(err) || Damaged(err):
			p.stop("stopped", err)
			return pause, err
		}
		p.stop("rebuilding after a fault", err)
		p.log.ErrorContext(ctx, "rebuild failed; trying again", "err", err)
	}
}

const (
	retryFirst = 200 * time.Millisecond
	retryMost  = 30 * time.Second
)

func hopeless(err error) bool {
	var perm permanent
	return errors.As(err, &perm) && perm.Permanent()
}

// Fenced reports whether err says that another processor wrote to the record: a
// method Fenced of one of the errors in it says yes.
func Fenced(err error) bool {
	var f interface{ Fenced() bool }
	return errors.As(err, &f) && f.Fenced()
}

func (p *Processor) stop(what string, err error) {
	s := *p.status.Load()
	s.Ready, s.Why = false, what
	if err != nil {
		s.Why = fmt.Sprintf("%s: %s", what, err)
	}
	p.status.Store(&s)
}

func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Damaged reports whether err says that signals or the record are not as they
// were stored: a method Damage of one of the errors in it says yes. To go on
// would make entries that rest on it.
func Damaged(err error) bool {
	var d interface{ Damage() bool }
	return errors.As(err, &d) && d.Damage()
}

// Rebuild drops the state, which may be ahead of the record, and reads it
// again: read is given what takes each entry, in order, and verifies. Nil reads
// the record through Ledger. Entries that were not told are told once read has
// returned: what a record says that does not verify is told to nobody.
func (p *Processor) Rebuild(ctx context.Context, read func(context.Context, func(incident.Entry) error) error) error {
	if read == nil {
		read = p.entries
	}
	p.state = fold.New(p.o.Compile)
	var untold []incident.Entry
	err := read(ctx, func(e incident.Entry) error {
		if e.N > p.told {
			untold = append(untold, e)
		}
		return p.state.Restore(e)
	})
	if err != nil {
		return fmt.Errorf("rebuild from the record: %w", err)
	}
	for _, e := range untold {
		p.told = e.N
		p.o.Tell([]incident.Entry{e})
	}
	return nil
}

// entries gives every entry of the record to each.
func (p *Processor) entries(ctx context.Context, each func(incident.Entry) error) error {
	for e, err := range p.o.Ledger.Entries(ctx, 1) {
		if err == nil {
			err = each(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
