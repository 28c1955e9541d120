package fold

import (
	"fmt"
	"slices"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Restore follows one entry of the record. It judges nothing anew: what the
// entry says is what was. The entries come in order, from the first on.
func (s *State) Restore(e incident.Entry) error {
	if !e.Follows(s.n) {
		return fmt.Errorf("restore entry %d: the state is at entry %d", e.N, s.n)
	}
	s.n, s.at, s.pos = e.N, e.At, e.Pos
	if e.Signal != nil {
		s.seen[e.Signal.Mark] = struct{}{}
		s.heardFrom(e.Signal)
	}
	switch e.Kind {
	case incident.KindRules:
		return s.restoreRules(e)
	case incident.KindNote:
		if e.Note != nil {
			s.noted(e.At, *e.Note)
		}
	case incident.KindQuarantined:
		s.unread[e.N] = true
	case incident.KindRepeated, incident.KindIgnored, incident.KindRefused:
	case incident.KindMerged:
		return s.restoreMerged(e)
	case incident.KindSplit:
		return s.restoreSplit(e)
	case incident.KindOpened, incident.KindJoined, incident.KindActed, incident.KindCrossed, incident.KindTold:
		return s.restoreStep(e)
	default:
		return fmt.Errorf("restore entry %d: unknown kind %q", e.N, e.Kind)
	}
	return nil
}

func (s *State) restoreRules(e incident.Entry) error {
	r, err := incident.ParseRules(e.Text)
	if err != nil {
		return fmt.Errorf("restore entry %d: %w", e.N, err)
	}
	if err := s.compileRules(r); err != nil {
		return fmt.Errorf("restore entry %d: %w", e.N, err)
	}
	s.rulesN = e.N
	s.named(e.At)
	return nil
}

func (s *State) restoreStep(e incident.Entry) error {
	if e.Incident == nil { // a quarantined signal was settled
		if e.Signal != nil && e.Signal.Act != nil {
			delete(s.unread, e.Signal.Act.Signal)
		}
		return nil
	}
	i := s.incidents[e.Incident.Ref]
	if i == nil {
		if e.Kind != incident.KindOpened {
			return fmt.Errorf("restore entry %d: %s is not there", e.N, e.Incident.Ref)
		}
		i = s.create(e.N, e.Signal)
	}
	s.put(i, e.Incident)
	if e.Signal == nil {
		return nil
	}
	i.add(e.N, e.Signal)
	s.restoreKeys(i, e)
	s.remember(i)
	return nil
}

// restoreKeys makes the signal of e findable, as the step that wrote e did.
func (s *State) restoreKeys(i *inc, e incident.Entry) {
	r := e.Signal
	switch {
	case r.Act != nil && r.Act.Kind == incident.ActVouch:
		if m := i.member(r.Act.Signal); m != nil {
			s.index(i, m.SignalRecord)
		}
	case r.Trust.Known():
		s.index(i, r)
	case e.Kind == incident.KindOpened:
		s.indexLeaf(e.N, r, i)
	case e.Why == incident.WhyLeaf && !s.leafKnown(r):
		s.indexLeaf(e.N, r, nil)
	}
}

func (s *State) leafKnown(r *incident.SignalRecord) bool {
	for _, k := range strong(r) {
		if kd := s.keys[k.Mark]; kd != nil {
			return slices.ContainsFunc(kd.leaves, func(l leaf) bool { return l.rec.Mark == r.Mark && l.rec.Part == r.Part })
		}
	}
	return false
}

func (s *State) restoreMerged(e incident.Entry) error {
	if e.Incident == nil {
		return fmt.Errorf("restore entry %d: a merge without its incident", e.N)
	}
	other, home := s.incidents[e.Incident.Ref], s.incidents[e.Incident.Into]
	if other == nil || home == nil {
		return fmt.Errorf("restore entry %d: merge %s into %s: not there", e.N, e.Incident.Ref, e.Incident.Into)
	}
	s.absorb(home, other)
	s.put(other, e.Incident)
	return nil
}

func (s *State) restoreSplit(e incident.Entry) error {
	from := s.incidents[e.From]
	if from == nil || e.Incident == nil || len(e.Moved) == 0 {
		return fmt.Errorf("restore entry %d: split %s: not there", e.N, e.From)
	}
	home := s.incidents[e.Incident.Ref]
	var moved []incident.Member
	for _, m := range from.members {
		if slices.Contains(e.Moved, m.N) {
			moved = append(moved, m)
		}
	}
	if len(moved) == 0 {
		return fmt.Errorf("restore entry %d: split %s: no signal moves", e.N, e.From)
	}
	if home == nil {
		home = s.create(e.N, moved[0].SignalRecord)
	}
	from.members = slices.DeleteFunc(from.members, func(m incident.Member) bool { return slices.Contains(e.Moved, m.N) })
	home.members, home.into, home.doubled = moved, nil, from.doubled
	s.reindex(from, home)
	s.put(home, e.Incident)
	return nil
}
