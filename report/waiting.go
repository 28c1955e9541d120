package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Waiting is something that waits for a person, with the command that settles
// it.
type Waiting struct {
	Kind incident.DecisionKind `json:"kind"`
	// Since is when it began to wait, Age how long ago that is, where a list of
	// decisions was asked for.
	Since time.Time     `json:"since"`
	Age   incident.Span `json:"age,omitempty"`
	// Ref is the incident; empty for a quarantined signal.
	Ref    incident.Ref      `json:"ref,omitempty"`
	Policy incident.PolicyID `json:"policy,omitempty"`
	Other  incident.Ref      `json:"other,omitempty"` // of a link
	// Entry is the signal concerned, by its entry.
	Entry  uint64              `json:"entry,omitempty"`
	Source incident.SourceName `json:"source,omitempty"` // of a quarantined signal
	Why    incident.Why        `json:"why,omitempty"`    // why it was quarantined
	// Commands settle it, any of them; words in capitals are the person's to
	// fill in. The first is the usual one.
	Commands []string `json:"commands"`
}

// quarantine lists the signal of e until a person settles it.
func (b *Book) quarantine(e *incident.Entry) {
	w := Waiting{
		Kind: incident.DecideQuarantine, Since: e.At, Entry: e.N, Why: e.Why,
		Commands: []string{fmt.Sprintf("promptness record settle --signal %d", e.N)},
	}
	if e.Signal != nil {
		w.Source = e.Signal.Source
	}
	b.unread[e.N] = w
}

// Decisions returns what waits for a person, oldest first.
func (b *Book) Decisions(now time.Time) []Waiting {
	b.mu.RLock()
	list := make([]Waiting, 0, len(b.unread)+len(b.undecided))
	for _, w := range b.unread {
		list = append(list, w)
	}
	for h := range b.undecided {
		rec := h.rec.Load()
		for _, d := range rec.Decide {
			list = append(list, b.settling(rec, d))
		}
	}
	b.mu.RUnlock()
	for i := range list {
		list[i].Age = incident.Span(now.Sub(list[i].Since))
	}
	kinds := incident.DecisionKinds()
	slices.SortFunc(list, func(a, b Waiting) int {
		return cmp.Or(a.Since.Compare(b.Since), cmp.Compare(a.Ref, b.Ref),
			cmp.Compare(slices.Index(kinds, a.Kind), slices.Index(kinds, b.Kind)),
			cmp.Compare(a.Entry, b.Entry), cmp.Compare(a.Policy, b.Policy), cmp.Compare(a.Other, b.Other))
	})
	return list
}

// settling returns d with the commands that settle it.
func (b *Book) settling(rec *incident.IncidentRecord, d incident.Decision) Waiting {
	return Waiting{
		Kind: d.Kind, Since: d.Since, Ref: rec.Ref, Policy: d.Policy, Other: d.Other, Entry: d.Entry,
		Commands: b.commands(rec, d),
	}
}

// commands returns what settles d. No word of it comes from a signal.
func (b *Book) commands(rec *incident.IncidentRecord, d incident.Decision) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, "promptness record "+fmt.Sprintf(format, args...)) }
	start := b.startMilestone(rec, d.Policy)
	correct := func() {
		say("correction %s --milestone %s --at TIME --reason CODE --upon %d", rec.Ref, start, rec.Evidence)
	}
	switch d.Kind {
	case incident.DecideDetection:
		if d.Entry != 0 { // a time stands there, and no word says of what
			say("accept %s --signal %d --milestone %s", rec.Ref, d.Entry, incident.Detected)
		}
		say("detection %s --at TIME", rec.Ref)
	case incident.DecideStraddles, incident.DecideInconsistent, incident.DecideSkew:
		correct()
	case incident.DecideWeak:
		if d.Entry != 0 {
			say("accept %s --signal %d --milestone %s", rec.Ref, d.Entry, start)
			say("reject %s --signal %d --milestone %s --reason CODE", rec.Ref, d.Entry, start)
		}
		correct()
	case incident.DecideVouch:
		say("vouch %s --signal %d", rec.Ref, d.Entry)
		say("detach %s --signal %d --reason CODE", rec.Ref, d.Entry)
	case incident.DecideLink:
		say("link %s %s", rec.Ref, d.Other)
		say("unlink %s %s", rec.Ref, d.Other)
	case incident.DecideCandidate:
		say("open %s", rec.Ref)
		say("disposition %s false_positive --reason false_alarm", rec.Ref)
	case incident.DecideNewer:
		say("withdraw %s --signal %d --reason new_evidence", rec.Ref, d.Entry)
		correct()
	case incident.DecideSecond, incident.DecideChanged:
		say("confirm %s", rec.Ref)
	case incident.DecideNotifiable:
		say("personal %s yes", rec.Ref)
		say("personal %s no", rec.Ref)
	case incident.DecideAutomatic:
		say("accept %s --signal %d --milestone %s", rec.Ref, d.Entry, incident.Reported)
		say("reject %s --signal %d --milestone %s --reason CODE", rec.Ref, d.Entry, incident.Reported)
	case incident.DecideQuarantine:
		say("settle --signal %d", d.Entry)
	}
	return out
}

// startMilestone returns the milestone at which the clock of policy p on rec
// starts: detected where no policy says otherwise.
func (b *Book) startMilestone(rec *incident.IncidentRecord, id incident.PolicyID) incident.Milestone {
	if c := clockOf(rec, id); c != nil {
		for _, p := range b.inForce().Policies {
			if p.ID == id && p.From == c.Version {
				return p.Start
			}
		}
	}
	return incident.Detected
}
