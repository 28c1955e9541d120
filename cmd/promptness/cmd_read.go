package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/report"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// incidentsCmd lists incidents or shows one.
type incidentsCmd struct {
	List incidentsListCmd `cmd:"" default:"withargs" help:"List incidents, newest first."`
	Show incidentsShowCmd `cmd:"" help:"Show one incident: times, clocks, alerts, what waits for a person."`
}

type incidentsListCmd struct {
	Month string `help:"Only those of a month, for example 2026-11." placeholder:"MONTH"`
	State string `help:"Only those with a clock in this state, for example overdue." placeholder:"STATE"`
}

// Run lists them.
func (c *incidentsListCmd) Run(ctx context.Context, s *session) error {
	q := url.Values{}
	if c.Month != "" {
		m, err := incident.ParseMonth(c.Month)
		if err != nil {
			return &say.UsageError{Err: err}
		}
		q.Set("month", string(m))
	}
	if c.State != "" {
		q.Set("state", c.State)
	}
	path := "/v1/incidents"
	if len(q) > 0 {
		path += "?" + q.Encode()
	}
	return show(ctx, s, path, "", func(w io.Writer, list *board.Incidents) error {
		return report.WriteIncidents(w, list.Incidents, list.More, list.At)
	})
}

type incidentsShowCmd struct {
	Ref incident.Ref `arg:"" help:"Incident, for example p-04f7k2."`
}

// Run shows it.
func (c *incidentsShowCmd) Run(ctx context.Context, s *session) error {
	ref, err := incident.ParseRef(string(c.Ref))
	if err != nil {
		return &say.UsageError{Err: err, Do: "promptness incidents lists them"}
	}
	return show(ctx, s, incidentPath(ref), ref, func(w io.Writer, d *report.Detail) error {
		return report.WriteIncident(w, d, time.Now())
	})
}

// whyCmd explains an incident's verdicts.
type whyCmd struct {
	Ref incident.Ref `arg:"" help:"Incident, for example p-04f7k2."`
}

// Run explains them.
func (c *whyCmd) Run(ctx context.Context, s *session) error {
	ref, err := incident.ParseRef(string(c.Ref))
	if err != nil {
		return &say.UsageError{Err: err, Do: "promptness incidents lists them"}
	}
	return show(ctx, s, incidentPath(ref)+"/why", ref, report.WriteWhy)
}

// decisionsCmd lists what waits for a person.
type decisionsCmd struct{}

// Run lists it.
func (c *decisionsCmd) Run(ctx context.Context, s *session) error {
	return show(ctx, s, "/v1/decisions", "", func(w io.Writer, list *board.Decisions) error {
		return report.WriteDecisions(w, list.Decisions)
	})
}

// show gets a path and prints the answer, as JSON or by write.
func show[T any](ctx context.Context, s *session, path string, ref incident.Ref, write func(io.Writer, *T) error) error {
	c, err := s.client(false)
	if err != nil {
		return err
	}
	var answer json.RawMessage
	if err := c.get(ctx, path, &answer); err != nil {
		if ref != "" {
			return noIncident(ref, err)
		}
		return err
	}
	if s.JSON {
		var v any
		if err := json.Unmarshal(answer, &v); err != nil {
			return fmt.Errorf("read the answer to %s: %w", path, err)
		}
		return s.printJSON(v)
	}
	var v T
	if err := json.Unmarshal(answer, &v); err != nil {
		return fmt.Errorf("read the answer to %s: %w", path, err)
	}
	return write(s.stdout, &v)
}

// healthcheckCmd asks whether a running promptness is ready.
type healthcheckCmd struct {
	Timeout time.Duration `help:"How long to wait for an answer." default:"5s" placeholder:"TIME"`
}

// Run asks.
func (c *healthcheckCmd) Run(ctx context.Context, s *session) error {
	cl, err := s.client(false)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	state := "ready"
	err = cl.get(ctx, "/readyz", nil)
	if err != nil {
		state = "not ready"
	}
	if s.JSON {
		if perr := s.printJSON(map[string]any{"ready": err == nil, "server": s.Server}); perr != nil {
			return perr
		}
		return silent(err)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.stdout, state)
	return err
}
