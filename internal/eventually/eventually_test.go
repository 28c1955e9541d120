package eventually_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

func TestEventuallyLooksUntilItIsSo(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		looks := 0
		eventually.Eventually(t, time.Minute, "the third look", func() bool {
			looks++
			return looks == 3
		})
		if looks != 3 {
			t.Errorf("Eventually looked %d times, want 3", looks)
		}
	})
}

func TestEventuallyGivesUpAndSaysOnWhat(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		began := time.Now()
		var last time.Time
		failed := &recorder{TB: t}
		done := make(chan struct{})
		go func() {
			defer close(done)
			eventually.Eventually(failed, time.Minute, "the server answers", func() bool {
				last = time.Now()
				return false
			})
		}()
		<-done
		if want := "not within 1m0s: the server answers"; failed.text != want {
			t.Errorf("Eventually failed with %q, want %q", failed.text, want)
		}
		if got := last.Sub(began); got != time.Minute {
			t.Errorf("Eventually looked last after %s, want 1m0s", got)
		}
	})
}

// A recorder keeps the text of a failure and ends the goroutine, as a test does.
type recorder struct {
	testing.TB
	text string
}

func (r *recorder) Helper() {}

func (r *recorder) Fatalf(format string, args ...any) {
	r.text = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
