package natstest_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
)

func TestMain(m *testing.M) { natstest.Main(m) }

// connect returns a JetStream of a client that comes back after every fault. It
// asks often whether its server lives: one that is stopped, or behind a silent
// link, keeps its connections open.
func connect(t *testing.T, urls string) jetstream.JetStream {
	t.Helper()
	nc, err := nats.Connect(urls, nats.MaxReconnects(-1), nats.ReconnectWait(20*time.Millisecond), nats.ReconnectBufSize(-1),
		nats.PingInterval(500*time.Millisecond), nats.MaxPingsOutstanding(2), nats.Timeout(time.Second),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func create(t *testing.T, js jetstream.JetStream, replicas int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "T", Subjects: []string{"t"}, Storage: jetstream.FileStorage, Replicas: replicas})
	if err != nil {
		t.Fatal(err)
	}
}

// publish stores a message, with as many tries as ten seconds hold.
func publish(t *testing.T, js jetstream.JetStream, text string) {
	t.Helper()
	eventually.Eventually(t, 20*time.Second, "a message is stored", func() bool {
		return try(t, js, text) == nil
	})
}

func try(t *testing.T, js jetstream.JetStream, text string) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := js.Publish(ctx, "t", []byte(text), jetstream.WithRetryAttempts(0))
	return err
}

func TestThreeServersKeepWhatWasStoredThroughEveryFault(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Proxied: true})
	js := connect(t, c.URLs())
	create(t, js, 3)
	publish(t, js, "before any fault")

	leader := c.WaitLeader(t, "T")
	leader.Kill()
	if leader.Running() {
		t.Error("Running() of a killed server = true, want false")
	}
	publish(t, js, "after a kill")
	leader.Restart()
	c.WaitReady()

	leader = c.WaitLeader(t, "T")
	leader.Stop()
	publish(t, js, "while the leader is stopped")
	if next := c.WaitLeader(t, "T"); next == leader {
		t.Errorf("the leader is still %s, which is stopped", next.Name())
	}
	leader.Cont()
	c.WaitReady()

	leader = c.WaitLeader(t, "T")
	c.Partition(leader.Index())
	publish(t, js, "while the leader is cut off")
	minority := connect(t, "nats://"+leader.Addr())
	if err := try(t, minority, "to the minority"); err == nil {
		t.Error("a server that is cut off from the others acknowledged a message")
	}
	c.Heal()
	c.WaitReady()
	publish(t, js, "after all")
	if !strings.Contains(leader.Log(), "Server is ready") {
		t.Errorf("Log() = %q, want what the server printed", leader.Log())
	}
}

func TestAClientIsCutOffAlone(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Proxied: true})
	near := connect(t, strings.Join(c.Client("near").URLs(), ","))
	far := connect(t, strings.Join(c.Client("far").URLs(), ","))
	create(t, near, 3)
	publish(t, far, "both can")
	for _, how := range []struct {
		name string
		cut  func()
	}{
		{"silently", c.Client("far").Partition},
		{"with a reset", c.Client("far").Sever},
	} {
		how.cut()
		if err := try(t, far, "cut off"); err == nil {
			t.Errorf("a client cut off %s stored a message", how.name)
		}
		publish(t, near, "the other can")
		c.Client("far").Heal()
		publish(t, far, "both can again")
	}
}

func TestAServerAloneKeepsItsStore(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Servers: 1})
	js := connect(t, c.URLs())
	create(t, js, 1)
	for i := range 20 {
		publish(t, js, fmt.Sprint(i))
	}
	c.Server(0).Restart()
	eventually.Eventually(t, 10*time.Second, "all messages are there", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		st, err := js.Stream(ctx, "T")
		return err == nil && st.CachedInfo().State.Msgs >= 20
	})
	c.Server(0).Shutdown()
	if !strings.Contains(c.Server(0).Log(), "Server Exiting..") {
		t.Errorf("Log() = %q, want an orderly end", c.Server(0).Log())
	}
}
