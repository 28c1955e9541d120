package incident

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"
)

// EntryVersion is the version of the entries that this program writes.
const EntryVersion = 1

// A Hash is the SHA-256 of an entry's exact bytes, in hexadecimal, so that an
// outsider can check it with sha256sum.
type Hash [sha256.Size]byte

// HashOf returns the hash of an entry's bytes.
func HashOf(line []byte) Hash { return sha256.Sum256(line) }

// String returns 64 hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// MarshalText writes String.
func (h Hash) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

// UnmarshalText reads 64 lower-case hexadecimal digits.
func (h *Hash) UnmarshalText(b []byte) error {
	if len(b) != 2*len(h) {
		return fmt.Errorf("read hash %q: want 64 hexadecimal digits", b)
	}
	_, err := hex.Decode(h[:], b)
	return err
}

// An Entry is one line of the record: what a step made of an incident, and
// why. It is written as one line of canonical JSON, fields in this order; the
// hash of those bytes is the Prev of the next entry.
type Entry struct {
	V    int    `json:"v"`
	N    uint64 `json:"n"`    // counts from 1 without gaps
	Prev Hash   `json:"prev"` // zero for the first entry
	// At is when the step was made, by the clock of the one writer. It never
	// runs backwards from entry to entry.
	At time.Time `json:"at"`
	// Pos is the SIGNALS position that is covered after this entry.
	Pos   Pos    `json:"pos"`
	Kind  Kind   `json:"kind"`
	Why   Why    `json:"why,omitempty"`
	Rules uint64 `json:"rules,omitempty"` // number of the entry that holds the rules in force
	// Signal is what the signal added; nil for passing time, notes and rules.
	Signal *SignalRecord `json:"signal,omitempty"`
	// Incident is the incident's resolved state after the step.
	Incident *IncidentRecord `json:"incident,omitempty"`
	// From is the incident whose signals move to Incident: for merged the one
	// that ended, for split the one that was divided.
	From Ref `json:"from,omitempty"`
	// Moved holds, for split, the entry numbers of the signals that moved.
	Moved []uint64 `json:"moved,omitempty"`
	// Alerts says which alerts this step changed.
	Alerts []AlertChange `json:"alerts,omitempty"`
	Note   *Note         `json:"note,omitempty"`
	// Text is the canonical text of the rules, for Kind rules.
	Text json.RawMessage `json:"text,omitempty"`
}

// A Kind says what an entry records.
type Kind string

// The kinds of entry.
const (
	KindOpened      Kind = "opened"      // a signal made a new incident or candidate
	KindJoined      Kind = "joined"      // a signal joined an incident
	KindMerged      Kind = "merged"      // From ended and is part of Incident now
	KindSplit       Kind = "split"       // signals of From moved to Incident
	KindActed       Kind = "acted"       // a person's act was applied
	KindRefused     Kind = "refused"     // a person's act was refused
	KindRepeated    Kind = "repeated"    // the same signal again
	KindIgnored     Kind = "ignored"     // a signal that concerns no incident
	KindQuarantined Kind = "quarantined" // a signal that could not be read
	KindCrossed     Kind = "crossed"     // time passed a threshold, or a state changed with time
	KindTold        Kind = "told"        // a crossing that was held back is told now
	KindRules       Kind = "rules"       // the rules changed
	KindNote        Kind = "note"        // something about the record itself
)

// Kinds lists every kind of entry.
func Kinds() []Kind {
	return []Kind{KindOpened, KindJoined, KindMerged, KindSplit, KindActed, KindRefused, KindRepeated,
		KindIgnored, KindQuarantined, KindCrossed, KindTold, KindRules, KindNote}
}

// Why is a reason from a closed set.
type Why string

