// Package prometheustest starts Debian's own Prometheus for a test, on a
// loopback port and in a temporary directory, and asks it in PromQL.
package prometheustest

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/internal/debian"
)

// A Server is a Prometheus. Kill, Restart and Log are those of its process.
type Server struct {
	*debian.Process

	// URL is its address, for example http://127.0.0.1:40124.
	URL string

	t testing.TB
}

// Start starts a Prometheus that scrapes /metrics of the targets (host:port)
// every second, and returns when it is ready. Targets need not be up yet. The
// test fails if the program is not installed. It is stopped when the test ends.
func Start(t testing.TB, targets ...string) *Server {
	t.Helper()
	quoted := make([]string, len(targets))
	for i, target := range targets {
		quoted[i] = strconv.Quote(strings.TrimPrefix(target, "http://"))
	}
	return StartConfig(t, fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
scrape_configs:
  - job_name: promptness
    static_configs: [{targets: [%s]}]
`, strings.Join(quoted, ", ")))
}

// StartConfig is Start with a configuration in Prometheus's own YAML. Paths in
// it must be absolute.
func StartConfig(t testing.TB, config string) *Server {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatalf("write configuration of prometheus: %v", err)
	}
	addr := debian.FreeAddr(t)
	s := &Server{t: t, URL: "http://" + addr}
	s.Process = debian.Start(t, debian.Server{
		Binary:  "prometheus",
		Package: "prometheus",
		Args: []string{
			"--config.file=" + file,
			"--storage.tsdb.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=" + addr,
		},
		Ready: s.URL + "/-/ready",
	})
	return s
}

// A Sample is one series of an answer.
type Sample struct {
	Labels map[string]string // __name__ among them
	Value  float64
}

// Query returns the present value of a PromQL expression, one sample for each
// series. No series is an empty answer; an expression that cannot be evaluated
// fails the test.
func (s *Server) Query(expr string) []Sample {
	s.t.Helper()
	status, body, err := debian.Get(s.URL + "/api/v1/query?query=" + url.QueryEscape(expr))
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("query prometheus for %q: status %d, %v: %s", expr, status, err, body)
	}
	samples, err := decode(body)
	if err != nil {
		s.t.Fatalf("query prometheus for %q: %v", expr, err)
	}
	return samples
}

// Value returns the value of an expression that gives exactly one series, and
// whether it did.
func (s *Server) Value(expr string) (float64, bool) {
	s.t.Helper()
	samples := s.Query(expr)
	if len(samples) != 1 {
		return math.NaN(), false
	}
	return samples[0].Value, true
}

// decode reads an answer of the HTTP API v1: an instant vector or a scalar.
func decode(body []byte) ([]Sample, error) {
	var answer struct {
		Data struct {
			ResultType string          `json:"resultType"`
			Result     json.RawMessage `json:"result"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, err
	}
	type point [2]any // time, value as a string
	value := func(p point) (float64, error) {
		text, _ := p[1].(string)
		return strconv.ParseFloat(text, 64)
	}
	switch answer.Data.ResultType {
	case "vector":
		var series []struct {
			Metric map[string]string `json:"metric"`
			Value  point             `json:"value"`
		}
		if err := json.Unmarshal(answer.Data.Result, &series); err != nil {
			return nil, err
		}
		samples := make([]Sample, len(series))
		for i, x := range series {
			v, err := value(x.Value)
			if err != nil {
				return nil, err
			}
			samples[i] = Sample{Labels: x.Metric, Value: v}
		}
		return samples, nil
	case "scalar":
		var p point
		if err := json.Unmarshal(answer.Data.Result, &p); err != nil {
			return nil, err
		}
		v, err := value(p)
		return []Sample{{Value: v}}, err
	default:
		return nil, fmt.Errorf("result of type %q, want vector or scalar", answer.Data.ResultType)
	}
}
