package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/nats-io/nats.go"

	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// cluster fills the empty streams of an external cluster. They cannot be built
// elsewhere and renamed; but the record comes first and the checkpoint last, and
// no processor starts on a record without one. What an interrupted restore left
// is refused the next time: its streams are to be removed and made anew.
func (r *restoring) cluster(ctx context.Context) (err error) {
	if _, err := os.Lstat(r.cfg.CheckpointFile()); err == nil {
		return &backup.RefusedError{Name: backup.RefuseCheckpoint, Path: r.cfg.CheckpointFile()}
	}
	host, err := stream.Begin(ctx, r.cfg.Store, r.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	nc, err := host.Connect("restore")
	if err != nil {
		return fmt.Errorf("connect to the store: %w", err)
	}
	if err := r.streams(ctx, nc, r.cfg.Store, r.fill); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(r.cfg.CheckpointFile()), 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return r.marks()
}

// marks writes what belongs to the restored store beside it. The checkpoint is
// last: without it no promptness starts.
func (r *restoring) marks() error {
	if err := resetStored(r.cfg.StoredFile(), r.copy.Last(backup.Signals)); err != nil {
		return err
	}
	return writeCheckpoint(r.cfg.CheckpointFile(), r.mark)
}

// streams runs work on the streams behind nc.
func (r *restoring) streams(ctx context.Context, nc *nats.Conn, cfg stream.Config, work func(context.Context, *stream.Store) error) (err error) {
	// What was erased is judged by whoever compares it with the record.
	store, err := stream.Open(ctx, nc, cfg, stream.Hooks{Erased: func(uint64) bool { return true }}, r.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return work(ctx, store)
}
