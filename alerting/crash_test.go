package alerting_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
)

// A life is one run of the process. Once it is dead nothing of it reaches the
// record or a receiver, whatever its goroutines still try.
type life struct {
	dead atomic.Bool
	m    *memory
	// die is asked at each place where a crash is possible.
	die func(place string) bool
}

// at reports whether the process is dead, or dies here.
func (l *life) at(place string) bool {
	if !l.dead.Load() && l.die != nil && l.die(place) {
		l.dead.Store(true)
	}
	return l.dead.Load()
}

func phaseOf(body []byte) string {
	switch {
	case strings.Contains(string(body), `"phase":"joined"`):
		return "join"
	case strings.Contains(string(body), `"phase":"begun"`):
		return "begin"
	default:
		return "finish"
	}
}

func (l *life) AppendDelivery(ctx context.Context, body []byte) (uint64, error) {
	phase := phaseOf(body)
	if l.at("before " + phase) {
		return 0, errDisk
	}
	seq, err := l.m.AppendDelivery(ctx, body)
	if l.at("after " + phase) {
		return 0, errDisk
	}
	return seq, err
}

func (l *life) Deliveries(ctx context.Context, from uint64, yield func(uint64, []byte) error) error {
	return l.m.Deliveries(ctx, from, yield)
}

// A mortalLevel and a mortalEdge are channels of one life.
type mortalLevel struct {
	*level
	*life
}

func (c mortalLevel) Send(ctx context.Context, as []incident.Alert) error {
	if c.at("before send") {
		return errDisk
	}
	err := c.level.Send(ctx, as)
	if c.at("after send") {
		return errDisk
	}
	return err
}

type mortalEdge struct {
	*edge
	*life
}

func (c mortalEdge) Tell(ctx context.Context, a incident.Alert, again bool) error {
	if c.at("before send") {
		return errDisk
	}
	err := c.edge.Tell(ctx, a, again)
	if c.at("after send") {
		return errDisk
	}
	return err
}

// Each row ends with a new process on the same record, after which everything
// is told, nothing is left open, and an edge channel has heard something twice
// only where the first time could not be known.
func TestACrashLosesNoAlertAndMakesNoNewOne(t *testing.T) {
	for _, tt := range []struct {
		name  string
		die   string // where the process dies
		fault fault  // what happens to the first append of phase, if there is no crash
		phase string
		heard int // by the edge channel
		again bool
	}{
		{name: "nothing happens", heard: 1},
		{name: "crash before begin is on record", die: "before begin", heard: 1},
		{name: "crash after begin is on record", die: "after begin", heard: 1, again: true},
		{name: "crash before the send", die: "before send", heard: 1, again: true},
		{name: "crash after the send", die: "after send", heard: 2, again: true},
		{name: "crash before finish is on record", die: "before finish", heard: 2, again: true},
		{name: "crash after finish is on record", die: "after finish", heard: 1},
		{name: "begin fails and is not there", phase: "begin", fault: notDone, heard: 1},
		{name: "begin fails and is there", phase: "begin", fault: done, heard: 1},
		{name: "finish fails and is not there", phase: "finish", fault: notDone, heard: 1},
		{name: "finish fails and is there", phase: "finish", fault: done, heard: 1},
		{name: "join fails and is not there", phase: "join", fault: notDone, heard: 1},
		{name: "join fails and is there", phase: "join", fault: done, heard: 1},
	} {
		for _, kind := range []string{"level", "edge"} {
			t.Run(tt.name+", "+kind, func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					bubble.Start(t0)
					var l log
					id, _ := l.passed(ref, t0)
					failed := false
					m := &memory{fault: func(_ int, body []byte) fault {
						if failed || phaseOf(body) != tt.phase {
							return fine
						}
						failed = true
						return tt.fault
					}}
					am, pager := &level{name: "am-0"}, &edge{name: "pager"}
					live := func(w *life) *desk {
						var c alerting.Channels
						if kind == "level" {
							c.Levels = []alerting.Level{mortalLevel{am, w}}
						} else {
							c.Edges = []alerting.Edge{mortalEdge{pager, w}}
						}
						return run(t, w, c, l.entries)
					}
					first := &life{m: m, die: func(place string) bool { return place == tt.die }}
					d := live(first)
					bubble.Advance(10 * time.Second)
					if got := first.dead.Load(); got != (tt.die != "") {
						t.Fatalf("the process died: %v, want %v", got, tt.die != "")
					}
					first.dead.Store(true)
					d.stop()
					before := am.count(id, incident.AlertActive)

					d = live(&life{m: m})
					defer d.stop()
					bubble.Advance(10 * time.Second)
					wantFinished(t, m)
					if kind == "level" {
						if got := am.count(id, incident.AlertActive) - before; got != 1 {
							t.Errorf("the new process told Alertmanager %d times, want once", got)
						}
						if len(am.shows()) != 1 {
							t.Errorf("Alertmanager knows %d alerts, want 1", len(am.shows()))
						}
						return
					}
					if got := len(pager.said()); got != tt.heard {
						t.Errorf("the pager heard %q, want %d of it", pager.said(), tt.heard)
					}
					last := pager.said()[len(pager.said())-1]
					if got := strings.HasSuffix(last, " again"); got != tt.again {
						t.Errorf("the pager heard last %q, again: want %v", last, tt.again)
					}
				})
			})
		}
	}
}

// wantFinished checks that every attempt that is begun is finished, and that
// each alert's state that was told is accepted once.
func wantFinished(t *testing.T, m *memory) {
	t.Helper()
	open := map[string]bool{}
	var bodies [][]byte
	m.set(func() { bodies = slices.Clone(m.bodies) })
	for _, b := range bodies {
		ds, err := alerting.DecodeDeliveries(b)
		if err != nil {
			t.Errorf("read what was recorded: %v", err)
		}
		for _, d := range ds {
			attempt := fmt.Sprintf("%s %s %s %d", d.Channel, d.Alert, d.State, d.Attempt)
			switch d.Phase {
			case alerting.Begun:
				open[attempt] = true
			case alerting.Finished:
				delete(open, attempt)
			case alerting.Joined:
			}
		}
	}
	if diff := cmp.Diff(map[string]bool{}, open); diff != "" {
		t.Errorf("attempts left open (-want +got):\n%s", diff)
	}
}
