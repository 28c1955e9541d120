package stream_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

var (
	_ ingest.Sink      = (*stream.Store)(nil)
	_ ingest.Positions = (*stream.Store)(nil)
)

func TestSameBytesAgainAreARepeat(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	first := mustPut(t, st, webhookSignal("a"))
	later := webhookSignal("a")
	later.Received = later.Received.Add(time.Second)
	got := mustPut(t, st, later)
	if want := (incident.Receipt{Pos: first.Pos, Repeat: true}); got != want {
		t.Errorf("receipt of the same bytes = %+v, want %+v", got, want)
	}
	other := webhookSignal("a")
	other.Source = "scanner"
	if got := mustPut(t, st, other); got.Repeat || got.Pos == first.Pos {
		t.Errorf("receipt of the same bytes from another source = %+v, want a new signal", got)
	}
}

// slow lets a frame wait until release is closed.
func slow(st *stream.Store) (entered chan struct{}, release chan error) {
	entered, release = make(chan struct{}, 100), make(chan error)
	st.PutThrough(func(next stream.PublishFunc) stream.PublishFunc {
		return func(ctx context.Context, m *nats.Msg) (uint64, error) {
			entered <- struct{}{}
			if err := <-release; err != nil {
				return 0, err
			}
			return next(ctx, m)
		}
	})
	return entered, release
}

func TestRepeatOfASignalInFlightGetsItsResult(t *testing.T) {
	for _, tt := range []struct {
		name string
		err  error
	}{
		{"stored", nil},
		{"refused", &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t, dir)
				defer w.close()
				entered, release := slow(w.st)
				const callers = 8
				receipts, errs := make([]incident.Receipt, callers), make([]error, callers)
				var wg sync.WaitGroup
				for i := range callers {
					wg.Go(func() { receipts[i], errs[i] = w.st.Put(t.Context(), webhookSignal("same")) })
				}
				<-entered
				bubble.Advance(time.Millisecond) // all have come
				release <- tt.err
				wg.Wait()
				repeats := 0
				for i := range callers {
					if tt.err != nil {
						if !errors.Is(errs[i], stream.ErrFull) {
							t.Errorf("caller %d: error = %v, want %v", i, errs[i], stream.ErrFull)
						}
						continue
					}
					if want := (incident.Pos{Seq: 1}); errs[i] != nil || receipts[i].Pos != want {
						t.Errorf("caller %d: Put = %+v, %v, want position %s", i, receipts[i], errs[i], want)
					}
					if receipts[i].Repeat {
						repeats++
					}
				}
				if want := callers - 1; tt.err == nil && repeats != want {
					t.Errorf("%d of %d callers heard of a repeat, want %d", repeats, callers, want)
				}
			})
		})
	}
}

func TestWhatCameWhileAFrameWasInFlightIsTheNext(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	entered, release := slow(st)
	var wg sync.WaitGroup
	put := func(raw string) {
		wg.Go(func() {
			if _, err := st.Put(t.Context(), webhookSignal(raw)); err != nil {
				t.Error(err)
			}
		})
	}
	put("alone")
	<-entered
	const n = stream.MaxFrameSignals + 20
	for i := range n {
		put(fmt.Sprint(i))
	}
	eventually.Eventually(t, 5*time.Second, "all signals wait", func() bool { return st.Waiting() == n })
	for range 3 {
		release <- nil
	}
	wg.Wait()
	r := st.Signals(incident.Pos{})
	defer r.Close()
	perFrame := map[uint64]int{}
	for _, s := range read(t, r, n+1) {
		perFrame[s.Pos.Seq]++
	}
	want := map[uint64]int{1: 1, 2: stream.MaxFrameSignals, 3: 20}
	if fmt.Sprint(perFrame) != fmt.Sprint(want) {
		t.Errorf("signals per frame = %v, want %v", perFrame, want)
	}
}

