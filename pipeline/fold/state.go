package fold

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Predicate says whether a policy applies to an incident.
type Predicate func(incident.Attributes) bool

// Compile turns the Applies expression of a policy into a Predicate.
type Compile func(expr string) (Predicate, error)

// A State is all incidents and what finds them. It is owned by one goroutine.
type State struct {
	compile Compile

	n      uint64    // of the last entry
	at     time.Time // of the last entry
	pos    incident.Pos
	rulesN uint64
	rules  *incident.Rules
	apply  map[policyVersion]Predicate
	quiet  bool // a declared backfill runs

	incidents map[incident.Ref]*inc
	keys      map[incident.Mark]*keyed
	seen      map[incident.Mark]struct{} // signals that were folded
	recent    []*inc                     // latest incidents to gain a signal, for suggestions
	due       dueHeap
	held      map[*inc]bool   // have a crossing that waits for its sources to be read
	unread    map[uint64]bool // entries of quarantined signals that nobody has settled
	begun     time.Time       // when the processor took over last
	sources   map[incident.SourceName]*source
}

type policyVersion struct {
	id   incident.PolicyID
	from incident.Date
}

// An inc is an incident with its signals.
type inc struct {
	rec     *incident.IncidentRecord
	first   uint64 // number of its first entry; the older incident survives a merge
	members []incident.Member
	into    *inc // the incident it became part of
	doubled bool // an unauthenticated signal may be among members twice

	wake      time.Time // when time changes it next; zero for never
	heapIndex int       // -1 when it is not in the heap
}

// New returns the state before the first entry.
func New(compile Compile) *State {
	return &State{
		compile:   compile,
		rules:     &incident.Rules{},
		incidents: map[incident.Ref]*inc{},
		keys:      map[incident.Mark]*keyed{},
		seen:      map[incident.Mark]struct{}{},
		held:      map[*inc]bool{},
		unread:    map[uint64]bool{},
		sources:   map[incident.SourceName]*source{},
	}
}

// N returns the number of the last entry.
func (s *State) N() uint64 { return s.n }

// At returns the instant of the last entry.
func (s *State) At() time.Time { return s.at }

// Pos returns the SIGNALS position that is covered.
func (s *State) Pos() incident.Pos { return s.pos }

// Rules returns the rules in force, never nil, and the number of their entry,
// 0 before the first.
func (s *State) Rules() (*incident.Rules, uint64) { return s.rules, s.rulesN }

// Quiet reports whether a declared backfill runs.
func (s *State) Quiet() bool { return s.quiet }

// Len returns the number of incidents, candidates and merged ones included.
func (s *State) Len() int { return len(s.incidents) }

// Record returns the resolved state of an incident, nil if there is none.
func (s *State) Record(ref incident.Ref) *incident.IncidentRecord {
	if i := s.incidents[ref]; i != nil {
		return i.rec
	}
	return nil
}

// Members returns the signals of an incident in the order in which they joined.
func (s *State) Members(ref incident.Ref) []incident.Member {
	if i := s.incidents[ref]; i != nil {
		return i.members
	}
	return nil
}

// Refs returns the references of all incidents that are not part of another,
// oldest first.
func (s *State) Refs() []incident.Ref {
	live := make([]*inc, 0, len(s.incidents))
	for _, i := range s.incidents {
		if i.into == nil {
			live = append(live, i)
		}
	}
	slices.SortFunc(live, byAge)
	refs := make([]incident.Ref, len(live))
	for k, i := range live {
		refs[k] = i.rec.Ref
	}
	return refs
}

func byAge(a, b *inc) int {
	switch {
	case a.first < b.first:
		return -1
	case a.first > b.first:
		return 1
	default:
		return 0
	}
}

// find returns the incident that i is part of now.
func (i *inc) find() *inc {
	for i.into != nil {
		i = i.into
	}
	return i
}

// live returns the incident that ref names now, following merges.
func (s *State) live(ref incident.Ref) *inc {
	if i := s.incidents[ref]; i != nil {
		return i.find()
	}
	return nil
}

// entry numbers the next entry. The caller fills in what it records.
func (s *State) entry(at time.Time, kind incident.Kind, why incident.Why) incident.Entry {
	if at.Before(s.at) {
		at = s.at // the record never runs backwards; a small step of the clock is held
	}
	s.n++
	s.at = at
	return incident.Entry{
		V: incident.EntryVersion, N: s.n, At: at, Pos: s.pos, Kind: kind, Why: why, Rules: s.rulesN,
	}
}

