package webhook_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
)

func TestASecretIsReplacedWithoutAGap(t *testing.T) {
	c := bearer(t)
	c.Auth.TokenFile = file(t, "\n"+token+"\r\n"+newToken+"\n")
	w := serve(t, c)
	for i, secret := range []string{token, newToken} {
		if got := w.post(t, strconv.Itoa(i), "Authorization: Bearer "+secret); got.Status != 202 {
			t.Errorf("token %d = %d, want 202", i, got.Status)
		}
	}
	if got := w.post(t, "{}", "Authorization: Bearer "+token+newToken); got.Status != 401 {
		t.Errorf("both tokens as one = %d, want 401", got.Status)
	}
}

func TestBasic(t *testing.T) {
	c := bearer(t)
	c.Auth = webhook.Auth{Kind: webhook.AuthBasic, Username: "alertmanager", PasswordFile: file(t, "correct horse\nnew: horse")}
	w := serve(t, c)
	basic := func(userinfo string) string {
		return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte(userinfo))
	}
	for _, tt := range []struct {
		name   string
		header string
		status int
	}{
		{"right", basic("alertmanager:correct horse"), 202},
		{"the new password", basic("alertmanager:new: horse"), 202},
		{"another user", basic("prometheus:correct horse"), 401},
		{"another password", basic("alertmanager:correct hors"), 401},
		{"no password", basic("alertmanager"), 401},
		{"the separator moved", basic("alertmanager:\x00correct horse"), 401},
		{"no base64", "Authorization: Basic ***", 401},
		{"bearer", "Authorization: Bearer correct horse", 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := w.post(t, tt.name, tt.header)
			if got.Status != tt.status {
				t.Errorf("status = %d, want %d", got.Status, tt.status)
			}
			if got.Status == 401 && !strings.HasPrefix(got.Headers.Get("WWW-Authenticate"), "Basic ") {
				t.Errorf("WWW-Authenticate = %q, want Basic", got.Headers.Get("WWW-Authenticate"))
			}
		})
	}
	if s := w.sink.all(); len(s) != 2 || s[0].Auth != incident.AuthBasic {
		t.Errorf("stored %v, want two of auth basic", s)
	}
}

