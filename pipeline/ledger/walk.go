package ledger

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A record is one line as it was read: decoded and hashed, not yet put into
// its place in the chain.
type record struct {
	seq  uint64
	last bool // of its message
	line []byte
	hash incident.Hash
	// unhashed says that hash was left out.
	unhashed bool
	entry    incident.Entry
	err      error // why it could not be decoded; entry is then worth nothing
}

// read decodes r's line, and hashes it unless it stands before message trusted.
func (r *record) read(co *coder, trusted uint64) {
	if r.unhashed = r.seq < trusted; !r.unhashed {
		r.hash = incident.HashOf(r.line)
	}
	r.err = co.decode(r.line, &r.entry)
}

const (
	chunkBytes    = 256 << 10 // a chunk is decoded by one worker: large enough to make its hand-over cheap
	chunkMessages = 512
)

// A chunk is a run of messages on its way from the log to the reader. It is
// used again once its records were yielded: they are the larger part of what a
// start would leave to the garbage collector.
type chunk struct {
	seqs    []uint64
	bodies  [][]byte
	size    int
	records []record
	done    chan struct{}
}

// errStop ends a reading that has what it wanted.
var errStop = errors.New("stop reading")

// walk reads every message of log from sequence from on, decodes and hashes
// (before message trusted it only decodes) with all processors, and yields the records one by one in their order. A
// record is yield's until it returns; its line and its entry's parts for ever. It
// returns the first error of the log or of yield; errStop ends it without one.
func walk(ctx context.Context, log Log, from, trusted uint64, yield func(*record) error) error {
	ctx, cancel := context.WithCancel(ctx)
	workers := runtime.GOMAXPROCS(0)
	work := make(chan *chunk)
	order := make(chan *chunk, 2*workers) // bounds what is read ahead
	free := make(chan *chunk, 4*workers)
	var readErr error
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	for range workers {
		wg.Go(func() {
			co := newCoder()
			for c := range work {
				c.decode(co, trusted)
				close(c.done)
			}
		})
	}
	wg.Go(func() {
		defer close(order)
		defer close(work)
		readErr = read(ctx, log, from, order, work, free)
	})
	for c := range order {
		select {
		case <-c.done:
		case <-ctx.Done(): // a chunk that no worker took never gets done
		}
		if ctx.Err() != nil {
			continue // until the reader ends too; nothing is yielded behind a gap
		}
		for i := range c.records {
			if err := yield(&c.records[i]); errors.Is(err, errStop) {
				return nil
			} else if err != nil {
				return err
			}
		}
		select {
		case free <- c:
		default:
		}
	}
	if readErr == nil {
		readErr = ctx.Err()
	}
	return readErr
}

// one does what walk does without other goroutines: for a few records.
func one(ctx context.Context, log Log, from, trusted uint64, yield func(*record) error) error {
	co := newCoder()
	var c chunk
	err := log.Messages(ctx, from, func(seq uint64, body []byte) error {
		c.seqs, c.bodies = append(c.seqs[:0], seq), append(c.bodies[:0], body)
		c.decode(co, trusted)
		for i := range c.records {
			if err := yield(&c.records[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// read cuts the log into chunks and hands each to a worker, and in its order to
// whoever waits for the records.
func read(ctx context.Context, log Log, from uint64, order, work chan<- *chunk, free <-chan *chunk) error {
	c := &chunk{}
	flush := func() error {
		if len(c.bodies) == 0 {
			return nil
		}
		c.done = make(chan struct{})
		for _, ch := range []chan<- *chunk{order, work} {
			select {
			case ch <- c:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		select {
		case c = <-free:
			c.seqs, c.bodies, c.size = c.seqs[:0], c.bodies[:0], 0
		default:
			c = &chunk{}
		}
		return nil
	}
	err := log.Messages(ctx, from, func(seq uint64, body []byte) error {
		c.seqs, c.bodies, c.size = append(c.seqs, seq), append(c.bodies, body), c.size+len(body)
		if c.size >= chunkBytes || len(c.bodies) >= chunkMessages {
			return flush()
		}
		return nil
	})
	// What was read before an error is yielded before it: the error then stands
	// right behind the last message that could be read. At the end of ctx nothing
	// is yielded any more, and c may be on its way already.
	if ctx.Err() != nil {
		return cmp.Or(err, ctx.Err())
	}
	if flushed := flush(); err == nil {
		err = flushed
	}
	return err
}

// decode reads the records of c's messages.
func (c *chunk) decode(co *coder, trusted uint64) {
	c.records = slices.Grow(c.records[:0], len(c.bodies))
	for i, body := range c.bodies {
		for rest, more := body, true; more; {
			var line []byte
			line, rest, more = bytes.Cut(rest, []byte{'\n'})
			c.records = append(c.records, record{seq: c.seqs[i], last: !more, line: line})
			r := &c.records[len(c.records)-1]
			r.read(co, trusted)
			if r.err == nil && len(body) > MaxBody {
				r.err = errTooLong
			}
		}
	}
}

var errTooLong = errors.New("its message is longer than 512 KiB")
