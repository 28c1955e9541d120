package ledger_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger/ledgertest"
)

// varied puts a record of entries of every shape in place, one to three a
// message, and returns it. The vault holds what the entries say.
func varied(t *testing.T, seed uint64, messages int) *world {
	t.Helper()
	w := newWorld(t)
	f := newFiller(t, seed)
	var head ledger.Checkpoint
	for seq := range messages {
		var lines [][]byte
		for i := range 1 + (seq+int(seed))%3 {
			e := f.entry()
			shape := w.signal(head.N+1, incident.Pos{Seq: uint64(seq) + 1, Index: i})
			e.N, e.Prev, e.At, e.Pos, e.Rules = shape.N, head.Hash, shape.At, shape.Pos, 0
			e.Alerts = nil // random ones would be told twice
			if e.Note != nil && (e.Note.Code == incident.NoteErased || e.Note.Code == incident.NoteAcceptedLoss) {
				e.Note = nil // one that happens to accept the very damage that is done
			}
			if e.Kind == incident.KindRules {
				e.Text = []byte(`{"v":1}`)
			}
			if e.Signal == nil {
				e.Signal = shape.Signal
			}
			e.Signal.Pos, e.Signal.Commit = shape.Pos, shape.Signal.Commit
			line := ledger.Encode(nil, &e)
			head = ledger.Checkpoint{N: e.N, Seq: uint64(seq) + 1, Hash: incident.HashOf(line)}
			lines = append(lines, line)
		}
		w.log.Bodies = append(w.log.Bodies, bytes.Join(lines, []byte{'\n'}))
	}
	w.mark(t, head)
	return w
}

