package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

// A watched is a real store with a record in it, and a watch over both.
type watched struct {
	t     *testing.T
	cfg   stream.Config
	host  stream.Host
	nc    *nats.Conn
	store *stream.Store
	path  string        // of the checkpoint
	delay time.Duration // to the first scrub

	mu  sync.Mutex
	w   *ledger.Writer
	n   uint64
	pos incident.Pos
}

// watchConfig is a configuration that fits a test.
func watchConfig(dir string) stream.Config {
	cfg := stream.Default()
	cfg.Dir, cfg.MinFree, cfg.Timeout, cfg.Ephemeral = dir, 0, 5*time.Second, true
	cfg.MaxBytes = stream.Limits{
		Signals: 64 * stream.MiB, Ledger: 64 * stream.MiB, Deliveries: 8 * stream.MiB,
		Positions: 8 * stream.MiB, Evidence: 64 * stream.MiB,
	}
	return cfg
}

// openWatched opens a store and the writer of its record.
func openWatched(t *testing.T, host stream.Host, cfg stream.Config, path string) *watched {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	nc, err := host.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	if !host.Embedded() {
		if _, err := stream.Create(t.Context(), nc, cfg); err != nil {
			t.Fatal(err)
		}
	}
	store, err := stream.Open(t.Context(), nc, cfg, stream.Hooks{}, log)
	if err != nil {
		t.Fatal(err)
	}
	wd := &watched{t: t, cfg: cfg, host: host, nc: nc, store: store, path: path}
	wd.w, err = ledger.Open(t.Context(), ledger.Options{Log: store.Ledger(), Vault: store.Vault(""), Checkpoint: path,
		Each: func(e incident.Entry) error { wd.n, wd.pos = e.N, e.Pos; return nil }})
	if err != nil {
		t.Fatal(err)
	}
	return wd
}

func (wd *watched) close() {
	wd.t.Helper()
	if err := errors.Join(wd.w.Close(), wd.store.Close(), wd.host.Close()); err != nil {
		wd.t.Error(err)
	}
}

func (wd *watched) covered() incident.Pos {
	wd.mu.Lock()
	defer wd.mu.Unlock()
	return wd.pos
}

// rawOf is the bytes of signal i.
func rawOf(i uint64) []byte { return bytes.Repeat(fmt.Appendf(nil, "signal %d ", i), 40) }

// add stores a signal and commits the entry that covers it, so many times.
func (wd *watched) add(ctx context.Context, many int) error {
	for range many {
		raw := rawOf(wd.n + 1)
		now := time.Now().UTC()
		got, err := wd.store.Put(ctx, incident.Signal{
			ID: incident.NewSignalID("desk", raw), Source: "desk", Channel: incident.ChannelManual,
			Received: now, Auth: incident.AuthOwner, Author: "4711", Role: incident.RoleDesk, Raw: raw,
		})
		if err != nil {
			return err
		}
		stored, err := wd.store.Signal(ctx, got.Pos)
		if err != nil {
			return err
		}
		if err := wd.w.Commit(ctx, []incident.Entry{{
			N: wd.n + 1, At: now, Pos: got.Pos, Kind: incident.KindIgnored, Why: incident.WhyNotIncident,
			Signal: &incident.SignalRecord{Mark: incident.Mark{1}, Commit: stored.Commit, Pos: got.Pos, Source: "desk",
				Channel: incident.ChannelManual, Received: now, Receipt: now, Interpreter: "manual/1"},
		}}); err != nil {
			return err
		}
		wd.n++
		wd.mu.Lock()
		wd.pos = got.Pos
		wd.mu.Unlock()
	}
	return nil
}

func (wd *watched) mustAdd(many int) {
	wd.t.Helper()
	if err := wd.add(wd.t.Context(), many); err != nil {
		wd.t.Fatal(err)
	}
}

// watch runs the program's own watch until the function that it returns is
// called.
func (wd *watched) watch(t *testing.T, scrubs bool) (w *watch.Watch, stop func()) {
	w = newWatch(t.Context(), watching{
		store: wd.store, cfg: wd.cfg, mark: markOf(wd.path, wd.covered, func() uint64 { return 0 }), checkpoint: wd.path, scrubs: scrubs, delay: wd.delay,
		log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := w.Run(ctx); err != nil {
			t.Errorf("Run = %v", err)
		}
	})
	return w, func() { cancel(); wg.Wait() }
}

