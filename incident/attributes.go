package incident

// Impact is the category of an incident under the policy.
type Impact string

// The impacts. The empty one is not known.
const (
	ImpactUnknown Impact = ""
	ImpactLow     Impact = "low"
	ImpactMedium  Impact = "medium"
	ImpactHigh    Impact = "high"
)

// Impacts lists every impact.
func Impacts() []Impact { return []Impact{ImpactUnknown, ImpactLow, ImpactMedium, ImpactHigh} }

// Label returns the impact as a label value: "unknown" for the empty one.
func (i Impact) Label() string { return orUnknown(string(i)) }

// Personal says whether personal data are concerned.
type Personal string

// The answers. The empty one is not known.
const (
	PersonalUnknown Personal = ""
	PersonalYes     Personal = "yes"
	PersonalNo      Personal = "no"
)

// Disposition says what a person made of an incident. Suspected incidents
// count like confirmed ones: the policy says so.
type Disposition string

// The dispositions. The empty one is suspected.
const (
	Suspected     Disposition = ""
	Confirmed     Disposition = "confirmed"
	NearMiss      Disposition = "near_miss"
	FalsePositive Disposition = "false_positive"
)

// Dispositions lists every disposition.
func Dispositions() []Disposition {
	return []Disposition{Suspected, Confirmed, NearMiss, FalsePositive}
}

// An Organisation is a key of the organisation map, [a-z0-9-]{1,40}, or empty:
// not known.
type Organisation string

// Label returns the organisation as a label value: "unknown" for the empty one.
func (o Organisation) Label() string { return orUnknown(string(o)) }

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

// Attributes are what is said of an incident besides its times. Every field is
// from a closed set.
type Attributes struct {
	Organisation Organisation `json:"organisation,omitempty"`
	Impact       Impact       `json:"impact,omitempty"`
	Personal     Personal     `json:"personal,omitempty"`
	Disposition  Disposition  `json:"disposition,omitempty"`
	// Restricted incidents are told in totals only.
	Restricted bool `json:"restricted,omitempty"`
	// Canary marks a test signal of our own.
	Canary bool `json:"canary,omitempty"`
	// NotNotifiable holds the policies that a person decided do not call for a
	// notification (UK GDPR article 33(5)), sorted.
	NotNotifiable []PolicyID `json:"not_notifiable,omitempty"`
}

// Role is what a person may do.
type Role string

// The roles. A manager may do all that the desk may.
const (
	RoleDesk    Role = "desk"
	RoleManager Role = "manager"
)
