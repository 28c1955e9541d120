package said

import "time"

// agoAt reads a time counted back from now, or on from the time said before:
// "an hour and a half ago", "in the last ten minutes", "twenty minutes later".
func (s *scan) agoAt(i, lo int) (w written, ok bool) {
	w = written{begin: i, end: i}
	t := s.at(i)
	if s.at(i-1).is("by", "at") {
		if n, next, ok := s.pastHour(i); ok {
			w.from, w.end, w.later, w.past, w.bySaid = i-1, next, true, time.Duration(n)*time.Minute, s.at(i-1).text == "by"
			return w, true
		}
	}
	switch {
	case t.is("immediately", "instantly"), t.is("straight", "right") && s.at(i+1).is("away", "after", "afterwards"), t.text == "at" && s.at(i+1).text == "once":
		// at once, after what was said before
		w.end = i + 1
		if !t.is("immediately", "instantly") {
			w.end++
		}
		w.from, w.later, w.about, w.most = i, true, true, About
		w.atOnce = true
		return w, s.at(w.end).kind != aNumber && !s.at(w.end).is("after", "before", "that")
	case t.text == "just" && s.at(i+1).text == "now":
		return s.counted(w, i, i+2, 0, 5*time.Minute), true
	case t.text == "this" && s.at(i-1).is("have", "has", "i've", "we've", "he's", "she's", "just", "only", "literally"):
		j := i + 1
		if s.at(j).text == "very" {
			j++
		}
		if s.at(j).is("minute", "second", "moment", "instant", "sec", "min") && s.at(j+1).lex.does != nothing {
			return s.counted(w, i, j+1, 0, 5*time.Minute), true // "have this minute noticed"
		}
	case t.is("moments", "seconds") && s.at(i+1).text == "ago":
		return s.counted(w, i, i+2, 0, 5*time.Minute), true
	case t.is("moment", "second", "minute", "sec", "min") && s.at(i+1).text == "ago" && s.at(i-1).is("a", "1"):
		return s.counted(w, i-1, i+2, 0, 5*time.Minute), true
	case t.is("last", "past") && s.at(i-1).text == "the" && s.at(i-2).is("in", "within", "over", "during", "for", "inside"),
		t.is("last", "past") && s.at(i-1).is("in", "within", "over"):
		return s.within(w, i)
	case t.is("while") && s.at(i+1).text == "ago" && s.at(i-1).is("little", "short"):
		return s.counted(w, i-2, i+2, 0, time.Hour), true
	}
	if t.kind != aNumber && t.lex.is&(numberWord) == 0 && !t.is("\u00bd", "\u00bc", "\u00be", "a", "an", "half", "couple", "few", "several", "quarter", "minutes", "hours") {
		return w, false
	}
	if t.is("a", "an") && s.at(i-1).text == "of" {
		return w, false // a part of an hour, of which the rest was not read
	}
	least, most, next, exact, ok := s.amount(i)
	if !ok {
		return w, false
	}
	if s.at(next).text == "or" && s.at(next+1).text == "so" {
		exact = false
		next += 2
	}
	if u := s.at(next + 1); s.at(next).text == "or" && least == most && s.at(next-1).lex.unit > 0 {
		n := 0
		if u.kind == aNumber {
			n = u.n
		} else if u.lex.is&numberWord != 0 {
			n = int(u.lex.n)
		}
		if d := time.Duration(n) * s.at(next-1).lex.unit; d > most && n < 60 && s.at(next+2).is("ago", "later") {
			most, next, exact = d, next+2, false // an hour or two
		}
	}
	if s.at(next).is("or", "to", "-") {
		// 10 minutes or a quarter of an hour ago
		if _, most2, n, _, ok := s.amount(next + 1); ok && most2 > most {
			most, next, exact = most2, n, false
		}
	}
	end := s.at(next)
	switch {
	case end.is("ago", "back"):
		s.backAgo(i, lo, &w)
		w.end = next + 1
		w.ago = true
	case end.is("later", "afterwards"), end.text == "after" && (s.at(next+1).kind != aWord || s.at(next+1).lex.is&subject != 0 || s.at(next+1).is("sending", "it", "the", "clicking", "opening", "posting")),
		end.text == "of" && s.at(next+1).is("sending", "clicking", "opening", "it", "the") && s.at(i-1).text == "within", end.text == "after" && s.at(next+1).is("that", "this"):
		s.backAgo(i, lo, &w)
		w.end = next + 1
		if end.text == "after" && s.at(next+1).is("that", "this") {
			w.end++
		}
		w.later = true
		if end.text == "of" {
			w.end--
			w.bound, w.near, least = closed, 0, 0
			w.about = true
		}
	default:
		return w, false
	}
	if w.bound != closed {
		w.least, w.most = least, most
		return w, true
	}
	w.exact = exact && !w.about && w.near == 0
	if w.ago && s.at(next-1).lex.unit >= 24*time.Hour && least%(24*time.Hour) == 0 && !w.later {
		// counted in days: it is a day, perhaps with a time of day
		if exact && least == most {
			w.ago, w.day = false, dayRef{kind: daysAgo, n: int(least / (24 * time.Hour))}
			if least >= 28*24*time.Hour {
				w.day.to = civil{1, 1, 1} // a month or a year: the day is not meant
			}
			if s.at(w.end).is("today") || s.at(w.end).is("yesterday") && exact {
				if s.at(w.end).is("yesterday") {
					w.day.n++
				}
				w.end++
			}
			return s.dayAgo(w, lo), true
		}
	}
	w.least, w.most = least, most
	return w, true
}

