package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

// recordCmd holds what people can record. There is no option that says who
// records it: that is the owner of the token.
type recordCmd struct {
	Report       reportCmd       `cmd:"" help:"A report that came by another way, for example by phone."`
	Detection    detectionCmd    `cmd:"" help:"When an incident was detected, as somebody states it."`
	Milestone    milestoneCmd    `cmd:"" help:"When another milestone was reached."`
	Correction   correctionCmd   `cmd:"" help:"Replace the time of a milestone (manager)."`
	Withdraw     withdrawCmd     `cmd:"" help:"Take back an act."`
	Accept       acceptCmd       `cmd:"" help:"Accept a weak time of a signal."`
	Reject       rejectCmd       `cmd:"" help:"Reject a time of a signal."`
	Vouch        vouchCmd        `cmd:"" help:"Confirm that an unauthenticated signal is genuine."`
	Confirm      confirmCmd      `cmd:"" help:"Confirm, as a second person, what another recorded."`
	Open         openCmd         `cmd:"" help:"Say that a candidate is an incident."`
	Impact       impactCmd       `cmd:"" help:"Set the impact."`
	Personal     personalCmd     `cmd:"" help:"Say whether personal data are concerned."`
	Organisation organisationCmd `cmd:"" help:"Set the organisation."`
	Disposition  dispositionCmd  `cmd:"" help:"Say what it was: confirmed, near_miss, false_positive, or suspected again."`
	Restrict     restrictCmd     `cmd:"" help:"Show an incident in totals only."`
	Notifiable   notifiableCmd   `cmd:"" help:"Say whether a policy calls for a notification."`
	Link         linkCmd         `cmd:"" help:"Say that two incidents are one."`
	Unlink       unlinkCmd       `cmd:"" help:"Say that two incidents are not one."`
	Detach       detachCmd       `cmd:"" help:"Say that a signal does not belong to an incident."`
	Reason       reasonCmd       `cmd:"" help:"Say why a report was late."`
	Note         noteCmd         `cmd:"" help:"Write something down about an incident."`
	Settle       settleCmd       `cmd:"" help:"Say that a quarantined signal was looked at."`
}

// actFlags are common to all acts.
type actFlags struct {
	Upon uint64        `help:"Number of the entry that you decided upon, as incidents show prints it. Default: the newest." placeholder:"N"`
	Text string        `help:"Why, in words. Kept in the vault, never in the record." placeholder:"WORDS"`
	Wait time.Duration `help:"How long to wait to see what it changed; 0 does not wait." default:"10s" placeholder:"TIME"`
}

// Recorded is what record prints with --json.
type Recorded struct {
	manual.Outcome
	Repeat   bool            `json:"repeat"`
	Refused  incident.Why    `json:"refused,omitempty"`
	Incident *incidentAnswer `json:"incident,omitempty"`
}

// record sends r, waits for what it changes, and prints it.
func (s *session) record(ctx context.Context, f actFlags, r manual.Request) error {
	r.Upon = f.Upon
	if r.Text == "" {
		r.Text = f.Text
	}
	c, err := s.client(true)
	if err != nil {
		return err
	}
	if r.Ref != "" {
		if r.Ref, err = incident.ParseRef(string(r.Ref)); err != nil {
			return &say.UsageError{Err: err, Do: "promptness incidents lists them"}
		}
	}
	if r.Other != "" {
		if r.Other, err = incident.ParseRef(string(r.Other)); err != nil {
			return &say.UsageError{Err: err, Do: "promptness incidents lists them"}
		}
	}
	if r.Ref != "" && r.Upon == 0 {
		// What is decided now is decided upon what the incident is now. Whoever
		// looked earlier says so with --upon.
		var now incidentAnswer
		if err := c.get(ctx, incidentPath(r.Ref), &now); err != nil {
			return noIncident(r.Ref, err)
		}
		r.Upon = now.evidence()
	}
	if err := r.Validate(); err != nil {
		bad, ok := errors.AsType[*manual.RequestError](err)
		if !ok {
			return err
		}
		return &say.UsageError{Err: &answerError{text: "record " + string(r.Kind) + ":", problems: bad.Problems}, Do: "promptness record " + string(r.Kind) + " --help"}
	}
	got, err := c.record(ctx, r)
	if err != nil {
		return fmt.Errorf("record %s: %w", r.Kind, err)
	}
	out := Recorded{Outcome: manual.Outcome{ID: got.ID}, Repeat: got.Repeat}
	if f.Wait > 0 {
		if out.Outcome, err = c.await(ctx, got.ID, f.Wait, s.stderr); err != nil {
			return fmt.Errorf("record %s: it is stored, but what it changed is not known: %w", r.Kind, err)
		}
	}
	ref := r.Ref
	for _, st := range out.Steps {
		if st.Kind == incident.KindRefused {
			out.Refused = st.Why
		}
		if st.Ref != "" {
			ref = st.Ref
		}
	}
	if out.Folded && ref != "" {
		var now incidentAnswer
		if err := c.get(ctx, incidentPath(ref), &now); err == nil {
			out.Incident = &now
		}
	}
	if s.JSON {
		return errors.Join(s.printJSON(out), silentIf(out.Refused != ""))
	}
	return s.tellRecorded(r, out)
}

