package stream

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// voidField is the header of a message of SIGNALS that holds no signal: it takes
// a number that was used and whose message is lost, so that the number is not
// used again. Its body is empty.
const voidField = "Void"

func void(header map[string][]string) bool { return len(header[voidField]) > 0 }

// lost reports whether a person accepted that the signal at seq and index is
// lost; index -1 means message seq as a whole.
func (s *Store) lost(seq uint64, index int) bool {
	return s.hooks.Lost != nil && s.hooks.Lost(seq, index)
}

// End returns the last sequence of SIGNALS, whatever has become of the message.
func (s *Store) End(ctx context.Context) (seq uint64, err error) {
	st, err := s.state(ctx, s.signals)
	return st.LastSeq, err
}

// Remains yields what is there of the record from sequence from on, over gaps.
func (l *Log) Remains(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	_, err := l.store.dumpStream(ctx, l.store.ledger, true, func(r Raw) error {
		if r.Seq < from {
			return nil
		}
		return yield(r.Seq, r.Body)
	})
	return err
}

// Remake deletes the record's stream and makes it anew of so many bodies, under
// the sequences from 1 on. Whoever calls it has a copy of what is deleted, and calls
// it again with the same bodies after an error. It needs a user that may delete
// and create streams, which no part of the program is.
func (s *Store) Remake(ctx context.Context, count uint64, bodies iter.Seq2[[]byte, error]) error {
	rctx, cancel := s.request(ctx)
	err := s.js.DeleteStream(rctx, s.names.ledger)
	cancel()
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("make %s anew: %w", s.names.ledger, err)
	}
	b := builder{js: s.js, cfg: s.cfg, make: true}
	for _, want := range wanted(s.cfg) {
		if want.Name != s.names.ledger {
			continue
		}
		if s.ledger, _, err = b.open(ctx, want); err != nil {
			return fmt.Errorf("make %s anew: %w", s.names.ledger, err)
		}
	}
	seq := uint64(0)
	return s.Fill(ctx, PartLedger, count, func(yield func(Raw, error) bool) {
		for body, err := range bodies {
			seq++
			if !yield(Raw{Seq: seq, Body: body}, err) || err != nil {
				return
			}
		}
	})
}

// FillVoid stores messages without a signal until SIGNALS reaches sequence upTo.
// It may be called again after an error.
func (s *Store) FillVoid(ctx context.Context, upTo uint64) error {
	for {
		end, err := s.End(ctx)
		if err != nil || end >= upTo {
			return err
		}
		m := nats.NewMsg(s.names.signalSubject)
		m.Header[voidField] = []string{"1"}
		m.Header[jetstream.ExpectedLastSeqHeader] = []string{strconv.FormatUint(end, 10)}
		rctx, cancel := s.request(ctx)
		_, err = s.js.PublishMsg(rctx, m)
		cancel()
		if err != nil {
			return fmt.Errorf("fill %s up to message %d: %w", s.names.signals, upTo, err)
		}
	}
}

// Damage is what cannot be read of SIGNALS: message Pos.Seq as a whole, or one
// signal of it.
type Damage struct {
	Pos   incident.Pos
	Whole bool
	Err   error // a GapError or a DamagedError
}

// Damaged yields what is missing or damaged in SIGNALS after sequence from, but
// for what was erased and what was accepted as lost.
func (s *Store) Damaged(ctx context.Context, from uint64, yield func(Damage) error) error {
	next := from + 1
	missing := func(until uint64) error {
		for ; next < until; next++ {
			if s.erased(next) || s.lost(next, -1) {
				continue
			}
			if err := yield(Damage{incident.Pos{Seq: next}, true, &GapError{Stream: s.names.signals, Seq: next}}); err != nil {
				return err
			}
		}
		return nil
	}
	last, err := s.dumpFrom(ctx, from+1, func(r Raw) error {
		if err := missing(r.Seq); err != nil {
			return err
		}
		next = r.Seq + 1
		if void(r.Header) || s.lost(r.Seq, -1) {
			return nil
		}
		f := newFrame(r.Seq, r.Header, r.Body)
		if f.err != nil {
			return yield(Damage{incident.Pos{Seq: r.Seq}, true, &DamagedError{s.names.signals, incident.Pos{Seq: r.Seq}, f.err}})
		}
		for i := range f.signals {
			pos := incident.Pos{Seq: r.Seq, Index: i}
			if f.replaces || s.lost(pos.Seq, pos.Index) {
				continue
			}
			_, err := s.whole(ctx, pos, &f.signals[i])
			damaged, ok := errors.AsType[*DamagedError](err)
			if err != nil && !ok {
				return err
			}
			if ok {
				if err := yield(Damage{pos, false, damaged}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return missing(last + 1)
}

// dumpFrom yields the messages of SIGNALS from sequence from on.
func (s *Store) dumpFrom(ctx context.Context, from uint64, yield func(Raw) error) (last uint64, err error) {
	st, err := s.state(ctx, s.signals)
	if err != nil || st.LastSeq < from {
		return st.LastSeq, err
	}
	last, err = s.lastThere(ctx, s.signals, from, st.LastSeq)
	if err != nil {
		return 0, err
	}
	p := newPuller(s, s.names.signals, from)
	defer p.end()
	for p.next <= last {
		got, err := s.readSoon(ctx, p)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", s.names.signals, err)
		}
		r, err := rawOf(got)
		if err != nil {
			return 0, err
		}
		if err := yield(r); err != nil {
			return 0, err
		}
	}
	return st.LastSeq, nil
}

// Again stores the signals of message seq a second time, at the end, and returns
// how many: for a message that is whole and is not what the record covers
// there. It was stored where the end had been lost, under a number that was used
// before, and would never be read. A message that is not whole has none.
func (s *Store) Again(ctx context.Context, seq uint64) (stored int, err error) {
	m, err := s.message(ctx, s.signals, seq)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read message %d of %s: %w", seq, s.names.signals, err)
	}
	f := newFrame(seq, m.Header, m.Data)
	if f.err != nil || f.replaces {
		return 0, nil
	}
	for i := range f.signals {
		st, err := s.whole(ctx, incident.Pos{Seq: seq, Index: i}, &f.signals[i])
		if _, damaged := errors.AsType[*DamagedError](err); damaged {
			continue
		}
		if err != nil {
			return stored, err
		}
		if _, err := s.Put(ctx, st.Signal); err != nil {
			return stored, fmt.Errorf("store signal %s again: %w", st.Pos, err)
		}
		stored++
	}
	return stored, nil
}
