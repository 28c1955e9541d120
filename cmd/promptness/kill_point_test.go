package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// killEnv names a point at which the process ends itself, with SIGKILL.
const killEnv = "PROMPTNESS_TEST_KILL"

// A killPoint is a moment of one durable write: before it is sent to the store,
// so that it fails and is not there, or once the store has it and before anybody
// was answered, so that it fails and is there.
type killPoint struct {
	name    string
	subject string // begins so
	body    string // holds this
	stored  bool
}

func killPoints() []killPoint {
	var all []killPoint
	for _, w := range []struct{ name, subject, body string }{
		{"inside put of a frame", "signal.", ""},
		{"inside put of a chunk of evidence", "$O.EVIDENCE_moj.C.", ""},
		{"inside put of the name of evidence", "$O.EVIDENCE_moj.M.", ""},
		{"inside commit of a signal's step", "ledger.", `"kind":"opened"`},
		{"inside commit of a deadline's step", "ledger.", `/deadline/1`},
		{"between commit and delivery, recording that it begins", "deliver", `"phase":"begun"`},
		{"after delivery, recording how it ended", "deliver", `"phase":"finished"`},
		{"joining a channel", "deliver", `"phase":"joined"`},
		{"saving by which pepper the record is made", "position", ""},
	} {
		all = append(all, killPoint{w.name + ": not stored", w.subject, w.body, false},
			killPoint{w.name + ": stored, not answered", w.subject, w.body, true})
	}
	return all
}

// serveUntilKilled is the program of a child that ends itself at a point.
func serveUntilKilled(name string) {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	i := slices.IndexFunc(killPoints(), func(p killPoint) bool { return p.name == name })
	cfg, err := Load("promptness.yml")
	if err != nil || i < 0 {
		log.Error("begin", "point", name, "err", err)
		os.Exit(2)
	}
	point := killPoints()[i]
	cfg.Store.Ephemeral = true
	err = serve(context.Background(), cfg, log, hooks{write: func(subject string, body []byte, stored bool) {
		if stored != point.stored || !strings.HasPrefix(subject, point.subject) || !strings.Contains(string(body), point.body) {
			return
		}
		log.Error("killed", "point", point.name, "subject", subject)
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // nothing of what would come next happens
	}})
	log.Error("ended without being killed", "point", name, "err", err)
}

// TestKilledAtEachDurableWriteNothingIsLostOrDoubled ends a child `serve` inside
// each of its writes, starts it again, has the sender try again, and reads the
// whole record: one signal, folded once, one alert, told under one id, on record
// as accepted.
func TestKilledAtEachDurableWriteNothingIsLostOrDoubled(t *testing.T) {
	t.Parallel() // it mostly waits
	for _, p := range killPoints() {
		t.Run(p.name, func(t *testing.T) { killAt(t, p) })
	}
}

