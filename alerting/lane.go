package alerting

import (
	"cmp"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

// A lane is what is known of one channel during a tour. The desk's mutex guards
// it, once its record was read.
type lane struct {
	name  string
	level Level // or nil
	edge  Edge  // or nil
	wake  chan struct{}

	// joined is the number of the last entry that was known when the channel
	// was new; known whether that is on record.
	joined uint64
	known  bool
	told   map[incident.AlertID]*told
	// owed and queue hold the ids of what the channel is owed, queue in the
	// order in which it is told.
	owed  map[incident.AlertID]bool
	queue []incident.AlertID
}

// told is what a channel was told of one alert.
type told struct {
	state incident.AlertState // that was accepted, an end before active; or ""
	at    time.Time           // when it was accepted
	tries map[incident.AlertState]*try
}

// A try is what is known of the attempts to tell one state that is not accepted,
// or of which an attempt is still open.
type try struct {
	last    int   // number of the last attempt
	open    []int // attempts that are begun and not finished
	unknown bool  // one of the attempts may have been accepted
}

func newLane(name string, level Level, edge Edge) *lane {
	return &lane{
		name:  name,
		level: level,
		edge:  edge,
		wake:  make(chan struct{}, 1),
		told:  map[incident.AlertID]*told{},
		owed:  map[incident.AlertID]bool{},
	}
}

func byAge(a, b *alert) int { return cmp.Or(cmp.Compare(a.entry, b.entry), cmp.Compare(a.ID, b.ID)) }

func (l *lane) of(id incident.AlertID) *told {
	t := l.told[id]
	if t == nil {
		t = &told{}
		l.told[id] = t
	}
	return t
}

// recall takes up what the record of deliveries says. Lines of two tellers may be
// mixed where one of them had been thought dead: an attempt is known by its
// number, an outcome may come after a later attempt or a later state, and an
// acceptance stands whatever else is said of the same attempt.
func (l *lane) recall(d Delivery) {
	if d.Phase == Joined {
		if !l.known {
			l.joined, l.known = d.Entry, true
		}
		return
	}
	t := l.of(d.Alert)
	if d.Phase == Finished && d.Outcome == outbound.Accepted {
		t.accept(d.State, d.Attempt, d.At)
		return
	}
	y := t.try(d.State)
	y.last = max(y.last, d.Attempt)
	if d.Phase == Begun {
		y.open = append(y.open, d.Attempt)
		return
	}
	y.open = slices.DeleteFunc(y.open, func(n int) bool { return n == d.Attempt })
	y.unknown = y.unknown || d.Outcome == outbound.Unknown
	t.tidy(d.State)
}

// try returns what is known of the attempts to tell s.
func (t *told) try(s incident.AlertState) *try {
	if t.tries == nil {
		t.tries = map[incident.AlertState]*try{}
	}
	y := t.tries[s]
	if y == nil {
		y = &try{}
		t.tries[s] = y
	}
	return y
}

// accept notes that attempt n to tell s was accepted. What was accepted first
// stands, unless s is the end of an alert that was told to be active.
func (t *told) accept(s incident.AlertState, n int, at time.Time) {
	if t.state == "" || !ended(t.state) && ended(s) {
		t.state, t.at = s, at
	}
	if y := t.tries[s]; y != nil {
		y.last = max(y.last, n)
		y.open = slices.DeleteFunc(y.open, func(o int) bool { return o == n })
	}
	for s := range t.tries {
		t.tidy(s)
	}
}

// tidy forgets the attempts to tell s if it is never told again and none of them
// is open.
func (t *told) tidy(s incident.AlertState) {
	if y := t.tries[s]; y != nil && len(y.open) == 0 && t.knows(s) {
		delete(t.tries, s)
	}
}

// knows reports whether the channel has accepted s, or what comes after it.
func (t *told) knows(s incident.AlertState) bool { return t.state == s || ended(t.state) }

// loose returns what has to be written before the channel is told anything:
// that it is new, at the given entry, and that attempts were cut by a crash.
func (l *lane) loose(at uint64, now time.Time) []Delivery {
	var ds []Delivery
	if !l.known {
		ds = append(ds, Delivery{V: DeliveryVersion, Channel: l.name, Phase: Joined, At: now, Entry: at})
		l.joined, l.known = at, true
	}
	for id, t := range l.told {
		for s, y := range t.tries {
			y.unknown = y.unknown || len(y.open) > 0
			for _, n := range y.open {
				ds = append(ds, Delivery{
					V: DeliveryVersion, Channel: l.name, Alert: id, State: s, Phase: Finished,
					Outcome: outbound.Unknown, Code: outbound.Interrupted, At: now, Attempt: n,
				})
			}
			y.open = nil
			t.tidy(s)
		}
	}
	slices.SortFunc(ds, func(a, b Delivery) int {
		return cmp.Or(cmp.Compare(a.Alert, b.Alert), cmp.Compare(a.State, b.State), cmp.Compare(a.Attempt, b.Attempt))
	})
	return ds
}

// owes reports whether the channel has yet to accept the state of a.
func (l *lane) owes(a *alert) bool {
	t := l.told[a.ID]
	switch {
	case t != nil:
		// Where a teller before us had followed the record further, the channel
		// knows an end that the book does not know yet.
		return !t.knows(a.State)
	case a.Active():
		return true
	default:
		return a.entry > l.joined
	}
}

// owe notes that the state of a may be owed, and wakes the channel if it is.
func (l *lane) owe(a *alert) {
	if !l.owes(a) {
		return // what is owed stays so until it is accepted
	}
	if !l.owed[a.ID] {
		l.owed[a.ID] = true
		l.queue = append(l.queue, a.ID)
	}
	select {
	case l.wake <- struct{}{}:
	default: // it is awake, or will be
	}
}

// rouse takes what would wake the channel: it is awake, and about to look at
// all that it is owed.
func (l *lane) rouse() {
	select {
	case <-l.wake:
	default:
	}
}

// needs reports whether a, which has ended, is still owed or repeated.
func (l *lane) needs(a *alert, now time.Time) bool {
	if l.owes(a) {
		return true
	}
	t := l.told[a.ID]
	return l.level != nil && t != nil && now.Sub(t.at) < repeatEnd
}

// repeatEnd is how long the end of an alert is told again: Alertmanager's
// documents ask for up to five minutes (docs/alerts_api.md).
const repeatEnd = 5 * time.Minute

// A job is one alert in one state, to be told.
type job struct {
	incident.Alert
	attempt int
	owed    bool // else it is a repetition
	again   bool // an earlier attempt may have been accepted
}

func (l *lane) job(a *alert) job {
	j := job{Alert: a.Alert, owed: l.owed[a.ID], attempt: 1}
	if t := l.told[a.ID]; t != nil && t.tries[a.State] != nil {
		y := t.tries[a.State]
		j.attempt, j.again = y.last+1, y.unknown
	}
	return j
}

// batch returns what a level channel is told next: what it is owed and, if all
// is set, what is repeated. Of alerts with one name, of which there are several
// if it fired again, the first that is owed comes alone, so that a receiver to
// whom they are one sees it end and fire again.
func (l *lane) batch(b *book, all bool, now time.Time) []job {
	var jobs []job
	byName := map[string]int{}
	for _, id := range l.queue {
		a := b.alerts[id]
		i, seen := byName[a.Name()]
		switch {
		case !seen:
			byName[a.Name()] = len(jobs)
			jobs = append(jobs, l.job(a))
		case a.G < jobs[i].G:
			jobs[i] = l.job(a)
		}
	}
	if !all {
		return jobs
	}
	for id, a := range b.alerts {
		t := l.told[id]
		if l.owed[id] || t == nil || t.state != a.State {
			continue
		}
		if _, seen := byName[a.Name()]; seen || b.firedAgain(a) {
			continue
		}
		if !a.Active() && now.Sub(t.at) >= repeatEnd {
			continue
		}
		jobs = append(jobs, l.job(a))
	}
	return jobs
}

// next returns the first alert in the queue that is not among the tried. It
// stays in the queue until it is accepted.
func (l *lane) next(b *book, tried map[incident.AlertID]bool) (job, bool) {
	for _, id := range l.queue {
		if !tried[id] {
			return l.job(b.alerts[id]), true
		}
	}
	return job{}, false
}

// settle notes the outcome of an attempt at jobs.
func (l *lane) settle(b *book, jobs []job, outcome outbound.Outcome, now time.Time) {
	for _, j := range jobs {
		if !j.owed {
			continue
		}
		t := l.of(j.ID)
		if outcome == outbound.Accepted {
			t.accept(j.State, j.attempt, now)
			// It may have ended while it was being told.
			if a := b.alerts[j.ID]; !l.owes(a) {
				delete(l.owed, j.ID)
			}
			continue
		}
		y := t.try(j.State)
		y.last, y.unknown = j.attempt, y.unknown || outcome == outbound.Unknown
	}
	l.queue = slices.DeleteFunc(l.queue, func(id incident.AlertID) bool { return !l.owed[id] })
}
