package incident

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// An Alert is one crossing that people are told of, with all that a channel
// needs to tell it. It is made of entries by package alerting.
type Alert struct {
	ID        AlertID
	Incident  Ref
	Policy    PolicyID
	Threshold ThresholdName
	G         int
	// State is active, or how the alert ended: resolved, retracted, merged.
	State AlertState
	Why   Why

	// Due is the time of the threshold that was crossed.
	Due time.Time
	// LimitDue is when the policy's limit may be passed; Certain when it
	// certainly is. Zero where it is not known.
	LimitDue, Certain time.Time
	Limit             Span
	// Since is when it was decided that people are told; Ended when the alert
	// ended, zero while it is active.
	Since, Ended time.Time
	// Late says that it was decided after its time, not by the timer.
	Late bool
	// Unread names the sources that were not read past Due when it was told.
	Unread []SourceName
	// Unconfirmed says that a report is on record which nobody has vouched for.
	Unconfirmed bool
	// Into is the incident that Incident became part of, for merged.
	Into Ref

	// Restricted incidents are told without attributes: Organisation and
	// Impact are empty then.
	Restricted   bool
	Organisation Organisation
	Impact       Impact

	// Summary is one line and Description a few sentences, for people, with
	// times in London.
	Summary, Description string
}

// Active reports whether the alert has not ended.
func (a Alert) Active() bool { return a.State == AlertActive }

// Name returns the identity of the alert without g: incident/policy/threshold.
// It is one alert to people however often it fires again.
func (a Alert) Name() string {
	return fmt.Sprintf("%s/%s/%s", a.Incident, a.Policy, a.Threshold)
}

// ParseAlertID reads what NewAlertID wrote.
func ParseAlertID(id AlertID) (ref Ref, p PolicyID, t ThresholdName, g int, err error) {
	parts := strings.Split(string(id), "/")
	if len(parts) == 4 {
		g, err = strconv.Atoi(parts[3])
		if err == nil && g > 0 && parts[0] != "" && parts[1] != "" && parts[2] != "" &&
			NewAlertID(Ref(parts[0]), PolicyID(parts[1]), ThresholdName(parts[2]), g) == id {
			return Ref(parts[0]), PolicyID(parts[1]), ThresholdName(parts[2]), g, nil
		}
	}
	return "", "", "", 0, fmt.Errorf("read alert id %q: want incident/policy/threshold/number", id)
}
