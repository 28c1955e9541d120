package report

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// EarlierMonths is how many months before its own a report shows.
const EarlierMonths = 12

// Build returns the report of m, made of entries alone: those of the record from
// the first on, up to the moment by which the report is to know. It stops at the
// first error of the sequence and returns it.
func Build(m incident.Month, h *Holidays, entries iter.Seq2[incident.Entry, error]) (*Report, error) {
	b, err := NewBuilder(m, h)
	if err != nil {
		return nil, err
	}
	for e, err := range entries {
		if err != nil {
			return nil, fmt.Errorf("report on %s: %w", m, err)
		}
		if err := b.Add(e); err != nil {
			return nil, fmt.Errorf("report on %s: %w", m, err)
		}
	}
	return b.Report(), nil
}

// Until returns those of entries, ascending in time, that were recorded at t
// or before; all of them where t is zero.
func Until(t time.Time, entries iter.Seq2[incident.Entry, error]) iter.Seq2[incident.Entry, error] {
	if t.IsZero() {
		return entries
	}
	return func(yield func(incident.Entry, error) bool) {
		for e, err := range entries {
			if err == nil && e.At.After(t) {
				return
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// A Builder makes the report of one month while it is given entries. It holds
// the last record of each incident that belongs to the month or to the twelve
// before, and of every signal what its weighing needs: for a record without end
// that is a few hundred bytes a signal. It is for one goroutine.
type Builder struct {
	m        incident.Month
	holidays *Holidays
	window   map[incident.Month]bool // m and the months before it
	calendar calendar
	book     *Book // follows the rules, and the sources that were not heard

	n     uint64
	at    time.Time
	kept  map[incident.Ref]*kept
	order []*kept // as they came
}

// A kept is an incident of which something is needed.
type kept struct {
	ref     incident.Ref
	rec     *incident.IncidentRecord // nil where it is of no month of the window
	signals []monthSignal
	into    incident.Ref // the incident that it is part of now
	begins  time.Time    // the first start of its clocks, once it is known to be of the month
	place   int          // among those of the month
}

// NewBuilder returns a Builder of the report of m.
func NewBuilder(m incident.Month, h *Holidays) (*Builder, error) {
	if _, err := incident.ParseMonth(string(m)); err != nil {
		return nil, err
	}
	b := &Builder{m: m, holidays: h, window: map[incident.Month]bool{m: true}, book: NewBook(), kept: map[incident.Ref]*kept{}}
	for before, i := m, 0; i < EarlierMonths; i++ {
		before = before.Previous()
		b.window[before] = true
	}
	return b, nil
}

// Add follows one entry. Entries come in order, from the first on.
func (b *Builder) Add(e incident.Entry) error {
	if !e.Follows(b.n) {
		return fmt.Errorf("follow entry %d: the report is at entry %d", e.N, b.n)
	}
	switch e.Kind {
	case incident.KindRules:
		if err := b.book.applyRules(e); err != nil {
			return fmt.Errorf("follow entry %d: %w", e.N, err)
		}
	case incident.KindNote:
		b.book.listen(&e)
	default:
	}
	b.n, b.at = e.N, e.At
	if e.Incident == nil {
		return nil
	}
	k := b.keptOf(e.Incident.Ref)
	switch {
	case e.Kind == incident.KindMerged:
		b.move(e.Incident.Ref, e.Incident.Into, nil)
	case e.Kind == incident.KindSplit:
		b.move(e.From, e.Incident.Ref, e.Moved)
	case e.Signal != nil:
		k.signals = append(k.signals, newMonthSignal(e.N, e.Signal))
	default:
	}
	k.ref, k.into, k.rec = e.Incident.Ref, e.Incident.Into, e.Incident
	if !b.needed(e.Incident) {
		k.rec = nil
	}
	return nil
}

// needed reports whether rec is of a month of the window.
func (b *Builder) needed(rec *incident.IncidentRecord) bool {
	switch rec.Open {
	case incident.StatusCandidate:
		return b.calendar.month(candidateAt(rec)) == b.m
	case incident.StatusOpen:
		for i := range rec.Clocks {
			if b.window[b.calendar.month(startOf(rec, &rec.Clocks[i]))] {
				return true
			}
		}
		return false
	default:
		return false
	}
}

// Report returns the report of all entries so far.
func (b *Builder) Report() *Report {
	from, until := b.m.Bounds()
	r := &Report{
		V: ReportVersion, Month: b.m, From: from, Until: until, KnownAt: b.at, Entries: b.n, Over: !b.at.Before(until),
		Standing: Provisional, Statements: statements(), Holidays: b.holidays, own: map[incident.PolicyID]incident.Milestone{},
		Policies: []PolicyMonth{},
	}
	work := map[incident.PolicyID]*policyWork{}
	for _, id := range b.book.labels.policies {
		work[id] = newPolicyWork(b, id)
	}
	candidates, mine := 0, []*kept{}
	for _, k := range b.order {
		switch {
		case k.rec == nil:
		case k.rec.Open == incident.StatusCandidate:
			if !dismissed(k.rec) {
				candidates++
			}
		default:
			if b.count(k, work) {
				k.begins = firstStart(k.rec)
				mine = append(mine, k)
			}
		}
	}
	// By the times of the incidents, not by the order in which they were heard of.
	slices.SortStableFunc(mine, func(x, y *kept) int {
		if c := x.begins.Compare(y.begins); c != 0 {
			return c
		}
		return cmp.Or(x.rec.First.Compare(y.rec.First), cmp.Compare(x.ref, y.ref))
	})
	r.Candidates = figure(FigureCandidates, nil, candidates)
	for _, k := range mine {
		r.rows = append(r.rows, k.rec)
	}
	for _, id := range slices.Sorted(maps.Keys(work)) {
		w := work[id]
		w.order(mine)
		r.Policies = append(r.Policies, w.month())
		r.own[id] = w.startMilestone()
	}
	r.Gaps = figure(FigureGaps, nil, b.gapsOf(mine))
	r.Skew = figure(FigureSkew, nil, skewOf(mine))
	r.NotMeasured = figure(FigureNotMeasured, nil, notMeasured())
	return r
}

// firstStart returns the least instant by which a clock of rec belongs to a month.
func firstStart(rec *incident.IncidentRecord) time.Time {
	t := rec.First
	for i := range rec.Clocks {
		if s := startOf(rec, &rec.Clocks[i]); i == 0 || s.Before(t) {
			t = s
		}
	}
	return t
}

// count gives the clocks of k to the work of their policies, and reports whether
// one of them is of the month.
func (b *Builder) count(k *kept, work map[incident.PolicyID]*policyWork) (mine bool) {
	for i := range k.rec.Clocks {
		c := &k.rec.Clocks[i]
		m := b.calendar.month(startOf(k.rec, c))
		if !b.window[m] {
			continue
		}
		w := work[c.Policy]
		if w == nil {
			w = newPolicyWork(b, c.Policy)
			work[c.Policy] = w
		}
		if m != b.m {
			w.earlier(m, c)
			continue
		}
		mine = true
		w.clocks = append(w.clocks, monthClock{k: k, c: c})
	}
	return mine
}

// countedInMonth returns the state as which c counts in a month's report, and why where
// that is undetermined (rules.md section 3).
func countedInMonth(c *incident.Clock) (incident.State, incident.Doubt) {
	if c.State == incident.Running && slices.Contains(c.Flags, incident.FlagMayBeOver) {
		return incident.Undetermined, DoubtMayBeOver
	}
	return Counted(c)
}

// statements returns what stands over every report.
func statements() []string {
	return []string{
		"These figures are of reports that were known by the date above. What was never reported is in none of them, and what is reported later changes them.",
		"They do not show legal compliance, and are no evidence about a person.",
		"Incidents that are restricted are in the totals only.",
		"More reports can be good news: a falling count may mean silence.",
	}
}

func notMeasured() []Unmeasured {
	var out []Unmeasured
	for _, what := range []string{
		"Alerts that a channel did not deliver: the record holds what was told, not yet what arrived.",
		"Figures as first published, and revisions: no month has been published.",
		"How long a source usually takes to hand over what it has.",
	} {
		out = append(out, Unmeasured{What: what, Text: NotMeasuredYet})
	}
	return out
}
