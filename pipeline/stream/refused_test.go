package stream_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// on is the configuration for the servers of c, with so many copies.
func on(c *natstest.Cluster, replicas int) stream.Config {
	cfg := small("")
	cfg.Replicas, cfg.Timeout = replicas, 2*time.Second
	cfg.NATS.URLs = strings.Split(c.URLs(), ",")
	return cfg
}

// begin begins and ends at once.
func begin(t *testing.T, cfg stream.Config) error {
	t.Helper()
	host, err := stream.Begin(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return host.Close()
}

// wantRefused checks the name under which a cluster is refused.
func wantRefused(t *testing.T, err error, want stream.Refusal) {
	t.Helper()
	e, ok := errors.AsType[*stream.ClusterError](err)
	if !ok || e.Refusal != want {
		t.Errorf("Begin = %v, want %s", err, want)
		return
	}
	if e.Hint() == "" {
		t.Errorf("%s has no hint", want)
	}
}

func TestClusterThatCannotBeUsedIsRefusedByName(t *testing.T) {
	guarded := natstest.Start(t, natstest.Options{Servers: 1, Conf: `
accounts {
  SYS {}
  A { jetstream: enabled, users: [
    {user: all, password: p}
    {user: silent, password: p, permissions: {publish: "nothing", subscribe: "_INBOX.>"}}
  ] }
}
system_account: SYS`})
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("p\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	as := func(user string) stream.Config {
		cfg := on(guarded, 1)
		cfg.NATS.User, cfg.NATS.PasswordFile = user, secret
		return cfg
	}
	if err := begin(t, as("all")); err != nil {
		t.Fatalf("Begin as a user that may do all: %v", err)
	}
	for _, tt := range []struct {
		name string
		cfg  func() stream.Config
		want stream.Refusal
	}{
		{"nobody answers", func() stream.Config {
			cfg := small("")
			cfg.NATS.URLs = []string{"nats://" + natstest.Addr(t)}
			return cfg
		}, stream.RefusedUnreachable},
		{"no credentials", func() stream.Config { return on(guarded, 1) }, stream.RefusedCredentials},
		{"an unknown user", func() stream.Config { return as("nobody") }, stream.RefusedCredentials},
		{"a server without TLS", func() stream.Config {
			cfg := as("all")
			cfg.NATS.URLs[0] = strings.Replace(cfg.NATS.URLs[0], "nats://", "tls://", 1)
			return cfg
		}, stream.RefusedTLS},
		{"a user that may not use JetStream", func() stream.Config { return as("silent") }, stream.RefusedJetStream},
		{"an older server", func() stream.Config { return pretending(t, "2.15.1", 5) }, stream.RefusedVersion},
		{"a server before its release", func() stream.Config { return pretending(t, "2.15.2-RC.1", 5) }, stream.RefusedVersion},
		{"an older JetStream", func() stream.Config { return pretending(t, "2.15.2", 4) }, stream.RefusedAPILevel},
	} {
		t.Run(tt.name, func(t *testing.T) { wantRefused(t, begin(t, tt.cfg()), tt.want) })
	}
}

// pretending is the configuration for something that speaks as a server of that
// version and JetStream of that level; real ones of it are not at hand.
func pretending(t *testing.T, version string, level int) stream.Config {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go pretend(c, version, level)
		}
	}()
	cfg := small("")
	cfg.Timeout = 2 * time.Second
	cfg.NATS.URLs = []string{"nats://" + l.Addr().String()}
	return cfg
}

// pretend answers one client until it goes.
func pretend(c net.Conn, version string, level int) {
	defer c.Close()
	fmt.Fprintf(c, "INFO {\"server_id\":\"X\",\"server_name\":\"old\",\"version\":%q,\"proto\":1,\"headers\":true,\"max_payload\":1048576}\r\n", version)
	sid := ""
	for lines := bufio.NewScanner(c); lines.Scan(); {
		switch f := strings.Fields(lines.Text()); {
		case len(f) == 0:
		case f[0] == "PING":
			fmt.Fprint(c, "PONG\r\n")
		case f[0] == "SUB":
			sid = f[len(f)-1]
		case len(f) > 3 && f[1] == "$JS.API.INFO":
			body := fmt.Sprintf(`{"type":"io.nats.jetstream.api.v1.account_info_response","api":{"level":%d}}`, level)
			fmt.Fprintf(c, "MSG %s %s %d\r\n%s\r\n", f[2], sid, len(body), body)
		}
	}
}

