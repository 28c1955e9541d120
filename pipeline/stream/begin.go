package stream

import (
	"context"
	"log/slog"

	"github.com/nats-io/nats.go"
)

// A Host is where the streams live: the server in this process ([Server]), or
// an external cluster ([Cluster]).
type Host interface {
	// Connect returns a connection with the options that [Open] needs. It lives
	// until Close, through restarts and lost connections.
	Connect(name string) (*nats.Conn, error)
	// Health returns nil when the store can be written, so far as the server
	// says: it knows of write errors and of no lost bytes.
	Health() error
	// Room returns a [FullError] when nothing more is to be taken.
	Room() error
	// Run watches the host until ctx ends, and mends what it can.
	Run(ctx context.Context) error
	// Close ends the connections. It may be called twice.
	Close() error
	// Embedded reports whether no other process can use these streams.
	Embedded() bool
}

// Begin starts the server in this process, or reaches the configured cluster
// and refuses it by name where it cannot keep the record safely.
func Begin(ctx context.Context, cfg Config, log *slog.Logger) (Host, error) {
	if cfg.NATS.External() {
		c, err := Join(ctx, cfg, log)
		if err != nil {
			return nil, err
		}
		return c, nil
	}
	s, err := Start(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Embedded reports true: the directory's lock keeps others out.
func (s *Server) Embedded() bool { return true }
