package main

import (
	"context"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
)

// reportCmd records a report that no mailbox and no webhook has seen.
type reportCmd struct {
	Ref          incident.Ref          `help:"Incident that the report is about. Without it, the report opens one." placeholder:"REF"`
	At           string                `help:"When the report came: 09:15, \"23/11/2026 09:15\", 09:15..09:20. Default: now." placeholder:"TIME"`
	ToDesk       bool                  `help:"It came to the service desk, not to the security team."`
	Detected     string                `help:"When what is reported was detected, as the reporter says." placeholder:"TIME"`
	Organisation incident.Organisation `help:"Organisation that is concerned." placeholder:"KEY"`
	Impact       incident.Impact       `help:"low, medium, high." placeholder:"LEVEL"`
	Personal     incident.Personal     `help:"Are personal data concerned: yes, no." placeholder:"ANSWER"`
	Ticket       string                `help:"Reference in another system, for example INC0012345." placeholder:"ID"`
	Reporter     string                `help:"Who told you; kept in the vault, in the record only as a mark." placeholder:"WHO"`
	actFlags
}

// Run records it.
func (c *reportCmd) Run(ctx context.Context, s *session) error {
	r := manual.Request{
		Kind: incident.ActReport, Ref: c.Ref, Milestone: reported(c.ToDesk), Organisation: c.Organisation,
		Impact: c.Impact, Personal: c.Personal, Ticket: c.Ticket, Reporter: c.Reporter,
	}
	var err error
	if c.At != "" {
		if r.Interval, err = when(c.At); err != nil {
			return err
		}
	}
	if c.Detected != "" {
		if r.Detected, err = when(c.Detected); err != nil {
			return err
		}
	}
	return s.record(ctx, c.actFlags, r)
}

// detectionCmd records when an incident was detected, as evidence.
type detectionCmd struct {
	Ref      incident.Ref `arg:"" help:"Incident."`
	At       string       `help:"When it was detected: 09:15, \"23/11/2026 09:15\", 09:15..09:45." required:"" placeholder:"TIME"`
	Reporter string       `help:"Who says so; kept in the vault, in the record only as a mark." placeholder:"WHO"`
	actFlags
}

// Run records it.
func (c *detectionCmd) Run(ctx context.Context, s *session) error {
	i, err := when(c.At)
	if err != nil {
		return err
	}
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActDetection, Ref: c.Ref, Interval: i, Reporter: c.Reporter})
}

// milestoneCmd records when another milestone was reached.
type milestoneCmd struct {
	Ref       incident.Ref       `arg:"" help:"Incident."`
	Milestone incident.Milestone `help:"One of ${milestones}, or one that a policy names." required:"" placeholder:"NAME"`
	At        string             `help:"When it was." required:"" placeholder:"TIME"`
	Reporter  string             `help:"Who says so; kept in the vault, in the record only as a mark." placeholder:"WHO"`
	actFlags
}

// Run records it.
func (c *milestoneCmd) Run(ctx context.Context, s *session) error {
	i, err := when(c.At)
	if err != nil {
		return err
	}
	return s.record(ctx, c.actFlags, manual.Request{
		Kind: incident.ActMilestone, Ref: c.Ref, Milestone: hyphens(c.Milestone, incident.Milestones()), Interval: i, Reporter: c.Reporter,
	})
}

// correctionCmd replaces the time of a milestone.
type correctionCmd struct {
	Ref       incident.Ref       `arg:"" help:"Incident."`
	Milestone incident.Milestone `help:"Milestone, for example detected." required:"" placeholder:"NAME"`
	At        string             `help:"When it really was." required:"" placeholder:"TIME"`
	Reason    incident.Reason    `help:"Why: ${reasons}." required:"" placeholder:"CODE"`
	actFlags
}

// Run records it.
func (c *correctionCmd) Run(ctx context.Context, s *session) error {
	i, err := when(c.At)
	if err != nil {
		return err
	}
	return s.record(ctx, c.actFlags, manual.Request{
		Kind: incident.ActCorrection, Ref: c.Ref, Milestone: hyphens(c.Milestone, incident.Milestones()), Interval: i, Reason: c.Reason,
	})
}

