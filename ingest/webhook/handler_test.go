package webhook_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

const (
	token    = "0123456789abcdef0123456789abcdef"
	newToken = "fedcba9876543210fedcba9876543210"
)

// memory is a Sink in memory, as the vault behaves: a known id is a repeat.
type memory struct {
	mu     sync.Mutex
	stored []incident.Signal
	fail   error // before storing
	lose   error // after storing: the answer is lost
}

var _ ingest.Sink = (*memory)(nil)

func (m *memory) Put(ctx context.Context, s incident.Signal) (incident.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return incident.Receipt{}, m.fail
	}
	for i, known := range m.stored {
		if known.ID == s.ID {
			return incident.Receipt{Pos: incident.Pos{Seq: uint64(i + 1)}, Repeat: true}, nil
		}
	}
	m.stored = append(m.stored, s)
	if m.lose != nil {
		return incident.Receipt{}, m.lose
	}
	return incident.Receipt{Pos: incident.Pos{Seq: uint64(len(m.stored))}}, ctx.Err()
}

func (m *memory) all() []incident.Signal {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]incident.Signal(nil), m.stored...)
}

// file writes a secret file that only its owner can read.
func file(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func bearer(t testing.TB) webhook.Config {
	return webhook.Config{
		Source: ingest.Source{Name: "siem"},
		Kind:   webhook.KindAlertmanager,
		Auth:   webhook.Auth{Kind: webhook.AuthBearer, TokenFile: file(t, token+"\n")},
	}
}

type world struct {
	sink *memory
	reg  *prometheus.Registry
	log  *bytes.Buffer
	srv  *httptest.Server
}

func serve(t testing.TB, sources ...webhook.Config) *world {
	t.Helper()
	w := &world{sink: &memory{}, reg: prometheus.NewRegistry(), log: &bytes.Buffer{}}
	if err := webhook.Validate(sources, "127.0.0.1:8080", nil); err != nil {
		t.Fatal(err)
	}
	h, err := webhook.NewHandler(sources, w.sink, slog.New(slog.NewJSONHandler(w.log, nil)), w.reg)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle(webhook.Path, h)
	w.srv = httptest.NewServer(mux)
	t.Cleanup(w.srv.Close)
	return w
}

type answer struct {
	Status  int
	Body    string
	Headers http.Header
}

// send makes a request to path. header is "Name: value" lines.
func (w *world) send(t testing.TB, method, path string, body io.Reader, header ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, w.srv.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, string(b), resp.Header}
}

func (w *world) post(t testing.TB, body string, header ...string) answer {
	t.Helper()
	return w.send(t, http.MethodPost, "/in/siem", strings.NewReader(body), header...)
}

const auth = "Authorization: Bearer " + token

// counted returns promptness_webhook_requests_total of siem by result, zeros
// left out.
func (w *world) counted(t testing.TB) map[string]float64 {
	t.Helper()
	families, err := w.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if v := m.GetCounter().GetValue(); v > 0 {
				got[labels["source"]+"/"+labels["result"]] = v
			}
		}
	}
	return got
}

func TestADeliveryIsStoredAsItCameAndThenAnswered(t *testing.T) {
	w := serve(t, bearer(t))
	body := "{\"alerts\": [] }\r\n \xff"
	before := time.Now()
	got := w.post(t, body, auth)
	if got.Status != http.StatusAccepted {
		t.Fatalf("status = %d %s, want 202", got.Status, got.Body)
	}
	stored := w.sink.all()
	if len(stored) != 1 {
		t.Fatalf("stored %d signals, want 1", len(stored))
	}
	s := stored[0]
	if string(s.Raw) != body {
		t.Errorf("raw = %q, want the very bytes %q", s.Raw, body)
	}
	if s.ID != incident.NewSignalID("siem", []byte(body)) || s.Source != "siem" || s.Channel != incident.ChannelWebhook || s.Auth != incident.AuthBearer {
		t.Errorf("signal = %v %v %v %v", s.ID, s.Source, s.Channel, s.Auth)
	}
	if s.Received.Before(before.Add(-time.Second)) || s.Received.After(time.Now()) || s.Received.Location() != time.UTC {
		t.Errorf("received = %v, want now in UTC", s.Received)
	}
	if !s.Stamped.IsZero() || s.Author != "" {
		t.Errorf("stamped %v, author %q: a webhook has neither", s.Stamped, s.Author)
	}
	var told struct {
		ID     string
		Repeat bool
	}
	if err := json.Unmarshal([]byte(got.Body), &told); err != nil || told.ID != s.ID.String() || told.Repeat {
		t.Errorf("body = %s (%v), want the id and repeat false", got.Body, err)
	}
	again := w.post(t, body, auth)
	if err := json.Unmarshal([]byte(again.Body), &told); err != nil || again.Status != http.StatusAccepted || told.ID != s.ID.String() || !told.Repeat {
		t.Errorf("the same bytes again = %d %s (%v), want 202, the first id and repeat true", again.Status, again.Body, err)
	}
	if n := len(w.sink.all()); n != 1 {
		t.Errorf("stored %d signals, want still 1", n)
	}
	if d := cmp.Diff(map[string]float64{"siem/stored": 1, "siem/repeat": 1}, w.counted(t)); d != "" {
		t.Errorf("counted (-want +got):\n%s", d)
	}
}

