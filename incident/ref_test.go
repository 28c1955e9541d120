package incident_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
)

func TestARefSurvivesSpeechAndNoticesSlips(t *testing.T) {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz"
	for _, n := range []uint64{1, 31, 32, 4711, 1<<25 - 1, 1 << 25, 1 << 40, 1<<63 - 1} {
		ref := incident.NewRef(n)
		if got, ok := ref.Number(); !ok || got != n {
			t.Fatalf("%s names %d, %v, want %d", ref, got, ok, n)
		}
		spoken := strings.NewReplacer("0", "O", "1", "I").Replace(strings.ToUpper(string(ref)))
		if got, err := incident.ParseRef(" " + spoken + " "); err != nil || got != ref {
			t.Errorf("%q was read as %q, %v, want %s", spoken, got, err, ref)
		}
		body := []byte(ref)[2:]
		for k := range len(body) - 1 {
			for _, d := range []byte(digits) {
				// 0 for z and z for 0 are the one pair that 31 cannot tell apart.
				if d == body[k] || d == '0' && body[k] == 'z' || d == 'z' && body[k] == '0' {
					continue
				}
				slip := append([]byte("p-"), body...)
				slip[2+k] = d
				if got, err := incident.ParseRef(string(slip)); err == nil {
					t.Errorf("%s with one wrong digit was read as %s", ref, got)
				}
			}
		}
		for k := range len(body) - 2 {
			pair := string([]byte{min(body[k], body[k+1]), max(body[k], body[k+1])})
			if body[k] == body[k+1] || pair == "0z" {
				continue
			}
			slip := append([]byte("p-"), body...)
			slip[2+k], slip[3+k] = slip[3+k], slip[2+k]
			if got, err := incident.ParseRef(string(slip)); err == nil {
				t.Errorf("%s with two digits swapped was read as %s", ref, got)
			}
		}
	}
	for _, bad := range []string{"", "p-", "p-1", "p-uuuuuu", "q-000024", "p-000025", "p-0000240000000000"} {
		if got, err := incident.ParseRef(bad); err == nil {
			t.Errorf("%q was read as %q", bad, got)
		}
	}
}

func TestRefsAreFoundInProse(t *testing.T) {
	one, two := incident.NewRef(1), incident.NewRef(4711)
	text := "Re: [" + string(one) + "] see (" + strings.ToUpper(string(two)) + "), not p-aaaaaa, again " + string(one) + " and xp-" + string(one)[2:]
	if d := cmp.Diff([]incident.Ref{one, two}, incident.FindRefs(text)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func FuzzParseRef(f *testing.F) {
	f.Add("p-000024")
	f.Add(" P-OOOO24 ")
	f.Fuzz(func(t *testing.T, s string) {
		ref, err := incident.ParseRef(s)
		if err != nil {
			return
		}
		if again, err := incident.ParseRef(string(ref)); err != nil || again != ref {
			t.Errorf("%q was read as %q, and that as %q, %v", s, ref, again, err)
		}
	})
}
