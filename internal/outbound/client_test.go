package outbound_test

import (
	"context"
	"encoding/pem"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

// A receiver is a server that answers by a script.
func receiver(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, cfg outbound.Config) *outbound.Client {
	t.Helper()
	if err := cfg.Validate(); err != nil {
		t.Fatalf("Validate: %v", err)
	}
	c, err := outbound.New(cfg)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(c.Close)
	return c
}

func post(ctx context.Context, c *outbound.Client) error {
	return c.Post(ctx, "/api", "application/json", []byte(`{"a":1}`))
}

func want(t *testing.T, err error, outcome outbound.Outcome, code outbound.Code, after time.Duration) {
	t.Helper()
	o, c, a := outbound.Judge(err)
	if o != outcome || c != code || a != after {
		t.Errorf("outcome = %s, %q, after %s; want %s, %q, after %s (%v)", o, c, a, outcome, code, after, err)
	}
}

func TestTheAnswerDecidesTheOutcome(t *testing.T) {
	status := func(code int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	for _, tt := range []struct {
		name    string
		answer  http.HandlerFunc
		outcome outbound.Outcome
		code    outbound.Code
		after   time.Duration
	}{
		{"200", status(200), outbound.Accepted, outbound.None, 0},
		{"202", status(202), outbound.Accepted, outbound.None, 0},
		{"204", status(204), outbound.Accepted, outbound.None, 0},
		{"302 is not followed", status(302, "Location", "/elsewhere"), outbound.Refused, outbound.Redirected, 0},
		{"308 is not followed", status(308, "Location", "/elsewhere"), outbound.Refused, outbound.Redirected, 0},
		{"400", status(400), outbound.Refused, outbound.Rejected, 0},
		{"401", status(401), outbound.Refused, outbound.Unauthorised, 0},
		{"403", status(403), outbound.Refused, outbound.Unauthorised, 0},
		{"404", status(404), outbound.Refused, outbound.NotThere, 0},
		{"405", status(405), outbound.Refused, outbound.NotThere, 0},
		{"408", status(408), outbound.Failed, outbound.ServerError, 0},
		{"413", status(413), outbound.Refused, outbound.TooLarge, 0},
		{"422", status(422), outbound.Refused, outbound.Rejected, 0},
		{"429", status(429), outbound.Failed, outbound.Limited, 0},
		{"429 with Retry-After", status(429, "Retry-After", "30"), outbound.Failed, outbound.Limited, 30 * time.Second},
		{"429 with a long Retry-After", status(429, "Retry-After", "86400"), outbound.Failed, outbound.Limited, 5 * time.Minute},
		{"429 with a Retry-After that cannot be", status(429, "Retry-After", "-1"), outbound.Failed, outbound.Limited, 0},
		{"500", status(500), outbound.Failed, outbound.ServerError, 0},
		{"503 with Retry-After", status(503, "Retry-After", "2"), outbound.Failed, outbound.ServerError, 2 * time.Second},
		{"the request is taken and the answer dropped", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			panic(http.ErrAbortHandler)
		}, outbound.Unknown, outbound.NoAnswer, 0},
		{"half an answer that says yes", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(200)
			_, _ = w.Write([]byte("half"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, outbound.Accepted, outbound.None, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := receiver(t, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/api" {
					t.Errorf("the receiver was asked for %s", r.URL.Path)
				}
				tt.answer(w, r)
			})
			want(t, post(t.Context(), client(t, outbound.Config{URL: s.URL})), tt.outcome, tt.code, tt.after)
		})
	}
}

func TestAReceiverThatHangsIsLeftWithAnUnknownOutcome(t *testing.T) {
	release := make(chan struct{})
	began := make(chan struct{}, 100)
	s := receiver(t, func(http.ResponseWriter, *http.Request) { began <- struct{}{}; <-release })
	defer close(release)
	c := client(t, outbound.Config{URL: s.URL})
	// On a busy machine a short time may be over before the request was sent, of
	// which something else is known: then the next is given longer.
	for d := 50 * time.Millisecond; ; d *= 2 {
		c.SetTimeout(d)
		err := post(t.Context(), c)
		if len(began) == 0 && d < 30*time.Second {
			continue
		}
		want(t, err, outbound.Unknown, outbound.TimedOut, 0)
		break
	}

	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	another := receiver(t, func(http.ResponseWriter, *http.Request) { cancel(); <-release })
	want(t, post(ctx, client(t, outbound.Config{URL: another.URL})), outbound.Unknown, outbound.Interrupted, 0)
}

func TestWhatCannotBeReachedHasSurelyNotAccepted(t *testing.T) {
	s := receiver(t, func(http.ResponseWriter, *http.Request) {})
	url := s.URL
	s.Close()
	want(t, post(t.Context(), client(t, outbound.Config{URL: url})), outbound.Failed, outbound.Unreachable, 0)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	want(t, post(ctx, client(t, outbound.Config{URL: url})), outbound.Failed, outbound.Interrupted, 0)
	want(t, errors.New("something"), outbound.Unknown, outbound.Other, 0)
}

