package email_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// An endpoint gives out tokens, written from RFC 6749 section 4.4 and RFC 7523
// and what Microsoft and Google publish of theirs.
type endpoint struct {
	*httptest.Server
	mu       sync.Mutex
	requests []request
	answer   http.HandlerFunc // in the place of a token
	token    string
}

type request struct {
	Method, Path, Type, Basic string
	Form                      url.Values
}

func newEndpoint(t testing.TB, token string) *endpoint {
	t.Helper()
	e := &endpoint{token: token}
	e.Server = httptest.NewServer(http.HandlerFunc(e.serve))
	t.Cleanup(e.Close)
	return e
}

func (e *endpoint) serve(w http.ResponseWriter, r *http.Request) {
	b, _ := io.ReadAll(r.Body)
	form, _ := url.ParseQuery(string(b))
	q := request{Method: r.Method, Path: r.URL.Path, Type: r.Header.Get("Content-Type"), Form: form}
	if user, password, ok := r.BasicAuth(); ok {
		q.Basic = user + ":" + password
	}
	e.mu.Lock()
	e.requests = append(e.requests, q)
	answer, token := e.answer, e.token
	e.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": token})
}

func (e *endpoint) with(f func(*endpoint)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	f(e)
}

func (e *endpoint) asked() []request {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]request(nil), e.requests...)
}

// refuse makes the endpoint answer with an error of RFC 6749 section 5.2.
func (e *endpoint) refuse(status int, code, text string) {
	e.with(func(e *endpoint) {
		e.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_ = json.NewEncoder(w).Encode(map[string]any{"error": code, "error_description": text})
		}
	})
}

const (
	clientSecret = "Wf8Q~very.secret_value-1234567890"
	someToken    = "eyJ0eXAiOiJKV1QifQ.eyJyb2xlcyI6WyJJTUFQLkFjY2Vzc0FzQXBwIl19.c2lnbmF0dXJl"
)

// microsoft returns a mailbox whose tokens e gives out in Microsoft's place.
func microsoft(t testing.TB, e *endpoint, addr string) email.Config {
	t.Helper()
	c := configAt(t, addr)
	c.PasswordFile = ""
	c.OAuth2 = &email.OAuth2{
		Provider: email.ProviderMicrosoft, Tenant: "11111111-2222-3333-4444-555555555555",
		ClientID: "66666666-7777-8888-9999-000000000000", ClientSecretFile: secretFile(t, clientSecret),
		TokenURL: e.URL + "/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token",
	}
	return c
}

// google returns a mailbox whose tokens e gives out in Google's place, and the
// key by which it knows the service account.
func google(t testing.TB, e *endpoint, addr string) (email.Config, *rsa.PublicKey) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	account, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "private_key_id": "kid-1",
		"private_key":  string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"client_email": "promptness@p.iam.example.org", "token_uri": e.URL + "/token",
	})
	if err != nil {
		t.Fatal(err)
	}
	c := configAt(t, addr)
	c.PasswordFile = ""
	c.OAuth2 = &email.OAuth2{Provider: email.ProviderGoogle, ServiceAccountFile: secretFile(t, string(account))}
	return c, &key.PublicKey
}

func TestTokenIsAskedOfMicrosoftAsItDocuments(t *testing.T) {
	e := newEndpoint(t, someToken)
	got, err := email.Token(t.Context(), microsoft(t, e, "127.0.0.1:1"))
	if err != nil || got != someToken {
		t.Fatalf("Token() = %q, %v, want the endpoint's", got, err)
	}
	want := []request{{
		Method: "POST", Path: "/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token",
		Type: "application/x-www-form-urlencoded",
		Form: url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"66666666-7777-8888-9999-000000000000"},
			"client_secret": {clientSecret}, "scope": {"https://outlook.office365.com/.default"},
		},
	}}
	if d := cmp.Diff(want, e.asked()); d != "" {
		t.Errorf("request (-want +got):\n%s", d)
	}
}

