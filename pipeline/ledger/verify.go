package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Report is what Verify found whole.
type Report struct {
	Entries  uint64        `json:"entries"`
	Messages uint64        `json:"messages,omitempty"` // 0 for an export, which does not show them
	Signals  uint64        `json:"signals,omitempty"`  // compared with their commitments
	Erased   uint64        `json:"erased,omitempty"`
	Alerts   uint64        `json:"alerts"` // told, each once
	Head     incident.Hash `json:"head"`
	From     time.Time     `json:"from,omitzero"`
	Until    time.Time     `json:"until,omitzero"`
	// Checkpoint is the entry that the checkpoint names. One step less than
	// Entries is normal while the record is written to, and after a crash.
	Checkpoint uint64 `json:"checkpoint,omitempty"`
}

// Verify reads the whole record and changes nothing. It checks what Open
// checks, every signal against its commitment, and that no alert was told
// twice; the first fault is returned as a *RefusedError that names the entry.
// A vault of nil leaves the signals out. The record may grow meanwhile.
func Verify(ctx context.Context, log Log, vault Vault, checkpointPath string, progress func(done, total uint64)) (Report, error) {
	// Read in this order a checkpoint of a record that grows is never ahead of
	// the end that is read after it.
	cp, markErr := ReadCheckpoint(checkpointPath)
	if markErr != nil && !errors.Is(markErr, ErrNoCheckpoint) {
		return Report{}, markErr
	}
	last, deleted, err := endOf(ctx, log)
	switch {
	case err != nil:
		return Report{}, err
	case markErr != nil && last > 0:
		return Report{}, &RefusedError{Name: RefuseMissing, What: fmt.Sprintf("%s has none, and the record has %d messages", checkpointPath, last), Err: markErr}
	}
	// Read again after the end was: the writer is never more than one step
	// past its checkpoint, however fast it goes.
	newer := cp
	if markErr == nil {
		if newer, err = ReadCheckpoint(checkpointPath); err != nil {
			return Report{}, err
		}
	}
	v := newVerifier(vault)
	check := newChecker([]mark{{cp, "the checkpoint"}}, func(r *record) error { return v.entry(ctx, r) })
	if last < cp.Seq {
		return v.report, check.shorter(ctx, log, last, deleted, progress)
	}
	if err := check.chain(ctx, log, last, deleted, progress); err != nil {
		return v.report, err
	}
	v.report.Checkpoint = newer.N
	if newer.Seq+1 < last {
		return v.report, stale(newer, check.head)
	}
	v.report.Messages = check.head.Seq
	if vault == nil {
		return v.report, nil
	}
	err = check.reaches(ctx, vault)
	if short, ok := errors.AsType[*RefusedError](err); ok {
		if first := v.first(); first != nil { // name the first that is lost, not the last
			short.N, short.Seq, short.Pos, short.Err = first.N, first.Seq, first.Pos, first.Err
		}
		return v.report, short
	}
	if first := v.first(); first != nil {
		return v.report, first
	}
	return v.report, err
}

// A verifier looks at what the chain alone does not say.
type verifier struct {
	vault  Vault // nil: the signals are left out
	report Report
	alerts map[incident.AlertID]incident.AlertState
	rules  map[uint64]struct{} // numbers of the entries that hold rules
	seen   incident.Pos        // of the signal that was looked at last
	erased map[incident.Pos]struct{}
	bad    map[incident.Pos]*RefusedError // not as committed, unless an erased note comes
}

// maxBad is how many signals may be gone before their notes are waited for no
// longer: a vault that is lost as a whole must not fill the memory.
const maxBad = 100_000

func newVerifier(vault Vault) *verifier {
	return &verifier{
		vault:  vault,
		alerts: map[incident.AlertID]incident.AlertState{},
		rules:  map[uint64]struct{}{},
		erased: map[incident.Pos]struct{}{},
		bad:    map[incident.Pos]*RefusedError{},
	}
}

// entry looks at an entry that stands in its place.
func (v *verifier) entry(ctx context.Context, r *record) error {
	e := &r.entry
	v.report.Entries, v.report.Head, v.report.Until = e.N, r.hash, e.At
	if e.N == 1 {
		v.report.From = e.At
	}
	if what := v.reference(e); what != "" {
		return &RefusedError{Name: RefuseReference, N: e.N, Seq: r.seq, What: what}
	}
	for _, a := range e.Alerts {
		if !v.alert(a) {
			return &RefusedError{Name: RefuseTwice, N: e.N, Seq: r.seq, What: string(a.ID)}
		}
	}
	if e.Note != nil && e.Note.Code == incident.NoteErased {
		pos := incident.Pos{Seq: e.Note.Seq, Index: e.Note.Index}
		v.erased[pos] = struct{}{}
		delete(v.bad, pos)
		v.report.Erased++
	}
	return v.signal(ctx, r)
}

// reference says what is wrong with the rules that e holds or names, if
// anything.
func (v *verifier) reference(e *incident.Entry) string {
	if e.Kind == incident.KindRules {
		if len(e.Text) == 0 {
			return "it should hold rules and holds none"
		}
		v.rules[e.N] = struct{}{}
	}
	if _, ok := v.rules[e.Rules]; !ok && e.Rules != 0 {
		return fmt.Sprintf("entry %d, which it names, holds no rules", e.Rules)
	}
	return ""
}

// alert reports whether a may follow what was said of the alert before: each is
// crossed once, held or told at once, and a held one is told once.
func (v *verifier) alert(a incident.AlertChange) bool {
	was, known := v.alerts[a.ID]
	switch a.State {
	case incident.AlertActive:
		if known && was != incident.AlertHeld {
			return false
		}
		v.report.Alerts++
	case incident.AlertHeld:
		if known {
			return false
		}
	case incident.AlertResolved, incident.AlertRetracted, incident.AlertMerged, incident.AlertSuperseded,
		incident.AlertTaken, incident.AlertQuiet, incident.AlertWithheld:
	}
	v.alerts[a.ID] = a.State
	return true
}

// signal compares the signal that e names with its commitment. A signal speaks
// of many incidents in as many entries: it is looked at once.
func (v *verifier) signal(ctx context.Context, r *record) error {
	s := r.entry.Signal
	if v.vault == nil || s == nil || s.Pos == v.seen {
		return nil
	}
	v.seen = s.Pos
	if _, ok := v.erased[s.Pos]; ok {
		return nil
	}
	err := covered{n: r.entry.N, seq: r.seq, pos: s.Pos, commit: s.Commit}.check(ctx, v.vault)
	bad, ok := errors.AsType[*RefusedError](err)
	if !ok {
		if err == nil {
			v.report.Signals++
		}
		return err
	}
	v.bad[s.Pos] = bad
	if len(v.bad) > maxBad {
		return v.first()
	}
	return nil
}

// first returns the first signal that is not as committed, or nil.
func (v *verifier) first() *RefusedError {
	var first *RefusedError
	for _, bad := range v.bad {
		if first == nil || bad.N < first.N {
			first = bad
		}
	}
	return first
}
