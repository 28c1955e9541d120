package webhook_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
)

// captures adds what tools really send, and what is nearly that.
func captures(f *testing.F) {
	f.Helper()
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
		f.Add(b[:len(b)/2])
		f.Add(bytes.ToUpper(b))
	}
	for _, s := range []string{
		``, `{}`, `[]`, `null`, `{"alerts":null}`, `{"alerts":[null,1,"",[],{}]}`, `{"alerts":[{"labels":{"":""}}]}`,
		`{"alerts":[{"labels":{"a":"1","a":"2"},"startsAt":"\u0032026-11-24T10:00:00Z"}],"alerts":[]}`,
		`{"alerts":[{"fingerprint":"f","startsAt":"9999-12-31T23:59:59Z"}],"truncatedAlerts":1e9}`, "{\"alerts\":[{\"labels\":{\"\xff\":\"\xff\"}}]}",
	} {
		f.Add([]byte(s))
	}
}

// wellFormed reports what no payload may bring about.
func wellFormed(t *testing.T, r incident.Reading, raw []byte) {
	t.Helper()
	if r.Interpreter != webhook.InterpreterName {
		t.Errorf("interpreter = %q", r.Interpreter)
	}
	if len(r.Parts) > incident.MaxParts {
		t.Errorf("%d parts, at most %d", len(r.Parts), incident.MaxParts)
	}
	if len(r.Parts) == 0 && r.Quarantine == "" {
		t.Error("neither a part nor a reason")
	}
	low, high := time.Date(1971, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
	for i, p := range r.Parts {
		if len(p.Keys) > incident.MaxKeys || len(p.Claims) > incident.MaxClaims {
			t.Errorf("part %d: %d keys, %d claims", i, len(p.Keys), len(p.Claims))
		}
		for _, k := range p.Keys {
			if k.Value == "" || len(k.Value) > 1200 {
				t.Errorf("part %d: key of %d bytes", i, len(k.Value))
			}
		}
		for _, c := range p.Claims {
			e, l := c.Interval.Earliest, c.Interval.Latest
			if !c.Interval.Closed() || !c.Interval.Valid() || e.Before(low) || !l.Before(high) || e.Location() != time.UTC {
				t.Errorf("part %d: claim %v is out of bounds", i, c.Interval)
			}
			if c.Receiver {
				t.Errorf("part %d: a source that tells nothing gave a receipt", i)
			}
			if c.Words[0] < 0 || c.Words[1] < c.Words[0] || c.Words[1] > len(raw) {
				t.Errorf("part %d: words %v of %d bytes", i, c.Words, len(raw))
			}
		}
		if p.Attrs.Organisation != "" && !cmp.Equal([]incident.Organisation{p.Attrs.Organisation}, known(p.Attrs.Organisation)) {
			t.Errorf("part %d: organisation %q is of no closed set", i, p.Attrs.Organisation)
		}
	}
}

func known(o incident.Organisation) []incident.Organisation {
	for _, k := range orgs {
		if k == o {
			return []incident.Organisation{k}
		}
	}
	return nil
}

func fuzzReading(f *testing.F, c webhook.Config) {
	f.Helper()
	captures(f)
	x, err := webhook.New([]webhook.Config{c})
	if err != nil {
		f.Fatal(err)
	}
	rule, err := c.Rule(orgs)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := signal(c, raw)
		r := x.Interpret(s, rule)
		wellFormed(t, r, raw)
		if again := x.Interpret(s, rule); !cmp.Equal(r, again) {
			t.Errorf("read twice (-first +second):\n%s", cmp.Diff(r, again))
		}
		for i := range r.Parts {
			if title := x.Title(s, rule, i); strings.ContainsAny(title, "\n\r\x1b\x00\u202e") || len([]rune(title)) > 200 {
				t.Errorf("title = %q", title)
			}
		}
		if !json.Valid(bytes.TrimPrefix(raw, []byte("\ufeff"))) && r.Quarantine == "" {
			t.Error("what is no document was read")
		}
	})
}

