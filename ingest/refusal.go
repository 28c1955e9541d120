package ingest

import (
	"errors"
	"time"
)

// IsPermanent reports whether err says that trying again is of no use, for
// example because the bytes were erased on a person's word. An error of a Sink
// says so with a method Permanent() bool; every other error passes, and what
// it was returned for must be tried again.
func IsPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// DefaultRetry is after how long a sender is asked to try again where the error
// does not say: long enough for a restart, short beside a limit of 60 minutes.
const DefaultRetry = 5 * time.Second

// RetryAfter returns after how long to try again what failed with err, by its
// method RetryAfter() time.Duration where it has one, else DefaultRetry.
func RetryAfter(err error) time.Duration {
	var r interface{ RetryAfter() time.Duration }
	if errors.As(err, &r) && r.RetryAfter() > 0 {
		return r.RetryAfter()
	}
	return DefaultRetry
}