func TestTokenIsAskedOfOthersByTheStandard(t *testing.T) {
	e := newEndpoint(t, someToken)
	c := microsoft(t, e, "127.0.0.1:1")
	c.OAuth2.Provider, c.OAuth2.Tenant, c.OAuth2.Scopes = email.ProviderOther, "", []string{"imap", "openid"}
	c.OAuth2.TokenURL = e.URL + "/realms/r/token"
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if got, err := email.Token(t.Context(), c); err != nil || got != someToken {
		t.Fatalf("Token() = %q, %v, want the endpoint's", got, err)
	}
	want := []request{{
		Method: "POST", Path: "/realms/r/token", Type: "application/x-www-form-urlencoded",
		Basic: url.QueryEscape("66666666-7777-8888-9999-000000000000") + ":" + url.QueryEscape(clientSecret),
		Form:  url.Values{"grant_type": {"client_credentials"}, "scope": {"imap openid"}},
	}}
	if d := cmp.Diff(want, e.asked()); d != "" {
		t.Errorf("request (-want +got):\n%s", d)
	}
}

func TestTokenIsAskedOfGoogleAsItDocuments(t *testing.T) {
	e := newEndpoint(t, "ya29.token")
	c, key := google(t, e, "127.0.0.1:1")
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	before := time.Now().Unix()
	if got, err := email.Token(t.Context(), c); err != nil || got != "ya29.token" {
		t.Fatalf("Token() = %q, %v, want the endpoint's", got, err)
	}
	asked := e.asked()
	if len(asked) != 1 {
		t.Fatalf("%d requests, want 1", len(asked))
	}
	q := asked[0]
	assertion := q.Form.Get("assertion")
	q.Form.Set("assertion", "")
	want := request{
		Method: "POST", Path: "/token", Type: "application/x-www-form-urlencoded",
		Form: url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {""}},
	}
	if d := cmp.Diff(want, q); d != "" {
		t.Errorf("request (-want +got):\n%s", d)
	}
	parts := strings.Split(assertion, ".")
	if len(parts) != 3 {
		t.Fatalf("assertion %q, want three parts", assertion)
	}
	var header, claims map[string]any
	for i, into := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err == nil {
			err = json.Unmarshal(b, into)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(map[string]any{"alg": "RS256", "typ": "JWT", "kid": "kid-1"}, header); d != "" {
		t.Errorf("header (-want +got):\n%s", d)
	}
	for name, want := range map[string]any{
		"iss": "promptness@p.iam.example.org", "sub": "reports@example.org",
		"scope": "https://mail.google.com/", "aud": e.URL + "/token",
	} {
		if claims[name] != want {
			t.Errorf("claim %s = %v, want %v", name, claims[name], want)
		}
	}
	iat, _ := claims["iat"].(float64)
	exp, _ := claims["exp"].(float64)
	if int64(iat) < before-60 || int64(iat) > before+60 || exp-iat > 3600 || exp <= iat {
		t.Errorf("iat %v, exp %v, want from now, for at most an hour", iat, exp)
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256([]byte(parts[0] + "." + parts[1]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig); err != nil {
		t.Errorf("signature: %v", err)
	}
}

func TestSubjectIsTheMailboxUnlessItIsNamed(t *testing.T) {
	e := newEndpoint(t, "ya29.token")
	c, _ := google(t, e, "127.0.0.1:1")
	c.OAuth2.Subject, c.OAuth2.Scopes = "other@example.org", []string{"https://mail.google.com/mail"}
	if _, err := email.Token(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	payload := strings.Split(e.asked()[0].Form.Get("assertion"), ".")[1]
	b, _ := base64.RawURLEncoding.DecodeString(payload)
	if !strings.Contains(string(b), `"sub":"other@example.org"`) || !strings.Contains(string(b), `"scope":"https://mail.google.com/mail"`) {
		t.Errorf("claims %s, want the subject and the scope of the configuration", b)
	}
}

func TestSecretsAreReadAnewForEachToken(t *testing.T) {
	e := newEndpoint(t, someToken)
	c := microsoft(t, e, "127.0.0.1:1")
	for _, secret := range []string{"first", "second"} {
		if err := os.WriteFile(c.OAuth2.ClientSecretFile, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := email.Token(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, q := range e.asked() {
		got = append(got, q.Form.Get("client_secret"))
	}
	if d := cmp.Diff([]string{"first", "second"}, got); d != "" {
		t.Errorf("secrets (-want +got):\n%s", d)
	}
}

// The texts of Microsoft and Google as they send them, with the ids changed.
func TestRefusalOfATokenSaysWhatToDo(t *testing.T) {
	for _, tt := range []struct {
		name         string
		provider     string
		status       int
		code, text   string
		header       string // Retry-After
		hint         string // a part of it
		after        time.Duration
		wantContains string
	}{
		{
			"an expired secret", email.ProviderMicrosoft, 401, "invalid_client",
			"AADSTS7000222: The provided client secret keys for app '6666' are expired. Visit the Azure portal to create new keys for your app. Trace ID: 1 Correlation ID: 2 Timestamp: 2026-11-24 03:00:00Z",
			"", "has expired", 2 * time.Minute, "AADSTS7000222",
		},
		{
			"a wrong secret", email.ProviderMicrosoft, 401, "invalid_client",
			"AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '6666'.",
			"", "not its Secret ID", 2 * time.Minute, "invalid_client",
		},
		{
			"an unknown app", email.ProviderMicrosoft, 400, "unauthorized_client",
			"AADSTS700016: Application with identifier '6666' was not found in the directory 'Example'.",
			"", "no such application", 2 * time.Minute, "AADSTS700016",
		},
		{
			"an unknown tenant", email.ProviderMicrosoft, 400, "invalid_request",
			"AADSTS90002: Tenant 'x' not found. Check to make sure you have the correct tenant ID", "", "no such tenant", 2 * time.Minute, "AADSTS90002",
		},
		{
			"no consent", email.ProviderMicrosoft, 400, "invalid_grant",
			"AADSTS65001: The user or administrator has not consented to use the application", "", "IMAP.AccessAsApp", 2 * time.Minute, "AADSTS65001",
		},
		{
			"a wrong scope", email.ProviderMicrosoft, 400, "invalid_scope",
			"AADSTS1002012: The provided value for scope x is not valid. Client credential flows must have a scope value with /.default suffixed", "", "leave scopes out", 2 * time.Minute, "",
		},
		{
			"a policy", email.ProviderMicrosoft, 400, "access_denied",
			"AADSTS53003: Access has been blocked by Conditional Access policies.", "", "Conditional Access", 2 * time.Minute, "",
		},
		{"too many requests", email.ProviderMicrosoft, 429, "temporarily_unavailable", "slow down", "240", "nothing to do", 4 * time.Minute, "429"},
		{"out of order", email.ProviderMicrosoft, 503, "", "", "", "nothing to do", 2 * time.Minute, "503"},
		{
			"no delegation", email.ProviderGoogle, 401, "unauthorized_client",
			"Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of the scopes requested.",
			"", "Domain-wide delegation", 2 * time.Minute, "unauthorized_client",
		},
		{"no such user", email.ProviderGoogle, 400, "invalid_grant", "Invalid email or User ID", "", "no such user", 2 * time.Minute, "invalid_grant"},
		{"an error that nobody knows", email.ProviderMicrosoft, 400, "weird_error", "who knows", "", "compare client_id", 2 * time.Minute, "who knows"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := newEndpoint(t, someToken)
			e.refuse(tt.status, tt.code, tt.text)
			if tt.header != "" {
				next := e.answer
				e.with(func(e *endpoint) {
					e.answer = func(w http.ResponseWriter, r *http.Request) {
						w.Header().Set("Retry-After", tt.header)
						next(w, r)
					}
				})
			}
			c := microsoft(t, e, "127.0.0.1:1")
			if tt.provider == email.ProviderGoogle {
				c, _ = google(t, e, "127.0.0.1:1")
			}
			_, err := email.Token(t.Context(), c)
			if err == nil || !strings.Contains(err.Error(), tt.wantContains) {
				t.Errorf("error %v, want it to have %q", err, tt.wantContains)
			}
			if got := hintOf(err); !strings.Contains(got, tt.hint) {
				t.Errorf("hint %q, want it to have %q", got, tt.hint)
			}
			if got := pauseOf(err); got != tt.after {
				t.Errorf("pause %s, want %s", got, tt.after)
			}
			if n := len(e.asked()); n != 1 {
				t.Errorf("%d requests, want one: each counts at the provider", n)
			}
		})
	}
}

// An endpoint that repeats what it was sent must not bring it into the log.
func TestNoErrorHoldsASecret(t *testing.T) {
	e := newEndpoint(t, someToken)
	e.with(func(e *endpoint) {
		e.answer = func(w http.ResponseWriter, _ *http.Request) {
			form := e.asked()
			b, _ := json.Marshal(form[len(form)-1].Form.Encode())
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(400)
			_, _ = fmt.Fprintf(w, `{"error":"invalid_request","error_description":%s}`, b)
		}
	})
	ms := microsoft(t, e, "127.0.0.1:1")
	goo, _ := google(t, e, "127.0.0.1:1")
	for name, c := range map[string]email.Config{"microsoft": ms, "google": goo} {
		_, err := email.Token(t.Context(), c)
		if err == nil {
			t.Fatalf("%s: no error", name)
		}
		text := fmt.Sprintf("%v %+v %#v", err, err, err)
		for _, secret := range []string{clientSecret, url.QueryEscape(clientSecret), e.asked()[len(e.asked())-1].Form.Get("assertion")} {
			if secret != "" && strings.Contains(text, secret) {
				t.Errorf("%s: the error %q holds a secret", name, text)
			}
		}
	}
}

func TestAnAnswerThatIsNoTokenIsRefused(t *testing.T) {
	for name, body := range map[string]string{
		"no token":                  `{"token_type":"Bearer"}`,
		"an error under status 200": `{"error":"invalid_grant"}`,
		"another type":              `{"token_type":"mac","access_token":"abc"}`,
		"a token that breaks out":   `{"token_type":"Bearer","access_token":"abc\u0001auth=Bearer x"}`,
		"a token with a line end":   `{"token_type":"Bearer","access_token":"abc\r\nT2 LOGOUT"}`,
		"no json":                   `<html>`,
		"nothing":                   ``,
		"a huge token":              `{"access_token":"` + strings.Repeat("a", 40<<10) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, "")
			e.with(func(e *endpoint) {
				e.answer = func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					_, _ = io.WriteString(w, body)
				}
			})
			goo, _ := google(t, e, "127.0.0.1:1")
			for _, c := range []email.Config{microsoft(t, e, "127.0.0.1:1"), goo} {
				got, err := email.Token(t.Context(), c)
				if err == nil || got != "" {
					t.Errorf("%s: Token() = %q, %v, want an error", c.OAuth2.Provider, got, err)
				}
			}
		})
	}
}

func TestASecretGoesNowhereElse(t *testing.T) {
	elsewhere := newEndpoint(t, someToken)
	for _, status := range []int{301, 302, 303, 307, 308} {
		e := newEndpoint(t, someToken)
		e.with(func(e *endpoint) {
			e.answer = func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, status) }
		})
		goo, _ := google(t, e, "127.0.0.1:1")
		for _, c := range []email.Config{microsoft(t, e, "127.0.0.1:1"), goo} {
			_, err := email.Token(t.Context(), c)
			if err == nil || !strings.Contains(hintOf(err), "redirect") {
				t.Errorf("%s: status %d: error %v, hint %q, want a refusal that names the redirect", c.OAuth2.Provider, status, err, hintOf(err))
			}
		}
	}
	if got := elsewhere.asked(); len(got) != 0 {
		t.Errorf("%d requests followed a redirect, want none", len(got))
	}
}

