package report

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A policyWork gathers what the figures of one policy are made of.
type policyWork struct {
	b        *Builder
	id       incident.PolicyID
	rules    *incident.Rules // in force at the end; versions are never edited
	clocks   []monthClock    // of the month
	before   map[incident.Month]map[incident.State]int
	versions map[incident.Date]bool // that judged a clock
	marked   []bounded              // the delays of those in N
}

// A monthClock is a clock of the month.
type monthClock struct {
	k     *kept
	c     *incident.Clock
	state incident.State // as it counts
	doubt incident.Doubt
	start *incident.Time // of the policy's start milestone, as the record has it
}

func newPolicyWork(b *Builder, id incident.PolicyID) *policyWork {
	return &policyWork{
		b: b, id: id, rules: b.book.inForce(),
		before: map[incident.Month]map[incident.State]int{}, versions: map[incident.Date]bool{},
	}
}

// earlier counts a clock of a month before.
func (w *policyWork) earlier(m incident.Month, c *incident.Clock) {
	if w.before[m] == nil {
		w.before[m] = map[incident.State]int{}
	}
	state, _ := countedInMonth(c)
	w.before[m][state]++
}

// order brings the clocks into the order of their incidents and resolves what
// all figures need.
func (w *policyWork) order(mine []*kept) {
	for i, k := range mine {
		k.place = i
	}
	slices.SortFunc(w.clocks, func(a, b monthClock) int { return a.k.place - b.k.place })
	for i := range w.clocks {
		x := &w.clocks[i]
		x.state, x.doubt = countedInMonth(x.c)
		w.versions[x.c.Version] = true
		milestone := w.startMilestone()
		if p, ok := w.version(x.c); ok {
			milestone = p.Start
		}
		x.start = startTime(x.k.rec, milestone)
	}
}

// version returns the version of the policy that judged c.
func (w *policyWork) version(c *incident.Clock) (incident.Policy, bool) {
	for _, p := range w.rules.Policies {
		if p.ID == w.id && p.From == c.Version {
			return p, true
		}
	}
	return incident.Policy{}, false
}

func (w *policyWork) startMilestone() incident.Milestone {
	for _, p := range w.rules.Policies {
		if p.ID == w.id {
			return p.Start
		}
	}
	return incident.Detected
}

func startTime(rec *incident.IncidentRecord, m incident.Milestone) *incident.Time {
	for k := range rec.Times {
		if rec.Times[k].Milestone == m {
			return &rec.Times[k]
		}
	}
	return &incident.Time{Milestone: m}
}

// timeOfRec returns the time of a milestone as rec has it; zero where nothing is
// known of it.
func timeOfRec(rec *incident.IncidentRecord, m incident.Milestone) incident.Time {
	for _, t := range rec.Times {
		if t.Milestone == m {
			return t
		}
	}
	return incident.Time{Milestone: m}
}

// month makes the figures.
func (w *policyWork) month() PolicyMonth {
	w.marked = make([]bounded, 0, len(w.clocks))
	p := PolicyMonth{Policy: w.id, Title: shown(w.id), Versions: []PolicyVersion{}}
	w.describe(&p)
	counts := Counts{States: noStates(), Doubts: map[incident.Doubt]int{}, Would: map[incident.State]int{}}
	for i := range w.clocks {
		x := &w.clocks[i]
		counts.States[x.state]++
		if x.doubt != "" {
			counts.Doubts[x.doubt]++
		}
		if x.state == incident.Excluded {
			counts.Would[x.c.Would]++
		}
		if inN(x.state) {
			w.marked = append(w.marked, w.bounds(x))
		}
	}
	p.Counts = figure(FigureCounts, &p, counts)
	p.Share = figure(FigureShare, &p, newMonthShare(shareOf(counts.States)))
	p.Delays = figure(FigureDelays, &p, spreadOf(w.marked))
	p.Distribution = figure(FigureDistribution, &p, w.distribution(&p))
	if w.measuresReports() {
		f := figure(FigureLegs, &p, w.legs())
		p.Legs = &f
	}
	for _, property := range Properties() {
		p.Parts = append(p.Parts, figure(FigureParts, &p, w.by(property)))
	}
	p.Earlier = figure(FigureEarlier, &p, w.earlierMonths())
	p.Late = figure(FigureLate, &p, w.late())
	p.Known = figure(FigureKnown, &p, w.known())
	p.Hands = figure(FigureHands, &p, w.hands())
	p.Linked = figure(FigureLinked, &p, w.linked())
	p.Thresholds = figure(FigureThresholds, &p, w.thresholds())
	p.Questions = figure(FigureQuestions, &p, w.questions())
	return p
}

