package manual

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Version names this interpreter in the record.
const Version = "manual/1"

// Source is the name of the one source of this channel.
const Source incident.SourceName = "manual"

// Rule is what the rules say of the source: arrival here proves nothing by
// itself, a person says what came and when.
func Rule() incident.SourceRule {
	return incident.SourceRule{Name: Source, Channel: incident.ChannelManual, Kind: "manual"}
}

// An Interpreter reads what people recorded. The zero value is ready; it is
// safe for use by several goroutines.
type Interpreter struct{}

// envelope is the raw form of a signal of this channel. The author stands in
// it so that two people who send the same words under the same key make two
// signals; it is believed only where the transport says the same.
type envelope struct {
	V       int             `json:"v"`
	Author  string          `json:"author"`
	Role    incident.Role   `json:"role"`
	Key     string          `json:"key"` // the client's idempotency key, or a nonce of ours
	Request json.RawMessage `json:"request"`
}

const envelopeVersion = 1

// Interpret reads one act. What a person says of a time is a stated claim; a
// report is one that the receiving side made (rules.md section 1). A report
// without a time came when we took it, by our own stamp.
func (*Interpreter) Interpret(s incident.Signal, _ incident.SourceRule) incident.Reading {
	reading := incident.Reading{Interpreter: Version}
	var env envelope
	if err := json.Unmarshal(s.Raw, &env); err != nil || env.V != envelopeVersion ||
		s.Auth != incident.AuthOwner || s.Author == "" || env.Author != s.Author || env.Role != s.Role {
		reading.Quarantine = incident.WhyMalformed
		return reading
	}
	r, err := Decode(env.Request)
	if err != nil || !Allowed(r.Kind, s.Role) {
		reading.Quarantine = incident.WhyMalformed
		return reading
	}
	f := incident.Facts{
		Opening:  incident.JoinsOnly,
		Trust:    incident.Authenticated,
		Observer: s.Author,
		Receipt:  s.Received,
		Route:    incident.RoutePerson,
		Act:      r.act(s),
	}
	if r.Ref != "" {
		f.Keys = append(f.Keys, incident.Key{Kind: incident.KeyOwn, Value: string(r.Ref)})
	}
	switch r.Kind { //nolint:exhaustive // all other acts claim no time of their own
	case incident.ActReport:
		if r.Ref == "" {
			f.Opening = incident.Opens
		}
		if r.Ticket != "" {
			f.Keys = append(f.Keys, incident.Key{Kind: incident.KeyTicket, Value: strings.ToUpper(r.Ticket)})
		}
		f.Attrs = incident.Attributes{
			Organisation: known(r.Organisation), Impact: known(r.Impact), Personal: known(r.Personal),
		}
		f.Claims = append(f.Claims, r.reported(s))
		if r.Detected.Known() {
			f.Claims = append(f.Claims, r.stated(s, incident.Detected, r.Detected, "detected"))
		}
	case incident.ActDetection:
		f.Claims = append(f.Claims, r.stated(s, incident.Detected, r.Interval, "interval"))
	case incident.ActMilestone:
		c := r.stated(s, r.Milestone, r.Interval, "interval")
		c.Receiver = true // the desk says it, not the party that is measured
		f.Claims = append(f.Claims, c)
	default:
	}
	reading.Parts = []incident.Facts{f}
	return reading
}

func (r Request) act(s incident.Signal) *incident.Act {
	a := &incident.Act{
		Kind: r.Kind, Author: s.Author, Role: s.Role,
		Ref: r.Ref, Other: r.Other, Signal: r.Signal, Upon: r.Upon,
		Milestone: r.Milestone, Interval: r.Interval, Reason: r.Reason,
		Policy: r.Policy, Off: r.Off,
	}
	switch r.Kind { //nolint:exhaustive // the others carry no attribute
	case incident.ActReport:
		a.Milestone = r.receipt()
		if !a.Interval.Known() {
			a.Interval = incident.At(s.Received)
		}
	case incident.ActDetection:
		a.Milestone = incident.Detected
	case incident.ActImpact:
		a.Impact = known(r.Impact)
	case incident.ActPersonal:
		a.Personal = known(r.Personal)
	case incident.ActOrganise:
		a.Org = known(r.Organisation)
	case incident.ActDisposition:
		if r.Disposition != "suspected" {
			a.Disposition = r.Disposition
		}
	default:
	}
	return a
}

// receipt returns whom a report came to: the team, unless it says the desk.
func (r Request) receipt() incident.Milestone {
	if r.Milestone == "" {
		return incident.Reported
	}
	return r.Milestone
}

// reported is the claim of a report. Without a time our own stamp is the
// record of it; with one, a person of the receiving side states it.
func (r Request) reported(s incident.Signal) incident.Claim {
	if !r.Interval.Known() {
		return incident.Claim{
			Milestone: r.receipt(), Interval: incident.At(s.Received), Basis: incident.Recorded,
			Observer: s.Author, Receiver: true,
		}
	}
	return incident.Claim{
		Milestone: r.receipt(), Interval: r.Interval, Basis: incident.Stated,
		Observer: s.Author, Receiver: true, Words: words(s.Raw, "interval"),
	}
}

// stated is a claim of the reporter where one is named, else of the author:
// two callers are two observers though one person wrote both down.
func (r Request) stated(s incident.Signal, m incident.Milestone, i incident.Interval, field string) incident.Claim {
	observer := s.Author
	if r.Reporter != "" {
		observer = r.Reporter
	}
	return incident.Claim{
		Milestone: m, Interval: i, Basis: incident.Stated, Observer: observer, Words: words(s.Raw, field),
	}
}

// words finds the value of an interval field in the raw bytes. Prose cannot be
// taken for it: there, quotation marks are escaped.
func words(raw []byte, field string) [2]int {
	mark := []byte(`"` + field + `":{`)
	at := bytes.Index(raw, mark)
	if at < 0 {
		return [2]int{}
	}
	from := at + len(mark) - 1
	end := bytes.IndexByte(raw[from:], '}')
	if end < 0 {
		return [2]int{}
	}
	return [2]int{from, from + end + 1}
}

// known turns the word "unknown" into the empty value of the closed set.
func known[S ~string](v S) S {
	if v == "unknown" {
		return ""
	}
	return v
}
