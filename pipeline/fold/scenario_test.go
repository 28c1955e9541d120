package fold_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A scenario is one row of the contract of meaning, as a file that an auditor
// can read. Every time in it is in London unless it ends in Z, and belongs to
// Day unless it names another.
type scenario struct {
	Row  string   `json:"row"`
	Says string   `json:"says"`
	Note []string `json:"note"` // what the row leaves open, and what was chosen
	Day  string   `json:"day"`
	// AnyOrder says that the order of arrival must not matter: every
	// permutation is folded and must give the same.
	AnyOrder bool                  `json:"any_order"`
	Policies []incident.Policy     `json:"policies"` // instead of pol-imp-002
	Sources  []incident.SourceRule `json:"sources"`  // instead of siem, mailbox, slack, desk
	// Polls gives the instants at which a source was read; a source that is not
	// named is read all the time.
	Polls map[string][]string `json:"polls"`
	// Down is when the processor did not run: from, until.
	Down     []string      `json:"down"`
	Backfill []string      `json:"backfill"` // when a declared backfill ran: from, until
	NewRules *newRules     `json:"new_rules"`
	Signals  []signalRow   `json:"signals"`
	Then     []expectation `json:"then"`
}

type newRules struct {
	At       string            `json:"at"`
	Policies []incident.Policy `json:"policies"`
	Refused  string            `json:"refused"` // part of the error
}

// A signalRow is one signal. Its claims are what a right interpreter reads in
// Words; that it arrived at a source that tells of reports adds the claim of
// arrival, as every interpreter does.
type signalRow struct {
	Name     string              `json:"name"`
	Source   string              `json:"source"`
	At       string              `json:"at"`     // receipt, by the receiver's stamp
	Came     string              `json:"came"`   // when our process took it, if later
	Folded   string              `json:"folded"` // when the processor saw it, if later
	Words    string              `json:"words"`
	Trust    string              `json:"trust"`
	Observer string              `json:"observer"`
	Opening  string              `json:"opening"`
	Keys     []string            `json:"keys"` // "kind value", "weak kind value", or "own NAME" for our reference of the incident of NAME
	Claims   []claimRow          `json:"claims"`
	NoReport bool                `json:"no_report"` // it is not the message that first tells
	Attrs    incident.Attributes `json:"attrs"`
	Act      *actRow             `json:"act"`
	Refused  string              `json:"refused"` // why the act is refused
	Again    string              `json:"again"`   // the name of a signal whose bytes come again
}

type claimRow struct {
	Of       string          `json:"of"`
	When     string          `json:"when"`
	Basis    incident.Basis  `json:"basis"`
	Receiver bool            `json:"receiver"`
	Observer string          `json:"observer"`
	Flags    []incident.Flag `json:"flags"`
	Void     incident.Void   `json:"void"`
}

type actRow struct {
	Kind        incident.ActKind     `json:"kind"`
	By          string               `json:"by"`
	Role        incident.Role        `json:"role"`
	On          string               `json:"on"`     // the incident of this signal
	Other       string               `json:"other"`  // likewise
	Signal      string               `json:"signal"` // the signal acted upon
	Seen        string               `json:"seen"`   // the last signal the author had seen; all, if empty
	Of          incident.Milestone   `json:"of"`
	When        string               `json:"when"`
	Reason      incident.Reason      `json:"reason"`
	Disposition incident.Disposition `json:"disposition"`
	Impact      incident.Impact      `json:"impact"`
	Personal    incident.Personal    `json:"personal"`
	Policy      incident.PolicyID    `json:"policy"`
	Off         bool                 `json:"off"`
}

// An expectation is what the program says at an instant, after every signal up
// to then was folded and time was passed up to then.
type expectation struct {
	At        string        `json:"at"`
	Incidents []incidentRow `json:"incidents"`
	// Alerts are all changes of alerts since the expectation before, in order:
	// "10:30:00 NAME threshold/g state (why) late unread=a,b".
	Alerts []string `json:"alerts"`
}

type incidentRow struct {
	Of     string                         `json:"of"`   // the incident of this signal
	With   []string                       `json:"with"` // the other signals in it, acts left out
	Status incident.Status                `json:"status"`
	Times  map[incident.Milestone]string  `json:"times"`
	Clocks map[incident.PolicyID]clockRow `json:"clocks"`
	Month  incident.Month                 `json:"month"` // of pol-imp-002
	Decide []string                       `json:"decide"`
	Links  []string                       `json:"links"` // "NAME why state"
}

