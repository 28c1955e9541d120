package alerting_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

func TestEverySeriesIsThereAtNought(t *testing.T) {
	var m memory
	d := newDesk(t, &m, alerting.Channels{Levels: []alerting.Level{&level{name: "am-0"}}, Edges: []alerting.Edge{&edge{name: "pager"}}})
	want := `# HELP promptness_alert_deliveries_pending Alerts whose present state a channel has not accepted yet.
# TYPE promptness_alert_deliveries_pending gauge
promptness_alert_deliveries_pending{channel="am-0"} 0
promptness_alert_deliveries_pending{channel="pager"} 0
# HELP promptness_alert_delivery_record_failures_total Failed attempts to read or write the record of deliveries.
# TYPE promptness_alert_delivery_record_failures_total counter
promptness_alert_delivery_record_failures_total 0
# HELP promptness_alerts_sent_total Alerts sent to a channel, repetitions included, by what is known of the outcome.
# TYPE promptness_alerts_sent_total counter
promptness_alerts_sent_total{channel="am-0",result="accepted"} 0
promptness_alerts_sent_total{channel="am-0",result="failed"} 0
promptness_alerts_sent_total{channel="am-0",result="refused"} 0
promptness_alerts_sent_total{channel="am-0",result="unknown"} 0
promptness_alerts_sent_total{channel="pager",result="accepted"} 0
promptness_alerts_sent_total{channel="pager",result="failed"} 0
promptness_alerts_sent_total{channel="pager",result="refused"} 0
promptness_alerts_sent_total{channel="pager",result="unknown"} 0
`
	if err := testutil.GatherAndCompare(d.reg, strings.NewReader(want), "promptness_alerts_sent_total",
		"promptness_alert_deliveries_pending", "promptness_alert_delivery_record_failures_total"); err != nil {
		t.Error(err)
	}
	if n, err := testutil.GatherAndCount(d.reg, "promptness_alert_decided_to_accepted_seconds"); err != nil || n != 2 {
		t.Errorf("histograms = %d, %v, want one for each channel", n, err)
	}
	problems, err := testutil.GatherAndLint(d.reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}

func TestWhatWaitsAndHowLongItTookIsMeasured(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		up := t0.Add(90 * time.Second)
		pager := &edge{name: "pager", answer: func(int, incident.Alert) (bool, error) {
			if time.Now().Before(up) {
				return false, fails(outbound.Failed, outbound.Unreachable)
			}
			return true, nil
		}}
		d := run(t, &m, alerting.Channels{Edges: []alerting.Edge{pager}}, nil)
		defer d.stop()
		_, e1 := l.passed("p-00001x", time.Now())
		_, e2 := l.passed("p-00002y", time.Now())
		d.Follow([]incident.Entry{e1, e2})
		bubble.Advance(time.Minute)
		wantSeries(t, d, `promptness_alert_deliveries_pending{channel="pager"} 2`)
		bubble.Advance(2 * time.Minute)
		wantSeries(t, d,
			`promptness_alert_deliveries_pending{channel="pager"} 0`,
			`promptness_alerts_sent_total{channel="pager",result="accepted"} 2`,
			`promptness_alert_decided_to_accepted_seconds_count{channel="pager"} 2`,
			`promptness_alert_decided_to_accepted_seconds_bucket{channel="pager",le="60"} 0`,
			`promptness_alert_decided_to_accepted_seconds_bucket{channel="pager",le="300"} 2`,
		)
	})
}

// wantSeries checks that the lines stand in what a scrape would show.
func wantSeries(t *testing.T, d *desk, lines ...string) {
	t.Helper()
	page := httptest.NewRecorder()
	promhttp.HandlerFor(d.reg, promhttp.HandlerOpts{}).ServeHTTP(page, httptest.NewRequest("GET", "/metrics", nil))
	text := page.Body.String()
	for _, want := range lines {
		if !strings.Contains(text, "\n"+want+"\n") {
			t.Errorf("metrics have no %s:\n%s", want, text)
		}
	}
}
