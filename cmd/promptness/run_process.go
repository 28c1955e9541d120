package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// leaseProcessor is the lease of whoever writes the record.
const leaseProcessor = "processor"

// A processing is the role process: it follows the record until the lease is
// its own, then works, and follows again when another has taken over.
type processing struct {
	proc  *pipeline.Processor
	rec   *record
	lease *stream.Lease
	log   *slog.Logger

	stale bool // the state may be ahead of the record, or behind it
}

// errStoodDown ends the work of a processor that lost its lease.
var errStoodDown = errors.New("the lease was lost")

// run follows and works by turns until ctx ends. The record was followed up to
// its end before. It is called again when a fault of the record has ended; the
// error that says of one is for the watch, any other ends the program.
func (p *processing) run(ctx context.Context) error {
	for {
		if p.stale {
			if err := p.again(ctx); err != nil {
				return err
			}
		}
		p.stale = true
		err := p.turn(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, errStoodDown):
			p.log.WarnContext(ctx, "lost the lease of the processor; following the record")
		case pipeline.Fenced(err):
			p.log.WarnContext(ctx, "another processor took over; its steps stand, ours was refused; following the record", "err", err)
		default:
			return err
		}
	}
}

// turn follows until the lease is had, and works until it is lost.
func (p *processing) turn(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	following, stop := context.WithCancel(ctx)
	defer stop()
	stopped := make(chan struct{})
	g.Go(func() error {
		defer close(stopped)
		if p.rec.leads() {
			return nil // the store is ours alone: it was opened to be written
		}
		p.proc.StandBy("another processor works; this one follows the record")
		return p.rec.run(following, p.proc.Replay)
	})
	g.Go(func() error {
		return p.lease.Hold(ctx, func(ctx context.Context) error {
			stop()
			<-stopped
			if err := p.rec.lead(ctx, p.proc.Replay); err != nil {
				if pipeline.Damaged(err) || ingest.IsPermanent(err) {
					return err
				}
				// A store that does not answer now, with a lease taken while it
				// still did: no reason to end the program.
				p.log.ErrorContext(ctx, "take over the record", "err", err)
				return errStoodDown
			}
			p.log.InfoContext(ctx, "working as the processor")
			vouching, end := context.WithCancel(ctx)
			defer end()
			go p.vouch(vouching)
			if err := p.proc.Run(ctx); err != nil {
				return err
			}
			return errStoodDown
		})
	})
	return g.Wait()
}

// vouch shows with the lease how far the record is certain, until ctx ends: a
// processor that comes new has no checkpoint of its own to hold against it.
func (p *processing) vouch(ctx context.Context) {
	for {
		n, hash, seq := p.rec.Head()
		if b, err := json.Marshal(vouched{N: n, Seq: seq, Hash: hash}); err == nil {
			p.lease.Publish(b)
		}
		if !every(ctx, 500*time.Millisecond) {
			return
		}
	}
}

// vouched is what stands in the lease.
type vouched struct {
	N    uint64        `json:"n"`
	Seq  uint64        `json:"seq"`
	Hash incident.Hash `json:"hash"`
}

// voucher returns what the processor at work vouches for, nil where none works.
func voucher(ctx context.Context, lease *stream.Lease) (*ledger.Checkpoint, error) {
	holder, value, err := lease.Alive(ctx)
	if err != nil || holder == "" {
		return nil, err
	}
	var v vouched
	if err := json.Unmarshal(value, &v); err != nil {
		return nil, nil //nolint:nilnil // it vouches for nothing that we can read
	}
	return &ledger.Checkpoint{N: v.N, Seq: v.Seq, Hash: v.Hash}, nil
}

// again reads the record anew, and tries until that succeeds, ctx ends or there
// is a fault.
func (p *processing) again(ctx context.Context) error {
	for try := 1; ; try++ {
		p.proc.StandBy("reading the record again")
		err := p.proc.Rebuild(ctx, p.rec.follow)
		if err == nil || ctx.Err() != nil || pipeline.Damaged(err) {
			return err
		}
		p.log.ErrorContext(ctx, "read the record again", "err", err)
		if !rest(ctx, try) {
			return ctx.Err()
		}
	}
}

// A following is what the other roles do with the record: they hear of every
// entry once it is verified.
type following struct {
	rec  *record
	tell func([]incident.Entry)
	log  *slog.Logger

	told uint64
	read chan struct{} // closed when the record was read to its end once
}

// run follows until ctx ends. While the record cannot be read it tries again; it
// returns a fault in it, which is for the watch.
func (f *following) run(ctx context.Context) error {
	for try := 1; ; try++ {
		err := f.follow(ctx)
		switch {
		case ctx.Err() != nil:
			return nil
		case pipeline.Damaged(err):
			return err
		}
		f.log.ErrorContext(ctx, "follow the record", "err", err)
		if !rest(ctx, try) {
			return nil
		}
	}
}

// follow reads the record, then what is added to it. The first time what is
// read is heard while it is verified, since nobody acts on it before read is
// closed; later only once all of it is verified.
func (f *following) follow(ctx context.Context) error {
	var late []incident.Entry
	hear := func(e incident.Entry) error {
		if e.N > f.told {
			f.told = e.N
			f.tell([]incident.Entry{e})
		}
		return nil
	}
	err := f.rec.follow(ctx, func(e incident.Entry) error {
		if f.first() {
			return hear(e)
		}
		if e.N > f.told {
			late = append(late, e)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, e := range late {
		_ = hear(e) // it never fails
	}
	if f.first() {
		close(f.read)
	}
	return f.rec.run(ctx, hear)
}

func (f *following) first() bool {
	select {
	case <-f.read:
		return false
	default:
		return true
	}
}
