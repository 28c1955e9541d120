package incident

import "time"

// A Reading is what one interpreter of one version reads in one signal.
type Reading struct {
	// Interpreter and version, for example "email/1".
	Interpreter string
	// Parts holds the facts of each incident that the signal speaks of: one
	// for a mail, as many as there are alerts for an Alertmanager delivery.
	Parts []Facts
	// Quarantine is the reason why nothing, or not all, could be read. The
	// raw bytes stay in the vault and can be read again.
	Quarantine Why
}

// MaxParts bounds the parts of one signal, so that a step is bounded.
const MaxParts = 256

// An Opening says what a signal does where no incident is there yet.
type Opening string

// The openings.
const (
	Opens      Opening = "opens"     // a suspected incident: the clocks run
	Candidate  Opening = "candidate" // kept and listed; no clock runs until a person or a rule opens it
	JoinsOnly  Opening = "joins"     // only ever speaks of a known incident
	NotRelated Opening = "ignored"   // kept, concerns no incident
)

// Facts is what a signal says of one incident.
type Facts struct {
	Opening Opening
	Trust   Trust
	// Observer is who or what sent the signal.
	Observer string
	// Receipt is when the signal reached the receiver, by the best stamp of
	// the receiver's own system. For mail it is not the Date header.
	Receipt time.Time
	Keys    []Key
	Claims  []Claim
	Attrs   Attributes
	// Route is how people heard: "person" or "automatic".
	Route Route
	// Act is what a person did, on the manual channel only.
	Act   *Act
	Flags []Flag
}

// A Route says whether a report came from a person or from a machine.
type Route string

// The routes.
const (
	RoutePerson    Route = "person"
	RouteAutomatic Route = "automatic"
)

// An ActKind is something that people do about incidents.
type ActKind string

// The acts (design.md section 6; rules.md sections 1, 2, 7).
const (
	ActReport      ActKind = "report"     // a report that came by another way, for example by phone
	ActDetection   ActKind = "detection"  // a time of detection, as evidence
	ActMilestone   ActKind = "milestone"  // a time of another milestone
	ActCorrection  ActKind = "correction" // replaces a milestone's time
	ActWithdraw    ActKind = "withdraw"   // takes back a correction or a claim
	ActAccept      ActKind = "accept"     // accepts a weak claim of a signal
	ActReject      ActKind = "reject"     // rejects a claim of a signal
	ActVouch       ActKind = "vouch"      // a signal is genuine
	ActConfirm     ActKind = "confirm"    // a second person confirms
	ActOpen        ActKind = "open"       // a candidate is an incident
	ActImpact      ActKind = "impact"     // sets the impact
	ActPersonal    ActKind = "personal"   // sets whether personal data are concerned
	ActOrganise    ActKind = "organisation"
	ActDisposition ActKind = "disposition" // confirmed, near miss, false positive, or back to suspected
	ActRestrict    ActKind = "restrict"
	ActNotifiable  ActKind = "notifiable" // a policy calls, or does not call, for a notification
	ActLink        ActKind = "link"       // two incidents are one
	ActUnlink      ActKind = "unlink"     // a suggested link is refused
	ActDetach      ActKind = "detach"     // a signal does not belong to this incident
	ActReason      ActKind = "reason"     // why a report was late
	ActNote        ActKind = "note"       // prose, kept in the vault only
	ActSettle      ActKind = "settle"     // a quarantined signal was looked at
)

// Acts lists every act.
func Acts() []ActKind {
	return []ActKind{ActReport, ActDetection, ActMilestone, ActCorrection, ActWithdraw, ActAccept,
		ActReject, ActVouch, ActConfirm, ActOpen, ActImpact, ActPersonal, ActOrganise, ActDisposition,
		ActRestrict, ActNotifiable, ActLink, ActUnlink, ActDetach, ActReason, ActNote, ActSettle}
}

// An Act is what a person did. The author is the owner of the credential that
// was shown and is no field that the person can fill. Prose stays in the raw
// bytes of the signal.
type Act struct {
	Kind ActKind `json:"kind"`
	// Author is the staff number of the credential's owner.
	Author string `json:"author"`
	Role   Role   `json:"role"`
	// Ref is the incident that is acted upon; empty for a report of a new one.
	Ref Ref `json:"ref,omitempty"`
	// Other is the second incident of a link.
	Other Ref `json:"other,omitempty"`
	// Signal is the entry number at which the signal that is acted upon joined,
	// for withdraw, accept, reject, vouch, detach and settle.
	Signal uint64 `json:"signal,omitempty"`
	// Upon is the number of the entry that the author had before their eyes.
	Upon      uint64    `json:"upon,omitempty"`
	Milestone Milestone `json:"milestone,omitempty"`
	Interval  Interval  `json:"interval,omitzero"`
	// Reason is a code from ReasonCodes.
	Reason      Reason       `json:"reason,omitempty"`
	Impact      Impact       `json:"impact,omitempty"`
	Personal    Personal     `json:"personal,omitempty"`
	Disposition Disposition  `json:"disposition,omitempty"`
	Org         Organisation `json:"organisation,omitempty"`
	Policy      PolicyID     `json:"policy,omitempty"`
	// Off negates: restrict off, notifiable off (not notifiable).
	Off bool `json:"off,omitempty"`
}

// A Reason is a reason code. Prose about it stays in the vault.
type Reason string

// The reason codes: of corrections, of late reports (reference/domain.md
// section 6).
const (
	ReasonTyping        Reason = "typing_error"
	ReasonWrongTime     Reason = "detection_time_wrong"
	ReasonMisread       Reason = "misread_by_program"
	ReasonNewEvidence   Reason = "new_evidence"
	ReasonClockWrong    Reason = "source_clock_wrong"
	ReasonPhoneLog      Reason = "phone_log"
	ReasonNotRecognised Reason = "not_recognised"
	ReasonNotKnownHow   Reason = "did_not_know_how"
	ReasonToldManager   Reason = "told_manager_first"
	ReasonOutOfHours    Reason = "out_of_hours"
	ReasonNoDevice      Reason = "device_unavailable"
	ReasonSupplierLate  Reason = "supplier_told_late"
	ReasonDeskHandover  Reason = "desk_handover"
	ReasonDuplicate     Reason = "duplicate"
	ReasonFalseAlarm    Reason = "false_alarm"
	ReasonNoRisk        Reason = "no_risk_to_people"
	ReasonOther         Reason = "other"
)

// Reasons lists every reason code.
func Reasons() []Reason {
	return []Reason{ReasonTyping, ReasonWrongTime, ReasonMisread, ReasonNewEvidence, ReasonClockWrong,
		ReasonPhoneLog, ReasonNotRecognised, ReasonNotKnownHow, ReasonToldManager, ReasonOutOfHours,
		ReasonNoDevice, ReasonSupplierLate, ReasonDeskHandover, ReasonDuplicate, ReasonFalseAlarm,
		ReasonNoRisk, ReasonOther}
}