// describe names the versions that judged a clock of the month, or were in force
// in it.
func (w *policyWork) describe(p *PolicyMonth) {
	from, until := w.b.m.Bounds()
	for _, at := range []time.Time{from, until.Add(-1)} {
		if v, ok := w.rules.InForce(w.id, at); ok {
			w.versions[v.From] = true
		}
	}
	for _, v := range w.rules.Policies {
		if v.ID != w.id || !w.versions[v.From] {
			continue
		}
		if v.Title != "" {
			p.Title = v.Title
		}
		p.Versions = append(p.Versions, PolicyVersion{From: v.From, Start: v.Start, Stop: v.Stop, Limit: v.Limit, Legal: v.Legal})
	}
}

// measuresReports reports whether the policy runs from detection to the team.
func (w *policyWork) measuresReports() bool {
	return slices.ContainsFunc(w.rules.Policies, func(p incident.Policy) bool {
		return p.ID == w.id && p.Start == incident.Detected && p.Stop == incident.Reported
	})
}

func noStates() map[incident.State]int {
	m := make(map[incident.State]int, len(incident.States()))
	for _, s := range incident.States() {
		m[s] = 0
	}
	return m
}

// inN reports whether a clock of this state is one of those of which the share
// speaks.
func inN(s incident.State) bool {
	return s == incident.Met || s == incident.Breached || s == incident.Overdue || s == incident.Undetermined
}

// by divides the clocks.
func (w *policyWork) by(property string) By {
	states := map[string]map[incident.State]int{}
	for i := range w.clocks {
		x := &w.clocks[i]
		if x.k.rec.Attrs.Restricted {
			continue
		}
		v := w.property(property, x)
		if states[v] == nil {
			states[v] = noStates()
		}
		states[v][x.state]++
	}
	out := By{Property: property, Parts: []Part{}}
	for _, v := range slices.Sorted(maps.Keys(states)) {
		out.Parts = append(out.Parts, Part{v, states[v], newMonthShare(shareOf(states[v]))})
	}
	return out
}

func (w *policyWork) property(property string, x *monthClock) string {
	rec := x.k.rec
	switch property {
	case "organisation":
		return w.b.book.labels.organisation(rec.Attrs.Organisation)
	case "impact":
		return rec.Attrs.Impact.Label()
	case "source":
		return w.b.book.labels.source(rec.Source)
	case "route":
		if rec.Route == "" {
			return "none"
		}
		return string(rec.Route)
	case "hours":
		if w.b.holidays.InOffice(startOf(rec, x.c)) {
			return "office hours"
		}
		return "out of hours"
	default:
		return ""
	}
}

func (w *policyWork) earlierMonths() []EarlierMonth {
	out := make([]EarlierMonth, 0, EarlierMonths)
	for m := w.b.m.Previous(); len(out) < EarlierMonths; m = m.Previous() {
		states := noStates()
		for s, n := range w.before[m] {
			states[s] = n
		}
		out = append(out, EarlierMonth{Month: m, Now: newMonthShare(shareOf(states)), States: states})
	}
	return out
}

