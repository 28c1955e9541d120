package stream

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"
)

// AppendDelivery stores one record of an attempt to tell somebody, at most 512
// KiB, and returns its sequence. A try whose answer was lost is sent again under
// the same message id, which is random and ours, so it stands once.
func (s *Store) AppendDelivery(ctx context.Context, body []byte) (seq uint64, err error) {
	return s.appendDelivery(ctx, body, s.wire())
}

func (s *Store) appendDelivery(ctx context.Context, body []byte, pub publisher) (seq uint64, err error) {
	if len(body) == 0 || len(body) > MaxFrameBytes {
		return 0, fmt.Errorf("append delivery: body of %d bytes: must be 1 to %d", len(body), MaxFrameBytes)
	}
	if err := s.spare(); err != nil {
		return 0, err
	}
	m := &nats.Msg{
		Subject: s.names.deliveriesSubject,
		Data:    body,
		Header:  nats.Header{nats.MsgIdHdr: {nuid.Next()}},
	}
	ctx, cancel := context.WithTimeout(ctx, 4*s.cfg.Timeout)
	defer cancel()
	unknown := false
	for try := 1; ; try++ {
		seq, err := pub.publish(ctx, m)
		if err == nil {
			return seq, nil
		}
		switch outcomeOf(err) {
		case outcomeRefused:
			if unknown { // an earlier try may be stored, or be on its way
				return 0, &UnavailableError{Stream: s.names.deliveries, Unknown: true, Err: err}
			}
			return 0, refusal(s.names.deliveries, err)
		case outcomeUnknown:
			unknown = true
		case outcomeNotSent:
		}
		if !wait(ctx, pause(try)) {
			return 0, &UnavailableError{Stream: s.names.deliveries, Unknown: unknown, Err: err}
		}
	}
}

// Deliveries yields every record from sequence from (0 is 1) to the present end,
// in order. It stops at the first error of yield and returns it.
func (s *Store) Deliveries(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	return s.each(ctx, s.deliveries, from, yield)
}