// refusals returns what Open and what Verify say; nil where they find nothing.
func (w *world) refusals(t *testing.T) (opened, verified *ledger.RefusedError) {
	t.Helper()
	before, err := os.ReadFile(w.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	_, err = ledger.Verify(t.Context(), w.log, w.vault, w.path, nil)
	verified, ok := errors.AsType[*ledger.RefusedError](err)
	if err != nil && !ok {
		t.Fatalf("Verify = %v, want a refusal by name", err)
	}
	_, _, err = w.open(t)
	opened, ok = errors.AsType[*ledger.RefusedError](err)
	if err != nil && !ok {
		t.Fatalf("Open = %v, want a refusal by name", err)
	}
	after, err := os.ReadFile(w.path)
	if err != nil {
		t.Fatal(err)
	}
	if opened != nil && len(before) > 0 && !bytes.Equal(before, after) {
		t.Errorf("Open refused and changed the checkpoint")
	}
	return opened, verified
}

// entryAt returns the number of the entry in which the byte of a message lies,
// counting a newline to the entry before it.
func entryAt(w *world, message, at int) uint64 {
	n := uint64(1)
	for _, b := range w.log.Bodies[:message] {
		n += uint64(bytes.Count(b, []byte{'\n'})) + 1
	}
	return n + uint64(bytes.Count(w.log.Bodies[message][:at], []byte{'\n'}))
}

func TestEveryChangedByteIsFoundAndItsEntryNamed(t *testing.T) {
	found := map[ledger.Refusal]int{}
	for seed := range uint64(30) {
		w := varied(t, seed, 12)
		if opened, verified := w.refusals(t); opened != nil || verified != nil {
			t.Fatalf("seed %d: refused as it is: %v, %v", seed, opened, verified)
		}
		r := rand.New(rand.NewPCG(seed, 3))
		for range 50 {
			m := r.IntN(len(w.log.Bodies))
			whole := w.log.Bodies[m]
			i := r.IntN(len(whole))
			n := entryAt(w, m, i)
			b := bytes.Clone(whole)
			b[i] ^= byte(1 + r.IntN(255))
			if r.IntN(3) == 0 && '0' <= whole[i] && whole[i] <= '9' {
				b[i] = '0' + (whole[i]-'0'+1)%10 // the change that looks best
			}
			w.log.Bodies[m] = b
			_, err := ledger.Verify(t.Context(), w.log, w.vault, w.path, nil)
			refused, ok := errors.AsType[*ledger.RefusedError](err)
			switch {
			case !ok:
				t.Fatalf("seed %d: byte %d of message %d changed from %q to %q: Verify = %v", seed, i, m+1, whole[i], b[i], err)
			case refused.N != n || refused.Seq != uint64(m)+1:
				t.Fatalf("seed %d: byte %d of message %d, in entry %d, changed from %q to %q: Verify names entry %d: %v",
					seed, i, m+1, n, whole[i], b[i], refused.N, err)
			}
			found[refused.Name]++
			w.log.Bodies[m] = whole
		}
	}
	if found[ledger.RefuseRecord] == 0 || found[ledger.RefuseDiffers] == 0 {
		t.Errorf("found %v: want some by the chain and some by the checkpoint", found)
	}
}

func TestOpenAndVerifyRefuseByName(t *testing.T) {
	const messages = 9
	last := func(w *world) ledger.Checkpoint {
		cp, err := ledger.ReadCheckpoint(w.path)
		if err != nil {
			t.Fatal(err)
		}
		return cp
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, w *world)
		want   ledger.Refusal // by both; "" for none
		n      uint64         // the entry named, 0 for any
	}{
		{"nothing is changed", func(*testing.T, *world) {}, "", 0},
		{"a bit flips", func(_ *testing.T, w *world) { w.log.Bodies[4][40] ^= 1 }, ledger.RefuseRecord, 0},
		{"the last message is gone", func(_ *testing.T, w *world) { w.log.Bodies = w.log.Bodies[:messages-1] }, ledger.RefuseAhead, 0},
		{"all messages are gone", func(_ *testing.T, w *world) { w.log.Bodies = nil }, ledger.RefuseAhead, 0},
		{"the last message is cut", func(_ *testing.T, w *world) {
			w.log.Bodies[messages-1] = w.log.Bodies[messages-1][:50]
		}, ledger.RefuseRecord, 0},
		{"the last entry of the last message is cut off", func(_ *testing.T, w *world) {
			b := w.log.Bodies[messages-1]
			w.log.Bodies[messages-1] = b[:bytes.LastIndexByte(b, '\n')]
		}, ledger.RefuseAhead, 0},
		{"a message is empty", func(_ *testing.T, w *world) { w.log.Bodies[3] = []byte{} }, ledger.RefuseRecord, 0},
		{"two messages are swapped", func(_ *testing.T, w *world) {
			w.log.Bodies[2], w.log.Bodies[3] = w.log.Bodies[3], w.log.Bodies[2]
		}, ledger.RefuseRecord, 4},
		{"two entries are swapped", func(_ *testing.T, w *world) {
			lines := bytes.Split(w.log.Bodies[1], []byte{'\n'})
			w.log.Bodies[1] = bytes.Join([][]byte{lines[1], lines[0]}, []byte{'\n'})
		}, ledger.RefuseRecord, 2},
		{"a message is repeated", func(_ *testing.T, w *world) {
			w.log.Bodies = slices.Insert(w.log.Bodies, 3, w.log.Bodies[2])
		}, ledger.RefuseRecord, 7},
		{"a message is taken out and the rest moved up", func(_ *testing.T, w *world) {
			w.log.Bodies = slices.Delete(w.log.Bodies, 3, 4)
			w.log.Bodies = append(w.log.Bodies, w.log.Bodies[messages-2])
		}, ledger.RefuseRecord, 7},
		{"a message is deleted", func(_ *testing.T, w *world) { w.log.Bodies[3] = nil }, ledger.RefuseDeleted, 7},
		{"the first message is deleted", func(_ *testing.T, w *world) { w.log.Bodies[0] = nil }, ledger.RefuseFirst, 0},
		{"a space is added", func(_ *testing.T, w *world) { w.log.Bodies[3] = append(w.log.Bodies[3], ' ') }, ledger.RefuseRecord, 7},
		{"a newline is added", func(_ *testing.T, w *world) { w.log.Bodies[3] = append(w.log.Bodies[3], '\n') }, ledger.RefuseRecord, 8},
		{"a message is longer than may be", func(_ *testing.T, w *world) {
			w.log.Bodies[3] = bytes.Repeat([]byte{'x'}, ledger.MaxBody+1)
		}, ledger.RefuseRecord, 7},
		{"everything from an entry on is written anew", func(_ *testing.T, w *world) {
			forge(t, w, 4)
		}, ledger.RefuseDiffers, 0},
		{"the checkpoint is gone", func(t *testing.T, w *world) { w.path = filepath.Join(t.TempDir(), "none") }, ledger.RefuseMissing, 0},
		{"the checkpoint is torn", func(t *testing.T, w *world) { spoilFile(t, w.path, 3) }, ledger.RefuseMissing, 0},
		{"the checkpoint is one step behind", func(t *testing.T, w *world) {
			w.mark(t, checkpointAt(t, w, messages-1))
		}, "", 0},
		{"the checkpoint is two steps behind", func(t *testing.T, w *world) {
			w.mark(t, checkpointAt(t, w, messages-2))
		}, ledger.RefuseStale, 0},
		{"the checkpoint is of before the first step", func(t *testing.T, w *world) {
			w.mark(t, ledger.Checkpoint{})
		}, ledger.RefuseStale, 0},
		{"the checkpoint is newer", func(t *testing.T, w *world) {
			cp := last(w)
			cp.N, cp.Seq = cp.N+1, cp.Seq+1
			w.mark(t, cp)
		}, ledger.RefuseAhead, 19},
		{"the checkpoint is newer by an entry of the same step", func(t *testing.T, w *world) {
			cp := last(w)
			cp.N++
			w.mark(t, cp)
		}, ledger.RefuseAhead, 19},
		{"the checkpoint stands in the middle of a step", func(t *testing.T, w *world) {
			line := bytes.Split(w.log.Bodies[messages-1], []byte{'\n'})[1]
			w.mark(t, ledger.Checkpoint{N: 17, Seq: messages, Hash: incident.HashOf(line)})
		}, ledger.RefuseDiffers, 17},
		{"the checkpoint says another message", func(t *testing.T, w *world) {
			cp := last(w)
			cp.Seq--
			w.mark(t, cp)
		}, ledger.RefuseDiffers, 18},
		{"the checkpoint is another ledger's", func(t *testing.T, w *world) {
			w.path = varied(t, 99, messages).path
		}, ledger.RefuseDiffers, 18},
		{"SIGNALS ends before the position", func(_ *testing.T, w *world) { w.vault.End = incident.Pos{Seq: messages, Index: 1} }, ledger.RefuseVault, 18},
		{"SIGNALS is empty", func(_ *testing.T, w *world) { *w.vault = ledgertest.Vault{} }, ledger.RefuseVault, 0},
		{"the last signal was changed", func(_ *testing.T, w *world) {
			change(w, incident.Pos{Seq: messages, Index: 2})
		}, ledger.RefuseSignal, 18},
		{"the last signal is gone", func(_ *testing.T, w *world) {
			delete(w.vault.Signals, incident.Pos{Seq: messages, Index: 2})
		}, ledger.RefuseUnread, 18},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := varied(t, 0, messages)
			tt.change(t, w)
			opened, verified := w.refusals(t)
			for who, got := range map[string]*ledger.RefusedError{"Open": opened, "Verify": verified} {
				switch {
				case tt.want == "":
					if got != nil {
						t.Errorf("%s = %v, want nothing", who, got)
					}
				case got == nil:
					t.Errorf("%s found nothing, want %s", who, tt.want)
				case got.Name != tt.want:
					t.Errorf("%s = %v, want %s", who, got, tt.want)
				case tt.n != 0 && got.N != tt.n:
					t.Errorf("%s = %v, want entry %d", who, got, tt.n)
				case got.Hint() == "" || !strings.Contains(got.Error(), string(tt.want)):
					t.Errorf("%s = %q, hint %q: want the name and a hint", who, got, got.Hint())
				}
			}
		})
	}
}

