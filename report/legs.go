package report

import (
	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Leg is one part of the way of a report that reached the service desk before
// the security team.
type Leg struct {
	// Leg is desk, from the detection to the desk, or team, from the desk to the
	// team.
	Leg  string             `json:"leg"`
	From incident.Milestone `json:"from"`
	To   incident.Milestone `json:"to"`
	// Shortest and Longest bound the delay; an open bound is absent.
	Shortest *incident.Span `json:"shortest,omitempty"`
	Longest  *incident.Span `json:"longest,omitempty"`
	// Open says that nothing is known of its end yet.
	Open bool `json:"open,omitempty"`
	// Weak says that a time at one of its ends is no evidence.
	Weak bool `json:"weak,omitempty"`
}

// The legs.
const (
	LegDesk = "desk"
	LegTeam = "team"
)

// legs returns the two legs of an incident of which the desk was told, or none
// where it was not, or surely not before the team.
func legs(times []incident.Time) []Leg {
	var detected, desk, team incident.Time
	for _, t := range times {
		switch t.Milestone {
		case incident.Detected:
			detected = t
		case incident.ReportedToDesk:
			desk = t
		case incident.Reported:
			team = t
		default:
		}
	}
	if !desk.Interval.Known() ||
		!team.Interval.Latest.IsZero() && desk.Interval.Earliest.After(team.Interval.Latest) {
		return nil
	}
	return []Leg{legOf(LegDesk, detected, desk), legOf(LegTeam, desk, team)}
}

// legOf bounds the delay from one milestone to the next as the verdict does
// (rules.md section 3): nothing is negative, an open end leaves its bound out.
func legOf(name string, from, to incident.Time) Leg {
	l := Leg{Leg: name, From: incident.Detected, To: incident.ReportedToDesk, Open: !to.Interval.Known(), Weak: from.Weak || to.Weak}
	if name == LegTeam {
		l.From, l.To = incident.ReportedToDesk, incident.Reported
	}
	if a, b := from.Interval.Latest, to.Interval.Earliest; !a.IsZero() && !b.IsZero() {
		s := incident.Span(max(0, b.Sub(a)))
		l.Shortest = &s
	}
	if a, b := from.Interval.Earliest, to.Interval.Latest; !a.IsZero() && !b.IsZero() {
		s := incident.Span(max(0, b.Sub(a)))
		l.Longest = &s
	}
	return l
}

// legWords says how long a leg took.
func legWords(l *Leg) string {
	s := "from detection to the desk: "
	if l.Leg == LegTeam {
		s = "from the desk to the team: "
	}
	if l.Open {
		return s + "not yet"
	}
	if l.Longest == nil && (l.Shortest == nil || *l.Shortest == 0) {
		return s + "not known"
	}
	s += spanWords(l.Shortest, l.Longest)
	if l.Weak {
		s += " (weak)"
	}
	return s
}
