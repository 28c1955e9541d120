package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/report"
)

type processed struct {
	signalsPerSecond float64
	start            time.Duration
	entriesPerSecond float64
	entries          uint64
	messages         uint64
	bytesPerIncident float64
}

// signalsEach is how many signals each incident of the processing run gets: the
// alert and one more delivery of it, a firing alert that is sent again.
const signalsEach = 2

// benchProcessor fills the vault, folds it, and starts again on what came out.
func benchProcessor(ctx context.Context, dir string, o options) (processed, error) {
	var p processed
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return p, err
	}
	src, err := source(dir)
	if err != nil {
		return p, err
	}
	st, err := openStore(ctx, filepath.Join(dir, "store"))
	if err != nil {
		return p, err
	}
	if err := fill(ctx, st, o); err != nil {
		st.close()
		return p, err
	}
	began := time.Now()
	if err := catchUp(ctx, dir, st, src, nil); err != nil {
		st.close()
		return p, err
	}
	p.signalsPerSecond = float64(o.incidents*signalsEach) / time.Since(began).Seconds()
	st.close()
	runtime.GC()
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)

	var failed error
	began = time.Now()
	if st, err = openStore(ctx, filepath.Join(dir, "store")); err != nil {
		return p, err
	}
	defer st.close()
	err = catchUp(ctx, dir, st, src, func(w *ledger.Writer, keep func()) {
		p.start = time.Since(began)
		n, _, seq := w.Head()
		p.entries, p.messages = n, seq
		p.entriesPerSecond = float64(n) / p.start.Seconds()
		runtime.GC()
		runtime.GC() // the second empties the server's pools of buffers
		runtime.ReadMemStats(&after)
		if o.memory != "" {
			failed = writeHeap(o.memory)
		}
		p.bytesPerIncident = float64(after.HeapAlloc-before.HeapAlloc) / float64(o.incidents)
		keep()
	})
	return p, errors.Join(err, failed)
}

func writeHeap(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(pprof.WriteHeapProfile(f), f.Close())
}

func fill(ctx context.Context, st *store, o options) error {
	var wg sync.WaitGroup
	errs := make(chan error, o.senders)
	start := time.Now().Add(-10 * time.Minute).Truncate(time.Second)
	for s := range o.senders {
		wg.Go(func() {
			for k := s; k < o.incidents; k += o.senders {
				for d := range signalsEach {
					sig := incident.Signal{
						Source: "bench", Channel: incident.ChannelWebhook, Received: time.Now(), Auth: incident.AuthBearer,
						Raw: append(alert(s, k, start.Add(time.Duration(k)*time.Millisecond), 1000), bytes.Repeat([]byte{' '}, d)...), // other bytes, the same alert
					}
					if _, err := st.Put(ctx, sig); err != nil {
						errs <- err
						return
					}
				}
			}
		})
	}
	wg.Wait()
	select {
	case err := <-errs:
		return fmt.Errorf("fill the vault: %w", err)
	default:
		return nil
	}
}

// vault is the store as the record is checked against it.
type vault struct{ *store }

// Last returns the position of the last stored signal.
func (v vault) Last(ctx context.Context) (incident.Pos, error) {
	r := v.Signals(incident.Pos{})
	defer r.Close()
	return r.Last(ctx)
}

// catchUp opens the record and runs a processor until it has folded all.
func catchUp(ctx context.Context, dir string, st *store, src webhook.Config, opened func(*ledger.Writer, func())) error {
	reader, err := webhook.New([]webhook.Config{src})
	if err != nil {
		return err
	}
	rule, err := src.Rule(nil)
	if err != nil {
		return err
	}
	pepper, err := incident.NewPepper(make([]byte, incident.MinPepper))
	if err != nil {
		return err
	}
	book := report.NewBook()
	var w *ledger.Writer
	var failed error
	proc := pipeline.New(pipeline.Options{
		Signals:   func(after incident.Pos) (pipeline.Signals, error) { return st.Signals(after), nil },
		Ledger:    writer{&w},
		Interpret: reader.Interpret,
		Fits:      ledger.Fits,
		Pepper:    pepper,
		Compile:   func(string) (fold.Predicate, error) { return func(incident.Attributes) bool { return true }, nil },
		Rules: &incident.Rules{
			Policies: []incident.Policy{{
				ID: "pol-imp-002", From: "2013-05-01", Start: incident.Detected, Stop: incident.Reported, Limit: incident.Span(time.Hour),
				Warn: []incident.Span{incident.Span(30 * time.Minute), incident.Span(50 * time.Minute)},
			}},
			Sources: []incident.SourceRule{rule},
		},
		Tell: func(es []incident.Entry) {
			for _, e := range es {
				if err := book.Apply(e); err != nil && failed == nil {
					failed = err
				}
			}
		},
	})
	w, err = ledger.Open(ctx, ledger.Options{
		Log: st.Ledger(), Vault: vault{st}, Checkpoint: filepath.Join(dir, "checkpoint"), Each: proc.Replay,
	})
	if err != nil {
		return err
	}
	defer w.Close()
	if opened != nil {
		opened(w, func() { runtime.KeepAlive(proc); runtime.KeepAlive(book) })
		return failed
	}
	last, err := vault{st}.Last(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- proc.Run(ctx) }()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for proc.Status().Pos.Less(last) {
		select {
		case err := <-done:
			return fmt.Errorf("processor ended early: %w", err)
		case <-tick.C:
		}
	}
	cancel()
	if err := <-done; err != nil {
		return err
	}
	return failed
}

// writer is the ledger, opened after the processor that uses it was made.
type writer struct{ w **ledger.Writer }

// Commit makes entries durable.
func (l writer) Commit(ctx context.Context, es []incident.Entry) error { return (*l.w).Commit(ctx, es) }

// Entries yields the record.
func (l writer) Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error] {
	return (*l.w).Entries(ctx, from)
}
