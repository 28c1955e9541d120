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
	positions, evidence           string // buckets
}

func namesOf(tenant string) names {
	return names{
		signals: "SIGNALS_" + tenant, signalSubject: "signal." + tenant + ".frame",
		ledger: "LEDGER_" + tenant, ledgerSubject: "ledger." + tenant,
		deliveries: "DELIVERIES_" + tenant, deliveriesSubject: "deliveries." + tenant,
		positions: "INGEST_" + tenant, evidence: "EVIDENCE_" + tenant,
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

// openStreams creates or checks each stream.
func (s *Store) openStreams(ctx context.Context) error {
	n, most, replicas := s.names, s.cfg.MaxBytes, s.cfg.Replicas

	signals := streamConfig(n.signals, n.signalSubject, replicas, most.Signals)
	ledger := streamConfig(n.ledger, n.ledgerSubject, replicas, most.Ledger)
	ledger.DenyDelete, ledger.DenyPurge = true, true
	deliveries := streamConfig(n.deliveries, n.deliveriesSubject, replicas, most.Deliveries)
	deliveries.DenyDelete, deliveries.DenyPurge = true, true

	var errs [5]error
	s.signals, errs[0] = s.openStream(ctx, signals)
	s.ledger, errs[1] = s.openStream(ctx, ledger)
	s.deliveries, errs[2] = s.openStream(ctx, deliveries)
	errs[3] = s.openPositions(ctx)
	errs[4] = s.openEvidence(ctx)
	return errors.Join(errs[:]...)
}

// openStream returns the stream, after creating it if it is missing.
func (s *Store) openStream(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	st, err := s.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		st, err = s.js.CreateStream(ctx, want)
	}
	if err != nil {
		return nil, fmt.Errorf("open stream %s: %w", want.Name, err)
	}
	return s.settle(ctx, st, want)
}

// settle returns st when it is as wanted. More room is the one change that it
// makes: it loses nothing, and an operator who needs it is in a hurry.
func (s *Store) settle(ctx context.Context, st jetstream.Stream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	larger := st.CachedInfo().Config
	if larger.MaxBytes > 0 && want.MaxBytes > larger.MaxBytes {
		larger.MaxBytes = want.MaxBytes
	}
	if p := differences(larger, want); len(p) > 0 {
		return nil, &SettingsError{Stream: want.Name, Problems: p}
	}
	if larger.MaxBytes == st.CachedInfo().Config.MaxBytes {
		return st, nil
	}
	st, err := s.js.UpdateStream(ctx, larger)
	if err != nil {
		return nil, fmt.Errorf("raise the limit of stream %s: %w", want.Name, err)
	}
	return st, nil
}

func (s *Store) openPositions(ctx context.Context) error {
	ctx, cancel := s.request(ctx)
	defer cancel()
	want := jetstream.KeyValueConfig{
		Bucket: s.names.positions, History: 1, Storage: jetstream.FileStorage,
		Replicas: s.cfg.Replicas, MaxBytes: int64(s.cfg.MaxBytes.Positions),
	}
	kv, err := s.js.KeyValue(ctx, want.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = s.js.CreateKeyValue(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("open bucket %s: %w", want.Bucket, err)
	}
	s.positions = kv
	return s.checkBucket(ctx, "KV_"+want.Bucket, want.MaxBytes)
}

func (s *Store) openEvidence(ctx context.Context) error {
	ctx, cancel := s.request(ctx)
	defer cancel()
	want := jetstream.ObjectStoreConfig{
		Bucket: s.names.evidence, Storage: jetstream.FileStorage,
		Replicas: s.cfg.Replicas, MaxBytes: int64(s.cfg.MaxBytes.Evidence),
	}
	obj, err := s.js.ObjectStore(ctx, want.Bucket)
	if errors.Is(err, jetstream.ErrBucketNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		obj, err = s.js.CreateObjectStore(ctx, want)
	}
	if err != nil {
		return fmt.Errorf("open object store %s: %w", want.Bucket, err)
	}
	s.evidence = obj
	return s.checkBucket(ctx, "OBJ_"+want.Bucket, want.MaxBytes)
}

// checkBucket looks at the stream beneath a bucket. The client decides most of
// its settings; here it is only whether something in it could be lost.
func (s *Store) checkBucket(ctx context.Context, name string, most int64) error {
	st, err := s.js.Stream(ctx, name)
	if err != nil {
		return fmt.Errorf("open stream %s: %w", name, err)
	}
	want := st.CachedInfo().Config
	want.Storage, want.Retention, want.Discard = jetstream.FileStorage, jetstream.LimitsPolicy, jetstream.DiscardNew
	want.MaxAge, want.MaxMsgs, want.MaxBytes = 0, -1, most
	want.NoAck, want.PersistMode, want.Sealed = false, jetstream.DefaultPersistMode, false
	want.Replicas, want.Mirror, want.Sources = s.cfg.Replicas, nil, nil
	_, err = s.settle(ctx, st, want)
	return err
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
