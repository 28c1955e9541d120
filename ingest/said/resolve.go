package said

import (
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A resolver gives the times of one text their days and instants.
type resolver struct {
	a     Anchor
	now   []time.Time       // what relative words count from: one instant, or two
	sent  time.Time         // the last instant that the sender can speak of without a flag
	fixed bool              // the sender's zone is not London's
	said  civil             // the day that was spoken of last
	spoke bool              // said is known
	last  incident.Interval // the time of day that was spoken of last
	prev  Fidelity
}

func newResolver(a Anchor) *resolver {
	a.Receipt = a.Receipt.UTC()
	r := &resolver{a: a, sent: a.Receipt, now: []time.Time{a.Receipt}}
	if !a.Sent.IsZero() && !a.Sent.After(a.Receipt) {
		r.sent = a.Sent.UTC()
		r.now = []time.Time{r.sent}
		if a.Receipt.Sub(a.Sent) > Anchored {
			r.now = append(r.now, a.Receipt)
		}
	}
	if a.Zoned {
		_, ours := r.now[0].In(incident.London()).Zone()
		// Mail servers write +0000 in summer, too: it is no sender's zone.
		r.fixed = a.Offset != 0 && a.Offset != time.Duration(ours)*time.Second
	}
	return r
}

// An answer is a time as an interval, before it is tied to a milestone.
type answer struct {
	in       incident.Interval
	flags    []incident.Flag
	fidelity Fidelity
	day      civil // of its beginning
	timed    bool  // it has a time of day
}

func (x *answer) flag(fs ...incident.Flag) {
	for _, f := range fs {
		if f != "" && !slices.Contains(x.flags, f) {
			x.flags = append(x.flags, f)
		}
	}
}

// civilOf returns the day of t where the text was written.
func (r *resolver) civilOf(t time.Time) civil {
	if r.fixed {
		t = t.UTC().Add(r.a.Offset)
	} else {
		t = t.In(incident.London())
	}
	return civil{t.Year(), t.Month(), t.Day()}
}

// ofDay returns the time of day of t where the text was written.
func (r *resolver) ofDay(t time.Time) time.Duration {
	if r.fixed {
		t = t.UTC().Add(r.a.Offset)
	} else {
		t = t.In(incident.London())
	}
	return time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute
}

// resolve returns when w was, or false where that cannot be said. over says
// that a time without a day may be of the day spoken of before, or of today.
func (r *resolver) resolve(w *written, over bool) (answer, bool) {
	if w.badZone || w.day.wrong || w.day.kind == future || w.day.kind == vague || w.day.to.year == 1 {
		return answer{}, false
	}
	var out answer
	found := false
	for _, now := range r.now {
		x, ok := r.from(w, now, over)
		if !ok {
			continue
		}
		switch {
		case !found:
			out, found = x, true
		case x.in != out.in:
			out.flag(x.flags...)
			out.flag(incident.FlagSpansSent)
			out.in = join(out.in, x.in)
		}
	}
	if !found {
		return out, false
	}
	if r.fixed && out.in.Earliest.After(r.a.Receipt.Add(incident.DefaultTolerance)) {
		// Not by the sender's clock: it would be still to come. London's remains.
		r.fixed = false
		ours, ok := r.resolve(w, over)
		r.fixed = true
		if ok && !ours.in.Earliest.After(r.a.Receipt) {
			ours.flag(incident.FlagSenderZone)
			return ours, true
		}
	}
	return r.clip(out), true
}

// join returns what reaches over both.
func join(a, b incident.Interval) incident.Interval {
	if b.Earliest.Before(a.Earliest) {
		a.Earliest = b.Earliest
	}
	if b.Latest.After(a.Latest) {
		a.Latest = b.Latest
	}
	return a
}

// clip cuts off what would lie after the text was sent.
func (r *resolver) clip(x answer) answer {
	switch late := x.in.Earliest.Sub(r.a.Receipt); {
	case late > incident.DefaultTolerance:
		x.flag(incident.FlagSkewed)
		return x
	case late > 0:
		x.flag(incident.FlagClipped)
		return x
	}
	if x.in.Earliest.After(r.sent) {
		x.flag(incident.FlagAfterSent)
		x.in = x.in.NotAfter(r.a.Receipt)
		return x
	}
	if len(r.now) > 1 && x.in.Latest.After(r.sent) {
		x.in = x.in.NotAfter(r.a.Receipt)
		x.flag(incident.FlagSpansSent)
		return x
	}
	x.in = x.in.NotAfter(r.sent)
	return x
}

// from resolves w as if it had been written at now.
func (r *resolver) from(w *written, now time.Time, over bool) (answer, bool) {
	switch {
	case w.later:
		return r.later(w)
	case w.ago:
		return r.ago(w, now), true
	case w.toward != nil:
		return r.span(w, now, over)
	}
	var x answer
	if w.monthFirst {
		x.flag(incident.FlagMonthFirst)
	}
	if r.fixed && !(w.timed && (w.zoned || w.london)) || w.bySender {
		x.flag(incident.FlagSenderZone)
	}
	days, doubt, ok := r.days(w, now)
	if !ok {
		return x, false
	}
	if w.also.kind != noDay {
		// The more exact name is used; they must not contradict each other.
		again := *w
		again.day = w.also
		same, unsure, ok := r.days(&again, now)
		if !ok || len(days) != 1 || len(same) != 1 || same[0] != days[0] {
			return x, false
		}
		doubt = doubt && unsure
	}
	if doubt {
		x.flag(incident.FlagEitherDay)
	}
	if w.timed {
		if w.day.kind == noDay && w.part == noPart {
			return r.undated(w, now, over, x)
		}
		return r.onDays(w, now, days, x)
	}
	for i, d := range days {
		in := r.wholeDays(w, d, now)
		if i == 0 {
			x.in, x.day = in, d.from
		} else {
			x.in = join(x.in, in)
		}
	}
	switch {
	case w.part != noPart && w.day.kind != weekend && w.day.kind != thisWeek:
		x.flag(incident.FlagPartOfDay)
		x.fidelity = ToPartOfDay
	case len(days) > 1 || days[0].from != days[0].to:
		x.flag(incident.FlagDateOnly)
		x.fidelity = ToDays
	default:
		x.flag(incident.FlagDateOnly)
		x.fidelity = ToDay
	}
	if x.in.Earliest.After(r.a.Receipt) {
		return x, false // of the future: a plan
	}
	return x, true
}

// A daySpan is a day, or several that follow one another.
type daySpan struct{ from, to civil }

// wholeDays returns the hours of d, or those of w's part of it.
func (r *resolver) wholeDays(w *written, d daySpan, now time.Time) incident.Interval {
	from, to := time.Duration(0), 24*time.Hour
	if w.part != noPart && w.day.kind != weekend && w.day.kind != thisWeek {
		from, to = hoursOf(w.part)
	}
	return incident.Interval{Earliest: r.instant(d.from, from), Latest: r.instant(d.to, to).Add(-1)}
}

// instant returns the instant of a civil time of the table of parts of day;
// where the clocks change, the one that makes the interval no narrower matters
// little: the hours are wide.
func (r *resolver) instant(c civil, ofDay time.Duration) time.Time {
	if r.fixed {
		return c.utc(ofDay).Add(-r.a.Offset)
	}
	u := c.utc(ofDay)
	return time.Date(u.Year(), u.Month(), u.Day(), u.Hour(), u.Minute(), 0, 0, incident.London()).UTC()
}

func (c civil) add(days int) civil {
	t := c.utc(time.Duration(days) * 24 * time.Hour)
	return civil{t.Year(), t.Month(), t.Day()}
}

func (c civil) before(d civil) bool { return c.utc(0).Before(d.utc(0)) }

// fromMonday returns how many days after Monday d is.
func fromMonday(d time.Weekday) int { return (int(d) + 6) % 7 }

// days returns the days that w can mean, the likeliest first; more than one
// are spanned. doubt says that another could be meant.
func (r *resolver) days(w *written, now time.Time) (days []daySpan, doubt, ok bool) {
	today := r.civilOf(now)
	one := func(c civil) []daySpan { return []daySpan{{c, c}} }
	weekday := today.utc(0).Weekday()
	switch d := w.day; d.kind {
	case noDay:
		switch w.part {
		case overnight, night:
			return one(today.add(-1)), false, true
		case noPart:
			return one(today), false, true
		}
		if from, _ := hoursOf(w.part); !w.timed && r.instant(today, from).After(now) {
			return one(today.add(-1)), true, true
		}
		return one(today), false, true
	case daysAgo:
		if d.n == 0 && (w.part == night || w.part == evening || w.part == lateEvening) && r.ofDay(now) < 6*time.Hour {
			return one(today.add(-1)), false, true // "this evening", written after midnight
		}
		return one(today.add(-d.n)), false, true
	case onDate:
		c, ok := r.year(d.date, today)
		if !ok {
			return nil, false, false
		}
		if d.date.year == 0 && d.named && c.utc(0).Weekday() != d.weekday {
			return nil, false, false
		}
		to := c
		if d.to.day > 0 {
			to = civil{c.year, c.month, d.to.day}
			if !to.exists() {
				return nil, false, false
			}
		}
		return []daySpan{{c, to}}, false, true
	case onWeekday:
		back := (int(weekday) - int(d.weekday) + 7) % 7
		switch {
		case d.n == 1: // of last week
			return one(today.add(-fromMonday(weekday) - 7 + fromMonday(d.weekday))), false, true
		case d.last && back == 0:
			return one(today.add(-7)), false, true
		case d.last && back <= fromMonday(weekday):
			return []daySpan{{today.add(-back - 7), today.add(-back - 7)}, {today.add(-back), today.add(-back)}}, true, true
		}
		return one(today.add(-back)), back == 0, true
	case dayOfMonth:
		c := civil{today.year, today.month, d.n}
		for range 3 {
			if c.exists() && !today.before(c) {
				return one(c), false, !d.named || c.utc(0).Weekday() == d.weekday
			}
			c.month--
			if c.month == 0 {
				c.year, c.month = c.year-1, 12
			}
		}
		return nil, false, false
	case weekend:
		back := (int(weekday) + 1) % 7 // since Saturday
		return []daySpan{{today.add(-back), today.add(-back + 1)}}, false, true
	case thisWeek:
		monday := today.add(-fromMonday(weekday) - 7*d.n)
		return []daySpan{{monday, monday.add(6)}}, false, true
	case sameDay:
		if !r.spoke {
			return one(today), false, true
		}
		return one(r.said), false, true
	case nextDay:
		if !r.spoke {
			return nil, false, false
		}
		n := 1
		if d.n < 0 {
			n = d.n
		}
		return one(r.said.add(n)), false, true
	case future, vague:
	}
	return nil, false, false
}

// year gives a date without a year the last in which it had begun.
func (r *resolver) year(c, today civil) (civil, bool) {
	if c.year != 0 {
		return c, c.exists()
	}
	c.year = today.year
	for range 9 {
		if c.exists() && !today.before(c) {
			return c, true
		}
		c.year--
	}
	return c, false
}

// spread is how far off a number that counts on from another time, or roughly
// back from now, may be, either way: people round. It grows with what is counted.
func spread(d time.Duration, exact bool) time.Duration {
	if exact {
		return max(time.Minute, d/12)
	}
	return max(5*time.Minute, 3*d/10)
}

func (r *resolver) ago(w *written, now time.Time) answer {
	var x answer
	x.flag(incident.FlagAgo)
	least, most := w.least, w.most
	switch {
	case w.near == -2: // less than
		least = 0
		x.flag(incident.FlagAbout)
	case w.near == -1: // nearly
		least = most * 3 / 4
		x.flag(incident.FlagAbout)
	case least == most && w.exact: // taken at its word, to the minute (scenarios.md row 37)
	case least == most || w.about && least > 0:
		s := spread(most, false)
		least, most = least-s, most+s
		x.flag(incident.FlagAbout)
	default:
		x.flag(incident.FlagAbout)
	}
	x.in = incident.Interval{Earliest: now.Add(-most), Latest: now.Add(-max(0, least))}
	if least == most && least >= time.Minute {
		// Who counts in minutes or hours means the minute: an instant would
		// decide a verdict by the seconds that the mail was on its way.
		x.in = incident.Interval{Earliest: x.in.Earliest.Truncate(time.Minute), Latest: x.in.Latest.Truncate(time.Minute).Add(time.Minute - 1)}
	}
	x.day, x.timed = r.civilOf(x.in.Earliest), true
	switch {
	case w.most < time.Hour:
		x.fidelity = ToMinute
	case w.most < 24*time.Hour:
		x.fidelity = ToHour
	default:
		x.fidelity = ToDays
	}
	return x
}

// later counts on from the time of day that was said before.
func (r *resolver) later(w *written) (answer, bool) {
	if !r.last.Closed() || r.prev != ToMinute && r.prev != ToSecond && r.prev != ToHour {
		return answer{}, false
	}
	if w.past > 0 {
		return r.hourless(w)
	}
	var x answer
	x.flag(incident.FlagAgo)
	least, most := w.least, w.most
	if least == most {
		s := spread(most, w.exact)
		least, most = least-s, most+s
	}
	if !w.exact {
		x.flag(incident.FlagAbout)
	}
	x.in = incident.Interval{Earliest: r.last.Earliest.Add(max(0, least)), Latest: r.last.Latest.Add(most)}
	x.day, x.timed, x.fidelity = r.civilOf(x.in.Earliest), true, ToMinute
	return x, !x.in.Earliest.After(r.a.Receipt)
}

// span resolves a range both of whose ends may have their own day.
func (r *resolver) span(w *written, now time.Time, over bool) (answer, bool) {
	from, to := *w, *w.toward
	from.toward = nil
	switch {
	case to.day.kind == noDay && to.part == noPart:
		to.day = from.day
	case from.day.kind == noDay && from.part == noPart:
		from.day = to.day
	}
	if !from.zoned && to.zoned {
		from.zoned, from.zone, from.bySender = true, to.zone, to.bySender
	}
	x, ok := r.from(&from, now, over)
	if !ok {
		return x, false
	}
	y, ok := r.from(&to, now, over)
	if !ok {
		return x, false
	}
	if y.in.Latest.Before(x.in.Earliest) {
		day := 24 * time.Hour
		switch {
		case w.toward.day.kind == noDay && w.toward.part == noPart:
			y.in.Earliest, y.in.Latest = y.in.Earliest.Add(day), y.in.Latest.Add(day)
		case w.day.kind == noDay && w.part == noPart:
			x.in.Earliest = x.in.Earliest.Add(-day)
		case w.day.kind == onWeekday && to.day.kind == onWeekday:
			x.in.Earliest = x.in.Earliest.Add(-7 * day)
		}
		if y.in.Latest.Before(x.in.Earliest) {
			return x, false
		}
	}
	x.in.Latest = y.in.Latest
	x.flag(y.flags...)
	if y.fidelity == ToDay || x.fidelity == ToDay {
		x.fidelity = ToDays
	} else if y.fidelity == ToPartOfDay {
		x.fidelity = ToPartOfDay
	}
	return x, true
}
