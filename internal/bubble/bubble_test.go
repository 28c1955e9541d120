package bubble_test

import (
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/bubble"
)

func TestAdvanceReturnsAfterWhatWasDue(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		t0 := time.Date(2026, time.October, 25, 0, 30, 0, 0, time.UTC)
		bubble.Start(t0)
		if got := time.Now().UTC(); !got.Equal(t0) {
			t.Fatalf("after Start(%s) it is %s", t0, got)
		}

		fired := make(chan time.Time, 1)
		timer := time.AfterFunc(time.Hour, func() { fired <- time.Now().UTC() })
		defer timer.Stop()

		bubble.Advance(time.Hour - 1)
		if len(fired) != 0 {
			t.Fatal("a timer of an hour fired a nanosecond early")
		}
		bubble.Advance(2)
		if len(fired) != 1 {
			t.Fatal("a timer of an hour has not fired a nanosecond after it was due")
		}
		if got, want := <-fired, t0.Add(time.Hour); !got.Equal(want) {
			t.Errorf("a timer of an hour fired at %s, want %s", got, want)
		}
	})
}

func TestStartRefusesThePast(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		defer func() {
			if recover() == nil {
				t.Error("Start went back in time")
			}
		}()
		bubble.Start(time.Date(1999, time.December, 31, 0, 0, 0, 0, time.UTC))
	})
}
