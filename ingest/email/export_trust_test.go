package email

import (
	"context"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Prover verifies DKIM signatures, mail after mail.
type Prover struct{ p prover }

// NewProver returns one that asks f for keys.
func NewProver(f LookupTXT) *Prover { return &Prover{prover{lookup: f}} }

// Verify is what a Box does with a mail that it has fetched.
func (p *Prover) Verify(ctx context.Context, raw []byte) []incident.DKIMResult {
	return p.p.verify(ctx, raw)
}

// ParseResults is parseResults: the id, and each result as method=value with its
// properties.
func ParseResults(value string) (id string, results []string, properties []map[string]string, err error) {
	id, all, err := parseResults(value)
	for _, r := range all {
		results = append(results, r.method+"="+r.value)
		properties = append(properties, r.properties)
	}
	return id, results, properties, err
}

// Author is author.
func Author(value string) string { return author(value) }
