package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// A Server is the nats-server in this process. It listens on no socket; whoever
// wants to reach it connects through [Server.Connect].
type Server struct {
	cfg  Config
	log  *slog.Logger
	lock *os.File
	sync *syncMeter

	restart sync.Mutex // held by Restart and Close, before mu

	mu     sync.Mutex
	cur    *server.Server // nil while it restarts and after Close
	conns  []*nats.Conn
	closed bool
}

// Start starts the server on cfg.Dir and returns when it takes messages. It
// fails if another process uses the directory, and, unless cfg.Ephemeral says
// that nothing matters, if what is stored there could vanish; see [CheckDir].
func Start(ctx context.Context, cfg Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	if cfg.Dir == "" {
		return nil, errors.New("start store: dir: must be set")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	if err := checkPlace(ctx, cfg, log); err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	lock, err := lockDir(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	s := &Server{cfg: cfg, log: log, lock: lock, sync: newSyncMeter(cfg.Dir, log)}
	if err := s.sync.measure(ctx); err != nil {
		// Whatever is the matter, the server says it better, or does not mind.
		log.WarnContext(ctx, "cannot measure the disk of the store", "err", err)
	}
	if s.cur, err = s.boot(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start store in %s: %w", cfg.Dir, err), lock.Close())
	}
	return s, nil
}

// checkPlace refuses a directory that is not safe, unless nothing in it matters.
func checkPlace(ctx context.Context, cfg Config, log *slog.Logger) error {
	if cfg.Ephemeral {
		return nil
	}
	unknown, err := CheckDir(cfg.Dir)
	if unknown != "" {
		log.WarnContext(ctx, "cannot tell whether the store survives a power cut here; ext4 and xfs are known to keep it",
			"dir", cfg.Dir, "file_system", unknown)
	}
	return err
}

// lockDir keeps a second process out: two servers on one directory destroy it,
// and nats-server does not look. The lock ends with the process, however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(&InUseError{Dir: dir}, f.Close())
	}
	return f, nil
}

// An InUseError reports a store directory that another process uses.
type InUseError struct{ Dir string }

func (e *InUseError) Error() string { return fmt.Sprintf("lock %s: another process uses it", e.Dir) }

// Hint says what to do.
func (e *InUseError) Hint() string {
	return "stop the other promptness, or give this one its own directory"
}

// boot starts a server and waits until JetStream answers.
func (s *Server) boot(ctx context.Context) (*server.Server, error) {
	if err := checkBlocks(s.cfg.Dir); err != nil {
		return nil, err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName:        "promptness",
		DontListen:        true,
		JetStream:         true,
		StoreDir:          s.cfg.Dir,
		SyncAlways:        true,
		JetStreamMaxStore: int64(s.cfg.MaxBytes.sum() + 64*MiB),
		// Consumers of readers are kept in memory; they hold no messages.
		JetStreamMaxMemory: int64(64 * MiB),
		NoSigs:             true,
	})
	if err != nil {
		return nil, err
	}
	srv.SetLogger(serverLog{s.log}, false, false)
	srv.Start()
	// Longer than 25 ms and the server sleeps so long between two looks.
	for !srv.ReadyForConnections(20 * time.Millisecond) {
		if !wait(ctx, 5*time.Millisecond) {
			srv.Shutdown()
			srv.WaitForShutdown()
			return nil, ctx.Err()
		}
	}
	if !srv.JetStreamEnabled() {
		srv.Shutdown()
		srv.WaitForShutdown()
		return nil, errors.New("jetstream did not start; its reason is in the log")
	}
	return srv, nil
}

// InProcessConn returns a connection to the server that runs now. It is asked
// at each reconnect, so clients outlive a restart.
func (s *Server) InProcessConn() (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cur == nil {
		return nil, errors.New("connect to the store: it is not running")
	}
	return s.cur.InProcessConn()
}

// Connect returns a connection that lives until [Server.Close].
func (s *Server) Connect(name string) (*nats.Conn, error) {
	nc, err := nats.Connect("", append(ConnOptions(name), nats.InProcessServer(s))...)
	if err != nil {
		return nil, fmt.Errorf("connect to the store: %w", err)
	}
	s.mu.Lock()
	s.conns = append(s.conns, nc)
	s.mu.Unlock()
	return nc, nil
}

