package incident

import (
	"bytes"
	"slices"
	"time"
)

// A Member is a signal of an incident, with the number of the entry by which
// it joined.
type Member struct {
	N uint64
	*SignalRecord
}

// A View is an incident's members with what people's acts say of them. It
// resolves the time of each milestone (rules.md sections 1 and 2). The order
// of the members matters only where people's acts follow one another.
type View struct {
	Told time.Time // first trusted receipt, or evidence of a report; zero if none

	members    []Member
	withdrawn  map[uint64]bool
	vouched    map[signalPart]bool
	accepted   map[claimOf]uint64 // the act's entry
	rejected   map[claimOf]bool
	corrected  map[Milestone]*Member
	skip       map[uint64]bool // acts that are left out to see what they change
	times      map[timeOf]Time // resolved so far
	stating    int             // observers who stated a detection
	firstStory uint64          // entry of the first trusted report
}

type signalPart struct {
	mark Mark
	part int
}

type claimOf struct {
	n uint64
	m Milestone // "" for all claims of the signal
}

// NewView reads the acts among members, leaving out those whose entries are in
// skip.
func NewView(members []Member, skip map[uint64]bool) *View {
	v := &View{members: members, skip: skip}
	for i := range members {
		m := &members[i]
		if m.Act != nil && m.Act.Kind == ActWithdraw && !skip[m.N] {
			set(&v.withdrawn, m.Act.Signal, true)
		}
	}
	for i := range members {
		m := &members[i]
		if m.Act == nil || !v.counts(m) {
			continue
		}
		switch m.Act.Kind {
		case ActVouch:
			if t := v.find(m.Act.Signal); t != nil {
				set(&v.vouched, signalPart{t.Mark, t.Part}, true)
			}
		case ActAccept:
			set(&v.accepted, claimOf{m.Act.Signal, m.Act.Milestone}, m.N)
		case ActReject:
			set(&v.rejected, claimOf{m.Act.Signal, m.Act.Milestone}, true)
		case ActCorrection:
			set(&v.corrected, m.Act.Milestone, m)
		default:
		}
	}
	v.survey()
	return v
}

func set[K comparable, V any](m *map[K]V, k K, val V) {
	if *m == nil {
		*m = map[K]V{}
	}
	(*m)[k] = val
}

// counts reports whether m is neither withdrawn nor left out.
func (v *View) counts(m *Member) bool { return !v.withdrawn[m.N] && !v.skip[m.N] }

func (v *View) find(n uint64) *Member {
	for i := range v.members {
		if v.members[i].N == n {
			return &v.members[i]
		}
	}
	return nil
}

// Trust returns the trust of m as it is now: vouched where a person did so.
func (v *View) Trust(m *Member) Trust {
	if !m.Trust.Known() && v.vouched[signalPart{m.Mark, m.Part}] {
		return Vouched
	}
	return m.Trust
}

// survey finds the bound that follows from the first telling, and what the
// rule about many observers needs.
func (v *View) survey() {
	var first *Member
	var observers map[Mark]bool
	for i := range v.members {
		m := &v.members[i]
		if !v.counts(m) {
			continue
		}
		trusted := v.Trust(m).Known()
		if trusted && tellsByArrival(m) {
			v.tell(m.Receipt)
		}
		for k := range m.Claims {
			c := &m.Claims[k]
			if c.Milestone.Receipt() && v.grade(m, c, true) == gradeEvidence {
				v.tell(c.Interval.Latest)
				if c.Milestone == Reported && (first == nil || speaksFirst(m, first)) {
					first, v.firstStory = m, m.N
				}
			}
			many := len(observers) > ManyObservers // how many more does not matter
			if !many && c.Milestone == Detected && c.Basis == Stated && c.Void == "" && trusted {
				set(&observers, observerOf(m, c), true)
			}
		}
	}
	v.stating = len(observers)
}

// speaksFirst orders signals by receipt, and where that is the same by their
// marks: the order in which they were folded must not matter.
func speaksFirst(a, b *Member) bool {
	if c := a.Receipt.Compare(b.Receipt); c != 0 {
		return c < 0
	}
	return bytes.Compare(a.Mark[:], b.Mark[:]) < 0
}

// tellsByArrival reports whether m's own arrival tells of the incident: acts
// about an incident that is already there do not.
func tellsByArrival(m *Member) bool {
	return m.Act == nil || m.Act.Kind == ActReport || m.Act.Kind == ActDetection
}

func (v *View) tell(t time.Time) {
	if !t.IsZero() && (v.Told.IsZero() || t.Before(v.Told)) {
		v.Told = t
	}
}

func observerOf(m *Member, c *SealedClaim) Mark {
	if !c.Observer.IsZero() {
		return c.Observer
	}
	return m.Observer
}

type timeOf struct {
	m    Milestone
	stop bool
}

type grade int

const (
	gradeVoid grade = iota
	gradeWeak
	gradeEvidence
)

