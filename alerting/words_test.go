package alerting_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
)

func london(year int, month time.Month, day, hour, minute int) time.Time {
	return time.Date(year, month, day, hour, minute, 0, 0, incident.London()).UTC()
}

func TestTheWordsOfAnAlert(t *testing.T) {
	nine := london(2026, time.November, 24, 9, 0)
	exact := incident.At(nine)
	for _, tt := range []struct {
		name        string
		threshold   incident.ThresholdName
		detected    incident.Interval
		at          time.Time // when it is told
		bar         incident.Crossing
		clock       func(*incident.Clock)
		summary     string
		description []string // parts of it
		not         string
	}{
		{
			name: "a deadline that may have passed says when it certainly has", threshold: incident.Deadline,
			detected: incident.Interval{Earliest: nine, Latest: nine.Add(30 * time.Minute)}, at: nine.Add(time.Hour),
			summary: "p-00001x: the limit of POL.IMP.002 may have passed",
			description: []string{
				"POL.IMP.002: Incidents reach the security team.",
				"The limit of 60 minutes may have passed at 10am on 24 November 2026; certain at 10:30am.",
				"The clock has not stopped.",
				"quote p-00001x in your reply",
			},
		},
		{
			name: "a deadline that has passed says so", threshold: incident.Deadline,
			detected: exact, at: nine.Add(time.Hour),
			summary:     "p-00001x: the limit of POL.IMP.002 has passed",
			description: []string{"The limit of 60 minutes passed at 10am on 24 November 2026."},
			not:         "may",
		},
		{
			name: "a start without an earliest bound", threshold: incident.Deadline,
			detected: incident.Interval{Latest: nine}, at: nine.Add(time.Hour),
			description: []string{"The limit of 60 minutes passed at 10am on 24 November 2026."},
		},
		{
			name: "a start without a latest bound", threshold: incident.Deadline,
			detected: incident.Interval{Earliest: nine}, at: nine.Add(time.Hour),
			summary:     "p-00001x: the limit of POL.IMP.002 may have passed",
			description: []string{"may have passed at 10am on 24 November 2026; it is not known when it certainly has."},
		},
		{
			name: "a warning says when the limit is reached", threshold: "warn-30m",
			detected: exact, at: nine.Add(30 * time.Minute),
			summary:     "p-00001x: 30 minutes of POL.IMP.002 have passed",
			description: []string{"The limit of 60 minutes is reached at 10am on 24 November 2026."},
			not:         "has not stopped",
		},
		{
			name: "a warning over an interval gives both bounds", threshold: "warn-30m",
			detected: incident.Interval{Earliest: nine, Latest: nine.Add(30 * time.Minute)}, at: nine.Add(30 * time.Minute),
			description: []string{"may be reached at 10am on 24 November 2026; certain at 10:30am."},
		},
		{
			name: "a reminder", threshold: "reminder-1", detected: exact, at: nine.Add(2 * time.Hour),
			summary: "p-00001x: the clock of POL.IMP.002 still runs after its limit",
		},
		{
			name: "a late report", threshold: incident.LateReport, detected: exact, at: nine.Add(2 * time.Hour),
			summary: "p-00001x: the limit of POL.IMP.002 was not kept",
			not:     "has not stopped",
		},
		{
			name: "sources that were not read are named", threshold: incident.Deadline, detected: exact, at: nine.Add(time.Hour),
			bar:         incident.Crossing{Unread: []incident.SourceName{"ost-mailbox", "slack-security"}},
			description: []string{"Not read up to that time, so that a report may wait there: ost-mailbox, slack-security."},
		},
		{
			name: "an unconfirmed report is mentioned", threshold: incident.Deadline, detected: exact, at: nine.Add(time.Hour),
			clock:       func(c *incident.Clock) { c.Flags = []incident.Flag{incident.FlagUnconfirmed} },
			description: []string{"A report is on record that nobody has vouched for."},
		},
		{
			name: "what was noticed late is said to be", threshold: incident.Deadline, detected: exact, at: nine.Add(5 * time.Hour),
			bar:         incident.Crossing{Late: true},
			description: []string{"This was noticed after the time had passed."},
		},
		{
			name: "midday", threshold: incident.Deadline, detected: incident.At(london(2026, time.November, 24, 11, 0)), at: nine.Add(3 * time.Hour),
			description: []string{"passed at midday on 24 November 2026."},
		},
		{
			name: "midnight says of which day", threshold: incident.Deadline,
			detected: incident.Interval{Earliest: london(2026, time.November, 24, 23, 0), Latest: london(2026, time.November, 24, 23, 10)},
			at:       london(2026, time.November, 25, 0, 0),
			description: []string{
				"may have passed at midnight at the start of 25 November 2026; certain at 12:10am.",
			},
		},
		{
			name: "certain on another day says which", threshold: incident.Deadline,
			detected:    incident.Interval{Earliest: london(2026, time.November, 24, 22, 30), Latest: london(2026, time.November, 25, 1, 0)},
			at:          london(2026, time.November, 24, 23, 30),
			description: []string{"may have passed at 11:30pm on 24 November 2026; certain at 2am on 25 November 2026."},
		},
		{
			name: "the hour that comes twice says which it is", threshold: incident.Deadline,
			detected:    incident.Interval{Earliest: time.Date(2026, time.October, 24, 23, 30, 0, 0, time.UTC), Latest: time.Date(2026, time.October, 25, 0, 30, 0, 0, time.UTC)},
			at:          time.Date(2026, time.October, 25, 0, 30, 0, 0, time.UTC),
			description: []string{"may have passed at 1:30am BST on 25 October 2026; certain at 1:30am GMT."},
		},
		{
			name: "summer is told in summer time", threshold: incident.Deadline,
			detected: incident.At(time.Date(2026, time.July, 1, 8, 0, 0, 0, time.UTC)), at: time.Date(2026, time.July, 1, 9, 0, 0, 0, time.UTC),
			description: []string{"passed at 10am on 1 July 2026."},
		},
		{
			name: "a long limit is told in hours", threshold: incident.Deadline,
			detected: exact, at: nine.Add(72 * time.Hour),
			clock:       func(c *incident.Clock) { c.Limit = incident.Span(72 * time.Hour) },
			description: []string{"The limit of 72 hours passed at 9am on 27 November 2026."},
		},
		{
			name: "hours and minutes", threshold: incident.Deadline, detected: exact, at: nine.Add(150 * time.Minute),
			clock:       func(c *incident.Clock) { c.Limit = incident.Span(150 * time.Minute) },
			description: []string{"The limit of 2 hours 30 minutes passed at 11:30am on 24 November 2026."},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var l log
			l.rules(t)
			bar := tt.bar
			bar.Threshold, bar.G, bar.Due, bar.At, bar.State = tt.threshold, 1, tt.at, tt.at, incident.AlertActive
			r := record(ref, tt.detected, bar)
			if tt.clock != nil {
				tt.clock(&r.Clocks[0])
			}
			id := incident.NewAlertID(ref, polImp002, tt.threshold, 1)
			l.add(tt.at, r, incident.AlertChange{ID: id, State: incident.AlertActive})
			got := told(t, l.entries)
			if tt.summary != "" && got.Summary != tt.summary {
				t.Errorf("summary = %q, want %q", got.Summary, tt.summary)
			}
			for _, want := range tt.description {
				if !strings.Contains(got.Description, want) {
					t.Errorf("description = %q, want %q in it", got.Description, want)
				}
			}
			if tt.not != "" && strings.Contains(got.Summary+got.Description, tt.not) {
				t.Errorf("said %q and %q, want no %q", got.Summary, got.Description, tt.not)
			}
		})
	}
}

