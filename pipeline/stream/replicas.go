package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A CopyState says what one copy of a stream holds.
type CopyState struct {
	Stream string
	// Record: it is a copy of LEDGER, not of SIGNALS.
	Record bool
	// Replica is the server whose own store was asked. Empty where there is one
	// copy, which its leader answers for.
	Replica string
	// Leader: this is the copy that answers for the stream.
	Leader bool
	// First and Last are the first and the last sequence, Count how many
	// messages are between them. An empty copy has all three 0.
	First, Last, Count uint64
	// Deleted are the sequences between First and Last that the leader knows to
	// be gone, nil if over ten thousand. The leader's copy has it alone.
	Deleted []uint64
	// Current: the leader hears from this server, and sent it all that it has.
	Current bool
	// Err says why this copy could not be asked; then nothing else is known.
	Err error
}

// maxDeleted is how many deleted sequences are asked for by name.
const maxDeleted = 10_000

// A ReplicaError reports one copy that could not be read now. That is nothing
// against the copy.
type ReplicaError struct {
	Stream, Replica string
	Err             error
}

func (e *ReplicaError) Error() string {
	return fmt.Sprintf("read %s on %s: %v", e.Stream, e.Replica, e.Err)
}
func (e *ReplicaError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *ReplicaError) Hint() string {
	return "look whether that nats-server runs, reaches the others and has caught up; nothing is known against its copy"
}

var (
	errOffline = errors.New("the server is offline")
	errBehind  = errors.New("its copy has not caught up")
	errPlace   = errors.New("the cluster places no consumer there")
)

// Replicas returns the servers that keep a copy of LEDGER or SIGNALS, the leader
// of LEDGER first; one empty name where there is one copy only.
func (s *Store) Replicas(ctx context.Context) ([]string, error) {
	if s.cfg.Replicas == 1 {
		return []string{""}, nil
	}
	var all []string
	seen := map[string]bool{}
	for _, st := range []jetstream.Stream{s.ledger, s.signals} {
		info, err := s.info(ctx, st)
		if err != nil {
			return nil, err
		}
		for _, r := range peersOf(info) {
			if !seen[r.Name] {
				seen[r.Name] = true
				all = append(all, r.Name)
			}
		}
	}
	return all, nil
}

// States asks each copy of LEDGER and of SIGNALS what it holds; its error means
// that a stream has nobody who answers for it. The states of one stream are of
// about one moment, and the leader's is the earliest: a copy that holds less than
// it and is Current still may be writing the last ones.
//
// A copy is asked by two consumers that are thrown away, in memory and without
// replicas: such a consumer reads the store of the server that it is placed on.
func (s *Store) States(ctx context.Context) ([]CopyState, error) {
	var all []CopyState
	for _, st := range []jetstream.Stream{s.ledger, s.signals} {
		states, err := s.copies(ctx, st)
		if err != nil {
			return nil, err
		}
		for i := range states {
			states[i].Record = st == s.ledger
		}
		all = append(all, states...)
	}
	return all, nil
}

func (s *Store) copies(ctx context.Context, st jetstream.Stream) ([]CopyState, error) {
	info, err := s.info(ctx, st)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		// Whoever removed it: what stood in it is gone.
		return []CopyState{{Stream: st.CachedInfo().Config.Name, Leader: true, Current: true}}, nil
	}
	if err != nil {
		return nil, err
	}
	name := info.Config.Name
	lead := CopyState{
		Stream: name, Leader: true, Current: true,
		First: info.State.FirstSeq, Last: info.State.LastSeq, Count: info.State.Msgs,
	}
	if n := info.State.NumDeleted; n > 0 && n <= maxDeleted {
		if info, err = s.info(ctx, st, jetstream.WithDeletedDetails(true)); err != nil {
			return nil, err
		}
		lead.Deleted = info.State.Deleted
	}
	if s.cfg.Replicas == 1 {
		return []CopyState{lead}, nil
	}
	lead.Replica = info.Cluster.Leader
	all := []CopyState{lead}
	peers := peersOf(info)[1:]
	if err := s.askCopies(ctx, name, peers, &all); err != nil {
		return nil, err
	}
	return all, nil
}

// askCopies adds the state of each of peers, in two rounds of consumers: the
// cluster places them where it likes, so they are made until each was hit.
func (s *Store) askCopies(ctx context.Context, stream string, peers []*jetstream.PeerInfo, all *[]CopyState) error {
	wanted := map[string]bool{}
	for _, p := range peers {
		if !p.Offline {
			wanted[p.Name] = true
		}
	}
	ends, err := s.consumerOnEach(ctx, stream, wanted, jetstream.DeliverNewPolicy)
	if err != nil {
		return err
	}
	begins, err := s.consumerOnEach(ctx, stream, wanted, jetstream.DeliverAllPolicy)
	if err != nil {
		return err
	}
	for _, p := range peers {
		c := CopyState{Stream: stream, Replica: p.Name, Current: p.Current && !p.Offline}
		begin, end := begins[p.Name], ends[p.Name]
		switch {
		case p.Offline:
			c.Err = &ReplicaError{stream, p.Name, errOffline}
		case begin == nil || end == nil:
			c.Err = &ReplicaError{stream, p.Name, errPlace}
		default:
			c.fill(end, begin)
		}
		*all = append(*all, c)
	}
	return nil
}

