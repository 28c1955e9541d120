package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// bodies returns what the log holds from sequence from on.
func bodies(t testing.TB, l *stream.Log, from uint64) []string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var all []string
	want := max(from, 1)
	err := l.Messages(ctx, from, func(seq uint64, body []byte) error {
		if seq != want {
			t.Errorf("message %d came, want %d", seq, want)
		}
		want++
		all = append(all, string(body))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func mustAppend(t testing.TB, l *stream.Log, fence uint64, all ...string) {
	t.Helper()
	for i, body := range all {
		if err := l.Append(t.Context(), []byte(body), fence+uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLogHoldsWhatWasAppended(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	l := st.Ledger()
	checkState := func(first, last uint64) {
		t.Helper()
		f, n, deleted, err := l.State(t.Context())
		if err != nil || f != first || n != last || deleted != 0 {
			t.Errorf("State = %d, %d, %d, %v, want %d, %d, 0", f, n, deleted, err, first, last)
		}
	}
	checkState(1, 0)
	if got := bodies(t, l, 0); len(got) != 0 {
		t.Errorf("empty log holds %q", got)
	}
	want := []string{"a", "b\nb", "c"}
	mustAppend(t, l, 0, want...)
	checkState(1, 3)
	for from, want := range map[uint64][]string{0: want, 1: want, 3: want[2:], 4: nil} {
		if diff := cmp.Diff(want, bodies(t, l, from)); diff != "" {
			t.Errorf("from %d (-want +got):\n%s", from, diff)
		}
	}
	err := l.Messages(t.Context(), 5, func(uint64, []byte) error { return nil })
	if e, ok := errors.AsType[*stream.ShortError](err); !ok || e.From != 4 || e.Last != 3 {
		t.Errorf("from beyond the end: %v, want a ShortError from 4, last 3", err)
	}
	stop := errors.New("enough")
	n := 0
	err = l.Messages(t.Context(), 1, func(uint64, []byte) error { n++; return stop })
	if !errors.Is(err, stop) || n != 1 {
		t.Errorf("yield that stops: %v after %d messages, want %v after 1", err, n, stop)
	}
	for _, size := range []int{0, stream.MaxFrameBytes + 1} {
		if err := l.Append(t.Context(), make([]byte, size), 3); err == nil {
			t.Errorf("a body of %d bytes was taken", size)
		}
	}
	if err := l.Append(t.Context(), bytes.Repeat([]byte("x"), stream.MaxFrameBytes), 3); err != nil {
		t.Errorf("the largest body: %v", err)
	}
}

func TestStaleWriterIsRefused(t *testing.T) {
	st, srv := open(t, small(t.TempDir()), stream.Hooks{})
	mustAppend(t, st.Ledger(), 0, "a", "b")
	other := openOn(t, srv, small(""), stream.Hooks{}).Ledger()
	err := other.Append(t.Context(), []byte("from another writer"), 1)
	if !errors.Is(err, stream.ErrFenced) {
		t.Errorf("Append with an old fence = %v, want ErrFenced", err)
	}
	if err := other.Append(t.Context(), []byte("c"), 5); !isA[*stream.FaultError](err) {
		t.Errorf("Append beyond the end = %v, want a FaultError: the log lost what was there", err)
	}
	if diff := cmp.Diff([]string{"a", "b"}, bodies(t, other, 1)); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestAppendEndsWithADefiniteOutcome(t *testing.T) {
	const ours, fence = "ours", 2
	wrongLast := &jetstream.APIError{Code: 400, ErrorCode: 10071, Description: "wrong last sequence: 3"}
	busy := &jetstream.APIError{Code: 400, ErrorCode: 10164, Description: "wrong last sequence"}
	full := &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}
	limit := &jetstream.APIError{Code: 503, ErrorCode: 10023, Description: "insufficient resources"}
	broken := &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "disk on fire"}
	fenced := func(err error) bool { return errors.Is(err, stream.ErrFenced) }
	isFull := func(err error) bool { return errors.Is(err, stream.ErrFull) }
	for _, tt := range []struct {
		name  string
		fail  []failure
		other string // what another writer puts at the fence before the first try
		is    func(error) bool
		log   []string
	}{
		{"answered", nil, "", nil, []string{"a", "b", ours}},
		{"failed and is not there", []failure{{errTimeout, false}}, "", nil, []string{"a", "b", ours}},
		{"failed and is there", []failure{{errTimeout, true}}, "", nil, []string{"a", "b", ours}},
		{"failed three times and is there since the second", []failure{{errTimeout, false}, {errTimeout, true}, {errTimeout, false}}, "", nil, []string{"a", "b", ours}},
		{"not connected, then stored", []failure{{errApart, false}, {nats.ErrNoResponders, false}}, "", nil, []string{"a", "b", ours}},
		{"connection lost and is there", []failure{{nats.ErrConnectionClosed, true}}, "", nil, []string{"a", "b", ours}},
		{"queue full for a while", []failure{{&jetstream.APIError{ErrorCode: 10167}, false}}, "", nil, []string{"a", "b", ours}},
		{"others in flight for a while", []failure{{busy, false}}, "", nil, []string{"a", "b", ours}},
		{"another writer was first", nil, "theirs", fenced, []string{"a", "b", "theirs"}},
		{"another writer was first, and a try failed", []failure{{errTimeout, false}}, "theirs", fenced, []string{"a", "b", "theirs"}},
		{"fence refused and nothing there", []failure{{wrongLast, false}}, "", isA[*stream.FaultError], []string{"a", "b"}},
		{"full", []failure{{full, false}}, "", isFull, []string{"a", "b"}},
		{"server at its limit", []failure{{limit, false}}, "", isFull, []string{"a", "b"}},
		{"write error", []failure{{broken, false}}, "", isA[*stream.WriteError], []string{"a", "b"}},
		{"failed, is not there, then full", []failure{{errTimeout, false}, {full, false}}, "", isFull, []string{"a", "b"}},
		{"failed, is there, then full", []failure{{errTimeout, true}, {full, false}}, "", nil, []string{"a", "b", ours}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			st, srv := open(t, small(t.TempDir()), stream.Hooks{})
			l := st.Ledger()
			mustAppend(t, l, 0, "a", "b")
			if tt.other != "" {
				mustAppend(t, l, fence, tt.other)
			}
			err := l.Through(failing(tt.fail)).Append(t.Context(), []byte(ours), fence)
			if tt.is == nil && err != nil {
				t.Errorf("Append: %v", err)
			}
			if tt.is != nil && !tt.is(err) {
				t.Errorf("Append: error = %v (%T)", err, err)
			}
			// The outcome that was told is the one that a restart finds.
			if err := srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			eventually.Eventually(t, 10*time.Second, "the store answers", func() bool {
				_, _, _, err := l.State(t.Context())
				return err == nil
			})
			if diff := cmp.Diff(tt.log, bodies(t, l, 1)); diff != "" {
				t.Errorf("log (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAppendReadsAgainWhatStandsAtTheFence(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	tries := 0
	l := st.Ledger().Through(failing([]failure{{errTimeout, true}})).Reading(
		func(next func(context.Context, uint64) ([]byte, error)) func(context.Context, uint64) ([]byte, error) {
			return func(ctx context.Context, seq uint64) ([]byte, error) {
				if tries++; tries < 3 {
					return nil, errTimeout
				}
				return next(ctx, seq)
			}
		})
	if err := l.Append(t.Context(), []byte("a"), 0); err != nil || tries != 3 {
		t.Errorf("Append = %v after reading %d times, want nil after 3", err, tries)
	}
}

func TestAppendSaysWhenItDoesNotKnow(t *testing.T) {
	always := func(err error) []failure {
		all := make([]failure, 1000)
		for i := range all {
			all[i] = failure{err, false}
		}
		return all
	}
	unread := func(func(context.Context, uint64) ([]byte, error)) func(context.Context, uint64) ([]byte, error) {
		return func(context.Context, uint64) ([]byte, error) { return nil, errTimeout }
	}
	for _, tt := range []struct {
		name string
		log  func(*stream.Log) *stream.Log
		is   func(error) bool
	}{
		{"no answer", func(l *stream.Log) *stream.Log { return l.Through(failing(always(errTimeout))) }, isA[*stream.UnknownOutcomeError]},
		{"one try without an answer, then no connection", func(l *stream.Log) *stream.Log {
			return l.Through(failing(append([]failure{{errTimeout, false}}, always(errApart)...)))
		}, isA[*stream.UnknownOutcomeError]},
		{"stored, and what stands there cannot be read", func(l *stream.Log) *stream.Log {
			return l.Through(failing([]failure{{errTimeout, true}})).Reading(unread)
		}, isA[*stream.UnknownOutcomeError]},
		{"never connected", func(l *stream.Log) *stream.Log { return l.Through(failing(always(errApart))) }, isA[*stream.UnavailableError]},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t, dir)
				defer w.close()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := tt.log(w.st.Ledger()).Append(ctx, []byte("a"), 0); !tt.is(err) {
					t.Errorf("Append = %v (%T)", err, err)
				}
			})
		})
	}
}

func TestFullLedgerRefusesAndGoesOnWithMoreRoom(t *testing.T) {
	cfg := small(t.TempDir())
	cfg.MaxBytes.Ledger = 4 * stream.MiB
	st, srv := open(t, cfg, stream.Hooks{})
	body := bytes.Repeat([]byte("x"), 300<<10)
	n := uint64(0)
	var err error
	for ; n < 100; n++ {
		if err = st.Ledger().Append(t.Context(), body, n); err != nil {
			break
		}
	}
	if !errors.Is(err, stream.ErrFull) {
		t.Fatalf("Append to a full ledger = %v, want ErrFull", err)
	}
	if err := st.Ledger().Append(t.Context(), []byte("small ones still fit"), n); err != nil {
		t.Errorf("Append of a small body: %v", err)
	}
	cfg.MaxBytes.Ledger = 8 * stream.MiB
	if err := openOn(t, srv, cfg, stream.Hooks{}).Ledger().Append(t.Context(), body, n+1); err != nil {
		t.Errorf("Append after the limit was raised: %v", err)
	}
}

func TestAppendOutlivesARestartOfTheServer(t *testing.T) {
	st, srv := open(t, small(t.TempDir()), stream.Hooks{})
	l := st.Ledger()
	const n = 300
	done := make(chan error)
	go func() {
		for i := range uint64(n) {
			if err := l.Append(t.Context(), fmt.Append(nil, i), i); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 2 {
		if err := srv.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	got := bodies(t, l, 1)
	for i := range got {
		if got[i] != fmt.Sprint(i) {
			t.Fatalf("message %d = %q", i+1, got[i])
		}
	}
	if len(got) != n {
		t.Errorf("log holds %d messages, want %d", len(got), n)
	}
}
