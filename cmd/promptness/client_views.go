package main

import (
	"io"
	"time"

	"github.com/ministryofjustice/incident-promptness/report"
)

// An incidentAnswer is an incident as the server shows it.
type incidentAnswer struct {
	report.Detail
}

// evidence is the number upon which the incident is decided now.
func (a *incidentAnswer) evidence() uint64 { return a.Evidence }

// write prints the state that an act left the incident in, as a list of one.
func (a *incidentAnswer) write(w io.Writer, now time.Time) error {
	return report.WriteIncidents(w, []report.Row{a.Row}, false, now)
}
