package fold

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// decisions lists what waits for a person: what the rules cannot decide is
// never guessed. The list is in the order of DecisionKinds and bounded.
func (s *State) decisions(i *inc, v *incident.View, rec, prev *incident.IncidentRecord, at time.Time, j judging) []incident.Decision {
	d := decider{prev: prev, at: at}
	if rec.Open == incident.StatusCandidate {
		if x := rec.Attrs.Disposition; x != incident.FalsePositive && x != incident.NearMiss { // a person has looked
			d.add(incident.Decision{Kind: incident.DecideCandidate})
		}
		return d.list
	}
	for _, c := range rec.Clocks {
		d.clock(i, v, c)
		if p, ok := s.policy(c); ok {
			d.newer(v, c, p)
			if s.asksPersonal(p, c, rec.Attrs) {
				d.add(incident.Decision{Kind: incident.DecideNotifiable, Policy: c.Policy})
			}
		}
		d.changed(i, c, j)
	}
	for _, l := range rec.Links {
		if l.State == incident.LinkOffered {
			d.add(incident.Decision{Kind: incident.DecideLink, Other: l.To})
		}
	}
	for _, t := range rec.Times {
		if hasFlag(t.Flags, incident.FlagInconsistent) {
			d.add(incident.Decision{Kind: incident.DecideInconsistent})
		}
		if hasFlag(t.Flags, incident.FlagSkewed) {
			d.add(incident.Decision{Kind: incident.DecideSkew})
		}
	}
	d.reports(i, v)
	slices.SortStableFunc(d.list, func(a, b incident.Decision) int {
		kinds := incident.DecisionKinds()
		return slices.Index(kinds, a.Kind) - slices.Index(kinds, b.Kind)
	})
	return d.list
}

// asksPersonal reports whether clock c runs only because it is not known
// whether personal data are concerned.
func (s *State) asksPersonal(p incident.Policy, c incident.Clock, a incident.Attributes) bool {
	f := s.apply[policyVersion{p.ID, p.From}]
	if f == nil || !c.State.Open() || a.Personal != incident.PersonalUnknown {
		return false
	}
	none := a
	none.Personal = incident.PersonalNo
	return f(a) && !f(none)
}

// maxDecisions bounds the decisions of one incident.
const maxDecisions = 24

type decider struct {
	prev *incident.IncidentRecord
	at   time.Time
	list []incident.Decision
}

func (d *decider) add(x incident.Decision) {
	x.Since = d.at
	for _, o := range d.prev.Decide {
		if o.Kind == x.Kind && o.Entry == x.Entry && o.Policy == x.Policy && o.Other == x.Other {
			x.Since = o.Since
		}
	}
	known := slices.ContainsFunc(d.list, func(o incident.Decision) bool {
		return o.Kind == x.Kind && o.Entry == x.Entry && o.Policy == x.Policy && o.Other == x.Other
	})
	if !known && len(d.list) < maxDecisions {
		d.list = append(d.list, x)
	}
}

func (d *decider) clock(i *inc, v *incident.View, c incident.Clock) {
	switch {
	case c.State == incident.Unmeasured:
		d.add(incident.Decision{Kind: incident.DecideDetection, Entry: offered(i, v)})
	case c.State == incident.Undetermined && c.Doubt == incident.DoubtStraddles:
		d.add(incident.Decision{Kind: incident.DecideStraddles, Policy: c.Policy})
	case c.State == incident.Undetermined && c.Doubt == incident.DoubtSecondPerson:
		d.add(incident.Decision{Kind: incident.DecideSecond, Policy: c.Policy, Entry: lastPending(v, c)})
	case c.State == incident.Undetermined && c.Doubt == incident.DoubtWeak,
		c.State == incident.Overdue && hasFlag(c.Flags, incident.FlagProvisional) && !hasFlag(c.Flags, incident.FlagUnconfirmed):
		d.add(incident.Decision{Kind: incident.DecideWeak, Policy: c.Policy, Entry: weakStart(i, v)})
	}
	if hasFlag(c.Flags, incident.FlagUnconfirmed) {
		for k := range i.members {
			m := &i.members[k]
			if !v.Trust(m).Known() && claimsReport(m) {
				d.add(incident.Decision{Kind: incident.DecideVouch, Entry: m.N})
			}
		}
	}
}

