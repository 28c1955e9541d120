package said

// okAfter reports whether what stands at i can follow a bare hour: "at 9 I",
// not "at 9 sites".
func (s *scan) okAfter(i int, cue string) bool {
	t := s.at(i)
	switch {
	case t == &nowhere:
		return true
	case t.kind == aMark:
		return t.is(",", ";", ":", ")", "(", "-", "\"", "'", "?", "!", ".") && !(t.glued && s.at(i+1).glued && s.at(i+1).kind == aNumber)
	case t.kind == aNumber:
		return s.startsDate(i)
	case t.text == "in":
		return s.at(i+1).kind != aNumber && s.at(i+1).lex.is&numberWord == 0
	case t.text == "past":
		return false
	case t.text == "to": // "at 9 to find"; "at ten to" leaves the hour out
		return s.at(i+1).kind == aWord && s.at(i+1).lex.is&(numberWord|auxiliary|joins) == 0
	case t.lex.is&(measures|unitName|street) != 0:
		return false
	case t.lex.is&(afterHour|weekdayName|partName|negative|joins|subject) != 0:
		return true
	case t.lex.does != nothing && !t.lex.present && t.lex.does != other:
		return true
	case t.upper && cue == "at": // "at 9 Jane noticed", not "at 10 South Colonnade"
		return s.at(i+1).lex.does != nothing || s.at(i+2).lex.does != nothing
	}
	return false
}

// parse reads one time that begins at token i. end is the token after it.
func (s *scan) parse(i, lo int) (w written, ok bool) {
	if w, ok = s.agoAt(i, lo); ok {
		return w, true
	}
	if w, ok = s.group(i, lo); ok {
		return w, true
	}
	w = written{begin: i, end: i}
	j, any := i, false
	for range 8 {
		k := j
		if any {
			k = s.joints(j)
		}
		next, found := s.atom(k, j, lo, any, &w)
		if !found {
			break
		}
		if !any {
			w.begin = k
		}
		any, j, s.dated = true, next, next
		w.end = next
	}
	if !any {
		return w, false
	}
	s.behind(&w)
	if w.timed && w.start.unit == 0 || !s.enough(&w) {
		return w, false
	}
	s.farEnd(&w, lo)
	return w, true
}

// atom reads a part of day, a day or a time of day at k.
func (s *scan) atom(k, j, lo int, joined bool, w *written) (int, bool) {
	t := s.at(k)
	if t == &nowhere {
		return k, false
	}
	if joined {
		lo = j
	}
	if w.part == noPart || w.mod == "" && t.is("early", "late", "first") {
		before := *w
		if next, ok := s.partAt(k, w); ok {
			if w.day.kind == noDay {
				w.day = before.day
			}
			if before.day.kind != noDay && w.day != before.day {
				*w = before // two days
			} else {
				s.look(k, lo, joined, w)
				return next, true
			}
		}
		*w = before
	}
	if w.day.kind == daysAgo && w.also.kind == noDay && (k == j || s.at(k-1).is(",", "(")) {
		// "yesterday, Sunday"; "today (23/11)"
		var x written
		x.timed = true
		if next, ok := s.day(k, &x); ok && x.part == noPart && (x.day.kind == onDate || x.day.kind == onWeekday || x.day.kind == dayOfMonth) {
			w.also, w.monthFirst = x.day, x.monthFirst
			return next, true
		}
	}
	if w.day.kind == noDay {
		before := *w
		if next, ok := s.day(k, w); ok {
			if before.part != noPart {
				w.part = before.part
			}
			s.look(k, lo, joined, w)
			return next, true
		}
		*w = before
	}
	if !w.timed {
		return s.times(k, lo, joined, w)
	}
	return k, false
}

