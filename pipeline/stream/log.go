package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Log is the LEDGER stream as its one writer uses it. Append is called from
// one goroutine at a time; the rest from any.
type Log struct {
	store *Store
	pub   publisher
	// at returns the body of message seq; jetstream.ErrMsgNotFound where there
	// is none.
	at func(ctx context.Context, seq uint64) ([]byte, error)
	// patience is how long the fence may be refused while nothing stands there,
	// before that is a loss. One server alone takes and stores at once: none.
	patience time.Duration
}

// Ledger returns the log of the record.
func (s *Store) Ledger() *Log {
	var patience time.Duration
	if s.cfg.Replicas > 1 {
		patience = leaderPatience
	}
	return &Log{
		patience: patience,
		store:    s,
		pub:      s.wire(),
		at: func(ctx context.Context, seq uint64) ([]byte, error) {
			m, err := s.message(ctx, s.ledger, seq)
			if err != nil {
				return nil, err
			}
			return m.Data, nil
		},
	}
}

// Append stores body as one message, at most 512 KiB, if the log ends at message
// fence; it then stands at fence+1. It returns nil when body stands there and
// would survive a power cut, however many tries that took.
//
// ErrFenced: something else stands there, and nothing of body is stored.
// ErrFull and [WriteError]: nothing of body is stored. [FaultError]: the log has
// lost messages; in a cluster this is said after half a minute in which nothing
// else explains it. [UnknownOutcomeError]: ctx ended before it was known. After any
// of them the caller rebuilds from the log; there is no time-out but that of ctx.
func (l *Log) Append(ctx context.Context, body []byte, fence uint64) error {
	if len(body) == 0 || len(body) > MaxFrameBytes {
		return fmt.Errorf("append to the ledger: body of %d bytes: must be 1 to %d", len(body), MaxFrameBytes)
	}
	name := l.store.names.ledger
	if err := l.store.room(); err != nil {
		return err
	}
	m := &nats.Msg{
		Subject: l.store.names.ledgerSubject,
		Data:    body,
		Header:  nats.Header{jetstream.ExpectedLastSeqHeader: {strconv.FormatUint(fence, 10)}},
	}
	unknown := false  // an earlier try may be stored, or land later
	var refused doubt // the fence is refused, and nothing is seen to stand there
	for try := 1; ; try++ {
		seq, err := l.pub.publish(ctx, m)
		if err == nil {
			if seq != fence+1 {
				return &FaultError{Fence: fence, Err: fmt.Errorf("stored as message %d", seq)}
			}
			return nil
		}
		switch outcomeOf(err) {
		case outcomeRefused:
			if code := codeOf(err); code == codeWrongLast || code == codeWrongLastBusy {
				done, cmp := l.compare(ctx, body, fence, err)
				_, absent := errors.AsType[*FaultError](cmp)
				if done && !absent {
					return cmp
				}
				if done && code == codeWrongLast && refused.lasts(l.patience) {
					return cmp
				}
				break // not there yet
			}
			if !unknown {
				return refusal(name, err)
			}
			// The refusal is of this try; an earlier one may have been stored
			// and be what filled the stream.
			done, cmp := l.compare(ctx, body, fence, err)
			if done {
				if _, absent := errors.AsType[*FaultError](cmp); absent {
					return refusal(name, err)
				}
				return cmp
			}
		case outcomeUnknown:
			unknown, refused = true, doubt{}
		case outcomeNotSent:
			refused = doubt{}
		}
		if !wait(ctx, pause(try)) {
			if !unknown && outcomeOf(err) == outcomeNotSent {
				return &UnavailableError{Stream: name, Err: err}
			}
			return &UnknownOutcomeError{Fence: fence, Err: err}
		}
	}
}

// leaderPatience is how long a leader of a cluster may refuse the fence while
// nothing stands there. It counts what it has taken and cannot store yet, our own
// earlier try too; and one that was cut off knows nothing newer, until it sees,
// within twice ten seconds, that nobody follows it.
const leaderPatience = 30 * time.Second

// A doubt is something that looks wrong and may be over soon.
type doubt struct{ since time.Time }

// lasts notes that it looks wrong now, and reports whether it has for so long.
func (d *doubt) lasts(most time.Duration) bool {
	now := time.Now()
	if d.since.IsZero() {
		d.since = now
	}
	return now.Sub(d.since) >= most
}

// compare looks at what stands after the fence once the server has refused it:
// our own bytes are an earlier try that was stored. It reports whether it knows;
// if not, ctx ended.
func (l *Log) compare(ctx context.Context, body []byte, fence uint64, cause error) (done bool, _ error) {
	for try := 1; ; try++ {
		got, err := l.at(ctx, fence+1)
		switch {
		case err == nil && bytes.Equal(got, body):
			return true, nil
		case err == nil:
			return true, &FencedError{Fence: fence}
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return true, &FaultError{Fence: fence, Err: cause}
		}
		if !wait(ctx, pause(try)) {
			return false, nil
		}
	}
}

// Messages yields the body of every message from sequence from (0 is 1) to the
// present end, in order and without gaps, else a [GapError]. A from beyond the
// message after the last is a [ShortError]. It stops at the first error of yield
// and returns it. The body belongs to yield.
func (l *Log) Messages(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	return l.store.each(ctx, l.store.ledger, from, yield)
}

// State returns the first and the last sequence of the log and how many messages
// between them are missing. An empty log has first 1 and last 0.
func (l *Log) State(ctx context.Context) (first, last uint64, deleted int, err error) {
	st, err := l.store.state(ctx, l.store.ledger)
	if err != nil {
		return 0, 0, 0, err
	}
	if st.LastSeq == 0 {
		return 1, 0, 0, nil
	}
	// The server counts what it knows to be deleted; a lost block may show only
	// in the numbers.
	missing := st.LastSeq - st.FirstSeq + 1 - st.Msgs
	return st.FirstSeq, st.LastSeq, max(st.NumDeleted, int(missing)), nil
}

// timesMiB is n in whole MiB, rounded up, as a factor of a duration.
func timesMiB(n int) time.Duration { return time.Duration((n + 1<<20 - 1) >> 20) }
