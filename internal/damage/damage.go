// Package damage does to a copy of a store, with its server stopped, what a
// failing disk, a careless hand or an old backup does; it is for tests, and never
// touches anything but the files it is given.
package damage

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A Kind is one way in which files are damaged.
type Kind string

// The kinds. Those that name a message, a block or an index are for a stream
// only.
const (
	Flip          Kind = "a bit flips"
	FlipUnindexed Kind = "a bit flips and the index is lost"
	Flips         Kind = "eight bits flip"
	Zero          Kind = "a range is zeroed"
	ZeroLost      Kind = "a range is zeroed and the index is lost"
	Truncate      Kind = "a file is cut short"
	TruncateLost  Kind = "a file is cut short and the index is lost"
	Garbage       Kind = "garbage is appended"
	GarbageLost   Kind = "garbage is appended and the index is lost"
	SwapBlocks    Kind = "two blocks are swapped"
	SwapMessages  Kind = "two messages are swapped"
	CutMessage    Kind = "a message is cut out"
	DoubleMessage Kind = "a message stands twice"
	LoseFile      Kind = "a file is removed"
	LoseIndex     Kind = "the index is removed"
	FlipIndex     Kind = "bits of the index flip"
	OldIndex      Kind = "an old index is restored"
	FlipMeta      Kind = "a bit of the stream's settings flips"
	LoseStream    Kind = "the stream is deleted and made anew"
	OldCopy       Kind = "an old copy is restored"
	OldStore      Kind = "an old copy of the whole store is restored"
)

// StreamKinds are the kinds for a stream.
func StreamKinds() []Kind {
	return []Kind{Flip, FlipUnindexed, Flips, Zero, ZeroLost, Truncate, TruncateLost, Garbage, GarbageLost, SwapBlocks,
		SwapMessages, CutMessage, DoubleMessage, LoseFile, LoseIndex, FlipIndex, OldIndex, FlipMeta, LoseStream, OldCopy, OldStore}
}

// FileKinds are the kinds for a lone file.
func FileKinds() []Kind { return []Kind{Flip, Flips, Zero, Truncate, Garbage, LoseFile, OldCopy} }

// StreamDir is where the server of a store in dir keeps a stream.
func StreamDir(dir, stream string) string {
	return filepath.Join(dir, "jetstream", "$G", "streams", stream)
}

