package fold

import (
	"bytes"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A judging says in what step an incident is judged.
type judging struct {
	signal *incident.SignalRecord // the signal of the step; nil when only time passed
	tick   *Tick                  // the tick of the step; nil for a signal
}

// judge resolves the state of i after its members changed or time passed, at
// the instant at, for the entry n. It returns the new record and what became of
// the alerts; i keeps its old record.
func (s *State) judge(i *inc, at time.Time, j judging, n uint64) (*incident.IncidentRecord, []incident.AlertChange) {
	prev := i.rec
	v := incident.NewView(i.members, nil)
	rec := &incident.IncidentRecord{
		Ref: prev.Ref, Open: incident.StatusCandidate, Attrs: v.Attributes(),
		First: prev.First, Source: prev.Source, Evidence: prev.Evidence, Route: prev.Route,
		Links: prev.Links, Cuts: prev.Cuts, Impacts: prev.Impacts, Quiet: prev.Quiet,
		Reasons: v.Reasons(),
	}
	if v.Opened() {
		rec.Open = incident.StatusOpen
	}
	if j.tick == nil {
		rec.Evidence = n
		s.survey(i, v, rec)
	} else {
		rec.Signals, rec.Leaves = prev.Signals, prev.Leaves
	}
	if k := len(rec.Impacts); rec.Attrs.Impact != lastImpact(rec.Impacts) {
		rec.Impacts = append(rec.Impacts[:k:k], incident.ImpactAt{At: at, Impact: rec.Attrs.Impact})
		if len(rec.Impacts) > incident.MaxHistory {
			rec.Impacts = rec.Impacts[1:]
		}
	}
	rec.Times = times(v, i.members)
	var alerts []incident.AlertChange
	if rec.Open == incident.StatusOpen {
		for _, id := range s.rules.PolicyIDs() {
			c, changes, ok := s.clock(i, v, rec, id, at, j)
			if ok {
				rec.Clocks = append(rec.Clocks, c)
				alerts = append(alerts, changes...)
			}
		}
	} else {
		// It was opened and is a candidate again: its clocks keep what was
		// crossed, so that no alert is made twice.
		for _, c := range prev.Clocks {
			alerts = append(alerts, lapse(rec, &c, incident.WhyExcluded)...)
			rec.Clocks = append(rec.Clocks, c)
		}
	}
	rec.Decide = s.decisions(i, v, rec, prev, at, j)
	return rec, alerts
}

func lastImpact(of []incident.ImpactAt) incident.Impact {
	if len(of) == 0 {
		return incident.ImpactUnknown
	}
	return of[len(of)-1].Impact
}

// survey counts the signals and finds the first.
func (s *State) survey(i *inc, v *incident.View, rec *incident.IncidentRecord) {
	type id struct {
		mark incident.Mark
		part int
	}
	var distinct map[id]bool // only where a signal may be there twice
	if i.doubled {
		distinct = make(map[id]bool, len(i.members))
	}
	rec.Signals = 0
	var first, report *incident.Member
	var reported time.Time
	for k := range i.members {
		m := &i.members[k]
		if i.doubled {
			if distinct[id{m.Mark, m.Part}] {
				continue
			}
			distinct[id{m.Mark, m.Part}] = true
		}
		rec.Signals++
		if !v.Trust(m).Known() {
			rec.Leaves++
		}
		if first == nil || earlier(m, first) {
			first = m
		}
		for x := range m.Claims {
			c := &m.Claims[x]
			if c.Milestone == incident.Reported && c.Receiver && c.Void == "" && v.Trust(m).Known() &&
				(report == nil || c.Interval.Earliest.Before(reported)) {
				report, reported = m, c.Interval.Earliest
			}
		}
	}
	if first != nil {
		rec.First, rec.Source = first.Receipt, first.Source
	}
	rec.Route = ""
	if report != nil {
		rec.Route = report.Route
	}
}

func earlier(a, b *incident.Member) bool {
	if c := a.Receipt.Compare(b.Receipt); c != 0 {
		return c < 0
	}
	return bytes.Compare(a.Mark[:], b.Mark[:]) < 0
}

// times resolves each milestone of which anything is said, detected always.
func times(v *incident.View, members []incident.Member) []incident.Time {
	said := map[incident.Milestone]bool{incident.Detected: true}
	for k := range members {
		for x := range members[k].Claims {
			if m := members[k].Claims[x].Milestone; !said[m] {
				said[m] = true
			}
		}
		if a := members[k].Act; a != nil && a.Milestone != "" {
			said[a.Milestone] = true
		}
	}
	names := make([]incident.Milestone, 0, len(said))
	for m := range said {
		names = append(names, m)
	}
	slices.Sort(names)
	var ts []incident.Time
	for _, m := range names {
		if t := v.Time(m, m.Receipt()); t.Interval.Known() || len(t.Flags) > 0 {
			ts = append(ts, t)
		}
	}
	return ts
}

// clock judges one policy on i. It returns false where no version is in force.
func (s *State) clock(i *inc, v *incident.View, rec *incident.IncidentRecord, id incident.PolicyID, at time.Time, j judging) (incident.Clock, []incident.AlertChange, bool) {
	prev, had := findClock(i.rec, id)
	p, start, ok := s.version(v, rec, id)
	if !ok {
		if !had || len(prev.Bars) == 0 {
			return incident.Clock{}, nil, false
		}
		// Its start moved to a day on which nothing is in force.
		changes := lapse(rec, &prev, incident.WhyRedated)
		return prev, changes, true
	}
	stop := v.Time(p.Stop, true)
	judged := incident.Judge(p.Limit.D(), start, stop, at)
	c := incident.Clock{
		Policy: id, Version: p.From, State: judged.State, Doubt: judged.Doubt, Flags: judged.Flags,
		Limit: p.Limit, Start: start.Interval, Stop: stop.Interval, Bars: slices.Clone(prev.Bars),
	}
	if judged.Stop {
		c.Shortest = incident.Span(judged.Shortest)
		if judged.LongestKnown {
			c.Longest = incident.Span(judged.Longest)
		}
	}
	if c.State == incident.Met && needsSecond(i, v, p, c, at) {
		c.State, c.Doubt = incident.Undetermined, incident.DoubtSecondPerson
	}
	for _, f := range start.Flags {
		if f == incident.FlagInconsistent || f == incident.FlagToldBefore {
			c.Flags = append(c.Flags, f)
		}
	}
	if s.excluded(p, rec.Attrs) {
		c.Would, c.State, c.Doubt = c.State, incident.Excluded, ""
	}
	changes := s.cross(rec, p, &c, prev, at, j)
	return c, changes, true
}

// lapse excludes a clock that is not judged any more and ends its alerts.
func lapse(rec *incident.IncidentRecord, c *incident.Clock, why incident.Why) []incident.AlertChange {
	changes := endBars(rec, c, func(incident.Crossing) (incident.AlertState, incident.Why) {
		return incident.AlertRetracted, why
	})
	if c.State != incident.Excluded {
		c.Would, c.State, c.Doubt = c.State, incident.Excluded, ""
	}
	return changes
}

// version finds the version of policy id that judges the incident: the one in
// force at the Latest bound of its start (rules.md section 4).
func (s *State) version(v *incident.View, rec *incident.IncidentRecord, id incident.PolicyID) (incident.Policy, incident.Time, bool) {
	var start incident.Time
	var milestone incident.Milestone
	for _, p := range s.rules.Policies {
		if p.ID != id {
			continue
		}
		if p.Start != milestone {
			milestone, start = p.Start, v.Time(p.Start, false)
		}
		when := start.Interval.Latest
		if when.IsZero() {
			when = start.Interval.Earliest
		}
		if when.IsZero() {
			when = rec.First
		}
		if in, ok := s.rules.InForce(id, when); ok && in.From == p.From {
			return p, start, true
		}
	}
	return incident.Policy{}, incident.Time{}, false
}

// needsSecond reports whether acts that another person must confirm turn an
// overdue or breached clock into a met one.
func needsSecond(i *inc, v *incident.View, p incident.Policy, c incident.Clock, at time.Time) bool {
	pending := v.NeedsSecond(c.Due())
	if len(pending) == 0 {
		return false
	}
	// What was recorded after a correction is no reason to doubt it: it asks for
	// a decision of its own (rules.md section 2).
	without := incident.NewView(i.members, pending)
	time := func(m incident.Milestone, stop bool) incident.Time {
		if corr := v.Correction(m); corr != nil && pending[corr.N] {
			return without.Before(corr.N).Time(m, stop)
		}
		return without.Time(m, stop)
	}
	j := incident.Judge(p.Limit.D(), time(p.Start, false), time(p.Stop, true), at)
	return j.State == incident.Overdue || j.State == incident.Breached
}

// excluded reports whether the incident is none for policy p.
func (s *State) excluded(p incident.Policy, a incident.Attributes) bool {
	switch {
	case a.Disposition == incident.FalsePositive:
		return true
	case a.Disposition == incident.NearMiss && !p.NearMiss:
		return true
	case a.Canary != (p.ID == CanaryPolicy):
		return true
	case slices.Contains(a.NotNotifiable, p.ID):
		return true
	}
	f := s.apply[policyVersion{p.ID, p.From}]
	return f != nil && !f(a)
}

// CanaryPolicy is the policy under which canaries, and only they, are measured.
const CanaryPolicy incident.PolicyID = "canary"

func findClock(rec *incident.IncidentRecord, id incident.PolicyID) (incident.Clock, bool) {
	for _, c := range rec.Clocks {
		if c.Policy == id {
			return c, true
		}
	}
	return incident.Clock{}, false
}
