package said

// partAt reads a part of the day at token i, with its day where the words hold
// both ("this morning", "last night").
func (s *scan) partAt(i int, w *written) (next int, ok bool) {
	t := s.at(i)
	switch {
	case t.text == "the" && (s.at(i+1).lex.is&partName != 0 || s.at(i+1).is("early", "late", "small", "wee", "end", "start", "mid", "close", "night", "previous", "evening")):
		return s.partAt(i+1, w)
	case t.is("early", "late", "mid", "later", "earlier", "middle"):
		return s.modified(i, w)
	case t.text == "first" && s.at(i+1).text == "thing":
		return s.thing(i+2, firstThing, w)
	case t.text == "last" && s.at(i+1).text == "thing":
		return s.thing(i+2, closeOfPlay, w)
	case t.is("small", "wee") && s.at(i+1).text == "hours":
		return s.hoursOf(i+2, w)
	case t.text == "close" && s.at(i+1).text == "of" && s.at(i+2).is("play", "business"):
		w.part = closeOfPlay
		return i + 3, true
	case t.text == "end" && s.at(i+1).text == "of":
		j := i + 2
		for s.at(j).is("the", "working", "business", "my", "our", "school") {
			j++
		}
		if s.at(j).is("day", "play", "business") {
			w.part = closeOfPlay
			return j + 1, true
		}
	case t.text == "start" && s.at(i+1).text == "of":
		j := i + 2
		for s.at(j).is("the", "working", "my", "our", "business") {
			j++
		}
		if s.at(j).is("day", "play", "business") {
			w.part = firstThing
			return j + 1, true
		}
	case t.text == "this":
		return s.thisPart(i+1, w)
	case t.text == "tonight":
		w.day, w.part = dayRef{kind: daysAgo}, night
		return i + 1, true
	case t.text == "last" && (s.at(i+1).lex.part == night || s.at(i+1).lex.part == evening):
		w.day, w.part = dayRef{kind: daysAgo, n: 1}, s.at(i+1).lex.part
		return i + 2, true
	case t.is("previous") && s.at(i+1).lex.is&partName != 0:
		w.day, w.part = dayRef{kind: nextDay, n: -1}, s.at(i+1).lex.part
		return i + 2, true
	case t.is("night", "evening") && s.at(i+1).text == "before" && s.at(i+2).text == "last":
		w.day, w.part = dayRef{kind: daysAgo, n: 2}, t.lex.part
		return i + 3, true
	case t.is("night", "evening") && s.at(i+1).text == "before" && s.at(i-1).text == "the" && s.at(i+2).kind != aWord:
		w.day, w.part = dayRef{kind: nextDay, n: -1}, t.lex.part
		return i + 2, true
	case t.is("tea", "lunch", "dinner", "breakfast", "break", "night") && s.at(i+1).text == "time":
		switch t.text {
		case "tea":
			w.part = closeOfPlay
		case "night":
			w.part = night
		case "breakfast":
			w.part = firstThing
		case "break":
			return i, false
		default:
			w.part = lunchtime
		}
		return i + 2, true
	}
	if t.is("am", "pm") && w.day.kind != noDay && !w.timed && (s.dated == i || s.at(i-1).kind == aWord) && s.at(i-1).lex.is&numberWord == 0 && !s.at(i-1).is("i") {
		w.part = morning // Friday am
		if t.text == "pm" {
			w.part = halfDay
		}
		return i + 1, true
	}
	if t.lex.is&partName == 0 {
		return i, false
	}
	if s.qualifies(i) || t.is("mornings", "nights") {
		return i, false
	}
	w.part = t.lex.part
	switch {
	case w.part == lunchtime && s.at(i-1).is("after"):
		w.part = earlyAfternoon
	case w.part == lunchtime && s.at(i-1).is("before"):
		w.part = lateMorning
	}
	return i + 1, true
}

// qualifies reports whether the word at i only says what kind the thing after
// it is: the night patrol, our morning meeting.
func (s *scan) qualifies(i int) bool {
	t := s.at(i + 1)
	if t.kind != aWord || !s.at(i-1).is("the", "a", "an", "our", "my", "his", "her", "their", "by", "on", "of", "after", "before", "during", "and") {
		return false
	}
	if t.is("shift", "staff", "duty", "officer", "manager", "san", "patrol", "orderly", "porter", "team", "check", "run") {
		return true
	}
	return s.at(i-1).is("the", "a", "an", "our", "my", "his", "her", "their") && (t.lex == (lexeme{}) || t.lex.does == other) && !t.is("i", "when", "his", "me")
}

