package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Hands says what people changed, and what the share would be if they had not.
type Hands struct {
	Corrected  int `json:"corrected"`    // incidents with a corrected start or stop
	LateByHand int `json:"late_by_hand"` // with a report that was entered late
	// Changed is how many of them would have another state.
	Changed int        `json:"changed"`
	Share   MonthShare `json:"share"`
	Without MonthShare `json:"without"`
}

func (w *policyWork) hands() Hands {
	var out Hands
	is, without := noStates(), noStates()
	for i := range w.clocks {
		x := &w.clocks[i]
		is[x.state]++
		state := x.state
		if p, ok := w.version(x.c); ok && x.state != incident.Excluded {
			skip, corrected, late := byHand(x, p)
			if corrected {
				out.Corrected++
			}
			if late {
				out.LateByHand++
			}
			if len(skip) > 0 {
				state, _ = w.judge(members(x.k.signals), skip, x.k.rec.First)
				if state != x.state {
					out.Changed++
				}
			}
		}
		without[state]++
	}
	out.Share, out.Without = newMonthShare(shareOf(is)), newMonthShare(shareOf(without))
	return out
}

// byHand returns the entries of the corrections of x's start and stop, and of
// the reports that were entered by hand late.
func byHand(x *monthClock, p incident.Policy) (skip map[uint64]bool, corrected, late bool) {
	due := x.c.Due()
	for i := range x.k.signals {
		s := &x.k.signals[i]
		if s.act == nil {
			continue
		}
		switch s.act.Kind {
		case incident.ActCorrection:
			if s.act.Milestone != p.Start && s.act.Milestone != p.Stop {
				continue
			}
			corrected = true
		case incident.ActReport, incident.ActMilestone:
			if !s.enteredLate(due) {
				continue
			}
			late = true
		default:
			continue
		}
		if skip == nil {
			skip = map[uint64]bool{}
		}
		skip[s.n] = true
	}
	return skip, corrected, late
}

// enteredLate reports whether a person entered s more than the tolerance after
// what it tells, or after due (rules.md section 2).
func (m *monthSignal) enteredLate(due time.Time) bool {
	received := instant(m.received)
	return slices.ContainsFunc(m.claims, func(c monthClaim) bool {
		return c.milestone != incident.Detected &&
			(received.Sub(instant(c.latest)) > incident.HandTolerance || !due.IsZero() && received.After(due))
	})
}

// judge returns the state, as it counts, of a clock of the policy on these
// signals, without those in skip, and the start by which it belongs to a month.
func (w *policyWork) judge(ms []incident.Member, skip map[uint64]bool, first time.Time) (incident.State, time.Time) {
	v := incident.NewView(ms, skip)
	for _, p := range w.rules.Policies {
		if p.ID != w.id {
			continue
		}
		start, stop := v.Time(p.Start, false), v.Time(p.Stop, true)
		c := incident.Clock{Start: start.Interval, Limit: p.Limit}
		begins := startOf(&incident.IncidentRecord{First: first}, &c)
		if in, ok := w.rules.InForce(w.id, begins); !ok || in.From != p.From {
			continue
		}
		j := incident.Judge(p.Limit.D(), start, stop, w.b.at)
		c.State, c.Doubt, c.Flags = j.State, j.Doubt, j.Flags
		if c.State == incident.Met && w.needsSecond(ms, v, p, c) {
			c.State, c.Doubt = incident.Undetermined, incident.DoubtSecondPerson
		}
		state, _ := countedInMonth(&c)
		return state, begins
	}
	return incident.Excluded, first // no version is in force for it
}

// needsSecond reports whether a met clock rests on acts that another person must
// confirm (rules.md section 2).
func (w *policyWork) needsSecond(ms []incident.Member, v *incident.View, p incident.Policy, c incident.Clock) bool {
	pending := v.NeedsSecond(c.Due())
	if len(pending) == 0 {
		return false
	}
	without := incident.NewView(ms, pending)
	at := func(m incident.Milestone, stop bool) incident.Time {
		if corr := v.Correction(m); corr != nil && pending[corr.N] {
			return without.Before(corr.N).Time(m, stop)
		}
		return without.Time(m, stop)
	}
	j := incident.Judge(p.Limit.D(), at(p.Start, false), at(p.Stop, true), w.b.at)
	return j.State == incident.Overdue || j.State == incident.Breached
}

// Linked says how the share would be if all suggested links were joined.
type Linked struct {
	// Groups is how many groups of linked incidents there would be, Incidents how
	// many are in them.
	Groups    int        `json:"groups"`
	Incidents int        `json:"incidents"`
	Share     MonthShare `json:"share"`
	Joined    MonthShare `json:"joined"`
}

func (w *policyWork) linked() Linked {
	is := noStates()
	groups := grouping{}
	for i := range w.clocks {
		x := &w.clocks[i]
		is[x.state]++
		if x.state == incident.Excluded {
			continue
		}
		for _, l := range x.k.rec.Links {
			if other := w.b.live(l.To); l.State == incident.LinkOffered && other != nil && other != x.k {
				groups.join(x.k, other)
			}
		}
	}
	of := map[*kept]incident.State{} // of those that are linked
	for i := range w.clocks {
		if x := &w.clocks[i]; groups.parent[x.k] != nil {
			of[x.k] = x.state
		}
	}
	joined := noStates()
	for s, n := range is {
		joined[s] = n
	}
	var out Linked
	for _, group := range groups.all() {
		group = slices.DeleteFunc(group, func(k *kept) bool { return of[k] == incident.Excluded })
		if len(group) < 2 {
			continue
		}
		out.Groups++
		out.Incidents += len(group)
		var ms []incident.Member
		var first time.Time
		for _, k := range group {
			if s, mine := of[k]; mine {
				joined[s]--
			}
			for i := range k.signals {
				m := k.signals[i].member()
				if first.IsZero() || m.Receipt.Before(first) {
					first = m.Receipt
				}
				ms = append(ms, m)
			}
		}
		slices.SortStableFunc(ms, func(a, b incident.Member) int { return cmp.Compare(a.N, b.N) })
		if state, begins := w.judge(ms, nil, first); w.b.m.Contains(begins) {
			joined[state]++
		}
	}
	out.Share, out.Joined = newMonthShare(shareOf(is)), newMonthShare(shareOf(joined))
	return out
}

// live returns the incident that ref names now, following merges; nil where
// there is none.
func (b *Builder) live(ref incident.Ref) *kept {
	for range maxMerges {
		k := b.kept[ref]
		if k == nil || k.into == "" {
			return k
		}
		ref = k.into
	}
	return nil
}

// A grouping joins incidents to groups.
type grouping struct {
	parent map[*kept]*kept
	order  []*kept
}

func (g *grouping) root(k *kept) *kept {
	if g.parent == nil {
		g.parent = map[*kept]*kept{}
	}
	if g.parent[k] == nil {
		g.parent[k] = k
		g.order = append(g.order, k)
	}
	for g.parent[k] != k {
		g.parent[k] = g.parent[g.parent[k]]
		k = g.parent[k]
	}
	return k
}

func (g *grouping) join(a, b *kept) {
	if x, y := g.root(a), g.root(b); x != y {
		g.parent[y] = x
	}
}

// all returns the groups, in the order in which their first came.
func (g *grouping) all() [][]*kept {
	at := map[*kept]int{}
	var out [][]*kept
	for _, k := range g.order {
		r := g.root(k)
		i, known := at[r]
		if !known {
			i = len(out)
			at[r] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], k)
	}
	return out
}
