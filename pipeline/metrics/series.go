package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

// months sends the figures of both months.
func (o *out) months() {
	for _, m := range []struct {
		name    string
		figures *report.Figures
	}{{"current", &o.s.Current}, {"previous", &o.s.Previous}} {
		o.gauge(monthCandidates, float64(m.figures.Candidates), m.name)
		for _, p := range o.s.Policies {
			for i := range m.figures.Policies {
				if f := &m.figures.Policies[i]; f.Policy == p {
					o.month(m.name, f)
				}
			}
		}
	}
}

func (o *out) month(name string, f *report.PolicyFigures) {
	policy := string(f.Policy)
	cells := o.s.LabelledCells(f)
	for _, org := range o.s.Organisations {
		for _, impact := range incident.Impacts() {
			for _, state := range incident.States() {
				n := cells[report.LabelledOpen{Policy: f.Policy, Organisation: org, Impact: impact, State: state}]
				o.gauge(monthIncidents, float64(n), name, policy, org, impact.Label(), string(state))
			}
		}
	}
	o.gauge(monthUnmeasured, float64(f.Counts[incident.Unmeasured]), name, policy)
	for _, d := range report.Doubts() {
		o.gauge(monthUndetermined, float64(f.Doubts[d]), name, policy, string(d))
	}
	for _, state := range incident.States() {
		if state != incident.Excluded {
			o.gauge(monthExcluded, float64(f.Would[state]), name, policy, string(state))
		}
	}
	o.delays(&f.Shortest, name, policy, "shortest")
	o.delays(&f.Longest, name, policy, "longest")
}

func (o *out) delays(d *report.Delays, labels ...string) {
	buckets := map[float64]uint64{}
	for i, edge := range report.DelayEdges() {
		buckets[edge.Seconds()] = 0
		if d.Within != nil {
			buckets[edge.Seconds()] = uint64(d.Within[i])
		}
	}
	o.ch <- prometheus.MustNewConstHistogram(monthDelay, uint64(d.N), d.Sum.D().Seconds(), buckets, labels...)
}

// clocks sends what is open, and what people are being told of it.
func (o *out) clocks() {
	for _, p := range o.s.Policies {
		for _, org := range o.s.Organisations {
			for _, impact := range incident.Impacts() {
				for _, state := range incident.States() {
					if !state.Open() {
						continue
					}
					n := o.s.Open[report.LabelledOpen{Policy: p, Organisation: org, Impact: impact, State: state}]
					o.gauge(openClocks, float64(n), string(p), org, impact.Label(), string(state))
				}
			}
		}
		o.instant(nextDeadline, o.s.Next[p], string(p))
		for _, t := range o.s.Thresholds[p] {
			o.gauge(alertsActive, float64(o.s.ActiveAlerts[report.ThresholdKey{Policy: p, Threshold: t}]), string(p), string(t))
		}
	}
}

func (o *out) decisions() {
	for _, k := range incident.DecisionKinds() {
		o.gauge(decisionsWaiting, float64(o.s.Waiting[k]), string(k))
	}
	o.instant(oldestCandidate, o.s.OldestCandidate)
}

// events sends the counters.
func (o *out) events() {
	for _, src := range o.sourceLabels() {
		for _, k := range report.Results() {
			o.counter(signals, o.s.Signals[report.SignalKey{Source: src, Result: k}], src, string(k))
		}
		o.counter(alertBounces, o.s.Bounced[src], src)
		for _, why := range report.Unreadables() {
			o.counter(quarantined, o.s.Unread[report.UnreadKey{Source: src, Why: why}], src, string(why))
		}
	}
	o.gaps()
	for _, p := range o.s.Policies {
		o.verdicts(string(p))
		for _, t := range o.s.Thresholds[p] {
			policy, threshold := string(p), string(t)
			if t != incident.LateReport { // which is never decided by the timer
				o.counter(thresholdsLate, o.s.Late[report.LateKey{Policy: policy, Threshold: threshold}], policy, threshold)
			}
			for _, state := range incident.AlertStates() {
				n := o.s.Alerts[report.AlertKey{Policy: policy, Threshold: threshold, State: state}]
				o.counter(alertChanges, n, policy, threshold, string(state))
			}
		}
	}
}

// gaps sends which sources are not heard. What the record says lags behind what
// the ingestor itself shows by at most a minute.
func (o *out) gaps() {
	for _, s := range o.s.Sources {
		polled, inForce := o.s.Polled[s]
		if !inForce {
			continue
		}
		for _, kind := range report.GapKinds() {
			if kind == report.GapUnread && !polled {
				continue
			}
			open := 0.0
			if _, is := o.s.Gaps[report.GapKey{Source: s, Kind: kind}]; is {
				open = 1
			}
			o.gauge(sourceGap, open, string(s), string(kind))
		}
	}
}

func (o *out) verdicts(p string) {
	for _, org := range o.s.Organisations {
		for _, impact := range incident.Impacts() {
			for _, v := range report.Verdicts() {
				n := o.s.Verdicts[report.VerdictKey{Policy: p, Organisation: org, Impact: impact, Verdict: v}]
				o.counter(firstVerdicts, n, p, org, impact.Label(), string(v))
			}
		}
	}
	for _, from := range report.Verdicts() {
		for _, to := range incident.States() {
			if from == to {
				continue
			}
			for _, why := range report.Causes() {
				n := o.s.Changes[report.ChangeKey{Policy: p, From: from, To: to, Why: why}]
				o.counter(verdictChanges, n, p, string(from), string(to), string(why))
			}
		}
	}
}

func (o *out) sourceLabels() []string {
	labels := make([]string, 0, len(o.s.Sources)+1)
	for _, s := range o.s.Sources {
		labels = append(labels, string(s))
	}
	return append(labels, report.Other)
}

// sources sends how far the sources of the rules in force are read. A source
// that we read begins at 0, so that one that never succeeds is noticed.
func (o *out) sources(facts Facts) {
	for _, s := range o.s.Sources {
		polled, inForce := o.s.Polled[s]
		if !inForce {
			continue
		}
		success, watermark := facts.Source(s)
		if polled {
			o.gauge(sourceSuccess, seconds(success), string(s))
			o.gauge(sourceWatermark, seconds(watermark), string(s))
			continue
		}
		o.instant(sourceSuccess, success, string(s))
	}
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixNano()) / 1e9
}
