package webhook_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/internal/alertmanagertest"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// vault opens a real store, until the test ends.
func vault(t *testing.T) *stream.Store {
	t.Helper()
	cfg := stream.Default()
	cfg.Dir = t.TempDir()
	cfg.MinFree = 0
	cfg.Ephemeral = true
	cfg.MaxBytes = stream.Limits{
		Signals: 256 * stream.MiB, Ledger: 64 * stream.MiB, Deliveries: 16 * stream.MiB,
		Positions: 16 * stream.MiB, Evidence: 128 * stream.MiB,
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	srv, err := stream.Start(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := srv.Close(); err != nil {
			t.Error(err)
		}
	})
	nc, err := srv.Connect("test")
	if err != nil {
		t.Fatal(err)
	}
	st, err := stream.Open(t.Context(), nc, cfg, stream.Hooks{}, log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

// next returns the next signal of the store.
func next(t *testing.T, r *stream.Reader) incident.Signal {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	batch, err := r.Batch(ctx, 1)
	if err != nil || len(batch) != 1 {
		t.Fatalf("Batch = %d signals, %v, want one", len(batch), err)
	}
	return batch[0].Signal
}

func TestAnAlertRaisedInAlertmanagerIsDetectedAtItsStart(t *testing.T) {
	st := vault(t)
	c := bearer(t)
	h, err := webhook.NewHandler([]webhook.Config{c}, st, slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	us := httptest.NewServer(h)
	t.Cleanup(us.Close)
	am := alertmanagertest.Start(t, fmt.Sprintf(`
route: {receiver: promptness, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: promptness
    webhook_configs:
      - url: %s/in/siem
        http_config: {authorization: {credentials: %s}}
`, us.URL, token))
	start := time.Now().Add(-59*time.Minute - 50*time.Second).Round(0)
	zone := start.In(time.FixedZone("", 5*3600+1800)).Format(time.RFC3339Nano)
	am.Post(fmt.Sprintf(`[{"labels":{"alertname":"ImpossibleTravel","severity":"critical"},"startsAt":%q}]`, zone))

	x, err := webhook.New([]webhook.Config{c})
	if err != nil {
		t.Fatal(err)
	}
	rule, err := c.Rule(nil)
	if err != nil {
		t.Fatal(err)
	}
	r := st.Signals(incident.Pos{})
	s := next(t, r)
	firing := x.Interpret(s, rule)
	if firing.Quarantine != "" || len(firing.Parts) != 1 {
		t.Fatalf("firing = %+v", firing)
	}
	p := firing.Parts[0]
	if p.Opening != incident.Opens || p.Trust != incident.Authenticated || p.Attrs.Impact != incident.ImpactHigh {
		t.Errorf("firing = %+v", p)
	}
	if len(p.Claims) != 1 || p.Claims[0].Milestone != incident.Detected || p.Claims[0].Interval != incident.At(start) {
		t.Errorf("claims = %+v, want detected %v", p.Claims, start.UTC())
	}
	if w := p.Claims[0].Words; string(s.Raw[w[0]:w[1]]) != zone {
		t.Errorf("words = %q, want %q", s.Raw[w[0]:w[1]], zone)
	}

	am.Post(fmt.Sprintf(`[{"labels":{"alertname":"ImpossibleTravel","severity":"critical"},"startsAt":%q,"endsAt":%q}]`,
		zone, time.Now().Format(time.RFC3339Nano)))
	resolved := x.Interpret(next(t, r), rule)
	if len(resolved.Parts) != 1 || resolved.Parts[0].Opening != incident.JoinsOnly || len(resolved.Parts[0].Claims) != 0 {
		t.Fatalf("resolved = %+v, want it to join only", resolved)
	}
	if d := cmp.Diff(p.Keys, resolved.Parts[0].Keys); d != "" {
		t.Errorf("keys (-firing +resolved):\n%s", d)
	}
}

func TestTheStoreTakesABodyOfAnySizeAndShape(t *testing.T) {
	st := vault(t)
	c := bearer(t)
	h, err := webhook.NewHandler([]webhook.Config{c}, st, slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	us := httptest.NewServer(h)
	t.Cleanup(us.Close)
	bodies := []string{"", "\n", "\x00\xff", `{"alerts":[]}`, strings.Repeat("x", 600<<10), strings.Repeat("y", webhook.MaxBytes)}
	for _, repeat := range []string{"false", "true"} {
		for _, body := range bodies {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, us.URL+"/in/siem", strings.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer "+token)
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			answer, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			want := fmt.Sprintf("{\"id\":%q,\"repeat\":%s}\n", incident.NewSignalID("siem", []byte(body)), repeat)
			if err != nil || resp.StatusCode != 202 || string(answer) != want {
				t.Errorf("%d bytes = %d %s, %v, want 202 %s", len(body), resp.StatusCode, answer, err, want)
			}
		}
	}
	r := st.Signals(incident.Pos{})
	for _, body := range bodies {
		if s := next(t, r); string(s.Raw) != body || s.Auth != incident.AuthBearer {
			t.Errorf("stored %d bytes, auth %s, want the %d that came", len(s.Raw), s.Auth, len(body))
		}
	}
}
