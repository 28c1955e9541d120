// Package alertmanager tells one Prometheus Alertmanager of alerts through its
// API v2, as a whole state that is sent again and again; it reads nothing from
// Alertmanager, makes no silence and keeps no state of its own.
//
// # What Alertmanager sees
//
// An alert's identity is its label set: alertname, incident, policy, threshold,
// severity, and what the configuration adds. g is left out, so that an alert
// which was retracted and fires again is the same one; so are organisation and
// impact, which are learnt later and may have to be forgotten: with them in the
// labels a second alert would appear, and the first could not be resolved.
//
// The annotation alert_id has g, and is the key to the record.
//
// startsAt is when the threshold was due, or when it was decided if that was
// noticed late. While an alert is active, endsAt lies Config.Hold ahead of each
// sending. Left out, Alertmanager would resolve the alert five minutes after it
// heard of it last, and people would read "resolved" because promptness died
// while the deadline stays unreported. That promptness itself is silent must be
// an alert of Prometheus.
package alertmanager

import (
	"context"
	"maps"
	"net/url"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

// A Receiver is one Alertmanager. It is an alerting.Level.
type Receiver struct {
	name   string
	client *outbound.Client
	cfg    Config
}

// New returns a Receiver for each configured Alertmanager. cfg must be valid.
// It reads the files that cfg names and makes no network call.
func New(cfg Config) ([]*Receiver, error) {
	var all []*Receiver
	for _, p := range cfg.Peers {
		client, err := outbound.New(p.Config)
		if err != nil {
			return nil, p.under(err)
		}
		all = append(all, &Receiver{name: p.Name, client: client, cfg: cfg})
	}
	return all, nil
}

// Name returns the configured name of the Alertmanager.
func (r *Receiver) Name() string { return r.name }

// Send posts alerts. Any end but nil is an *outbound.Error.
func (r *Receiver) Send(ctx context.Context, alerts []incident.Alert) error {
	body, err := r.cfg.encode(alerts, time.Now())
	if err != nil {
		return &outbound.Error{Outcome: outbound.Failed, Code: outbound.Other, Err: err}
	}
	return r.client.Post(ctx, "/api/v2/alerts", "application/json", body)
}

// Close drops idle connections.
func (r *Receiver) Close() { r.client.Close() }

// A posted is a postableAlert of Alertmanager's API v2 (api/v2/openapi.yaml).
type posted struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	GeneratorURL string            `json:"generatorURL,omitempty"`
}

// encode returns the body that tells alerts at now.
func (c Config) encode(alerts []incident.Alert, now time.Time) ([]byte, error) {
	all := make([]posted, len(alerts))
	for i := range alerts {
		all[i] = c.posted(&alerts[i], now)
	}
	return incident.MarshalCanonical(all)
}

func (c Config) posted(a *incident.Alert, now time.Time) posted {
	p := posted{
		Labels:       c.labels(a),
		Annotations:  c.annotations(a),
		StartsAt:     a.Due.UTC(),
		GeneratorURL: fill(c.GeneratorURL, a.Incident),
	}
	if a.Late || a.Due.IsZero() || a.Due.After(a.Since) {
		p.StartsAt = a.Since.UTC()
	}
	p.EndsAt = a.Ended.UTC()
	if a.Active() {
		p.EndsAt = now.Add(c.Hold).UTC()
	}
	if p.EndsAt.Before(p.StartsAt) {
		p.EndsAt = p.StartsAt // Alertmanager refuses an alert that ends before it starts
	}
	return p
}

func (c Config) labels(a *incident.Alert) map[string]string {
	name, severity := "PromptnessWarning", "warning"
	switch {
	case a.Threshold == incident.Deadline:
		name, severity = "PromptnessDeadline", "critical"
	case a.Threshold == incident.LateReport:
		name = "PromptnessLateReport"
	case strings.HasPrefix(string(a.Threshold), "reminder-"):
		name, severity = "PromptnessReminder", "critical"
	}
	labels := map[string]string{}
	maps.Copy(labels, c.Labels)
	labels["alertname"] = name
	labels["severity"] = severity
	labels["incident"] = string(a.Incident)
	labels["policy"] = string(a.Policy)
	labels["threshold"] = string(a.Threshold)
	return labels
}

func (c Config) annotations(a *incident.Alert) map[string]string {
	all := map[string]string{
		"alert_id":    string(a.ID),
		"summary":     a.Summary,
		"description": a.Description,
		"message":     a.Summary + ". " + a.Description, // what MoJ's own templates show
	}
	set := func(k, v string) {
		if v != "" {
			all[k] = v
		}
	}
	stamp := func(k string, t time.Time) {
		if !t.IsZero() {
			all[k] = t.UTC().Format(time.RFC3339)
		}
	}
	stamp("due", a.Due)
	stamp("limit_due", a.LimitDue)
	stamp("limit_certain", a.Certain)
	unread := make([]string, len(a.Unread))
	for i, s := range a.Unread {
		unread[i] = string(s)
	}
	set("unread_sources", strings.Join(unread, ", "))
	set("merged_into", string(a.Into))
	set("organisation", string(a.Organisation))
	set("impact", string(a.Impact))
	set("dashboard_url", fill(c.DashboardURL, a.Incident))
	set("runbook_url", fill(c.RunbookURL, a.Incident))
	return all
}

// fill puts the reference into an address where it says {incident}.
func fill(address string, ref incident.Ref) string {
	return strings.ReplaceAll(address, "{incident}", url.QueryEscape(string(ref)))
}
