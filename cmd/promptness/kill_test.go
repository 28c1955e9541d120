package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// TestKilledUnderLoadTwentyTimesNothingAcknowledgedIsMissing kills a child
// `serve` at random moments while senders post, starts it again, and compares
// the record with what the senders were told.
func TestKilledUnderLoadTwentyTimesNothingAcknowledgedIsMissing(t *testing.T) {
	t.Parallel() // it mostly waits
	const rounds = 20
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir()
	hooks, admin := configure(t, dir, "")
	acked := &ackedIDs{ids: map[string]int{}}
	for round := range rounds {
		c := startChild(t, dir, hooks, admin)
		ctx, cancel := context.WithCancel(context.Background())
		var senders sync.WaitGroup
		for s := range 16 {
			senders.Go(func() { sendLoad(ctx, hooks, token(t, dir, localSource), round, s, acked) })
		}
		pause := time.NewTimer(time.Duration(200+rnd.IntN(700)) * time.Millisecond)
		<-pause.C
		c.kill()
		cancel()
		senders.Wait()
	}
	if len(acked.ids) < rounds {
		t.Fatalf("only %d signals were acknowledged: the test put no load", len(acked.ids))
	}
	t.Logf("%d signals acknowledged, %d of them more than once", len(acked.ids), acked.again())

	// Once more, so that all that is stored is folded; then stopped for good.
	c := startChild(t, dir, hooks, admin)
	c.stop()

	cfg, err := Load(filepath.Join(dir, "promptness.yml"))
	if err != nil {
		t.Fatal(err)
	}
	cfg = inDir(cfg, dir)
	made := entriesBySignal(t, cfg)
	pepper, err := os.ReadFile(cfg.PepperFile)
	if err != nil {
		t.Fatal(err)
	}
	p, err := incident.NewPepper(bytes.TrimSpace(pepper))
	if err != nil {
		t.Fatal(err)
	}
	missing := 0
	for id := range acked.ids {
		sid, err := incident.ParseSignalID(id)
		if err != nil {
			t.Fatal(err)
		}
		if len(made[p.Signal(sid)]) == 0 {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d acknowledged signals are not in the record", missing, len(acked.ids))
	}
	for mark, kinds := range made {
		folded := 0
		for _, k := range kinds {
			if k == incident.KindOpened || k == incident.KindJoined {
				folded++
			}
		}
		if folded != 1 {
			t.Errorf("signal %s was folded %d times: %v", mark, folded, kinds)
		}
	}
	verifyNamesADamagedRecord(t, dir)
}

// ackedIDs are the signals that senders were told are safe.
type ackedIDs struct {
	mu  sync.Mutex
	ids map[string]int
}

func (a *ackedIDs) add(id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ids[id]++
}

func (a *ackedIDs) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.ids)
}

func (a *ackedIDs) again() int {
	n := 0
	for _, k := range a.ids {
		if k > 1 {
			n++
		}
	}
	return n
}

// sendLoad posts alerts until ctx ends or the connection breaks, each tenth twice.
func sendLoad(ctx context.Context, hooks, token string, round, sender int, acked *ackedIDs) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(hooks, "http://"))
	if err != nil {
		return
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	r := bufio.NewReader(conn)
	for k := 0; ctx.Err() == nil; k++ {
		body := demoAlert(demoSignal{story: fmt.Sprintf("load %d %d %d", round, sender, k), started: time.Minute}, time.Now(), nil)
		for range 1 + k%10/9 {
			req := fmt.Sprintf("POST /in/local HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer %s\r\nContent-Length: %d\r\n\r\n%s", token, len(body), body)
			if _, err := io.WriteString(conn, req); err != nil {
				return
			}
			res, err := http.ReadResponse(r, nil)
			if err != nil {
				return
			}
			var a struct{ ID string }
			err = json.NewDecoder(res.Body).Decode(&a)
			if res.StatusCode == http.StatusAccepted && err == nil {
				acked.add(a.ID)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
		}
	}
}

// inDir returns cfg as it is for a process in dir.
func inDir(cfg Config, dir string) Config {
	cfg.DataDir = filepath.Join(dir, cfg.DataDir)
	cfg.Store.Dir = filepath.Join(dir, cfg.Store.Dir)
	cfg.Store.Ephemeral = true
	cfg.PepperFile = filepath.Join(dir, cfg.PepperFile)
	return cfg
}

// entriesBySignal reads the record of a stopped program.
func entriesBySignal(t *testing.T, cfg Config) map[incident.Mark][]incident.Kind {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	srv, err := stream.Start(t.Context(), cfg.Store, log)
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	store, err := stream.Open(t.Context(), nc, cfg.Store, stream.Hooks{}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	made := map[incident.Mark][]incident.Kind{}
	err = store.Ledger().Messages(t.Context(), 1, func(_ uint64, body []byte) error {
		for line := range bytes.SplitSeq(body, []byte("\n")) {
			e, err := ledger.Decode(line)
			if err != nil {
				return err
			}
			if e.Signal != nil {
				made[e.Signal.Mark] = append(made[e.Signal.Mark], e.Kind)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// verifyNamesADamagedRecord runs `promptness verify` on the whole store, then on
// one with a changed byte.
func verifyNamesADamagedRecord(t *testing.T, dir string) {
	t.Helper()
	out, err := command(t.Context(), dir, "--config", "promptness.yml", "verify").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "verified") {
		t.Fatalf("verify of a whole record = %v:\n%s", err, out)
	}
	t.Logf("%s", bytes.TrimSpace(out))
	flipByteOfTheLedger(t, filepath.Join(dir, "promptness-data", "store"))
	out, err = command(t.Context(), dir, "--config", "promptness.yml", "verify").CombinedOutput()
	if err == nil {
		t.Fatalf("verify of a changed record passed:\n%s", out)
	}
	if !strings.Contains(string(out), "entry ") {
		t.Errorf("verify does not name the record:\n%s", out)
	}
	t.Logf("%s", bytes.TrimSpace(out))
}

// flipByteOfTheLedger changes one letter in the middle of an entry on disk.
func flipByteOfTheLedger(t *testing.T, store string) {
	t.Helper()
	var block string
	err := filepath.WalkDir(store, func(path string, d fs.DirEntry, err error) error {
		if err == nil && strings.Contains(path, "LEDGER_moj") && strings.HasSuffix(path, ".blk") && block == "" {
			block = path
		}
		return err
	})
	if err != nil || block == "" {
		t.Fatalf("find the ledger's block below %s: %q, %v", store, block, err)
	}
	b, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b[len(b)/2:], []byte(`"kind":"opened"`))
	if at < 0 {
		t.Fatal("no opened entry in the second half of the block")
	}
	b[len(b)/2+at+len(`"kind":"o`)] ^= 1
	if err := os.WriteFile(block, b, 0o600); err != nil {
		t.Fatal(err)
	}
}
