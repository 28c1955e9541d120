package watch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Options are what a Watch looks at, and with what. All functions may be called
// from several goroutines.
type Options struct {
	// Mark returns what of the record is certain.
	Mark func() (Mark, error)
	// Copies asks every copy of both streams what it holds, the leaders first.
	Copies func(ctx context.Context) ([]Copy, error)
	// Erased reports whether a message of SIGNALS is gone on purpose. Nil: none.
	Erased func(seq uint64) bool
	// Replicas returns the servers that keep a copy, or one empty name.
	Replicas func(ctx context.Context) ([]string, error)
	// Scrub reads the whole copy that replica keeps, or the only one there is,
	// and returns what is wrong with it. It MUST call pace.Read after each piece
	// that it reads. Nil: nothing is scrubbed here.
	Scrub func(ctx context.Context, replica string, pace *Pace, progress func(done, total uint64)) error
	// Name returns the fault of the record that err is, without Since and
	// Repair, or nil if it is none.
	Name func(err error) *Fault
	// Repair returns the commands for a fault. Nil: none are named.
	Repair func(f Fault) []string
	// Period is how often a scrub begins, Delay how long after the start the
	// first one does. Default 24h and 1m: the start has the disk for itself.
	Period, Delay time.Duration
	// Rate is how many bytes a second a scrub reads at most, Share how much of
	// the time it works at most. Default 4 MiB and a quarter.
	Rate  int64
	Share float64
	// Log hears of each fault once, and of each scrub.
	Log *slog.Logger
}

const (
	defaultRate  = 4 << 20
	defaultShare = 0.25
	monitorLooks = 3
)

// A rhythm is how often a Watch looks.
type rhythm struct {
	monitor time.Duration // between two rounds of the monitors
	look    time.Duration // between two looks of a round that found something
	again   time.Duration // after a scrub that could not be finished, or found something
}

// usual finds a damage within a minute: a round, and two looks more.
var usual = rhythm{monitor: 30 * time.Second, look: 10 * time.Second, again: 10 * time.Minute} //nolint:gochecknoglobals // a constant

// A Watch looks after one record.
type Watch struct {
	o Options
	r rhythm

	mu      sync.Mutex
	faults  []*Fault
	changed chan struct{} // closed when faults changes
	suspect []finding     // of the last round of the monitors
	status  Status
	kick    chan struct{} // a scrub is wanted now
}

// A Status says what was looked at, and when.
type Status struct {
	// Monitored is when the monitors last looked at every copy and found nothing.
	Monitored time.Time
	// Scrubbed is when a scrub of every copy last ended and found nothing, Took
	// how long it took. Zero: not since the program was started.
	Scrubbed time.Time
	Took     time.Duration
	// Scrub is the scrub that runs.
	Scrub Progress
	// Problem is why the last monitor or scrub could not look, "" if it could.
	Problem string
}

// A Progress is how far a scrub is.
type Progress struct {
	Running     bool
	Replica     string
	Done, Total uint64 // messages of LEDGER
	Since       time.Time
}

// New returns a Watch. It starts nothing.
func New(o Options) *Watch {
	if o.Period == 0 {
		o.Period = 24 * time.Hour
	}
	if o.Delay == 0 {
		o.Delay = time.Minute
	}
	if o.Rate == 0 {
		o.Rate = defaultRate
	}
	if o.Share == 0 {
		o.Share = defaultShare
	}
	if o.Erased == nil {
		o.Erased = func(uint64) bool { return false }
	}
	return &Watch{o: o, r: usual, changed: make(chan struct{}), kick: make(chan struct{}, 1)}
}

// Run looks until ctx ends.
func (w *Watch) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	wg.Go(func() { w.monitors(ctx) })
	if w.o.Scrub != nil {
		wg.Go(func() { w.scrubs(ctx) })
	}
	wg.Wait()
	return nil
}

// Fault returns the fault for which the work is to stop, nil when there is none.
// It is the caller's only to read.
func (w *Watch) Fault() *Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) == 0 {
		return nil
	}
	return w.faults[0]
}

// Faults returns all faults, in the order in which they were found.
func (w *Watch) Faults() []*Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.faults)
}

// Status returns what was looked at.
func (w *Watch) Status() Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// Report takes an error that another part met and reports whether it is a fault
// of the record.
func (w *Watch) Report(err error) bool {
	if err == nil {
		return false
	}
	f, ok := errors.AsType[*Fault](err)
	if !ok {
		f = w.o.Name(err)
	}
	if f == nil {
		return false
	}
	w.raise(*f)
	select { // in three copies, which of them is it?
	case w.kick <- struct{}{}:
	default:
	}
	return true
}

// Guard does work while the record is without fault. Work's context ends, with
// the fault as its cause, when one is found; an error of work that is a fault
// counts as found. When the fault has ended work is done again. Guard returns
// when ctx ends, nil, or with any other error of work, or when work ends by
// itself.
func (w *Watch) Guard(ctx context.Context, work func(context.Context) error) error {
	for {
		if !w.well(ctx) {
			return nil
		}
		err := w.guarded(ctx, work)
		w.Report(err)
		if ctx.Err() != nil {
			return nil
		}
		if w.Fault() == nil {
			return err
		}
	}
}

func (w *Watch) guarded(ctx context.Context, work func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel(nil)
	wg.Go(func() {
		for {
			f, changed := w.now()
			if f != nil {
				cancel(f)
				return
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	})
	return work(ctx)
}

// well waits until there is no fault, and reports false when ctx ended before.
func (w *Watch) well(ctx context.Context) bool {
	for {
		f, changed := w.now()
		if f == nil {
			return ctx.Err() == nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return false
		}
	}
}

func (w *Watch) now() (*Fault, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.faults) == 0 {
		return nil, w.changed
	}
	return w.faults[0], w.changed
}

// raise adds a fault, unless it is known.
func (w *Watch) raise(f Fault) {
	f.Since = time.Now()
	if w.o.Repair != nil {
		f.Repair = w.o.Repair(f)
	}
	w.mu.Lock()
	for _, known := range w.faults {
		if known.same(&f) {
			w.mu.Unlock()
			return
		}
	}
	w.faults = append(w.faults, &f)
	w.change()
	w.mu.Unlock()
	w.o.Log.Error("the record has a fault; nothing is folded or told until it is repaired",
		"err", &f, "repair", f.Repair, "storing_safe", f.StoringSafe)
}

// drop ends the faults for which is reports true.
func (w *Watch) drop(is func(*Fault) bool) {
	w.mu.Lock()
	n := len(w.faults)
	w.faults = slices.DeleteFunc(w.faults, is)
	if len(w.faults) != n {
		w.change()
	}
	left := len(w.faults)
	w.mu.Unlock()
	if left != n {
		w.o.Log.Info("a fault of the record has ended", "left", left)
	}
}

// change wakes whoever waits. The caller holds mu.
func (w *Watch) change() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// pause waits for d, and reports whether it passed before ctx ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
