package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// TestABackupUnderLoadIsRestoredWhole copies a running promptness while senders
// post, restores the copy elsewhere, and lets promptness go on there.
func TestABackupUnderLoadIsRestoredWhole(t *testing.T) {
	t.Parallel() // it mostly waits
	dir := t.TempDir()
	hooks, admin := configure(t, dir, "")
	c := startChild(t, dir, hooks, admin)
	acked := &ackedIDs{ids: map[string]int{}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var senders sync.WaitGroup
	for s := range 4 {
		senders.Go(func() { sendLoad(ctx, hooks, token(t, dir, localSource), 0, s, acked) })
	}
	count := func() int {
		acked.mu.Lock()
		defer acked.mu.Unlock()
		return len(acked.ids)
	}
	eventually.Eventually(t, 30*time.Second, "some load", func() bool { return count() > 300 })
	acked.mu.Lock()
	var before []string
	for id := range acked.ids {
		before = append(before, id)
	}
	acked.mu.Unlock()
	told := mustPrompt(t, dir, "--server", admin, "backup", "copy")
	cancel()
	senders.Wait()
	if after := count(); after <= len(before) {
		t.Fatalf("%d signals were acknowledged before the backup and %d after it: there was no load", len(before), after)
	}
	c.stop()
	mustPrompt(t, dir, "export", "-o", "all.jsonl")

	to := elsewhere(t, dir)
	m, err := backup.ReadManifest(filepath.Join(dir, "copy"))
	if err != nil {
		t.Fatal(err)
	}
	for _, words := range []string{told, mustPrompt(t, to, "restore", filepath.Join(dir, "copy"))} {
		for _, want := range []string{fmt.Sprint(m.Record.Entries, " entries and ", m.Record.Signals, " signals"), m.Record.Hash, m.Record.Until.Format(time.RFC3339)} {
			if !strings.Contains(words, want) {
				t.Errorf("it says %q, want %q in it", words, want)
			}
		}
	}
	mustPrompt(t, to, "verify")
	mustPrompt(t, to, "export", "-o", "restored.jsonl")
	all, err1 := os.ReadFile(filepath.Join(dir, "all.jsonl"))
	got, err2 := os.ReadFile(filepath.Join(to, "restored.jsonl"))
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(all, got) || uint64(bytes.Count(got, []byte("\n"))) != m.Record.Entries {
		t.Errorf("the restored record of %d bytes is not the beginning of the record of %d bytes", len(got), len(all))
	}

	// What was stored and not folded yet is folded there.
	startChild(t, to, hooks, admin).stop()
	cfg, err := Load(filepath.Join(to, "promptness.yml"))
	if err != nil {
		t.Fatal(err)
	}
	cfg = inDir(cfg, to)
	pepper, err := readPepper(cfg.PepperFile)
	if err != nil {
		t.Fatal(err)
	}
	made := entriesBySignal(t, cfg)
	for _, id := range before {
		sid, err := incident.ParseSignalID(id)
		if err != nil {
			t.Fatal(err)
		}
		if len(made[pepper.Signal(sid)]) == 0 {
			t.Errorf("signal %s was acknowledged before the backup, and is not in what was restored", id)
		}
	}
	t.Logf("%d signals acknowledged before the backup, %d entries in it, %d in the end", len(before), m.Record.Entries, bytes.Count(all, []byte("\n")))
}

// erase removes a message of SIGNALS, with the note that an erased signal has.
func (s *shelf) erase(seq uint64) {
	s.t.Helper()
	nc, err := s.srv.Connect("eraser")
	if err != nil {
		s.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	st, err := js.Stream(s.t.Context(), "SIGNALS_moj")
	if err == nil {
		err = st.SecureDeleteMsg(s.t.Context(), seq)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	n, prev, _ := s.writer.Head()
	if err := s.writer.Commit(s.t.Context(), []incident.Entry{{
		N: n + 1, Prev: prev, At: time.Now().UTC(), Pos: s.done, Kind: incident.KindNote,
		Note: &incident.Note{Code: incident.NoteErased, Seq: seq},
	}}); err != nil {
		s.t.Fatal(err)
	}
}

// dumps returns all that is in a store, without the times at which it came and
// the revisions of positions.
func dumps(t testing.TB, store *stream.Store) map[stream.Part][]stream.Raw {
	t.Helper()
	all := map[stream.Part][]stream.Raw{}
	for _, s := range backup.Sections() {
		part := stream.Part(s)
		last, err := store.Dump(t.Context(), part, func(r stream.Raw) error {
			r.Time = time.Time{}
			if part == stream.PartPositions {
				r.Seq = 0
			}
			all[part] = append(all[part], r)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if part != stream.PartPositions {
			all[part+" end"] = []stream.Raw{{Seq: last}}
		}
	}
	return all
}

// filled is a shelf with everything: erased signals at the beginning, in
// between and at the end, evidence, deliveries, positions, and a signal that the
// record does not cover yet.
func filled(t testing.TB) *shelf {
	t.Helper()
	s := newShelf(t)
	s.fill(12)
	if _, err := s.put(t.Context(), bytes.Repeat([]byte("evidence "), 100_000)); err != nil {
		t.Fatal(err)
	}
	if err := s.record(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	for _, seq := range []uint64{1, 5, 6} {
		s.erase(seq)
	}
	if _, err := s.put(t.Context(), []byte("the last one")); err != nil {
		t.Fatal(err)
	}
	if err := s.record(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	return s
}

func backedUp(t testing.TB, s *shelf) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "backup")
	if _, err := backupStore(t.Context(), s.store, shelfOptions(s, dir)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// vacant is the configuration of s with another place and the same pepper.
func vacant(t testing.TB, s *shelf) Config {
	t.Helper()
	cfg := s.cfg
	cfg.DataDir = t.TempDir()
	cfg.Store.Dir = filepath.Join(cfg.DataDir, "store")
	return cfg
}

func restoreQuietly(t testing.TB, cfg Config, dir string) error {
	t.Helper()
	_, err := restore(t.Context(), cfg, dir, slog.New(slog.DiscardHandler), func(_, _ int64) {})
	return err
}

// there reports what a restore left in its place.
func there(cfg Config) (store, checkpoint bool) {
	_, err := os.Lstat(filepath.Join(cfg.Store.Dir, storeName))
	_, cerr := os.Lstat(cfg.CheckpointFile())
	return err == nil, cerr == nil
}

func TestARestoredStoreHasTheSameMessagesUnderTheSameSequences(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	if _, err := s.put(t.Context(), []byte("not covered yet")); err != nil {
		t.Fatal(err)
	}
	dir := backedUp(t, s)
	want := dumps(t, s.store)
	cfg := vacant(t, s)
	if err := restoreQuietly(t, cfg, dir); err != nil {
		t.Fatal(err)
	}
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
	store, err := stream.Open(t.Context(), nc, cfg.Store, stream.Hooks{}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	got := dumps(t, store)
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("restored (-want +got):\n%s", d)
	}
	for part, least := range map[stream.Part]int{stream.PartSignals: 11, stream.PartLedger: 3, stream.PartDeliveries: 1, stream.PartPositions: 2, stream.PartEvidence: 7} {
		if len(got[part]) < least {
			t.Errorf("%s has %d messages, want %d or more: the test shows nothing", part, len(got[part]), least)
		}
	}
	// It is a store like any other: its record is opened and goes on.
	w, err := ledger.Open(t.Context(), ledger.Options{Log: store.Ledger(), Vault: vault{store}, Checkpoint: cfg.CheckpointFile()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if n, hash, _ := w.Head(); n == 0 {
		t.Errorf("Head() = %d, %s", n, hash)
	}
}

func TestTheEndOfSignalsIsRestoredAlsoWhereItWasErased(t *testing.T) {
	t.Parallel() // it mostly waits
	s := newShelf(t)
	s.fill(5)
	s.erase(5)
	dir := backedUp(t, s)
	cfg := vacant(t, s)
	if err := restoreQuietly(t, cfg, dir); err != nil {
		t.Fatal(err)
	}
	c, err := backup.Open(t.Context(), dir, backup.Want{Tenant: "moj", Pepper: s.pepper.Check().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.Last(backup.Signals); got != 5 || c.Has(backup.Signals, 5) {
		t.Errorf("signals end with message %d, there = %v, want 5 and erased", got, c.Has(backup.Signals, 5))
	}
}

func TestAStoreThatLostASignalMakesNoBackup(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, tt := range []struct {
		name string
		lose func(s *shelf)
	}{
		{"a signal that the record covers, without a note", func(s *shelf) { s.lose(4) }},
		{"a signal behind the record", func(s *shelf) {
			for i := range 3 {
				if _, err := s.put(s.t.Context(), fmt.Appendf(nil, "late %d", i)); err != nil {
					s.t.Fatal(err)
				}
			}
			s.lose(11)
		}},
		{"the last signal behind the record", func(s *shelf) {
			if _, err := s.put(s.t.Context(), []byte("late")); err != nil {
				s.t.Fatal(err)
			}
			s.lose(11)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newShelf(t)
			s.fill(10)
			tt.lose(s)
			dir := filepath.Join(t.TempDir(), "backup")
			_, err := backupStore(t.Context(), s.store, shelfOptions(s, dir))
			refused, ok := errors.AsType[*backup.RefusedError](err)
			if !ok || refused.Name != backup.RefuseRecord {
				t.Errorf("backup = %v, want %s", err, backup.RefuseRecord)
			}
			if _, err := backup.ReadManifest(dir); err == nil {
				t.Error("there is a manifest all the same")
			}
		})
	}
}

// lose removes a message of SIGNALS and says nothing in the record.
func (s *shelf) lose(seq uint64) {
	s.t.Helper()
	nc, err := s.srv.Connect("thief")
	if err != nil {
		s.t.Fatal(err)
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	st, err := js.Stream(s.t.Context(), "SIGNALS_moj")
	if err == nil {
		err = st.DeleteMsg(s.t.Context(), seq)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

func TestARestoreKilledAtAnyMomentIsFinishedByTheNext(t *testing.T) {
	t.Parallel() // it mostly waits
	dir, _ := runsOf(t, 700*time.Millisecond)
	mustPrompt(t, dir, "backup", "copy")
	mustPrompt(t, dir, "export", "-o", "all.jsonl")
	want, err := os.ReadFile(filepath.Join(dir, "all.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	begun := time.Now()
	mustPrompt(t, elsewhere(t, dir), "restore", filepath.Join(dir, "copy"))
	long := time.Since(begun)
	for range 5 {
		to := elsewhere(t, dir)
		killed := 0
		for try := 0; ; try++ {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(r.Int64N(int64(long))))
			if try == 4 {
				cancel()
				ctx, cancel = context.WithCancel(t.Context())
			}
			out, err := command(ctx, to, "--config", "promptness.yml", "restore", filepath.Join(dir, "copy")).CombinedOutput() // ends with SIGKILL
			wasKilled := ctx.Err() != nil
			cancel()
			if err == nil {
				break
			}
			if !wasKilled {
				t.Fatalf("try %d after %d kills: %v\n%s", try, killed, err, out)
			}
			killed++
			cfg := Default()
			store, checkpoint := there(inDirOf(cfg, to))
			if checkpoint && !store {
				t.Error("there is a checkpoint and no store")
			}
			if checkpoint {
				mustPrompt(t, to, "verify")
				break // it was killed when all was done
			}
		}
		mustPrompt(t, to, "verify")
		mustPrompt(t, to, "export", "-o", "restored.jsonl")
		if got, err := os.ReadFile(filepath.Join(to, "restored.jsonl")); err != nil || !bytes.Equal(got, want) {
			t.Errorf("after %d kills the record is another one: %v", killed, err)
		}
		t.Logf("killed %d times", killed)
	}
}

// inDirOf is where a process in dir keeps what cfg's defaults say.
func inDirOf(cfg Config, dir string) Config {
	cfg.DataDir = filepath.Join(dir, cfg.DataDir)
	cfg.Store.Dir = filepath.Join(cfg.DataDir, "store")
	return cfg
}
