package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger/ledgertest"
)

// Every write fails once and is not there, and fails once and is there. After
// each the record is whole, what was acknowledged is in it, and the next step
// goes on behind what is there.
func TestACrashAtAnyWriteLeavesAWholeRecord(t *testing.T) {
	for _, f := range []struct {
		name   string
		inject func(w *world, wr *ledger.Writer)
		want   error
		there  bool
	}{
		{"append fails, nothing is there", func(w *world, _ *ledger.Writer) { w.log.Next = ledgertest.FailedBefore }, ledgertest.ErrFault, false},
		{"append fails, the step is there", func(w *world, _ *ledger.Writer) { w.log.Next = ledgertest.FailedAfter }, ledgertest.ErrFault, true},
		{"checkpoint is not written", func(_ *world, wr *ledger.Writer) { wr.FailCheckpoint(ledger.WriteFails) }, ledger.ErrDisk, true},
		{"checkpoint is torn", func(_ *world, wr *ledger.Writer) { wr.FailCheckpoint(ledger.WriteTorn) }, ledger.ErrDisk, true},
		{"checkpoint is written, sync fails", func(_ *world, wr *ledger.Writer) { wr.FailCheckpoint(ledger.SyncFails) }, ledger.ErrDisk, true},
		{"checkpoint is lost, sync fails", func(_ *world, wr *ledger.Writer) { wr.FailCheckpoint(ledger.SyncFailsLost) }, ledger.ErrDisk, true},
	} {
		for _, before := range []int{0, 1, 2, 3} {
			t.Run(f.name, func(t *testing.T) {
				w := newWorld(t)
				wr := w.mustOpen(t)
				var want []incident.Entry
				for range before {
					entries := w.next(wr, 2)
					if err := wr.Commit(t.Context(), entries); err != nil {
						t.Fatal(err)
					}
					want = append(want, entries...)
				}
				f.inject(w, wr)
				entries := w.next(wr, 2)
				if err := wr.Commit(t.Context(), entries); !errors.Is(err, f.want) {
					t.Fatalf("Commit = %v, want %v", err, f.want)
				}
				if n, _, _ := wr.Head(); n != uint64(len(want)) {
					t.Errorf("Head = %d after a failed commit, want %d: nobody may be told", n, len(want))
				}
				if _, ok := errors.AsType[*ledger.SpentError](wr.Commit(t.Context(), w.next(wr, 1))); !ok {
					t.Error("the writer goes on after a commit that failed")
				}
				if f.there {
					want = append(want, entries...)
				}

				wr, got, err := w.open(t)
				if err != nil {
					t.Fatalf("Open after the crash = %v", err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("after the crash: -want +got\n%s", diff)
				}
				if cp, err := ledger.ReadCheckpoint(w.path); err != nil || cp.N != uint64(len(want)) {
					t.Errorf("checkpoint after Open = %+v, %v, want entry %d", cp, err, len(want))
				}
				if err := wr.Commit(t.Context(), w.next(wr, 1)); err != nil {
					t.Errorf("Commit after the crash = %v", err)
				}
				if _, err := ledger.Verify(t.Context(), w.log, w.vault, w.path, nil); err != nil {
					t.Errorf("Verify = %v", err)
				}
			})
		}
	}
}

func TestAStaleWriterIsFencedAndStops(t *testing.T) {
	w := newWorld(t)
	old := w.mustOpen(t)
	step := w.next(old, 1)
	if err := w.mustOpen(t).Commit(t.Context(), w.next(old, 1)); err != nil {
		t.Fatal(err)
	}
	if err := old.Commit(t.Context(), step); !errors.Is(err, ledgertest.ErrFenced) {
		t.Errorf("Commit = %v, want %v", err, ledgertest.ErrFenced)
	}
	if len(w.log.Bodies) != 1 {
		t.Errorf("%d messages, want 1", len(w.log.Bodies))
	}
	_, ok := errors.AsType[*ledger.SpentError](old.Commit(t.Context(), step))
	if !ok {
		t.Error("the stale writer goes on")
	}
}

func TestACheckpointThatCannotBeWrittenAtStartStopsTheStart(t *testing.T) {
	w := newWorld(t)
	w.path = t.TempDir() + "/no such directory/checkpoint"
	if _, _, err := w.open(t); err == nil {
		t.Error("Open took a path in a directory that is not there")
	}
}

func TestAStepThatCannotStandInTheRecordIsNotStored(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(entries []incident.Entry)
	}{
		{"a number is left out", func(es []incident.Entry) { es[1].N++ }},
		{"a number comes again", func(es []incident.Entry) { es[1].N-- }},
		{"time runs backwards from the record", func(es []incident.Entry) { es[0].At = start.Add(-1) }},
		{"time runs backwards in the step", func(es []incident.Entry) { es[1].At = es[0].At.Add(-1) }},
		{"the position runs backwards", func(es []incident.Entry) { es[1].Pos = incident.Pos{} }},
		{"an unknown kind", func(es []incident.Entry) { es[1].Kind = "strange" }},
		{"a mail address for a source", func(es []incident.Entry) { es[0].Signal.Source = "jo@example.org" }},
		{"a year that RFC 3339 does not know", func(es []incident.Entry) { es[1].At = start.AddDate(9000, 0, 0) }},
		{"rules that are no JSON", func(es []incident.Entry) { es[1].Text = []byte("{") }},
		{"more than one message holds", func(es []incident.Entry) {
			es[1].Moved = make([]uint64, ledger.MaxBody)
			for i := range es[1].Moved {
				es[1].Moved[i] = 1
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			wr := w.mustOpen(t)
			if err := wr.Commit(t.Context(), w.next(wr, 1)); err != nil {
				t.Fatal(err)
			}
			entries := w.next(wr, 2)
			tt.change(entries)
			if _, ok := errors.AsType[*ledger.StepError](wr.Commit(t.Context(), entries)); !ok {
				t.Errorf("Commit = %v, want a StepError", wr.Commit(t.Context(), entries))
			}
			if len(w.log.Bodies) != 1 {
				t.Errorf("%d messages are stored, want 1", len(w.log.Bodies))
			}
			if err := wr.Commit(t.Context(), w.next(wr, 2)); err != nil {
				t.Errorf("Commit of a good step after it = %v", err)
			}
		})
	}
}

func TestNothingIsNoStep(t *testing.T) {
	w := newWorld(t)
	if err := w.mustOpen(t).Commit(t.Context(), nil); err != nil || len(w.log.Bodies) != 0 {
		t.Errorf("Commit(nil) = %v, %d messages, want none", err, len(w.log.Bodies))
	}
}

func TestOpenEndsWithItsContextAndWithEach(t *testing.T) {
	w := newWorld(t)
	w.stored(t, 5000)
	stop := errors.New("enough")
	o := ledger.Options{Log: w.log, Vault: w.vault, Checkpoint: w.path, Each: func(e incident.Entry) error {
		if e.N == 3 {
			return stop
		}
		return nil
	}}
	if _, err := ledger.Open(t.Context(), o); !errors.Is(err, stop) {
		t.Errorf("Open = %v, want %v", err, stop)
	}
	ctx, cancel := context.WithCancel(t.Context())
	o.Each = func(e incident.Entry) error {
		if e.N == 3 {
			cancel()
		}
		return nil
	}
	if _, err := ledger.Open(ctx, o); !errors.Is(err, context.Canceled) {
		t.Errorf("Open = %v, want %v", err, context.Canceled)
	}
}

func TestProgressReachesItsTotal(t *testing.T) {
	w := newWorld(t)
	w.stored(t, 5000)
	var told [][2]uint64
	_, err := ledger.Open(t.Context(), ledger.Options{Log: w.log, Vault: w.vault, Checkpoint: w.path,
		Progress: func(done, total uint64) { told = append(told, [2]uint64{done, total}) }})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][2]uint64{{4096, 5000}, {5000, 5000}}, told); diff != "" {
		t.Errorf("progress: -want +got\n%s", diff)
	}
}