func silentIf(bad bool) error {
	if bad {
		return errSilent
	}
	return nil
}

// tellRecorded prints what an act changed, or why it changed nothing.
func (s *session) tellRecorded(r manual.Request, out Recorded) error {
	switch {
	case out.Refused != "":
		return say.WithHint(fmt.Errorf("record %s: refused: %s", r.Kind, refusal(out.Refused)), refusalHint(out.Refused, r))
	case !out.Folded:
		_, err := fmt.Fprintf(s.stdout, "stored as %.12s, not folded yet: promptness why shows it later\n", out.ID)
		return err
	}
	var b strings.Builder
	for _, st := range out.Steps {
		what := "applied"
		switch st.Kind { //nolint:exhaustive // every other kind is told by its name
		case incident.KindActed:
		case incident.KindOpened:
			what = "opened a new incident"
		case incident.KindJoined:
			what = "joined"
		default:
			what = string(st.Kind)
		}
		fmt.Fprintf(&b, "%s: %s", r.Kind, what)
		if st.Ref != "" {
			fmt.Fprintf(&b, ", %s", st.Ref)
		}
		fmt.Fprintf(&b, " (entry %d)\n", st.N)
	}
	if _, err := io.WriteString(s.stdout, b.String()); err != nil || out.Incident == nil {
		return err
	}
	return out.Incident.write(s.stdout, time.Now().UTC())
}

// refusal says in words why an act was not applied.
func refusal(w incident.Why) string {
	switch w { //nolint:exhaustive // the others do not refuse acts
	case incident.WhyChangedSince:
		return "the incident has changed since the entry that you decided upon"
	case incident.WhyContradicts:
		return "a trusted receipt shows otherwise"
	case incident.WhyNoIncident:
		return "there is no such incident"
	case incident.WhyNoSignal:
		return "there is no such signal, or it has no such time"
	case incident.WhyRoleNeeded:
		return "only a manager, or whoever recorded it, may do this"
	case incident.WhyReasonNeeded:
		return "a reason is needed"
	case incident.WhySamePerson:
		return "you recorded it yourself: another person must confirm"
	case incident.WhyNothingToDo:
		return "it would change nothing"
	case incident.WhyAlreadyMerged:
		return "the incident is part of another"
	case incident.WhyInvalidAct:
		return "the act is not one that fits the incident"
	default:
		return strings.ReplaceAll(string(w), "_", " ")
	}
}

func refusalHint(w incident.Why, r manual.Request) string {
	switch w { //nolint:exhaustive // no advice for the others
	case incident.WhyChangedSince:
		return fmt.Sprintf("look at it again with promptness incidents show %s, then record it again", r.Ref)
	case incident.WhyContradicts:
		return fmt.Sprintf("if that signal does not belong to %s, detach it first: promptness record detach %s --signal N --reason CODE", r.Ref, r.Ref)
	case incident.WhyNoSignal:
		if r.Kind == incident.ActSettle {
			return "promptness decisions lists what is quarantined and not settled"
		}
		return fmt.Sprintf("promptness why %s lists its signals by their numbers", r.Ref)
	case incident.WhyNoIncident:
		return "promptness incidents lists them"
	default:
		return ""
	}
}

func noIncident(ref incident.Ref, err error) error {
	if e, ok := errors.AsType[*answerError](err); ok && e.code == http.StatusNotFound {
		return say.WithHint(fmt.Errorf("find incident %s: there is none", ref), "promptness incidents lists them")
	}
	return err
}

func incidentPath(ref incident.Ref) string { return "/v1/incidents/" + string(ref) }

// when reads a time that was typed now.
func when(words string) (incident.Interval, error) { return parseTime(words, time.Now()) }

// number reads the number of an entry, as "12" or "#12".
type number uint64

// UnmarshalText reads it.
func (n *number) UnmarshalText(b []byte) error {
	v, err := strconv.ParseUint(strings.TrimPrefix(string(b), "#"), 10, 64)
	if err != nil || v == 0 {
		return fmt.Errorf("%q must be the number of an entry, for example 12", b)
	}
	*n = number(v)
	return nil
}

// reported returns the milestone that a report reached.
func reported(toDesk bool) incident.Milestone {
	if toDesk {
		return incident.ReportedToDesk
	}
	return ""
}

// hyphens lets people write near-miss for near_miss.
func hyphens[S ~string](v S, have []S) S {
	if w := S(strings.ReplaceAll(strings.ToLower(string(v)), "-", "_")); slices.Contains(have, w) {
		return w
	}
	return v
}
