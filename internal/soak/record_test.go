package soak_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A recorded is the record as the run left it, read for comparison.
type recorded struct {
	entries int
	last    time.Time
	started []time.Time // entries by which a processor took over
	folded  map[incident.Mark][]incident.Kind
	of      map[incident.Mark]incident.Ref
	into    map[incident.Ref]incident.Ref
	state   map[incident.Ref]*incident.IncidentRecord
	alerts  map[incident.AlertID]*alert
}

// An alert is what the record says of one AlertID.
type alert struct {
	made     int // times it became active
	ref      incident.Ref
	at, due  time.Time
	state    incident.AlertState
	policy   incident.PolicyID
	name     incident.ThresholdName
	lifetime time.Duration // from active to its end, zero while it is active
}

// readRecord reads the copy of the record on one server, and the hash of all its
// messages with their places.
func readRecord(ctx context.Context, t *testing.T, store *stream.Store, replica string) (*recorded, string) {
	t.Helper()
	r := &recorded{
		folded: map[incident.Mark][]incident.Kind{}, of: map[incident.Mark]incident.Ref{},
		into: map[incident.Ref]incident.Ref{}, state: map[incident.Ref]*incident.IncidentRecord{},
		alerts: map[incident.AlertID]*alert{},
	}
	sum := sha256.New()
	err := store.LedgerOf(replica).Messages(ctx, 1, func(seq uint64, body []byte) error {
		fmt.Fprintf(sum, "%d %d\n", seq, len(body))
		sum.Write(body)
		for line := range bytes.SplitSeq(body, []byte("\n")) {
			e, err := ledger.Decode(line)
			if err != nil {
				return err
			}
			r.add(&e)
		}
		return nil
	})
	if err != nil {
		t.Errorf("read the record on %s: %v", replica, err)
	}
	return r, fmt.Sprintf("%x", sum.Sum(nil))
}

func (r *recorded) add(e *incident.Entry) {
	r.entries++
	r.last = e.At
	if e.Note != nil && e.Note.Code == incident.NoteStarted {
		r.started = append(r.started, e.At)
	}
	if e.Signal != nil {
		r.folded[e.Signal.Mark] = append(r.folded[e.Signal.Mark], e.Kind)
		if e.Incident != nil && (e.Kind == incident.KindOpened || e.Kind == incident.KindJoined) {
			r.of[e.Signal.Mark] = e.Incident.Ref
		}
	}
	if e.Incident != nil {
		r.state[e.Incident.Ref] = e.Incident
		if e.Incident.Into != "" {
			r.into[e.Incident.Ref] = e.Incident.Into
		}
	}
	for _, c := range e.Alerts {
		r.change(e, c)
	}
}

func (r *recorded) change(e *incident.Entry, c incident.AlertChange) {
	a := r.alerts[c.ID]
	if c.State == incident.AlertActive {
		if a == nil {
			ref, policy, name, g, err := incident.ParseAlertID(c.ID)
			if err != nil {
				panic(err) // the codec lets none through
			}
			a = &alert{ref: ref, policy: policy, name: name}
			if e.Incident != nil {
				for _, k := range e.Incident.Clocks {
					if b, ok := k.Find(name); ok && k.Policy == policy && b.G == g {
						a.due = b.Due
					}
				}
			}
			r.alerts[c.ID] = a
		}
		a.made++
		a.at, a.lifetime = e.At, 0
	} else if a != nil && a.state == incident.AlertActive {
		a.lifetime = e.At.Sub(a.at) + 1
	}
	if a != nil {
		a.state = c.State
	}
}

// final follows merges to the incident that stands.
func (r *recorded) final(ref incident.Ref) incident.Ref {
	for range 1000 {
		next, ok := r.into[ref]
		if !ok {
			return ref
		}
		ref = next
	}
	return ref
}

// readSignals returns what the vault holds, in its order.
func readSignals(ctx context.Context, t *testing.T, store *stream.Store) []incident.Stored {
	t.Helper()
	r := store.Signals(incident.Pos{})
	defer r.Close()
	last, err := r.Last(ctx)
	if err != nil {
		t.Fatalf("read the vault: %v", err)
	}
	var all []incident.Stored
	for len(all) == 0 || all[len(all)-1].Pos.Less(last) {
		batch, err := r.Batch(ctx, 500)
		if err != nil {
			t.Fatalf("read the vault: %v", err)
		}
		all = append(all, batch...)
	}
	return all
}
