package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/internal/memimap"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// DemoOptions says how the demonstration runs.
type DemoOptions struct{ Exit, JSON bool }

// A DemoResult is what the demonstration prints with --json.
type DemoResult struct {
	// Sent = Stored + Duplicate; Quarantined is part of Stored.
	Signals struct {
		Sent        int `json:"sent"`
		Stored      int `json:"stored"`
		Duplicate   int `json:"duplicate"`
		Quarantined int `json:"quarantined"`
	} `json:"signals"`
	Incidents []DemoIncident `json:"incidents"`
	Alerts    []DemoAlert    `json:"alerts"`
	Ledger    struct {
		Entries  uint64 `json:"entries"`
		Verified bool   `json:"verified"`
	} `json:"ledger"`

	stories map[string]incident.State // what became of each story, under POL.IMP.002
}

// A DemoIncident is one incident with the verdict of each policy.
type DemoIncident struct {
	ID       incident.Ref                         `json:"id"`
	Verdicts map[incident.PolicyID]incident.State `json:"verdicts"`
}

// A DemoAlert is an alert that was told.
type DemoAlert struct {
	ID incident.AlertID `json:"id"`
}

// Demo runs the whole program in a temporary directory, with a mailbox in the
// process, sends it a day of signals and shows what it makes of them. With Exit
// it ends when they are settled and the watched clock has breached.
func Demo(ctx context.Context, o DemoOptions, stdout, stderr io.Writer) error {
	_, err := runDemo(ctx, o, demoScript(), stdout, stderr)
	return err
}

func runDemo(ctx context.Context, o DemoOptions, script []demoSignal, stdout, stderr io.Writer) (result DemoResult, err error) {
	dir, err := os.MkdirTemp("", "promptness-demo-")
	if err != nil {
		return result, fmt.Errorf("make a directory for the demo: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	d, cfg, err := openDemo(dir, script)
	if err != nil {
		return result, err
	}
	defer func() { err = errors.Join(err, d.box.Close()) }()
	log, logFile, err := demoLog(dir)
	if err != nil {
		return result, err
	}
	defer logFile.Close()

	// The program outlives the person's Ctrl-C by as long as its record takes to
	// be verified.
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	ready, ended := make(chan addresses, 1), make(chan error, 1)
	var stored, repeated atomic.Int64
	go func() {
		ended <- serve(running, cfg, log, hooks{
			ready:  func(a addresses) { ready <- a },
			follow: d.follow,
			put: func(_ incident.SourceName, r incident.Receipt) {
				if r.Repeat {
					repeated.Add(1)
				} else {
					stored.Add(1)
				}
			},
		})
	}()
	select {
	case a := <-ready:
		d.webhooks, d.admin = a.webhooks, a.admin
	case err := <-ended:
		return result, err
	}
	if err := d.readTokens(cfg); err != nil {
		return result, err
	}
	shown := startScreen(d, o, dir, stdout, stderr)
	err = d.play(ctx, o, ended)
	shown.stop()
	if err != nil {
		return result, say.WithHint(err, "what the program logged:\n"+tailOf(logFile.Name()))
	}
	result, err = d.result(ctx, int(stored.Load()), int(repeated.Load()))
	if err != nil {
		return result, err
	}
	stop()
	if err := <-ended; err != nil {
		return result, err
	}
	if o.JSON {
		return result, json.NewEncoder(stdout).Encode(result)
	}
	shown.final(result)
	return result, nil
}

// play sends the script and waits for the clock that is watched; without Exit
// it then goes on until ctx ends.
func (d *demo) play(ctx context.Context, o DemoOptions, ended chan error) error {
	played := make(chan error, 1)
	go func() {
		err := d.send(ctx)
		if err == nil {
			err = d.watched(ctx)
		}
		played <- err
	}()
	select {
	case err := <-played:
		if err != nil && ctx.Err() == nil {
			return err
		}
	case err := <-ended:
		ended <- nil
		return fmt.Errorf("the program ended early: %w", err)
	}
	if !o.Exit {
		<-ctx.Done()
	}
	return nil
}

// openDemo makes the configuration of the demo, which is that of a small real
// installation: the built-in webhook source, one mailbox that knows its senders
// by the results of its own mail server, a manager and a person of the desk.
func openDemo(dir string, script []demoSignal) (*demo, Config, error) {
	d := newDemo(time.Now(), script)
	cfg := Default()
	cfg.DataDir, cfg.Store.Dir, cfg.PepperFile = dir, "", ""
	cfg.Store.Ephemeral = true // it is gone when the demonstration ends
	cfg.Listen = Listen{Webhooks: "127.0.0.1:0", Admin: "127.0.0.1:0"}
	cfg.fill(nil)
	deskToken := filepath.Join(cfg.Secrets(), "desk-1.token")
	cfg.People = append(cfg.People, manual.Person{Number: "desk-1", Role: incident.RoleDesk, TokenFile: deskToken})
	cfg.made = append(cfg.made, deskToken)
	passwordFile, password, err := demoSecrets(dir)
	if err != nil {
		return nil, cfg, err
	}
	if d.box, err = memimap.Start("127.0.0.1:0", "team", password); err != nil {
		return nil, cfg, fmt.Errorf("start the demo's mailbox: %w", err)
	}
	box := email.Default()
	box.Name, box.Tells = demoMailbox, []incident.TellsFrom{{Tells: incident.TellsTeam}}
	box.Address, box.TLS, box.Username, box.PasswordFile = d.box.Addr, "none", "team", passwordFile
	box.Poll, box.Start, box.TrustedHops = incident.Span(time.Second), "all", []string{"mx.example.org"}
	box.Authentication = email.Authentication{AuthservID: "mx.example.org"}
	cfg.Mailboxes, cfg.paths.mailboxes = []email.Config{box}, []string{"sources[1]"}
	if err := cfg.Validate(); err != nil {
		return nil, cfg, errors.Join(err, d.box.Close())
	}
	return d, cfg, nil
}

func (d *demo) readTokens(cfg Config) error {
	d.tokens = map[string]string{}
	for _, f := range cfg.FirstStart() {
		b, err := os.ReadFile(f)
		if err != nil {
			return fmt.Errorf("read token: %w", err)
		}
		d.tokens[strings.TrimSuffix(filepath.Base(f), ".token")] = strings.TrimSpace(string(b))
	}
	return nil
}

func demoLog(dir string) (*slog.Logger, *os.File, error) {
	f, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, nil, fmt.Errorf("make the demo's log: %w", err)
	}
	return newLogger(f, "text"), f, nil
}

func tailOf(file string) string {
	b, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-12):], "\n")
}

