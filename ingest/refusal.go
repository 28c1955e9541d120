package ingest

import (
	"errors"
	"time"
)

// IsPermanent reports whether err says that trying again is of no use, for
// example because a signal is larger than the vault takes. An error of a Sink
// says so with a method Permanent() bool; every other error passes, and what
// it was returned for must be tried again.
func IsPermanent(err error) bool {
	var p interface{ Permanent() bool }
	return errors.As(err, &p) && p.Permanent()
}

// IsErased reports whether err says that the bytes were erased from the vault on
// a person's word and are refused if they come again. An error of a Sink says so
// with a method Erased() bool. It is the one refusal that is the sender's to
// know; every other is ours.
func IsErased(err error) bool {
	var e interface{ Erased() bool }
	return errors.As(err, &e) && e.Erased()
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
