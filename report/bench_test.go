package report_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

// many are n incidents of three entries each: opened, reported, closed by time.
func many(n int) []incident.Entry {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	out := []incident.Entry{{N: 1, At: start, Kind: incident.KindRules, Rules: 1, Text: []byte(`{"v":1,"policies":[{"id":"pol-imp-002","from":"2013-05-01","start":"detected","stop":"reported","limit":"1h0m0s"}],"sources":[{"name":"siem","channel":"webhook","kind":"json"}]}`)}}
	for i := range n {
		at := start.Add(time.Duration(i) * time.Second)
		ref := incident.NewRef(uint64(len(out) + 1))
		for k, state := range []incident.State{incident.Running, incident.Running, incident.Met} {
			e := incident.Entry{
				N: uint64(len(out) + 1), At: at, Kind: incident.KindJoined, Rules: 1, Pos: incident.Pos{Seq: uint64(len(out))},
				Signal: &incident.SignalRecord{Source: "siem", Pos: incident.Pos{Seq: uint64(len(out))}},
				Incident: &incident.IncidentRecord{
					Ref: ref, Open: incident.StatusOpen, First: at, Source: "siem",
					Attrs: incident.Attributes{Impact: incident.Impacts()[i%4]},
					Clocks: []incident.Clock{{
						Policy: "pol-imp-002", Version: "2013-05-01", State: state, Limit: incident.Span(time.Hour), Start: incident.At(at),
					}},
				},
			}
			if k == 0 {
				e.Kind = incident.KindOpened
			}
			if state == incident.Met {
				e.Incident.Clocks[0].Stop = incident.At(at.Add(time.Minute))
			}
			out = append(out, e)
		}
	}
	return out
}

func BenchmarkApply(b *testing.B) {
	entries := many(100_000)
	b.ReportAllocs()
	for b.Loop() {
		book := report.NewBook()
		for i := range entries {
			if err := book.Apply(entries[i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(entries)), "ns/entry")
}

func BenchmarkSnapshot(b *testing.B) {
	book := report.NewBook()
	for _, e := range many(100_000) {
		if err := book.Apply(e); err != nil {
			b.Fatal(err)
		}
	}
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	b.ReportAllocs()
	for b.Loop() {
		book.Snapshot(now)
	}
}

// It is for the race detector: readers meet the writer at every query.
func TestManyReadWhileOneWrites(t *testing.T) {
	entries := many(300)
	book := report.NewBook()
	now := time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC)
	var wg sync.WaitGroup
	stop := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				book.Snapshot(now)
				book.Decisions(now)
				book.Month("2026-11", now)
				rows, _ := book.Incidents(report.Filter{Limit: 20})
				for _, r := range rows {
					if d, ok := book.Incident(r.Ref); !ok || len(d.History) == 0 {
						t.Errorf("Incident(%s) = %v, %v entries; it was listed", r.Ref, ok, len(d.History))
					}
				}
			}
		})
	}
	for _, e := range entries {
		if err := book.Apply(e); err != nil {
			t.Error(fmt.Errorf("apply: %w", err))
			break
		}
	}
	close(stop)
	wg.Wait()
	if n, _ := book.N(); n != uint64(len(entries)) {
		t.Errorf("the book is at entry %d, want %d", n, len(entries))
	}
}
