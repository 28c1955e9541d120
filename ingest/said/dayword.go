package said

import (
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// startsDate reports whether a date begins at token i.
func (s *scan) startsDate(i int) bool {
	var w written
	_, ok := s.day(i, &w)
	return ok
}

// day reads a day from token i into w and returns the token after it.
func (s *scan) day(i int, w *written) (next int, ok bool) {
	t := s.at(i)
	if t.kind == aNumber {
		if s.at(i+1).is("st", "nd", "rd", "th") && s.at(i+2).is("inst", "instant", "ult", "ultimo") {
			return s.inst(i, i+2, w), true
		}
		if next, ok := s.date(i, w); ok || s.at(i-1).text != "on" || !s.at(i+1).is("st", "nd", "rd", "th") {
			return next, ok
		}
		return s.theDay(i, w) // "on 20th at 9.15"
	}
	if t.kind != aWord {
		return i, false
	}
	set := func(d dayRef, n int) (int, bool) {
		w.day = d
		return i + n, true
	}
	switch t.text {
	case "today", "tday":
		return set(dayRef{kind: daysAgo}, 1)
	case "yesterday", "yest", "yday", "yesterdays":
		return set(dayRef{kind: daysAgo, n: 1}, 1)
	case "tomorrow", "tmrw", "tomorrow's":
		return set(dayRef{kind: future}, 1)
	case "the":
		return s.theDay(i+1, w)
	case "day":
		if s.at(i+1).text == "before" && s.at(i+2).text == "yesterday" {
			return set(dayRef{kind: daysAgo, n: 2}, 3)
		}
	case "same":
		if s.at(i+1).text == "day" {
			return set(dayRef{kind: sameDay}, 2)
		}
	case "that", "later":
		j := i + 1
		if t.text == "later" && s.at(j).is("that", "the") {
			j++
			if s.at(j).text == "same" {
				j++
			}
		}
		if u := s.at(j); u.text == "day" || u.lex.is&partName != 0 {
			if t.text == "later" && j == i+1 {
				break
			}
			if u.lex.is&partName != 0 {
				w.part, w.day = u.lex.part, dayRef{kind: sameDay}
			} else {
				w.day = dayRef{kind: sameDay}
			}
			return j + 1, true
		}
	case "earlier":
		if s.at(i+1).is("today", "yesterday") {
			return s.day(i+1, w)
		}
		if s.at(i+1).text == "this" || s.at(i+1).text == "last" || s.at(i+1).text == "that" {
			return s.day(i+1, w)
		}
	case "one", "some":
		if s.at(i+1).is("day", "time") && t.text == "one" || s.at(i+1).is("days", "weeks", "months") && s.at(i+2).is("ago", "back") {
			return set(dayRef{kind: vague}, 2)
		}
	case "recently":
		return set(dayRef{kind: vague}, 1)
	case "weekend":
		return set(dayRef{kind: weekend}, 1)
	case "this", "last", "past", "next", "previous", "following":
		return s.determined(i, w)
	}
	if t.lex.is&weekdayName != 0 {
		return s.weekday(i, w)
	}
	if t.lex.is&monthName != 0 {
		return s.monthFirst(i, w)
	}
	return i, false
}

// theDay reads what stands behind "the" at i-1.
func (s *scan) theDay(i int, w *written) (int, bool) {
	t := s.at(i)
	switch {
	case t.is("other") && (s.at(i+1).text == "day" || s.at(i+1).text == "week" || s.at(i+1).lex.is&partName != 0):
		w.day = dayRef{kind: vague}
		return i + 2, true
	case t.is("weekend"):
		w.day = dayRef{kind: weekend}
		return i + 1, true
	case t.is("same", "day"):
		if next, ok := s.day(i, w); ok {
			return next, true
		}
		if t.text == "day" && s.at(i+1).text == "after" && !s.at(i+2).is("tomorrow") {
			w.day = dayRef{kind: nextDay}
			return i + 2, true
		}
	case t.is("following", "next", "previous", "last", "past"):
		return s.determined(i, w)
	case t.kind == aNumber && t.digits <= 2 && s.at(i+1).is("st", "nd", "rd", "th") && s.at(i+1).glued:
		if next, ok := s.date(i, w); ok {
			return next, true
		}
		next := i + 2
		if s.at(next).lex.is&(street|measures|numbers) != 0 || t.n < 1 || t.n > 31 {
			return i, false
		}
		if s.at(next).is("inst", "instant", "ult", "ultimo") {
			return s.inst(i, next, w), true
		}
		if s.at(next).text == "of" && s.at(next+1).text == "this" && s.at(next+2).text == "month" {
			next += 3
		} else if s.at(next).kind == aWord && s.at(next).lex == (lexeme{}) {
			return i, false // the 3rd party
		}
		w.day = dayRef{kind: dayOfMonth, n: t.n}
		return next, true
	case t.lex.is&weekdayName != 0:
		return s.weekday(i, w)
	case t.kind == aNumber || t.lex.is&numberWord != 0:
		return s.date(i, w)
	}
	return i, false
}

// inst gives the day of the month at i the month that the word at next names:
// this or the last.
func (s *scan) inst(i, next int, w *written) int {
	t := s.a.Receipt.In(incident.London())
	first := civil{t.Year(), t.Month(), 1}
	if s.at(next).is("ult", "ultimo") {
		first = first.add(-1)
	}
	w.day = dayRef{kind: onDate, date: civil{first.year, first.month, s.at(i).n}}
	w.day.wrong = !w.day.date.exists()
	if next++; s.at(next).text == "." {
		next++
	}
	return next
}

// determined reads this, last, next … and what they determine.
func (s *scan) determined(i int, w *written) (int, bool) {
	t, u := s.at(i), s.at(i+1)
	next := i + 2
	switch {
	case u.text == "week" || u.text == "weeks":
		switch t.text {
		case "this":
			w.day = dayRef{kind: thisWeek}
		case "last", "previous", "past":
			w.day = dayRef{kind: thisWeek, n: 1}
		default:
			w.day = dayRef{kind: future}
		}
		if s.at(next).lex.is&weekdayName != 0 && t.text == "last" {
			w.day = dayRef{kind: onWeekday, weekday: time.Weekday(s.at(next).lex.n), n: 1}
			next++
		}
		return next, true
	case u.text == "weekend" || u.text == "week-end":
		switch t.text {
		case "next", "following":
			w.day = dayRef{kind: future}
		default:
			w.day = dayRef{kind: weekend}
		}
		return next, true
	case u.is("month", "year", "quarter", "fortnight") && t.is("last", "past", "previous"):
		w.day = dayRef{kind: vague}
		return next, true
	case u.text == "day":
		switch t.text {
		case "next", "following":
			w.day = dayRef{kind: nextDay}
			return next, true
		case "this":
			w.day = dayRef{kind: daysAgo}
			return next, true
		}
	case u.lex.is&weekdayName != 0:
		switch t.text {
		case "next", "following":
			w.day = dayRef{kind: future}
			return next, true
		}
		after, ok := s.weekday(i+1, w)
		if ok && w.day.kind == onWeekday {
			w.day.last = t.text == "last"
		}
		return after, ok
	case t.is("next", "following") && u.lex.is&partName != 0:
		w.day, w.part = dayRef{kind: nextDay}, u.lex.part
		return next, true
	case t.is("last") && (u.lex.part == night || u.lex.part == evening):
		w.day, w.part = dayRef{kind: daysAgo, n: 1}, u.lex.part
		return next, true
	}
	return i, false
}

// weekday reads a weekday's name, and the date if one follows.
func (s *scan) weekday(i int, w *written) (int, bool) {
	t := s.at(i)
	if t.is("sat", "sun", "wed", "mon", "fri", "thu", "tue", "tues", "thur", "thurs", "weds") && !t.upper &&
		s.at(i-1).kind == aWord && s.at(i-1).lex.is&(subject|auxiliary) != 0 {
		return i, false // "I sat"
	}
	if t.is("sat", "sun", "wed", "mon") && !t.upper && !s.at(i-1).is("on", "last", "this", "since", "by", "until", "between", "and", "from", "to", ",", "every", "was", "yesterday") &&
		s.at(i+1).kind != aNumber && s.at(i+1).lex.is&partName == 0 && i > 0 {
		return i, false // "it sat on the desk"
	}
	if s.at(i-1).is("every", "each", "most") {
		return i, false
	}
	if strings.HasSuffix(t.text, "days") {
		return i, false // every one of them
	}
	day := time.Weekday(t.lex.n)
	next := i + 1
	if s.at(next).text == "." && s.at(next).glued {
		next++
	}
	j := next
	for s.at(j).is(",", "the", "-") {
		j++
	}
	var date written
	if after, ok := s.date(j, &date); ok {
		w.day, w.monthFirst = date.day, date.monthFirst
		if w.day.kind == onDate && w.day.date.year != 0 && w.day.date.utc(0).Weekday() != day {
			w.day.wrong = true
		}
		w.day.weekday, w.day.named = day, true
		return after, true
	}
	if n := s.at(j); n.kind == aNumber && n.n >= 1 && n.n <= 31 && s.at(j+1).is("st", "nd", "rd", "th") && s.at(j+1).glued {
		w.day = dayRef{kind: dayOfMonth, n: n.n, weekday: day, named: true}
		return j + 2, true
	}
	w.day = dayRef{kind: onWeekday, weekday: day}
	if s.at(next).text == "last" && s.at(next+1).text == "week" {
		w.day.n, next = 1, next+2
	} else if s.at(next).text == "of" && s.at(next+1).text == "last" && s.at(next+2).text == "week" {
		w.day.n, next = 1, next+3
	} else if s.at(next).text == "just" && s.at(next+1).is("gone", "past") {
		next += 2
	} else if s.at(next).text == "week" && s.at(next-1).kind == aWord || s.at(next).text == "next" {
		w.day = dayRef{kind: future}
		next++
	}
	return next, true
}

// date reads a date written with figures, or with the month's name behind the
// day.
func (s *scan) date(i int, w *written) (int, bool) {
	t := s.at(i)
	if t.kind != aNumber {
		// "the twenty-third of November"
		return i, false
	}
	if s.partOfNumber(i) || s.birth(i) {
		return i, false
	}
	sep := s.at(i + 1)
	if sep.is("/", ".", "-") && (sep.glued || s.at(i+2).kind == aNumber && s.at(i+3).text == sep.text) {
		if next, ok := s.numericDate(i, sep.text, w); ok {
			return next, true
		}
	}
	if t.digits > 2 || t.n < 1 || t.n > 31 {
		return i, false
	}
	j := i + 1
	ordinal := s.at(j).is("st", "nd", "rd", "th") && s.at(j).glued
	if ordinal {
		j++
	}
	to := 0
	if s.at(j).text == "-" || s.at(j).text == "to" || s.at(j).is("and", "/", "or") {
		// 23-24 November
		if u := s.at(j + 1); u.kind == aNumber && u.digits <= 2 && u.n > t.n && u.n <= 31 {
			k := j + 2
			if s.at(k).is("st", "nd", "rd", "th") && s.at(k).glued {
				k++
			}
			if s.at(k).text == "of" {
				k++
			}
			if s.at(k).lex.is&monthName != 0 {
				to, j = u.n, k
			}
		}
	}
	for s.at(j).is("of", "-") {
		j++
	}
	m := s.at(j)
	if m.lex.is&monthName == 0 {
		return i, false
	}
	c := civil{0, time.Month(m.lex.n), t.n}
	next := j + 1
	if s.at(next).text == "." && s.at(next).glued && s.at(next+1).kind == aNumber {
		next++
	}
	k := next
	for s.at(k).is(",", "-") {
		k++
	}
	switch y := s.at(k); {
	case y.kind == aNumber && y.digits == 4 && y.n >= 1970 && y.n < 2100 && !s.at(k+1).is("hrs", "hours") && !(s.at(k+1).is(":") && s.at(k+1).glued):
		c.year, next = y.n, k+1
	case y.is("'", "\u2019") && s.at(k+1).kind == aNumber && s.at(k+1).digits == 2:
		c.year, next = 2000+s.at(k+1).n, k+2
	case y.kind == aNumber && y.digits == 2 && y.n >= 20 && y.n < 60 && s.at(j-1).kind != aMark &&
		!s.at(k+1).is(":", ".", "h", "am", "pm") && k == next && s.yearNear(y.n):
		c.year, next = 2000+y.n, k+1
	case y.kind == aNumber && y.digits == 2 && s.at(j-1).text == "-" && s.at(next).text == "-":
		c.year, next = 2000+y.n, k+1
	}
	if m.text == "may" && !m.upper && c.year == 0 && !ordinal && !s.at(i-1).is("on", "the", "of") {
		return i, false // "4 may have been lost"
	}
	w.day = dayRef{kind: onDate, date: c}
	if to > 0 {
		w.day.to = civil{c.year, c.month, to}
	}
	if c.year != 0 && !c.exists() {
		w.day.wrong = true
	}
	return next, true
}

// birth reports whether the date at i is that of a birth.
func (s *scan) birth(i int) bool {
	for j := i - 1; j >= 0 && j > i-4; j-- {
		if s.at(j).is("birth", "dob", "born", "d.o.b", "birthday") {
			return true
		}
	}
	return false
}

// yearNear reports whether 20yy is this year or the last.
func (s *scan) yearNear(yy int) bool {
	y := s.a.Receipt.Year() - 2000
	return yy == y || yy == y-1
}

// numericDate reads 23/11/2026, 23.11.26, 2026-11-23, 23/11, and 23-Nov-2026 is
// left to date.
func (s *scan) numericDate(i int, sep string, w *written) (int, bool) {
	a, b, c := s.at(i), s.at(i+2), s.at(i+4)
	if b.kind != aNumber || b.digits > 2 {
		return i, false
	}
	three := s.at(i+3).text == sep && c.kind == aNumber && (s.at(i+3).glued == s.at(i+1).glued)
	switch {
	case three && a.digits == 4 && c.digits <= 2:
		d := civil{a.n, time.Month(b.n), c.n}
		if !d.exists() {
			return i, false
		}
		if s.at(i+5).is(".", "/", "-") && s.at(i+5).glued && s.at(i+6).kind == aNumber && s.at(i+6).glued && sep != "-" {
			return i, false
		}
		w.day = dayRef{kind: onDate, date: d}
		return i + 5, true
	case three && a.digits <= 2 && (c.digits == 4 || c.digits == 2):
		if s.at(i+5).is(".", "/") && s.at(i+5).glued && s.at(i+6).kind == aNumber && s.at(i+6).glued {
			return i, false // an address of the net
		}
		if sep == "." && c.digits == 2 && a.digits+b.digits < 4 && !s.cueBefore(i, "on", "date", "dated", "at", "from", "since") {
			return i, false // a version
		}
		y := c.n
		if c.digits == 2 {
			y += 2000
		}
		var e expression
		d, err := e.dayFirst(y, a.n, b.n)
		if err != nil {
			if s.cueBefore(i, "on", "date", "dated") {
				w.day = dayRef{kind: onDate, date: d, wrong: true}
				return i + 5, true
			}
			return i, false
		}
		w.day, w.monthFirst = dayRef{kind: onDate, date: d}, e.monthFirst
		return i + 5, true
	case (sep == "." || sep == "-") && !three && a.digits <= 2 && s.at(i+1).glued && b.glued && a.n >= 1 && a.n <= 31 && b.n >= 1 && b.n <= 12 && !w.timed:
		// 22.11 at 9.15am
		j := i + 3
		if s.at(j).text == "." {
			j++
		}
		if !s.at(j).is("at", "@", "around", "about", "approx", "approximately") || !s.timeAfter(j) || s.at(i-1).text == "at" {
			return i, false
		}
		w.day = dayRef{kind: onDate, date: civil{0, time.Month(b.n), a.n}}
		return j, true
	case sep == "/" && !three && a.digits <= 2 && s.at(i+1).glued && b.glued:
		// 23/11: only where something else says that it is a date
		d := civil{0, time.Month(b.n), a.n}
		american := b.n > 12 && b.n <= 31 && a.n <= 12
		if american {
			d = civil{0, time.Month(a.n), b.n}
		} else if b.n < 1 || b.n > 12 || a.n > 31 {
			return i, false
		}
		if a.n < 1 || s.runsOn(i+3) || s.at(i+3).text == "/" {
			return i, false
		}
		if !s.cueBefore(i, "on", "date", "dated", "since", "from", "between", "and") && s.at(i-1).lex.is&weekdayName == 0 && !w.timed && !s.timeAfter(i+3) &&
			!(b.digits == 2 && s.at(i-1).lex.does == detects || b.digits == 2 && s.at(i-1).lex.does == happens) {
			return i, false
		}
		w.day, w.monthFirst = dayRef{kind: onDate, date: d}, american
		return i + 3, true
	}
	return i, false
}

// timeAfter reports whether a time of day follows at once.
func (s *scan) timeAfter(i int) bool {
	for s.at(i).is(",", "at", "-", "@", "about", "around", "approx", "approximately") {
		i++
	}
	t := s.at(i)
	if t.kind != aNumber || t.digits > 4 {
		return false
	}
	_, _, sure := s.clock(i)
	return sure >= weak
}

// monthFirst reads November 23rd, 2026.
func (s *scan) monthFirst(i int, w *written) (int, bool) {
	t := s.at(i)
	if s.at(i+1).text == "." && s.at(i+1).glued && s.at(i+2).kind == aNumber {
		i++ // Nov. 22
	}
	d := s.at(i + 1)
	if d.kind != aNumber && (t.upper || t.text != "may" && t.text != "march") && s.at(i-1).is("in", "last", "early", "late", "mid", "during", "since") {
		w.day = dayRef{kind: vague}
		return i + 1, true
	}
	if d.kind != aNumber || d.digits > 2 || d.n < 1 || d.n > 31 || t.is("may", "mar", "march") && !t.upper || s.at(i+2).text == ":" && s.at(i+2).glued {
		return i, false
	}
	if s.runsOn(i+2) && !s.at(i+2).is("st", "nd", "rd", "th") {
		return i, false
	}
	next := i + 2
	if s.at(next).is("st", "nd", "rd", "th") && s.at(next).glued {
		next++
	} else if s.at(next).lex.is&measures != 0 {
		return i, false
	}
	c := civil{0, time.Month(t.lex.n), d.n}
	k := next
	if s.at(k).text == "," {
		k++
	}
	if y := s.at(k); y.kind == aNumber && y.digits == 4 && y.n >= 1970 && y.n < 2100 {
		c.year, next = y.n, k+1
	}
	w.day = dayRef{kind: onDate, date: c, wrong: c.year != 0 && !c.exists()}
	return next, true
}