// withdrawCmd takes an act back.
type withdrawCmd struct {
	Ref    incident.Ref    `arg:"" help:"Incident."`
	Signal number          `help:"Number of the entry of the act." required:"" placeholder:"N"`
	Reason incident.Reason `help:"Why: ${reasons}." required:"" placeholder:"CODE"`
	actFlags
}

// Run records it.
func (c *withdrawCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActWithdraw, Ref: c.Ref, Signal: uint64(c.Signal), Reason: c.Reason})
}

// acceptCmd accepts a weak time.
type acceptCmd struct {
	Ref       incident.Ref       `arg:"" help:"Incident."`
	Signal    number             `help:"Number of the entry at which the signal joined." required:"" placeholder:"N"`
	Milestone incident.Milestone `help:"Milestone whose time is accepted, for example detected." required:"" placeholder:"NAME"`
	actFlags
}

// Run records it.
func (c *acceptCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{
		Kind: incident.ActAccept, Ref: c.Ref, Signal: uint64(c.Signal), Milestone: hyphens(c.Milestone, incident.Milestones()),
	})
}

// rejectCmd rejects a time.
type rejectCmd struct {
	Ref       incident.Ref       `arg:"" help:"Incident."`
	Signal    number             `help:"Number of the entry at which the signal joined." required:"" placeholder:"N"`
	Milestone incident.Milestone `help:"Milestone whose time is rejected. Default: all of the signal." placeholder:"NAME"`
	Reason    incident.Reason    `help:"Why: ${reasons}." required:"" placeholder:"CODE"`
	actFlags
}

// Run records it.
func (c *rejectCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{
		Kind: incident.ActReject, Ref: c.Ref, Signal: uint64(c.Signal), Milestone: hyphens(c.Milestone, incident.Milestones()), Reason: c.Reason,
	})
}

// vouchCmd confirms that a signal is genuine.
type vouchCmd struct {
	Ref    incident.Ref `arg:"" help:"Incident."`
	Signal number       `help:"Number of the entry at which the signal joined." required:"" placeholder:"N"`
	actFlags
}

// Run records it.
func (c *vouchCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActVouch, Ref: c.Ref, Signal: uint64(c.Signal)})
}

// detachCmd cuts a signal off.
type detachCmd struct {
	Ref    incident.Ref    `arg:"" help:"Incident."`
	Signal number          `help:"Number of the entry at which the signal joined." required:"" placeholder:"N"`
	Reason incident.Reason `help:"Why: ${reasons}." required:"" placeholder:"CODE"`
	actFlags
}

// Run records it.
func (c *detachCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActDetach, Ref: c.Ref, Signal: uint64(c.Signal), Reason: c.Reason})
}

// confirmCmd is the second person's word.
type confirmCmd struct {
	Ref    incident.Ref      `arg:"" help:"Incident."`
	Policy incident.PolicyID `help:"Policy whose verdict is confirmed. Default: all." placeholder:"ID"`
	actFlags
}

// Run records it.
func (c *confirmCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActConfirm, Ref: c.Ref, Policy: c.Policy})
}

// openCmd makes a candidate an incident.
type openCmd struct {
	Ref incident.Ref `arg:"" help:"Candidate."`
	actFlags
}

// Run records it.
func (c *openCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActOpen, Ref: c.Ref})
}

// impactCmd sets the impact.
type impactCmd struct {
	Ref    incident.Ref    `arg:"" help:"Incident."`
	Impact incident.Impact `arg:"" help:"low, medium, high, or unknown."`
	actFlags
}

// Run records it.
func (c *impactCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActImpact, Ref: c.Ref, Impact: incident.Impact(strings.ToLower(string(c.Impact)))})
}

// personalCmd says whether personal data are concerned.
type personalCmd struct {
	Ref      incident.Ref      `arg:"" help:"Incident."`
	Personal incident.Personal `arg:"" help:"yes, no, or unknown."`
	actFlags
}

