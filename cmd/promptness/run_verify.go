package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// verifyStore walks the record in cfg's data directory, with no promptness
// running on it, or in its external NATS, and returns what was found; quick
// begins at the checkpoint. The error names the first bad record.
func verifyStore(ctx context.Context, cfg Config, log *slog.Logger, quick bool, progress func(done, total uint64)) (r ledger.Report, err error) {
	host, err := stream.Begin(ctx, cfg.Store, log)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	nc, err := host.Connect("verify")
	if err != nil {
		return r, fmt.Errorf("connect to the store: %w", err)
	}
	defer nc.Close()
	store, err := stream.Open(ctx, nc, cfg.Store, stream.Hooks{}, log)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	if cp, err := ledger.ReadCheckpoint(cfg.CheckpointFile()); quick && err == nil {
		return ledger.VerifyFrom(ctx, store.Ledger(), vault{store}, cp, progress)
	}
	return ledger.Verify(ctx, store.Ledger(), vault{store}, cfg.CheckpointFile(), progress)
}
