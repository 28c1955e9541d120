package alerting

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

const (
	// repeatEvery is how often a level channel is told what is active.
	// Alertmanager resolves what it has not heard of for resolve_timeout, five
	// minutes by default, and forgets all when it is started anew.
	repeatEvery = time.Minute
	// maxBatch bounds the alerts of one Send, and the lines of one message.
	maxBatch = 64
	// maxUnwritten bounds the lines that wait for a record that cannot be
	// written. What is left out is told again after a restart.
	maxUnwritten = 4096
	// patience is how many failures in a row to write the record, some ten
	// seconds, a level channel waits out before it is told all the same.
	patience = 4
	// recordWithin bounds one attempt to write the record.
	recordWithin = 10 * time.Second
	// grace is what is left for finishing what is in hand when Run is to end.
	grace = 3 * time.Second
)

// A worker tells one channel.
type worker struct {
	desk *Desk
	lane *lane
	// unwritten are lines that come on record before anything else is begun, at
	// most maxUnwritten and those of the attempts that a crash cut.
	unwritten []Delivery
	failures  int // attempts in a row that were not accepted
	// unrecordable counts the failures in a row to write the record.
	unrecordable int
}

func (w *worker) run(ctx context.Context) {
	if w.lane.level != nil {
		w.runLevel(ctx)
		return
	}
	w.runEdge(ctx)
}

// runLevel tells everything that is active every minute, and what is new at
// once.
func (w *worker) runLevel(ctx context.Context) {
	wake := w.lane.wake
	timer := time.NewTimer(0)
	defer timer.Stop()
	var repeat time.Time // when everything is told again
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-timer.C:
		}
		w.lane.rouse()
		now := time.Now()
		all := !now.Before(repeat)
		if all {
			repeat = now.Add(repeatEvery)
		}
		rest, end := w.round(ctx, all)
		if !w.flush(ctx) && end < unrecorded {
			rest, end = backoff(w.unrecordable), unrecorded
		}
		switch end {
		case accepted, refused:
			wake = w.lane.wake
			timer.Reset(time.Until(repeat))
		case unrecorded:
			wake = w.lane.wake
			timer.Reset(min(rest, time.Until(repeat)))
		case unanswered:
			// Nothing else until the rest is over: what is new would only fail,
			// too. Then all of it: the receiver may have been started anew.
			wake, repeat = nil, time.Time{}
			timer.Reset(rest)
		}
	}
}

// An end says how a round through what a channel is owed came to its end.
type end int

const (
	accepted   end = iota // everything was accepted
	refused               // the channel refuses some of it, which is tried again with the next round
	unrecorded            // the record cannot be written, so what is new waits
	unanswered            // the channel accepts nothing now
)

// round tells a level channel what it is owed, and all else that stands if all
// is set. It returns how long to wait before what is left is tried again.
func (w *worker) round(ctx context.Context, all bool) (rest time.Duration, end end) {
	for {
		var jobs []job
		if !w.desk.do(ctx, func() { jobs = w.lane.batch(w.desk.book, all, time.Now()) }) {
			return 0, accepted
		}
		progress := false
		for chunk := range slices.Chunk(jobs, maxBatch) {
			begun := w.begin(ctx, chunk)
			if len(begun) < len(chunk) {
				end = max(end, unrecorded)
			}
			if len(begun) == 0 {
				continue
			}
			if ctx.Err() != nil {
				w.leave(ctx, begun)
				return 0, accepted
			}
			outcome, after := w.send(ctx, begun)
			if outcome == outbound.Refused && len(begun) > 1 {
				outcome, after = w.single(ctx, begun)
			}
			switch {
			case ctx.Err() != nil:
				return 0, accepted
			case outcome == outbound.Accepted:
				progress = progress || slices.ContainsFunc(begun, func(j job) bool { return j.owed })
			case outcome == outbound.Refused:
				end = max(end, refused)
			default:
				return max(after, backoff(w.failures)), unanswered
			}
		}
		if !progress || end != accepted {
			return backoff(w.unrecordable), end
		}
		all = false // of alerts with one name the next may be owed now
	}
}

