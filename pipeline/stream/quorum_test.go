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

	"github.com/ministryofjustice/incident-promptness/incident"
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