// Stream damages a stream of the store in dir. old is an older copy of that
// store. It says what it did.
func Stream(r *rand.Rand, k Kind, dir, old, stream string) (did string, err error) {
	at := StreamDir(dir, stream)
	blocks, err := filepath.Glob(filepath.Join(at, "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		return "", fmt.Errorf("find blocks of %s: %w", stream, fs.ErrNotExist)
	}
	slices.SortFunc(blocks, func(a, b string) int { // 2.blk before 10.blk
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	block := blocks[r.IntN(len(blocks))]
	index := filepath.Join(at, "msgs", "index.db")
	switch k {
	case FlipUnindexed:
		return unindexed(r, Flip, block, index)
	case ZeroLost:
		return unindexed(r, Zero, block, index)
	case TruncateLost:
		return unindexed(r, Truncate, block, index)
	case GarbageLost:
		return unindexed(r, Garbage, block, index)
	case SwapBlocks:
		return swapBlocks(r, blocks, index)
	case SwapMessages, CutMessage, DoubleMessage:
		return messages(r, k, block, index)
	case LoseIndex:
		return index, remove(index)
	case FlipIndex:
		if _, err := os.Stat(index); err != nil {
			return "there is no index", nil // as after a crash
		}
		return File(r, Flips, index, "")
	case OldIndex:
		return index, copyFile(index, filepath.Join(StreamDir(old, stream), "msgs", "index.db"))
	case FlipMeta:
		return File(r, Flip, filepath.Join(at, "meta.inf"), "")
	case LoseStream:
		return at, os.RemoveAll(at)
	case OldCopy:
		return at, replace(at, StreamDir(old, stream))
	case OldStore:
		return dir, replace(filepath.Join(dir, "jetstream"), filepath.Join(old, "jetstream"))
	default:
		return File(r, k, block, "")
	}
}

func unindexed(r *rand.Rand, k Kind, block, index string) (string, error) {
	did, err := File(r, k, block, "")
	if err != nil {
		return "", err
	}
	return did, remove(index)
}

// File damages one file. old is an older copy of it. It says what it did.
func File(r *rand.Rand, k Kind, path, old string) (did string, err error) {
	switch k {
	case LoseFile:
		return path, os.Remove(path)
	case OldCopy:
		return path, copyFile(path, old)
	default:
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	if len(b) == 0 {
		return path + " is empty", nil
	}
	name := filepath.Base(path)
	switch k {
	case Flip, Flips:
		n := 1
		if k == Flips {
			n = 8
		}
		for range n {
			at, bit := r.IntN(len(b)), r.IntN(8)
			b[at] ^= 1 << bit
			did += fmt.Sprintf("bit %d of byte %d of %d of %s; ", bit, at, len(b), name)
		}
	case Zero:
		at := r.IntN(len(b))
		n := min(1+r.IntN(4096), len(b)-at)
		clear(b[at : at+n])
		did = fmt.Sprintf("%d zeros at %d of %d of %s", n, at, len(b), name)
	case Truncate:
		at := r.IntN(len(b))
		did = fmt.Sprintf("%s cut from %d to %d bytes", name, len(b), at)
		b = b[:at]
	case Garbage:
		n := 1 + r.IntN(300)
		did = fmt.Sprintf("%d bytes behind the %d of %s", n, len(b), name)
		for range n {
			b = append(b, byte(r.Uint32()))
		}
	default:
		return "", fmt.Errorf("damage %s: %q is not for a file", name, k)
	}
	return did, os.WriteFile(path, b, 0o600)
}

// swapBlocks swaps the bytes of two blocks; a lone block has its halves swapped,
// at the border of a message.
func swapBlocks(r *rand.Rand, blocks []string, index string) (string, error) {
	if len(blocks) == 1 {
		b, err := os.ReadFile(blocks[0])
		if err != nil {
			return "", err
		}
		all := records(b)
		if len(all) < 2 {
			return "there is one message", nil
		}
		at := all[1+r.IntN(len(all)-1)].start
		return fmt.Sprintf("%s turned at %d", blocks[0], at),
			write(r, blocks[0], append(slices.Clone(b[at:]), b[:at]...), index)
	}
	p := r.Perm(len(blocks))
	one, two := blocks[p[0]], blocks[p[1]]
	a, err := os.ReadFile(one)
	if err != nil {
		return "", err
	}
	b, err := os.ReadFile(two)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(one, b, 0o600); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s and %s", filepath.Base(one), filepath.Base(two)), write(r, two, a, index)
}

// messages changes whole messages of a block, each with its good checksum.
func messages(r *rand.Rand, k Kind, block, index string) (string, error) {
	b, err := os.ReadFile(block)
	if err != nil {
		return "", err
	}
	all := records(b)
	if len(all) < 2 {
		return "there is one message", nil
	}
	i := r.IntN(len(all))
	one := b[all[i].start:all[i].end]
	var out []byte
	did := ""
	switch k {
	case CutMessage:
		did = fmt.Sprintf("message %d of %s is cut out", all[i].seq, filepath.Base(block))
		out = slices.Concat(b[:all[i].start], b[all[i].end:])
	case DoubleMessage:
		j := r.IntN(len(all))
		did = fmt.Sprintf("message %d of %s stands before message %d too", all[i].seq, filepath.Base(block), all[j].seq)
		out = slices.Concat(b[:all[j].start], one, b[all[j].start:])
	default:
		j := (i + 1 + r.IntN(len(all)-1)) % len(all)
		i, j = min(i, j), max(i, j)
		did = fmt.Sprintf("messages %d and %d of %s", all[i].seq, all[j].seq, filepath.Base(block))
		out = slices.Concat(b[:all[i].start], b[all[j].start:all[j].end], b[all[i].end:all[j].start],
			b[all[i].start:all[i].end], b[all[j].end:])
	}
	return did, write(r, block, out, index)
}

// write writes a block; half of the time the index is lost with it.
func write(r *rand.Rand, block string, b []byte, index string) error {
	if err := os.WriteFile(block, b, 0o600); err != nil {
		return err
	}
	if r.IntN(2) == 0 {
		return remove(index)
	}
	return nil
}

// remove removes a file that may not be there.
func remove(path string) error {
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	return nil
}

func copyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if os.IsNotExist(err) {
		return remove(to)
	}
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o600)
}

func replace(to, from string) error {
	if err := os.RemoveAll(to); err != nil {
		return err
	}
	return os.CopyFS(to, os.DirFS(from))
}