// grade says how much the claim c of m weighs, as a stop or as a start.
func (v *View) grade(m *Member, c *SealedClaim, stop bool) grade {
	byAct, accepted := v.accepted[claimOf{m.N, c.Milestone}]
	switch {
	case c.Void != "" && c.Void != VoidOffered || v.rejected[claimOf{m.N, c.Milestone}] || v.rejected[claimOf{m.N, ""}]:
		return gradeVoid
	case accepted && !v.skip[byAct]:
		return gradeEvidence
	case c.Void == VoidOffered:
		return gradeVoid
	case c.Weak || c.Basis == Derived || c.Basis == Assumed || !v.Trust(m).Known():
		return gradeWeak
	case stop && !c.Receiver:
		return gradeWeak
	case !stop && v.oneOfMany(m, c):
		return gradeWeak
	default:
		return gradeEvidence
	}
}

// oneOfMany reports whether c is a detection that one of many observers stated,
// other than the first who reported.
func (v *View) oneOfMany(m *Member, c *SealedClaim) bool {
	return v.stating > ManyObservers && c.Milestone == Detected && c.Basis == Stated && m.N != v.firstStory
}

// weighed is a claim with what is needed of its signal.
type weighed struct {
	*SealedClaim
	Interval Interval // of all that its observer stated, where that meets
	Flags    []Flag   // likewise
	observer Mark
	n        uint64
}

// Time resolves milestone m, as the stop or as the start of a clock.
func (v *View) Time(m Milestone, stop bool) Time {
	if c := v.corrected[m]; c != nil {
		return Time{Milestone: m, Interval: c.Act.Interval, Basis: Corrected, By: [2]uint64{c.N, c.N}}
	}
	return v.ByEvidence(m, stop)
}

// ByEvidence resolves milestone m as if nobody had corrected it.
func (v *View) ByEvidence(m Milestone, stop bool) Time {
	t, known := v.times[timeOf{m, stop}]
	if !known {
		t = v.byEvidence(m, stop)
		set(&v.times, timeOf{m, stop}, t)
	}
	t.Flags = slices.Clone(t.Flags)
	return t
}

// Correction returns the correction in force of milestone m, or nil.
func (v *View) Correction(m Milestone) *Member { return v.corrected[m] }

func (v *View) byEvidence(m Milestone, stop bool) Time {
	t := Time{Milestone: m}
	var evidence, weak []weighed
	if len(v.members) > 16 { // a campaign: most bear one claim of each
		evidence = make([]weighed, 0, len(v.members))
	}
	start := m == Detected && !stop
	for i := range v.members {
		mem := &v.members[i]
		for k := range mem.Claims {
			c := &mem.Claims[k]
			if c.Milestone != m || !v.counts(mem) {
				continue
			}
			g := v.grade(mem, c, stop)
			if g == gradeVoid {
				if v.Pending(mem, c) { // until a person has looked
					t.addFlags(c.Flags, FlagSkewed)
				}
				continue
			}
			if start && !v.Told.IsZero() && c.Interval.Earliest.After(v.Told) {
				t.addFlag(FlagToldBefore)
				continue
			}
			if g == gradeWeak && start && v.oneOfMany(mem, c) {
				t.addFlag(FlagManyStated)
			}
			switch {
			case g == gradeEvidence:
				evidence = append(evidence, weighed{c, c.Interval, c.Flags, observerOf(mem, c), mem.N})
			case len(evidence) == 0:
				weak = append(weak, weighed{c, c.Interval, c.Flags, observerOf(mem, c), mem.N})
			default: // evidence decides
			}
		}
	}
	switch {
	case len(evidence) > 0:
		t.combine(evidence)
	case len(weak) > 0:
		t.Weak = true
		t.combine(weak)
	}
	if start {
		v.boundDetected(&t)
	}
	if m == Aware && !t.Interval.Known() {
		// Nobody is aware before detection: the safe side is to assume that
		// awareness begins no earlier and to leave its end open.
		if d := v.Time(Detected, false); !d.Interval.Earliest.IsZero() {
			t.Interval, t.Basis, t.Weak = Interval{Earliest: d.Interval.Earliest}, Assumed, d.Weak
			t.By[0] = d.By[0]
		}
	}
	return t
}

// boundDetected applies the bound that nobody tells of what nobody detected.
func (v *View) boundDetected(t *Time) {
	if v.Told.IsZero() {
		return
	}
	if !t.Interval.Known() {
		t.Interval, t.Basis, t.Weak = Interval{Latest: v.Told}, Derived, false
		return
	}
	if t.Weak {
		t.Bound = Interval{Latest: v.Told}
	}
	if t.Interval.Latest.IsZero() || t.Interval.Latest.After(v.Told) {
		t.By[1] = 0
	}
	t.Interval = t.Interval.NotAfter(v.Told)
}

