package conf

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v4"
)

// A Document is a YAML file whose shape is known to be sound: one document, no
// key twice. It knows the line of every field.
type Document struct {
	file string
	root *yaml.Node // nil for an empty document
}

// MaxSize bounds a configuration file.
const MaxSize = 1 << 20

// Parse reads the tree of data. file is the name that problems are told under.
func Parse(file string, data []byte) (*Document, error) {
	d := &Document{file: file}
	if len(data) > MaxSize {
		return nil, &Problem{File: file, Text: fmt.Sprintf("over %d bytes: is this the right file?", MaxSize)}
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return d, nil
	}
	var docs []yaml.Node
	if err := yaml.Load(data, &docs, yaml.WithAllDocuments(), yaml.WithUniqueKeys(false)); err != nil {
		var all []error
		for _, e := range loadErrors(err) {
			all = append(all, &Problem{File: file, Line: e.Mark.Line, Text: "is not YAML: " + e.Message, Err: err})
		}
		return nil, errors.Join(all...)
	}
	if len(docs) > 1 {
		return nil, &Problem{File: file, Line: docs[1].Line, Text: "a second document begins: one file holds one configuration"}
	}
	if len(docs) == 1 {
		d.root = content(&docs[0])
	}
	return d, nil
}

// loadErrors returns the single errors of the YAML library.
func loadErrors(err error) []*yaml.LoadError {
	if many, ok := errors.AsType[*yaml.LoadErrors](err); ok {
		return many.Errors
	}
	if one, ok := errors.AsType[*yaml.LoadError](err); ok {
		return []*yaml.LoadError{one}
	}
	return []*yaml.LoadError{{Message: err.Error()}}
}

// content returns the node in a document node, and nil for an empty one.
func content(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.DocumentNode {
		if len(n.Content) == 0 {
			return nil
		}
		n = n.Content[0]
	}
	if n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" {
		return nil
	}
	return n
}

// Decode reads the whole document over what into holds, without validating it.
func (d *Document) Decode(into any) error { return d.decode("", d.root, into) }

// A Raw is a part of a document that is decoded later, when it is known into
// what: see DecodeRaw.
type Raw struct{ node *yaml.Node }

// UnmarshalYAML keeps the node.
func (r *Raw) UnmarshalYAML(n *yaml.Node) error { r.node = n; return nil }

// IsZero reports whether r holds nothing.
func (r Raw) IsZero() bool { return r.node == nil }

// Text returns the plain text of the named field of r, or "": enough to see
// of what kind r is.
func (r Raw) Text(field string) string {
	if r.node == nil {
		return ""
	}
	_, v := lookup(r.node, field)
	if v == nil || v.Kind != yaml.ScalarNode {
		return ""
	}
	return v.Value
}

// Has reports whether r has the named field.
func (r Raw) Has(field string) bool {
	if r.node == nil {
		return false
	}
	_, v := lookup(r.node, field)
	return v != nil
}

// DecodeRaw reads r, which stands at path, over what into holds.
func (d *Document) DecodeRaw(path string, r Raw, into any) error { return d.decode(path, r.node, into) }

func (d *Document) decode(path string, n *yaml.Node, into any) error {
	if n == nil {
		return nil
	}
	s := strict{file: d.file, at: map[[2]int]spot{}}
	s.check(n, typeOf(into), path, 0)
	all := s.problems
	if err := n.Load(into, yaml.WithUniqueKeys(false)); err != nil { // keys that are there twice are told
		for _, e := range loadErrors(err) {
			at := s.at[[2]int{e.Mark.Line, e.Mark.Column}]
			p := &Problem{File: d.file, Line: e.Mark.Line, Path: at.path, Text: plainly(e.Message, at.want), Err: err, unread: true}
			if !s.told[p.Path] {
				all = append(all, p)
			}
		}
	}
	return Sorted(all...)
}

// Locate gives each error that err joins its file and the line of the field
// whose path it begins with, or of the nearest field around it.
func (d *Document) Locate(err error) error {
	var all []error
	for _, leaf := range leaves(err) {
		p := split(leaf)
		if p.File == "" {
			p.File, p.Line = d.file, d.Line(p.Path)
		}
		all = append(all, p)
	}
	return errors.Join(all...)
}

var step = regexp.MustCompile(`[^.\[\]]+|\[[^\[\]]*\]`)

// Line returns the line of the field at path, or of the nearest field around
// it that the document has; 0 for an empty document.
func (d *Document) Line(path string) int {
	n := d.root
	if n == nil {
		return 0
	}
	line := n.Line
	for _, s := range step.FindAllString(path, -1) {
		for n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		name := strings.Trim(s, "[]")
		var index int
		switch _, err := fmt.Sscanf(name, "%d", &index); {
		case n.Kind == yaml.MappingNode:
			k, v := lookup(n, name)
			if v == nil {
				return line
			}
			n, line = v, k.Line
		case n.Kind == yaml.SequenceNode && err == nil && index >= 0 && index < len(n.Content):
			n = n.Content[index]
			line = n.Line
		default:
			return line
		}
	}
	return line
}

func lookup(n *yaml.Node, name string) (key, value *yaml.Node) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil, nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i], n.Content[i+1]
		}
	}
	return nil, nil
}

// Has reports whether the document has the key at its top, even an empty one.
func (d *Document) Has(key string) bool {
	if d.root == nil {
		return false
	}
	_, v := lookup(d.root, key)
	return v != nil
}