// fill reads the state of a copy from two consumers that were just made on it,
// one behind its last message and, later, one at its first. What came between
// the two is counted and is not in Last: it can hide as many that are missing for
// this once, and never makes one seem missing.
func (c *CopyState) fill(end, begin *jetstream.ConsumerInfo) {
	if c.Last = end.Delivered.Stream; c.Last == 0 {
		return
	}
	c.First = begin.Delivered.Stream + 1
	if c.First <= c.Last {
		c.Count = min(begin.NumPending, c.Last-c.First+1)
	}
}

// placeTries bounds how often a consumer is made for one server among three, or
// five: missing it by chance so often is one case in ten thousand millions.
const placeTries = 60

// consumerOnEach makes consumers until one was placed on each of the servers
// wanted, or it is plain that one of them gets none.
func (s *Store) consumerOnEach(ctx context.Context, stream string, wanted map[string]bool, from jetstream.DeliverPolicy) (map[string]*jetstream.ConsumerInfo, error) {
	found := map[string]*jetstream.ConsumerInfo{}
	for try := 1; len(found) < len(wanted) && try <= placeTries; try++ {
		info, err := s.consumer(ctx, stream, jetstream.ConsumerConfig{DeliverPolicy: from})
		if err != nil {
			return nil, fmt.Errorf("ask the copies of %s: %w", stream, err)
		}
		s.forget(stream, info.Name)
		if name := placeOf(info); wanted[name] && found[name] == nil {
			found[name] = info
		}
		if err := breathe(ctx, try); err != nil {
			return nil, err
		}
	}
	return found, nil
}

// breathe rests now and then: a server that lags in the cluster's own log gets no
// consumer until it has caught up.
func breathe(ctx context.Context, try int) error {
	if try%10 == 0 && !wait(ctx, 100*time.Millisecond) {
		return ctx.Err()
	}
	return nil
}

// consumerOn makes a consumer that reads the store of replica; of the leader, or
// wherever the cluster likes, if replica is empty.
func (s *Store) consumerOn(ctx context.Context, stream, replica string, cfg jetstream.ConsumerConfig) (*jetstream.ConsumerInfo, error) {
	for try := 1; ; try++ {
		info, err := s.consumer(ctx, stream, cfg)
		if err != nil {
			return nil, fmt.Errorf("make a consumer: %w", err)
		}
		if replica == "" || placeOf(info) == replica {
			return info, nil
		}
		s.forget(stream, info.Name)
		if try == placeTries {
			return nil, &ReplicaError{stream, replica, errPlace}
		}
		if err := breathe(ctx, try); err != nil {
			return nil, err
		}
	}
}

// consumer makes a consumer in memory, without replicas.
func (s *Store) consumer(ctx context.Context, stream string, cfg jetstream.ConsumerConfig) (*jetstream.ConsumerInfo, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	cfg.AckPolicy = jetstream.AckNonePolicy
	cfg.InactiveThreshold = time.Minute
	cfg.MemoryStorage = true
	cfg.Replicas = 1
	c, err := s.js.CreateConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, err
	}
	return c.CachedInfo(), nil
}

// forget asks the server to drop a consumer before it would by itself.
func (s *Store) forget(stream, consumer string) {
	_ = s.nc.Publish("$JS.API.CONSUMER.DELETE."+stream+"."+consumer, nil)
}

// placeOf returns the server that a consumer without replicas lives on.
func placeOf(info *jetstream.ConsumerInfo) string {
	if info.Cluster == nil {
		return ""
	}
	return info.Cluster.Leader
}

// peersOf returns the servers that keep a copy of a stream, the leader first.
func peersOf(info *jetstream.StreamInfo) []*jetstream.PeerInfo {
	if info.Cluster == nil {
		return nil
	}
	lead := &jetstream.PeerInfo{Name: info.Cluster.Leader, Current: true}
	return append([]*jetstream.PeerInfo{lead}, info.Cluster.Replicas...)
}

// info asks the leader of st about it.
func (s *Store) info(ctx context.Context, st jetstream.Stream, opts ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	info, err := st.Info(ctx, opts...)
	if err != nil {
		return nil, fmt.Errorf("ask for the state of %s: %w", st.CachedInfo().Config.Name, err)
	}
	if s.cfg.Replicas > 1 && (info.Cluster == nil || info.Cluster.Leader == "") {
		return nil, fmt.Errorf("ask for the state of %s: it has no leader now", info.Config.Name)
	}
	return info, nil
}

// Gone reports whether message seq of SIGNALS is missing by a person's decision:
// erased, or accepted as lost.
func (s *Store) Gone(seq uint64) bool { return s.erased(seq) || s.lost(seq, -1) }

// Account returns the name of the account that the streams belong to, which is
// the name of their directory on each server; "" where the server does not say,
// and where they belong to others than the one that our user is of.
func (s *Store) Account(ctx context.Context) string {
	ctx, cancel := s.request(ctx)
	defer cancel()
	m, err := s.nc.RequestWithContext(ctx, "$SYS.REQ.USER.INFO", nil)
	if err != nil {
		return ""
	}
	var answer struct {
		Data struct {
			Account string `json:"account"`
		} `json:"data"`
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return ""
	}
	// Nobody hears this in an account that keeps no streams and only reaches those
	// of others; elsewhere it is answered, or forbidden, which is no answer.
	soon, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if _, err := s.nc.RequestWithContext(soon, "$JS.API.STREAM.NAMES", nil); errors.Is(err, nats.ErrNoResponders) {
		return ""
	}
	return answer.Data.Account
}
