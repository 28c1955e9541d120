// Package say is the one voice in which the program speaks to the person at
// the terminal: an error with what to do about it becomes lines and an exit
// code, and long work becomes a progress line; it never exits and never logs.
package say

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// The exit codes of the program.
const (
	Done     = 0 // it did what was asked
	CouldNot = 1 // it could not
	Misused  = 2 // it was not asked for something that it does
)

// A UsageError says that the program was misused: the command line is wrong,
// not the world.
type UsageError struct {
	Err error
	// Do is what to type instead, as a hint. May be empty.
	Do string
}

// Error returns what was wrong with the command line.
func (e *UsageError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *UsageError) Unwrap() error { return e.Err }

// Hint says what to type instead.
func (e *UsageError) Hint() string { return e.Do }

// Usage returns a UsageError.
func Usage(format string, args ...any) error { return &UsageError{Err: fmt.Errorf(format, args...)} }

// Error prints err on w and returns the exit code. Each of the errors that err
// joins gets a line: the first begins with "error: ", the others are indented
// beneath it. Every Hint in it is printed once, after "hint: ". Nothing is
// printed for nil.
func Error(w io.Writer, err error) int {
	if err == nil {
		return Done
	}
	const head = "error: "
	pad := strings.Repeat(" ", len(head))
	var b strings.Builder
	b.WriteString(head)
	// Every line after the first is indented, those of one multi-line error too.
	b.WriteString(strings.ReplaceAll(strings.TrimRight(err.Error(), "\n"), "\n", "\n"+pad))
	b.WriteByte('\n')
	for _, h := range Hints(err) {
		b.WriteString("hint: " + strings.ReplaceAll(h, "\n", "\n      ") + "\n")
	}
	_, _ = io.WriteString(w, b.String()) // nobody is left to tell
	if _, ok := errors.AsType[*UsageError](err); ok {
		return Misused
	}
	return CouldNot
}

// Hints returns what the errors in err advise, each advice once, in order.
func Hints(err error) []string {
	var hints []string
	var walk func(error)
	walk = func(err error) {
		if err == nil {
			return
		}
		if h, ok := err.(interface{ Hint() string }); ok { //nolint:errorlint // the walk looks at every error itself
			if s := h.Hint(); s != "" && !slices.Contains(hints, s) {
				hints = append(hints, s)
			}
		}
		switch e := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() []error }:
			for _, sub := range e.Unwrap() {
				walk(sub)
			}
		case interface{ Unwrap() error }:
			walk(e.Unwrap())
		}
	}
	walk(err)
	return hints
}

// WithHint returns err with advice. A nil err stays nil.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &hinted{err, hint}
}

type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }
func (h *hinted) Hint() string  { return h.hint }
