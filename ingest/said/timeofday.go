package said

import (
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// justBy is how far a time may be off that is said to be just before or after
// another.
const justBy = 15 * time.Minute

// onDays resolves a time of day on the days that w names.
func (r *resolver) onDays(w *written, now time.Time, days []daySpan, x answer) (answer, bool) {
	done := false
	for _, d := range days {
		if d.from != d.to { // "at 9:15 over the weekend"
			y, ok := r.eachDay(w, d)
			if ok {
				x.flag(incident.FlagEitherDay)
				x.merge(y, &done)
			}
			continue
		}
		y, ok := r.onDay(w, d.from, now)
		if ok && y.in.Earliest.After(r.a.Receipt) && w.day.kind == onWeekday && len(days) == 1 {
			// Friday at 17:40, written on a Friday at noon
			y, ok = r.onDay(w, d.from.add(-7), now)
			x.flag(incident.FlagEitherDay)
		} else if ok && w.day.kind == noDay && y.in.Earliest.After(r.a.Receipt.Add(incident.DefaultTolerance)) {
			y, ok = r.onDay(w, d.from.add(-1), now) // "3 in the afternoon", written in the morning
			x.flag(incident.FlagEitherDay)
		}
		if ok {
			x.merge(y, &done)
		}
	}
	return x, done
}

func (x *answer) merge(y answer, done *bool) {
	if !*done {
		x.in, x.fidelity, x.day, x.timed = y.in, y.fidelity, y.day, true
	} else {
		x.in = join(x.in, y.in)
	}
	x.flag(y.flags...)
	*done = true
}

// eachDay spans the times of day of the several days of d.
func (r *resolver) eachDay(w *written, d daySpan) (x answer, done bool) {
	for c, n := d.from, 0; n < 7 && !d.to.before(c); c, n = c.next(), n+1 {
		y, ok := r.onDay(w, c, r.sent)
		if ok && !y.in.Earliest.After(r.a.Receipt) {
			x.merge(y, &done)
		}
	}
	return x, done
}

// undated resolves a time of day with no day: of today, or of yesterday if it
// has not been yet today; or of the day that was spoken of before.
func (r *resolver) undated(w *written, now time.Time, over bool, x answer) (answer, bool) {
	today := r.civilOf(now)
	done := false
	y, ok := r.onDay(w, today, now)
	if ok && !y.in.Earliest.After(r.a.Receipt.Add(incident.DefaultTolerance)) {
		x.merge(y, &done)
	} else if ok && !over {
		yesterday, ok := r.onDay(w, today.add(-1), now)
		if ok {
			x.flag(incident.FlagEitherDay)
			x.merge(yesterday, &done)
		}
	}
	if !over || !r.spoke || r.said == today {
		return x, done
	}
	x.flag(incident.FlagEitherDay)
	then, ok := r.onDay(w, r.said, now)
	if !ok || then.in.Earliest.After(r.a.Receipt) {
		return x, done
	}
	// What was noticed was noticed after it had happened.
	if w.order > 0 && r.last.Closed() {
		if then.in.Latest.Before(r.last.Earliest) && done {
			return x, done
		}
		if then.in.Earliest.Before(r.last.Earliest) && r.last.Earliest.Before(then.in.Latest) {
			then.in.Earliest = r.last.Earliest
		}
	}
	if w.order < 0 && r.last.Closed() && done && x.in.Earliest.After(r.last.Latest) {
		done = false
	}
	x.merge(then, &done)
	return x, done
}

// onDay resolves w's time of day on c.
func (r *resolver) onDay(w *written, c civil, now time.Time) (answer, bool) {
	x := answer{day: c, timed: true, fidelity: ToMinute}
	switch {
	case w.start.unit < time.Minute:
		x.fidelity = ToSecond
	case w.start.hourOnly && !w.ranged:
		x.fidelity = ToHour
	}
	pairs, ok := r.pairs(w, c, now, &x)
	if !ok {
		return x, false
	}
	for i, p := range pairs {
		from, f1 := r.moment(w, p.from, p.start).readings(r.a.Receipt)
		to, f2 := r.moment(w, p.to, p.stop).readings(r.a.Receipt)
		x.flag(f1, f2)
		in := incident.Interval{Earliest: from[0].Earliest, Latest: to[len(to)-1].Latest}
		if i == 0 {
			x.in = in
		} else {
			x.in = join(x.in, in)
		}
	}
	switch {
	case w.near < 0:
		x.in.Earliest, x.in.Latest = x.in.Earliest.Add(-justBy), x.in.Earliest
		x.flag(incident.FlagAbout)
	case w.near > 0:
		x.in.Latest = x.in.Latest.Add(justBy)
		x.flag(incident.FlagAbout)
	case w.about:
		x.in.Earliest, x.in.Latest = x.in.Earliest.Add(-About), x.in.Latest.Add(About)
		x.flag(incident.FlagAbout)
	}
	return x, x.in.Valid()
}

func (r *resolver) moment(w *written, c civil, k clock) moment {
	m := moment{date: c, time: hours{ofDay: k.ofDay(), unit: k.unit}}
	switch {
	case w.zoned:
		m.time.zoned, m.time.zone = true, w.zone
	case r.fixed && !w.london:
		m.time.zoned, m.time.zone = true, r.a.Offset
	}
	return m
}

// A pair is one reading of a time of day or range, each end on its day.
type pair struct {
	from, to    civil
	start, stop clock
}

// pairs returns the readings of w on c that are spanned: one, unless neither
// am nor pm was written and both are as likely.
func (r *resolver) pairs(w *written, c civil, now time.Time, x *answer) ([]pair, bool) {
	start, stop := w.start, w.stop
	if start.midnight || stop.midnight {
		return r.midnights(w, c, x)
	}
	if w.ranged {
		start, stop = alike(start, stop)
	}
	if !start.either {
		p, ok := r.placed(w, c, start, stop, x)
		return []pair{p}, ok
	}
	if w.part != noPart {
		half, _, sure := w.part.half(start.hour)
		if half == noHalf {
			return nil, false
		}
		if !sure {
			x.flag(incident.FlagEitherHalf)
		}
		p, ok := r.placed(w, c, start.in(half), stop, x)
		return []pair{p}, ok
	}
	morning, ok1 := r.placed(w, c, start.in(am), stop, x)
	after, ok2 := r.placed(w, c, start.in(pm), stop, x)
	if !ok1 || !ok2 {
		return nil, false
	}
	begins := func(p pair) time.Time {
		in, _ := r.moment(w, p.from, p.start).readings(r.a.Receipt)
		return in[0].Earliest
	}
	today := c == r.civilOf(now)
	if w.ranged && (morning.from == morning.to) != (after.from == after.to) {
		// "between 11 and 1" is over noon rather than over midnight
		x.flag(incident.FlagEitherHalf)
		if morning.from == morning.to {
			return []pair{morning}, true
		}
		return []pair{after}, true
	}
	switch {
	case start.hour == 12: // noon, unless that is still to come
		if start.hourOnly {
			x.flag(incident.FlagEitherHalf)
		}
		if begins(after).After(r.a.Receipt) && !begins(morning).After(r.a.Receipt) && (w.day.kind != noDay || r.ofDay(now) < 6*time.Hour) {
			x.flag(incident.FlagEitherHalf)
			return []pair{morning}, true
		}
		return []pair{after}, true
	case begins(after).After(latest(r.sent, now)):
		// Only the morning has been. A small hour may yet be yesterday
		// afternoon's.
		if start.hour < 7 {
			x.flag(incident.FlagEitherHalf)
		}
		return []pair{morning}, true
	case start.hour < 7 && (w.day.kind != noDay || !c.before(r.civilOf(now).add(-1))):
		x.flag(incident.FlagEitherHalf)
		return []pair{after}, true
	case today, start.hour < 9 && start.hourOnly, w.day.kind == noDay && c.before(r.civilOf(now).add(-1)):
		x.flag(incident.FlagEitherHalf)
		return []pair{morning, after}, true
	case w.day.kind == noDay && r.ofDay(now) < 6*time.Hour && c == r.civilOf(now).add(-1):
		x.flag(incident.FlagEitherHalf)
		return []pair{after}, true // twenty to twelve, written after midnight
	case w.day.kind == noDay && c == r.civilOf(now).add(-1):
		x.flag(incident.FlagEitherHalf)
		return []pair{morning, after}, true
	}
	x.flag(incident.FlagEitherHalf)
	return []pair{morning}, true
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// alike lets one end of a range take over the half of the day of the other.
func alike(start, stop clock) (clock, clock) {
	switch {
	case start.either && !stop.either && stop.half != noHalf:
		same := start.in(stop.half)
		if same.ofDay() > stop.ofDay() {
			same = start.in(am + pm - stop.half)
		}
		return same, stop
	case start.either && !stop.either && stop.hour > 12:
		if same := start.in(pm); same.ofDay() <= stop.ofDay() {
			return same, stop
		}
		return start.in(am), stop
	}
	return start, stop
}

// placed puts a reading's two ends on their days. It is false where the words
// contradict each other.
func (r *resolver) placed(w *written, c civil, start, stop clock, x *answer) (pair, bool) {
	p := pair{from: c, to: c, start: start, stop: start}
	if !fits(w.part, start) {
		return p, false
	}
	if past(w.part, start) {
		p.from, p.to = c.next(), c.next()
		if w.day.kind != daysAgo && w.day.kind != noDay {
			x.flag(incident.FlagEitherDay) // 2am on Friday night
		}
	}
	if !w.ranged {
		return p, true
	}
	if stop.either {
		same := stop.in(start.half)
		if start.half == noHalf {
			same = stop.in(am)
			if start.hour >= 12 {
				same = stop.in(pm)
			}
		}
		if same.ofDay() < start.ofDay() {
			other := stop.in(pm)
			if start.hour >= 12 {
				other = stop.in(am)
			}
			same = other
		}
		stop = same
	}
	p.stop = stop
	if stop.ofDay() < start.ofDay() {
		if stop.ofDay()+24*time.Hour-start.ofDay() > 14*time.Hour {
			return p, false
		}
		p.to = p.from.next()
		if w.part == noPart && w.day.kind == noDay && r.moment(w, p.to, stop).utc().After(r.a.Receipt) {
			p.from, p.to = p.from.add(-1), p.from
		}
	}
	return p, true
}

// utc is roughly when m is; enough to see whether it has been.
func (m moment) utc() time.Time { return m.date.utc(m.time.ofDay).Add(-m.time.zone) }

// past reports whether a time of day that is said with p lies after the
// midnight that ends p's day.
func past(p part, c clock) bool {
	switch p {
	case night, overnight, lateEvening:
		return c.hour < 10
	case evening:
		return c.hour == 0
	}
	return false
}

// fits reports whether a time of day can be within p.
func fits(p part, c clock) bool {
	switch p {
	case earlyHours, earlyMorning, firstThing, morning, midMorning, lateMorning:
		return c.hour <= 12
	case lunchtime:
		return c.hour >= 11 && c.hour < 15
	case earlyAfternoon, afternoon, midAfternoon, lateAfternoon, closeOfPlay:
		return c.hour >= 12 && c.hour < 20
	case earlyEvening, evening:
		return c.hour >= 15 || c.hour == 0
	case night, overnight, lateEvening:
		return c.hour >= 17 || c.hour < 10
	}
	return true
}

// midnights reads midnight, of which nobody can say for sure which it is: that
// before a day, or that after it. Where a night is named, it is that night's.
func (r *resolver) midnights(w *written, c civil, x *answer) ([]pair, bool) {
	x.flag(incident.FlagMidnight)
	at := func(d civil) pair {
		p := pair{from: d, to: d, start: w.start, stop: w.stop}
		if w.ranged && w.stop.ofDay() < w.start.ofDay() {
			if w.start.midnight {
				return p
			}
			p.to = d.next()
		}
		return p
	}
	if w.ranged {
		start, stop := w.start, w.stop
		if start.either {
			start = start.in(pm)
		}
		if stop.either {
			stop = stop.in(am)
		}
		p := pair{from: c, to: c, start: start, stop: stop}
		if stop.ofDay() < start.ofDay() {
			p.to = c.next()
			if w.day.kind == noDay || w.day.kind == daysAgo && w.day.n == 0 {
				p.from, p.to = c.add(-1), c
			}
		}
		return []pair{p}, true
	}
	if w.start.hour != 0 { // ten to midnight
		if w.day.kind == noDay && w.part == noPart {
			return []pair{at(c.add(-1))}, true
		}
		return []pair{at(c)}, true
	}
	switch {
	case w.part == night || w.part == evening || w.part == lateEvening || w.part == overnight:
		return []pair{at(c.next())}, true
	case w.part != noPart, w.day.kind == noDay, w.day.kind == daysAgo && w.day.n == 0:
		return []pair{at(c)}, true
	}
	if w.start.min != 0 {
		return []pair{at(c), at(c.next())}, true
	}
	return []pair{at(c), at(c.next())}, true
}
