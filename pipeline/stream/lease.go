package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// ErrLeaseLost is the cause with which the context of a lease's work ends when
// somebody else may have the lease.
var ErrLeaseLost = errors.New("the lease was lost")

// The times of a lease. Nobody compares the clocks of two machines: each counts
// its own monotonic time. One that waits takes a lease that it saw unchanged for
// leaseExpires; the holder stops when its last renewal that is known to be
// stored was sent leaseSafe ago. Stored comes after sent and seen after stored,
// so the holder has a second to stop before another can begin.
//
// A process that was stopped (SIGSTOP, a paused machine) may work on for an
// instant after it wakes, before it looks. What it writes then is refused by the
// fences of the ledger and of the positions: they make true what the lease only
// arranges.
const (
	leaseRenew   = time.Second
	leaseLook    = 500 * time.Millisecond
	leaseSafe    = 4 * time.Second
	leaseExpires = 5 * time.Second
	leaseRequest = 1500 * time.Millisecond
)

// A Lease says which of several processes does a work that only one is to do. One
// goroutine calls Hold; the other methods may be called by any.
type Lease struct {
	kv     leaseKV
	log    *slog.Logger
	name   string
	holder string
	sole   bool // nobody else can reach the store

	mu    sync.Mutex
	value []byte
	n     uint64 // of the last try
}

// leaseKV is what a lease needs of a bucket.
type leaseKV interface {
	Get(ctx context.Context, key string) (jetstream.KeyValueEntry, error)
	Create(ctx context.Context, key string, value []byte, opts ...jetstream.KVCreateOpt) (uint64, error)
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
}

// leaseText is what stands in the bucket. N grows with each renewal, so that no
// two are the same bytes.
type leaseText struct {
	V      int    `json:"v"`
	Holder string `json:"holder,omitempty"` // empty: it was given back
	N      uint64 `json:"n"`
	Value  []byte `json:"value,omitempty"`
}

const leaseVersion = 1

// Lease returns the lease of that name, a word of letters, digits, - and dots.
// Holder tells this process from all others, and this run from those before.
func (s *Store) Lease(name, holder string) *Lease {
	return &Lease{kv: s.leases, log: s.log.With("lease", name), name: keyToken(name), holder: holder, sole: !s.cfg.NATS.External()}
}

// Publish sets what is shown with each renewal, of at most a few hundred bytes.
func (l *Lease) Publish(value []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.value = value
}

// next returns what to write next after n was seen: no two tries are the same.
func (l *Lease) next(n uint64) (uint64, []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.n = max(l.n, n) + 1
	return l.n, l.value
}

// Hold waits for the lease, does work while it is held, and gives it back. Work's
// context ends with the cause [ErrLeaseLost] when the lease may be another's;
// work must return soon then, and Hold waits for the lease again. It returns nil
// when ctx ends, and otherwise work's error, or nil where work ended by itself.
func (l *Lease) Hold(ctx context.Context, work func(context.Context) error) error {
	if l.sole {
		if err := work(ctx); ctx.Err() == nil {
			return err
		}
		return nil
	}
	for {
		h, err := l.take(ctx)
		if err != nil {
			return nil // ctx ended
		}
		l.log.InfoContext(ctx, "lease taken")
		lost, err := l.during(ctx, h, work)
		if ctx.Err() != nil {
			return nil
		}
		if !lost || err != nil && !errors.Is(err, ErrLeaseLost) && !errors.Is(err, context.Canceled) {
			return err
		}
		l.log.WarnContext(ctx, "lease lost")
	}
}

// held is a lease in hand.
type held struct {
	revision uint64
	n        uint64
	sent     time.Time // of the last renewal that is known to be stored
}

// take waits until the lease is ours. Its only error is that of ctx.
func (l *Lease) take(ctx context.Context) (held, error) {
	var seen uint64     // the revision that was seen last
	var since time.Time // when it was seen first
	silent := false
	for {
		e, t, err := l.read(ctx)
		now := time.Now()
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			if h, ok := l.write(ctx, held{}); ok {
				return h, nil
			}
		case err != nil:
			if !silent && ctx.Err() == nil {
				silent = true
				l.log.WarnContext(ctx, "read lease, trying again", "err", err)
			}
		default:
			silent = false
			if e.Revision() != seen {
				seen, since = e.Revision(), now
			}
			if t.Holder == "" || t.Holder == l.holder || now.Sub(since) >= leaseExpires {
				if h, ok := l.write(ctx, held{revision: e.Revision(), n: t.N}); ok {
					return h, nil
				}
			}
		}
		if !wait(ctx, leaseLook) {
			return held{}, ctx.Err()
		}
	}
}

