// Package debian runs a server that a Debian package has installed as a process
// of a test, on loopback and in the foreground; it installs nothing and touches
// no service of the machine.
package debian

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// A Process is a server that runs until the test ends.
type Process struct {
	t     testing.TB
	cfg   Server
	cmd   *exec.Cmd
	ended chan struct{} // closed when cmd has ended
	out   *output
}

// A Server says what to run.
type Server struct {
	Binary  string // looked up in PATH
	Package string // that installs it
	Args    []string
	// Ready is an address that answers 200 when the server is ready.
	Ready string
}

// Start runs the server and returns when it is ready. The test fails if it is
// not installed, ends, or is not ready within half a minute.
func Start(t testing.TB, cfg Server) *Process {
	t.Helper()
	p := &Process{t: t, cfg: cfg}
	t.Cleanup(p.Kill)
	p.start()
	return p
}

func (p *Process) start() {
	p.t.Helper()
	binary, err := exec.LookPath(p.cfg.Binary)
	if err != nil {
		p.t.Fatalf("%s is not installed: run make test, or apt-get install --no-install-recommends %s", p.cfg.Binary, p.cfg.Package)
	}
	p.out = &output{}
	cmd := exec.Command(binary, p.cfg.Args...) //nolint:noctx // Kill ends it
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not to outlive a test that is killed
	if err := cmd.Start(); err != nil {
		p.t.Fatalf("start %s: %v", p.cfg.Binary, err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait() // killed, mostly
	}()
	p.cmd, p.ended = cmd, ended
	eventually.Eventually(p.t, 30*time.Second, p.cfg.Binary+" is ready", func() bool {
		select {
		case <-ended:
			p.t.Fatalf("%s ended:\n%s", p.cfg.Binary, p.out)
		default:
		}
		status, _, err := Get(p.cfg.Ready)
		return err == nil && status == http.StatusOK
	})
}

// Kill kills the process at once, as a crash would, and waits for its end. It
// may be called twice.
func (p *Process) Kill() {
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.ended
	p.cmd = nil
}

// Restart kills the process and starts it again with the same arguments.
func (p *Process) Restart() {
	p.t.Helper()
	p.Kill()
	p.start()
}

// Log returns what the process has printed since it was started last.
func (p *Process) Log() string { return p.out.String() }

// Get returns the status and the body that url answers within five seconds.
func Get(url string) (status int, body []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	return resp.StatusCode, body, err
}

// FreeAddr returns a loopback address that nobody listens on.
func FreeAddr(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it returns at once
	if err != nil {
		t.Fatalf("find a free port: %v", err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}

// output keeps what a process prints.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}
