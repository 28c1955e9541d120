package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
)

// childArgs makes the test binary be promptness itself: the program is tested
// as its user runs it, and can be killed.
const childArgs = "PROMPTNESS_TEST_ARGS"

func TestMain(m *testing.M) {
	// A temporary directory may be in memory or a container's own layer.
	os.Setenv("PROMPTNESS_EPHEMERAL", "true")
	natstest.Child()
	if point, ok := os.LookupEnv(killEnv); ok {
		serveUntilKilled(point)
		return
	}
	if args, ok := os.LookupEnv(childArgs); ok {
		os.Args = append([]string{"promptness"}, strings.Split(args, "\x1f")...)
		main()
		return
	}
	ats.Register() // outside of every bubble: the server's ticker would freeze it
	os.Exit(m.Run())
}

// A child is a promptness in a process of its own.
type child struct {
	t      testing.TB
	cmd    *exec.Cmd
	dir    string
	hooks  string // base URL of the webhooks
	admin  string
	wrap   []string // command before it, and its arguments; may be empty
	stderr output
}

// command returns promptness with args, to be run in dir.
func command(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), childArgs+"="+strings.Join(args, "\x1f"))
	return cmd
}

// configure writes a configuration into dir whose listeners are free addresses.
func configure(t testing.TB, dir, more string) (hooks, admin string) {
	t.Helper()
	hooks, admin = natstest.Addr(t), natstest.Addr(t)
	yaml := fmt.Sprintf("listen:\n  webhooks: %s\n  admin: %s\n%s", hooks, admin, more)
	if err := os.WriteFile(filepath.Join(dir, "promptness.yml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return "http://" + hooks, "http://" + admin
}

// startChild starts `promptness serve` in dir and returns when it is ready.
func startChild(t testing.TB, dir, hooks, admin string) *child {
	t.Helper()
	c := &child{t: t, dir: dir, hooks: hooks, admin: admin}
	c.run("serve", "--config", "promptness.yml")
	return c
}

// run starts promptness with args and returns when it is ready.
func (c *child) run(args ...string) {
	c.t.Helper()
	c.cmd = command(context.Background(), c.dir, args...)
	if len(c.wrap) > 0 {
		env := c.cmd.Env
		c.cmd = exec.CommandContext(context.Background(), c.wrap[0], slices.Concat(c.wrap[1:], []string{os.Args[0]})...)
		c.cmd.Dir, c.cmd.Env = c.dir, env
	}
	c.cmd.Stderr = &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		c.kill()
		if c.t.Failed() {
			c.t.Logf("promptness in %s said last:\n%s", filepath.Base(c.dir), c.tail())
		}
	})
	eventually.Eventually(c.t, 60*time.Second, "promptness to be ready", func() bool {
		if c.cmd.ProcessState != nil {
			return false
		}
		res, err := http.Get(c.admin + "/readyz")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
}

// kill ends the process as a power cut of the process would.
func (c *child) kill() {
	if c.cmd.Process != nil && c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Signal(syscall.SIGKILL)
		_ = c.cmd.Wait()
	}
}

// stop ends it as an operator would.
func (c *child) stop() {
	c.t.Helper()
	if err := c.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		c.t.Fatal(err)
	}
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("promptness ended with %v; it said:\n%s", err, c.tail())
	}
}

// said returns what it wrote on stderr so far.
func (c *child) said() string { return c.stderr.String() }

// An output is written by a process and read by a test.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (c *child) tail() string {
	var lines []string
	s := bufio.NewScanner(strings.NewReader(c.said()))
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return strings.Join(lines[max(0, len(lines)-20):], "\n")
}

// token returns a secret that the first start made.
func token(t testing.TB, dir, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "promptness-data", "secrets", name+".token"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}
