package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// LockDir keeps every other process out of a store's directory until the
// returned lock is closed; it fails with an [InUseError] if one is in it.
func LockDir(dir string) (io.Closer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return lockDir(dir)
}

// StartUnsynced starts a server in cfg.Dir that does not sync what it writes,
// for a store that is being built: whoever builds it MUST sync every file once
// the server is closed, and before anybody uses the store. It takes no lock.
func StartUnsynced(ctx context.Context, cfg Config, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("start store: %w", err)
	}
	srv, err := server.NewServer(&server.Options{
		ServerName:         "promptness",
		DontListen:         true,
		JetStream:          true,
		StoreDir:           cfg.Dir,
		JetStreamMaxStore:  int64(cfg.MaxBytes.sum() + 64*MiB),
		JetStreamMaxMemory: int64(64 * MiB),
		NoSigs:             true,
	})
	if err != nil {
		return nil, fmt.Errorf("start store in %s: %w", cfg.Dir, err)
	}
	srv.SetLogger(serverLog{log}, false, false)
	srv.Start()
	s := &Server{cfg: cfg, log: log, cur: srv}
	for !srv.ReadyForConnections(20 * time.Millisecond) {
		if !wait(ctx, 5*time.Millisecond) {
			return nil, errors.Join(ctx.Err(), s.Close())
		}
	}
	if !srv.JetStreamEnabled() {
		return nil, errors.Join(errors.New("start store: jetstream did not start; its reason is in the log"), s.Close())
	}
	return s, nil
}

// ErrNotEmpty says that a part that is to be loaded holds something.
var ErrNotEmpty = errors.New("it is not empty")

// Fill stores what [Store.Dump] gave of part, under the same sequences: where
// one is missing, a filler is stored and deleted again. The part must be empty.
// last is what Dump returned. Values of the bucket get new revisions, and
// everything gets new times. After an error the store is worth nothing.
func (s *Store) Fill(ctx context.Context, part Part, last uint64, messages iter.Seq2[Raw, error]) error {
	var err error
	switch part {
	case PartPositions:
		err = s.loadPositions(ctx, messages)
	case PartDeliveries:
		err = s.loadStream(ctx, s.deliveries, s.names.deliveriesSubject, last, messages)
	case PartLedger:
		err = s.loadStream(ctx, s.ledger, s.names.ledgerSubject, last, messages)
	case PartSignals:
		err = s.loadStream(ctx, s.signals, s.names.signalSubject, last, messages)
	case PartEvidence:
		err = s.loadObjects(ctx, messages)
	default:
		err = errors.New("there is none of that name")
	}
	if err != nil {
		return fmt.Errorf("fill %s: %w", part, err)
	}
	return nil
}

// Empty returns an error that names the first part that holds something.
func (s *Store) Empty(ctx context.Context) error {
	for _, p := range []Part{PartLedger, PartSignals, PartDeliveries} {
		st, err := s.state(ctx, s.partStreams()[p])
		if err != nil {
			return err
		}
		if st.LastSeq != 0 {
			return fmt.Errorf("%s: %w", p, ErrNotEmpty)
		}
	}
	for _, name := range []string{"KV_" + s.names.positions, "OBJ_" + s.names.evidence} {
		st, err := s.bucketStream(ctx, name)
		if err != nil {
			return err
		}
		if st.CachedInfo().State.LastSeq != 0 {
			return fmt.Errorf("%s: %w", name, ErrNotEmpty)
		}
	}
	return nil
}

// The server's queue of a stream is bounded by messages and bytes; what is in
// flight stays far below both.
const (
	loadMessages = 1000
	loadBytes    = 16 << 20
)

// A loader stores messages in order, several in flight, and checks that each is
// stored at the sequence where it stood.
type loader struct {
	store    *Store
	subject  string
	inFlight []loading
	bytes    int
	next     uint64 // the sequence of the next message
	fillers  []uint64
}

type loading struct {
	seq   uint64
	bytes int
	ack   jetstream.PubAckFuture
}

// filler stands where a message was erased, until it is deleted itself.
const filler = "erased"

