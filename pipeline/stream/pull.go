package stream

import (
	"context"
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
	// Two requests are open at a time, so that the server need not wait for us.
	// Bounded by bytes too: messages can be 512 KiB each.
	pullBytes     = 4 << 20
	pullMessages  = 4096
	pullExpires   = 30 * time.Second
	pullHeartbeat = 2 * time.Second // a server that hangs is left after twice this and a second
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
	// headers asks for headers only: bodies are empty then.
	headers bool
	// replica is the server whose copy is read; empty: whichever is given.
	replica string
	request []byte // one pull request, as the server's API has it

	consumer string // "" when there is none
	place    string // the server whose copy it reads, of several; "" where there is one
	sub      *nats.Subscription
	msgs     chan *nats.Msg
	inbox    string
	up       chan nats.Status // the connection came back
	back     bool             // it just did
	asked    int              // messages asked for and not yet come
	cseq     uint64           // consumer sequence wanted next
}

func newPuller(s *Store, stream string, from uint64) *puller {
	// Times are in nanoseconds.
	request := fmt.Appendf(nil, `{"batch":%d,"max_bytes":%d,"expires":%d,"idle_heartbeat":%d}`,
		pullMessages, pullBytes, pullExpires, pullHeartbeat)
	return &puller{store: s, log: s.log, name: stream, next: max(from, 1), request: request}
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
		p.rest(ctx)
		p.end()
	}
}

// rest lets a server that is stopping stop: a consumer made now would only be in
// its way. It ends at once when the connection has come back.
func (p *puller) rest(ctx context.Context) {
	if p.back {
		p.back = false
		return
	}
	t := time.NewTimer(100 * time.Millisecond)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.up:
	case <-ctx.Done():
	}
}

// begin makes a consumer at next and asks for messages.
func (p *puller) begin(ctx context.Context) error {
	info, err := p.store.consumerOn(ctx, p.name, p.replica, jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: p.next, HeadersOnly: p.headers,
	})
	if err != nil {
		return err
	}
	// A full channel drops messages; this one holds all that was asked for.
	p.msgs = make(chan *nats.Msg, 2*pullMessages+64)
	p.inbox = p.store.nc.NewInbox()
	if p.sub, err = p.store.nc.ChanSubscribe(p.inbox, p.msgs); err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	p.up = p.store.nc.StatusChanged(nats.CONNECTED)
	p.consumer, p.place, p.cseq, p.asked = info.Name, placeOf(info), 1, 0
	return p.ask()
}

// ask requests messages until two requests are open.
func (p *puller) ask() error {
	for p.asked <= pullMessages {
		subject := "$JS.API.CONSUMER.MSG.NEXT." + p.name + "." + p.consumer
		if err := p.store.nc.PublishRequest(subject, p.inbox, p.request); err != nil {
			return err
		}
		p.asked += pullMessages
	}
	return nil
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
				p.back = true
				return pulled{}, false, nil // what we asked of the server before is forgotten
			case <-silence.C:
				return pulled{}, false, nil
			}
		}
		if m == nil {
			return pulled{}, false, nil
		}
		if len(m.Data) == 0 && m.Header.Get("Status") != "" {
			if !p.status(m.Header) || p.ask() != nil {
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
		if p.asked--; p.asked <= pullMessages && p.ask() != nil {
			p.end()
		}
		return got, true, nil
	}
}

// status takes what the server says of a request and reports whether the
// consumer can be used further. Header names are the server's.
func (p *puller) status(h nats.Header) (ok bool) {
	switch h.Get("Status") {
	case "100": // heartbeat
		return true
	case "404", "408": // nothing there, or the request's time is over
	case "409":
		t := strings.ToLower(h.Get("Description"))
		if !strings.Contains(t, "maxbytes") && !strings.Contains(t, "batch completed") {
			return false // deleted, leader moved, server shuts down
		}
	default:
		return false
	}
	// The request is over; this many of its messages will not come.
	n, err := strconv.Atoi(h.Get("Nats-Pending-Messages"))
	if err != nil || n < 0 || n > p.asked {
		return false
	}
	p.asked -= n
	return true
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
			return &GapError{Stream: name, Seq: got.seq - got.missing, Replica: p.place}
		}
		if err := yield(got.seq, got.msg.Data); err != nil {
			return err
		}
	}
	return nil
}
