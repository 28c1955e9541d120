package report

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A WhySignal is one signal of an incident, with what it claims and why it
// belongs to the incident.
type WhySignal struct {
	Entry uint64    `json:"entry"` // by which it joined
	At    time.Time `json:"at"`    // when that was recorded
	// Kind and Why are those of its entry.
	Kind incident.Kind `json:"kind"`
	Why  incident.Why  `json:"why,omitempty"`
	// Moved is the entry of the merge or division by which it came from another
	// incident, From.
	Moved uint64       `json:"moved,omitempty"`
	From  incident.Ref `json:"from,omitempty"`
	// Shares lists the strong keys that it has in common with earlier signals.
	Shares []WhyShare `json:"shares,omitempty"`

	Source   incident.SourceName `json:"source"`
	Channel  incident.Channel    `json:"channel"`
	Part     int                 `json:"part,omitempty"`
	Received time.Time           `json:"received"` // when we took it
	Receipt  time.Time           `json:"receipt"`  // when the receiver had it
	Trust    incident.Trust      `json:"trust,omitempty"`
	// Arrived is the trust with which it came, where a person has vouched since.
	Arrived     incident.Trust  `json:"arrived,omitempty"`
	Observer    string          `json:"observer,omitempty"` // the beginning of its mark
	Interpreter string          `json:"interpreter"`
	Route       incident.Route  `json:"route,omitempty"`
	Flags       []incident.Flag `json:"flags,omitempty"`
	Withdrawn   bool            `json:"withdrawn,omitempty"`
	Act         *WhyAct         `json:"act,omitempty"`
	Claims      []WhyClaim      `json:"claims,omitempty"`
}

// A WhyShare is a key that a signal shares.
type WhyShare struct {
	Kind incident.KeyKind `json:"kind"`
	// Ref is our own reference, where the key is that.
	Ref  incident.Ref `json:"ref,omitempty"`
	With []uint64     `json:"with,omitempty"` // the entries of the earlier signals
}

// A WhyAct is what a person did. Prose about it stays in the vault.
type WhyAct struct {
	Kind      incident.ActKind   `json:"kind"`
	Author    string             `json:"author"` // staff number
	Role      incident.Role      `json:"role"`
	Signal    uint64             `json:"signal,omitempty"`
	Other     incident.Ref       `json:"other,omitempty"`
	Milestone incident.Milestone `json:"milestone,omitempty"`
	Interval  incident.Interval  `json:"interval,omitzero"`
	Reason    incident.Reason    `json:"reason,omitempty"`
	Upon      uint64             `json:"upon,omitempty"`
}

// A WhyClaim is one claim of a signal, and what became of it.
type WhyClaim struct {
	Milestone incident.Milestone `json:"milestone"`
	Interval  incident.Interval  `json:"interval"`
	Basis     incident.Basis     `json:"basis"`
	Weight    incident.Weight    `json:"weight"`
	Void      incident.Void      `json:"void,omitempty"`
	Observer  string             `json:"observer,omitempty"` // where it is not the signal's
	Receiver  bool               `json:"receiver,omitempty"` // the receiving side says so
	Words     [2]int             `json:"words"`              // byte range in the signal; 0,0 for none
	Flags     []incident.Flag    `json:"flags,omitempty"`
	// Gives says which bounds of the milestone's time the claim gives: earliest,
	// latest, both or none.
	Gives string `json:"gives,omitempty"`
	// SetAside is why it was left out, though it is not void.
	SetAside incident.Flag `json:"set_aside,omitempty"`
}

// shortMark is how much of a mark is shown: enough to see that two are one.
const shortMark = 8

func short(m incident.Mark) string {
	if m.IsZero() {
		return ""
	}
	return m.String()[:shortMark]
}

func signals(p *part, v *incident.View, stops map[incident.Milestone]bool) []WhySignal {
	out := make([]WhySignal, 0, len(p.members))
	for i := range p.members {
		m := &p.members[i]
		s := WhySignal{
			Entry: m.N, At: m.at, Kind: m.kind, Why: m.why, Moved: m.lastMove(), From: m.from,
			Shares: shares(p.members[:i], m),
			Source: m.Source, Channel: m.Channel, Part: m.Part, Received: m.Received, Receipt: m.Receipt,
			Trust: v.Trust(&m.Member), Observer: short(m.Observer), Interpreter: m.Interpreter,
			Route: m.Route, Flags: m.Flags, Withdrawn: !v.Counts(&m.Member), Act: whyAct(m.Act),
		}
		if s.Trust != m.Trust {
			s.Arrived = m.Trust
		}
		for _, c := range m.Claims {
			s.Claims = append(s.Claims, whyClaim(p.rec, v, m, c, stops))
		}
		out = append(out, s)
	}
	return out
}

func (m *member) lastMove() uint64 {
	if len(m.moves) == 0 {
		return 0
	}
	return m.moves[len(m.moves)-1]
}

