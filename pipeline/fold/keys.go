package fold

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A keyed is where one key was seen.
type keyed struct {
	// segs are the runs of trusted signals with this key, each of one
	// incident. A new signal within the key's gap of a run joins it.
	segs []segment
	// leaves are unauthenticated signals that bear the key and connect nothing.
	leaves []leaf
	// weak are incidents in which the key is only weak, at most maxWeak.
	weak []*inc
}

type segment struct {
	from, to time.Time // receipts of its first and last signal
	in       *inc
}

type leaf struct {
	n       uint64 // entry by which it first came
	receipt time.Time
	rec     *incident.SignalRecord
	own     *inc // the incident it made because it found none; nil if it hung on one at once
}

const (
	maxWeak   = 4
	maxLeaves = 256 // per key; more are folded, but not offered to later signals
)

// within reports whether a signal received at `at` continues the run.
func within(k incident.SealedKey, seg segment, at time.Time) bool {
	gap := k.Kind.Gap()
	return gap == 0 || !at.Before(seg.from.Add(-gap)) && !at.After(seg.to.Add(gap))
}

// strong yields the strong keys of a signal, own references left out.
func strong(r *incident.SignalRecord) []incident.SealedKey {
	out := make([]incident.SealedKey, 0, len(r.Keys))
	for _, k := range r.Keys {
		if !k.Weak && k.Kind != incident.KeyOwn {
			out = append(out, k)
		}
	}
	return out
}

func (s *State) key(m incident.Mark) *keyed {
	k := s.keys[m]
	if k == nil {
		k = &keyed{}
		s.keys[m] = k
	}
	return k
}

// index makes i findable by the keys of a trusted signal.
func (s *State) index(i *inc, r *incident.SignalRecord) {
	for _, k := range strong(r) {
		kd := s.key(k.Mark)
		seg := segment{r.Receipt, r.Receipt, i}
		// Runs of the same incident that this signal now bridges become one.
		kept := kd.segs[:0]
		for _, o := range kd.segs {
			if o.in.find() == i && within(k, o, r.Receipt) {
				if o.from.Before(seg.from) {
					seg.from = o.from
				}
				if o.to.After(seg.to) {
					seg.to = o.to
				}
				continue
			}
			kept = append(kept, o)
		}
		kd.segs = append(kept, seg)
	}
	s.indexWeak(i, r)
}

func (s *State) indexWeak(i *inc, r *incident.SignalRecord) {
	for _, k := range r.Keys {
		if !k.Weak || k.Kind == incident.KeyOwn {
			continue
		}
		kd := s.key(k.Mark)
		if !slices.Contains(kd.weak, i) {
			kd.weak = append(kd.weak, i)
			if len(kd.weak) > maxWeak {
				kd.weak = kd.weak[1:]
			}
		}
	}
}

// indexLeaf makes an unauthenticated signal findable by later trusted ones.
func (s *State) indexLeaf(n uint64, r *incident.SignalRecord, own *inc) {
	for _, k := range strong(r) {
		if kd := s.key(k.Mark); len(kd.leaves) < maxLeaves {
			kd.leaves = append(kd.leaves, leaf{n, r.Receipt, r, own})
		}
	}
	if own != nil {
		s.indexWeak(own, r)
	}
}

// reindex forgets what is known of the keys of these incidents and reads it
// anew from their signals: after signals moved from one to the other.
func (s *State) reindex(of ...*inc) {
	for _, i := range of {
		for _, m := range i.members {
			for _, k := range m.Keys {
				if kd := s.keys[k.Mark]; kd != nil && k.Kind != incident.KeyOwn {
					kd.segs = slices.DeleteFunc(kd.segs, func(o segment) bool { return slices.Contains(of, o.in.find()) })
					kd.weak = slices.DeleteFunc(kd.weak, func(o *inc) bool { return slices.Contains(of, o.find()) })
				}
			}
		}
	}
	for _, i := range of {
		v := incident.NewView(i.members, nil)
		sorted := slices.Clone(i.members)
		slices.SortStableFunc(sorted, func(a, b incident.Member) int { return a.Receipt.Compare(b.Receipt) })
		for k := range sorted {
			if m := &sorted[k]; v.Trust(m).Known() {
				s.index(i, m.SignalRecord)
			} else {
				s.indexWeak(i, m.SignalRecord)
			}
		}
	}
}

// A match is what the keys of a signal lead to.
type match struct {
	strong []*inc // joined by a strong key, oldest first, each once
	owned  []*inc // among them those that our own reference names
	gone   []*inc // a strong key is known, but was last used too long before
	weak   []*inc // a weak key suggests them
	leaves []leaf // unauthenticated signals that bear a strong key
}

// lookup follows the keys of a signal. The order of keys does not matter.
func (s *State) lookup(r *incident.SignalRecord) match {
	var m match
	for _, k := range r.Keys {
		if k.Kind == incident.KeyOwn {
			if i := s.live(k.Ref); i != nil {
				if k.Weak {
					m.weak = addInc(m.weak, i)
				} else {
					m.strong, m.owned = addInc(m.strong, i), addInc(m.owned, i)
				}
			}
			continue
		}
		kd := s.keys[k.Mark]
		if kd == nil {
			continue
		}
		for _, seg := range kd.segs {
			switch {
			case k.Weak:
				m.weak = addInc(m.weak, seg.in.find())
			case within(k, seg, r.Receipt):
				m.strong = addInc(m.strong, seg.in.find())
			default:
				m.gone = addInc(m.gone, seg.in.find())
			}
		}
		for _, w := range kd.weak {
			m.weak = addInc(m.weak, w.find())
		}
		if !k.Weak {
			for _, l := range kd.leaves {
				if within(k, segment{l.receipt, l.receipt, nil}, r.Receipt) {
					m.leaves = append(m.leaves, l)
				}
			}
		}
	}
	slices.SortFunc(m.strong, byAge)
	return m
}

func addInc(to []*inc, i *inc) []*inc {
	if slices.Contains(to, i) {
		return to
	}
	return append(to, i)
}
