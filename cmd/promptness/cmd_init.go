package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// initCmd makes ready an external cluster for the roles, which may make no
// streams.
type initCmd struct{}

// Initialised is what init prints.
type Initialised struct {
	Streams []stream.Made `json:"streams"`
	// Pepper is remembered, where the store learnt it now, or nothing.
	Pepper string `json:"pepper"`
	// PepperMade is the file of a pepper that was made now.
	PepperMade string `json:"pepper_made,omitempty"`
}

// Run makes what is missing. It can be run again, and after an interruption.
func (c *initCmd) Run(ctx context.Context, s *session) error {
	cfg, err := Load(s.Config)
	if err != nil {
		return err
	}
	if !cfg.Store.NATS.External() {
		return say.WithHint(errors.New("init: the store is in the program itself"),
			"nothing is to be made ready: promptness serve makes its streams at first start. To use a cluster, name its servers under store.nats.urls")
	}
	done, err := initialise(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	if s.JSON {
		return s.printJSON(done)
	}
	return done.write(s.stdout)
}

// initialise creates the streams that are missing and has the store remember
// the pepper.
func initialise(ctx context.Context, cfg Config, log *slog.Logger) (done Initialised, err error) {
	host, err := stream.Begin(ctx, cfg.Store, log)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	nc, err := host.Connect("promptness init")
	if err != nil {
		return done, fmt.Errorf("connect to the store: %w", err)
	}
	if done.Streams, err = stream.Create(ctx, nc, cfg.Store); err != nil {
		return done, err
	}
	store, err := stream.Open(ctx, nc, cfg.Store, stream.Hooks{Room: host.Room}, log)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	known, err := store.Load(ctx, pepperKey)
	if err != nil {
		return done, fmt.Errorf("read pepper: %w", err)
	}
	done.Pepper = "nothing"
	if known == nil {
		done.Pepper = "remembered"
		_, last, _, err := store.Ledger().State(ctx)
		if err != nil {
			return done, err
		}
		if last == 0 { // else there is a pepper somewhere, and a new one would never join
			made, err := makeSecret(cfg.PepperFile)
			if err != nil {
				return done, err
			}
			if made {
				done.PepperMade = cfg.PepperFile
			}
		}
	}
	_, err = rememberPepper(ctx, cfg.PepperFile, store, known)
	return done, err
}

func (d Initialised) write(w io.Writer) error {
	var b strings.Builder
	for _, m := range d.Streams {
		did := m.Did
		if did == "nothing" {
			did = "is as it should be"
		}
		fmt.Fprintf(&b, "stream %s: %s\n", m.Stream, did)
	}
	switch {
	case d.PepperMade != "":
		fmt.Fprintf(&b, "pepper: made in %s and remembered; give this file to every process, and keep a copy elsewhere\n", d.PepperMade)
	case d.Pepper == "remembered":
		b.WriteString("pepper: remembered\n")
	default:
		b.WriteString("pepper: is the one that this store was made with\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