func TestEveryAnswer(t *testing.T) {
	large := strings.Repeat("x", webhook.MaxBytes+1)
	for _, tt := range []struct {
		name   string
		method string
		path   string
		body   io.Reader
		header []string
		status int
		result string
		stored int
	}{
		{"an unknown source", http.MethodPost, "/in/other", strings.NewReader("{}"), []string{auth}, 404, "_unknown/unknown_source", 0},
		{"no source", http.MethodPost, "/in/", strings.NewReader("{}"), []string{auth}, 404, "_unknown/unknown_source", 0},
		{"beneath a source", http.MethodPost, "/in/siem/x", strings.NewReader("{}"), []string{auth}, 404, "_unknown/unknown_source", 0},
		{"GET", http.MethodGet, "/in/siem", nil, []string{auth}, 405, "siem/wrong_method", 0},
		{"PUT", http.MethodPut, "/in/siem", strings.NewReader("{}"), []string{auth}, 405, "siem/wrong_method", 0},
		{"no token", http.MethodPost, "/in/siem", strings.NewReader("{}"), nil, 401, "siem/unauthorised", 0},
		{"a wrong token", http.MethodPost, "/in/siem", strings.NewReader("{}"), []string{"Authorization: Bearer " + newToken}, 401, "siem/unauthorised", 0},
		{"half a token", http.MethodPost, "/in/siem", strings.NewReader("{}"), []string{auth[:len(auth)-1]}, 401, "siem/unauthorised", 0},
		{"an empty token", http.MethodPost, "/in/siem", strings.NewReader("{}"), []string{"Authorization: Bearer"}, 401, "siem/unauthorised", 0},
		{"another scheme", http.MethodPost, "/in/siem", strings.NewReader("{}"), []string{"Authorization: Basic " + token}, 401, "siem/unauthorised", 0},
		{"the scheme in small letters", http.MethodPost, "/in/siem", strings.NewReader("{}"), []string{"Authorization: bearer " + token}, 202, "siem/stored", 1},
		{"a stranger's large body is not read", http.MethodPost, "/in/siem", strings.NewReader(large), nil, 401, "siem/unauthorised", 0},
		{"one byte too many", http.MethodPost, "/in/siem", strings.NewReader(large), []string{auth}, 413, "siem/too_large", 0},
		{"one byte too many, of a length that is not told", http.MethodPost, "/in/siem", io.MultiReader(strings.NewReader(large)), []string{auth}, 413, "siem/too_large", 0},
		{"just the limit", http.MethodPost, "/in/siem", strings.NewReader(large[1:]), []string{auth}, 202, "siem/stored", 1},
		{"just the limit, of a length that is not told", http.MethodPost, "/in/siem", io.MultiReader(strings.NewReader(large[1:])), []string{auth}, 202, "siem/stored", 1},
		{"no JSON at all", http.MethodPost, "/in/siem", strings.NewReader("<xml/>"), []string{auth}, 202, "siem/stored", 1},
		{"an empty body", http.MethodPost, "/in/siem", strings.NewReader(""), []string{auth}, 202, "siem/stored", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := serve(t, bearer(t))
			got := w.send(t, tt.method, tt.path, tt.body, tt.header...)
			if got.Status != tt.status {
				t.Errorf("status = %d %s, want %d", got.Status, got.Body, tt.status)
			}
			if n := len(w.sink.all()); n != tt.stored {
				t.Errorf("stored %d signals, want %d", n, tt.stored)
			}
			if d := cmp.Diff(map[string]float64{tt.result: 1}, w.counted(t)); d != "" {
				t.Errorf("counted (-want +got):\n%s", d)
			}
			switch tt.status {
			case 401:
				if got.Headers.Get("WWW-Authenticate") != `Bearer realm="promptness"` || got.Body != "{\"error\":\"unauthorized\"}\n" {
					t.Errorf("a stranger reads %q %q", got.Headers.Get("WWW-Authenticate"), got.Body)
				}
			case 405:
				if got.Headers.Get("Allow") != http.MethodPost {
					t.Errorf("Allow = %q, want POST", got.Headers.Get("Allow"))
				}
			}
		})
	}
}

