package incident

import "time"

// A Judgement is what the verdict table says of a start and a stop.
type Judgement struct {
	State              State
	Doubt              Doubt
	Flags              []Flag
	Shortest, Longest  time.Duration
	LongestKnown, Stop bool // Stop: a stop counts, so the delay is measured
}

// Judge applies the verdict table of rules.md section 3 to a start s, a stop e
// and a limit at the instant now. Exclusion is not its business.
func Judge(limit time.Duration, s, e Time, now time.Time) Judgement {
	stopped := e.Interval.Known() && !e.Weak
	if !stopped {
		return judgeOpen(limit, s, e, now)
	}
	j := measure(s.Interval, e.Interval)
	switch {
	case j.Shortest > limit:
		j.State = Breached
	case j.LongestKnown && j.Longest <= limit:
		j.State = Met
	case s.Interval.Earliest.IsZero():
		j.State = Unmeasured
	default:
		j.State, j.Doubt = Undetermined, DoubtStraddles
	}
	if s.Weak && (j.State == Met || j.State == Breached) {
		// Where the evidence bounds alone decide, they decide.
		if b := measure(s.Bound, e.Interval); s.Bound.Known() && b.Shortest > limit {
			j.State = Breached
		} else {
			j.State, j.Doubt = Undetermined, DoubtWeak
		}
	}
	return j
}

func measure(s, e Interval) Judgement {
	j := Judgement{Stop: true}
	if !e.Earliest.IsZero() && !s.Latest.IsZero() {
		j.Shortest = max(0, e.Earliest.Sub(s.Latest))
	}
	if !e.Latest.IsZero() && !s.Earliest.IsZero() {
		j.Longest, j.LongestKnown = max(0, e.Latest.Sub(s.Earliest)), true
	}
	return j
}

func judgeOpen(limit time.Duration, s, e Time, now time.Time) Judgement {
	var j Judgement
	unconfirmed := e.Interval.Known() // a weak stop only
	if unconfirmed {
		j.Flags = append(j.Flags, FlagUnconfirmed)
	}
	if !s.Interval.Known() {
		j.State = Waiting
		return j
	}
	certain := plus(s.Interval.Latest, limit)
	if certain.IsZero() || !now.After(certain) {
		j.State = Running
		if over := plus(s.Interval.Earliest, limit); !over.IsZero() && now.After(over) {
			j.Flags = append(j.Flags, FlagMayBeOver)
		}
		return j
	}
	j.State = Overdue
	weakly := s.Weak && !(s.Bound.Known() && !s.Bound.Latest.IsZero() && now.After(s.Bound.Latest.Add(limit)))
	if weakly || unconfirmed {
		j.Flags = append(j.Flags, FlagProvisional)
	}
	return j
}