// newer lists a correction that evidence recorded after it contradicts so far
// that the verdict would change: the corrected time does not move by itself.
func (d *decider) newer(v *incident.View, c incident.Clock, p incident.Policy) {
	if c.State == incident.Excluded {
		return
	}
	for _, stop := range []bool{false, true} {
		m := p.Start
		if stop {
			m = p.Stop
		}
		corr := v.Correction(m)
		if corr == nil {
			continue
		}
		start, end := v.Time(p.Start, false), v.Time(p.Stop, true)
		later := v.After(corr.N).ByEvidence(m, stop)
		if !later.Interval.Closed() || later.Weak {
			continue
		}
		if stop {
			end = later
		} else {
			start = later
		}
		if j := incident.Judge(p.Limit.D(), start, end, d.at); j.State != c.State {
			d.add(incident.Decision{Kind: incident.DecideNewer, Policy: c.Policy, Entry: corr.N})
		}
	}
}

// changed lists a verdict that a signal changed on a stopped clock, until a
// person confirms that it was seen.
func (d *decider) changed(i *inc, c incident.Clock, j judging) {
	was, had := findClock(d.prev, c.Policy)
	seen := j.signal != nil && j.signal.Act != nil
	now := had && (was.State == incident.Met || was.State == incident.Breached) && was.State != c.State && j.signal != nil && !seen
	before := slices.ContainsFunc(d.prev.Decide, func(o incident.Decision) bool {
		return o.Kind == incident.DecideChanged && o.Policy == c.Policy
	})
	if now || before && !(seen && j.signal.Act.Kind == incident.ActConfirm) {
		d.add(incident.Decision{Kind: incident.DecideChanged, Policy: c.Policy})
	}
}

// reports lists senders who say that they told somebody before the receiver
// has any trace of it: the receiver's time counts until a person decides.
func (d *decider) reports(i *inc, v *incident.View) {
	e := v.Time(incident.Reported, true)
	if e.Weak || e.Interval.Earliest.IsZero() {
		return
	}
	for k := range i.members {
		m := &i.members[k]
		for x := range m.Claims {
			c := &m.Claims[x]
			if c.Milestone == incident.Reported && !c.Receiver && c.Void == "" && v.Pending(m, c) &&
				!c.Interval.Latest.IsZero() && c.Interval.Latest.Before(e.Interval.Earliest) {
				d.add(incident.Decision{Kind: incident.DecideAutomatic, Entry: m.N})
			}
		}
	}
}

func claimsReport(m *incident.Member) bool {
	return slices.ContainsFunc(m.Claims, func(c incident.SealedClaim) bool {
		return c.Milestone.Receipt() && c.Void == ""
	})
}

// offered returns the entry of the first signal that names a time of which no
// word says what it is the time of, until a person has looked at it; 0: none.
func offered(i *inc, v *incident.View) uint64 {
	for k := range i.members {
		m := &i.members[k]
		for x := range m.Claims {
			c := &m.Claims[x]
			if c.Milestone == incident.Detected && c.Void == incident.VoidOffered && v.Pending(m, c) {
				return m.N
			}
		}
	}
	return 0
}

// weakStart returns the entry of the signal whose weak time is used.
func weakStart(i *inc, v *incident.View) uint64 { return v.Time(incident.Detected, false).By[0] }

func lastPending(v *incident.View, c incident.Clock) uint64 {
	var last uint64
	for n := range v.NeedsSecond(c.Due()) {
		last = max(last, n)
	}
	return last
}
