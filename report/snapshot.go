package report

import (
	"maps"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Snapshot is what the metrics show, all of one moment of the record. Labels
// are from closed sets: of organisations only those that rules have named, see
// [Other].
type Snapshot struct {
	Entries uint64
	Began   time.Time // of the first entry; zero before it
	At      time.Time // of the last entry

	// The closed sets, sorted.
	Policies      []incident.PolicyID
	Thresholds    map[incident.PolicyID][]incident.ThresholdName
	Sources       []incident.SourceName
	Polled        map[incident.SourceName]bool // by the rules in force
	Organisations []string                     // with "unknown" and Other

	Current, Previous Figures

	Open         map[LabelledOpen]int
	Next         map[incident.PolicyID]time.Time // earliest deadline; absent where none
	ActiveAlerts map[ThresholdKey]int

	Waiting         map[incident.DecisionKind]int
	OldestCandidate time.Time // zero where none waits

	Gaps map[GapKey]time.Time // that are open, with their beginning

	Signals  map[SignalKey]uint64
	Unread   map[UnreadKey]uint64
	Bounced  map[string]uint64
	Verdicts map[VerdictKey]uint64
	Changes  map[ChangeKey]uint64
	Late     map[LateKey]uint64
	Alerts   map[AlertKey]uint64
}

// A LabelledOpen is an OpenKey with its organisation as a label.
type LabelledOpen struct {
	Policy       incident.PolicyID
	Organisation string
	Impact       incident.Impact
	State        incident.State
}

// Snapshot returns what the metrics show; now says which month is current.
func (b *Book) Snapshot(now time.Time) Snapshot {
	b.mu.RLock()
	defer b.mu.RUnlock()
	m := incident.MonthOf(now)
	s := Snapshot{
		Entries: b.n, Began: b.began, At: b.at,
		Policies: slices.Sorted(slices.Values(b.labels.policies)), Thresholds: map[incident.PolicyID][]incident.ThresholdName{},
		Sources: slices.Sorted(slices.Values(b.labels.sources)), Polled: map[incident.SourceName]bool{},
		Current: b.figures(m, now), Previous: b.figures(m.Previous(), now),
		Open: map[LabelledOpen]int{}, Next: map[incident.PolicyID]time.Time{}, ActiveAlerts: maps.Clone(b.active),
		Waiting: map[incident.DecisionKind]int{}, Gaps: map[GapKey]time.Time{}, Unread: maps.Clone(b.tally.unread), Bounced: maps.Clone(b.tally.bounced),
		Signals: maps.Clone(b.tally.signals), Verdicts: maps.Clone(b.tally.verdicts), Changes: maps.Clone(b.tally.changes),
		Late: maps.Clone(b.tally.late), Alerts: maps.Clone(b.tally.alerts),
	}
	for p, ts := range b.labels.thresholds {
		s.Thresholds[p] = slices.Clone(ts)
	}
	for _, r := range b.inForce().Sources {
		s.Polled[r.Name] = r.Polled
	}
	for _, o := range b.labels.organisations {
		s.Organisations = append(s.Organisations, o.Label())
	}
	s.Organisations = append(s.Organisations, incident.Organisation("").Label(), Other)
	slices.Sort(s.Organisations)
	s.Organisations = slices.Compact(s.Organisations)
	for k, n := range b.open {
		s.Open[LabelledOpen{k.Policy, b.labels.organisation(k.Organisation), k.Impact, k.State}] += n
	}
	for p, d := range b.deadlines {
		if t := d.next(); !t.IsZero() {
			s.Next[p] = t
		}
	}
	for k, at := range b.openGaps {
		s.Gaps[k] = b.gaps[at].From
	}
	b.snapWaiting(&s)
	return s
}

func (b *Book) snapWaiting(s *Snapshot) {
	for _, k := range incident.DecisionKinds() {
		s.Waiting[k] = b.waiting[k]
	}
	s.Waiting[incident.DecideQuarantine] += len(b.unread)
	for h := range b.candidates {
		for _, d := range h.rec.Load().Decide {
			if d.Kind == incident.DecideCandidate && (s.OldestCandidate.IsZero() || d.Since.Before(s.OldestCandidate)) {
				s.OldestCandidate = d.Since
			}
		}
	}
}

// LabelledCells returns the cells of p with their organisations as labels, those
// of one label in one.
func (s *Snapshot) LabelledCells(p *PolicyFigures) map[LabelledOpen]int {
	out := make(map[LabelledOpen]int, len(p.Cells))
	for _, c := range p.Cells {
		o := c.Organisation.Label()
		if _, known := slices.BinarySearch(s.Organisations, o); !known {
			o = Other
		}
		out[LabelledOpen{p.Policy, o, c.Impact, c.State}] += c.Count
	}
	return out
}