// blockOf returns the file with the first messages of a stream, beneath dir.
func blockOf(t *testing.T, dir, streamName string) string {
	t.Helper()
	found := ""
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.Contains(path, "/streams/"+streamName+"/") && filepath.Base(path) == "1.blk" && strings.Contains(path, "/msgs/") {
			found = path
		}
		return err
	})
	if err != nil || found == "" {
		t.Fatalf("find the messages of %s in %s: %v", streamName, dir, err)
	}
	return found
}

// flip changes a bit of a message in the block of a stream: of the nth body that
// is there, at a place of it between 0 and 1. It leaves the server's own head of a
// message alone: nats-server v2.15.2 believes a sequence number that it finds
// there, takes all numbers up to it for deleted, one by one, and hangs.
func flip(t *testing.T, path string, n int, place float64) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at, body := 0, []byte(`{"v":1,`)
	for range n {
		at += bytes.Index(b[at:], body) + len(body)
	}
	at += int(place * 400) // every body is longer
	b[at] ^= 1 << (at % 8)
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// inBubble runs f over an embedded store with a record of 60 signals.
func inBubble(t *testing.T, f func(t *testing.T, wd *watched, dir string)) {
	t.Helper()
	dir := t.TempDir()
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
		cfg := watchConfig(filepath.Join(dir, "store"))
		host, err := stream.Start(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
		if err != nil {
			t.Fatal(err)
		}
		wd := openWatched(t, host, cfg, filepath.Join(dir, "checkpoint"))
		defer wd.close()
		wd.mustAdd(60)
		f(t, wd, cfg.Dir)
	})
}

// While the store is in use a bit flips on its disk. The server serves on, and
// says nothing; no monitor can see it. The daily scrub does.
func TestAFlippedBitIsFoundWithinADay(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 1))
	for _, streamName := range []string{"LEDGER_moj", "SIGNALS_moj"} {
		for range 2 {
			n, place := 1+r.IntN(60), r.Float64()
			t.Run(fmt.Sprintf("%s message %d at %.2f", streamName, n, place), func(t *testing.T) {
				inBubble(t, func(t *testing.T, wd *watched, dir string) {
					w, stop := wd.watch(t, true)
					defer stop()
					bubble.Advance(2 * time.Hour)
					if s := w.Status(); w.Fault() != nil || s.Scrubbed.IsZero() || s.Monitored.IsZero() {
						t.Fatalf("before: %v, %+v", w.Fault(), s)
					}
					flip(t, blockOf(t, dir, streamName), n, place)
					bubble.Advance(24 * time.Hour)
					f := w.Fault()
					if f == nil {
						t.Fatal("it was not found")
					}
					if f.Entry != uint64(n) || f.Stream != streamName || !f.StoringSafe || len(f.Repair) == 0 {
						t.Errorf("found %+v, want entry %d named, and a repair", f, n)
					}
				})
			})
		}
	}
}

// What a stream knows to have lost a monitor sees within a minute.
func TestALossIsFoundWithinAMinute(t *testing.T) {
	// As after a crash: the server reads the block, and cuts it at the bad record.
	cut := func(streamName string) func(t *testing.T, wd *watched, dir string) {
		return func(t *testing.T, wd *watched, dir string) {
			block := blockOf(t, dir, streamName)
			srv := wd.host.(*stream.Server)
			if err := srv.Close(); err != nil {
				t.Fatal(err)
			}
			flip(t, block, 30, 0.5)
			if err := os.Remove(filepath.Join(filepath.Dir(block), "index.db")); err != nil {
				t.Fatal(err)
			}
			wd.t = t
			wd.reopen(dir)
		}
	}
	for _, tt := range []struct {
		name    string
		do      func(t *testing.T, wd *watched, dir string)
		refusal string
		storing bool
	}{
		{"the end of the record", cut("LEDGER_moj"), "checkpoint_ahead", true},
		{"the end of the signals", cut("SIGNALS_moj"), "signals_end_lost", false},
		{"a signal in between, which nobody erased", func(t *testing.T, wd *watched, _ string) {
			if err := wd.stream("SIGNALS_moj").SecureDeleteMsg(t.Context(), 30); err != nil {
				t.Fatal(err)
			}
		}, "signal_unreadable", true},
		{"the first signals", func(t *testing.T, wd *watched, _ string) {
			for seq := range uint64(3) {
				if err := wd.stream("SIGNALS_moj").DeleteMsg(t.Context(), seq+1); err != nil {
					t.Fatal(err)
				}
			}
		}, "signal_unreadable", true},
		{"the whole record", func(t *testing.T, wd *watched, _ string) { wd.remove("LEDGER_moj") }, "checkpoint_ahead", true},
		{"all signals", func(t *testing.T, wd *watched, _ string) { wd.remove("SIGNALS_moj") }, "signals_end_lost", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, wd *watched, dir string) {
				wd.t = t
				tt.do(t, wd, dir)
				w, stop := wd.watch(t, false)
				bubble.Advance(time.Minute)
				f := w.Fault()
				stop()
				if f == nil || f.Refusal != tt.refusal || f.StoringSafe != tt.storing {
					t.Errorf("after a minute: %+v, want %s, storing safe %v", f, tt.refusal, tt.storing)
				}
			})
		})
	}
}

