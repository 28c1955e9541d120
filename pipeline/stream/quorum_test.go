package stream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A leader that hears from nobody takes a message, cannot say that it is stored,
// and refuses the next try because of the first. None of that is damage, and
// none of it stores anything twice.
func TestALeaderWithoutTheOthersIsWaitedFor(t *testing.T) {
	c, st := three(t)
	mustAppend(t, st.Ledger(), 0, "a", "b")
	mustPut(t, st, webhookSignal("a"))
	if _, err := st.AppendDelivery(t.Context(), []byte("a")); err != nil {
		t.Fatal(err)
	}
	leader := c.WaitLeader(t, "LEDGER_moj")
	nc, err := nats.Connect("nats://"+leader.Addr(), stream.ConnOptions("test")...)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	for _, name := range []string{"SIGNALS_moj", "DELIVERIES_moj"} {
		eventually.Eventually(t, 30*time.Second, leader.Name()+" leads "+name, func() bool {
			if c.WaitLeader(t, name) == leader {
				return true
			}
			_, _ = nc.Request("$JS.API.STREAM.LEADER.STEPDOWN."+name, fmt.Appendf(nil, `{"placement":{"preferred":%q}}`, leader.Name()), time.Second)
			return false
		})
	}
	cfg := small("")
	cfg.Replicas = 3
	cfg.Timeout = time.Second
	near, err := stream.Open(t.Context(), nc, cfg, stream.Hooks{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	var tries [2]atomic.Int32
	counting := func(n *atomic.Int32) func(stream.PublishFunc) stream.PublishFunc {
		return func(next stream.PublishFunc) stream.PublishFunc {
			return func(ctx context.Context, m *nats.Msg) (uint64, error) {
				n.Add(1)
				return next(ctx, m)
			}
		}
	}

	var others []*natstest.Server
	for _, s := range c.Servers() {
		if s != leader {
			others = append(others, s)
			s.Stop()
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	// A follower reads on meanwhile, wherever its copy lies.
	var follower []string
	enough, tailed := make(chan struct{}), make(chan error, 1)
	go func() {
		tailed <- near.Ledger().Tail(ctx, 1, func(_ uint64, body []byte) error {
			if follower = append(follower, string(body)); len(follower) == 3 {
				close(enough)
			}
			return nil
		})
	}()
	var all sync.WaitGroup
	defer all.Wait()
	all.Go(func() {
		if err := near.Ledger().Through(counting(&tries[0])).Append(ctx, []byte("c"), 2); err != nil {
			t.Errorf("Append = %v (%T), want it stored", err, err)
		}
	})
	all.Go(func() {
		if _, err := near.AppendDeliveryThrough(ctx, []byte("b"), counting(&tries[1])); err != nil {
			t.Errorf("AppendDelivery = %v (%T), want it stored", err, err)
		}
	})
	all.Go(func() {
		// A sender is told to try again, and does.
		for {
			_, err := near.Put(ctx, webhookSignal("b"))
			if _, ok := errors.AsType[*stream.UnavailableError](err); ok {
				continue
			}
			if err != nil {
				t.Errorf("Put = %v (%T), want it stored", err, err)
			}
			return
		}
	})
	eventually.Eventually(t, 20*time.Second, "each was tried again", func() bool {
		return tries[0].Load() > 2 && tries[1].Load() > 2
	})
	for _, s := range others {
		s.Cont()
	}
	all.Wait()

	select {
	case err := <-tailed:
		t.Errorf("Tail = %v", err)
	case <-time.After(20 * time.Second):
		t.Error("Tail did not come to the end within 20s")
	case <-enough:
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, follower); diff != "" {
		t.Errorf("Tail (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, bodies(t, st.Ledger(), 1)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
	var deliveries []string
	err = st.Deliveries(t.Context(), 1, func(_ uint64, body []byte) error {
		deliveries = append(deliveries, string(body))
		return nil
	})
	if diff := cmp.Diff([]string{"a", "b"}, deliveries); err != nil || diff != "" {
		t.Errorf("deliveries: %v (-want +got):\n%s", err, diff)
	}
	r := st.Signals(incident.Pos{})
	defer r.Close()
	for i, s := range read(t, r, 2) {
		if got, want := string(s.Raw), []string{"a", "b"}[i]; got != want {
			t.Errorf("signal %d = %q, want %q", i, got, want)
		}
	}
}

// A fake leader answers as no server can be made to: each try by the next of
// answers, and what stands after the fence is what they left there.
type fakeLeader struct {
	answers []func(f *fakeLeader, body []byte) (uint64, error)
	last    func(f *fakeLeader, body []byte) (uint64, error) // for ever after
	stands  []byte                                           // after the fence
	tries   int
}

func (f *fakeLeader) log(l *stream.Log) *stream.Log {
	l = l.Through(func(stream.PublishFunc) stream.PublishFunc {
		return func(_ context.Context, m *nats.Msg) (uint64, error) {
			f.tries++
			if f.tries <= len(f.answers) {
				return f.answers[f.tries-1](f, m.Data)
			}
			return f.last(f, m.Data)
		}
	})
	return l.Reading(func(func(context.Context, uint64) ([]byte, error)) func(context.Context, uint64) ([]byte, error) {
		return func(context.Context, uint64) ([]byte, error) {
			if f.stands == nil {
				return nil, jetstream.ErrMsgNotFound
			}
			return f.stands, nil
		}
	})
}

func TestAppendInAClusterEndsWithADefiniteOutcome(t *testing.T) {
	const fence = 2
	type answer = func(f *fakeLeader, body []byte) (uint64, error)
	failed := func(err error) answer { return func(*fakeLeader, []byte) (uint64, error) { return 0, err } }
	landed := func(err error) answer { // the try before, or this one, is there
		return func(f *fakeLeader, body []byte) (uint64, error) { f.stands = body; return 0, err }
	}
	others := func(err error) answer {
		return func(f *fakeLeader, _ []byte) (uint64, error) { f.stands = []byte("theirs"); return 0, err }
	}
	stored := func(seq uint64) answer {
		return func(f *fakeLeader, body []byte) (uint64, error) { f.stands = body; return seq, nil }
	}
	wrongLast := &jetstream.APIError{Code: 400, ErrorCode: 10071, Description: "wrong last sequence: 3"}
	busy := &jetstream.APIError{Code: 400, ErrorCode: 10164, Description: "wrong last sequence"}
	full := &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}
	broken := &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "disk on fire"}
	fenced := func(err error) bool { return errors.Is(err, stream.ErrFenced) }
	isFull := func(err error) bool { return errors.Is(err, stream.ErrFull) }
	for _, tt := range []struct {
		name    string
		answers []answer
		last    answer
		is      func(error) bool // nil: it is stored
		least   time.Duration    // how long it takes, at least
		most    time.Duration
	}{
		{"time-out, then stored", []answer{failed(errTimeout)}, stored(3), nil, 0, time.Second},
		{"time-out, and it is there", []answer{landed(errTimeout)}, failed(wrongLast), nil, 0, time.Second},
		{"time-out, the next is refused because of it, then it lands", []answer{failed(errTimeout), failed(wrongLast), failed(wrongLast), landed(wrongLast)}, nil, nil, 0, time.Second},
		{"time-out, the next is refused because of it, and it is forgotten by the next leader", []answer{failed(errTimeout), failed(wrongLast), failed(nats.ErrNoResponders)}, stored(3), nil, 0, time.Second},
		{"time-out, the next is refused because of it, then another writer's lands", []answer{failed(errTimeout), failed(wrongLast), others(wrongLast)}, nil, fenced, 0, time.Second},
		{"refused, and another writer's is there", []answer{others(wrongLast)}, nil, fenced, 0, 0},
		{"refused for what is in flight, and it is another writer's", []answer{failed(busy), others(busy)}, nil, fenced, 0, time.Second},
		{"refused for what is in flight, and it is ours", []answer{failed(errTimeout), failed(busy), landed(busy)}, nil, nil, 0, time.Second},
		{"refused for a while by a leader that is cut off, and it lands at the next", []answer{failed(wrongLast), failed(wrongLast), failed(wrongLast), failed(nats.ErrNoResponders)}, stored(3), nil, 0, time.Second},
		{"refused for ever, and nothing is there", nil, failed(wrongLast), isA[*stream.FaultError], 30 * time.Second, 32 * time.Second},
		{"full", []answer{failed(full)}, nil, isFull, 0, 0},
		{"time-out, is not there, then full", []answer{failed(errTimeout), failed(full)}, nil, isFull, 0, time.Second},
		{"time-out, is there, then full", []answer{landed(errTimeout), failed(full)}, nil, nil, 0, time.Second},
		{"time-out, another writer's is there, then full", []answer{others(errTimeout), failed(full)}, nil, fenced, 0, time.Second},
		{"write error", []answer{failed(broken)}, nil, isA[*stream.WriteError], 0, 0},
		{"the connection came back", []answer{failed(errApart), failed(nats.ErrConnectionReconnecting), landed(nats.ErrConnectionClosed), failed(wrongLast)}, nil, nil, 0, time.Second},
		{"acknowledged at another place", []answer{stored(7)}, nil, isA[*stream.FaultError], 0, 0},
		{"refused for what is in flight until time is up", nil, failed(busy), isA[*stream.UnknownOutcomeError], time.Minute, time.Minute},
		{"time-out until time is up", nil, failed(errTimeout), isA[*stream.UnknownOutcomeError], time.Minute, time.Minute},
		{"nobody there until time is up", nil, failed(nats.ErrNoResponders), isA[*stream.UnavailableError], time.Minute, time.Minute},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t, dir)
				defer w.close()
				f := &fakeLeader{answers: tt.answers, last: tt.last}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				began := time.Now()
				err := f.log(w.st.Ledger().InCluster()).Append(ctx, []byte("ours"), fence)
				took := time.Since(began)
				if tt.is == nil && err != nil || tt.is != nil && !tt.is(err) {
					t.Errorf("Append = %v (%T)", err, err)
				}
				if took < tt.least || took > tt.most {
					t.Errorf("Append took %s, want %s to %s", took, tt.least, tt.most)
				}
				if err == nil && string(f.stands) != "ours" {
					t.Errorf("Append = nil, and %q stands there", f.stands)
				}
			})
		})
	}
}
