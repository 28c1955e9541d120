package stream_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A stage sees who works, and that nobody does while another may.
type stage struct {
	mu     sync.Mutex
	now    string // who works
	turns  []string
	begins []time.Time
	clash  string
}

// work returns a work that goes on until its context ends.
func (s *stage) work(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		s.mu.Lock()
		if s.now != "" {
			s.clash = fmt.Sprintf("%s began while %s worked", name, s.now)
		}
		s.now = name
		s.turns, s.begins = append(s.turns, name), append(s.begins, time.Now())
		s.mu.Unlock()
		<-ctx.Done()
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.now == name {
			s.now = ""
		}
		return nil
	}
}

func (s *stage) who() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

func (s *stage) check(t *testing.T, what string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clash != "" {
		t.Errorf("%s: %s", what, s.clash)
	}
}

// A shaky bucket answers late, loses requests and loses answers, as it is told.
// It keeps what the true one would.
type shaky struct {
	mu       sync.Mutex
	value    []byte
	revision uint64

	rnd *rand.Rand // nil: nothing is late and nothing is lost
	// cut is until when nobody is answered, by the client's name.
	cut map[string]time.Time
}

// A line is one client's way to the bucket.
type line struct {
	*shaky
	name string
}

var errNoAnswer = errors.New("no answer")

// pass waits as long as the network does, and reports whether the request
// arrives and whether its answer does.
func (l line) pass(ctx context.Context) (arrives, answered bool) {
	l.mu.Lock()
	delay := time.Millisecond
	arrives, answered = true, true
	away := time.Now().Before(l.cut[l.name])
	if l.rnd != nil {
		delay = time.Duration(l.rnd.IntN(200)) * time.Millisecond
		if l.rnd.IntN(20) == 0 {
			delay += time.Duration(l.rnd.IntN(3000)) * time.Millisecond
		}
		arrives, answered = l.rnd.IntN(15) > 0, l.rnd.IntN(15) > 0
		away = away && l.rnd.IntN(2) == 0
	}
	if time.Now().Before(l.cut[l.name]) {
		arrives, answered = !away, false
	}
	l.mu.Unlock()
	timer := time.NewTimer(delay)
	defer timer.Stop()
	<-timer.C // also when the caller has given up: it is on its way
	if !arrives || !answered {
		return arrives, false
	}
	return arrives, ctx.Err() == nil
}

func (l line) Get(ctx context.Context, _ string) (jetstream.KeyValueEntry, error) {
	_, answered := l.pass(ctx)
	if !answered {
		return nil, errNoAnswer
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.revision == 0 {
		return nil, jetstream.ErrKeyNotFound
	}
	return written{value: l.value, revision: l.revision}, nil
}

func (l line) Create(ctx context.Context, key string, value []byte, _ ...jetstream.KVCreateOpt) (uint64, error) {
	return l.Update(ctx, key, value, 0)
}

func (l line) Update(ctx context.Context, _ string, value []byte, revision uint64) (uint64, error) {
	arrives, answered := l.pass(ctx)
	var stored uint64
	l.mu.Lock()
	if arrives && l.revision == revision {
		l.value, l.revision = value, l.revision+1
		stored = l.revision
	}
	l.mu.Unlock()
	switch {
	case !answered:
		return 0, errNoAnswer
	case stored == 0:
		return 0, jetstream.ErrKeyExists
	default:
		return stored, nil
	}
}

// written is an entry of a bucket.
type written struct {
	jetstream.KeyValueEntry
	value    []byte
	revision uint64
}

func (w written) Value() []byte    { return w.value }
func (w written) Revision() uint64 { return w.revision }

// Whatever the network does, no two processes think at the same time that the
// lease is theirs, and somebody always gets it again.
func TestNoTwoHoldALeaseAtOnceWhateverTheNetworkDoes(t *testing.T) {
	for seed := range uint64(60) {
		bubble.Run(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 7))
			bucket := &shaky{rnd: rand.New(rand.NewPCG(seed, 8)), cut: map[string]time.Time{}}
			s := &stage{}
			ctx, cancel := context.WithCancel(context.Background())
			var all sync.WaitGroup
			for i := range 4 {
				name := fmt.Sprint("p", i)
				l := stream.NewLease(line{bucket, name}, "processor", name, slog.New(slog.DiscardHandler))
				all.Go(func() {
					if err := l.Hold(ctx, s.work(name)); err != nil {
						t.Errorf("seed %d: Hold = %v", seed, err)
					}
				})
			}
			for range 20 {
				bubble.Advance(time.Duration(rnd.IntN(15)) * time.Second)
				bucket.mu.Lock()
				bucket.cut[fmt.Sprint("p", rnd.IntN(4))] = time.Now().Add(time.Duration(rnd.IntN(12)) * time.Second)
				bucket.mu.Unlock()
			}
			// All heals: no cut lasts so long.
			bucket.mu.Lock()
			bucket.rnd = nil
			bucket.mu.Unlock()
			bubble.Advance(30 * time.Second)
			if s.who() == "" {
				t.Errorf("seed %d: nobody works at the end; turns %v", seed, s.turns)
			}
			cancel()
			all.Wait()
			s.check(t, fmt.Sprintf("seed %d", seed))
		})
	}
}

