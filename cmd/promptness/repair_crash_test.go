package main

import (
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

var errCrash = errors.New("the repair was killed")

// The repair ends at each of its steps, and while the record is made anew after
// some of its messages. After each the program does not start, and says which
// command goes on; that command brings it to the end, with one note and the
// damaged record kept.
func TestARepairThatIsKilledAnywhereIsFinishedByTheNext(t *testing.T) {
	t.Parallel() // it mostly waits
	whole := served(t)
	for _, name := range []incident.Refusal{incident.RefusedRecord, incident.RefusedVault} {
		for _, at := range []struct {
			step  string
			times int // it is met so often before
		}{
			{"keep", 0}, {"plan", 0}, {"cut", 0}, {"append", 0}, {"append", 2}, {"fill", 0}, {"store again", 0}, {"note", 0}, {"done", 0},
		} {
			cuts := at.step == "keep" || at.step == "cut" || at.step == "append"
			if name == incident.RefusedVault && at.step != "fill" && at.step != "note" {
				continue // the same as for the other
			}
			t.Run(string(name)+", at "+at.step, func(t *testing.T) {
				w := whole.copied(t)
				damages[name](w)
				met := 0
				r := repairer{cfg: w.cfg, log: slog.New(slog.DiscardHandler), now: time.Now, at: func(step string) error {
					if step == at.step {
						if met++; met > at.times {
							return errCrash
						}
					}
					return nil
				}}
				if _, err := r.repair(t.Context(), []incident.Refusal{name}, "4711"); !errors.Is(err, errCrash) {
					t.Fatalf("repair = %v, want it killed at %s", err, at.step)
				}
				w.refused("serve")
				command := w.command()
				if stdout, stderr, err := prompt(t, w.dir, command...); err != nil {
					t.Fatalf("%v after the crash = %v\n%s%s", command, err, stdout, stderr)
				}
				notes := 0
				for _, e := range w.entries() {
					if e.Note != nil && e.Note.Code == incident.NoteAcceptedLoss {
						notes++
					}
				}
				if notes != 1 {
					t.Errorf("%d notes of the loss, want 1", notes)
				}
				if kept, _ := os.ReadDir(repairDir(w.cfg)); cuts && len(kept) == 0 {
					t.Error("the damaged record is not kept")
				}
				mustPrompt(t, w.dir, "verify")
				mustPrompt(t, w.dir, "verify", "--quick")
				mustPrompt(t, w.dir, "repair")
			})
		}
	}
}