func TestEveryRefusalHasAHint(t *testing.T) {
	for _, name := range ledger.Refusals() {
		if (&ledger.RefusedError{Name: name}).Hint() == "" {
			t.Errorf("%s has no hint", name)
		}
	}
}

// change changes the signal at pos behind the record's back.
func change(w *world, pos incident.Pos) {
	s := w.vault.Signals[pos]
	s.Commit[31] ^= 1
	w.vault.Signals[pos] = s
}

// checkpointAt returns the checkpoint that stood after so many messages.
func checkpointAt(t *testing.T, w *world, messages int) ledger.Checkpoint {
	t.Helper()
	line := w.log.Bodies[messages-1]
	line = line[bytes.LastIndexByte(line, '\n')+1:]
	e, err := ledger.Decode(line)
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Checkpoint{N: e.N, Seq: uint64(messages), Hash: incident.HashOf(line)}
}

// forge changes an entry of a message and makes the chain from there on anew,
// as someone would who has the store and knows how it works.
func forge(t *testing.T, w *world, message int) {
	t.Helper()
	prev := checkpointAt(t, w, message-1).Hash
	for m := message - 1; m < len(w.log.Bodies); m++ {
		var lines [][]byte
		for i, line := range bytes.Split(w.log.Bodies[m], []byte{'\n'}) {
			e, err := ledger.Decode(line)
			if err != nil {
				t.Fatal(err)
			}
			e.Prev = prev
			if m == message-1 && i == 0 {
				e.Signal.Received = e.Signal.Received.Add(1)
			}
			line = ledger.Encode(nil, &e)
			prev = incident.HashOf(line)
			lines = append(lines, line)
		}
		w.log.Bodies[m] = bytes.Join(lines, []byte{'\n'})
	}
}

func TestAnEmptyRecordIsWhole(t *testing.T) {
	w := newWorld(t)
	if opened, verified := w.refusals(t); opened != nil || verified != nil {
		t.Errorf("Open = %v, Verify = %v", opened, verified)
	}
	// From then on the checkpoint is there, so that a lost one is noticed.
	if cp, err := ledger.ReadCheckpoint(w.path); err != nil || cp != (ledger.Checkpoint{}) {
		t.Errorf("checkpoint = %+v, %v, want one of nothing", cp, err)
	}
}

func TestDamageSinceOpenIsNotShown(t *testing.T) {
	w := varied(t, 0, 9)
	wr := w.mustOpen(t)
	w.log.Bodies[4] = bytes.Replace(w.log.Bodies[4], []byte(`"at":"2026-11-24T09:00:05Z"`), []byte(`"at":"2026-11-24T09:00:06Z"`), 1)
	var got []uint64
	var err error
	for e, e2 := range wr.Entries(t.Context(), 1) {
		if err = e2; err == nil {
			got = append(got, e.N)
		}
	}
	// Entry 8 was changed; it is entry 9 that shows it.
	if refused, ok := errors.AsType[*ledger.RefusedError](err); !ok || refused.N != 9 || fmt.Sprint(got) != "[1 2 3 4 5 6 7 8]" {
		t.Errorf("Entries = %v, %v, want those up to the change and a refusal", got, err)
	}
}
