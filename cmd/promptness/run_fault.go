package main

import (
	"sync/atomic"
	"time"

	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

// A guard says when nothing is to be stored: where there is no room, and where
// the end of what is stored is lost, so that a position would be used twice.
type guard struct {
	host  stream.Host
	watch atomic.Pointer[watch.Watch] // nil until the store is open
}

// room returns why nothing is to be stored, or nil.
func (g *guard) room() error {
	if w := g.watch.Load(); w != nil {
		if f := w.Fault(); f != nil && !f.StoringSafe {
			return &unsafeError{f}
		}
	}
	return g.host.Room()
}

// An unsafeError says that storing would use a position a second time.
type unsafeError struct{ *watch.Fault }

// RetryAfter says when a sender is to try again: a person must act first.
func (e *unsafeError) RetryAfter() time.Duration { return time.Minute }

// Unwrap returns the fault.
func (e *unsafeError) Unwrap() error { return e.Fault }