// A perfect network shows how long each kind of leaving costs.
func TestALeaseIsTakenOverWithinTenSeconds(t *testing.T) {
	for _, tt := range []struct {
		name  string
		leave func(bucket *shaky, end context.CancelFunc)
		least time.Duration
		most  time.Duration
	}{
		{"given back", func(_ *shaky, end context.CancelFunc) { end() }, 0, time.Second},
		{"cut off", func(b *shaky, _ context.CancelFunc) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.cut["first"] = time.Now().Add(time.Hour)
		}, 4 * time.Second, 7 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				bucket := &shaky{cut: map[string]time.Time{}}
				s := &stage{}
				ctx, cancel := context.WithCancel(context.Background())
				fctx, end := context.WithCancel(ctx)
				var all sync.WaitGroup
				hold := func(ctx context.Context, name string) {
					l := stream.NewLease(line{bucket, name}, "processor", name, slog.New(slog.DiscardHandler))
					all.Go(func() { _ = l.Hold(ctx, s.work(name)) })
				}
				hold(fctx, "first")
				bubble.Advance(3 * time.Second)
				hold(ctx, "second")
				bubble.Advance(10 * time.Second)
				if got := s.who(); got != "first" {
					t.Fatalf("%q works, want the first to keep the lease", got)
				}
				left := time.Now()
				tt.leave(bucket, end)
				bubble.Advance(10 * time.Second)
				if got := s.who(); got != "second" {
					t.Fatalf("%q works after ten seconds, want the second", got)
				}
				if took := s.begins[1].Sub(left); took < tt.least || took > tt.most {
					t.Errorf("the second worked after %s, want %s to %s", took, tt.least, tt.most)
				}
				end()
				cancel()
				all.Wait()
				s.check(t, tt.name)
			})
		})
	}
}

func TestWhatAHolderPublishesIsSeenWhileItLives(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bucket := &shaky{cut: map[string]time.Time{}}
		ctx, cancel := context.WithCancel(context.Background())
		first := stream.NewLease(line{bucket, "first"}, "processor", "first", slog.New(slog.DiscardHandler))
		second := stream.NewLease(line{bucket, "second"}, "processor", "second", slog.New(slog.DiscardHandler))
		if who, _, err := second.Alive(ctx); who != "" || err != nil {
			t.Errorf("before anybody: Alive = %q, %v, want nobody", who, err)
		}
		done := make(chan error)
		s := &stage{}
		go func() { done <- first.Hold(ctx, s.work("first")) }()
		bubble.Advance(time.Second)
		first.Publish([]byte("head 7"))
		bubble.Advance(2 * time.Second)
		if who, value, err := second.Alive(ctx); who != "first" || string(value) != "head 7" || err != nil {
			t.Errorf("Alive = %q, %q, %v, want what the first shows", who, value, err)
		}
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Hold = %v", err)
		}
		if who, _, err := second.Alive(context.Background()); who != "" || err != nil {
			t.Errorf("after it was given back: Alive = %q, %v, want nobody", who, err)
		}
	})
}

func TestAWorkThatFailsEndsHoldWithItsError(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bucket := &shaky{cut: map[string]time.Time{}}
		l := stream.NewLease(line{bucket, "a"}, "processor", "a", slog.New(slog.DiscardHandler))
		want := errors.New("the work's own")
		if got := l.Hold(context.Background(), func(context.Context) error { return want }); !errors.Is(got, want) {
			t.Errorf("Hold = %v, want %v", got, want)
		}
	})
}

// Eight processes race for a lease on a real nats-server.
func TestEightContendersForALeaseOnARealServer(t *testing.T) {
	nats := natstest.Start(t, natstest.Options{Servers: 1})
	cfg := stream.Default()
	cfg.NATS.URLs = []string{nats.URLs()}
	log := slog.New(slog.DiscardHandler)
	host, err := stream.Begin(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	s := &stage{}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer cancel()
	for i := range 8 {
		nc, err := host.Connect(fmt.Sprint("p", i))
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			if _, err := stream.Create(t.Context(), nc, cfg); err != nil {
				t.Fatal(err)
			}
		}
		st, err := stream.Open(t.Context(), nc, cfg, stream.Hooks{}, log)
		if err != nil {
			t.Fatal(err)
		}
		defer st.Close()
		name := fmt.Sprint("p", i)
		lease := st.Lease("processor", name)
		// Each works for a moment and gives the lease back: as many races.
		all.Go(func() {
			for ctx.Err() == nil {
				_ = lease.Hold(ctx, func(ctx context.Context) error {
					ctx, end := context.WithTimeout(ctx, 5*time.Millisecond)
					defer end()
					return s.work(name)(ctx)
				})
			}
		})
	}
	eventually.Eventually(t, 60*time.Second, "a hundred turns", func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return len(s.turns) >= 100
	})
	s.check(t, "eight contenders")
}
