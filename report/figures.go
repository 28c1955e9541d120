package report

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Figures are what a month looks like by what is known now. An incident belongs
// to the month of the latest bound of its clock's start, in London; without a
// bound, to that of its first receipt (rules.md section 4).
type Figures struct {
	Month incident.Month `json:"month"`
	// At is when the figures were asked for; Entries is the last entry that
	// they know of.
	At      time.Time `json:"at"`
	Entries uint64    `json:"entries"`
	// Candidates are those of the month that nobody has judged: no clock runs.
	Candidates int             `json:"candidates"`
	Policies   []PolicyFigures `json:"policies"`
}

// PolicyFigures are the figures of one policy. Restricted incidents are in them,
// and in its cells under no organisation and no impact.
type PolicyFigures struct {
	Policy incident.PolicyID `json:"policy"`
	Share  Share             `json:"share"`
	// Counts hold every state. Overdue that rests on a weak time or has an
	// unconfirmed report counts as undetermined (rules.md section 3).
	Counts map[incident.State]int `json:"counts"`
	// Doubts say why clocks are undetermined, Would which state the excluded
	// ones would have had.
	Doubts map[incident.Doubt]int `json:"doubts,omitempty"`
	Would  map[incident.State]int `json:"would,omitempty"`
	Cells  []Cell                 `json:"cells,omitempty"`
	// Shortest and Longest hold the bounds of the delay of each clock that has
	// a verdict and a stop.
	Shortest Delays `json:"shortest"`
	Longest  Delays `json:"longest"`
}

// A Cell is how many clocks of one organisation and impact are in one state.
type Cell struct {
	Organisation incident.Organisation `json:"organisation,omitempty"`
	Impact       incident.Impact       `json:"impact,omitempty"`
	State        incident.State        `json:"state"`
	Count        int                   `json:"count"`
}

// DoubtUnconfirmed is a clock past its limit whose report nobody has vouched
// for. The record has it as overdue with a flag.
const DoubtUnconfirmed incident.Doubt = "unconfirmed"

// Doubts lists every reason for which a clock counts as undetermined.
func Doubts() []incident.Doubt { return append(incident.Doubts(), DoubtUnconfirmed) }

// A Share is the part of the incidents that were reported within the limit, as
// far as it is known: from Met/N to (Met+Undetermined)/N. It is never told
// without N.
type Share struct {
	N            int // met, breached, overdue and undetermined
	Met          int
	Undetermined int
}

// From returns the least that the share can be, and false where N is 0.
func (s Share) From() (float64, bool) { return ratio(s.Met, s.N) }

// To returns the most that the share can be, and false where N is 0.
func (s Share) To() (float64, bool) { return ratio(s.Met+s.Undetermined, s.N) }

func ratio(a, n int) (float64, bool) {
	if n == 0 {
		return 0, false
	}
	return float64(a) / float64(n), true
}

type jsonShare struct {
	N            int      `json:"n"`
	Met          int      `json:"met"`
	Undetermined int      `json:"undetermined"`
	From         *float64 `json:"from,omitempty"`
	To           *float64 `json:"to,omitempty"`
}

// MarshalJSON writes the share with both of its ends, absent where N is 0.
func (s Share) MarshalJSON() ([]byte, error) {
	j := jsonShare{N: s.N, Met: s.Met, Undetermined: s.Undetermined}
	if from, ok := s.From(); ok {
		to, _ := s.To()
		j.From, j.To = &from, &to
	}
	return json.Marshal(j)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Share) UnmarshalJSON(text []byte) error {
	var j jsonShare
	err := json.Unmarshal(text, &j)
	*s = Share{j.N, j.Met, j.Undetermined}
	return err
}

// Delays is a distribution of delays.
type Delays struct {
	// Within[i] is how many are at most DelayEdges()[i].
	Within []int `json:"within,omitempty"`
	// N is how many there are, those without a bound included: they are above
	// every edge. Sum is the sum of the others.
	N    int           `json:"n"`
	Open int           `json:"open"`
	Sum  incident.Span `json:"sum"`
}

// DelayEdges returns the edges at which delays are counted: the limit of an hour
// is one of them, so that what is within it can be read off.
func DelayEdges() []time.Duration {
	const m, h = time.Minute, time.Hour
	return []time.Duration{5 * m, 10 * m, 15 * m, 30 * m, 45 * m, 55 * m, h, 75 * m, 90 * m,
		2 * h, 4 * h, 12 * h, 24 * h, 48 * h, 72 * h}
}

func (d *Delays) add(x time.Duration, open bool, sign int) {
	d.N += sign
	if open {
		d.Open += sign
		return
	}
	d.Sum += incident.Span(time.Duration(sign) * x)
	edges := DelayEdges()
	if d.Within == nil {
		d.Within = make([]int, len(edges))
	}
	for i, edge := range edges {
		if x <= edge {
			d.Within[i] += sign
		}
	}
}

// A month counts the clocks of one month.
type month struct {
	cells      map[cell]int
	doubts     map[doubt]int
	would      map[cell]int // by policy and state only
	delays     map[incident.PolicyID]*[2]Delays
	candidates int
}

type cell struct {
	policy incident.PolicyID
	org    incident.Organisation
	impact incident.Impact
	state  incident.State
}

type doubt struct {
	policy incident.PolicyID
	doubt  incident.Doubt
}

func (b *Book) month(m incident.Month) *month {
	x := b.months[m]
	if x == nil {
		x = &month{
			cells: map[cell]int{}, doubts: map[doubt]int{}, would: map[cell]int{},
			delays: map[incident.PolicyID]*[2]Delays{},
		}
		b.months[m] = x
	}
	return x
}

