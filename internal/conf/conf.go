// Package conf turns the bytes of a YAML file into a package's Config, and what
// is wrong with them into one list of problems, each with its line and path; it
// never applies a value that it had to guess, and never prints a secret.
package conf

import (
	"errors"
	"slices"
)

// A Validator is a Config that can judge itself. Validate returns all problems
// joined, each beginning with the path of its field, for example
// "warn[1]: must be shorter than the limit".
type Validator interface{ Validate() error }

// Decode reads the YAML document data into the struct that into points at,
// over the defaults that stand in it, and validates it where it is a
// Validator. The error joins every problem, each a *Problem with file, line
// and path. An empty document leaves the defaults.
//
// Refused are unknown and repeated keys, several documents, values of another
// type, and whole numbers with a leading zero, which YAML 1.1 reads as octal.
func Decode(file string, data []byte, into any) error {
	doc, err := Parse(file, data)
	if err != nil {
		return err
	}
	var all []error
	if err := doc.Decode(into); err != nil {
		all = append(all, err)
	}
	if v, ok := into.(Validator); ok {
		all = append(all, doc.Locate(v.Validate()))
	}
	return Sorted(all...)
}

// Sorted joins problems in the order of their lines, each once, and returns
// nil if there is none. Errors without a line come last, in the order given.
// A line and path about which the decoder has spoken hides what Validate says
// of the value that was not read.
func Sorted(errs ...error) error {
	var all []error
	for _, err := range errs {
		all = append(all, leaves(err)...)
	}
	line := func(err error) (int, bool) {
		p, ok := errors.AsType[*Problem](err)
		if !ok || p.Line == 0 {
			return 0, false
		}
		return p.Line, true
	}
	slices.SortStableFunc(all, func(a, b error) int {
		x, okA := line(a)
		y, okB := line(b)
		switch {
		case okA && okB:
			return x - y
		case okA:
			return -1
		case okB:
			return 1
		default:
			return 0
		}
	})
	seen := map[string]bool{}
	unread := map[string]bool{}
	for _, err := range all {
		if p, ok := errors.AsType[*Problem](err); ok && p.unread {
			unread[p.Path] = true
		}
	}
	all = slices.DeleteFunc(all, func(err error) bool {
		p, ok := errors.AsType[*Problem](err)
		if ok && !p.unread && unread[p.Path] || seen[err.Error()] {
			return true
		}
		seen[err.Error()] = true
		return false
	})
	return errors.Join(all...)
}

// leaves returns the errors that err joins, itself if it joins none.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only what is joined at the top is a list
		var all []error
		for _, e := range j.Unwrap() {
			all = append(all, leaves(e)...)
		}
		return all
	}
	return []error{err}
}
