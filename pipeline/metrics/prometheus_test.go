package metrics_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/prometheustest"
)

// What the dashboard asks, asked of Debian's Prometheus, which has scraped the
// metrics of a day.
func TestTheDashboardShowsADay(t *testing.T) {
	w := day(t)
	reg := registry(t, w.book(len(w.entries)), facts(), nine().Add(3*time.Hour))
	srv := httptest.NewServer(promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	defer srv.Close()
	prom := prometheustest.Start(t, strings.TrimPrefix(srv.URL, "http://"))
	eventually.Eventually(t, 30*time.Second, "prometheus has scraped the metrics", func() bool {
		_, ok := prom.Value("promptness_ledger_entries")
		return ok
	})
	exprs := expressions(t, readDashboard(t))
	for key, want := range map[string]float64{
		"Within the limit, this month A":          1.0 / 3, // met, of met, breached and overdue
		"Within the limit, this month B":          1.0 / 3,
		"Within the limit, this month C":          3,
		"Within the limit, last month C":          0,
		"Incidents of this month A":               1,
		"Incidents of this month E":               1,
		"Incidents of this month G":               1,
		"Reported, detection not known A":         0.25,
		"Overdue now A":                           1,
		"Surely and possibly within 60 minutes A": 1,
		"Surely and possibly within 60 minutes C": 2,
		"Record verified A":                       1,
		"Entries in the record A":                 float64(len(w.entries)),
		"Sources: last success A":                 -1, // two sources: one series each
		"Within the limit, last month A":          -1, // nothing counts: no share is shown
		"Oldest candidate A":                      -1, // none waits
		"Delay of this month, shortest A":         -1, // a bar for each edge
		"This month by organisation A":            -1,
		"Alerts that people are being told of A":  -1,
	} {
		expr, ok := exprs[key]
		if !ok {
			t.Errorf("the dashboard has no query %q", key)
			continue
		}
		got, one := prom.Value(expr)
		switch {
		case want < 0 && one:
			t.Errorf("%s = %v, want none or several series: %s", key, got, expr)
		case want >= 0 && (!one || got < want-1e-9 || got > want+1e-9):
			t.Errorf("%s = %v (one series: %v), want %v: %s", key, got, one, want, expr)
		}
	}
	if n := len(prom.Query(exprs["This month by organisation A"])); n != 5 {
		t.Errorf("this month by organisation: %d series, want 5", n)
	}
}
