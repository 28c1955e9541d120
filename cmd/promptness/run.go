package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync/atomic"
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
	made   func(files []string)                           // secrets that were made at first start
	ready  func(addresses)                                // all listens, the record is read
	follow func([]incident.Entry)                         // committed entries in order, those of the record first
	put    func(incident.SourceName, incident.Receipt)    // a signal is stored
	write  func(subject string, body []byte, stored bool) // see stream.Hooks.Write
}

// addresses say where a running program can be reached: base URLs.
type addresses struct{ webhooks, admin string }

// serve is the whole program: each step uses what the steps before it made, and
// what is opened is closed in the reverse order. It returns when ctx ends, or
// with the first error that going on would make worse.
func serve(ctx context.Context, cfg Config, log *slog.Logger, h hooks) (err error) {
	var undo unwind
	asked := ctx
	defer func() {
		if asked.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil // it was asked to end while it began
		}
		err = errors.Join(err, undo.all())
	}()
	reg := prometheus.NewRegistry()

	// The addresses first: who is told tokens must not hear of a busy port next.
	public := &listener{}
	if cfg.Roles.Has(RoleIngest) {
		if public, err = listen(cfg.Listen.Webhooks); err != nil {
			return err
		}
		undo.add("webhook listener", public.close)
	}
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
	if err := os.MkdirAll(cfg.DataDir, 0o700); err != nil {
		return fmt.Errorf("make data directory: %w", err)
	}
	if err := unfinishedRepair(cfg); err != nil {
		return err
	}
	host, err := stream.Begin(ctx, cfg.Store, log)
	if err != nil {
		return err
	}
	undo.add("store", host.Close)
	nc, err := host.Connect("promptness")
	if err != nil {
		return fmt.Errorf("connect to the store: %w", err)
	}
	undo.add("connection", func() error { nc.Close(); return nil })
	guard := &guard{host: host}
	losses := &ledger.Losses{}
	store, err := stream.Open(ctx, nc, cfg.Store, stream.Hooks{Room: guard.room, Erased: losses.Erased, Lost: losses.Lost, Write: h.write}, log)
	if err != nil {
		return err
	}
	undo.add("streams", store.Close)
	stored, err := openStored(cfg.StoredFile(), log)
	if err != nil {
		return err
	}
	undo.add("stored mark", stored.close)
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
	heard := make(chan struct{}) // closed when the record was read to its end
	mails := newRecollection(time.Now(), heard)
	shown := &firstFault{}
	var covered atomic.Pointer[incident.Pos]
	covered.Store(&incident.Pos{})
	hear := func(es []incident.Entry) {
		for _, e := range es {
			losses.Take(&e)
			shown.note(book.Apply(e))
		}
		covered.Store(&es[len(es)-1].Pos)
		acts.follow(es)
		mails.follow(es)
		desk.Follow(es)
		if h.follow != nil {
			h.follow(es)
		}
	}
	// The ways in.
	in := &sink{store: store, mark: stored, seen: h.put, last: map[incident.SourceName]time.Time{}}
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
		boxes[m.Name].Recall(mails.recall(m.Name))
	}
	marks := newMarks(store, log)

	// The record, and the processor that writes it.
	read, err := interpreter(cfg, pepper)
	if err != nil {
		return err
	}
	rec := &record{o: ledger.Options{
		Log: store.Ledger(), Vault: vault{store}, Checkpoint: cfg.CheckpointFile(),
		Shared: !host.Embedded(), Quick: cfg.Quick,
	}}
	undo.add("record", rec.Close)
	proc := pipeline.New(pipeline.Options{
		Signals:   func(after incident.Pos) (pipeline.Signals, error) { return store.Signals(after), nil },
		Ledger:    rec,
		Reopen:    rec.open,
		Fits:      ledger.Fits,
		Interpret: read,
		Pepper:    pepper,
		Compile:   applies,
		Rules:     rules,
		Marks:     marks.of,
		Tell:      hear,
		Backfill:  cfg.Backfill,
		Log:       log,
	})

	// Who looks after it.
	looks := newWatch(ctx, watching{
		store: store, cfg: cfg.Store, checkpoint: cfg.CheckpointFile(), scrubs: cfg.Roles.Has(RoleProcess), log: log,
		mark: markOf(cfg.CheckpointFile(), func() incident.Pos { return *covered.Load() }, stored.last.Load),
	})
	guard.watch.Store(looks)

	// What each role runs.
	holder := holderName()
	parts := []func(context.Context) error{host.Run, private.serve, looks.Run, stored.run}
	switch {
	case cfg.Roles.Has(RoleProcess):
		lease := store.Lease(leaseProcessor, holder)
		if rec.o.Vouched, err = voucher(ctx, lease); err != nil {
			// Needed only where there is no checkpoint, and then the record says so.
			log.Warn("ask who works as the processor", "err", err)
		}
		// Here, so that a record that is refused ends the program by name.
		if err := rec.follow(ctx, proc.Replay); err != nil {
			return err
		}
		if host.Embedded() {
			if err := rec.lead(ctx, proc.Replay); err != nil {
				return err
			}
		}
		close(heard)
		p := &processing{proc: proc, rec: rec, lease: lease, log: log}
		parts = append(parts, func(ctx context.Context) error { return looks.Guard(ctx, p.run) })
	default:
		rec.o.Checkpoint = "" // it writes nothing, and vouches for nothing
		f := &following{rec: rec, tell: hear, log: log, read: heard}
		parts = append(parts, func(ctx context.Context) error { return looks.Guard(ctx, f.run) })
	}
	if !host.Embedded() {
		parts = append(parts, func(ctx context.Context) error { return marks.watch(ctx, polled(rules)) })
	}
	// Before anything is stored, and after the record has said what it lacks.
	if err := checkStored(ctx, store, stored.last.Load()); err != nil {
		return err
	}
	if cfg.Roles.Has(RoleAlert) {
		lease := store.Lease(leaseAlert, holder)
		parts = append(parts, func(ctx context.Context) error {
			select {
			case <-heard:
				return lease.Hold(ctx, tour(desk, log))
			case <-ctx.Done():
				return nil
			}
		})
	}
	if cfg.Roles.Has(RoleIngest) {
		public.handle(webhookRoutes(hook))
		parts = append(parts, public.serve)
		for n, b := range boxes {
			m := &mailbox{name: n, box: b, marks: marks, lease: store.Lease(leaseMailbox+string(n), holder), shared: !host.Embedded(), log: log}
			parts = append(parts, m.run)
		}
	}

	// What is shown of it.
	facts := &facts{
		roles: cfg.Roles, proc: proc, rec: rec, boxes: boxes, marks: marks, in: in, rules: rules,
		shown: shown, host: host, watch: looks, heard: heard, started: time.Now(),
	}
	if err := register(reg, book, facts); err != nil {
		return err
	}
	pulse := alerting.NewPulse(alerting.PulseOptions{
		To: announcers(receivers), Instance: instanceName(cfg), Well: facts.notReady, Fault: troubleOf(looks), Log: log, Reg: reg,
	})
	parts = append(parts, pulse.Run)
	private.handle(adminRoutes(admin{
		book: book, facts: facts, people: people, acts: manual.New(in, acts, people, log),
		rec: rec, store: store, checkpoint: cfg.CheckpointFile(), tenant: cfg.Tenant, reg: reg, log: log,
	}))

	// Everything runs until ctx ends or one part cannot go on.
	g, ctx := errgroup.WithContext(ctx)
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
	n, _, _ := rec.Head()
	log.Info("running", "roles", cfg.Roles.String(), "entries", n, "webhooks", public.url(), "admin", private.url())
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

func announcers(receivers []*alertmanager.Receiver) []alerting.Announcer {
	var all []alerting.Announcer
	for _, r := range receivers {
		all = append(all, r)
	}
	return all
}
