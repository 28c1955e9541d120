// Package bubble runs a test in virtual time, where a day passes in
// milliseconds and every instant is exact. It is for loops that wait; code that
// decides takes now as an argument and needs none of it.
//
// An embedded nats-server runs inside a bubble with DontListen, an in-process
// connection and ats.Register (nats-server/v2/server/ats) called in TestMain,
// outside of every bubble: its ticker would freeze the bubble else. Make
// t.TempDir outside, call [Start] before the server starts, and close readers,
// connections and the server before the test function returns.
//
// Two traps. Work that waits for no timer takes no virtual time, so a time-out
// is never met: fake what hangs. And a test that advances exactly to a due
// instant races with the timer of that instant: look a moment before it and a
// moment after.
package bubble

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
)

// Run runs f in a bubble of its own. It returns when f and every goroutine that
// f started have ended; one that is left fails the test.
func Run(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	emptyPools()
	defer emptyPools()
	synctest.Test(t, f)
}

// emptyPools empties every sync.Pool: what one keeps is dropped by the second
// collection. The NATS client keeps timers in one, and a timer of a bubble ends
// the process when it is set outside, for example by a connection that comes
// back.
func emptyPools() {
	runtime.GC()
	runtime.GC()
}

// Advance lets d pass and returns when every goroutine of the bubble waits
// again. What was due within d has happened then.
func Advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// Start advances to t0. A bubble opens at midnight UTC on 1 January 2000; call
// Start before anything that ticks, and the years until t0 cost nothing. It
// panics if t0 has passed, since time in a bubble only goes forward.
func Start(t0 time.Time) {
	d := time.Until(t0)
	if d < 0 {
		panic(fmt.Sprintf("bubble: start at %s: it is %s already", t0.UTC(), time.Now().UTC()))
	}
	Advance(d)
}
