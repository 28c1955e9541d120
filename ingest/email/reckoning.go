package email

import (
	"slices"
	"time"
)

// A reckoning says of every mail that the server ever listed, under the numbers
// of one UIDVALIDITY, what became of it. What was seen comes from SEARCH alone,
// what became of a mail from storing it: the two are held against each other.
// Its methods change no set in place, so that a copy is a copy.
type reckoning struct {
	Seen       tally `json:"seen,omitzero"`
	Stored     tally `json:"stored,omitzero"`
	Known      tally `json:"known,omitzero"`
	Unreadable tally `json:"unreadable,omitzero"`
	Refused    tally `json:"refused,omitzero"`
	Before     tally `json:"before_start,omitzero"`
	// Gone are those that were listed and had left when they were asked for.
	Gone tally `json:"gone,omitzero"`

	// Moving are the mails that are stored and to be moved (move_to).
	Moving uids `json:"moving,omitempty"`

	// Floor is the UID at and below which the tallies keep numbers only, but for
	// the mails of the last days: what is there is settled.
	Floor uint32 `json:"floor,omitempty"`
	// Looked is when the whole mailbox was last held against it; zero
	// until all that was to be read at first was read.
	Looked time.Time `json:"looked,omitzero"`
	// Latest is when the latest mail came, never in the future of when it was
	// read.
	Latest time.Time `json:"latest,omitzero"`
	// Earlier are the mails under former numbers.
	Earlier Mails `json:"earlier,omitzero"`
	// Numberings is how many former UIDVALIDITYs there were.
	Numberings int `json:"numberings,omitempty"`
}

// A tally is how many mails there were, and which of them: all above the Floor.
type tally struct {
	N    uint64 `json:"n"`
	UIDs uids   `json:"uids,omitempty"`
}

func (t *tally) add(s uids) {
	fresh := s.without(t.UIDs)
	t.N, t.UIDs = t.N+fresh.count(), t.UIDs.with(fresh)
}

func (t *tally) drop(s uids) {
	old := t.UIDs.both(s)
	t.N, t.UIDs = t.N-min(t.N, old.count()), t.UIDs.without(old)
}

// An outcome is what became of a mail.
type outcome int

const (
	outStored outcome = iota
	outKnown
	outUnreadable
	outRefused
	outBefore
	outGone
)

// of returns the tallies by outcome.
func (a *reckoning) of() [6]*tally {
	return [6]*tally{
		outStored: &a.Stored, outKnown: &a.Known, outUnreadable: &a.Unreadable,
		outRefused: &a.Refused, outBefore: &a.Before, outGone: &a.Gone,
	}
}

// saw notes what a search gave.
func (a *reckoning) saw(s uids) { a.Seen.add(s) }

// became notes what became of mails, in the place of what was noted before.
func (a *reckoning) became(s uids, o outcome) {
	for i, t := range a.of() {
		if outcome(i) == o {
			t.add(s)
		} else {
			t.drop(s)
		}
	}
}

// unsettled returns the mails that were seen and of which nothing became yet.
func (a *reckoning) unsettled() uids {
	left := a.Seen.UIDs
	for _, t := range a.of() {
		left = left.without(t.UIDs)
	}
	return left
}

// missing returns the mails at or below mark, up to which all should be settled,
// that are not.
func (a *reckoning) missing(mark uint32) uids {
	if a.Looked.IsZero() {
		return nil
	}
	return a.unsettled().upTo(mark)
}

// look holds the mailbox against the account: present is all that is in it, and
// recent what came in the last days, at or below the Floor too.
func (a *reckoning) look(present, recent uids) {
	a.saw(present.without(uids{{0, a.Floor}}).with(recent))
	a.Gone.drop(present.with(recent)) // some servers hide a mail for a while
	a.became(a.unsettled().without(present).without(recent), outGone)
}

// balanced reports whether the numbers add up.
func (a *reckoning) balanced() bool {
	n := a.unsettled().count()
	for _, t := range a.of() {
		n += t.N
	}
	return n == a.Seen.N
}

// The bounds of the ranges that a reckoning keeps: from mostSpans on, all but
// about fewerSpans become numbers. A range is some 12 bytes, in two places.
const (
	mostSpans  = 2000
	fewerSpans = 1000
	// hardSpans holds for the last days, too: the store takes no value of any
	// size. What is forgotten by it is read again, and recognised.
	hardSpans = 20_000
)

func (a *reckoning) spans() int {
	n := len(a.Seen.UIDs)
	for _, t := range a.of() {
		n += len(t.UIDs)
	}
	return n
}

// crowded reports whether a is to be compacted.
func (a *reckoning) crowded() bool { return a.spans() > mostSpans }

// compact raises the Floor. What came in the last days is kept, since a server
// may still give it a number below, and so is what is not settled.
func (a *reckoning) compact(recent uids) {
	keep := recent.with(a.unsettled())
	if len(keep) > hardSpans {
		keep = a.unsettled()
	}
	var ends []uint32
	for _, t := range append(slices.Clone(a.sets()), &a.Seen) {
		for _, r := range t.UIDs {
			ends = append(ends, r.to)
		}
	}
	if len(ends) <= fewerSpans {
		return
	}
	slices.Sort(ends)
	a.Floor = max(a.Floor, ends[len(ends)-fewerSpans-1])
	below := uids{{0, a.Floor}}.without(keep)
	for _, t := range append(slices.Clone(a.sets()), &a.Seen) {
		t.UIDs = t.UIDs.without(below)
	}
}

func (a *reckoning) sets() []*tally { of := a.of(); return of[:] }

// mails returns the numbers of all mails under the present numbers.
func (a *reckoning) mails() Mails {
	return Mails{
		Seen: a.Seen.N, Stored: a.Stored.N, Known: a.Known.N, Unreadable: a.Unreadable.N,
		Refused: a.Refused.N, BeforeStart: a.Before.N, Gone: a.Gone.N,
	}
}

// renumbered returns the reckoning as it begins under other numbers. What was not
// settled under the old ones counts no longer: if it is still there it is seen
// again, and Gone is left to those of which it is known.
func (a reckoning) renumbered() reckoning {
	a.Seen.drop(a.unsettled())
	return reckoning{Earlier: a.Earlier.plus(a.mails()), Numberings: a.Numberings + 1, Latest: a.Latest}
}
