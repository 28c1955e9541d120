package pipeline_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline"
)

func TestThresholdsAreCrossedOnTheMinuteAndNotBefore(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		w.detected("a", time.Now())
		bubble.Advance(30*time.Minute - time.Millisecond)
		if got := w.alerts(); len(got) != 0 {
			t.Errorf("one millisecond early: %v", got)
		}
		bubble.Advance(2 * time.Millisecond)
		bubble.Advance(20 * time.Minute)
		w.readUpTo(time.Now().Add(time.Hour))
		bubble.Advance(10*time.Minute - 2*time.Millisecond)
		want := []string{"warn-30m/1 active", "warn-50m/1 active"}
		if diff := cmp.Diff(want, w.alerts()); diff != "" {
			t.Errorf("one millisecond before the limit (-want +got):\n%s", diff)
		}
		w.wantState(incident.Running)
		bubble.Advance(2 * time.Millisecond)
		if diff := cmp.Diff(append(want, "deadline/1 active"), w.alerts()); diff != "" {
			t.Errorf("one millisecond after the limit (-want +got):\n%s", diff)
		}
		w.wantState(incident.Overdue)
	})
}

func TestAReportAtExactlyTheLimitIsMet(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		start := time.Now()
		w.detected("a", start)
		bubble.Advance(time.Hour)
		w.reported("a", start.Add(time.Hour))
		w.wantState(incident.Met)
	})
}

func TestADeadlineWaitsForItsSourcesButNotLongerThanTwoMinutes(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		start := time.Now()
		w.detected("late", start)
		bubble.Advance(time.Hour + 2*time.Minute - time.Second)
		if got := w.alerts(); slices.Contains(got, "deadline/1 active") {
			t.Errorf("told although the mailbox was not read: %v", got)
		}
		bubble.Advance(2 * time.Second)
		if got := w.alerts(); !slices.Contains(got, "deadline/1 active") {
			t.Errorf("not told after two minutes: %v", got)
		}
		bar, ok := w.last().Clocks[0].Find(incident.Deadline)
		if !ok || !slices.Equal(bar.Unread, []incident.SourceName{"mailbox"}) {
			t.Errorf("the alert names %v as not read, want the mailbox", bar.Unread)
		}
		if !bar.Due.Equal(start.Add(time.Hour)) {
			t.Errorf("due %s, want %s", bar.Due, start.Add(time.Hour))
		}
	})
}

func TestAMailThatCameInTimeAndIsReadBeforeTheDeadlineIsToldTellsNobody(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		start := time.Now()
		w.detected("a", start)
		bubble.Advance(time.Hour + 30*time.Second)
		w.reported("a", start.Add(59*time.Minute+50*time.Second))
		w.readUpTo(time.Now())
		w.wantState(incident.Met)
		bubble.Advance(10 * time.Minute)
		for _, a := range w.alerts() {
			if a == "deadline/1 active" {
				t.Error("the deadline was told although the report had come in time")
			}
		}
	})
}

// The civil clock of London changes twice a year; the limit is an hour of real
// time all the same.
func TestBothClockChangesAndTheMonthsThatEndWithThem(t *testing.T) {
	for _, tt := range []struct{ name, start, month string }{
		{"the hour that does not exist in March", "2026-03-29T00:30:00Z", "2026-03"},
		{"the hour that exists twice in October", "2026-10-25T00:30:00Z", "2026-10"},
		{"the end of March, which is in summer time", "2026-03-31T22:30:00Z", "2026-03"},
		{"the end of October, which is in winter time", "2026-10-31T23:30:00Z", "2026-10"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, tt.start, func(w *world) {
				start := time.Now()
				w.detected("a", start)
				bubble.Advance(time.Hour)
				w.readUpTo(time.Now())
				w.wantState(incident.Running) // exactly at the limit
				bubble.Advance(2 * time.Second)
				w.wantState(incident.Overdue)
				r := w.last()
				if got := incident.MonthOf(r.Clocks[0].Start.Latest); got != incident.Month(tt.month) {
					t.Errorf("month = %s, want %s", got, tt.month)
				}
				w.reported("a", start.Add(61*time.Minute))
				w.wantState(incident.Breached)
				if got := w.last().Clocks[0].Longest.D(); got != 61*time.Minute {
					t.Errorf("delay = %s, want 61m", got)
				}
			})
		})
	}
}

func TestADeadlineThatPassedWhileTheProcessWasDownIsCommittedAtStartMarkedLate(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		start := time.Now()
		w.detected("a", start)
		w.settle()
		w.stop()
		bubble.Advance(90 * time.Minute)
		w.start()
		bubble.Advance(time.Millisecond)
		if diff := cmp.Diff([]string{"warn-30m/1 superseded", "warn-50m/1 superseded", "deadline/1 active"}, w.alerts()); diff != "" {
			t.Errorf("alerts (-want +got):\n%s", diff)
		}
		bar, _ := w.last().Clocks[0].Find(incident.Deadline)
		if !bar.Late || !bar.Due.Equal(start.Add(time.Hour)) {
			t.Errorf("crossing = %+v, want late with the true due time", bar)
		}
	})
}

