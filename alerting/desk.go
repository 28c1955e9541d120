package alerting

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Desk has every channel told of every alert, and of its end.
//
//	desk, err := alerting.New(deliveries, channels, log, reg)
//	desk.Follow(entries) // all of the record, any number of times
//	desk.Live()
//	go desk.Run(ctx)
//	desk.Follow(entries) // each step, once it is committed
type Desk struct {
	record Deliveries
	log    *slog.Logger
	m      *metrics

	isLive bool          // of the goroutine that calls Follow and Live
	live   chan struct{} // closed by Live: the state below is Run's from then on
	news   chan []incident.Entry
	calls  chan func()   // run by Run
	ended  chan struct{} // closed when Run has returned

	// book and lanes belong to the goroutine that replays until Live, and to
	// Run from then on. Nobody else reads or writes them.
	book  *book
	lanes []*lane
}

// sweepEvery is how often what is settled is forgotten.
const sweepEvery = time.Minute

// New returns a Desk for the channels. It starts nothing.
func New(record Deliveries, channels Channels, log *slog.Logger, reg prometheus.Registerer) (*Desk, error) {
	if err := channels.Validate(); err != nil {
		return nil, err
	}
	d := &Desk{
		record: record,
		log:    log,
		m:      newMetrics(reg, channels.Names()),
		live:   make(chan struct{}),
		news:   make(chan []incident.Entry, 16),
		calls:  make(chan func()),
		ended:  make(chan struct{}),
		book:   newBook(),
	}
	for _, c := range channels.Levels {
		d.lanes = append(d.lanes, newLane(c.Name(), c, nil))
	}
	for _, c := range channels.Edges {
		d.lanes = append(d.lanes, newLane(c.Name(), nil, c))
	}
	return d, nil
}

// Follow takes committed entries in order. Before Live it is a replay and
// nobody is told; afterwards each call is told as soon as may be. Follow waits
// for no channel and for no disk. Follow and Live must not be called at the
// same time; after Live, Run must be running, about to, or have ended.
func (d *Desk) Follow(entries []incident.Entry) {
	if len(d.lanes) == 0 {
		return
	}
	if !d.isLive {
		for i := range entries {
			d.book.fold(&entries[i])
		}
		return
	}
	var news []incident.Entry
	for i := range entries {
		if concerns(&entries[i]) {
			news = append(news, entries[i])
		}
	}
	if len(news) == 0 {
		return
	}
	select {
	case d.news <- news:
	case <-d.ended: // the next start replays it
	}
}

// Live says that the replay is over: what was followed is the present state.
// It may be called once.
func (d *Desk) Live() {
	d.isLive = true
	close(d.live)
}

// Run tells the channels until ctx ends, and returns when none of them is
// telling any more: at most a few seconds later. It waits for Live first. It
// may be called once.
func (d *Desk) Run(ctx context.Context) error {
	defer close(d.ended)
	select {
	case <-d.live:
	case <-ctx.Done():
		return nil
	}
	at := d.book.last
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()

	loaded := make(chan struct{})
	wg.Go(func() {
		if d.load(ctx) {
			close(loaded)
		}
	})
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case entries := <-d.news:
			for i := range entries {
				d.owe(d.book.fold(&entries[i]))
			}
		case f := <-d.calls:
			f()
		case <-loaded:
			loaded = nil
			for _, l := range d.lanes {
				w := &worker{desk: d, lane: l, unwritten: l.loose(at, time.Now().UTC())}
				wg.Go(func() { w.run(ctx) })
			}
			d.owe(d.all())
		case now := <-sweep.C:
			d.sweep(now)
		}
	}
}

// do has Run call f and returns whether it has; it has not if ctx ended first.
func (d *Desk) do(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	select {
	case d.calls <- func() { f(); close(done) }:
		<-done
		return true
	case <-ctx.Done():
		return false
	}
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
// repeats, anything.
func (d *Desk) sweep(now time.Time) {
	for _, a := range d.book.alerts {
		if a.Active() || slices.ContainsFunc(d.lanes, func(l *lane) bool { return l.needs(a, now) }) {
			continue
		}
		d.book.drop(a)
		for _, l := range d.lanes {
			delete(l.told, a.ID)
		}
	}
}

// load reads the record of deliveries into the lanes. It tries until it has
// read all or ctx ends, and returns whether it has read all.
func (d *Desk) load(ctx context.Context) bool {
	byName := map[string]*lane{}
	for _, l := range d.lanes {
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
			if !d.do(ctx, func() {
				for _, x := range ds {
					if l := byName[x.Channel]; l != nil {
						l.recall(d.book, x)
					}
				}
			}) {
				return ctx.Err()
			}
			from = seq + 1
			return nil
		})
		if err == nil {
			return true
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
