package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
)

const (
	// remembered is how long Put knows a SignalID by itself; after that the
	// fold knows it.
	remembered = 10 * time.Minute
	// maxRemembered bounds that memory: two generations of this many identities,
	// some 70 bytes each. Under a flood the memory is shorter.
	maxRemembered = 1 << 18
	// maxWaiting bounds the bytes that wait for the committer.
	maxWaiting = 128 << 20
)

var errClosing = errors.New("the store is closing")

// Put stores sig and returns where it stands. The same bytes from the same
// source within ten minutes, or while the first are in flight, get the answer
// of the first, with Repeat set; so an error is shared too. Put computes the
// identity itself and does not look at sig.ID. Its errors are [FullError],
// [UnavailableError], [WriteError], [RefusedError], [TooLargeError] and
// [InvalidError]. If ctx ends first, the signal may be stored all the same:
// putting it again is safe.
func (s *Store) Put(ctx context.Context, sig incident.Signal) (incident.Receipt, error) {
	return s.put.put(ctx, sig)
}

// An InvalidError reports a signal that the format cannot hold: a fault of the
// way in, not of the sender.
type InvalidError struct{ Err error }

func (e *InvalidError) Error() string { return fmt.Sprintf("store signal: %v", e.Err) }
func (e *InvalidError) Unwrap() error { return e.Err }

// Permanent says that trying again is of no use.
func (e *InvalidError) Permanent() bool { return true }

// A pending is a signal on its way. The caller makes it, the committer fills in
// pos or err and closes done.
type pending struct {
	id    incident.SignalID
	bytes []byte // as in the frame
	pos   incident.Pos
	err   error
	done  chan struct{}
}

// A committer gathers signals and stores them as frames, one at a time: whatever
// came while the last was in flight is the next. There is nothing to tune.
type committer struct {
	store *Store
	pub   publisher
	most  time.Duration // how long one frame is tried
	kick  chan struct{} // capacity 1: something waits, or closed
	wg    sync.WaitGroup

	mu      sync.Mutex
	waiting []*pending
	bytes   int // of waiting
	flying  map[incident.SignalID]*pending
	seen    memory
	closed  bool

	// last is the highest sequence that an answer named. Owned by run.
	last  uint64
	frame []byte // reused by run
}

func newCommitter(s *Store, pub publisher) *committer {
	c := &committer{
		store:  s,
		pub:    pub,
		most:   2 * s.cfg.Timeout,
		kick:   make(chan struct{}, 1),
		flying: make(map[incident.SignalID]*pending),
		last:   s.signals.CachedInfo().State.LastSeq,
	}
	c.wg.Go(c.run)
	return c
}

func (c *committer) put(ctx context.Context, sig incident.Signal) (incident.Receipt, error) {
	fs := frameSignal{Signal: sig, salt: newSalt(), index: -1}
	fs.ID = incident.NewSignalID(sig.Source, sig.Raw)
	if err := fs.check(); err != nil {
		return incident.Receipt{}, &InvalidError{err}
	}
	if limit := int64(c.store.cfg.MaxSignal); int64(len(sig.Raw)) > limit {
		return incident.Receipt{}, &TooLargeError{Bytes: int64(len(sig.Raw)), Limit: limit}
	}
	if refuse := c.store.hooks.Refuse; refuse != nil && refuse(fs.ID) {
		return incident.Receipt{}, &RefusedError{fs.ID}
	}

	c.mu.Lock()
	if pos, ok := c.seen.get(fs.ID); ok {
		c.mu.Unlock()
		return incident.Receipt{Pos: pos, Repeat: true}, nil
	}
	if first, ok := c.flying[fs.ID]; ok {
		c.mu.Unlock()
		return c.await(ctx, first, true)
	}
	if err := c.admit(len(sig.Raw)); err != nil {
		c.mu.Unlock()
		return incident.Receipt{}, err
	}
	p := &pending{id: fs.ID, done: make(chan struct{})}
	c.flying[p.id] = p
	c.mu.Unlock()

	if len(sig.Raw) > MaxInline {
		// Bytes first: a frame never names evidence that is not there.
		ref, err := c.store.putEvidence(ctx, fs.ID, sig.Raw)
		if err != nil {
			c.mu.Lock()
			c.finish(p, err)
			c.mu.Unlock()
			return incident.Receipt{}, err
		}
		fs.evidence = ref
	}
	size := 640 + len(fs.Author) + len(fs.Stub)
	if fs.evidence == nil {
		size += len(fs.Raw)
	}
	p.bytes = appendSignal(make([]byte, 0, size), &fs)

	c.mu.Lock()
	if c.closed {
		c.finish(p, c.unavailable(false, errClosing))
		c.mu.Unlock()
		return incident.Receipt{}, p.err
	}
	c.waiting = append(c.waiting, p)
	c.bytes += len(p.bytes)
	c.mu.Unlock()
	c.wake()
	return c.await(ctx, p, false)
}

// admit says why nothing is taken now. It is called with mu held.
func (c *committer) admit(n int) error {
	switch {
	case c.closed:
		return c.unavailable(false, errClosing)
	case c.bytes+n > maxWaiting && c.bytes > 0:
		return c.unavailable(false, fmt.Errorf("%d bytes wait to be stored", c.bytes))
	default:
		return nil
	}
}