func shares(earlier []member, m *member) []WhyShare {
	var out []WhyShare
	for _, k := range m.Keys {
		if k.Weak {
			continue
		}
		s := WhyShare{Kind: k.Kind, Ref: k.Ref}
		for _, o := range earlier {
			if k.Kind != incident.KeyOwn && slices.Contains(o.Keys, k) {
				s.With = append(s.With, o.N)
			}
		}
		if len(s.With) > 0 || k.Kind == incident.KeyOwn {
			out = append(out, s)
		}
	}
	return out
}

func whyAct(a *incident.Act) *WhyAct {
	if a == nil {
		return nil
	}
	return &WhyAct{
		Kind: a.Kind, Author: a.Author, Role: a.Role, Signal: a.Signal, Other: a.Other,
		Milestone: a.Milestone, Interval: a.Interval, Reason: a.Reason, Upon: a.Upon,
	}
}

func whyClaim(rec *incident.IncidentRecord, v *incident.View, m *member, c incident.SealedClaim, stops map[incident.Milestone]bool) WhyClaim {
	w := WhyClaim{
		Milestone: c.Milestone, Interval: c.Interval, Basis: c.Basis, Void: c.Void,
		Weight:   v.Weight(&m.Member, c, stops[c.Milestone] || c.Milestone.Receipt()),
		Observer: short(c.Observer), Receiver: c.Receiver, Words: c.Words, Flags: c.Flags,
	}
	if w.Weight == incident.WeightVoid {
		if w.Void == "" {
			w.Void = incident.VoidRejected
		}
		return w
	}
	w.Void = "" // a person's acceptance has lifted it
	if c.Milestone == incident.Detected && !v.Told.IsZero() && c.Interval.Earliest.After(v.Told) {
		w.SetAside = incident.FlagToldBefore
		return w
	}
	for _, t := range rec.Times {
		if t.Milestone != c.Milestone || t.Basis == incident.Corrected {
			continue
		}
		// One observer's claims are intersected, and a bound may be brought down
		// to the first telling: a claim gives a bound where its own end is it.
		earliest := t.By[0] == m.N && !t.Interval.Earliest.IsZero() && t.Interval.Earliest.Equal(c.Interval.Earliest)
		latest := t.By[1] == m.N && !t.Interval.Latest.IsZero() && t.Interval.Latest.Equal(c.Interval.Latest)
		switch {
		case earliest && latest:
			w.Gives = "both"
		case earliest:
			w.Gives = "earliest"
		case latest:
			w.Gives = "latest"
		}
	}
	return w
}

// A WhyTime is the time of one milestone, and what gave each of its bounds.
type WhyTime struct {
	incident.Time
	Earliest WhyBound `json:"earliest"`
	Latest   WhyBound `json:"latest"`
}

// A WhyBound says what gave one bound of a time.
type WhyBound struct {
	At time.Time `json:"at,omitzero"` // absent for an open bound
	// Gave is claim, correction, told (the first trusted telling), detected
	// (nobody is aware before) or open.
	Gave string `json:"gave"`
	// Entry is the signal or the act that it comes from.
	Entry uint64 `json:"entry,omitempty"`
}

// What may give a bound.
const (
	gaveClaim      = "claim"
	gaveCorrection = "correction"
	gaveTold       = "told"
	gaveDetected   = "detected"
	gaveOpen       = "open"
)

func times(rec *incident.IncidentRecord, v *incident.View, members []incident.Member) []WhyTime {
	out := make([]WhyTime, 0, len(rec.Times))
	for _, t := range rec.Times {
		w := WhyTime{Time: t}
		w.Earliest = bound(t, t.Interval.Earliest, t.By[0])
		w.Latest = bound(t, t.Interval.Latest, t.By[1])
		told := !v.Told.IsZero() && t.Interval.Latest.Equal(v.Told)
		if t.Milestone == incident.Detected && told && t.Basis != incident.Corrected && t.By[1] == 0 {
			w.Latest = WhyBound{At: v.Told, Gave: gaveTold, Entry: teller(v, members)}
		}
		out = append(out, w)
	}
	return out
}

func bound(t incident.Time, at time.Time, by uint64) WhyBound {
	b := WhyBound{At: at, Gave: gaveClaim, Entry: by}
	switch {
	case at.IsZero():
		b.Gave, b.Entry = gaveOpen, 0
	case t.Basis == incident.Corrected:
		b.Gave = gaveCorrection
	case t.Milestone == incident.Aware && t.Basis == incident.Assumed:
		b.Gave = gaveDetected
	}
	return b
}

// teller returns the entry of the first trusted telling.
func teller(v *incident.View, members []incident.Member) uint64 {
	for i := range members {
		m := &members[i]
		if !v.Counts(m) {
			continue
		}
		if v.Trust(m).Known() && m.Receipt.Equal(v.Told) {
			return m.N
		}
		for _, c := range m.Claims {
			if c.Milestone.Receipt() && c.Interval.Latest.Equal(v.Told) {
				return m.N
			}
		}
	}
	return 0
}
