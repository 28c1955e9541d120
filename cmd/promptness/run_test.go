package main

import (
	"context"
	"io"
	"log/slog"
	"testing"
)

// Who is asked to end before the record is read ends in order: a service manager
// that stops a machine must not see a failure.
func TestAskedToEndWhileItBeginsItEndsInOrder(t *testing.T) {
	cfg := Default()
	dir := t.TempDir()
	cfg = inDir(cfg, dir)
	cfg.Listen = Listen{Webhooks: "127.0.0.1:0", Admin: "127.0.0.1:0"}
	cfg.People[0].TokenFile = dir + "/me.token"
	cfg.Webhooks[0].Auth.TokenFile = dir + "/local.token"
	cfg.made = []string{dir + "/me.token", dir + "/local.token"}
	ctx, cancel := context.WithCancel(t.Context())
	// The first moment at which anything is said: the secrets are made, the store
	// is not begun.
	made := false
	err := serve(ctx, cfg, slog.New(slog.NewTextHandler(io.Discard, nil)), hooks{made: func([]string) { made = true; cancel() }})
	if !made {
		t.Fatal("the program did not come so far")
	}
	if err != nil {
		t.Errorf("serve = %v, want nil: it was asked to end", err)
	}
}
