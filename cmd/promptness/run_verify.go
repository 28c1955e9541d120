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
	cfg.Store.Ephemeral = true // nobody is promised anything here
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
	mark, err := readStored(cfg.StoredFile())
	if err != nil {
		return r, err
	}
	if cp, missing := ledger.ReadCheckpoint(cfg.CheckpointFile()); quick && missing == nil {
		r, err = ledger.VerifyFrom(ctx, store.Ledger(), vault{store}, cp, progress)
	} else {
		r, err = verifyWhole(ctx, store, cfg.CheckpointFile(), host.Embedded(), progress)
	}
	if err != nil {
		return r, err
	}
	return r, checkStored(ctx, store, mark)
}

// verifyWhole walks the whole record. Where it is not ours alone, this process's
// checkpoint may be behind it, or not be there: then the report names none.
func verifyWhole(ctx context.Context, store *stream.Store, checkpoint string, alone bool, progress func(done, total uint64)) (r ledger.Report, err error) {
	v := store.Vault("")
	defer func() { err = errors.Join(err, v.Close()) }()
	r, err = ledger.Verify(ctx, store.Ledger(), v, checkpoint, progress)
	refused, ok := errors.AsType[*ledger.RefusedError](err)
	switch {
	case alone || !ok:
		return r, err
	case refused.Name == ledger.RefuseStale:
		return r, nil
	case refused.Name == ledger.RefuseMissing:
		return ledger.VerifyFrom(ctx, store.Ledger(), v, ledger.Checkpoint{}, progress)
	default:
		return r, err
	}
}