func TestAProxyIsAskedAsTheEnvironmentSays(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, r.Method+" "+r.Host)
		mu.Unlock()
		w.WriteHeader(http.StatusForbidden)
	}))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTPS_PROXY", strings.Replace(proxy.URL, "http://", "http://user:proxypassword@", 1))
	t.Setenv("NO_PROXY", "")
	e := newEndpoint(t, someToken)
	c := microsoft(t, e, "127.0.0.1:1")
	c.OAuth2.TokenURL = "https://login.example.invalid/token"
	_, err := email.Token(t.Context(), c)
	mu.Lock()
	defer mu.Unlock()
	if d := cmp.Diff([]string{"CONNECT login.example.invalid:443"}, asked); d != "" {
		t.Errorf("the proxy was asked (-want +got):\n%s", d)
	}
	if err == nil || strings.Contains(err.Error(), "proxypassword") {
		t.Errorf("error %v, want one without the proxy's password", err)
	}
}

func TestAnEndpointThatHangsIsLeftInTime(t *testing.T) {
	release := make(chan struct{})
	e := newEndpoint(t, someToken)
	e.with(func(e *endpoint) { e.answer = func(http.ResponseWriter, *http.Request) { <-release } })
	goo, _ := google(t, e, "127.0.0.1:1")
	for _, c := range []email.Config{microsoft(t, e, "127.0.0.1:1"), goo} {
		ctx, cancel := deadline(t, 200*time.Millisecond)
		begin := time.Now()
		_, err := email.Token(ctx, c)
		cancel()
		if took := time.Since(begin); err == nil || took > 10*time.Second {
			t.Errorf("%s: error %v after %s, want one when the context ends", c.OAuth2.Provider, err, took)
		}
	}
	close(release)
}
