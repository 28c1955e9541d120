package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A backup of an embedded store becomes the streams of a cluster of three, and a
// backup of those is the same.
func TestABackupIsRestoredIntoACluster(t *testing.T) {
	t.Parallel() // it mostly waits
	s := filled(t)
	dir := backedUp(t, s)
	want := dumps(t, s.store)
	s.close()

	nats := natstest.Start(t, natstest.Options{})
	cfg := vacant(t, s)
	cfg.Store = stream.Default()
	cfg.Store.NATS.URLs = strings.Split(nats.URLs(), ",")
	cfg.Store.Replicas = 3
	log := slog.New(slog.DiscardHandler)
	host, err := stream.Begin(t.Context(), cfg.Store, log)
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	nc, err := host.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Create(t.Context(), nc, cfg.Store); err != nil {
		t.Fatal(err)
	}
	if err := restoreQuietly(t, cfg, dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(cfg.CheckpointFile()); err != nil {
		t.Errorf("the checkpoint: %v", err)
	}
	store, err := stream.Open(t.Context(), nc, cfg.Store, stream.Hooks{}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if d := cmp.Diff(want, dumps(t, store), cmpopts.EquateEmpty()); d != "" {
		t.Errorf("restored (-want +got):\n%s", d)
	}
	again := filepath.Join(t.TempDir(), "again")
	if _, err := backupStore(t.Context(), store, shelfOptions(s, again)); err != nil {
		t.Errorf("a backup of the cluster: %v", err)
	}
	if err := os.Remove(cfg.CheckpointFile()); err != nil {
		t.Fatal(err)
	}
	if got := refusedAs(restoreQuietly(t, cfg, dir)); got != backup.RefuseNotEmpty {
		t.Errorf("a second time it is refused with %s, want %s", got, backup.RefuseNotEmpty)
	}
}
