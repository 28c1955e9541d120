package fold

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// divide folds act r, which takes away what held the signals of i together: a
// cut at the signal off, or (off nil) an act that is withdrawn. What still
// hangs together with the oldest signal stays; each other piece becomes the
// incident that it was before it was joined, or a new one.
func (s *State) divide(at time.Time, i *inc, r *incident.SignalRecord, off *incident.Member, why incident.Why) []incident.Entry {
	e := s.entry(at, incident.KindActed, incident.WhyByPerson)
	i.add(e.N, r)
	pieces, offPiece := split(i.members, off)
	out := []incident.Entry{}
	all := []*inc{i}
	for k, piece := range pieces {
		if k == 0 {
			continue
		}
		se := s.entry(at, incident.KindSplit, why)
		home := s.revive(i, piece, se.N)
		i.members = slices.DeleteFunc(i.members, func(m incident.Member) bool { return slices.Contains(piece, m.N) })
		se.From, se.Moved = i.rec.Ref, piece
		all = append(all, home)
		if off != nil && k == offPiece {
			s.cutApart(i, home)
		}
		out = append(out, se)
	}
	s.reindex(all...)
	for k := range out {
		home := all[k+1]
		rec, alerts := s.judge(home, at, judging{signal: r}, out[k].N)
		s.put(home, rec)
		out[k].Incident, out[k].Alerts = rec, alerts
	}
	// The act's own entry was numbered first.
	return append([]incident.Entry{s.settle(at, e, i, r)}, out...)
}

func (s *State) cutApart(a, b *inc) {
	add := func(x, y *inc) {
		rec := *x.rec
		if !slices.Contains(rec.Cuts, y.rec.Ref) {
			rec.Cuts = append(slices.Clone(rec.Cuts), y.rec.Ref)
		}
		x.rec = &rec
	}
	add(a, b)
	add(b, a)
}

// revive returns the incident that a piece of from becomes: the one that a
// signal of the piece once began and that was merged into from, else a new one
// whose first entry is n.
func (s *State) revive(from *inc, piece []uint64, n uint64) *inc {
	var home *inc
	for _, m := range piece {
		if o := s.incidents[incident.NewRef(m)]; o != nil && o != from && o.into == from && home == nil {
			home = o
		}
	}
	moved := make([]incident.Member, 0, len(piece))
	for _, m := range from.members {
		if slices.Contains(piece, m.N) {
			moved = append(moved, m)
		}
	}
	if home == nil {
		home = s.create(n, moved[0].SignalRecord)
	}
	rec := *home.rec
	rec.Into = ""
	home.rec, home.into, home.members, home.doubled = &rec, nil, moved, from.doubled
	return home
}

// split returns the pieces into which members fall, as entry numbers, the one
// to stay first, and the index of the piece that off lies in.
func split(members []incident.Member, off *incident.Member) ([][]uint64, int) {
	g := newGraph(members)
	v := incident.NewView(members, nil)
	isOff := func(k int) bool { return off != nil && members[k].N == off.N }
	for k := range members {
		if !isOff(k) {
			g.connect(v, k, isOff)
		}
	}
	g.leaves(v, isOff)
	stay := slices.IndexFunc(members, func(m incident.Member) bool { return (off == nil || m.N != off.N) && signal(&m) })
	g.rest(stay, isOff)
	if off != nil {
		o := slices.IndexFunc(members, func(m incident.Member) bool { return m.N == off.N })
		for k := range members {
			if k != o && !g.same(k, stay) && sharesKey(&members[k], &members[o]) {
				g.union(k, o)
			}
		}
	}
	return g.pieces(stay, off)
}

// A graph is a union-find over an incident's members.
type graph struct {
	members []incident.Member
	parent  []int
	at      map[uint64]int // entry number → index
}

func newGraph(members []incident.Member) *graph {
	g := &graph{members: members, parent: make([]int, len(members)), at: map[uint64]int{}}
	for k := range members {
		g.parent[k] = k
		g.at[members[k].N] = k
	}
	return g
}

func (g *graph) root(k int) int {
	for g.parent[k] != k {
		g.parent[k] = g.parent[g.parent[k]]
		k = g.parent[k]
	}
	return k
}

func (g *graph) same(a, b int) bool { return g.root(a) == g.root(b) }

func (g *graph) union(a, b int) {
	a, b = g.root(a), g.root(b)
	g.parent[max(a, b)] = min(a, b)
}

