package watch_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

// A world is what a watch looks at, as a test wants it.
type world struct {
	mu     sync.Mutex
	mark   watch.Mark
	copies []watch.Copy
	down   error // of Copies
	bad    map[string]error
	reads  []string // copies that were scrubbed
	erased map[uint64]bool
	takes  time.Duration // a scrub
	alone  bool          // there is one copy
}

func (w *world) set(f func(*world)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f(w)
}

// errBad is a fault as whoever reads names it.
type errBad struct{ f watch.Fault }

func (e *errBad) Error() string { return "bad: " + e.f.Refusal }

func (w *world) options(t *testing.T) watch.Options {
	return watch.Options{
		Mark: func() (watch.Mark, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.mark, nil
		},
		Copies: func(context.Context) ([]watch.Copy, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return slices.Clone(w.copies), w.down
		},
		Replicas: func(context.Context) ([]string, error) {
			if w.alone {
				return []string{""}, nil
			}
			return []string{"n0", "n1", "n2"}, nil
		},
		Erased: func(seq uint64) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.erased[seq]
		},
		Scrub: func(ctx context.Context, replica string, _ *watch.Pace, progress func(done, total uint64)) error {
			w.mu.Lock()
			w.reads = append(w.reads, replica)
			takes, err := w.takes, w.bad[replica]
			w.mu.Unlock()
			progress(1, 2)
			if takes > 0 {
				timer := time.NewTimer(takes)
				defer timer.Stop()
				select {
				case <-timer.C:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return err
		},
		Name: func(err error) *watch.Fault {
			if e, ok := errors.AsType[*errBad](err); ok {
				f := e.f
				return &f
			}
			return nil
		},
		Repair: func(f watch.Fault) []string { return []string{"repair " + f.Stream + " on " + f.Replica} },
		Log:    slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

func newWorld() *world {
	return &world{
		mark:   watch.Mark{Entry: 200, Message: 100, Covered: incident.Pos{Seq: 50}},
		copies: append(record(100), signals(50)...),
		bad:    map[string]error{}, erased: map[uint64]bool{},
	}
}

// run runs a watch over w in a bubble.
func run(t *testing.T, w *world, f func(*testing.T, *watch.Watch)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		wt := watch.New(w.options(t))
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := wt.Run(ctx); err != nil {
				t.Errorf("Run = %v", err)
			}
		})
		f(t, wt)
		cancel()
		wg.Wait()
	})
}

func TestAMonitorFindsItsDamageWithinAMinuteAndNotAtTheFirstLook(t *testing.T) {
	w := newWorld()
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(10 * time.Minute)
		if f := wt.Fault(); f != nil {
			t.Fatalf("a sound record has the fault %v", f)
		}
		w.set(func(w *world) { w.copies[1].Count-- })
		bubble.Advance(19 * time.Second)
		if f := wt.Fault(); f != nil {
			t.Errorf("after one or two looks: %v", f)
		}
		bubble.Advance(41 * time.Second)
		f := wt.Fault()
		if f == nil || f.Refusal != "ledger_messages_lost" || f.Replica != "n1" {
			t.Fatalf("after a minute: %v, want the gap on n1", f)
		}
		if !slices.Equal(f.Repair, []string{"repair LEDGER_moj on n1"}) || !strings.Contains(f.Text(), f.Repair[0]) {
			t.Errorf("its repair is %q in %q", f.Repair, f.Text())
		}
	})
}

func TestWhatPassesIsNoFault(t *testing.T) {
	for _, tt := range []struct {
		name string
		step func(w *world, second int)
	}{
		{"a server that replays its log is short, and grows", func(w *world, second int) {
			shorten(&w.copies[1], min(100, uint64(second)))
		}},
		{"a slow copy of a busy record is always a little behind", func(w *world, second int) {
			n := uint64(100 + 10*second)
			w.mark.Message = n - 5
			shorten(&w.copies[0], n)
			shorten(&w.copies[1], n-8)
			shorten(&w.copies[2], n)
		}},
		{"a server is away, and comes back empty, and is filled", func(w *world, second int) {
			c := &w.copies[1]
			switch {
			case second < 100:
				c.Err = errors.New("offline")
			case second < 200:
				c.Err, c.Current = nil, false
				shorten(c, uint64(second-100))
			default:
				c.Current = true
				shorten(c, 100)
			}
		}},
		{"a signal is being erased: its message goes, its note comes", func(w *world, second int) {
			if second%60 < 15 {
				return
			}
			seq := uint64(second/60) + 1
			for i := 3; i < 6; i++ {
				w.copies[i].First, w.copies[i].Count = seq+1, 50-seq
			}
			w.erased[seq] = second%60 >= 25
			for s := range seq {
				w.erased[s] = true
			}
		}},
		{"nobody answers", func(w *world, _ int) { w.down = errors.New("no leader") }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			run(t, w, func(t *testing.T, wt *watch.Watch) {
				for second := range 600 {
					w.set(func(w *world) { tt.step(w, second) })
					bubble.Advance(time.Second)
					if f := wt.Fault(); f != nil {
						t.Fatalf("second %d: %v", second, f)
					}
				}
			})
		})
	}
}

