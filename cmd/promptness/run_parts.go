package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/internal/expr"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// interpreter returns the reader of every channel.
func interpreter(cfg Config, pepper incident.Pepper) (func(incident.Signal, incident.SourceRule) incident.Reading, error) {
	hooks, err := webhook.New(cfg.Webhooks)
	if err != nil {
		return nil, fmt.Errorf("compile webhook sources: %w", err)
	}
	mails, people := &email.Interpreter{Ours: pepper.Ours}, &manual.Interpreter{}
	return func(s incident.Signal, rule incident.SourceRule) incident.Reading {
		switch rule.Channel {
		case incident.ChannelWebhook:
			return hooks.Interpret(s, rule)
		case incident.ChannelEmail:
			return mails.Interpret(s, rule)
		case incident.ChannelManual:
			return people.Interpret(s, rule)
		default:
			return incident.Reading{Interpreter: "none", Quarantine: incident.WhyUnknownSource}
		}
	}, nil
}

// applies compiles the condition of a policy. One that fails on an incident
// applies: a clock too many is seen, a clock too few is not.
func applies(src string) (fold.Predicate, error) {
	f, err := expr.Applies(src)
	if err != nil {
		return nil, err
	}
	return func(a incident.Attributes) bool {
		ok, err := f(map[string]any{
			"organisation": string(a.Organisation), "impact": string(a.Impact), "personal": string(a.Personal),
			"disposition": string(a.Disposition), "restricted": a.Restricted, "canary": a.Canary,
		})
		return ok || err != nil
	}, nil
}

// A sink stores signals and remembers when each source last had one stored.
type sink struct {
	store ingest.Sink
	mark  *storedMark
	seen  func(incident.SourceName, incident.Receipt)

	mu   sync.Mutex
	last map[incident.SourceName]time.Time
}

// Put stores s.
func (k *sink) Put(ctx context.Context, s incident.Signal) (incident.Receipt, error) {
	r, err := k.store.Put(ctx, s)
	if err != nil {
		return r, err
	}
	k.mark.acknowledged(r.Pos.Seq)
	k.mu.Lock()
	k.last[s.Source] = time.Now()
	k.mu.Unlock()
	if k.seen != nil {
		k.seen(s.Source, r)
	}
	return r, nil
}

// success returns when a signal of the source was last stored by this process.
func (k *sink) success(n incident.SourceName) time.Time {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.last[n]
}

// A record is the ledger as this process uses it: it follows what others add,
// or leads as the one who writes. It is opened after those who hear of its
// entries were made, because they read it while it is verified.
type record struct {
	o    ledger.Options
	each func(incident.Entry) error // of the one goroutine that follows or leads

	mu sync.Mutex
	f  *ledger.Follower // nil before the record was read, and while w is there
	w  *ledger.Writer
}

// follow verifies the record and gives every entry of it to each, in order.
func (r *record) follow(ctx context.Context, each func(incident.Entry) error) error {
	if err := r.Close(); err != nil {
		return err
	}
	progress := say.Start(os.Stderr, "verify the record", 0)
	defer progress.Stop()
	r.each = each
	o := r.o
	o.Each = func(e incident.Entry) error { return r.each(e) }
	o.Progress = func(done, total uint64) { progress.Set(int64(done), int64(total)) }
	f, err := ledger.Follow(ctx, o)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.f = f
	return nil
}

// run gives each what is added, once it is verified, until ctx ends.
func (r *record) run(ctx context.Context, each func(incident.Entry) error) error {
	f := r.follower()
	if f == nil {
		return errNotOpen
	}
	r.each = each
	return f.Run(ctx)
}

// lead reads what is left and becomes the writer; each hears of it before.
func (r *record) lead(ctx context.Context, each func(incident.Entry) error) error {
	if r.leads() {
		return nil
	}
	f := r.follower()
	if f == nil {
		return errNotOpen
	}
	r.each = each
	w, err := f.Lead(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.f, r.w = nil, w
	return nil
}

// open verifies the record and leads: after a commit that failed.
func (r *record) open(ctx context.Context, each func(incident.Entry) error) error {
	if err := r.follow(ctx, each); err != nil {
		return err
	}
	return r.lead(ctx, each)
}

func (r *record) follower() *ledger.Follower {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.f
}

// leads reports whether this process is the one that writes.
func (r *record) leads() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w != nil
}

var errNotOpen = errors.New("the record is not open")

// Close closes what is open.
func (r *record) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var err error
	if r.f != nil {
		err = r.f.Close()
	}
	if r.w != nil {
		err = errors.Join(err, r.w.Close())
	}
	r.f, r.w = nil, nil
	return err
}

// Commit makes entries durable as one step.
func (r *record) Commit(ctx context.Context, es []incident.Entry) error {
	r.mu.Lock()
	w := r.w
	r.mu.Unlock()
	if w == nil {
		return errNotOpen
	}
	return w.Commit(ctx, es)
}

// A trail is what a follower and a writer have in common.
type trail interface {
	Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error]
	Head() (n uint64, hash incident.Hash, seq uint64)
}

// trail returns what is open, or nil.
func (r *record) trail() trail {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.w != nil:
		return r.w
	case r.f != nil:
		return r.f
	default:
		return nil
	}
}

// Entries yields the record from entry from on.
func (r *record) Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error] {
	t := r.trail()
	if t == nil {
		return func(yield func(incident.Entry, error) bool) { yield(incident.Entry{}, errNotOpen) }
	}
	return t.Entries(ctx, from)
}

// Head returns the number and the hash of the last entry, zero while the record
// is not open.
func (r *record) Head() (n uint64, hash incident.Hash, seq uint64) {
	t := r.trail()
	if t == nil {
		return 0, incident.Hash{}, 0
	}
	return t.Head()
}

// A vault is the store as the record is checked against it.
type vault struct{ *stream.Store }

// Last returns the position of the last stored signal.
func (v vault) Last(ctx context.Context) (incident.Pos, error) {
	r := v.Signals(incident.Pos{})
	pos, err := r.Last(ctx)
	return pos, errors.Join(err, r.Close())
}

// firstFault remembers the first entry that the readers could not follow: then
// what is shown is not what is recorded, and readiness says so.
type firstFault struct {
	mu  sync.Mutex
	err error
}

func (f *firstFault) note(err error) {
	if err == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err == nil {
		f.err = err
	}
}

func (f *firstFault) get() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}