func TestFramesKeepTheirBoundInBytes(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	entered, release := slow(st)
	var wg sync.WaitGroup
	put := func(raw string) {
		wg.Go(func() {
			if _, err := st.Put(t.Context(), webhookSignal(raw)); err != nil {
				t.Error(err)
			}
		})
	}
	put("alone")
	<-entered
	const n = 5
	for i := range n {
		put(fmt.Sprint(i) + strings.Repeat("x", 250<<10))
	}
	eventually.Eventually(t, 5*time.Second, "all signals wait", func() bool { return st.Waiting() == n })
	close(release)
	wg.Wait()
	r := st.Signals(incident.Pos{})
	defer r.Close()
	got := read(t, r, n+1)
	if last := got[n].Pos; last.Seq != 4 { // 1, then 2, 2 and 1
		t.Errorf("last signal at %s, want it in frame 4", last)
	}
}

var (
	errTimeout = fmt.Errorf("answer lost: %w", context.DeadlineExceeded)
	errApart   = fmt.Errorf("not connected: %w", nats.ErrReconnectBufExceeded)
)

func TestPutKnowsWhatBecameOfAFrame(t *testing.T) {
	full := &jetstream.APIError{Code: 503, ErrorCode: 10077, Description: "maximum bytes exceeded"}
	for _, tt := range []struct {
		name string
		// fail says for each try what goes wrong, and whether the frame is
		// stored before it does.
		fail   []failure
		pos    incident.Pos
		frames int
		is     func(error) bool
	}{
		{"answered", nil, incident.Pos{Seq: 1}, 1, nil},
		{"failed and is not there", []failure{{errTimeout, false}}, incident.Pos{Seq: 1}, 1, nil},
		{"failed and is there", []failure{{errTimeout, true}}, incident.Pos{Seq: 1}, 1, nil},
		{"failed twice and is there since the second", []failure{{errTimeout, false}, {errTimeout, true}}, incident.Pos{Seq: 1}, 1, nil},
		{"not connected for a while", []failure{{errApart, false}, {errApart, false}}, incident.Pos{Seq: 1}, 1, nil},
		{"nobody there for a while", []failure{{nats.ErrNoResponders, false}}, incident.Pos{Seq: 1}, 1, nil},
		{"queue of the stream full for a while", []failure{{&jetstream.APIError{ErrorCode: 10167}, false}}, incident.Pos{Seq: 1}, 1, nil},
		{"full", []failure{{full, false}}, incident.Pos{}, 0, func(err error) bool { return errors.Is(err, stream.ErrFull) }},
		{"server at its limit", []failure{{&jetstream.APIError{ErrorCode: 10023}, false}}, incident.Pos{}, 0, func(err error) bool { return errors.Is(err, stream.ErrFull) }},
		{"refused for another reason", []failure{{&jetstream.APIError{ErrorCode: 10077, Description: "disk on fire"}, false}}, incident.Pos{}, 0, isA[*stream.WriteError]},
		{"failed, is not there, then full", []failure{{errTimeout, false}, {full, false}}, incident.Pos{}, 0, func(err error) bool {
			e, ok := errors.AsType[*stream.UnavailableError](err)
			return ok && e.Unknown
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			st, srv := open(t, small(dir), stream.Hooks{})
			st.PutThrough(failing(tt.fail))
			got, err := st.Put(t.Context(), webhookSignal("a"))
			if tt.is == nil && (err != nil || got.Pos != tt.pos) {
				t.Errorf("Put = %+v, %v, want position %s", got, err, tt.pos)
			}
			if tt.is != nil && !tt.is(err) {
				t.Errorf("Put: error = %v (%T)", err, err)
			}
			// After a restart the record of it must be the same.
			if err := srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := frames(t, st); got != tt.frames {
				t.Errorf("%d frames are stored, want %d", got, tt.frames)
			}
			if tt.is == nil {
				return
			}
			if _, err := st.Put(t.Context(), webhookSignal("a")); err != nil {
				t.Errorf("Put again: %v", err)
			}
		})
	}
}

// A failure is what becomes of one try.
type failure struct {
	err    error
	stored bool
}

// failing fails the first tries as told, and passes on the rest.
func failing(all []failure) func(stream.PublishFunc) stream.PublishFunc {
	return func(next stream.PublishFunc) stream.PublishFunc {
		return func(ctx context.Context, m *nats.Msg) (uint64, error) {
			if len(all) == 0 {
				return next(ctx, m)
			}
			f := all[0]
			all = all[1:]
			if f.stored {
				if _, err := next(ctx, m); err != nil {
					return 0, err
				}
			}
			return 0, f.err
		}
	}
}