// A copy that could not be looked at is no success: that is what the rule on the
// age of the last one is for.
func TestARoundCountsWhenEveryCopyWasLookedAt(t *testing.T) {
	w := newWorld()
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(time.Minute)
		at := wt.Status().Monitored
		if at.IsZero() {
			t.Fatal("no success after a minute")
		}
		w.set(func(w *world) { w.copies[4].Err = errors.New("offline") })
		bubble.Advance(10 * time.Minute)
		if got := wt.Status(); got.Monitored.Sub(at) > time.Minute || !strings.Contains(got.Problem, "offline") {
			t.Errorf("with a copy away: success %s later, problem %q", got.Monitored.Sub(at), got.Problem)
		}
		w.set(func(w *world) { w.copies[4].Err = nil })
		bubble.Advance(time.Minute)
		if got := wt.Status(); time.Since(got.Monitored) > time.Minute || got.Problem != "" {
			t.Errorf("with every copy again: %+v", got)
		}
	})
}

func TestAFaultOfTheRecordStaysAndDoesNotFlap(t *testing.T) {
	w := newWorld()
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		w.set(func(w *world) { w.mark.Message = 101 }) // all copies end before the checkpoint
		bubble.Advance(time.Minute)
		first := wt.Fault()
		if first == nil || first.Refusal != "checkpoint_ahead" || first.Replica != "" {
			t.Fatalf("%v, want the record to be short, and no copy to be blamed", first)
		}
		bubble.Advance(time.Hour) // found again each round, and one fault all the same
		w.set(func(w *world) { w.mark.Message = 100 })
		bubble.Advance(72 * time.Hour)
		if got := wt.Faults(); len(got) != 1 || got[0] != first {
			t.Errorf("later the faults are %v, want the one", got)
		}
	})
}

func TestAFaultOfOneCopyEndsWhenThatCopyWasReadWhole(t *testing.T) {
	w := newWorld()
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		w.set(func(w *world) {
			w.bad["n2"] = &errBad{watch.Fault{Refusal: "signal_changed", Stream: "SIGNALS_moj", StoringSafe: true}}
		})
		bubble.Advance(2 * time.Minute)
		f := wt.Fault()
		if f == nil || f.Replica != "n2" || f.Refusal != "signal_changed" {
			t.Fatalf("after the first scrub: %v, want the fault on n2", f)
		}
		bubble.Advance(time.Hour)
		if wt.Fault() != f {
			t.Errorf("an hour later: %v", wt.Fault())
		}
		w.set(func(w *world) { delete(w.bad, "n2") })
		bubble.Advance(11 * time.Minute)
		if f := wt.Fault(); f != nil {
			t.Errorf("after it was repaired and read: %v", f)
		}
	})
}

// What a monitor sees and a scrub does not is no fault that comes and goes.
func TestAFaultStaysWhileTheMonitorsSeeIt(t *testing.T) {
	w := newWorld()
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		w.set(func(w *world) { shorten(&w.copies[1], 99); w.mark.Message = 99 })
		bubble.Advance(time.Minute)
		f := wt.Fault()
		for range 600 {
			bubble.Advance(10 * time.Second)
			if wt.Fault() != f || f == nil {
				t.Fatalf("the fault %v became %v", f, wt.Fault())
			}
		}
	})
}

func TestAFaultOfTheOnlyCopyDoesNotEndWithAScrub(t *testing.T) {
	w := newWorld()
	w.alone = true
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(time.Hour)
		wt.Report(&errBad{watch.Fault{Refusal: "ledger_record_bad", Stream: "LEDGER_moj", StoringSafe: true}})
		bubble.Advance(50 * time.Hour)
		if len(w.reads) < 3 || wt.Fault() == nil {
			t.Errorf("after %d scrubs that found nothing: %v", len(w.reads), wt.Fault())
		}
	})
}
func TestWorkStopsWithTheFaultAndBeginsAgainAfterIt(t *testing.T) {
	w := newWorld()
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		var mu sync.Mutex
		var log []string
		note := func(s string) {
			mu.Lock()
			defer mu.Unlock()
			log = append(log, s)
		}
		bad := &errBad{watch.Fault{Refusal: "signal_changed", Stream: "SIGNALS_moj", Replica: "n2", StoringSafe: true}}
		var fail error
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var wg sync.WaitGroup
		wg.Go(func() {
			err := wt.Guard(ctx, func(ctx context.Context) error {
				note("begin")
				mu.Lock()
				err := fail
				fail = nil
				mu.Unlock()
				if err != nil {
					return err
				}
				<-ctx.Done()
				if f, ok := errors.AsType[*watch.Fault](context.Cause(ctx)); ok {
					note("stop: " + f.Refusal)
				}
				return ctx.Err()
			})
			if err != nil {
				t.Errorf("Guard = %v", err)
			}
		})
		bubble.Advance(2 * time.Minute)
		w.set(func(w *world) { w.bad["n2"] = bad })
		wt.Report(bad)
		bubble.Advance(time.Minute)
		w.set(func(w *world) { delete(w.bad, "n2") })
		mu.Lock()
		fail = bad // the next work meets it itself
		mu.Unlock()
		bubble.Advance(12 * time.Minute)
		mu.Lock()
		got := slices.Clone(log)
		mu.Unlock()
		if want := []string{"begin", "stop: signal_changed", "begin", "begin"}; !slices.Equal(got, want[:min(len(got), len(want))]) || len(got) < 3 {
			t.Errorf("work did %q, want %q", got, want)
		}
		cancel()
		wg.Wait()
	})
}

func TestGuardReturnsWhatIsNoFault(t *testing.T) {
	w := newWorld()
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		broken := errors.New("broken")
		if err := wt.Guard(t.Context(), func(context.Context) error { return broken }); !errors.Is(err, broken) {
			t.Errorf("Guard = %v, want %v", err, broken)
		}
		if err := wt.Guard(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Errorf("Guard of work that ended = %v", err)
		}
	})
}
