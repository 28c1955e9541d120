package main

import (
	"context"
	"iter"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/metrics"
	"github.com/ministryofjustice/incident-promptness/report"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// register shows the record and the process to Prometheus.
func register(reg *prometheus.Registry, book *report.Book, f *facts) error {
	v := buildVersion()
	for _, c := range []prometheus.Collector{
		metrics.New(book, f, metrics.Build{Version: v.Version, Revision: v.Revision, Go: v.Go}),
		metrics.NewRecord(refusalNames(), watchedOf(f.watch, f.sync)),
		&mailMetrics{facts: f},
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	} {
		if err := reg.Register(c); err != nil {
			return err
		}
	}
	return nil
}

// Source returns when the source last succeeded and up to when it was read.
func (f *facts) Source(n incident.SourceName) (success, watermark time.Time) {
	if f.boxes[n] != nil {
		read := f.marks.of(n)
		return read, read
	}
	return f.in.success(n), time.Time{}
}

// Oldest returns when the oldest signal was received that waits for the record.
func (f *facts) Oldest() time.Time { return f.proc.Oldest() }

// Verified reports whether the record was whole when it was opened, has been
// since as far as the monitors and the scrub have seen, and can be followed.
func (f *facts) Verified() bool {
	return f.rec.trail() != nil && f.watch.Fault() == nil && f.shown.get() == nil
}

// Shows reports which metrics are this process's to show.
func (f *facts) Shows() (figures, sources bool) { return f.leads(), f.roles.Has(RoleIngest) }

// status says what the program is doing.
func (f *facts) status() board.Status {
	n, hash, _ := f.rec.Head()
	why := f.notReady()
	return board.Status{
		Ready: why == "", Why: why, Verified: f.Verified(), Leads: f.leads(), Entries: n, Pos: f.proc.Status().Pos,
		Head: hash.String(), Oldest: f.Oldest(), Started: f.started, Version: buildVersion().Version,
	}
}

// entries yields the numbered entries of the record, ascending.
func (f *facts) entries(ctx context.Context, numbers []uint64) iter.Seq2[incident.Entry, error] {
	return func(yield func(incident.Entry, error) bool) {
		for _, n := range numbers {
			for e, err := range f.rec.Entries(ctx, n) {
				if !yield(e, err) || err != nil {
					return
				}
				break
			}
		}
	}
}

// sync returns how long a sync of the store's disk took last, 0 where the disk is
// not ours to measure.
func (f *facts) sync() time.Duration {
	s, ok := f.host.(interface {
		SyncTime() (time.Duration, time.Time)
	})
	if !ok {
		return 0
	}
	took, _ := s.SyncTime()
	return took
}
