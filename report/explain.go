package report

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Derivation says how an incident came to its verdicts: what each signal
// claims and why it belongs here, which claim gave each bound of each time,
// which row of the verdict table each clock fell under, and each step on the
// way. It holds nothing that a person wrote, and names nobody: an observer is
// the beginning of a mark, an author of an act a staff number.
type Derivation struct {
	// Asked is the reference that was asked for, where it is part of another
	// incident now: that one is derived.
	Asked    incident.Ref `json:"asked,omitempty"`
	Incident Row          `json:"incident"`
	// Told is the first trusted telling: nobody tells of what nobody detected.
	// Zero where there is none.
	Told    time.Time   `json:"told,omitzero"`
	Signals []WhySignal `json:"signals"`
	Times   []WhyTime   `json:"times"`
	Clocks  []WhyClock  `json:"clocks"`
	Steps   []WhyStep   `json:"steps"`
}

// A WhyStep is one entry of the incident's history.
type WhyStep struct {
	Entry uint64        `json:"entry"`
	At    time.Time     `json:"at"`
	Kind  incident.Kind `json:"kind"`
	Why   incident.Why  `json:"why,omitempty"`
	// Ref is the incident that the entry holds, where it is another one: before
	// a merge, or from which this one was divided.
	Ref    incident.Ref           `json:"ref,omitempty"`
	From   incident.Ref           `json:"from,omitempty"`
	Moved  []uint64               `json:"moved,omitempty"`
	Rules  uint64                 `json:"rules,omitempty"`
	States []WhyState             `json:"states,omitempty"`
	Alerts []incident.AlertChange `json:"alerts,omitempty"`
}

// A WhyState is how a step changed the state of a clock.
type WhyState struct {
	Policy incident.PolicyID `json:"policy"`
	From   incident.State    `json:"from,omitempty"` // absent for a new clock
	To     incident.State    `json:"to"`
	Doubt  incident.Doubt    `json:"doubt,omitempty"`
}

// Explain derives the incident ref from its entries, ascending: those whose
// numbers [Book.History] gives, or the whole record. rules returns the rules of
// an entry, nil where they are not known; then titles are missing. Explain stops
// at the first error of the sequence and returns it.
func Explain(ref incident.Ref, rules func(uint64) *incident.Rules, entries iter.Seq2[incident.Entry, error]) (*Derivation, error) {
	x := explainer{ref: ref, parts: map[incident.Ref]*part{}}
	for e, err := range entries {
		if err != nil {
			return nil, fmt.Errorf("explain %s: %w", ref, err)
		}
		x.follow(&e)
	}
	p := x.parts[ref]
	if p == nil || p.rec == nil {
		return nil, fmt.Errorf("explain %s: no entry holds it", ref)
	}
	d := &Derivation{Incident: newRow(p.rec), Steps: x.steps(p)}
	members := make([]incident.Member, len(p.members))
	for i, m := range p.members {
		members[i] = m.Member
	}
	v := incident.NewView(members, nil)
	d.Told = v.Told
	stops := x.clocks(d, p, rules)
	d.Signals = signals(p, v, stops)
	d.Times = times(p.rec, v, members)
	return d, nil
}

// An explainer follows entries as far as one incident needs it.
type explainer struct {
	ref   incident.Ref
	parts map[incident.Ref]*part
	all   []step
}

// A part is an incident on the way.
type part struct {
	rec     *incident.IncidentRecord
	rules   uint64 // of the entry that holds rec
	members []member
}

type member struct {
	incident.Member
	kind  incident.Kind
	why   incident.Why
	at    time.Time
	moves []uint64     // the entries that moved it, the last of them here
	from  incident.Ref // whence it was moved; empty where it joined by itself
}

type step struct {
	WhyStep
	ref incident.Ref // the incident that the entry holds
}

func (x *explainer) part(ref incident.Ref) *part {
	p := x.parts[ref]
	if p == nil {
		p = &part{}
		x.parts[ref] = p
	}
	return p
}

func (x *explainer) follow(e *incident.Entry) {
	s := step{WhyStep: WhyStep{
		Entry: e.N, At: e.At, Kind: e.Kind, Why: e.Why, From: e.From, Moved: e.Moved, Rules: e.Rules, Alerts: e.Alerts,
	}}
	if e.Incident == nil {
		if e.Kind == incident.KindRefused {
			s.ref = e.From
			x.all = append(x.all, s)
		}
		return
	}
	s.ref = e.Incident.Ref
	p := x.part(s.ref)
	s.States = states(p.rec, e.Incident)
	x.all = append(x.all, s)
	p.rec, p.rules = e.Incident, e.Rules
	switch e.Kind {
	case incident.KindMerged:
		x.move(s.ref, e.Incident.Into, e.N, nil)
	case incident.KindSplit:
		x.move(e.From, s.ref, e.N, e.Moved)
	default:
		if e.Signal != nil {
			p.members = append(p.members, member{
				Member: incident.Member{N: e.N, SignalRecord: e.Signal}, kind: e.Kind, why: e.Why, at: e.At,
			})
		}
	}
}

// move moves the members of from, or those of its entries that are listed, to
// another incident.
func (x *explainer) move(from, to incident.Ref, n uint64, only []uint64) {
	src, dst := x.part(from), x.part(to)
	src.members = slices.DeleteFunc(src.members, func(m member) bool {
		if only != nil && !slices.Contains(only, m.N) {
			return false
		}
		m.moves, m.from = append(slices.Clone(m.moves), n), from
		dst.members = append(dst.members, m)
		return true
	})
	slices.SortStableFunc(dst.members, func(a, b member) int { return cmp.Compare(a.N, b.N) })
}

func states(old, now *incident.IncidentRecord) []WhyState {
	var out []WhyState
	for i := range now.Clocks {
		c := &now.Clocks[i]
		was := clockOf(old, c.Policy)
		switch {
		case was == nil:
			out = append(out, WhyState{Policy: c.Policy, To: c.State, Doubt: c.Doubt})
		case was.State != c.State || was.Doubt != c.Doubt:
			out = append(out, WhyState{Policy: c.Policy, From: was.State, To: c.State, Doubt: c.Doubt})
		}
	}
	return out
}

// steps returns the entries that concern p: its own and those of incidents that
// are part of it now, and of others those by which its signals came.
func (x *explainer) steps(p *part) []WhyStep {
	came := map[uint64]bool{}
	for _, m := range p.members {
		came[m.N] = true
		for _, n := range m.moves {
			came[n] = true
		}
	}
	out := make([]WhyStep, 0, len(x.all))
	for _, s := range x.all {
		if !x.within(s.ref) && s.From != x.ref && !came[s.Entry] {
			continue
		}
		if s.ref != x.ref {
			s.Ref = s.ref
		}
		out = append(out, s.WhyStep)
	}
	return out
}

// within reports whether ref is the incident that is explained, or part of it.
func (x *explainer) within(ref incident.Ref) bool {
	for range len(x.parts) + 1 {
		if ref == x.ref {
			return true
		}
		p := x.parts[ref]
		if p == nil || p.rec == nil || p.rec.Open != incident.StatusMerged {
			return false
		}
		ref = p.rec.Into
	}
	return false
}
