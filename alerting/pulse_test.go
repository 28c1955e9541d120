package alerting_test

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
)

// An announced is one call of Announce.
type announced struct {
	name         string
	at           time.Duration // from the beginning
	since, until time.Duration
	text         string
}

// A listener is an Announcer that a test scripts.
type listener struct {
	name  string
	begin time.Time

	mu    sync.Mutex
	heard []announced
	fail  error
	hang  bool
}

func (l *listener) Name() string { return l.name }

func (l *listener) Announce(ctx context.Context, name, severity, instance string, since, until time.Time, annotations map[string]string) error {
	l.mu.Lock()
	hang, fail := l.hang, l.fail
	if !hang && fail == nil {
		l.heard = append(l.heard, announced{name, time.Since(l.begin), since.Sub(l.begin), until.Sub(l.begin), annotations["description"]})
	}
	l.mu.Unlock()
	if hang {
		<-ctx.Done()
		return ctx.Err()
	}
	return fail
}

// all returns what was heard, in order.
func (l *listener) all() []announced {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.heard)
}

// last returns what was heard last.
func (l *listener) last() announced {
	all := l.all()
	return all[len(all)-1]
}

// count returns how often name was heard from one moment to another.
func (l *listener) count(name string, from, to time.Duration) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, a := range l.heard {
		if a.name == name && a.at >= from && a.at < to {
			n++
		}
	}
	return n
}

// A patient is the program as a pulse sees it.
type patient struct {
	mu    sync.Mutex
	why   string
	fault *alerting.Trouble
}

func (p *patient) set(why string, fault *alerting.Trouble) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.why, p.fault = why, fault
}

// pulse runs a pulse in a bubble.
func pulse(t *testing.T, to []*listener, f func(t *testing.T, p *patient)) {
	t.Helper()
	bubble.Run(t, func(t *testing.T) {
		p := &patient{}
		o := alerting.PulseOptions{
			Instance: "here",
			Well:     func() string { p.mu.Lock(); defer p.mu.Unlock(); return p.why },
			Fault:    func() *alerting.Trouble { p.mu.Lock(); defer p.mu.Unlock(); return p.fault },
			Log:      slog.New(slog.NewTextHandler(t.Output(), nil)),
			Reg:      prometheus.NewRegistry(),
		}
		for _, l := range to {
			l.begin = time.Now()
			o.To = append(o.To, l)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := alerting.NewPulse(o).Run(ctx); err != nil {
				t.Errorf("Run = %v", err)
			}
		})
		f(t, p)
		cancel()
		wg.Wait()
	})
}

func TestWatchdogIsToldEachMinuteWhileTheProgramIsWell(t *testing.T) {
	l := &listener{name: "am"}
	pulse(t, []*listener{l}, func(t *testing.T, p *patient) {
		bubble.Advance(time.Hour)
		if n := l.count(alerting.WatchdogName, 0, time.Hour); n < 58 || n > 61 {
			t.Errorf("told %d times in an hour, want 60", n)
		}
		p.set("the store does not answer", nil)
		bubble.Advance(time.Hour)
		if n := l.count(alerting.WatchdogName, time.Hour+5*time.Second, 2*time.Hour); n > 0 {
			t.Errorf("told %d times while it is not well", n)
		}
		last := l.last()
		if hold := last.until - last.at; hold != 5*time.Minute {
			t.Errorf("it fires for %s after it was told last, want 5m", hold)
		}
		p.set("", nil)
		bubble.Advance(10 * time.Second)
		if n := l.count(alerting.WatchdogName, 2*time.Hour, 3*time.Hour); n != 1 {
			t.Errorf("told %d times within ten seconds of being well, want once", n)
		}
	})
}

func TestAFaultOfTheRecordIsToldAtOnceAndInsteadOfWatchdog(t *testing.T) {
	l := &listener{name: "am"}
	pulse(t, []*listener{l}, func(t *testing.T, p *patient) {
		bubble.Advance(10 * time.Minute)
		at := 10 * time.Minute
		p.set("", &alerting.Trouble{Since: time.Now().Add(-time.Second), Summary: "record fault: signal_changed", Text: "what, where, repair"})
		bubble.Advance(6 * time.Second)
		if n := l.count(alerting.RecordFaultName, at, at+6*time.Second); n != 1 {
			t.Fatalf("told %d times within six seconds, want once", n)
		}
		got := l.last()
		if got.text != "what, where, repair" || got.since != at-time.Second || got.until-got.at != 24*time.Hour {
			t.Errorf("told %+v", got)
		}
		bubble.Advance(30 * time.Minute)
		if n := l.count(alerting.RecordFaultName, at, time.Hour); n < 29 || n > 32 {
			t.Errorf("told %d times in half an hour, want 31", n)
		}
		if n := l.count(alerting.WatchdogName, at+time.Second, time.Hour); n > 0 {
			t.Errorf("Watchdog was told %d times meanwhile", n)
		}
		// Two minutes after it has ended that is told, once.
		p.set("", nil)
		end := time.Since(l.begin)
		bubble.Advance(time.Hour)
		var ended []announced
		for _, a := range l.all() {
			if a.name == alerting.RecordFaultName && a.at > end {
				ended = append(ended, a)
			}
		}
		if len(ended) != 1 || ended[0].until != ended[0].at || ended[0].at < end+2*time.Minute {
			t.Errorf("its end was told as %+v, want once, two minutes after", ended)
		}
	})
}

// The process that told of the fault is gone, and the one that follows it found
// the record whole.
func TestANewProcessEndsWhatTheOneBeforeHasTold(t *testing.T) {
	l := &listener{name: "am"}
	pulse(t, []*listener{l}, func(t *testing.T, _ *patient) {
		bubble.Advance(10 * time.Minute)
		if n := l.count(alerting.RecordFaultName, 0, time.Hour); n != 1 {
			t.Errorf("the end was told %d times, want once", n)
		}
	})
}

func TestAReceiverThatHangsOrFailsDelaysNoOtherAndIsTriedAgain(t *testing.T) {
	good, bad, hangs := &listener{name: "good"}, &listener{name: "bad", fail: errors.New("refused")}, &listener{name: "hangs", hang: true}
	pulse(t, []*listener{hangs, bad, good}, func(t *testing.T, _ *patient) {
		bubble.Advance(10 * time.Minute)
		if n := good.count(alerting.WatchdogName, 0, 10*time.Minute); n < 9 {
			t.Errorf("the good one heard %d times in ten minutes", n)
		}
		bad.mu.Lock()
		bad.fail = nil
		bad.mu.Unlock()
		bubble.Advance(6 * time.Second)
		if n := bad.count(alerting.WatchdogName, 0, time.Hour); n != 1 {
			t.Errorf("the one that failed heard %d times within six seconds, want once", n)
		}
	})
}

func TestThePulseIsSeenByPrometheus(t *testing.T) {
	l := &listener{name: "am", fail: errors.New("refused")}
	reg := prometheus.NewRegistry()
	p := alerting.NewPulse(alerting.PulseOptions{
		To: []alerting.Announcer{l}, Instance: "here", Well: func() string { return "" }, Fault: func() *alerting.Trouble { return nil },
		Log: slog.New(slog.DiscardHandler), Reg: reg,
	})
	want := []string{"promptness_watchdog_failures_total", "promptness_watchdog_last_success_timestamp_seconds"}
	names := func() (all []string) {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "promptness_watchdog") && len(f.GetMetric()) == 1 {
				all = append(all, f.GetName())
			}
		}
		return all
	}
	if got := names(); !slices.Equal(got, want) {
		t.Errorf("before the first time there are %q, want %q", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
}
