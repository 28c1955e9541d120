package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

// streamPatience is how long one piece of a long answer may take, on either
// side: the whole has no bound.
const streamPatience = time.Minute

// A streamed is an answer of any length. It is cut off, not ended, when
// something breaks midway: what was received then does not look whole.
type streamed struct {
	w       http.ResponseWriter
	rc      *http.ResponseController
	begun   bool
	refresh time.Time // when the deadline is to be moved next
}

// Write sends p, and gives the client a minute to take it.
func (s *streamed) Write(p []byte) (int, error) {
	if now := time.Now(); now.After(s.refresh) {
		if err := s.rc.SetWriteDeadline(now.Add(streamPatience)); err != nil {
			return 0, err
		}
		s.refresh = now.Add(streamPatience / 6)
	}
	s.begun = true
	return s.w.Write(p)
}

// fail answers with err or, if a part was sent already, cuts the answer off.
func (s *streamed) fail(ctx context.Context, err error, log *slog.Logger) {
	if ctx.Err() != nil {
		panic(http.ErrAbortHandler) // the client went away
	}
	log.ErrorContext(ctx, "copy was not sent", "err", err)
	if s.begun {
		panic(http.ErrAbortHandler)
	}
	s.w.Header().Del("Trailer")
	http.Error(s.w, err.Error(), http.StatusServiceUnavailable)
}

// An answerStream is a long answer as it is read. It ends with an error if
// nothing comes for a minute.
type answerStream struct {
	*http.Response
	cancel context.CancelCauseFunc
	cause  func() error // why it was cancelled
	silent *time.Timer
}

var errSilence = errors.New("nothing came for a minute")

func (a *answerStream) Read(p []byte) (int, error) {
	a.silent.Reset(streamPatience)
	n, err := a.Body.Read(p)
	switch {
	case err == nil || errors.Is(err, io.EOF):
	case errors.Is(a.cause(), errSilence):
		err = a.cause()
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = say.WithHint(fmt.Errorf("the answer was cut off: %w", err), cutHint)
	}
	return n, err
}

func (a *answerStream) close() {
	a.silent.Stop()
	a.cancel(nil)
	a.Body.Close()
}

// stream asks a running promptness for a long answer.
func (s *session) stream(ctx context.Context, path string) (*answerStream, error) {
	c, err := s.client(true)
	if err != nil {
		return nil, err
	}
	c.http.Timeout = 0
	ctx, cancel := context.WithCancelCause(ctx)
	a := &answerStream{cancel: cancel, cause: func() error { return context.Cause(ctx) }, silent: time.AfterFunc(streamPatience, func() { cancel(errSilence) })}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("ask %s: %w", c.base, err)
	}
	req.Header.Set("Authorization", "Bearer "+c.token.Reveal())
	if a.Response, err = c.http.Do(req); err != nil {
		cancel(nil)
		return nil, c.unreachable(err)
	}
	if a.StatusCode == http.StatusOK {
		return a, nil
	}
	defer a.close()
	b, err := io.ReadAll(io.LimitReader(a.Body, maxWords))
	if err != nil {
		return nil, c.unreachable(err)
	}
	var refused manual.Refusal
	if json.Unmarshal(b, &refused) != nil && strings.HasPrefix(a.Header.Get("Content-Type"), "text/plain") {
		refused.Error = strings.TrimSpace(string(b))
	}
	return nil, &answerError{code: a.StatusCode, text: refused.Error}
}