// times reads a time of day or a range of two at k.
func (s *scan) times(k, lo int, joined bool, w *written) (int, bool) {
	c, next, sure := s.clock(k)
	stop, ranged := c, false
	if from, to, after, vague, ok := s.halfSaid(k); ok {
		c, stop, next, sure, ranged, w.about = from, to, after, strong, true, w.about || vague
	} else if from, to, after, ok := s.backOf(k); ok {
		c, stop, next, sure, ranged, w.about = from, to, after, strong, true, true
	}
	if sure == noTime {
		return k, false
	}
	var b written
	s.back(k, lo, &b)
	if s.at(next).text == "ish" || s.at(next).text == "-" && s.at(next+1).text == "ish" {
		b.about = true
		if next++; s.at(next).text == "ish" {
			next++
		}
	}
	cued := timedCue(&b) || b.cue == ":" && sure == weak || k == s.labelled-1
	next = s.zone(next, &b)
	if n, after, ok := s.pastHour(next + 1); ok && !ranged && n > c.min && b.cue == "between" && s.at(next).text == "and" {
		stop, ranged, next = c, true, after // between nine and half past
		stop.min, stop.hourOnly = n, false
	} else if n, to, more, ok := s.second(next, &b, sure); ok && !ranged {
		stop, ranged, sure = to, true, max(sure, more)
		next = s.zone(n, &b)
	}
	if j := b.from - 1; !joined && b.cue == "" && s.at(j).is("and") {
		for j--; j >= 0 && j > k-farBack; j-- {
			if s.at(j).text == "between" && j >= lo {
				return k, false // the end of a range whose beginning was not read
			}
		}
	}
	switch sure {
	case strong, noTime:
		name := s.at(k - 1)
		if !joined && !cued && c.either && !ranged && name.upper && name.lex == (lexeme{}) && k > 1 && s.at(k+1).text == ":" {
			return k, false // John 3:16
		}
		if !joined && name.is("the", "a", "my", "our", "his", "her", "their") && s.at(next).kind == aWord &&
			s.at(next).lex.is&(joins|subject|afterHour|weekdayName|partName|monthName|auxiliary|negative|roughly) == 0 && s.at(k).kind == aNumber {
			return k, false // the 10am meeting
		}
	case weak:
		if s.at(next).lex.is&measures != 0 || s.at(next).is("%") {
			return k, false
		}
		year := s.at(k).digits == 4 && c.hour >= 19 && c.hour <= 20 && b.cue != "at" && b.cue != "@" && !ranged
		switch {
		case year && !(joined && w.day.kind != noDay):
			return k, false
		case cued && s.at(k).digits == 4 && s.at(next).upper && (s.at(next+1).lex.is&street != 0 || s.at(next+2).lex.is&street != 0):
			return k, false
		case cued, joined, s.dayFollows(next), s.tolds(k, next):
		case s.at(k).line && k == 0 && !cued && s.at(k).digits < 3 && s.at(next).kind == aWord && s.eventful():
		case s.at(k).line && s.at(k).digits == 4 && s.at(k).text[0] <= '1' && s.at(next).is("-", ":", "hrs"):
		case s.at(k).digits == 4 && s.at(k).text[0] == '0' && s.at(k).line:
		default:
			return k, false
		}
	case bare:
		if !cued && !(s.dayFollows(next) && s.partFollows(next)) || !s.okAfter(next, b.cue) {
			return k, false
		}
		if b.cue == "from" && !ranged && !s.dayFollows(next) {
			return k, false
		}
	}
	if ranged && b.bound == since {
		b.bound = closed // from … to
	}
	if ranged && b.cue == "between" {
		b.bound = closed
	}
	if !ranged && b.cue == "between" && !s.rangeFollows(next) {
		return k, false // "between 9" and nothing that ends it
	}
	w.timed, w.start, w.stop, w.ranged = true, c, stop, ranged
	w.about = w.about || b.about
	w.zoned, w.zone, w.london, w.badZone, w.bySender = b.zoned, b.zone, b.london, b.badZone, b.bySender
	w.near = b.near // "just before lunch, 12.25" is not just before 12.25
	if b.bound != closed || !joined {
		w.bound = b.bound
	}
	if !joined {
		w.from, w.cue = b.from, b.cue
	} else if b.cue == "between" || b.cue == "from" || b.bound != closed {
		w.cue = b.cue
	}
	return next, true
}

