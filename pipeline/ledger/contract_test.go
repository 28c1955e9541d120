package ledger_test

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger/ledgertest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestALogInMemoryKeepsTheContract(t *testing.T) {
	ledgertest.Run(t, func(*testing.T) (ledger.Log, func() ledger.Log) {
		log := &ledgertest.Memory{}
		return log, func() ledger.Log { return log }
	})
}

// A server is the real store on a directory, opened and closed in turn.
type server struct {
	dir   string
	store *stream.Store
	shut  func()
}

func serve(tb testing.TB, dir string) *server {
	tb.Helper()
	cfg := stream.Default()
	cfg.Dir, cfg.MinFree = filepath.Join(dir, "store"), 0
	cfg.Ephemeral = true
	cfg.MaxBytes = stream.Limits{
		Signals: 256 * stream.MiB, Ledger: 1024 * stream.MiB, Deliveries: 16 * stream.MiB,
		Positions: 4 * stream.MiB, Evidence: 64 * stream.MiB,
	}
	log := slog.New(slog.DiscardHandler)
	srv, err := stream.Start(tb.Context(), cfg, log)
	if err != nil {
		tb.Fatal(err)
	}
	nc, err := srv.Connect("ledger test")
	if err != nil {
		tb.Fatal(err)
	}
	store, err := stream.Open(tb.Context(), nc, cfg, stream.Hooks{}, log)
	if err != nil {
		tb.Fatal(err)
	}
	s := &server{dir: dir, store: store}
	open := true
	s.shut = func() {
		if !open {
			return
		}
		open = false
		err := store.Close()
		nc.Close()
		if err := errors.Join(err, srv.Close()); err != nil {
			tb.Errorf("close the store: %v", err)
		}
	}
	tb.Cleanup(s.shut)
	return s
}

func (s *server) Last(ctx context.Context) (incident.Pos, error) {
	r := s.store.Signals(incident.Pos{})
	pos, err := r.Last(ctx)
	return pos, errors.Join(err, r.Close())
}

func (s *server) Signal(ctx context.Context, pos incident.Pos) (incident.Stored, error) {
	return s.store.Signal(ctx, pos)
}

func TestTheRealLogKeepsTheContract(t *testing.T) {
	ledgertest.Run(t, func(t *testing.T) (ledger.Log, func() ledger.Log) {
		s := serve(t, t.TempDir())
		return s.store.Ledger(), func() ledger.Log {
			s.shut()
			s = serve(t, s.dir)
			return s.store.Ledger()
		}
	})
}