// result gathers what came out. The record is verified by the program itself,
// as an operator's `promptness verify` does.
func (d *demo) result(ctx context.Context, stored, repeated int) (DemoResult, error) {
	var r DemoResult
	r.Signals.Sent, r.Signals.Stored, r.Signals.Duplicate = d.sent, stored, repeated
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), demoPatience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.admin+"/v1/verify", nil)
	if err != nil {
		return r, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return r, fmt.Errorf("verify the record: %w", err)
	}
	defer res.Body.Close()
	var found ledger.Report
	body, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		return r, errors.Join(fmt.Errorf("verify the record: %s: %s", res.Status, body), err)
	}
	if err := json.Unmarshal(body, &found); err != nil {
		return r, fmt.Errorf("verify the record: %w", err)
	}
	r.Ledger.Entries, r.Ledger.Verified = found.Entries, true
	d.mu.Lock()
	defer d.mu.Unlock()
	last := map[incident.Ref]*incident.IncidentRecord{}
	told := map[incident.AlertID]bool{}
	r.Incidents, r.Alerts = []DemoIncident{}, []DemoAlert{}
	for _, e := range d.entries {
		if e.Kind == incident.KindQuarantined {
			r.Signals.Quarantined++
		}
		if e.Incident != nil {
			last[e.Incident.Ref] = e.Incident
		}
		for _, a := range e.Alerts {
			if a.State == incident.AlertActive && !told[a.ID] {
				told[a.ID] = true
				r.Alerts = append(r.Alerts, DemoAlert{a.ID})
			}
		}
	}
	for _, rec := range last {
		if rec.Open != incident.StatusOpen {
			continue
		}
		i := DemoIncident{ID: rec.Ref, Verdicts: map[incident.PolicyID]incident.State{}}
		for _, c := range rec.Clocks {
			i.Verdicts[c.Policy] = c.State
		}
		r.Incidents = append(r.Incidents, i)
	}
	r.stories = map[string]incident.State{}
	for story, ref := range d.stories {
		for last[ref] != nil && last[ref].Into != "" {
			ref = last[ref].Into
		}
		if rec := last[ref]; rec != nil && len(rec.Clocks) > 0 {
			r.stories[story] = rec.Clocks[0].State
		}
	}
	slices.SortFunc(r.Incidents, func(a, b DemoIncident) int {
		x, _ := a.ID.Number()
		y, _ := b.ID.Number()
		return int(x) - int(y)
	})
	return r, nil
}
