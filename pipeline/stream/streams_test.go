package stream_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// server starts a server without streams.
func server(t *testing.T) (*stream.Server, *nats.Conn, jetstream.JetStream) {
	t.Helper()
	srv, err := stream.Start(t.Context(), small(t.TempDir()), slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return srv, nc, js
}

func TestStreamsAreCreatedAndFoundAgain(t *testing.T) {
	srv, _, js := server(t)
	for range 2 {
		st := openOn(t, srv, small(""), stream.Hooks{})
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for name := range js.StreamNames(t.Context()).Name() {
		got = append(got, name)
	}
	want := []string{"DELIVERIES_moj", "KV_INGEST_moj", "KV_LEASES_moj", "LEDGER_moj", "OBJ_EVIDENCE_moj", "SIGNALS_moj"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("streams (-want +got):\n%s", diff)
	}
}

func TestTenantsAreApart(t *testing.T) {
	srv, _, _ := server(t)
	cfg := small("")
	cfg.MaxBytes = stream.Limits{
		Signals: 16 * stream.MiB, Ledger: 16 * stream.MiB, Deliveries: 16 * stream.MiB,
		Positions: 16 * stream.MiB, Evidence: 16 * stream.MiB,
	}
	for _, tenant := range []string{"moj", "hmpps"} {
		cfg.Tenant = tenant
		st := openOn(t, srv, cfg, stream.Hooks{})
		if got := mustPut(t, st, webhookSignal("a")); got.Repeat || got.Pos.Seq != 1 {
			t.Errorf("first signal of %s = %+v, want position 1/0", tenant, got)
		}
	}
}

func TestUnsafeStreamsAreRefusedByName(t *testing.T) {
	for _, tt := range []struct {
		name   string
		stream string
		edit   func(*jetstream.StreamConfig)
		want   string
	}{
		{"acknowledged before it is written", "LEDGER_moj", func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }, "persist_mode"},
		{"never acknowledged", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.NoAck = true }, "no_ack"},
		{"record that can be deleted", "LEDGER_moj", func(c *jetstream.StreamConfig) { c.DenyDelete = false }, "deny_delete"},
		{"record that can be purged", "LEDGER_moj", func(c *jetstream.StreamConfig) { c.DenyPurge = false }, "deny_purge"},
		{"deliveries that can be purged", "DELIVERIES_moj", func(c *jetstream.StreamConfig) { c.DenyPurge = false }, "deny_purge"},
		{"compressed record", "LEDGER_moj", func(c *jetstream.StreamConfig) { c.Compression = jetstream.S2Compression }, "compression"},
		{"old signals go", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, "max_age"},
		{"full means that old ones go", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }, "discard"},
		{"bounded in number", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.MaxMsgs = 10 }, "max_msgs"},
		{"bounded by subject", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.MaxMsgsPerSubject = 1 }, "max_msgs_per_subject"},
		{"in memory", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage; c.MaxBytes = 1 << 20 }, "storage"},
		{"read by work queue", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy }, "retention"},
		{"read from any replica", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.AllowDirect = true }, "allow_direct"},
		{"rolled up", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.AllowRollup, c.DenyPurge = true, false }, "allow_rollup_hdrs"},
		{"messages with an end", "SIGNALS_moj", func(c *jetstream.StreamConfig) {
			c.AllowMsgTTL, c.AllowRollup, c.DenyPurge = true, true, false
		}, "allow_msg_ttl"},
		{"copied to a subject", "SIGNALS_moj", func(c *jetstream.StreamConfig) {
			c.RePublish = &jetstream.RePublish{Source: ">", Destination: "leak.>"}
		}, "republish"},
		{"other subject", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.Subjects = []string{"signal.>"} }, "subjects"},
		{"larger than configured", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.MaxBytes += 1 << 20 }, "max_bytes"},
		{"smaller messages", "SIGNALS_moj", func(c *jetstream.StreamConfig) { c.MaxMsgSize = 1024 }, "max_msg_size"},
		{"positions that go", "KV_INGEST_moj", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, "max_age"},
		{"evidence that goes", "OBJ_EVIDENCE_moj", func(c *jetstream.StreamConfig) { c.MaxAge = time.Hour }, "max_age"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv, nc, js := server(t)
			if err := openOn(t, srv, small(""), stream.Hooks{}).Close(); err != nil {
				t.Fatal(err)
			}
			made, err := js.Stream(t.Context(), tt.stream)
			if err != nil {
				t.Fatal(err)
			}
			cfg := made.CachedInfo().Config
			cfg.Metadata = nil
			tt.edit(&cfg)
			if err := js.DeleteStream(t.Context(), tt.stream); err != nil {
				t.Fatal(err)
			}
			if _, err := js.CreateStream(t.Context(), cfg); err != nil {
				t.Fatal(err)
			}
			_, err = stream.Open(t.Context(), nc, small(""), stream.Hooks{}, slog.New(slog.DiscardHandler))
			e, ok := errors.AsType[*stream.SettingsError](err)
			if !ok || e.Stream != tt.stream || len(e.Problems) == 0 || !strings.Contains(strings.Join(e.Problems, "\n"), tt.want+" is ") {
				t.Errorf("Open = %v, want a SettingsError for %s that names %s", err, tt.stream, tt.want)
			}
		})
	}
}

