package report

import (
	"slices"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A tally counts events. Nothing is ever taken away from it.
type tally struct {
	signals  map[SignalKey]uint64
	unread   map[UnreadKey]uint64
	bounced  map[string]uint64 // alerts of ours that came back undelivered, by source as in SignalKey
	verdicts map[VerdictKey]uint64
	changes  map[ChangeKey]uint64
	late     map[LateKey]uint64
	alerts   map[AlertKey]uint64
}

// A SignalKey counts signals, each part once, by what became of them.
type SignalKey struct {
	Source string // a source of the rules, or Other
	Result incident.Kind
}

// An UnreadKey counts signals of which nothing, or not all, could be read.
type UnreadKey struct {
	Source string // as in SignalKey
	Why    incident.Why
}

// Unreadables lists the reasons for which a signal is quarantined.
func Unreadables() []incident.Why {
	return []incident.Why{incident.WhyMalformed, incident.WhyTooLarge, incident.WhyTooManyParts, incident.WhyTruncated,
		incident.WhyTooDeep, incident.WhyUnreadable, incident.WhyEncrypted, incident.WhyMapping, incident.WhyPanicked,
		incident.WhyTimedOut, incident.WhyUnknownSource, incident.WhyStub}
}

// A VerdictKey counts first verdicts: each clock once, when its state first was
// neither waiting nor running. What became of it later is a ChangeKey.
type VerdictKey struct {
	Policy, Organisation string
	Impact               incident.Impact
	Verdict              incident.State
}

// A ChangeKey counts changes of a verdict that had been given.
type ChangeKey struct {
	Policy   string
	From, To incident.State
	Why      Cause
}

// A LateKey counts thresholds that were decided after their time.
type LateKey struct{ Policy, Threshold string }

// An AlertKey counts how often alerts came to a state.
type AlertKey struct {
	Policy, Threshold string
	State             incident.AlertState
}

// A Cause is why a verdict changed.
type Cause string

// The causes of a change.
const (
	CauseSignal     Cause = "signal"     // a signal came
	CauseByHand     Cause = "by_hand"    // a person entered a report or a time
	CauseCorrection Cause = "correction" // a person corrected a time, or took that back
	CauseAct        Cause = "act"        // another act of a person
	CauseMerge      Cause = "merge"      // two incidents became one
	CauseSplit      Cause = "split"      // one became two
	CauseTime       Cause = "time"       // time passed
	CauseRules      Cause = "rules"      // the rules changed
)

// Causes lists every cause.
func Causes() []Cause {
	return []Cause{CauseSignal, CauseByHand, CauseCorrection, CauseAct, CauseMerge, CauseSplit, CauseTime, CauseRules}
}

// Results lists what may become of a signal.
func Results() []incident.Kind {
	return []incident.Kind{incident.KindOpened, incident.KindJoined, incident.KindActed, incident.KindRefused,
		incident.KindRepeated, incident.KindIgnored, incident.KindQuarantined}
}

// Verdicts lists the states that say something of how prompt a report was.
func Verdicts() []incident.State {
	return slices.DeleteFunc(incident.States(), func(s incident.State) bool { return !s.Verdict() })
}

func newTally() tally {
	return tally{
		signals: map[SignalKey]uint64{}, unread: map[UnreadKey]uint64{}, bounced: map[string]uint64{}, verdicts: map[VerdictKey]uint64{}, changes: map[ChangeKey]uint64{},
		late: map[LateKey]uint64{}, alerts: map[AlertKey]uint64{},
	}
}

// countSignal counts the signal that e folds. An older signal that e brings to
// another incident, and one that stands in several entries, count once.
func (b *Book) countSignal(e *incident.Entry) {
	s := e.Signal
	if s == nil || s.Pos != e.Pos {
		return
	}
	c := counted{s.Pos, s.Part, e.Kind}
	if c == b.counted {
		return
	}
	b.counted = c
	b.tally.signals[SignalKey{b.labels.source(s.Source), e.Kind}]++
	if slices.Contains(s.Flags, incident.FlagBounced) {
		b.tally.bounced[b.labels.source(s.Source)]++
	}
	if e.Kind == incident.KindQuarantined {
		b.tally.unread[UnreadKey{b.labels.source(s.Source), e.Why}]++
	}
}

func (b *Book) countAlerts(e *incident.Entry) {
	for _, a := range e.Alerts {
		_, p, t, _, err := incident.ParseAlertID(a.ID)
		if err != nil {
			continue // no step makes such an id
		}
		b.tally.alerts[AlertKey{b.labels.policy(p), b.labels.threshold(p, t), a.State}]++
	}
}

// countVerdicts counts first verdicts, changes of verdicts, and crossings that
// were decided late, in the step from old (nil: none) to e.Incident.
func (b *Book) countVerdicts(h *held, old *incident.IncidentRecord, e *incident.Entry) {
	rec := e.Incident
	if rec.Open == incident.StatusMerged {
		return // its signals go on in another; what ended here says nothing of promptness
	}
	for i := range rec.Clocks {
		c := &rec.Clocks[i]
		was := clockOf(old, c.Policy)
		b.countLate(was, c)
		policy := b.labels.policy(c.Policy)
		if !slices.Contains(h.judged, c.Policy) {
			if c.State.Verdict() {
				h.judged = append(h.judged, c.Policy)
				o, impact := shownOf(&rec.Attrs)
				b.tally.verdicts[VerdictKey{policy, b.labels.organisation(o), impact, c.State}]++
			}
			continue
		}
		if was != nil && was.State.Verdict() && was.State != c.State {
			b.tally.changes[ChangeKey{policy, was.State, c.State, b.cause(e)}]++
		}
	}
}

func clockOf(rec *incident.IncidentRecord, p incident.PolicyID) *incident.Clock {
	if rec == nil {
		return nil
	}
	for i := range rec.Clocks {
		if rec.Clocks[i].Policy == p {
			return &rec.Clocks[i]
		}
	}
	return nil
}

// countLate counts the crossings that this step decided after their time. Those
// that came with a merge were counted where they were decided; a late report is
// late by what it says, not by when it was decided.
func (b *Book) countLate(was, c *incident.Clock) {
	for i := range c.Bars {
		bar := &c.Bars[i]
		if !bar.Late || bar.Threshold == incident.LateReport || bar.State == incident.AlertTaken || bar.State == incident.AlertWithheld {
			continue
		}
		known := was != nil && slices.ContainsFunc(was.Bars, func(o incident.Crossing) bool {
			return o.Threshold == bar.Threshold && o.G == bar.G
		})
		if !known {
			b.tally.late[LateKey{b.labels.policy(c.Policy), b.labels.threshold(c.Policy, bar.Threshold)}]++
		}
	}
}

// cause says why e changed a verdict.
func (b *Book) cause(e *incident.Entry) Cause {
	a := actOf(e)
	switch {
	case e.Kind == incident.KindSplit:
		return CauseSplit
	case e.Kind == incident.KindTold, e.Kind == incident.KindCrossed && e.Why != "":
		return CauseTime
	case e.Kind == incident.KindCrossed:
		return CauseRules
	case b.joining.into == e.Incident.Ref && b.joining.n+1 == e.N:
		return CauseMerge
	case a == nil:
		return CauseSignal
	}
	switch a.Kind {
	case incident.ActReport, incident.ActDetection, incident.ActMilestone:
		return CauseByHand
	case incident.ActCorrection, incident.ActWithdraw:
		return CauseCorrection
	default:
		return CauseAct
	}
}
