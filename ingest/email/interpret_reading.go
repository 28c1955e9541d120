package email

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// A reading is everything that the interpreter goes by for one mailbox. Its
// canonical JSON is the source rule's Reading, so that the record holds it. A
// field that is taken away or changes its meaning needs a new interpreter
// version.
type reading struct {
	TrustedHops    []string            `json:"trusted_hops,omitempty"`
	DeskHosts      []string            `json:"desk_hosts,omitempty"`
	DeskAddresses  []string            `json:"desk_addresses,omitempty"`
	AuthservID     string              `json:"authserv_id,omitempty"`
	ResultsNoID    bool                `json:"results_without_id,omitempty"`
	ResultsBelow   bool                `json:"results_below_received,omitempty"`
	DKIM           bool                `json:"dkim,omitempty"`
	InternalHeader *HeaderValue        `json:"internal_header,omitempty"`
	InternalHops   []string            `json:"internal_hops,omitempty"`
	Closed         bool                `json:"closed,omitempty"`
	Labels         map[string][]string `json:"labels,omitempty"`
	References     []string            `json:"references,omitempty"`
	Words          []string            `json:"opens_when_words,omitempty"`
	// OpensWhen is a condition over Subjects. Without one, as in what was
	// recorded for email/1, any labelled line, reference or word opens.
	OpensWhen string   `json:"opens_when,omitempty"`
	Senders   []Sender `json:"senders,omitempty"`
	// Organisations maps what people write, in lower case, to a key.
	Organisations map[string]incident.Organisation `json:"organisations,omitempty"`
}

// The fields that a labelled line can fill.
const (
	labelDetected     = "detected"
	labelOccurred     = "occurred"
	labelReported     = "reported"
	labelImpact       = "impact"
	labelPersonal     = "personal_data"
	labelReference    = "reference"
	labelOrganisation = "organisation"
)

func labelFields() []string {
	return []string{
		labelDetected, labelOccurred, labelReported, labelImpact, labelPersonal, labelReference,
		labelOrganisation,
	}
}

// rules is a reading made ready for use.
type rules struct {
	reading
	labels     []label // longest first
	references []*regexp.Regexp
	anyOf      *regexp.Regexp // one of references: most mails have none
	opening    []string       // of opens_when_words, lower case
	condition  *condition     // nil: as email/1 had it
	machines   []machine
}

// A label is the text before the colon, in lower case, and what it fills.
type label struct {
	text, field string
}

// compile makes the canonical JSON of a reading ready for use.
func compile(text json.RawMessage) (*rules, error) {
	r := &rules{}
	if len(text) > 0 {
		if err := json.Unmarshal(text, &r.reading); err != nil {
			return nil, fmt.Errorf("read mailbox rule: %w", err)
		}
	}
	r.sortedLabels()
	for _, p := range r.References {
		re, err := referencePattern(p)
		if err != nil {
			return nil, err
		}
		r.references = append(r.references, re)
	}
	if len(r.References) > 0 {
		re, err := regexp.Compile(`(?i)\b(?:(?:` + strings.Join(r.References, `)|(?:`) + `))\b`)
		if err != nil {
			return nil, fmt.Errorf("read mailbox rule: references: %w", err)
		}
		r.anyOf = re
	}
	for _, w := range r.Words {
		r.opening = append(r.opening, strings.ToLower(letter.OneLine(w)))
	}
	if r.OpensWhen != "" {
		c, err := compileCondition(r.OpensWhen)
		if err != nil {
			return nil, fmt.Errorf("read mailbox rule: opens_when: %w", err)
		}
		r.condition = c
	}
	if err := r.senders(); err != nil {
		return nil, fmt.Errorf("read mailbox rule: %w", err)
	}
	return r, nil
}

// sortedLabels makes the labels ready.
func (r *rules) sortedLabels() {
	r.labels = nil
	for _, field := range labelFields() {
		for _, l := range r.Labels[field] {
			r.labels = append(r.labels, label{plainLabel(l), field})
		}
	}
	sortLabels(r.labels)
}

// referencePattern compiles one pattern of a ticket reference. It matches whole
// words only, in any letter case.
func referencePattern(p string) (*regexp.Regexp, error) {
	whole, err := regexp.Compile(`^(?:` + p + `)$`)
	if err != nil {
		return nil, fmt.Errorf("read reference pattern %q: %w", p, err)
	}
	if whole.MatchString("") {
		return nil, fmt.Errorf("read reference pattern %q: it matches the empty text", p)
	}
	return regexp.Compile(`(?i)\b(?:` + p + `)\b`)
}
