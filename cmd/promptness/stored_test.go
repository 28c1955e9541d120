package main

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

var errWrite = errors.New("fault of the test")

// A faultyMark fails its next write, without or with its effect.
type faultyMark struct {
	storedFile
	before, after bool
}

func (f *faultyMark) Write(cp ledger.Checkpoint) error {
	before, after := f.before, f.after
	f.before, f.after = false, false
	if before {
		return errWrite
	}
	if err := f.storedFile.Write(cp); err != nil || !after {
		return err
	}
	return errWrite
}

// Its two rows: the write failed and is not there, it failed and is there.
func TestAStoredMarkIsNeverAheadOfWhatIsAcknowledged(t *testing.T) {
	t.Parallel() // it mostly waits
	for name, tt := range map[string]struct {
		fault func(*faultyMark)
		want  uint64 // after a crash that follows the write
	}{
		"failed and not there": {func(f *faultyMark) { f.before = true }, 7},
		"failed and there":     {func(f *faultyMark) { f.after = true }, 9},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "stored")
			m, err := openStored(path, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			f := &faultyMark{storedFile: m.file}
			m.file = f
			m.acknowledged(7)
			m.acknowledged(3) // an older one, answered later
			if err := m.save(); err != nil {
				t.Fatal(err)
			}
			m.acknowledged(9)
			tt.fault(f)
			if err := m.save(); !errors.Is(err, errWrite) {
				t.Fatalf("save() = %v, want the fault", err)
			}
			if got, err := readStored(path); err != nil || got != tt.want {
				t.Errorf("after the crash the mark is %d, %v, want %d", got, err, tt.want)
			}
			// The same process goes on, and so does the next.
			m.acknowledged(12)
			if err := m.close(); err != nil {
				t.Fatal(err)
			}
			again, err := openStored(path, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer again.close() //nolint:errcheck // only read
			if got := again.last.Load(); got != 12 {
				t.Errorf("the next process begins with %d, want 12", got)
			}
		})
	}
}

func TestNoMarkSaysNothing(t *testing.T) {
	t.Parallel() // it mostly waits
	if got, err := readStored(filepath.Join(t.TempDir(), "stored")); got != 0 || err != nil {
		t.Errorf("readStored() = %d, %v, want 0 and no error", got, err)
	}
}

// stored puts signals that nobody folds, as while the processor is away, and
// writes the mark as the program does.
func (w *wreck) stored(n int) (first, last uint64) {
	w.t.Helper()
	w.in(func(ctx context.Context, st *stream.Store, _ jetstream.JetStream) error {
		m, err := openStored(w.cfg.StoredFile(), slog.New(slog.DiscardHandler))
		if err != nil {
			return err
		}
		in := &sink{store: st, mark: m, last: map[incident.SourceName]time.Time{}}
		for i := range n {
			r, err := in.Put(ctx, incident.Signal{Source: localSource, Channel: incident.ChannelWebhook, Auth: incident.AuthBearer, Received: time.Now(), Raw: []byte{'{', byte('0' + i), '}'}})
			if err != nil {
				return err
			}
			if first == 0 {
				first = r.Pos.Seq
			}
			last = r.Pos.Seq
		}
		return m.close()
	})
	return first, last
}

// The end of SIGNALS that nobody folded yet is cut off: nothing in the record
// tells of it.
func TestALostEndOfSignalsThatNobodyFoldedIsRefusedAndRepaired(t *testing.T) {
	t.Parallel() // it mostly waits
	w := served(t).copied(t)
	first, last := w.stored(5)
	if last != first+4 {
		t.Fatalf("five signals stand in messages %d to %d: the test shows nothing", first, last)
	}
	w.remade("SIGNALS_moj", func(all [][]byte) [][]byte { return all[:first+1] }) // two of the five are left
	for _, start := range []string{"serve", "verify"} {
		said := w.refused(start)
		for _, want := range []string{"check ledger: " + string(incident.RefusedVault), "promptness repair --accept " + string(incident.RefusedVault), lostStored(first+1, last).What} {
			if !strings.Contains(said, want) {
				t.Fatalf("%s says\n%s\nwant %q", start, said, want)
			}
		}
	}
	command := w.command()
	stdout, stderr, err := prompt(t, w.dir, command...)
	if err != nil {
		t.Fatalf("%v = %v\n%s%s", command, err, stdout, stderr)
	}
	w.in(func(ctx context.Context, st *stream.Store, _ jetstream.JetStream) error {
		end, err := st.End(ctx)
		if end != last {
			t.Errorf("SIGNALS ends with message %d after the repair, want %d: no number is used twice", end, last)
		}
		return err
	})
	w.sound(incident.RefusedVault)
}