func (t *Time) addFlag(f Flag) {
	if !slices.Contains(t.Flags, f) {
		t.Flags = append(t.Flags, f)
		slices.Sort(t.Flags)
	}
}

func (t *Time) addFlags(from []Flag, only ...Flag) {
	for _, f := range from {
		if slices.Contains(only, f) {
			t.addFlag(f)
		}
	}
}

// wideStated is the width above which a stated claim that contains another
// observer's narrower one says the same less exactly.
const wideStated = time.Hour

// combine sets t to the minimum over claims, after what one observer stated is
// intersected and what is said less exactly is left out.
func (t *Time) combine(claims []weighed) {
	used := t.perObserver(claims)
	first := true
	for k := range used {
		c := &used[k]
		if c.Basis == Stated && !t.Weak && lessExact(c, used) {
			t.addFlag(FlagWide)
			continue
		}
		if first {
			first = false
			t.Interval, t.Basis, t.By = c.Interval, c.Basis, [2]uint64{c.n, c.n}
		} else {
			earlier := before(c.Interval.Earliest, t.Interval.Earliest)
			if earlier || c.Interval.Earliest.Equal(t.Interval.Earliest) && better(c, t) {
				t.Basis, t.By[0] = c.Basis, c.n
			}
			if after(t.Interval.Latest, c.Interval.Latest) || c.Interval.Latest.Equal(t.Interval.Latest) && c.n < t.By[1] {
				t.By[1] = c.n
			}
			t.Interval = t.Interval.Min(c.Interval)
		}
		if len(c.Flags) > 0 {
			t.addFlags(c.Flags, FlagHourTwice, FlagHourMissing, FlagClipped, FlagDateOnly, FlagAbout, FlagFarPast)
		}
	}
}

// lessExact reports whether c is wide and contains another observer's narrower
// claim.
func lessExact(c *weighed, among []weighed) bool {
	width, closed := c.Interval.Width()
	if closed && width <= wideStated {
		return false
	}
	for k := range among {
		o := &among[k]
		w, ok := o.Interval.Width()
		if ok && (!closed || w < width) && o.observer != c.observer && c.Interval.Contains(o.Interval) {
			return true
		}
	}
	return false
}

// better reports whether c rather than the claim that t has is named as what
// gives Earliest: the stronger basis, whatever came first; then the older.
func better(c *weighed, t *Time) bool {
	if a, b := slices.Index(Bases(), c.Basis), slices.Index(Bases(), t.Basis); a != b {
		return a < b
	}
	return c.n < t.By[0]
}

// perObserver intersects the stated claims of each observer; where they do not
// meet the earliest is used and t is flagged. It works in claims.
func (t *Time) perObserver(claims []weighed) []weighed {
	if len(claims) == 1 {
		return claims
	}
	type said struct {
		at    int // in out
		first weighed
		meet  bool
	}
	by := make(map[Mark]*said)
	out := claims[:0]
	for _, c := range claims {
		if c.Basis != Stated || c.observer.IsZero() {
			out = append(out, c)
			continue
		}
		s := by[c.observer]
		if s == nil {
			by[c.observer] = &said{at: len(out), first: c, meet: true}
			out = append(out, c)
			continue
		}
		all := &out[s.at]
		var ok bool
		all.Interval, ok = all.Interval.Meet(c.Interval)
		all.Flags = append(slices.Clip(all.Flags), c.Flags...)
		s.meet = s.meet && ok
		same := c.Interval.Earliest.Equal(s.first.Interval.Earliest)
		switch {
		case before(c.Interval.Earliest, s.first.Interval.Earliest) || same && after(s.first.Interval.Latest, c.Interval.Latest):
			s.first = c
		case same && c.Interval.Latest.Equal(s.first.Interval.Latest):
			s.first.Flags = append(slices.Clip(s.first.Flags), c.Flags...)
		}
	}
	for _, s := range by {
		if !s.meet {
			t.addFlag(FlagInconsistent)
			out[s.at] = s.first
		}
	}
	return out
}

// After returns the view of what was recorded after entry n.
func (v *View) After(n uint64) *View {
	var later []Member
	for _, m := range v.members {
		if m.N > n {
			later = append(later, m)
		}
	}
	return NewView(later, v.skip)
}

// Before returns the view of what was recorded before entry n.
func (v *View) Before(n uint64) *View {
	var earlier []Member
	for _, m := range v.members {
		if m.N < n {
			earlier = append(earlier, m)
		}
	}
	return NewView(earlier, v.skip)
}

// Pending reports whether no person has accepted or rejected the claim c of m.
func (v *View) Pending(m *Member, c *SealedClaim) bool {
	_, accepted := v.accepted[claimOf{m.N, c.Milestone}]
	return !accepted && !v.rejected[claimOf{m.N, c.Milestone}] && !v.rejected[claimOf{m.N, ""}] && v.counts(m)
}

// Counts reports whether m is not withdrawn.
func (v *View) Counts(m *Member) bool { return v.counts(m) }
