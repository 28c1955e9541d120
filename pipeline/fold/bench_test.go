package fold_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

// BenchmarkFold folds incidents of three signals each, passes a day, and
// restores the state from the entries. One operation is one incident.
func BenchmarkFold(b *testing.B) {
	world := newBench()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	inputs := make([]fold.Input, 0, 3*b.N)
	for k := range b.N {
		at := epoch.Add(time.Duration(k) * time.Second)
		for j, source := range []incident.SourceName{"siem", "mailbox", "mailbox"} {
			x := sent{fmt.Sprintf("%d/%d", k, j), source, incident.Facts{
				Opening: incident.Opens, Trust: incident.Aligned, Observer: fmt.Sprintf("o%d", k), Receipt: at.Add(time.Duration(j) * 40 * time.Minute),
				Keys: []incident.Key{{Kind: incident.KeyTicket, Value: fmt.Sprintf("INC%d", k)}},
			}}
			m := incident.Claim{Milestone: incident.Detected, Interval: incident.At(at), Basis: incident.Recorded, Observer: "siem"}
			if j > 0 {
				m = incident.Claim{Milestone: incident.Reported, Interval: incident.At(x.facts.Receipt), Basis: incident.Recorded, Observer: "mailbox", Receiver: true}
			}
			x.facts.Claims = []incident.Claim{m}
			inputs = append(inputs, world.input(x))
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	for k, in := range inputs {
		world.entries = append(world.entries, world.s.Signal(epoch.Add(time.Duration(k/3)*time.Second), in)...)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(len(inputs)), "ns/signal")
	world.tick(epoch.AddDate(0, 0, 1))
	entries := world.entries
	world, inputs = nil, nil
	_ = inputs
	start := time.Now()
	s := fold.New(compile)
	for _, e := range entries {
		if err := s.Restore(e); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(time.Since(start).Nanoseconds())/float64(len(entries)), "ns/restored")
	b.StopTimer()
	entries = nil
	_ = entries
	runtime.GC()
	runtime.ReadMemStats(&after)
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(b.N), "B/incident")
	runtime.KeepAlive(s)
}

// BenchmarkCampaign folds many mails into one incident: one phish, reported by
// everyone. One operation is one mail.
func BenchmarkCampaign(b *testing.B) {
	for _, trust := range []incident.Trust{incident.Aligned, incident.Unauthenticated} {
		for _, n := range []int{1000, 5000} {
			b.Run(fmt.Sprintf("%s-%d", trust, n), func(b *testing.B) {
				for range b.N {
					campaign(n, trust)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signal")
			})
		}
	}
}

func campaign(n int, trust incident.Trust) *bench {
	w := newBench()
	for k := range n {
		at := epoch.Add(time.Duration(k) * time.Second)
		x := sent{fmt.Sprintf("m%d", k), "mailbox", incident.Facts{
			Opening: incident.Opens, Trust: trust, Observer: fmt.Sprintf("o%d", k), Receipt: at,
			Keys: []incident.Key{{Kind: incident.KeyAttachment, Value: "phish"}},
			Claims: []incident.Claim{
				{Milestone: incident.Reported, Interval: incident.At(at), Basis: incident.Recorded, Observer: "mailbox", Receiver: true},
				{Milestone: incident.Detected, Interval: incident.Minute(at.Add(-time.Duration(k%100) * time.Minute)), Basis: incident.Stated, Observer: fmt.Sprintf("o%d", k)},
			},
		}}
		if k == 0 {
			x.facts.Trust = incident.Aligned
		}
		w.signal(at, x)
	}
	return w
}
