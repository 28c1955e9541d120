package report

import (
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Figure is something that a monthly report shows, with what it says, how it
// is counted, and by which versions of its policy. Name is from a closed set
// and the same in every month.
type Figure[T any] struct {
	Name       FigureName `json:"name"`
	Definition string     `json:"definition"`
	Counting   string     `json:"counting"`
	// Policy and Versions are absent where a figure is of all policies. A version
	// is named by the day from which it was in force.
	Policy   incident.PolicyID `json:"policy,omitempty"`
	Versions []incident.Date   `json:"versions,omitempty"`
	Value    T                 `json:"value"`
}

// A FigureName names a figure.
type FigureName string

// The figures of a month.
const (
	FigureCounts       FigureName = "counts"
	FigureShare        FigureName = "share"
	FigureDelays       FigureName = "delays"
	FigureDistribution FigureName = "distribution"
	FigureLegs         FigureName = "legs"
	FigureParts        FigureName = "parts"
	FigureEarlier      FigureName = "earlier_months"
	FigureLate         FigureName = "late"
	FigureKnown        FigureName = "start_known"
	FigureHands        FigureName = "changed_by_hand"
	FigureLinked       FigureName = "links_joined"
	FigureThresholds   FigureName = "thresholds"
	FigureQuestions    FigureName = "questions"
	FigureCandidates   FigureName = "candidates"
	FigureGaps         FigureName = "gaps"
	FigureSkew         FigureName = "skew"
	FigureNotMeasured  FigureName = "not_measured"
)

// FigureNames lists every figure, in the order in which a report shows them.
func FigureNames() []FigureName {
	return []FigureName{FigureCounts, FigureShare, FigureDelays, FigureDistribution, FigureLegs, FigureParts, FigureEarlier, FigureLate,
		FigureKnown, FigureHands, FigureLinked, FigureThresholds, FigureQuestions, FigureGaps, FigureSkew, FigureCandidates, FigureNotMeasured}
}

// Define returns what n is and how it is counted, as it stands under the figure.
func (n FigureName) Define() (definition, counting string) {
	d := define(n)
	return d.definition, d.counting
}

// told is what stands under a figure.
type told struct{ definition, counting string }

// define returns what stands under the figure n.
func define(n FigureName) told {
	const oneN = "N is met + breached + overdue + undetermined."
	switch n {
	case FigureCounts:
		return told{"Incidents whose clock of this policy belongs to this month, by the state of the clock as known when the report was made.",
			"An incident belongs to the month, in London, in which the latest bound of its clock's start lies; without one, to that of its first receipt. " +
				"A clock past its limit that rests on a weak time, or whose report nobody has vouched for, counts as undetermined; " +
				"so does one that still runs and may be over. An excluded incident is counted beside, by the state that it would have had."}
	case FigureShare:
		return told{"The part of the incidents that were reported within the limit, as far as it is known: from met/N, as if every undetermined one was late, to (met + undetermined)/N, as if every one was in time.",
			oneN + " Unmeasured, waiting, running and excluded incidents and candidates are not in N and stand beside it. Exactly at the limit is in time. " +
				"Each end has its Wilson interval at 95 %. With N under 10 it is a number and no rate."}
	case FigureDelays:
		return told{"The median, the 90th percentile and the longest of the delays from start to stop, each as the range in which it must lie.",
			oneN + " Each delay has a shortest and a longest bound. The percentile is the nearest rank: of N delays in ascending order the one at place p × N, rounded up. " +
				"It is at least the one at that place among the shortest bounds in ascending order, and at most the one at that place among the longest. No midpoint is ever taken. " +
				"A delay that has not ended is at least as long as it had lasted when the report was made, and has no upper bound. " +
				"Nor has one whose time is weak or waits for a second person: its lower bound is what the evidence alone says. With N under 10 only the longest is shown."}
	case FigureDistribution:
		return told{"How many of the N incidents were surely reported within a time after the start, and how many may have been.",
			"Surely: the longest bound of the delay is at most that time. Possibly: the shortest is. The bounds are those of the delays."}
	case FigureLegs:
		return told{"The two legs of a report that came by way of the service desk: from detection to the desk, and from the desk to the security team. \"First told anyone\" measures up to the earlier of the desk and the team, so that a delay at the desk does not stand on whoever reported.",
			"Legs are of incidents with a time at the desk that the desk itself recorded, and a report that counts. First told anyone is judged by the same limit and has the same N; without a time at the desk it is the report to the team."}
	case FigureParts:
		return told{"The same counts and share, by one property of the incident.",
			"In the order of the alphabet; it is no order of merit, and parts with few incidents say little. Restricted incidents are in no part. " +
				"The source is that of the first signal, the route that of the report that stopped the clock. Office hours are 9am to 5pm in London, Monday to Friday but bank holidays of England and Wales, at the latest bound of the start."}
	case FigureEarlier:
		return told{"The twelve months before, by the same rules: as first published, and as known now.",
			"A month changes after its publication by late signals, corrections, merges, exclusions and rules. No direction is shown: a difference within the intervals is none."}
	case FigureLate:
		return told{"Incidents that were reported late or not at all, each with the reasons that people recorded, and those without one.",
			"Breached and overdue incidents, ordered by the latest bound of their start. Restricted incidents are counted and not listed."}
	case FigureKnown:
		return told{"How the start of each clock was known: what kind of claim gave its earliest bound, and how far its author is known.",
			"All clocks of the month but excluded ones. Recorded: stamped by a system. Stated: a person wrote it. Corrected: a named person set it, with a reason. Derived: only a bound that follows from the first telling. Weak times count as shown."}
	case FigureHands:
		return told{"Incidents with a corrected time, and reports that were entered by hand late, and the share without them.",
			"Late by hand: entered more than 15 minutes after it came, or after the due time. The share without them judges the same incidents anew, leaving out those corrections and reports and nothing else."}
	case FigureLinked:
		return told{"How the share would be if every link that the program suggests, and nobody has decided, joined its two incidents.",
			"Incidents that are linked directly or through others are judged as one, with all their signals; it counts in this month if its start lies in it."}
	case FigureThresholds:
		return told{"What the clocks of the month crossed, and whether people were told of it.",
			"Due: crossings on record, by the incident's own alerts. In time: told by the timer. Late: told after its time. " +
				"Retracted: told, and taken back; read late are those whose report had come in time and had not been read. Not told: a graver threshold was told instead, an alert of a merged incident was taken over, it came in a backfill, or the reason went before it was told."}
	case FigureQuestions:
		return told{"Patterns that may have a good reason, as questions to whoever knows the cases. They say nothing about any person.",
			"Just under and just over the limit: both bounds of the delay within five minutes of it. Without delay: reported within the minute of detection. Moved later: a start that a person corrected to a later time after the report had come."}
	case FigureCandidates:
		return told{"Signals of the month that may be incidents and that nobody has judged.", "No clock runs for them. They are in no other figure."}
	case FigureGaps:
		return told{"Times in which a source was not read, or was silent for longer than is expected of it.",
			"What came in such a time is in no figure until it is read. An incident fell in a gap if any time from its start to its report lies in it."}
	case FigureSkew:
		return told{"Incidents with a time from a clock that ran ahead of ours.",
			"Clipped: ahead within the tolerance of its source, and brought down to the receipt. Set aside: beyond it, shown and never computed."}
	case FigureNotMeasured:
		return told{"What is not measured yet.", "It is named so that nobody takes its absence for a good result."}
	default:
		return told{}
	}
}

func figure[T any](n FigureName, p *PolicyMonth, value T) Figure[T] {
	d := define(n)
	f := Figure[T]{Name: n, Definition: d.definition, Counting: d.counting, Value: value}
	if p != nil {
		f.Policy = p.Policy
		for _, v := range p.Versions {
			f.Versions = append(f.Versions, v.From)
		}
	}
	return f
}

// A Report is what a month looks like by what is known at one moment of the
// record. It holds words, tables of numbers and references, and no person.
// [Report.Sheets] says it in words; JSON is the same for machines.
type Report struct {
	V     int            `json:"v"` // of this form; 1
	Month incident.Month `json:"month"`
	// From and Until bound the month, half-open; it is one of London.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// KnownAt is the time of the last entry that the report knows of, Entries
	// its number; zero where there is none.
	KnownAt time.Time `json:"known_at,omitzero"`
	Entries uint64    `json:"entries"`
	// Over says that the month had ended at KnownAt.
	Over bool `json:"over"`
	// Standing is provisional as long as the month is not published.
	Standing   string        `json:"standing"`
	Statements []string      `json:"statements"`
	Holidays   *Holidays     `json:"bank_holidays"`
	Candidates Figure[int]   `json:"candidates"`
	Policies   []PolicyMonth `json:"policies"`
	// Gaps, Skew and NotMeasured are of all policies.
	Gaps        Figure[[]GapMonth]   `json:"gaps"`
	Skew        Figure[SkewMonth]    `json:"skew"`
	NotMeasured Figure[[]Unmeasured] `json:"not_measured"`

	rows []*incident.IncidentRecord // of the month, in order
	own  map[incident.PolicyID]incident.Milestone
}

// ReportVersion is the version of the form of a Report.
const ReportVersion = 1

// Provisional is the standing of a month that is not published.
const Provisional = "provisional"

// An Unmeasured is something that is not measured yet.
type Unmeasured struct {
	What string `json:"what"`
	Text string `json:"text"` // "not measured yet"
}

// NotMeasuredYet is printed in the place of a figure that a later version of the
// program will have.
const NotMeasuredYet = "not measured yet"

// A PolicyVersion is a version of a policy that judged a clock of the month or
// was in force in it.
type PolicyVersion struct {
	From  incident.Date      `json:"from"`
	Start incident.Milestone `json:"start"`
	Stop  incident.Milestone `json:"stop"`
	Limit incident.Span      `json:"limit"`
	Legal string             `json:"legal,omitempty"`
}

// A PolicyMonth holds the figures of one policy.
type PolicyMonth struct {
	Policy   incident.PolicyID `json:"policy"`
	Title    string            `json:"title"`
	Versions []PolicyVersion   `json:"versions"`

	Counts       Figure[Counts]         `json:"counts"`
	Share        Figure[MonthShare]     `json:"share"`
	Delays       Figure[Spread]         `json:"delays"`
	Distribution Figure[[]Within]       `json:"distribution"`
	Legs         *Figure[Legs]          `json:"legs,omitempty"` // of policies from detection to the team
	Parts        []Figure[By]           `json:"parts"`
	Earlier      Figure[[]EarlierMonth] `json:"earlier_months"`
	Late         Figure[LateCases]      `json:"late"`
	Known        Figure[[]KnownBy]      `json:"start_known"`
	Hands        Figure[Hands]          `json:"changed_by_hand"`
	Linked       Figure[Linked]         `json:"links_joined"`
	Thresholds   Figure[[]Crossed]      `json:"thresholds"`
	Questions    Figure[Questions]      `json:"questions"`
}

// Counts says how many clocks are in each state, and why.
type Counts struct {
	States map[incident.State]int `json:"states"` // every state, also those with none
	// Doubts say why clocks are undetermined, Would which state the excluded
	// would have had.
	Doubts map[incident.Doubt]int `json:"doubts,omitempty"`
	Would  map[incident.State]int `json:"would,omitempty"`
}

// DoubtMayBeOver is a clock that still runs and may be past its limit. In a
// month's report it counts as undetermined; everywhere else it is running.
const DoubtMayBeOver incident.Doubt = "may_be_over"

// FewestForRate is the N from which on a share is told as a rate.
const FewestForRate = 10

// A MonthShare is a [Share] with its intervals. From, To and their intervals
// are absent where N is under FewestForRate.
type MonthShare struct {
	N            int         `json:"n"`
	Met          int         `json:"met"`
	Undetermined int         `json:"undetermined"`
	From         *float64    `json:"from,omitempty"`
	To           *float64    `json:"to,omitempty"`
	FromInterval *[2]float64 `json:"from_interval,omitempty"` // Wilson, 95 %
	ToInterval   *[2]float64 `json:"to_interval,omitempty"`
}

func newMonthShare(s Share) MonthShare {
	m := MonthShare{N: s.N, Met: s.Met, Undetermined: s.Undetermined}
	if s.N < FewestForRate {
		return m
	}
	end := func(a int) (*float64, *[2]float64) {
		x := round4(float64(a) / float64(s.N))
		low, high := wilson(a, s.N)
		return &x, &[2]float64{low, high}
	}
	m.From, m.FromInterval = end(s.Met)
	m.To, m.ToInterval = end(s.Met + s.Undetermined)
	return m
}

// shareOf returns the share of counts by state.
func shareOf(states map[incident.State]int) Share {
	s := Share{Met: states[incident.Met], Undetermined: states[incident.Undetermined]}
	s.N = s.Met + s.Undetermined + states[incident.Breached] + states[incident.Overdue]
	return s
}

// A By divides the clocks of a month by one property.
type By struct {
	Property string `json:"property"` // organisation, impact, source, route, hours
	Parts    []Part `json:"parts"`
}

// Properties lists the properties by which a month is divided.
func Properties() []string { return []string{"organisation", "impact", "source", "route", "hours"} }

// A Part is what has one value of the property.
type Part struct {
	Value  string                 `json:"value"`
	States map[incident.State]int `json:"states"`
	Share  MonthShare             `json:"share"`
}

// An EarlierMonth is a month before the one that is reported.
type EarlierMonth struct {
	Month incident.Month `json:"month"`
	// FirstPublished is nil where the month was never published.
	FirstPublished *MonthShare            `json:"first_published"`
	Now            MonthShare             `json:"now"`
	States         map[incident.State]int `json:"states"`
}
