package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// verifyCopy walks the record in the files of a backup, with every signal that
// it names, and returns what it is and the check value of its pepper.
func verifyCopy(ctx context.Context, c *backup.Copy) (backup.Record, string, error) {
	pepper, ok, err := c.Key(backup.Positions, pepperKey)
	if err != nil {
		return backup.Record{}, "", err
	}
	mark, end, err := lastEntry(c)
	if err != nil {
		return backup.Record{}, "", err
	}
	if !ok || mark.N == 0 {
		return backup.Record{}, "", errNothing
	}
	vault, err := newCopyVault(ctx, c, end.Pos)
	if err != nil {
		return backup.Record{}, "", err
	}
	r, err := verifyAgainst(ctx, copyLog{c}, vault, mark)
	return recordOf(r), string(pepper), err
}

// verifyAgainst walks a record whose checkpoint is mark.
func verifyAgainst(ctx context.Context, log ledger.Log, vault ledger.Vault, mark ledger.Checkpoint) (r ledger.Report, err error) {
	dir, err := os.MkdirTemp("", "promptness-")
	if err != nil {
		return r, fmt.Errorf("verify the copy: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "checkpoint")
	if err := writeCheckpoint(path, mark); err != nil {
		return r, err
	}
	return ledger.Verify(ctx, log, vault, path, nil)
}

// writeCheckpoint makes mark the checkpoint at path.
func writeCheckpoint(path string, mark ledger.Checkpoint) error {
	f, err := ledger.OpenCheckpoint(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Write(mark), f.Close())
}

func recordOf(r ledger.Report) backup.Record {
	return backup.Record{
		Entries: r.Entries, Hash: r.Head.String(), Message: r.Messages, From: r.From, Until: r.Until,
		Signals: r.Signals, Erased: r.Erased, Alerts: r.Alerts,
	}
}

// lastEntry returns the checkpoint that belongs to the copied record, and its
// last entry.
func lastEntry(c *backup.Copy) (mark ledger.Checkpoint, e incident.Entry, err error) {
	seq := c.Last(backup.Ledger)
	m, ok, err := c.At(backup.Ledger, seq)
	if err != nil || !ok {
		return mark, e, err
	}
	line := m.Body[bytes.LastIndexByte(m.Body, '\n')+1:]
	if e, err = ledger.Decode(line); err != nil {
		return mark, e, fmt.Errorf("read message %d of the record: %w", seq, err)
	}
	return ledger.Checkpoint{N: e.N, Seq: seq, Hash: incident.HashOf(line)}, e, nil
}

// A copyLog is the record in a backup.
type copyLog struct{ c *backup.Copy }

// Append refuses: a backup is never written to.
func (l copyLog) Append(context.Context, []byte, uint64) error {
	return errors.New("append to a backup: it is read only")
}

// Messages yields the messages from sequence from on.
func (l copyLog) Messages(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	for m, err := range l.c.Messages(ctx, backup.Ledger, from) {
		if err != nil {
			return err
		}
		if err := yield(m.Seq, m.Body); err != nil {
			return err
		}
	}
	return nil
}

// State returns the first and last sequence and how many between are missing.
func (l copyLog) State(context.Context) (first, last uint64, deleted int, err error) {
	f := l.c.File(backup.Ledger)
	if f.Last == 0 {
		return 1, 0, 0, nil
	}
	return max(f.First, 1), f.Last, int(f.Last - f.First + 1 - f.Count), nil
}

// A copyVault is the signals in a backup. One goroutine uses it.
type copyVault struct {
	c        *backup.Copy
	replaced map[uint64]uint64 // old sequence of a frame to that which holds its rest

	seq  uint64 // of the frame that is held
	held map[incident.Pos]incident.Digest
}

// newCopyVault looks at all frames once: which replace others, and whether those
// behind end, which the record does not name yet, are whole. There nothing can
// have been erased, so that a missing one is damage.
func newCopyVault(ctx context.Context, c *backup.Copy, end incident.Pos) (*copyVault, error) {
	v := &copyVault{c: c, replaced: map[uint64]uint64{}}
	next := end.Seq + 1
	for m, err := range c.Messages(ctx, backup.Signals, 1) {
		if err != nil {
			return nil, err
		}
		raw := stream.Raw(m)
		if old := raw.Replaces(); old > 0 {
			v.replaced[old] = m.Seq
		}
		if m.Seq <= end.Seq {
			continue
		}
		if m.Seq != next {
			return nil, &stream.GapError{Stream: string(backup.Signals), Seq: next}
		}
		next++
		if err := stream.SignalsOf(raw, v.object, func(incident.Stored) error { return nil }); err != nil {
			return nil, err
		}
	}
	if last := c.Last(backup.Signals); last >= next {
		return nil, &stream.GapError{Stream: string(backup.Signals), Seq: next}
	}
	return v, nil
}

func (v *copyVault) object(name string) ([]byte, error) {
	b, ok, err := v.c.Key(backup.Evidence, name)
	if err == nil && !ok {
		err = fmt.Errorf("object %s is missing", name)
	}
	return b, err
}

// End returns the last sequence, whatever has become of its message.
func (v *copyVault) End(context.Context) (uint64, error) { return v.c.Last(backup.Signals), nil }

// Last is not asked where there is End.
func (v *copyVault) Last(context.Context) (incident.Pos, error) {
	return incident.Pos{Seq: v.c.Last(backup.Signals)}, nil
}

// Signal returns what the record is checked against of the signal at pos: its
// commitment, not its bytes.
func (v *copyVault) Signal(_ context.Context, pos incident.Pos) (incident.Stored, error) {
	seq := pos.Seq
	if !v.c.Has(backup.Signals, seq) {
		seq = v.replaced[pos.Seq]
	}
	gone := &stream.GapError{Stream: string(backup.Signals), Seq: pos.Seq}
	if seq == 0 {
		return incident.Stored{}, gone
	}
	if v.seq != seq {
		if err := v.hold(seq); err != nil {
			return incident.Stored{}, err
		}
	}
	commit, ok := v.held[pos]
	if !ok {
		return incident.Stored{}, gone
	}
	return incident.Stored{Pos: pos, Commit: commit}, nil
}

// hold reads the frame at seq.
func (v *copyVault) hold(seq uint64) error {
	m, _, err := v.c.At(backup.Signals, seq)
	if err != nil {
		return err
	}
	v.seq, v.held = seq, map[incident.Pos]incident.Digest{}
	return stream.SignalsOf(stream.Raw(m), v.object, func(s incident.Stored) error {
		v.held[s.Pos] = s.Commit
		return nil
	})
}
