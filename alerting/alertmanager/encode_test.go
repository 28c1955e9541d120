package alertmanager_test

import (
	"encoding/json"
	"flag"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/alerting/alertmanager"
	"github.com/ministryofjustice/incident-promptness/incident"
)

var update = flag.Bool("update", false, "write the golden files anew")

var t0 = time.Date(2026, time.November, 24, 9, 0, 0, 0, time.UTC)

func config() alertmanager.Config {
	cfg := alertmanager.Default()
	cfg.Labels = map[string]string{"team": "security"}
	cfg.GeneratorURL = "https://promptness.example.org/incidents/{incident}"
	cfg.DashboardURL = "https://grafana.example.org/d/promptness?var-incident={incident}"
	cfg.RunbookURL = "https://runbooks.example.org/promptness"
	return cfg
}

func TestAlertsAreTold(t *testing.T) {
	deadline := incident.Alert{
		ID: "p-00001x/pol-imp-002/deadline/2", Incident: "p-00001x", Policy: "pol-imp-002",
		Threshold: incident.Deadline, G: 2, State: incident.AlertActive,
		Due: t0, LimitDue: t0, Certain: t0.Add(30 * time.Minute), Limit: incident.Span(time.Hour), Since: t0.Add(2 * time.Minute),
		Unread: []incident.SourceName{"ost-mailbox", "slack-security"}, Organisation: "hmpps", Impact: incident.ImpactHigh,
		Summary: "p-00001x: the limit of POL.IMP.002 may have passed", Description: "Certain at 9:30am.",
	}
	with := func(change func(*incident.Alert)) incident.Alert { a := deadline; change(&a); return a }
	alerts := []incident.Alert{
		deadline,
		with(func(a *incident.Alert) { a.Late, a.Since = true, t0.Add(3*time.Hour) }),
		with(func(a *incident.Alert) {
			a.State, a.Ended, a.Unread = incident.AlertResolved, t0.Add(10*time.Minute), nil
		}),
		with(func(a *incident.Alert) { // restricted: the desk has left out its attributes
			a.State, a.Ended, a.Into = incident.AlertMerged, t0.Add(time.Minute), "p-00000w"
			a.Restricted, a.Organisation, a.Impact = true, "", ""
		}),
		with(func(a *incident.Alert) {
			a.ID, a.Threshold, a.G = "p-00001x/pol-imp-002/warn-30m/1", "warn-30m", 1
			a.LimitDue, a.Certain = t0.Add(30*time.Minute), time.Time{}
		}),
		with(func(a *incident.Alert) { a.ID, a.Threshold = "p-00001x/pol-imp-002/reminder-1/2", "reminder-1" }),
		with(func(a *incident.Alert) {
			a.ID, a.Threshold, a.Late = "p-00001x/pol-imp-002/late-report/2", incident.LateReport, true
		}),
	}
	body, err := alertmanager.Encode(config(), alerts, t0.Add(5*time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	var got strings.Builder
	var values []json.RawMessage
	if err := json.Unmarshal(body, &values); err != nil {
		t.Fatal(err)
	}
	for _, v := range values {
		pretty, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		got.Write(append(pretty, '\n'))
	}
	const golden = "testdata/alerts.json"
	if *update {
		if err := os.WriteFile(golden, []byte(got.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("alerts (-want +got):\n%s", diff)
	}
}

// Alertmanager knows an alert by its labels. One name has one set of them,
// whatever else is learnt, and two names have two.
func TestAlertsOfOneNameAreOneAlert(t *testing.T) {
	alert := rapid.Custom(func(t *rapid.T) incident.Alert {
		a := incident.Alert{
			Incident:     incident.NewRef(rapid.Uint64Range(1, 3).Draw(t, "incident")),
			Policy:       rapid.SampledFrom([]incident.PolicyID{"pol-imp-002", "uk-gdpr-33"}).Draw(t, "policy"),
			Threshold:    rapid.SampledFrom([]incident.ThresholdName{"warn-30m", "warn-50m", incident.Deadline, "reminder-1", "reminder-2", incident.LateReport}).Draw(t, "threshold"),
			G:            rapid.IntRange(1, 3).Draw(t, "g"),
			State:        rapid.SampledFrom(incident.AlertStates()).Draw(t, "state"),
			Late:         rapid.Bool().Draw(t, "late"),
			Restricted:   rapid.Bool().Draw(t, "restricted"),
			Organisation: rapid.SampledFrom([]incident.Organisation{"", "hmpps", "laa"}).Draw(t, "organisation"),
			Impact:       rapid.SampledFrom(incident.Impacts()).Draw(t, "impact"),
			Due:          t0.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "due")) * time.Minute),
			Since:        t0.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "since")) * time.Minute),
			Ended:        t0.Add(time.Duration(rapid.IntRange(-100, 100).Draw(t, "ended")) * time.Minute),
		}
		a.ID = incident.NewAlertID(a.Incident, a.Policy, a.Threshold, a.G)
		return a
	})
	rapid.Check(t, func(t *rapid.T) {
		alerts := rapid.SliceOfN(alert, 1, 30).Draw(t, "alerts")
		body, err := alertmanager.Encode(config(), alerts, t0)
		if err != nil {
			t.Fatal(err)
		}
		var all []struct {
			Labels           map[string]string
			StartsAt, EndsAt time.Time
		}
		if err := json.Unmarshal(body, &all); err != nil {
			t.Fatal(err)
		}
		labels := map[string]string{}
		names := map[string]string{}
		for i, p := range all {
			set, err := json.Marshal(p.Labels)
			if err != nil {
				t.Fatal(err)
			}
			name := alerts[i].Name()
			if old, ok := labels[name]; ok && old != string(set) {
				t.Fatalf("%s has the labels %s and %s", name, old, set)
			}
			if old, ok := names[string(set)]; ok && old != name {
				t.Fatalf("%s and %s have the labels %s", old, name, set)
			}
			labels[name], names[string(set)] = string(set), name
			if p.EndsAt.Before(p.StartsAt) {
				t.Fatalf("%s ends at %s, before it starts at %s: Alertmanager refuses that", alerts[i].ID, p.EndsAt, p.StartsAt)
			}
			if alerts[i].Active() && p.EndsAt.Before(t0.Add(time.Hour)) {
				t.Fatalf("%s is active and ends at %s", alerts[i].ID, p.EndsAt)
			}
		}
	})
}

func TestAlertsArePostedUnderThePathPrefix(t *testing.T) {
	var path, kind string
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		path, kind = r.Method+" "+r.URL.Path, r.Header.Get("Content-Type")
		body, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	r := receivers(t, s.URL+"/prefix/")[0]
	if err := r.Send(t.Context(), []incident.Alert{overdue(time.Now())}); err != nil {
		t.Fatalf("Send: %v", err)
	}
	if want := "POST /prefix/api/v2/alerts"; path != want || kind != "application/json" {
		t.Errorf("asked %s with %s, want %s with application/json", path, kind, want)
	}
	if !json.Valid(body) {
		t.Errorf("body = %s, want JSON", body)
	}
	if r.Name() != "am-0" {
		t.Errorf("Name() = %q, want am-0", r.Name())
	}
}
