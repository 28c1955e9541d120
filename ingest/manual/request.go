package manual

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Request is what a person asks to have recorded. It has no author: the
// author is the owner of the credential that comes with it.
type Request struct {
	Kind incident.ActKind `json:"kind"`
	// Ref is the incident; empty for a report of a new one and for settle.
	Ref incident.Ref `json:"ref,omitempty"`
	// Other is the second incident of link and unlink.
	Other incident.Ref `json:"other,omitempty"`
	// Signal is the entry number at which the signal that is meant joined.
	Signal uint64 `json:"signal,omitempty"`
	// Upon is the incident's evidence number that the author had seen.
	Upon      uint64             `json:"upon,omitempty"`
	Milestone incident.Milestone `json:"milestone,omitempty"`
	// Interval is when it was: of a report when it came, else the milestone's
	// time. A report without it came when the request did.
	Interval incident.Interval `json:"interval,omitzero"`
	// Detected is when what is reported was detected, where that was said.
	Detected     incident.Interval     `json:"detected,omitzero"`
	Reason       incident.Reason       `json:"reason,omitempty"`
	Impact       incident.Impact       `json:"impact,omitempty"`   // "unknown" takes it back
	Personal     incident.Personal     `json:"personal,omitempty"` // "unknown" takes it back
	Disposition  incident.Disposition  `json:"disposition,omitempty"`
	Organisation incident.Organisation `json:"organisation,omitempty"` // "unknown" takes it back
	Policy       incident.PolicyID     `json:"policy,omitempty"`
	Off          bool                  `json:"off,omitempty"`
	// Ticket is the reference of another system, for example INC0012345.
	Ticket string `json:"ticket,omitempty"`
	// Reporter is who told the desk, in any words that find that person again.
	// The record keeps it as a mark only.
	Reporter string `json:"reporter,omitempty"`
	// Text is prose. It stays in the vault.
	Text string `json:"text,omitempty"`
}

// Bounds of a request.
const (
	MaxBody     = 64 << 10 // bytes of one request
	MaxText     = 16 << 10 // bytes of prose
	maxReporter = 320      // bytes: the longest mail address
)

// A Problem is one thing that is wrong with a request.
type Problem struct {
	Field string `json:"field"`
	Text  string `json:"text"`
}

// A RequestError holds all that is wrong with a request.
type RequestError struct{ Problems []Problem }

// Error joins all problems by semicolons.
func (e *RequestError) Error() string {
	var all []string
	for _, p := range e.Problems {
		all = append(all, p.Field+": "+p.Text)
	}
	return "read act: " + strings.Join(all, "; ")
}

func (e *RequestError) add(field, format string, args ...any) {
	e.Problems = append(e.Problems, Problem{field, fmt.Sprintf(format, args...)})
}

// or returns e if it holds a problem.
func (e *RequestError) or() error {
	if len(e.Problems) == 0 {
		return nil
	}
	return e
}

