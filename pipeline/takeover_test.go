package pipeline_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// Two processors at once is what a paused one makes when it wakes: whatever the
// lease says, the record takes the steps of one of them.
func TestAProcessorThatWakesLateIsFencedAndFollowsAgain(t *testing.T) {
	inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
		w.shared = true
		w.detected("a", time.Now())
		w.settle()

		// Another processor takes over with a checkpoint of its own.
		other := &second{w: w, checkpoint: filepath.Join(w.dir, "checkpoint-2")}
		other.begin()

		// The first is asleep no longer: a signal comes, and both fold it.
		w.detected("b", time.Now())
		err := <-w.done
		if !pipeline.Fenced(err) {
			t.Fatalf("Run of the first processor = %v, want it fenced", err)
		}
		if s := w.proc.Status(); s.Ready {
			t.Error("the fenced processor says that it is ready")
		}
		bubble.Advance(time.Second)
		if got := other.opened(); got != 2 {
			t.Errorf("the second processor told of %d incidents, want 2", got)
		}

		// The first follows, and takes over again when the second has ended.
		if err := w.proc.Rebuild(context.Background(), w.reopen); err != nil {
			t.Fatal(err)
		}
		if got := w.count(incident.KindOpened); got != 2 {
			t.Errorf("the first processor told of %d incidents, want 2: one it made, one it followed", got)
		}
		other.end()
		if err := w.proc.Rebuild(context.Background(), w.reopen); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		w.cancel = cancel
		go func() { w.done <- w.proc.Run(ctx) }()
		w.detected("c", time.Now())
		bubble.Advance(31 * time.Minute)
		w.readUpTo(time.Now())
		bubble.Advance(5 * time.Second)
		if got := w.count(incident.KindOpened); got != 3 {
			t.Errorf("the record opens %d incidents, want 3", got)
		}
		warned := map[string]int{}
		for _, a := range w.alerts() {
			warned[a]++
		}
		if got := warned["warn-30m/1 active"]; got != 3 {
			t.Errorf("%d warnings became active, want one for each of 3 incidents: %v", got, warned)
		}
		got, err := ledger.Verify(context.Background(), w.store.Ledger(), vault{w.store}, filepath.Join(w.dir, "checkpoint"), nil)
		if err != nil || got.Entries != w.proc.Status().Entry {
			t.Errorf("Verify = %+v, %v, want all %d entries whole", got, err, w.proc.Status().Entry)
		}
	})
}

// A second is another processor on the world's store.
type second struct {
	w          *world
	checkpoint string
	writer     *ledger.Writer
	cancel     context.CancelFunc
	done       chan error

	mu   sync.Mutex
	told []incident.Entry
}

// begin takes over as a standby does: it has followed the record with a
// checkpoint of its own.
func (s *second) begin() {
	t := s.w.t
	b, err := os.ReadFile(filepath.Join(s.w.dir, "checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.checkpoint, b, 0o600); err != nil {
		t.Fatal(err)
	}
	o := s.w.options()
	o.Tell = func(es []incident.Entry) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told = append(s.told, es...)
	}
	store, err := stream.Open(context.Background(), s.w.nc, s.w.config(), stream.Hooks{}, o.Log)
	if err != nil {
		t.Fatal(err)
	}
	o.Signals = func(after incident.Pos) (pipeline.Signals, error) { return store.Signals(after), nil }
	o.Reopen = nil
	var p *pipeline.Processor
	lo := ledger.Options{Log: store.Ledger(), Vault: vault{store}, Checkpoint: s.checkpoint, Shared: true,
		Each: func(e incident.Entry) error { return p.Replay(e) }}
	w := &late{}
	o.Ledger = w
	p = pipeline.New(o)
	if w.Writer, err = ledger.Open(context.Background(), lo); err != nil {
		t.Fatal(err)
	}
	s.writer, s.done = w.Writer, make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = func() {
		cancel()
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	}
	go func() { s.done <- p.Run(ctx) }()
	s.w.settle()
}

// late is the writer that is opened after its processor was made.
type late struct{ *ledger.Writer }

func (s *second) opened() int {
	s.w.settle()
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range s.told {
		if e.Kind == incident.KindOpened {
			n++
		}
	}
	return n
}

func (s *second) end() {
	s.cancel()
	if err := <-s.done; err != nil {
		s.w.t.Errorf("Run of the second processor = %v", err)
	}
	if err := s.writer.Close(); err != nil {
		s.w.t.Error(err)
	}
}
