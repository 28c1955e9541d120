package stream

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Part is one of the streams of a tenant, as a backup names it.
type Part string

// The parts. Leases are none: who works now is not worth keeping.
const (
	PartPositions  Part = "positions"
	PartDeliveries Part = "deliveries"
	PartLedger     Part = "ledger"
	PartSignals    Part = "signals"
	PartEvidence   Part = "evidence"
)

// A Raw is one message as the server holds it: one of a stream, one value of the
// bucket, or one piece of an object.
type Raw struct {
	// Seq is the sequence of the message, the revision of the value; pieces of
	// objects are counted from 1.
	Seq uint64
	// Time is when the server stored it, by the server's clock.
	Time time.Time
	// Key is that of the value, or the name of the object; "" in a stream.
	Key string
	// Piece counts the pieces of an object from 0, Pieces is how many there
	// are. Both are 0 for what is no object.
	Piece, Pieces int
	// Header is the message's, nil where it has none.
	Header map[string][]string
	Body   []byte
}

// Size returns about how many bytes the store's streams take.
func (s *Store) Size(ctx context.Context) (Bytes, error) {
	var sum Bytes
	for _, st := range s.partStreams() {
		state, err := s.state(ctx, st)
		if err != nil {
			return 0, err
		}
		sum += Bytes(state.Bytes)
	}
	for _, name := range []string{"KV_" + s.names.positions, "OBJ_" + s.names.evidence} {
		st, err := s.bucketStream(ctx, name)
		if err != nil {
			return 0, err
		}
		sum += Bytes(st.CachedInfo().State.Bytes)
	}
	return sum, nil
}

func (s *Store) partStreams() map[Part]jetstream.Stream {
	return map[Part]jetstream.Stream{
		PartDeliveries: s.deliveries, PartLedger: s.ledger, PartSignals: s.signals,
	}
}

func (s *Store) bucketStream(ctx context.Context, name string) (jetstream.Stream, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	st, err := s.js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("ask for the state of %s: %w", name, err)
	}
	return st, nil
}

// Dump yields everything that part held when Dump was called, in ascending
// order, and returns the last sequence of its stream, which may be that of a
// message that was erased. It stops at the first error of yield and returns it.
// What is yielded belongs to yield.
//
// A message that is missing is a [GapError], but in SIGNALS, where messages are
// erased: there it is left out, and whoever reads what was dumped must compare
// it with the record.
func (s *Store) Dump(ctx context.Context, part Part, yield func(Raw) error) (last uint64, err error) {
	switch part {
	case PartPositions:
		st, err := s.bucketStream(ctx, "KV_"+s.names.positions)
		if err != nil {
			return 0, err
		}
		prefix := "$KV." + s.names.positions + "."
		return s.dumpStream(ctx, st, true, func(r Raw) error {
			if op := r.Header["KV-Operation"]; len(op) > 0 {
				return nil // a key that was deleted
			}
			key, ok := strings.CutPrefix(r.Key, prefix)
			if !ok {
				return fmt.Errorf("read positions: message %d has subject %q", r.Seq, r.Key)
			}
			r.Key, r.Header = key, nil
			return yield(r)
		})
	case PartDeliveries, PartLedger, PartSignals:
		return s.dumpStream(ctx, s.partStreams()[part], part == PartSignals, func(r Raw) error {
			r.Key = ""
			return yield(r)
		})
	case PartEvidence:
		return s.dumpObjects(ctx, yield)
	default:
		return 0, fmt.Errorf("read part %q: there is none of that name", part)
	}
}

// dumpStream yields the messages of st up to its present end. holes says that
// messages may be missing.
func (s *Store) dumpStream(ctx context.Context, st jetstream.Stream, holes bool, yield func(Raw) error) (last uint64, err error) {
	name := st.CachedInfo().Config.Name
	state, err := s.state(ctx, st)
	if err != nil {
		return 0, err
	}
	last = state.LastSeq
	p := newPuller(s, name, 1)
	defer p.end()
	for {
		// The puller waits for what comes; what is the last to come may be
		// erased at any moment, so it is looked for again whenever nothing came.
		there, err := s.lastThere(ctx, st, p.next, last)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", name, err)
		}
		if there == 0 {
			if !holes && p.next <= last {
				return 0, &GapError{Stream: name, Seq: p.next}
			}
			return last, nil
		}
		for p.next <= there {
			got, err := s.readSoon(ctx, p)
			if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
				break
			}
			if err != nil {
				return 0, fmt.Errorf("read %s: %w", name, err)
			}
			if got.seq > last {
				return last, nil // stored since
			}
			if got.missing > 0 && !holes {
				return 0, &GapError{Stream: name, Seq: got.seq - got.missing}
			}
			r, err := rawOf(got)
			if err != nil {
				return 0, fmt.Errorf("read %s: message %d: %w", name, got.seq, err)
			}
			if err := yield(r); err != nil {
				return 0, err
			}
		}
	}
}

