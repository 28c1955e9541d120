package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// restoreCmd puts a backup in the place of a store that is not there.
type restoreCmd struct {
	Dir string `arg:"" help:"Directory that holds the backup." placeholder:"DIR"`
}

// Run restores the backup, and says what is there now.
func (c *restoreCmd) Run(ctx context.Context, s *session) error {
	cfg, err := Load(s.Config)
	if err != nil {
		return err
	}
	bar := say.Start(s.stderr, "restore the store", 0)
	defer bar.Stop()
	m, err := restore(ctx, cfg, c.Dir, slog.New(slog.DiscardHandler), bar.Set)
	bar.Stop()
	if err != nil {
		return err
	}
	return s.tellBackup("restored", c.Dir, m)
}

// restore reads the backup in dir, looks whether it is what was written, and
// makes the configured store of it.
func restore(ctx context.Context, cfg Config, dir string, log *slog.Logger, progress func(done, total int64)) (m backup.Manifest, err error) {
	pepper, err := readPepper(cfg.PepperFile)
	if err != nil {
		return m, err
	}
	c, err := backup.Open(ctx, dir, backup.Want{Tenant: cfg.Store.Tenant, Pepper: pepper.Check().String()})
	if err != nil {
		return m, err
	}
	defer func() { err = errors.Join(err, c.Close()) }()
	r := &restoring{cfg: cfg, copy: c, log: log, progress: progress}
	if r.mark, _, err = lastEntry(c); err != nil {
		return m, err
	}
	if cfg.Store.NATS.External() {
		err = r.cluster(ctx)
	} else {
		err = r.embedded(ctx)
	}
	return c.Manifest(), err
}

// readPepper reads a pepper that must be there already.
func readPepper(path string) (incident.Pepper, error) {
	secret, err := conf.ReadSecret(path)
	if err != nil {
		return incident.Pepper{}, say.WithHint(fmt.Errorf("read pepper: %w", err),
			"put back the pepper file that belonged to the store when it was copied; the backup holds no pepper")
	}
	pepper, err := incident.NewPepper([]byte(secret.Reveal()))
	if err != nil {
		return incident.Pepper{}, fmt.Errorf("%w in %s", err, path)
	}
	return pepper, nil
}

// restoring is one backup on its way into a store.
type restoring struct {
	cfg      Config
	copy     *backup.Copy
	mark     ledger.Checkpoint
	log      *slog.Logger
	progress func(done, total int64)
	done     int64
}

// storeName is the directory that the server keeps in its own.
const storeName = "jetstream"

