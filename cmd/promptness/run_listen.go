package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/say"
)

// A listener is an HTTP server on one address.
type listener struct {
	l   net.Listener
	srv *http.Server
}

// Bounds of the listeners. A body of 1 MiB over a slow line takes its time.
const (
	headerPatience = 10 * time.Second
	bodyPatience   = 60 * time.Second
	idlePatience   = 2 * time.Minute
	closePatience  = 5 * time.Second
	maxHeader      = 64 << 10
)

// listen takes the address; nothing is answered before serve.
func listen(addr string) (*listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, say.WithHint(fmt.Errorf("listen on %s: %w", addr, err),
			"another program, or another promptness, may use the port; see listen in the configuration")
	}
	return &listener{l: l, srv: &http.Server{
		ReadHeaderTimeout: headerPatience, ReadTimeout: bodyPatience, WriteTimeout: bodyPatience,
		IdleTimeout: idlePatience, MaxHeaderBytes: maxHeader,
	}}, nil
}

func (l *listener) url() string {
	if l.l == nil {
		return "" // this process has no such listener
	}
	return "http://" + l.l.Addr().String()
}

// handle says what serve answers with.
func (l *listener) handle(h http.Handler) { l.srv.Handler = h }

// serve answers until ctx ends, then lets the requests in hand finish: a sender
// that was told nothing sends again.
func (l *listener) serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- l.srv.Serve(l.l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), closePatience)
	defer cancel()
	err := l.srv.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = l.srv.Close() // whoever is cut off was told nothing, too
	}
	if failure := <-failed; !errors.Is(failure, http.ErrServerClosed) {
		err = errors.Join(err, failure)
	}
	return err
}

// close frees the address where serve was never called, or did not end well.
func (l *listener) close() error {
	err := l.srv.Close()
	if cerr := l.l.Close(); !errors.Is(cerr, net.ErrClosed) {
		err = errors.Join(err, cerr)
	}
	return err
}