// The reasons.
const (
	// Why a signal opened or joined.
	WhyNew         Why = "new"           // no known key
	WhyKey         Why = "shared_key"    // a strong key is shared
	WhyLeaf        Why = "leaf"          // unauthenticated: hangs on the incident with weak claims
	WhyAfterGap    Why = "after_gap"     // the key is known, but its last use is too long ago
	WhyAcrossCut   Why = "across_cut"    // bridges two incidents that a person cut; joins the older
	WhyByPerson    Why = "by_person"     // a person said so
	WhyBridge      Why = "bridged"       // a signal shares strong keys with both
	WhyVouched     Why = "vouched"       // became trusted, so its keys join
	WhyLeafClaimed Why = "leaf_claimed"  // an unauthenticated signal found the incident it belongs to
	WhyDetached    Why = "detached"      // a person cut it off
	WhyWithdrawn   Why = "withdrawn"     // an act was taken back
	WhyDuplicate   Why = "same_bytes"    // the same signal was folded before
	WhyBackfill    Why = "backfill"      // quiet by declared mode
	WhyDue         Why = "due"           // a threshold's time came
	WhyDueLate     Why = "due_late"      // a threshold's time had passed when it was noticed
	WhySourcesRead Why = "sources_read"  // every source was read past the due time
	WhyWaitedOut   Why = "waited_out"    // two minutes passed and a source was not read
	WhyNoNews      Why = "nothing_new"   // known incident, nothing changed
	WhyNotIncident Why = "not_about_one" // speaks of no incident

	// Why a signal was quarantined.
	WhyMalformed     Why = "malformed"
	WhyTooLarge      Why = "too_large"
	WhyTooManyParts  Why = "too_many_parts"
	WhyTruncated     Why = "truncated" // the sender says that it left something out
	WhyTooDeep       Why = "too_deep"
	WhyUnreadable    Why = "unreadable_encoding"
	WhyEncrypted     Why = "encrypted"
	WhyMapping       Why = "mapping_failed"
	WhyPanicked      Why = "interpreter_panicked"
	WhyTimedOut      Why = "interpreter_timed_out"
	WhyUnknownSource Why = "unknown_source"
	WhyStub          Why = "marked_secret"

	// Why an act was refused.
	WhyChangedSince  Why = "changed_since"       // the incident changed since the entry it was made upon
	WhyContradicts   Why = "contradicts_receipt" // a trusted receipt shows otherwise
	WhyNoIncident    Why = "no_such_incident"
	WhyNoSignal      Why = "no_such_signal"
	WhyRoleNeeded    Why = "role_needed"
	WhyReasonNeeded  Why = "reason_needed"
	WhySamePerson    Why = "same_person" // a second person must confirm
	WhyNothingToDo   Why = "nothing_to_do"
	WhyInvalidAct    Why = "invalid_act"
	WhyAlreadyMerged Why = "already_merged"

	// Why an alert ended, or a crossing was not told.
	WhyStopped    Why = "stopped"   // the stop milestone came after the threshold
	WhyReadLate   Why = "read_late" // the report had come in time and was read late
	WhyRedated    Why = "redated"   // the due time moved into the future
	WhyExcluded   Why = "excluded"
	WhyMerged     Why = "merged"
	WhySuperseded Why = "superseded" // a graver threshold was told instead
	WhyQuiet      Why = "quiet"      // recorded in a backfill; nobody is told
)

// A SignalRecord is what the record keeps of one part of a signal: no name, no
// address, no free text.
type SignalRecord struct {
	Mark        Mark          `json:"id"`     // HMAC of the SignalID
	Commit      Digest        `json:"commit"` // SHA-256(salt ‖ raw)
	Pos         Pos           `json:"pos"`    // where its bytes are
	Source      SourceName    `json:"source"`
	Channel     Channel       `json:"channel"`
	Part        int           `json:"part,omitempty"`
	Received    time.Time     `json:"received"`
	Receipt     time.Time     `json:"receipt"`
	Interpreter string        `json:"interpreter"`
	Opening     Opening       `json:"opening,omitempty"`
	Trust       Trust         `json:"trust,omitempty"`
	Observer    Mark          `json:"observer,omitzero"`
	Route       Route         `json:"route,omitempty"`
	Keys        []SealedKey   `json:"keys,omitempty"`
	MoreKeys    int           `json:"more_keys,omitempty"` // keys beyond MaxKeys, not kept
	Claims      []SealedClaim `json:"claims,omitempty"`
	Attrs       Attributes    `json:"attrs,omitzero"`
	Act         *Act          `json:"act,omitempty"`
	Flags       []Flag        `json:"flags,omitempty"`
}