func isA[T error](err error) bool {
	_, ok := errors.AsType[T](err)
	return ok
}

// frames returns how many frames can be read.
func frames(t testing.TB, st *stream.Store) int {
	t.Helper()
	r := st.Signals(incident.Pos{})
	defer r.Close()
	var last incident.Pos
	eventually.Eventually(t, 10*time.Second, "the store answers", func() (ok bool) {
		var err error
		last, err = r.Last(t.Context())
		return err == nil
	})
	n := 0
	for pos := (incident.Pos{}); pos.Less(last); n++ {
		pos = read(t, r, 1)[0].Pos
	}
	return n
}

func TestPutStopsWaitingWithItsCaller(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	entered, release := slow(st)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() {
		_, err := st.Put(ctx, webhookSignal("a"))
		done <- err
	}()
	<-entered
	cancel()
	err := <-done
	if e, ok := errors.AsType[*stream.UnavailableError](err); !ok || !e.Unknown || !errors.Is(err, context.Canceled) {
		t.Errorf("Put = %v, want an unknown outcome because the caller left", err)
	}
	release <- nil
	if got := mustPut(t, st, webhookSignal("a")); !got.Repeat {
		t.Errorf("Put again = %+v, want a repeat: the frame was everyone's", got)
	}
}

func TestErasedBytesAreRefused(t *testing.T) {
	erased := incident.NewSignalID("siem", []byte("a"))
	st, _ := open(t, small(t.TempDir()), stream.Hooks{Refuse: func(id incident.SignalID) bool { return id == erased }})
	_, err := st.Put(t.Context(), webhookSignal("a"))
	if !isA[*stream.RefusedError](err) || !ingest.IsPermanent(err) || !ingest.IsErased(err) {
		t.Errorf("Put of erased bytes = %v, want a permanent RefusedError", err)
	}
	mustPut(t, st, webhookSignal("b"))
}

func TestSignalThatTheFormatCannotHoldIsRefused(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	for _, tt := range []struct {
		name string
		edit func(*incident.Signal)
	}{
		{"source", func(s *incident.Signal) { s.Source = "no spaces" }},
		{"channel", func(s *incident.Signal) { s.Channel = "fax" }},
		{"authentication", func(s *incident.Signal) { s.Auth = "" }},
		{"role", func(s *incident.Signal) { s.Role = "king" }},
		{"author", func(s *incident.Signal) { s.Author = "a\"b" }},
		{"stub", func(s *incident.Signal) { s.Stub = strings.Repeat("x", 300) }},
		{"received", func(s *incident.Signal) { s.Received = time.Time{} }},
		{"stamped", func(s *incident.Signal) { s.Stamped = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) }},
	} {
		sig := webhookSignal("a")
		tt.edit(&sig)
		if _, err := st.Put(t.Context(), sig); !isA[*stream.InvalidError](err) {
			t.Errorf("%s: Put = %v, want an InvalidError", tt.name, err)
		}
	}
}

func TestLargeSignalIsEvidenceAndComesBackWhole(t *testing.T) {
	cfg := small(t.TempDir())
	cfg.MaxSignal = 4 * stream.MiB
	st, srv := open(t, cfg, stream.Hooks{})
	raw := bytes.Repeat([]byte("0123456789abcdef"), 200<<10) // 3.1 MiB
	for _, n := range []int{stream.MaxInline, stream.MaxInline + 1, len(raw)} {
		sig := webhookSignal("")
		sig.Raw = raw[:n]
		got := mustPut(t, st, sig)
		if err := srv.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
		var back incident.Stored
		eventually.Eventually(t, 10*time.Second, "the signal can be read", func() (ok bool) {
			var err error
			back, err = st.Signal(t.Context(), got.Pos)
			return err == nil
		})
		if !bytes.Equal(back.Raw, sig.Raw) {
			t.Errorf("signal of %d bytes came back with %d bytes", n, len(back.Raw))
		}
		if again := mustPut(t, st, sig); !again.Repeat {
			t.Errorf("signal of %d bytes again: receipt = %+v, want a repeat", n, again)
		}
	}
	r := st.Signals(incident.Pos{})
	defer r.Close()
	for i, want := range []int{stream.MaxInline, stream.MaxInline + 1, len(raw)} {
		if got := read(t, r, 1)[0]; len(got.Raw) != want {
			t.Errorf("signal %d came back with %d bytes, want %d", i, len(got.Raw), want)
		}
	}
	sig := webhookSignal("")
	sig.Raw = make([]byte, 4<<20+1)
	if _, err := st.Put(t.Context(), sig); !isA[*stream.TooLargeError](err) || !ingest.IsPermanent(err) {
		t.Errorf("Put over the limit = %v, want a permanent TooLargeError", err)
	}
}