type forEver struct{}

func (forEver) Error() string   { return "put signal: erased" }
func (forEver) Permanent() bool { return true }
func (forEver) Erased() bool    { return true }

type invalid struct{}

func (invalid) Error() string   { return "put signal: no source" }
func (invalid) Permanent() bool { return true }

type soon struct{}

func (soon) Error() string             { return "put signal: store is full" }
func (soon) RetryAfter() time.Duration { return 1500 * time.Millisecond }

func TestWhatCouldNotBeStoredIsNeverAnswered2xx(t *testing.T) {
	for _, tt := range []struct {
		name       string
		fail, lose error
		status     int
		retry      string
		result     string
		stored     int
	}{
		{"storing fails, the signal is not there", errors.New("disk full"), nil, 503, "5", "siem/unavailable", 0},
		{"storing fails, the signal is there", nil, errors.New("no answer in time"), 503, "5", "siem/unavailable", 1},
		{"the sink says when", soon{}, nil, 503, "2", "siem/unavailable", 0},
		{"a fault of ours that no retry mends is still ours", invalid{}, nil, 503, "5", "siem/unavailable", 0},
		{"the bytes were erased", forEver{}, nil, 410, "", "siem/refused", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := serve(t, bearer(t))
			w.sink.fail, w.sink.lose = tt.fail, tt.lose
			got := w.post(t, `{"secret":"words"}`, auth)
			if got.Status != tt.status || got.Headers.Get("Retry-After") != tt.retry {
				t.Errorf("answer = %d, Retry-After %q, want %d and %q", got.Status, got.Headers.Get("Retry-After"), tt.status, tt.retry)
			}
			if strings.Contains(got.Body, "disk") || strings.Contains(got.Body, "store") {
				t.Errorf("a stranger reads %q", got.Body)
			}
			if d := cmp.Diff(map[string]float64{tt.result: 1}, w.counted(t)); d != "" {
				t.Errorf("counted (-want +got):\n%s", d)
			}
			log := w.log.String()
			if !strings.Contains(log, "put signal") && !strings.Contains(log, "disk full") && !strings.Contains(log, "no answer") {
				t.Errorf("log = %q, want the cause", log)
			}
			if strings.Contains(log, "words") {
				t.Errorf("log = %q: it holds what the sender wrote", log)
			}
			if tt.status == 410 {
				return
			}
			// The sender tries again, as 503 asks it to.
			w.sink.fail, w.sink.lose = nil, nil
			if got := w.post(t, `{"secret":"words"}`, auth); got.Status != 202 {
				t.Errorf("the next try = %d, want 202", got.Status)
			}
			if n := len(w.sink.all()); n != 1 {
				t.Errorf("stored %d signals in the end, want 1", n)
			}
		})
	}
}

func TestABodyThatDoesNotComeWholeIsNotTaken(t *testing.T) {
	w := serve(t, bearer(t))
	for _, length := range []int64{100, 100_000, -1} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in/siem", io.MultiReader(strings.NewReader("{"), broken{}))
		r.ContentLength = length
		r.Header.Set("Authorization", "Bearer "+token)
		rec := httptest.NewRecorder()
		w.srv.Config.Handler.ServeHTTP(rec, r)
		if rec.Code != 503 || rec.Header().Get("Retry-After") == "" {
			t.Errorf("length %d: status = %d, Retry-After %q, want 503 and a time", length, rec.Code, rec.Header().Get("Retry-After"))
		}
	}
	if n := len(w.sink.all()); n != 0 {
		t.Errorf("stored %d signals, want none", n)
	}
	if d := cmp.Diff(map[string]float64{"siem/cut_off": 3}, w.counted(t)); d != "" {
		t.Errorf("counted (-want +got):\n%s", d)
	}
}

