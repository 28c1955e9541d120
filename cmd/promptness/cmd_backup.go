package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/backup"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// backupCmd copies everything that a tenant has in the store.
type backupCmd struct {
	Dir string `arg:"" help:"Directory to make the backup in; empty, or not there yet." placeholder:"DIR"`
}

// BackedUp is what backup and restore print with --json.
type BackedUp struct {
	Dir    string    `json:"dir"`
	Tenant string    `json:"tenant"`
	Made   time.Time `json:"made"`
	backup.Record
}

// Run makes the backup, verifies it, and says what is in it.
func (c *backupCmd) Run(ctx context.Context, s *session) error {
	cfg, err := Load(s.Config)
	if err != nil {
		return err
	}
	bar := say.Start(s.stderr, "copy the store", 0)
	defer bar.Stop()
	o := backup.Options{
		Dir: c.Dir, Tenant: cfg.Store.Tenant, Made: time.Now(), By: buildVersion().Version,
		Verify:   verifyCopy,
		Free:     freeBytes,
		Progress: bar.Set,
	}
	var m backup.Manifest
	err = s.direct(ctx, cfg, func(store *stream.Store) error {
		m, err = backupStore(ctx, store, o)
		return err
	}, func() error {
		res, err := s.stream(ctx, "/v1/backup")
		if err != nil {
			return err
		}
		defer res.close()
		m, err = backup.Receive(ctx, res, o)
		return err
	})
	bar.Stop()
	if err != nil {
		return err
	}
	return s.tellBackup("backed up", c.Dir, m)
}

func freeBytes(dir string) (int64, error) {
	n, err := stream.FreeBytes(dir)
	return int64(n), err
}

func (s *session) tellBackup(what, dir string, m backup.Manifest) error {
	if s.JSON {
		return s.printJSON(BackedUp{Dir: dir, Tenant: m.Tenant, Made: m.Made, Record: m.Record})
	}
	_, err := fmt.Fprintf(s.stdout, "%s %d entries and %d signals, until %s, in %s\nthe last entry has hash %s\n",
		what, m.Record.Entries, m.Record.Signals, m.Record.Until.Format(time.RFC3339), dir, m.Record.Hash)
	return err
}

// backupStore makes a backup from the store itself.
func backupStore(ctx context.Context, store *stream.Store, o backup.Options) (backup.Manifest, error) {
	pr, pw := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { pw.CloseWithError(backup.Send(ctx, storeSource{store}, o.Tenant, pw)) })
	m, err := backup.Receive(ctx, pr, o)
	pr.CloseWithError(err) // ends the sender, if it has not ended
	wg.Wait()
	return m, err
}

// newBackupHandler serves everything that is in the store, one request at a
// time. The caller guards it: raw signals are in it.
func newBackupHandler(store *stream.Store, tenant string, log *slog.Logger) http.Handler {
	var one sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !one.TryLock() {
			http.Error(w, "another backup is being made", http.StatusServiceUnavailable)
			return
		}
		defer one.Unlock()
		out := &streamed{w: w, rc: http.NewResponseController(w)}
		w.Header().Set("Content-Type", "application/octet-stream")
		if err := backup.Send(r.Context(), storeSource{store}, tenant, out); err != nil {
			out.fail(r.Context(), err, log.With("what", "backup"))
		}
	})
}

// A storeSource is the store as it is copied.
type storeSource struct{ store *stream.Store }

// Size returns about how many bytes there are.
func (s storeSource) Size(ctx context.Context) (int64, error) {
	n, err := s.store.Size(ctx)
	return int64(n), err
}

// Dump yields what a section holds.
func (s storeSource) Dump(ctx context.Context, section backup.Section, yield func(backup.Message) error) (uint64, error) {
	return s.store.Dump(ctx, stream.Part(section), func(r stream.Raw) error { return yield(backup.Message(r)) })
}

var errNothing = errors.New("the store holds no record yet")
