package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger/ledgertest"
)

// A second is a follower of a world with its own checkpoint.
type second struct {
	*world
	f    *ledger.Follower
	o    ledger.Options
	stop context.CancelFunc
	done chan error

	mu  sync.Mutex
	got []incident.Entry
}

// second follows w, which has the checkpoint of its own.
func (w *world) second(t *testing.T, options ...func(*ledger.Options)) *second {
	t.Helper()
	s := &second{world: &world{log: w.log, vault: w.vault, path: t.TempDir() + "/checkpoint"}}
	s.o = ledger.Options{Log: w.log, Vault: w.vault, Checkpoint: s.path, Shared: true, Each: s.take}
	for _, option := range options {
		option(&s.o)
	}
	return s
}

func (s *second) take(e incident.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, e)
	return nil
}

func (s *second) entries() []incident.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got
}

// follow follows anew, as after a crash.
func (s *second) follow(t *testing.T) error {
	t.Helper()
	s.got = nil
	f, err := ledger.Follow(t.Context(), s.o)
	if f != nil {
		t.Cleanup(func() { f.Close() })
	}
	s.f = f
	return err
}

// run starts Run.
func (s *second) run(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	s.stop, s.done = cancel, make(chan error, 1)
	f := s.f
	go func() { s.done <- f.Run(ctx) }()
	t.Cleanup(cancel)
}

// end ends Run and returns what it said.
func (s *second) end() error {
	s.stop()
	return <-s.done
}

func vouched(cp ledger.Checkpoint) func(*ledger.Options) {
	return func(o *ledger.Options) { o.Vouched = &cp }
}

// commit commits so many steps and returns their entries.
func (w *world) commit(t *testing.T, wr *ledger.Writer, steps int) []incident.Entry {
	t.Helper()
	var all []incident.Entry
	for range steps {
		entries := w.next(wr, 2)
		if err := wr.Commit(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
		all = append(all, entries...)
	}
	return all
}

func TestAFollowerSeesEachStepAndTakesOver(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		w := newWorld(t)
		first := w.mustOpen(t)
		s := w.second(t)
		if err := s.follow(t); err != nil {
			t.Fatal(err)
		}
		s.run(t)
		want := w.commit(t, first, 5)
		synctest.Wait()
		if diff := cmp.Diff(want, s.entries()); diff != "" {
			t.Errorf("while it follows: -want +got\n%s", diff)
		}
		if cp, err := ledger.ReadCheckpoint(s.path); err != nil || cp != first.Checkpoint() {
			t.Errorf("the follower's checkpoint is %+v, %v, want %+v", cp, err, first.Checkpoint())
		}
		if err := s.end(); err != nil {
			t.Fatalf("Run = %v", err)
		}
		want = append(want, w.commit(t, first, 3)...) // not followed any more
		next, err := s.f.Lead(t.Context())
		if err != nil {
			t.Fatalf("Lead = %v", err)
		}
		if diff := cmp.Diff(want, s.entries()); diff != "" {
			t.Errorf("after it leads: -want +got\n%s", diff)
		}
		want = append(want, w.commit(t, next, 2)...)

		// The old one wakes, and hears that it is not alone.
		if err := first.Commit(t.Context(), w.next(first, 1)); !errors.Is(err, ledgertest.ErrFenced) {
			t.Errorf("Commit of the old writer = %v, want %v", err, ledgertest.ErrFenced)
		}
		old := w.second(t)
		old.o.Checkpoint = w.path
		if err := old.follow(t); err != nil {
			t.Fatalf("Follow of the old writer = %v", err)
		}
		if diff := cmp.Diff(want, old.entries()); diff != "" {
			t.Errorf("the old writer follows: -want +got\n%s", diff)
		}
		var read []incident.Entry
		for e, err := range s.f.Entries(t.Context(), 1) { // whoever reads by the follower sees what its writer adds
			if err != nil {
				t.Fatal(err)
			}
			read = append(read, e)
		}
		if diff := cmp.Diff(want, read); diff != "" {
			t.Errorf("Entries of the follower: -want +got\n%s", diff)
		}
	})
}