// tolds reports whether the words beside a number like 9.15 show that it is a
// time: "noticed 9.15", "it was 9.15", "9.15 is when".
func (s *scan) tolds(k, next int) bool {
	if !s.okAfter(next, "") || s.at(next).lex.does != nothing {
		return false // "noticed 1015 failed logins"
	}
	before := s.at(k - 1)
	if before.is("-", ":") {
		before = s.at(k - 2)
	}
	switch {
	case before.lex.does == detects && !before.lex.present, before.lex.does == arrives, before.lex.does == happens && before.is("happened", "occurred", "sent", "stolen", "lost"), before.text == "found":
		return true
	case before.is("was", "is"):
		if s.at(k-2).is("it", "this", "that", "which", "time") {
			return true
		}
		for j := k - 2; j >= 0; j-- {
			if s.at(j).is("time", "when") {
				return true
			}
		}
	}
	return k == 0 && s.at(next).is("is", "was") && s.at(next+1).is("when", "the")
}

// eventful reports whether a verb of the sentence tells of an incident.
func (s *scan) eventful() bool {
	for i := range s.toks {
		switch l := s.toks[i].lex; l.does {
		case detects, happens, alerts:
			if !l.present {
				return true
			}
		}
	}
	return s.anyOf("found", "saw", "rang", "called", "reported", "told")
}

// second reads the end of a range of times of day.
func (s *scan) second(i int, b *written, sure certainty) (next int, c clock, more certainty, ok bool) {
	t := s.at(i)
	j := i + 1
	either := false
	switch {
	case t.is("to", "until", "till", "til", "-"):
	case t.text == "/" && sure >= weak:
		either = true
	case t.text == "and" && b.cue == "between":
	case t.text == "or":
		either = true
	case t.text == "," && s.at(j).is("maybe", "perhaps", "possibly", "or"):
		either = true
		for s.at(j).is("maybe", "perhaps", "possibly", "or") {
			j++
		}
	default:
		return i, c, 0, false
	}
	for s.at(j).lex.is&roughly != 0 || s.at(j).is("~", "at", "maybe") {
		j++
	}
	c, next, more = s.clock(j)
	if more == noTime || s.at(next).lex.is&(measures|unitName) != 0 {
		return i, c, 0, false
	}
	if t.text == "-" && s.startsDate(j) {
		return i, c, 0, false
	}
	if more == bare {
		if either && sure == bare && !b.about && b.cue != "at" {
			return i, c, 0, false
		}
		if !s.okAfter(next, "at") || t.text == "-" && !t.glued && sure == strong {
			return i, c, 0, false
		}
	}
	return next, c, more, true
}

// rangeFollows reports whether a word stands at i that goes on to an end.
func (s *scan) rangeFollows(i int) bool {
	for j := i; j < i+8; j++ {
		if s.at(j).is("and", "to", "-", "until") {
			return true
		}
	}
	return false
}

// dayFollows reports whether a day or part of day follows, so that a number
// before it is a time.
func (s *scan) dayFollows(i int) bool {
	i = s.joints(i)
	if s.startsDate(i) {
		return true
	}
	var w written
	_, ok := s.partAt(i, &w)
	return ok
}

func (s *scan) partFollows(i int) bool {
	var w written
	_, ok := s.partAt(s.joints(i), &w)
	return ok && (w.part == morning || w.part == afternoon || w.part == evening || w.part == night)
}