// embedded builds the store beside its place and renames it. Nothing is synced
// while it is built, and everything before it is renamed.
func (r *restoring) embedded(ctx context.Context) (err error) {
	dir := r.cfg.Store.Dir
	lock, err := stream.LockDir(dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	free, err := freeBytes(dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if need := r.copy.Bytes() + r.copy.Bytes()/4 + int64(r.cfg.Store.MinFree); free < need {
		return &backup.RefusedError{Name: backup.RefuseSpace, Path: dir, What: fmt.Sprintf("%d bytes are free, about %d are needed", free, need)}
	}
	m := r.copy.Manifest()
	return backup.Install(ctx, m.Sum, backup.Place{
		Dir: dir, Name: storeName, Checkpoint: r.cfg.CheckpointFile(),
		Build: func(ctx context.Context, dir string) error { return r.open(ctx, dir, r.fill) },
		Again: func(ctx context.Context, dir string) error { return r.open(ctx, dir, r.verify) },
		WriteCheckpoint: func() error {
			if err := os.MkdirAll(filepath.Dir(r.cfg.CheckpointFile()), 0o700); err != nil {
				return err
			}
			return r.marks()
		},
	})
}

// open runs work on the store in dir, which no other process uses.
func (r *restoring) open(ctx context.Context, dir string, work func(context.Context, *stream.Store) error) (err error) {
	cfg := r.cfg.Store
	cfg.Dir = dir
	srv, err := stream.StartUnsynced(ctx, cfg, r.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, srv.Close()) }()
	nc, err := srv.Connect("restore")
	if err != nil {
		return fmt.Errorf("connect to the store: %w", err)
	}
	return r.streams(ctx, nc, cfg, work)
}

// fill fills an empty store with the backup and compares it with that.
func (r *restoring) fill(ctx context.Context, store *stream.Store) error {
	if err := store.Empty(ctx); err != nil {
		return &backup.RefusedError{Name: backup.RefuseNotEmpty, Path: r.cfg.Store.Tenant, Err: err}
	}
	// The record first: while it is there and has no checkpoint, no promptness
	// starts on what is only half there.
	order := []backup.Section{backup.Ledger, backup.Positions, backup.Deliveries, backup.Signals, backup.Evidence}
	for _, s := range order {
		if err := store.Fill(ctx, stream.Part(s), r.copy.Last(s), r.messages(ctx, s)); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return r.verify(ctx, store)
}

// messages yields a section of the backup, and tells how far it is.
func (r *restoring) messages(ctx context.Context, s backup.Section) iter.Seq2[stream.Raw, error] {
	return func(yield func(stream.Raw, error) bool) {
		for m, err := range r.copy.Messages(ctx, s, 1) {
			r.done += int64(len(m.Body))
			r.progress(r.done, max(r.copy.Bytes(), r.done))
			if !yield(stream.Raw(m), err) {
				return
			}
		}
	}
}

// verify compares what is in the store with the backup, message by message, and
// then walks the restored record with every signal.
func (r *restoring) verify(ctx context.Context, store *stream.Store) error {
	m := r.copy.Manifest()
	differs := func(err error) error {
		return &backup.RefusedError{Name: backup.RefuseDiffers, Path: r.cfg.Store.Tenant, Err: err}
	}
	for _, s := range backup.Sections() {
		if err := r.compare(ctx, store, s); err != nil {
			return differs(fmt.Errorf("%s: %w", s, err))
		}
	}
	vault := store.Vault("")
	found, err := verifyAgainst(ctx, store.Ledger(), restoredVault{vault, r.copy.Last(backup.Signals)}, r.mark)
	if err := errors.Join(err, vault.Close()); pipeline.Damaged(err) {
		return &backup.RefusedError{Name: backup.RefuseRecord, Path: r.cfg.Store.Tenant, Err: err}
	} else if err != nil {
		return fmt.Errorf("verify what was restored: %w", err) // nothing is said against it
	}
	if got := recordOf(found); got != m.Record {
		return differs(fmt.Errorf("the restored record is %+v, the manifest says %+v", got, m.Record))
	}
	return nil
}

// A restoredVault is the signals of a store whose end was compared already.
type restoredVault struct {
	*stream.Vault
	end uint64
}

// End returns the last sequence, whatever has become of its message.
func (v restoredVault) End(context.Context) (uint64, error) { return v.end, nil }

var errMore = errors.New("there is more than in the backup")

// compare compares a part of the store with its section of the backup.
func (r *restoring) compare(ctx context.Context, store *stream.Store, s backup.Section) error {
	next, stop := iter.Pull2(r.copy.Messages(ctx, s, 1))
	defer stop()
	last, err := store.Dump(ctx, stream.Part(s), func(got stream.Raw) error {
		want, err, ok := next()
		if !ok {
			return errMore
		}
		if err != nil {
			return err
		}
		if s == backup.Positions {
			got.Seq = want.Seq // values have new revisions
		}
		if !same(got, stream.Raw(want)) {
			return fmt.Errorf("message %d is not message %d of the backup", got.Seq, want.Seq)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if want, err, ok := next(); ok {
		return errors.Join(fmt.Errorf("message %d is missing", want.Seq), err)
	}
	if want := r.copy.Last(s); last != want && s != backup.Positions {
		return fmt.Errorf("it ends with message %d, not %d", last, want)
	}
	return nil
}

// same reports whether two messages are one but for the time at which they were
// stored.
func same(a, b stream.Raw) bool {
	return a.Seq == b.Seq && a.Key == b.Key && a.Piece == b.Piece && a.Pieces == b.Pieces && bytes.Equal(a.Body, b.Body) &&
		maps.EqualFunc(a.Header, b.Header, slices.Equal[[]string])
}
