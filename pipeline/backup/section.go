package backup

// A Section is one stream of a tenant in a backup.
type Section string

// The sections.
const (
	Positions  Section = "positions"
	Deliveries Section = "deliveries"
	Ledger     Section = "ledger"
	Signals    Section = "signals"
	Evidence   Section = "evidence"
)

// Sections lists every section in the order in which they are copied, which is
// what makes a copy of a running store one that a crash could have left.
func Sections() []Section { return []Section{Positions, Deliveries, Ledger, Signals, Evidence} }

// file is the name of the file of s.
func (s Section) file() string { return string(s) + ".messages" }