// Run records it.
func (c *personalCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActPersonal, Ref: c.Ref, Personal: incident.Personal(strings.ToLower(string(c.Personal)))})
}

// organisationCmd sets the organisation.
type organisationCmd struct {
	Ref          incident.Ref          `arg:"" help:"Incident."`
	Organisation incident.Organisation `arg:"" help:"A key of the organisation map, or unknown."`
	actFlags
}

// Run records it.
func (c *organisationCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActOrganise, Ref: c.Ref, Organisation: c.Organisation})
}

// dispositionCmd says what it was.
type dispositionCmd struct {
	Ref         incident.Ref         `arg:"" help:"Incident."`
	Disposition incident.Disposition `arg:"" help:"confirmed, near_miss, false_positive, or suspected."`
	Reason      incident.Reason      `help:"Why, needed for near_miss and false_positive: ${reasons}." placeholder:"CODE"`
	actFlags
}

// Run records it.
func (c *dispositionCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{
		Kind: incident.ActDisposition, Ref: c.Ref, Disposition: hyphens(c.Disposition, incident.Dispositions()), Reason: c.Reason,
	})
}

// restrictCmd shows an incident in totals only.
type restrictCmd struct {
	Ref incident.Ref `arg:"" help:"Incident."`
	Off bool         `help:"Show it again."`
	actFlags
}

// Run records it.
func (c *restrictCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActRestrict, Ref: c.Ref, Off: c.Off})
}

// notifiableCmd says whether a notification is due.
type notifiableCmd struct {
	Ref    incident.Ref      `arg:"" help:"Incident."`
	Policy incident.PolicyID `arg:"" help:"Policy, for example gdpr-33."`
	Off    bool              `help:"No notification is due; needs a reason."`
	Reason incident.Reason   `help:"Why: ${reasons}." placeholder:"CODE"`
	actFlags
}

// Run records it.
func (c *notifiableCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActNotifiable, Ref: c.Ref, Policy: c.Policy, Off: c.Off, Reason: c.Reason})
}

// linkCmd makes two incidents one.
type linkCmd struct {
	Ref   incident.Ref `arg:"" help:"Incident."`
	Other incident.Ref `arg:"" help:"The other incident."`
	actFlags
}

// Run records it.
func (c *linkCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActLink, Ref: c.Ref, Other: c.Other})
}

// unlinkCmd refuses a suggested link.
type unlinkCmd struct {
	Ref   incident.Ref `arg:"" help:"Incident."`
	Other incident.Ref `arg:"" help:"The other incident."`
	actFlags
}

// Run records it.
func (c *unlinkCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActUnlink, Ref: c.Ref, Other: c.Other})
}

// reasonCmd says why a report was late.
type reasonCmd struct {
	Ref    incident.Ref      `arg:"" help:"Incident."`
	Reason incident.Reason   `arg:"" help:"One of ${reasons}."`
	Policy incident.PolicyID `help:"Policy that it was late for. Default: all." placeholder:"ID"`
	actFlags
}

// Run records it.
func (c *reasonCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActReason, Ref: c.Ref, Reason: c.Reason, Policy: c.Policy})
}

// noteCmd writes something down.
type noteCmd struct {
	Ref   incident.Ref `arg:"" help:"Incident."`
	Words []string     `arg:"" help:"What to write down. Kept in the vault, never in the record."`
	actFlags
}

// Run records it.
func (c *noteCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActNote, Ref: c.Ref, Text: strings.Join(c.Words, " ")})
}

// settleCmd says that a quarantined signal was looked at.
type settleCmd struct {
	Signal number `help:"Number of the entry of the quarantined signal." required:"" placeholder:"N"`
	actFlags
}

// Run records it.
func (c *settleCmd) Run(ctx context.Context, s *session) error {
	return s.record(ctx, c.actFlags, manual.Request{Kind: incident.ActSettle, Signal: uint64(c.Signal)})
}