func TestTheWordsOfAnEnd(t *testing.T) {
	ten := london(2026, time.November, 24, 10, 0)
	for _, tt := range []struct {
		state incident.AlertState
		why   incident.Why
		into  incident.Ref
		want  string
	}{
		{incident.AlertResolved, incident.WhyStopped, "", "The clock has stopped; this was known at 10:20am on 24 November 2026."},
		{incident.AlertRetracted, incident.WhyReadLate, "", "The report had come in time and was read late, at 10:20am on 24 November 2026."},
		{incident.AlertRetracted, incident.WhyRedated, "", "The times of the incident were changed at 10:20am on 24 November 2026, and this time had not passed."},
		{incident.AlertRetracted, incident.WhyExcluded, "", "Since 10:20am on 24 November 2026 the incident is not measured by this clock."},
		{incident.AlertMerged, incident.WhyMerged, "p-00000w", "The incident became part of p-00000w at 10:20am on 24 November 2026. So that what you send joins this incident, quote p-00000w in your reply."},
		{incident.AlertMerged, incident.WhyMerged, "", "The incident became part of another at 10:20am on 24 November 2026."},
		{incident.AlertRetracted, "", "", "The reason for it went at 10:20am on 24 November 2026."},
	} {
		var l log
		id, _ := l.passed(ref, ten)
		r := record(ref, incident.At(ten.Add(-time.Hour)), crossed(incident.Deadline, 1, ten, tt.state))
		r.Into = tt.into
		l.add(ten.Add(20*time.Minute), r, incident.AlertChange{ID: id, State: tt.state, Why: tt.why})
		got := told(t, l.entries)
		if want := "p-00001x: the alert of POL.IMP.002 has ended"; got.Summary != want {
			t.Errorf("summary = %q, want %q", got.Summary, want)
		}
		if !strings.Contains(got.Description, tt.want) {
			t.Errorf("description of %s, %s = %q, want %q in it", tt.state, tt.why, got.Description, tt.want)
		}
	}
}

// rules adds the rules with the title of the policy.
func (l *log) rules(t *testing.T) {
	t.Helper()
	r := incident.Rules{Policies: []incident.Policy{{ID: polImp002, Title: "Incidents reach the security team."}}}
	text, err := r.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	e := l.next(t0, incident.KindRules)
	e.Text = text
	l.entries = append(l.entries, e)
}

// told returns the last that a channel is told when these entries come one by
// one.
func told(t *testing.T, entries []incident.Entry) (last incident.Alert) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		var m memory
		am := &level{name: "am-0"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, nil)
		defer d.stop()
		for _, e := range entries {
			d.Follow([]incident.Entry{e})
			bubble.Advance(time.Second)
		}
		last = am.all()[len(am.all())-1]
	})
	return last
}
