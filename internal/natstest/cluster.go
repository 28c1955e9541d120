package natstest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// Options say what to run.
type Options struct {
	// Servers is how many; 0 means 3. One alone is no cluster.
	Servers int
	// Proxied puts a link that can be cut before every server, for clients and
	// for the routes of the other servers.
	Proxied bool
	// Conf is more configuration, in the server's own language: an
	// include "/absolute/path" reads a file. It comes first, and what the package
	// itself sets (names, addresses, the JetStream block, the cluster block)
	// replaces what it says of them.
	Conf string
	// JetStream and Cluster are more lines of these blocks.
	JetStream, Cluster string
	// StoreDir gives the directory of a server's store, for example on a small
	// disk of its own; nil or "" is one in the test's temporary directory.
	StoreDir func(i int) string
	// Dir holds a directory for each server, with its configuration, its log and
	// its store; "" is the test's temporary one.
	Dir string
	// Stopped leaves the servers to be started with Restart.
	Stopped bool
}

// A Cluster is the nats-servers of one test.
type Cluster struct {
	t       testing.TB
	servers []*Server
	proxied bool

	mu      sync.Mutex
	links   []*link
	cuts    map[string]cut // by party, a server's or a client's name
	clients map[string]*Client
}

// Start starts the servers, every one with JetStream and sync_interval: always,
// and returns when all of them see a leader of the cluster. They are killed when
// the test ends, and at once when its process does. Their logs are shown if the
// test fails.
func Start(t testing.TB, o Options) *Cluster {
	t.Helper()
	if o.Servers == 0 {
		o.Servers = 3
	}
	c := &Cluster{t: t, proxied: o.Proxied, cuts: map[string]cut{}, clients: map[string]*Client{}}
	dir := o.Dir
	if dir == "" {
		dir = t.TempDir()
	}
	for i := range o.Servers {
		s := &Server{
			t: t, name: fmt.Sprintf("nats-%d", i), index: i, dir: filepath.Join(dir, fmt.Sprintf("nats-%d", i)),
			client: reserve(t), route: reserve(t), monitor: reserve(t),
		}
		if err := os.MkdirAll(s.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		s.store = filepath.Join(s.dir, "store")
		if o.StoreDir != nil && o.StoreDir(i) != "" {
			s.store = o.StoreDir(i)
		}
		c.servers = append(c.servers, s)
	}
	for _, s := range c.servers {
		if err := os.WriteFile(s.confFile(), []byte(c.conf(s, o)), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(s.showIfFailed)
		t.Cleanup(s.Kill)
	}
	if o.Stopped {
		return c
	}
	for _, s := range c.servers {
		s.start()
	}
	c.WaitReady()
	return c
}

// conf returns the configuration file of a server.
func (c *Cluster) conf(s *Server, o Options) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nserver_name: %q\nlisten: %q\nhttp: %q\n", o.Conf, s.name, loopback(s.client), loopback(s.monitor))
	fmt.Fprintf(&b, "jetstream {\n  store_dir: %q\n  sync_interval: always\n  %s\n}\n", s.store, o.JetStream)
	if o.Servers == 1 {
		return b.String()
	}
	// Nothing is told of how to come around the links: clients are given no
	// other server's address, and servers one that nobody listens on.
	fmt.Fprintf(&b, "cluster {\n  name: promptness\n  listen: %q\n  no_advertise: true\n  advertise: %q\n  routes: [\n",
		loopback(s.route), loopback(reserve(c.t)))
	for _, peer := range c.servers {
		if peer != s {
			fmt.Fprintf(&b, "    %q\n", "nats://"+c.link(s.name, peer, peer.route))
		}
	}
	fmt.Fprintf(&b, "  ]\n  %s\n}\n", o.Cluster)
	return b.String()
}

// link returns the address at which from reaches a port of a server.
func (c *Cluster) link(from string, to *Server, port int) string {
	c.t.Helper()
	if !c.proxied {
		return loopback(port)
	}
	l := newLink(c.t, from, to.name, loopback(port))
	c.links = append(c.links, l)
	l.set(c.between(from, to.name))
	return l.addr()
}

// Server returns a server, counted from 0.
func (c *Cluster) Server(i int) *Server { return c.servers[i] }

// Servers returns all of them.
func (c *Cluster) Servers() []*Server { return c.servers }

// Named returns the server with a name, as [Cluster.WaitLeader] and a stream's
// information give it.
func (c *Cluster) Named(name string) *Server {
	c.t.Helper()
	for _, s := range c.servers {
		if s.name == name {
			return s
		}
	}
	c.t.Fatalf("no server is named %q", name)
	return nil
}

// URLs returns the servers' addresses for clients, with a comma between them, as
// nats.Connect takes them.
func (c *Cluster) URLs() string {
	c.t.Helper()
	return strings.Join(c.Client("client").URLs(), ",")
}

// WaitReady returns when all servers run and see one leader of the cluster, and
// all their streams are at their place and current.
func (c *Cluster) WaitReady() {
	c.t.Helper()
	for _, s := range c.servers {
		eventually.Eventually(c.t, time.Minute, s.name+" is ready", func() bool {
			s.mustRun()
			return s.Healthy()
		})
	}
	if len(c.servers) == 1 {
		return
	}
	eventually.Eventually(c.t, time.Minute, "the servers agree on a leader", func() bool {
		_, ok := c.agreed(func(s *Server) string { return s.meta().Leader })
		return ok
	})
}

// WaitLeader returns the server that most servers hold to be the leader of a
// stream, when there is one that runs. A server that is stopped or cut off is
// not asked.
func (c *Cluster) WaitLeader(t testing.TB, stream string) *Server {
	t.Helper()
	var name string
	eventually.Eventually(t, 30*time.Second, "stream "+stream+" has a leader", func() bool {
		var ok bool
		name, ok = c.agreed(func(s *Server) string { return s.leaderOf(stream) })
		return ok
	})
	return c.Named(name)
}

// agreed returns what more than half of all servers answer, if they answer the
// name of one that can act.
func (c *Cluster) agreed(ask func(*Server) string) (string, bool) {
	votes := map[string]int{}
	for _, s := range c.servers {
		if !s.Running() || c.isCut(s.name) {
			continue
		}
		if name := ask(s); name != "" {
			votes[name]++
		}
	}
	for name, n := range votes {
		if 2*n > len(c.servers) && c.Named(name).Running() && !c.isCut(name) {
			return name, true
		}
	}
	return "", false
}

// Leader returns the server that most servers hold to be the leader of a stream
// now, or nil.
func (c *Cluster) Leader(stream string) *Server {
	c.t.Helper()
	name, ok := c.agreed(func(s *Server) string { return s.leaderOf(stream) })
	if !ok {
		return nil
	}
	return c.Named(name)
}
