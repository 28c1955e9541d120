package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// storedEvery is how often the stored mark is written, and so how many seconds
// of acknowledged signals it may lack after a crash.
const storedEvery = time.Second

// A storedMark remembers beside the store how far SIGNALS was acknowledged by
// this process: what SIGNALS itself cannot tell after its end was cut off, nor
// the record where it has not come so far. It follows what is acknowledged and
// is never ahead of it; no acknowledgement waits for it.
type storedMark struct {
	log  *slog.Logger
	last atomic.Uint64 // the highest sequence that is acknowledged

	mu      sync.Mutex
	file    storedFile
	written uint64
	failing bool
}

// A storedFile has two slots, as the file of a checkpoint: N and Seq are both the
// sequence in SIGNALS, and there is no hash.
type storedFile interface {
	Write(cp ledger.Checkpoint) error
	Close() error
}

// readStored returns what the mark at path says, 0 where there is none.
func readStored(path string) (uint64, error) {
	cp, err := ledger.ReadCheckpoint(path)
	if err != nil && !errors.Is(err, ledger.ErrNoCheckpoint) {
		return 0, fmt.Errorf("read stored mark: %w", err)
	}
	return cp.Seq, nil
}

// openStored opens the mark at path, or makes an empty one.
func openStored(path string, log *slog.Logger) (*storedMark, error) {
	file, err := ledger.OpenCheckpoint(path)
	if err != nil {
		return nil, fmt.Errorf("open stored mark: %w", err)
	}
	cp, err := file.Read()
	if err != nil && !errors.Is(err, ledger.ErrNoCheckpoint) {
		return nil, errors.Join(fmt.Errorf("read stored mark: %w", err), file.Close())
	}
	m := &storedMark{log: log, file: file, written: cp.Seq}
	m.last.Store(cp.Seq)
	return m, nil
}

// acknowledged says that message seq of SIGNALS would survive a crash.
func (m *storedMark) acknowledged(seq uint64) {
	for was := m.last.Load(); seq > was; was = m.last.Load() {
		if m.last.CompareAndSwap(was, seq) {
			return
		}
	}
}

// run writes the mark until ctx ends.
func (m *storedMark) run(ctx context.Context) error {
	for every(ctx, storedEvery) {
		err := m.save()
		switch {
		case err == nil:
			m.failing = false
		case !m.failing:
			m.failing = true
			m.log.WarnContext(ctx, "the mark of what is stored is not written; a loss of the end of SIGNALS might not be noticed", "err", err)
		}
	}
	return nil
}

// save writes the mark if it has moved. After an error the old one counts or the
// new one, and save may be called again.
func (m *storedMark) save() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	seq := m.last.Load()
	if seq == m.written {
		return nil
	}
	if err := m.file.Write(ledger.Checkpoint{N: seq, Seq: seq}); err != nil {
		return fmt.Errorf("write stored mark: %w", err)
	}
	m.written = seq
	return nil
}

// close writes the mark a last time. Nothing is acknowledged any more.
func (m *storedMark) close() error { return errors.Join(m.save(), m.file.Close()) }

// An ender knows the last sequence of SIGNALS.
type ender interface {
	End(ctx context.Context) (uint64, error)
}

// storedLooks is how often a store that seems to lack acknowledged signals is
// asked: a server that has just become the leader may answer from before.
const storedLooks = 3

// checkStored refuses a store whose SIGNALS ends before the mark. It is called
// before anything is stored: what is stored next would get numbers that were
// acknowledged for other signals.
func checkStored(ctx context.Context, store ender, mark uint64) error {
	for look := 1; ; look++ {
		end, err := store.End(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("read end of signals: %w", err)
		case end >= mark:
			return nil
		case look == storedLooks || !every(ctx, storedEvery):
			return lostStored(end, mark)
		}
	}
}

// lostStored says which messages of SIGNALS are lost.
func lostStored(end, mark uint64) *ledger.RefusedError {
	return &ledger.RefusedError{
		Name: ledger.RefuseVault, Pos: incident.Pos{Seq: end + 1},
		What: fmt.Sprintf("messages %d to %d were acknowledged, and SIGNALS ends with message %d", end+1, mark, end),
	}
}

// withStored adds to findings that SIGNALS ends before the mark, which it reaches
// further than the record does or not.
func withStored(found []RepairFinding, d *ledger.Diagnosis, end, mark uint64) []RepairFinding {
	if end >= mark {
		return found
	}
	n := incident.Note{
		Code: incident.NoteAcceptedLoss, Refusal: incident.RefusedVault, Seq: end + 1, To: mark, N: d.Mark.N, Hash: d.Mark.Hash,
	}
	i := slices.IndexFunc(found, func(f RepairFinding) bool { return f.Refusal == n.Refusal })
	switch {
	case i < 0:
		found = append(found, RepairFinding{n.Refusal, lostStored(end, mark).Error(), loses(n), n})
	case found[i].Note.To < mark:
		found[i] = RepairFinding{n.Refusal, lostStored(end, mark).Error(), loses(n), n}
	}
	return found
}

// resetStored makes seq the mark, whatever stood there: the store is another now.
// It may be called again after an error.
func resetStored(path string, seq uint64) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("reset stored mark: %w", err)
	}
	file, err := ledger.OpenCheckpoint(path) // syncs the directory
	if err != nil {
		return fmt.Errorf("reset stored mark: %w", err)
	}
	return errors.Join(file.Write(ledger.Checkpoint{N: seq, Seq: seq}), file.Close())
}
