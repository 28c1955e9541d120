package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/alerting/alertmanager"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// checkCmd runs everything up to the first network call.
type checkCmd struct {
	File string `arg:"" help:"The configuration, a YAML file."`
}

// Checked is what check prints with --json.
type Checked struct {
	File     string          `json:"file"`
	Problems []string        `json:"problems"`
	Warnings []string        `json:"warnings"`
	Rules    *incident.Rules `json:"rules,omitempty"`
}

// Run prints all problems of the file at once, or what it will put in force.
func (c *checkCmd) Run(s *session) error {
	cfg, doc, err := loadConfig(c.File)
	if doc == nil {
		// It cannot be read at all: there is nothing to warn of.
		if s.JSON {
			return errors.Join(s.printJSON(Checked{File: c.File, Problems: texts(err), Warnings: []string{}}), silent(err))
		}
		return err
	}
	// Files are read even where values are wrong: the user fixes all once.
	err = conf.Sorted(err, doc.Locate(cfg.files()))
	warnings := cfg.warnings(doc)
	if s.JSON {
		out := Checked{File: c.File, Problems: texts(err), Warnings: warnings}
		if err == nil {
			if out.Rules, err = cfg.Rules(); err != nil {
				return err
			}
		}
		return errors.Join(s.printJSON(out), silent(err))
	}
	for _, w := range warnings {
		fmt.Fprintf(s.stderr, "warning: %s\n", w)
	}
	if err != nil {
		return err
	}
	return cfg.describe(s.stdout, c.File)
}

func texts(err error) []string {
	all := []string{}
	if err == nil {
		return all
	}
	return append(all, strings.Split(err.Error(), "\n")...)
}

// files reads every file that c names, and makes no network call: secrets,
// certificates, and what the packages compile from c.
func (c Config) files() error {
	var all []error
	made := func(path string) bool { return slices.Contains(c.made, path) } // by a first start
	log := slog.New(slog.DiscardHandler)
	for i, w := range c.Webhooks {
		if made(w.Auth.TokenFile) {
			continue
		}
		if w.Validate() != nil {
			continue // said already, with better words
		}
		at := c.paths.webhooks[i]
		_, err := webhook.NewHandler([]webhook.Config{w}, nil, log, prometheus.NewRegistry())
		all = append(all, conf.Under(at, conf.Beneath("[0]", err)))
		_, err = webhook.New([]webhook.Config{w})
		all = append(all, conf.Under(at, conf.Beneath("[0]", err)))
	}
	for i, m := range c.Mailboxes {
		if m.Validate() != nil {
			continue
		}
		_, err := email.New(m, nil, nil, log)
		all = append(all, conf.Under(c.paths.mailboxes[i], err))
	}
	if c.People.Validate() == nil && !slices.ContainsFunc(c.made, func(f string) bool {
		return len(c.People) > 0 && f == c.People[0].TokenFile
	}) {
		_, err := c.People.Load()
		all = append(all, conf.Under("people", err))
	}
	if c.Alerting.Alertmanager.Validate() == nil {
		for i, p := range c.Alerting.Alertmanager.Peers {
			one := c.Alerting.Alertmanager
			one.Peers = []alertmanager.Peer{p}
			rs, err := alertmanager.New(one)
			for _, r := range rs {
				r.Close()
			}
			all = append(all, conf.Under(fmt.Sprintf("alerting.alertmanager.peers[%d]", i), err))
		}
	}
	return errors.Join(all...)
}

