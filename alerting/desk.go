package alerting

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Desk has every channel told of every alert, and of its end, while one of its
// tours lasts. Between tours it only keeps itself informed, so that the next one
// begins with what is true then.
//
//	desk, err := alerting.New(deliveries, channels, log, reg)
//	desk.Follow(entries)              // all of the record, then each step once it is committed
//	lease.Hold(ctx, desk.Run)         // any number of tours, one at a time
type Desk struct {
	record   Deliveries
	channels Channels
	log      *slog.Logger
	m        *metrics

	// mu guards all below. It is held for work in memory only, never while a
	// channel or a disk is waited for.
	mu   sync.Mutex
	book *book
	// lanes are those of the present tour, nil between tours. They are owed
	// nothing before telling is set: what was told by others is read first.
	lanes   []*lane
	telling bool
}

const (
	// sweepEvery is how often what is settled is forgotten.
	sweepEvery = time.Minute
	// strangersFor is how long a tour remembers what was told of alerts that it
	// does not know. Such an alert was settled long ago, or whoever told before
	// had followed the record further: then it comes within seconds.
	strangersFor = time.Hour
)

// New returns a Desk for the channels. It starts nothing.
func New(record Deliveries, channels Channels, log *slog.Logger, reg prometheus.Registerer) (*Desk, error) {
	if err := channels.Validate(); err != nil {
		return nil, err
	}
	return &Desk{
		record:   record,
		channels: channels,
		log:      log,
		m:        newMetrics(reg, channels.Names()),
		book:     newBook(),
	}, nil
}

// Follow takes committed entries in order, at any time, from one goroutine at a
// time. An entry that was followed before changes nothing. Between tours nobody is
// told; during a tour each call is told as soon as may be. Follow waits for no
// channel and for no disk.
func (d *Desk) Follow(entries []incident.Entry) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range entries {
		if entries[i].N <= d.book.last {
			continue // the record was read anew
		}
		if changed := d.book.fold(&entries[i]); d.telling {
			d.owe(changed)
		}
	}
}

// ErrRunning says that a tour was to begin while another lasts.
var ErrRunning = errors.New("alerting runs already")

// Run is one tour: it reads what has been told so far, by whomever, and tells the
// channels what they are owed until ctx ends. After that it begins no attempt, and
// returns when none is in hand any more, at most a few seconds later. It may be
// called again, by one goroutine at a time, and should not be called before the
// record was followed to its present end: channels would hear of what is over.
func (d *Desk) Run(ctx context.Context) error {
	lanes, at, err := d.open()
	if err != nil {
		return err
	}
	defer d.close()
	if !d.load(ctx, lanes) {
		return nil
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	d.mu.Lock()
	d.telling = true
	for _, l := range lanes {
		w := &worker{desk: d, lane: l, unwritten: l.loose(at, time.Now().UTC())}
		wg.Go(func() { w.run(ctx) })
	}
	d.owe(d.all())
	d.mu.Unlock()

	began := time.Now()
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-sweep.C:
			d.sweep(now, now.Sub(began) >= strangersFor)
		}
	}
}

// open begins a tour with fresh lanes. It returns the number of the last entry
// that is known.
func (d *Desk) open() ([]*lane, uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lanes != nil {
		return nil, 0, ErrRunning
	}
	d.lanes = []*lane{}
	for _, c := range d.channels.Levels {
		d.lanes = append(d.lanes, newLane(c.Name(), c, nil))
	}
	for _, c := range d.channels.Edges {
		d.lanes = append(d.lanes, newLane(c.Name(), nil, c))
	}
	return d.lanes, d.book.last, nil
}

// close ends the tour.
func (d *Desk) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range d.lanes {
		d.m.pending.WithLabelValues(l.name).Set(0) // whoever tells next counts them
	}
	d.lanes, d.telling = nil, false
}

// do calls f, which sees the book and the lanes, unless ctx has ended, and
// returns whether it has.
func (d *Desk) do(ctx context.Context, f func()) bool {
	if ctx.Err() != nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
	return true
}

// all returns every alert in the book, oldest first.
func (d *Desk) all() []*alert {
	all := make([]*alert, 0, len(d.book.alerts))
	for _, a := range d.book.alerts {
		all = append(all, a)
	}
	slices.SortFunc(all, byAge)
	return all
}

// owe notes what the channels are owed of these alerts, and wakes them.
func (d *Desk) owe(alerts []*alert) {
	for _, l := range d.lanes {
		for _, a := range alerts {
			l.owe(a)
		}
		d.m.pending.WithLabelValues(l.name).Set(float64(len(l.owed)))
	}
}

// sweep forgets alerts that have ended and of which no channel is owed, or
// repeats, anything; and, if strangers is set, what was told of alerts that the
// book does not hold.
func (d *Desk) sweep(now time.Time, strangers bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.book.alerts {
		if a.Active() || slices.ContainsFunc(d.lanes, func(l *lane) bool { return l.needs(a, now) }) {
			continue
		}
		d.book.drop(a)
		for _, l := range d.lanes {
			delete(l.told, a.ID)
		}
	}
	if strangers {
		for _, l := range d.lanes {
			maps.DeleteFunc(l.told, func(id incident.AlertID, _ *told) bool { return d.book.alerts[id] == nil })
		}
	}
}

// load reads the record of deliveries into the lanes. It tries until it has
// read all or ctx ends, and returns whether it has read all.
func (d *Desk) load(ctx context.Context, lanes []*lane) bool {
	byName := map[string]*lane{}
	for _, l := range lanes {
		byName[l.name] = l
	}
	from := uint64(1)
	for failures := 0; ; failures++ {
		err := d.record.Deliveries(ctx, from, func(seq uint64, body []byte) error {
			ds, err := DecodeDeliveries(body)
			if err != nil {
				// What it said is told again, which is better than not at all.
				d.log.WarnContext(ctx, "delivery record not read", "seq", seq, "err", err)
			}
			for _, x := range ds {
				if l := byName[x.Channel]; l != nil {
					l.recall(x) // nobody else looks into the lanes yet
				}
			}
			from = seq + 1
			return nil
		})
		if err == nil {
			return ctx.Err() == nil
		}
		if ctx.Err() != nil {
			return false
		}
		d.m.unrecorded.Inc()
		d.log.ErrorContext(ctx, "read deliveries", "from", from, "err", err)
		if !pause(ctx, backoff(failures+1)) {
			return false
		}
	}
}