// A follower says by name what happens to the record under it, also where
// nothing is sent to it any more.
func TestAFollowerNeverKeepsSilentAboutARecordThatChanges(t *testing.T) {
	reseal := func(n int, change func(e *incident.Entry)) func(bodies [][]byte) [][]byte {
		return func(bodies [][]byte) [][]byte {
			e, err := ledger.Decode(bodies[n-1])
			if err != nil {
				panic(err)
			}
			change(&e)
			return append(append(bodies[:n-1:n-1], ledger.Encode(nil, &e)), bodies[n:]...)
		}
	}
	for _, tt := range []struct {
		name   string
		change func(bodies [][]byte) [][]byte
		want   ledger.Refusal
		n, seq uint64
	}{
		{"its end is cut off", func(b [][]byte) [][]byte { return b[:6] }, ledger.RefuseAhead, 9, 9},
		{"it is made anew, empty", func([][]byte) [][]byte { return nil }, ledger.RefuseAhead, 9, 9},
		{"an older copy is put in its place and grows", func(b [][]byte) [][]byte {
			e, err := ledger.Decode(b[8])
			if err != nil {
				panic(err)
			}
			e.Signal.Mark[0]++
			return append(b[:8:8], ledger.Encode(nil, &e))
		}, ledger.RefuseRecord, 9, 9},
		{"its beginning is gone", func(b [][]byte) [][]byte { b[0] = nil; return b }, ledger.RefuseFirst, 0, 2},
		{"a message in between is gone", func(b [][]byte) [][]byte { b[4] = nil; return b }, ledger.RefuseDeleted, 9, 9},
		{"the next message does not follow", func(b [][]byte) [][]byte {
			return reseal(10, func(e *incident.Entry) { e.N, e.Prev[0] = 10, e.Prev[0]+1 })(append(b, b[8]))
		}, ledger.RefuseRecord, 10, 10},
		{"the next message is no entry", func(b [][]byte) [][]byte { return append(b, []byte("{}")) }, ledger.RefuseRecord, 10, 10},
		{"the next message is left out", func(b [][]byte) [][]byte { return append(b, nil, b[8]) }, ledger.RefuseDeleted, 10, 10},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				w := newWorld(t)
				wr := w.mustOpen(t)
				for range 9 {
					if err := wr.Commit(t.Context(), w.next(wr, 1)); err != nil {
						t.Fatal(err)
					}
				}
				s := w.second(t, vouched(wr.Checkpoint()))
				if err := s.follow(t); err != nil {
					t.Fatal(err)
				}
				s.run(t)
				bubble.Advance(ledger.LookEvery * 3)
				select {
				case err := <-s.done:
					t.Fatalf("Run of a sound record = %v", err)
				default:
				}
				w.log.Edit(tt.change)
				bubble.Advance(ledger.LookEvery * 2)
				select {
				case err := <-s.done:
					refused, ok := errors.AsType[*ledger.RefusedError](err)
					if !ok || refused.Name != tt.want || refused.N != tt.n || refused.Seq != tt.seq {
						t.Errorf("Run = %v, want %s of entry %d in message %d", err, tt.want, tt.n, tt.seq)
					}
					if _, lead := s.f.Lead(t.Context()); !errors.Is(lead, err) {
						t.Errorf("Lead = %v, want the same refusal", lead)
					}
				default:
					t.Error("Run says nothing")
					s.stop()
				}
				if got := len(s.entries()); got != 9 {
					t.Errorf("%d entries were given on, want 9", got)
				}
			})
		})
	}
}

// The follower's checkpoint fails at each of its writes. It is said, and the
// next follower is none the worse.
func TestACrashAtAnyWriteOfAFollowersCheckpoint(t *testing.T) {
	for _, f := range []struct {
		name  string
		fault ledger.DiskFault
	}{
		{"it is not written", ledger.WriteFails},
		{"it is torn", ledger.WriteTorn},
		{"it is written, the sync fails", ledger.SyncFails},
		{"it is lost, the sync fails", ledger.SyncFailsLost},
	} {
		for _, before := range []int{0, 1, 2} {
			t.Run(fmt.Sprintf("%s, after %d", f.name, before), func(t *testing.T) {
				bubble.Run(t, func(t *testing.T) {
					w := newWorld(t)
					wr := w.mustOpen(t)
					s := w.second(t)
					if err := s.follow(t); err != nil {
						t.Fatal(err)
					}
					s.run(t)
					var want []incident.Entry
					for range before {
						want = append(want, w.commit(t, wr, 1)...)
						synctest.Wait()
					}
					if err := s.end(); err != nil {
						t.Fatal(err)
					}
					s.f.FailCheckpoint(f.fault)
					s.run(t)
					want = append(want, w.commit(t, wr, 3)...)
					if err := <-s.done; !errors.Is(err, ledger.ErrDisk) {
						t.Fatalf("Run = %v, want %v", err, ledger.ErrDisk)
					}
					if err := s.follow(t); err != nil {
						t.Fatalf("Follow after the crash = %v", err)
					}
					if diff := cmp.Diff(want, s.entries()); diff != "" {
						t.Errorf("after the crash: -want +got\n%s", diff)
					}
					next, err := s.f.Lead(t.Context())
					if err != nil {
						t.Fatalf("Lead after the crash = %v", err)
					}
					if cp, err := ledger.ReadCheckpoint(s.path); err != nil || cp != next.Checkpoint() {
						t.Errorf("checkpoint = %+v, %v, want %+v", cp, err, next.Checkpoint())
					}
				})
			})
		}
	}
}

