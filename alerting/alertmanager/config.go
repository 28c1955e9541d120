package alertmanager

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

// Config says which Alertmanagers are told, and what with.
type Config struct {
	// Peers are all Alertmanagers, each of a cluster too: a cluster shares what
	// it has notified, not the alerts it was sent.
	Peers []Peer `yaml:"peers"`
	// Hold is how long an Alertmanager keeps an alert firing after it heard of
	// it last. While promptness runs, its end comes at once; this is for the
	// time that promptness is down. Default 24h, at least 5m.
	Hold time.Duration `yaml:"hold"`
	// Labels are added to every alert, for routing. To change them makes other
	// alerts of those that are active; the former go after Hold.
	Labels map[string]string `yaml:"labels"`
	// GeneratorURL, DashboardURL and RunbookURL are addresses that an alert
	// leads to: its source, a dashboard, what to do. {incident} in them stands
	// for the incident's reference. Example:
	// https://grafana.example.org/d/promptness?var-incident={incident}
	GeneratorURL string `yaml:"generator_url"`
	DashboardURL string `yaml:"dashboard_url"`
	RunbookURL   string `yaml:"runbook_url"`
}

// A Peer is one Alertmanager.
type Peer struct {
	// Name stands in metrics and in the record of what was told when; it must
	// not change while alerts are active. It matches [a-z0-9-]{1,40}.
	Name            string `yaml:"name"`
	outbound.Config `yaml:",inline"`
}

// Default returns a Config without Alertmanagers.
func Default() Config { return Config{Hold: 24 * time.Hour} }

// leastHold leaves room for a few repetitions that fail.
const leastHold = 5 * time.Minute

var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]{0,63}$`)

// own are the labels that this package sets.
func own() []string { return []string{"alertname", "severity", "incident", "policy", "threshold"} }

// Validate returns all problems of c. It opens no file.
func (c Config) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	names := map[string]int{}
	for i, p := range c.Peers {
		at := fmt.Sprintf("peers[%d]", i)
		if !incident.SourceName(p.Name).Valid() {
			bad("%s.name: %q must match [a-z0-9-]{1,40}, for example alertmanager-0", at, p.Name)
		} else if first, twice := names[p.Name]; twice {
			bad("%s.name: %q is the name of peers[%d], too", at, p.Name, first)
		} else {
			names[p.Name] = i
		}
		if err := conf.Under(at, p.Config.Validate()); err != nil {
			all = append(all, err)
		}
	}
	if c.Hold < leastHold {
		bad("hold: must be at least %s, is %s", leastHold, c.Hold)
	}
	for _, k := range slices.Sorted(maps.Keys(c.Labels)) {
		switch {
		case !labelName.MatchString(k):
			bad("labels: %q must match %s", k, labelName)
		case slices.Contains(own(), k):
			bad("labels: %q is set by promptness", k)
		case c.Labels[k] == "":
			bad("labels: %q has no value", k)
		}
	}
	for _, a := range []struct{ field, address string }{
		{"generator_url", c.GeneratorURL},
		{"dashboard_url", c.DashboardURL},
		{"runbook_url", c.RunbookURL},
	} {
		if a.address == "" {
			continue
		}
		u, err := url.Parse(fill(a.address, "p-000000"))
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			bad("%s: must be an address that begins with http:// or https://", a.field)
		}
	}
	return errors.Join(all...)
}

// under names the peer in an error about its files.
func (p Peer) under(err error) error { return fmt.Errorf("alertmanager %s: %w", p.Name, err) }
