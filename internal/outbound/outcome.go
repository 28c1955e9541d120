package outbound

import (
	"errors"
	"time"
)

// An Outcome is what is known of an attempt to tell a receiver something.
type Outcome string

// The outcomes.
const (
	Accepted Outcome = "accepted" // the receiver said yes
	Refused  Outcome = "refused"  // the receiver said no; the same again will not do
	Failed   Outcome = "failed"   // it was surely not accepted; the same again may do
	Unknown  Outcome = "unknown"  // it may have been accepted: the answer is missing
)

// Outcomes lists every outcome.
func Outcomes() []Outcome { return []Outcome{Accepted, Refused, Failed, Unknown} }

// A Code says more of an outcome than accepted. It is from a closed set.
type Code string

// The codes.
const (
	None          Code = ""               // nothing more to say
	Unreachable   Code = "unreachable"    // no connection
	BadTLS        Code = "tls"            // no secure connection
	NoAnswer      Code = "no_answer"      // the connection broke before the answer
	TimedOut      Code = "timed_out"      // no answer within Timeout
	Interrupted   Code = "interrupted"    // we stopped, or crashed, before the answer
	ServerError   Code = "server_error"   // 5xx
	Limited       Code = "rate_limited"   // 429
	Rejected      Code = "rejected"       // 4xx that is none of the below
	Unauthorised  Code = "unauthorised"   // 401, 403
	NotThere      Code = "not_there"      // 404, 405, 410: the address is wrong
	TooLarge      Code = "too_large"      // 413
	Redirected    Code = "redirected"     // 3xx, which is never followed
	Misconfigured Code = "misconfigured"  // a file that the configuration names cannot be used
	Other         Code = "something_else" // an error of another kind
)

// Codes lists every code.
func Codes() []Code {
	return []Code{None, Unreachable, BadTLS, NoAnswer, TimedOut, Interrupted, ServerError, Limited,
		Rejected, Unauthorised, NotThere, TooLarge, Redirected, Misconfigured, Other}
}

// An Error is an attempt that was not accepted.
type Error struct {
	Outcome Outcome
	Code    Code
	// Status is the HTTP status of the answer, 0 without one.
	Status int
	// After is how long the receiver asks to be left alone, at most five
	// minutes; 0 if it does not say.
	After time.Duration
	Err   error
}

// Error tells the cause, without the address: it may hold a token.
func (e *Error) Error() string { return "post: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Hint says what to do about it, or "".
func (e *Error) Hint() string {
	switch e.Code {
	case Unauthorised:
		return "the receiver does not accept our credentials: compare bearer_file or basic_password_file with what it expects"
	case NotThere, Redirected:
		return "the address of the receiver is wrong: url must lead to it directly, with its path prefix if it has one"
	case BadTLS:
		return "name the authority that signed the receiver's certificate in ca_file"
	case Unreachable:
		return "is the receiver running, and may this machine reach it?"
	case Misconfigured:
		if h, ok := errors.AsType[interface {
			error
			Hint() string
		}](e.Err); ok {
			return h.Hint()
		}
		return ""
	case None, NoAnswer, TimedOut, Interrupted, ServerError, Limited, Rejected, TooLarge, Other:
		return ""
	default:
		return ""
	}
}

// Judge returns what err says of an attempt. An error of another kind may mean
// anything, so its outcome is Unknown.
func Judge(err error) (Outcome, Code, time.Duration) {
	if err == nil {
		return Accepted, None, 0
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Outcome, e.Code, e.After
	}
	return Unknown, Other, 0
}
