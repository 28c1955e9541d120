package fold

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// act folds what a person did. An act that does not fit is refused with a
// reason and stays in the record.
func (s *State) act(at time.Time, r *incident.SignalRecord) []incident.Entry {
	a := r.Act
	switch a.Kind {
	case incident.ActReport, incident.ActDetection, incident.ActMilestone:
		return s.told(at, r)
	case incident.ActSettle:
		return s.settleQuarantine(at, r)
	default:
	}
	i := s.live(a.Ref)
	if i == nil {
		return s.refuse(at, r, nil, incident.WhyNoIncident)
	}
	if why := s.check(i, r); why != "" {
		return s.refuse(at, r, i, why)
	}
	switch a.Kind {
	case incident.ActVouch:
		return s.vouch(at, i, r)
	case incident.ActLink:
		return s.link(at, i, s.live(a.Other), r)
	case incident.ActUnlink:
		return s.unlink(at, i, s.live(a.Other), r)
	case incident.ActDetach:
		return s.detach(at, i, r)
	case incident.ActWithdraw:
		return s.withdraw(at, i, r)
	default:
		return []incident.Entry{s.acted(at, i, r)}
	}
}

// acted makes r a signal of i and judges i.
func (s *State) acted(at time.Time, i *inc, r *incident.SignalRecord) incident.Entry {
	e := s.entry(at, incident.KindActed, incident.WhyByPerson)
	i.add(e.N, r)
	return s.settle(at, e, i, r)
}

func (s *State) refuse(at time.Time, r *incident.SignalRecord, i *inc, why incident.Why) []incident.Entry {
	e := s.entry(at, incident.KindRefused, why)
	e.Signal = r
	if i != nil {
		e.From = i.rec.Ref // the incident that was not changed
	}
	return []incident.Entry{e}
}

// told folds an act that is itself a signal: a report or a time by hand.
func (s *State) told(at time.Time, r *incident.SignalRecord) []incident.Entry {
	if r.Act.Ref != "" && s.live(r.Act.Ref) == nil {
		return s.refuse(at, r, nil, incident.WhyNoIncident)
	}
	if r.Act.Ref == "" && r.Act.Kind != incident.ActReport {
		return s.refuse(at, r, nil, incident.WhyNoIncident)
	}
	m := s.lookup(r)
	if i := s.live(r.Act.Ref); i != nil {
		m.strong = joinInc(m.strong, []*inc{i})
	}
	return s.trusted(at, r, m)
}

func (s *State) settleQuarantine(at time.Time, r *incident.SignalRecord) []incident.Entry {
	if !s.unread[r.Act.Signal] {
		return s.refuse(at, r, nil, incident.WhyNoSignal)
	}
	delete(s.unread, r.Act.Signal)
	e := s.entry(at, incident.KindActed, incident.WhyByPerson)
	e.Signal = r
	return []incident.Entry{e}
}

// check says why an act cannot be applied to i, or "".
func (s *State) check(i *inc, r *incident.SignalRecord) incident.Why {
	a := r.Act
	target := i.member(a.Signal)
	switch a.Kind {
	case incident.ActCorrection:
		return s.checkCorrection(i, r)
	case incident.ActVouch, incident.ActDetach, incident.ActAccept, incident.ActReject:
		if target == nil {
			return incident.WhyNoSignal
		}
		return checkOn(i, a, target)
	case incident.ActWithdraw:
		switch {
		case target == nil || target.Act == nil:
			return incident.WhyNoSignal
		case a.Role != incident.RoleManager && target.Act.Author != a.Author:
			return incident.WhyRoleNeeded
		case a.Reason == "":
			return incident.WhyReasonNeeded
		}
	case incident.ActConfirm:
		return checkConfirm(i, a)
	case incident.ActOpen:
		if i.rec.Open != incident.StatusCandidate {
			return incident.WhyNothingToDo
		}
	case incident.ActDisposition:
		if a.Reason == "" && (a.Disposition == incident.FalsePositive || a.Disposition == incident.NearMiss) {
			return incident.WhyReasonNeeded
		}
	case incident.ActNotifiable:
		if a.Off && a.Reason == "" {
			return incident.WhyReasonNeeded
		}
	case incident.ActLink, incident.ActUnlink:
		switch o := s.live(a.Other); {
		case o == nil:
			return incident.WhyNoIncident
		case o == i:
			return incident.WhyNothingToDo
		}
	case incident.ActReason:
		if a.Reason == "" {
			return incident.WhyReasonNeeded
		}
	default:
	}
	return ""
}

func checkOn(i *inc, a *incident.Act, target *incident.Member) incident.Why {
	switch a.Kind {
	case incident.ActVouch:
		if v := incident.NewView(i.members, nil); v.Trust(target).Known() {
			return incident.WhyNothingToDo
		}
	case incident.ActDetach:
		if a.Reason == "" {
			return incident.WhyReasonNeeded
		}
		others := slices.ContainsFunc(i.members, func(m incident.Member) bool { return m.N != target.N && signal(&m) })
		if !signal(target) || !others {
			return incident.WhyNothingToDo
		}
	case incident.ActAccept, incident.ActReject:
		if a.Kind == incident.ActReject && a.Reason == "" {
			return incident.WhyReasonNeeded
		}
		has := slices.ContainsFunc(target.Claims, func(c incident.SealedClaim) bool {
			return a.Milestone == c.Milestone || a.Milestone == "" && a.Kind == incident.ActReject
		})
		if !has {
			return incident.WhyNoSignal
		}
	default:
	}
	return ""
}