func TestWhatOnlyMonitoringSeesIsRefusedByName(t *testing.T) {
	monitored := func(c *natstest.Cluster, replicas int) stream.Config {
		cfg := on(c, replicas)
		for _, s := range c.Servers() {
			cfg.NATS.Monitor = append(cfg.NATS.Monitor, s.MonitorURL())
		}
		return cfg
	}
	one := natstest.Start(t, natstest.Options{Servers: 1})
	if err := begin(t, monitored(one, 1)); err != nil {
		t.Fatalf("Begin on a server that is as it must be: %v", err)
	}
	t.Run("a server that syncs later", func(t *testing.T) {
		c := natstest.Start(t, natstest.Options{Servers: 1, JetStream: "sync_interval: 2m"})
		wantRefused(t, begin(t, monitored(c, 1)), stream.RefusedSync)
		// A client cannot see it: that is why production needs monitor.
		if err := begin(t, on(c, 1)); err != nil {
			t.Errorf("Begin without monitor = %v, want none: nothing is known", err)
		}
	})
	t.Run("a server with too little room", func(t *testing.T) {
		c := natstest.Start(t, natstest.Options{Servers: 1, JetStream: "max_file_store: 8MB"})
		wantRefused(t, begin(t, monitored(c, 1)), stream.RefusedStore)
	})
	t.Run("a store in memory", func(t *testing.T) {
		dir, err := os.MkdirTemp("/dev/shm", "promptness-test-*")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		c := natstest.Start(t, natstest.Options{Servers: 1, StoreDir: func(int) string { return dir }})
		wantRefused(t, begin(t, monitored(c, 1)), stream.RefusedStore)
	})
	t.Run("an address where no monitoring is", func(t *testing.T) {
		cfg := on(one, 1)
		cfg.NATS.Monitor = []string{"http://" + natstest.Addr(t)}
		wantRefused(t, begin(t, cfg), stream.RefusedMonitor)
	})

	three := natstest.Start(t, natstest.Options{})
	if err := begin(t, monitored(three, 3)); err != nil {
		t.Fatalf("Begin on three servers that are as they must be: %v", err)
	}
	t.Run("a server that is not named", func(t *testing.T) {
		cfg := monitored(three, 1)
		cfg.NATS.Monitor = cfg.NATS.Monitor[:2]
		wantRefused(t, begin(t, cfg), stream.RefusedServers)
	})
	t.Run("one server under two names", func(t *testing.T) {
		cfg := monitored(three, 3)
		cfg.NATS.Monitor[2] = cfg.NATS.Monitor[1] + "/"
		wantRefused(t, begin(t, cfg), stream.RefusedServers)
	})
	t.Run("a server of another cluster", func(t *testing.T) {
		cfg := monitored(three, 3)
		cfg.NATS.Monitor[2] = one.Server(0).MonitorURL()
		wantRefused(t, begin(t, cfg), stream.RefusedServers)
	})
	t.Run("streams with fewer copies", func(t *testing.T) {
		create(t, on(three, 1))
		wantSettings(t, openAt(t, on(three, 3)), "LEDGER_moj", "num_replicas")
	})
	t.Run("one of three is down, and it starts all the same", func(t *testing.T) {
		three.Server(2).Kill()
		if err := begin(t, monitored(three, 3)); err != nil {
			t.Errorf("Begin with one of three servers down: %v", err)
		}
	})
}

func TestProductionIsRefusedWithoutWhatItNeeds(t *testing.T) {
	whole := small("")
	whole.Production, whole.Replicas = true, 3
	whole.NATS = stream.NATS{
		URLs: []string{"tls://nats-1.example.org:4222"}, NKeyFile: "ingest.nk",
		Monitor: []string{"http://a.example.org:8222", "http://b.example.org:8222", "http://c.example.org:8222"},
	}
	if err := whole.Validate(); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		edit func(*stream.Config)
		want string
	}{
		{"one copy", func(c *stream.Config) { c.Replicas = 1 }, "replicas: must be at least 3"},
		{"in this process", func(c *stream.Config) { c.NATS = stream.NATS{} }, "production: needs an external cluster"},
		{"no TLS", func(c *stream.Config) { c.NATS.URLs[0] = "nats://nats-1.example.org:4222" }, "must begin with tls://"},
		{"no credentials", func(c *stream.Config) { c.NATS.NKeyFile = "" }, "production needs an identity"},
		{"one token for all", func(c *stream.Config) { c.NATS.NKeyFile, c.NATS.TokenFile = "", "token" }, "one user for each role"},
		{"monitoring of two", func(c *stream.Config) { c.NATS.Monitor = c.NATS.Monitor[:2] }, "monitor: production needs"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := whole
			cfg.NATS.URLs = append([]string(nil), whole.NATS.URLs...)
			tt.edit(&cfg)
			// Not even reached: it is refused before anything is dialled.
			if err := begin(t, cfg); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Begin = %v, want %q", err, tt.want)
			}
		})
	}
}

