package soak_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/natstest"
)

func TestMain(m *testing.M) {
	natstest.Child()
	inOwnNamespace()
	os.Exit(m.Run())
}

// setting returns what the run is asked for by the environment.
func setting[T any](t *testing.T, name string, without T, parse func(string) (T, error)) T {
	t.Helper()
	text, ok := os.LookupEnv(name)
	if !ok || text == "" {
		return without
	}
	v, err := parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return v
}

const (
	short     = 2 * time.Minute
	perSecond = 4 // stories
)

// TestTheRecordEqualsTheModelAfterEveryFault is the soak. It takes two minutes,
// or what SOAK says; the seed is new each time, or what SEED says.
func TestTheRecordEqualsTheModelAfterEveryFault(t *testing.T) {
	length := setting(t, "SOAK", short, time.ParseDuration)
	seed := setting(t, "SEED", uint64(time.Now().UnixNano()%1_000_000), func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	if least := settle + tail + 15*time.Second; length < least {
		t.Fatalf("SOAK is %s, want at least %s", length, least)
	}
	faults := script(seed, length)
	t.Logf("seed %d; the same again: make soak SOAK=%s SEED=%d\n%s", seed, length, seed, printed(faults))
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("FAILED with seed %d; the same again: make soak SOAK=%s SEED=%d", seed, length, seed)
		}
	})
	w := newWorld(t, seed)
	js, err := jetstream.New(w.operator(t))
	if err != nil {
		t.Fatal(err)
	}

	// The load, the script, and who watches the leases, at the same time.
	all := load(seed, length-tail+5*time.Second, perSecond)
	s := newSender([]string{"http://" + w.all[0].webhooks, "http://" + w.all[1].webhooks}, token)
	n, x := &nemesis{w: w, js: js}, &watcher{}
	start := time.Now()
	ctx, cancel := context.WithDeadline(t.Context(), start.Add(length+time.Minute))
	defer cancel()
	watching, unwatch := context.WithCancel(ctx)
	var both sync.WaitGroup
	missing := 0
	both.Go(func() { missing = s.run(ctx, start, all) })
	both.Go(func() { x.watch(watching, w, js) })
	n.play(ctx, start, faults)
	w.nats.Heal()
	w.receiver.getWell()
	sleepUntil(ctx, start.Add(length))
	unwatch()
	both.Wait()
	if missing > 0 {
		t.Errorf("%d deliveries were not acknowledged to the end", missing)
	}
	t.Logf("%d requests; %d answered 503, %d not at all", s.tries, s.later, s.lost)
	for _, text := range s.wrong {
		t.Errorf("a way in answered %s", text)
	}

	now := w.quiesce(t)
	w.verdict(t, s, all, start, now, n, x)
}

// quiesce waits until all that is stored is recorded and everybody says that they
// are well, ends all processes in order, and returns when that was.
func (w *world) quiesce(t *testing.T) time.Time {
	t.Helper()
	w.nats.WaitReady()
	for _, p := range w.all {
		why := ""
		eventually.Eventually(t, time.Minute, p.name+" is ready after all", func() bool {
			var status int
			if status, why = p.get("/readyz"); status != 200 {
				if why != "" {
					t.Logf("%s: %d %s", p.name, status, why)
				}
				<-time.After(time.Second)
			}
			return status == 200
		})
	}
	<-time.After(5 * time.Second) // the last ticks, and what is told of them
	now := time.Now()
	for _, p := range w.all {
		if err := p.end(); err != nil {
			t.Errorf("%s did not end in order: %v", p.name, err)
		}
	}
	return now
}

// verdict compares everything with everything.
func (w *world) verdict(t *testing.T, s *sender, all []signal, start, now time.Time, n *nemesis, x *watcher) {
	t.Helper()
	ctx := t.Context()
	store := w.open(t)
	replicas, err := store.Replicas(ctx)
	if err != nil || len(replicas) != 3 {
		t.Fatalf("replicas = %v, %v", replicas, err)
	}
	rec, sum := readRecord(ctx, t, store, replicas[0])
	for _, r := range replicas[1:] {
		if _, other := readRecord(ctx, t, store, r); other != sum {
			t.Errorf("the record on %s is another than on %s", r, replicas[0])
		}
	}
	t.Logf("the record has %d entries, the same on %v; processors began %d times", rec.entries, replicas, len(rec.started))

	p, err := incident.NewPepper([]byte(pepper))
	if err != nil {
		t.Fatal(err)
	}
	c := &comparison{t: t, rec: rec, pepper: p, acked: s.acked, sent: map[incident.SignalID]bool{}, now: now}
	for _, sig := range all {
		c.sent[sig.id(start)] = true
	}
	c.signals(readSignals(ctx, t, store))
	incidents := model(c.facts)
	c.incidents(incidents)
	c.alerts(incidents, w.receiver)
	if c.failed > most {
		t.Errorf("and %d more failures of the kind", c.failed-most)
	}
	n.takeovers(t, x, rec.started)
	w.refusals(t, n)
	w.verify(t)
	for _, p := range w.all {
		if p.refused > 0 {
			t.Logf("%s started %d times while no store answered, said so and ended", p.name, p.refused)
		}
		for _, e := range p.exits {
			t.Errorf("%s ended by itself at %s: %s", p.name, e.at.UTC().Format(time.RFC3339), e.said)
		}
	}
}

// refusals checks that every processor that was stopped while it worked said,
// when it woke, that it is none any more.
func (w *world) refusals(t *testing.T, n *nemesis) {
	t.Helper()
	want := map[string]int{}
	for _, h := range n.hits {
		if h.Probe && h.Deed == halt && h.Party == holderOfProcessor {
			want[h.name]++
		}
	}
	refused := 0
	for name, least := range want {
		text := w.process(name).log()
		fenced := strings.Count(text, "another processor took over; its steps stand, ours was refused")
		stood := strings.Count(text, "lost the lease of the processor; following the record")
		refused += fenced
		if fenced+stood < least {
			t.Errorf("%s was stopped %d times while it worked, and said %d times that it is stale", name, least, fenced+stood)
		}
	}
	t.Logf("stale processors: %d woken, %d steps refused by the fence", len(want), refused)
}

// verify runs the verifier as an operator does, from the disk of each processor:
// each has a checkpoint of its own.
func (w *world) verify(t *testing.T) {
	t.Helper()
	for _, name := range []string{"process-0", "process-1"} {
		p := w.process(name)
		for _, args := range [][]string{{"verify"}, {"verify", "--replicas"}} {
			cmd := exec.CommandContext(t.Context(), p.program, append([]string{"--config", "promptness.yml"}, args...)...)
			cmd.Dir = filepath.Join(w.dir, name)
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Errorf("promptness %s of %s: %v\n%s", strings.Join(args, " "), name, err, out)
				continue
			}
			t.Logf("%s: %s", name, strings.TrimSpace(string(out)))
		}
	}
}
