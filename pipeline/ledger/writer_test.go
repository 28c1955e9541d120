package ledger_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger/ledgertest"
)

// A world is a store, a vault and a checkpoint file that outlive the writer.
type world struct {
	log   *ledgertest.Memory
	vault *ledgertest.Vault
	path  string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return &world{
		log:   &ledgertest.Memory{},
		vault: &ledgertest.Vault{},
		path:  filepath.Join(t.TempDir(), "checkpoint"),
	}
}

func (w *world) open(t *testing.T) (*ledger.Writer, []incident.Entry, error) {
	t.Helper()
	var got []incident.Entry
	wr, err := ledger.Open(t.Context(), ledger.Options{
		Log: w.log, Vault: w.vault, Checkpoint: w.path,
		Each: func(e incident.Entry) error { got = append(got, e); return nil },
	})
	if wr != nil {
		t.Cleanup(func() { wr.Close() })
	}
	return wr, got, err
}

func (w *world) mustOpen(t *testing.T) *ledger.Writer {
	t.Helper()
	wr, _, err := w.open(t)
	if err != nil {
		t.Fatalf("Open = %v", err)
	}
	return wr
}

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// next returns count entries, each of one signal, that go on after the writer's head.
func (w *world) next(wr *ledger.Writer, count int) []incident.Entry {
	n, _, seq := wr.Head()
	entries := make([]incident.Entry, count)
	for i := range entries {
		entries[i] = w.signal(n+1+uint64(i), incident.Pos{Seq: seq + 1, Index: i})
	}
	return entries
}

// signal puts a signal into the vault and returns the entry n of it.
func (w *world) signal(n uint64, pos incident.Pos) incident.Entry {
	s := incident.Stored{Pos: pos, Commit: incident.Digest{byte(pos.Seq), byte(pos.Seq >> 8), byte(pos.Index), 1}}
	w.vault.Put(s)
	return incident.Entry{
		N: n, At: start.Add(time.Duration(pos.Seq) * time.Second), Pos: pos,
		Kind: incident.KindIgnored, Why: incident.WhyNotIncident,
		Signal: &incident.SignalRecord{
			Mark: incident.Mark{1}, Commit: s.Commit, Pos: pos, Source: "desk",
			Channel: incident.ChannelManual, Received: start, Receipt: start, Interpreter: "manual/1",
		},
	}
}

// stored puts a record of so many messages in place as if it had been
// committed, without the writes to a disk, and returns its entries.
func (w *world) stored(t *testing.T, messages int) []incident.Entry {
	t.Helper()
	var all []incident.Entry
	var head ledger.Checkpoint
	for seq := range messages {
		var body []byte
		for i := range 1 + seq%3 {
			e := w.signal(uint64(len(all))+1, incident.Pos{Seq: uint64(seq) + 1, Index: i})
			e.V, e.Prev = incident.EntryVersion, head.Hash
			line := ledger.Encode(nil, &e)
			head = ledger.Checkpoint{N: e.N, Seq: uint64(seq) + 1, Hash: incident.HashOf(line)}
			if i > 0 {
				body = append(body, '\n')
			}
			body = append(body, line...)
			all = append(all, e)
		}
		w.log.Bodies = append(w.log.Bodies, body)
	}
	w.mark(t, head)
	return all
}

// mark makes cp the checkpoint, in a new file.
func (w *world) mark(t *testing.T, cp ledger.Checkpoint) {
	t.Helper()
	w.path = filepath.Join(t.TempDir(), "checkpoint")
	f, err := ledger.OpenCheckpoint(w.path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Write(cp); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

func TestWhatIsCommittedIsReadBack(t *testing.T) {
	w := newWorld(t)
	wr := w.mustOpen(t)
	var want []incident.Entry
	for step := range 100 {
		entries := w.next(wr, 1+step%3)
		if err := wr.Commit(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
		want = append(want, entries...)
	}
	for _, from := range []uint64{0, 1, 2, 64, 65, 100, uint64(len(want)), uint64(len(want)) + 1} {
		got := []incident.Entry{}
		for e, err := range wr.Entries(t.Context(), from) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, e)
		}
		if diff := cmp.Diff(want[max(from, 1)-1:], got); diff != "" {
			t.Errorf("Entries(%d): -want +got\n%s", from, diff)
		}
	}
	_, got, err := w.open(t)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Open: -want +got\n%s", diff)
	}
	report, err := ledger.Verify(t.Context(), w.log, w.vault, w.path, nil)
	if err != nil || report.Entries != uint64(len(want)) || report.Messages != 100 || report.Signals != uint64(len(want)) {
		t.Errorf("Verify = %+v, %v", report, err)
	}
}

func TestManyEntriesAreReadFromAnyPlace(t *testing.T) {
	w := newWorld(t)
	want := w.stored(t, 3000)
	wr := w.mustOpen(t)
	for _, from := range []uint64{1, 2, 777, uint64(len(want)) - 2001, uint64(len(want)) - 2000, uint64(len(want))} {
		n := from
		for e, err := range wr.Entries(t.Context(), from) {
			if err != nil {
				t.Fatal(err)
			}
			if e.N != n {
				t.Fatalf("Entries(%d) yields %d, want %d", from, e.N, n)
			}
			n++
		}
		if n != uint64(len(want))+1 {
			t.Errorf("Entries(%d) ends before %d, want %d", from, n, len(want)+1)
		}
		for e, err := range wr.Entries(t.Context(), from) {
			if err != nil || e.N != from {
				t.Errorf("Entries(%d) yields %d, %v", from, e.N, err)
			}
			break
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, from := range []uint64{1, uint64(len(want))} {
		var last error
		for _, err := range wr.Entries(ctx, from) {
			last = err
		}
		if !errors.Is(last, context.Canceled) {
			t.Errorf("Entries(%d) with an ended context ends with %v, want %v", from, last, context.Canceled)
		}
	}
}

// What is committed while somebody reads is for the next reading.
func TestAReadingEndsWhereTheRecordEndedWhenItBegan(t *testing.T) {
	w := newWorld(t)
	wr := w.mustOpen(t)
	if err := wr.Commit(t.Context(), w.next(wr, 2)); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, err := range wr.Entries(t.Context(), 1) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen == 1 {
			if err := wr.Commit(t.Context(), w.next(wr, 1)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if seen != 2 {
		t.Errorf("%d entries, want 2", seen)
	}
}
