package stream

import (
	"context"
	"fmt"
)

// Tail yields every message from sequence from (0 is 1) on, in order and without
// gaps, else a [GapError], and goes on with what is appended until ctx ends; its
// error is then that of ctx. It stops at the first error of yield and returns it.
// Of a log that was cut or made anew behind its back it hears nothing: whoever
// follows looks at [Log.State] from time to time.
func (l *Log) Tail(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	s := l.store
	p := newPuller(s, s.names.ledger, from)
	defer p.end()
	for {
		got, err := p.read(ctx)
		if err != nil {
			return fmt.Errorf("follow %s: %w", s.names.ledger, err)
		}
		if got.missing > 0 {
			return &GapError{Stream: s.names.ledger, Seq: got.seq - got.missing, Replica: p.place}
		}
		if err := yield(got.seq, got.msg.Data); err != nil {
			return err
		}
	}
}
