package alertmanager

import (
	"context"
	"maps"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

// Announce tells Alertmanager that an alert which stands in no record fires from
// since until then; until not after the present resolves it. It is known by name,
// severity, instance and the configured labels. Any end but nil is an
// *outbound.Error.
func (r *Receiver) Announce(ctx context.Context, name, severity, instance string, since, until time.Time, annotations map[string]string) error {
	p := posted{
		Labels:      map[string]string{},
		Annotations: annotations,
		StartsAt:    since.UTC(),
		EndsAt:      until.UTC(),
	}
	maps.Copy(p.Labels, r.cfg.Labels)
	p.Labels["alertname"] = name
	p.Labels["severity"] = severity
	p.Labels["instance"] = instance
	body, err := incident.MarshalCanonical([]posted{p})
	if err != nil {
		return &outbound.Error{Outcome: outbound.Failed, Code: outbound.Other, Err: err}
	}
	return r.client.Post(ctx, "/api/v2/alerts", "application/json", body)
}