// A SealedClaim is a claim as the record holds it, graded as far as its own
// signal decides.
type SealedClaim struct {
	Milestone Milestone `json:"m"`
	Interval  Interval  `json:"i"`
	Basis     Basis     `json:"basis"`
	Observer  Mark      `json:"observer,omitzero"` // where it differs from the signal's
	Receiver  bool      `json:"receiver,omitempty"`
	Weak      bool      `json:"weak,omitempty"`
	Void      Void      `json:"void,omitempty"`
	Flags     []Flag    `json:"flags,omitempty"`
	Words     [2]int    `json:"words,omitzero"`
}

// An IncidentRecord is the resolved state of an incident after a step. It is
// bounded in size however many signals joined, and never changed once made.
type IncidentRecord struct {
	Ref  Ref    `json:"ref"`
	Open Status `json:"status"`
	// Into is the incident that this one became part of.
	Into    Ref        `json:"into,omitempty"`
	Attrs   Attributes `json:"attrs,omitzero"`
	Signals int        `json:"signals"` // trusted and leaves, parts counted
	Leaves  int        `json:"leaves,omitempty"`
	First   time.Time  `json:"first"` // receipt of its first signal
	// Evidence is the number of the last entry that changed claims, parts or
	// attributes; a correction is made upon it.
	Evidence uint64     `json:"evidence"`
	Route    Route      `json:"route,omitempty"` // of the signal that stops the reported clock
	Source   SourceName `json:"source"`          // of its first signal
	Times    []Time     `json:"times,omitempty"`
	Clocks   []Clock    `json:"clocks,omitempty"`
	Links    []Link     `json:"links,omitempty"`
	Cuts     []Ref      `json:"cuts,omitempty"`
	Decide   []Decision `json:"decide,omitempty"`
	Reasons  []Reason   `json:"reasons,omitempty"` // why it was reported late, as codes
	Impacts  []ImpactAt `json:"impacts,omitempty"` // history, at most MaxHistory
	Quiet    bool       `json:"quiet,omitempty"`   // came in a declared backfill
}

// MaxHistory bounds the histories in an incident's record.
const MaxHistory = 20

// An ImpactAt is one step of an incident's impact history.
type ImpactAt struct {
	At     time.Time `json:"at"`
	Impact Impact    `json:"impact"`
}

// A Status says whether an incident is one.
type Status string

// The statuses.
const (
	StatusCandidate Status = "candidate" // no rule has opened it yet: no clock runs
	StatusOpen      Status = "open"
	StatusMerged    Status = "merged" // part of another now
)

// A Link is a suggestion that two incidents are one.
type Link struct {
	To    Ref       `json:"to"`
	Why   LinkWhy   `json:"why"`
	State LinkState `json:"state"`
	Since time.Time `json:"since"`
}

// A LinkWhy is what suggests a link.
type LinkWhy string

// What suggests a link.
const (
	LinkWeakKey  LinkWhy = "weak_key"          // a quoted reference, or one of several
	LinkObserver LinkWhy = "same_observer"     // the same observer within two hours
	LinkOrg      LinkWhy = "same_organisation" // the same organisation within two hours, one lacks what the other has
	LinkGap      LinkWhy = "after_gap"         // the same key after a long silence
	LinkCut      LinkWhy = "across_cut"        // a signal bridges a cut
	LinkLeaf     LinkWhy = "unauthenticated"   // two unauthenticated signals share a key
)

// A LinkState is what became of a suggestion.
type LinkState string

// The states of a suggestion.
const (
	LinkOffered  LinkState = "offered"
	LinkAccepted LinkState = "accepted"
	LinkRefused  LinkState = "refused"
)

// MaxLinks bounds the suggestions of one incident.
const MaxLinks = 8

// A Decision is something that waits for a person.
type Decision struct {
	Kind   DecisionKind `json:"kind"`
	Since  time.Time    `json:"since"`
	Entry  uint64       `json:"entry,omitempty"` // the signal concerned, by its entry
	Policy PolicyID     `json:"policy,omitempty"`
	Other  Ref          `json:"other,omitempty"`
}

