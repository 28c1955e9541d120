package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// One byte of the real store's files is changed while nobody looks. The server
// itself then serves a shorter record, or one with a hole, and calls itself
// healthy: it is the chain and the checkpoint that notice.
func TestAChangedByteInTheRealStoreIsFoundAndTheRecordNamed(t *testing.T) {
	w := varied(t, 1, 40)
	clean := t.TempDir()
	s := serve(t, clean)
	for i, body := range w.log.Bodies {
		if err := s.store.Ledger().Append(t.Context(), body, uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ledger.Verify(t.Context(), s.store.Ledger(), w.vault, w.path, nil); err != nil {
		t.Fatalf("Verify as it is = %v", err)
	}
	s.shut()

	r := rand.New(rand.NewPCG(1, 4))
	found := map[ledger.Refusal]int{}
	for i := range 24 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(clean)); err != nil {
			t.Fatal(err)
		}
		blocks, index := filesOf(t, dir, "LEDGER_")
		b, err := os.ReadFile(blocks[0])
		if err != nil {
			t.Fatal(err)
		}
		at := r.IntN(len(b))
		m := messageAt(t, w, b, at)
		b[at] ^= 1 << r.IntN(8)
		if err := os.WriteFile(blocks[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // as after a crash
			if err := os.Remove(index); err != nil {
				t.Fatal(err)
			}
		}
		s := serve(t, dir)
		_, err = ledger.Verify(t.Context(), s.store.Ledger(), w.vault, w.path, nil)
		refused, ok := errors.AsType[*ledger.RefusedError](err)
		if !ok || refused.Seq != m || entryAt(w, int(m)-1, 0) > refused.N || refused.N > entryAt(w, int(m)-1, len(w.log.Bodies[m-1])) {
			t.Errorf("byte %d of %d changed, in message %d: Verify = %v, want it named", at, len(b), m, err)
		} else {
			found[refused.Name]++
		}
		if _, err := ledger.Open(t.Context(), ledger.Options{Log: s.store.Ledger(), Vault: w.vault, Checkpoint: w.path}); err == nil {
			t.Errorf("byte %d of %d changed: Open = nil", at, len(b))
		}
		s.shut()
	}
	t.Logf("found %v", found)
}

// messageAt returns the message to whose record in the block a byte belongs.
func messageAt(t *testing.T, w *world, block []byte, at int) uint64 {
	t.Helper()
	const checksum = 8 // bytes, behind the body
	for i, body := range w.log.Bodies {
		start := bytes.Index(block, body)
		if start < 0 {
			t.Fatalf("message %d is not in the block", i+1)
		}
		if at < start+len(body)+checksum {
			return uint64(i) + 1
		}
	}
	t.Fatalf("byte %d is behind the last message", at)
	return 0
}

// One byte of a signal is changed. The record is whole; what it commits to is
// not.
func TestAChangedByteOfARealSignalIsFoundAndItsEntryNamed(t *testing.T) {
	const signals = 30
	dir := t.TempDir()
	clean, path := filepath.Join(dir, "clean"), filepath.Join(dir, "checkpoint")
	s := serve(t, clean)
	wr, err := ledger.Open(t.Context(), ledger.Options{Log: s.store.Ledger(), Vault: s, Checkpoint: path})
	if err != nil {
		t.Fatal(err)
	}
	var raws [][]byte
	for i := range signals {
		raw := bytes.Repeat(fmt.Appendf(nil, "signal %d ", i), 50)
		raws = append(raws, raw)
		receipt, err := s.store.Put(t.Context(), incident.Signal{
			ID: incident.NewSignalID("desk", raw), Source: "desk", Channel: incident.ChannelManual,
			Received: start, Auth: incident.AuthOwner, Author: "4711", Role: incident.RoleDesk, Raw: raw,
		})
		if err != nil {
			t.Fatal(err)
		}
		stored, err := s.Signal(t.Context(), receipt.Pos)
		if err != nil {
			t.Fatal(err)
		}
		if err := wr.Commit(t.Context(), []incident.Entry{{
			N: uint64(i) + 1, At: start, Pos: receipt.Pos, Kind: incident.KindIgnored, Why: incident.WhyNotIncident,
			Signal: &incident.SignalRecord{Mark: incident.Mark{1}, Commit: stored.Commit, Pos: receipt.Pos, Source: "desk",
				Channel: incident.ChannelManual, Received: start, Receipt: start, Interpreter: "manual/1"},
		}}); err != nil {
			t.Fatal(err)
		}
	}
	wr.Close()
	if report, err := ledger.Verify(t.Context(), s.store.Ledger(), s, path, nil); err != nil || report.Signals != signals {
		t.Fatalf("Verify as it is = %+v, %v", report, err)
	}
	s.shut()

	r := rand.New(rand.NewPCG(1, 5))
	found := map[ledger.Refusal]int{}
	for i := range 16 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(clean)); err != nil {
			t.Fatal(err)
		}
		blocks, index := filesOf(t, dir, "SIGNALS_")
		b, err := os.ReadFile(blocks[0])
		if err != nil {
			t.Fatal(err)
		}
		n := r.IntN(signals)
		if i < 2 {
			n = signals - 1
		}
		b[bytes.Index(b, raws[n])+r.IntN(len(raws[n]))] ^= 1 << r.IntN(8)
		if err := os.WriteFile(blocks[0], b, 0o600); err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 { // as after a crash
			if err := os.Remove(index); err != nil {
				t.Fatal(err)
			}
		}
		s := serve(t, dir)
		_, err = ledger.Verify(t.Context(), s.store.Ledger(), s, path, nil)
		if refused, ok := errors.AsType[*ledger.RefusedError](err); !ok || refused.N != uint64(n)+1 {
			t.Errorf("signal %d changed: Verify = %v, want entry %d named", n, err, n+1)
		} else {
			found[refused.Name]++
		}
		s.shut()
	}
	t.Logf("found %v", found)
}

// filesOf returns the files in which the server keeps the messages of a
// stream, and its index.
func filesOf(t *testing.T, dir, stream string) (blocks []string, index string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if !strings.Contains(path, stream) || strings.Contains(path, "obs") {
			return err
		}
		switch {
		case filepath.Ext(path) == ".blk":
			blocks = append(blocks, path)
		case filepath.Base(path) == "index.db":
			index = path
		}
		return err
	})
	if err != nil || len(blocks) == 0 || index == "" {
		t.Fatalf("found %d blocks and index %q of %s, %v", len(blocks), index, stream, err)
	}
	return blocks, index
}
