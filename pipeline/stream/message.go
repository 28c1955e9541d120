package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// message returns message seq from the leader of st.
func (s *Store) message(ctx context.Context, st jetstream.Stream, seq uint64) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	return st.GetMsg(ctx, seq)
}

// state returns the present state of st.
func (s *Store) state(ctx context.Context, st jetstream.Stream) (jetstream.StreamState, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	info, err := st.Info(ctx)
	if err != nil {
		return jetstream.StreamState{}, fmt.Errorf("ask for the state of %s: %w", st.CachedInfo().Config.Name, err)
	}
	return info.State, nil
}

// errNoPosition says that a frame holds fewer signals than were recorded.
var errNoPosition = errors.New("there is no such position")

func (s *Store) erased(seq uint64) bool { return s.hooks.Erased != nil && s.hooks.Erased(seq) }

// replaced returns the sequence that a message with these headers stands for; 0
// for one that stands for nothing, and holds no signal.
func replaced(header map[string][]string) (seq uint64, ok bool) {
	if void(header) {
		return 0, true
	}
	v := header[replacesField]
	if len(v) == 0 {
		return 0, false
	}
	seq, err := strconv.ParseUint(v[0], 10, 64)
	return seq, err == nil
}

// Signal reads one signal back, its evidence included, and checks that its
// bytes have the identity they were stored under. Commit is computed from the
// bytes, for the caller to compare with the record. What is left of a frame that
// was replaced is found under its old position; looking for it reads the headers
// of the stream. A signal that was erased, or is missing, is a [GapError].
func (s *Store) Signal(ctx context.Context, pos incident.Pos) (incident.Stored, error) {
	gone := &GapError{Stream: s.names.signals, Seq: pos.Seq}
	m, err := s.message(ctx, s.signals, pos.Seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		m, err = s.replacement(ctx, pos.Seq)
	}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return incident.Stored{}, gone
	}
	if err != nil {
		return incident.Stored{}, fmt.Errorf("read signal %s: %w", pos, err)
	}
	if void(m.Header) {
		return incident.Stored{}, gone
	}
	old, isReplacement := replaced(m.Header)
	signals, err := decodeFrame(m.Data, isReplacement)
	if err != nil {
		return incident.Stored{}, &DamagedError{s.names.signals, pos, err}
	}
	if isReplacement && old == pos.Seq {
		for i := range signals {
			if signals[i].index == pos.Index {
				return s.whole(ctx, pos, &signals[i])
			}
		}
		return incident.Stored{}, gone
	}
	if isReplacement || pos.Index < 0 || pos.Index >= len(signals) {
		return incident.Stored{}, &DamagedError{s.names.signals, pos, errNoPosition}
	}
	return s.whole(ctx, pos, &signals[pos.Index])
}

// replacement returns the last message that replaces seq.
func (s *Store) replacement(ctx context.Context, seq uint64) (*jetstream.RawStreamMsg, error) {
	st, err := s.state(ctx, s.signals)
	if err != nil {
		return nil, err
	}
	if st.LastSeq <= seq {
		return nil, jetstream.ErrMsgNotFound
	}
	if _, err := s.message(ctx, s.signals, st.LastSeq); err != nil {
		return nil, err // also not found: nothing would end the loop below
	}
	p := newPuller(s, s.names.signals, seq+1)
	p.headers = true
	defer p.end()
	var found uint64
	for p.next <= st.LastSeq {
		got, err := p.read(ctx)
		if err != nil {
			return nil, err
		}
		if old, ok := replaced(got.msg.Header); ok && old == seq {
			found = got.seq
		}
	}
	if found == 0 {
		return nil, jetstream.ErrMsgNotFound
	}
	return s.message(ctx, s.signals, found)
}

// whole fetches the evidence of fs, if it is elsewhere, and verifies its bytes.
func (s *Store) whole(ctx context.Context, pos incident.Pos, fs *frameSignal) (incident.Stored, error) {
	if fs.evidence != nil {
		raw, err := s.getEvidence(ctx, fs.evidence)
		if errors.Is(err, jetstream.ErrObjectNotFound) || errors.Is(err, jetstream.ErrDigestMismatch) || errors.Is(err, errDigest) {
			return incident.Stored{}, &DamagedError{s.names.signals, pos, err}
		}
		if err != nil {
			return incident.Stored{}, fmt.Errorf("read evidence of signal %s: %w", pos, err)
		}
		fs.Raw = raw
	}
	commit, err := fs.verify(fs.Raw)
	if err != nil {
		return incident.Stored{}, &DamagedError{s.names.signals, pos, err}
	}
	return incident.Stored{Signal: fs.Signal, Pos: pos, Commit: commit}, nil
}

// lastPos remembers the position of the last signal, so that asking for it
// twice reads the frame once.
type lastPos struct {
	mu  sync.Mutex
	seq uint64 // last sequence of the stream when asked
	pos incident.Pos
}

// last returns the position of the last stored signal.
func (s *Store) last(ctx context.Context) (incident.Pos, error) {
	st, err := s.state(ctx, s.signals)
	if err != nil {
		return incident.Pos{}, err
	}
	s.lastPos.mu.Lock()
	defer s.lastPos.mu.Unlock()
	if st.LastSeq <= s.lastPos.seq {
		return s.lastPos.pos, nil
	}
	for seq := st.LastSeq; seq > s.lastPos.seq; seq-- {
		m, err := s.message(ctx, s.signals, seq)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			if s.erased(seq) || s.lost(seq, -1) {
				continue
			}
			return incident.Pos{}, &GapError{Stream: s.names.signals, Seq: seq}
		}
		if err != nil {
			return incident.Pos{}, fmt.Errorf("read the last signal: %w", err)
		}
		if _, ok := replaced(m.Header); ok {
			continue
		}
		signals, err := decodeFrame(m.Data, false)
		if err != nil && s.lost(seq, -1) {
			continue
		}
		if err != nil {
			return incident.Pos{}, &DamagedError{s.names.signals, incident.Pos{Seq: seq}, err}
		}
		s.lastPos.pos = incident.Pos{Seq: seq, Index: len(signals) - 1}
		break
	}
	s.lastPos.seq = st.LastSeq
	return s.lastPos.pos, nil
}
