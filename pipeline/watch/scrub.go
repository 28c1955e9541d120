package watch

import (
	"context"
	"errors"
	"slices"
	"time"
)

// scrubs reads every copy whole, again and again, until ctx ends.
func (w *Watch) scrubs(ctx context.Context) {
	next := time.Now().Add(w.o.Delay)
	var p pass
	for {
		asked, ok := w.until(ctx, next)
		if !ok {
			return
		}
		if p.began.IsZero() || asked { // what was read before somebody reported a fault says nothing of it
			p = pass{began: time.Now(), whole: map[string]bool{}, bad: map[string]*Fault{}}
		}
		done := w.scrub(ctx, &p)
		switch {
		case ctx.Err() != nil:
			return
		case done:
			next = p.began.Add(w.o.Period)
			p = pass{}
		default:
			next = time.Now().Add(w.r.again)
		}
		if slices.ContainsFunc(w.Faults(), func(f *Fault) bool { return f.Replica != "" }) {
			next = time.Now().Add(w.r.again) // it may be repaired while we run
		}
	}
}

// until waits for t, or until a scrub is asked for. Not ok: ctx ended.
func (w *Watch) until(ctx context.Context, t time.Time) (asked, ok bool) {
	timer := time.NewTimer(time.Until(t))
	defer timer.Stop()
	select {
	case <-timer.C:
		return false, true
	case <-w.kick:
		return true, true
	case <-ctx.Done():
		return false, false
	}
}

// A pass is one scrub of all copies, over as many tries as it takes.
type pass struct {
	began time.Time
	whole map[string]bool   // copies that were read and are sound
	bad   map[string]*Fault // the others that were read
}

// scrub reads the copies that p lacks, and those with a fault. It reports whether
// every copy was read.
func (w *Watch) scrub(ctx context.Context, p *pass) (done bool) {
	replicas, err := w.o.Replicas(ctx)
	if err != nil {
		w.o.Log.WarnContext(ctx, "the record could not be scrubbed, trying again later", "err", err)
		return false
	}
	done = true
	for _, r := range replicas {
		if p.whole[r] && !slices.ContainsFunc(w.Faults(), func(f *Fault) bool { return f.Replica == r }) {
			continue
		}
		delete(p.whole, r)
		delete(p.bad, r)
		began := time.Now()
		err := w.read(ctx, r)
		if ctx.Err() != nil {
			return false
		}
		f := w.nameOf(ctx, err)
		switch {
		case err == nil:
			p.whole[r] = true
			if r != "" {
				w.clear(r, began)
			}
		case f == nil:
			done = false
			w.o.Log.WarnContext(ctx, "a copy of the record could not be scrubbed, trying again later", "replica", r, "err", err)
		default:
			f.Replica = r
			p.bad[r] = f
			w.raise(*f)
		}
	}
	w.settle(p, len(replicas))
	if done && len(p.bad) == 0 {
		w.mu.Lock()
		w.status.Scrubbed = time.Now()
		w.status.Took = w.status.Scrubbed.Sub(p.began)
		w.mu.Unlock()
		w.o.Log.InfoContext(ctx, "the record was scrubbed and is sound", "copies", len(replicas), "took", time.Since(p.began))
	}
	return done
}

// clear ends the faults of a copy that were found before it was read whole,
// unless the monitors still have something against it.
func (w *Watch) clear(replica string, began time.Time) {
	w.mu.Lock()
	suspect := slices.ContainsFunc(w.suspect, func(f finding) bool { return f.Replica == replica })
	w.mu.Unlock()
	if !suspect {
		w.drop(func(f *Fault) bool { return f.Replica == replica && f.Since.Before(began) })
	}
}

// nameOf returns the fault that err is, if any. A signal that is missing while
// it is being erased is none: its note comes a moment later.
func (w *Watch) nameOf(ctx context.Context, err error) *Fault {
	if err == nil {
		return nil
	}
	f := w.o.Name(err)
	if f == nil || f.Refusal != signalLost {
		return f
	}
	if !pause(ctx, w.r.look) || w.o.Erased(f.Signal.Seq) {
		return nil
	}
	return f
}

// settle looks at what a pass found in all copies. What most of them have is a
// fault of the stream; what was reported of the stream and is one copy's alone is
// that copy's.
func (w *Watch) settle(p *pass, copies int) {
	if copies < 2 || len(p.bad) == 0 {
		return
	}
	if 2*len(p.bad) > copies {
		for _, f := range p.bad {
			all := *f
			all.Replica = ""
			w.raise(all)
			w.drop(func(known *Fault) bool { return known.Replica != "" && p.bad[known.Replica] != nil })
			return
		}
	}
	if len(p.bad)+len(p.whole) == copies {
		for _, f := range p.bad {
			w.drop(func(known *Fault) bool { return known.Replica == "" && known.Stream == f.Stream })
		}
	}
}

// read scrubs one copy. While there is a fault nothing else is at work, and it
// is read as fast as it can be.
func (w *Watch) read(ctx context.Context, replica string) error {
	pace := NewPace(w.o.Rate, w.o.Share)
	if len(w.Faults()) > 0 {
		pace = NewPace(0, 0)
	}
	progress := func(done, total uint64) {
		w.mu.Lock()
		w.status.Scrub.Done, w.status.Scrub.Total = done, total
		w.mu.Unlock()
	}
	w.mu.Lock()
	w.status.Scrub = Progress{Running: true, Replica: replica, Since: time.Now()}
	w.mu.Unlock()
	err := w.o.Scrub(ctx, replica, pace, progress)
	w.mu.Lock()
	w.status.Scrub.Running = false
	w.mu.Unlock()
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}
