package report

import (
	"cmp"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A monthSignal is as much of a signal as its weighing needs, in a small part of the
// memory of its record: a report over a million incidents holds all of them.
type monthSignal struct {
	n                 uint64
	received, receipt int64 // as nanos
	mark, observer    incident.Mark
	claims            []monthClaim
	act               *incident.Act
	trust             incident.Trust
	flags             []incident.Flag
	part              int32
	opens             bool
}

type monthClaim struct {
	earliest, latest int64 // as nanos
	observer         incident.Mark
	milestone        incident.Milestone
	basis            incident.Basis
	void             incident.Void
	flags            []incident.Flag
	receiver, weak   bool
}

// nanos returns t in nanoseconds since 1970, and 0 for the zero time; instants
// are of this century.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func instant(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

func newMonthSignal(n uint64, s *incident.SignalRecord) monthSignal {
	m := monthSignal{
		n: n, received: nanos(s.Received), receipt: nanos(s.Receipt), mark: s.Mark, observer: s.Observer,
		act: s.Act, trust: s.Trust, flags: s.Flags, part: int32(s.Part), opens: s.Opening == incident.Opens,
	}
	if len(s.Claims) > 0 {
		m.claims = make([]monthClaim, len(s.Claims))
	}
	for i := range s.Claims {
		c := &s.Claims[i]
		m.claims[i] = monthClaim{
			earliest: nanos(c.Interval.Earliest), latest: nanos(c.Interval.Latest), observer: c.Observer,
			milestone: c.Milestone, basis: c.Basis, void: c.Void, flags: c.Flags, receiver: c.Receiver, weak: c.Weak,
		}
	}
	return m
}

// member returns the signal as the resolving of times wants it.
func (m *monthSignal) member() incident.Member {
	s := &incident.SignalRecord{
		Mark: m.mark, Observer: m.observer, Part: int(m.part), Received: instant(m.received), Receipt: instant(m.receipt),
		Trust: m.trust, Act: m.act, Flags: m.flags,
	}
	if m.opens {
		s.Opening = incident.Opens
	}
	for i := range m.claims {
		c := &m.claims[i]
		s.Claims = append(s.Claims, incident.SealedClaim{
			Milestone: c.milestone, Interval: incident.Interval{Earliest: instant(c.earliest), Latest: instant(c.latest)}, Basis: c.basis,
			Observer: c.observer, Receiver: c.receiver, Weak: c.weak, Void: c.void, Flags: c.flags,
		})
	}
	return incident.Member{N: m.n, SignalRecord: s}
}

func members(of []monthSignal) []incident.Member {
	out := make([]incident.Member, len(of))
	for i := range of {
		out[i] = of[i].member()
	}
	return out
}

// keptOf returns the incident ref, and makes it where it is new.
func (b *Builder) keptOf(ref incident.Ref) *kept {
	k := b.kept[ref]
	if k == nil {
		k = &kept{}
		b.kept[ref] = k
		b.order = append(b.order, k)
	}
	return k
}

// move moves the signals of from, or those of its entries that are listed, to
// another incident, as the record says that they moved.
func (b *Builder) move(from, to incident.Ref, only []uint64) {
	src, dst := b.keptOf(from), b.keptOf(to)
	src.signals = slices.DeleteFunc(src.signals, func(s monthSignal) bool {
		if only != nil && !slices.Contains(only, s.n) {
			return false
		}
		dst.signals = append(dst.signals, s)
		return true
	})
	slices.SortStableFunc(dst.signals, func(a, b monthSignal) int { return cmp.Compare(a.n, b.n) })
}
