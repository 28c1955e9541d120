package ledger

import (
	"errors"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// NewReader returns a Decode that keeps what it can use again, as the workers
// of a reading do.
func NewReader() func(line []byte) (incident.Entry, error) {
	c := newCoder()
	return func(line []byte) (incident.Entry, error) {
		var e incident.Entry
		err := c.decode(line, &e)
		return e, err
	}
}

// SlotSize is the size of one slot of the checkpoint file.
const SlotSize = slotSize

// ErrDisk is the error of a disk that fails.
var ErrDisk = errors.New("injected fault of the disk")

// A DiskFault says how the next write of a checkpoint fails.
type DiskFault int

// The faults of a disk.
const (
	WriteFails    DiskFault = iota // nothing is written
	WriteTorn                      // half of the slot is written
	SyncFails                      // all is written, and perhaps lost
	SyncFailsLost                  // all is written, and lost in the crash
)

type faulty struct {
	storage
	fault DiskFault
	lost  [slotSize]byte
	at    int64
}

func (f *faulty) WriteAt(b []byte, at int64) (int, error) {
	switch f.fault {
	case WriteFails:
		return 0, ErrDisk
	case WriteTorn:
		n, err := f.storage.WriteAt(b[:len(b)/2], at)
		return n, errors.Join(err, ErrDisk)
	case SyncFails, SyncFailsLost:
		if _, err := f.storage.ReadAt(f.lost[:], at); err != nil {
			f.lost = [slotSize]byte{} // beyond the end: zeros
		}
		f.at = at
		return f.storage.WriteAt(b, at)
	default:
		panic("unreachable: no such fault")
	}
}

func (f *faulty) Sync() error {
	if f.fault == SyncFailsLost {
		if _, err := f.storage.WriteAt(f.lost[:], f.at); err != nil {
			return err
		}
	}
	return ErrDisk
}

// FailCheckpoint makes every further write of w's checkpoint fail.
func (w *Writer) FailCheckpoint(f DiskFault) { w.file.f = &faulty{storage: w.file.f, fault: f} }

// ParseSlot reads one slot of a checkpoint file.
func ParseSlot(b []byte) (Checkpoint, bool) { return parseSlot(b) }

// AppendSlot writes one.
func AppendSlot(cp Checkpoint) ([]byte, error) { return appendSlot(nil, cp) }

// EncodeChecked writes e and says whether it will be read again, as Commit does.
func EncodeChecked(e *incident.Entry) ([]byte, error) { return newCoder().encode(nil, e) }

// FailCheckpoint makes every further write of f's checkpoint fail.
func (f *Follower) FailCheckpoint(fault DiskFault) {
	f.file.f = &faulty{storage: f.file.f, fault: fault}
}

// LookEvery is how often a follower looks whether what it read still stands.
const LookEvery = lookEvery
