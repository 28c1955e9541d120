package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// accepting commits a note that accepts r.
func accepting(t *testing.T, w *world, note incident.Note) {
	t.Helper()
	wr := w.mustOpen(t)
	n, _, seq := wr.Head()
	e := w.signal(n+1, incident.Pos{Seq: seq})
	e.Kind, e.Why, e.Signal, e.Pos = incident.KindNote, "", nil, w.vault.End
	note.Code, note.Author = incident.NoteAcceptedLoss, "4711"
	e.Note = &note
	if err := wr.Commit(t.Context(), []incident.Entry{e}); err != nil {
		t.Fatal(err)
	}
}

// An acceptance passes over what it names. Any other fault, of another signal,
// another kind or a later entry, is found as if it were not there.
func TestAnAcceptanceHidesNothingElse(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		const signals = 8
		w := newWorld(t)
		wr := w.mustOpen(t)
		for range signals {
			if err := wr.Commit(t.Context(), w.next(wr, 1)); err != nil {
				rt.Fatal(err)
			}
		}
		accepted := rapid.IntRange(1, signals-1).Draw(rt, "accepted") // Open looks at the last one
		faulty := rapid.IntRange(1, signals-1).Draw(rt, "faulty")
		name := rapid.SampledFrom(incident.Refusals()).Draw(rt, "accepted as")
		gone := rapid.Bool().Draw(rt, "gone")
		later := rapid.Bool().Draw(rt, "after the acceptance")
		wide := rapid.Bool().Draw(rt, "whole message")
		pos := incident.Pos{Seq: uint64(accepted)}
		note := incident.Note{Refusal: name, Seq: pos.Seq, Commit: w.vault.Signals[pos].Commit}
		if wide {
			note.Commit, note.To = incident.Digest{}, pos.Seq
		}
		accepting(t, w, note)
		at := incident.Pos{Seq: uint64(faulty)}
		n := uint64(faulty)
		if later {
			wr := w.mustOpen(t)
			entries := w.next(wr, 1)
			if err := wr.Commit(t.Context(), entries); err != nil {
				rt.Fatal(err)
			}
			at, n = entries[0].Pos, entries[0].N
			wr = w.mustOpen(t)
			if err := wr.Commit(t.Context(), w.next(wr, 1)); err != nil {
				rt.Fatal(err)
			}
		}
		want := ledger.RefuseSignal
		if gone {
			delete(w.vault.Signals, at)
			want = ledger.RefuseUnread
		} else {
			change(w, at)
		}
		passes := !later && accepted == faulty && (name == want || gone && wide && name == ledger.RefuseVault)
		_, err := ledger.Verify(t.Context(), w.log, w.vault, w.path, nil)
		refused, ok := errors.AsType[*ledger.RefusedError](err)
		if passes && err != nil || !passes && (!ok || refused.Name != want || refused.N != n) {
			rt.Errorf("Verify = %v, want passed %t, else %s of entry %d", err, passes, want, n)
		}
	})
}

