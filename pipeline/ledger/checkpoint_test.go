package ledger_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

func cp(n uint64) ledger.Checkpoint {
	return ledger.Checkpoint{N: n, Seq: n / 2, Hash: incident.Hash{byte(n), 0xab}}
}

// written returns the path of a file to which the checkpoints were written.
func written(t *testing.T, ns ...uint64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "checkpoint")
	for _, n := range ns {
		f, err := ledger.OpenCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(); err != nil && !errors.Is(err, ledger.ErrNoCheckpoint) {
			t.Fatal(err)
		}
		if err := f.Write(cp(n)); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

func spoilFile(t *testing.T, path string, at int) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[at] ^= 0x10
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTheLastCheckpointCounts(t *testing.T) {
	for n := uint64(1); n < 6; n++ {
		var ns []uint64
		for i := uint64(1); i <= n; i++ {
			ns = append(ns, i*3)
		}
		got, err := ledger.ReadCheckpoint(written(t, ns...))
		if err != nil || got != cp(n*3) {
			t.Errorf("after %v: Read = %+v, %v, want %+v", ns, got, err, cp(n*3))
		}
	}
}

func TestAFileIsNeverMoreThanTwoSlots(t *testing.T) {
	b, err := os.ReadFile(written(t, 1, 2, 3, 4, 5))
	if err != nil || len(b) != 2*ledger.SlotSize {
		t.Errorf("%d bytes, %v, want %d", len(b), err, 2*ledger.SlotSize)
	}
}

// Every single byte of a slot is covered: a flip of any makes the slot torn,
// and the other one counts.
func TestATornSlotLeavesTheOther(t *testing.T) {
	path := written(t, 10, 11) // 10 in the first slot, 11 in the second
	for at := range 2 * ledger.SlotSize {
		want := cp(11)
		if at >= ledger.SlotSize {
			want = cp(10)
		}
		spoilFile(t, path, at)
		if got, err := ledger.ReadCheckpoint(path); err != nil || got != want {
			t.Errorf("byte %d flipped: Read = %+v, %v, want %+v", at, got, err, want)
		}
		spoilFile(t, path, at) // back
	}
}

func TestTheNextWriteLeavesTheWholeSlot(t *testing.T) {
	for _, at := range []int{0, ledger.SlotSize - 1, ledger.SlotSize, 2*ledger.SlotSize - 1} {
		path := written(t, 10, 11)
		want := cp(11)
		if at >= ledger.SlotSize {
			want = cp(10)
		}
		spoilFile(t, path, at)
		if got, err := ledger.ReadCheckpoint(path); err != nil || got != want {
			t.Fatalf("byte %d flipped: Read = %+v, %v, want %+v", at, got, err, want)
		}
		f, err := ledger.OpenCheckpoint(path)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Read(); err != nil {
			t.Fatal(err)
		}
		if err := f.Write(cp(12)); err != nil {
			t.Fatal(err)
		}
		f.Close()
		spoilFile(t, path, at/ledger.SlotSize*ledger.SlotSize) // tear the new one
		if got, err := ledger.ReadCheckpoint(path); err != nil || got != want {
			t.Fatalf("byte %d flipped, then the next write torn: Read = %+v, %v, want %+v", at, got, err, want)
		}
	}
}

func TestWithoutAWholeSlotThereIsNoCheckpoint(t *testing.T) {
	both := written(t, 1, 2)
	spoilFile(t, both, 5)
	spoilFile(t, both, ledger.SlotSize+5)
	one := written(t, 1)
	spoilFile(t, one, 5)
	short := written(t, 1)
	if err := os.Truncate(short, ledger.SlotSize-1); err != nil {
		t.Fatal(err)
	}
	later := written(t, 1)
	b, err := os.ReadFile(later)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Replace(string(b[:ledger.SlotSize-65]), `"v":1`, `"v":2`, 1)
	sum := sha256.Sum256([]byte(text))
	if err := os.WriteFile(later, []byte(text+hex.EncodeToString(sum[:])+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"both torn": both, "the only one torn": one, "cut short": short, "a later version": later,
		"no file": filepath.Join(t.TempDir(), "none"), "a new file": written(t),
	} {
		if got, err := ledger.ReadCheckpoint(path); !errors.Is(err, ledger.ErrNoCheckpoint) {
			t.Errorf("%s: Read = %+v, %v, want %v", name, got, err, ledger.ErrNoCheckpoint)
		}
	}
}

func TestACheckpointIsReadableText(t *testing.T) {
	b, err := os.ReadFile(written(t, 7))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"n":7,"seq":3,"hash":"07ab000000000000000000000000000000000000000000000000000000000000"} `
	if !strings.HasPrefix(string(b), want) || b[len(b)-1] != '\n' {
		t.Errorf("slot = %q, want it to begin with %q", b, want)
	}
	sum := sha256.Sum256(b[:447])
	if got := string(b[447:511]); got != hex.EncodeToString(sum[:]) {
		t.Errorf("sum = %s, want that of the first 447 bytes, %x", got, sum)
	}
}

func FuzzParseSlot(f *testing.F) {
	for _, n := range []uint64{0, 7, 1<<64 - 1} {
		b, err := ledger.AppendSlot(cp(n))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:447])
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) != 447 {
			return
		}
		// A right sum, so that what is behind it is reached.
		sum := sha256.Sum256(text)
		got, ok := ledger.ParseSlot([]byte(string(text) + hex.EncodeToString(sum[:]) + "\n"))
		if !ok {
			return
		}
		b, err := ledger.AppendSlot(got)
		if again, ok := ledger.ParseSlot(b); err != nil || !ok || again != got {
			t.Errorf("slot of %+v, %v is read as %+v, %v", got, err, again, ok)
		}
	})
}
