package manual

import "github.com/ministryofjustice/incident-promptness/incident"

// needs says what an act is made of.
type needs struct {
	needs, may []string
	manager    bool // only a manager may
	also       func(Request, *RequestError)
}

// needsOf returns what an act of kind k is made of, and whether there is such
// an act. A reason is asked for wherever an act takes something away from a
// measured time: correction, withdraw, reject, detach, not notifiable, near
// miss and false positive (rules.md section 2; UK GDPR article 33(5)).
func needsOf(k incident.ActKind) (needs, bool) {
	switch k {
	case incident.ActReport:
		return needs{
			may: []string{
				"ref", "milestone", "interval", "detected", "organisation", "impact", "personal",
				"ticket", "reporter", "text", "upon",
			},
			also: reportOnly,
		}, true
	case incident.ActDetection:
		return needs{needs: []string{"ref", "interval"}, may: []string{"reporter", "text", "upon"}}, true
	case incident.ActMilestone:
		return needs{
			needs: []string{"ref", "milestone", "interval"},
			may:   []string{"reporter", "text", "upon"},
			also:  milestoneOnly,
		}, true
	case incident.ActCorrection:
		return needs{
			needs:   []string{"ref", "milestone", "interval", "reason", "upon"},
			may:     []string{"text"},
			manager: true,
		}, true
	case incident.ActWithdraw, incident.ActReject:
		return needs{needs: []string{"ref", "signal", "reason"}, may: []string{"milestone", "text", "upon"}}, true
	case incident.ActAccept:
		return needs{needs: []string{"ref", "signal", "milestone"}, may: []string{"reason", "text", "upon"}}, true
	case incident.ActVouch:
		return needs{needs: []string{"ref", "signal"}, may: []string{"text", "upon"}}, true
	case incident.ActDetach:
		return needs{needs: []string{"ref", "signal", "reason"}, may: []string{"text", "upon"}}, true
	case incident.ActConfirm:
		return needs{needs: []string{"ref"}, may: []string{"policy", "text", "upon"}}, true
	case incident.ActOpen:
		return needs{needs: []string{"ref"}, may: []string{"text", "upon"}}, true
	case incident.ActImpact:
		return needs{needs: []string{"ref", "impact"}, may: []string{"text", "upon"}}, true
	case incident.ActPersonal:
		return needs{needs: []string{"ref", "personal"}, may: []string{"text", "upon"}}, true
	case incident.ActOrganise:
		return needs{needs: []string{"ref", "organisation"}, may: []string{"text", "upon"}}, true
	case incident.ActDisposition:
		return needs{needs: []string{"ref", "disposition"}, may: []string{"reason", "text", "upon"}, also: dispositionReason}, true
	case incident.ActRestrict:
		return needs{needs: []string{"ref"}, may: []string{"off", "text", "upon"}}, true
	case incident.ActNotifiable:
		return needs{needs: []string{"ref", "policy"}, may: []string{"off", "reason", "text", "upon"}, also: notifiableReason}, true
	case incident.ActLink, incident.ActUnlink:
		return needs{needs: []string{"ref", "other"}, may: []string{"text", "upon"}, also: twoIncidents}, true
	case incident.ActReason:
		return needs{needs: []string{"ref", "reason"}, may: []string{"policy", "text", "upon"}}, true
	case incident.ActNote:
		return needs{needs: []string{"ref", "text"}, may: []string{"upon"}}, true
	case incident.ActSettle:
		return needs{needs: []string{"signal"}, may: []string{"ref", "text"}}, true
	default:
		return needs{}, false
	}
}

// Allowed reports whether a person of the role may do k. A manager may do all;
// the desk all but correct (rules.md section 1: a corrected time is set by a
// person with the role manager). Vouching is open to both, as are dispositions.
func Allowed(k incident.ActKind, role incident.Role) bool {
	n, ok := needsOf(k)
	return ok && (role == incident.RoleManager || role == incident.RoleDesk && !n.manager)
}

func reportOnly(r Request, bad *RequestError) {
	if r.Milestone != "" && !r.Milestone.Receipt() {
		bad.add("milestone", "%q is not told to anybody: a report is %s or %s", r.Milestone, incident.Reported, incident.ReportedToDesk)
	}
}

func milestoneOnly(r Request, bad *RequestError) {
	switch r.Milestone {
	case incident.Detected:
		bad.add("milestone", "a time of detection is recorded with the act detection")
	case incident.Reported, incident.ReportedToDesk:
		bad.add("milestone", "a report is recorded with the act report")
	default: // any other: a policy may name its own
	}
}

func dispositionReason(r Request, bad *RequestError) {
	if (r.Disposition == incident.FalsePositive || r.Disposition == incident.NearMiss) && r.Reason == "" {
		bad.add("reason", "is needed for %s, for example %s", r.Disposition, incident.ReasonFalseAlarm)
	}
}

func notifiableReason(r Request, bad *RequestError) {
	if r.Off && r.Reason == "" {
		bad.add("reason", "is needed where no notification is due, for example %s", incident.ReasonNoRisk)
	}
}

func twoIncidents(r Request, bad *RequestError) {
	if r.Other != "" && r.Other == r.Ref {
		bad.add("other", "must be another incident than %s", r.Ref)
	}
}