// Restart stops the server and starts it again under its living clients. After
// a write error a stream takes nothing until then.
func (s *Server) Restart(ctx context.Context) error {
	s.restart.Lock()
	defer s.restart.Unlock()
	s.mu.Lock()
	old, closed := s.cur, s.closed
	s.cur = nil
	s.mu.Unlock()
	if closed {
		return errors.New("restart store: it is closed")
	}
	if old != nil { // else the last restart failed
		old.Shutdown()
		old.WaitForShutdown()
	}
	srv, err := s.boot(ctx)
	if err != nil {
		return fmt.Errorf("restart store in %s: %w", s.cfg.Dir, err)
	}
	s.mu.Lock()
	s.cur = srv
	conns := slices.Clone(s.conns)
	s.mu.Unlock()
	// They come by themselves within 100 ms; a caller of Restart can go on then.
	for _, nc := range conns {
		for try := 0; !nc.IsConnected() && !nc.IsClosed() && try < 1000; try++ {
			if !wait(ctx, 5*time.Millisecond) {
				return ctx.Err()
			}
		}
	}
	return nil
}

// Run watches the server until ctx ends, and restarts it when it reports an
// error: after a failed write a stream takes nothing more until then, also when
// the disk has room again. Each minute it measures how long the disk takes to
// sync.
func (s *Server) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.sync.run(ctx) })
	for try := 0; ; {
		if !wait(ctx, 2*time.Second+time.Duration(min(try, 15))*2*time.Second) {
			return nil
		}
		err := s.Health()
		if err == nil {
			try = 0
			continue
		}
		try++
		s.log.ErrorContext(ctx, "store is not healthy, restarting its server", "err", err)
		if err := s.Restart(ctx); err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "store did not restart", "err", err)
		}
	}
}

// Health returns nil when the server and all its streams can be written, so far
// as the server knows: it names write errors, and says nothing of lost bytes.
func (s *Server) Health() error {
	s.mu.Lock()
	cur := s.cur
	s.mu.Unlock()
	if cur == nil {
		return errors.New("check store: it is not running")
	}
	if h := cur.Healthz(&server.HealthzOptions{}); h.Error != "" {
		return fmt.Errorf("check store: %s", h.Error)
	}
	return nil
}

// spareShare is the part of MinFree that attempts to tell people and positions
// leave free too: they go on for long after signals and the record have stopped,
// and stop before the disk is full, which would stop a stream for good.
const spareShare = 4

// Room returns a [FullError] when less than the configured space is free on the
// disk. It asks the file system each time.
func (s *Server) Room() error {
	if s.cfg.MinFree == 0 {
		return nil
	}
	free, err := FreeBytes(s.cfg.Dir)
	if err != nil {
		return fmt.Errorf("ask for free space: %w", err)
	}
	if free < s.cfg.MinFree {
		return &FullError{Stream: s.cfg.Dir, Spare: free >= s.cfg.MinFree/spareShare, Err: fmt.Errorf("%d bytes are free, %s must stay free", free, s.cfg.MinFree)}
	}
	return nil
}

// SyncTime returns how long 1 KiB took to be durable on the disk of the store
// when it was measured last, at the start or within the last minute, and when
// that was. While a measurement hangs it grows.
func (s *Server) SyncTime() (took time.Duration, at time.Time) { return s.sync.last() }

// Close closes the connections that [Server.Connect] gave, once what they sent
// is out, stops the server and waits until its files are closed. A second call
// does nothing.
func (s *Server) Close() error {
	s.restart.Lock()
	defer s.restart.Unlock()
	s.mu.Lock()
	cur, conns := s.cur, s.conns
	s.cur, s.conns, s.closed = nil, nil, true
	s.mu.Unlock()
	for _, nc := range conns {
		// Requests are answered or given up by now; this only empties the pipe.
		// Not FlushTimeout: its timers go round between bubbles of synctest.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		_ = nc.FlushWithContext(ctx)
		cancel()
		nc.Close()
	}
	if cur != nil {
		cur.Shutdown()
		cur.WaitForShutdown()
	}
	if s.lock == nil {
		return nil
	}
	err := s.lock.Close()
	s.lock = nil
	return err
}

// serverLog passes on what the server says of trouble. The server knows no
// signal; its text names streams, files and errors.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(string, ...any) {}
func (l serverLog) Debugf(string, ...any)  {}
func (l serverLog) Tracef(string, ...any)  {}
func (l serverLog) Warnf(format string, a ...any) {
	l.log.Warn("store server warns", "text", fmt.Sprintf(format, a...))
}

func (l serverLog) Errorf(format string, a ...any) {
	l.log.Error("store server reports an error", "text", fmt.Sprintf(format, a...))
}

func (l serverLog) Fatalf(format string, a ...any) {
	l.log.Error("store server cannot go on", "text", fmt.Sprintf(format, a...))
}
