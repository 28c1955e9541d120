package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Report is what Verify found whole.
type Report struct {
	Entries  uint64        `json:"entries"`            // looked at
	Since    uint64        `json:"since,omitempty"`    // number of the first, where those before were not looked at
	Last     uint64        `json:"last"`               // number of the last
	Messages uint64        `json:"messages,omitempty"` // 0 for an export, which does not show them
	Signals  uint64        `json:"signals,omitempty"`  // compared with their commitments
	Erased   uint64        `json:"erased,omitempty"`
	Accepted uint64        `json:"accepted,omitempty"` // notes of losses that somebody accepted
	Alerts   uint64        `json:"alerts"`             // told, each once
	Head     incident.Hash `json:"head"`
	From     time.Time     `json:"from,omitzero"`
	Until    time.Time     `json:"until,omitzero"`
	// Checkpoint is the entry that the checkpoint names. One step less than
	// Last is normal while the record is written to, and after a crash.
	Checkpoint uint64 `json:"checkpoint,omitempty"`
}

// Verify reads the whole record and changes nothing. It checks what Open
// checks, every signal against its commitment, and that no alert was told
// twice; the first fault is returned as a *RefusedError that names the entry.
// What an acceptance further on names is passed over. A vault of nil leaves the
// signals out. The record may grow meanwhile.
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
	check := newChecker([]mark{{Checkpoint: cp, who: "the checkpoint"}}, func(r *record) error { return v.entry(ctx, r) })
	if last < cp.Seq {
		if err := check.shorter(ctx, log, last, deleted, progress); err != nil {
			return v.report, err
		}
	} else if err := check.chain(ctx, log, last, deleted, progress); err != nil {
		return v.report, err
	}
	v.report.Checkpoint = newer.N
	r, err := v.ends(ctx, check)
	if err == nil && newer.Seq+1 < last {
		// Last: where others write to the record it is no fault, and must hide none.
		err = stale(newer, check.head)
	}
	return r, err
}

// VerifyFrom does what Verify does from the step on whose last entry cp names,
// and so is as quick as that is near the end. That what stands before is whole
// rests on whoever verified it when cp was written. An alert that was told
// before and again after is not noticed.
func VerifyFrom(ctx context.Context, log Log, vault Vault, cp Checkpoint, progress func(done, total uint64)) (Report, error) {
	last, deleted, err := endOf(ctx, log)
	if err != nil {
		return Report{}, err
	}
	v := newVerifier(vault)
	v.partial = cp.N > 0
	check := newChecker([]mark{{Checkpoint: cp, who: "the checkpoint"}}, func(r *record) error { return v.entry(ctx, r) })
	switch {
	case last < cp.Seq:
		return v.report, check.ahead(&check.marks[0], nil)
	case deleted > 0:
		return v.report, &RefusedError{Name: RefuseDeleted, What: fmt.Sprintf("%d of %d messages are gone", deleted, last)}
	case cp.N > 0:
		check.begins, check.head.Seq = true, cp.Seq-1
	}
	if err := check.chain(ctx, log, last, deleted, progress); err != nil {
		return v.report, err
	}
	v.report.Checkpoint = cp.N
	return v.ends(ctx, check)
}

// ends looks at what only the end of the record tells.
func (v *verifier) ends(ctx context.Context, check *checker) (Report, error) {
	v.report.Messages = check.head.Seq
	first := v.first()
	if v.vault != nil {
		err := check.reaches(ctx, v.vault)
		if short, ok := errors.AsType[*RefusedError](err); ok {
			if first != nil && first.Name == RefuseUnread { // name the first that is lost, not the last
				short.N, short.Seq, short.Pos, short.Err = first.N, first.Seq, first.Pos, first.Err
			}
			return v.report, short
		}
		if first == nil && err != nil {
			return v.report, err
		}
	}
	if first != nil {
		return v.report, first.RefusedError
	}
	return v.report, nil
}

// A verifier looks at what the chain alone does not say.
type verifier struct {
	vault   Vault // nil: the signals are left out
	report  Report
	partial bool // what came before the first entry is not known
	alerts  map[incident.AlertID]incident.AlertState
	rules   map[uint64]struct{} // numbers of the entries that hold rules
	seen    incident.Pos        // of the signal that was looked at last
	losses  Losses
	// open are faults that an erased note or an acceptance further on may name.
	open map[place]*fault
}

