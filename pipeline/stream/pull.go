package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	pullBytes     = 8 << 20 // one request; messages of 512 KiB must not add up to more
	pullMessages  = 8192
	pullExpires   = 30 * time.Second
	pullHeartbeat = 5 * time.Second
)

// A puller reads a stream in order from a sequence on, over restarts of the
// server and lost connections, and says which sequences are missing. It keeps no
// state on the server that matters: its consumer is in memory and is made anew
// whenever anything is in doubt. It belongs to one goroutine.
//
// Not the client's ordered consumer: that one does not look at a context while
// it makes its consumer anew, so stopping it can take 20 seconds.
type puller struct {
	store *Store
	log   *slog.Logger
	name  string // of the stream
	next  uint64 // the sequence wanted next

	consumer string // "" when there is none
	sub      *nats.Subscription
	msgs     chan *nats.Msg
	inbox    string
	up       chan nats.Status // the connection came back
	asked    int              // messages asked for and not yet come
	cseq     uint64           // consumer sequence wanted next
}

func newPuller(s *Store, stream string, from uint64) *puller {
	return &puller{store: s, log: s.log, name: stream, next: max(from, 1)}
}

// A pulled is one message. Missing counts the sequences before it that are not
// there any more.
type pulled struct {
	seq     uint64
	missing uint64
	msg     *nats.Msg
}

// read waits for the next message. Its only error is that of ctx.
func (p *puller) read(ctx context.Context) (pulled, error) {
	for try := 1; ; {
		if p.consumer == "" {
			if err := p.begin(ctx); err != nil {
				if ctx.Err() != nil {
					return pulled{}, ctx.Err()
				}
				if try == 1 {
					p.log.WarnContext(ctx, "cannot read stream, trying again", "stream", p.name, "err", err)
				}
				wait(ctx, pause(try))
				try++
				continue
			}
		}
		got, ok, err := p.receive(ctx)
		if err != nil {
			return pulled{}, err
		}
		if ok {
			return got, nil
		}
		p.end()
	}
}

// begin makes a consumer at next and asks for messages.
func (p *puller) begin(ctx context.Context) error {
	rctx, cancel := p.store.request(ctx)
	defer cancel()
	c, err := p.store.js.CreateConsumer(rctx, p.name, jetstream.ConsumerConfig{
		DeliverPolicy:     jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:       p.next,
		AckPolicy:         jetstream.AckNonePolicy,
		InactiveThreshold: time.Minute,
		MemoryStorage:     true,
		Replicas:          1,
	})
	if err != nil {
		return fmt.Errorf("make a consumer: %w", err)
	}
	p.msgs = make(chan *nats.Msg, 2*pullMessages+16)
	p.inbox = p.store.nc.NewInbox()
	if p.sub, err = p.store.nc.ChanSubscribe(p.inbox, p.msgs); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	p.up = p.store.nc.StatusChanged(nats.CONNECTED)
	p.consumer, p.cseq = c.CachedInfo().Name, 1
	return p.ask()
}

// ask requests as much as may be in flight.
func (p *puller) ask() error {
	req, err := json.Marshal(map[string]any{
		"batch":          pullMessages,
		"max_bytes":      pullBytes,
		"expires":        pullExpires,
		"idle_heartbeat": pullHeartbeat,
	})
	if err != nil {
		return err
	}
	p.asked = pullMessages
	subject := "$JS.API.CONSUMER.MSG.NEXT." + p.name + "." + p.consumer
	return p.store.nc.PublishRequest(subject, p.inbox, req)
}