func (c *committer) await(ctx context.Context, p *pending, repeat bool) (incident.Receipt, error) {
	select {
	case <-p.done:
	case <-ctx.Done():
		select {
		case <-p.done:
		default:
			return incident.Receipt{}, c.unavailable(true, ctx.Err())
		}
	}
	if p.err != nil {
		return incident.Receipt{}, p.err
	}
	return incident.Receipt{Pos: p.pos, Repeat: repeat}, nil
}

func (c *committer) unavailable(unknown bool, err error) error {
	return &UnavailableError{Stream: c.store.names.signals, Unknown: unknown, Err: err}
}

func (c *committer) wake() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

// finish answers p. It is called with mu held.
func (c *committer) finish(p *pending, err error) {
	delete(c.flying, p.id)
	if p.err = err; err == nil {
		c.seen.put(p.id, p.pos, time.Now())
	}
	close(p.done)
}

// run stores what waits until close was called and nothing waits.
func (c *committer) run() {
	for range c.kick {
		for {
			group := c.take()
			if len(group) == 0 {
				break
			}
			seq, err := c.store1(group)
			c.mu.Lock()
			for i, p := range group {
				p.pos = incident.Pos{Seq: seq, Index: i}
				c.finish(p, err)
			}
			if _, ok := errors.AsType[*UnavailableError](err); ok {
				// Whoever waited meanwhile has waited long enough.
				for _, p := range c.waiting {
					c.finish(p, c.unavailable(false, errors.Unwrap(err)))
				}
				c.waiting, c.bytes = nil, 0
			}
			c.mu.Unlock()
		}
		c.mu.Lock()
		end := c.closed && len(c.waiting) == 0
		c.mu.Unlock()
		if end {
			return
		}
	}
}

// take removes the first signals that fit in a frame.
func (c *committer) take() []*pending {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, size := 0, 0
	for n < len(c.waiting) && n < MaxFrameSignals && size+len(c.waiting[n].bytes) <= MaxFrameBytes {
		size += len(c.waiting[n].bytes)
		n++
	}
	group := c.waiting[:n:n]
	if n == len(c.waiting) {
		c.waiting = nil
	} else {
		c.waiting = c.waiting[n:]
	}
	c.bytes -= size
	return group
}

// store1 stores one frame and returns its sequence. An answer that did not come
// is asked for: the frame is looked up by its bytes, which no other frame has,
// and sent again if it is not there. A try that lands after that look stands
// twice; see the package comment.
func (c *committer) store1(group []*pending) (uint64, error) {
	if err := c.store.room(); err != nil {
		return 0, err
	}
	c.frame = c.frame[:0]
	for _, p := range group {
		c.frame = append(c.frame, p.bytes...)
	}
	m := &nats.Msg{Subject: c.store.names.signalSubject, Data: c.frame}
	// Callers come and go; the frame is everyone's, with a deadline of its own.
	ctx, cancel := context.WithTimeout(context.Background(), c.most)
	defer cancel()
	unknown := false
	for try := 1; ; try++ {
		seq, err := c.pub.publish(ctx, m)
		if err == nil {
			c.last = seq
			return seq, nil
		}
		switch outcomeOf(err) {
		case outcomeRefused:
			if !unknown {
				return 0, refusal(c.store.names.signals, err)
			}
			return 0, c.unavailable(true, err)
		case outcomeUnknown:
			unknown = true
		case outcomeNotSent:
		}
		if !wait(ctx, pause(try)) {
			return 0, c.unavailable(unknown, err)
		}
		if !unknown {
			continue
		}
		if seq, ok := c.look(ctx); ok {
			c.last = seq
			return seq, nil
		}
	}
}

// look searches for the frame from the end of the stream backwards, at most as
// far as the last one that is known and 64 messages: other ingestors write too.
func (c *committer) look(ctx context.Context) (uint64, bool) {
	st, err := c.store.state(ctx, c.store.signals)
	if err != nil {
		return 0, false
	}
	for seq := st.LastSeq; seq > c.last && st.LastSeq-seq < 64; seq-- {
		m, err := c.store.message(ctx, c.store.signals, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return 0, false
		}
		if string(m.Data) == string(c.frame) {
			return seq, true
		}
	}
	return 0, false
}

// close stores what waits and ends run.
func (c *committer) close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.wake()
	c.wg.Wait()
}

// A memory knows identities for at least ten minutes and at most twenty, in two
// generations: the young one becomes the old one when it is ten minutes old or
// full. Without pointers in it, the collector does not walk it.
type memory struct {
	young, old map[incident.SignalID]incident.Pos
	since      time.Time // of young
}

func (m *memory) get(id incident.SignalID) (incident.Pos, bool) {
	pos, ok := m.young[id]
	if !ok {
		pos, ok = m.old[id]
	}
	return pos, ok
}

func (m *memory) put(id incident.SignalID, pos incident.Pos, now time.Time) {
	if m.young == nil || len(m.young) >= maxRemembered || now.Sub(m.since) >= remembered {
		m.young, m.old = make(map[incident.SignalID]incident.Pos), m.young
		m.since = now
	}
	m.young[id] = pos
}
