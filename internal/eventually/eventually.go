// Package eventually waits in a test for what a real server, reached over a
// real socket, shows when it is ready. It is never for time to pass: a test
// whose subject is time runs in package bubble.
package eventually

import (
	"testing"
	"time"
)

// The wait between two looks grows from first to longest: most servers are
// quick, and the slow ones are not to be busy answering.
const (
	first   = 2 * time.Millisecond
	longest = 100 * time.Millisecond
)

// Eventually returns as soon as ok does, and ends the test if it has not within
// the time given. It looks at least once, and once more at the end. what
// completes the sentence "not within 5s: ". Call it from the goroutine of the
// test, and bound every request that ok makes: a look that hangs is not cut.
func Eventually(t testing.TB, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(within)
	for pause := first; !ok(); pause = min(2*pause, longest) {
		left := time.Until(deadline)
		if left <= 0 {
			t.Fatalf("not within %s: %s", within, what)
		}
		time.Sleep(min(pause, left))
	}
}
