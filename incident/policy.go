package incident

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// A PolicyID names a policy. It matches [a-z0-9-]{1,40}. Example:
// "pol-imp-002", shown as POL.IMP.002.
type PolicyID string

// A Span is a length of time that reads and writes itself as Go writes a
// duration, for example "1h0m0s".
type Span time.Duration

// D returns s as a time.Duration.
func (s Span) D() time.Duration { return time.Duration(s) }

// String returns s as Go writes a duration.
func (s Span) String() string { return time.Duration(s).String() }

// MarshalText writes String.
func (s Span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads "60m", "1h30m".
func (s *Span) UnmarshalText(b []byte) error {
	d, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("read duration %q: want a number and a unit, for example 60m or 72h", b)
	}
	*s = Span(d)
	return nil
}

// A Policy is one version of a clock definition: from which milestone to which,
// how long, and for which incidents. A version is in force from the start of
// From in London until the next version of the same id begins.
type Policy struct {
	ID    PolicyID  `json:"id"`
	Title string    `json:"title"`
	From  Date      `json:"from"`
	Start Milestone `json:"start"`
	Stop  Milestone `json:"stop"`
	// Limit is the time allowed. A report at exactly the limit is in time.
	Limit Span `json:"limit"`
	// Warn are moments after the start at which people are told that the clock
	// runs. Each is shorter than Limit.
	Warn []Span `json:"warn,omitempty"`
	// Remind are moments after the deadline at which an open clock is told
	// again, at most three.
	Remind []Span `json:"remind,omitempty"`
	// Applies is a CEL expression over the incident's attributes; empty means
	// every incident.
	Applies string `json:"applies,omitempty"`
	// NearMiss says that near misses are measured too.
	NearMiss bool `json:"near_miss,omitempty"`
	// Off marks a version from which on the policy is not measured.
	Off bool `json:"off,omitempty"`
	// Legal is the source of the rule, printed under its figures.
	Legal string `json:"legal,omitempty"`
}

var milestoneName = regexp.MustCompile(`^[a-z_]{1,40}$`)

// Validate returns all problems of p, each with the field's name.
func (p Policy) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if !sourceName.MatchString(string(p.ID)) {
		bad("id: %q must match [a-z0-9-]{1,40}", p.ID)
	}
	if _, err := p.From.Start(); err != nil {
		bad("from: %w", err)
	}
	for field, m := range map[string]Milestone{"start": p.Start, "stop": p.Stop} {
		if !milestoneName.MatchString(string(m)) {
			bad("%s: %q must be a milestone, for example detected", field, m)
		}
	}
	if p.Start == p.Stop && p.Start != "" {
		bad("stop: must differ from start, both are %q", p.Stop)
	}
	if p.Limit <= 0 {
		bad("limit: must be longer than 0s, is %s", p.Limit)
	}
	for i, w := range p.Warn {
		if w <= 0 || w >= p.Limit {
			bad("warn[%d]: must lie between 0s and the limit of %s, is %s", i, p.Limit, w)
		}
	}
	if !slices.IsSorted(p.Warn) {
		bad("warn: must be in ascending order")
	}
	for i, r := range p.Remind {
		if r <= 0 {
			bad("remind[%d]: must be longer than 0s, is %s", i, r)
		}
	}
	if len(p.Remind) > MaxReminders {
		bad("remind: at most %d reminders, has %d", MaxReminders, len(p.Remind))
	}
	if !slices.IsSorted(p.Remind) {
		bad("remind: must be in ascending order")
	}
	return errors.Join(all...)
}

// MaxReminders is the number of reminders after which only digests speak of an
// open clock.
const MaxReminders = 3

// A ThresholdName names a moment of a clock: "warn-30m", "deadline",
// "reminder-1" or "late-report".
type ThresholdName string

// The thresholds that every policy has.
const (
	Deadline   ThresholdName = "deadline"
	LateReport ThresholdName = "late-report"
)

// A Threshold is a moment of a clock, counted from its start.
type Threshold struct {
	Name  ThresholdName
	After time.Duration
}

// Thresholds returns the policy's warnings, its deadline and its reminders in
// ascending order of gravity, which is also their order in time.
func (p Policy) Thresholds() []Threshold {
	ts := make([]Threshold, 0, len(p.Warn)+1+len(p.Remind))
	for _, w := range p.Warn {
		ts = append(ts, Threshold{WarnName(w.D()), w.D()})
	}
	ts = append(ts, Threshold{Deadline, p.Limit.D()})
	for i, r := range p.Remind {
		ts = append(ts, Threshold{ThresholdName(fmt.Sprintf("reminder-%d", i+1)), p.Limit.D() + r.D()})
	}
	return ts
}

// WarnName returns the name of the warning d after the start, in whole minutes
// where d has no seconds. Example: "warn-30m"
func WarnName(d time.Duration) ThresholdName {
	if d%time.Minute == 0 {
		return ThresholdName(fmt.Sprintf("warn-%dm", int64(d/time.Minute)))
	}
	return ThresholdName(fmt.Sprintf("warn-%ds", int64(d/time.Second)))
}

// An AlertID names one crossing of one threshold:
// <incident>/<policy>/<threshold>/<g>. It is made exactly once.
type AlertID string

// NewAlertID returns the identity of the g-th crossing.
func NewAlertID(ref Ref, p PolicyID, t ThresholdName, g int) AlertID {
	return AlertID(fmt.Sprintf("%s/%s/%s/%d", ref, p, t, g))
}
