package pipeline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

const (
	// stepBytes is how large a step grows before the next begins; one signal may
	// carry it over, up to what a message of the record holds.
	stepBytes = 192 << 10
	// maxBody is what a message of the record holds, less a margin.
	maxBody = 500 << 10
	// tickLimit bounds the incidents that one tick decides before it is
	// committed.
	tickLimit = 150
	// holdPoll is how often the sources are asked how far they were read while
	// a deadline waits for them.
	holdPoll = time.Second
	// listenEvery is how often it is looked whether every source can be heard.
	listenEvery = time.Minute
	// longest is the longest sleep of the timer.
	longest = 24 * time.Hour
)

// A loop is one run of the owner, from a state that equals the record.
type loop struct {
	p     *Processor
	state *fold.State
	vault Signals

	steps   []step   // folded and not committed; the first may be in flight
	flying  bool     // the first of steps is being committed
	barrier *barrier // a tick that waits for the signals stored before it
	caught  bool     // the backlog at start has been folded
	timer   *time.Timer
	sent    chan step    // to the committer
	back    chan error   // from the committer
	inputs  chan []input // from the reader
	taken   []input      // received from the reader and not yet folded
}

// A step is the entries of one message.
type step struct {
	entries []incident.Entry
	bytes   int
	oldest  time.Time // received time of its first signal
	pos     incident.Pos
}

// A barrier is a tick at an instant: every signal stored before it is folded
// first (rules.md section 5).
type barrier struct {
	tick fold.Tick
	upTo incident.Pos
}

// work runs until ctx ends or a step fails.
func (p *Processor) work(ctx context.Context) error {
	vault, err := p.o.Signals(p.state.Pos())
	if err != nil {
		return fmt.Errorf("open the vault after %s: %w", p.state.Pos(), err)
	}
	ctx, cancel := context.WithCancel(ctx)
	l := &loop{
		p: p, state: p.state, vault: vault, timer: time.NewTimer(0),
		sent: make(chan step), back: make(chan error), inputs: make(chan []input),
	}
	readerDone := make(chan error, 1)
	var both sync.WaitGroup
	both.Go(func() { readerDone <- p.read(ctx, vault, l.inputs) })
	both.Go(func() { p.commit(ctx, l.sent, l.back) })
	err = l.run(ctx, readerDone)
	cancel()
	l.timer.Stop()
	both.Wait()
	return errors.Join(err, vault.Close())
}

