package webhook

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// Config is one webhook source. Its senders post to /in/<name>.
type Config struct {
	ingest.Source `yaml:",inline"`

	// Kind is alertmanager for what Alertmanager (and Grafana, whose payload
	// has the same shape) sends, or json for any other JSON document.
	Kind Kind `yaml:"kind"`

	// Auth says how senders prove who they are.
	Auth Auth `yaml:"auth"`

	// MaxBytes bounds a body. Default and most: 1048576 (1 MiB).
	MaxBytes int64 `yaml:"max_bytes"`

	// OpensWhen is a CEL condition: what it is true for opens a suspected
	// incident and its clocks run; what it is false for is a candidate, kept
	// and listed until a person opens it. Default: everything opens.
	// Variables of kind alertmanager: labels and annotations (maps of
	// strings), status ("firing"), alert (the whole alert). Example:
	//	labels.?severity.orValue("") in ["critical", "high"]
	// Variables of kind json: p, the payload, and item (see Mapping.Each).
	// A condition that fails, as labels.severity does on an alert without that
	// label, makes a candidate, and the signal is listed for a person.
	OpensWhen string `yaml:"opens_when"`

	// IgnoreWhen is a CEL condition over the same variables: what it is true
	// for concerns no incident, for example a heartbeat:
	//	labels.alertname == "Watchdog"
	// It is kept all the same. Default: nothing is ignored.
	IgnoreWhen string `yaml:"ignore_when"`

	// Severities says which impact each severity of the sender means. Letter
	// case does not matter; a severity that is not listed is unknown. Default:
	// critical and high are high, warning and medium are medium, low and info
	// are low.
	Severities map[string]incident.Impact `yaml:"severities"`

	// Organisations says which organisation each name of the sender means,
	// beside the keys of the organisation map, which mean themselves.
	Organisations map[string]incident.Organisation `yaml:"organisations"`

	// SeverityLabel and OrganisationLabel name the labels of an alert that say
	// so. Default: severity, organisation. Only for kind alertmanager.
	SeverityLabel     string `yaml:"severity_label"`
	OrganisationLabel string `yaml:"organisation_label"`

	// Mapping says where in the payload things stand. Only for kind json.
	Mapping Mapping `yaml:"mapping"`
}

// A Kind is the shape of what a source sends.
type Kind string

// The kinds.
const (
	KindAlertmanager Kind = "alertmanager"
	KindJSON         Kind = "json"
)

// Mapping holds CEL expressions over p, the payload; all may be left out.
type Mapping struct {
	// Each gives a list, where one delivery tells of several incidents, for
	// example p.detail.findings. The other expressions are then evaluated for
	// each item of it, under the name item. Without it, item is p.
	Each string `yaml:"each" json:"each,omitempty"`

	// Keys gives what another signal of the same incident shares with this
	// one: a string or a number is the sender's own id of the finding; a list
	// may hold several, or maps for other kinds of key:
	//	[p.detail.id, {"kind": "ticket", "value": p.ticket}]
	// An id of a finding joins only signals of this source, unless its map has
	// "shared": true; an id with "weak": true only suggests a link.
	Keys string `yaml:"keys" json:"keys,omitempty"`

	// Detected, Occurred and Reported give times: a timestamp, a string with a
	// zone, or a number since 1970. A string without a zone is refused; where
	// it is known to be UTC, say so: p.opened_at + " UTC". Null is no time.
	// Detected is when the tool knew, Occurred when the activity began, and
	// Reported what the sender says of a report, which stops no clock alone.
	Detected string `yaml:"detected" json:"detected,omitempty"`
	Occurred string `yaml:"occurred" json:"occurred,omitempty"`
	Reported string `yaml:"reported" json:"reported,omitempty"`

	// EpochUnit is the unit of numbers that are times: s, ms, us or ns.
	// Default: by their size, which is sure for any time since 1973.
	EpochUnit string `yaml:"epoch_unit" json:"epoch_unit,omitempty"`

	// Title gives a line to show to people. It is read from the bytes when
	// somebody looks and never stands in the record.
	Title string `yaml:"title" json:"title,omitempty"`

	// Severity gives a text or a number that Severities explains, or low,
	// medium or high itself: p.detail.severity >= 7 ? "high" : "medium"
	Severity string `yaml:"severity" json:"severity,omitempty"`

	// Organisation gives a text that Organisations explains.
	Organisation string `yaml:"organisation" json:"organisation,omitempty"`
}

// MaxBytes is the largest body that is taken.
const MaxBytes = 1 << 20