// Decode reads a request and checks it as far as it speaks for itself: see
// Validate. The error is a *RequestError with every problem. What it accepts
// survives encoding and decoding.
func Decode(body []byte) (Request, error) {
	var r Request
	bad := &RequestError{}
	if len(body) > MaxBody {
		bad.add("body", "over %d bytes", MaxBody)
		return Request{}, bad
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	var fields map[string]json.RawMessage
	if err := dec.Decode(&fields); err != nil {
		bad.add("body", "must be one JSON object: %s", plainly(err))
		return Request{}, bad
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		bad.add("body", "must end after its object")
	}
	into := r.fields()
	for _, name := range sortedKeys(fields) {
		target, ok := into[name]
		switch {
		case authorship[strings.ToLower(name)]:
			bad.add(name, "is taken from the owner of the token and cannot be given")
		case !ok:
			bad.add(name, "unknown field (have %s)", strings.Join(sortedKeys(into), ", "))
		default:
			one := json.NewDecoder(bytes.NewReader(fields[name]))
			one.DisallowUnknownFields()
			if err := one.Decode(target); err != nil {
				bad.add(name, "%s", plainly(err))
			}
		}
	}
	r.Interval, r.Detected = utc(r.Interval), utc(r.Detected)
	told := map[string]bool{}
	for _, p := range bad.Problems {
		told[p.Field] = true
	}
	if err, ok := errors.AsType[*RequestError](r.Validate()); ok {
		for _, p := range err.Problems {
			if !told[p.Field] {
				bad.Problems = append(bad.Problems, p)
			}
		}
	}
	return r, bad.or()
}

// authorship are the names under which somebody might try to say who they are.
//
//nolint:gochecknoglobals // a constant table
var authorship = map[string]bool{
	"author": true, "role": true, "by": true, "as": true, "on_behalf_of": true,
	"actor": true, "user": true, "staff_number": true, "auth": true,
}

func (r *Request) fields() map[string]any {
	return map[string]any{
		"kind": &r.Kind, "ref": &r.Ref, "other": &r.Other, "signal": &r.Signal, "upon": &r.Upon,
		"milestone": &r.Milestone, "interval": &r.Interval, "detected": &r.Detected, "reason": &r.Reason,
		"impact": &r.Impact, "personal": &r.Personal, "disposition": &r.Disposition,
		"organisation": &r.Organisation, "policy": &r.Policy, "off": &r.Off, "ticket": &r.Ticket,
		"reporter": &r.Reporter, "text": &r.Text,
	}
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// plainly says what the JSON library says without the names of Go types.
func plainly(err error) string {
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Sprintf("is a %s, which does not fit", e.Value)
	}
	if _, ok := errors.AsType[*time.ParseError](err); ok {
		return "must be a time in RFC 3339, for example 2026-11-23T09:15:00Z"
	}
	return strings.TrimPrefix(err.Error(), "json: ")
}

func utc(i incident.Interval) incident.Interval {
	if !i.Earliest.IsZero() {
		i.Earliest = i.Earliest.UTC()
	}
	if !i.Latest.IsZero() {
		i.Latest = i.Latest.UTC()
	}
	return i
}

var (
	milestoneName = regexp.MustCompile(`^[a-z_]{1,40}$`)
	shortName     = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)
	ticketName    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{2,39}$`)
)

// Validate returns a *RequestError with every problem of r that can be seen
// without the incident: values outside their closed sets, fields that the kind
// needs or does not know. The role is judged by Allowed.
func (r Request) Validate() error {
	bad := &RequestError{}
	r.values(bad)
	n, ok := needsOf(r.Kind)
	if !ok {
		bad.add("kind", "unknown act %q (have %s)", r.Kind, list(incident.Acts()))
		return bad
	}
	given := r.given()
	reported := map[string]bool{}
	for _, p := range bad.Problems {
		reported[p.Field] = true
	}
	for _, f := range n.needs {
		if !given[f] && !reported[f] {
			bad.add(f, "is needed for %s", r.Kind)
		}
	}
	for _, f := range sortedKeys(given) {
		if given[f] && !slices.Contains(n.needs, f) && !slices.Contains(n.may, f) {
			bad.add(f, "has no meaning for %s", r.Kind)
		}
	}
	if n.also != nil {
		n.also(r, bad)
	}
	return bad.or()
}

func (r Request) given() map[string]bool {
	return map[string]bool{
		"ref": r.Ref != "", "other": r.Other != "", "signal": r.Signal != 0, "upon": r.Upon != 0,
		"milestone": r.Milestone != "", "interval": r.Interval.Known(), "detected": r.Detected.Known(),
		"reason": r.Reason != "", "impact": r.Impact != "", "personal": r.Personal != "",
		"disposition": r.Disposition != "", "organisation": r.Organisation != "", "policy": r.Policy != "",
		"off": r.Off, "ticket": r.Ticket != "", "reporter": r.Reporter != "", "text": r.Text != "",
	}
}

// values checks each value against its closed set.
func (r Request) values(bad *RequestError) {
	for field, ref := range map[string]incident.Ref{"ref": r.Ref, "other": r.Other} {
		if ref == "" {
			continue
		}
		if got, err := incident.ParseRef(string(ref)); err != nil {
			bad.add(field, "%s", err)
		} else if got != ref {
			bad.add(field, "is written %s", got)
		}
	}
	for field, i := range map[string]incident.Interval{"interval": r.Interval, "detected": r.Detected} {
		if !i.Valid() {
			bad.add(field, "ends before it begins")
		}
		for _, t := range []time.Time{i.Earliest, i.Latest} {
			if !t.IsZero() && (t.Year() < 2000 || t.Year() > 2200) {
				bad.add(field, "%s lies outside the years 2000 to 2200", t.Format(time.RFC3339))
			}
		}
	}
	oneOf(bad, "reason", r.Reason, incident.Reasons())
	oneOf(bad, "impact", r.Impact, []incident.Impact{incident.ImpactLow, incident.ImpactMedium, incident.ImpactHigh, "unknown"})
	oneOf(bad, "personal", r.Personal, []incident.Personal{incident.PersonalYes, incident.PersonalNo, "unknown"})
	oneOf(bad, "disposition", r.Disposition, []incident.Disposition{"suspected", incident.Confirmed, incident.NearMiss, incident.FalsePositive})
	for field, v := range map[string]string{"organisation": string(r.Organisation), "policy": string(r.Policy)} {
		if v != "" && !shortName.MatchString(v) {
			bad.add(field, "%q must match [a-z0-9-]{1,40}", v)
		}
	}
	if r.Milestone != "" && !milestoneName.MatchString(string(r.Milestone)) {
		bad.add("milestone", "%q must match [a-z_]{1,40}, for example %s", r.Milestone, incident.Contained)
	}
	if r.Ticket != "" && !ticketName.MatchString(r.Ticket) {
		bad.add("ticket", "%q must be 3 to 40 letters, digits and . _ / -", r.Ticket)
	}
	if len(r.Reporter) > maxReporter {
		bad.add("reporter", "is over %d bytes", maxReporter)
	}
	if len(r.Text) > MaxText {
		bad.add("text", "is over %d bytes", MaxText)
	}
}

func oneOf[S ~string](bad *RequestError, field string, v S, have []S) {
	if v != "" && !slices.Contains(have, v) {
		bad.add(field, "%q is none of %s", v, list(have))
	}
}

func list[S ~string](have []S) string {
	var all []string
	for _, v := range have {
		all = append(all, string(v))
	}
	return strings.Join(all, ", ")
}
