package said

import "time"

// Anchored is how far before the receipt a text may say that it was sent and
// still be read from that time alone. Beyond it the text may have waited, or
// the sender's clock be wrong: relative words are then read from both.
const Anchored = 5 * time.Minute

// An Anchor is that against which relative words are read.
type Anchor struct {
	Receipt time.Time     // when the text reached us; always set
	Sent    time.Time     // when it says that it was sent (Date header); zero: unknown
	Offset  time.Duration // the sender's zone east of UTC, as the Date header gives it
	Zoned   bool          // Offset is known
}
