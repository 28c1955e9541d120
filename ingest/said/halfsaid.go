package said

import (
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// halfSaid reads a range whose first end leaves out the hour, at i: "quarter
// past and half past one", "ten to to five to nine", "ten and twenty past
// three". The hour is that of its other end.
func (s *scan) halfSaid(i int) (start, stop clock, next int, about, ok bool) {
	t := s.at(i)
	n, j, ok := s.numberAt(i)
	switch {
	case t.text == "quarter":
		n, j = 15, i+1
	case t.text == "half":
		n, j = 30, i+1
	case t.kind == aNumber && t.digits <= 2:
		n, j = t.n, i+1
	case !ok:
		return start, stop, i, false, false
	}
	if s.at(j).is("minutes", "mins") {
		j++
	}
	way := s.at(j)
	switch {
	case way.is("past", "to") && s.at(j+1).is("and", "or", "to", "-", "until"):
		j++
	case n%5 == 0 && n < 30 && way.text == "and" && s.cueBefore(i, "between"):
		way = &nowhere // that of the other end
	default:
		return start, stop, i, false, false
	}
	for j++; s.at(j).lex.is&roughly != 0 || s.at(j).is("at", "just"); j++ {
	}
	stop, next, sure := s.clock(j)
	if sure != strong || stop.hourOnly || n < 1 || n > 59 || stop.midnight {
		return start, stop, i, false, false
	}
	if way == &nowhere {
		for k := j; k < next && !way.is("past", "to"); k++ {
			way = s.at(k)
		}
		about = true // "ten" may be the hour
	}
	start = stop
	switch start.min = n; way.text {
	case "past":
	case "to":
		start.min = 60 - n
	default:
		return start, stop, i, false, false
	}
	if start.min >= stop.min {
		if start.either && start.hour == 1 {
			start.hour = 13
		} else if start.hour == 0 {
			return start, stop, i, false, false
		}
		start.hour--
	}
	return start, stop, next, about, true
}

// backOf reads "the back of three", which in Scotland is from three to about
// twenty past.
func (s *scan) backOf(i int) (start, stop clock, next int, ok bool) {
	if s.at(i).text != "back" || s.at(i+1).text != "of" {
		return start, stop, i, false
	}
	hour, next := s.hourWord(i + 2)
	if hour == 0 || !s.okAfter(next, "") {
		return start, stop, i, false
	}
	start = clock{hour: hour, unit: time.Minute}
	start, next, _ = s.settle(start, next, strong, false)
	stop = start
	stop.min = 20
	return start, stop, next, true
}

// group reads a military date-time group at i: 171122ZSEP26 is 11:22 on 17
// September 2026, in the zone of the letter.
func (s *scan) group(i, lo int) (written, bool) {
	t, j := s.at(i), i+1
	w := written{begin: i, from: i}
	if t.kind != aNumber || t.digits != 6 || s.partOfNumber(i) || !s.at(j).glued || s.at(j).kind != aWord {
		return w, false
	}
	letter, month := s.at(j).text[:1], s.at(j).text[1:]
	if month == "" {
		j++
		month = s.at(j).text
	}
	m := s.words[month]
	y := s.at(j + 1)
	if m.is&monthName == 0 || y.kind != aNumber || y.digits != 2 && y.digits != 4 || s.runsOn(j+2) {
		return w, false
	}
	year := y.n
	if y.digits == 2 {
		year += 2000
	}
	w.end = j + 2
	w.day = dayRef{kind: onDate, date: civil{year, time.Month(m.n), t.n / 10000}}
	w.start = clock{hour: t.n / 100 % 100, min: t.n % 100, unit: time.Minute}
	if !w.day.date.exists() || w.start.hour > 23 || w.start.min > 59 {
		return w, false
	}
	w.timed, w.stop = true, w.start
	switch c := letter[0]; {
	case c == 'z':
		w.zoned = true
	case c == 'j': // the writer's own
	case c >= 'a' && c <= 'i':
		w.zoned, w.zone = true, time.Duration(c-'a'+1)*time.Hour
	case c >= 'k' && c <= 'm':
		w.zoned, w.zone = true, time.Duration(c-'a')*time.Hour
	default:
		w.zoned, w.zone = true, -time.Duration(c-'n'+1)*time.Hour
	}
	s.look(i, lo, false, &w)
	s.behind(&w)
	return w, true
}

// pastHour reads minutes whose hour is left out at i: "quarter past".
func (s *scan) pastHour(i int) (n, next int, ok bool) {
	t := s.at(i)
	n, next, ok = s.numberAt(i)
	switch {
	case t.is("quarter", "half"):
		n, next, ok = 15, i+1, true
		if t.text == "half" {
			n = 30
		}
	case t.kind == aNumber && t.digits <= 2 && !s.partOfNumber(i):
		n, next, ok = t.n, i+1, true
	}
	if !ok || n < 1 || n > 59 || s.at(next).text != "past" {
		return 0, i, false
	}
	next++
	hour, _ := s.hourWord(next)
	return n, next, hour == 0 && s.okAfter(next, "") && !s.at(next).is("my", "a", "noon", "midday", "midnight") && s.at(next+1).text != "hour"
}

// hourless resolves minutes past an hour that was said before, "by" which
// something was: since the time said before.
func (r *resolver) hourless(w *written) (answer, bool) {
	const whole = time.Hour
	var x answer
	if r.last.Latest.Sub(r.last.Earliest) >= whole/2 {
		return x, false
	}
	at := r.last.Earliest.Truncate(whole).Add(w.past) // London's hours are whole ones
	if r.fixed && r.a.Offset%whole != 0 {
		return x, false
	}
	if at.Before(r.last.Earliest) {
		at = at.Add(whole)
	}
	x.in = incident.Interval{Earliest: at, Latest: at.Add(time.Minute - 1)}
	if w.bySaid {
		x.in.Earliest = r.last.Earliest
	}
	x.flag(incident.FlagAbout)
	x.day, x.timed, x.fidelity = r.civilOf(at), true, ToMinute
	return x, !x.in.Earliest.After(r.a.Receipt)
}
