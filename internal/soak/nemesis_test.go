package soak_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// A nemesis plays the script.
type nemesis struct {
	w    *world
	js   jetstream.JetStream
	hits []hit
}

// A hit is a fault that came, and whom it found.
type hit struct {
	fault
	name string
	when time.Time
}

// play plays the script, its times counted from start, and returns when the last
// fault is undone.
func (n *nemesis) play(ctx context.Context, start time.Time, faults []fault) {
	type event struct {
		at time.Duration
		do func()
	}
	var events []event
	for _, f := range faults {
		var undo func()
		events = append(events,
			event{f.At, func() { undo = n.do(ctx, f) }},
			event{f.At + f.Lasts, func() { undo() }})
	}
	slices.SortStableFunc(events, func(a, b event) int { return int(a.at - b.at) })
	for _, e := range events {
		if !sleepUntil(ctx, start.Add(e.at)) {
			return
		}
		e.do()
	}
}

// do lets a fault come and returns what undoes it.
func (n *nemesis) do(ctx context.Context, f fault) (undo func()) {
	name := f.Party
	if lease, ok := strings.CutPrefix(name, "holder of "); ok {
		p := n.w.holder(ctx, n.js, lease)
		if p == nil {
			n.w.t.Logf("%s: nobody holds it", f)
			return func() {}
		}
		name = p.name
	}
	if stream, ok := strings.CutPrefix(name, "leader of "); ok {
		s := n.w.nats.Leader(stream)
		if s == nil {
			s = n.w.server(servers[1])
		}
		name = s.Name()
	}
	n.hits = append(n.hits, hit{f, name, time.Now()})
	if s := n.w.server(name); s != nil {
		return n.server(f.Deed, name)
	}
	return n.process(f.Deed, n.w.process(name))
}

func (n *nemesis) server(d deed, name string) func() {
	s := n.w.server(name)
	i := s.Index()
	switch d {
	case kill:
		s.Kill()
		return s.Restart
	case term:
		s.Shutdown()
		return s.Restart
	case halt:
		s.Stop()
		return s.Cont
	case cut:
		n.w.nats.Partition(i)
		return func() { n.w.nats.HealServer(i) }
	case sever:
		n.w.nats.Sever(i)
		return func() { n.w.nats.HealServer(i) }
	case fill:
		n.w.disk.fill()
		return func() { // as the operator does: room, then a restart
			n.w.disk.empty()
			s.Restart()
		}
	default:
		panic(d)
	}
}

func (n *nemesis) process(d deed, p *process) func() {
	link := n.w.nats.Client(p.name)
	switch d {
	case kill:
		p.kill()
		return p.start
	case term:
		go func() {
			if err := p.end(); err != nil {
				n.w.t.Errorf("%s did not end in order: %v", p.name, err)
			}
		}()
		return p.start
	case halt:
		p.signal(syscall.SIGSTOP, true)
		return func() { p.signal(syscall.SIGCONT, false) }
	case cut:
		link.Partition()
		return link.Heal
	case sever:
		link.Sever()
		return link.Heal
	default:
		panic(d)
	}
}

// A watcher notes who holds a lease, and since when.
type watcher struct {
	mu   sync.Mutex
	took map[string][]taken // by lease
}

type taken struct {
	name string
	at   time.Time
}

// watch looks at both leases until ctx ends.
func (x *watcher) watch(ctx context.Context, w *world, js jetstream.JetStream) {
	x.took = map[string][]taken{}
	last := map[string]int{} // pids: one that starts again is another
	for sleepUntil(ctx, time.Now().Add(200*time.Millisecond)) {
		for _, lease := range []string{"processor", "alert"} {
			p := w.holder(ctx, js, lease)
			if p == nil || p.pid() == last[lease] {
				continue
			}
			last[lease] = p.pid()
			x.mu.Lock()
			x.took[lease] = append(x.took[lease], taken{p.name, time.Now()})
			x.mu.Unlock()
		}
	}
}

// after returns when a lease was taken first after at, by another than name.
func (x *watcher) after(lease, name string, at time.Time) (time.Time, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, t := range x.took[lease] {
		if t.at.After(at) && t.name != name {
			return t.at, true
		}
	}
	return time.Time{}, false
}

// takeoverWithin is how soon another must do the work of one that has gone.
const takeoverWithin = 10 * time.Second

// takeovers checks how long the others took after each probe, and prints it.
func (n *nemesis) takeovers(t *testing.T, x *watcher, started []time.Time) {
	t.Helper()
	var all []string
	for _, h := range n.hits {
		if !h.Probe {
			continue
		}
		lease := strings.TrimPrefix(h.Party, "holder of ")
		at, ok := x.after(lease, h.name, h.when)
		if lease == "processor" && ok {
			// Not the lease: the first entry that the other made.
			i := slices.IndexFunc(started, func(s time.Time) bool { return s.After(h.when) })
			if ok = i >= 0; ok {
				at = started[i]
			}
		}
		if !ok {
			t.Errorf("%s (%s): nobody took over", h.fault, h.name)
			continue
		}
		took := at.Sub(h.when)
		all = append(all, fmt.Sprintf("%s %s %s", lease, h.Deed, took.Round(10*time.Millisecond)))
		if took > takeoverWithin {
			t.Errorf("%s (%s): taken over after %s, want under %s", h.fault, h.name, took.Round(time.Millisecond), takeoverWithin)
		}
	}
	slices.Sort(all)
	t.Logf("takeovers: %s", strings.Join(all, ", "))
}