// reopen starts the server again on what is in dir, and leaves the writer out.
func (wd *watched) reopen(dir string) {
	wd.t.Helper()
	log := slog.New(slog.NewTextHandler(wd.t.Output(), nil))
	host, err := stream.Start(wd.t.Context(), watchConfig(dir), log)
	if err != nil {
		wd.t.Fatal(err)
	}
	nc, err := host.Connect("again")
	if err != nil {
		wd.t.Fatal(err)
	}
	if err := wd.store.Close(); err != nil {
		wd.t.Fatal(err)
	}
	wd.host, wd.nc = host, nc
	if wd.store, err = stream.Open(wd.t.Context(), nc, watchConfig(dir), stream.Hooks{}, log); err != nil {
		wd.t.Fatal(err)
	}
}

func (wd *watched) stream(name string) jetstream.Stream {
	wd.t.Helper()
	js, err := jetstream.New(wd.nc)
	if err != nil {
		wd.t.Fatal(err)
	}
	st, err := js.Stream(wd.t.Context(), name)
	if err != nil {
		wd.t.Fatal(err)
	}
	return st
}

func (wd *watched) remove(name string) {
	wd.t.Helper()
	js, err := jetstream.New(wd.nc)
	if err != nil {
		wd.t.Fatal(err)
	}
	if err := js.DeleteStream(wd.t.Context(), name); err != nil {
		wd.t.Fatal(err)
	}
}

// Forty hours of a busy store whose server is restarted now and then, while it is
// read whole twice.
func TestABusyStoreNeverHasAFault(t *testing.T) {
	inBubble(t, func(t *testing.T, wd *watched, _ string) {
		r := rand.New(rand.NewPCG(3, 2))
		w, stop := wd.watch(t, true)
		defer stop()
		for hour := range 40 {
			for range 4 {
				wd.mustAdd(r.IntN(12))
				bubble.Advance(15 * time.Minute)
			}
			if hour%10 == 9 {
				if err := wd.host.(*stream.Server).Restart(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			if f := w.Fault(); f != nil {
				t.Fatalf("hour %d: %v", hour, f)
			}
		}
		s := w.Status()
		if time.Since(s.Scrubbed) > 25*time.Hour || time.Since(s.Monitored) > 2*time.Minute || s.Problem != "" {
			t.Errorf("after forty hours: %+v", s)
		}
	})
}

// Where another process writes, our checkpoint follows behind; what the scrub
// reads is whole all the same, and what is bad in it is still found.
func TestACheckpointThatLagsIsNoFaultForAScrub(t *testing.T) {
	inBubble(t, func(t *testing.T, wd *watched, _ string) {
		old, err := os.ReadFile(wd.path)
		if err != nil {
			t.Fatal(err)
		}
		wd.mustAdd(9)
		path := filepath.Join(filepath.Dir(wd.path), "lagging")
		if err := os.WriteFile(path, old, 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := scrub(t.Context(), wd.store, "", path, nil, nil)
		if err != nil || r.Entries != 69 || r.Signals != 69 {
			t.Errorf("scrub = %+v, %v, want 69 entries and signals", r, err)
		}
		if err := wd.stream("SIGNALS_moj").SecureDeleteMsg(t.Context(), 66); err != nil {
			t.Fatal(err)
		}
		_, err = scrub(t.Context(), wd.store, "", path, nil, nil)
		if f := nameFault("moj")(err); f == nil || f.Entry != 66 {
			t.Errorf("with a signal gone: %v, want entry 66 named", err)
		}
	})
}