func TestAnAnswerIsReadOnlySoFar(t *testing.T) {
	sent := make(chan int64, 1)
	s := receiver(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(400)
		n, _ := io.Copy(w, io.LimitReader(zeros{}, 64<<20))
		sent <- n
	})
	err := post(t.Context(), client(t, outbound.Config{URL: s.URL}))
	want(t, err, outbound.Refused, outbound.Rejected, 0)
	if len(err.Error()) > 1000 {
		t.Errorf("the error repeats %d bytes of the answer", len(err.Error()))
	}
	if n := <-sent; n == 64<<20 {
		t.Errorf("read all %d bytes of the answer", n)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestAnErrorTellsNoAddressAndNoSecret(t *testing.T) {
	token := secret(t, "hush-hush")
	s := receiver(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	err := post(t.Context(), client(t, outbound.Config{URL: s.URL + "/services/T000/token-in-path", BearerFile: token}))
	if err == nil || strings.Contains(err.Error(), "token-in-path") || strings.Contains(err.Error(), "hush") {
		t.Errorf("error = %v, want one without the address and the secret", err)
	}
}

func secret(t *testing.T, value string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(value+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestCredentialsAreShownAndReadAnewEachTime(t *testing.T) {
	var got string
	s := receiver(t, func(_ http.ResponseWriter, r *http.Request) { got = r.Header.Get("Authorization") })
	file := secret(t, "first")
	c := client(t, outbound.Config{URL: s.URL, BearerFile: file})
	if err := post(t.Context(), c); err != nil || got != "Bearer first" {
		t.Errorf("Authorization = %q, %v, want Bearer first", got, err)
	}
	if err := os.WriteFile(file, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := post(t.Context(), c); err != nil || got != "Bearer second" {
		t.Errorf("Authorization = %q, %v, want Bearer second", got, err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	got = ""
	want(t, post(t.Context(), c), outbound.Failed, outbound.Misconfigured, 0)
	if got != "" {
		t.Error("posted without credentials")
	}

	c = client(t, outbound.Config{URL: s.URL, BasicUser: "me", BasicPasswordFile: secret(t, "pass:word")})
	if err := post(t.Context(), c); err != nil || got != "Basic bWU6cGFzczp3b3Jk" {
		t.Errorf("Authorization = %q, %v, want that of me and pass:word", got, err)
	}
}

func TestACertificateIsBelievedOnlyFromTheNamedAuthority(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	want(t, post(t.Context(), client(t, outbound.Config{URL: s.URL})), outbound.Failed, outbound.BadTLS, 0)

	file := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	if err := os.WriteFile(file, block, 0o600); err != nil {
		t.Fatal(err)
	}
	want(t, post(t.Context(), client(t, outbound.Config{URL: s.URL, CAFile: file})), outbound.Accepted, outbound.None, 0)
}

func TestATLSAddressOfAPlainServer(t *testing.T) {
	s := receiver(t, func(http.ResponseWriter, *http.Request) {})
	url := strings.Replace(s.URL, "http://", "https://", 1)
	want(t, post(t.Context(), client(t, outbound.Config{URL: url})), outbound.Failed, outbound.BadTLS, 0)
}

func TestNoProxyIsAsked(t *testing.T) {
	asked := false
	proxy := receiver(t, func(http.ResponseWriter, *http.Request) { asked = true })
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	// A name that does not exist: a proxy would be asked for it.
	err := post(t.Context(), client(t, outbound.Config{URL: "http://receiver.invalid"}))
	if asked || err == nil {
		t.Errorf("post = %v, the proxy was asked: %v", err, asked)
	}
}

func TestAddressesThatNoReceiverHasAreRefused(t *testing.T) {
	for _, tt := range []struct {
		address string
		refused bool
	}{
		{"127.0.0.1:9093", false},
		{"10.1.2.3:9093", false},
		{"192.0.2.1:443", false},
		{"[2001:db8::1]:443", false},
		{"[::1]:443", false},
		{"169.254.169.254:80", true},
		{"[::ffff:169.254.169.254]:80", true},
		{"[fe80::1%eth0]:80", true},
		{"0.0.0.0:80", true},
		{"[::]:80", true},
		{"224.0.0.1:80", true},
		{"255.255.255.255:80", true},
		{"[ff02::1]:80", true},
		{"no address", true},
	} {
		if err := outbound.Guard(tt.address); (err != nil) != tt.refused {
			t.Errorf("Guard(%q) = %v, refused: want %v", tt.address, err, tt.refused)
		}
	}
	err := post(t.Context(), client(t, outbound.Config{URL: "http://169.254.169.254"}))
	want(t, err, outbound.Failed, outbound.Unreachable, 0)
	if err == nil || !strings.Contains(err.Error(), "no receiver can have this address") {
		t.Errorf("error = %v, want one that says why", err)
	}
}

func TestEveryCodeHasItsHintOrNone(t *testing.T) {
	for _, code := range outbound.Codes() {
		e := &outbound.Error{Outcome: outbound.Failed, Code: code, Err: errors.New("cause")}
		switch hint := e.Hint(); code {
		case outbound.Unauthorised, outbound.NotThere, outbound.Redirected, outbound.BadTLS, outbound.Unreachable:
			if hint == "" {
				t.Errorf("code %s has no hint", code)
			}
		default:
			if hint != "" {
				t.Errorf("code %s has the hint %q", code, hint)
			}
		}
	}
	err := post(t.Context(), mustFail(t))
	h, ok := errors.AsType[interface {
		error
		Hint() string
	}](err)
	if !ok || !strings.Contains(h.Hint(), "umask") {
		t.Errorf("hint of a missing secret = %v, want how to make it", err)
	}
}

// mustFail returns a client whose secret has gone.
func mustFail(t *testing.T) *outbound.Client {
	t.Helper()
	file := secret(t, "x")
	c := client(t, outbound.Config{URL: "http://127.0.0.1:9", BearerFile: file})
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	return c
}
