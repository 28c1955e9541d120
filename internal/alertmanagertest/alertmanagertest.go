// Package alertmanagertest starts Debian's own Alertmanager for a test, on a
// loopback port and in a temporary directory, and reads back what it holds.
package alertmanagertest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/debian"
)

// A Server is an Alertmanager. Kill, Restart and Log are those of its process.
// Killed, it forgets all alerts, and what it notified since its last snapshot.
type Server struct {
	*debian.Process

	// URL is its address, for example http://127.0.0.1:40123.
	URL string

	t testing.TB
}

// Quiet is a configuration that notifies nobody.
const Quiet = "route: {receiver: nobody}\nreceivers: [{name: nobody}]\n"

// Start starts an Alertmanager with the configuration given, in its own YAML, or
// Quiet if it is empty, and returns when it is ready. The test fails if the
// program is not installed. It is stopped when the test ends.
func Start(t testing.TB, config string) *Server {
	t.Helper()
	if config == "" {
		config = Quiet
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "alertmanager.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatalf("write configuration of alertmanager: %v", err)
	}
	addr := debian.FreeAddr(t)
	s := &Server{t: t, URL: "http://" + addr}
	s.Process = debian.Start(t, debian.Server{
		Binary:  "prometheus-alertmanager",
		Package: "prometheus-alertmanager",
		Args: []string{
			"--config.file=" + file,
			"--storage.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + addr,
			"--cluster.listen-address=",
		},
		Ready: s.URL + "/-/ready",
	})
	return s
}

// An Alert is one that Alertmanager holds.
type Alert struct {
	Labels       map[string]string `json:"labels"`
	Annotations  map[string]string `json:"annotations"`
	StartsAt     time.Time         `json:"startsAt"`
	EndsAt       time.Time         `json:"endsAt"`
	UpdatedAt    time.Time         `json:"updatedAt"`
	Fingerprint  string            `json:"fingerprint"`
	GeneratorURL string            `json:"generatorURL"`
	Status       struct {
		State string `json:"state"` // unprocessed, active, suppressed
	} `json:"status"`
}

// Alerts returns the alerts that are firing. One that is resolved is not among
// them.
func (s *Server) Alerts() []Alert {
	s.t.Helper()
	status, body, err := debian.Get(s.URL + "/api/v2/alerts")
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("read alerts of alertmanager: status %d, %v: %s", status, err, body)
	}
	var all []Alert
	if err := json.Unmarshal(body, &all); err != nil {
		s.t.Fatalf("read alerts of alertmanager: %v", err)
	}
	return all
}

// Alert returns the firing alerts that have all the labels given.
func (s *Server) Alert(labels map[string]string) []Alert {
	s.t.Helper()
	var found []Alert
	for _, a := range s.Alerts() {
		fits := true
		for k, v := range labels {
			fits = fits && a.Labels[k] == v
		}
		if fits {
			found = append(found, a)
		}
	}
	return found
}

// Post sends alerts to Alertmanager as another client would, in the JSON of its
// API v2.
func (s *Server) Post(body string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), 5*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/api/v2/alerts", strings.NewReader(body))
	if err != nil {
		s.t.Fatalf("post to alertmanager: %v", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatalf("post to alertmanager: %v", err)
	}
	defer resp.Body.Close()
	if answer, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		s.t.Fatalf("post to alertmanager: status %d: %s", resp.StatusCode, answer)
	}
}
