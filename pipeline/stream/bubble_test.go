package stream_test

import (
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A world is a server and its store inside a bubble. It is closed before the
// bubble ends, so not by t.Cleanup.
type world struct {
	t   *testing.T
	srv *stream.Server
	st  *stream.Store
}

func newWorld(t *testing.T, dir string) *world {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	srv, err := stream.Start(t.Context(), small(dir), log)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	st, err := stream.Open(t.Context(), nc, small(dir), stream.Hooks{}, log)
	if err != nil {
		t.Fatal(err)
	}
	return &world{t, srv, st}
}

func (w *world) close() {
	w.t.Helper()
	if err := w.st.Close(); err != nil {
		w.t.Error(err)
	}
	if err := w.srv.Close(); err != nil {
		w.t.Error(err)
	}
}

func TestMemoryOfPutLastsTenMinutes(t *testing.T) {
	dir := t.TempDir()
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(time.Date(2026, 10, 24, 23, 0, 0, 0, time.UTC))
		w := newWorld(t, dir)
		defer w.close()
		mustPut(t, w.st, webhookSignal("a"))
		bubble.Advance(9*time.Minute + 59*time.Second)
		mustPut(t, w.st, webhookSignal("another, so that the generations turn if they are due"))
		if got := mustPut(t, w.st, webhookSignal("a")); !got.Repeat {
			t.Errorf("after 9m59s: receipt = %+v, want a repeat", got)
		}
		bubble.Advance(10 * time.Minute)
		mustPut(t, w.st, webhookSignal("b"))
		bubble.Advance(10 * time.Minute)
		mustPut(t, w.st, webhookSignal("c"))
		if got := mustPut(t, w.st, webhookSignal("a")); got.Repeat {
			t.Errorf("after 30m: receipt = %+v, want it stored again, for the fold to know", got)
		}
	})
}

func TestReaderOutlivesAnIdleDayAndARestart(t *testing.T) {
	dir := t.TempDir()
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(time.Date(2026, 10, 24, 23, 0, 0, 0, time.UTC))
		w := newWorld(t, dir)
		defer w.close()
		r := w.st.Signals(incident.Pos{})
		for i := range 3 {
			mustPut(t, w.st, webhookSignal(fmt.Sprint(i)))
			if got, want := read(t, r, 1)[0].Pos, (incident.Pos{Seq: uint64(i + 1)}); got != want {
				t.Errorf("signal %d at %s, want %s", i, got, want)
			}
			if i == 0 {
				bubble.Advance(24 * time.Hour)
			} else if err := w.srv.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
