package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// A recollection is what the record knows of each mailbox, so that a position that
// was lost does not pass for a mailbox that was never read.
type recollection struct {
	// began is when this process began: rules recorded since do not say that a
	// mailbox was read before.
	began time.Time
	heard <-chan struct{} // closed when the record was read to its end

	mu sync.Mutex
	of map[incident.SourceName]email.Known
}

func newRecollection(began time.Time, heard <-chan struct{}) *recollection {
	return &recollection{began: began, heard: heard, of: map[incident.SourceName]email.Known{}}
}

// follow takes committed entries in order.
func (k *recollection) follow(es []incident.Entry) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range es {
		switch {
		case e.Kind == incident.KindRules:
			k.rules(&e)
		case e.Kind == incident.KindQuarantined:
			// When it came was not read of it.
		case e.Signal != nil && e.Signal.Channel == incident.ChannelEmail:
			k.mail(e.Signal)
		}
	}
}

func (k *recollection) rules(e *incident.Entry) {
	r, err := incident.ParseRules(e.Text)
	if err != nil || !e.At.Before(k.began) {
		return // text that cannot be read is for those who go by it
	}
	for _, s := range r.Sources {
		if was := k.of[s.Name]; s.Polled && was.Named.IsZero() {
			was.Named = e.At
			k.of[s.Name] = was
		}
	}
}

func (k *recollection) mail(s *incident.SignalRecord) {
	at := s.Receipt
	if s.Received.Before(at) {
		at = s.Received // a stamp in the future must not hide what comes before it
	}
	if was := k.of[s.Source]; at.After(was.Latest) {
		was.Latest = at
		k.of[s.Source] = was
	}
}

// knownWait is how long a mailbox that has no position waits in one try for the
// record to be read. It tries again without end: mail that waits in its mailbox
// is not lost, and beginning too late would lose it.
const knownWait = 10 * time.Second

var errUnread = errors.New("the record has not been read yet, and there is no position: waiting for it")

// recall returns what tells a mailbox what the record knows of it.
func (k *recollection) recall(n incident.SourceName) func(context.Context) (email.Known, error) {
	return func(ctx context.Context) (email.Known, error) {
		t := time.NewTimer(knownWait)
		defer t.Stop()
		select {
		case <-k.heard:
		case <-t.C:
			return email.Known{}, errUnread
		case <-ctx.Done():
			return email.Known{}, ctx.Err()
		}
		k.mu.Lock()
		defer k.mu.Unlock()
		return k.of[n], nil
	}
}