type clockRow struct {
	State    incident.State  `json:"state"`
	Doubt    incident.Doubt  `json:"doubt"`
	Would    incident.State  `json:"would"`
	Version  incident.Date   `json:"version"`
	Flags    []incident.Flag `json:"flags"`
	Shortest string          `json:"shortest"`
	Longest  string          `json:"longest"`
	Due      string          `json:"due"`
	Certain  string          `json:"certain"`
}

func readScenarios(t *testing.T) []scenario {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("..", "..", "incident", "testdata", "scenarios", "*.json"))
	if err != nil || len(names) == 0 {
		t.Fatalf("read scenarios: %d files, %v", len(names), err)
	}
	var all []scenario
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var sc scenario
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&sc); err != nil {
			t.Fatalf("read %s: %v", filepath.Base(name), err)
		}
		if want := strings.TrimSuffix(filepath.Base(name), ".json"); !strings.HasPrefix(want, sc.Row+"-") {
			t.Fatalf("%s holds row %q", filepath.Base(name), sc.Row)
		}
		sc.Row = strings.TrimSuffix(filepath.Base(name), ".json")
		all = append(all, sc)
	}
	return all
}

// instant reads "10:20", "10:20:30", "01:30Z" or "2026-11-14 23:50".
func (sc *scenario) instant(s string) time.Time {
	s, utc := strings.CutSuffix(strings.TrimSpace(s), "Z")
	loc := incident.London()
	if utc {
		loc = time.UTC
	}
	if !strings.Contains(s, " ") {
		s = sc.Day + " " + s
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02 15:04:05.999999999"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			return t.UTC()
		}
	}
	panic(fmt.Sprintf("%s: %q is no time", sc.Row, s))
}

// interval reads "10:00" (an instant), "minute 10:00", "09:05..09:25", and
// "..10:20" or "10:20.." with an open end.
func (sc *scenario) interval(s string) incident.Interval {
	if m, ok := strings.CutPrefix(s, "minute "); ok {
		return incident.Minute(sc.instant(m))
	}
	from, to, ok := strings.Cut(s, "..")
	if !ok {
		return incident.At(sc.instant(s))
	}
	var i incident.Interval
	if from != "" {
		i.Earliest = sc.instant(from)
	}
	if m, ok := strings.CutPrefix(to, "minute "); ok {
		i.Latest = incident.Minute(sc.instant(m)).Latest
	} else if to != "" {
		i.Latest = sc.instant(to)
	}
	return i
}

// clockTime writes an instant as the alerts of a scenario name it.
func (sc *scenario) clockTime(t time.Time) string {
	t = t.In(incident.London())
	layout := "15:04:05.999999999"
	if t.Format(time.DateOnly) != sc.Day {
		layout = "2006-01-02 15:04:05.999999999"
	}
	return t.Format(layout)
}

// rules returns the rules of the scenario.
func (sc *scenario) rules() *incident.Rules {
	r := &incident.Rules{Policies: sc.Policies, Sources: sc.Sources}
	if r.Policies == nil {
		r.Policies = []incident.Policy{{
			ID: "pol-imp-002", Title: "Reported within an hour", From: "2013-05-01", Start: incident.Detected, Stop: incident.Reported,
			Limit: span(60), Warn: []incident.Span{span(30), span(50)}, Remind: []incident.Span{span(60), span(240), span(1440)},
		}}
	}
	if r.Sources == nil {
		tells := func(t incident.Tells) []incident.TellsFrom { return []incident.TellsFrom{{Tells: t}} }
		r.Sources = []incident.SourceRule{
			{Name: "desk", Channel: incident.ChannelManual, Kind: "manual"},
			{Name: "mailbox", Channel: incident.ChannelEmail, Kind: "imap", Polled: true, Tells: tells(incident.TellsTeam)},
			{Name: "siem", Channel: incident.ChannelWebhook, Kind: "json"},
			{Name: "slack", Channel: incident.ChannelSlack, Kind: "channel", Polled: true, Tells: tells(incident.TellsTeam)},
		}
	}
	return r
}

func span(minutes int) incident.Span { return incident.Span(time.Duration(minutes) * time.Minute) }