// begun returns the member that began the incident ref, or false.
func (g *graph) begun(ref incident.Ref) (int, bool) {
	n, ok := ref.Number()
	if !ok {
		return 0, false
	}
	k, ok := g.at[n]
	return k, ok
}

// named returns the member that stands for the incident ref: the one that began
// it or, where that one is detached, the oldest that names the incident. Who
// writes our reference means that incident, whatever signal began it.
func (g *graph) named(ref incident.Ref, isOff func(int) bool) (int, bool) {
	if ref == "" {
		return 0, false
	}
	if k, ok := g.begun(ref); ok && !isOff(k) {
		return k, true
	}
	for k := range g.members {
		m := &g.members[k]
		names := m.Act != nil && m.Act.Ref == ref || slices.ContainsFunc(m.Keys, func(key incident.SealedKey) bool {
			return key.Kind == incident.KeyOwn && !key.Weak && key.Ref == ref
		})
		if names && !isOff(k) {
			return k, true
		}
	}
	return 0, false
}

// connect joins member k with the earlier ones with which a strong key, our own
// reference or a person's link connects it.
func (g *graph) connect(v *incident.View, k int, isOff func(int) bool) {
	m := &g.members[k]
	withdrawn := !v.Counts(m)
	if a := m.Act; a != nil && !withdrawn {
		one, ok := g.named(a.Ref, isOff)
		if ok {
			g.union(k, one)
		}
		if two, ok2 := g.named(a.Other, isOff); a.Kind == incident.ActLink && ok && ok2 {
			g.union(one, two)
		}
	}
	if !v.Trust(m).Known() {
		return
	}
	for _, key := range m.Keys {
		if key.Weak {
			continue
		}
		if key.Kind == incident.KeyOwn {
			if one, ok := g.named(key.Ref, isOff); ok {
				g.union(k, one)
			}
			continue
		}
		for o := range g.members {
			n := &g.members[o]
			if o == k || isOff(o) || !v.Trust(n).Known() || !bears(n, key) {
				continue
			}
			if within(key, segment{n.Receipt, n.Receipt, nil}, m.Receipt) {
				g.union(k, o)
			}
		}
	}
}

// leaves hangs the unauthenticated signals on a piece whose key they bear.
func (g *graph) leaves(v *incident.View, isOff func(int) bool) {
	for k := range g.members {
		if v.Trust(&g.members[k]).Known() || isOff(k) {
			continue
		}
		for o := range g.members {
			if o != k && !isOff(o) && v.Trust(&g.members[o]).Known() && sharesKey(&g.members[k], &g.members[o]) {
				g.union(k, o)
				break
			}
		}
	}
}

// rest keeps the acts that belong to no signal with the oldest piece.
func (g *graph) rest(stay int, isOff func(int) bool) {
	if stay < 0 {
		return
	}
	for k := range g.members {
		if !isOff(k) && !signal(&g.members[k]) && g.root(k) == k && !g.hasSignal(k) {
			g.union(k, stay)
		}
	}
}

func (g *graph) hasSignal(root int) bool {
	for k := range g.members {
		if g.root(k) == root && signal(&g.members[k]) {
			return true
		}
	}
	return false
}

func (g *graph) pieces(stay int, off *incident.Member) ([][]uint64, int) {
	byRoot := map[int]int{}
	var pieces [][]uint64
	put := func(k int) {
		r := g.root(k)
		p, ok := byRoot[r]
		if !ok {
			p = len(pieces)
			byRoot[r] = p
			pieces = append(pieces, nil)
		}
		pieces[p] = append(pieces[p], g.members[k].N)
	}
	if stay >= 0 {
		byRoot[g.root(stay)], pieces = 0, [][]uint64{nil}
	}
	for k := range g.members {
		put(k)
	}
	offPiece := -1
	if off != nil {
		offPiece = byRoot[g.root(g.at[off.N])]
	}
	return pieces, offPiece
}

func bears(m *incident.Member, key incident.SealedKey) bool {
	return slices.ContainsFunc(m.Keys, func(k incident.SealedKey) bool { return !k.Weak && k.Kind == key.Kind && k.Mark == key.Mark })
}

func sharesKey(a, b *incident.Member) bool {
	return slices.ContainsFunc(a.Keys, func(k incident.SealedKey) bool {
		return !k.Weak && k.Kind != incident.KeyOwn && bears(b, k)
	})
}
