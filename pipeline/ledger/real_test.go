package ledger_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

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
		blocks, index := ledgerFiles(t, dir)
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

// ledgerFiles returns the files in which the server keeps the messages of the
// record, and its index.
func ledgerFiles(t *testing.T, dir string) (blocks []string, index string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if !strings.Contains(path, "LEDGER_") {
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
		t.Fatalf("found %d blocks and index %q of the ledger, %v", len(blocks), index, err)
	}
	return blocks, index
}