func FuzzInterpretAlert(f *testing.F) {
	c := alerts()
	c.OpensWhen = `labels.?severity.orValue("") in ["critical", "high"]`
	c.IgnoreWhen = `labels.alertname == "Watchdog"`
	fuzzReading(f, c)
}

func FuzzInterpretJSON(f *testing.F) {
	c := source(f, guardduty)
	c.OpensWhen = ""
	c.Mapping.Keys = `[p.?id, p.?detail.?id, p.?alert.?alertId]`
	c.Mapping.Detected = `p.?detail.?createdAt.or(p.?alert.?createdAt).or(p.?t)`
	c.Mapping.Occurred = `p.?alert.?updatedAt`
	c.Mapping.Organisation = `p.?account.orValue("")`
	fuzzReading(f, c)
}

func FuzzParseStamp(f *testing.F) {
	for _, s := range []string{
		"2026-11-24T10:00:00Z", "2026-11-24 10:00:00.123456789 +0100", "2026-11-24T10:00:00+01", "1795514400", "1795514400.5", "1795514400123456789",
		"2026-11-24 10:00:00 UTC", "0001-01-01T00:00:00Z", "", ".", "2026-11-24T10:00:00,5Z", "+1", "99999999999999999999",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, err := webhook.ParseStamp(s)
		if err != nil {
			return
		}
		if y := got.Year(); y < 1971 || y > 2199 || got.Location() != time.UTC {
			t.Errorf("ParseStamp(%q) = %v, out of bounds", s, got)
		}
		again, err := webhook.ParseStamp(got.Format(time.RFC3339Nano))
		if err != nil || !again.Equal(got) {
			t.Errorf("ParseStamp(%q) = %v, which reads again as %v, %v", s, got, again, err)
		}
		// What the standard library takes too, it takes as the same instant.
		if std, err := time.Parse(time.RFC3339Nano, s); err == nil && !std.Equal(got) {
			t.Errorf("ParseStamp(%q) = %v, the standard library says %v", s, got, std)
		}
	})
}

// FuzzSignature tries what a stranger may put into the headers: none of it may
// pass but the right signature.
func FuzzSignature(f *testing.F) {
	const body = `{"a":1}`
	now := time.Now()
	stamp := now.UTC().Format(time.RFC3339)
	right := hex.EncodeToString(sign(token, "v0."+stamp+"."+body))
	for _, s := range []string{
		"v1=" + right, "v1=" + right[:63] + "0", "v1=" + right + ",v1=" + right, " v1=" + right + " ", "v1=", "", "v1=,,,", strings.Repeat("v1=00 ", 100),
		"v1=" + strings.Repeat("0", 64), "v1=" + strings.ToUpper(right),
	} {
		f.Add(s, stamp)
	}
	f.Add("v1="+right, "1970-01-01T00:00:00Z")
	f.Add("v1="+right, "")
	c := webhook.Config{Source: ingest.Source{Name: "siem"}, Kind: webhook.KindJSON, Auth: webhook.Auth{
		Kind: webhook.AuthHMAC, SecretFile: file(f, token),
		HMAC: webhook.HMAC{Header: "X-Sig", Prefix: "v1=", Template: "v0.{ts}.{body}", TSHeader: "X-Ts", TSUnit: "rfc3339", Tolerance: incident.Span(time.Hour)},
	}}
	h, err := webhook.NewHandler([]webhook.Config{c}, accepting{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, sig, ts string) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in/siem", strings.NewReader(body))
		r.Header["X-Sig"], r.Header["X-Ts"] = []string{sig}, []string{ts}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		expected := hex.EncodeToString(sign(token, "v0."+ts+"."+body))
		switch w.Code {
		case 401:
			if sig == "v1="+right && ts == stamp {
				t.Error("the right signature was refused")
			}
		case 202:
			if !strings.Contains(strings.ToLower(sig), expected) {
				t.Errorf("signature %q with stamp %q was taken", sig, ts)
			}
		default:
			t.Errorf("status = %d, want 202 or 401", w.Code)
		}
	})
}
