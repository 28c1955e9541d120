package stream_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

type counter struct{ n atomic.Int64 }

func (c *counter) next() int64 { return c.n.Add(1) }

// fill puts n different signals of 1 KiB with so many callers, each until it is
// stored.
func fill(t testing.TB, st *stream.Store, n, callers int) {
	t.Helper()
	var next counter
	pad := strings.Repeat(" ", 1000)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := next.next(); i <= int64(n); i = next.next() {
				if _, err := st.Put(context.Background(), webhookSignal(fmt.Sprintf("%d%s", i, pad))); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// childDir tells the test binary to be the process that is killed.
const childDir = "PROMPTNESS_STREAM_TEST_CHILD"

// child puts signals into the store in dir without end and writes the name of
// each that was acknowledged to stdout.
func child(dir string) {
	ctx := context.Background()
	log := slog.New(slog.DiscardHandler)
	die := func(err error) {
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	srv, err := stream.Start(ctx, small(dir), log)
	die(err)
	nc, err := srv.Connect("child")
	die(err)
	st, err := stream.Open(ctx, nc, small(dir), stream.Hooks{}, log)
	die(err)
	run := rand.Uint64()
	var next counter
	var wg sync.WaitGroup
	for range 48 {
		wg.Go(func() {
			for {
				name := fmt.Sprintf("%d-%d", run, next.next())
				_, err := st.Put(ctx, webhookSignal(name))
				die(err)
				if _, err := os.Stdout.WriteString(name + "\n"); err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestNothingAcknowledgedIsLostWhenTheProcessIsKilled(t *testing.T) {
	dir := t.TempDir()
	acked := map[string]bool{}
	for round := range 6 {
		killAfter(t, dir, 1+rand.IntN(4000), acked)
		st, srv := open(t, small(dir), stream.Hooks{})
		r := st.Signals(incident.Pos{})
		last, err := r.Last(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		stored := map[string]int{}
		for pos := (incident.Pos{}); pos != last; {
			for _, s := range read(t, r, 1) {
				stored[string(s.Raw)]++
				pos = s.Pos
			}
		}
		lost, twice := 0, 0
		for name := range acked {
			if stored[name] == 0 {
				lost++
			}
		}
		for _, n := range stored {
			if n > 1 {
				twice++
			}
		}
		t.Logf("round %d: %d acknowledged, %d stored", round, len(acked), len(stored))
		if lost > 0 || twice > 0 {
			t.Errorf("round %d: %d acknowledged signals are lost, %d stand twice", round, lost, twice)
		}
		if err := st.Close(); err != nil {
			t.Error(err)
		}
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	}
}

// killAfter runs a child on dir and kills it once it has acknowledged n signals.
// It adds everything that it acknowledged.
func killAfter(t *testing.T, dir string, n int, acked map[string]bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for got := 0; ; got++ {
		if got == n {
			if err := cmd.Process.Kill(); err != nil { // SIGKILL
				t.Fatal(err)
			}
		}
		line, err := lines.ReadString('\n')
		if err == io.EOF { // a line that was cut was not heard by anybody
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		acked[strings.TrimSuffix(line, "\n")] = true
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 1 {
		t.Fatalf("the child ended by itself: %v", err)
	}
}

func BenchmarkPut(b *testing.B) {
	for _, callers := range []int{1, 64, 256} {
		b.Run(fmt.Sprintf("%d callers", callers), func(b *testing.B) {
			st, _ := open(b, small(b.TempDir()), stream.Hooks{})
			b.ResetTimer()
			fill(b, st, b.N, callers)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "puts/s")
		})
	}
}

func BenchmarkBatch(b *testing.B) {
	st, _ := open(b, small(b.TempDir()), stream.Hooks{})
	fill(b, st, b.N, 64)
	b.ResetTimer()
	r := st.Signals(incident.Pos{})
	defer r.Close()
	for n := 0; n < b.N; {
		batch, err := r.Batch(b.Context(), 4096)
		if err != nil {
			b.Fatal(err)
		}
		n += len(batch)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "signals/s")
}

func BenchmarkMessages(b *testing.B) {
	st, _ := open(b, small(b.TempDir()), stream.Hooks{})
	body := make([]byte, 700)
	log := st.Ledger()
	for i := range b.N {
		if err := log.Append(b.Context(), body, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	if err := log.Messages(b.Context(), 1, func(uint64, []byte) error { return nil }); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