// begin records that the jobs are begun and returns those that may be sent. A
// repetition needs no record. What is new waits for it, on a level channel not
// for ever: that an alert is to be told is on record in the ledger, telling it
// twice changes nothing, and a full disk must not keep it from people.
func (w *worker) begin(ctx context.Context, jobs []job) []job {
	if ctx.Err() != nil {
		return nil
	}
	var begun []Delivery
	owed := false
	for _, j := range jobs {
		owed = owed || j.owed
		if w.recorded(j) {
			begun = append(begun, w.line(j, Begun))
		}
	}
	if !owed || w.flush(ctx) && (len(begun) == 0 || w.write(ctx, begun)) {
		return jobs
	}
	if w.lane.level != nil && w.unrecordable >= patience {
		w.keep(begun...)
		return jobs
	}
	return slices.DeleteFunc(slices.Clone(jobs), func(j job) bool { return j.owed })
}

// leave records that attempts which are begun are not made: the tour has ended,
// and somebody else may be telling by now.
func (w *worker) leave(ctx context.Context, jobs []job) {
	now := time.Now().UTC()
	for _, j := range jobs {
		if w.recorded(j) {
			d := w.line(j, Finished)
			d.At, d.Outcome, d.Code = now, outbound.Failed, outbound.Interrupted
			w.keep(d)
		}
	}
	w.flush(ctx)
}

// recorded reports whether the attempt is one of which the record holds that it
// was begun.
func (w *worker) recorded(j job) bool {
	return j.owed && (w.lane.edge != nil || powerOfTwo(j.attempt))
}

// keep keeps lines until they can be written.
func (w *worker) keep(ds ...Delivery) {
	room := max(0, maxUnwritten-len(w.unwritten))
	if len(ds) > room {
		w.desk.m.unrecorded.Add(float64(len(ds) - room))
		ds = ds[:room]
	}
	w.unwritten = append(w.unwritten, ds...)
}

// single tells one by one what was refused together: one alert that the
// receiver cannot take must not stand in the way of the others.
func (w *worker) single(ctx context.Context, jobs []job) (worst outbound.Outcome, after time.Duration) {
	worst = outbound.Accepted
	for _, j := range jobs {
		j.attempt++
		one := w.begin(ctx, []job{j})
		if len(one) == 0 {
			return outbound.Refused, 0
		}
		if ctx.Err() != nil {
			w.leave(ctx, one)
			return outbound.Refused, 0
		}
		switch outcome, rest := w.send(ctx, one); outcome {
		case outbound.Accepted:
		case outbound.Refused:
			worst = outcome
		case outbound.Failed, outbound.Unknown:
			return outcome, rest
		}
	}
	return worst, 0
}

// send tells a level channel one batch.
func (w *worker) send(ctx context.Context, jobs []job) (outbound.Outcome, time.Duration) {
	alerts := make([]incident.Alert, len(jobs))
	for i, j := range jobs {
		alerts[i] = j.Alert
	}
	err := w.lane.level.Send(ctx, alerts)
	outcome, code, after := outbound.Judge(err)
	w.finish(ctx, jobs, outcome, code, err)
	return outcome, after
}

// runEdge tells what the channel is owed, one alert at a time.
func (w *worker) runEdge(ctx context.Context) {
	wake := w.lane.wake
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-timer.C:
		}
		w.lane.rouse()
		rest, end := w.pass(ctx)
		if !w.flush(ctx) && end < unrecorded {
			rest, end = backoff(w.unrecordable), unrecorded
		}
		switch end {
		case accepted:
			wake = w.lane.wake
		case refused:
			wake = w.lane.wake
			timer.Reset(rest)
		case unrecorded, unanswered:
			wake = nil
			timer.Reset(rest)
		}
	}
}

// pass goes through the queue of an edge channel once. It returns how long to
// wait before what is left is tried again.
func (w *worker) pass(ctx context.Context) (rest time.Duration, end end) {
	tried := map[incident.AlertID]bool{} // and refused, so in the queue again
	for {
		var j job
		var more bool
		if !w.desk.do(ctx, func() { j, more = w.lane.next(w.desk.book, tried) }) {
			return 0, accepted
		}
		if !more {
			return longestPause, end
		}
		if len(w.begin(ctx, []job{j})) == 0 {
			return backoff(w.unrecordable), unrecorded
		}
		if ctx.Err() != nil {
			w.leave(ctx, []job{j})
			return 0, accepted
		}
		lingering, cancel := linger(ctx, grace) // half a telling may be told twice
		err := w.lane.edge.Tell(lingering, j.Alert, j.again)
		cancel()
		outcome, code, after := outbound.Judge(err)
		w.finish(ctx, []job{j}, outcome, code, err)
		switch {
		case ctx.Err() != nil:
			return 0, accepted
		case outcome == outbound.Accepted:
		case outcome == outbound.Refused:
			tried[j.ID] = true
			end = refused
		default:
			return max(after, backoff(w.failures)), unanswered
		}
	}
}

