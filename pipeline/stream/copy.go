package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A CopyLog is the copy of LEDGER that one server keeps, to be read. Its methods
// may be called from any goroutine.
type CopyLog struct {
	store   *Store
	replica string
}

// LedgerOf returns the copy of LEDGER on replica; whichever copy the cluster
// gives if replica is empty or keeps none.
func (s *Store) LedgerOf(replica string) *CopyLog { return &CopyLog{s, replica} }

// Append refuses: a copy is written by its cluster only.
func (c *CopyLog) Append(context.Context, []byte, uint64) error {
	return errors.New("append to the ledger: a copy of it is read only")
}

// State is [Log.State] of this copy, once it holds what the leader held when it
// was called. A copy that does not come so far within ten seconds is a
// [ReplicaError] while its server lags, and shorter than the leader's otherwise.
func (c *CopyLog) State(ctx context.Context) (first, last uint64, deleted int, err error) {
	st, err := c.store.caughtUp(ctx, c.store.ledger, c.replica)
	if err != nil || st.Last == 0 {
		return 1, 0, 0, err
	}
	missing := st.Last - st.First + 1 - min(st.Count, st.Last-st.First+1)
	return st.First, st.Last, max(len(st.Deleted), int(missing)), nil
}

// Messages is [Log.Messages] of this copy, once it holds what the leader held
// when it was called.
func (c *CopyLog) Messages(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	return c.store.Ledger().MessagesOf(ctx, c.replica, from, yield)
}

// MessagesOf is [Log.Messages] with exactly one copy read: the one that the
// server named replica keeps; whichever the cluster gives if replica is empty.
func (l *Log) MessagesOf(ctx context.Context, replica string, from uint64, yield func(seq uint64, body []byte) error) error {
	s := l.store
	from = max(from, 1)
	st, err := s.caughtUp(ctx, s.ledger, replica)
	if err != nil {
		return err
	}
	if from > st.Last+1 {
		return &ShortError{Stream: st.Stream, From: from - 1, Last: st.Last}
	}
	p := newPuller(s, st.Stream, from)
	p.replica = st.Replica
	defer p.end()
	for p.next <= st.Last {
		got, err := s.next(ctx, p)
		if err != nil {
			return err
		}
		if got.missing > 0 {
			return &GapError{Stream: st.Stream, Seq: got.seq - got.missing, Replica: p.place}
		}
		if err := yield(got.seq, got.msg.Data); err != nil {
			return err
		}
	}
	return nil
}

const (
	catchUpPatience = 10 * time.Second
	catchUpPause    = time.Second
)

// caughtUp returns the state of a copy once it holds what the leader held when
// this was called. Without replica, or where that keeps no copy of the stream, it
// is the leader's, and Replica is empty in it.
func (s *Store) caughtUp(ctx context.Context, st jetstream.Stream, replica string) (CopyState, error) {
	var want uint64
	for end := time.Now().Add(catchUpPatience); ; {
		all, err := s.copies(ctx, st)
		if err != nil {
			return CopyState{}, err
		}
		if want == 0 {
			want = all[0].Last
		}
		got := all[0]
		got.Replica = ""
		for _, c := range all {
			if replica != "" && c.Replica == replica {
				got = c
			}
		}
		late := time.Now().After(end)
		switch {
		case got.Err != nil && late:
			return CopyState{}, got.Err
		case got.Err != nil:
		case got.Last >= want:
			return got, nil
		case late && got.Current:
			return got, nil // it ends here: whoever reads it will see that
		case late:
			return CopyState{}, &ReplicaError{got.Stream, got.Replica, errBehind}
		}
		if !wait(ctx, catchUpPause) {
			return CopyState{}, ctx.Err()
		}
	}
}

// next returns the next message of a copy that is known to reach so far. Where
// it does not come, it is a [GapError], or the copy cannot be read now.
func (s *Store) next(ctx context.Context, p *puller) (pulled, error) {
	for {
		rctx, cancel := context.WithTimeout(ctx, min(s.cfg.Timeout, nextPatience))
		got, err := p.read(rctx)
		cancel()
		if err == nil {
			return got, nil
		}
		if ctx.Err() != nil {
			return pulled{}, fmt.Errorf("read %s: %w", p.name, ctx.Err())
		}
		// The server skips what it cannot read, and says nothing.
		for try := 1; ; try++ {
			found, err := s.from(ctx, p.name, p.replica, p.next)
			if err != nil {
				return pulled{}, err
			}
			if found != nil {
				break
			}
			if try == gapTries {
				return pulled{}, &GapError{Stream: p.name, Seq: p.next, Replica: p.replica}
			}
			if !wait(ctx, gapPause) {
				return pulled{}, ctx.Err()
			}
		}
		p.end() // it is there: ask anew
	}
}

const (
	// nextPatience is how long a message may take to come before it is asked for
	// by itself, gapTries how often that is done.
	nextPatience = time.Second
	gapTries     = 3
	gapPause     = 100 * time.Millisecond
	// fromTries is how often an answer is asked for where none comes.
	fromTries = 6
)

// from returns the first message at or behind seq that a copy gives, nil if it
// gives none. A server that has just started needs a moment to answer.
func (s *Store) from(ctx context.Context, stream, replica string, seq uint64) (*nats.Msg, error) {
	for try := 1; ; try++ {
		m, err := s.fromOnce(ctx, stream, replica, seq)
		if err == nil || try == fromTries || !wait(ctx, time.Duration(try)*gapPause) {
			return m, err
		}
	}
}

func (s *Store) fromOnce(ctx context.Context, stream, replica string, seq uint64) (*nats.Msg, error) {
	info, err := s.consumerOn(ctx, stream, replica, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: seq,
	})
	if err != nil {
		return nil, err
	}
	defer s.forget(stream, info.Name)
	ctx, cancel := s.request(ctx)
	defer cancel()
	// Answered once it has looked, however long its disk takes.
	m, err := s.nc.RequestWithContext(ctx, "$JS.API.CONSUMER.MSG.NEXT."+stream+"."+info.Name, []byte(`{"batch":1,"no_wait":true}`))
	if err != nil {
		return nil, &ReplicaError{stream, replica, err}
	}
	switch status := m.Header.Get("Status"); {
	case len(m.Data) > 0 || status == "":
		return m, nil
	case status == "404" || status == "408":
		return nil, nil
	default:
		return nil, &ReplicaError{stream, replica, fmt.Errorf("answer %s: %s", status, m.Header.Get("Description"))}
	}
}
