package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// At returns c as it is at the instant now.
func (c *Collector) At(now time.Time) prometheus.Collector { return at{c, now} }

type at struct {
	*Collector
	now time.Time
}

func (a at) Collect(ch chan<- prometheus.Metric) { a.collect(a.now, ch) }

// Descs returns the description of every metric.
func Descs() []*prometheus.Desc { return descs }