// dayAgo goes on to the time of day of "two days ago at 9:15".
func (s *scan) dayAgo(w written, lo int) written {
	j := w.end
	for range 2 {
		k := s.joints(j)
		next, ok := s.atom(k, j, lo, true, &w)
		if !ok {
			return w
		}
		j, w.end = next, next
	}
	return w
}

func (s *scan) counted(w written, begin, end int, least, most time.Duration) written {
	w.begin, w.from, w.end = begin, begin, end
	w.ago, w.least, w.most, w.about = true, least, most, true
	return w
}

// within reads "the last ten minutes" from last at i.
func (s *scan) within(w written, i int) (written, bool) {
	if s.at(i+1).text == "night" {
		return w, false
	}
	j := i + 1
	if s.at(j).is("few", "couple") {
		_, most, next, _, ok := s.amount(j)
		if !ok {
			return w, false
		}
		return s.counted(w, i, next, 0, most), true
	}
	if u := s.at(j); u.lex.is&unitName != 0 && u.lex.unit <= time.Hour && u.lex.unit >= time.Minute {
		return s.counted(w, i, j+1, 0, u.lex.unit), true
	}
	_, most, next, _, ok := s.amount(j)
	if !ok || most > 14*24*time.Hour {
		return w, false
	}
	w = s.counted(w, i, next, 0, most)
	if s.at(i-1).text == "for" || s.at(i-2).text == "for" {
		w.bound = since
	}
	return w, true
}

// backAgo reads what stands before an amount that is counted back.
func (s *scan) backAgo(i, lo int, w *written) {
	w.from = i
	for j := i - 1; j >= lo && j > i-6; j-- {
		t := s.at(j)
		switch {
		case t.is("nearly", "almost"):
			w.near, w.from = -1, j
		case t.text == "than":
			w.from = j
			switch s.at(j - 1).text {
			case "less", "fewer":
				w.near, w.from = -2, j-1
				return
			default:
				w.bound = after // more than: how much more nobody says
				return
			}
		case t.is("under", "within"):
			w.near, w.from = -2, j
			return
		case t.is("over") || t.text == "least" && s.at(j-1).text == "at":
			w.bound, w.from = after, j
			return
		case t.lex.is&roughly != 0 || t.text == "~":
			w.about, w.from = true, j
		case t.is("a", "an", "good", "only", "just", "the", "."):
		case t.is("since", "until", "by", "before"):
			w.bound = since
			if t.text != "since" {
				w.bound = by
			}
			return
		default:
			return
		}
	}
}

// amount reads how long: "an hour and a half", "1hr 20mins", "a couple of
// hours", "10-15 minutes". exact says that it was given as a number.
func (s *scan) amount(i int) (least, most time.Duration, next int, exact, ok bool) {
	least, most, next, exact, ok = s.oneAmount(i)
	if !ok {
		return
	}
	j := next
	if s.at(j).is("and", ",") {
		j++
	}
	t := s.at(next - 1)
	switch {
	case j > next && s.at(j).is("a") && s.at(j+1).is("half", "quarter") && t.lex.unit >= time.Hour:
		part := t.lex.unit / 2
		if s.at(j+1).text == "quarter" {
			part /= 2
		}
		return least + part, most + part, j + 2, exact, true
	case j > next && s.at(j).is("half") && t.lex.unit >= time.Hour:
		return least + t.lex.unit/2, most + t.lex.unit/2, j + 1, exact, true
	}
	if l2, m2, n2, e2, ok2 := s.oneAmount(j); ok2 && m2 < time.Hour && least >= time.Hour && least < 24*time.Hour {
		return least + l2, most + m2, n2, exact && e2, true
	}
	if m := s.at(j); m.kind == aNumber && m.digits == 2 && m.n < 60 && s.at(j+1).is("ago") && least >= time.Hour {
		d := time.Duration(m.n) * time.Minute
		return least + d, most + d, j + 1, exact, true
	}
	return
}

