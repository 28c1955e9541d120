package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

// A client asks a running promptness. It shows its token to no other address
// than the configured one.
type client struct {
	base    string
	token   conf.Secret // zero where there is none to show
	noToken error       // why there is none
	http    *http.Client
}

// requestTimeout bounds one request, maxResponse what is read of an answer.
const (
	requestTimeout = 15 * time.Second
	maxResponse    = 64 << 20
	maxWords       = 2 << 10 // bytes of a refusal in plain text
)

// client returns a client; person says whether it must show who asks.
func (s *session) client(person bool) (*client, error) {
	u, err := url.Parse(s.Server)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, &say.UsageError{
			Err: fmt.Errorf("read --server %q: must be an address", s.Server), Do: "for example --server http://127.0.0.1:9420",
		}
	}
	c := &client{
		base: strings.TrimRight(s.Server, "/"),
		http: &http.Client{
			Timeout:       requestTimeout,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	token, err := conf.ReadSecret(s.TokenFile)
	switch {
	case err == nil:
		c.token = token
	case person:
		return nil, say.WithHint(err, tokenHint)
	default: // not everything needs one; the server says so
		c.noToken = err
	}
	return c, nil
}

const tokenHint = "name the file of your own token with --token-file, or in PROMPTNESS_TOKEN_FILE"

// An answerError is an answer other than 2xx.
type answerError struct {
	code     int
	text     string
	problems []manual.Problem
}

// Error gives the server's own words, every problem on a line.
func (e *answerError) Error() string {
	text := e.text
	if text == "" {
		text = "answers " + strings.ToLower(http.StatusText(e.code))
	}
	for _, p := range e.problems {
		text += "\n" + p.Field + ": " + p.Text
	}
	return text
}

// Hint says what to do about it.
func (e *answerError) Hint() string {
	switch e.code {
	case http.StatusUnauthorized:
		return tokenHint
	case http.StatusServiceUnavailable:
		return "try again in a moment; promptness healthcheck says what it waits for"
	default:
		return ""
	}
}

// do sends one request and reads the answer into out, if it is 2xx.
func (c *client) do(ctx context.Context, method, path string, header http.Header, body []byte, out any) error {
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask %s: %w", c.base, err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Accept", "application/json")
	if !c.token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	}
	res, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, maxResponse+1))
	if err != nil {
		return c.unreachable(err)
	}
	if len(b) > maxResponse {
		return fmt.Errorf("ask %s: the answer is over %d bytes", c.base, maxResponse)
	}
	if res.StatusCode/100 != 2 {
		var r manual.Refusal
		if json.Unmarshal(b, &r) != nil && strings.HasPrefix(res.Header.Get("Content-Type"), "text/plain") {
			r.Error = strings.TrimSpace(string(b[:min(len(b), maxWords)]))
		}
		answer := &answerError{code: res.StatusCode, text: r.Error, problems: r.Problems}
		if res.StatusCode == http.StatusUnauthorized && c.noToken != nil {
			return say.WithHint(c.noToken, tokenHint)
		}
		return answer
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return say.WithHint(fmt.Errorf("read the answer of %s: %w", c.base, err), "is this the admin listener of promptness, and of this version?")
	}
	return nil
}

func (c *client) get(ctx context.Context, path string, out any) error {
	return c.do(ctx, http.MethodGet, path, nil, nil, out)
}

func (c *client) unreachable(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	hint := ""
	if errors.Is(err, syscall.ECONNREFUSED) {
		hint = "start it with promptness serve, or name its admin listener with --server"
	}
	return say.WithHint(fmt.Errorf("ask %s: %w", c.base, err), hint)
}

// record sends one act. It is sent again, under the same key, where the answer
// was lost: the same act is recorded once.
func (c *client) record(ctx context.Context, r manual.Request) (manual.Accepted, error) {
	body, err := json.Marshal(r)
	if err != nil {
		return manual.Accepted{}, fmt.Errorf("write act: %w", err)
	}
	h := http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {rand.Text()}}
	var got manual.Accepted
	for try := 0; ; try++ {
		err = c.do(ctx, http.MethodPost, "/v1/acts", h, body, &got)
		if err == nil || try == 2 || !worthAgain(err) || !pause(ctx, time.Duration(try+1)*300*time.Millisecond) {
			return got, err
		}
	}
}

// worthAgain reports whether the same act should be sent once more.
func worthAgain(err error) bool {
	if e, ok := errors.AsType[*answerError](err); ok {
		return e.code == http.StatusServiceUnavailable
	}
	return !errors.Is(err, syscall.ECONNREFUSED) && !errors.Is(err, context.Canceled)
}

// pause waits for d and reports whether ctx still goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// await asks what became of an act until it was folded or patience ends.
func (c *client) await(ctx context.Context, id string, patience time.Duration, stderr io.Writer) (manual.Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	bar := say.Start(stderr, "wait for the act to be folded", 0)
	defer bar.Stop()
	for wait := 5 * time.Millisecond; ; wait = min(2*wait, 500*time.Millisecond) {
		var o manual.Outcome
		if err := c.get(ctx, "/v1/acts/"+id, &o); err != nil {
			if ctx.Err() != nil {
				return o, nil
			}
			return o, err
		}
		if o.Folded || !pause(ctx, wait) {
			return o, nil
		}
		bar.Tick()
	}
}
