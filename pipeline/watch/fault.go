package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Fault says what is wrong with the record, where, and what repairs it. It
// names numbers and servers, never what a signal says.
type Fault struct {
	// Refusal is the reason under which start would refuse the record; each has
	// a row in docs/OPERATING.md.
	Refusal string
	// Stream is the stream concerned. Entry and Message are of LEDGER, Signal is
	// of SIGNALS; each is zero where it is not known.
	Stream  string
	Entry   uint64
	Message uint64
	Signal  incident.Pos
	// Replica is the server whose copy is bad while others may be whole; empty
	// where the record as it is served is bad.
	Replica string
	// What was found, in words.
	What string
	// Repair are the commands that repair it, one a line, in their order; lines
	// that begin with # are for a person to read.
	Repair []string
	// StoringSafe: signals can go on being stored. They cannot when the end of
	// SIGNALS is lost: positions would be used twice.
	StoringSafe bool
	// Since is when it was found.
	Since time.Time
}

// Error says what is wrong and where, in one line.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString("record fault: " + f.Refusal)
	if f.Stream != "" {
		b.WriteString(": " + f.Stream)
	}
	if f.Replica != "" {
		b.WriteString(" on " + f.Replica)
	}
	if f.Entry > 0 {
		fmt.Fprintf(&b, ": entry %d", f.Entry)
	}
	if f.Message > 0 {
		fmt.Fprintf(&b, ": message %d", f.Message)
	}
	if !f.Signal.IsZero() {
		fmt.Fprintf(&b, ": signal %s", f.Signal)
	}
	if f.What != "" {
		b.WriteString(": " + f.What)
	}
	return b.String()
}

// Hint says what to do.
func (f *Fault) Hint() string {
	return "nothing is folded or told until it is repaired; promptness verify names the first bad record: " + strings.Join(f.Repair, "; ")
}

// Text is the whole of it for a person: what, where, what goes on meanwhile, and
// the repair, a command a line.
func (f *Fault) Text() string {
	stored := "Signals are stored meanwhile."
	if !f.StoringSafe {
		stored = "No signal is stored meanwhile: senders get 503 and keep theirs."
	}
	return fmt.Sprintf("%s\nFound at %s. Nothing is folded or told until it is repaired. %s\nRepair:\n%s\n",
		f.Error(), f.Since.UTC().Format(time.RFC3339), stored, strings.Join(f.Repair, "\n"))
}

// same reports whether f and g are one fault, found twice.
func (f *Fault) same(g *Fault) bool {
	return f.Refusal == g.Refusal && f.Stream == g.Stream && f.Replica == g.Replica
}
