package incident

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Tells says what the arrival of a signal at a source means.
type Tells string

// What arrival can mean.
const (
	TellsNothing Tells = "nothing"
	TellsDesk    Tells = "reported_to_desk"
	TellsTeam    Tells = "reported"
)

// Milestone returns the milestone that arrival proves, or "".
func (t Tells) Milestone() Milestone {
	switch t {
	case TellsDesk:
		return ReportedToDesk
	case TellsTeam:
		return Reported
	case TellsNothing:
		return ""
	default:
		return ""
	}
}

// A TellsFrom says what arrival means from a day on: addresses change hands.
type TellsFrom struct {
	Tells Tells `json:"tells"`
	From  Date  `json:"from,omitempty"`
}

// A SourceRule is what the rules say of one source. It holds no secret.
type SourceRule struct {
	Name    SourceName `json:"name"`
	Channel Channel    `json:"channel"`
	Kind    string     `json:"kind"`
	// Tells is in ascending order of From; the first may have none.
	Tells     []TellsFrom `json:"tells,omitempty"`
	Tolerance Span        `json:"tolerance,omitempty"`
	// Organisation is given to signals that name none.
	Organisation Organisation `json:"organisation,omitempty"`
	// Polled sources are read by us, so that we know up to when they were read.
	Polled bool `json:"polled,omitempty"`
	// UnreadAfter is for how long a polled source may go unread before that is a
	// gap on record; 0 is DefaultUnread.
	UnreadAfter Span `json:"unread_after,omitempty"`
	// ExpectEvery is for how long nothing may come from the source before it is
	// called silent; 0: nothing is expected of it.
	ExpectEvery Span `json:"expect_every,omitempty"`
	// Reading is the canonical text of all that the source's interpreter goes
	// by: labels, patterns, mappings, trusted hosts.
	Reading json.RawMessage `json:"reading,omitempty"`
}

// At returns what arrival at t means.
func (s SourceRule) At(t time.Time) Tells {
	tells := TellsNothing
	for _, x := range s.Tells {
		from, err := x.From.Start()
		if x.From == "" || err == nil && !t.Before(from) {
			tells = x.Tells
		}
	}
	return tells
}

// EverReports reports whether arrival at s ever means reported to the team.
func (s SourceRule) EverReports() bool {
	return slices.ContainsFunc(s.Tells, func(x TellsFrom) bool { return x.Tells == TellsTeam })
}

// Skew returns how far the source's clock may run ahead of ours.
func (s SourceRule) Skew() time.Duration {
	if s.Tolerance > 0 {
		return s.Tolerance.D()
	}
	return DefaultTolerance
}

// DefaultUnread is for how long a polled source may go unread. A mailbox is
// looked into every minute, and a mail server that is restarted is back in less.
const DefaultUnread = 10 * time.Minute

// Unread returns for how long s may go unread.
func (s SourceRule) Unread() time.Duration {
	if s.UnreadAfter > 0 {
		return s.UnreadAfter.D()
	}
	return DefaultUnread
}

// Rules is all that decides and is not a signal. Its canonical text stands in
// the record, and every later entry names it by the number of that entry.
type Rules struct {
	V             int            `json:"v"`
	Policies      []Policy       `json:"policies"`
	Sources       []SourceRule   `json:"sources"`
	Organisations []Organisation `json:"organisations,omitempty"`
	Interpreters  []string       `json:"interpreters,omitempty"`
}

// RulesVersion is the version of the Rules text that this program writes.
const RulesVersion = 1

// Canonical sorts r in place and returns its canonical text.
func (r *Rules) Canonical() ([]byte, error) {
	r.V = RulesVersion
	slices.SortFunc(r.Policies, func(a, b Policy) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.From, b.From))
	})
	slices.SortFunc(r.Sources, func(a, b SourceRule) int { return cmp.Compare(a.Name, b.Name) })
	slices.Sort(r.Organisations)
	slices.Sort(r.Interpreters)
	return MarshalCanonical(r)
}

// ParseRules reads what Canonical wrote.
func ParseRules(b []byte) (*Rules, error) {
	var r Rules
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, fmt.Errorf("read rules: %w", err)
	}
	if r.V != RulesVersion {
		return nil, fmt.Errorf("read rules: version %d, this program reads %d", r.V, RulesVersion)
	}
	return &r, nil
}

// Source returns the rule of the named source.
func (r *Rules) Source(name SourceName) (SourceRule, bool) {
	i, ok := slices.BinarySearchFunc(r.Sources, name, func(s SourceRule, n SourceName) int { return cmp.Compare(s.Name, n) })
	if !ok {
		return SourceRule{}, false
	}
	return r.Sources[i], true
}

// PolicyIDs returns the ids of all policies, each once, sorted.
func (r *Rules) PolicyIDs() []PolicyID {
	var ids []PolicyID
	for _, p := range r.Policies {
		ids = append(ids, p.ID)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// InForce returns the version of policy id in force at t, if any. Before the
// first version, and from a version that is Off on, there is none.
func (r *Rules) InForce(id PolicyID, t time.Time) (Policy, bool) {
	var found Policy
	ok := false
	for _, p := range r.Policies {
		if p.ID != id {
			continue
		}
		from, err := p.From.Start()
		if err == nil && !t.Before(from) {
			found, ok = p, !p.Off
		}
	}
	return found, ok
}

// Validate returns all problems of r.
func (r *Rules) Validate() error {
	var all []error
	seen := map[string]bool{}
	for i, p := range r.Policies {
		if err := p.Validate(); err != nil {
			all = append(all, fmt.Errorf("policies[%d] (%s): %w", i, p.ID, err))
		}
		version := fmt.Sprintf("%s from %s", p.ID, p.From)
		if seen[version] {
			all = append(all, fmt.Errorf("policies[%d]: two versions of %s", i, version))
		}
		seen[version] = true
	}
	return errors.Join(all...)
}

// Follows checks that r may follow old at the instant now: a version of a
// policy that has begun cannot be edited, added or taken away, only followed
// by a new one (rules.md section 8). It returns all that is wrong.
func (r *Rules) Follows(old *Rules, now time.Time) error {
	var all []error
	begun := func(p Policy) bool {
		from, err := p.From.Start()
		return err == nil && !from.After(now)
	}
	find := func(in []Policy, p Policy) (Policy, bool) {
		for _, q := range in {
			if q.ID == p.ID && q.From == p.From {
				return q, true
			}
		}
		return Policy{}, false
	}
	for _, p := range old.Policies {
		if !begun(p) {
			continue
		}
		q, ok := find(r.Policies, p)
		switch {
		case !ok:
			all = append(all, fmt.Errorf("policy %s: the version from %s is in force and recorded; it cannot be taken away", p.ID, p.From))
		case !samePolicy(p, q):
			all = append(all, fmt.Errorf("policy %s: the version from %s is recorded; it cannot be edited, only followed by one with a later date", p.ID, p.From))
		}
	}
	today, err := Date(now.In(London()).Format(time.DateOnly)).Start()
	if err != nil {
		return err
	}
	for _, p := range r.Policies {
		from, err := p.From.Start()
		if _, ok := find(old.Policies, p); !ok && err == nil && from.Before(today) {
			all = append(all, fmt.Errorf("policy %s: a new version from %s would reach back; give it a date from today on", p.ID, p.From))
		}
	}
	return errors.Join(all...)
}

func samePolicy(a, b Policy) bool {
	x, errA := MarshalCanonical(a)
	y, errB := MarshalCanonical(b)
	return errA == nil && errB == nil && string(x) == string(y)
}
