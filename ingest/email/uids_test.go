package email_test

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func TestASetOfUIDsIsWhatAMapOfThemIs(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		some := rapid.SliceOf(rapid.Uint32Range(1, 40))
		a, b := some.Draw(r, "a"), some.Draw(r, "b")
		in := func(list []uint32, u uint32) bool { return slices.Contains(list, u) }
		sa, sb := email.NewUIDs(a...), email.NewUIDs(b...)
		mark := rapid.Uint32Range(0, 41).Draw(r, "mark")
		for name, tt := range map[string]struct {
			got  email.UIDs
			want func(u uint32) bool
		}{
			"a":            {sa, func(u uint32) bool { return in(a, u) }},
			"with":         {sa.With(sb), func(u uint32) bool { return in(a, u) || in(b, u) }},
			"without":      {sa.Without(sb), func(u uint32) bool { return in(a, u) && !in(b, u) }},
			"both":         {sa.Both(sb), func(u uint32) bool { return in(a, u) && in(b, u) }},
			"up to a mark": {sa.UpTo(mark), func(u uint32) bool { return in(a, u) && u <= mark }},
		} {
			var want []uint32
			for u := range uint32(42) {
				if tt.want(u) {
					want = append(want, u)
				}
				if tt.got.Has(u) != tt.want(u) {
					r.Errorf("%s: %s.Has(%d) = %v", name, tt.got, u, tt.got.Has(u))
				}
			}
			if got := tt.got.List(); !slices.Equal(got, want) {
				r.Errorf("%s of %s and %s = %v, want %v", name, sa, sb, got, want)
			}
			if got := tt.got.Count(); got != uint64(len(want)) {
				r.Errorf("%s: Count() = %d, want %d", name, got, len(want))
			}
			var again email.UIDs
			if err := again.UnmarshalText([]byte(tt.got.String())); err != nil || !slices.Equal(again, tt.got) {
				r.Errorf("%s: %q is read as %s (%v), want the same", name, tt.got, again, err)
			}
		}
		if !slices.Equal(sa, email.NewUIDs(a...)) || !slices.Equal(sb, email.NewUIDs(b...)) {
			r.Error("a set was changed by what was asked of it")
		}
	})
}

func TestTheLastUIDThereCanBe(t *testing.T) {
	const last = 1<<32 - 1
	s := email.NewUIDs(last, last-1, 1)
	if got, want := s.String(), "1,4294967294:4294967295"; got != want {
		t.Errorf("String() = %s, want %s", got, want)
	}
	if s.Count() != 3 || len(s.List()) != 3 || !s.Has(last) || s.Without(email.NewUIDs(last)).Has(last) {
		t.Errorf("%s: count %d, %v, want its three", s, s.Count(), s.List())
	}
}

// What cannot have been written is refused: the position is damaged.
func FuzzUIDs(f *testing.F) {
	for _, s := range []string{"", "1", "1:4,6,9:4294967295", "0", "4:1", "1,2", "1:3,3", "9,1", "1:", "x", "4294967296"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s email.UIDs
		if err := s.UnmarshalText([]byte(text)); err != nil {
			return
		}
		for i, r := range s {
			_ = r
			if i > 0 && s[:i].Both(s[i:]) != nil {
				t.Errorf("%q is read as %v, whose ranges meet", text, s)
			}
			if i == 50 {
				break
			}
		}
		b, err := json.Marshal(s)
		var again email.UIDs
		if err == nil {
			err = json.Unmarshal(b, &again)
		}
		if err != nil || !slices.Equal(s, again) {
			t.Errorf("%q is read as %v and written as %s (%v)", text, s, b, err)
		}
	})
}
