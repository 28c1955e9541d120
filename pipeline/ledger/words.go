package ledger

import (
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// words are the closed sets of the record, by their spelling. They are made
// once and never changed.
type words struct {
	kinds        map[string]incident.Kind
	whys         map[string]incident.Why
	channels     map[string]incident.Channel
	openings     map[string]incident.Opening
	trusts       map[string]incident.Trust
	routes       map[string]incident.Route
	keyKinds     map[string]incident.KeyKind
	bases        map[string]incident.Basis
	voids        map[string]incident.Void
	flags        map[string]incident.Flag
	acts         map[string]incident.ActKind
	roles        map[string]incident.Role
	reasons      map[string]incident.Reason
	impacts      map[string]incident.Impact
	personals    map[string]incident.Personal
	dispositions map[string]incident.Disposition
	statuses     map[string]incident.Status
	states       map[string]incident.State
	doubts       map[string]incident.Doubt
	alertStates  map[string]incident.AlertState
	linkWhys     map[string]incident.LinkWhy
	linkStates   map[string]incident.LinkState
	decisions    map[string]incident.DecisionKind
	notes        map[string]incident.NoteCode
	refusals     map[string]incident.Refusal
	// Milestones are open: a policy may name others. The known ones are here
	// so that reading them makes no garbage.
	milestones map[string]incident.Milestone
}

func closedSets() *words { return madeSets() }

var madeSets = sync.OnceValue(func() *words {
	return &words{
		kinds:        set(incident.Kinds()),
		whys:         set(incident.Whys()),
		channels:     set(incident.Channels()),
		openings:     set(incident.Openings()),
		trusts:       set(incident.Trusts()),
		routes:       set(incident.Routes()),
		keyKinds:     set(incident.KeyKinds()),
		bases:        set(incident.Bases()),
		voids:        set(incident.Voids()),
		flags:        set(incident.Flags()),
		acts:         set(incident.Acts()),
		roles:        set(incident.Roles()),
		reasons:      set(incident.Reasons()),
		impacts:      set(incident.Impacts()),
		personals:    set(incident.Personals()),
		dispositions: set(incident.Dispositions()),
		statuses:     set(incident.Statuses()),
		states:       set(incident.States()),
		doubts:       set(incident.Doubts()),
		alertStates:  set(incident.AlertStates()),
		linkWhys:     set(incident.LinkWhys()),
		linkStates:   set(incident.LinkStates()),
		decisions:    set(incident.DecisionKinds()),
		notes:        set(incident.NoteCodes()),
		refusals:     set(incident.Refusals()),
		milestones:   set(incident.Milestones()),
	}
})

// set returns the words by their spelling. The empty one is left out: where it
// is allowed it is not written.
func set[T ~string](all []T) map[string]T {
	m := make(map[string]T, len(all))
	for _, w := range all {
		if w != "" {
			m[string(w)] = w
		}
	}
	return m
}

// An alphabet says which names may stand in a place. It is narrow so that no
// prose, no person's name and no address ever fits.
type alphabet int

const (
	slug        alphabet = iota // a-z 0-9 -, at most 40: names of sources, policies, organisations, thresholds
	snake                       // a-z _, at most 40: milestones
	interpreter                 // a-z 0-9 - _ . /, at most 60: "email/1"
	staff                       // A-Z a-z 0-9 - _ ., at most 40: staff numbers
	date                        // 0-9 -, exactly 10
	reference                   // a-z 0-9 -, at most 20: "p-04f7k2"
	alertID                     // a-z 0-9 - /, at most 160
)

// fits reports whether s may stand where the alphabet is asked for. The empty
// name never fits.
func fits[S ~string | ~[]byte](a alphabet, s S) bool {
	var most int
	var signs string
	var upper, digits, letters bool
	switch a {
	case slug:
		most, signs, letters, digits = 40, "-", true, true
	case snake:
		most, signs, letters = 40, "_", true
	case interpreter:
		most, signs, letters, digits = 60, "-_./", true, true
	case staff:
		most, signs, letters, digits, upper = 40, "-_.", true, true, true
	case date:
		most, signs, digits = 10, "-", true
		if len(s) != most {
			return false
		}
	case reference:
		most, signs, letters, digits = 20, "-", true, true
	case alertID:
		most, signs, letters, digits = 160, "-/", true, true
	}
	if len(s) == 0 || len(s) > most {
		return false
	}
next:
	for i := range len(s) {
		c := s[i]
		switch {
		case letters && 'a' <= c && c <= 'z', digits && '0' <= c && c <= '9', upper && 'A' <= c && c <= 'Z':
			continue
		}
		for j := range len(signs) {
			if c == signs[j] {
				continue next
			}
		}
		return false
	}
	return true
}
