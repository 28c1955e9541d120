package main

import (
	"encoding/json"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/report"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// sources lists the ways in for a board.
func (f *facts) sources(book *report.Book) []board.Source {
	var all []board.Source
	now := time.Now()
	for _, r := range f.rules.Sources {
		s := board.Source{Name: r.Name, Channel: r.Channel, Kind: r.Kind, Tells: r.At(now), Polled: r.Polled}
		s.Success, s.Watermark = f.Source(r.Name)
		if !r.Polled {
			s.Latest = s.Success
		}
		if st, ok := f.marks.state(r.Name); ok {
			s.Latest, s.Problem = st.Account.Latest, st.Problem
			s.Account, _ = json.Marshal(st.Account) // it holds only numbers, texts and times
		}
		s.State, s.Since = sourceState(r, s, silentSince(book, r.Name), now)
		all = append(all, s)
	}
	return all
}

// silentSince returns since when the record calls a source silent, or zero.
func silentSince(book *report.Book, n incident.SourceName) time.Time {
	if book == nil {
		return time.Time{}
	}
	return book.Snapshot(time.Now()).Gaps[report.GapKey{Source: n, Kind: report.GapSilent}]
}

// sourceState says how a source is heard. What was read is judged as of now, so
// that it is seen before the record says so, and where nobody writes the record.
func sourceState(r incident.SourceRule, s board.Source, silent, now time.Time) (state string, since time.Time) {
	switch {
	case r.Polled && s.Watermark.IsZero():
		return board.SourceNever, time.Time{}
	case r.Polled && now.Sub(s.Watermark) > r.Unread():
		return board.SourceUnread, s.Watermark
	case !silent.IsZero():
		return board.SourceSilent, silent
	case r.Polled:
		return board.SourceRead, time.Time{}
	case s.Success.IsZero():
		return board.SourceNever, time.Time{}
	default:
		return board.SourceHeard, time.Time{}
	}
}

// mailMetrics show what became of the mails of every mailbox: of those that this
// process reads, and of those that others read, as they published it.
type mailMetrics struct{ facts *facts }

//nolint:gochecknoglobals // descriptions of metrics
var (
	sourceMails = prometheus.NewDesc("promptness_source_mails",
		"Mails of a mailbox by what became of them, under all numbers that its server ever gave; seen are those that the server listed, and the sum of all others, of those that wait and of those that are missing.",
		[]string{"source", "outcome"}, nil)
	sourceMissing = prometheus.NewDesc("promptness_source_missing_mails",
		"Mails that are in the mailbox, below the number up to which it was read, and of which nothing became. They are asked for again until they are read.",
		[]string{"source"}, nil)
	sourceWaiting = prometheus.NewDesc("promptness_source_waiting_mails",
		"Mails that were found in the mailbox and wait to be read and stored.",
		[]string{"source"}, nil)
	sourceLooked = prometheus.NewDesc("promptness_source_looked_timestamp_seconds",
		"When all that is in the mailbox was last held against what became of its mails; 0 for never.",
		[]string{"source"}, nil)
	sourceLatest = prometheus.NewDesc("promptness_source_latest_mail_timestamp_seconds",
		"When the latest mail that was read came to the mailbox; 0 for none.",
		[]string{"source"}, nil)
	sourceMoved = prometheus.NewDesc("promptness_source_moves_total",
		"Mails that move_to moved once they were stored (moved), and tries that failed (failed) since this process began; a mail that could not be moved is tried again.",
		[]string{"source", "result"}, nil)
)

// Describe sends the description of every metric.
func (m *mailMetrics) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{sourceMails, sourceMissing, sourceWaiting, sourceLooked, sourceLatest, sourceMoved} {
		ch <- d
	}
}

// Collect sends every metric of every mailbox, at 0 where nothing is known yet.
func (m *mailMetrics) Collect(ch chan<- prometheus.Metric) {
	if _, shows := m.facts.Shows(); !shows {
		return
	}
	gauge := func(d *prometheus.Desc, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
	}
	stamp := func(d *prometheus.Desc, t time.Time, source string) {
		v := 0.0
		if !t.IsZero() {
			v = float64(t.UnixNano()) / 1e9
		}
		gauge(d, v, source)
	}
	counter := func(v uint64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(sourceMoved, prometheus.CounterValue, float64(v), labels...)
	}
	for n, b := range m.facts.boxes {
		own := b.Status()
		counter(own.Moved, string(n), "moved")
		counter(own.MoveFailed, string(n), "failed")
		st, _ := m.facts.marks.state(n)
		a, source := st.Account, string(n)
		by := a.Mails.By()
		for i, what := range email.Outcomes() {
			gauge(sourceMails, float64(by[i]), source, what)
		}
		gauge(sourceMissing, float64(a.Missing), source)
		gauge(sourceWaiting, float64(a.Waiting), source)
		stamp(sourceLooked, a.Looked, source)
		stamp(sourceLatest, a.Latest, source)
	}
}
