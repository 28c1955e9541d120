package stream

import (
	"bytes"
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
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

// InCluster returns l as it is where the store has several copies.
func (l *Log) InCluster() *Log {
	patient := *l
	patient.patience = leaderPatience
	return &patient
}

// Waiting returns how many signals wait for the committer.
func (s *Store) Waiting() int {
	s.put.mu.Lock()
	defer s.put.mu.Unlock()
	return len(s.put.waiting)
}

// JetStream returns the store's client.
func (s *Store) JetStream() jetstream.JetStream { return s.js }

// PutFrame stores signals, by their index, as one frame; with replaces not zero
// as what is left of that frame.
func (s *Store) PutFrame(ctx context.Context, signals map[int]incident.Signal, replaces uint64) (uint64, error) {
	m := &nats.Msg{Subject: s.names.signalSubject}
	if replaces != 0 {
		m.Header = nats.Header{replacesField: {strconv.FormatUint(replaces, 10)}}
	}
	for _, i := range slices.Sorted(maps.Keys(signals)) {
		fs := frameSignal{Signal: signals[i], salt: newSalt(), index: -1}
		fs.ID = incident.NewSignalID(fs.Source, fs.Raw)
		if replaces != 0 {
			fs.index = i
		}
		m.Data = appendSignal(m.Data, &fs)
	}
	return wire{s.nc, s.cfg.Timeout}.publish(ctx, m)
}

// AppendDeliveryThrough is AppendDelivery with each try passing through f.
func (s *Store) AppendDeliveryThrough(ctx context.Context, body []byte, f func(next PublishFunc) PublishFunc) (uint64, error) {
	return s.appendDelivery(ctx, body, f(wire{s.nc, s.cfg.Timeout}.publish))
}

// PutObject stores raw as the object name of EVIDENCE.
func (s *Store) PutObject(ctx context.Context, name string, raw []byte) error {
	return s.objects.put(ctx, name, bytes.NewReader(raw))
}

// NewLease returns a lease over kv, as one of several processes has it.
func NewLease(kv LeaseKV, name, holder string, log *slog.Logger) *Lease {
	return &Lease{kv: kv, log: log, name: name, holder: holder}
}

// LeaseKV is what a lease needs of a bucket.
type LeaseKV = leaseKV

// Leases returns the bucket of leases.
func (s *Store) Leases() jetstream.KeyValue { return s.leases }

// PositionsThrough lets every request of positions pass through f's bucket.
func (s *Store) PositionsThrough(f func(jetstream.KeyValue) jetstream.KeyValue) {
	s.positions = f(s.positions)
}
