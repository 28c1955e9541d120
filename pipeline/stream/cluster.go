package stream

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// TestedServer is the oldest nats-server that a cluster may run. The promises
// are shown on this version; older ones lose data in ways that it does not.
const TestedServer = "2.15.2"

// testedAPI is the JetStream API level of [TestedServer].
const testedAPI = 5

// lookEvery is how often a cluster is asked how it is; lookStale is the age from
// which the last answer says nothing any more.
const (
	lookEvery = 2 * time.Second
	lookStale = 15 * time.Second
)

// A Cluster is the servers of an external NATS, seen as a client.
type Cluster struct {
	cfg  Config
	log  *slog.Logger
	opts []nats.Option
	nc   *nats.Conn // our own, for looking
	js   jetstream.JetStream
	http *http.Client // of the servers' monitoring

	mu     sync.Mutex
	conns  []*nats.Conn
	closed bool
	seen   look
}

// A look is what the cluster answered last.
type look struct {
	at     time.Time
	health error
	room   error
}

// Join reaches the cluster and checks what a client, and with nats.monitor what
// its monitoring, can see. It returns a [ClusterError] that names what is wrong.
func Join(ctx context.Context, cfg Config, log *slog.Logger) (*Cluster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("reach nats: %w", err)
	}
	opts, err := cfg.NATS.options()
	if err != nil {
		return nil, fmt.Errorf("reach nats: %w", err)
	}
	c := &Cluster{cfg: cfg, log: log, opts: opts, http: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}}
	if c.nc, err = c.Connect("promptness watch"); err != nil {
		return nil, err
	}
	if c.js, err = jetstream.New(c.nc, jetstream.WithDefaultTimeout(cfg.Timeout)); err != nil {
		return nil, errors.Join(fmt.Errorf("reach nats: %w", err), c.Close())
	}
	if err := c.check(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("reach nats: %w", err), c.Close())
	}
	return c, nil
}

// A server that hangs, or is cut off without a word, keeps its connections
// open; by itself a client of it waits four minutes before it tries another. These
// make it three seconds, and two more for each other server that hangs, too: a
// takeover is to take under ten.
const (
	pingEvery    = time.Second
	maxPings     = 2
	dialPatience = 2 * time.Second
)

// Connect returns a connection that lives until [Cluster.Close].
func (c *Cluster) Connect(name string) (*nats.Conn, error) {
	opts := append(ConnOptions(name),
		nats.Timeout(min(c.cfg.Timeout, dialPatience)), nats.PingInterval(pingEvery), nats.MaxPingsOutstanding(maxPings))
	nc, err := nats.Connect(strings.Join(c.cfg.NATS.URLs, ","), append(opts, c.opts...)...)
	if err != nil {
		return nil, fmt.Errorf("reach nats: %w", connectError(err))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		nc.Close()
		return nil, errors.New("reach nats: it is closed")
	}
	c.conns = append(c.conns, nc)
	return nc, nil
}

// connectError names why a first connection failed.
func connectError(err error) error {
	why := RefusedUnreachable
	var (
		unknown  x509.UnknownAuthorityError
		host     x509.HostnameError
		invalid  x509.CertificateInvalidError
		verify   *tls.CertificateVerificationError
		alert    tls.AlertError
		noRecord tls.RecordHeaderError
	)
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAuthRevoked),
		errors.Is(err, nats.ErrAccountAuthExpired), errors.Is(err, nats.ErrNkeysNotSupported),
		strings.Contains(err.Error(), "Authorization Violation"):
		why = RefusedCredentials
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &verify),
		errors.As(err, &alert), errors.As(err, &noRecord),
		errors.Is(err, nats.ErrSecureConnRequired), errors.Is(err, nats.ErrSecureConnWanted),
		strings.Contains(err.Error(), "tls:"), strings.Contains(err.Error(), "x509:"):
		why = RefusedTLS
	}
	return &ClusterError{Refusal: why, Err: err}
}

// check asks for everything that must hold before a record is trusted to the
// cluster.
func (c *Cluster) check(ctx context.Context) error {
	if err := c.checkVersion(); err != nil {
		return err
	}
	info, err := c.elected(ctx)
	if err != nil {
		return err
	}
	if info.API.Level < testedAPI {
		return &ClusterError{Refusal: RefusedAPILevel, Server: c.nc.ConnectedServerName(),
			Err: fmt.Errorf("jetstream has API level %d, needed is %d", info.API.Level, testedAPI)}
	}
	if err := c.checkServers(ctx); err != nil {
		return err
	}
	c.note(info, nil)
	return nil
}

