package alertmanager_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/alerting/alertmanager"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/alertmanagertest"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

var _ alerting.Level = (*alertmanager.Receiver)(nil)

// receivers returns the receivers for Alertmanagers at the addresses given.
func receivers(t *testing.T, urls ...string) []*alertmanager.Receiver {
	t.Helper()
	cfg := alertmanager.Default()
	cfg.DashboardURL = "https://grafana.example.org/d/promptness?var-incident={incident}"
	for i, u := range urls {
		cfg.Peers = append(cfg.Peers, alertmanager.Peer{
			Name:   "am-" + string(rune('0'+i)),
			Config: outbound.Config{URL: u},
		})
	}
	if err := cfg.Validate(); err != nil {
		t.Fatalf("Validate: %v", err)
	}
	all, err := alertmanager.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for _, r := range all {
		t.Cleanup(r.Close)
	}
	return all
}

// overdue returns the alert of a deadline that passed ten minutes before now.
func overdue(now time.Time) incident.Alert {
	due := now.Add(-10 * time.Minute).UTC().Truncate(time.Second)
	return incident.Alert{
		ID:        "p-00001x/pol-imp-002/deadline/1",
		Incident:  "p-00001x",
		Policy:    "pol-imp-002",
		Threshold: incident.Deadline,
		G:         1,
		State:     incident.AlertActive,
		Due:       due,
		LimitDue:  due,
		Certain:   due.Add(30 * time.Minute),
		Limit:     incident.Span(time.Hour),
		Since:     due,
		Summary:   "p-00001x: the limit of POL.IMP.002 may have passed",
	}
}

func TestAlertmanagerHoldsTheAlertOnceAndResolvesIt(t *testing.T) {
	am := alertmanagertest.Start(t, "")
	r := receivers(t, am.URL)[0]
	a := overdue(time.Now())

	for range 3 { // to tell it again changes nothing
		if err := r.Send(t.Context(), []incident.Alert{a}); err != nil {
			t.Fatalf("Send: %v", err)
		}
	}
	eventually.Eventually(t, 10*time.Second, "the alert is held", func() bool { return len(am.Alerts()) > 0 })
	held := am.Alerts()
	if len(held) != 1 {
		t.Fatalf("Alertmanager holds %d alerts, want 1: %+v", len(held), held)
	}
	got := held[0]
	wantLabels := map[string]string{
		"alertname": "PromptnessDeadline", "severity": "critical", "incident": "p-00001x",
		"policy": "pol-imp-002", "threshold": "deadline",
	}
	if diff := cmp.Diff(wantLabels, got.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if !got.StartsAt.Equal(a.Due) {
		t.Errorf("startsAt = %s, want the due time %s", got.StartsAt, a.Due)
	}
	if hold := time.Until(got.EndsAt); hold < 23*time.Hour {
		t.Errorf("endsAt lies %s ahead, want a day: the alert must not go when promptness is silent", hold)
	}
	if got, want := got.Annotations["alert_id"], string(a.ID); got != want {
		t.Errorf("alert_id = %q, want %q", got, want)
	}

	// It was retracted, fires again under the next number, and is resolved.
	a.State, a.Ended, a.Why = incident.AlertRetracted, time.Now(), incident.WhyRedated
	if err := r.Send(t.Context(), []incident.Alert{a}); err != nil {
		t.Fatalf("Send of the end: %v", err)
	}
	eventually.Eventually(t, 10*time.Second, "the alert is resolved", func() bool { return len(am.Alerts()) == 0 })

	b := overdue(time.Now())
	b.ID, b.G = "p-00001x/pol-imp-002/deadline/2", 2
	b.Due = time.Now().UTC()
	b.Since = b.Due
	if err := r.Send(t.Context(), []incident.Alert{b}); err != nil {
		t.Fatalf("Send of the next: %v", err)
	}
	eventually.Eventually(t, 10*time.Second, "the alert fires again", func() bool { return len(am.Alerts()) == 1 })
	if again := am.Alerts()[0]; again.Fingerprint != got.Fingerprint {
		t.Errorf("fired again as %s, want the same alert, %s", again.Fingerprint, got.Fingerprint)
	}
	b.State, b.Ended = incident.AlertResolved, time.Now()
	if err := r.Send(t.Context(), []incident.Alert{b}); err != nil {
		t.Fatalf("Send of the end: %v", err)
	}
	eventually.Eventually(t, 10*time.Second, "the alert is resolved", func() bool { return len(am.Alerts()) == 0 })
}
