package watch

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// monitors looks again and again until ctx ends.
func (w *Watch) monitors(ctx context.Context) {
	problem := ""
	for {
		err := w.monitor(ctx)
		if ctx.Err() != nil {
			return
		}
		now := ""
		if err != nil {
			now = err.Error()
		}
		if now != "" && problem == "" {
			w.o.Log.Warn("the copies of the record could not all be looked at", "err", err)
		}
		problem = now
		w.mu.Lock()
		w.status.Problem = problem
		w.mu.Unlock()
		if !pause(ctx, w.r.monitor) {
			return
		}
	}
}

// monitor makes one round. Its error means that not everything could be looked
// at; what is found is raised.
func (w *Watch) monitor(ctx context.Context) error {
	found, copies, err := w.look(ctx)
	for range monitorLooks - 1 {
		if len(found) == 0 {
			break
		}
		if !pause(ctx, w.r.look) {
			return ctx.Err()
		}
		again, all, lookErr := w.look(ctx)
		found, copies, err = agreed(found, again), all, lookErr
	}
	for _, f := range gather(found, copies) {
		w.raise(f)
	}
	w.mu.Lock()
	w.suspect = found
	if err == nil && len(found) == 0 {
		w.status.Monitored = time.Now()
	}
	w.mu.Unlock()
	return err
}

// look asks every copy once.
func (w *Watch) look(ctx context.Context) ([]finding, []Copy, error) {
	mark, err := w.o.Mark()
	if err != nil {
		return nil, nil, fmt.Errorf("read the checkpoint: %w", err)
	}
	copies, err := w.o.Copies(ctx)
	if err != nil {
		return nil, nil, err
	}
	found, whole := judge(mark, copies, w.o.Erased)
	if !whole {
		return found, copies, notWhole(copies)
	}
	return found, copies, nil
}

// notWhole says which copies were left out.
func notWhole(copies []Copy) error {
	var all []string
	for _, c := range copies {
		switch {
		case c.Err != nil:
			all = append(all, c.Err.Error())
		case !c.Current:
			all = append(all, fmt.Sprintf("%s on %s has not caught up", c.Stream, c.Replica))
		}
	}
	return fmt.Errorf("look at every copy: %s", strings.Join(all, "; "))
}

// agreed returns the findings of again that were among before: the same against
// the same copy and, where the copy is short, no message more in it.
func agreed(before, again []finding) []finding {
	var all []finding
	for _, f := range again {
		if slices.ContainsFunc(before, func(b finding) bool {
			return f.same(&b.Fault) && (!f.short || f.last == b.last)
		}) {
			all = append(all, f)
		}
	}
	return all
}

// gather makes faults of findings. What is said of most copies of a stream is a
// fault of the stream: none of them may be thrown away for the others' sake.
func gather(found []finding, copies []Copy) []Fault {
	var all []Fault
	for _, f := range found {
		total, bad := 0, 0
		for _, c := range copies {
			if c.Stream == f.Stream {
				total++
			}
		}
		for _, g := range found {
			if g.Stream == f.Stream {
				bad++
			}
		}
		if 2*bad > total {
			f.Replica = ""
		}
		if !slices.ContainsFunc(all, func(have Fault) bool { return have.same(&f.Fault) }) {
			all = append(all, f.Fault)
		}
	}
	return all
}
