package main

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

func TestASecretIsMadeOnceAndIsWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	// What a start that was killed while it wrote leaves behind is in nobody's way.
	if err := os.WriteFile(filepath.Join(dir, ".new-1"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pepper")
	var made atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			is, err := makeSecret(path)
			if err != nil {
				t.Error(err)
			}
			if is {
				made.Add(1)
			}
			if b, err := os.ReadFile(path); err != nil || len(b) != 2*secretBytes+1 {
				t.Errorf("read %d bytes, %v, want a whole secret whoever made it", len(b), err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times, want once", made.Load())
	}
	st, err := os.Stat(path)
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", st.Mode(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("%d files left, %v, want the secret and what was there before", len(left), err)
	}
}