// A DecisionKind says what a person must decide.
type DecisionKind string

// What waits for a person.
const (
	DecideDetection    DecisionKind = "detection_missing" // nobody said when it was detected
	DecideStraddles    DecisionKind = "straddles"         // the limit lies within the interval
	DecideWeak         DecisionKind = "weak_time"         // accept or reject a weak time
	DecideVouch        DecisionKind = "unauthenticated"   // is the signal genuine
	DecideLink         DecisionKind = "link_offered"      // are the two one incident
	DecideCandidate    DecisionKind = "candidate"         // is it an incident
	DecideInconsistent DecisionKind = "inconsistent"      // one observer said two times
	DecideNewer        DecisionKind = "newer_evidence"    // evidence after a correction would change the verdict
	DecideSecond       DecisionKind = "second_person"     // another person must confirm
	DecideQuarantine   DecisionKind = "quarantined"       // a signal could not be read
	DecideNotifiable   DecisionKind = "notifiable"        // personal data unknown
	DecideSkew         DecisionKind = "clock_skew"        // a source's clock runs ahead
	DecideChanged      DecisionKind = "verdict_changed"   // a verdict on a stopped clock changed
	DecideAutomatic    DecisionKind = "listed_report"     // a sender says that it told somebody earlier
)

// DecisionKinds lists every kind of decision.
func DecisionKinds() []DecisionKind {
	return []DecisionKind{DecideDetection, DecideStraddles, DecideWeak, DecideVouch, DecideLink,
		DecideCandidate, DecideInconsistent, DecideNewer, DecideSecond, DecideQuarantine, DecideNotifiable,
		DecideSkew, DecideChanged, DecideAutomatic}
}

// An AlertChange says that an alert came to a state in this step.
type AlertChange struct {
	ID    AlertID    `json:"id"`
	State AlertState `json:"state"`
	Why   Why        `json:"why,omitempty"`
}

// A Note is something about the record itself.
type Note struct {
	Code NoteCode `json:"code"`
	// Refusal is the name under which a loss was accepted. What the acceptance
	// covers is Seq to To: of SIGNALS, whole messages, or without a To the one
	// signal at Seq and Index that was committed to as Commit; of LEDGER, entries.
	Refusal Refusal `json:"refusal,omitempty"`
	// Seq and To are stream sequences or entry numbers, by the code.
	Seq    uint64 `json:"seq,omitempty"`
	To     uint64 `json:"to,omitempty"`
	Index  int    `json:"index,omitempty"`
	Commit Digest `json:"commit,omitzero"`
	// N and Hash are what the checkpoint said when a loss was accepted.
	N      uint64 `json:"n,omitempty"`
	Hash   Hash   `json:"hash,omitzero"`
	Author string `json:"author,omitempty"` // staff number
	// Source, From and Until (UTC) are of a source that was not heard: From the
	// instant up to which it had been read, or at which something came from it
	// last; Until, once that is over, the like of when it was heard again.
	Source SourceName `json:"source,omitempty"`
	From   time.Time  `json:"from,omitzero"`
	Until  time.Time  `json:"until,omitzero"`
}

// A NoteCode says what a note is about.
type NoteCode string

// The notes.
const (
	NoteStarted       NoteCode = "started"        // a processor took over
	NoteBackfillBegin NoteCode = "backfill_begin" // from here on quiet
	NoteBackfillEnd   NoteCode = "backfill_end"
	NoteErased        NoteCode = "erased"        // the bytes of a signal were erased
	NoteGap           NoteCode = "gap"           // signals are missing
	NoteAcceptedLoss  NoteCode = "accepted_loss" // an operator accepted a loss
	NoteAnchor        NoteCode = "anchor"        // the head was published outside
	NoteUnread        NoteCode = "source_unread" // a source was not read for too long
	NoteRead          NoteCode = "source_read"   // it was read again
	NoteSilent        NoteCode = "source_silent" // nothing came from a source for longer than is expected
	NoteHeard         NoteCode = "source_heard"  // something came again
)