func (s *scan) oneAmount(i int) (least, most time.Duration, next int, exact, ok bool) {
	t := s.at(i)
	unit := func(j int) (time.Duration, int, bool) {
		u := s.at(j)
		if u.lex.is&unitName != 0 {
			return u.lex.unit, j + 1, true
		}
		if u.glued && s.at(j-1).kind == aNumber {
			switch u.text {
			case "m":
				return time.Minute, j + 1, true
			case "h":
				return time.Hour, j + 1, true
			}
		}
		return 0, j, false
	}
	no := func() (time.Duration, time.Duration, int, bool, bool) { return 0, 0, i, false, false }
	times := func(lo, hi float64, j int, exact bool) (time.Duration, time.Duration, int, bool, bool) {
		u, n, ok := unit(j)
		if !ok {
			return no()
		}
		return time.Duration(lo * float64(u)), time.Duration(hi * float64(u)), n, exact, true
	}
	of := func(j int) int {
		for s.at(j).is("of", "good") {
			j++
		}
		return j
	}
	switch {
	case t.is("couple"):
		return times(1, 3, of(i+1), false)
	case t.is("few"):
		if u := s.at(of(i + 1)); u.lex.unit == time.Minute {
			return times(1, 10, of(i+1), false)
		}
		return times(1, 6, of(i+1), false)
	case t.is("several"):
		return times(2, 10, of(i+1), false)
	case t.is("a", "an"):
		switch u := s.at(i + 1); {
		case u.is("couple", "few"):
			return s.oneAmount(i + 1)
		case u.is("good", "short"):
			return s.oneAmount(i + 2)
		case u.is("half", "quarter"):
			return s.oneAmount(i + 1)
		}
		return times(1, 1, i+1, true)
	case t.is("half"):
		j := i + 1
		for s.at(j).is("a", "an", "of", "-") {
			j++
		}
		if s.at(j).lex.unit < time.Hour {
			return no()
		}
		return times(0.5, 0.5, j, true)
	case t.is("quarter", "quarters"):
		j := i + 1
		for s.at(j).is("a", "an", "of") {
			j++
		}
		if s.at(j).lex.unit != time.Hour {
			return no()
		}
		return times(0.25, 0.25, j, true)
	case t.is("minutes", "hours") && s.at(i+1).is("ago", "later", "earlier"):
		return times(1, 10, i, false)
	}
	lo := 0.0
	var j int
	switch {
	case t.is("\u00bd", "\u00bc", "\u00be"):
		lo, j = map[string]float64{"\u00bd": 0.5, "\u00bc": 0.25, "\u00be": 0.75}[t.text], i+1
		for s.at(j).is("of", "a", "an") {
			j++
		}
	case t.kind == aNumber && t.digits <= 3:
		if s.partOfNumber(i) && !s.at(i-1).is("-", "~", "h", "hr", "hrs") {
			return no()
		}
		lo, j = float64(t.n), i+1
		if s.at(j).text == "." && s.at(j).glued && s.at(j+1).kind == aNumber && s.at(j+1).digits == 1 {
			lo, j = lo+float64(s.at(j+1).n)/10, j+2
		} else if s.at(j).text == "\u00bd" {
			lo, j = lo+0.5, j+1
		} else if d := s.at(j + 1); s.at(j).text == "/" && s.at(j).glued && d.kind == aNumber && (d.n == 2 || d.n == 4) && t.n < d.n {
			lo, j = lo/float64(d.n), j+2 // 1/2 hour
			for s.at(j).is("of", "a", "an") {
				j++
			}
		}
	default:
		n, next, ok := s.numberAt(i)
		if !ok {
			return no()
		}
		lo, j = float64(n), next
	}
	if s.at(j).text == "and" && s.at(j+1).text == "a" && s.at(j+2).is("half", "quarter") {
		if s.at(j+2).text == "half" {
			lo += 0.5
		} else {
			lo += 0.25
		}
		j += 3
	}
	if s.at(j).is("quarters") && s.at(j+1).text == "of" && s.at(j+2).is("an") {
		return times(lo/4, lo/4, j+3, true)
	}
	hi := lo
	exact = true
	if s.at(j).is("-", "to", "or", "/") {
		k := j + 1
		if u := s.at(k); u.kind == aNumber && u.digits <= 3 && float64(u.n) > lo {
			hi, j, exact = float64(u.n), k+1, false
		} else if n, after, ok := s.numberAt(k); ok && float64(n) > lo {
			hi, j, exact = float64(n), after, false
		}
	}
	if s.at(j).text == "-" {
		j++
	}
	if s.at(j).is("odd", "full", "whole", "working") {
		exact = exact && !s.at(j).is("odd")
		j++
	}
	return times(lo, hi, j, exact)
}
