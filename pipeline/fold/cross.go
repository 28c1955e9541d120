package fold

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The life of an alert is rules.md section 5.

const (
	// HoldFor is how long a deadline waits for its sources to be read.
	HoldFor = 2 * time.Minute
	// lateAfter is how long after its due time a crossing counts as decided late.
	lateAfter = 10 * time.Second
	// LateReportShown is how long a late report stays an active alert: the clock
	// has stopped already, so nothing else would end it.
	LateReportShown = time.Hour
	// maxBars bounds the crossings that a clock keeps.
	maxBars = 32
)

// current reports whether b stands for its threshold: nothing new is made of it
// while the clock is open.
func current(b incident.Crossing) bool {
	switch b.State {
	case incident.AlertHeld, incident.AlertActive, incident.AlertSuperseded, incident.AlertTaken, incident.AlertQuiet:
		return true
	case incident.AlertResolved, incident.AlertRetracted, incident.AlertMerged, incident.AlertWithheld:
		return false
	default:
		return false
	}
}

// cross brings the crossings of clock c up to the instant at and returns what
// changed. prev is the clock before the step.
func (s *State) cross(rec *incident.IncidentRecord, p incident.Policy, c *incident.Clock, prev incident.Clock, at time.Time, j judging) []incident.AlertChange {
	var out []incident.AlertChange
	switch {
	case c.State == incident.Excluded:
		out = endBars(rec, c, func(incident.Crossing) (incident.AlertState, incident.Why) {
			return incident.AlertRetracted, incident.WhyExcluded
		})
	case !c.State.Open():
		out = s.stopBars(rec, c, prev, at)
	default:
		out = s.redate(rec, p, c, at)
	}
	// Only a tick tells: before it every signal stored up to it was folded, so
	// that nothing is told which the next signal takes back.
	if j.tick != nil && c.State != incident.Excluded {
		out = append(out, s.release(rec, c, at, j)...)
		if c.State.Open() {
			out = append(out, s.newBars(rec, p, c, at, j)...)
		}
	}
	c.Bars = bounded(c.Bars)
	return out
}

// bounded drops the oldest crossings beyond maxBars, but never the last of a
// threshold: its number is needed so that no alert is made twice.
func bounded(bars []incident.Crossing) []incident.Crossing {
	for k := 0; k < len(bars) && len(bars) > maxBars; {
		later := slices.ContainsFunc(bars[k+1:], func(b incident.Crossing) bool { return b.Threshold == bars[k].Threshold })
		if later && !current(bars[k]) {
			bars = slices.Delete(bars, k, k+1)
		} else {
			k++
		}
	}
	return bars
}

// endBars ends every crossing that stands, by what end says of an active one; a
// held one is withheld.
func endBars(rec *incident.IncidentRecord, c *incident.Clock, end func(incident.Crossing) (incident.AlertState, incident.Why)) []incident.AlertChange {
	var out []incident.AlertChange
	c.Bars = slices.Clone(c.Bars)
	for k := range c.Bars {
		b := &c.Bars[k]
		if !current(*b) {
			continue
		}
		state, why := end(*b)
		if state == b.State {
			continue
		}
		if b.State != incident.AlertActive {
			if b.State != incident.AlertHeld && why != incident.WhyExcluded && why != incident.WhyRedated {
				continue // superseded, taken over or quiet: a fact that a stop does not change
			}
			state = incident.AlertWithheld
		}
		b.State, b.Why = state, why
		out = append(out, change(rec, c, *b))
	}
	return out
}

func change(rec *incident.IncidentRecord, c *incident.Clock, b incident.Crossing) incident.AlertChange {
	return incident.AlertChange{ID: incident.NewAlertID(rec.Ref, c.Policy, b.Threshold, b.G), State: b.State, Why: b.Why}
}

// stopBars ends the alerts of a clock that stopped: retracted where the stop
// certainly lies before the threshold and was only read late, else resolved. A
// breach of which nobody was told makes one late report.
func (s *State) stopBars(rec *incident.IncidentRecord, c *incident.Clock, prev incident.Clock, at time.Time) []incident.AlertChange {
	told := slices.ContainsFunc(c.Bars, func(b incident.Crossing) bool {
		warning := b.Threshold != incident.Deadline && b.Threshold != incident.LateReport && b.Due.Before(c.Due())
		return !warning && current(b) && b.State != incident.AlertHeld || b.Threshold == incident.LateReport
	})
	out := endBars(rec, c, func(b incident.Crossing) (incident.AlertState, incident.Why) {
		if b.Threshold == incident.LateReport {
			if c.State == incident.Breached && (b.State == incident.AlertHeld || at.Before(b.At.Add(LateReportShown))) {
				return b.State, b.Why
			}
			return incident.AlertResolved, incident.WhyStopped
		}
		if !c.Stop.Latest.IsZero() && !c.Stop.Latest.After(b.Due) {
			return incident.AlertRetracted, incident.WhyReadLate
		}
		return incident.AlertResolved, incident.WhyStopped
	})
	wasOpen := prev.State == "" || prev.State.Open()
	if c.State == incident.Breached && wasOpen && !told {
		out = append(out, s.bar(rec, c, incident.LateReport, c.Due(), at, incident.AlertHeld, ""))
	}
	return out
}

