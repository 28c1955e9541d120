package metrics_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
	"github.com/ministryofjustice/incident-promptness/pipeline/metrics"
	"github.com/ministryofjustice/incident-promptness/report"
)

// A world makes entries by the true fold.
type world struct {
	t       *testing.T
	s       *fold.State
	entries []incident.Entry
	seq     uint64
	pepper  incident.Pepper
}

// nine is 9:00 on the day of every test.
func nine() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

func newWorld(t *testing.T) *world {
	t.Helper()
	pepper, err := incident.NewPepper(make([]byte, incident.MinPepper))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, pepper: pepper, s: fold.New(func(string) (fold.Predicate, error) { return nil, fmt.Errorf("no expressions here") })}
	es, err := w.s.SetRules(nine().Add(-24*time.Hour), &incident.Rules{
		Policies: []incident.Policy{{
			ID: "pol-imp-002", Title: "POL.IMP.002", From: "2013-05-01",
			Start: incident.Detected, Stop: incident.Reported, Limit: incident.Span(time.Hour),
			Warn: []incident.Span{incident.Span(30 * time.Minute)},
		}},
		Sources: []incident.SourceRule{
			{Name: "mailbox", Channel: incident.ChannelEmail, Polled: true, Tells: []incident.TellsFrom{{Tells: incident.TellsTeam}}},
			{Name: "siem", Channel: incident.ChannelWebhook},
		},
		Organisations: []incident.Organisation{"hmpps"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.entries = es
	return w
}

// signal folds a signal at `at`: detected and reported are when, by what it
// says; zero for nothing.
func (w *world) signal(at time.Time, source incident.SourceName, key string, detected, reported time.Time, a incident.Attributes) {
	w.t.Helper()
	w.seq++
	raw := fmt.Appendf(nil, "signal %d", w.seq)
	f := incident.Facts{
		Opening: incident.Opens, Trust: incident.Authenticated, Observer: string(source), Receipt: at, Attrs: a,
		Keys: []incident.Key{{Kind: incident.KeyTicket, Value: key}},
	}
	if !detected.IsZero() {
		f.Claims = append(f.Claims, incident.Claim{Milestone: incident.Detected, Interval: incident.At(detected), Basis: incident.Recorded})
	}
	if !reported.IsZero() {
		f.Claims = append(f.Claims, incident.Claim{Milestone: incident.Reported, Interval: incident.At(reported), Basis: incident.Recorded, Receiver: true})
	}
	st := incident.Stored{
		Signal: incident.Signal{ID: incident.NewSignalID(source, raw), Source: source, Channel: incident.ChannelWebhook, Received: at, Raw: raw},
		Pos:    incident.Pos{Seq: w.seq},
	}
	r := incident.Reading{Interpreter: "test/1", Parts: []incident.Facts{f}}
	w.entries = append(w.entries, w.s.Signal(at, fold.NewInput(w.pepper, st, r, incident.DefaultTolerance))...)
}

func (w *world) tick(at time.Time) {
	w.entries = append(w.entries, w.s.Tick(fold.Tick{At: at}, 1000)...)
}

func (w *world) book(upto int) *report.Book {
	w.t.Helper()
	b := report.NewBook()
	for _, e := range w.entries[:upto] {
		if err := b.Apply(e); err != nil {
			w.t.Fatal(err)
		}
	}
	return b
}

// day is a day with several outcomes.
func day(t *testing.T) *world {
	w := newWorld(t)
	at := nine()
	hmpps := incident.Attributes{Organisation: "hmpps", Impact: incident.ImpactHigh}
	m := func(n int) time.Time { return at.Add(time.Duration(n) * time.Minute) }
	w.signal(m(0), "siem", "INC1", m(0), time.Time{}, hmpps)
	w.tick(m(30))
	w.tick(m(75)) // the deadline, late
	w.signal(m(80), "siem", "INC2", m(80), time.Time{}, hmpps)
	w.signal(m(140), "mailbox", "INC2", time.Time{}, m(140), incident.Attributes{}) // exactly the limit: met
	w.signal(m(150), "mailbox", "INC3", time.Time{}, m(150), incident.Attributes{}) // unmeasured
	w.signal(m(155), "mailbox", "INC4", m(10), m(155), incident.Attributes{Organisation: "named-by-a-sender"})
	w.signal(m(160), "siem", "INC5", m(160), time.Time{}, incident.Attributes{Impact: incident.ImpactLow})
	return w
}

// random draws a history.
func random(t *testing.T, r *rapid.T) *world {
	w := newWorld(t)
	at := nine()
	for range rapid.IntRange(1, 30).Draw(r, "signals") {
		at = at.Add(time.Duration(rapid.IntRange(0, 40).Draw(r, "minutes")) * time.Minute)
		w.tick(at)
		var detected, reported time.Time
		source := incident.SourceName("siem")
		if rapid.Bool().Draw(r, "detected") {
			detected = at.Add(-time.Duration(rapid.IntRange(0, 90).Draw(r, "before")) * time.Minute)
		}
		if rapid.Bool().Draw(r, "reported") {
			source, reported = "mailbox", at
		}
		w.signal(at, source, fmt.Sprintf("INC%d", rapid.IntRange(0, 5).Draw(r, "key")), detected, reported, incident.Attributes{
			Organisation: incident.Organisation(rapid.SampledFrom([]string{"", "hmpps", "elsewhere"}).Draw(r, "organisation")),
			Impact:       rapid.SampledFrom(incident.Impacts()).Draw(r, "impact"),
		})
	}
	return w
}

// live are the facts of a running process.
type live struct {
	success, watermark map[incident.SourceName]time.Time
	oldest             time.Time
	verified           bool
	noFigures          bool
	noSources          bool
}

func (l live) Source(n incident.SourceName) (time.Time, time.Time) {
	return l.success[n], l.watermark[n]
}
func (l live) Oldest() time.Time { return l.oldest }
func (l live) Verified() bool    { return l.verified }

func (l live) Shows() (figures, sources bool) { return !l.noFigures, !l.noSources }

var _ metrics.Facts = live{}

func registry(t testing.TB, b *report.Book, f metrics.Facts, now time.Time) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(metrics.New(b, f, metrics.Build{Version: "v1", Revision: "abc", Go: "go1.26"}).At(now)); err != nil {
		t.Fatal(err)
	}
	return reg
}

func gather(t testing.TB, b *report.Book, f metrics.Facts, now time.Time) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := registry(t, b, f, now).Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dto.MetricFamily{}
	for _, f := range families {
		out[f.GetName()] = f
	}
	return out
}

// value returns the sum of the series of a family whose labels include these.
func value(f *dto.MetricFamily, labels map[string]string) (sum float64, series int) {
	for _, m := range f.GetMetric() {
		fits := 0
		for _, l := range m.GetLabel() {
			if want, ok := labels[l.GetName()]; ok && want == l.GetValue() {
				fits++
			}
		}
		if fits == len(labels) {
			sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			series++
		}
	}
	return sum, series
}
