package watch_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

func TestAScrubComesEveryDayAndReadsEachCopy(t *testing.T) {
	w := newWorld()
	w.takes = 20 * time.Minute
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(30 * time.Minute)
		if got := wt.Status(); !got.Scrubbed.IsZero() || !got.Scrub.Running || got.Scrub.Replica != "n1" || got.Scrub.Done != 1 {
			t.Errorf("in the first scrub: %+v", got)
		}
		bubble.Advance(40 * time.Minute)
		if got := wt.Status(); got.Scrubbed.IsZero() || got.Took != time.Hour || got.Scrub.Running {
			t.Errorf("after the first scrub: %+v", got)
		}
		bubble.Advance(9*24*time.Hour + 12*time.Hour)
		if got, want := len(w.reads), 3*10; got != want {
			t.Errorf("%d copies were read in ten days, want %d", got, want)
		}
	})
}

func TestACopyThatCannotBeReadIsTriedAgainAndTheOthersAreNot(t *testing.T) {
	w := newWorld()
	w.bad["n1"] = errors.New("connection refused")
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(5 * time.Minute)
		if got := wt.Status(); !got.Scrubbed.IsZero() || wt.Fault() != nil {
			t.Errorf("with a copy away: %+v, %v", got, wt.Fault())
		}
		w.set(func(w *world) { delete(w.bad, "n1") })
		bubble.Advance(10 * time.Minute)
		if wt.Status().Scrubbed.IsZero() {
			t.Error("with all copies again: no scrub was finished")
		}
		if !slices.Equal(w.reads, []string{"n0", "n1", "n2", "n1"}) {
			t.Errorf("read %q", w.reads)
		}
	})
}

func TestASignalThatIsErasedWhileItIsReadIsNoFault(t *testing.T) {
	w := newWorld()
	w.bad["n0"] = &errBad{watch.Fault{Refusal: "signal_unreadable", Stream: "SIGNALS_moj", Signal: incident.Pos{Seq: 9}, StoringSafe: true}}
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(time.Minute + 5*time.Second)
		w.set(func(w *world) { w.erased[9] = true; delete(w.bad, "n0") })
		bubble.Advance(10 * time.Second)
		if f := wt.Fault(); f != nil {
			t.Errorf("when its note has come: %v", f)
		}
		bubble.Advance(20 * time.Minute)
		if f := wt.Fault(); f != nil || wt.Status().Scrubbed.IsZero() {
			t.Errorf("%v, scrubbed %s", f, wt.Status().Scrubbed)
		}
	})
}

// What was read before somebody met a fault says nothing of it.
func TestAReportMakesAllCopiesBeReadAnew(t *testing.T) {
	w := newWorld()
	w.bad["n1"] = errors.New("connection refused")
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(5 * time.Minute)
		w.set(func(w *world) { w.reads = nil })
		wt.Report(&errBad{watch.Fault{Refusal: "ledger_record_bad", Stream: "LEDGER_moj", StoringSafe: true}})
		bubble.Advance(time.Second)
		if !slices.Equal(w.reads, []string{"n0", "n1", "n2"}) {
			t.Errorf("read %q, want all", w.reads)
		}
	})
}

// What the processor meets says not in which copy it stands. All are read at
// once, and the fault is that copy's.
func TestAReportedFaultIsTracedToItsCopy(t *testing.T) {
	w := newWorld()
	w.takes = time.Second
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(time.Hour)
		bad := &errBad{watch.Fault{Refusal: "ledger_messages_lost", Stream: "LEDGER_moj", StoringSafe: true}}
		w.set(func(w *world) { w.bad["n1"], w.reads = bad, nil })
		if wt.Report(errors.New("connection refused")) {
			t.Error("an error that is no fault was taken for one")
		}
		if !wt.Report(bad) {
			t.Error("a fault was not taken for one")
		}
		if f := wt.Fault(); f == nil || f.Replica != "" {
			t.Errorf("when reported: %v", f)
		}
		bubble.Advance(5 * time.Second)
		if all := wt.Faults(); len(all) != 1 || all[0].Replica != "n1" {
			t.Errorf("after all were read: %v, want n1 named", all)
		}
		if !slices.Equal(w.reads, []string{"n0", "n1", "n2"}) {
			t.Errorf("read %q", w.reads)
		}
	})
}

func TestADamageThatMostCopiesHaveIsNotRepairedByThrowingThemAway(t *testing.T) {
	w := newWorld()
	bad := &errBad{watch.Fault{Refusal: "ledger_record_bad", Stream: "LEDGER_moj", StoringSafe: true}}
	w.bad["n1"], w.bad["n2"] = bad, bad
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(2 * time.Minute)
		if all := wt.Faults(); len(all) != 1 || all[0].Replica != "" || all[0].Refusal != "ledger_record_bad" {
			t.Errorf("faults are %v, want one of the whole record", all)
		}
	})
}

// A reading that began before the fault was found may have passed the place.
func TestAFaultThatIsFoundWhileItsCopyIsReadStays(t *testing.T) {
	w := newWorld()
	w.takes = 20 * time.Minute
	run(t, w, func(t *testing.T, wt *watch.Watch) {
		bubble.Advance(2 * time.Minute) // n0 is being read
		w.set(func(w *world) { w.copies[0].First, w.copies[0].Count = 2, 99 })
		bubble.Advance(2 * time.Minute)
		w.set(func(w *world) { w.copies[0].First, w.copies[0].Count = 1, 100 })
		if f := wt.Fault(); f == nil || f.Replica != "n0" {
			t.Fatalf("found %v, want the fault on n0", f)
		}
		bubble.Advance(20 * time.Minute)
		if f := wt.Fault(); f == nil {
			t.Error("it ended with a reading that began before it was found")
		}
		bubble.Advance(3 * time.Hour)
		if f := wt.Fault(); f != nil {
			t.Errorf("it did not end with a reading that began after it: %v", f)
		}
	})
}