// TestMissingDenyFlagsAreRefusedInACluster has each stream made as somebody else
// would make it. A service mends nothing there.
func TestMissingDenyFlagsAreRefusedInACluster(t *testing.T) {
	c := natstest.Start(t, natstest.Options{Servers: 1})
	cfg := on(c, 1)
	create(t, cfg)
	js := jetStreamOf(t, cfg)
	for _, tt := range []struct {
		stream, want string
		edit         func(*jetstream.StreamConfig)
	}{
		{"SIGNALS_moj", "deny_purge", func(c *jetstream.StreamConfig) { c.DenyPurge = false }},
		{"LEDGER_moj", "deny_purge", func(c *jetstream.StreamConfig) { c.DenyPurge = false }},
		{"LEDGER_moj", "deny_delete", func(c *jetstream.StreamConfig) { c.DenyDelete = false }},
		{"DELIVERIES_moj", "deny_delete", func(c *jetstream.StreamConfig) { c.DenyDelete = false }},
		{"KV_INGEST_moj", "deny_purge", func(c *jetstream.StreamConfig) { c.DenyPurge = false }},
		{"KV_LEASES_moj", "deny_delete", func(c *jetstream.StreamConfig) { c.DenyDelete = false }},
		{"KV_LEASES_moj", "allow_rollup_hdrs", func(c *jetstream.StreamConfig) { c.AllowRollup, c.DenyPurge = true, false }},
		{"OBJ_EVIDENCE_moj", "deny_purge", func(c *jetstream.StreamConfig) { c.DenyPurge = false }},
		{"LEDGER_moj", "persist_mode", func(c *jetstream.StreamConfig) { c.PersistMode = jetstream.AsyncPersistMode }},
		{"DELIVERIES_moj", "no_ack", func(c *jetstream.StreamConfig) { c.NoAck = true }},
		{"LEDGER_moj", "max_bytes", func(c *jetstream.StreamConfig) { c.MaxBytes /= 2 }},
		{"LEDGER_moj", "discard", func(c *jetstream.StreamConfig) { c.Discard = jetstream.DiscardOld }},
		{"LEDGER_moj", "storage", func(c *jetstream.StreamConfig) { c.Storage = jetstream.MemoryStorage }},
	} {
		t.Run(tt.stream+" "+tt.want, func(t *testing.T) {
			st, err := js.Stream(t.Context(), tt.stream)
			if err != nil {
				t.Fatal(err)
			}
			right := st.CachedInfo().Config
			right.Metadata = nil
			wrong := right
			tt.edit(&wrong)
			remake := func(c jetstream.StreamConfig) {
				t.Helper()
				if err := js.DeleteStream(t.Context(), tt.stream); err != nil {
					t.Fatal(err)
				}
				if _, err := js.CreateStream(t.Context(), c); err != nil {
					t.Fatal(err)
				}
			}
			remake(wrong)
			wantSettings(t, openAt(t, cfg), tt.stream, tt.want)
			remake(right)
			if err := openAt(t, cfg); err != nil {
				t.Errorf("Open of the stream as it must be: %v", err)
			}
		})
	}
}

// create makes the streams of cfg, as init does.
func create(t *testing.T, cfg stream.Config) {
	t.Helper()
	host, err := stream.Begin(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	nc, err := host.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Create(t.Context(), nc, cfg); err != nil {
		t.Fatal(err)
	}
}

// openAt opens the store of a cluster and closes it.
func openAt(t *testing.T, cfg stream.Config) error {
	t.Helper()
	host, err := stream.Begin(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer host.Close()
	nc, err := host.Connect("test")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	st, err := stream.Open(ctx, nc, cfg, stream.Hooks{}, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	return st.Close()
}

func jetStreamOf(t *testing.T, cfg stream.Config) jetstream.JetStream {
	t.Helper()
	host, err := stream.Begin(t.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	nc, err := host.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	return js
}

// wantSettings checks that a stream is refused and the setting named.
func wantSettings(t *testing.T, err error, name, setting string) {
	t.Helper()
	if err == nil || !isA[*stream.SettingsError](err) ||
		!strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), setting+" is ") {
		t.Errorf("Open = %v, want a SettingsError for %s that names %s", err, name, setting)
	}
}
