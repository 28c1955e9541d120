package incident

import (
	"bytes"
	"encoding/json"
)

// MarshalCanonical returns v as one line of JSON: fields in the order of their
// declaration, no white space, no escaping of < > &.
func MarshalCanonical(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}
