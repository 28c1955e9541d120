package ledger_test

import (
	"context"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger/ledgertest"
)

// cpu returns the processor time that this process has used. Where others share
// the machine it says more than the clock on the wall.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// usual returns entries of one signal each, chained, about 800 bytes long: an
// alert that opens an incident, the mail that reports it.
func usual(n int) [][]byte {
	lines := make([][]byte, n)
	var prev incident.Hash
	for i := range lines {
		e := mailed()
		e.V, e.N, e.Prev, e.At = incident.EntryVersion, uint64(i)+1, prev, at(10, 0).Add(time.Duration(i)*time.Millisecond)
		e.Pos = incident.Pos{Seq: uint64(i) + 1}
		e.Signal.Pos, e.Rules = e.Pos, 0
		e.Signal.Mark[0], e.Signal.Commit[0] = byte(i), byte(i>>8)
		e.Incident.Ref = incident.NewRef(e.N)
		e.Alerts = nil
		if i%2 == 0 {
			e.Signal.Keys, e.Signal.Claims, e.Signal.Attrs = e.Signal.Keys[:1], e.Signal.Claims[:1], incident.Attributes{}
			e.Incident.Times, e.Incident.Clocks[0].Bars = e.Incident.Times[:1], nil
			e.Incident.Clocks[0].State, e.Incident.Clocks[0].Stop = incident.Running, incident.Interval{}
			e.Incident.Clocks[0].Shortest, e.Incident.Clocks[0].Longest = 0, 0
		}
		lines[i] = ledger.Encode(nil, &e)
		prev = incident.HashOf(lines[i])
	}
	return lines
}

func report(b *testing.B, entries, bytes int, before time.Duration) {
	b.Helper()
	used := cpu(b) - before
	b.ReportMetric(float64(entries)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(entries)/used.Seconds(), "entries/cpu-s")
	b.ReportMetric(float64(bytes)/float64(entries), "B/entry")
}

func BenchmarkDecodeAndHash(b *testing.B) {
	lines := usual(1000)
	decode := ledger.NewReader()
	size, before := 0, cpu(b)
	for i := 0; b.Loop(); i++ {
		line := lines[i%len(lines)]
		size += len(line)
		incident.HashOf(line)
		if _, err := decode(line); err != nil {
			b.Fatal(err)
		}
	}
	report(b, b.N, size, before)
}

func BenchmarkEncode(b *testing.B) {
	lines := usual(1000)
	entries := make([]incident.Entry, len(lines))
	for i, line := range lines {
		e, err := ledger.Decode(line)
		if err != nil {
			b.Fatal(err)
		}
		entries[i] = e
	}
	var buf []byte
	size, before := 0, cpu(b)
	for i := 0; b.Loop(); i++ {
		buf = ledger.Encode(buf[:0], &entries[i%len(entries)])
		size += len(buf)
	}
	report(b, b.N, size, before)
}

// BenchmarkOpen checks a record of one entry a message in memory: all that a
// start costs but the store's own part.
func BenchmarkOpen(b *testing.B) {
	lines := usual(100_000)
	w := &world{log: &ledgertest.Memory{Bodies: lines}, vault: &ledgertest.Vault{End: incident.Pos{Seq: 1 << 40}}}
	benchmarkOpen(b, lines, w.log, w.vault)
}

// BenchmarkOpenReal does so from the embedded server.
func BenchmarkOpenReal(b *testing.B) {
	lines := usual(20_000)
	s := serve(b, b.TempDir())
	log := s.store.Ledger()
	for i, line := range lines {
		if err := log.Append(b.Context(), line, uint64(i)); err != nil {
			b.Fatal(err)
		}
	}
	benchmarkOpen(b, lines, log, &ledgertest.Vault{End: incident.Pos{Seq: 1 << 40}})
}

