package alerting

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

// metrics are what the desk tells of its own work. Counters count what this
// process did; the label channel comes from the configuration.
type metrics struct {
	sent       *prometheus.CounterVec
	pending    *prometheus.GaugeVec
	toAccepted *prometheus.HistogramVec
	unrecorded prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, channels []string) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		sent: f.NewCounterVec(prometheus.CounterOpts{
			Name: "promptness_alerts_sent_total",
			Help: "Alerts sent to a channel, repetitions included, by what is known of the outcome.",
		}, []string{"channel", "result"}),
		pending: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "promptness_alert_deliveries_pending",
			Help: "Alerts whose present state a channel has not accepted yet.",
		}, []string{"channel"}),
		toAccepted: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "promptness_alert_decided_to_accepted_seconds",
			Help:    "Time from the decision that people are told, or are told of the end, to its first acceptance by a channel.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600},
		}, []string{"channel"}),
		unrecorded: f.NewCounter(prometheus.CounterOpts{
			Name: "promptness_alert_delivery_record_failures_total",
			Help: "Failed attempts to read or write the record of deliveries.",
		}),
	}
	for _, c := range channels {
		for _, o := range outbound.Outcomes() {
			m.sent.WithLabelValues(c, string(o))
		}
		m.pending.WithLabelValues(c)
		m.toAccepted.WithLabelValues(c)
	}
	return m
}
