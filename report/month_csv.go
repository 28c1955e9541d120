package report

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// JSON writes the report for machines, by the schema in month.schema.json.
func (r *Report) JSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// CSV writes one row for each incident of the month, by RFC 4180, with the
// clocks of all policies beside one another. Restricted incidents are left out.
// Times are RFC 3339 in UTC, delays whole and broken seconds; an open bound is
// empty. No cell can be taken for a formula.
func (r *Report) CSV(w io.Writer) error {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	head := []string{"incident", "month", "organisation", "impact", "disposition", "source", "route", "office_hours",
		"first_heard", "signals", "desk_earliest", "desk_latest", "late_reasons"}
	for i := range r.Policies {
		for _, name := range []string{"version", "state", "doubt", "would", "limit_seconds", "start_earliest", "start_latest",
			"start_basis", "start_weak", "stop_earliest", "stop_latest", "shortest_seconds", "longest_seconds"} {
			head = append(head, string(r.Policies[i].Policy)+"."+name)
		}
	}
	if err := out.Write(head); err != nil {
		return err
	}
	for _, rec := range r.rows {
		if rec.Attrs.Restricted {
			continue
		}
		if err := out.Write(r.row(rec)); err != nil {
			return err
		}
	}
	out.Flush()
	return out.Error()
}

func (r *Report) row(rec *incident.IncidentRecord) []string {
	desk := timeOfRec(rec, incident.ReportedToDesk)
	reasons := make([]string, len(rec.Reasons))
	for i, x := range rec.Reasons {
		reasons[i] = string(x)
	}
	cells := []string{
		string(rec.Ref), string(r.Month), rec.Attrs.Organisation.Label(), rec.Attrs.Impact.Label(), string(rec.Attrs.Disposition),
		string(rec.Source), string(rec.Route), yesNo(r.Holidays.InOffice(firstStart(rec))), rfc3339(rec.First), strconv.Itoa(rec.Signals),
		rfc3339(desk.Interval.Earliest), rfc3339(desk.Interval.Latest), strings.Join(reasons, " "),
	}
	for i := range r.Policies {
		cells = append(cells, r.clockCells(rec, r.Policies[i].Policy)...)
	}
	for i := range cells {
		cells[i] = plain(cells[i])
	}
	return cells
}

// clockCells returns the cells of the clock of p, empty where rec has none in the
// month.
func (r *Report) clockCells(rec *incident.IncidentRecord, p incident.PolicyID) []string {
	c := clockOf(rec, p)
	if c == nil || !r.Month.Contains(startOf(rec, c)) {
		return make([]string, 13)
	}
	state, doubt := countedInMonth(c)
	start := timeOfRec(rec, r.own[p])
	shortest, longest := bounds(c)
	return []string{
		string(c.Version), string(state), string(doubt), string(c.Would), seconds(&c.Limit), rfc3339(c.Start.Earliest), rfc3339(c.Start.Latest),
		string(start.Basis), yesNo(start.Weak), rfc3339(c.Stop.Earliest), rfc3339(c.Stop.Latest), seconds(shortest), seconds(longest),
	}
}

// plain returns s so that no spreadsheet takes it for a formula.
func plain(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

func rfc3339(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func seconds(s *incident.Span) string {
	if s == nil {
		return ""
	}
	return strconv.FormatFloat(s.D().Seconds(), 'f', -1, 64)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