// LateCases are the clocks that are late for certain.
type LateCases struct {
	Cases int `json:"cases"`
	// WithoutReason is how many of them nobody has given a reason for.
	WithoutReason int                     `json:"without_reason"`
	Reasons       map[incident.Reason]int `json:"reasons,omitempty"`
	Restricted    int                     `json:"restricted"` // among the cases, not listed
	Listed        []LateCase              `json:"listed"`
	More          int                     `json:"more"` // beyond MaxListed
}

// MaxListed bounds the lists of a report. The CSV has all.
const MaxListed = 500

// A LateCase is one of them.
type LateCase struct {
	Ref      incident.Ref      `json:"ref"`
	State    incident.State    `json:"state"`
	Start    incident.Interval `json:"start,omitzero"`
	Shortest *incident.Span    `json:"shortest,omitempty"`
	Longest  *incident.Span    `json:"longest,omitempty"`
	Reasons  []incident.Reason `json:"reasons,omitempty"`
}

func (w *policyWork) late() LateCases {
	out := LateCases{Reasons: map[incident.Reason]int{}, Listed: []LateCase{}}
	for i := range w.clocks {
		x := &w.clocks[i]
		if x.state != incident.Breached && x.state != incident.Overdue {
			continue
		}
		out.Cases++
		if len(x.k.rec.Reasons) == 0 {
			out.WithoutReason++
		}
		for _, r := range x.k.rec.Reasons {
			out.Reasons[r]++
		}
		switch {
		case x.k.rec.Attrs.Restricted:
			out.Restricted++
		case len(out.Listed) == MaxListed:
			out.More++
		default:
			l := LateCase{Ref: x.k.ref, State: x.state, Start: x.c.Start, Reasons: x.k.rec.Reasons}
			l.Shortest, l.Longest = bounds(x.c)
			out.Listed = append(out.Listed, l)
		}
	}
	return out
}

// A KnownBy says how many starts were known in one way.
type KnownBy struct {
	Basis string `json:"basis"` // a basis, or "not known" where there is no earliest bound
	Trust string `json:"trust"` // of the author of the claim that gave it; "none" where there is none
	Weak  bool   `json:"weak"`
	Count int    `json:"count"`
}

func (w *policyWork) known() []KnownBy {
	n := map[KnownBy]int{}
	for i := range w.clocks {
		x := &w.clocks[i]
		if x.state == incident.Excluded {
			continue
		}
		by := KnownBy{Basis: "not known", Trust: "none", Weak: x.start.Weak}
		if !x.start.Interval.Earliest.IsZero() {
			by.Basis, by.Trust = string(x.start.Basis), x.k.trust(x.start.By[0])
		}
		n[by]++
	}
	out := []KnownBy{}
	for by, count := range n {
		by.Count = count
		out = append(out, by)
	}
	slices.SortFunc(out, func(a, b KnownBy) int {
		return cmp.Or(basisRank(a.Basis)-basisRank(b.Basis), trustRank(a.Trust)-trustRank(b.Trust), boolRank(a.Weak)-boolRank(b.Weak))
	})
	return out
}

// trust returns the trust of the signal that joined by entry n, as it is now.
func (k *kept) trust(n uint64) string {
	for i := range k.signals {
		if k.signals[i].n != n {
			continue
		}
		s := &k.signals[i]
		vouched := !s.trust.Known() && slices.ContainsFunc(k.signals, func(a monthSignal) bool {
			return a.act != nil && a.act.Kind == incident.ActVouch && a.act.Signal == n
		})
		switch {
		case vouched:
			m := s.member()
			return string(incident.NewView(members(k.signals), nil).Trust(&m))
		case s.trust == "":
			return "none"
		default:
			return string(s.trust)
		}
	}
	return "none"
}

func basisRank(b string) int {
	return slices.Index([]string{"recorded", "stated", "corrected", "derived", "assumed"}, b)
}

func trustRank(t string) int {
	return slices.Index([]string{"authenticated", "aligned", "vouched", "unauthenticated"}, t)
}

func boolRank(b bool) int {
	if b {
		return 1
	}
	return 0
}
