package soak_test

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A fact is a stored signal as the model reads it: by itself, without the
// program's interpreters.
type fact struct {
	id       incident.SignalID
	source   string
	received time.Time
	keys     []string
	detected time.Time // zero where it does not say
}

// readFact reads what the load made.
func readFact(s incident.Signal) (fact, error) {
	var p payload
	if err := json.Unmarshal(s.Raw, &p); err != nil {
		return fact{}, err
	}
	f := fact{id: s.ID, source: string(s.Source), received: s.Received, keys: p.Keys}
	if p.Detected != nil {
		f.detected = *p.Detected
		if f.detected.After(f.received) {
			f.detected = f.received // its clock runs ahead of ours, by less than the tolerance
		}
	}
	return f, nil
}

// A naive is an incident as the model makes it.
type naive struct {
	facts []int // in the order in which they were stored
	// earliest and latest bound its detection; earliest is zero where nobody said.
	earliest, latest time.Time
	told             time.Time // when the desk had it first; zero for never
	toldLast         bool      // what told was stored after all others of it
}

// model makes incidents of facts, which are in the order of their first storing:
// those that share a key are one, however far apart. Each is compared with each.
func model(facts []fact) []naive {
	seen := make([]bool, len(facts))
	var all []naive
	for i := range facts {
		if seen[i] {
			continue
		}
		seen[i] = true
		group := []int{i}
		for at := 0; at < len(group); at++ {
			for j := range facts {
				if !seen[j] && share(facts[group[at]].keys, facts[j].keys) {
					seen[j] = true
					group = append(group, j)
				}
			}
		}
		slices.Sort(group)
		all = append(all, judge(facts, group))
	}
	return all
}

func share(a, b []string) bool {
	for _, x := range a {
		if slices.Contains(b, x) {
			return true
		}
	}
	return false
}

// judge finds the times of one incident. Nobody tells of what nobody has
// detected, so the first receipt bounds the detection.
func judge(facts []fact, group []int) naive {
	n := naive{facts: group}
	first := facts[group[0]].received
	for _, i := range group {
		if facts[i].received.Before(first) {
			first = facts[i].received
		}
	}
	n.latest = first
	teller := -1
	for _, i := range group {
		f := facts[i]
		d := f.detected
		if d.After(f.received) {
			d = f.received // a clock that runs a little ahead: no later than it came
		}
		if !d.IsZero() && !d.After(first) && (n.earliest.IsZero() || d.Before(n.earliest)) {
			n.earliest, n.latest = d, d
		}
		if f.source == deskSource && (n.told.IsZero() || f.received.Before(n.told)) {
			n.told, teller = f.received, i
		}
	}
	n.toldLast = teller == group[len(group)-1]
	return n
}

// verdict is the state of the clock with that limit at now.
func (n naive) verdict(limit time.Duration, now time.Time) incident.State {
	if n.told.IsZero() {
		if now.After(n.latest.Add(limit)) {
			return incident.Overdue
		}
		return incident.Running
	}
	switch {
	case n.told.Sub(n.latest) > limit:
		return incident.Breached
	case n.earliest.IsZero():
		return incident.Unmeasured
	case n.told.Sub(n.earliest) <= limit:
		return incident.Met
	default:
		return incident.Undetermined
	}
}

// base is where thresholds are counted from.
func (n naive) base() time.Time {
	if n.earliest.IsZero() {
		return n.latest
	}
	return n.earliest
}

// A clock is a policy of the run, as its configuration says it.
type clock struct {
	policy incident.PolicyID
	limit  time.Duration
	bars   []bar // in the order of their time
}

type bar struct {
	name  incident.ThresholdName
	after time.Duration
}

func clocks() []clock {
	return []clock{
		{quickPolicy, quickLimit, []bar{{"warn-8s", quickWarn}, {incident.Deadline, quickLimit}, {"reminder-1", quickLimit + quickRemind}}},
		{"pol-imp-002", time.Hour, []bar{
			{"warn-30m", 30 * time.Minute}, {"warn-50m", 50 * time.Minute}, {incident.Deadline, time.Hour},
			{"reminder-1", 2 * time.Hour}, {"reminder-2", 5 * time.Hour}, {"reminder-3", 25 * time.Hour},
		}},
	}
}