func TestConnectionWithoutOurOptionsIsRefused(t *testing.T) {
	srv, _, _ := server(t)
	nc, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := stream.Open(t.Context(), nc, small(""), stream.Hooks{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("Open took a connection that buffers what it cannot send")
	}
}

func TestPositionsAreKeptOverARestart(t *testing.T) {
	dir := t.TempDir()
	keys := []string{"mail/INBOX", "mail/Security Incidents.2026", "slack", "=20", " ", "ümlaut*>"}
	st, srv := open(t, small(dir), stream.Hooks{})
	for i, key := range keys {
		if got, err := st.Load(t.Context(), key); got != nil || err != nil {
			t.Errorf("Load(%q) of nothing = %q, %v, want nil, nil", key, got, err)
		}
		for _, v := range []string{"first", fmt.Sprint(i)} {
			if err := st.Save(t.Context(), key, []byte(v)); err != nil {
				t.Errorf("Save(%q): %v", key, err)
			}
		}
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	st, _ = open(t, small(dir), stream.Hooks{})
	for i, key := range keys {
		if got, err := st.Load(t.Context(), key); string(got) != fmt.Sprint(i) || err != nil {
			t.Errorf("Load(%q) = %q, %v, want %q", key, got, err, fmt.Sprint(i))
		}
	}
	if err := st.Save(t.Context(), "", nil); err == nil {
		t.Error("Save took an empty key")
	}
}

func TestDeliveriesAreKeptInOrder(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	for i := range uint64(5) {
		if seq, err := st.AppendDelivery(t.Context(), fmt.Append(nil, i)); err != nil || seq != i+1 {
			t.Fatalf("AppendDelivery = %d, %v, want %d", seq, err, i+1)
		}
	}
	var got []string
	err := st.Deliveries(t.Context(), 3, func(seq uint64, body []byte) error {
		got = append(got, fmt.Sprintf("%d:%s", seq, body))
		return nil
	})
	if diff := cmp.Diff([]string{"3:2", "4:3", "5:4"}, got); err != nil || diff != "" {
		t.Errorf("Deliveries: %v (-want +got):\n%s", err, diff)
	}
}

func TestDeliveryStandsOnceWhenItsAnswerIsLost(t *testing.T) {
	for _, stored := range []bool{false, true} {
		st, srv := open(t, small(t.TempDir()), stream.Hooks{})
		seq, err := st.AppendDeliveryThrough(t.Context(), []byte("a"), failing([]failure{{errTimeout, stored}, {errTimeout, stored}}))
		if err != nil || seq != 1 {
			t.Errorf("AppendDelivery = %d, %v, want 1", seq, err)
		}
		if err := srv.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := st.Deliveries(t.Context(), 0, func(uint64, []byte) error { n++; return nil }); err != nil || n != 1 {
			t.Errorf("stored before the answer was lost %v: %d records, %v, want 1", stored, n, err)
		}
	}
}

func TestStoreIsUsedByOneProcessAtATime(t *testing.T) {
	cfg := small(t.TempDir())
	_, srv := open(t, cfg, stream.Hooks{})
	log := slog.New(slog.DiscardHandler)
	if _, err := stream.Start(t.Context(), cfg, log); !isA[*stream.InUseError](err) {
		t.Errorf("second Start = %v, want an InUseError", err)
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := srv.Close(); err != nil {
			t.Errorf("Close again: %v", err)
		}
	}
	if err := srv.Restart(t.Context()); err == nil {
		t.Error("Restart of a closed server succeeded")
	}
	if err := srv.Health(); err == nil {
		t.Error("a closed server is healthy")
	}
	again, err := stream.Start(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Health(); err != nil {
		t.Errorf("Health: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestServerSaysWhenThereIsNoRoom(t *testing.T) {
	cfg := small(t.TempDir())
	_, srv := open(t, cfg, stream.Hooks{})
	if err := srv.Room(); err != nil {
		t.Errorf("Room with nothing asked: %v", err)
	}
	for free, want := range map[stream.Bytes]bool{1: true, 1 << 60: false} {
		cfg := small(t.TempDir())
		cfg.MinFree = free
		srv, err := stream.Start(t.Context(), cfg, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if err := srv.Room(); (err == nil) != want || err != nil && !errors.Is(err, stream.ErrFull) {
			t.Errorf("Room with %s to stay free = %v, want room %v", free, err, want)
		}
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestFsyncRateIsMeasuredAndLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	rate, err := stream.FsyncRate(dir, 20*time.Millisecond)
	if err != nil || rate <= 0 {
		t.Errorf("FsyncRate = %v, %v, want more than 0", rate, err)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("FsyncRate left %q", left)
	}
	if _, err := stream.FsyncRate(dir+"/absent", time.Millisecond); err == nil {
		t.Error("FsyncRate of a directory that is not there succeeded")
	}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
