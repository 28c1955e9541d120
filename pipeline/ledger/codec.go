package ledger

import (
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Encode appends e's canonical line to dst, without a newline. It equals what
// [incident.MarshalCanonical] makes of an entry whose times are in UTC.
func Encode(dst []byte, e *incident.Entry) []byte {
	dst, _ = newCoder().encode(dst, e) // Decode refuses what has an error here
	return dst
}

// Decode reads one canonical line. It refuses whatever Encode cannot have
// written of an entry that may stand in a record, with a *FormError.
func Decode(line []byte) (incident.Entry, error) {
	var e incident.Entry
	if err := newCoder().decode(line, &e); err != nil {
		return incident.Entry{}, err
	}
	return e, nil
}

// Fits returns nil if s may stand in a record, else a *FormError that names the
// field and quotes nothing. A signal that does not fit would be refused by
// Commit, each time it is folded: whoever reads signals quarantines it before.
func Fits(s *incident.SignalRecord) error {
	c := newCoder()
	c.signal(s)
	return c.err
}

// What follows describes each struct of an entry once, for both ways: its
// fields in the order of their declaration. A field that is added to a struct
// is added here, in its place; TestEncodeIsTheCanonicalForm fails until it is.

// scratch gathers the elements of lists while they are read.
type scratch struct {
	moved     []uint64
	alerts    []incident.AlertChange
	keys      []incident.SealedKey
	claims    []incident.SealedClaim
	flags     []incident.Flag
	policies  []incident.PolicyID
	times     []incident.Time
	clocks    []incident.Clock
	crossings []incident.Crossing
	sources   []incident.SourceName
	links     []incident.Link
	refs      []incident.Ref
	decisions []incident.Decision
	reasons   []incident.Reason
	impacts   []incident.ImpactAt
}

func (c *coder) entry(e *incident.Entry) {
	c.begin()
	c.must("v")
	c.int(&e.V)
	if c.err == nil && e.V != incident.EntryVersion {
		c.fail(fmt.Sprintf("version %d, this program reads %d", e.V, incident.EntryVersion))
	}
	c.must("n")
	c.uint(&e.N)
	c.must("prev")
	c.hash(&e.Prev)
	c.must("at")
	c.instant(&e.At)
	c.must("pos")
	c.pos(&e.Pos)
	c.must("kind")
	word(c, &e.Kind, c.words.kinds)
	if c.may("why", e.Why == "") {
		word(c, &e.Why, c.words.whys)
	}
	if c.may("rules", e.Rules == 0) {
		c.uint(&e.Rules)
		c.full(e.Rules == 0)
	}
	pointer(c, "signal", &e.Signal, (*coder).signal)
	pointer(c, "incident", &e.Incident, (*coder).incident)
	if c.may("from", e.From == "") {
		name(c, &e.From, reference)
	}
	list(c, "moved", &e.Moved, &c.scratch.moved, (*coder).uint)
	list(c, "alerts", &e.Alerts, &c.scratch.alerts, (*coder).alert)
	pointer(c, "note", &e.Note, (*coder).note)
	if c.may("text", len(e.Text) == 0) {
		c.raw(&e.Text)
	}
	c.end()
}

func (c *coder) alert(a *incident.AlertChange) {
	c.begin()
	c.must("id")
	name(c, &a.ID, alertID)
	c.must("state")
	word(c, &a.State, c.words.alertStates)
	if c.may("why", a.Why == "") {
		word(c, &a.Why, c.words.whys)
	}
	c.end()
}

func (c *coder) note(n *incident.Note) {
	c.begin()
	c.must("code")
	word(c, &n.Code, c.words.notes)
	if c.may("refusal", n.Refusal == "") {
		word(c, &n.Refusal, c.words.refusals)
	}
	if c.may("seq", n.Seq == 0) {
		c.uint(&n.Seq)
		c.full(n.Seq == 0)
	}
	if c.may("to", n.To == 0) {
		c.uint(&n.To)
		c.full(n.To == 0)
	}
	if c.may("index", n.Index == 0) {
		c.int(&n.Index)
		c.full(n.Index == 0)
	}
	if c.may("commit", n.Commit.IsZero()) {
		c.digest(&n.Commit)
		c.full(n.Commit.IsZero())
	}
	if c.may("n", n.N == 0) {
		c.uint(&n.N)
		c.full(n.N == 0)
	}
	if zero := (incident.Hash{}); c.may("hash", n.Hash == zero) {
		c.hash(&n.Hash)
		c.full(n.Hash == zero)
	}
	if c.may("author", n.Author == "") {
		name(c, &n.Author, staff)
	}
	if c.may("source", n.Source == "") {
		name(c, &n.Source, slug)
	}
	if c.may("from", n.From.IsZero()) {
		c.instant(&n.From)
		c.full(n.From.IsZero())
	}
	if c.may("until", n.Until.IsZero()) {
		c.instant(&n.Until)
		c.full(n.Until.IsZero())
	}
	c.end()
}
