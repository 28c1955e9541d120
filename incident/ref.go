package incident

import (
	"fmt"
	"regexp"
	"strings"
)

// A Ref names one incident for ever and can be spoken: "p-" and the number of
// the incident's first entry in Crockford's base32 (no i, l, o, u), at least
// five digits, and a check character. Example: p-04f7k2
type Ref string

const refDigits = "0123456789abcdefghjkmnpqrstvwxyz"

// refCheck has 31 characters: a prime, so that one wrong digit (unless 0 stands
// for z or z for 0) and two swapped neighbours are noticed.
const refCheck = "23456789abcdefghjkmnpqrstvwxyz0"

// NewRef returns the reference of the incident whose first entry is n.
func NewRef(n uint64) Ref {
	var b [16]byte
	i := len(b)
	for v, k := n, 0; v > 0 || k < 5; v, k = v/32, k+1 {
		i--
		b[i] = refDigits[v%32]
	}
	digits := string(b[i:])
	return Ref("p-" + digits + string(refCheck[refSum(digits)]))
}

func refSum(digits string) int {
	sum := 0
	for _, c := range []byte(digits) {
		sum = (sum*33 + strings.IndexByte(refDigits, c) + 1) % 31
	}
	return sum
}

var refPattern = regexp.MustCompile(`^p-([0-9a-hjkmnp-tv-z]{5,13})([0-9a-hjkmnp-tv-z])$`)

// ParseRef reads a reference as a person may have written it: any letter case,
// o for 0, i and l for 1. It refuses one whose check character does not fit.
func ParseRef(s string) (Ref, error) {
	t := strings.ToLower(strings.TrimSpace(s))
	if rest, ok := strings.CutPrefix(t, "p-"); ok {
		t = "p-" + strings.NewReplacer("o", "0", "i", "1", "l", "1").Replace(rest)
	}
	m := refPattern.FindStringSubmatch(t)
	if m == nil {
		return "", fmt.Errorf("read reference %q: want p- and six or more characters, for example %s", s, NewRef(4711))
	}
	if refCheck[refSum(m[1])] != m[2][0] {
		return "", fmt.Errorf("read reference %q: the check character does not fit; one character may be mistyped", s)
	}
	return Ref(t), nil
}

var refInText = regexp.MustCompile(`(?i)\bp-[0-9a-z]{6,14}\b`)

// FindRefs returns the valid references in text, each once, in order.
func FindRefs(text string) []Ref {
	var refs []Ref
	seen := map[Ref]bool{}
	for _, s := range refInText.FindAllString(text, MaxKeys) {
		if r, err := ParseRef(s); err == nil && !seen[r] {
			seen[r] = true
			refs = append(refs, r)
		}
	}
	return refs
}

// Number returns the number of the incident's first entry, or false where r is
// no valid reference.
func (r Ref) Number() (uint64, bool) {
	m := refPattern.FindStringSubmatch(string(r))
	if m == nil {
		return 0, false
	}
	var n uint64
	for _, c := range []byte(m[1]) {
		n = n<<5 | uint64(strings.IndexByte(refDigits, c))
	}
	return n, true
}
