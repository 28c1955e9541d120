package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"golang.org/x/sync/errgroup"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// The leases of what only one process does at a time; that of the processor is
// beside it.
const (
	leaseAlert   = "alert"
	leaseMailbox = "mailbox."
)

// holderName tells this process from others in leases and logs: the machine, the
// process, and a few random digits, since both are used again in containers.
func holderName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	b := make([]byte, 4)
	rand.Read(b) // never fails
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), hex.EncodeToString(b))
}

// instanceName tells this process from others of promptness that tell the same
// receivers; it is the same after a restart.
func instanceName(cfg Config) string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return host + "/" + cfg.Roles.String() + "/" + cfg.Listen.Admin
}

// polled lists the sources that are read rather than sent to.
func polled(r *incident.Rules) []incident.SourceName {
	var names []incident.SourceName
	for _, s := range r.Sources {
		if s.Polled {
			names = append(names, s.Name)
		}
	}
	return names
}

// tour tells people for as long as the lease is held.
func tour(desk *alerting.Desk, log *slog.Logger) func(context.Context) error {
	return func(ctx context.Context) error {
		log.InfoContext(ctx, "telling people of alerts")
		err := desk.Run(ctx)
		log.InfoContext(ctx, "no longer telling people of alerts")
		return err
	}
}

// A mailbox is read by one process at a time: by two it would be stored twice
// over, which the fold would undo, and its position would go to and fro.
type mailbox struct {
	name   incident.SourceName
	box    *email.Box
	marks  *marks
	lease  *stream.Lease
	shared bool
	log    *slog.Logger
}

// run reads the mailbox while the lease is held, until ctx ends.
func (m *mailbox) run(ctx context.Context) error {
	return m.lease.Hold(ctx, func(ctx context.Context) error {
		m.log.InfoContext(ctx, "reading the mailbox", "source_name", string(m.name))
		m.marks.own(m.name, m.box)
		defer m.marks.own(m.name, nil)
		g, gctx := errgroup.WithContext(ctx)
		g.Go(func() error { return m.box.Run(gctx) })
		if m.shared {
			g.Go(func() error { m.marks.save(gctx, m.name, m.box); return nil })
			g.Go(func() error { m.marks.publish(gctx, m.name, m.box); return nil })
		}
		if err := g.Wait(); !errors.Is(err, context.Canceled) {
			return err
		}
		return nil
	})
}
