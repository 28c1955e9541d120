package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// TestEveryAnswerAndAlertComesAfterTheSyncOfWhatItSays runs `promptness serve`
// under strace while senders post, and reads from its system calls that nothing
// was said before it was durable; [writeOrder] has the rules. A power cut cannot
// be made here; this is what makes one harmless.
func TestEveryAnswerAndAlertComesAfterTheSyncOfWhatItSays(t *testing.T) {
	const late = 3
	told := &toldIDs{n: map[string]int{}}
	am := httptest.NewServer(told)
	t.Cleanup(am.Close)
	dir := t.TempDir()
	hooks, admin := configure(t, dir, fmt.Sprintf("alerting:\n  alertmanager:\n    peers: [{name: am-0, url: %s}]\n", am.URL))

	trace := filepath.Join(t.TempDir(), "trace")
	c := &child{t: t, dir: dir, hooks: hooks, admin: admin, wrap: straced(t, trace)}
	c.run("serve", "--config", "promptness.yml")

	acked := &ackedIDs{ids: map[string]int{}}
	secret := token(t, dir, localSource)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var senders sync.WaitGroup
	for s := range 6 {
		senders.Go(func() { sendLoad(ctx, hooks, secret, 0, s, acked) })
	}
	for i := range late {
		// What this says has its deadline behind it.
		body := demoAlert(demoSignal{story: fmt.Sprintf("late %d", i), started: 65 * time.Minute}, time.Now(), nil)
		if _, err := post(t.Context(), hooks+"/in/local", secret, body); err != nil {
			t.Error(err)
		}
	}
	eventually.Eventually(t, 30*time.Second, "answers, and each deadline to be told", func() bool {
		return acked.count() >= 200 && told.deadlines() == late
	})
	cancel()
	senders.Wait()
	c.stop()
	eventually.Eventually(t, 10*time.Second, "strace to write its last line", func() bool {
		b, err := os.ReadFile(trace)
		return err == nil && bytes.Contains(b[max(0, len(b)-200):], fmt.Appendf(nil, "%d ", c.cmd.Process.Pid)) &&
			bytes.HasSuffix(b, []byte("+++ exited with 0 +++\n"))
	})

	o := orderOf(readTrace(t, trace))
	t.Logf("%d answers after %d frames, %d steps, %d alerts", o.Answers, o.Frames, o.Steps, o.Alerts)
	wantOrder(t, o, acked.count(), late, late)
}

// straced returns the words that put a command under strace, which writes to
// out. The command stays the process that was started; strace is a child of it.
// The strings are not cut: a frame is at most half a megabyte.
func straced(t *testing.T, out string) []string {
	t.Helper()
	probe, err := exec.CommandContext(t.Context(), "strace", "-D", "-f", "--seccomp-bpf", "-o", filepath.Join(t.TempDir(), "probe"), "true").CombinedOutput()
	if err != nil {
		t.Fatalf("run strace: %v: %s\nit is in Debian's package strace, and needs the right to trace its own child: "+
			"in a container the capability SYS_PTRACE, or a seccomp profile that allows ptrace", err, probe)
	}
	return []string{
		"strace", "-D", "-f", "--seccomp-bpf", "-ttt", "-y", "-s", "1048576", "-o", out,
		"-e", "trace=write,pwrite64,writev,pwritev,pwritev2,sendto,sendmsg,sendfile,fsync,fdatasync",
	}
}
