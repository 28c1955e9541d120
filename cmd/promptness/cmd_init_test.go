package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/natstest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// TestRolesWorkAsTheShippedUsersOnceAnOperatorRanInit runs what deploy/nats
// ships, one process of each role, from the first start to a signal that is told.
func TestRolesWorkAsTheShippedUsersOnceAnOperatorRanInit(t *testing.T) {
	t.Parallel() // it mostly waits
	f := &fleet{dir: t.TempDir()}
	users := filepath.Join(f.dir, "nats")
	copyShipped(t, users)
	// A server takes every path of an include from its own directory.
	include := fmt.Sprintf("include %q", strings.Repeat("../", 32)+filepath.Join(users, "users.conf"))
	f.nats = natstest.Start(t, natstest.Options{Proxied: true, Conf: include})
	f.pepper, f.token = filepath.Join(f.dir, "pepper"), filepath.Join(f.dir, "token")
	if _, err := makeSecret(f.token); err != nil {
		t.Fatal(err)
	}
	receiver := newReceiver(t)
	as := func(name string) string {
		return fmt.Sprintf(`
  production: true
  replicas: 3
  max_bytes: {signals: 64MiB, ledger: 64MiB, deliveries: 16MiB, evidence: 64MiB}
  nats:
    urls: [%s]
    nkey_file: %s
    inbox_prefix: _INBOX_%s
    monitor: [%s]
`, strings.Join(f.nats.Client(name).URLs(), ", "), filepath.Join(users, "secrets", name+".nk"), name, strings.Join(monitors(f.nats), ", "))
	}
	alerting := fmt.Sprintf("alerting: {alertmanager: {peers: [{name: am, url: %s}]}}\n", receiver.URL)
	members := map[Role]*member{}
	for _, role := range roles() {
		members[role] = f.prepare(t, role, alerting+"store:\n  timeout: 2s"+as(string(role)))
	}
	operator := filepath.Join(f.dir, "operator")
	if err := os.MkdirAll(operator, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(operator, "promptness.yml"), []byte("pepper_file: "+f.pepper+"\nstore:"+as("operator")), 0o600); err != nil {
		t.Fatal(err)
	}

	refused := func(want string) {
		t.Helper()
		for _, role := range roles() {
			out, err := command(t.Context(), members[role].dir, "serve", "--config", "promptness.yml", "--role", string(role)).CombinedOutput()
			if err == nil || !strings.Contains(string(out), want) || !strings.Contains(string(out), "promptness init") {
				t.Errorf("serve --role %s before init = %v, want %q and a hint to run init:\n%s", role, err, want, out)
			}
		}
	}
	refused("it is not there")
	makeStreams(t, operator)
	refused("the cluster knows of none for this record")

	for _, want := range []Initialised{{Pepper: "remembered", PepperMade: f.pepper}, {Pepper: "nothing"}} {
		out, err := command(t.Context(), operator, "--config", "promptness.yml", "--json", "init").Output()
		if err != nil {
			t.Fatalf("init: %v\n%s", err, out)
		}
		var got Initialised
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatal(err)
		}
		if got.Pepper != want.Pepper || got.PepperMade != want.PepperMade || len(got.Streams) != 6 {
			t.Errorf("init = %+v, want pepper %q, made %q and 6 streams", got, want.Pepper, want.PepperMade)
		}
	}
	out, err := command(t.Context(), operator, "--config", "promptness.yml", "init").Output()
	if err != nil || !strings.Contains(string(out), "stream LEDGER_moj: is as it should be\n") || !strings.Contains(string(out), "pepper: is the one") {
		t.Errorf("init again = %v:\n%s", err, out)
	}

	for _, role := range roles() {
		f.again(t, members[role])
	}
	tok, err := os.ReadFile(f.token)
	if err != nil {
		t.Fatal(err)
	}
	late := demoAlert(demoSignal{story: "found two hours ago", started: 2 * time.Hour}, time.Now(), nil)
	if _, err := post(t.Context(), members[RoleIngest].hooks+"/in/siem", strings.TrimSpace(string(tok)), late); err != nil {
		t.Fatal(err)
	}
	f.recorded(t, members[RoleProcess], 1)
	receiver.wait(t)
	for _, role := range roles() {
		if said := members[role].said(); strings.Contains(said, "ermission") {
			t.Errorf("role %s said of permissions:\n%s", role, said)
		}
		members[role].stop()
	}
	for dir, args := range map[string][]string{operator: {"verify"}, members[RoleProcess].dir: {"verify", "--replicas"}} {
		if out, err := command(t.Context(), dir, append([]string{"--config", "promptness.yml"}, args...)...).CombinedOutput(); err != nil {
			t.Errorf("%s in %s = %v:\n%s", args, filepath.Base(dir), err, out)
		}
	}
}

