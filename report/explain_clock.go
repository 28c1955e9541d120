package report

import (
	"slices"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A WhyClock is one clock, with the row of the verdict table that fits it.
type WhyClock struct {
	RowClock
	Title string             `json:"title,omitempty"`
	Legal string             `json:"legal,omitempty"`
	From  incident.Milestone `json:"start_milestone,omitempty"`
	To    incident.Milestone `json:"stop_milestone,omitempty"`
	// Row is the first row of the verdict table that fits (rules.md section 3),
	// Because what stands behind it in figures.
	Row     Verdict `json:"row"`
	Because string  `json:"because"`
}

// A Verdict is a row of the verdict table.
type Verdict string

// The rows, in their order.
const (
	RowNotAnIncident Verdict = "not_an_incident" // false positive
	RowNearMiss      Verdict = "near_miss"
	RowCanary        Verdict = "canary"
	RowNotNotifiable Verdict = "not_notifiable"
	RowNotApplicable Verdict = "policy_does_not_apply"
	RowNothingKnown  Verdict = "no_start_no_stop"
	RowStillInTime   Verdict = "no_stop_limit_not_passed"
	RowPassed        Verdict = "no_stop_limit_passed"
	RowSurelyLate    Verdict = "shortest_over_limit"
	RowSurelyInTime  Verdict = "longest_within_limit"
	RowStartOpen     Verdict = "start_not_known"
	RowStraddles     Verdict = "limit_between_bounds"
	RowWeak          Verdict = "rests_on_weak_time"
	RowSecondPerson  Verdict = "second_person_needed"
)

// clocks fills in the clocks of d and returns the milestones at which they stop.
func (x *explainer) clocks(d *Derivation, p *part, rules func(uint64) *incident.Rules) map[incident.Milestone]bool {
	stops := map[incident.Milestone]bool{}
	r := rules(p.rules)
	for i := range p.rec.Clocks {
		c := &p.rec.Clocks[i]
		w := WhyClock{RowClock: d.Incident.Clocks[i]}
		if r != nil {
			for _, pol := range r.Policies {
				if pol.ID == c.Policy && pol.From == c.Version {
					w.Title, w.Legal, w.From, w.To = pol.Title, pol.Legal, pol.Start, pol.Stop
					stops[pol.Stop] = true
				}
			}
		}
		w.Row = row(c, &p.rec.Attrs)
		w.Because = because(c, w.Row)
		d.Clocks = append(d.Clocks, w)
	}
	return stops
}

// row returns the row of the verdict table that c fell under.
func row(c *incident.Clock, a *incident.Attributes) Verdict {
	switch c.State {
	case incident.Excluded:
		return exclusion(c, a)
	case incident.Waiting:
		return RowNothingKnown
	case incident.Running:
		return RowStillInTime
	case incident.Overdue:
		return RowPassed
	case incident.Breached:
		return RowSurelyLate
	case incident.Met:
		return RowSurelyInTime
	case incident.Unmeasured:
		return RowStartOpen
	case incident.Undetermined:
		switch c.Doubt {
		case incident.DoubtWeak:
			return RowWeak
		case incident.DoubtSecondPerson:
			return RowSecondPerson
		case incident.DoubtStraddles:
			return RowStraddles
		}
	}
	return RowStraddles
}

func exclusion(c *incident.Clock, a *incident.Attributes) Verdict {
	switch {
	case a.Disposition == incident.FalsePositive:
		return RowNotAnIncident
	case a.Canary:
		return RowCanary
	case slices.Contains(a.NotNotifiable, c.Policy):
		return RowNotNotifiable
	case a.Disposition == incident.NearMiss:
		return RowNearMiss
	default:
		return RowNotApplicable
	}
}

// because says what stands behind a row, in words and figures.
func because(c *incident.Clock, r Verdict) string {
	limit := length(c.Limit.D())
	unconfirmed := slices.Contains(c.Flags, incident.FlagUnconfirmed)
	provisional := slices.Contains(c.Flags, incident.FlagProvisional)
	switch r {
	case RowNotAnIncident:
		return "a person found that it is no incident"
	case RowNearMiss:
		return "a person found that it is a near miss, and the policy does not measure those"
	case RowCanary:
		return "it is a test signal of our own"
	case RowNotNotifiable:
		return "a person decided that the policy does not call for a notification"
	case RowNotApplicable:
		return "the policy does not apply to its attributes, or was not in force"
	case RowNothingKnown:
		return "no bound on the start is known, and there is no stop"
	case RowStillInTime:
		s := "there is no stop, and the limit is certainly passed only after " + on(c.Certain())
		switch {
		case c.Certain().IsZero():
			s = "there is no stop, and it is not known by when the clock had certainly started"
		case unconfirmed:
			s = "a report is on record that nobody has vouched for, and the limit is certainly passed only after " + on(c.Certain())
		}
		if slices.Contains(c.Flags, incident.FlagMayBeOver) {
			s += "; it may have passed at " + on(c.Due())
		}
		return s
	case RowPassed:
		s := "there is no stop, and the limit certainly passed at " + on(c.Certain())
		switch {
		case unconfirmed:
			s += "; a report is on record that nobody has vouched for, so that it counts as undetermined"
		case provisional:
			s += "; it rests on a weak time, so that it counts as undetermined"
		}
		return s
	case RowSurelyLate:
		return "even the shortest delay, " + length(c.Shortest.D()) + ", is over the limit of " + limit
	case RowSurelyInTime:
		return "even the longest delay, " + length(c.Longest.D()) + ", is within the limit of " + limit
	case RowStartOpen:
		return "it is reported, and nobody said when it was detected: the delay has no upper bound"
	case RowStraddles:
		return "the limit of " + limit + " lies between the shortest delay, " + length(c.Shortest.D()) +
			", and the longest, " + length(c.Longest.D())
	case RowWeak:
		return "the bounds would decide, but they rest on a weak time that nobody has accepted"
	case RowSecondPerson:
		return "it is met only by what one person entered late, and another person must confirm that"
	default:
		return string(r)
	}
}
