package main

import (
	"iter"
	"runtime"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

// A reported is how long the report of a month takes to make, and the memory that
// it holds at its end, over the number of incidents.
type reported struct {
	seconds, bytesPerIncident float64
}

// monthSize is how many incidents the month has that is reported.
const monthSize = 1_000_000

// benchMonth makes a report of a month with n incidents, each told by a tool and
// by a mail: three entries an incident. The entries are made on the way, and
// their making is part of what is measured.
func benchMonth(n int) (reported, error) {
	h, err := report.NewHolidays(nil, nil)
	if err != nil {
		return reported{}, err
	}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b, err := report.NewBuilder("2026-11", h)
	if err != nil {
		return reported{}, err
	}
	var took time.Duration
	batch := make([]incident.Entry, 0, 3000)
	add := func() error {
		began := time.Now()
		defer func() { took += time.Since(began) }()
		for _, e := range batch {
			if err := b.Add(e); err != nil {
				return err
			}
		}
		batch = batch[:0]
		return nil
	}
	for e := range monthEntries(n) {
		if batch = append(batch, e); len(batch) == cap(batch) {
			if err := add(); err != nil {
				return reported{}, err
			}
		}
	}
	if err := add(); err != nil {
		return reported{}, err
	}
	clear(batch[:cap(batch)])
	began := time.Now()
	r := b.Report()
	took += time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	runtime.KeepAlive(b)
	runtime.KeepAlive(r)
	return reported{took.Seconds(), float64(after.HeapAlloc-before.HeapAlloc) / float64(n)}, nil
}

const monthRules = `{"v":1,"policies":[{"id":"pol-imp-002","title":"Report","from":"2013-05-01","start":"detected","stop":"reported","limit":"1h0m0s"}],` +
	`"sources":[{"name":"mailbox","channel":"email","kind":"imap"},{"name":"siem","channel":"webhook","kind":"json"}]}`

// monthEntries yields the entries of n incidents spread over November 2026.
func monthEntries(n int) iter.Seq[incident.Entry] {
	start := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	apart := 30 * 24 * time.Hour / time.Duration(n)
	return func(yield func(incident.Entry) bool) {
		number := uint64(1)
		if !yield(incident.Entry{N: number, At: start, Kind: incident.KindRules, Text: []byte(monthRules)}) {
			return
		}
		next := func(e incident.Entry) bool {
			number++
			e.N, e.Rules = number, 1
			return yield(e)
		}
		for i := range n {
			at := start.Add(time.Duration(i) * apart)
			told := at.Add(time.Duration(i%97) * time.Minute)
			ref := incident.NewRef(number + 1)
			record := func(state incident.State, signals int) *incident.IncidentRecord {
				rec := &incident.IncidentRecord{
					Ref: ref, Open: incident.StatusOpen, First: at, Source: "siem", Signals: signals,
					Attrs: incident.Attributes{Impact: incident.Impacts()[i%4], Organisation: "hmpps"},
					Times: []incident.Time{{Milestone: incident.Detected, Interval: incident.Minute(at), Basis: incident.Recorded, By: [2]uint64{number + 1, number + 1}}},
				}
				c := incident.Clock{Policy: "pol-imp-002", Version: "2013-05-01", State: state, Limit: incident.Span(time.Hour), Start: incident.Minute(at)}
				if signals == 2 {
					rec.Route = incident.RoutePerson
					rec.Times = append(rec.Times, incident.Time{Milestone: incident.Reported, Interval: incident.At(told), Basis: incident.Recorded})
					c.Stop, c.Shortest, c.Longest = incident.At(told), incident.Span(max(0, told.Sub(at)-time.Minute)), incident.Span(told.Sub(at))
				}
				rec.Clocks = []incident.Clock{c}
				return rec
			}
			signal := func(source incident.SourceName, received time.Time, m incident.Milestone, in incident.Interval) *incident.SignalRecord {
				return &incident.SignalRecord{
					Source: source, Received: received, Receipt: received, Trust: incident.Authenticated, Opening: incident.Opens,
					Claims: []incident.SealedClaim{{Milestone: m, Interval: in, Basis: incident.Recorded, Receiver: true}},
				}
			}
			state := incident.Met
			if told.Sub(at) > time.Hour+time.Minute {
				state = incident.Breached
			}
			if !next(incident.Entry{At: at, Kind: incident.KindOpened, Signal: signal("siem", at, incident.Detected, incident.Minute(at)), Incident: record(incident.Running, 1)}) ||
				!next(incident.Entry{At: at, Kind: incident.KindCrossed, Incident: record(incident.Running, 1)}) ||
				!next(incident.Entry{At: at, Kind: incident.KindJoined, Signal: signal("mailbox", told, incident.Reported, incident.At(told)), Incident: record(state, 2)}) {
				return
			}
		}
	}
}