func TestInitOfAnEmbeddedStoreSaysThatNothingIsToBeDone(t *testing.T) {
	t.Parallel() // it mostly waits
	out, err := command(t.Context(), t.TempDir(), "init").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nothing is to be made ready") {
		t.Errorf("init without a cluster = %v:\n%s", err, out)
	}
}

// prepare writes the configuration of a member that is not started yet.
func (f *fleet) prepare(t *testing.T, role Role, more string) *member {
	t.Helper()
	dir := filepath.Join(f.dir, string(role))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	hooks, admin := natstest.Addr(t), natstest.Addr(t)
	yaml := fmt.Sprintf(`
listen: {webhooks: %s, admin: %s}
pepper_file: %s
people: [{number: "1001", role: manager, token_file: %s}]
sources:
  - {channel: webhook, name: siem, kind: alertmanager, auth: {kind: bearer, token_file: %s}}
%s`, hooks, admin, f.pepper, f.token, f.token, more)
	if err := os.WriteFile(filepath.Join(dir, "promptness.yml"), []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return &member{child: &child{t: t, dir: dir, hooks: "http://" + hooks, admin: "http://" + admin}, role: role}
}

// copyShipped copies deploy/nats and makes its secrets.
func copyShipped(t *testing.T, dir string) {
	t.Helper()
	if err := os.CopyFS(dir, os.DirFS("../../deploy/nats")); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "bash", filepath.Join(dir, "secrets.sh")).CombinedOutput(); err != nil {
		t.Fatalf("secrets.sh: %v\n%s", err, out)
	}
}

func monitors(c *natstest.Cluster) (urls []string) {
	for _, s := range c.Servers() {
		urls = append(urls, s.MonitorURL())
	}
	return urls
}

// makeStreams does the first half of init.
func makeStreams(t *testing.T, dir string) {
	t.Helper()
	cfg, err := Load(filepath.Join(dir, "promptness.yml"))
	if err != nil {
		t.Fatal(err)
	}
	host, err := stream.Begin(t.Context(), cfg.Store, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer host.Close()
	nc, err := host.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Create(t.Context(), nc, cfg.Store); err != nil {
		t.Fatal(err)
	}
}

// A receiver is an Alertmanager that only hears.
type receiver struct {
	URL   string
	heard chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{heard: make(chan struct{}, 1)}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var alerts []struct {
			Labels map[string]string `json:"labels"`
		}
		_ = json.NewDecoder(req.Body).Decode(&alerts) // not alerts: not heard
		for _, a := range alerts {
			if a.Labels["policy"] != "" {
				select {
				case r.heard <- struct{}{}:
				default:
				}
			}
		}
		w.WriteHeader(http.StatusOK)
	}))
	t.Cleanup(srv.Close)
	r.URL = srv.URL
	return r
}

func (r *receiver) wait(t *testing.T) {
	t.Helper()
	select {
	case <-r.heard:
	case <-time.After(30 * time.Second):
		t.Error("nobody was told of a deadline within 30s")
	}
}
