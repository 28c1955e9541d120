package pipeline_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline"
)

// A faulty ledger fails the n-th commit from now, before or after it is
// durable.
type faulty struct {
	pipeline.Ledger
	plan *plan
}

type plan struct {
	fail  int // commits until the fault; 0 is none
	after bool
	hits  int
}

var errFault = errors.New("the disk went away")

func (f faulty) Commit(ctx context.Context, es []incident.Entry) error {
	if f.plan.fail--; f.plan.fail != 0 {
		return f.Ledger.Commit(ctx, es)
	}
	f.plan.hits++
	if f.plan.after {
		if err := f.Ledger.Commit(ctx, es); err != nil {
			return err
		}
	}
	return errFault
}

func (f faulty) Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error] {
	return f.Ledger.Entries(ctx, from)
}

func TestACommitThatFailsIsNeitherLostNorMadeTwice(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after bool
	}{
		{"it failed and is not there", false},
		{"it failed and is there", true},
	} {
		for _, at := range []struct {
			name string
			nth  int
		}{{"the signal's step", 1}, {"the warning's step", 2}, {"the deadline's step", 4}} {
			t.Run(tt.name+", "+at.name, func(t *testing.T) {
				inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
					p := &plan{fail: at.nth, after: tt.after}
					w.faults = func(l pipeline.Ledger) pipeline.Ledger { return faulty{l, p} }
					w.detected("a", time.Now())
					for range 7 {
						bubble.Advance(10 * time.Minute)
						w.readUpTo(time.Now())
						bubble.Advance(5 * time.Second)
					}
					if p.hits != 1 {
						t.Fatalf("the fault struck %d times, want once", p.hits)
					}
					if w.reopened != 1 {
						t.Errorf("the record was opened anew %d times, want once", w.reopened)
					}
					if got := w.count(incident.KindOpened); got != 1 {
						t.Errorf("opened %d incidents, want 1", got)
					}
					got := w.alerts()
					for _, want := range []string{"warn-30m/1 active", "warn-50m/1 active", "deadline/1 active"} {
						if n := count(got, want); n != 1 {
							t.Errorf("%q came %d times, want once; alerts: %v", want, n, got)
						}
					}
					w.wantState(incident.Overdue)
					if s := w.proc.Status(); !s.Ready {
						t.Errorf("not ready after the fault: %s", s.Why)
					}
				})
			})
		}
	}
}

func count(in []string, s string) int {
	n := 0
	for _, x := range in {
		if x == s {
			n++
		}
	}
	return n
}

func TestNothingIsToldBeforeItIsDurable(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		gate := make(chan struct{})
		w.faults = func(l pipeline.Ledger) pipeline.Ledger { return gated{l, gate} }
		w.detected("a", time.Now())
		bubble.Advance(time.Second)
		if got := w.count(incident.KindOpened); got != 0 {
			t.Errorf("told %d openings while the commit was in flight", got)
		}
		close(gate)
		if got := w.count(incident.KindOpened); got != 1 {
			t.Errorf("told %d openings after the commit, want 1", got)
		}
	})
}

type gated struct {
	pipeline.Ledger
	gate chan struct{}
}

func (g gated) Commit(ctx context.Context, es []incident.Entry) error {
	<-g.gate
	return g.Ledger.Commit(ctx, es)
}

func TestRulesThatEditThePastStopTheStart(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		w.settle()
		w.stop()
		w.rules = sixty()
		w.rules.Policies[0].Limit = incident.Span(2 * time.Hour)
		w.open()
		o := w.options()
		w.proc = pipeline.New(o)
		w.openWriter()
		err := w.runOnce()
		var rules *pipeline.RulesError
		if !errors.As(err, &rules) {
			t.Errorf("Run() = %v, want a RulesError", err)
		}
		w.rules = sixty()
		w.start()
		if got := w.last(); got != nil {
			t.Errorf("an incident came from nowhere: %+v", got)
		}
		if !slices.ContainsFunc(w.notes(), func(c incident.NoteCode) bool { return c == incident.NoteStarted }) {
			t.Error("no note says that a processor took over")
		}
	})
}
