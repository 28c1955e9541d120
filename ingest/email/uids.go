package email

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// uids is a set of UIDs, as ranges that ascend and neither meet nor touch. As
// text it is what IMAP calls a sequence set, "1:40,42,50:51". A nil set is empty.
// Its methods change no set that they are given.
type uids []span

// A span is a range of UIDs, both ends in it.
type span struct{ from, to uint32 }

// maxSpans bounds the ranges of a set that is read as text.
const maxSpans = 100_000

// uidsOf returns the set of the UIDs of list, in any order.
func uidsOf(list []uint32) uids {
	list = slices.Clone(list)
	slices.Sort(list)
	var s uids
	for _, u := range list {
		s = s.put(span{u, u})
	}
	return s
}

// put adds r at the end of s, which it may meet there. It changes s.
func (s uids) put(r span) uids {
	if n := len(s); n > 0 && uint64(r.from) <= uint64(s[n-1].to)+1 {
		s[n-1].to = max(s[n-1].to, r.to)
		return s
	}
	return append(s, r)
}

// with returns all that is in s or o.
func (s uids) with(o uids) uids {
	if len(o) == 0 {
		return s
	}
	all := append(slices.Clone(s), o...)
	slices.SortFunc(all, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	out := all[:0]
	for _, r := range all {
		out = out.put(r)
	}
	return out
}

// without returns what is in s and not in o.
func (s uids) without(o uids) uids {
	var out uids
	for _, r := range s {
		for len(o) > 0 && o[0].to < r.from {
			o = o[1:]
		}
		rest, left := o, true
		for left && len(rest) > 0 && rest[0].from <= r.to {
			if rest[0].from > r.from {
				out = append(out, span{r.from, rest[0].from - 1})
			}
			if left = rest[0].to < r.to; left {
				r.from = rest[0].to + 1
			}
			rest = rest[1:]
		}
		if left {
			out = append(out, r)
		}
	}
	return out
}

// both returns what is in s and in o.
func (s uids) both(o uids) uids { return s.without(s.without(o)) }

// upTo returns what of s is not above uid.
func (s uids) upTo(uid uint32) uids { return s.both(uids{{0, uid}}) }

// has reports whether uid is in s.
func (s uids) has(uid uint32) bool {
	i, found := slices.BinarySearchFunc(s, uid, func(r span, u uint32) int { return cmp.Compare(r.from, u) })
	return found || i > 0 && uid <= s[i-1].to
}

// count returns how many UIDs are in s.
func (s uids) count() uint64 {
	n := uint64(0)
	for _, r := range s {
		n += uint64(r.to) - uint64(r.from) + 1
	}
	return n
}

// all yields the UIDs of s, ascending.
func (s uids) all() iter.Seq[uint32] {
	return func(yield func(uint32) bool) {
		for _, r := range s {
			for u := uint64(r.from); u <= uint64(r.to); u++ {
				if !yield(uint32(u)) {
					return
				}
			}
		}
	}
}

// String returns s as IMAP writes it.
func (s uids) String() string {
	var b strings.Builder
	for i, r := range s {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(uint64(r.from), 10))
		if r.to > r.from {
			b.WriteByte(':')
			b.WriteString(strconv.FormatUint(uint64(r.to), 10))
		}
	}
	return b.String()
}

// MarshalText writes String.
func (s uids) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads what MarshalText wrote, and nothing else.
func (s *uids) UnmarshalText(b []byte) error {
	*s = nil
	if len(b) == 0 {
		return nil
	}
	for word := range strings.SplitSeq(string(b), ",") {
		first, last, two := strings.Cut(word, ":")
		from, err := strconv.ParseUint(first, 10, 32)
		to := from
		if err == nil && two {
			to, err = strconv.ParseUint(last, 10, 32)
		}
		if err != nil || from == 0 || to < from {
			return fmt.Errorf("read uids: %q is no range", word)
		}
		if n := len(*s); n > 0 && from <= uint64((*s)[n-1].to)+1 || n == maxSpans {
			return fmt.Errorf("read uids: %q does not stand behind the range before it", word)
		}
		*s = append(*s, span{uint32(from), uint32(to)})
	}
	return nil
}
