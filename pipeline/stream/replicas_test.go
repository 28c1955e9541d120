package stream_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// three starts three servers and opens a store with three copies on them.
func three(t *testing.T) (*natstest.Cluster, *stream.Store) {
	t.Helper()
	c := natstest.Start(t, natstest.Options{})
	nc, err := nats.Connect(c.URLs(), stream.ConnOptions("test")...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	cfg := small("")
	cfg.Replicas = 3
	cfg.Timeout = 5 * time.Second
	if _, err := stream.Create(t.Context(), nc, cfg); err != nil {
		t.Fatal(err)
	}
	st, err := stream.Open(t.Context(), nc, cfg, stream.Hooks{}, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return c, st
}

// copiesOf returns the states of the copies of LEDGER or SIGNALS.
func copiesOf(t *testing.T, st *stream.Store, record bool) map[string]stream.CopyState {
	t.Helper()
	all, err := st.States(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]stream.CopyState{}
	for _, c := range all {
		if c.Record == record {
			found[c.Replica] = c
		}
	}
	return found
}

// damage flips a bit in the middle of a stream's first block on a server that
// does not run, and with index takes the index away, as a crash would.
func damage(t *testing.T, s *natstest.Server, streamName string, index bool) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(s.StoreDir(), "jetstream", "*", "streams", streamName, "msgs", "1.blk"))
	if err != nil || len(found) != 1 {
		t.Fatalf("find the block of %s on %s: %q, %v", streamName, s.Name(), found, err)
	}
	b, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 4
	if err := os.WriteFile(found[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	if index {
		if err := os.Remove(filepath.Join(filepath.Dir(found[0]), "index.db")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestADamagedCopyIsSeenOnItsServerAndNowhereElse(t *testing.T) {
	c, st := three(t)
	const messages = 300
	log := st.Ledger()
	for i := range messages {
		if err := log.Append(t.Context(), fmt.Appendf(nil, "message %d %0512d", i+1, i), uint64(i)); err != nil {
			t.Fatal(err)
		}
		if i%3 == 0 {
			mustPut(t, st, webhookSignal(fmt.Sprintf("signal %d %0512d", i, i)))
		}
	}
	names, err := st.Replicas(t.Context())
	if err != nil || len(names) != 3 {
		t.Fatalf("Replicas = %q, %v, want three", names, err)
	}
	eventually.Eventually(t, 20*time.Second, "every copy has every message", func() bool {
		for _, s := range copiesOf(t, st, true) {
			if s.Err != nil || s.First != 1 || s.Last != messages || s.Count != messages {
				return false
			}
		}
		return true
	})
	victim := c.Named(names[1]) // not the leader of LEDGER
	victim.Shutdown()
	damage(t, victim, "LEDGER_moj", false)
	damage(t, victim, "SIGNALS_moj", false)
	victim.Restart()

	read := func(replica string) (uint64, error) {
		var last uint64
		err := log.MessagesOf(t.Context(), replica, 1, func(seq uint64, _ []byte) error {
			if seq != last+1 {
				t.Errorf("message %d of %s follows %d", seq, replica, last)
			}
			last = seq
			return nil
		})
		return last, err
	}
	signals := func(replica string) (n int, err error) {
		v := st.Vault(replica)
		defer v.Close()
		last, err := v.Last(t.Context())
		if err != nil {
			return 0, err
		}
		for seq := uint64(1); seq <= last.Seq; seq++ {
			_, e := v.Signal(t.Context(), incident.Pos{Seq: seq})
			if e == nil {
				n++
			}
			err = errors.Join(err, e)
		}
		return n, err
	}
	for _, name := range names {
		last, err := read(name)
		gap, isGap := errors.AsType[*stream.GapError](err)
		n, serr := signals(name)
		_, sgap := errors.AsType[*stream.GapError](serr)
		if name == victim.Name() {
			if !isGap || gap.Seq != last+1 || last < messages/3 {
				t.Errorf("the damaged copy on %s is read up to %d: %v, want a gap in the middle", name, last, err)
			}
			if !sgap || n != messages/3-1 {
				t.Errorf("the damaged copy of SIGNALS on %s: %d signals, %v, want all but one", name, n, serr)
			}
			continue
		}
		if err != nil || last != messages {
			t.Errorf("the whole copy on %s is read up to %d: %v, want %d", name, last, err, messages)
		}
		if serr != nil || n != messages/3 {
			t.Errorf("the whole copy of SIGNALS on %s: %d signals, %v", name, n, serr)
		}
	}
}