func TestFullStreamRefusesAndKeepsWhatItHas(t *testing.T) {
	cfg := small(t.TempDir())
	cfg.MaxBytes.Signals = 4 * stream.MiB
	st, srv := open(t, cfg, stream.Hooks{})
	raw := strings.Repeat("x", 200<<10)
	stored := 0
	var err error
	for ; stored < 100; stored++ {
		if _, err = st.Put(t.Context(), webhookSignal(fmt.Sprint(stored)+raw)); err != nil {
			break
		}
	}
	if !errors.Is(err, stream.ErrFull) {
		t.Fatalf("Put into a full stream = %v, want ErrFull", err)
	}
	if e, ok := errors.AsType[*stream.FullError](err); !ok || e.Hint() == "" || ingest.RetryAfter(err) != time.Minute {
		t.Errorf("error %v has no hint, or no time to try again", err)
	}
	if ingest.IsPermanent(err) {
		t.Error("a full store is permanent; its senders would give up")
	}
	// More room, and the same bytes are taken.
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.MaxBytes.Signals = 8 * stream.MiB
	st = openOn(t, srv, cfg, stream.Hooks{})
	if _, err := st.Put(t.Context(), webhookSignal(fmt.Sprint(stored)+raw)); err != nil {
		t.Errorf("Put after the limit was raised: %v", err)
	}
	if got, want := frames(t, st), stored+1; got != want {
		t.Errorf("%d frames are stored, want %d", got, want)
	}
}

func TestNothingIsTakenWithoutRoom(t *testing.T) {
	full := false
	st, _ := open(t, small(t.TempDir()), stream.Hooks{Room: func() error {
		if full {
			return &stream.FullError{Stream: "disk", Err: errors.New("3 bytes are free")}
		}
		return nil
	}})
	mustPut(t, st, webhookSignal("a"))
	full = true
	if _, err := st.Put(t.Context(), webhookSignal("b")); !errors.Is(err, stream.ErrFull) {
		t.Errorf("Put without room = %v, want ErrFull", err)
	}
	if err := st.Ledger().Append(t.Context(), []byte("x"), 0); !errors.Is(err, stream.ErrFull) {
		t.Errorf("Append without room = %v, want ErrFull", err)
	}
	full = false
	mustPut(t, st, webhookSignal("b"))
}

func TestCloseStoresWhatWaitsAndRefusesTheRest(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	entered, release := slow(st)
	errs := make(chan error, 2)
	put := func(raw string) {
		go func() {
			_, err := st.Put(t.Context(), webhookSignal(raw))
			errs <- err
		}()
	}
	put("in flight")
	<-entered
	put("waits")
	eventually.Eventually(t, 5*time.Second, "the second signal waits", func() bool { return st.Waiting() == 1 })
	closed := make(chan error)
	var n counter
	go func() { closed <- st.Close() }()
	eventually.Eventually(t, 5*time.Second, "new signals are refused", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := st.Put(ctx, webhookSignal(fmt.Sprint("late ", n.next())))
		e, ok := errors.AsType[*stream.UnavailableError](err)
		return ok && !e.Unknown
	})
	close(release)
	if err := <-closed; err != nil {
		t.Error(err)
	}
	for range 2 {
		if err := <-errs; err != nil {
			t.Errorf("Put before Close: %v", err)
		}
	}
	if err := st.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}
