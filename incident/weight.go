package incident

// A Weight is how much a claim counts where the time of its milestone is chosen
// (rules.md section 1). It is for showing: Time chooses by itself.
type Weight string

// The weights.
const (
	WeightEvidence Weight = "evidence"
	WeightWeak     Weight = "weak" // counts only where there is no evidence
	WeightVoid     Weight = "void" // shown, never computed
)

// Weight returns how much the claim c of m counts, as a stop or as a start.
func (v *View) Weight(m *Member, c SealedClaim, stop bool) Weight {
	if !v.counts(m) {
		return WeightVoid
	}
	switch v.grade(m, &c, stop) {
	case gradeEvidence:
		return WeightEvidence
	case gradeWeak:
		return WeightWeak
	case gradeVoid:
		return WeightVoid
	default:
		return WeightVoid
	}
}