func TestNoneIsOnlyForProgramsOnThisMachine(t *testing.T) {
	c := bearer(t)
	c.Auth = webhook.Auth{Kind: webhook.AuthNone}
	w := serve(t, c)
	if got := w.post(t, "{}"); got.Status != 202 {
		t.Errorf("from loopback = %d, want 202", got.Status)
	}
	for _, h := range []string{"X-Forwarded-For: 203.0.113.7", "Forwarded: for=203.0.113.7", "Origin: https://page.example.org", "Sec-Fetch-Site: cross-site"} {
		if got := w.post(t, "{}", h); got.Status != 401 {
			t.Errorf("with %s = %d, want 401", h, got.Status)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/in/siem", strings.NewReader("{}"))
	r.RemoteAddr = "192.0.2.1:4711"
	rec := httptest.NewRecorder()
	w.srv.Config.Handler.ServeHTTP(rec, r)
	if rec.Code != 401 {
		t.Errorf("from another machine = %d, want 401", rec.Code)
	}
	if s := w.sink.all(); len(s) != 1 || s[0].Auth != incident.AuthNone {
		t.Errorf("stored %v, want one of auth none", s)
	}
}

func sign(key, text string) []byte {
	m := hmac.New(sha256.New, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func TestHMAC(t *testing.T) {
	const body = `{"alert":"x"}`
	now := time.Now()
	unix := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).Unix(), 10) }
	github := webhook.HMAC{Header: "X-Hub-Signature-256", Prefix: "sha256="}
	stamped := webhook.HMAC{Header: "X-Signature", Template: "v0:{ts}:{body}", TSHeader: "X-Timestamp", TSUnit: "ms", Tolerance: incident.Span(time.Minute)}
	millis := func(d time.Duration) string { return strconv.FormatInt(now.Add(d).UnixMilli(), 10) }
	standardKey := "whsec_" + base64.StdEncoding.EncodeToString([]byte(token))
	standard := func(d time.Duration, key, signed string) []string {
		sig := base64.StdEncoding.EncodeToString(sign(key, "msg_1."+unix(d)+"."+signed))
		return []string{"webhook-id: msg_1", "webhook-timestamp: " + unix(d), "webhook-signature: v1," + sig}
	}
	for _, tt := range []struct {
		name   string
		hmac   webhook.HMAC
		secret string
		header []string
		status int
	}{
		{"hex with a prefix", github, token, []string{"X-Hub-Signature-256: sha256=" + hex.EncodeToString(sign(token, body))}, 202},
		{"in capitals", github, token, []string{"X-Hub-Signature-256: sha256=" + strings.ToUpper(hex.EncodeToString(sign(token, body)))}, 202},
		{"missing", github, token, nil, 401},
		{"empty", github, token, []string{"X-Hub-Signature-256: sha256="}, 401},
		{"without its prefix", github, token, []string{"X-Hub-Signature-256: " + hex.EncodeToString(sign(token, body))}, 401},
		{"of another key", github, token, []string{"X-Hub-Signature-256: sha256=" + hex.EncodeToString(sign(newToken, body))}, 401},
		{"of a body with another byte", github, token, []string{"X-Hub-Signature-256: sha256=" + hex.EncodeToString(sign(token, `{"alert":"y"}`))}, 401},
		{"cut short", github, token, []string{"X-Hub-Signature-256: sha256=" + hex.EncodeToString(sign(token, body))[:62]}, 401},
		{"no hex", github, token, []string{"X-Hub-Signature-256: sha256=" + strings.Repeat("zz", 32)}, 401},
		{"the old key while it is replaced", github, token + "\n" + newToken, []string{"X-Hub-Signature-256: sha256=" + hex.EncodeToString(sign(token, body))}, 202},
		{"the new key while it is replaced", github, token + "\n" + newToken, []string{"X-Hub-Signature-256: sha256=" + hex.EncodeToString(sign(newToken, body))}, 202},
		{"two signatures, the second right", webhook.HMAC{Header: "X-Sig", Prefix: "v1="}, token,
			[]string{"X-Sig: v1=" + hex.EncodeToString(sign(newToken, body)) + ",v1=" + hex.EncodeToString(sign(token, body))}, 202},
		{"base64", webhook.HMAC{Header: "X-Sig", Encoding: "base64"}, token, []string{"X-Sig: " + base64.StdEncoding.EncodeToString(sign(token, body))}, 202},
		{"a fresh stamp", stamped, token, []string{"X-Timestamp: " + millis(-50*time.Second), "X-Signature: " + hex.EncodeToString(sign(token, "v0:"+millis(-50*time.Second)+":"+body))}, 202},
		{"a stale stamp", stamped, token, []string{"X-Timestamp: " + millis(-70*time.Second), "X-Signature: " + hex.EncodeToString(sign(token, "v0:"+millis(-70*time.Second)+":"+body))}, 401},
		{"a stamp in the future", stamped, token, []string{"X-Timestamp: " + millis(70*time.Second), "X-Signature: " + hex.EncodeToString(sign(token, "v0:"+millis(70*time.Second)+":"+body))}, 401},
		{"no stamp", stamped, token, []string{"X-Signature: " + hex.EncodeToString(sign(token, "v0::"+body))}, 401},
		{"a stamp in the wrong unit", stamped, token, []string{"X-Timestamp: " + unix(0), "X-Signature: " + hex.EncodeToString(sign(token, "v0:"+unix(0)+":"+body))}, 401},
		{"a stamp that is no number", stamped, token, []string{"X-Timestamp: today", "X-Signature: " + hex.EncodeToString(sign(token, "v0:today:"+body))}, 401},
		{"a stamp made fresh by a stranger", stamped, token, []string{"X-Timestamp: " + millis(0), "X-Signature: " + hex.EncodeToString(sign(token, "v0:"+millis(-time.Hour)+":"+body))}, 401},
		{"Standard Webhooks", webhook.HMAC{}, standardKey, standard(0, token, body), 202},
		{"Standard Webhooks, another body", webhook.HMAC{}, standardKey, standard(0, token, body+" "), 401},
		{"Standard Webhooks, six minutes old", webhook.HMAC{}, standardKey, standard(-6*time.Minute, token, body), 401},
		{"Standard Webhooks, another id", webhook.HMAC{}, standardKey, append(standard(0, token, body)[1:], "webhook-id: msg_2"), 401},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := bearer(t)
			c.Auth = webhook.Auth{Kind: webhook.AuthHMAC, SecretFile: file(t, tt.secret), HMAC: tt.hmac}
			w := serve(t, c)
			if got := w.post(t, body, tt.header...); got.Status != tt.status {
				t.Errorf("status = %d, want %d", got.Status, tt.status)
			}
			want := 0
			if tt.status == 202 {
				want = 1
			}
			if s := w.sink.all(); len(s) != want || want == 1 && s[0].Auth != incident.AuthHMAC {
				t.Errorf("stored %d signals, want %d of auth hmac", len(s), want)
			}
		})
	}
}

func TestASecretThatCannotBeUsedIsNamed(t *testing.T) {
	open := file(t, token)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		auth webhook.Auth
		want string
	}{
		{"missing", webhook.Auth{Kind: webhook.AuthBearer, TokenFile: filepath.Join(t.TempDir(), "none")}, "[0].auth.token_file: read secret"},
		{"too short", webhook.Auth{Kind: webhook.AuthBearer, TokenFile: file(t, token+"\nshort")}, "number 2 has fewer than 16 characters"},
		{"readable by all", webhook.Auth{Kind: webhook.AuthHMAC, SecretFile: open}, "[0].auth.secret_file: read secret"},
		{"no base64", webhook.Auth{Kind: webhook.AuthHMAC, SecretFile: file(t, "whsec_!!!!!!!!!!!!!!!!!!!!")}, "is not base64"},
		{"blank", webhook.Auth{Kind: webhook.AuthBasic, Username: "a", PasswordFile: file(t, "  \n\n")}, "holds only white space"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := bearer(t)
			c.Auth = tt.auth
			_, err := webhook.NewHandler([]webhook.Config{c}, &memory{}, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("NewHandler = %v, want it to say %q", err, tt.want)
			}
			if err != nil && (strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "!!!")) {
				t.Errorf("NewHandler = %v: it tells the secret", err)
			}
		})
	}
}
