package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Hooks are what the store asks others. Each may be nil and may be called from
// any goroutine.
type Hooks struct {
	// Refuse reports whether the bytes of a signal were erased, so that they are
	// not taken again.
	Refuse func(incident.SignalID) bool
	// Erased reports whether message seq of SIGNALS was erased on purpose. A
	// missing message that was not is a [GapError].
	Erased func(seq uint64) bool
	// Lost reports whether a person accepted that the signal at seq and index of
	// SIGNALS is lost, or with index -1 message seq as a whole: it is passed over
	// where it is missing or damaged.
	Lost func(seq uint64, index int) bool
	// Room returns an error when nothing more is to be taken; see [Server.Room].
	Room func() error
	// Write is told of each message just before it is sent to be stored, and with
	// stored again as soon as the store has answered that it is: the two moments
	// between which nobody knows. A test ends its process there.
	Write func(subject string, body []byte, stored bool)
}

// A Store is the streams of one tenant over one connection. Its methods may be
// called from any goroutine.
type Store struct {
	cfg   Config
	log   *slog.Logger
	hooks Hooks
	nc    *nats.Conn
	js    jetstream.JetStream
	names names

	signals    jetstream.Stream
	ledger     jetstream.Stream
	deliveries jetstream.Stream
	positions  jetstream.KeyValue
	leases     jetstream.KeyValue
	evidence   jetstream.ObjectStore // to list and read; its Put needs a rollup, which is denied
	objects    objects               // what writes

	put *committer

	mu      sync.Mutex
	readers map[*Reader]struct{}
	lastPos lastPos

	revisions revisions // of positions
}

// Open finds the streams, refuses those that are unsafe or not as configured,
// and is ready for signals. On the embedded server it makes those that are
// missing; in a cluster that is the operator's, see [Create], and Open waits up
// to half a minute for a cluster that has not settled. nc must have the options
// of [ConnOptions]; it stays the caller's.
func Open(ctx context.Context, nc *nats.Conn, cfg Config, hooks Hooks, log *slog.Logger) (*Store, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if !nc.Opts.NoEcho || nc.Opts.ReconnectBufSize >= 0 {
		return nil, errors.New("open store: the connection lacks the options of ConnOptions")
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(cfg.Timeout),
		jetstream.WithPublishAsyncTimeout(cfg.Timeout))
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s := &Store{
		cfg: cfg, log: log, hooks: hooks, nc: nc, js: js, names: namesOf(cfg.Tenant),
		readers: make(map[*Reader]struct{}),
	}
	if err := s.openStreams(ctx); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	s.put = newCommitter(s, s.wire())
	return s, nil
}

// Close stores what waits, refuses what comes after, and stops the readers. It
// may be called twice.
func (s *Store) Close() error {
	s.put.close()
	s.mu.Lock()
	readers := s.readers
	s.readers = nil
	s.mu.Unlock()
	for r := range readers {
		r.stop()
	}
	return nil
}

// request returns ctx with the deadline of one request.
func (s *Store) request(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.cfg.Timeout)
}

// Shared reports whether other processes can use these streams too.
func (s *Store) Shared() bool { return s.cfg.NATS.External() }