// joints moves over what may stand between the pieces of one time.
func (s *scan) joints(i int) int {
	for range 6 {
		t := s.at(i)
		switch {
		case t.is(",", ")", "@", "at", "on", "in", "of", "during", "~", "(", "sometime", "exactly", "precisely", "between", "from", "time", "t", "-", "for"),
			t.lex.is&roughly != 0,
			t.is("before", "after", "by", "since", "until", "just", "shortly", "gone", "well"):
			i++
		case t.is("a") && s.at(i+1).is("quarter", "little", "bit"):
			i++
		case t.is(".") && s.at(i-1).lex.is&roughly != 0:
			i++
		case t.is("the") && s.at(i+1).lex.is&partName != 0:
			i++
		case t.is("call", "make") && s.at(i+1).text == "it":
			i += 2
		case t.is("the") && s.at(i-1).is("on", "of", "during") && (s.at(i+1).kind == aNumber || s.at(i+1).is("same", "following", "next")):
			return i
		default:
			return i
		}
	}
	return i
}

// behind reads what is said after a time about how exact it is.
func (s *scan) behind(w *written) {
	i := w.end
	if s.at(i).is("(", ",") {
		i++
	}
	t, u := s.at(i), s.at(i+1)
	switch {
	case t.is("each", "every", "daily") && (t.text == "daily" || u.lex.is&(unitName|weekdayName|partName) != 0):
		w.bound = by // of every day
	case t.is("ish"), t.text == "-" && u.text == "ish":
		w.about = true
		w.end = i + 1
		if t.text == "-" {
			w.end++
		}
	case t.text == "or" && u.is("so", "thereabouts", "around", "about"), t.text == "give" && u.text == "or":
		w.about = true
		w.end = i + 2
	case t.is("approx", "approximately", "approx.", "roughly", "thereabouts") && !w.about:
		w.about = true
		w.end = i + 1
	case t.text == "?" && s.at(i-1).text == "(":
		w.about = true
	case t.text == "or" && u.is("earlier", "before"):
		w.bound = by
	case t.text == "or" && u.is("later", "after"), t.text == "onwards", t.text == "and" && u.text == "after", t.text == "+":
		w.bound = after
	case t.text == "at" && u.text == "the" && s.at(i+2).text == "latest", t.text == "latest", t.text == "at" && u.text == "latest":
		w.bound = by
	case t.text == "at" && u.text == "the" && s.at(i+2).text == "earliest", t.text == "earliest":
		w.bound = after
	}
}

// enough reports whether what was read says when something was.
func (s *scan) enough(w *written) bool {
	if w.timed || w.day.kind != noDay {
		return true
	}
	switch w.part {
	case noPart:
		return false
	case overnight, closeOfPlay, earlyHours, firstThing, midMorning, midAfternoon, lateMorning, lateAfternoon, earlyMorning, earlyAfternoon:
		return true
	case lunchtime:
		return w.cue == "between" || s.at(w.begin).is("lunchtime", "dinnertime", "after", "before") || w.cue == "at" || w.cue == "over" || w.cue == "during" || w.about
	case night:
		return w.cue == "during" || w.cue == "in" && s.at(w.begin-1).text == "the"
	default:
		return false
	}
}

// farEnd reads the end of a range whose end has its own day: "between 5pm on
// Friday and 9am on Monday".
func (s *scan) farEnd(w *written, lo int) {
	t := s.at(w.end)
	open := w.cue == "between" || w.cue == "from"
	if !(open && t.is("and", "to", "until", "till", "-")) && !(w.day.kind != noDay && t.is("to", "until", "-", "or")) {
		if w.cue == "between" && !w.ranged {
			w.bound = after
		}
		return
	}
	next := w.end + 1
	for s.at(next).is("the", "about", "around", "on", "at", "approximately") {
		next++
	}
	if s.deep {
		return // the end of a range has no end of its own
	}
	s.deep = true
	to, ok := s.parse(next, w.end+1)
	s.deep = false
	if !ok || to.ago != w.ago || to.toward != nil {
		if w.cue == "between" && !w.ranged {
			w.bound = after
		}
		return
	}
	w.toward, w.end, w.bound = &to, to.end, closed
}
