package stream

import (
	"context"

	"github.com/nats-io/nats.go"
)

// wire returns what stores messages over the store's connection.
func (s *Store) wire() publisher {
	w := wire{s.nc, s.cfg.Timeout}
	if s.hooks.Write == nil {
		return w
	}
	return watched{w, s.hooks.Write}
}

// A watched publisher says what it is about to send and what was stored.
type watched struct {
	publisher
	say func(subject string, body []byte, stored bool)
}

func (w watched) publish(ctx context.Context, m *nats.Msg) (uint64, error) {
	w.say(m.Subject, m.Data, false)
	seq, err := w.publisher.publish(ctx, m)
	if err == nil {
		w.say(m.Subject, m.Data, true)
	}
	return seq, err
}