func TestTooManyBodiesAtOnceAreAskedToComeLater(t *testing.T) {
	other := bearer(t)
	other.Name = "edr"
	w := serve(t, bearer(t), other)
	// 64 bodies of a length that is not told, each of which may be 1 MiB.
	var wg sync.WaitGroup
	var open []*io.PipeWriter
	for range 64 {
		r, pw := io.Pipe()
		open = append(open, pw)
		wg.Go(func() {
			if got := w.send(t, http.MethodPost, "/in/siem", r, auth); got.Status != 202 {
				t.Errorf("a body that came slowly = %d, want 202", got.Status)
			}
		})
		if _, err := pw.Write([]byte("{")); err != nil { // its head has been sent
			t.Fatal(err)
		}
	}
	eventually.Eventually(t, 10*time.Second, "a further body is asked to come later", func() bool {
		got := w.post(t, "{}", auth)
		return got.Status == 503 && got.Headers.Get("Retry-After") != ""
	})
	if got := w.send(t, http.MethodPost, "/in/edr", strings.NewReader("{}"), auth); got.Status != 202 {
		t.Errorf("another source meanwhile = %d, want 202", got.Status)
	}
	for _, pw := range open {
		if err := pw.Close(); err != nil {
			t.Error(err)
		}
	}
	wg.Wait()
	if got := w.post(t, "{}", auth); got.Status != 202 {
		t.Errorf("a body afterwards = %d, want 202", got.Status)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestEverySeriesIsThereFromTheStart(t *testing.T) {
	other := bearer(t)
	other.Name = "edr"
	w := serve(t, bearer(t), other)
	n, err := testutil.GatherAndCount(w.reg, "promptness_webhook_requests_total")
	if err != nil {
		t.Fatal(err)
	}
	if want := 2*9 + 1; n != want {
		t.Errorf("%d series before the first request, want %d", n, want)
	}
	if problems, err := testutil.GatherAndLint(w.reg); err != nil || len(problems) > 0 {
		t.Errorf("lint = %v, %v", problems, err)
	}
	if d := cmp.Diff(map[string]float64{}, w.counted(t)); d != "" {
		t.Errorf("counted before the first request:\n%s", d)
	}
}

func TestARefusalThatRepeatsDoesNotFillTheLog(t *testing.T) {
	w := serve(t, bearer(t))
	for range 50 {
		w.post(t, "{}", "X-Words: from-the-sender")
	}
	log := w.log.String()
	if n := strings.Count(log, "\n"); n != 1 {
		t.Errorf("%d lines for 50 refusals, want 1:\n%s", n, log)
	}
	if !strings.Contains(log, `"source_name":"siem"`) || !strings.Contains(log, `"result":"unauthorised"`) || strings.Contains(log, "from-the-sender") {
		t.Errorf("log = %s", log)
	}
}

func BenchmarkHandler(b *testing.B) {
	body := fmt.Sprintf(`{"version":"4","alerts":[{"status":"firing","labels":{"alertname":"X","pad":"%s"}}]}`, strings.Repeat("x", 900))
	for _, kind := range []webhook.AuthKind{webhook.AuthBearer, webhook.AuthHMAC} {
		b.Run(string(kind), func(b *testing.B) {
			c := bearer(b)
			if kind == webhook.AuthHMAC {
				c.Auth = webhook.Auth{Kind: kind, SecretFile: file(b, token), HMAC: webhook.HMAC{Header: "X-Sig"}}
			}
			h, err := webhook.NewHandler([]webhook.Config{c}, accepting{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			b.SetBytes(int64(len(body)))
			r := httptest.NewRequestWithContext(b.Context(), http.MethodPost, "/in/siem", nil)
			r.Header.Set("Authorization", "Bearer "+token)
			r.Header.Set("X-Sig", hex.EncodeToString(sign(token, body)))
			r.ContentLength = int64(len(body))
			src := strings.NewReader(body)
			for b.Loop() {
				src.Reset(body)
				r.Body = io.NopCloser(src)
				w := nothing{h: http.Header{}}
				h.ServeHTTP(&w, r)
				if w.status != 202 {
					b.Fatal(w.status)
				}
			}
		})
	}
}

type accepting struct{}

func (accepting) Put(context.Context, incident.Signal) (incident.Receipt, error) {
	return incident.Receipt{}, nil
}

type nothing struct {
	h      http.Header
	status int
}

func (n *nothing) Header() http.Header         { return n.h }
func (n *nothing) WriteHeader(s int)           { n.status = s }
func (n *nothing) Write(b []byte) (int, error) { return len(b), nil }
