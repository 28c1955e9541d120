package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// An incidentAnswer is an incident as the server shows it.
type incidentAnswer struct {
	incident.IncidentRecord
}

// evidence is the number upon which the incident is decided now.
func (a *incidentAnswer) evidence() uint64 { return a.Evidence }

// write prints the state that an act left the incident in.
func (a *incidentAnswer) write(w io.Writer, _ time.Time) error {
	var b strings.Builder
	for _, c := range a.Clocks {
		fmt.Fprintf(&b, "  %s: %s", c.Policy, c.State)
		if c.Doubt != "" {
			fmt.Fprintf(&b, " (%s)", c.Doubt)
		}
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// MarshalJSON writes what the server said.
func (a incidentAnswer) MarshalJSON() ([]byte, error) { return json.Marshal(a.IncidentRecord) }