// Validate returns all problems of c that show without the other sources, each
// beginning with its field.
func (c Config) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	all = append(all, c.Source.Validate())
	if c.UnreadAfter != 0 {
		bad("unread_after: is only for sources that are read, a webhook is sent to: use expect_every")
	}
	if c.MaxBytes < 0 || c.MaxBytes > MaxBytes {
		bad("max_bytes: must lie between 1 and %d, is %d", MaxBytes, c.MaxBytes)
	}
	for s, i := range sorted(c.Severities) {
		if !slices.Contains(incident.Impacts(), i) || i == incident.ImpactUnknown {
			bad("severities[%s]: unknown impact %q (have low, medium, high)", s, i)
		}
	}
	for s, o := range sorted(c.Organisations) {
		if !incident.SourceName(o).Valid() {
			bad("organisations[%s]: %q must match [a-z0-9-]{1,40}", s, o)
		}
	}
	switch c.Kind {
	case KindAlertmanager:
		if c.Mapping != (Mapping{}) {
			bad("mapping: is only for kind json, an alert of kind alertmanager needs none")
		}
	case KindJSON:
		if c.SeverityLabel != "" || c.OrganisationLabel != "" {
			bad("severity_label: labels are only for kind alertmanager, use mapping")
		}
	default:
		bad("kind: unknown kind %q (have alertmanager, json)", c.Kind)
	}
	all = append(all, conf.Under("auth", c.Auth.Validate()))
	if c.Kind == KindAlertmanager || c.Kind == KindJSON {
		_, err := c.settings(nil).compile()
		all = append(all, err)
	}
	return errors.Join(all...)
}

// Validate returns all problems of sources together, each beginning with
// [index] and its field: what Config.Validate finds, two of one name, an
// unknown organisation where orgs are given, and auth.kind none where listen,
// the address at which they are served, can be reached from other machines.
func Validate(sources []Config, listen string, orgs []incident.Organisation) error {
	var all []error
	first := map[incident.SourceName]int{}
	for i, c := range sources {
		under := func(err error) { all = append(all, conf.Under(fmt.Sprintf("[%d]", i), err)) }
		under(c.Validate())
		if j, twice := first[c.Name]; twice {
			under(fmt.Errorf("name: %q is the name of [%d] too", c.Name, j))
		} else {
			first[c.Name] = i
		}
		if c.Auth.Kind == AuthNone && !Loopback(listen) {
			under(fmt.Errorf("auth.kind: none is only for a listener on loopback, and %s can be reached from elsewhere; use bearer, basic or hmac", listen))
		}
		if len(orgs) == 0 {
			continue
		}
		under(c.Known(orgs))
		for s, o := range sorted(c.Organisations) {
			if !slices.Contains(orgs, o) {
				under(fmt.Errorf("organisations[%s]: unknown organisation %q", s, o))
			}
		}
	}
	return errors.Join(all...)
}

// Loopback reports whether only this machine can reach a listener at addr.
func Loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Rule returns what the rules say of c. orgs are the keys of the organisation
// map; they mean themselves where a sender names one.
func (c Config) Rule(orgs []incident.Organisation) (incident.SourceRule, error) {
	text, err := incident.MarshalCanonical(c.settings(orgs))
	if err != nil {
		return incident.SourceRule{}, fmt.Errorf("write rule of source %s: %w", c.Name, err)
	}
	r := c.Source.Rule(incident.ChannelWebhook)
	r.Kind = string(c.Kind)
	r.Reading = text
	return r, nil
}

// settings returns what c means for the interpreter, with all defaults filled
// in: the record must say by what a signal was read, also when a later release
// has other defaults.
func (c Config) settings(orgs []incident.Organisation) settings {
	s := settings{
		V:             settingsVersion,
		Kind:          c.Kind,
		OpensWhen:     strings.TrimSpace(c.OpensWhen),
		IgnoreWhen:    strings.TrimSpace(c.IgnoreWhen),
		Severities:    map[string]incident.Impact{},
		Organisations: map[string]incident.Organisation{},
	}
	if c.Kind == KindJSON {
		s.Mapping = c.Mapping
	}
	if c.Kind == KindAlertmanager {
		s.SeverityLabel, s.OrganisationLabel = "severity", "organisation"
		if c.SeverityLabel != "" {
			s.SeverityLabel = c.SeverityLabel
		}
		if c.OrganisationLabel != "" {
			s.OrganisationLabel = c.OrganisationLabel
		}
	}
	from := c.Severities
	if len(from) == 0 {
		from = defaultSeverities()
	}
	for name, i := range from {
		s.Severities[fold(name)] = i
	}
	for _, o := range orgs {
		s.Organisations[fold(string(o))] = o
	}
	for name, o := range c.Organisations {
		s.Organisations[fold(name)] = o
	}
	return s
}

func defaultSeverities() map[string]incident.Impact {
	return map[string]incident.Impact{
		"critical": incident.ImpactHigh, "high": incident.ImpactHigh,
		"warning": incident.ImpactMedium, "medium": incident.ImpactMedium,
		"low": incident.ImpactLow, "info": incident.ImpactLow,
	}
}

// sorted walks m in the order of its keys, so that problems come in one order.
func sorted[V any](m map[string]V) func(yield func(string, V) bool) {
	return func(yield func(string, V) bool) {
		for _, k := range slices.Sorted(maps.Keys(m)) {
			if !yield(k, m[k]) {
				return
			}
		}
	}
}
