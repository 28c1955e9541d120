package alerting

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// The alerts that are told past the record. Their names are what rules and routes
// know them by.
const (
	WatchdogName    = "Watchdog"
	RecordFaultName = "PromptnessRecordFault"
)

// An Announcer tells of an alert that stands in no record.
type Announcer interface {
	// Name is the configured name of the receiver, [a-z0-9-]{1,40}.
	Name() string
	// Announce tells that the alert name fires from since until then; one that
	// ends now is resolved. The receiver MUST know it by name and instance alone,
	// so that telling it again only moves its end. Announce MUST return soon
	// after ctx ends.
	Announce(ctx context.Context, name, severity, instance string, since, until time.Time, annotations map[string]string) error
}

// A Trouble is a fault of the record, as people are told of it.
type Trouble struct {
	Since   time.Time
	Summary string // one line
	Text    string // what, where, and the repair
}

// PulseOptions are what a Pulse is made of. Well and Fault are asked every few
// seconds and MUST neither wait nor need the store.
type PulseOptions struct {
	To []Announcer
	// Instance tells this process from others of promptness that tell the same
	// receivers. It MUST stay the same over a restart.
	Instance string
	// Well returns "" while the program does all that it is there for, else why
	// not.
	Well func() string
	// Fault returns the fault of the record, nil when there is none.
	Fault func() *Trouble
	Log   *slog.Logger
	Reg   prometheus.Registerer
}

// A Pulse is the dead man's path. While the program is well it tells every
// receiver each minute that the alert Watchdog fires, for five minutes; when it
// is not, or is gone, that ends, and whoever waits for it notices. A fault of the
// record it tells instead, at once and each minute. It reads and writes nothing
// of the store, and no receiver delays another.
type Pulse struct {
	o    PulseOptions
	last *prometheus.GaugeVec
	fail *prometheus.CounterVec
}

const (
	pulseEvery = time.Minute
	pulseLook  = 5 * time.Second // how soon a fault is told, and a failure tried again
	// watchdogHold is how long Watchdog fires after it was told last.
	watchdogHold = 5 * time.Minute
	// faultHold is how long a fault does: also when the program is stopped for
	// its repair.
	faultHold = 24 * time.Hour
	// clearAfter is how long the program must be well before a fault that it, or
	// the process before it, has told is told to have ended: the monitors have
	// looked twice by then.
	clearAfter = 2 * time.Minute
)

// NewPulse returns a Pulse. It starts nothing.
func NewPulse(o PulseOptions) *Pulse {
	f := promauto.With(o.Reg)
	p := &Pulse{
		o: o,
		last: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "promptness_watchdog_last_success_timestamp_seconds",
			Help: "When the receiver last accepted that the alert Watchdog fires, 0 for not yet. It is told each minute while the program is well.",
		}, []string{"channel"}),
		fail: f.NewCounterVec(prometheus.CounterOpts{
			Name: "promptness_watchdog_failures_total",
			Help: "Failed attempts to tell the receiver of Watchdog or of a fault of the record.",
		}, []string{"channel"}),
	}
	for _, to := range o.To {
		p.last.WithLabelValues(to.Name())
		p.fail.WithLabelValues(to.Name())
	}
	return p
}

// Run tells until ctx ends.
func (p *Pulse) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	for _, to := range p.o.To {
		wg.Go(func() { p.beat(ctx, to) })
	}
	wg.Wait()
	return nil
}

// beat tells one receiver until ctx ends.
func (p *Pulse) beat(ctx context.Context, to Announcer) {
	var (
		began   = time.Now()
		well    time.Time // since when, zero while not
		told    string    // what was told last, in one line
		at      time.Time // when; zero to tell at once
		cleared bool      // a fault that was told has ended there, too
		failing bool
	)
	tick := time.NewTicker(pulseLook)
	defer tick.Stop()
	for {
		now := time.Now()
		trouble, why := p.o.Fault(), ""
		if trouble == nil {
			why = p.o.Well()
		}
		say := "" // nothing: let Watchdog end
		switch {
		case trouble != nil:
			say, well, cleared = trouble.Summary, time.Time{}, false
		case why != "":
			well = time.Time{}
		default:
			say = WatchdogName
			if well.IsZero() {
				well = now
			}
		}
		if say != "" && (say != told || now.Sub(at) >= pulseEvery) {
			var err error
			if trouble != nil {
				err = p.fault(ctx, to, trouble, now)
			} else {
				err = p.watchdog(ctx, to, began, now)
				if err == nil && !cleared && now.Sub(well) >= clearAfter {
					err = p.clear(ctx, to, now)
					cleared = err == nil
				}
			}
			if ctx.Err() != nil {
				return
			}
			if err == nil {
				told, at = say, now
			} else {
				p.fail.WithLabelValues(to.Name()).Inc()
			}
			if err != nil && !failing {
				p.o.Log.WarnContext(ctx, "the receiver was not told that promptness is alive", "channel", to.Name(), "err", err)
			}
			failing = err != nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *Pulse) watchdog(ctx context.Context, to Announcer, began, now time.Time) error {
	err := to.Announce(ctx, WatchdogName, "none", p.o.Instance, began, now.Add(watchdogHold), map[string]string{
		"summary":     fmt.Sprintf("promptness on %s is well", p.o.Instance),
		"description": "This alert fires while promptness is well. When it ends, nobody is told of deadlines: look at /readyz and the log.",
	})
	if err == nil {
		p.last.WithLabelValues(to.Name()).Set(float64(now.UnixNano()) / 1e9)
	}
	return err
}

func (p *Pulse) fault(ctx context.Context, to Announcer, t *Trouble, now time.Time) error {
	since := t.Since
	if since.After(now) {
		since = now
	}
	return to.Announce(ctx, RecordFaultName, "critical", p.o.Instance, since, now.Add(faultHold), map[string]string{
		"summary":     t.Summary,
		"description": t.Text,
		"message":     t.Summary + ". " + t.Text,
	})
}

func (p *Pulse) clear(ctx context.Context, to Announcer, now time.Time) error {
	return to.Announce(ctx, RecordFaultName, "critical", p.o.Instance, now, now, map[string]string{
		"summary": "the record has no known fault",
	})
}
