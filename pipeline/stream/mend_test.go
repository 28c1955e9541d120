package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A number that was used and whose message is lost is taken by a message that
// nobody reads, so that the next signal gets another.
func TestALostEndIsFilledAndReadersPassIt(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	putFrame(t, st, 2, "a")
	for range 2 { // again after an error
		if err := st.FillVoid(t.Context(), 4); err != nil {
			t.Fatal(err)
		}
	}
	if end, err := st.End(t.Context()); err != nil || end != 4 {
		t.Errorf("End = %d, %v, want 4", end, err)
	}
	r := st.Signals(incident.Pos{Seq: 4, Index: 7})
	defer r.Close()
	if last, err := r.Last(t.Context()); err != nil || last != (incident.Pos{Seq: 1, Index: 1}) {
		t.Errorf("Last = %s, %v, want that of the last signal", last, err)
	}
	if got := mustPut(t, st, webhookSignal("b")).Pos; got != (incident.Pos{Seq: 5}) {
		t.Errorf("the next signal stands at %s, want 5", got)
	}
	if diff := cmp.Diff([]string{"b"}, raws(t, r, 1)); diff != "" {
		t.Errorf("behind the position (-want +got):\n%s", diff)
	}
	all := st.Signals(incident.Pos{})
	defer all.Close()
	if diff := cmp.Diff([]string{"a0", "a1", "b"}, raws(t, all, 3)); diff != "" {
		t.Errorf("from the beginning (-want +got):\n%s", diff)
	}
	_, err := st.Signal(t.Context(), incident.Pos{Seq: 3})
	if _, ok := errors.AsType[*stream.GapError](err); !ok {
		t.Errorf("Signal of what was filled = %v, want a GapError", err)
	}
	v := st.Vault("")
	defer v.Close()
	if _, err := v.Signal(t.Context(), incident.Pos{Seq: 3}); err == nil {
		t.Error("Vault.Signal of what was filled = nil, want an error")
	}
}

func TestDamageIsPassedOnlyWhereItsLossWasAccepted(t *testing.T) {
	lost := map[incident.Pos]bool{}
	st, _ := open(t, small(t.TempDir()), stream.Hooks{Lost: func(seq uint64, index int) bool {
		return lost[incident.Pos{Seq: seq, Index: index}]
	}})
	whole := putFrame(t, st, 2, "a")
	gone := putFrame(t, st, 1, "b")
	bad, err := st.JetStream().Publish(t.Context(), "signal.moj.frame", []byte("not a frame"))
	if err != nil {
		t.Fatal(err)
	}
	signals, err := st.JetStream().Stream(t.Context(), signalStream)
	if err != nil {
		t.Fatal(err)
	}
	frame, err := signals.GetMsg(t.Context(), putFrame(t, st, 3, "c"))
	if err != nil {
		t.Fatal(err)
	}
	deleteMessage(t, st, signalStream, frame.Sequence)
	changed := bytes.Replace(frame.Data, []byte("\nc1\n"), []byte("\nx1\n"), 1)
	if _, err := st.JetStream().Publish(t.Context(), "signal.moj.frame", changed); err != nil {
		t.Fatal(err)
	}
	missing := putFrame(t, st, 1, "d")
	for _, seq := range []uint64{gone, missing} {
		deleteMessage(t, st, signalStream, seq)
	}
	found := func() []string {
		t.Helper()
		var all []string
		if err := st.Damaged(t.Context(), whole, func(d stream.Damage) error {
			all = append(all, fmt.Sprint(d.Pos, d.Whole))
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return all
	}
	want := []string{"2/0 true", "3/0 true", "4/0 true", "5/1 false", "6/0 true"}
	if diff := cmp.Diff(want, found()); diff != "" {
		t.Errorf("Damaged (-want +got):\n%s", diff)
	}
	for i, pos := range []incident.Pos{{Seq: gone, Index: -1}, {Seq: bad.Sequence, Index: -1}, {Seq: 4, Index: -1}, {Seq: 5, Index: 1}, {Seq: missing, Index: -1}} {
		r := st.Signals(incident.Pos{})
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var err error
		for err == nil {
			_, err = r.Batch(ctx, 1)
		}
		_, gap := errors.AsType[*stream.GapError](err)
		_, damaged := errors.AsType[*stream.DamagedError](err)
		if !gap && !damaged {
			t.Errorf("with %d accepted: Batch = %v, want damage", i, err)
		}
		r.Close()
		lost[pos] = true
		if diff := cmp.Diff(append([]string(nil), want[i+1:]...), found()); diff != "" {
			t.Errorf("Damaged with %d accepted (-want +got):\n%s", i+1, diff)
		}
		if i == 3 {
			mustPut(t, st, webhookSignal("e")) // what is missing at the end shows when something follows
		}
	}
	r := st.Signals(incident.Pos{})
	defer r.Close()
	if diff := cmp.Diff([]string{"a0", "a1", "c0", "c2", "e"}, raws(t, r, 5)); diff != "" {
		t.Errorf("signals (-want +got):\n%s", diff)
	}
}

func TestTheRecordIsMadeAnewAndItsRemainsAreReadOverGaps(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	log := st.Ledger()
	var bodies [][]byte
	for i := range 5 {
		bodies = append(bodies, fmt.Appendf(nil, "entry %d", i+1))
		if err := log.Append(t.Context(), bodies[i], uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // again after an error
		err := st.Remake(t.Context(), 3, func(yield func([]byte, error) bool) {
			for _, b := range bodies[:3] {
				if !yield(b, nil) {
					return
				}
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	if err := st.Ledger().Remains(t.Context(), 2, func(_ uint64, body []byte) error {
		got = append(got, string(body))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"entry 2", "entry 3"}, got); diff != "" {
		t.Errorf("Remains (-want +got):\n%s", diff)
	}
	if err := st.Ledger().Append(t.Context(), bodies[3], 3); err != nil {
		t.Errorf("Append to what was made anew = %v", err)
	}
}

func TestASignalUnderANumberUsedBeforeIsStoredAgain(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	seq := putFrame(t, st, 3, "a")
	if n, err := st.Again(t.Context(), seq); err != nil || n != 3 {
		t.Fatalf("Again = %d, %v, want 3", n, err)
	}
	r := st.Signals(incident.Pos{Seq: seq, Index: 2})
	defer r.Close()
	if diff := cmp.Diff([]string{"a0", "a1", "a2"}, raws(t, r, 3)); diff != "" {
		t.Errorf("behind it (-want +got):\n%s", diff)
	}
	if n, err := st.Again(t.Context(), 99); err != nil || n != 0 {
		t.Errorf("Again of nothing = %d, %v, want 0", n, err)
	}
}
