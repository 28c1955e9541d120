package watch_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

func TestAPaceReadsSlowlyAndNeverCatchesUp(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		p := watch.NewPace(1<<20, 0.25)
		begin := time.Now()
		for range 100 {
			if err := p.Read(t.Context(), 100<<10); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := time.Since(begin), 9765*time.Millisecond; got < want-100*time.Millisecond || got > want+100*time.Millisecond {
			t.Errorf("10 000 KiB at 1 MiB a second took %s, want %s", got, want)
		}
		bubble.Advance(time.Hour) // waiting for something else saves nothing up
		begin = time.Now()
		if err := p.Read(t.Context(), 1<<20); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			if err := p.Read(t.Context(), 1<<20); err != nil {
				t.Fatal(err)
			}
		}
		if got := time.Since(begin); got < 10*time.Second {
			t.Errorf("10 MiB after an hour of waiting took %s, want 10s at least", got)
		}
		// Work that takes a second earns three of rest.
		share := watch.NewPace(0, 0.25)
		begin = time.Now()
		for range 10 {
			_ = share.Read(t.Context(), 1)
			bubble.Advance(time.Second)
		}
		if got := time.Since(begin); got < 37*time.Second-time.Millisecond || got > 40*time.Second {
			t.Errorf("ten seconds of work took %s, want about 37s", got)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := p.Read(ctx, 1<<30); !errors.Is(err, context.Canceled) {
			t.Errorf("Read after the end = %v", err)
		}
	})
}