// thisPart reads what stands behind "this".
func (s *scan) thisPart(i int, w *written) (int, bool) {
	if s.at(i).is("very", "same") {
		i++
	}
	t := s.at(i)
	if t.is("am", "pm") {
		w.day, w.part = dayRef{kind: daysAgo}, morning
		if t.text == "pm" {
			w.part = halfDay
		}
		return i + 1, true
	}
	if t.is("early", "late", "mid") {
		if next, ok := s.modified(i, w); ok {
			w.day = dayRef{kind: daysAgo}
			return next, true
		}
	}
	if t.lex.is&partName == 0 {
		return i, false
	}
	w.day, w.part = dayRef{kind: daysAgo}, t.lex.part
	if t.lex.part == lunchtime && s.at(i+1).text == "time" {
		i++
	}
	return i + 1, true
}

// thing reads what follows "first thing" and "last thing": a day, perhaps with
// "morning".
func (s *scan) thing(i int, p part, w *written) (int, bool) {
	w.part = p
	j := i
	for s.at(j).is("in", "on", "the") {
		j++
	}
	t := s.at(j)
	var x written
	if t.lex.is&partName != 0 {
		if t.lex.part != morning && p == firstThing {
			return i, true
		}
		if t.lex.part == night {
			w.part = lateEvening
		}
		return j + 1, true
	}
	if next, ok := s.partAt(j, &x); ok && x.day.kind != noDay {
		w.day = x.day
		if x.part == night || x.part == evening {
			w.part = lateEvening
		}
		return next, true
	}
	if next, ok := s.day(j, &x); ok {
		w.day = x.day
		if x.part == night || x.part == evening {
			w.part = lateEvening
		} else if x.part == noPart && s.at(next).lex.part == morning {
			next++
		}
		return next, true
	}
	return i, true
}

// hoursOf reads the day of "the early hours of Saturday".
func (s *scan) hoursOf(i int, w *written) (int, bool) {
	w.part = earlyHours
	j := i
	for s.at(j).is("of", "on", "the") {
		j++
	}
	var x written
	if next, ok := s.partAt(j, &x); ok && (x.part == morning) {
		w.day = x.day
		return next, true
	}
	if next, ok := s.day(j, &x); ok {
		w.day = x.day
		if s.at(next).lex.part == morning {
			next++
		}
		return next, true
	}
	return i, true
}

// modified reads early, late and mid with the part that they modify: "early
// this morning", "late on Friday", "mid-afternoon yesterday".
func (s *scan) modified(i int, w *written) (int, bool) {
	mod := s.at(i).text
	j := i + 1
	if mod == "middle" {
		if s.at(j).text != "of" {
			return i, false
		}
		j++
	}
	if s.at(j).text == "hours" && mod == "early" {
		return s.hoursOf(j+1, w)
	}
	for s.at(j).is("in", "on", "-", "the") {
		j++
	}
	var x written
	next, ok := s.partAt(j, &x)
	if !ok {
		if mod == "later" || mod == "earlier" || mod == "mid" || mod == "middle" {
			return i, false
		}
		if next, ok = s.day(j, &x); !ok || x.day.kind == thisWeek || x.day.kind == weekend {
			return i, false
		}
		if x.part == noPart && s.at(next).lex.is&partName != 0 {
			x.part = s.at(next).lex.part
			next++
		}
	}
	w.day, w.part = x.day, x.part
	switch mod {
	case "early":
		switch x.part {
		case morning, noPart:
			w.part = earlyMorning
		case afternoon:
			w.part = earlyAfternoon
		case evening:
			w.part = earlyEvening
		}
	case "late":
		switch x.part {
		case morning:
			w.part = lateMorning
		case afternoon:
			w.part = lateAfternoon
		case evening, night:
			w.part = lateEvening
		case noPart:
			w.part = lateDay
		}
	case "mid", "middle":
		switch x.part {
		case morning:
			w.part = midMorning
		case afternoon:
			w.part = midAfternoon
		}
	}
	return next, true
}
