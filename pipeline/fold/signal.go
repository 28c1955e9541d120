package fold

import (
	"bytes"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// An Input is one signal, read and sealed.
type Input struct {
	// Bare is the signal of which nothing was read: what a repeat, an ignored
	// or a quarantined signal leaves in the record.
	Bare *incident.SignalRecord
	// Parts are what was read, one for each incident that the signal speaks of.
	Parts []*incident.SignalRecord
	// Quarantine is why nothing, or not all, could be read; or empty.
	Quarantine incident.Why
}

// NewInput seals a reading. tolerance is how far the source's clock may run
// ahead of ours.
func NewInput(p incident.Pepper, st incident.Stored, r incident.Reading, tolerance time.Duration) Input {
	in := Input{Bare: incident.SealBare(p, st, r.Interpreter), Quarantine: r.Quarantine}
	for i := range r.Parts {
		if i == incident.MaxParts {
			in.Quarantine = incident.WhyTooManyParts
			break
		}
		in.Parts = append(in.Parts, incident.SealPart(p, in.Bare, r, i, tolerance))
	}
	return in
}

// maxStepBytes bounds the entries of one signal: they must fit into one message
// of the record. It leaves room below the 512 KiB of a message.
const maxStepBytes = 448 << 10

// Signal folds one signal, received and stored, at the instant at. Every
// signal makes at least one entry, and the entries of one signal belong into
// one step.
func (s *State) Signal(at time.Time, in Input) []incident.Entry {
	s.pos = in.Bare.Pos
	if _, known := s.seen[in.Bare.Mark]; known {
		e := s.entry(at, incident.KindRepeated, incident.WhyDuplicate)
		e.Signal = in.Bare
		s.heardFrom(in.Bare)
		return []incident.Entry{e}
	}
	var out []incident.Entry
	size, why := 0, in.Quarantine
	for _, part := range in.Parts {
		made := s.part(at, part)
		out = append(out, made...)
		for i := range made {
			size += Size(&made[i])
		}
		if size > maxStepBytes && part != in.Parts[len(in.Parts)-1] {
			why = incident.WhyTooManyParts
			break
		}
	}
	switch {
	case why != "":
		e := s.entry(at, incident.KindQuarantined, why)
		e.Signal = in.Bare
		s.unread[e.N] = true
		out = append(out, e)
	case len(out) == 0:
		e := s.entry(at, incident.KindIgnored, incident.WhyNotIncident)
		e.Signal = in.Bare
		out = append(out, e)
	}
	s.seen[in.Bare.Mark] = struct{}{}
	for i := range out {
		if out[i].Signal != nil {
			s.heardFrom(out[i].Signal)
		}
	}
	return out
}

// part folds what a signal says of one incident.
func (s *State) part(at time.Time, r *incident.SignalRecord) []incident.Entry {
	if r.Act != nil {
		return s.act(at, r)
	}
	if r.Opening == incident.NotRelated {
		e := s.entry(at, incident.KindIgnored, incident.WhyNotIncident)
		e.Signal = r
		return []incident.Entry{e}
	}
	m := s.lookup(r)
	if r.Trust.Known() {
		return s.trusted(at, r, m)
	}
	return s.untrusted(at, r, m)
}

// trusted joins a signal of a known sender by its strong keys.
func (s *State) trusted(at time.Time, r *incident.SignalRecord, m match) []incident.Entry {
	orphans, hanging := s.claimed(m)
	into, barred := s.uncut(joinInc(m.strong, orphans))
	if len(into) == 0 && r.Opening == incident.JoinsOnly {
		e := s.entry(at, incident.KindIgnored, incident.WhyNotIncident)
		e.Signal = r
		return []incident.Entry{e}
	}
	why := incident.WhyKey
	switch {
	case len(into) == 0 && len(m.gone) > 0:
		why = incident.WhyAfterGap
	case len(into) == 0:
		why = incident.WhyNew
	case len(barred) > 0:
		why = incident.WhyAcrossCut
	case len(m.strong) == 0:
		why = incident.WhyLeafClaimed
	}
	var out []incident.Entry
	home, kind := (*inc)(nil), incident.KindOpened
	if len(into) > 0 {
		home, kind = into[0], incident.KindJoined
		out = s.merge(at, into, incident.WhyBridge)
	}
	e := s.entry(at, kind, why)
	if home == nil {
		home = s.create(e.N, r)
	}
	home.add(e.N, r)
	s.index(home, r)
	s.links(at, home, r, m, barred)
	out = append(out, s.settle(at, e, home, r))
	return append(out, s.hang(at, home, hanging)...)
}

// claimed sorts the unauthenticated signals that bear a strong key of a trusted
// one: the incidents that they made for want of another are joined; the others
// hang where they hang, and on the trusted one's incident as well.
func (s *State) claimed(m match) (orphans []*inc, hanging []leaf) {
	for _, l := range m.leaves {
		if l.own != nil && s.orphan(l.own.find()) {
			orphans = addInc(orphans, l.own.find())
			continue
		}
		hanging = append(hanging, l)
	}
	return orphans, hanging
}

// hang adds unauthenticated signals to home, each by an entry of its own.
func (s *State) hang(at time.Time, home *inc, leaves []leaf) []incident.Entry {
	var out []incident.Entry
	for _, l := range leaves {
		if len(out) == maxHanging {
			break
		}
		if hasSignal(home, l.rec) {
			continue
		}
		e := s.entry(at, incident.KindJoined, incident.WhyLeafClaimed)
		home.add(e.N, l.rec)
		out = append(out, s.settle(at, e, home, l.rec))
	}
	return out
}

func joinInc(a, b []*inc) []*inc {
	all := slices.Clone(a)
	for _, i := range b {
		all = addInc(all, i)
	}
	slices.SortFunc(all, byAge)
	return all
}

// orphan reports whether no signal of a known sender is in i.
func (s *State) orphan(i *inc) bool {
	v := incident.NewView(i.members, nil)
	for k := range i.members {
		if v.Trust(&i.members[k]).Known() {
			return false
		}
	}
	return true
}

// untrusted hangs an unauthenticated signal on every incident whose strong key
// it bears; it connects none. Where there is none it is an incident of its own.
func (s *State) untrusted(at time.Time, r *incident.SignalRecord, m match) []incident.Entry {
	var out []incident.Entry
	for k, i := range m.strong {
		if k == maxHung {
			break
		}
		e := s.entry(at, incident.KindJoined, incident.WhyLeaf)
		i.add(e.N, r)
		if k == 0 {
			s.indexLeaf(e.N, r, nil)
		}
		out = append(out, s.settle(at, e, i, r))
	}
	if len(m.strong) > 0 {
		return out
	}
	if r.Opening == incident.JoinsOnly {
		e := s.entry(at, incident.KindIgnored, incident.WhyNotIncident)
		e.Signal = r
		return []incident.Entry{e}
	}
	e := s.entry(at, incident.KindOpened, incident.WhyNew)
	i := s.create(e.N, r)
	i.add(e.N, r)
	for _, l := range m.leaves {
		if l.own != nil && l.own.into == nil {
			s.suggest(at, i, l.own, incident.LinkLeaf)
		}
	}
	s.indexLeaf(e.N, r, i)
	s.links(at, i, r, m, nil)
	return []incident.Entry{s.settle(at, e, i, r)}
}

// maxHung bounds on how many incidents one unauthenticated signal hangs.
const maxHung = 16

// create makes an incident whose first entry is n.
func (s *State) create(n uint64, r *incident.SignalRecord) *inc {
	ref := incident.NewRef(n)
	i := &inc{
		first: n, heapIndex: -1,
		rec: &incident.IncidentRecord{Ref: ref, Open: incident.StatusCandidate, First: r.Receipt, Source: r.Source, Quiet: s.quiet},
	}
	s.incidents[ref] = i
	return i
}

func (i *inc) add(n uint64, r *incident.SignalRecord) {
	i.members = append(i.members, incident.Member{N: n, SignalRecord: r})
}

func hasSignal(i *inc, r *incident.SignalRecord) bool {
	return slices.ContainsFunc(i.members, func(m incident.Member) bool { return m.Mark == r.Mark && m.Part == r.Part })
}

const (
	// maxMerged bounds how many incidents one signal makes one: the entries of a
	// signal must fit into one message of the record. With the others a link is
	// offered.
	maxMerged = 8
	// maxHanging bounds how many unauthenticated signals hang on an incident by
	// one trusted signal, for the same reason.
	maxHanging = 64
)

// uncut drops from the matched incidents those that a person cut from an older
// one among them: a signal that would bridge a cut joins the older.
func (s *State) uncut(found []*inc) (into, barred []*inc) {
	for _, i := range found {
		if len(into) == maxMerged || slices.ContainsFunc(into, func(o *inc) bool { return cut(i, o) }) {
			barred = append(barred, i)
			continue
		}
		into = append(into, i)
	}
	return into, barred
}

func cut(a, b *inc) bool {
	return slices.Contains(a.rec.Cuts, b.rec.Ref) || slices.Contains(b.rec.Cuts, a.rec.Ref)
}

// merge makes the incidents one: the first, which is the oldest, goes on and
// takes over the crossings of the others. The caller judges it.
func (s *State) merge(at time.Time, of []*inc, why incident.Why) []incident.Entry {
	var out []incident.Entry
	for _, other := range of[1:] {
		out = append(out, s.mergeOne(at, of[0], other, why))
	}
	return out
}

func (s *State) mergeOne(at time.Time, home, other *inc, why incident.Why) incident.Entry {
	e := s.entry(at, incident.KindMerged, why)
	ended := *other.rec
	ended.Into, ended.Open, ended.Decide, ended.Evidence = home.rec.Ref, incident.StatusMerged, nil, e.N
	ended.Clocks = slices.Clone(ended.Clocks)
	for c := range ended.Clocks {
		e.Alerts = append(e.Alerts, endBars(&ended, &ended.Clocks[c], func(incident.Crossing) (incident.AlertState, incident.Why) {
			return incident.AlertMerged, incident.WhyMerged
		})...)
	}
	// home takes the bars as they were before they ended here.
	home.rec = taking(home.rec, other.rec)
	s.absorb(home, other)
	s.put(other, &ended)
	e.Incident = &ended
	return e
}

// absorb moves the signals of other to home. Its record is the caller's.
func (s *State) absorb(home, other *inc) {
	// A leaf that hung on both is there twice now, each time by its own entry.
	home.doubled = home.doubled || other.doubled || hasLeaves(other) && hasLeaves(home)
	home.members = append(home.members, other.members...)
	slices.SortStableFunc(home.members, func(a, b incident.Member) int {
		switch {
		case a.N < b.N:
			return -1
		case a.N > b.N:
			return 1
		default:
			return bytes.Compare(a.Mark[:], b.Mark[:])
		}
	})
	other.members, other.into = nil, home
}

// hasLeaves reports whether a signal of i came unauthenticated, vouched for since
// or not.
func hasLeaves(i *inc) bool {
	return slices.ContainsFunc(i.members, func(m incident.Member) bool { return !m.Trust.Known() })
}

// taking returns a record of home with the crossings, links and cuts of other.
func taking(home, other *incident.IncidentRecord) *incident.IncidentRecord {
	rec := *home
	rec.Clocks = slices.Clone(rec.Clocks)
	for _, oc := range other.Clocks {
		k := slices.IndexFunc(rec.Clocks, func(c incident.Clock) bool { return c.Policy == oc.Policy })
		if k < 0 {
			rec.Clocks = append(rec.Clocks, incident.Clock{Policy: oc.Policy, State: incident.Waiting, Limit: oc.Limit})
			k = len(rec.Clocks) - 1
		}
		c := &rec.Clocks[k]
		c.Bars = slices.Clone(c.Bars)
		for _, b := range oc.Bars {
			if !current(b) || b.State == incident.AlertHeld {
				continue // what nobody was told of yet is decided anew
			}
			cur, ok := c.Find(b.Threshold)
			if ok && cur.State == incident.AlertHeld && b.State != incident.AlertSuperseded {
				takeHeld(c, b.Threshold) // the other told it
				continue
			}
			if ok && current(cur) {
				continue
			}
			b.State, b.Why, b.Unread = incident.AlertTaken, incident.WhyMerged, nil
			if ok {
				b.G = cur.G + 1
			}
			c.Bars = append(c.Bars, b)
		}
	}
	for _, l := range other.Links {
		if l.To != home.Ref && len(rec.Links) < incident.MaxLinks {
			rec.Links = append(slices.Clone(rec.Links), l)
		}
	}
	rec.Links = slices.DeleteFunc(slices.Clone(rec.Links), func(l incident.Link) bool { return l.To == other.Ref })
	for _, c := range other.Cuts {
		if c != home.Ref && !slices.Contains(rec.Cuts, c) {
			rec.Cuts = append(slices.Clone(rec.Cuts), c)
		}
	}
	rec.Quiet = rec.Quiet && other.Quiet
	return &rec
}

// takeHeld marks the held crossing of t as told under another's id.
func takeHeld(c *incident.Clock, t incident.ThresholdName) {
	for k := range c.Bars {
		if b := &c.Bars[k]; b.Threshold == t && b.State == incident.AlertHeld {
			b.State, b.Why = incident.AlertTaken, incident.WhyMerged
		}
	}
}

// settle judges home after signal r came by entry e, and completes e.
func (s *State) settle(at time.Time, e incident.Entry, home *inc, r *incident.SignalRecord) incident.Entry {
	rec, alerts := s.judge(home, at, judging{signal: r}, e.N)
	s.put(home, rec)
	e.Signal, e.Incident, e.Alerts = r, rec, alerts
	s.remember(home)
	return e
}
