package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nats-io/nats.go/jetstream"
)

// names are the names of a tenant's streams.
type names struct {
	signals, signalSubject        string
	ledger, ledgerSubject         string
	deliveries, deliveriesSubject string
	positions, leases, evidence   string // buckets
}

func namesOf(tenant string) names {
	return names{
		signals: "SIGNALS_" + tenant, signalSubject: "signal." + tenant + ".frame",
		ledger: "LEDGER_" + tenant, ledgerSubject: "ledger." + tenant,
		deliveries: "DELIVERIES_" + tenant, deliveriesSubject: "deliveries." + tenant,
		positions: "INGEST_" + tenant, leases: "LEASES_" + tenant, evidence: "EVIDENCE_" + tenant,
	}
}

// maxMessage bounds a message: a frame or a step of 512 KiB, and its headers.
const maxMessage = 516 << 10

// streamConfig is what every stream of ours has in common: on disk, full means
// refused, and nothing goes by age, count or subject.
func streamConfig(name, subject string, replicas int, most Bytes) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              name,
		Subjects:          []string{subject},
		Storage:           jetstream.FileStorage,
		Retention:         jetstream.LimitsPolicy,
		Discard:           jetstream.DiscardNew,
		MaxBytes:          int64(most),
		MaxMsgs:           -1,
		MaxMsgsPerSubject: -1,
		MaxConsumers:      -1,
		MaxMsgSize:        maxMessage,
		Replicas:          replicas,
	}
}

// wanted are the streams of cfg's tenant, in the order in which they are made.
func wanted(cfg Config) []jetstream.StreamConfig {
	n, most, replicas := namesOf(cfg.Tenant), cfg.MaxBytes, cfg.Replicas

	// The vault: a message of it can be deleted on a person's decision, the
	// whole of it never.
	signals := streamConfig(n.signals, n.signalSubject, replicas, most.Signals)
	signals.DenyPurge = true
	ledger := streamConfig(n.ledger, n.ledgerSubject, replicas, most.Ledger)
	ledger.DenyDelete, ledger.DenyPurge = true, true
	deliveries := streamConfig(n.deliveries, n.deliveriesSubject, replicas, most.Deliveries)
	deliveries.DenyDelete, deliveries.DenyPurge = true, true
	return []jetstream.StreamConfig{
		signals, ledger, deliveries,
		bucketConfig(n.positions, replicas, most.Positions),
		bucketConfig(n.leases, replicas, leasesBytes),
		objectsConfig(n.evidence, replicas, most.Evidence),
	}
}

// leasesBytes bounds the bucket of leases: a handful of keys, one value each.
const leasesBytes = 16 * MiB

// bucketConfig is the stream beneath a key-value bucket. It differs from what
// the client would make: values are read from the leader, so that a reader sees
// what was written before, and no message can remove those before it.
func bucketConfig(bucket string, replicas int, most Bytes) jetstream.StreamConfig {
	c := streamConfig("KV_"+bucket, "$KV."+bucket+".>", replicas, most)
	c.MaxMsgsPerSubject, c.MaxMsgSize = 1, -1
	c.DenyDelete, c.DenyPurge = true, true
	return c
}

// objectsConfig is the stream beneath an object store. Messages of it can be
// deleted, for erasing, and none can remove those before it.
func objectsConfig(bucket string, replicas int, most Bytes) jetstream.StreamConfig {
	c := streamConfig("OBJ_"+bucket, "", replicas, most)
	c.Subjects = []string{"$O." + bucket + ".C.>", "$O." + bucket + ".M.>"}
	c.MaxMsgSize, c.DenyPurge = -1, true
	return c
}

// openStreams finds each stream and checks it. On the embedded server it also
// makes what is missing; in a cluster only the operator may, with [Create].
func (s *Store) openStreams(ctx context.Context) error {
	b := builder{js: s.js, cfg: s.cfg, make: !s.cfg.NATS.External()}
	var errs []error
	found := map[string]jetstream.Stream{}
	for _, want := range wanted(s.cfg) {
		st, _, err := b.open(ctx, want)
		found[want.Name] = st
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	n := s.names
	s.signals, s.ledger, s.deliveries = found[n.signals], found[n.ledger], found[n.deliveries]
	ctx, cancel := s.request(ctx)
	defer cancel()
	var err error
	if s.positions, err = s.js.KeyValue(ctx, n.positions); err != nil {
		return fmt.Errorf("open bucket %s: %w", n.positions, err)
	}
	if s.leases, err = s.js.KeyValue(ctx, n.leases); err != nil {
		return fmt.Errorf("open bucket %s: %w", n.leases, err)
	}
	if s.evidence, err = s.js.ObjectStore(ctx, n.evidence); err != nil {
		return fmt.Errorf("open object store %s: %w", n.evidence, err)
	}
	s.objects = objects{store: s, stream: found["OBJ_"+n.evidence], bucket: n.evidence, pub: s.wire()}
	return nil
}

// differences says in which settings got is not want.
func differences(got, want jetstream.StreamConfig) []string {
	var all []string
	diff := func(name string, got, want any) {
		if fmt.Sprint(got) != fmt.Sprint(want) {
			all = append(all, fmt.Sprintf("%s is %v, must be %v", name, got, want))
		}
	}
	if !slices.Equal(got.Subjects, want.Subjects) {
		diff("subjects", got.Subjects, want.Subjects)
	}
	diff("storage", got.Storage, want.Storage)
	diff("retention", got.Retention, want.Retention)
	diff("discard", got.Discard, want.Discard)
	diff("max_age", got.MaxAge, want.MaxAge)
	diff("max_msgs", got.MaxMsgs, want.MaxMsgs)
	diff("max_msgs_per_subject", got.MaxMsgsPerSubject, want.MaxMsgsPerSubject)
	diff("max_bytes", got.MaxBytes, want.MaxBytes)
	diff("max_msg_size", got.MaxMsgSize, want.MaxMsgSize)
	diff("num_replicas", got.Replicas, want.Replicas)
	diff("no_ack", got.NoAck, want.NoAck)
	diff("persist_mode", got.PersistMode, want.PersistMode)
	diff("sealed", got.Sealed, want.Sealed)
	diff("deny_delete", got.DenyDelete, want.DenyDelete)
	diff("deny_purge", got.DenyPurge, want.DenyPurge)
	diff("allow_rollup_hdrs", got.AllowRollup, want.AllowRollup)
	diff("allow_direct", got.AllowDirect, want.AllowDirect)
	diff("mirror_direct", got.MirrorDirect, want.MirrorDirect)
	diff("allow_msg_ttl", got.AllowMsgTTL, want.AllowMsgTTL)
	diff("compression", got.Compression, want.Compression)
	diff("mirror", got.Mirror != nil, want.Mirror != nil)
	diff("sources", len(got.Sources), len(want.Sources))
	diff("subject_transform", got.SubjectTransform != nil, want.SubjectTransform != nil)
	diff("republish", got.RePublish != nil, want.RePublish != nil)
	diff("first_seq", max(got.FirstSeq, 1), max(want.FirstSeq, 1))
	return all
}
