package stream

import (
	"context"
	"errors"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
)

const (
	// A reader decodes ahead of its caller by at most this much, and returns at
	// most about this many raw bytes at once.
	aheadBytes   = 16 << 20
	aheadSignals = 16384
)

var errReaderClosed = errors.New("read signals: the reader is closed")

// A Reader reads SIGNALS in order. It decodes and verifies ahead of its caller,
// from the first Batch until [Reader.Close]. One goroutine calls Batch.
type Reader struct {
	store *Store
	from  incident.Pos
	start sync.Once
	end   context.CancelFunc
	ctx   context.Context //nolint:containedctx // the life of the goroutine, ended by Close
	wg    sync.WaitGroup

	mu    sync.Mutex
	ready []incident.Stored
	bytes int
	err   error // after ready; for ever
	added chan struct{}
	taken chan struct{}
}

// Signals returns a reader of what stands after from, the position that was
// covered last; zero reads from the beginning.
func (s *Store) Signals(from incident.Pos) *Reader {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Reader{
		store: s, from: from, ctx: ctx, end: cancel,
		added: make(chan struct{}, 1),
		taken: make(chan struct{}, 1),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.readers == nil {
		cancel()
	} else {
		s.readers[r] = struct{}{}
	}
	return r
}

// Batch returns signals stored after the last one returned, at most max and
// about 16 MiB of them, waiting until there is at least one or ctx ends. While
// the store does not answer it waits. A [ShortError], [GapError] or
// [DamagedError] comes after the signals before it, and again at every call.
func (r *Reader) Batch(ctx context.Context, max int) ([]incident.Stored, error) {
	r.start.Do(func() { r.wg.Go(r.run) })
	for {
		r.mu.Lock()
		n := min(len(r.ready), max)
		if n > 0 {
			batch := r.ready[:n:n]
			r.ready = r.ready[n:]
			for i := range batch {
				r.bytes -= len(batch[i].Raw)
			}
			r.mu.Unlock()
			ring(r.taken)
			return batch, nil
		}
		err := r.err
		r.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-r.added:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Last returns the position of the last stored signal, zero when there is none.
// Every signal whose Put returned before Last was called lies at or before it.
func (r *Reader) Last(ctx context.Context) (incident.Pos, error) { return r.store.last(ctx) }

// Close ends the reader and waits for its goroutine. It may be called twice.
func (r *Reader) Close() error {
	r.stop()
	r.store.mu.Lock()
	delete(r.store.readers, r)
	r.store.mu.Unlock()
	return nil
}

func (r *Reader) stop() {
	r.end()
	r.start.Do(func() { r.fail(errReaderClosed) }) // never started: nothing to wait for
	r.wg.Wait()
}

func ring(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (r *Reader) fail(err error) {
	r.mu.Lock()
	r.err = err
	r.mu.Unlock()
	ring(r.added)
}

// run reads ahead until the reader is closed or the stream is found damaged.
func (r *Reader) run() {
	err := r.read(r.ctx)
	if r.ctx.Err() != nil {
		err = errReaderClosed
	}
	r.fail(err)
}

func (r *Reader) read(ctx context.Context) error {
	s := r.store
	if err := r.checkEnd(ctx); err != nil {
		return err
	}
	p := newPuller(s, s.names.signals, r.from.Seq)
	defer p.end()
	for {
		got, err := p.read(ctx)
		if err != nil {
			return err
		}
		for seq := got.seq - got.missing; seq < got.seq; seq++ {
			if !s.erased(seq) && !s.lost(seq, -1) {
				return &GapError{Stream: s.names.signals, Seq: seq, Replica: p.place}
			}
		}
		if _, ok := replaced(got.msg.Header); ok {
			continue // its signals were read at their first place, or it has none
		}
		signals, err := decodeFrame(got.msg.Data, false)
		if err != nil && s.lost(got.seq, -1) {
			continue
		}
		if err != nil {
			return &DamagedError{s.names.signals, incident.Pos{Seq: got.seq}, err}
		}
		if err := r.deliver(ctx, got.seq, signals); err != nil {
			return err
		}
	}
}

// checkEnd refuses a position beyond the end of the stream: from there nothing
// would ever be read, while new signals took the numbers before it.
func (r *Reader) checkEnd(ctx context.Context) error {
	for try := 1; ; try++ {
		st, err := r.store.state(ctx, r.store.signals)
		if err == nil && r.from.Seq > st.LastSeq {
			return &ShortError{Stream: r.store.names.signals, From: r.from.Seq, Last: st.LastSeq}
		}
		if err == nil {
			return nil
		}
		if !wait(ctx, pause(try)) {
			return ctx.Err()
		}
	}
}

// deliver hands over the signals of one frame, or of evidence one by one.
func (r *Reader) deliver(ctx context.Context, seq uint64, signals []frameSignal) error {
	batch := make([]incident.Stored, 0, len(signals))
	size := 0
	for i := range signals {
		pos := incident.Pos{Seq: seq, Index: i}
		if !r.from.Less(pos) {
			continue
		}
		if signals[i].evidence != nil {
			if err := r.hand(ctx, batch, size); err != nil {
				return err
			}
			batch, size = make([]incident.Stored, 0, len(signals)-i), 0
		}
		st, err := r.fetch(ctx, pos, &signals[i])
		if _, damaged := errors.AsType[*DamagedError](err); damaged && r.store.lost(pos.Seq, pos.Index) {
			continue
		}
		if err != nil {
			return errors.Join(r.hand(ctx, batch, size), err)
		}
		batch = append(batch, st)
		size += len(st.Raw)
	}
	return r.hand(ctx, batch, size)
}

// fetch returns a signal whole. Bytes that cannot be reached now are waited
// for; bytes that are wrong or gone are damage, and so are bytes that do not
// come three times while the store answers: a chunk that is lost is only missed.
func (r *Reader) fetch(ctx context.Context, pos incident.Pos, fs *frameSignal) (incident.Stored, error) {
	silent := 0
	for try := 1; ; try++ {
		st, err := r.store.whole(ctx, pos, fs)
		if err == nil {
			return st, nil
		}
		if _, ok := errors.AsType[*DamagedError](err); ok {
			return st, err
		}
		if _, err := r.store.state(ctx, r.store.signals); err == nil {
			silent++
		}
		if silent == 3 {
			return st, &DamagedError{r.store.names.signals, pos, err}
		}
		if !wait(ctx, pause(try)) {
			return st, ctx.Err()
		}
	}
}

// hand gives batch to the caller of Batch once there is room for it.
func (r *Reader) hand(ctx context.Context, batch []incident.Stored, size int) error {
	if len(batch) == 0 {
		return nil
	}
	for {
		r.mu.Lock()
		if len(r.ready) == 0 || r.bytes+size <= aheadBytes && len(r.ready)+len(batch) <= aheadSignals {
			r.ready = append(r.ready, batch...)
			r.bytes += size
			r.mu.Unlock()
			ring(r.added)
			return nil
		}
		r.mu.Unlock()
		select {
		case <-r.taken:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