// readSoon reads the next message, or ends with DeadlineExceeded.
func (s *Store) readSoon(ctx context.Context, p *puller) (pulled, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Timeout)
	defer cancel()
	return p.read(ctx)
}

// lastThere returns the last sequence from from to last at which a message
// stands, 0 if none does.
func (s *Store) lastThere(ctx context.Context, st jetstream.Stream, from, last uint64) (uint64, error) {
	for seq := last; seq >= from && seq > 0; seq-- {
		_, err := s.message(ctx, st, seq)
		if err == nil {
			return seq, nil
		}
		if !errors.Is(err, jetstream.ErrMsgNotFound) {
			return 0, err
		}
	}
	return 0, nil
}

func rawOf(got pulled) (Raw, error) {
	meta, err := got.msg.Metadata()
	if err != nil {
		return Raw{}, err
	}
	r := Raw{Seq: got.seq, Time: meta.Timestamp.UTC(), Key: got.msg.Subject, Body: got.msg.Data}
	if len(got.msg.Header) > 0 {
		r.Header = got.msg.Header
	}
	return r, nil
}

// dumpObjects yields the objects of EVIDENCE in the order of their names, in
// pieces. One that is erased meanwhile is left out.
func (s *Store) dumpObjects(ctx context.Context, yield func(Raw) error) (last uint64, err error) {
	names, err := s.objects.names(ctx)
	if err != nil {
		return 0, fmt.Errorf("read %s: %w", s.names.evidence, err)
	}
	for _, name := range names {
		if last, err = s.dumpObject(ctx, name, last, yield); err != nil {
			return 0, fmt.Errorf("read %s: object %s: %w", s.names.evidence, name, err)
		}
	}
	return last, nil
}

// dumpObject yields the chunks of one object, if it is whole. One that is not is
// left out: whether a person has accepted its loss stands in the record.
func (s *Store) dumpObject(ctx context.Context, name string, last uint64, yield func(Raw) error) (uint64, error) {
	info, err := s.objects.info(ctx, name)
	if errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, errDigest) || err == nil && info.Deleted {
		return last, nil
	}
	if err != nil {
		return 0, err
	}
	subject, sum := s.objects.chunkSubject(info.NUID), sha256.New()
	pieces := make([]Raw, max(1, info.Chunks))
	for i := range pieces {
		pieces[i] = Raw{Seq: last + 1 + uint64(i), Time: info.ModTime.UTC(), Key: name, Piece: i, Pieces: len(pieces)}
	}
	for i, seq := uint32(0), uint64(0); i < info.Chunks; i++ {
		m, err := s.objects.chunk(ctx, seq+1, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return 0, err
		}
		pieces[i].Time, pieces[i].Body, seq = m.Time.UTC(), m.Data, m.Sequence
		sum.Write(m.Data)
	}
	if digestText([sha256.Size]byte(sum.Sum(nil))) != info.Digest {
		s.log.WarnContext(ctx, "object of evidence is not whole and is left out", "object", name)
		return last, nil
	}
	for _, r := range pieces {
		if err := yield(r); err != nil {
			return 0, err
		}
		last++
	}
	return last, nil
}

// SignalsOf yields the signals of a message of SIGNALS that was dumped, each with
// its position and the commitment to its bytes. object returns the bytes of an
// object of EVIDENCE. Bytes that are not what was stored are a [DamagedError].
// It stops at the first error of yield and returns it.
func SignalsOf(r Raw, object func(name string) ([]byte, error), yield func(incident.Stored) error) error {
	f := newFrame(r.Seq, r.Header, r.Body)
	if f.err != nil {
		return &DamagedError{Stream: string(PartSignals), Pos: incident.Pos{Seq: r.Seq}, Err: f.err}
	}
	for i := range f.signals {
		fs := &f.signals[i]
		pos := incident.Pos{Seq: r.Seq, Index: i}
		if f.replaces {
			pos = incident.Pos{Seq: f.old, Index: fs.index}
		}
		if fs.evidence != nil {
			raw, err := object(fs.evidence.name)
			if err != nil {
				return &DamagedError{Stream: string(PartSignals), Pos: pos, Err: err}
			}
			fs.Raw = raw
		}
		commit, err := fs.verify(fs.Raw)
		if err != nil {
			return &DamagedError{Stream: string(PartSignals), Pos: pos, Err: err}
		}
		if err := yield(incident.Stored{Signal: fs.Signal, Pos: pos, Commit: commit}); err != nil {
			return err
		}
	}
	return nil
}

// Replaces returns the sequence of the message of SIGNALS whose place this one
// takes, after a signal in that was erased; 0 if none.
func (r Raw) Replaces() uint64 {
	seq, _ := replaced(r.Header)
	return seq
}

// natsHeader returns header as the client takes it.
func natsHeader(header map[string][]string) nats.Header { return maps.Clone(nats.Header(header)) }
