package email

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// DefaultOpensWhen decides what opens an incident without configuration: a
// report with a labelled line, a reference or a sentence that something was
// noticed, or one of opens_when_words unless it stands in a mere question; and
// never what a machine sent, or an invitation (ADR 12).
const DefaultOpensWhen = `(labelled || reference || own_reference || detection || (word && !advice)) && !automatic && !calendar`

// defaultSender is DefaultOpensWhen for a sender that has a rule of his own.
const defaultSender = `labelled || reference || own_reference || detection || word`

// A Sender is the rule for mail that a machine sends: a cloud's notices, a
// scanner, a form on a web page. Who may send in that name is not decided here:
// mail that is not authenticated stops no clock.
type Sender struct {
	// From is the address in From, or a domain with a dot before it, which
	// stands for itself and every domain beneath. The first rule that fits is
	// taken.
	From string `yaml:"from" json:"from"`

	// OpensWhen is as that of the mailbox, for this sender's mail. Default: a
	// labelled line, a reference, a detection or a word.
	OpensWhen string `yaml:"opens_when" json:"opens_when,omitempty"`

	// Labels are as those of the mailbox, over them: a field that is given
	// replaces that of the mailbox.
	Labels map[string][]string `yaml:"labels" json:"labels,omitempty"`

	// Zone is that of times behind labels that name none, for example UTC or
	// America/New_York. Default Europe/London.
	Zone string `yaml:"zone" json:"zone,omitempty"`

	// Route is automatic (the default) or person, for a machine that passes on
	// what people write, such as a form on a web page.
	Route string `yaml:"route" json:"route,omitempty"`
}

func (s Sender) opensWhen() string {
	if s.OpensWhen == "" {
		return defaultSender
	}
	return s.OpensWhen
}

// maxSenders bounds the rules of one mailbox.
const maxSenders = 200

// validateOpens returns what is wrong with the conditions for opening.
func (c Config) validateOpens() []error {
	all := badCondition("opens_when", c.OpensWhen)
	for i, w := range c.OpensWhenWords {
		if strings.TrimSpace(w) == "" {
			all = append(all, fmt.Errorf("opens_when_words[%d]: is empty", i))
		}
	}
	all = append(all, badLabels("labels", c.Labels)...)
	if len(c.Senders) > maxSenders {
		all = append(all, fmt.Errorf("senders: %d rules, at most %d", len(c.Senders), maxSenders))
	}
	for i, s := range c.Senders {
		path := fmt.Sprintf("senders[%d]", i)
		bad := func(field, format string, args ...any) {
			all = append(all, fmt.Errorf("%s.%s: %w", path, field, fmt.Errorf(format, args...)))
		}
		domain, isDomain := strings.CutPrefix(s.From, ".")
		switch {
		case isDomain && hostName(domain) && !strings.HasPrefix(domain, "."):
		case !isDomain && strings.Contains(s.From, "@") && letter.Address(s.From) == strings.ToLower(s.From):
		default:
			bad("from", "%q must be an address, or a domain with a dot before it, for example .example.org", s.From)
		}
		if j := slices.IndexFunc(c.Senders[:i], func(o Sender) bool { return strings.EqualFold(o.From, s.From) }); j >= 0 {
			bad("from", "stands in senders[%d] already", j)
		}
		if s.OpensWhen != "" {
			all = append(all, badCondition(path+".opens_when", s.OpensWhen)...)
		}
		all = append(all, badLabels(path+".labels", s.Labels)...)
		if err := zoneName(s.Zone); err != nil {
			bad("zone", "%w", err)
		}
		if s.Route != "" && !slices.Contains(incident.Routes(), incident.Route(s.Route)) {
			bad("route", "unknown %q (have automatic, person)", s.Route)
		}
	}
	return all
}

// zoneName checks the name of a zone; "" is allowed.
func zoneName(s string) error {
	if s == "" {
		return nil
	}
	if s == "Local" {
		return errors.New("the zone Local is another one on another machine; name it, for example Europe/London or UTC")
	}
	if _, err := time.LoadLocation(s); err != nil {
		return fmt.Errorf("unknown %q; want UTC or a name such as America/New_York", s)
	}
	return nil
}

// badCondition returns the problems of a condition, each under its field.
func badCondition(field, src string) []error {
	_, err := compileCondition(src)
	if err == nil {
		return nil
	}
	list := []error{err}
	if joined, ok := err.(interface{ Unwrap() []error }); ok { //nolint:errorlint // only what Compile joined is a list
		list = joined.Unwrap()
	}
	var all []error
	for _, e := range list {
		all = append(all, fmt.Errorf("%s: %w", field, e))
	}
	return all
}

func badLabels(path string, given map[string][]string) []error {
	var all []error
	for field, labels := range given {
		if !slices.Contains(labelFields(), field) {
			all = append(all, fmt.Errorf("%s.%s: unknown field (have %s)", path, field, strings.Join(labelFields(), ", ")))
		}
		for i, l := range labels {
			if plainLabel(l) == "" {
				all = append(all, fmt.Errorf("%s.%s[%d]: is empty", path, field, i))
			}
		}
	}
	return all
}

// sendersRule returns the rules of senders as the record keeps them.
func (c Config) sendersRule() []Sender {
	all := slices.Clone(c.Senders)
	for i := range all {
		all[i].From = strings.ToLower(all[i].From)
		all[i].OpensWhen = all[i].opensWhen()
	}
	return all
}
