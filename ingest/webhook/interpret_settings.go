package webhook

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/expr"
)

// settings is all that the interpreter goes by. Its canonical text is
// SourceRule.Reading and stands in the record, so a field is never given
// another meaning: a new meaning is a new field, or a new version.
type settings struct {
	V             int                              `json:"v"`
	Kind          Kind                             `json:"kind"`
	OpensWhen     string                           `json:"opens_when,omitempty"`
	IgnoreWhen    string                           `json:"ignore_when,omitempty"`
	Severities    map[string]incident.Impact       `json:"severities,omitempty"`
	Organisations map[string]incident.Organisation `json:"organisations,omitempty"`
	// The labels of kind alertmanager.
	SeverityLabel     string `json:"severity_label,omitempty"`
	OrganisationLabel string `json:"organisation_label,omitempty"`
	// Of kind json.
	Mapping Mapping `json:"mapping,omitzero"`
}

const settingsVersion = 1

// compiled is settings whose expressions are ready to run; those that were
// left out are nil.
type compiled struct {
	settings
	opens, ignore                *expr.Program
	each, keys, title            *expr.Program
	detected, occurred, reported *expr.Program
	severity, organisation       *expr.Program
}

// conditions reports whether there are any.
func (c *compiled) conditions() bool { return c.opens != nil || c.ignore != nil }

// compiled returns what text says, from memory where it is there.
func (x *Interpreter) compiled(text json.RawMessage) (*compiled, error) {
	x.mu.RLock()
	c := x.known[string(text)]
	x.mu.RUnlock()
	if c != nil {
		return c, nil
	}
	var s settings
	if err := json.Unmarshal(text, &s); err != nil {
		return nil, fmt.Errorf("read rule of webhook source: %w", err)
	}
	if s.V != settingsVersion {
		return nil, fmt.Errorf("read rule of webhook source: version %d, this program reads %d", s.V, settingsVersion)
	}
	c, err := s.compile()
	if err != nil {
		return nil, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.known) >= maxKnown {
		clear(x.known)
	}
	x.known[string(text)] = c
	return c, nil
}

// compile makes s ready. The error joins every problem, each beginning with
// its field in Config.
func (s settings) compile() (*compiled, error) {
	c := &compiled{settings: s}
	var vars map[string]expr.Type
	switch s.Kind {
	case KindAlertmanager:
		vars = map[string]expr.Type{"alert": expr.Map, "labels": expr.Strings, "annotations": expr.Strings, "status": expr.String}
	case KindJSON:
		vars = map[string]expr.Type{"p": expr.Any, "item": expr.Any}
	default:
		return nil, fmt.Errorf("kind: unknown kind %q (have alertmanager, json)", s.Kind)
	}
	env, err := expr.NewEnv(vars)
	if err != nil {
		return nil, err
	}
	m := s.Mapping
	var all []error
	for _, x := range []struct {
		field, src string
		want       expr.Type
		into       **expr.Program
	}{
		{"opens_when", s.OpensWhen, expr.Bool, &c.opens},
		{"ignore_when", s.IgnoreWhen, expr.Bool, &c.ignore},
		{"mapping.each", m.Each, expr.List, &c.each},
		{"mapping.keys", m.Keys, expr.Any, &c.keys},
		{"mapping.detected", m.Detected, expr.Any, &c.detected},
		{"mapping.occurred", m.Occurred, expr.Any, &c.occurred},
		{"mapping.reported", m.Reported, expr.Any, &c.reported},
		{"mapping.title", m.Title, expr.Any, &c.title},
		{"mapping.severity", m.Severity, expr.Any, &c.severity},
		{"mapping.organisation", m.Organisation, expr.String, &c.organisation},
	} {
		if x.src == "" {
			continue
		}
		p, err := env.Compile(x.src, x.want)
		for _, e := range joined(err) {
			all = append(all, fmt.Errorf("%s: %w", x.field, e))
		}
		*x.into = p
	}
	if _, ok := scaleOf(m.EpochUnit); !ok {
		all = append(all, fmt.Errorf("mapping.epoch_unit: unknown unit %q (have s, ms, us, ns)", m.EpochUnit))
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	return c, nil
}

// joined returns the errors that err joins.
func joined(err error) []error {
	if err == nil {
		return nil
	}
	if j, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only what Compile joined is a list
		return j.Unwrap()
	}
	return []error{err}
}