func TestABacklogIsFoldedBeforeAnyThresholdThatPassedWhileDown(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		start := time.Now()
		w.detected("a", start)
		w.settle()
		w.stop()
		// The ingestors went on: the mail waits in the vault.
		w.open()
		bubble.Advance(40 * time.Minute)
		w.reported("a", time.Now())
		bubble.Advance(50 * time.Minute)
		if err := w.store.Close(); err != nil {
			t.Error(err)
		}
		w.nc.Close()
		if err := w.srv.Close(); err != nil {
			t.Error(err)
		}
		w.start()
		bubble.Advance(time.Second)
		w.wantState(incident.Met)
		if got := w.alerts(); len(got) != 0 {
			t.Errorf("alerts = %v, want none: the report had come in time", got)
		}
	})
}

func TestABackfillIsQuiet(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		w.settle()
		w.stop()
		w.change = func(o *pipeline.Options) { o.Backfill = true }
		w.start()
		w.detected("old", time.Now().Add(-30*24*time.Hour))
		bubble.Advance(time.Second)
		for _, a := range w.alerts() {
			if a[len(a)-len(" active"):] == " active" {
				t.Errorf("told in a backfill: %s", a)
			}
		}
		w.wantState(incident.Overdue)
		w.stop()
		w.change = nil
		w.start()
		w.detected("new", time.Now().Add(-40*time.Minute))
		if got := w.alerts(); !slices.Contains(got, "warn-30m/1 active") {
			t.Errorf("alerts after the backfill = %v, want the warning of the new one", got)
		}
	})
}

func TestWhatCannotBeReadIsQuarantinedAndTheFlowGoesOn(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		w.stop()
		w.change = func(o *pipeline.Options) {
			read := o.Interpret
			o.Interpret = func(s incident.Signal, r incident.SourceRule) incident.Reading {
				switch string(s.Raw) {
				case "panic":
					panic("quotes the signal")
				case "hang":
					<-time.After(time.Minute) // stuck, in virtual time
				}
				return read(s, r)
			}
		}
		w.start()
		w.putRaw("siem", []byte("panic"))
		w.putRaw("siem", []byte("hang"))
		w.putRaw("siem", []byte("not json"))
		w.put("siem", incident.Facts{Opening: incident.Opens, Trust: "a word of its own"}) // the record could not hold it
		w.detected("a", time.Now())
		bubble.Advance(2 * time.Minute)
		if got := w.count(incident.KindQuarantined); got != 4 {
			t.Errorf("%d quarantined, want 4", got)
		}
		w.wantState(incident.Running)
		whys := map[incident.Why]int{}
		w.mu.Lock()
		for _, e := range w.told {
			if e.Kind == incident.KindQuarantined {
				whys[e.Why]++
			}
		}
		w.mu.Unlock()
		want := map[incident.Why]int{incident.WhyPanicked: 1, incident.WhyTimedOut: 1, incident.WhyMalformed: 2}
		if diff := cmp.Diff(want, whys); diff != "" {
			t.Errorf("reasons (-want +got):\n%s", diff)
		}
	})
}

func TestARepeatChangesNothingAndIsRecorded(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		at := time.Now()
		w.detected("a", at)
		for _, other := range []string{"b", "c"} { // Put forgets after ten minutes, and others came; the fold knows for ever
			bubble.Advance(11 * time.Minute)
			w.detected(other, time.Now())
		}
		w.detected("a", at)
		if got := w.count(incident.KindRepeated); got != 1 {
			t.Errorf("%d repeats recorded, want 1", got)
		}
		if got := w.count(incident.KindOpened); got != 3 {
			t.Errorf("%d incidents, want 3", got)
		}
	})
}

func TestAClockThatWentBackStopsTheWriterUntilItIsRight(t *testing.T) {
	dir := t.TempDir()
	at := func(start string, f func(*world)) {
		bubble.Run(t, func(t *testing.T) {
			t0, err := time.Parse(time.RFC3339, start)
			if err != nil {
				t.Fatal(err)
			}
			bubble.Start(t0)
			w := newWorld(t, dir)
			w.start()
			f(w)
			w.stop()
		})
	}
	at("2026-11-23T12:00:00Z", func(w *world) { w.detected("a", time.Now()); w.settle() })
	at("2026-11-23T11:00:00Z", func(w *world) {
		w.detected("b", time.Now())
		bubble.Advance(30 * time.Minute)
		if s := w.proc.Status(); s.Ready || !strings.Contains(s.Why, "clock") {
			t.Errorf("status = %+v, want not ready because of the clock", s)
		}
		if got := w.count(incident.KindOpened); got != 1 {
			t.Errorf("%d incidents while the clock is wrong, want the one from before", got)
		}
		bubble.Advance(31 * time.Minute)
		if got := w.count(incident.KindOpened); got != 2 || !w.proc.Status().Ready {
			t.Errorf("%d incidents once the clock is right, want 2; status %+v", got, w.proc.Status())
		}
	})
}
