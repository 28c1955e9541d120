package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// secretBytes is the length of what is made at first start.
const secretBytes = 32

// makeSecret writes a random secret to path unless a file is there, and reports
// whether it made one. The directory is made for us alone. The file is there
// whole or not at all: half a secret after a crash would lock everybody out at
// every later start.
func makeSecret(path string) (made bool, err error) {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return false, fmt.Errorf("make secret: %w", err)
	}
	if _, err := os.Lstat(path); err == nil {
		return false, nil
	}
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return false, fmt.Errorf("make secret: %w", err)
	}
	defer func() { err = errors.Join(err, os.Remove(f.Name())) }()
	b := make([]byte, secretBytes)
	_, err = rand.Read(b)
	if err == nil {
		_, err = f.WriteString(hex.EncodeToString(b) + "\n")
	}
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return false, fmt.Errorf("make secret %s: %w", path, err)
	}
	// A link never replaces a file that somebody else put there meanwhile.
	switch err := os.Link(f.Name(), path); {
	case errors.Is(err, fs.ErrExist):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("make secret: %w", err)
	}
	// A token or a pepper that a power cut takes away again locks people out of
	// their record.
	if err := syncDir(dir); err != nil {
		return false, fmt.Errorf("make secret %s: %w", path, err)
	}
	return true, nil
}

// makeSecrets makes those of files that are missing and returns them.
func makeSecrets(files []string) ([]string, error) {
	var made []string
	for _, f := range files {
		is, err := makeSecret(f)
		if err != nil {
			return made, err
		}
		if is {
			made = append(made, f)
		}
	}
	return made, nil
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// pepperKey is where the store remembers by which pepper its record was made.
const pepperKey = "pepper"

// loadPepper reads the pepper of the store, making one for a new store of this
// process. A store that knows another pepper is refused: nothing would join any
// more. In a cluster the pepper is made and remembered by promptness init: two
// processes would make two, and a service may have no right to say which counts.
func loadPepper(ctx context.Context, path string, store *stream.Store) (incident.Pepper, error) {
	known, err := store.Load(ctx, pepperKey)
	if err != nil {
		return incident.Pepper{}, fmt.Errorf("read pepper: %w", err)
	}
	if known == nil && store.Shared() {
		_, err := os.Stat(path)
		var p incident.Pepper
		if err == nil {
			// Who may write it need not run init for that.
			if p, err = rememberPepper(ctx, path, store, nil); err == nil {
				return p, nil
			}
		}
		return p, say.WithHint(fmt.Errorf("read pepper: the cluster knows of none for this record: %w", err),
			"run promptness init with the operator's credentials and the pepper file that every process gets, once")
	}
	if known == nil {
		if _, err := makeSecret(path); err != nil {
			return incident.Pepper{}, err
		}
	}
	return rememberPepper(ctx, path, store, known)
}

// rememberPepper reads the pepper file and holds it against what the store knows,
// or has the store remember it where it knows none.
func rememberPepper(ctx context.Context, path string, store ingest.Positions, known []byte) (incident.Pepper, error) {
	secret, err := conf.ReadSecret(path)
	if err != nil {
		return incident.Pepper{}, say.WithHint(fmt.Errorf("read pepper: %w", err),
			"put back the pepper file of this store from where you keep it; without it known signals and new ones never join")
	}
	pepper, err := incident.NewPepper([]byte(secret.Reveal()))
	if err != nil {
		return incident.Pepper{}, fmt.Errorf("%w in %s", err, path)
	}
	switch check := pepper.Check().String(); {
	case known == nil:
		if err := store.Save(ctx, pepperKey, []byte(check)); err != nil {
			return incident.Pepper{}, fmt.Errorf("remember pepper: %w", err)
		}
	case string(known) != check:
		return incident.Pepper{}, say.WithHint(fmt.Errorf("read pepper %s: it is not the one that this store was made with", path),
			"put back the pepper file of this store from where you keep it")
	}
	return pepper, nil
}
