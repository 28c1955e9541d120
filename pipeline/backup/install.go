package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// A Place is where a store is put.
type Place struct {
	// Dir is the directory of the store, which MUST be locked by the caller.
	Dir string
	// Name is that of the one directory that the store keeps in Dir.
	Name string
	// Checkpoint is the path of the checkpoint file.
	Checkpoint string
	// Build makes a store in the empty directory dir, verifies it and closes it.
	// It need not sync anything.
	Build func(ctx context.Context, dir string) error
	// Again verifies a store in dir that was built before a crash.
	Again func(ctx context.Context, dir string) error
	// WriteCheckpoint writes the checkpoint that belongs to the store, and syncs
	// it. A crash in it MUST leave no checkpoint, or the whole.
	WriteCheckpoint func() error
}

const (
	buildingName = "restoring.building" // the directory in which a store is built
	markName     = "restoring"          // says of which backup the store is, until it has its checkpoint
)

// Install puts the store of a backup in its place: nothing, or the whole. id
// names the backup.
//
// The order, and what a crash leaves. The store is built beside the place: a
// crash leaves a directory that the next Install removes. Every file of it is
// synced, then every directory, and then the mark is written; only then is it
// renamed into its place, so what stands there is durable whole. From there to
// the checkpoint, which is written last, the program refuses to start on it:
// a record without its checkpoint; and Install called again for the same backup
// sees its mark, verifies what stands there once more and writes the checkpoint.
func Install(ctx context.Context, id string, p Place) error { return install(ctx, id, p, files{}) }

func install(ctx context.Context, id string, p Place, fsys files) error {
	store, mark := filepath.Join(p.Dir, p.Name), filepath.Join(p.Dir, markName)
	building := filepath.Join(p.Dir, buildingName)
	ours, err := marked(mark, id)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	switch there, err := exists(store); {
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	case there && !ours:
		return &RefusedError{Name: RefuseNotEmpty, Path: store}
	case there:
		if err := p.Again(ctx, p.Dir); err != nil {
			return err
		}
		return finish(p, mark, fsys)
	}
	switch there, err := exists(p.Checkpoint); {
	case err != nil:
		return fmt.Errorf("restore: %w", err)
	case there:
		return &RefusedError{Name: RefuseCheckpoint, Path: p.Checkpoint}
	}
	if err := fsys.remove(building); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := os.Mkdir(building, 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if err := p.Build(ctx, building); err != nil {
		return errors.Join(err, os.RemoveAll(building))
	}
	if err := place(id, p, fsys); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return finish(p, mark, fsys)
}

// place makes what was built durable, and renames it to where it belongs.
func place(id string, p Place, fsys files) error {
	building := filepath.Join(p.Dir, buildingName)
	if err := fsys.syncTree(building); err != nil {
		return err
	}
	if err := fsys.write(filepath.Join(p.Dir, markName), []byte(id+"\n")); err != nil {
		return err
	}
	if err := fsys.rename(filepath.Join(building, p.Name), filepath.Join(p.Dir, p.Name)); err != nil {
		return err
	}
	return fsys.sync(p.Dir)
}

// finish writes the checkpoint and removes what was only there until then.
func finish(p Place, mark string, fsys files) error {
	if err := fsys.do("checkpoint", p.Checkpoint, p.WriteCheckpoint); err != nil {
		return fmt.Errorf("restore: write checkpoint: %w", err)
	}
	for _, path := range []string{mark, filepath.Join(p.Dir, buildingName)} {
		if err := fsys.remove(path); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	if err := fsys.sync(p.Dir); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	return nil
}

// marked reports whether the mark at path is that of a backup.
func marked(path, id string) (bool, error) {
	b, err := os.ReadFile(path)
	if notThere(err) {
		return false, nil
	}
	return strings.TrimSpace(string(b)) == id, err
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if notThere(err) {
		return false, nil
	}
	return err == nil, err
}
