package alertmanager_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/alerting/alertmanager"
	"github.com/ministryofjustice/incident-promptness/internal/alertmanagertest"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

var _ alerting.Announcer = (*alertmanager.Receiver)(nil)

func TestAlertmanagerHoldsAnAnnouncementUntilItsEnd(t *testing.T) {
	am := alertmanagertest.Start(t, "")
	r := receivers(t, am.URL)[0]
	now := time.Now()
	for range 2 {
		err := r.Announce(t.Context(), alerting.WatchdogName, "none", "here", now.Add(-time.Hour), now.Add(5*time.Minute), map[string]string{"summary": "well"})
		if err != nil {
			t.Fatalf("Announce: %v", err)
		}
	}
	eventually.Eventually(t, 10*time.Second, "it is held", func() bool { return len(am.Alerts()) == 1 })
	got := am.Alerts()[0]
	want := map[string]string{"alertname": "Watchdog", "severity": "none", "instance": "here"}
	if diff := cmp.Diff(want, got.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if left := time.Until(got.EndsAt); left > 5*time.Minute || left < 4*time.Minute {
		t.Errorf("it ends in %s, want five minutes", left)
	}
	// One that ends now, and one that nobody has heard of.
	for _, name := range []string{alerting.WatchdogName, alerting.RecordFaultName} {
		if err := r.Announce(t.Context(), name, "none", "here", time.Now(), time.Now(), nil); err != nil {
			t.Fatalf("Announce of the end: %v", err)
		}
	}
	eventually.Eventually(t, 10*time.Second, "it has ended", func() bool { return len(am.Alerts()) == 0 })
}

// The whole path with Debian's Alertmanager: alive, then a fault of the record.
func TestAlertmanagerHearsThatTheRecordHasAFault(t *testing.T) {
	am := alertmanagertest.Start(t, "")
	var mu sync.Mutex
	var fault *alerting.Trouble
	p := alerting.NewPulse(alerting.PulseOptions{
		To: []alerting.Announcer{receivers(t, am.URL)[0]}, Instance: "here",
		Well:  func() string { return "" },
		Fault: func() *alerting.Trouble { mu.Lock(); defer mu.Unlock(); return fault },
		Log:   slog.New(slog.NewTextHandler(t.Output(), nil)),
		Reg:   prometheus.NewRegistry(),
	})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = p.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	eventually.Eventually(t, 20*time.Second, "it hears that promptness is alive", func() bool {
		return len(am.Alert(map[string]string{"alertname": alerting.WatchdogName})) == 1
	})
	mu.Lock()
	fault = &alerting.Trouble{Since: time.Now(), Summary: "record fault: signal_changed", Text: "Repair: promptness verify"}
	mu.Unlock()
	critical := map[string]string{"alertname": alerting.RecordFaultName, "severity": "critical", "instance": "here"}
	eventually.Eventually(t, 20*time.Second, "it hears of the fault", func() bool { return len(am.Alert(critical)) == 1 })
	if got := am.Alert(critical)[0].Annotations; got["summary"] != "record fault: signal_changed" || got["description"] != "Repair: promptness verify" {
		t.Errorf("it was told %q", got)
	}
}
