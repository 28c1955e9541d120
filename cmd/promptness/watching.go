package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/metrics"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

// A watching is what the watch over a record needs to know of it.
type watching struct {
	store *stream.Store
	cfg   stream.Config
	// mark says what of the record is certain, see markOf.
	mark func() (watch.Mark, error)
	// checkpoint is the path of this process's own file. Scrubs: this process
	// also reads the copies whole.
	checkpoint string
	scrubs     bool
	// delay is how long after the start the first scrub begins, 0 for the usual.
	delay time.Duration
	log   *slog.Logger
}

// newWatch returns the watch over a record.
func newWatch(ctx context.Context, of watching) *watch.Watch {
	o := watch.Options{
		Mark:     of.mark,
		Copies:   func(ctx context.Context) ([]watch.Copy, error) { return copiesOf(ctx, of.store) },
		Erased:   of.store.Gone,
		Replicas: of.store.Replicas,
		Name:     nameFault(of.cfg.Tenant),
		Repair:   repairOf(of.store.Account(ctx)),
		Delay:    of.delay,
		Log:      of.log,
	}
	if of.scrubs {
		o.Scrub = func(ctx context.Context, replica string, pace *watch.Pace, progress func(done, total uint64)) error {
			_, err := scrub(ctx, of.store, replica, of.checkpoint, pace, progress)
			return err
		}
	}
	return watch.New(o)
}

// copiesOf asks every copy of both streams what it holds.
func copiesOf(ctx context.Context, store *stream.Store) ([]watch.Copy, error) {
	states, err := store.States(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]watch.Copy, len(states))
	for i, s := range states {
		all[i] = watch.Copy(s)
	}
	return all, nil
}

// markOf returns what the checkpoint file at path, the record's covered position
// and the acknowledgements of this process say.
func markOf(path string, covered func() incident.Pos, stored func() uint64) func() (watch.Mark, error) {
	return func() (watch.Mark, error) {
		pos, acknowledged := covered(), stored() // before: the checkpoint follows every commit
		cp, err := ledger.ReadCheckpoint(path)
		if err != nil && !errors.Is(err, ledger.ErrNoCheckpoint) {
			return watch.Mark{}, err
		}
		return watch.Mark{Entry: cp.N, Message: cp.Seq, Covered: pos, Stored: acknowledged}, nil
	}
}

// scrub verifies the copy of the record and of the signals that replica keeps.
func scrub(ctx context.Context, store *stream.Store, replica, checkpoint string, pace *watch.Pace, progress func(done, total uint64)) (ledger.Report, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	v := &scrubVault{Vault: store.Vault(replica), pace: pace, stop: cancel}
	log := &scrubLog{CopyLog: store.LedgerOf(replica), checkpoint: checkpoint, pace: pace}
	r, err := ledger.Verify(ctx, log, v, checkpoint, progress)
	if cause := context.Cause(ctx); cause != nil {
		err = cause // it could not be read: that says nothing of what is there
	}
	return r, errors.Join(err, v.Close())
}

// A scrubLog is a copy of LEDGER, read slowly.
type scrubLog struct {
	*stream.CopyLog
	checkpoint string
	pace       *watch.Pace
}

// State returns what the copy holds, as far as the checkpoint goes: where another
// process writes, ours follows any number of steps behind, and that is no fault.
// What stands behind it is read all the same.
func (l *scrubLog) State(ctx context.Context) (first, last uint64, deleted int, err error) {
	first, last, deleted, err = l.CopyLog.State(ctx)
	if err != nil {
		return 0, 0, 0, err
	}
	cp, err := ledger.ReadCheckpoint(l.checkpoint)
	if errors.Is(err, ledger.ErrNoCheckpoint) {
		return first, last, deleted, nil
	}
	return first, min(last, cp.Seq+1), deleted, err
}