// Entries are lost only in the place where a note says so, and exactly those.
func TestNumbersAreMissingOnlyWhereANoteSaysSo(t *testing.T) {
	note := func(n uint64, name incident.Refusal, from, to uint64) func(*incident.Entry) {
		return func(e *incident.Entry) {
			e.Kind, e.Why, e.Signal, e.Pos = incident.KindNote, "", nil, incident.Pos{Seq: 2}
			e.N, e.Note = n, &incident.Note{Code: incident.NoteAcceptedLoss, Refusal: name, Seq: from, To: to, Author: "4711"}
		}
	}
	for _, tt := range []struct {
		name  string
		entry func(*incident.Entry)
		ok    bool
	}{
		{"the entries between are named", note(9, ledger.RefuseRecord, 3, 8), true},
		{"so by a lost end", note(9, ledger.RefuseAhead, 3, 8), true},
		{"one too few is named", note(9, ledger.RefuseRecord, 3, 7), false},
		{"one too many is named", note(9, ledger.RefuseRecord, 2, 8), false},
		{"a refusal that loses no entries", note(9, ledger.RefuseSignal, 3, 8), false},
		{"an entry that is no note", func(e *incident.Entry) { e.N = 9 }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := with(t, plain, plain)
			wr := w.mustOpen(t)
			entries := w.next(wr, 1)
			tt.entry(&entries[0])
			err := wr.Commit(t.Context(), entries)
			if (err == nil) != tt.ok {
				t.Fatalf("Commit = %v, want it taken: %t", err, tt.ok)
			}
			if !tt.ok {
				return
			}
			if err := wr.Commit(t.Context(), w.next(wr, 1)); err != nil {
				t.Fatal(err)
			}
			if _, err := ledger.Verify(t.Context(), w.log, w.vault, w.path, nil); err != nil {
				t.Errorf("Verify = %v", err)
			}
			if _, err := ledger.VerifyLines(bytes.NewReader(bytes.Join(w.log.Bodies, []byte{'\n'}))); err != nil {
				t.Errorf("VerifyLines = %v", err)
			}
			got := ""
			for e, err := range w.mustOpen(t).Entries(t.Context(), 1) {
				if err != nil {
					t.Fatal(err)
				}
				got += fmt.Sprint(e.N, " ")
			}
			if got != "1 2 9 10 " {
				t.Errorf("Entries = %s, want 1 2 9 10", got)
			}
			// A standby whose checkpoint names a lost entry is told by the note.
			w.mark(t, ledger.Checkpoint{N: 5, Seq: 5, Hash: incident.Hash{1}})
			s := w.second(t)
			s.o.Checkpoint = w.path
			if err := s.follow(t); err != nil {
				t.Errorf("Follow with a checkpoint at a lost entry = %v", err)
			}
			w.mark(t, ledger.Checkpoint{N: 11, Seq: 5, Hash: incident.Hash{1}})
			s.o.Checkpoint = w.path
			if err := s.follow(t); err == nil {
				t.Error("Follow with a checkpoint beyond it = nil")
			}
		})
	}
}

func TestVerifyFromLooksAtWhatStandsBehindTheCheckpoint(t *testing.T) {
	for _, tt := range []struct {
		name    string
		message int // changed
		want    ledger.Refusal
	}{
		{"nothing is changed", 0, ""},
		{"a change before the checkpoint is not looked for", 2, ""},
		{"a change in the message that it names", 5, ledger.RefuseDiffers},
		{"a change behind it", 7, ledger.RefuseRecord},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := varied(t, 0, 9)
			cp := checkpointAt(t, w, 5)
			if tt.message > 0 {
				body := w.log.Bodies[tt.message-1]
				i := bytes.LastIndexByte(body, '\n') + 1
				e, err := ledger.Decode(body[i:])
				if err != nil {
					t.Fatal(err)
				}
				e.Signal.Received = e.Signal.Received.Add(1)
				w.log.Bodies[tt.message-1] = append(body[:i:i], ledger.Encode(nil, &e)...)
			}
			r, err := ledger.VerifyFrom(t.Context(), w.log, w.vault, cp, nil)
			if refused, ok := errors.AsType[*ledger.RefusedError](err); tt.want == "" && err != nil || tt.want != "" && (!ok || refused.Name != tt.want) {
				t.Errorf("VerifyFrom = %v, want %q", err, tt.want)
			}
			if tt.want == "" && (r.Since == 0 || r.Since > cp.N || r.Entries >= r.Last) {
				t.Errorf("VerifyFrom = %+v, want it to begin at the step of entry %d", r, cp.N)
			}
		})
	}
	w := varied(t, 0, 9)
	cp := checkpointAt(t, w, 9)
	w.log.Bodies = w.log.Bodies[:8]
	_, err := ledger.VerifyFrom(t.Context(), w.log, w.vault, cp, nil)
	if refused, ok := errors.AsType[*ledger.RefusedError](err); !ok || refused.Name != ledger.RefuseAhead {
		t.Errorf("VerifyFrom of a record cut short = %v, want %s", err, ledger.RefuseAhead)
	}
}