// run is the owner's loop.
func (l *loop) run(ctx context.Context, readerDone <-chan error) error {
	if err := l.begin(); err != nil {
		return err
	}
	for {
		var offer chan step
		var first step
		if !l.flying && len(l.steps) > 0 {
			offer, first = l.sent, l.steps[0]
		}
		var more chan []input
		if l.room() && len(l.taken) == 0 {
			more = l.inputs
		}
		select {
		case offer <- first:
			l.flying = true
		case err := <-l.back:
			if err != nil {
				return err
			}
			l.committed()
		case l.taken = <-more:
		case <-l.timer.C:
			if err := l.due(ctx); err != nil {
				return err
			}
		case err := <-readerDone:
			if ctx.Err() == nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
		now := time.Now()
		if err := l.clock(now); err != nil {
			return err
		}
		l.advance(now)
	}
}

// maxBack is how far the wall clock may lie behind the last entry. A small step
// is held: the next entries bear the last one's instant. After a large one
// deadlines would be told too late and nobody would know why.
const maxBack = time.Minute

func (l *loop) clock(now time.Time) error {
	if last := l.state.At(); now.Before(last.Add(-maxBack)) {
		return &ClockError{Last: last, Now: now}
	}
	return nil
}

// begin writes what a new run must say first: the rules, if they changed, that
// it took over, and whether a backfill begins or ends.
func (l *loop) begin() error {
	now := time.Now()
	if err := l.clock(now); err != nil {
		return err
	}
	entries, err := l.state.SetRules(now, l.p.o.Rules)
	if err != nil {
		return &RulesError{Err: err}
	}
	entries = append(entries, l.state.Note(now, incident.Note{Code: incident.NoteStarted}))
	switch {
	case l.p.o.Backfill && !l.state.Quiet():
		entries = append(entries, l.state.Note(now, incident.Note{Code: incident.NoteBackfillBegin}))
	case !l.p.o.Backfill && l.state.Quiet():
		entries = append(entries, l.state.Note(now, incident.Note{Code: incident.NoteBackfillEnd}))
	}
	l.push(entries, time.Time{})
	return nil
}

// room reports whether the owner may fold on: by at most one step ahead of the
// commit in flight.
func (l *loop) room() bool {
	n := len(l.steps)
	return n == 0 || n < 3 && l.steps[n-1].bytes < stepBytes
}

// advance folds what was taken while there is room, then decides a tick whose
// signals are all folded.
func (l *loop) advance(now time.Time) {
	for len(l.taken) > 0 && l.room() && !l.tickReady() {
		in := l.taken[0]
		l.taken = l.taken[1:]
		l.push(l.state.Signal(now, in.Input), in.received)
	}
	if l.tickReady() && l.room() {
		entries := l.state.Tick(l.barrier.tick, tickLimit)
		for _, e := range entries {
			l.push([]incident.Entry{e}, time.Time{})
		}
		if len(entries) < tickLimit {
			l.barrier = nil
			l.caughtUp()
		}
	}
	l.arm()
}

func (l *loop) tickReady() bool {
	return l.barrier != nil && !l.state.Pos().Less(l.barrier.upTo)
}

// push adds the entries of one signal, or of passing time, to the last step
// that is not in flight, or begins a new one. They are never divided.
func (l *loop) push(entries []incident.Entry, received time.Time) {
	size := 0
	for i := range entries {
		size += fold.Size(&entries[i])
	}
	n := len(l.steps)
	open := n > 0 && !(n == 1 && l.flying)
	if !open || l.steps[n-1].bytes+size > maxBody {
		l.steps = append(l.steps, step{})
		n++
	}
	s := &l.steps[n-1]
	s.entries, s.bytes, s.pos = append(s.entries, entries...), s.bytes+size, l.state.Pos()
	if s.oldest.IsZero() {
		s.oldest = received
	}
}

// committed tells the step that was in flight. Only now does anybody hear of it.
func (l *loop) committed() {
	done := l.steps[0]
	l.steps, l.flying = l.steps[1:], false
	last := done.entries[len(done.entries)-1].N
	l.p.told = last
	l.p.o.Tell(done.entries)
	s := *l.p.status.Load()
	s.Entry, s.Pos = last, done.pos
	if l.caught {
		s.Ready, s.Why = true, ""
	} else {
		s.Why = "folding the backlog"
	}
	l.p.status.Store(&s)
	l.p.lag.Store(l.oldest())
}

func (l *loop) oldest() int64 {
	for _, s := range l.steps {
		if !s.oldest.IsZero() {
			return s.oldest.UnixNano()
		}
	}
	if len(l.taken) > 0 {
		return l.taken[0].received.UnixNano()
	}
	return 0
}

// due begins a tick. The order matters: first the instant, then how far the
// sources were read, then the end of the vault: what a source had stored when
// it said that it was read lies before that end.
func (l *loop) due(ctx context.Context) error {
	if l.barrier != nil {
		return nil
	}
	now := time.Now()
	read := map[incident.SourceName]time.Time{}
	for _, s := range l.p.o.Rules.Sources {
		if s.Polled {
			read[s.Name] = l.p.o.Marks(s.Name)
		}
	}
	upTo, err := l.vault.Last(ctx)
	if err != nil {
		return fmt.Errorf("ask for the end of the vault: %w", err)
	}
	l.barrier = &barrier{
		tick: fold.Tick{At: now, Read: func(n incident.SourceName) time.Time { return read[n] }},
		upTo: upTo,
	}
	return nil
}

// caughtUp notes that the backlog at start is folded: the first tick waits for
// it, so the first tick's end is that moment.
func (l *loop) caughtUp() {
	if l.caught {
		return
	}
	l.caught = true
	if len(l.steps) == 0 {
		s := *l.p.status.Load()
		s.Ready, s.Why = true, ""
		l.p.status.Store(&s)
	}
}

// arm sets the timer to when time changes something next. While a tick waits
// there is no other.
func (l *loop) arm() {
	if l.barrier != nil {
		return
	}
	d := longest
	if t, ok := l.state.Next(); ok {
		d = min(d, max(0, time.Until(t)))
	}
	if l.state.Listening() {
		d = min(d, listenEvery)
	}
	if l.state.Holding() {
		d = min(d, holdPoll)
	}
	if !l.caught {
		d = 0
	}
	l.timer.Reset(d)
}

// commit makes one step durable at a time.
func (p *Processor) commit(ctx context.Context, steps <-chan step, back chan<- error) {
	for {
		select {
		case s := <-steps:
			err := p.o.Ledger.Commit(ctx, s.entries)
			if err != nil {
				err = fmt.Errorf("commit entries %d to %d: %w", s.entries[0].N, s.entries[len(s.entries)-1].N, err)
			}
			select {
			case back <- err:
			case <-ctx.Done():
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// A ClockError says that the wall clock lies before the record's last entry.
type ClockError struct{ Last, Now time.Time }

// Error says how far.
func (e *ClockError) Error() string {
	return fmt.Sprintf("read the clock: it says %s, the last entry was made at %s",
		e.Now.UTC().Format(time.RFC3339), e.Last.Format(time.RFC3339))
}

// Hint says what to do.
func (e *ClockError) Hint() string {
	return "set the machine's clock right (timedatectl, chronyc tracking); signals are stored meanwhile and nothing is lost"
}

// A RulesError says that the configured rules cannot follow the recorded ones.
type RulesError struct{ Err error }

// Error says which rule and why.
func (e *RulesError) Error() string { return "take the configured rules: " + e.Err.Error() }

// Hint says what to do.
func (e *RulesError) Hint() string {
	return "restore the recorded version in the configuration and add a new one with a date from today on; promptness why shows what is recorded"
}

// Unwrap returns the cause.
func (e *RulesError) Unwrap() error { return e.Err }

// Permanent says that trying again changes nothing.
func (e *RulesError) Permanent() bool { return true }