// Alive waits until the lease is seen to be renewed, at most a few seconds, and
// returns who renews it and what is shown with it. Nobody: holder is empty.
func (l *Lease) Alive(ctx context.Context) (holder string, value []byte, err error) {
	if l.sole {
		return "", nil, nil
	}
	var first uint64
	for end := time.Now().Add(3 * leaseRenew); ; {
		e, t, err := l.read(ctx)
		switch {
		case errors.Is(err, jetstream.ErrKeyNotFound):
			return "", nil, nil
		case err != nil:
			if time.Now().After(end) {
				return "", nil, fmt.Errorf("read lease %s: %w", l.name, err)
			}
		case first == 0:
			first = e.Revision()
		case e.Revision() != first && t.Holder != "":
			return t.Holder, t.Value, nil
		}
		if time.Now().After(end) {
			return "", nil, nil
		}
		if !wait(ctx, leaseLook) {
			return "", nil, ctx.Err()
		}
	}
}

func (l *Lease) read(ctx context.Context) (jetstream.KeyValueEntry, leaseText, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseRequest)
	defer cancel()
	e, err := l.kv.Get(ctx, l.name)
	if err != nil {
		return nil, leaseText{}, err
	}
	var t leaseText
	if err := json.Unmarshal(e.Value(), &t); err != nil || t.V != leaseVersion {
		// Of a version that is not ours: whoever renews it will be seen to.
		return e, leaseText{Holder: "unknown"}, nil
	}
	return e, t, nil
}

// write makes the lease ours, or renews it, upon the revision that was seen. An
// answer that was lost is asked for.
func (l *Lease) write(ctx context.Context, h held) (held, bool) {
	n, value := l.next(h.n)
	return l.put(ctx, h, leaseText{V: leaseVersion, Holder: l.holder, N: n, Value: value})
}

func (l *Lease) put(ctx context.Context, h held, t leaseText) (held, bool) {
	b, err := json.Marshal(t)
	if err != nil {
		return h, false
	}
	sent := time.Now()
	rctx, cancel := context.WithTimeout(ctx, leaseRequest)
	defer cancel()
	var revision uint64
	if h.revision == 0 {
		revision, err = l.kv.Create(rctx, l.name, b)
	} else {
		revision, err = l.kv.Update(rctx, l.name, b, h.revision)
	}
	if err == nil {
		return held{revision: revision, n: t.N, sent: sent}, true
	}
	e, now, err := l.read(ctx)
	switch {
	case err != nil || now.Holder != l.holder:
		return h, false
	case now.N == t.N:
		return held{revision: e.Revision(), n: now.N, sent: sent}, true // it was stored all the same
	default:
		// An earlier try of ours was. When it was sent is not known any more.
		return held{revision: e.Revision(), n: now.N, sent: h.sent}, !h.sent.IsZero()
	}
}

// during does work and renews the lease. It returns when work has.
func (l *Lease) during(ctx context.Context, h held, work func(context.Context) error) (lost bool, err error) {
	wctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	// By itself, whatever a request in hand is waiting for.
	safe := time.AfterFunc(time.Until(h.sent.Add(leaseSafe)), func() { end(ErrLeaseLost) })
	defer safe.Stop()
	done := make(chan error, 1)
	go func() { done <- work(wctx) }()
	tick := time.NewTimer(leaseRenew)
	defer tick.Stop()
	for {
		select {
		case err = <-done:
			return l.ended(ctx, wctx, h), err
		case <-wctx.Done():
			err = <-done
			return l.ended(ctx, wctx, h), err
		case <-tick.C:
		}
		next, ok := l.write(wctx, h)
		switch {
		case ok:
			h = next
			safe.Reset(time.Until(h.sent.Add(leaseSafe)))
			tick.Reset(leaseRenew)
		case wctx.Err() == nil && l.taken(wctx):
			end(ErrLeaseLost)
		default:
			tick.Reset(leaseLook) // it was only not reached
		}
	}
}

// ended gives the lease back after work, unless it was lost meanwhile, and
// reports whether it was.
func (l *Lease) ended(ctx, wctx context.Context, h held) (lost bool) {
	if wctx.Err() != nil && ctx.Err() == nil {
		return true
	}
	l.release(ctx, h)
	return false
}

// taken reports whether the lease is seen to be another's.
func (l *Lease) taken(ctx context.Context) bool {
	_, t, err := l.read(ctx)
	return err == nil && t.Holder != l.holder
}

// release gives the lease back, so that another need not wait.
func (l *Lease) release(ctx context.Context, h held) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*leaseRequest)
	defer cancel()
	n, _ := l.next(h.n)
	if _, ok := l.put(ctx, h, leaseText{V: leaseVersion, N: n}); ok {
		l.log.InfoContext(ctx, "lease given back")
	}
}