// Messages yields every message from sequence from on.
func (l *scrubLog) Messages(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error {
	return l.CopyLog.Messages(ctx, from, func(seq uint64, body []byte) error {
		if err := yield(seq, body); err != nil {
			return err
		}
		return l.pace.Read(ctx, len(body))
	})
}

// A scrubVault is a copy of SIGNALS, read slowly. A signal that cannot be reached
// is not one that is lost: then all is stopped.
type scrubVault struct {
	*stream.Vault
	pace *watch.Pace
	stop context.CancelCauseFunc
}

// Signal returns the signal at pos.
func (v *scrubVault) Signal(ctx context.Context, pos incident.Pos) (incident.Stored, error) {
	s, err := v.Vault.Signal(ctx, pos)
	if err == nil {
		return s, v.pace.Read(ctx, len(s.Raw))
	}
	_, gone := errors.AsType[*stream.GapError](err)
	_, damaged := errors.AsType[*stream.DamagedError](err)
	if !gone && !damaged {
		v.stop(err)
	}
	return s, err
}

// refusalNames lists all reasons for a fault.
func refusalNames() []string {
	var all []string
	for _, r := range ledger.Refusals() {
		all = append(all, string(r))
	}
	return all
}

// nameFault returns what names the fault that an error is. Errors that say only
// that something could not be reached are none.
func nameFault(tenant string) func(error) *watch.Fault {
	signals, record := "SIGNALS_"+tenant, "LEDGER_"+tenant
	return func(err error) *watch.Fault {
		if e, ok := errors.AsType[*ledger.RefusedError](err); ok {
			f := &watch.Fault{Refusal: string(e.Name), Stream: record, Entry: e.N, Message: e.Seq, Signal: e.Pos, What: e.What, StoringSafe: e.Name != ledger.RefuseVault}
			if !e.Pos.IsZero() {
				f.Stream = signals
			}
			if f.What == "" && e.Err != nil {
				f.What = e.Err.Error()
			}
			return f
		}
		if e, ok := errors.AsType[*stream.DamagedError](err); ok {
			return &watch.Fault{Refusal: string(ledger.RefuseSignal), Stream: e.Stream, Signal: e.Pos, What: e.Err.Error(), StoringSafe: true}
		}
		if e, ok := errors.AsType[*stream.GapError](err); ok {
			f := &watch.Fault{Refusal: string(ledger.RefuseUnread), Stream: e.Stream, What: e.Error(), StoringSafe: true}
			if e.Stream == record {
				f.Refusal, f.Message = string(ledger.RefuseDeleted), e.Seq
			} else {
				f.Signal = incident.Pos{Seq: e.Seq}
			}
			return f
		}
		if e, ok := errors.AsType[*stream.ShortError](err); ok {
			f := &watch.Fault{Refusal: string(ledger.RefuseVault), Stream: e.Stream, What: e.Error(), Signal: incident.Pos{Seq: e.Last + 1}}
			if e.Stream == record {
				f.Refusal, f.Message, f.Signal, f.StoringSafe = string(ledger.RefuseAhead), e.Last+1, incident.Pos{}, true
			}
			return f
		}
		if e, ok := errors.AsType[*stream.FaultError](err); ok {
			return &watch.Fault{Refusal: string(ledger.RefuseAhead), Stream: record, Message: e.Fence, What: e.Error(), StoringSafe: true}
		}
		return nil
	}
}

// repairOf returns what names the commands that repair a fault of streams in an
// account. A copy that is bad among good ones is thrown away and made anew by its
// cluster; on $NATS_STORE see docs/OPERATING.md.
func repairOf(account string) func(watch.Fault) []string {
	dir := "*"
	if account != "" {
		dir = "'" + strings.ReplaceAll(account, "'", `'\''`) + "'"
	}
	return func(f watch.Fault) []string {
		if f.Replica == "" {
			return []string{
				"systemctl stop promptness",
				"# keep a copy of the whole data_dir, checkpoint included",
				"promptness repair",
				"# which says what is lost; then either the last backup: promptness restore DIR",
				"# or go on without it: promptness repair --accept " + f.Refusal + " --author NUMBER",
				"systemctl start promptness",
			}
		}
		on := "on " + f.Replica + ": "
		return []string{
			"promptness verify --replicas",
			"# go on only if it names " + f.Replica + " alone",
			on + "systemctl stop nats-server",
			on + fmt.Sprintf(`rm -rf "${NATS_STORE:?}"/jetstream/%s/streams/%s`, dir, f.Stream),
			on + "systemctl start nats-server",
			"promptness verify --replicas",
		}
	}
}

// troubleOf returns what people are told of the fault of the record.
func troubleOf(w *watch.Watch) func() *alerting.Trouble {
	return func() *alerting.Trouble {
		f := w.Fault()
		if f == nil {
			return nil
		}
		return &alerting.Trouble{Since: f.Since, Summary: f.Error(), Text: f.Text()}
	}
}

// watchedOf returns what Prometheus is shown of the watch. sync is how long a
// sync of the store's disk took, 0 if it was not measured.
func watchedOf(w *watch.Watch, sync func() time.Duration) func() metrics.Watched {
	return func() metrics.Watched {
		s := w.Status()
		m := metrics.Watched{Monitored: s.Monitored, Scrubbed: s.Scrubbed, Took: s.Took}
		for _, f := range w.Faults() {
			m.Faults = append(m.Faults, f.Refusal)
		}
		if s.Scrub.Running && s.Scrub.Total > 0 {
			m.ScrubDone = float64(s.Scrub.Done) / float64(s.Scrub.Total)
		}
		if sync != nil {
			m.Sync = sync()
		}
		return m
	}
}
