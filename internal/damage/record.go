package damage

import "encoding/binary"

// A record is a message in a block of the server: its length with a flag for
// headers (4 bytes, little endian), its sequence with flags (8), its time (8),
// the length of its subject (2), the rest, and a checksum (8).
type record struct {
	start, end int
	seq        uint64
}

const (
	headerFlag = 1 << 31
	seqFlags   = 1<<63 | 1<<62
	least      = 22 + 8
)

// records finds the messages of a block, as far as it is whole.
func records(b []byte) []record {
	var all []record
	for at := 0; at+least <= len(b); {
		n := int(binary.LittleEndian.Uint32(b[at:]) &^ headerFlag)
		if n < least || at+n > len(b) {
			break
		}
		all = append(all, record{at, at + n, binary.LittleEndian.Uint64(b[at+4:]) &^ seqFlags})
		at += n
	}
	return all
}
