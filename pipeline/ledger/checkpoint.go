package ledger

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Checkpoint says how far the record reached when it was last written: what
// the store itself cannot tell after its end was cut off.
type Checkpoint struct {
	N    uint64        // the last entry
	Seq  uint64        // its message in LEDGER
	Hash incident.Hash // of its bytes
}

// ErrNoCheckpoint says that there is no whole checkpoint: no file, or both of
// its slots are torn.
var ErrNoCheckpoint = errors.New("no whole checkpoint")

const (
	checkpointVersion = 1

	slotSize = 512
	slotSum  = slotSize - 1 - 2*sha256.Size // where the sum of what stands before it begins
)

// slotText is the text of a slot. Its order is part of the format.
type slotText struct {
	V    int           `json:"v"`
	N    uint64        `json:"n"`
	Seq  uint64        `json:"seq"`
	Hash incident.Hash `json:"hash"`
}

// storage is what a checkpoint needs of its file.
type storage interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Close() error
}

// A CheckpointFile holds two slots and writes them in turn, so that a crash
// while one is being written leaves the other.
type CheckpointFile struct {
	f    storage
	next int64 // the slot to be written next: not the one that counts
}

// OpenCheckpoint opens the checkpoint file at path for writing, or makes an
// empty one. Its directory must exist.
func OpenCheckpoint(path string) (*CheckpointFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open checkpoint: %w", err)
	}
	// A file whose name a power cut takes back is a lost checkpoint, and the
	// record is then not empty any more. It costs one sync at each start.
	if err := syncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &CheckpointFile{f: f}, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open directory of checkpoint: %w", err)
	}
	if err := d.Sync(); err != nil {
		return errors.Join(fmt.Errorf("sync directory of checkpoint: %w", err), d.Close())
	}
	return d.Close()
}

// ReadCheckpoint reads the checkpoint at path and changes nothing. It returns
// ErrNoCheckpoint where there is none.
func ReadCheckpoint(path string) (Checkpoint, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Checkpoint{}, ErrNoCheckpoint
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w", err)
	}
	c, err := (&CheckpointFile{f: f}).Read()
	return c, errors.Join(err, f.Close())
}

// Read returns the newer of the whole slots, or ErrNoCheckpoint. A slot that
// the disk cannot read is as good as torn while the other is whole.
func (c *CheckpointFile) Read() (Checkpoint, error) {
	var newest Checkpoint
	found := false
	unread := ErrNoCheckpoint
	for i := range int64(2) {
		var b [slotSize]byte
		switch n, err := c.f.ReadAt(b[:], i*slotSize); {
		case err != nil && !errors.Is(err, io.EOF):
			unread = fmt.Errorf("read checkpoint: %w", err)
			continue
		case n < slotSize:
			continue
		}
		if cp, ok := parseSlot(b[:]); ok && (!found || cp.N > newest.N) {
			newest, found = cp, true
			c.next = 1 - i
		}
	}
	if !found {
		return Checkpoint{}, unread
	}
	return newest, nil
}

// Write makes cp the checkpoint. After an error either the old one counts or
// the new one; Write may then be called again.
func (c *CheckpointFile) Write(cp Checkpoint) error {
	b, err := appendSlot(nil, cp)
	if err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if _, err := c.f.WriteAt(b, c.next*slotSize); err != nil {
		return fmt.Errorf("write checkpoint: %w", err)
	}
	if err := c.f.Sync(); err != nil {
		return fmt.Errorf("sync checkpoint: %w", err)
	}
	c.next = 1 - c.next
	return nil
}

// Close closes the file.
func (c *CheckpointFile) Close() error { return c.f.Close() }

func appendSlot(dst []byte, cp Checkpoint) ([]byte, error) {
	start := len(dst)
	text, err := json.Marshal(slotText{V: checkpointVersion, N: cp.N, Seq: cp.Seq, Hash: cp.Hash})
	if err != nil {
		return nil, err
	}
	dst = append(dst, text...)
	for len(dst)-start < slotSum {
		dst = append(dst, ' ')
	}
	sum := sha256.Sum256(dst[start:])
	dst = hex.AppendEncode(dst, sum[:])
	return append(dst, '\n'), nil
}

func parseSlot(b []byte) (Checkpoint, bool) {
	sum := sha256.Sum256(b[:slotSum])
	if string(b[slotSum:]) != hex.EncodeToString(sum[:])+"\n" {
		return Checkpoint{}, false
	}
	var t slotText
	if err := json.Unmarshal(b[:slotSum], &t); err != nil || t.V != checkpointVersion {
		return Checkpoint{}, false
	}
	return Checkpoint{N: t.N, Seq: t.Seq, Hash: t.Hash}, true
}
