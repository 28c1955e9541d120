package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

const token = "bench-token-of-no-importance-0123456789"

func source(dir string) (webhook.Config, error) {
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		return webhook.Config{}, err
	}
	return webhook.Config{
		Source: ingest.Source{Name: "bench"}, Kind: "alertmanager",
		Auth: webhook.Auth{Kind: "bearer", TokenFile: file},
	}, nil
}

// A store is an embedded server with its streams.
type store struct {
	*stream.Store
	close func()
}

func openStore(ctx context.Context, dir string) (*store, error) {
	cfg := stream.Default()
	cfg.Dir = dir
	log := slog.New(slog.DiscardHandler)
	srv, err := stream.Start(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	nc, err := srv.Connect("bench")
	if err != nil {
		return nil, err
	}
	st, err := stream.Open(ctx, nc, cfg, stream.Hooks{}, log)
	if err != nil {
		return nil, err
	}
	return &store{st, func() { _ = st.Close(); nc.Close(); _ = srv.Close() }}, nil
}

// benchWebhooks returns how many webhooks a second are answered 202, each after
// it is durable, with the senders on the same machine.
func benchWebhooks(ctx context.Context, dir string, o options) (float64, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return 0, err
	}
	src, err := source(dir)
	if err != nil {
		return 0, err
	}
	st, err := openStore(ctx, filepath.Join(dir, "store"))
	if err != nil {
		return 0, err
	}
	defer st.close()
	h, err := webhook.NewHandler([]webhook.Config{src}, st, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		return 0, err
	}
	mux := http.NewServeMux()
	mux.Handle("/in/", h)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(l) }()
	defer server.Close()

	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.seconds)*time.Second)
	defer cancel()
	var answered atomic.Int64
	errs := make(chan error, o.senders)
	var wg sync.WaitGroup
	began := time.Now()
	for i := range o.senders {
		wg.Go(func() {
			if err := send(ctx, l.Addr().String(), i, &answered); err != nil {
				errs <- err
			}
		})
	}
	wg.Wait()
	took := time.Since(began)
	select {
	case err := <-errs:
		return 0, err
	default:
	}
	return float64(answered.Load()) / took.Seconds(), nil
}

// send posts one alert after the other over one connection. It writes HTTP by
// hand: a client of the library would take as much of the machine as the
// server that is measured.
func send(ctx context.Context, addr string, sender int, answered *atomic.Int64) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	r := bufio.NewReaderSize(c, 1<<10)
	for k := 0; ctx.Err() == nil; k++ {
		body := alert(sender, k, time.Now(), 1024)
		req := fmt.Appendf(nil, "POST /in/bench HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", token, len(body))
		if _, err := c.Write(append(req, body...)); err != nil {
			return err
		}
		if err := answer(r); err != nil {
			return err
		}
		answered.Add(1)
	}
	return nil
}

func answer(r *bufio.Reader) error {
	length := 0
	for first := true; ; first = false {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if first && !bytes.HasPrefix(line, []byte("HTTP/1.1 202")) {
			return fmt.Errorf("answer %q, want 202", line)
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if _, err := fmt.Sscanf(string(v), "%d", &length); err != nil {
				return err
			}
		}
		if len(bytes.TrimSpace(line)) == 0 {
			break
		}
	}
	_, err := r.Discard(length)
	return err
}

// alert is a delivery of Alertmanager with one alert, about size bytes long.
func alert(sender, k int, at time.Time, size int) []byte {
	stamp := at.UTC().Format(time.RFC3339Nano)
	b := fmt.Appendf(nil, `{"version":"4","groupKey":"{}:{alertname=\"Bench\"}","truncatedAlerts":0,"status":"firing","receiver":"promptness",`+
		`"groupLabels":{"alertname":"Bench"},"commonLabels":{"alertname":"Bench","severity":"high"},"commonAnnotations":{},"externalURL":"http://am.example.org",`+
		`"alerts":[{"status":"firing","labels":{"alertname":"Bench","severity":"high","instance":"host-%d-%d.example.org"},"annotations":{"summary":"`, sender, k)
	tail := fmt.Appendf(nil, `"},"startsAt":"%s","endsAt":"0001-01-01T00:00:00Z","generatorURL":"http://prom.example.org","fingerprint":"%08x%08x"}]}`, stamp, sender, k)
	for len(b)+len(tail) < size {
		b = append(b, "bench "...)
	}
	return append(b, tail...)
}
