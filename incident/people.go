package incident

import (
	"slices"
	"time"
)

// Attributes resolves the incident's attributes: what the signals say, in a way
// that their order does not matter, and over it what people set, the last act
// winning.
func (v *View) Attributes() Attributes {
	var a Attributes
	var orgOf *Member
	for i := range v.members {
		m := &v.members[i]
		if !v.counts(m) {
			continue
		}
		if m.Attrs.Organisation != "" && v.speaksBefore(m, orgOf) {
			orgOf, a.Organisation = m, m.Attrs.Organisation
		}
		if v.Trust(m).Known() {
			a.Impact = graver(a.Impact, m.Attrs.Impact)
			a.Restricted = a.Restricted || m.Attrs.Restricted
			a.Canary = a.Canary || m.Attrs.Canary
			if m.Attrs.Personal == PersonalYes || a.Personal == PersonalUnknown {
				a.Personal = or(m.Attrs.Personal, a.Personal)
			}
		}
	}
	for i := range v.members {
		if m := &v.members[i]; m.Act != nil && v.counts(m) {
			a.apply(m.Act)
		}
	}
	slices.Sort(a.NotNotifiable)
	return a
}

// speaksBefore reports whether m's word on the organisation outranks that of
// old: known senders first, then the earlier receipt.
func (v *View) speaksBefore(m, old *Member) bool {
	if old == nil {
		return true
	}
	if a, b := v.Trust(m).Known(), v.Trust(old).Known(); a != b {
		return a
	}
	return speaksFirst(m, old)
}

func or[T ~string](a, b T) T {
	if a != "" {
		return a
	}
	return b
}

func graver(a, b Impact) Impact {
	if slices.Index(Impacts(), b) > slices.Index(Impacts(), a) {
		return b
	}
	return a
}

func (a *Attributes) apply(act *Act) {
	switch act.Kind {
	case ActImpact:
		a.Impact = act.Impact
	case ActPersonal:
		a.Personal = act.Personal
	case ActOrganise:
		a.Organisation = act.Org
	case ActDisposition:
		a.Disposition = act.Disposition
	case ActRestrict:
		a.Restricted = !act.Off
	case ActNotifiable:
		a.NotNotifiable = slices.DeleteFunc(slices.Clone(a.NotNotifiable), func(p PolicyID) bool { return p == act.Policy })
		if act.Off {
			a.NotNotifiable = append(a.NotNotifiable, act.Policy)
		}
	default:
	}
}

// Opened reports whether a signal or a person opened the incident, or a report
// was entered by hand; otherwise it is a candidate.
func (v *View) Opened() bool {
	return slices.ContainsFunc(v.members, func(m Member) bool {
		return v.counts(&m) && (m.Opening == Opens || m.Act != nil && (m.Act.Kind == ActOpen || m.Act.Kind == ActReport))
	})
}

// Reasons returns why people said that the report was late, each once, sorted.
func (v *View) Reasons() []Reason {
	var rs []Reason
	for i := range v.members {
		if m := &v.members[i]; m.Act != nil && m.Act.Kind == ActReason && v.counts(m) {
			rs = append(rs, m.Act.Reason)
		}
	}
	slices.Sort(rs)
	return slices.Compact(rs)
}

// HandTolerance is how soon after it came a report must be entered by hand to
// count without a second person (rules.md section 2).
const HandTolerance = 15 * time.Minute

// NeedsSecond returns the acts that, where they would turn overdue or breached
// into met, count only when another person has confirmed them: corrections,
// acceptances, and reports entered by hand more than HandTolerance after they
// came or after due (zero: no due time is known). The keys are entry numbers.
func (v *View) NeedsSecond(due time.Time) map[uint64]bool {
	var pending map[uint64]bool
	for i := range v.members {
		m := &v.members[i]
		if m.Act == nil || !v.counts(m) {
			continue
		}
		switch m.Act.Kind {
		case ActCorrection, ActAccept:
			set(&pending, m.N, true)
		case ActReport, ActMilestone:
			for _, c := range m.Claims {
				late := m.Received.Sub(c.Interval.Latest) > HandTolerance || !due.IsZero() && m.Received.After(due)
				if c.Milestone != Detected && late {
					set(&pending, m.N, true)
				}
			}
		default:
		}
	}
	for i := range v.members {
		c := &v.members[i]
		if c.Act == nil || c.Act.Kind != ActConfirm || !v.counts(c) {
			continue
		}
		for n := range pending {
			if m := v.find(n); n < c.N && m.Act.Author != c.Act.Author {
				delete(pending, n)
			}
		}
	}
	return pending
}
