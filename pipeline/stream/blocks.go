package stream

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The server makes room in memory for every sequence between two messages of a
// block, four bytes each, before it looks at their checksums: one bit that flips
// in a sequence can take all the memory of the machine, at each start again. So
// blocks are looked at before the server is started.
const (
	// widest is the widest gap that is let through: 64 MiB of memory. Streams of
	// ours have gaps only where somebody erased.
	widest = 1 << 24
	// widestBucket is for buckets, which lose all but the last value of a key.
	widestBucket = 1 << 28
)

// A BlockError reports a file of the store in which a message has an impossible
// number.
type BlockError struct {
	File string
	Seq  uint64 // the number
	Last uint64 // the number of the message before it
}

func (e *BlockError) Error() string {
	return fmt.Sprintf("look at %s: message %d stands after message %d", e.File, e.Seq, e.Last)
}

// Hint says what to do.
func (e *BlockError) Hint() string {
	return "the file is damaged: keep a copy of the store directory, then restore a backup"
}

// checkBlocks looks at the numbers of all messages in the store in dir.
func checkBlocks(dir string) error {
	blocks, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "*", "msgs", "*.blk"))
	if err != nil {
		return fmt.Errorf("look at the blocks of the store: %w", err)
	}
	for _, b := range blocks {
		name := filepath.Base(filepath.Dir(filepath.Dir(b)))
		gap := uint64(widest)
		if strings.HasPrefix(name, "KV_") || strings.HasPrefix(name, "OBJ_") {
			gap = widestBucket
		}
		if err := checkBlock(b, gap); err != nil {
			return err
		}
	}
	return nil
}

// checkBlock reads the head of each message: its length with a flag for headers
// (4 bytes, little endian), its sequence with flags for an erased one and for a
// tombstone (8). Where the lengths end to make sense the server takes over.
func checkBlock(path string, gap uint64) error {
	const (
		least                = 22 + 8
		withHeaders          = 1 << 31
		erasedBit, tombstone = 1 << 63, 1 << 62
	)
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("look at the blocks of the store: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("look at the blocks of the store: %w", err)
	}
	var head [12]byte
	var last uint64
	for at := int64(0); ; {
		if _, err := f.ReadAt(head[:], at); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("look at the blocks of the store: %w", err)
		}
		n := int64(binary.LittleEndian.Uint32(head[:]) &^ withHeaders)
		if n < least || at+n > info.Size() {
			return nil // the torn end that a power cut leaves, too
		}
		at += n
		seq := binary.LittleEndian.Uint64(head[4:])
		if seq&tombstone != 0 {
			continue // names a message of another block, perhaps
		}
		seq &^= erasedBit
		// Backwards too: then the one before it is the wrong one.
		if last > 0 && max(seq, last)-min(seq, last) > gap || seq > 1<<48 {
			return &BlockError{File: path, Seq: seq, Last: last}
		}
		last = seq
	}
}