func TestWhatAStandbyBeginsWith(t *testing.T) {
	whole := func(t *testing.T) (*world, *ledger.Writer) {
		t.Helper()
		w := newWorld(t)
		wr := w.mustOpen(t)
		w.commit(t, wr, 8)
		return w, wr
	}
	behind := func(t *testing.T, w *world, messages int) string {
		t.Helper()
		v := &world{}
		v.mark(t, checkpointAt(t, w, messages))
		return v.path
	}
	for _, tt := range []struct {
		name    string
		options func(t *testing.T, w *world, wr *ledger.Writer, o *ledger.Options)
		change  func(w *world)
		want    ledger.Refusal
	}{
		{name: "nothing, and a record", want: ledger.RefuseMissing},
		{name: "nothing, and no checkpoint of its own is asked for", options: func(_ *testing.T, _ *world, _ *ledger.Writer, o *ledger.Options) { o.Checkpoint = "" }},
		{name: "a checkpoint seven steps behind", options: func(t *testing.T, w *world, _ *ledger.Writer, o *ledger.Options) { o.Checkpoint = behind(t, w, 1) }},
		{name: "the same where nobody else writes", options: func(t *testing.T, w *world, _ *ledger.Writer, o *ledger.Options) {
			o.Checkpoint, o.Shared = behind(t, w, 1), false
		}, want: ledger.RefuseStale},
		{name: "a word of the processor at work", options: func(_ *testing.T, _ *world, wr *ledger.Writer, o *ledger.Options) { vouched(wr.Checkpoint())(o) }},
		{name: "an earlier word of it", options: func(t *testing.T, w *world, _ *ledger.Writer, o *ledger.Options) { vouched(checkpointAt(t, w, 4))(o) }},
		{name: "a word of it, and the end is gone", options: func(_ *testing.T, _ *world, wr *ledger.Writer, o *ledger.Options) { vouched(wr.Checkpoint())(o) },
			change: func(w *world) { w.log.Bodies = w.log.Bodies[:7] }, want: ledger.RefuseAhead},
		{name: "a word of another record", options: func(_ *testing.T, _ *world, wr *ledger.Writer, o *ledger.Options) {
			cp := wr.Checkpoint()
			cp.Hash[0]++
			vouched(cp)(o)
		}, want: ledger.RefuseDiffers},
		{name: "a sound checkpoint and a word of another record", options: func(t *testing.T, w *world, wr *ledger.Writer, o *ledger.Options) {
			cp := wr.Checkpoint()
			cp.Hash[0]++
			vouched(cp)(o)
			o.Checkpoint = behind(t, w, 1)
		}, want: ledger.RefuseDiffers},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w, wr := whole(t)
			s := w.second(t)
			if tt.options != nil {
				tt.options(t, w, wr, &s.o)
			}
			if tt.change != nil {
				tt.change(w)
			}
			err := s.follow(t)
			if refused, ok := errors.AsType[*ledger.RefusedError](err); tt.want == "" && err != nil || tt.want != "" && (!ok || refused.Name != tt.want) {
				t.Fatalf("Follow = %v, want %q", err, tt.want)
			}
			if tt.want != "" {
				return
			}
			if got := len(s.entries()); got != 16 {
				t.Errorf("%d entries, want 16", got)
			}
			if s.o.Checkpoint == "" {
				if _, err := s.f.Lead(t.Context()); err == nil {
					t.Error("Lead without a checkpoint = nil")
				}
				return
			}
			if _, err := s.f.Lead(t.Context()); err != nil {
				t.Errorf("Lead = %v", err)
			}
			if cp, err := ledger.ReadCheckpoint(s.o.Checkpoint); err != nil || cp != wr.Checkpoint() {
				t.Errorf("checkpoint = %+v, %v, want %+v", cp, err, wr.Checkpoint())
			}
		})
	}
}

// Quick leaves out the hashes before the checkpoint and nothing else.
func TestQuickTrustsTheChainBeforeTheCheckpointOnly(t *testing.T) {
	for _, tt := range []struct {
		name    string
		message int
		want    ledger.Refusal // quick
	}{
		{"a change long before the checkpoint", 2, ""},
		{"a change in the message before it", 4, ""},
		{"a change in the message that it names", 5, ledger.RefuseDiffers},
		{"a change in the message after it", 6, ledger.RefuseRecord},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := varied(t, 0, 9)
			w.mark(t, checkpointAt(t, w, 5))
			last := w.log.Bodies[tt.message-1]
			e := bytes.LastIndexByte(last, '\n') + 1
			entry, err := ledger.Decode(last[e:])
			if err != nil {
				t.Fatal(err)
			}
			entry.Signal.Received = entry.Signal.Received.Add(1)
			w.log.Bodies[tt.message-1] = append(last[:e:e], ledger.Encode(nil, &entry)...)
			for quick, want := range map[bool]ledger.Refusal{true: tt.want, false: ledger.RefuseRecord} {
				if tt.message == 5 {
					want = ledger.RefuseDiffers
				}
				s := w.second(t)
				s.o.Checkpoint, s.o.Quick = w.path, quick
				err := s.follow(t)
				if refused, ok := errors.AsType[*ledger.RefusedError](err); want == "" && err != nil || want != "" && (!ok || refused.Name != want) {
					t.Errorf("Follow, quick %t = %v, want %q", quick, err, want)
				}
				if want == "" && len(s.entries()) == 0 {
					t.Error("no entries")
				}
			}
		})
	}
}