// signal reports whether m tells of an incident, rather than acting on one.
func signal(m *incident.Member) bool {
	return m.Act == nil || m.Act.Kind == incident.ActReport || m.Act.Kind == incident.ActDetection ||
		m.Act.Kind == incident.ActMilestone
}

func (s *State) checkCorrection(i *inc, r *incident.SignalRecord) incident.Why {
	a := r.Act
	switch {
	case a.Role != incident.RoleManager:
		return incident.WhyRoleNeeded
	case a.Reason == "":
		return incident.WhyReasonNeeded
	case a.Milestone == "" || !a.Interval.Known() || !a.Interval.Valid():
		return incident.WhyInvalidAct
	case a.Upon < i.rec.Evidence:
		return incident.WhyChangedSince
	}
	v := incident.NewView(i.members, nil)
	begins := a.Interval.Earliest
	switch {
	case begins.After(r.Receipt):
		return incident.WhyInvalidAct // nothing is corrected to a time to come
	case a.Milestone == incident.Detected && !v.Told.IsZero() && begins.After(v.Told):
		return incident.WhyContradicts
	case a.Milestone.Receipt():
		t := v.ByEvidence(a.Milestone, true)
		if t.Interval.Known() && !t.Weak && !t.Interval.Latest.IsZero() && begins.After(t.Interval.Latest) {
			return incident.WhyContradicts
		}
	}
	return ""
}

// checkConfirm: somebody else must have done what is confirmed.
func checkConfirm(i *inc, a *incident.Act) incident.Why {
	v := incident.NewView(i.members, nil)
	own, others := false, false
	for _, c := range i.rec.Clocks {
		for n := range v.NeedsSecond(c.Due()) {
			if m := i.member(n); m != nil && m.Act.Author == a.Author {
				own = true
			} else {
				others = true
			}
		}
	}
	changed := slices.ContainsFunc(i.rec.Decide, func(d incident.Decision) bool { return d.Kind == incident.DecideChanged })
	switch {
	case others || changed:
		return ""
	case own:
		return incident.WhySamePerson
	default:
		return incident.WhyNothingToDo
	}
}

func (i *inc) member(n uint64) *incident.Member {
	for k := range i.members {
		if i.members[k].N == n {
			return &i.members[k]
		}
	}
	return nil
}

// vouch makes a signal count as of a known sender: its keys join from now on.
func (s *State) vouch(at time.Time, i *inc, r *incident.SignalRecord) []incident.Entry {
	target := i.member(r.Act.Signal).SignalRecord
	m := s.lookup(target)
	orphans, hanging := s.claimed(m)
	orphans = slices.DeleteFunc(orphans, func(o *inc) bool { return o == i })
	into, barred := s.uncut(joinInc(joinInc(m.strong, orphans), []*inc{i}))
	if !slices.Contains(into, i) { // a cut stands between: it stays where it is
		into, barred = []*inc{i}, joinInc(into, barred)
		barred = slices.DeleteFunc(barred, func(o *inc) bool { return o == i })
	}
	out := s.merge(at, into, incident.WhyVouched)
	home := into[0]
	s.index(home, target)
	for _, o := range barred {
		s.suggest(at, home, o, incident.LinkCut)
	}
	out = append(out, s.acted(at, home, r))
	return append(out, s.hang(at, home, hanging)...)
}

// link makes two incidents one on a person's word, and lifts a cut.
func (s *State) link(at time.Time, i, o *inc, r *incident.SignalRecord) []incident.Entry {
	uncut := func(a, b *inc) {
		rec := *a.rec
		rec.Cuts = slices.DeleteFunc(slices.Clone(rec.Cuts), func(c incident.Ref) bool { return c == b.rec.Ref })
		a.rec = &rec
	}
	uncut(i, o)
	uncut(o, i)
	pair := joinInc([]*inc{i}, []*inc{o})
	out := s.merge(at, pair, incident.WhyByPerson)
	return append(out, s.acted(at, pair[0], r))
}

// unlink refuses a suggested link, on whichever side it stands.
func (s *State) unlink(at time.Time, i, o *inc, r *incident.SignalRecord) []incident.Entry {
	refused := func(a, b *inc) bool {
		k := slices.IndexFunc(a.rec.Links, func(l incident.Link) bool { return s.live(l.To) == b })
		if k < 0 {
			return false
		}
		rec := *a.rec
		rec.Links = slices.Clone(rec.Links)
		rec.Links[k].State = incident.LinkRefused
		a.rec = &rec
		return true
	}
	switch {
	case refused(i, o):
	case refused(o, i):
		i = o
	default:
		return s.refuse(at, r, i, incident.WhyNothingToDo)
	}
	return []incident.Entry{s.acted(at, i, r)}
}

// withdraw takes back an act. Where the act had joined signals, they part.
func (s *State) withdraw(at time.Time, i *inc, r *incident.SignalRecord) []incident.Entry {
	kind := i.member(r.Act.Signal).Act.Kind
	if kind != incident.ActLink && kind != incident.ActVouch {
		return []incident.Entry{s.acted(at, i, r)}
	}
	return s.divide(at, i, r, nil, incident.WhyWithdrawn)
}

// detach cuts a signal off an incident: the key that they share never again
// joins the two (rules.md section 7).
func (s *State) detach(at time.Time, i *inc, r *incident.SignalRecord) []incident.Entry {
	return s.divide(at, i, r, i.member(r.Act.Signal), incident.WhyDetached)
}
