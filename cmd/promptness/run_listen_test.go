package main

import (
	"context"
	"net/http"
	"testing"
)

// A request that does not end must not make an orderly end a failure: its sender
// was told nothing and sends again.
func TestARequestThatHangsDoesNotFailTheEnd(t *testing.T) {
	t.Parallel()
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	reached, release := make(chan struct{}), make(chan struct{})
	l.handle(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(reached); <-release }))
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- l.serve(ctx) }()
	answered := make(chan error, 1)
	go func() {
		r, err := http.Get(l.url()) //nolint:noctx // it is to be cut off by the server
		if err == nil {
			_ = r.Body.Close()
		}
		answered <- err
	}()
	<-reached
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("serve = %v, want nil", err)
	}
	if err := <-answered; err == nil {
		t.Error("the request that hung was answered, want it cut off")
	}
}
