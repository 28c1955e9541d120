package stream_test

import (
	"encoding/binary"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// The server of this version would take gigabytes for each of these, and die.
func TestAnImpossibleNumberInABlockIsRefusedBeforeTheServerFillsTheMemory(t *testing.T) {
	for _, which := range []int{0, 1, 3} { // of the messages
		dir := t.TempDir()
		st, srv := open(t, small(dir), stream.Hooks{})
		log := st.Ledger()
		for i := range uint64(4) {
			if err := log.Append(t.Context(), []byte(`{"n":1}`), i); err != nil {
				t.Fatal(err)
			}
		}
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		if err := srv.Close(); err != nil {
			t.Fatal(err)
		}
		block := filepath.Join(dir, "jetstream", "$G", "streams", "LEDGER_moj", "msgs", "1.blk")
		b, err := os.ReadFile(block)
		if err != nil {
			t.Fatal(err)
		}
		at := 0
		for range which {
			at += int(binary.LittleEndian.Uint32(b[at:]) &^ (1 << 31))
		}
		b[at+4+4] ^= 0x10 // bit 36 of its sequence
		if err := os.WriteFile(block, b, 0o600); err != nil {
			t.Fatal(err)
		}
		again, err := stream.Start(t.Context(), small(dir), slog.New(slog.DiscardHandler))
		if !isA[*stream.BlockError](err) {
			t.Errorf("Start with message %d damaged = %v, want a BlockError", which+1, err)
		}
		if err == nil {
			_ = again.Close()
		}
	}
}

func TestATornEndOfABlockIsNoReasonNotToStart(t *testing.T) {
	dir := t.TempDir()
	st, srv := open(t, small(dir), stream.Hooks{})
	if err := st.Ledger().Append(t.Context(), []byte(`{"n":1}`), 0); err != nil {
		t.Fatal(err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
	block := filepath.Join(dir, "jetstream", "$G", "streams", "LEDGER_moj", "msgs", "1.blk")
	b, err := os.ReadFile(block)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 40 {
		b = append(b, byte(200+i))
	}
	if err := os.WriteFile(block, b, 0o600); err != nil {
		t.Fatal(err)
	}
	again, _ := open(t, small(dir), stream.Hooks{})
	if _, last, _, err := again.Ledger().State(t.Context()); err != nil || last != 1 {
		t.Errorf("the ledger ends at message %d, %v, want 1", last, err)
	}
}
