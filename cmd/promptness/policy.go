package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
	"github.com/ministryofjustice/incident-promptness/internal/expr"
)

// Policy is one version of a clock definition, in force from the start of From
// in London until the next version of the same id begins.
type Policy struct {
	// ID names the policy, [a-z0-9-]{1,40}. Example: pol-imp-002
	ID incident.PolicyID `yaml:"id"`
	// Title is how people know it.
	Title string `yaml:"title"`
	// From is a day in London. Example: 2027-01-01
	From incident.Date `yaml:"from"`
	// Start and Stop are milestones: occurred, detected, reported_to_desk,
	// reported, aware, acknowledged, categorised, form_received,
	// siro_informed, regulator_notified, contained, closed, or others.
	Start incident.Milestone `yaml:"start"`
	Stop  incident.Milestone `yaml:"stop"`
	// Limit is the time allowed. A report at exactly the limit is in time.
	Limit incident.Span `yaml:"limit"`
	// Warn are moments after the start, Remind after the deadline, both in
	// ascending order; at most three reminders.
	Warn   []incident.Span `yaml:"warn"`
	Remind []incident.Span `yaml:"remind"`
	// Applies is a CEL condition over organisation, impact, personal,
	// disposition, restricted and canary. Default: all
	// incidents. Example: impact == "high" || personal == "yes"
	Applies string `yaml:"applies"`
	// NearMiss says that near misses are measured too.
	NearMiss bool `yaml:"near_miss"`
	// Off marks a version from which on the policy is not measured.
	Off bool `yaml:"off"`
	// Legal is the source of the rule, printed under its figures.
	Legal string `yaml:"legal"`
}

func (p Policy) incident() incident.Policy {
	return incident.Policy{
		ID: p.ID, Title: p.Title, From: p.From, Start: p.Start, Stop: p.Stop, Limit: p.Limit,
		Warn: p.Warn, Remind: p.Remind, Applies: p.Applies, NearMiss: p.NearMiss, Off: p.Off, Legal: p.Legal,
	}
}

// Enable switches a built-in policy on.
type Enable struct {
	// ID is service-desk, siro or gdpr-33.
	ID incident.PolicyID `yaml:"id"`
	// From is the day in London from which it is measured.
	From incident.Date `yaml:"from"`
	// Limit is needed for service-desk and siro: the policy says
	// "immediately", which is no number. gdpr-33 has its 72 hours by law.
	Limit incident.Span `yaml:"limit"`
}

func spans(ds ...time.Duration) []incident.Span {
	var all []incident.Span
	for _, d := range ds {
		all = append(all, incident.Span(d))
	}
	return all
}

// builtIn is measured always (POL.IMP.002, in force since 2013-05-01).
func builtIn() incident.Policy {
	return incident.Policy{
		ID: "pol-imp-002", Title: "Incidents reach the security team within 60 minutes of detection",
		From: "2013-05-01", Start: incident.Detected, Stop: incident.Reported,
		Limit:  incident.Span(time.Hour),
		Warn:   spans(30*time.Minute, 50*time.Minute),
		Remind: spans(time.Hour, 4*time.Hour, 24*time.Hour),
		Legal:  "POL.IMP.002, IT Security Incident Management Policy, Ministry of Justice",
	}
}

// optional are the built-in policies that are off until Enable names them.
func optional() []incident.Policy {
	return []incident.Policy{
		{
			ID: "gdpr-33", Title: "Personal data breaches are notified within 72 hours of awareness",
			Start: incident.Aware, Stop: incident.RegulatorNotified, Limit: incident.Span(72 * time.Hour),
			Warn: spans(24*time.Hour, 48*time.Hour, 66*time.Hour), Remind: spans(4*time.Hour, 24*time.Hour),
			Applies: `personal != "no"`, Legal: "UK GDPR article 33(1)",
		},
		{
			ID: "service-desk", Title: "The service desk passes incidents on to the security team",
			Start: incident.ReportedToDesk, Stop: incident.Reported,
			Legal: "POL.IMP.014, IT Security Incident Management Policy, Ministry of Justice",
		},
		{
			ID: "siro", Title: "The SIRO is told of high impact incidents and of personal data",
			Start: incident.Detected, Stop: incident.SIROInformed,
			Applies: `impact == "high" || personal == "yes"`,
			Legal:   "POL.IMP.012, IT Security Incident Management Policy, Ministry of Justice",
		},
	}
}

// policy returns the policy that e switches on, or what is wrong with e.
func (e Enable) policy() (incident.Policy, error) {
	var names []incident.PolicyID
	for _, p := range optional() {
		names = append(names, p.ID)
		if p.ID != e.ID {
			continue
		}
		var all []error
		if e.From == "" {
			all = append(all, errors.New("from: is missing: the day from which it is measured"))
		}
		fixed := p.Limit != 0
		switch {
		case fixed && e.Limit != 0 && e.Limit != p.Limit:
			all = append(all, fmt.Errorf("limit: of %s is %s by law and cannot be chosen", p.ID, p.Limit))
		case !fixed && e.Limit == 0:
			all = append(all, fmt.Errorf("limit: is missing: %s says immediately, which is no number, for example 30m", p.Legal))
		}
		p.From = e.From
		if !fixed {
			p.Limit = e.Limit
			p.Warn = spans(e.Limit.D() / 2)
			p.Remind = spans(time.Hour, 4*time.Hour, 24*time.Hour)
		}
		return p, errors.Join(all...)
	}
	return incident.Policy{}, fmt.Errorf("id: unknown built-in policy %q (have %v)", e.ID, names)
}

// validatePolicies returns all problems of policies and enable.
func (c Config) validatePolicies() error {
	var all []error
	seen := map[string]string{versionOf(builtIn()): "the built-in version"}
	judge := func(at string, p incident.Policy, early error) {
		if early != nil {
			all = append(all, conf.Under(at, early))
			return
		}
		all = append(all, conf.Under(at, p.Validate()))
		if first, twice := seen[versionOf(p)]; twice {
			all = append(all, fmt.Errorf("%s.from: %s already begins on %s with %s: give it another date", at, p.ID, p.From, first))
		} else {
			seen[versionOf(p)] = at
		}
		if p.Applies == "" {
			return
		}
		if _, err := expr.Applies(p.Applies); err != nil {
			all = append(all, conf.Under(at+".applies", err))
		}
	}
	for i, e := range c.Enable {
		p, err := e.policy()
		judge(fmt.Sprintf("enable[%d]", i), p, err)
	}
	for i, p := range c.Policies {
		judge(fmt.Sprintf("policies[%d]", i), p.incident(), nil)
	}
	return errors.Join(all...)
}

func versionOf(p incident.Policy) string { return fmt.Sprintf("%s from %s", p.ID, p.From) }

// policies returns every version that c puts in force.
func (c Config) policies() []incident.Policy {
	all := []incident.Policy{builtIn()}
	for _, e := range c.Enable {
		if p, err := e.policy(); err == nil {
			all = append(all, p)
		}
	}
	for _, p := range c.Policies {
		all = append(all, p.incident())
	}
	return slices.Clip(all)
}
