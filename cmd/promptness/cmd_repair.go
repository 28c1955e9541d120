package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

// repairCmd says what is wrong with a record and, where a person accepts the
// loss, goes on without what is lost.
type repairCmd struct {
	Accept []incident.Refusal `help:"Go on without what is lost under this name, as it is printed without --accept. Once for each name." placeholder:"NAME"`
	Author string             `help:"Staff number of whoever accepts it; it stands in the record." placeholder:"NUMBER"`
}

var staffNumber = regexp.MustCompile(`^[A-Za-z0-9._-]{1,40}$`)

// Run looks, or repairs.
func (c *repairCmd) Run(ctx context.Context, s *session) error {
	cfg, err := Load(s.Config)
	if err != nil {
		return err
	}
	for _, name := range c.Accept {
		if !slices.Contains(incident.Refusals(), name) {
			return say.Usage("--accept: there is no refusal %q (have %s)", name, joined(incident.Refusals(), ", "))
		}
	}
	if len(c.Accept) > 0 && !staffNumber.MatchString(c.Author) {
		return say.Usage("--author: must be the staff number of whoever accepts the loss")
	}
	bar := say.Start(s.stderr, "read the record", 0)
	defer bar.Stop()
	r := repairer{cfg: cfg, log: slog.New(slog.DiscardHandler), now: time.Now,
		progress: func(done, total uint64) { bar.Set(int64(done), int64(total)) }}
	found, err := r.repair(ctx, c.Accept, c.Author)
	bar.Stop()
	if err != nil {
		return err
	}
	if s.JSON {
		if err := s.printJSON(found); err != nil {
			return err
		}
	} else if err := found.write(s.stdout); err != nil {
		return err
	}
	if len(found.Findings) > 0 && !found.Repaired {
		return errSilent
	}
	return nil
}

// Repaired is what repair found, and whether it went on.
type Repaired struct {
	Findings []RepairFinding `json:"findings"`
	Repaired bool            `json:"repaired"`
	// Command is what goes on without what is lost.
	Command string `json:"command,omitempty"`
	// Kept is where the damaged record is kept.
	Kept string `json:"kept,omitempty"`
	// Again are signals that were stored again, because they stood under numbers
	// that were used before.
	Again int `json:"stored_again,omitempty"`
	// Entries is the number of the last entry after a repair.
	Entries uint64 `json:"entries,omitempty"`
}

// A RepairFinding is one thing that is wrong.
type RepairFinding struct {
	Refusal incident.Refusal `json:"refusal"`
	Problem string           `json:"problem"`
	Loses   string           `json:"loses"`
	Note    incident.Note    `json:"note"`
}

// mostShown bounds what is printed of one kind: a lost block holds thousands.
const mostShown = 20

func (r Repaired) write(w io.Writer) error {
	var b strings.Builder
	shown := map[incident.Refusal]int{}
	for _, f := range r.Findings {
		if shown[f.Refusal]++; shown[f.Refusal] > mostShown {
			continue
		}
		fmt.Fprintf(&b, "%s\n  %s\n", f.Problem, f.Loses)
	}
	for _, name := range incident.Refusals() {
		if n := shown[name]; n > mostShown {
			fmt.Fprintf(&b, "%s: %d more\n", name, n-mostShown)
		}
	}
	switch {
	case len(r.Findings) == 0 && !r.Repaired:
		b.WriteString("nothing to repair\n")
	case r.Repaired:
		fmt.Fprintf(&b, "repaired; the acceptance is in the record, which ends with entry %d\n", r.Entries)
		if r.Kept != "" {
			fmt.Fprintf(&b, "what was replaced is kept in %s\n", r.Kept)
		}
		if r.Again > 0 {
			fmt.Fprintf(&b, "%d signals were stored again\n", r.Again)
		}
	default:
		b.WriteString("\nNothing was changed. First bring back what is lost: the newest store and checkpoint, a good replica, a\nbackup. What cannot be brought back is gone on without by\n\n")
		fmt.Fprintf(&b, "    %s\n\n", r.Command)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// loses says in words what an acceptance gives up.
func loses(n incident.Note) string {
	switch n.Refusal {
	case incident.RefusedFirst, incident.RefusedDeleted, incident.RefusedRecord:
		return fmt.Sprintf("entries %d to %d are cut off; the signals behind them are folded again, under new references; what was decided upon these entries is refused and must be recorded again", n.Seq, n.To)
	case incident.RefusedAhead:
		if n.Seq == 0 {
			return "the end of the record is lost with what is cut off"
		}
		return fmt.Sprintf("entries %d to %d are lost; the signals behind them are folded again, under new references; what was decided upon these entries is refused and must be recorded again", n.Seq, n.To)
	case incident.RefusedMissing:
		return "that the end of the record is not cut off cannot be shown for the time before"
	case incident.RefusedStale:
		return fmt.Sprintf("that entries %d to %d were written by this program is not vouched for by the checkpoint", n.Seq, n.To)
	case incident.RefusedDiffers:
		return "the record is another than the checkpoint saw; what it says now counts"
	case incident.RefusedVault:
		return fmt.Sprintf("the bytes of the signals in messages %d to %d of SIGNALS are lost, and signals there that were not folded yet", n.Seq, n.To)
	case incident.RefusedSignal, incident.RefusedUnread:
		if n.To > 0 {
			return fmt.Sprintf("the bytes of the signals in messages %d to %d of SIGNALS are lost, and signals there that were not folded yet", n.Seq, n.To)
		}
		return fmt.Sprintf("the bytes of signal %s are lost; what was read of them is in the record", incident.Pos{Seq: n.Seq, Index: n.Index})
	case incident.RefusedTwice, incident.RefusedReference:
		return fmt.Sprintf("entry %d stays as it is", n.Seq)
	default:
		return ""
	}
}

// command returns the command that accepts all of findings.
func repairCommand(findings []RepairFinding) string {
	var names []incident.Refusal
	for _, f := range findings {
		if !slices.Contains(names, f.Refusal) {
			names = append(names, f.Refusal)
		}
	}
	var b strings.Builder
	b.WriteString("promptness repair")
	for _, n := range names {
		b.WriteString(" --accept " + string(n))
	}
	return b.String() + " --author NUMBER"
}