// receive waits for a message of the present consumer; not ok means that the
// consumer is to be made anew.
func (p *puller) receive(ctx context.Context) (_ pulled, ok bool, _ error) {
	var silence *time.Timer
	for {
		var m *nats.Msg
		select {
		case m = <-p.msgs:
		default:
			if silence == nil {
				silence = time.NewTimer(2*pullHeartbeat + time.Second)
				defer silence.Stop()
			} else {
				silence.Reset(2*pullHeartbeat + time.Second)
			}
			select {
			case m = <-p.msgs:
			case <-ctx.Done():
				return pulled{}, false, ctx.Err()
			case <-p.up:
				return pulled{}, false, nil // what we asked of the server before is forgotten
			case <-silence.C:
				return pulled{}, false, nil
			}
		}
		if m == nil {
			return pulled{}, false, nil
		}
		if status := m.Header.Get("Status"); status != "" && len(m.Data) == 0 {
			again, ok := p.status(status, m.Header.Get("Description"))
			if !ok || again && p.ask() != nil {
				return pulled{}, false, nil
			}
			continue
		}
		sseq, cseq, err := sequences(m)
		if err != nil || cseq != p.cseq || sseq < p.next {
			return pulled{}, false, nil // something was lost on the way
		}
		got := pulled{seq: sseq, missing: sseq - p.next, msg: m}
		p.next, p.cseq = sseq+1, cseq+1
		if p.asked--; p.asked == 0 && p.ask() != nil {
			p.end()
		}
		return got, true, nil
	}
}

// status says what a message without a body means: ask again, go on waiting
// (again false), or start over (ok false).
func (p *puller) status(code, text string) (again, ok bool) {
	switch code {
	case "100": // heartbeat
		return false, true
	case "404", "408": // nothing there, or the request expired
		return true, true
	case "409":
		t := strings.ToLower(text)
		return true, strings.Contains(t, "maxbytes") || strings.Contains(t, "max bytes") || strings.Contains(t, "batch completed")
	default:
		return false, false
	}
}

// end leaves the consumer to the server's forgetting, and asks it to hurry.
func (p *puller) end() {
	if p.consumer == "" {
		return
	}
	_ = p.sub.Unsubscribe() // fails only when the connection is closed
	p.store.nc.RemoveStatusListener(p.up)
	_ = p.store.nc.Publish("$JS.API.CONSUMER.DELETE."+p.name+"."+p.consumer, nil)
	p.consumer = ""
}

var errNoSequence = errors.New("message without a sequence")

// sequences reads the stream's and the consumer's sequence from the reply
// subject: $JS.ACK.<stream>.<consumer>.<tries>.<stream seq>.<consumer seq>.<time>.<pending>.
func sequences(m *nats.Msg) (sseq, cseq uint64, err error) {
	if strings.Count(m.Reply, ".") != 8 {
		meta, err := m.Metadata() // the longer form of other servers
		if err != nil {
			return 0, 0, errNoSequence
		}
		return meta.Sequence.Stream, meta.Sequence.Consumer, nil
	}
	rest := m.Reply
	for range 5 {
		rest = rest[strings.IndexByte(rest, '.')+1:]
	}
	s, rest, _ := strings.Cut(rest, ".")
	c, _, _ := strings.Cut(rest, ".")
	sseq, err1 := strconv.ParseUint(s, 10, 64)
	cseq, err2 := strconv.ParseUint(c, 10, 64)
	return sseq, cseq, errors.Join(err1, err2)
}

// each yields every message of st from sequence from to its present end.
func (s *Store) each(ctx context.Context, st jetstream.Stream, from uint64, yield func(seq uint64, body []byte) error) error {
	name := st.CachedInfo().Config.Name
	from = max(from, 1)
	state, err := s.state(ctx, st)
	if err != nil {
		return err
	}
	if from > state.LastSeq+1 {
		return &ShortError{Stream: name, From: from - 1, Last: state.LastSeq}
	}
	if from == state.LastSeq+1 {
		return nil
	}
	// Else the loop below would wait for a message that never comes.
	if _, err := s.message(ctx, st, state.LastSeq); errors.Is(err, jetstream.ErrMsgNotFound) {
		return &GapError{Stream: name, Seq: state.LastSeq}
	} else if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	p := newPuller(s, name, from)
	defer p.end()
	for p.next <= state.LastSeq {
		got, err := p.read(ctx)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if got.missing > 0 {
			return &GapError{Stream: name, Seq: got.seq - got.missing}
		}
		if err := yield(got.seq, got.msg.Data); err != nil {
			return err
		}
	}
	return nil
}
