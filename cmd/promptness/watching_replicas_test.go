package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

// onThree opens a record with three copies on three real servers, and writes the
// configuration by which commands find it into dir.
func onThree(t *testing.T, dir string) (*natstest.Cluster, *watched) {
	t.Helper()
	c := natstest.Start(t, natstest.Options{})
	cfg := watchConfig("")
	cfg.Replicas = 3
	cfg.NATS.URLs = strings.Split(c.URLs(), ",")
	configure(t, dir, fmt.Sprintf("data_dir: %s\nstore:\n  replicas: 3\n  nats: {urls: [%s]}\n  max_bytes: {signals: 64MiB, ledger: 64MiB, deliveries: 8MiB, positions: 8MiB, evidence: 64MiB}\n", dir, c.URLs()))
	loaded, err := Load(filepath.Join(dir, "promptness.yml"))
	if err != nil {
		t.Fatal(err)
	}
	host, err := stream.Begin(t.Context(), cfg, slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	wd := openWatched(t, host, cfg, loaded.CheckpointFile())
	t.Cleanup(wd.close)
	wd.mustAdd(60)
	return c, wd
}

// follow does what a fault says, command by command, as a person would: what
// begins with # is read, what begins with "on SERVER:" is done there. It returns
// what each promptness command printed.
func follow(t *testing.T, c *natstest.Cluster, dir string, commands []string) (said []string) {
	t.Helper()
	for _, line := range commands {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, there := "", strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "on "); ok {
			name, there, _ = strings.Cut(rest, ": ")
		}
		switch {
		case there == "systemctl stop nats-server":
			c.Named(name).Shutdown()
		case there == "systemctl start nats-server":
			c.Named(name).Restart()
		case name != "":
			sh := exec.Command("sh", "-euc", there)
			sh.Env = append(os.Environ(), "NATS_STORE="+c.Named(name).StoreDir())
			if out, err := sh.CombinedOutput(); err != nil {
				t.Fatalf("%s: %v\n%s", line, err, out)
			}
		default:
			args := strings.Fields(there)
			if args[0] != "promptness" {
				t.Fatalf("what is %q?", line)
			}
			out, err := command(t.Context(), dir, append(args[1:], "--config", "promptness.yml")...).CombinedOutput()
			said = append(said, fmt.Sprintf("%s%v", out, err))
		}
	}
	return said
}

// One of three servers keeps a damaged copy. The fault names it, the commands that
// it gives are done one by one, and all three copies are sound again.
func TestTheRepairOfOneBadCopyIsFollowedToItsEnd(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, streamName := range []string{"LEDGER_moj", "SIGNALS_moj"} {
		t.Run(streamName, func(t *testing.T) {
			dir := t.TempDir()
			c, wd := onThree(t, dir)
			names, err := wd.store.Replicas(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			victim := c.Named(names[2])
			victim.Shutdown()
			flip(t, blockOf(t, victim.StoreDir(), streamName), 20, 0.5)
			victim.Restart()

			wd.delay = time.Millisecond
			w, stop := wd.watch(t, true)
			eventually.Eventually(t, 60*time.Second, "the fault is found", func() bool { return w.Fault() != nil })
			eventually.Eventually(t, 60*time.Second, "every copy was read", func() bool { return !w.Status().Scrub.Running })
			f := w.Fault()
			stop()
			if all := w.Faults(); len(all) != 1 || f.Replica != victim.Name() || f.Stream != streamName || f.Entry != 20 || !f.StoringSafe {
				t.Fatalf("faults are %v, want entry 20 of %s on %s and no other", all, streamName, victim.Name())
			}
			t.Logf("the fault says:\n%s", f.Text())

			said := follow(t, c, dir, f.Repair)
			if len(said) != 2 {
				t.Fatalf("the repair verifies %d times, want before and after: %q", len(said), f.Repair)
			}
			for _, name := range names {
				if before := said[0]; strings.Contains(before, name+": BAD") != (name == victim.Name()) || strings.Contains(before, name+": verified") == (name == victim.Name()) {
					t.Errorf("before, verify says of %s:\n%s", name, before)
				}
				if after := said[1]; !strings.Contains(after, name+": verified 60 entries and 60 signals") {
					t.Errorf("after, verify says of %s:\n%s", name, after)
				}
			}
			if !strings.Contains(said[0], "hint: the others are sound") {
				t.Errorf("before, verify hints at no repair:\n%s", said[0])
			}

			// promptness is started again, and works on.
			again, stop := wd.watch(t, true)
			defer stop()
			wd.mustAdd(5)
			eventually.Eventually(t, 60*time.Second, "every copy was read and is sound", func() bool {
				return again.Fault() != nil || !again.Status().Scrubbed.IsZero()
			})
			if f := again.Fault(); f != nil {
				t.Errorf("after the repair: %v", f)
			}
		})
	}
}

// While three copies are written to, one server is stopped, killed and made anew.
// Its copy lags, is filled, and is never called damaged.
func TestACopyThatLagsIsNotCalledDamaged(t *testing.T) {
	t.Parallel() // it mostly waits
	c, wd := onThree(t, t.TempDir())
	wd.delay = time.Millisecond
	w, stop := wd.watch(t, true)
	defer stop()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Second)
	defer cancel()
	names, err := wd.store.Replicas(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	victim := c.Named(names[2])
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_ = wd.add(ctx, 10)
			for _, r := range names { // a scrub at any moment
				if _, err := scrub(ctx, wd.store, r, wd.path, nil, nil); ctx.Err() == nil && nameFault("moj")(err) != nil {
					t.Errorf("the copy on %s: %v", r, err)
				}
			}
		}
	}()
	for range 2 {
		victim.Stop()
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
		victim.Cont()
		victim.Kill()
		victim.Restart()
	}
	<-done
	if f := w.Fault(); f != nil {
		t.Error(f)
	}
}

// A fault of all copies is never repaired by throwing one away.
func TestTheRepairOfTheRecordRemovesNoCopy(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, name := range refusalNames() {
		all := strings.Join(repairOf("$G")(watch.Fault{Refusal: name, Stream: "LEDGER_moj"}), "\n")
		if strings.Contains(all, "rm ") || !strings.Contains(all, "promptness repair --accept "+name+" --author NUMBER") {
			t.Errorf("the repair of %s is:\n%s", name, all)
		}
	}
	all := strings.Join(repairOf("it's")(watch.Fault{Stream: "LEDGER_moj", Replica: "n1"}), "\n")
	if want := `/jetstream/'it'\''s'/streams/LEDGER_moj`; !strings.Contains(all, want) {
		t.Errorf("the repair of a copy is\n%s\nwant %s in it", all, want)
	}
}
