package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/nats-io/nats.go"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

var _ pipeline.Signals = (*stream.Reader)(nil)

const signalStream = "SIGNALS_moj"

// putFrame stores the given signals as one frame, whatever else happens.
func putFrame(t testing.TB, st *stream.Store, n int, prefix string) uint64 {
	t.Helper()
	seq, err := st.PutFrame(t.Context(), signalsOf(n, prefix), 0)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

func signalsOf(n int, prefix string) map[int]incident.Signal {
	signals := map[int]incident.Signal{}
	for i := range n {
		signals[i] = webhookSignal(prefix + strconv.Itoa(i))
	}
	return signals
}

// raws returns the raw bytes of the next n signals.
func raws(t testing.TB, r *stream.Reader, n int) []string {
	t.Helper()
	var all []string
	for _, s := range read(t, r, n) {
		all = append(all, string(s.Raw))
	}
	return all
}

func TestReaderGoesOnInsideAFrame(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	putFrame(t, st, 3, "a")
	putFrame(t, st, 2, "b")
	all := []string{"a0", "a1", "a2", "b0", "b1"}
	for i, from := range []incident.Pos{{}, {Seq: 1, Index: 0}, {Seq: 1, Index: 1}, {Seq: 1, Index: 2}, {Seq: 2, Index: 0}} {
		r := st.Signals(from)
		if diff := cmp.Diff(all[i:], raws(t, r, len(all)-i)); diff != "" {
			t.Errorf("from %s (-want +got):\n%s", from, diff)
		}
		last, err := r.Last(t.Context())
		if want := (incident.Pos{Seq: 2, Index: 1}); err != nil || last != want {
			t.Errorf("Last = %s, %v, want %s", last, err, want)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestBatchKeepsItsBoundAndItsOrder(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	const n = 2000
	fill(t, st, n, 32)
	r := st.Signals(incident.Pos{})
	defer r.Close()
	var last incident.Pos
	for got := 0; got < n; {
		batch, err := r.Batch(t.Context(), 7)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch) == 0 || len(batch) > 7 {
			t.Fatalf("batch of %d signals, want 1 to 7", len(batch))
		}
		for _, s := range batch {
			if !last.Less(s.Pos) {
				t.Fatalf("%s came after %s", s.Pos, last)
			}
			last = s.Pos
		}
		got += len(batch)
	}
}

func TestBatchWaitsForASignalOrItsContext(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	r := st.Signals(incident.Pos{})
	defer r.Close()
	last, err := r.Last(t.Context())
	if err != nil || !last.IsZero() {
		t.Errorf("Last of nothing = %s, %v, want the zero position", last, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if batch, err := r.Batch(ctx, 1); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Batch of nothing = %d signals, %v, want %v", len(batch), err, context.DeadlineExceeded)
	}
	mustPut(t, st, webhookSignal("a"))
	if diff := cmp.Diff([]string{"a"}, raws(t, r, 1)); diff != "" {
		t.Error(diff)
	}
}

func TestReplacementIsSkippedAndUsedForBytes(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{Erased: func(seq uint64) bool { return seq == 2 }})
	putFrame(t, st, 1, "a")
	before := putFrame(t, st, 3, "b")
	r := st.Signals(incident.Pos{})
	covered := read(t, r, 4)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	left := signalsOf(3, "b")
	delete(left, 1) // the one to be erased
	if _, err := st.PutFrame(t.Context(), left, before); err != nil {
		t.Fatal(err)
	}
	deleteMessage(t, st, signalStream, before)

	fresh := st.Signals(incident.Pos{})
	defer fresh.Close()
	last, err := fresh.Last(t.Context())
	if want := (incident.Pos{Seq: 1}); err != nil || last != want {
		t.Errorf("Last = %s, %v, want %s: a replacement is no signal", last, err, want)
	}
	putFrame(t, st, 1, "c")
	if diff := cmp.Diff([]string{"a0", "c0"}, raws(t, fresh, 2)); diff != "" {
		t.Errorf("from the beginning (-want +got):\n%s", diff)
	}
	resumed := st.Signals(covered[3].Pos)
	defer resumed.Close()
	if diff := cmp.Diff([]string{"c0"}, raws(t, resumed, 1)); diff != "" {
		t.Errorf("from the erased frame (-want +got):\n%s", diff)
	}
	for i, s := range covered[1:] {
		got, err := st.Signal(t.Context(), s.Pos)
		if i == 1 {
			if !isA[*stream.GapError](err) {
				t.Errorf("erased signal: %v, want a GapError", err)
			}
			continue
		}
		if err != nil || string(got.Raw) != string(s.Raw) || got.Pos != s.Pos {
			t.Errorf("signal %s = %q at %s, %v, want %q", s.Pos, got.Raw, got.Pos, err, s.Raw)
		}
	}
}

func deleteMessage(t testing.TB, st *stream.Store, name string, seq uint64) {
	t.Helper()
	js, err := st.JetStream().Stream(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	if err := js.SecureDeleteMsg(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
}

func TestMissingFrameIsDamageUnlessItWasErased(t *testing.T) {
	for _, gone := range []uint64{1, 2, 3} {
		t.Run(fmt.Sprintf("frame %d of 3", gone), func(t *testing.T) {
			var erased []uint64
			st, _ := open(t, small(t.TempDir()), stream.Hooks{Erased: func(seq uint64) bool { return slices.Contains(erased, seq) }})
			for range 3 {
				putFrame(t, st, 1, "a")
			}
			deleteMessage(t, st, signalStream, gone)
			r := st.Signals(incident.Pos{})
			defer r.Close()
			n := int(gone) - 1
			read(t, r, n)
			var err error
			if gone < 3 {
				for range 2 { // it is said again
					_, err = r.Batch(t.Context(), 10)
					if e, ok := errors.AsType[*stream.GapError](err); !ok || e.Seq != gone {
						t.Errorf("Batch = %v, want a GapError at %d", err, gone)
					}
				}
			} else if _, err = r.Last(t.Context()); !isA[*stream.GapError](err) {
				t.Errorf("Last = %v, want a GapError", err)
			}
			erased = append(erased, gone)
			again := st.Signals(incident.Pos{})
			defer again.Close()
			read(t, again, 2)
			last, err := again.Last(t.Context())
			if want := (incident.Pos{Seq: min(3, 5-gone)}); err != nil || last != want {
				t.Errorf("Last = %s, %v, want %s", last, err, want)
			}
		})
	}
}

func TestPositionBeyondTheEndIsRefused(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	putFrame(t, st, 2, "a")
	r := st.Signals(incident.Pos{Seq: 2})
	defer r.Close()
	_, err := r.Batch(t.Context(), 1)
	if e, ok := errors.AsType[*stream.ShortError](err); !ok || e.From != 2 || e.Last != 1 {
		t.Errorf("Batch = %v, want a ShortError from 2, last 1", err)
	}
}

func TestWhatIsNotAFrameIsDamage(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	putFrame(t, st, 1, "a")
	if _, err := st.JetStream().PublishMsg(t.Context(), &nats.Msg{Subject: "signal.moj.frame", Data: []byte("{}\n")}); err != nil {
		t.Fatal(err)
	}
	r := st.Signals(incident.Pos{})
	defer r.Close()
	read(t, r, 1)
	_, err := r.Batch(t.Context(), 1)
	if e, ok := errors.AsType[*stream.DamagedError](err); !ok || e.Pos.Seq != 2 {
		t.Errorf("Batch = %v, want a DamagedError at 2", err)
	}
	if _, err := st.Signal(t.Context(), incident.Pos{Seq: 2}); !isA[*stream.DamagedError](err) {
		t.Errorf("Signal = %v, want a DamagedError", err)
	}
	if _, err := st.Signal(t.Context(), incident.Pos{Seq: 1, Index: 1}); err == nil {
		t.Error("Signal found an index that the frame does not have")
	}
	if _, err := r.Last(t.Context()); !isA[*stream.DamagedError](err) {
		t.Errorf("Last = %v, want a DamagedError", err)
	}
}

func TestEvidenceThatIsGoneOrOtherIsDamage(t *testing.T) {
	for _, tt := range []struct {
		name string
		harm func(ctx context.Context, st *stream.Store, name string) error
	}{
		{"gone", func(ctx context.Context, st *stream.Store, _ string) error {
			return erase(ctx, st, "OBJ_EVIDENCE_moj", 6)
		}},
		{"without a part", func(ctx context.Context, st *stream.Store, _ string) error {
			return erase(ctx, st, "OBJ_EVIDENCE_moj", 3)
		}},
		{"without its end", func(ctx context.Context, st *stream.Store, _ string) error {
			return erase(ctx, st, "OBJ_EVIDENCE_moj", 5)
		}},
		{"other", func(ctx context.Context, st *stream.Store, name string) error {
			return st.PutObject(ctx, name, make([]byte, 600<<10))
		}},
		{"shorter", func(ctx context.Context, st *stream.Store, name string) error {
			return st.PutObject(ctx, name, []byte("x"))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st, _ := open(t, small(t.TempDir()), stream.Hooks{})
			sig := webhookSignal("")
			sig.Raw = slices.Repeat([]byte("a"), 600<<10)
			pos := mustPut(t, st, sig).Pos
			if err := tt.harm(t.Context(), st, incident.NewSignalID(sig.Source, sig.Raw).String()); err != nil {
				t.Fatal(err)
			}
			if _, err := st.Signal(t.Context(), pos); !isA[*stream.DamagedError](err) {
				t.Errorf("Signal = %v, want a DamagedError", err)
			}
			r := st.Signals(incident.Pos{})
			defer r.Close()
			if _, err := r.Batch(t.Context(), 1); !isA[*stream.DamagedError](err) {
				t.Errorf("Batch = %v, want a DamagedError", err)
			}
		})
	}
}

// erase deletes message seq of a stream.
func erase(ctx context.Context, st *stream.Store, name string, seq uint64) error {
	js, err := st.JetStream().Stream(ctx, name)
	if err != nil {
		return err
	}
	return js.SecureDeleteMsg(ctx, seq)
}

func TestReaderOutlivesARestartUnderLoad(t *testing.T) {
	st, srv := open(t, small(t.TempDir()), stream.Hooks{})
	r := st.Signals(incident.Pos{})
	defer r.Close()
	const n = 3000
	filled := make(chan struct{})
	go func() {
		defer close(filled)
		fill(t, st, n, 16)
	}()
	seen := map[string]bool{}
	for _, half := range []int{n / 3, 2 * n / 3, n} {
		for len(seen) < half {
			for _, s := range read(t, r, 1) {
				seen[string(s.Raw)] = true // one may stand twice: its answer was lost
			}
		}
		if half < n {
			if err := srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	<-filled
	if len(seen) != n {
		t.Errorf("%d different signals were read, want %d", len(seen), n)
	}
}

func TestClosedReaderSaysSo(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	never := st.Signals(incident.Pos{})
	started := st.Signals(incident.Pos{})
	waiting := make(chan error)
	go func() {
		_, err := started.Batch(t.Context(), 1)
		waiting <- err
	}()
	eventually.Eventually(t, 5*time.Second, "readers stop with their store", func() bool { return st.Close() == nil })
	if err := <-waiting; err == nil {
		t.Error("Batch went on after Close")
	}
	for _, r := range []*stream.Reader{never, started, st.Signals(incident.Pos{})} {
		if _, err := r.Batch(t.Context(), 1); err == nil {
			t.Error("Batch of a closed reader returned no error")
		}
		for range 2 {
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestSignalIsWhatBatchGave(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	putFrame(t, st, 20, "a")
	r := st.Signals(incident.Pos{})
	defer r.Close()
	for _, s := range read(t, r, 20) {
		got, err := st.Signal(t.Context(), s.Pos)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("signal %s (-batch +one):\n%s", s.Pos, diff)
		}
	}
}
