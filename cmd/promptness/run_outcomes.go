package main

import (
	"context"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// outcomes remembers what became of people's acts, so that who recorded one can
// be told. It knows the latest of this process; the record knows all.
type outcomes struct {
	pepper incident.Pepper

	mu     sync.Mutex
	byMark map[incident.Mark][]incident.Entry
	order  []incident.Mark
}

// maxOutcomes bounds the memory: nobody waits longer for an answer.
const maxOutcomes = 4096

func newOutcomes(p incident.Pepper) *outcomes {
	return &outcomes{pepper: p, byMark: map[incident.Mark][]incident.Entry{}}
}

// follow takes committed entries in order. The entries of an act are those that
// bear it, and those of the incidents that it ended or divided, which come
// beside it in the same step.
func (o *outcomes) follow(es []incident.Entry) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range es {
		if e.Signal == nil || e.Signal.Channel != incident.ChannelManual {
			continue
		}
		if _, known := o.byMark[e.Signal.Mark]; !known {
			o.order = append(o.order, e.Signal.Mark)
			if len(o.order) > maxOutcomes {
				delete(o.byMark, o.order[0])
				o.order = o.order[1:]
			}
		}
		o.byMark[e.Signal.Mark] = append(o.byMark[e.Signal.Mark], e)
	}
}

// Outcome returns the entries that the signal made, none while it has not been
// folded.
func (o *outcomes) Outcome(_ context.Context, id incident.SignalID) ([]incident.Entry, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.byMark[o.pepper.Signal(id)], nil
}