// checkVersion judges the server that we are connected to.
func (c *Cluster) checkVersion() error {
	if v := c.nc.ConnectedServerVersion(); olderThan(v, TestedServer) {
		return &ClusterError{Refusal: RefusedVersion, Server: c.nc.ConnectedServerName(),
			Err: fmt.Errorf("runs nats-server %q, needed is %s or later", v, TestedServer)}
	}
	return nil
}

// elected asks for the account until it is answered: for some seconds after one
// of the servers was lost, nobody speaks for the cluster.
func (c *Cluster) elected(ctx context.Context) (*jetstream.AccountInfo, error) {
	for end := time.Now().Add(electionPatience); ; {
		info, err := c.account(ctx)
		if err == nil || time.Now().After(end) || !wait(ctx, pause(4)) {
			return info, err
		}
	}
}

// electionPatience is longer than the servers take to choose another leader, at
// most nine seconds.
const electionPatience = 10 * time.Second

// account asks for the account, with one deadline.
func (c *Cluster) account(ctx context.Context) (*jetstream.AccountInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	info, err := c.js.AccountInfo(ctx)
	if err != nil {
		return nil, &ClusterError{Refusal: RefusedJetStream, Server: c.nc.ConnectedServerName(), Err: err}
	}
	return info, nil
}

// note keeps what was seen, for Health and Room.
func (c *Cluster) note(info *jetstream.AccountInfo, err error) {
	l := look{at: time.Now(), health: err}
	if err == nil && info.Limits.MaxStore > 0 {
		if left := Bytes(info.Limits.MaxStore) - Bytes(info.Store); left < c.cfg.MinFree {
			l.room = &FullError{Stream: "the account", Err: fmt.Errorf("%d bytes are left of its limit, %s must stay free", left, c.cfg.MinFree)}
		}
	}
	c.mu.Lock()
	c.seen = l
	c.mu.Unlock()
}

// Health returns nil when the connection stands and JetStream answered within
// the last seconds. Of the disks it knows nothing.
func (c *Cluster) Health() error {
	c.mu.Lock()
	seen, closed := c.seen, c.closed
	c.mu.Unlock()
	switch {
	case closed:
		return errors.New("check store: the connection is closed")
	case !c.nc.IsConnected():
		return errors.New("check store: no server of the cluster is connected")
	case seen.health != nil:
		return fmt.Errorf("check store: %w", seen.health)
	default:
		return nil
	}
}

// Room returns a [FullError] when the account is nearly at its limit.
func (c *Cluster) Room() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.seen.at) > lookStale {
		return nil // the server says itself when it is full
	}
	return c.seen.room
}

// Run looks at the cluster every two seconds, and each minute at its monitoring,
// until ctx ends. It mends nothing: connections come back by themselves, and
// servers are the operator's.
func (c *Cluster) Run(ctx context.Context) error {
	var servers error
	next := time.Now().Add(monitorEvery)
	for wait(ctx, lookEvery) {
		info, err := c.account(ctx)
		if err == nil {
			err = c.checkVersion()
		}
		if time.Now().After(next) {
			next = time.Now().Add(monitorEvery)
			servers = c.lookServers(ctx, servers)
		}
		if err == nil {
			err = servers
		}
		if ctx.Err() != nil {
			return nil
		}
		c.mu.Lock()
		was := c.seen.health
		c.mu.Unlock()
		c.note(info, err)
		switch {
		case err != nil && was == nil:
			c.log.WarnContext(ctx, "cluster does not answer as it should", "err", err)
		case err == nil && was != nil:
			c.log.InfoContext(ctx, "cluster answers again")
		}
	}
	return nil
}

// Close closes the connections that [Cluster.Connect] gave, once what they sent
// is out. A second call does nothing.
func (c *Cluster) Close() error {
	c.mu.Lock()
	conns := c.conns
	c.conns, c.closed = nil, true
	c.mu.Unlock()
	for _, nc := range conns {
		if nc.IsConnected() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			_ = nc.FlushWithContext(ctx)
			cancel()
		}
		nc.Close()
	}
	return nil
}

// Embedded reports false: other processes use these streams too.
func (c *Cluster) Embedded() bool { return false }