// accountMonth adds the clocks of rec to their months, or takes them away.
func (b *Book) accountMonth(rec *incident.IncidentRecord, sign int) {
	switch rec.Open {
	case incident.StatusMerged:
	case incident.StatusCandidate:
		if !dismissed(rec) {
			b.month(b.calendar.month(candidateAt(rec))).candidates += sign
		}
	case incident.StatusOpen:
		for i := range rec.Clocks {
			c := &rec.Clocks[i]
			b.month(b.calendar.month(startOf(rec, c))).account(rec, c, sign)
		}
	}
}

func dismissed(rec *incident.IncidentRecord) bool {
	return rec.Attrs.Disposition == incident.FalsePositive || rec.Attrs.Disposition == incident.NearMiss
}

func candidateAt(rec *incident.IncidentRecord) time.Time {
	for _, t := range rec.Times {
		if t.Milestone == incident.Detected && !t.Interval.Latest.IsZero() {
			return t.Interval.Latest
		}
	}
	return rec.First
}

// startOf returns the instant whose month c belongs to.
func startOf(rec *incident.IncidentRecord, c *incident.Clock) time.Time {
	switch {
	case !c.Start.Latest.IsZero():
		return c.Start.Latest
	case !c.Start.Earliest.IsZero():
		return c.Start.Earliest
	default:
		return rec.First
	}
}

func (m *month) account(rec *incident.IncidentRecord, c *incident.Clock, sign int) {
	state, why := Counted(c)
	org, impact := shownOf(&rec.Attrs)
	add(m.cells, cell{c.Policy, org, impact, state}, sign)
	if why != "" {
		add(m.doubts, doubt{c.Policy, why}, sign)
	}
	if state == incident.Excluded {
		add(m.would, cell{policy: c.Policy, state: c.Would}, sign)
	}
	if !c.Stop.Known() || state != incident.Met && state != incident.Breached && state != incident.Undetermined {
		return
	}
	if c.State == incident.Overdue {
		return // its stop is one that does not count yet
	}
	d := m.delays[c.Policy]
	if d == nil {
		d = &[2]Delays{}
		m.delays[c.Policy] = d
	}
	d[0].add(c.Shortest.D(), false, sign)
	d[1].add(c.Longest.D(), c.Start.Earliest.IsZero() || c.Stop.Latest.IsZero(), sign)
}

// Counted returns the state as which c counts in figures, and why where that is
// undetermined: an overdue clock that rests on a weak time, or whose report is
// unconfirmed, is not known to be late (rules.md section 3).
func Counted(c *incident.Clock) (incident.State, incident.Doubt) {
	switch {
	case c.State == incident.Undetermined:
		return c.State, c.Doubt
	case c.State == incident.Overdue && slices.Contains(c.Flags, incident.FlagUnconfirmed):
		return incident.Undetermined, DoubtUnconfirmed
	case c.State == incident.Overdue && slices.Contains(c.Flags, incident.FlagProvisional):
		return incident.Undetermined, incident.DoubtWeak
	default:
		return c.State, ""
	}
}

// Month returns the figures of m. They say what is known; states are those of
// the record, which changes them when their time comes. now is only the instant
// that they bear.
func (b *Book) Month(m incident.Month, now time.Time) Figures {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.figures(m, now)
}

func (b *Book) figures(m incident.Month, now time.Time) Figures {
	f := Figures{Month: m, At: now.UTC(), Entries: b.n}
	x := b.months[m]
	if x == nil {
		x = &month{}
	}
	f.Candidates = x.candidates
	of := map[incident.PolicyID]*PolicyFigures{}
	get := func(p incident.PolicyID) *PolicyFigures {
		if of[p] == nil {
			of[p] = newPolicyFigures(p)
		}
		return of[p]
	}
	for _, p := range b.labels.policies {
		get(p)
	}
	for k, n := range x.cells {
		p := get(k.policy)
		p.Counts[k.state] += n
		p.Cells = append(p.Cells, Cell{k.org, k.impact, k.state, n})
	}
	for k, n := range x.doubts {
		get(k.policy).Doubts[k.doubt] += n
	}
	for k, n := range x.would {
		get(k.policy).Would[k.state] += n
	}
	for k, d := range x.delays {
		p := get(k)
		p.Shortest, p.Longest = d[0], d[1]
		p.Shortest.Within, p.Longest.Within = slices.Clone(d[0].Within), slices.Clone(d[1].Within)
	}
	for _, id := range slices.Sorted(maps.Keys(of)) {
		p := of[id]
		slices.SortFunc(p.Cells, func(a, b Cell) int {
			return cmp.Or(cmp.Compare(a.Organisation, b.Organisation), cmp.Compare(a.Impact, b.Impact), cmp.Compare(a.State, b.State))
		})
		p.Share = Share{Met: p.Counts[incident.Met], Undetermined: p.Counts[incident.Undetermined]}
		p.Share.N = p.Share.Met + p.Share.Undetermined + p.Counts[incident.Breached] + p.Counts[incident.Overdue]
		f.Policies = append(f.Policies, *p)
	}
	return f
}

func newPolicyFigures(p incident.PolicyID) *PolicyFigures {
	f := &PolicyFigures{
		Policy: p, Counts: map[incident.State]int{}, Doubts: map[incident.Doubt]int{}, Would: map[incident.State]int{},
	}
	for _, s := range incident.States() {
		f.Counts[s] = 0
	}
	return f
}

// Months returns the months of which the book holds anything, ascending.
func (b *Book) Months() []incident.Month {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Sorted(maps.Keys(b.months))
}
