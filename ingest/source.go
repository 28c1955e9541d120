package ingest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Source is the part of a source's configuration that every way in shares. It
// stands inline in the Config of each.
type Source struct {
	// Name of the source, [a-z0-9-]{1,40}, unique among all sources. It stands
	// in the record: a source that is renamed is another source.
	Name incident.SourceName `yaml:"name"`

	// Tells says what it means that something arrives here: nothing (the
	// default), reported_to_desk, or reported: the security team knows. Where
	// that changed with time, a list:
	//	tells:
	//	  - tells: nothing
	//	  - tells: reported
	//	    from: 2026-11-01
	Tells Telling `yaml:"tells"`

	// Tolerance is how far the senders' clocks may run ahead of ours before a
	// time of theirs is set aside. Default 5m, at most 1h.
	Tolerance incident.Span `yaml:"tolerance"`

	// Organisation is given to signals that name none. Empty: unknown.
	Organisation incident.Organisation `yaml:"organisation"`

	// UnreadAfter is for how long a source that is read by us, a mailbox, may
	// go unread before that is a gap on record and an alert. Default 10m;
	// between 1m and 24h.
	UnreadAfter incident.Span `yaml:"unread_after"`

	// ExpectEvery is the longest time that may pass without anything coming
	// from the source; after it the source is called silent: a gap on record
	// and an alert. Without it nothing is expected. Between 1m and 8784h, a
	// year. A night, a weekend and a holiday must fit in.
	ExpectEvery incident.Span `yaml:"expect_every"`
}

// The bounds of a Source's spans: a limit is an hour.
const (
	MaxTolerance = time.Hour

	minUnread   = time.Minute
	maxUnread   = 24 * time.Hour
	minExpected = time.Minute
	maxExpected = 366 * 24 * time.Hour
)

// Telling says what arrival means, from which day on. In YAML it is one word
// or a list of {tells, from}.
type Telling []incident.TellsFrom

// UnmarshalYAML reads the one word or the list.
func (t *Telling) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*t = Telling{{Tells: incident.Tells(n.Value)}}
		return nil
	}
	var list []incident.TellsFrom
	if err := n.Load(&list, yaml.WithKnownFields()); err != nil {
		return err
	}
	*t = list
	return nil
}

// Validate returns all problems of s, each beginning with its field.
func (s Source) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if !s.Name.Valid() {
		bad("name: %q must match [a-z0-9-]{1,40}", s.Name)
	}
	have := []incident.Tells{incident.TellsNothing, incident.TellsDesk, incident.TellsTeam}
	for i, t := range s.Tells {
		if !slices.Contains(have, t.Tells) {
			bad("tells[%d].tells: unknown %q (have nothing, reported_to_desk, reported)", i, t.Tells)
		}
		if t.From == "" {
			if i > 0 {
				bad("tells[%d].from: needs a date, only the first may have none", i)
			}
			continue
		}
		if _, err := t.From.Start(); err != nil {
			bad("tells[%d].from: %w", i, err)
		}
		if i > 0 && t.From <= s.Tells[i-1].From {
			bad("tells[%d].from: %s must be later than %s", i, t.From, s.Tells[i-1].From)
		}
	}
	if d := s.Tolerance.D(); d < 0 || d > MaxTolerance {
		bad("tolerance: must lie between 0s and %s, is %s", MaxTolerance, d)
	}
	if d := s.UnreadAfter.D(); d != 0 && (d < minUnread || d > maxUnread) {
		bad("unread_after: must lie between %s and %s, is %s", minUnread, maxUnread, d)
	}
	if d := s.ExpectEvery.D(); d != 0 && (d < minExpected || d > maxExpected) {
		bad("expect_every: must lie between %s and %s, is %s", minExpected, maxExpected, d)
	}
	if s.Organisation != "" && !incident.SourceName(s.Organisation).Valid() {
		bad("organisation: %q must match [a-z0-9-]{1,40}", s.Organisation)
	}
	return errors.Join(all...)
}

// Known checks that the organisation of s is one of orgs, where any are
// configured.
func (s Source) Known(orgs []incident.Organisation) error {
	if s.Organisation == "" || slices.Contains(orgs, s.Organisation) {
		return nil
	}
	return fmt.Errorf("organisation: unknown %q (have %s)", s.Organisation, join(orgs))
}

// Rule returns what the rules say of s. The interpreter's own part, Kind and
// Reading, and Polled are the caller's to add.
func (s Source) Rule(ch incident.Channel) incident.SourceRule {
	return incident.SourceRule{
		Name:         s.Name,
		Channel:      ch,
		Tells:        slices.Clone([]incident.TellsFrom(s.Tells)),
		Tolerance:    s.Tolerance,
		Organisation: s.Organisation,
		UnreadAfter:  s.UnreadAfter,
		ExpectEvery:  s.ExpectEvery,
	}
}

func join(orgs []incident.Organisation) string {
	if len(orgs) == 0 {
		return "none"
	}
	names := make([]string, len(orgs))
	for i, o := range orgs {
		names[i] = string(o)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