func (s *Store) loadStream(ctx context.Context, st jetstream.Stream, subject string, last uint64, messages iter.Seq2[Raw, error]) error {
	state, err := s.state(ctx, st)
	if err != nil {
		return err
	}
	if state.LastSeq != 0 {
		return ErrNotEmpty
	}
	l := &loader{store: s, subject: subject, next: 1}
	for r, err := range messages {
		if err != nil {
			return err
		}
		if r.Seq < l.next || r.Seq > last {
			return fmt.Errorf("message %d stands where %d to %d belong", r.Seq, l.next, last)
		}
		if err := l.upTo(ctx, r.Seq); err != nil {
			return err
		}
		if err := l.send(ctx, r.Body, natsHeader(r.Header)); err != nil {
			return err
		}
	}
	if err := l.upTo(ctx, last+1); err != nil {
		return err
	}
	if err := l.settle(ctx, 0, 0); err != nil {
		return err
	}
	for _, seq := range l.fillers {
		rctx, cancel := s.request(ctx)
		err := st.DeleteMsg(rctx, seq)
		cancel()
		if err != nil {
			return fmt.Errorf("leave message %d out: %w", seq, err)
		}
	}
	return nil
}

// upTo stores fillers at the sequences before seq.
func (l *loader) upTo(ctx context.Context, seq uint64) error {
	for l.next < seq {
		l.fillers = append(l.fillers, l.next)
		if err := l.send(ctx, []byte(filler), nil); err != nil {
			return err
		}
	}
	return nil
}

// send sends one message, and waits while too much is in flight.
func (l *loader) send(ctx context.Context, body []byte, header nats.Header) error {
	most, mostBytes := loadMessages, loadBytes
	if l.store.cfg.Replicas > 1 {
		most, mostBytes = 1, 1 // a fence is refused while others are in flight
	}
	if err := l.settle(ctx, most-1, mostBytes-1); err != nil {
		return err
	}
	ack, err := l.store.js.PublishMsgAsync(&nats.Msg{Subject: l.subject, Data: body, Header: header}, jetstream.WithRetryAttempts(0))
	if err != nil {
		return fmt.Errorf("store message %d: %w", l.next, err)
	}
	l.inFlight = append(l.inFlight, loading{l.next, len(body), ack})
	l.bytes += len(body)
	l.next++
	return nil
}

// settle waits until at most so many messages and bytes are in flight.
func (l *loader) settle(ctx context.Context, most, mostBytes int) error {
	for len(l.inFlight) > most || len(l.inFlight) > 0 && l.bytes > mostBytes {
		m := l.inFlight[0]
		select {
		case ack := <-m.ack.Ok():
			if ack.Sequence != m.seq || ack.Duplicate {
				return fmt.Errorf("message %d was stored as message %d", m.seq, ack.Sequence)
			}
		case err := <-m.ack.Err():
			if outcomeOf(err) == outcomeRefused {
				return refusal(l.subject, err)
			}
			return fmt.Errorf("store message %d: %w", m.seq, err)
		case <-ctx.Done():
			return ctx.Err()
		}
		l.inFlight, l.bytes = l.inFlight[1:], l.bytes-m.bytes
	}
	return nil
}

func (s *Store) loadPositions(ctx context.Context, messages iter.Seq2[Raw, error]) error {
	for r, err := range messages {
		if err != nil {
			return err
		}
		rctx, cancel := s.request(ctx)
		_, err := s.positions.Create(rctx, r.Key, r.Body)
		cancel()
		if errors.Is(err, jetstream.ErrKeyExists) {
			return fmt.Errorf("key %q: %w", r.Key, ErrNotEmpty)
		}
		if err != nil {
			return fmt.Errorf("key %q: %w", r.Key, err)
		}
	}
	return nil
}

func (s *Store) loadObjects(ctx context.Context, messages iter.Seq2[Raw, error]) error {
	next, stop := iter.Pull2(messages)
	defer stop()
	for {
		first, err, ok := next()
		if !ok {
			return nil
		}
		if err != nil {
			return err
		}
		p := &pieces{next: next, now: first}
		if err := s.objects.put(ctx, first.Key, p); err != nil {
			return fmt.Errorf("object %s: %w", first.Key, err)
		}
	}
}

// pieces reads one object from the pieces that it was dumped in.
type pieces struct {
	next func() (Raw, error, bool)
	now  Raw
	at   bytes.Reader
	read bool // now's body is in at
}

func (p *pieces) Read(b []byte) (int, error) {
	for {
		if !p.read {
			p.at.Reset(p.now.Body)
			p.read = true
		}
		if n, err := p.at.Read(b); n > 0 || err == nil {
			return n, nil
		}
		if p.now.Piece == p.now.Pieces-1 {
			return 0, io.EOF
		}
		was := p.now
		got, err, ok := p.next()
		switch {
		case !ok:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case got.Key != was.Key || got.Piece != was.Piece+1 || got.Pieces != was.Pieces:
			return 0, fmt.Errorf("piece %d of %s follows piece %d of %s", got.Piece, got.Key, was.Piece, was.Key)
		}
		p.now, p.read = got, false
	}
}