func benchmarkOpen(b *testing.B, lines [][]byte, log ledger.Log, vault *ledgertest.Vault) {
	b.Helper()
	last, err := ledger.Decode(lines[len(lines)-1])
	if err != nil {
		b.Fatal(err)
	}
	vault.Put(incident.Stored{Pos: last.Pos, Commit: last.Signal.Commit})
	size := 0
	for _, line := range lines {
		size += len(line)
	}
	path := filepath.Join(b.TempDir(), "checkpoint")
	f, err := ledger.OpenCheckpoint(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Write(ledger.Checkpoint{N: last.N, Seq: last.N, Hash: incident.HashOf(lines[len(lines)-1])}); err != nil {
		b.Fatal(err)
	}
	f.Close()
	before := cpu(b)
	for b.Loop() {
		seen := 0
		w, err := ledger.Open(b.Context(), ledger.Options{Log: log, Vault: vault, Checkpoint: path,
			Each: func(incident.Entry) error { seen++; return nil }})
		if err != nil || seen != len(lines) {
			b.Fatal(seen, err)
		}
		w.Close()
	}
	report(b, b.N*len(lines), b.N*size, before)
}

// A sink is a log that keeps nothing.
type sink struct{ ledgertest.Memory }

func (*sink) Append(context.Context, []byte, uint64) error { return nil }

// BenchmarkCommit writes steps of 100 entries to nowhere and the checkpoint to
// the disk.
func BenchmarkCommit(b *testing.B) {
	wr, err := ledger.Open(b.Context(), ledger.Options{Log: &sink{}, Vault: &ledgertest.Vault{}, Checkpoint: filepath.Join(b.TempDir(), "checkpoint")})
	if err != nil {
		b.Fatal(err)
	}
	defer wr.Close()
	var entries []incident.Entry
	size := 0
	for _, line := range usual(100) {
		e, err := ledger.Decode(line)
		if err != nil {
			b.Fatal(err)
		}
		entries = append(entries, e)
		size += len(line)
	}
	n, before := uint64(0), cpu(b)
	for b.Loop() {
		for i := range entries {
			n++
			entries[i].N, entries[i].At = n, start.Add(time.Duration(n)*time.Millisecond)
			entries[i].Pos = incident.Pos{Seq: n}
		}
		if err := wr.Commit(b.Context(), entries); err != nil {
			b.Fatal(err)
		}
	}
	report(b, b.N*len(entries), b.N*size, before)
}

// BenchmarkQuick says what leaving out the hashes before the checkpoint saves of
// a start (Follow with Quick), and of a verification (VerifyFrom).
func BenchmarkQuick(b *testing.B) {
	lines := usual(1_000_000)
	last, err := ledger.Decode(lines[len(lines)-1])
	if err != nil {
		b.Fatal(err)
	}
	log := &ledgertest.Memory{Bodies: lines}
	cp := ledger.Checkpoint{N: last.N, Seq: last.N, Hash: incident.HashOf(lines[len(lines)-1])}
	path := filepath.Join(b.TempDir(), "checkpoint")
	f, err := ledger.OpenCheckpoint(path)
	if err != nil {
		b.Fatal(err)
	}
	if err := f.Write(cp); err != nil {
		b.Fatal(err)
	}
	f.Close()
	for _, quick := range []bool{false, true} {
		b.Run(map[bool]string{false: "whole", true: "quick"}[quick], func(b *testing.B) {
			before := cpu(b)
			for b.Loop() {
				f, err := ledger.Follow(b.Context(), ledger.Options{Log: log, Checkpoint: path, Quick: quick,
					Each: func(incident.Entry) error { return nil }})
				if err != nil {
					b.Fatal(err)
				}
				f.Close()
			}
			report(b, b.N*len(lines), 0, before)
		})
	}
	b.Run("verify from the checkpoint", func(b *testing.B) {
		for b.Loop() {
			if _, err := ledger.VerifyFrom(b.Context(), log, nil, cp, nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}
