package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// verifyCmd walks the record: in its store, or, where a running promptness
// holds the store, by asking that.
type verifyCmd struct {
	Quick    bool `help:"Verify only what stands behind the last checkpoint; what stands before was verified when that was written."`
	Replicas bool `help:"Verify the copy that each server keeps, and name a bad one and its repair."`
}

// Verified is what verify prints with --json where all is sound.
type Verified struct {
	Verified bool `json:"verified"`
	ledger.Report
}

// Run prints how many entries are sound, or names the first bad one.
func (c *verifyCmd) Run(ctx context.Context, s *session) error {
	cfg, err := Load(s.Config)
	if err != nil {
		return err
	}
	if _, err := os.Stat(cfg.Store.Dir); errors.Is(err, fs.ErrNotExist) && !cfg.Store.NATS.External() {
		return say.WithHint(fmt.Errorf("verify the record: there is no store in %s", cfg.Store.Dir),
			"run it in the directory where promptness serve runs, or name the configuration with --config")
	}
	if c.Replicas {
		return s.verifyReplicas(ctx, cfg)
	}
	bar := say.Start(s.stderr, "verify the record", 0)
	v := Verified{Verified: true}
	v.Report, err = verifyStore(ctx, cfg, slog.New(slog.DiscardHandler), c.Quick, func(done, total uint64) { bar.Set(int64(done), int64(total)) })
	if _, busy := errors.AsType[*stream.InUseError](err); busy {
		v, err = s.verifyRunning(ctx, bar)
	}
	bar.Stop()
	if err != nil {
		return err
	}
	if s.JSON {
		return s.printJSON(v)
	}
	if v.Checkpoint == 0 && v.Entries > 0 {
		fmt.Fprintln(s.stderr, "warning: no checkpoint of this record is here; that its end is not cut off was not shown")
	}
	_, err = fmt.Fprintf(s.stdout, "verified %d entries; the last has hash %s\n", v.Entries, v.Head)
	return err
}

// verifyPatience bounds the wait for a server that verifies a large record.
const verifyPatience = 10 * time.Minute

// verifyRunning asks the promptness that holds the store.
func (s *session) verifyRunning(ctx context.Context, bar *say.Progress) (Verified, error) {
	v := Verified{}
	c, err := s.client(true)
	if err != nil {
		return v, err
	}
	c.http.Timeout = verifyPatience
	done := make(chan error, 1)
	go func() { done <- c.get(ctx, "/v1/verify", &v) }()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err != nil {
				return v, fmt.Errorf("verify the record: %w", err)
			}
			v.Verified = true
			return v, nil
		case <-tick.C:
			bar.Tick()
		}
	}
}
