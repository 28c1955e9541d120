// Package outbound posts bytes to one configured address over HTTP and says what
// is known of the outcome. It connects to nothing but that address: it follows no
// redirect, asks no proxy, and reads no more of an answer than it needs.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// Timeout is how long one request may take, from the look-up of the name to the
// end of the answer.
const Timeout = 10 * time.Second

const (
	maxAnswer = 64 << 10 // bytes read of an answer, so that its connection can be used again
	maxSaid   = 200      // bytes of a refusal that an error repeats
)

// A Client posts to one address. It may be used by several goroutines.
type Client struct {
	base *url.URL
	cfg  Config
	http *http.Client
}

// New returns a Client for cfg, which must be valid. It reads the secret files
// and the CA file and makes no network call. Secrets are read again for every
// request, so that they can be changed in place; the CA file is read once.
func New(cfg Config) (*Client, error) {
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, errors.New("url: cannot be read") // the cause would repeat it, and a password in it
	}
	roots, err := cfg.roots()
	if err != nil {
		return nil, err
	}
	if err := cfg.authorise(http.Header{}); err != nil {
		return nil, err
	}
	allowed := net.JoinHostPort(base.Hostname(), port(base))
	dialer := &net.Dialer{Timeout: Timeout, ControlContext: guard}
	return &Client{
		base: base,
		cfg:  cfg,
		http: &http.Client{
			Timeout: Timeout,
			CheckRedirect: func(*http.Request, []*http.Request) error {
				return http.ErrUseLastResponse // an answer must not choose where we connect to
			},
			Transport: &http.Transport{
				Proxy: nil,
				DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
					if addr != allowed {
						return nil, fmt.Errorf("connect to %q: not the configured address", addr)
					}
					return dialer.DialContext(ctx, network, addr)
				},
				TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    Timeout,
				ResponseHeaderTimeout:  Timeout,
				IdleConnTimeout:        90 * time.Second,
				MaxIdleConnsPerHost:    1,
				MaxResponseHeaderBytes: maxAnswer,
				DisableCompression:     true,
			},
		},
	}, nil
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Post posts body to path under the configured address and returns nil if the
// answer is 2xx. Any other end is an *Error.
func (c *Client) Post(ctx context.Context, path, contentType string, body []byte) error {
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		WroteHeaders: func() { wrote.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.base.JoinPath(path).String(), bytes.NewReader(body))
	if err != nil {
		return &Error{Outcome: Failed, Code: Misconfigured, Err: errors.New("make request")}
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "promptness")
	if err := c.cfg.authorise(req.Header); err != nil {
		return &Error{Outcome: Failed, Code: Misconfigured, Err: err}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return noAnswer(ctx, err, wrote.Load())
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if resp.StatusCode/100 == 2 {
		return nil // what it says beside "yes" is not needed
	}
	if err != nil {
		answer = nil
	}
	return refusal(resp, answer)
}

// noAnswer judges a request that ended without one. wrote says whether the
// receiver may have seen it.
func noAnswer(ctx context.Context, err error, wrote bool) *Error {
	e := &Error{Outcome: Failed, Code: Unreachable, Err: err}
	if u, ok := errors.AsType[*url.Error](err); ok {
		e.Err = u.Err // without the address
	}
	if wrote {
		e.Outcome, e.Code = Unknown, NoAnswer
	}
	var timeout interface{ Timeout() bool }
	switch {
	case ctx.Err() != nil:
		e.Code = Interrupted
	case errors.As(err, &timeout) && timeout.Timeout():
		e.Code = TimedOut
	case isTLS(err):
		e.Code = BadTLS
	}
	return e
}

func isTLS(err error) bool {
	if errors.Is(err, http.ErrSchemeMismatch) {
		return true
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return true
	}
	_, ok := errors.AsType[tls.AlertError](err)
	return ok
}

// refusal judges an answer that is not 2xx.
func refusal(resp *http.Response, answer []byte) *Error {
	e := &Error{Outcome: Refused, Code: Rejected, Status: resp.StatusCode}
	said := strings.TrimSpace(string(answer[:min(len(answer), maxSaid)]))
	e.Err = fmt.Errorf("answer %d: %q", resp.StatusCode, said)
	switch code := resp.StatusCode; {
	case code/100 == 3:
		e.Code = Redirected
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		e.Code = Unauthorised
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusGone:
		e.Code = NotThere
	case code == http.StatusRequestEntityTooLarge:
		e.Code = TooLarge
	case code == http.StatusTooManyRequests:
		e.Outcome, e.Code = Failed, Limited
	case code == http.StatusRequestTimeout, code/100 == 5:
		e.Outcome, e.Code = Failed, ServerError
	}
	if e.Outcome == Failed {
		e.After = retryAfter(resp.Header.Get("Retry-After"))
	}
	return e
}

// maxAfter bounds what a receiver may ask for: an alert waits no longer.
const maxAfter = 5 * time.Minute

// retryAfter reads the seconds form of RFC 9110 section 10.2.3, the one that
// rate limiters send; the form with a date counts as absent.
func retryAfter(s string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 3600))*time.Second, maxAfter)
}

// guard refuses addresses that no receiver has: those that answer for the
// machine's own cloud (link-local), for everybody, or for nobody. It sees the
// address after the look-up of the name, so that a name cannot change under us.
func guard(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("connect to %q: not an address", address)
	}
	ip := ap.Addr().WithZone("").Unmap()
	if ip.IsUnspecified() || ip.IsMulticast() || ip.IsLinkLocalUnicast() || ip == netip.AddrFrom4([4]byte{255, 255, 255, 255}) {
		return fmt.Errorf("connect to %s: no receiver can have this address", ip)
	}
	return nil
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	default:
		return "80"
	}
}
