package incident_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

func imp(from incident.Date, limit time.Duration) incident.Policy {
	return incident.Policy{ID: "pol-imp-002", From: from, Start: incident.Detected, Stop: incident.Reported, Limit: incident.Span(limit)}
}

func TestAPastVersionIsOnlyFollowed(t *testing.T) {
	now := time.Date(2026, 6, 30, 23, 30, 0, 0, time.UTC) // 1 July, 0:30 in London
	old := &incident.Rules{Policies: []incident.Policy{imp("2013-05-01", time.Hour), imp("2027-01-01", time.Minute)}}
	for _, tt := range []struct {
		name  string
		rules []incident.Policy
		want  string // part of the error; empty for none
	}{
		{"the same", old.Policies, ""},
		{"the past edited", []incident.Policy{imp("2013-05-01", 2*time.Hour)}, "cannot be edited"},
		{"the past taken away", []incident.Policy{imp("2027-01-01", time.Minute)}, "cannot be taken away"},
		{"the future edited", []incident.Policy{imp("2013-05-01", time.Hour), imp("2027-01-01", time.Hour)}, ""},
		{"the future taken away", []incident.Policy{imp("2013-05-01", time.Hour)}, ""},
		{"followed from today in London", []incident.Policy{imp("2013-05-01", time.Hour), imp("2026-07-01", time.Minute)}, ""},
		{"followed from yesterday", []incident.Policy{imp("2013-05-01", time.Hour), imp("2026-06-30", time.Minute)}, "reach back"},
		{"another policy that reaches back", append([]incident.Policy{{ID: "other", From: "2020-01-01"}}, imp("2013-05-01", time.Hour)), "reach back"},
	} {
		err := (&incident.Rules{Policies: tt.rules}).Follows(old, now)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func TestTheVersionInForceBeginsAtMidnightInLondon(t *testing.T) {
	off := imp("2026-10-26", time.Minute)
	off.Off = true
	r := &incident.Rules{Policies: []incident.Policy{imp("2013-05-01", time.Hour), imp("2026-07-01", time.Minute), off}}
	for _, tt := range []struct {
		at   string
		want incident.Date
	}{
		{"2013-04-30T22:59:59Z", ""}, {"2013-04-30T23:00:00Z", "2013-05-01"},
		{"2026-06-30T22:59:59Z", "2013-05-01"}, {"2026-06-30T23:00:00Z", "2026-07-01"},
		{"2026-10-25T23:59:59Z", "2026-07-01"}, {"2026-10-26T00:00:00Z", ""},
	} {
		at, err := time.Parse(time.RFC3339, tt.at)
		if err != nil {
			t.Fatal(err)
		}
		p, ok := r.InForce("pol-imp-002", at)
		if ok != (tt.want != "") || ok && p.From != tt.want {
			t.Errorf("at %s: version %s, %v, want %q", tt.at, p.From, ok, tt.want)
		}
	}
}

func TestWhatArrivalMeansChangesWithItsDate(t *testing.T) {
	s := incident.SourceRule{Tells: []incident.TellsFrom{{Tells: incident.TellsDesk}, {Tells: incident.TellsTeam, From: "2026-07-01"}}}
	if got := s.At(time.Date(2026, 6, 30, 22, 59, 59, 0, time.UTC)); got != incident.TellsDesk {
		t.Errorf("before: %s", got)
	}
	if got := s.At(time.Date(2026, 6, 30, 23, 0, 0, 0, time.UTC)); got != incident.TellsTeam || got.Milestone() != incident.Reported {
		t.Errorf("from then on: %s", got)
	}
	if !s.EverReports() {
		t.Error("it never tells the team")
	}
}
