package ledgertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// Run checks everything that a ledger relies on in its log. open returns a new,
// empty log, and a function that closes it as a crash would and opens it again.
func Run(t *testing.T, open func(t *testing.T) (log ledger.Log, reopen func() ledger.Log)) {
	t.Helper()
	for name, test := range map[string]func(t *testing.T, log ledger.Log, reopen func() ledger.Log){
		"a new log is empty":                          empty,
		"what is appended is read back":               readBack,
		"a message of the greatest size is read back": greatest,
		"reading begins where it is told":             fromAnywhere,
		"a body belongs to whoever reads it":          belongs,
		"another fence than the end stores nothing":   fenced,
		"of two writers one wins":                     race,
		"reading stops with the first error of yield": stops,
		"an ended context ends the work":              ended,
	} {
		t.Run(name, func(t *testing.T) {
			log, reopen := open(t)
			test(t, log, reopen)
		})
	}
}

type message struct {
	seq  uint64
	body string
}

func read(t *testing.T, log ledger.Log, from uint64) []message {
	t.Helper()
	var all []message
	err := log.Messages(t.Context(), from, func(seq uint64, body []byte) error {
		all = append(all, message{seq, string(body)})
		return nil
	})
	if err != nil {
		t.Errorf("Messages(%d) = %v", from, err)
	}
	return all
}

func wantEnd(t *testing.T, log ledger.Log, want uint64) {
	t.Helper()
	first, last, deleted, err := log.State(t.Context())
	if err != nil || last != want || deleted != 0 || last > 0 && first != 1 {
		t.Errorf("State = %d, %d, %d, %v, want 1, %d, 0", first, last, deleted, err, want)
	}
}

func body(i int) []byte { return fmt.Appendf(nil, "{\"message\":%d}\n{\"of\":\"two lines\"}", i) }

// fill appends so many messages.
func fill(t *testing.T, log ledger.Log, messages int) {
	t.Helper()
	for i := range messages {
		if err := log.Append(t.Context(), body(i+1), uint64(i)); err != nil {
			t.Fatalf("Append(%d) = %v", i+1, err)
		}
	}
}

func wantMessages(t *testing.T, got []message, from, to int) {
	t.Helper()
	if len(got) != to-from+1 {
		t.Fatalf("%d messages, want those from %d to %d", len(got), from, to)
	}
	for i, m := range got {
		if m.seq != uint64(from+i) || m.body != string(body(from+i)) {
			t.Errorf("message %d is %d: %q", from+i, m.seq, m.body)
		}
	}
}

func empty(t *testing.T, log ledger.Log, reopen func() ledger.Log) {
	wantEnd(t, log, 0)
	wantMessages(t, read(t, log, 1), 1, 0)
	log = reopen()
	wantEnd(t, log, 0)
	wantMessages(t, read(t, log, 1), 1, 0)
}

func readBack(t *testing.T, log ledger.Log, reopen func() ledger.Log) {
	fill(t, log, 50)
	wantMessages(t, read(t, log, 1), 1, 50)
	wantEnd(t, log, 50)
	log = reopen()
	wantMessages(t, read(t, log, 1), 1, 50)
	wantEnd(t, log, 50)
	if err := log.Append(t.Context(), body(51), 50); err != nil {
		t.Errorf("Append after a crash = %v", err)
	}
	wantMessages(t, read(t, log, 1), 1, 51)
}

func greatest(t *testing.T, log ledger.Log, reopen func() ledger.Log) {
	want := bytes.Repeat([]byte("0123456789abcde\n"), ledger.MaxBody/16)
	if err := log.Append(t.Context(), want, 0); err != nil {
		t.Fatalf("Append = %v", err)
	}
	for range 2 {
		if got := read(t, log, 1); len(got) != 1 || got[0].body != string(want) {
			t.Errorf("read %d messages, not the one that was appended", len(got))
		}
		log = reopen()
	}
}

func fromAnywhere(t *testing.T, log ledger.Log, _ func() ledger.Log) {
	fill(t, log, 10)
	for from := 1; from <= 11; from++ {
		wantMessages(t, read(t, log, uint64(from)), from, 10)
	}
}

func belongs(t *testing.T, log ledger.Log, _ func() ledger.Log) {
	fill(t, log, 10)
	var kept [][]byte
	err := log.Messages(t.Context(), 1, func(_ uint64, b []byte) error {
		kept = append(kept, b)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i, b := range kept {
		if !bytes.Equal(b, body(i+1)) {
			t.Errorf("body %d became %q after it was yielded", i+1, b)
		}
		clear(b)
	}
	wantMessages(t, read(t, log, 1), 1, 10)
}

func fenced(t *testing.T, log ledger.Log, _ func() ledger.Log) {
	fill(t, log, 3)
	for _, fence := range []uint64{0, 2, 4} {
		ctx, cancel := context.WithCancel(t.Context())
		if err := log.Append(ctx, []byte("another"), fence); err == nil {
			t.Errorf("Append behind %d of 3 = nil", fence)
		}
		cancel()
	}
	wantMessages(t, read(t, log, 1), 1, 3)
}

func race(t *testing.T, log ledger.Log, _ func() ledger.Log) {
	fill(t, log, 3)
	var wg sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		wg.Go(func() { errs[i] = log.Append(t.Context(), fmt.Appendf(nil, "writer %d", i), 3) })
	}
	wg.Wait()
	var won []int
	for i, err := range errs {
		if err == nil {
			won = append(won, i)
		}
	}
	got := read(t, log, 4)
	if len(won) != 1 || len(got) != 1 || got[0].body != fmt.Sprintf("writer %d", won[0]) {
		t.Errorf("writers %v won, the log got %v", won, got)
	}
}

func stops(t *testing.T, log ledger.Log, _ func() ledger.Log) {
	fill(t, log, 10)
	stop := errors.New("enough")
	seen := 0
	err := log.Messages(t.Context(), 1, func(uint64, []byte) error {
		if seen++; seen == 3 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) || seen != 3 {
		t.Errorf("Messages = %v after %d messages, want %v after 3", err, seen, stop)
	}
}

func ended(t *testing.T, log ledger.Log, _ func() ledger.Log) {
	fill(t, log, 10)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := log.Append(ctx, body(11), 10); err == nil {
		t.Error("Append after its context ended = nil")
	}
	seen := 0
	err := log.Messages(ctx, 1, func(uint64, []byte) error { seen++; return nil })
	if err == nil && seen != 10 {
		t.Errorf("Messages after its context ended = nil after %d of 10 messages", seen)
	}
}
