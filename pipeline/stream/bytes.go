package stream

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a number of bytes. In a configuration it is a whole number with a
// unit: 512KiB, 64MiB, 8GiB, 1TiB, or a bare number of bytes.
type Bytes int64

// Units of [Bytes].
const (
	KiB Bytes = 1 << 10
	MiB Bytes = 1 << 20
	GiB Bytes = 1 << 30
	TiB Bytes = 1 << 40
)

// UnmarshalText reads a number with a unit.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	number, unit := s, Bytes(1)
	for name, size := range map[string]Bytes{"KiB": KiB, "MiB": MiB, "GiB": GiB, "TiB": TiB} {
		if n, ok := strings.CutSuffix(s, name); ok {
			number, unit = strings.TrimSpace(n), size
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/int64(unit) {
		return fmt.Errorf("read size %q: want a whole number with KiB, MiB, GiB or TiB, for example 8GiB", s)
	}
	*b = Bytes(n) * unit
	return nil
}

// MarshalText writes String.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// String writes b in the largest unit that divides it.
func (b Bytes) String() string {
	for _, u := range []struct {
		name string
		size Bytes
	}{{"TiB", TiB}, {"GiB", GiB}, {"MiB", MiB}, {"KiB", KiB}} {
		if b != 0 && b%u.size == 0 {
			return strconv.FormatInt(int64(b/u.size), 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}
