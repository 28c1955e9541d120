package report

import (
	"slices"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Other is the label of what is in no closed set: a source that no rules name,
// or an organisation beyond the bound.
const Other = "other"

// Bounds of the closed sets. What is beyond them counts under [Other], so that
// no record can make a page or a scrape grow without end.
const (
	MaxOrganisations = 60
	MaxSources       = 120
	MaxPolicies      = 24
)

// A labels is the closed sets by which things are counted: all that any rules in
// the record have named, in the order in which they did. They only grow, so that
// what was counted under a label stays there when the rules change.
type labels struct {
	policies      []incident.PolicyID
	thresholds    map[incident.PolicyID][]incident.ThresholdName
	sources       []incident.SourceName
	organisations []incident.Organisation
}

func newLabels() labels {
	return labels{thresholds: map[incident.PolicyID][]incident.ThresholdName{}}
}

func (l *labels) learn(r *incident.Rules) {
	for _, p := range r.Policies {
		if p.Off && !slices.Contains(l.policies, p.ID) {
			continue // a built-in policy that was never switched on
		}
		if !grow(&l.policies, p.ID, MaxPolicies) {
			continue
		}
		ts := l.thresholds[p.ID]
		for _, t := range p.Thresholds() {
			grow(&ts, t.Name, 32)
		}
		grow(&ts, incident.LateReport, 32)
		l.thresholds[p.ID] = ts
	}
	for _, s := range r.Sources {
		grow(&l.sources, s.Name, MaxSources)
		if s.Organisation != "" {
			grow(&l.organisations, s.Organisation, MaxOrganisations)
		}
	}
	for _, o := range r.Organisations {
		grow(&l.organisations, o, MaxOrganisations)
	}
}

// grow adds x to set, unless it is there or the set is full, and reports
// whether it is there.
func grow[T comparable](set *[]T, x T, limit int) bool {
	if slices.Contains(*set, x) {
		return true
	}
	if len(*set) >= limit {
		return false
	}
	*set = append(*set, x)
	return true
}

// organisation returns the label under which o counts.
func (l *labels) organisation(o incident.Organisation) string {
	if o == "" || slices.Contains(l.organisations, o) {
		return o.Label()
	}
	return Other
}

// source returns the label under which s counts.
func (l *labels) source(s incident.SourceName) string {
	if slices.Contains(l.sources, s) {
		return string(s)
	}
	return Other
}

// policy returns the label under which p counts.
func (l *labels) policy(p incident.PolicyID) string {
	if slices.Contains(l.policies, p) {
		return string(p)
	}
	return Other
}

// threshold returns the label under which t of p counts.
func (l *labels) threshold(p incident.PolicyID, t incident.ThresholdName) string {
	if slices.Contains(l.thresholds[p], t) {
		return string(t)
	}
	return Other
}

// shownOf returns the organisation and the impact under which a counts. A
// restricted incident is part of totals only: neither is told of it.
func shownOf(a *incident.Attributes) (incident.Organisation, incident.Impact) {
	if a.Restricted {
		return "", ""
	}
	return a.Organisation, a.Impact
}
