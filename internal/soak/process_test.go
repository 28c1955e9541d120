package soak_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A process is one promptness with a role. What ends by itself is started again
// after a second, as a service manager does.
type process struct {
	t             testing.TB
	name          string
	program, dir  string
	args          []string
	webhooks, api string // addresses

	mu      sync.Mutex
	cmd     *exec.Cmd
	ended   chan struct{} // closed when cmd has ended
	down    bool          // it is not to run
	stopped bool          // by SIGSTOP
	exits   []exit        // that nobody asked for
	began   int           // length of the log when this life began
	refused int           // starts that found no store that answers, and said so
}

// An exit is an end that the process chose itself.
type exit struct {
	at   time.Time
	said string // its last line
}

func (p *process) logFile() string { return filepath.Join(p.dir, "log") }

// log returns what the process has printed over all its lives.
func (p *process) log() string {
	b, _ := os.ReadFile(p.logFile()) // none before the first start
	return string(b)
}

// start starts the process, unless it runs.
func (p *process) start() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
	p.run()
}

// run is called with mu held.
func (p *process) run() {
	if p.cmd != nil {
		return
	}
	out, err := os.OpenFile(p.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		p.t.Errorf("start %s: %v", p.name, err)
		return
	}
	defer out.Close()
	p.began = len(p.log())
	cmd := exec.Command(p.program, p.args...) //nolint:noctx // kill ends it
	cmd.Dir = p.dir
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		p.t.Errorf("start %s: %v", p.name, err)
		return
	}
	ended := make(chan struct{})
	p.cmd, p.ended, p.stopped = cmd, ended, false
	go p.watch(cmd, ended)
}

// watch waits for the end of one life, and begins the next where nobody asked
// for the end.
func (p *process) watch(cmd *exec.Cmd, ended chan struct{}) {
	_ = cmd.Wait()
	close(ended)
	p.mu.Lock()
	if p.cmd != cmd { // it was killed
		p.mu.Unlock()
		return
	}
	p.cmd = nil
	if p.down {
		p.mu.Unlock()
		return
	}
	if cmd.ProcessState.Success() { // it was asked to end, and to start again before it had
		p.run()
		p.mu.Unlock()
		return
	}
	if life := p.log()[p.began:]; unreachable(life) {
		p.refused++
	} else {
		lines := strings.Split(strings.TrimSpace(life), "\n")
		p.exits = append(p.exits, exit{time.Now(), cmd.ProcessState.String() + ": " + strings.Join(lines[max(0, len(lines)-3):], " | ")})
	}
	p.mu.Unlock()
	<-time.After(time.Second)
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.down {
		p.run()
	}
}

// unreachable reports whether a life ended before it ran, by a store that gave no
// answer: whoever starts a program in an outage is told so, and tries again.
func unreachable(life string) bool {
	if strings.Contains(life, "msg=running") {
		return false
	}
	for _, sign := range []string{"nats_unreachable", "nats_jetstream", "context deadline exceeded", "no responders", "no servers available"} {
		if strings.Contains(life, "error: ") && strings.Contains(life, sign) {
			return true
		}
	}
	return false
}

// kill kills the process, and it stays away until start.
func (p *process) kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	if p.cmd == nil {
		return
	}
	cmd, ended := p.cmd, p.ended
	p.cmd = nil
	_ = cmd.Process.Kill()
	<-ended
}

// patience is how long a process may take to end in order.
const patience = 30 * time.Second

// end ends the process as an operator would. It reports how it ended; nil for
// an orderly end.
func (p *process) end() error {
	p.mu.Lock()
	p.down = true
	cmd, ended := p.cmd, p.ended
	if cmd == nil {
		p.mu.Unlock()
		return nil
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	p.mu.Unlock()
	select {
	case <-ended:
	case <-time.After(patience):
		_ = cmd.Process.Signal(syscall.SIGQUIT) // what it waits for stands in its log
		<-ended
		return context.DeadlineExceeded
	}
	if s := cmd.ProcessState; !s.Success() {
		return &exec.ExitError{ProcessState: s}
	}
	return nil
}

func (p *process) signal(sig syscall.Signal, stopped bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.cmd.Process.Signal(sig)
	p.stopped = stopped
}

// pid returns the number of the process, 0 while it is down.
func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// get asks the process's own address, bounded by a second.
func (p *process) get(path string) (status int, body string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.api+path, nil)
	if err != nil {
		return 0, err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	_, _ = b.ReadFrom(resp.Body)
	return resp.StatusCode, strings.TrimSpace(b.String())
}
