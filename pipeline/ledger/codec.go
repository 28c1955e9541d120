package ledger

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Encode appends e's canonical line to dst, without a newline.
func Encode(dst []byte, e *incident.Entry) []byte {
	b, err := incident.MarshalCanonical(e)
	if err != nil {
		return dst // Decode refuses the empty line
	}
	return append(dst, b...)
}

// Decode reads one canonical line. It refuses whatever Encode cannot have
// written.
func Decode(line []byte) (incident.Entry, error) {
	var e incident.Entry
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return incident.Entry{}, fmt.Errorf("decode entry: %w", err)
	}
	if e.V != incident.EntryVersion {
		return incident.Entry{}, fmt.Errorf("decode entry: version %d, this program reads %d", e.V, incident.EntryVersion)
	}
	if !bytes.Equal(Encode(nil, &e), line) {
		return incident.Entry{}, errors.New("decode entry: not canonical")
	}
	return e, nil
}
