package fold

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Dump writes everything that decides what the state does next, so that two
// states can be compared. Where a run of a key has no effect any more it is left out.
func (s *State) Dump() string {
	var b strings.Builder
	fmt.Fprintf(&b, "n=%d at=%s pos=%s rules=%d quiet=%v\n", s.n, s.at, s.pos, s.rulesN, s.quiet)
	for _, n := range slices.Sorted(maps.Keys(s.sources)) {
		fmt.Fprintf(&b, "source %s %+v\n", n, *s.sources[n])
	}
	fmt.Fprintf(&b, "begun %s\n", s.begun)
	all := make([]*inc, 0, len(s.incidents))
	for _, i := range s.incidents {
		all = append(all, i)
	}
	slices.SortFunc(all, byAge)
	for _, i := range all {
		rec, err := json.Marshal(i.rec)
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "%s first=%d wake=%s heap=%v held=%v\n  %s\n  members", i.rec.Ref, i.first, i.wake, i.heapIndex >= 0, s.held[i], rec)
		for _, m := range i.members {
			fmt.Fprintf(&b, " %d:%s/%d", m.N, m.Mark, m.Part)
		}
		if i.into != nil {
			fmt.Fprintf(&b, "\n  into %s", i.into.rec.Ref)
		}
		b.WriteString("\n")
	}
	var lines []string
	for m, k := range s.keys {
		var parts []string
		for _, seg := range k.segs {
			parts = append(parts, fmt.Sprintf("seg %s %s %s", seg.in.find().rec.Ref, seg.from, seg.to))
		}
		for _, l := range k.leaves {
			parts = append(parts, fmt.Sprintf("leaf %s/%d %s own=%v", l.rec.Mark, l.rec.Part, l.receipt, l.own != nil))
		}
		for _, w := range k.weak {
			parts = append(parts, "weak "+string(w.find().rec.Ref))
		}
		slices.Sort(parts)
		parts = slices.Compact(parts)
		if len(parts) > 0 {
			lines = append(lines, m.String()+": "+strings.Join(parts, "; "))
		}
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, "\n"))
	fmt.Fprintf(&b, "\nseen=%d unread=%v recent", len(s.seen), s.unread)
	tail := s.recent[max(0, len(s.recent)-maxRecent):]
	for _, i := range tail {
		b.WriteString(" " + string(i.find().rec.Ref))
	}
	for k := range s.due {
		if s.due[k].heapIndex != k || k > 0 && s.due.Less(k, (k-1)/2) {
			b.WriteString(" broken heap")
		}
	}
	fmt.Fprintf(&b, "\nlive=%d", cmp.Compare(len(s.Refs()), 0))
	return b.String()
}
