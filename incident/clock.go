package incident

import "time"

// A State is the state of a clock.
type State string

// The states of a clock (rules.md section 3).
const (
	Waiting      State = "waiting"
	Running      State = "running"
	Overdue      State = "overdue"
	Met          State = "met"
	Breached     State = "breached"
	Undetermined State = "undetermined"
	Unmeasured   State = "unmeasured"
	Excluded     State = "excluded"
)

// States lists every state of a clock.
func States() []State {
	return []State{Waiting, Running, Overdue, Met, Breached, Undetermined, Unmeasured, Excluded}
}

// Open reports whether the clock still waits for its stop.
func (s State) Open() bool { return s == Waiting || s == Running || s == Overdue }

// Verdict reports whether s says something final, or overdue, of the clock.
func (s State) Verdict() bool { return s != Waiting && s != Running && s != "" }

// A Doubt says why a clock is undetermined.
type Doubt string

// The doubts.
const (
	DoubtStraddles    Doubt = "straddles"
	DoubtWeak         Doubt = "weak"
	DoubtSecondPerson Doubt = "second_person"
)

// A Time is the resolved time of one milestone.
type Time struct {
	Milestone Milestone `json:"m"`
	Interval  Interval  `json:"i"`
	Basis     Basis     `json:"basis,omitempty"` // of the claim that gives Earliest; derived for a mere bound
	Weak      bool      `json:"weak,omitempty"`
	// Bound is what the evidence alone says where the time is weak.
	Bound Interval `json:"bound,omitzero"`
	// By are the entry numbers of the signals that gave Earliest and Latest.
	By    [2]uint64 `json:"by,omitzero"`
	Flags []Flag    `json:"flags,omitempty"`
}

// A Clock is one policy on one incident, as judged at a step.
type Clock struct {
	Policy  PolicyID `json:"policy"`
	Version Date     `json:"version,omitempty"` // From of the version in force at the start's Latest
	State   State    `json:"state"`
	Doubt   Doubt    `json:"doubt,omitempty"`
	Flags   []Flag   `json:"flags,omitempty"`
	// Would is the state an excluded clock would have had.
	Would State      `json:"would,omitempty"`
	Limit Span       `json:"limit"`
	Start Interval   `json:"start,omitzero"`
	Stop  Interval   `json:"stop,omitzero"`
	Bars  []Crossing `json:"crossed,omitempty"`
	// Shortest and Longest bound the delay of a stopped clock. Longest is
	// absent while the start's Earliest or the stop's Latest is open.
	Shortest Span `json:"shortest,omitempty"`
	Longest  Span `json:"longest,omitempty"`
}

// Due returns when the alert thresholds say that the limit is reached:
// s.Earliest + L, or s.Latest + L where Earliest is open. It returns the zero
// time while no bound on the start is known.
func (c Clock) Due() time.Time { return plus(c.Base(), c.Limit.D()) }

// Certain returns when the limit is certainly passed: s.Latest + L, or the zero
// time where Latest is open.
func (c Clock) Certain() time.Time { return plus(c.Start.Latest, c.Limit.D()) }

// Base returns the instant from which thresholds are counted.
func (c Clock) Base() time.Time {
	if c.Start.Earliest.IsZero() {
		return c.Start.Latest
	}
	return c.Start.Earliest
}

// Find returns the latest crossing of the threshold.
func (c Clock) Find(t ThresholdName) (Crossing, bool) {
	for i := len(c.Bars) - 1; i >= 0; i-- {
		if c.Bars[i].Threshold == t {
			return c.Bars[i], true
		}
	}
	return Crossing{}, false
}

func plus(t time.Time, d time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(d)
}

// An AlertState is where an alert stands in its life (rules.md section 5).
type AlertState string

// The states of an alert.
const (
	AlertHeld       AlertState = "held"       // crossed; told once the sources are read, or after two minutes
	AlertActive     AlertState = "active"     // told
	AlertResolved   AlertState = "resolved"   // the clock stopped
	AlertRetracted  AlertState = "retracted"  // re-dated, excluded, or the report had come in time
	AlertMerged     AlertState = "merged"     // the incident is part of another
	AlertSuperseded AlertState = "superseded" // never told: a graver threshold was
	AlertTaken      AlertState = "taken"      // taken over in a merge; told under the other's id
	AlertQuiet      AlertState = "quiet"      // recorded in a backfill, never told
	AlertWithheld   AlertState = "withheld"   // was held, and the reason to tell it went before it was told
)

// AlertStates lists every state of an alert.
func AlertStates() []AlertState {
	return []AlertState{AlertHeld, AlertActive, AlertResolved, AlertRetracted, AlertMerged,
		AlertSuperseded, AlertTaken, AlertQuiet, AlertWithheld}
}

// A Crossing is one crossing of one threshold of a clock.
type Crossing struct {
	Threshold ThresholdName `json:"t"`
	G         int           `json:"g"`
	Due       time.Time     `json:"due"`
	At        time.Time     `json:"at"` // when it was decided
	State     AlertState    `json:"state"`
	Why       Why           `json:"why,omitempty"`
	Late      bool          `json:"late,omitempty"` // decided after its time, not by the timer
	// Unread names the sources that were not read past Due when it was told.
	Unread []SourceName `json:"unread,omitempty"`
}

// Told reports whether people were told of it under its own id.
func (c Crossing) Told() bool {
	switch c.State {
	case AlertActive, AlertResolved, AlertRetracted, AlertMerged:
		return true
	case AlertHeld, AlertSuperseded, AlertTaken, AlertQuiet, AlertWithheld:
		return false
	default:
		return false
	}
}
