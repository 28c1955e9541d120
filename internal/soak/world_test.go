package soak_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

const (
	pepper = "6f1ed002ab5595859014ebf0951522d96f1ed002ab5595859014ebf0951522d9"
	token  = "soak-token-of-both-sources-0123456789"
)

// A world is all that a run meets.
type world struct {
	t        *testing.T
	nats     *natstest.Cluster
	disk     *disk
	receiver *receiver
	all      []*process
	dir      string
}

// newWorld starts everything and returns when both ways in take signals.
func newWorld(t *testing.T, seed uint64) *world {
	t.Helper()
	w := &world{t: t, dir: keptDir(t), receiver: newReceiver(t, seed)}
	w.disk = newDisk(t)
	w.nats = natstest.Start(t, natstest.Options{
		Proxied: true, Dir: w.dir, JetStream: "max_file_store: 20GB",
		StoreDir: func(i int) string {
			if servers[i] == smallDisk {
				return filepath.Join(w.disk.dir, "store")
			}
			return ""
		},
	})
	store := w.operator(t)
	made, err := stream.Create(t.Context(), store, w.storeConfig())
	if err != nil {
		t.Fatalf("create streams: %v (%v)", err, made)
	}
	program := filepath.Join(w.dir, "promptness")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/promptness")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build promptness: %v\n%s", err, out)
	}
	w.write("pepper", pepper)
	w.write("token", token)
	for _, name := range processes {
		role, _, _ := strings.Cut(name, "-")
		p := &process{t: t, name: name, program: program, dir: filepath.Join(w.dir, name), webhooks: natstest.Addr(t), api: natstest.Addr(t)}
		p.args = []string{"serve", "--config", "promptness.yml", "--role", role}
		if err := os.MkdirAll(p.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		w.write(filepath.Join(name, "promptness.yml"), w.configure(p))
		w.all = append(w.all, p)
		t.Cleanup(p.kill)
		p.start()
	}
	for _, p := range w.all[:2] {
		eventually.Eventually(t, time.Minute, p.name+" takes signals", func() bool {
			status, _ := p.get("/readyz")
			return status == 200
		})
	}
	return w
}

// keptDir returns a directory that stays when the test fails.
func keptDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "promptness-soak-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("what the processes said is kept in %s", dir)
			return
		}
		_ = os.RemoveAll(dir)
	})
	return dir
}

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text+"\n"), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// configure returns the configuration of one process.
func (w *world) configure(p *process) string {
	var urls []string
	for _, u := range w.nats.Client(p.name).URLs() {
		urls = append(urls, fmt.Sprintf("%q", u))
	}
	return fmt.Sprintf(`data_dir: data
pepper_file: %[1]s/pepper
store:
  replicas: 3
  max_bytes: {signals: 2GiB, ledger: 2GiB, deliveries: 1GiB, positions: 64MiB, evidence: 256MiB}
  nats: {urls: [%[2]s]}
listen: {webhooks: %[3]q, admin: %[4]q}
sources:
  - name: %[5]s
    channel: webhook
    kind: json
    auth: {kind: bearer, token_file: %[1]s/token}
    mapping: {keys: 'p.keys.map(k, {"kind": "ticket", "value": k})', detected: p.?detected.orValue(null)}
  - name: %[6]s
    channel: webhook
    kind: json
    tells: reported
    auth: {kind: bearer, token_file: %[1]s/token}
    mapping: {keys: 'p.keys.map(k, {"kind": "ticket", "value": k})'}
policies:
  - {id: %[7]s, title: Soon, from: 2020-01-01, start: detected, stop: reported, limit: %[8]s, warn: [%[9]s], remind: [%[10]s]}
alerting:
  alertmanager: {peers: [{name: am, url: %[11]q}]}
`, w.dir, strings.Join(urls, ", "), p.webhooks, p.api, toolSource, deskSource,
		quickPolicy, quickLimit, quickWarn, quickRemind, w.receiver.URL)
}

func (w *world) storeConfig() stream.Config {
	cfg := stream.Default()
	cfg.Replicas = 3
	cfg.MaxBytes = stream.Limits{
		Signals: 2 * stream.GiB, Ledger: 2 * stream.GiB, Deliveries: stream.GiB,
		Positions: 64 * stream.MiB, Evidence: 256 * stream.MiB,
	}
	for _, s := range w.nats.Servers() {
		cfg.NATS.URLs = append(cfg.NATS.URLs, "nats://"+s.Addr())
	}
	return cfg
}

// operator returns a connection that no fault cuts.
func (w *world) operator(t *testing.T) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(strings.Join(w.storeConfig().NATS.URLs, ","), append(stream.ConnOptions("soak"),
		nats.PingInterval(time.Second), nats.MaxPingsOutstanding(2), nats.Timeout(2*time.Second))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// open opens the streams as a reader of them does.
func (w *world) open(t *testing.T) *stream.Store {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	store, err := stream.Open(t.Context(), w.operator(t), w.storeConfig(), stream.Hooks{}, log)
	if err != nil {
		t.Fatalf("open the streams: %v", err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func (w *world) process(name string) *process {
	for _, p := range w.all {
		if p.name == name {
			return p
		}
	}
	return nil
}

func (w *world) server(name string) *natstest.Server {
	for _, s := range w.nats.Servers() {
		if s.Name() == name {
			return s
		}
	}
	return nil
}

// holder returns the process that holds a lease, as every server that answers
// says; nil where none does.
func (w *world) holder(ctx context.Context, js jetstream.JetStream, lease string) *process {
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	kv, err := js.KeyValue(ctx, "LEASES_"+stream.DefaultTenant)
	if err != nil {
		return nil
	}
	e, err := kv.Get(ctx, lease)
	if err != nil {
		return nil
	}
	var text struct {
		Holder string `json:"holder"` // machine/pid/digits
	}
	if json.Unmarshal(e.Value(), &text) != nil {
		return nil
	}
	parts := strings.Split(text.Holder, "/")
	if len(parts) != 3 {
		return nil
	}
	pid, _ := strconv.Atoi(parts[1])
	for _, p := range w.all {
		if p.pid() == pid && pid != 0 {
			return p
		}
	}
	return nil
}

// A disk is a small file system of its own.
type disk struct {
	t   testing.TB
	dir string
}

// diskSize is more than a run stores on one server.
const diskSize = "4g"

func newDisk(t testing.TB) *disk {
	t.Helper()
	d := &disk{t: t, dir: t.TempDir()}
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "size="+diskSize); err != nil {
		t.Fatalf("mount a small disk: %v; the test needs CAP_SYS_ADMIN: run it as root (docker run --cap-add SYS_ADMIN), or where user namespaces are allowed", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(d.dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount %s: %v", d.dir, err)
		}
	})
	return d
}

// fill leaves no room on the disk: it becomes as small as what is on it.
func (d *disk) fill() {
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		d.t.Errorf("ask %s for its room: %v", d.dir, err)
		return
	}
	// It may have grown meanwhile: then a size below is refused.
	for more := int64(64 << 10); ; more *= 2 {
		used := int64(st.Blocks-st.Bfree)*st.Bsize + more
		err := syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT, fmt.Sprintf("size=%d", used))
		if err == nil {
			return
		}
		if more > 64<<20 {
			d.t.Errorf("fill %s: %v", d.dir, err)
			return
		}
	}
}

// empty gives the disk its room back.
func (d *disk) empty() {
	if err := syscall.Mount("tmpfs", d.dir, "tmpfs", syscall.MS_REMOUNT, "size="+diskSize); err != nil {
		d.t.Errorf("make room on %s: %v", d.dir, err)
	}
}
