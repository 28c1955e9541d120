package conf

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// A Problem is one thing that is wrong with a configuration, and where.
type Problem struct {
	File string
	Line int    // from 1; 0 where the file has no such place
	Path string // of the field, for example sources[2].auth.token_file
	Text string
	Err  error // what Text says, for its type and hint; may be nil

	unread bool // the value could not be read at all
}

// Error returns "file:line: path: text".
func (p *Problem) Error() string {
	var b strings.Builder
	if p.File != "" {
		b.WriteString(p.File)
		if p.Line > 0 {
			fmt.Fprintf(&b, ":%d", p.Line)
		}
		b.WriteString(": ")
	}
	if p.Path != "" {
		b.WriteString(p.Path)
		b.WriteString(": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Unwrap returns the error that the problem was made from.
func (p *Problem) Unwrap() error { return p.Err }

// fieldPath is how a Validate method begins what it says of a field.
var fieldPath = regexp.MustCompile(`^([a-z][a-z0-9_-]*|\[[^\[\]]{1,80}\])(\.[a-z][a-z0-9_-]*|\[[^\[\]]{1,80}\])*: `)

// Under puts path before the field path of each error that err joins: a Config
// that holds another calls it with the name of the field. It returns nil for a
// nil error.
func Under(path string, err error) error {
	var all []error
	for _, leaf := range leaves(err) {
		p := split(leaf)
		p.Path = join(path, p.Path)
		all = append(all, p)
	}
	return errors.Join(all...)
}

// split reads the field path in the text of an error, if there is one.
func split(err error) *Problem {
	if p, ok := err.(*Problem); ok { //nolint:errorlint // a wrapped one has a text of its own
		q := *p
		return &q
	}
	text := err.Error()
	head := fieldPath.FindString(text)
	return &Problem{Path: strings.TrimSuffix(head, ": "), Text: text[len(head):], Err: err}
}

func join(path, sub string) string {
	switch {
	case path == "" || sub == "":
		return path + sub
	case strings.HasPrefix(sub, "["):
		return path + sub
	default:
		return path + "." + sub
	}
}

// Beneath takes path off the field path of each error that err joins: the
// opposite of Under, for a Config that was checked in a list of one.
func Beneath(path string, err error) error {
	var all []error
	for _, leaf := range leaves(err) {
		p := split(leaf)
		if rest, ok := strings.CutPrefix(p.Path, path); ok {
			p.Path = strings.TrimPrefix(rest, ".")
		}
		all = append(all, p)
	}
	return errors.Join(all...)
}
