package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Watched says what is known of the record from looking at it. An instant that
// is zero has not been yet in this process.
type Watched struct {
	// Faults are the refusals of the faults that are known now.
	Faults []string
	// Monitored is when every copy of the record was last looked at and nothing
	// found, Scrubbed when every copy was last read whole and nothing found.
	Monitored, Scrubbed time.Time
	// Took is how long that reading took, ScrubDone how much of the present one
	// is done, 0 to 1; 0 while none runs.
	Took      time.Duration
	ScrubDone float64
	// Sync is how long a sync of the store's disk took when it was measured, 0
	// where it was not.
	Sync time.Duration
}

//nolint:gochecknoglobals // constants: descriptions are made once and never change
var (
	recordFault = desc("record_fault",
		"1 while the record has a fault of this kind, as start would refuse it; nothing is folded or told meanwhile. /readyz says where, and what repairs it.",
		"refusal")
	scrubSuccess = desc("scrub_last_success_timestamp_seconds",
		"When every copy of the record was last read whole, each signal compared with its commitment, and found sound. Absent until the first time since the start.")
	scrubDuration = desc("scrub_duration_seconds",
		"How long that reading took, rests included. Absent until the first time since the start.")
	scrubProgress = desc("scrub_progress_ratio",
		"How much of the copy that is being read is done, 0 while none is.")
	monitorSuccess = desc("monitor_last_success_timestamp_seconds",
		"When every copy of the record was last asked what it holds, and nothing was missing. Absent until the first time since the start.")
	storeSync = desc("store_sync_seconds",
		"How long one sync of the store's disk took when it was measured. Absent where the store is elsewhere.")
)

// A RecordCollector shows how the record itself is.
type RecordCollector struct {
	refusals []string
	watched  func() Watched
}

// NewRecord returns a RecordCollector. Refusals are all reasons for a fault that
// there are. watched is called at each scrape and MUST NOT wait.
func NewRecord(refusals []string, watched func() Watched) *RecordCollector {
	return &RecordCollector{refusals: refusals, watched: watched}
}

// Describe sends the description of every metric.
func (c *RecordCollector) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{recordFault, scrubSuccess, scrubDuration, scrubProgress, monitorSuccess, storeSync} {
		ch <- d
	}
}

// Collect sends every metric.
func (c *RecordCollector) Collect(ch chan<- prometheus.Metric) {
	w := c.watched()
	o := out{ch: ch}
	known := map[string]float64{}
	for _, f := range w.Faults {
		known[f] = 1
	}
	for _, r := range c.refusals {
		o.gauge(recordFault, known[r], r)
	}
	o.instant(scrubSuccess, w.Scrubbed)
	if !w.Scrubbed.IsZero() {
		o.gauge(scrubDuration, w.Took.Seconds())
	}
	o.gauge(scrubProgress, w.ScrubDone)
	o.instant(monitorSuccess, w.Monitored)
	if w.Sync > 0 {
		o.gauge(storeSync, w.Sync.Seconds())
	}
}
