package stream

import (
	"context"

	"github.com/nats-io/nats.go"
)

// A PublishFunc is a publisher that a test can stand in for.
type PublishFunc func(ctx context.Context, m *nats.Msg) (uint64, error)

func (f PublishFunc) publish(ctx context.Context, m *nats.Msg) (uint64, error) { return f(ctx, m) }

// PutThrough lets every frame pass through f before the true publisher. It must
// be called before the first Put.
func (s *Store) PutThrough(f func(next PublishFunc) PublishFunc) {
	s.put.pub = f(s.put.pub.publish)
}

// Through returns l with every message passing through f.
func (l *Log) Through(f func(next PublishFunc) PublishFunc) *Log {
	through := *l
	through.pub = f(l.pub.publish)
	return &through
}

// Reading returns l with what stands at a sequence read through f.
func (l *Log) Reading(f func(next func(context.Context, uint64) ([]byte, error)) func(context.Context, uint64) ([]byte, error)) *Log {
	reading := *l
	reading.at = f(l.at)
	return &reading
}

// Waiting returns how many signals wait for the committer.
func (s *Store) Waiting() int {
	s.put.mu.Lock()
	defer s.put.mu.Unlock()
	return len(s.put.waiting)
}
