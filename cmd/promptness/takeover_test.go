package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// takeoverWithin is how soon another processor works after the first has gone,
// however it went.
const takeoverWithin = 10 * time.Second

// TestAnotherProcessorTakesOverWithinTenSeconds runs two processors and one
// ingestor, each a process of its own, on a nats-server, and has the working one
// killed, stopped and cut off.
func TestAnotherProcessorTakesOverWithinTenSeconds(t *testing.T) {
	f := newFleet(t)
	ingest := f.start(t, "ingest", RoleIngest)
	a, b := f.start(t, "process-a", RoleProcess), f.start(t, "process-b", RoleProcess)

	for _, tt := range []struct {
		name string
		away func(*member)
		back func(*member)
		says string // the one that comes back
	}{
		{"after kill -9", func(m *member) { m.kill() }, func(m *member) { f.again(t, m) }, ""},
		{"after SIGSTOP", func(m *member) { m.signal(t, syscall.SIGSTOP) }, func(m *member) { m.signal(t, syscall.SIGCONT) }, "following the record"},
		{"after it was cut off", func(m *member) { m.link.Partition() }, func(m *member) { m.link.Heal() }, "following the record"},
		{"after an orderly end", func(m *member) { m.stop() }, func(m *member) { f.again(t, m) }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			works, waits := f.leader(t, a, b)
			f.send(t, ingest, tt.name+" before")
			f.recorded(t, works, 1)

			said := works.said()
			tt.away(works)
			gone := time.Now()
			f.send(t, ingest, tt.name+" while it is away")
			eventually.Eventually(t, 3*takeoverWithin, "the other processor to work", func() bool { return waits.status().Leads && waits.status().Ready })
			took := time.Since(gone)
			t.Logf("another processor worked after %s", took.Round(10*time.Millisecond))
			if took > takeoverWithin {
				t.Errorf("takeover %s took %s, want under %s", tt.name, took.Round(time.Millisecond), takeoverWithin)
			}
			f.recorded(t, waits, 2)

			tt.back(works)
			f.send(t, ingest, tt.name+" after")
			f.recorded(t, waits, 3)
			eventually.Eventually(t, 30*time.Second, "the first processor to follow", func() bool {
				return works.status().Entries == waits.status().Entries && !works.status().Leads
			})
			if got := strings.TrimPrefix(works.said(), said); !strings.Contains(got, tt.says) {
				t.Errorf("the one that came back did not say %q; it said:\n%s", tt.says, got)
			}
			f.count += 3
		})
	}
	a.stop()
	b.stop()
	out, err := command(t.Context(), a.dir, "--config", "promptness.yml", "verify").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "verified") || strings.Contains(string(out), "warning") {
		t.Errorf("verify = %v:\n%s", err, out)
	}
	out, err = command(t.Context(), ingest.dir, "--config", "promptness.yml", "verify").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "verified") || !strings.Contains(string(out), "warning: no checkpoint") {
		t.Errorf("verify where no processor ran = %v:\n%s", err, out)
	}
	ingest.stop()
}

// A fleet is several promptness on one nats-server.
type fleet struct {
	nats   *natstest.Cluster
	dir    string
	pepper string
	token  string
	more   string // sources beside the webhook, in YAML
	count  int    // signals sent
}

// A member is one of them.
type member struct {
	*child
	role Role
	link *natstest.Client
}

func newFleet(t *testing.T) *fleet {
	t.Helper()
	f := &fleet{nats: natstest.Start(t, natstest.Options{Servers: 1, Proxied: true}), dir: t.TempDir()}
	f.pepper, f.token = filepath.Join(f.dir, "pepper"), filepath.Join(f.dir, "token")
	for _, file := range []string{f.pepper, f.token} {
		if _, err := makeSecret(file); err != nil {
			t.Fatal(err)
		}
	}
	cfg := stream.Default()
	cfg.NATS.URLs = strings.Split(f.nats.URLs(), ",")
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
	return f
}

// start starts a member with a directory and a line to the server of its own.
func (f *fleet) start(t *testing.T, name string, role Role) *member {
	t.Helper()
	dir := filepath.Join(f.dir, name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	link := f.nats.Client(name)
	hooks, admin := natstest.Addr(t), natstest.Addr(t)
	yaml := fmt.Sprintf(`
listen: {webhooks: %s, admin: %s}
pepper_file: %s
people: [{number: "1001", role: manager, token_file: %s}]
sources:
  - {channel: webhook, name: siem, kind: alertmanager, auth: {kind: bearer, token_file: %s}}
%sstore:
  timeout: 2s
  nats: {urls: [%s]}
`, hooks, admin, f.pepper, f.token, f.token, f.more, strings.Join(link.URLs(), ", "))
	if err := os.WriteFile(filepath.Join(dir, "promptness.yml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	m := &member{child: &child{t: t, dir: dir, hooks: "http://" + hooks, admin: "http://" + admin}, role: role, link: link}
	f.again(t, m)
	return m
}

// again starts a member that has ended.
func (f *fleet) again(t *testing.T, m *member) {
	t.Helper()
	m.run("serve", "--config", "promptness.yml", "--role", string(m.role))
}

func (m *member) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := m.cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// status asks what the member is doing; zero while it does not say.
func (m *member) status() board.Status {
	var s board.Status
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, m.admin+"/v1/status", nil)
	if err != nil {
		m.t.Fatal(err)
	}
	tok, err := os.ReadFile(filepath.Join(filepath.Dir(m.dir), "token"))
	if err != nil {
		m.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(tok)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return s
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return board.Status{}
	}
	return s
}

// leader returns who works and who waits.
func (f *fleet) leader(t *testing.T, a, b *member) (works, waits *member) {
	t.Helper()
	eventually.Eventually(t, 30*time.Second, "one of two processors to work", func() bool {
		return a.status().Leads != b.status().Leads
	})
	if a.status().Leads {
		return a, b
	}
	return b, a
}

// send posts an alert until it is taken.
func (f *fleet) send(t *testing.T, to *member, story string) {
	t.Helper()
	tok, err := os.ReadFile(f.token)
	if err != nil {
		t.Fatal(err)
	}
	body := demoAlert(demoSignal{story: story, started: time.Minute}, time.Now(), nil)
	eventually.Eventually(t, 30*time.Second, "the signal to be taken", func() bool {
		req, err := http.NewRequest(http.MethodPost, to.hooks+"/in/siem", strings.NewReader(string(body)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(tok)))
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		defer res.Body.Close()
		io.Copy(io.Discard, res.Body)
		return res.StatusCode == http.StatusAccepted
	})
}

// recorded waits until n signals more than before the round are incidents.
func (f *fleet) recorded(t *testing.T, by *member, n int) {
	t.Helper()
	eventually.Eventually(t, 30*time.Second, fmt.Sprintf("%d signals to be in the record", f.count+n), func() bool {
		return by.status().Pos.Seq >= uint64(f.count+n)
	})
}
