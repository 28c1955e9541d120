package fold

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

const (
	// nearby is how far apart in receipt two signals may lie to be offered as one
	// incident without a shared key (rules.md section 7).
	nearby = 2 * time.Hour
	// maxRecent and maxNearby bound the search for, and the number of, such offers.
	maxRecent = 64
	maxNearby = 3
)

// links offers what may be the same incident as home: what weak keys, an old
// key or a cut lead to, and, for a new one, its neighbours in time.
func (s *State) links(at time.Time, home *inc, r *incident.SignalRecord, m match, barred []*inc) {
	for _, o := range barred {
		s.suggest(at, home, o, incident.LinkCut)
	}
	for _, o := range m.gone {
		s.suggest(at, home, o, incident.LinkGap)
	}
	for _, o := range m.weak {
		s.suggest(at, home, o, incident.LinkWeakKey)
	}
	if len(home.members) > 1 {
		return
	}
	offered := 0
	org := incident.NewView(home.members, nil).Attributes().Organisation
	told := isReported(home)
	for k := len(s.recent) - 1; k >= 0 && offered < maxNearby; k-- {
		o := s.recent[k].find()
		if o == home || o.rec.First.Sub(r.Receipt).Abs() > nearby {
			continue
		}
		if why, ok := neighbours(o, r, org, told); ok && s.suggest(at, home, o, why) {
			offered++
		}
	}
}

// neighbours says why o may be the incident that r begins, of organisation org
// and reported or not.
func neighbours(o *inc, r *incident.SignalRecord, org incident.Organisation, told bool) (incident.LinkWhy, bool) {
	if r.Channel != incident.ChannelWebhook && !r.Observer.IsZero() {
		for k := range o.members {
			if m := &o.members[k]; m.Observer == r.Observer && m.Channel != incident.ChannelWebhook {
				return incident.LinkObserver, true
			}
		}
	}
	if o.rec.Attrs.Organisation == org && isReported(o) != told {
		return incident.LinkOrg, true
	}
	return "", false
}

func isReported(i *inc) bool {
	for k := range i.members {
		for _, c := range i.members[k].Claims {
			if c.Milestone == incident.Reported && c.Receiver && c.Void == "" {
				return true
			}
		}
	}
	return false
}

// suggest offers to link i to o, unless that was offered before.
func (s *State) suggest(at time.Time, i, o *inc, why incident.LinkWhy) bool {
	known := func(l incident.Link, to *inc) bool { return s.live(l.To) == to }
	if i == o || len(i.rec.Links) >= incident.MaxLinks ||
		slices.ContainsFunc(i.rec.Links, func(l incident.Link) bool { return known(l, o) }) ||
		slices.ContainsFunc(o.rec.Links, func(l incident.Link) bool { return known(l, i) }) {
		return false
	}
	rec := *i.rec
	rec.Links = append(slices.Clone(rec.Links), incident.Link{To: o.rec.Ref, Why: why, State: incident.LinkOffered, Since: at})
	i.rec = &rec
	return true
}

// remember notes that i gained a signal.
func (s *State) remember(i *inc) {
	if k := len(s.recent); k > 0 && s.recent[k-1] == i {
		return
	}
	if len(s.recent) == 2*maxRecent {
		s.recent = append(s.recent[:0], s.recent[maxRecent:]...)
	}
	s.recent = append(s.recent, i)
}
