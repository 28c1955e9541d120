package conf

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// strict walks a tree beside the type that it will be read into and finds what
// the YAML library would let pass, or would tell without a path.
type strict struct {
	file     string
	problems []error
	at       map[[2]int]spot // by line and column of a value
	told     map[string]bool // paths that a problem was found at
	seen     int
}

// A spot is a value's path and the type that it is read into.
type spot struct {
	path string
	want reflect.Type
}

const (
	maxDepth = 64
	maxNodes = 100_000 // aliases let a small file be a large tree
)

func (s *strict) bad(n *yaml.Node, path, format string, args ...any) {
	if s.told == nil {
		s.told = map[string]bool{}
	}
	s.told[path] = true
	s.problems = append(s.problems, &Problem{File: s.file, Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...), unread: true})
}

func typeOf(into any) reflect.Type {
	t := reflect.TypeOf(into)
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// check walks n, which will be read into a t; a nil t is one that is not known.
func (s *strict) check(n *yaml.Node, t reflect.Type, path string, depth int) {
	if s.seen++; s.seen > maxNodes || depth > maxDepth {
		if s.seen == maxNodes+1 || depth == maxDepth+1 {
			s.bad(n, path, "is nested too deep or repeats too much")
		}
		return
	}
	for t != nil && t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if at := ([2]int{n.Line, n.Column}); s.at[at].path == "" { // an aliased value is told where it stands
		s.at[at] = spot{path, t}
	}
	switch n.Kind {
	case yaml.AliasNode:
		s.check(n.Alias, t, path, depth+1)
	case yaml.SequenceNode:
		for i, c := range n.Content {
			s.check(c, element(t, reflect.Slice, reflect.Array), fmt.Sprintf("%s[%d]", path, i), depth+1)
		}
	case yaml.MappingNode:
		s.mapping(n, t, path, depth)
	case yaml.ScalarNode:
		if number(t) && leadingZero.MatchString(n.Value) && n.Style&(yaml.SingleQuotedStyle|yaml.DoubleQuotedStyle) == 0 {
			s.bad(n, path, "%s: a leading zero could mean an octal number; write %s", n.Value, withoutZeros(n.Value))
		}
	}
}

var leadingZero = regexp.MustCompile(`^[-+]?0[0-9_]`)

func withoutZeros(v string) string {
	sign := ""
	if strings.HasPrefix(v, "-") {
		sign = "-"
	}
	v = strings.TrimLeft(strings.TrimLeft(v, "+-"), "0_")
	if v == "" {
		return "0"
	}
	return sign + v
}

func (s *strict) mapping(n *yaml.Node, t reflect.Type, path string, depth int) {
	fields, known := fieldsOf(t)
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		sub := join(path, k.Value)
		if k.Kind != yaml.ScalarNode {
			s.bad(k, path, "a key must be plain text")
			continue
		}
		if line, twice := first[k.Value]; twice {
			s.bad(k, sub, "is here twice, first on line %d", line)
			continue
		}
		first[k.Value] = k.Line
		ft, ok := fields[k.Value]
		switch {
		case k.Value == "<<":
			s.check(v, t, path, depth+1) // merged: its keys are keys of this mapping
			continue
		case known && !ok:
			s.bad(k, sub, "unknown key%s", suggest(k.Value, fields))
			continue
		case !known:
			ft = element(t, reflect.Map)
		}
		s.check(v, ft, sub, depth+1)
	}
}

// element returns the element type of t where t is of one of the kinds.
func element(t reflect.Type, kinds ...reflect.Kind) reflect.Type {
	if t != nil && slices.Contains(kinds, t.Kind()) && !readsItself(t) {
		return t.Elem()
	}
	return nil
}

func number(t reflect.Type) bool {
	if t == nil || readsItself(t) {
		return false
	}
	switch t.Kind() { //nolint:exhaustive // the others are no numbers
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64:
		return true
	default:
		return false
	}
}

// readsItself reports whether a value of t decides alone how it is read.
func readsItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[yaml.Unmarshaler]()) || p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

// fieldsOf returns the keys that a struct reads, with the types of their
// values, and false for what is no struct.
func fieldsOf(t reflect.Type) (map[string]reflect.Type, bool) {
	if t == nil || t.Kind() != reflect.Struct || readsItself(t) {
		return nil, false
	}
	fields := map[string]reflect.Type{}
	for _, f := range reflect.VisibleFields(t) {
		tag, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case !f.IsExported() || tag == "-" || len(f.Index) > 1:
			continue
		case strings.Contains(opts, "inline"):
			inner := f.Type
			for inner.Kind() == reflect.Pointer {
				inner = inner.Elem()
			}
			sub, _ := fieldsOf(inner)
			for k, v := range sub {
				fields[k] = v
			}
		case tag == "":
			fields[strings.ToLower(f.Name)] = f.Type
		default:
			fields[tag] = f.Type
		}
	}
	return fields, true
}

// suggest names the key that was meant, if one is near, else all that exist.
func suggest(key string, fields map[string]reflect.Type) string {
	var names []string
	best, near := "", 3
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if d := distance(key, name); d < near {
			best, near = name, d
		}
	}
	switch {
	case best != "":
		return fmt.Sprintf(", do you mean %s?", best)
	case len(names) == 0:
		return ""
	default:
		return fmt.Sprintf(" (have %s)", strings.Join(names, ", "))
	}
}

// distance is the number of letters to change, add or leave out.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diagonal, row[j] = row[j], min(row[j]+1, row[j-1]+1, diagonal+cost)
		}
	}
	return row[len(b)]
}

var (
	mismatch = regexp.MustCompile("^cannot construct !!(\\w+)(?: `((?s).*)`)? into (.+)$")
	notFound = regexp.MustCompile(`^field (\S+) not found in type `)
)

// plainly says what the YAML library says without the names of Go types.
func plainly(msg string, want reflect.Type) string {
	if m := notFound.FindStringSubmatch(msg); m != nil {
		return fmt.Sprintf("unknown key %s", m[1])
	}
	m := mismatch.FindStringSubmatch(msg)
	if m == nil {
		return msg
	}
	is := map[string]string{
		"seq": "a list", "map": "a mapping", "str": "text", "int": "a number",
		"float": "a number", "bool": "true or false", "null": "empty", "timestamp": "a time",
	}[m[1]]
	if is == "" {
		is = m[1]
	}
	if m[2] == "" {
		return fmt.Sprintf("must be %s, is %s", wanted(want), is)
	}
	return fmt.Sprintf("must be %s, is %s %.40q", wanted(want), is, m[2])
}

func wanted(t reflect.Type) string {
	switch {
	case t == nil:
		return "something else"
	case t == reflect.TypeFor[time.Duration]():
		return "a number and a unit, for example 60m"
	case readsItself(t):
		return "one value"
	case number(t) && t.Kind() != reflect.Float32 && t.Kind() != reflect.Float64:
		return "a whole number"
	case number(t):
		return "a number"
	}
	switch t.Kind() { //nolint:exhaustive // no configuration holds the others
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "a mapping"
	default:
		return "something else"
	}
}