// redate retracts what was crossed and lies in the future now.
func (s *State) redate(rec *incident.IncidentRecord, p incident.Policy, c *incident.Clock, at time.Time) []incident.AlertChange {
	var out []incident.AlertChange
	due := map[incident.ThresholdName]time.Time{}
	if base := c.Base(); !base.IsZero() {
		for _, t := range p.Thresholds() {
			due[t.Name] = base.Add(t.After)
		}
	}
	for k := range c.Bars {
		b := &c.Bars[k]
		when, ok := due[b.Threshold]
		if !current(*b) || ok && !when.After(at) {
			continue
		}
		if b.State == incident.AlertActive {
			b.State = incident.AlertRetracted
		} else {
			b.State = incident.AlertWithheld
		}
		b.Why = incident.WhyRedated
		out = append(out, change(rec, c, *b))
	}
	return out
}

// newBars crosses what is due and does not stand. Where several are due at
// once only the gravest is told.
func (s *State) newBars(rec *incident.IncidentRecord, p incident.Policy, c *incident.Clock, at time.Time, j judging) []incident.AlertChange {
	base := c.Base()
	if base.IsZero() {
		return nil
	}
	var due []incident.Threshold
	graver := false // a graver one stands already
	for _, t := range p.Thresholds() {
		b, ok := c.Find(t.Name)
		stands := ok && current(b)
		if stands && b.State != incident.AlertSuperseded {
			graver = len(due) > 0
		}
		if !stands && !base.Add(t.After).After(at) {
			due = append(due, t)
		}
	}
	var out []incident.AlertChange
	for k, t := range due {
		when := base.Add(t.After)
		state, why := incident.AlertActive, incident.Why("")
		var unread []incident.SourceName
		if t.Name == incident.Deadline {
			unread = s.behind(j.tick.Read, when)
		}
		switch {
		case k < len(due)-1 || graver:
			state, why, unread = incident.AlertSuperseded, incident.WhySuperseded, nil
		case len(unread) > 0 && at.Before(when.Add(HoldFor)):
			state, unread = incident.AlertHeld, nil
		case len(unread) > 0:
			why = incident.WhyWaitedOut
		}
		out = append(out, s.bar(rec, c, t.Name, when, at, state, why))
		b := &c.Bars[len(c.Bars)-1]
		if b.State == incident.AlertActive {
			b.Unread = unread
			// What comes with lesser ones that were late was not told by the timer.
			b.Late = b.Late || at.Sub(base.Add(due[0].After)) > lateAfter
		}
	}
	return out
}

// bar adds a crossing to c.
func (s *State) bar(rec *incident.IncidentRecord, c *incident.Clock, t incident.ThresholdName, due, at time.Time, state incident.AlertState, why incident.Why) incident.AlertChange {
	if s.quiet || rec.Quiet {
		state, why = incident.AlertQuiet, incident.WhyQuiet
	}
	b := incident.Crossing{Threshold: t, G: 1, Due: due, At: at, State: state, Why: why, Late: at.Sub(due) > lateAfter}
	if old, ok := c.Find(t); ok {
		b.G = old.G + 1
	}
	c.Bars = append(c.Bars, b)
	return change(rec, c, b)
}

// behind names the sources that tell of reports, are read by us, and were not
// read past when.
func (s *State) behind(read func(incident.SourceName) time.Time, when time.Time) []incident.SourceName {
	var names []incident.SourceName
	for _, src := range s.rules.Sources {
		if src.Polled && src.At(when) == incident.TellsTeam && (read == nil || read(src.Name).Before(when)) {
			names = append(names, src.Name)
		}
	}
	return names
}

// release tells what was held: a late report at once, a deadline when its
// sources are read or it waited HoldFor.
func (s *State) release(rec *incident.IncidentRecord, c *incident.Clock, at time.Time, j judging) []incident.AlertChange {
	var out []incident.AlertChange
	for k := range c.Bars {
		b := &c.Bars[k]
		if b.State != incident.AlertHeld {
			continue
		}
		if b.Threshold == incident.LateReport {
			b.State, b.At = incident.AlertActive, at
			out = append(out, change(rec, c, *b))
			continue
		}
		unread := s.behind(j.tick.Read, b.Due)
		switch {
		case len(unread) == 0:
			b.State, b.Why = incident.AlertActive, incident.WhySourcesRead
		case !at.Before(b.Due.Add(HoldFor)):
			b.State, b.Why, b.Unread = incident.AlertActive, incident.WhyWaitedOut, unread
		default:
			continue
		}
		out = append(out, change(rec, c, *b))
	}
	return out
}
