package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// On the real stream: one follows, takes over, and the one before hears from
// what the log returned that it is to follow again.
func TestOnTheRealStreamAFollowerTakesOverAndTheOldWriterIsFenced(t *testing.T) {
	s := serve(t, t.TempDir())
	var mu sync.Mutex
	var got []uint64
	each := func(e incident.Entry) error {
		mu.Lock()
		defer mu.Unlock()
		got = append(got, e.N)
		return nil
	}
	entry := func(n uint64) []incident.Entry {
		return []incident.Entry{{N: n, At: start, Kind: incident.KindNote, Note: &incident.Note{Code: incident.NoteStarted}}}
	}
	o := ledger.Options{Log: s.store.Ledger(), Vault: s, Checkpoint: t.TempDir() + "/one", Shared: true}
	first, err := ledger.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	o.Checkpoint, o.Each = t.TempDir()+"/two", each
	f, err := ledger.Follow(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	for n := range uint64(5) {
		if err := first.Commit(t.Context(), entry(n+1)); err != nil {
			t.Fatal(err)
		}
	}
	eventually.Eventually(t, 20*time.Second, "the follower to have read them", func() bool {
		n, _, _ := f.Head()
		return n == 5
	})
	cancel()
	if err := <-done; err != nil {
		t.Fatalf("Run = %v", err)
	}
	if cp, err := ledger.ReadCheckpoint(o.Checkpoint); err != nil || cp != first.Checkpoint() {
		t.Errorf("the follower's checkpoint = %+v, %v, want %+v", cp, err, first.Checkpoint())
	}
	second, err := f.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.Commit(t.Context(), entry(6)); err != nil {
		t.Fatal(err)
	}
	err = first.Commit(t.Context(), []incident.Entry{{N: 6, At: start.Add(time.Second), Kind: incident.KindNote, Note: &incident.Note{Code: incident.NoteStarted}}})
	if !errors.Is(err, stream.ErrFenced) {
		t.Errorf("Commit of the old writer = %v, want %v", err, stream.ErrFenced)
	}
	if err := first.Commit(t.Context(), entry(6)); !errors.Is(err, stream.ErrFenced) {
		t.Errorf("its next Commit = %v, want %v still", err, stream.ErrFenced)
	}
	if diff := cmp.Diff("[1 2 3 4 5]", fmt.Sprint(got)); diff != "" {
		t.Errorf("the follower was given (-want +got):\n%s", diff)
	}
}
