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
)

// secretBytes is the length of what is made at first start.
const secretBytes = 32

// makeSecret writes a random secret to path unless a file is there, and reports
// whether it made one. The directory is made for us alone.
func makeSecret(path string) (made bool, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return false, fmt.Errorf("make secret: %w", err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("make secret: %w", err)
	}
	b := make([]byte, secretBytes)
	if _, err := rand.Read(b); err != nil {
		return false, errors.Join(fmt.Errorf("make secret %s: %w", path, err), f.Close())
	}
	_, err = f.WriteString(hex.EncodeToString(b) + "\n")
	// A token or a pepper that a crash takes away again locks people out of
	// their record.
	if err := errors.Join(err, f.Sync(), f.Close(), syncDir(filepath.Dir(path))); err != nil {
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

// loadPepper reads the pepper of the store, making one for a new store. A store
// that knows another pepper is refused: nothing would join any more.
func loadPepper(ctx context.Context, path string, positions ingest.Positions) (incident.Pepper, error) {
	known, err := positions.Load(ctx, pepperKey)
	if err != nil {
		return incident.Pepper{}, fmt.Errorf("read pepper: %w", err)
	}
	if known == nil {
		if _, err := makeSecret(path); err != nil {
			return incident.Pepper{}, err
		}
	}
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
		if err := positions.Save(ctx, pepperKey, []byte(check)); err != nil {
			return incident.Pepper{}, fmt.Errorf("remember pepper: %w", err)
		}
	case string(known) != check:
		return incident.Pepper{}, say.WithHint(fmt.Errorf("read pepper %s: it is not the one that this store was made with", path),
			"put back the pepper file of this store from where you keep it")
	}
	return pepper, nil
}
