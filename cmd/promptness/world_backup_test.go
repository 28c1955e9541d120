package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// runsOf serves for a while under load in a directory of its own, stops, and
// returns the directory: a store as real ones are.
func runsOf(t *testing.T, load time.Duration) (dir string, acked *ackedIDs) {
	t.Helper()
	dir = t.TempDir()
	hooks, admin := configure(t, dir, "")
	c := startChild(t, dir, hooks, admin)
	acked = &ackedIDs{ids: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() { sendLoad(ctx, hooks, token(t, dir, localSource), 0, s, acked) })
	}
	// As long as asked, and until there is something to copy.
	began := time.Now()
	eventually.Eventually(t, time.Minute, "100 signals to be acknowledged", func() bool {
		return time.Since(began) >= load && acked.count() >= 100
	})
	cancel()
	senders.Wait()
	c.stop()
	return dir, acked
}

// prompt runs a command in dir and returns what it printed.
func prompt(t testing.TB, dir string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := command(t.Context(), dir, append([]string{"--config", "promptness.yml"}, args...)...)
	var out, words bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &words
	err = cmd.Run()
	return out.String(), words.String(), err
}

func mustPrompt(t testing.TB, dir string, args ...string) string {
	t.Helper()
	stdout, stderr, err := prompt(t, dir, args...)
	if err != nil {
		t.Fatalf("promptness %s: %v\n%s", args, err, stderr)
	}
	return stdout
}

// elsewhere returns a directory with the configuration and the pepper of dir,
// and no store.
func elsewhere(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range []string{"promptness.yml", "promptness-data/secrets"} {
		from := filepath.Join(dir, name)
		info, err := os.Stat(from)
		if err != nil {
			t.Fatal(err)
		}
		if info.IsDir() {
			err = os.CopyFS(filepath.Join(to, name), os.DirFS(from))
		} else {
			var b []byte
			if b, err = os.ReadFile(from); err == nil {
				err = os.WriteFile(filepath.Join(to, name), b, 0o600)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := private(filepath.Join(to, "promptness-data", "secrets")); err != nil {
		t.Fatal(err)
	}
	return to
}

// private makes everything beneath dir its owner's alone, as a secret must be.
func private(dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return os.Chmod(path, 0o600)
	})
}

// A shelf is a store in this process with what a store can have, and whose
// record is written by a hand of the test.
type shelf struct {
	t      testing.TB
	cfg    Config
	srv    *stream.Server
	store  *stream.Store
	writer *ledger.Writer
	pepper incident.Pepper

	mu   sync.Mutex
	done incident.Pos // covered by the record
}

func newShelf(t testing.TB) *shelf {
	t.Helper()
	dir := t.TempDir()
	cfg := Default()
	cfg.DataDir = dir
	cfg.Store.Dir = filepath.Join(dir, "store")
	cfg.PepperFile = filepath.Join(dir, "secrets", "pepper")
	cfg.Store.MinFree, cfg.Store.Ephemeral = 0, true
	cfg.Store.Timeout = time.Second // an erased signal is waited for
	s := &shelf{t: t, cfg: cfg}
	log := slog.New(slog.DiscardHandler)
	var err error
	if s.srv, err = stream.Start(t.Context(), cfg.Store, log); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	nc, err := s.srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	if s.store, err = stream.Open(t.Context(), nc, cfg.Store, stream.Hooks{}, log); err != nil {
		t.Fatal(err)
	}
	if s.pepper, err = loadPepper(t.Context(), cfg.PepperFile, s.store); err != nil {
		t.Fatal(err)
	}
	if s.writer, err = ledger.Open(t.Context(), ledger.Options{
		Log: s.store.Ledger(), Vault: vault{s.store}, Checkpoint: cfg.CheckpointFile(),
	}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *shelf) close() {
	if s.writer != nil {
		s.writer.Close()
		s.writer = nil
	}
	if s.store != nil {
		s.store.Close()
		s.store = nil
	}
	if err := s.srv.Close(); err != nil {
		s.t.Error(err)
	}
}

// put stores a signal and returns its mark in the record.
func (s *shelf) put(ctx context.Context, raw []byte) (incident.Mark, error) {
	sig := incident.Signal{
		ID: incident.NewSignalID("desk", raw), Source: "desk", Channel: incident.ChannelManual,
		Received: time.Now(), Auth: incident.AuthOwner, Author: "4711", Role: incident.RoleDesk, Raw: raw,
	}
	_, err := s.store.Put(ctx, sig)
	return s.pepper.Signal(sig.ID), err
}

// record writes an entry for each signal that is stored after the last one that
// has one, until n are written or ctx ends.
func (s *shelf) record(ctx context.Context, n int) error {
	r := s.store.Signals(s.done)
	defer r.Close()
	for n > 0 {
		batch, err := r.Batch(ctx, min(n, 50))
		if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
			return nil
		}
		if err != nil {
			return err
		}
		var step []incident.Entry
		n0, prev, _ := s.writer.Head()
		for i, st := range batch {
			step = append(step, incident.Entry{
				N: n0 + uint64(i) + 1, Prev: prev, At: time.Now().UTC(), Pos: st.Pos, Kind: incident.KindQuarantined, Why: incident.WhyUnreadable,
				Signal: incident.SealBare(s.pepper, st, "none"),
			})
			prev = incident.HashOf(ledger.Encode(nil, &step[i]))
		}
		if err := s.writer.Commit(context.WithoutCancel(ctx), step); err != nil {
			return err
		}
		s.mu.Lock()
		s.done = step[len(step)-1].Pos
		s.mu.Unlock()
		n -= len(batch)
	}
	return nil
}

// fill puts n signals, records them, and has a delivery and a position, too.
func (s *shelf) fill(n int) {
	s.t.Helper()
	ctx := s.t.Context()
	for i := range n {
		if _, err := s.put(ctx, fmt.Appendf(nil, "signal %d of the shelf", i)); err != nil {
			s.t.Fatal(err)
		}
	}
	if err := s.record(ctx, n); err != nil {
		s.t.Fatal(err)
	}
	if _, err := s.store.AppendDelivery(ctx, []byte(`{"alert":"example"}`)); err != nil {
		s.t.Fatal(err)
	}
	if err := s.store.Save(ctx, "imap/security mailbox", []byte(`{"validity":1,"uid":12}`)); err != nil {
		s.t.Fatal(err)
	}
}

// shelfOptions are what a backup of s is made with.
func shelfOptions(s *shelf, dir string) backup.Options {
	return backup.Options{
		Dir: dir, Tenant: s.cfg.Store.Tenant, Made: time.Now(), By: "test", Verify: verifyCopy, Free: freeBytes,
	}
}
