package stream_test

import (
	"context"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats-server/v2/server/ats"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestMain(m *testing.M) {
	natstest.Child()
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
		return
	}
	ats.Register() // outside of every bubble: the server's ticker would freeze it
	os.Exit(m.Run())
}

// small is a configuration that fits any test machine.
func small(dir string) stream.Config {
	cfg := stream.Default()
	cfg.Dir = dir
	cfg.MinFree = 0
	cfg.Ephemeral = true
	cfg.Timeout = 2 * time.Second
	cfg.MaxBytes = stream.Limits{
		Signals: 1 * stream.GiB, Ledger: 1 * stream.GiB, Deliveries: 64 * stream.MiB,
		Positions: 16 * stream.MiB, Evidence: 512 * stream.MiB,
	}
	return cfg
}

// open starts a server on cfg.Dir and opens its store, until the test ends.
func open(t testing.TB, cfg stream.Config, hooks stream.Hooks) (*stream.Store, *stream.Server) {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	srv, err := stream.Start(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	return openOn(t, srv, cfg, hooks), srv
}

// openOn opens the store of a server that runs, until the test ends.
func openOn(t testing.TB, srv *stream.Server, cfg stream.Config, hooks stream.Hooks) *stream.Store {
	t.Helper()
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	st, err := stream.Open(t.Context(), nc, cfg, hooks, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

var received = time.Date(2026, 3, 29, 0, 59, 59, 123456789, time.UTC)

func webhookSignal(raw string) incident.Signal {
	return incident.Signal{
		Source: "siem", Channel: incident.ChannelWebhook, Received: received,
		Auth: incident.AuthBearer, Raw: []byte(raw),
	}
}

// read returns the next n signals of r.
func read(t testing.TB, r *stream.Reader, n int) []incident.Stored {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []incident.Stored
	for len(all) < n {
		batch, err := r.Batch(ctx, n-len(all))
		if err != nil {
			t.Fatalf("after %d of %d signals: %v", len(all), n, err)
		}
		all = append(all, batch...)
	}
	return all
}

func mustPut(t testing.TB, st *stream.Store, sig incident.Signal) incident.Receipt {
	t.Helper()
	got, err := st.Put(t.Context(), sig)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestSignalComesBackAsItWasPut(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	put := []incident.Signal{
		webhookSignal("{}"),
		{
			Source: "desk", Channel: incident.ChannelManual, Received: received.In(time.FixedZone("BST", 3600)),
			Stamped: received.Add(-time.Minute), Auth: incident.AuthOwner, Author: "QX71", Role: incident.RoleManager,
			Raw: []byte("two\nlines\n"),
		},
		{Source: "mail", Channel: incident.ChannelEmail, Received: received, Auth: incident.AuthMail, Stub: "marked_secret"},
		{
			Source: "mail", Channel: incident.ChannelEmail, Received: received, Auth: incident.AuthMail, Raw: []byte("Subject: x\r\n\r\n"),
			DKIM: []incident.DKIMResult{{Domain: "example.org", Selector: "s", Result: incident.DKIMPass}, {Result: incident.DKIMPolicy}},
		},
	}
	var want []incident.Stored
	for i, sig := range put {
		got := mustPut(t, st, sig)
		if want := (incident.Receipt{Pos: incident.Pos{Seq: uint64(i + 1)}}); got != want {
			t.Errorf("receipt of signal %d = %+v, want %+v", i, got, want)
		}
		sig.ID = incident.NewSignalID(sig.Source, sig.Raw)
		sig.Received = sig.Received.UTC()
		want = append(want, incident.Stored{Signal: sig, Pos: got.Pos})
	}
	r := st.Signals(incident.Pos{})
	defer r.Close()
	got := read(t, r, len(want))
	ignoreSalted := cmpopts.IgnoreFields(incident.Stored{}, "Commit")
	if diff := cmp.Diff(want, got, ignoreSalted, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("signals (-put +read):\n%s", diff)
	}
	for _, s := range got {
		if s.Commit.IsZero() {
			t.Errorf("signal %s has no commitment", s.Pos)
		}
		one, err := st.Signal(t.Context(), s.Pos)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, one, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("signal %s (-batch +one):\n%s", s.Pos, diff)
		}
	}
	last, err := r.Last(t.Context())
	if want := (incident.Pos{Seq: 4}); err != nil || last != want {
		t.Errorf("Last = %s, %v, want %s", last, err, want)
	}
}
