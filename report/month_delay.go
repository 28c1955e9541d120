package report

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A bounded is a delay between two bounds, with or without an upper one.
type bounded struct {
	low, high time.Duration
	open      bool // there is no upper bound
}

// bounds returns what is known for certain of the delay of a clock that is in N:
// of one that counts as undetermined nothing that its verdict did not rest on.
func (w *policyWork) bounds(x *monthClock) bounded {
	c := x.c
	latest := c.Start.Latest
	if x.start.Weak {
		latest = x.start.Bound.Latest // what the evidence alone says
	}
	var d bounded
	switch {
	case x.doubt == incident.DoubtSecondPerson || x.doubt == DoubtUnconfirmed:
		return bounded{open: true}
	case c.State.Open():
		d = bounded{low: since(latest, w.b.at), open: true}
	case x.start.Weak:
		d = bounded{low: since(latest, c.Stop.Earliest), open: true}
	default:
		d = bounded{low: c.Shortest.D(), high: c.Longest.D(), open: c.Start.Earliest.IsZero() || c.Stop.Latest.IsZero()}
	}
	if x.state == incident.Undetermined {
		d.low = min(d.low, c.Limit.D()) // it may be within the limit, that is what undetermined says
	}
	return d
}

// since returns how much later b is than a, 0 where that is not known or it is not.
func since(a, b time.Time) time.Duration {
	if a.IsZero() || b.IsZero() {
		return 0
	}
	return max(0, b.Sub(a))
}

// A Spread is what is known of the middle and the end of some delays.
type Spread struct {
	N int `json:"n"`
	// Median and P90 are absent where N is under FewestForRate, Longest where
	// there are none.
	Median  *Range `json:"median,omitempty"`
	P90     *Range `json:"p90,omitempty"`
	Longest *Range `json:"longest,omitempty"`
}

// A Range is a delay between two bounds; To is absent where none is known.
type Range struct {
	From incident.Span  `json:"from"`
	To   *incident.Span `json:"to,omitempty"`
}

// spreadOf returns the spread of ds. The k-th smallest of delays that each lie
// between two bounds lies between the k-th smallest of the lower bounds and the
// k-th smallest of the upper, and may be at either.
func spreadOf(ds []bounded) Spread {
	n := len(ds)
	if n == 0 {
		return Spread{}
	}
	low := make([]time.Duration, 0, n)
	high := make([]time.Duration, 0, n)
	for _, d := range ds {
		low = append(low, d.low)
		if !d.open {
			high = append(high, d.high)
		}
	}
	slices.Sort(low)
	slices.Sort(high) // those without an upper bound come after all
	rank := func(k int) *Range {
		r := &Range{From: incident.Span(low[k-1])}
		if k <= len(high) {
			to := incident.Span(high[k-1])
			r.To = &to
		}
		return r
	}
	s := Spread{N: n, Longest: rank(n)}
	if n >= FewestForRate {
		s.Median, s.P90 = rank((n+1)/2), rank((9*n+9)/10)
	}
	return s
}

// A Within is how many delays are at most After.
type Within struct {
	After    incident.Span `json:"after"`
	Surely   int           `json:"surely"`
	Possibly int           `json:"possibly"`
}

func (w *policyWork) distribution(p *PolicyMonth) []Within {
	edges := DelayEdges()
	for _, v := range p.Versions {
		edges = append(edges, v.Limit.D())
	}
	slices.Sort(edges)
	edges = slices.Compact(edges)
	out := make([]Within, len(edges))
	for i, e := range edges {
		out[i].After = incident.Span(e)
		for _, d := range w.marked {
			if !d.open && d.high <= e {
				out[i].Surely++
			}
			if d.low <= e {
				out[i].Possibly++
			}
		}
	}
	return out
}

// Legs are the two parts of a report that came by way of the service desk.
type Legs struct {
	Desk Spread `json:"desk"` // from detection to the desk
	Team Spread `json:"team"` // from the desk to the team
	// FirstTold is the share by the earlier of the desk and the team, FirstStates
	// what it is made of.
	FirstTold   MonthShare             `json:"first_told"`
	FirstStates map[incident.State]int `json:"first_states"`
}

func (w *policyWork) legs() Legs {
	var desk, team []bounded
	out := Legs{FirstStates: noStates()}
	for i := range w.clocks {
		x := &w.clocks[i]
		if !inN(x.state) {
			continue
		}
		t := timeOfRec(x.k.rec, incident.ReportedToDesk)
		known := t.Interval.Known() && !t.Weak
		out.FirstStates[w.first(x, t, known)]++
		if !known || x.c.State.Open() || x.doubt == incident.DoubtSecondPerson {
			continue
		}
		for _, l := range legs(x.k.rec.Times) {
			if l.Leg == LegDesk {
				desk = append(desk, l.bounds())
			} else {
				team = append(team, l.bounds())
			}
		}
	}
	out.Desk, out.Team = spreadOf(desk), spreadOf(team)
	out.FirstTold = newMonthShare(shareOf(out.FirstStates))
	return out
}

// bounds returns what is known for certain of the leg.
func (l *Leg) bounds() bounded {
	d := bounded{open: l.Longest == nil || l.Weak}
	if l.Shortest != nil && !l.Weak {
		d.low = l.Shortest.D()
	}
	if !d.open {
		d.high = l.Longest.D()
	}
	return d
}

// first returns the state as if the desk's time, where it is known, stopped the
// clock like the team's.
func (w *policyWork) first(x *monthClock, desk incident.Time, known bool) incident.State {
	if !known || x.state == incident.Met || x.doubt == incident.DoubtSecondPerson {
		return x.state
	}
	stop := incident.Time{Milestone: incident.Reported, Interval: desk.Interval}
	if !x.c.State.Open() && x.c.Stop.Known() {
		stop.Interval = desk.Interval.Min(x.c.Stop)
	}
	start := *x.start
	start.Interval = x.c.Start
	switch j := incident.Judge(x.c.Limit.D(), start, stop, w.b.at); j.State {
	case incident.Met, incident.Breached:
		return j.State
	case incident.Unmeasured:
		return incident.Undetermined // it stays in N: only the stop is another
	default:
		return j.State
	}
}
