// Package metrics shows a [report.Book] to Prometheus: figures of the present
// and the previous month, open clocks, what waits for a person, and counts of
// what happened. It takes the book and a few live facts and gives metrics; it
// counts nothing itself, so that every value survives a restart, and no word of
// a signal ever becomes a label.
//
// What a person reads as a share or as "how many this month" is a gauge of the
// present truth and may fall when a time is corrected. Counters count events and
// never fall. Every series of a closed set is there from the first scrape, at 0;
// an instant that does not exist is absent, since 0 would be an instant too.
package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

// Facts are what the record does not say of the running process. Its methods are
// called at each scrape and MUST NOT wait.
type Facts interface {
	// Source returns when the source was last read or written to without an
	// error, and the instant up to which everything in it was read and stored;
	// zero for never.
	Source(incident.SourceName) (success, watermark time.Time)
	// Oldest returns when the oldest signal was received that is stored and not
	// yet in the record, or zero where there is none.
	Oldest() time.Time
	// Verified reports whether the chain was verified at start and nothing has
	// been found wrong since.
	Verified() bool
	// Shows reports which metrics are this process's to show, where several are
	// at work on one record: the figures, which would else be counted once for
	// each process, and the ways in.
	Shows() (figures, sources bool)
}

// Build is what was built.
type Build struct{ Version, Revision, Go string }

// A Collector shows a book.
type Collector struct {
	book  *report.Book
	facts Facts
	build Build
}

// New returns a Collector. It starts nothing; register it.
func New(book *report.Book, facts Facts, build Build) *Collector {
	return &Collector{book: book, facts: facts, build: build}
}

// Describe sends the description of every metric.
func (c *Collector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range descs {
		ch <- d
	}
}

// Collect sends every metric, all of one moment of the record.
func (c *Collector) Collect(ch chan<- prometheus.Metric) { c.collect(time.Now(), ch) }

func (c *Collector) collect(now time.Time, ch chan<- prometheus.Metric) {
	s := c.book.Snapshot(now)
	o := out{ch: ch, s: &s}
	figures, sources := c.facts.Shows()
	if figures {
		o.months()
		o.clocks()
		o.decisions()
		o.events()
		o.instant(oldestUnprocessed, c.facts.Oldest())
	}
	if sources {
		o.sources(c.facts)
	}
	ledger := 0.0
	if c.facts.Verified() {
		ledger = 1
	}
	o.gauge(ledgerVerified, ledger)
	o.gauge(ledgerEntries, float64(s.Entries))
	o.gauge(buildInfo, 1, c.build.Version, c.build.Revision, c.build.Go)
}

// out sends the metrics of one snapshot.
type out struct {
	ch chan<- prometheus.Metric
	s  *report.Snapshot
}

func (o *out) gauge(d *prometheus.Desc, v float64, labels ...string) {
	o.ch <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, v, labels...)
}

// counter sends a count that began with the record, not with this process.
func (o *out) counter(d *prometheus.Desc, v uint64, labels ...string) {
	if o.s.Began.IsZero() {
		o.ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(v), labels...)
		return
	}
	o.ch <- prometheus.MustNewConstMetricWithCreatedTimestamp(d, prometheus.CounterValue, float64(v), o.s.Began, labels...)
}

// instant sends t in seconds since 1970, or nothing where there is no t.
func (o *out) instant(d *prometheus.Desc, t time.Time, labels ...string) {
	if !t.IsZero() {
		o.gauge(d, float64(t.UnixNano())/1e9, labels...)
	}
}