// SetRules makes r the rules in force from this entry on. It refuses rules that
// edit what has begun, and expressions that do not compile.
func (s *State) SetRules(at time.Time, r *incident.Rules) ([]incident.Entry, error) {
	text, err := r.Canonical()
	if err != nil {
		return nil, fmt.Errorf("write rules: %w", err)
	}
	if s.rulesN > 0 {
		old, err := s.rules.Canonical()
		if err != nil {
			return nil, fmt.Errorf("write rules: %w", err)
		}
		if string(old) == string(text) {
			return nil, nil
		}
		if err := r.Follows(s.rules, at); err != nil {
			return nil, err
		}
	}
	if err := s.compileRules(r); err != nil {
		return nil, err
	}
	s.rulesN = s.n + 1
	e := s.entry(at, incident.KindRules, "")
	s.named(e.At)
	e.Text = text
	return append([]incident.Entry{e}, s.afterRules(at)...), nil
}

func (s *State) compileRules(r *incident.Rules) error {
	apply := map[policyVersion]Predicate{}
	for _, p := range r.Policies {
		if p.Applies == "" {
			continue
		}
		f, err := s.compile(p.Applies)
		if err != nil {
			return fmt.Errorf("policy %s from %s: compile applies: %w", p.ID, p.From, err)
		}
		apply[policyVersion{p.ID, p.From}] = f
	}
	s.rules, s.apply = r, apply
	return nil
}

// afterRules judges anew the open incidents to which a rule has come that was
// not there before, so that no clock waits for the next signal to begin.
func (s *State) afterRules(at time.Time) []incident.Entry {
	var out []incident.Entry
	for _, ref := range s.Refs() {
		i := s.incidents[ref]
		rec, changes := s.judge(i, at, judging{}, s.n+1)
		if sameClocks(rec, i.rec) {
			continue
		}
		e := s.entry(at, incident.KindCrossed, "")
		s.put(i, rec)
		e.Incident, e.Alerts = rec, changes
		out = append(out, e)
	}
	return out
}

func sameClocks(a, b *incident.IncidentRecord) bool {
	return slices.EqualFunc(a.Clocks, b.Clocks, func(x, y incident.Clock) bool {
		return x.Policy == y.Policy && x.Version == y.Version && x.State == y.State && len(x.Bars) == len(y.Bars)
	})
}

// Note records something about the record itself.
func (s *State) Note(at time.Time, note incident.Note) incident.Entry {
	e := s.entry(at, incident.KindNote, "")
	e.Note = &note
	s.noted(e.At, note)
	return e
}

func (s *State) noted(at time.Time, note incident.Note) {
	switch note.Code {
	case incident.NoteStarted:
		s.begun = at
	case incident.NoteUnread:
		s.of(note.Source).unread = note.From
	case incident.NoteRead:
		s.of(note.Source).unread = time.Time{}
	case incident.NoteSilent:
		s.of(note.Source).silent = note.From
	case incident.NoteHeard:
		s.of(note.Source).silent = time.Time{}
	case incident.NoteBackfillBegin:
		s.quiet = true
	case incident.NoteBackfillEnd:
		s.quiet = false
	default:
	}
}

// put makes rec the state of i and notes when time changes it next.
func (s *State) put(i *inc, rec *incident.IncidentRecord) {
	i.rec = rec
	if isHeld(rec) {
		s.held[i] = true
	} else {
		delete(s.held, i)
	}
	s.schedule(i, nextChange(rec, s.thresholds))
}

func isHeld(rec *incident.IncidentRecord) bool {
	for _, c := range rec.Clocks {
		for _, b := range c.Bars {
			if b.State == incident.AlertHeld {
				return true
			}
		}
	}
	return false
}

// policy returns the policy version that judges c.
func (s *State) policy(c incident.Clock) (incident.Policy, bool) {
	for _, p := range s.rules.Policies {
		if p.ID == c.Policy && p.From == c.Version {
			return p, true
		}
	}
	return incident.Policy{}, false
}

// thresholds returns the thresholds of the policy version that judges c.
func (s *State) thresholds(c incident.Clock) []incident.Threshold {
	p, _ := s.policy(c)
	return p.Thresholds()
}

// String says how large the state is, for a log.
func (s *State) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "entry %d, position %s, %d incidents, %d keys", s.n, s.pos, len(s.incidents), len(s.keys))
	return b.String()
}
