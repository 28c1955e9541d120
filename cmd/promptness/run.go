package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/alerting/alertmanager"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
	"github.com/ministryofjustice/incident-promptness/report"
)

// Run serves until ctx ends. What a person needs to know at first start is
// printed on out.
func Run(ctx context.Context, cfg Config, log *slog.Logger, out io.Writer) error {
	return serve(ctx, cfg, log, hooks{
		made:  func(files []string) { tellFirstStart(out, cfg, files) },
		ready: func(a addresses) { tellReady(out, cfg, a) },
	})
}

// hooks are what a caller of serve watches. Each may be nil.
type hooks struct {
	made   func(files []string)                        // secrets that were made at first start
	ready  func(addresses)                             // all listens, the record is read
	follow func([]incident.Entry)                      // committed entries in order, those of the record first
	put    func(incident.SourceName, incident.Receipt) // a signal is stored
}

// addresses say where a running program can be reached: base URLs.
type addresses struct{ webhooks, admin string }

// serve is the whole program: each step uses what the steps before it made, and
// what is opened is closed in the reverse order. It returns when ctx ends, or
// with the first error that going on would make worse.
func serve(ctx context.Context, cfg Config, log *slog.Logger, h hooks) (err error) {
	var undo unwind
	defer func() { err = errors.Join(err, undo.all()) }()
	reg := prometheus.NewRegistry()

	// The addresses first: who is told tokens must not hear of a busy port next.
	public, err := listen(cfg.Listen.Webhooks)
	if err != nil {
		return err
	}
	undo.add("webhook listener", public.close)
	private, err := listen(cfg.Listen.Admin)
	if err != nil {
		return err
	}
	undo.add("admin listener", private.close)

	// The store, and by which pepper its record was made.
	made, err := makeSecrets(cfg.FirstStart())
	if err != nil {
		return err
	}
	if h.made != nil && len(made) > 0 {
		h.made(made)
	}
	srv, err := stream.Start(ctx, cfg.Store, log)
	if err != nil {
		return err
	}
	undo.add("store", srv.Close)
	nc, err := srv.Connect("promptness")
	if err != nil {
		return fmt.Errorf("connect to the store: %w", err)
	}
	undo.add("connection", func() error { nc.Close(); return nil })
	store, err := stream.Open(ctx, nc, cfg.Store, stream.Hooks{Room: srv.Room}, log)
	if err != nil {
		return err
	}
	undo.add("streams", store.Close)
	pepper, err := loadPepper(ctx, cfg.PepperFile, store)
	if err != nil {
		return err
	}

	// What reads the record.
	rules, err := cfg.Rules()
	if err != nil {
		return fmt.Errorf("read rules: %w", err)
	}
	book := report.NewBook()
	acts := newOutcomes(pepper)
	receivers, err := alertmanager.New(cfg.Alerting.Alertmanager)
	if err != nil {
		return fmt.Errorf("open alertmanagers: %w", err)
	}
	desk, err := alerting.New(store, channelsOf(receivers), log, reg)
	if err != nil {
		return fmt.Errorf("open alerting: %w", err)
	}

	// The ways in.
	in := &sink{store: store, seen: h.put, last: map[incident.SourceName]time.Time{}}
	hook, err := webhook.NewHandler(cfg.Webhooks, in, log, reg)
	if err != nil {
		return fmt.Errorf("open webhooks: %w", err)
	}
	people, err := cfg.People.Load()
	if err != nil {
		return fmt.Errorf("read people: %w", err)
	}
	boxes := map[incident.SourceName]*email.Box{}
	for _, m := range cfg.Mailboxes {
		if boxes[m.Name], err = email.New(m, in, store, log); err != nil {
			return fmt.Errorf("open mailbox %s: %w", m.Name, err)
		}
	}

	// The processor, and the record that it writes.
	read, err := interpreter(cfg)
	if err != nil {
		return err
	}
	shown := &firstFault{}
	rec := &record{o: ledger.Options{Log: store.Ledger(), Vault: vault{store}, Checkpoint: cfg.CheckpointFile()}}
	proc := pipeline.New(pipeline.Options{
		Signals:   func(after incident.Pos) (pipeline.Signals, error) { return store.Signals(after), nil },
		Ledger:    rec,
		Reopen:    rec.open,
		Fits:      ledger.Fits,
		Interpret: read,
		Pepper:    pepper,
		Compile:   applies,
		Rules:     rules,
		Marks: func(n incident.SourceName) time.Time {
			if b := boxes[n]; b != nil {
				return b.Watermark()
			}
			return time.Time{}
		},
		Tell: func(es []incident.Entry) {
			for _, e := range es {
				shown.note(book.Apply(e))
			}
			acts.follow(es)
			desk.Follow(es)
			if h.follow != nil {
				h.follow(es)
			}
		},
		Backfill: cfg.Backfill,
		Log:      log,
	})
	if err := rec.open(ctx, proc.Replay); err != nil {
		return err
	}
	undo.add("record", rec.Close)

	// What is shown of it.
	facts := &facts{proc: proc, rec: rec, boxes: boxes, in: in, rules: rules, shown: shown, srv: srv, started: time.Now()}
	if err := register(reg, book, facts); err != nil {
		return err
	}
	public.handle(webhookRoutes(hook))
	private.handle(adminRoutes(admin{
		book: book, facts: facts, people: people, acts: manual.New(in, acts, people, log),
		rec: rec, store: store, checkpoint: cfg.CheckpointFile(), reg: reg, log: log,
	}))

	// Everything runs until ctx ends or one part cannot go on.
	g, ctx := errgroup.WithContext(ctx)
	parts := []func(context.Context) error{srv.Run, proc.Run, desk.Run, public.serve, private.serve}
	for _, b := range boxes {
		parts = append(parts, b.Run)
	}
	for _, run := range parts {
		g.Go(func() error {
			if err := run(ctx); !errors.Is(err, context.Canceled) || ctx.Err() == nil {
				return err
			}
			return nil // it was asked to end
		})
	}
	if h.ready != nil {
		h.ready(addresses{webhooks: public.url(), admin: private.url()})
	}
	n, _ := rec.Head()
	log.Info("running", "entries", n, "webhooks", public.url(), "admin", private.url())
	<-ctx.Done()
	log.Info("stopping")
	return g.Wait()
}

// An unwind closes what was opened, last in first out.
type unwind struct {
	names []string
	steps []func() error
}

func (u *unwind) add(name string, f func() error) {
	u.names, u.steps = append(u.names, name), append(u.steps, f)
}

func (u *unwind) all() error {
	var errs []error
	for i := len(u.steps) - 1; i >= 0; i-- {
		if err := u.steps[i](); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", u.names[i], err))
		}
	}
	return errors.Join(errs...)
}

func channelsOf(receivers []*alertmanager.Receiver) alerting.Channels {
	var c alerting.Channels
	for _, r := range receivers {
		c.Levels = append(c.Levels, r)
	}
	return c
}
