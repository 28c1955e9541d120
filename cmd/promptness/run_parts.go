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
func interpreter(cfg Config) (func(incident.Signal, incident.SourceRule) incident.Reading, error) {
	hooks, err := webhook.New(cfg.Webhooks)
	if err != nil {
		return nil, fmt.Errorf("compile webhook sources: %w", err)
	}
	mails, people := &email.Interpreter{}, &manual.Interpreter{}
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

// A record is the ledger's writer. It is opened after the processor that uses it
// was made, because the processor reads the record while it is being verified,
// and opened anew after a commit that failed.
type record struct {
	o ledger.Options

	mu sync.Mutex
	w  *ledger.Writer
}

// open verifies the record and gives every entry of it to each, in order.
func (r *record) open(ctx context.Context, each func(incident.Entry) error) error {
	if err := r.Close(); err != nil {
		return err
	}
	progress := say.Start(os.Stderr, "verify the record", 0)
	defer progress.Stop()
	o := r.o
	o.Each = each
	o.Progress = func(done, total uint64) { progress.Set(int64(done), int64(total)) }
	w, err := ledger.Open(ctx, o)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w = w
	return nil
}

func (r *record) writer() (*ledger.Writer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil {
		return nil, errors.New("the record is not open")
	}
	return r.w, nil
}

// Close closes the writer, if one is open.
func (r *record) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.w == nil {
		return nil
	}
	w := r.w
	r.w = nil
	return w.Close()
}

// Commit makes entries durable as one step.
func (r *record) Commit(ctx context.Context, es []incident.Entry) error {
	w, err := r.writer()
	if err != nil {
		return err
	}
	return w.Commit(ctx, es)
}

// Entries yields the record from entry from on.
func (r *record) Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error] {
	w, err := r.writer()
	if err != nil {
		return func(yield func(incident.Entry, error) bool) { yield(incident.Entry{}, err) }
	}
	return w.Entries(ctx, from)
}

// Head returns the number and the hash of the last entry, zero while the record
// is not open.
func (r *record) Head() (uint64, incident.Hash) {
	w, err := r.writer()
	if err != nil {
		return 0, incident.Hash{}
	}
	n, hash, _ := w.Head()
	return n, hash
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
