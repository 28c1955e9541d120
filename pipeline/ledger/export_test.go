package ledger

import "github.com/ministryofjustice/incident-promptness/incident"

// NewReader returns a Decode that keeps what it can use again, as the workers
// of a reading do.
func NewReader() func(line []byte) (incident.Entry, error) {
	c := newCoder()
	return func(line []byte) (incident.Entry, error) {
		var e incident.Entry
		err := c.decode(line, &e)
		return e, err
	}
}
