package alerting_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
)

var (
	_ alerting.Deliveries = (*memory)(nil)
	_ alerting.Level      = (*level)(nil)
	_ alerting.Edge       = (*edge)(nil)
)

const polImp002 incident.PolicyID = "pol-imp-002"

// t0 is a Tuesday, 9am in London.
var t0 = time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC)

// A memory is a record of deliveries that survives the desk.
type memory struct {
	mu     sync.Mutex
	bodies [][]byte
	fault  func(n int, body []byte) fault // n counts appends from 1; nil is none
	n      int
	down   bool // nothing can be written
	blind  bool // nothing can be read
}

// A fault is what happens to one append.
type fault int

const (
	fine    fault = iota
	notDone       // it fails and is not there
	done          // it fails and is there
)

var errDisk = errors.New("no space left on device")

func (m *memory) AppendDelivery(ctx context.Context, body []byte) (uint64, error) {
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.n++
	f := fine
	if m.fault != nil {
		f = m.fault(m.n, body)
	}
	if m.down || f == notDone {
		return 0, errDisk
	}
	m.bodies = append(m.bodies, slices.Clone(body))
	if f == done {
		return 0, errDisk
	}
	return uint64(len(m.bodies)), nil
}

func (m *memory) Deliveries(ctx context.Context, from uint64, yield func(uint64, []byte) error) error {
	m.mu.Lock()
	bodies, blind := slices.Clone(m.bodies), m.blind
	m.mu.Unlock()
	if blind {
		return errDisk
	}
	for i, b := range bodies {
		if seq := uint64(i) + 1; seq >= from {
			if err := yield(seq, b); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

// lines returns what is on record, in short.
func (m *memory) lines(t *testing.T) []string {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []string
	for _, b := range m.bodies {
		ds, err := alerting.DecodeDeliveries(b)
		if err != nil {
			t.Fatalf("read what was recorded: %v: %s", err, b)
		}
		for _, d := range ds {
			if d.Phase == alerting.Joined {
				all = append(all, fmt.Sprintf("%s joined %d", d.Channel, d.Entry))
				continue
			}
			s := fmt.Sprintf("%s %s %s %s %d", d.Channel, d.Alert, d.State, d.Phase, d.Attempt)
			if d.Phase == alerting.Finished {
				s += " " + string(d.Outcome)
			}
			all = append(all, s)
		}
	}
	return all
}

// A level is a receiver that keeps the last it accepted of each name.
type level struct {
	name string

	mu     sync.Mutex
	answer func(n int, alerts []incident.Alert) (accept bool, err error) // nil accepts
	hang   bool
	takes  time.Duration
	sends  int
	heard  []incident.Alert // every alert accepted, in order
	now    map[string]incident.Alert
}

func (l *level) Name() string { return l.name }

func (l *level) Send(ctx context.Context, alerts []incident.Alert) error {
	l.mu.Lock()
	hang := l.hang
	l.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	if l.takes > 0 {
		timer := time.NewTimer(l.takes)
		defer timer.Stop()
		<-timer.C
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sends++
	accept, err := true, error(nil)
	if l.answer != nil {
		accept, err = l.answer(l.sends, alerts)
	}
	if accept {
		if l.now == nil {
			l.now = map[string]incident.Alert{}
		}
		for _, a := range alerts {
			l.heard = append(l.heard, a)
			l.now[a.Name()] = a
		}
	}
	return err
}

func (m *memory) set(f func()) { m.mu.Lock(); defer m.mu.Unlock(); f() }
func (l *level) set(f func())  { l.mu.Lock(); defer l.mu.Unlock(); f() }
func (e *edge) set(f func())   { e.mu.Lock(); defer e.mu.Unlock(); f() }

func (l *level) sent() (n int)              { l.set(func() { n = l.sends }); return n }
func (l *level) all() (as []incident.Alert) { l.set(func() { as = slices.Clone(l.heard) }); return as }
func (l *level) shows() (now map[string]incident.Alert) {
	l.set(func() { now = maps.Clone(l.now) })
	return now
}
func (e *edge) tried() (n int)       { e.set(func() { n = e.tells }); return n }
func (e *edge) said() (all []string) { e.set(func() { all = slices.Clone(e.heard) }); return all }

// count returns how often the state of the alert was accepted.
func (l *level) count(id incident.AlertID, s incident.AlertState) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, a := range l.heard {
		if a.ID == id && a.State == s {
			n++
		}
	}
	return n
}

// An edge is a receiver that is told once.
type edge struct {
	name string

	mu     sync.Mutex
	answer func(n int, a incident.Alert) (accept bool, err error) // nil accepts
	takes  time.Duration
	tells  int
	heard  []string // "id state", with " again"
}

func (e *edge) Name() string { return e.name }

func (e *edge) Tell(ctx context.Context, a incident.Alert, again bool) error {
	if e.takes > 0 {
		timer := time.NewTimer(e.takes)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.tells++
	accept, err := true, error(nil)
	if e.answer != nil {
		accept, err = e.answer(e.tells, a)
	}
	if accept {
		s := fmt.Sprintf("%s %s", a.ID, a.State)
		if again {
			s += " again"
		}
		e.heard = append(e.heard, s)
	}
	return err
}

// A desk is one with its metrics.
type desk struct {
	*alerting.Desk
	reg  *prometheus.Registry
	stop func() // ends Run and waits for it
}

func newDesk(t *testing.T, m alerting.Deliveries, c alerting.Channels) *desk {
	t.Helper()
	reg := prometheus.NewRegistry()
	d, err := alerting.New(m, c, slog.New(slog.NewTextHandler(t.Output(), nil)), reg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return &desk{Desk: d, reg: reg}
}

// start has d run, and returns what ends it and waits for it.
func (d *desk) start(t *testing.T) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := d.Run(ctx); err != nil {
			t.Errorf("Run: %v", err)
		}
	}()
	return sync.OnceFunc(func() { cancel(); <-ended })
}

// run starts a desk on what was recorded before, as a process does.
func run(t *testing.T, m alerting.Deliveries, c alerting.Channels, past []incident.Entry) *desk {
	t.Helper()
	d := newDesk(t, m, c)
	d.Follow(past)
	d.stop = d.start(t)
	synctest.Wait() // the tour has begun: what is followed next is news to it
	return d
}

// A log makes entries as the fold would.
type log struct {
	entries []incident.Entry
}

func (l *log) next(at time.Time, k incident.Kind) incident.Entry {
	return incident.Entry{V: incident.EntryVersion, N: uint64(len(l.entries)) + 1, At: at, Kind: k}
}

// add appends an entry in which alerts of one incident changed.
func (l *log) add(at time.Time, r *incident.IncidentRecord, changes ...incident.AlertChange) incident.Entry {
	e := l.next(at, incident.KindCrossed)
	e.Incident, e.Alerts = r, changes
	l.entries = append(l.entries, e)
	return e
}

// record returns an incident with one clock, detected at the interval, that has
// crossed its deadline.
func record(ref incident.Ref, detected incident.Interval, bars ...incident.Crossing) *incident.IncidentRecord {
	return &incident.IncidentRecord{
		Ref: ref, Open: incident.StatusOpen,
		Attrs: incident.Attributes{Organisation: "hmpps", Impact: incident.ImpactHigh},
		Clocks: []incident.Clock{{
			Policy: polImp002, State: incident.Overdue, Limit: incident.Span(time.Hour), Start: detected, Bars: bars,
		}},
	}
}

// crossed returns the crossing of a threshold, told.
func crossed(name incident.ThresholdName, g int, due time.Time, s incident.AlertState) incident.Crossing {
	return incident.Crossing{Threshold: name, G: g, Due: due, At: due, State: s}
}

// passed adds the entry in which the deadline of ref, detected an hour before
// at, is told, and returns its alert.
func (l *log) passed(ref incident.Ref, at time.Time) (incident.AlertID, incident.Entry) {
	return l.fired(ref, incident.Deadline, 1, at)
}

func (l *log) fired(ref incident.Ref, name incident.ThresholdName, g int, at time.Time) (incident.AlertID, incident.Entry) {
	id := incident.NewAlertID(ref, polImp002, name, g)
	return id, l.add(at, record(ref, incident.At(at.Add(-time.Hour)), crossed(name, g, at, incident.AlertActive)),
		incident.AlertChange{ID: id, State: incident.AlertActive, Why: incident.WhyDue})
}

// over adds the entry in which the alert ends.
func (l *log) over(id incident.AlertID, s incident.AlertState, why incident.Why, at time.Time) incident.Entry {
	ref, _, name, g, _ := incident.ParseAlertID(id)
	return l.add(at, record(ref, incident.At(at.Add(-time.Hour)), crossed(name, g, at, s)),
		incident.AlertChange{ID: id, State: s, Why: why})
}