// A place tells faults apart.
type place struct {
	name Refusal
	n    uint64 // of an entry, or
	pos  incident.Pos
}

func (f *fault) place() place {
	if f.Pos.IsZero() {
		return place{name: f.Name, n: f.N}
	}
	return place{name: f.Name, pos: f.Pos}
}

// maxOpen is how many faults may be found before their notes are waited for no
// longer: a vault that is lost as a whole must not fill the memory.
const maxOpen = 100_000

func newVerifier(vault Vault) *verifier {
	return &verifier{
		vault:  vault,
		alerts: map[incident.AlertID]incident.AlertState{},
		rules:  map[uint64]struct{}{},
		open:   map[place]*fault{},
	}
}

// entry looks at an entry that stands in its place.
func (v *verifier) entry(ctx context.Context, r *record) error {
	e := &r.entry
	if v.report.Entries == 0 {
		v.report.From = e.At
		if v.partial {
			v.report.Since = e.N
		}
	}
	v.report.Entries++
	v.report.Last, v.report.Head, v.report.Until = e.N, r.hash, e.At
	if what := v.reference(e); what != "" {
		v.found(&fault{RefusedError: &RefusedError{Name: RefuseReference, N: e.N, Seq: r.seq, What: what}})
	}
	for _, a := range e.Alerts {
		if !v.alert(a) {
			v.found(&fault{RefusedError: &RefusedError{Name: RefuseTwice, N: e.N, Seq: r.seq, What: string(a.ID)}})
		}
	}
	v.note(e)
	if err := v.signal(ctx, r); err != nil {
		return err
	}
	if len(v.open) > maxOpen {
		return v.first().RefusedError
	}
	return nil
}

// note passes over what the note of e names, if it has one that names faults.
func (v *verifier) note(e *incident.Entry) {
	if e.Note == nil {
		return
	}
	v.losses.Take(e)
	switch e.Note.Code { //nolint:exhaustive // the other notes name no fault
	case incident.NoteErased:
		pos := incident.Pos{Seq: e.Note.Seq, Index: e.Note.Index}
		delete(v.open, place{name: RefuseSignal, pos: pos})
		delete(v.open, place{name: RefuseUnread, pos: pos})
		v.report.Erased++
	case incident.NoteAcceptedLoss:
		a := acceptance{e.N, *e.Note}
		for key, f := range v.open {
			if a.passes(f) {
				delete(v.open, key)
			}
		}
		v.report.Accepted++
	}
}

// found keeps a fault until something further on names it, or nothing does.
func (v *verifier) found(f *fault) { v.open[f.place()] = f }

// reference says what is wrong with the rules that e holds or names, if
// anything.
func (v *verifier) reference(e *incident.Entry) string {
	if e.Kind == incident.KindRules {
		if len(e.Text) == 0 {
			return "it should hold rules and holds none"
		}
		v.rules[e.N] = struct{}{}
	}
	if _, ok := v.rules[e.Rules]; !ok && e.Rules != 0 && e.Rules >= v.report.Since {
		return fmt.Sprintf("entry %d, which it names, holds no rules", e.Rules)
	}
	return ""
}

// alert reports whether a may follow what was said of the alert before: each is
// crossed once, held or told at once, and a held one is told once.
func (v *verifier) alert(a incident.AlertChange) bool {
	was, known := v.alerts[a.ID]
	v.alerts[a.ID] = a.State
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
	if v.losses.erasedAt(s.Pos) {
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
	v.found(&fault{bad, s.Commit})
	return nil
}

// lastRules returns the last entry up to n that holds rules, 0 if there is none.
func (v *verifier) lastRules(n uint64) uint64 {
	last := uint64(0)
	for r := range v.rules {
		if r <= n {
			last = max(last, r)
		}
	}
	return last
}

// all returns the faults that nothing named, in the order of their entries.
func (v *verifier) all() []*fault {
	return slices.SortedFunc(maps.Values(v.open), func(a, b *fault) int {
		return cmp.Or(cmp.Compare(a.N, b.N), cmp.Compare(a.Name, b.Name))
	})
}

// first returns the first of them, or nil.
func (v *verifier) first() *fault {
	var first *fault
	for _, f := range v.open {
		if first == nil || f.N < first.N || f.N == first.N && f.Name < first.Name {
			first = f
		}
	}
	return first
}