func killAt(t *testing.T, p killPoint) {
	told := &toldIDs{n: map[string]int{}}
	am := httptest.NewServer(told)
	t.Cleanup(am.Close)
	dir := t.TempDir()
	hooks, admin := configure(t, dir, fmt.Sprintf("alerting:\n  alertmanager:\n    peers: [{name: am-0, url: %s}]\n", am.URL))

	// The deadline of what this says passed five minutes ago.
	body := demoAlert(demoSignal{story: "killed " + p.name, started: 65 * time.Minute}, time.Now(), nil)
	if strings.HasPrefix(p.subject, "$O.") {
		pad := `{"pad":"` + strings.Repeat("x", 600<<10) + `",`
		body = append([]byte(pad), bytes.TrimPrefix(body, []byte("{"))...)
	}

	c := &child{t: t, dir: dir, hooks: hooks, admin: admin}
	c.cmd = command(context.Background(), dir, "serve")
	c.cmd.Env = append(c.cmd.Env, killEnv+"="+p.name)
	c.cmd.Stderr = &c.stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.cmd.Wait() }()
	answered := sendUntilEnded(t, c, body, ended)
	if !strings.Contains(c.said(), `"msg":"killed","point":"`+p.name+`"`) {
		t.Fatalf("the child was not killed at the point; it said:\n%s", c.tail())
	}
	t.Logf("%s", lineWith(c.said(), `"msg":"killed"`))
	if s, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || s.Signal() != syscall.SIGKILL {
		t.Fatalf("the child ended with %v, want SIGKILL", c.cmd.ProcessState)
	}
	early := p.subject == "signal." || strings.HasPrefix(p.subject, "$O.")
	if answered && early {
		t.Error("the sender was told that the signal is stored before it was")
	}

	c = startChild(t, dir, hooks, admin)
	if _, err := post(t.Context(), hooks+"/in/local", token(t, dir, localSource), body); err != nil {
		t.Fatalf("the sender's second try: %v", err)
	}
	eventually.Eventually(t, 30*time.Second, "the deadline to be told", func() bool {
		return told.deadlines() > 0 && accepted(c)
	})
	c.stop()

	cfg, err := Load(filepath.Join(dir, "promptness.yml"))
	if err != nil {
		t.Fatal(err)
	}
	cfg = inDir(cfg, dir)
	made, folded := map[incident.Mark]bool{}, 0
	var ids []string
	stopped(t, cfg, func(store *stream.Store) {
		err := store.Ledger().Messages(t.Context(), 1, func(_ uint64, body []byte) error {
			for line := range bytes.SplitSeq(body, []byte("\n")) {
				e, err := ledger.Decode(line)
				if err != nil {
					return err
				}
				if e.Signal != nil {
					made[e.Signal.Mark] = true
				}
				if e.Kind == incident.KindOpened || e.Kind == incident.KindJoined {
					folded++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		ids = wantDeliveriesWhole(t, store)
	})
	if len(made) != 1 || folded != 1 {
		t.Errorf("the record holds %d signals, folded %d times, want one of each: %v", len(made), folded, made)
	}
	if got := told.ids(); len(got) == 0 || !slices.Equal(got, ids) {
		t.Errorf("Alertmanager was told %q, on record as accepted are %q, want the same", got, ids)
	}
	if n := told.deadlines(); n != 1 {
		t.Errorf("the deadline was told under %d ids, want one: %q", n, told.ids())
	}
	var out []byte
	eventually.Eventually(t, 10*time.Second, "the store to be left alone", func() bool {
		out, err = command(t.Context(), dir, "--config", "promptness.yml", "verify").CombinedOutput()
		return !bytes.Contains(out, []byte("another process uses it"))
	})
	if err != nil || !strings.Contains(string(out), "verified") {
		t.Errorf("verify after the kill = %v:\n%s", err, out)
	}
}

// sendUntilEnded posts body until it is taken once or the child ends, waits for
// its end, and returns whether it was taken.
func sendUntilEnded(t *testing.T, c *child, body []byte, ended <-chan error) (answered bool) {
	t.Helper()
	deadline := time.NewTimer(60 * time.Second)
	defer deadline.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-ended:
			return answered
		case <-deadline.C:
			t.Fatalf("the child did not come to the point; it said:\n%s", c.tail())
		case <-again.C:
		}
		secret, err := os.ReadFile(filepath.Join(c.dir, "promptness-data", "secrets", localSource+".token"))
		if err != nil || answered {
			continue
		}
		_, err = post(t.Context(), c.hooks+"/in/local", strings.TrimSpace(string(secret)), body)
		answered = err == nil
	}
}

// accepted reports whether nothing waits to be told.
func accepted(c *child) bool {
	return metric(c, `promptness_alert_deliveries_pending{channel="am-0"}`) == "0"
}

func metric(c *child, series string) string {
	res, err := http.Get(c.admin + "/metrics")
	if err != nil {
		return ""
	}
	defer res.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(res.Body); err != nil {
		return ""
	}
	return strings.TrimPrefix(lineWith(b.String(), series+" "), series+" ")
}

func lineWith(text, part string) string {
	for line := range strings.SplitSeq(text, "\n") {
		if strings.Contains(line, part) {
			return line
		}
	}
	return ""
}

// toldIDs is an Alertmanager that remembers which alerts it was told.
type toldIDs struct {
	mu sync.Mutex
	n  map[string]int
}

func (a *toldIDs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var alerts []struct{ Annotations map[string]string }
	if err := json.NewDecoder(r.Body).Decode(&alerts); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, x := range alerts {
		if id := x.Annotations["alert_id"]; id != "" {
			a.n[id]++
		}
	}
}

func (a *toldIDs) ids() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Sorted(maps.Keys(a.n))
}

// deadlines returns under how many ids a deadline was told.
func (a *toldIDs) deadlines() (n int) {
	for _, id := range a.ids() {
		if strings.Contains(id, "/"+string(incident.Deadline)+"/") {
			n++
		}
	}
	return n
}

// stopped calls f with the store of a stopped program. Another test that starts
// a child just then holds the store's lock for the moment between fork and exec.
func stopped(t *testing.T, cfg Config, f func(*stream.Store)) {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	var srv *stream.Server
	eventually.Eventually(t, 10*time.Second, "the store to be left alone", func() bool {
		var err error
		srv, err = stream.Start(t.Context(), cfg.Store, log)
		if err != nil && !strings.Contains(err.Error(), "another process uses it") {
			t.Fatal(err)
		}
		return err == nil
	})
	defer srv.Close()
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	store, err := stream.Open(t.Context(), nc, cfg.Store, stream.Hooks{}, log)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	f(store)
}

// wantDeliveriesWhole checks that each attempt on record is finished and each
// state accepted once, and returns the ids of what was accepted.
func wantDeliveriesWhole(t *testing.T, store *stream.Store) []string {
	t.Helper()
	open, acceptances := map[string]bool{}, map[string]int{}
	ids := map[string]bool{}
	err := store.Deliveries(t.Context(), 1, func(_ uint64, body []byte) error {
		ds, err := alerting.DecodeDeliveries(body)
		for _, d := range ds {
			attempt := fmt.Sprintf("%s %s %s %d", d.Channel, d.Alert, d.State, d.Attempt)
			switch {
			case d.Phase == alerting.Begun:
				open[attempt] = true
			case d.Phase == alerting.Finished:
				delete(open, attempt)
				if d.Code == "" {
					acceptances[fmt.Sprintf("%s %s %s", d.Channel, d.Alert, d.State)]++
					ids[string(d.Alert)] = true
				}
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(open) > 0 {
		t.Errorf("attempts that are begun and not finished: %v", open)
	}
	for what, n := range acceptances {
		if n != 1 {
			t.Errorf("%s is on record as accepted %d times, want once", what, n)
		}
	}
	return slices.Sorted(maps.Keys(ids))
}