// finish counts, notes and records the outcome of an attempt. Where it cannot
// be recorded now it is before the next attempt is begun.
func (w *worker) finish(ctx context.Context, jobs []job, outcome outbound.Outcome, code outbound.Code, err error) {
	w.desk.m.sent.WithLabelValues(w.lane.name, string(outcome)).Add(float64(len(jobs)))
	if outcome == outbound.Accepted {
		w.failures = 0
	} else {
		w.failures++
		w.complain(ctx, len(jobs), outcome, code, err)
	}
	now := time.Now().UTC()
	for _, j := range jobs {
		if j.owed && outcome == outbound.Accepted || w.recorded(j) {
			d := w.line(j, Finished)
			d.At, d.Outcome, d.Code = now, outcome, code
			w.keep(d)
		}
		if outcome == outbound.Accepted && j.owed {
			since := j.Since
			if !j.Active() {
				since = j.Ended
			}
			w.desk.m.toAccepted.WithLabelValues(w.lane.name).Observe(max(0, now.Sub(since).Seconds()))
		}
	}
	w.flush(ctx) // if it fails, the end of the round tries again
	w.desk.do(ctx, func() {
		w.lane.settle(w.desk.book, jobs, outcome, now)
		w.desk.m.pending.WithLabelValues(w.lane.name).Set(float64(len(w.lane.owed)))
	})
}

// complain logs a failure: each of the first few, then ever more rarely.
func (w *worker) complain(ctx context.Context, alerts int, outcome outbound.Outcome, code outbound.Code, err error) {
	if !powerOfTwo(w.failures) {
		return
	}
	attrs := []any{
		"channel", w.lane.name, "alerts", alerts, "outcome", string(outcome), "code", string(code),
		"failures", w.failures, "err", err,
	}
	if h, ok := err.(interface{ Hint() string }); ok && h.Hint() != "" { //nolint:errorlint // the outermost hint is the one for operators
		attrs = append(attrs, "hint", h.Hint())
	}
	w.desk.log.Log(ctx, slog.LevelWarn, "alerts not accepted", attrs...)
}

func (w *worker) line(j job, p Phase) Delivery {
	return Delivery{
		V: DeliveryVersion, Channel: w.lane.name, Alert: j.ID, State: j.State, Phase: p,
		At: time.Now().UTC(), Attempt: j.attempt,
	}
}

// flush writes what is unwritten and returns whether nothing is left of it.
func (w *worker) flush(ctx context.Context) bool {
	for len(w.unwritten) > 0 {
		n := min(len(w.unwritten), maxBatch)
		if !w.write(ctx, w.unwritten[:n]) {
			return false
		}
		w.unwritten = slices.Delete(w.unwritten, 0, n)
	}
	return true
}

// write makes the lines durable, as one message. It has a little time left
// after ctx has ended: a line that is missing makes an outcome unknown.
func (w *worker) write(ctx context.Context, ds []Delivery) bool {
	body, err := EncodeDeliveries(ds)
	if err == nil {
		lingering, cancel := linger(ctx, grace)
		defer cancel()
		within, cancel := context.WithTimeout(lingering, recordWithin)
		defer cancel()
		_, err = w.desk.record.AppendDelivery(within, body)
	}
	if err != nil {
		w.desk.m.unrecorded.Inc()
		w.unrecordable++
		w.desk.log.ErrorContext(ctx, "append deliveries", "channel", w.lane.name, "lines", len(ds), "err", err)
		return false
	}
	w.unrecordable = 0
	return true
}

func powerOfTwo(n int) bool { return n > 0 && n&(n-1) == 0 }

const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// backoff returns how long to wait after so many failures in a row, from 1: a
// second, doubled each time up to a minute, less up to a quarter by chance so
// that many who failed together do not come back together.
func backoff(failures int) time.Duration {
	d := longestPause
	if n := max(failures, 1) - 1; n < 6 {
		d = min(firstPause<<n, longestPause)
	}
	return d - time.Duration(rand.Int64N(int64(d/4)))
}

// pause waits for d and returns whether ctx still stands.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// linger returns a context that ends d after ctx does.
func linger(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	out, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		defer cancel()
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-out.Done():
		}
	})
	return out, func() { stop(); cancel() }
}
