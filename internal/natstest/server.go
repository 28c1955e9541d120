package natstest

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// A Server is one nats-server, a process that a test kills and starts again. Its
// methods may be called from several goroutines.
type Server struct {
	t                      testing.TB
	name                   string
	index                  int
	dir, store             string
	client, route, monitor int // ports

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has ended
	stopped bool          // by SIGSTOP
}

// Name returns the server's name, as the cluster knows it.
func (s *Server) Name() string { return s.name }

// Index returns its number, from 0.
func (s *Server) Index() int { return s.index }

// StoreDir returns the directory that holds its jetstream directory.
func (s *Server) StoreDir() string { return s.store }

// Addr returns its own address for clients, which no link cuts.
func (s *Server) Addr() string { return loopback(s.client) }

// MonitorURL returns the base of its monitoring pages, which no link cuts.
func (s *Server) MonitorURL() string { return "http://" + loopback(s.monitor) }

func (s *Server) confFile() string { return filepath.Join(s.dir, "nats.conf") }
func (s *Server) logFile() string  { return filepath.Join(s.dir, "log") }

// Log returns what the server has printed since the test began, over all starts.
func (s *Server) Log() string {
	b, _ := os.ReadFile(s.logFile()) // none before the first start
	return string(b)
}

func (s *Server) start() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	out, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		s.t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(os.Args[0]) //nolint:noctx // Kill ends it
	cmd.Env = append(os.Environ(), childConf+"="+s.confFile())
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not to outlive a test that is killed
	if err := cmd.Start(); err != nil {
		s.t.Fatalf("start %s: %v", s.name, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, mostly
	}()
	s.cmd, s.ended, s.stopped = cmd, ended, false
}

// Kill kills the process at once, as a crash would, and waits for its end. It
// may be called twice.
func (s *Server) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // it may have ended by itself
	<-s.ended
	s.cmd = nil
}

// Shutdown ends the process as an operator would, and waits for its end.
func (s *Server) Shutdown() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(30 * time.Second):
		_ = s.cmd.Process.Kill()
		<-s.ended
		s.t.Errorf("%s did not end within 30s of SIGTERM", s.name)
	}
	s.cmd = nil
}

// Stop halts the process where it stands, with all its connections open.
func (s *Server) Stop() { s.signal(syscall.SIGSTOP, true) }

// Cont lets a stopped process go on.
func (s *Server) Cont() { s.signal(syscall.SIGCONT, false) }

func (s *Server) signal(sig syscall.Signal, stopped bool) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.t.Errorf("send %s to %s: %v", sig, s.name, err)
	}
	s.stopped = stopped
}

// Restart starts the process with the same configuration and store, after it
// killed the one that runs, and returns when it takes clients. It does not wait
// for the cluster: see [Cluster.WaitReady].
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	s.start()
	eventually.Eventually(s.t, 30*time.Second, s.name+" takes clients", func() bool {
		s.mustRun()
		return s.get("/healthz?js-enabled-only=true", nil)
	})
}

// Running reports whether the process is there and was not stopped.
func (s *Server) Running() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil || s.stopped {
		return false
	}
	select {
	case <-s.ended:
		return false
	default:
		return true
	}
}

// mustRun ends the test if the process has ended by itself.
func (s *Server) mustRun() {
	s.t.Helper()
	s.mu.Lock()
	ended := s.ended
	s.mu.Unlock()
	select {
	case <-ended:
		s.t.Fatalf("%s ended:\n%s", s.name, s.tail())
	default:
	}
}

// Healthy reports whether the server says that it and its streams can be used
// and are current. It knows nothing of lost bytes.
func (s *Server) Healthy() bool { return s.get("/healthz", nil) }

type metaGroup struct {
	Leader string `json:"leader"`
	Size   int    `json:"cluster_size"`
}

// meta returns what the server knows of the cluster's own group.
func (s *Server) meta() metaGroup {
	var jsz struct {
		Meta metaGroup `json:"meta_cluster"`
	}
	s.get("/jsz", &jsz)
	return jsz.Meta
}

// leaderOf returns the name of the server that this one holds to be the leader
// of a stream, or "".
func (s *Server) leaderOf(stream string) string {
	var jsz struct {
		Accounts []struct {
			Streams []struct {
				Name    string `json:"name"`
				Cluster struct {
					Leader string `json:"leader"`
				} `json:"cluster"`
			} `json:"stream_detail"`
		} `json:"account_details"`
	}
	s.get("/jsz?accounts=true&streams=true", &jsz)
	for _, a := range jsz.Accounts {
		for _, st := range a.Streams {
			if st.Name == stream {
				return st.Cluster.Leader
			}
		}
	}
	return ""
}

// get asks a monitoring page, bounded by two seconds, and reports whether it
// answered 200 and, if into is not nil, what it should.
func (s *Server) get(page string, into any) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.MonitorURL()+page, nil)
	if err != nil {
		return false
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false
	}
	return into == nil || json.NewDecoder(resp.Body).Decode(into) == nil
}

// tail returns the end of the log.
func (s *Server) tail() string {
	lines := bytes.Split([]byte(s.Log()), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-40):], []byte("\n")))
}

func (s *Server) showIfFailed() {
	if s.t.Failed() {
		s.t.Logf("%s said last:\n%s", s.name, s.tail())
	}
}