// warnings returns what is allowed and yet rarely meant.
func (c Config) warnings(doc *conf.Document) []string {
	var all []error
	warn := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	reports := false
	for i, m := range c.Mailboxes {
		for _, w := range m.Warnings() {
			warn("%s.%s", c.paths.mailboxes[i], w)
		}
		reports = reports || m.Source.Rule(incident.ChannelEmail).EverReports()
	}
	for _, w := range email.SameMailbox(c.Mailboxes) {
		warn("sources: %s", w)
	}
	for _, w := range c.Webhooks {
		reports = reports || w.Source.Rule(incident.ChannelWebhook).EverReports()
	}
	if !reports && doc != nil && doc.Has("sources") {
		warn("sources: none tells reported, so only promptness record report can stop the clock of pol-imp-002")
	}
	if len(c.People) == 0 {
		warn("people: is empty, so nobody can record, correct or decide anything")
	} else if !slices.ContainsFunc(asManagers(c), func(b bool) bool { return b }) {
		warn("people: none is a manager, so no time can be corrected")
	}
	if len(c.People) == 1 {
		warn("people: is one person, so nothing that needs a second person can be confirmed")
	}
	if len(c.Alerting.Alertmanager.Peers) == 0 {
		warn("alerting: names no receiver, so nobody is told when a clock runs out")
	}
	if !webhook.Loopback(c.Listen.Admin) {
		warn("listen.admin: can be reached from other machines; people's tokens go over it, so put TLS before it")
	}
	if c.Backfill {
		warn("backfill: is on, so nobody is told of anything that is read now")
	}
	out := []string{}
	for _, err := range all {
		if doc == nil {
			out = append(out, err.Error())
			continue
		}
		out = append(out, doc.Locate(err).Error())
	}
	return out
}

func asManagers(c Config) []bool {
	var all []bool
	for _, p := range c.People {
		all = append(all, p.Role == incident.RoleManager)
	}
	return all
}

// describe prints what c will put in force.
func (c Config) describe(w io.Writer, file string) error {
	rules, err := c.Rules()
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is sound. It will put in force:\n\n", file)
	fmt.Fprintf(&b, "tenant %s, store in %s, pepper in %s\n", c.Tenant, c.Store.Dir, c.PepperFile)
	fmt.Fprintf(&b, "webhooks on %s, people and metrics on %s\n", c.Listen.Webhooks, c.Listen.Admin)
	b.WriteString("\npolicies\n")
	for _, p := range rules.Policies {
		fmt.Fprintf(&b, "  %s from %s: ", p.ID, p.From)
		if p.Off {
			b.WriteString("not measured\n")
			continue
		}
		fmt.Fprintf(&b, "%s → %s within %s\n", p.Start, p.Stop, short(p.Limit))
		if len(p.Warn)+len(p.Remind) > 0 {
			fmt.Fprintf(&b, "    warns after %s; reminds %s after the deadline\n", shorts(p.Warn), shorts(p.Remind))
		}
		if p.Applies != "" {
			fmt.Fprintf(&b, "    only if %s\n", p.Applies)
		}
	}
	b.WriteString("\nsources\n")
	for _, s := range rules.Sources {
		fmt.Fprintf(&b, "  %s (%s, %s)", s.Name, s.Channel, s.Kind)
		switch {
		case s.Channel == incident.ChannelManual:
			b.WriteString(": what people record")
		case len(s.Tells) == 0:
			b.WriteString(": arrival tells nothing")
		default:
			for _, t := range s.Tells {
				fmt.Fprintf(&b, ": arrival tells %s", t.Tells)
				if t.From != "" {
					fmt.Fprintf(&b, " from %s", t.From)
				}
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString("\npeople\n")
	for _, p := range c.People {
		fmt.Fprintf(&b, "  %s, %s\n", p.Number, p.Role)
	}
	if peers := c.Alerting.Alertmanager.Peers; len(peers) > 0 {
		b.WriteString("\nalertmanagers\n")
		for _, p := range peers {
			fmt.Fprintf(&b, "  %s at %s\n", p.Name, p.URL)
		}
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// short writes a span without its zero parts: 1h rather than 1h0m0s.
func short(d incident.Span) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

func shorts(ds []incident.Span) string {
	var all []string
	for _, d := range ds {
		all = append(all, short(d))
	}
	if len(all) == 0 {
		return "never"
	}
	return strings.Join(all, ", ")
}
