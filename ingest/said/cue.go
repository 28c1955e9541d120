package said

// farBack is how many tokens before a time are looked at for what bears on it.
const farBack = 8

// cueBefore reports whether one of cues stands before token i, past words that
// only say how exact the time is.
func (s *scan) cueBefore(i int, cues ...string) bool {
	for j := i - 1; j >= 0 && j > i-farBack; j-- {
		t := s.at(j)
		switch {
		case t.is(cues...):
			return true
		case t.lex.is&roughly != 0, t.is("the", "a", "exactly", "precisely", "~", "(", ":", "time"):
		default:
			return false
		}
	}
	return false
}

// back reads what bears on the time that begins at token i: how exact it is,
// whether it is only a bound, and by which word it is tied to the rest. No
// token before lo is looked at.
func (s *scan) back(i, lo int, w *written) {
	w.from = i
	for j := i - 1; j >= lo && j > i-farBack; j-- {
		t := s.at(j)
		switch {
		case t.is("nearly", "almost") && w.cue == "":
			w.near, w.from = -1, j
		case t.text == "it" && s.at(j-1).is("call", "make"):
			j--
			w.about, w.from = true, j // "call it 12.25"
		case t.is("near", "towards") && w.cue == "", t.lex.is&roughly != 0 && !t.is("near", "towards", "nearly", "almost") && !(t.is("sometime", "somewhere", "probably") && w.cue != ""), t.text == "~":
			if t.text == "say" && !s.at(j-1).is(",") && s.at(j-1).lex.is&(subject|auxiliary) != 0 {
				return // "I say"
			}
			w.about, w.from = true, j
		case t.is("or", "and") && w.about:
		case t.is("the", "a", "an", "exactly", "precisely", "time", "(", "very", "up", "well") && (w.cue == "" || t.is("up", "well", "very")):
		case t.text == "." && s.at(j-1).lex.is&roughly != 0:
		case t.is("just", "shortly", "soon", "immediately", "straight", "right", "slightly", "little", "bit", "directly", "moments", "minutes"):
			switch w.cue {
			case "before", "by":
				w.near, w.bound, w.from = -1, closed, j
			case "after", "gone", "past":
				w.near, w.bound, w.from = 1, closed, j
			case "":
				if t.text != "just" {
					return
				}
			}
		case t.is("while", "time", "few", "couple", "of", "a", "long", "not") && w.near != 0:
		case w.cue != "":
			if t.is("sometime", "somewhere", "probably") && w.cue != "" && w.bound == closed {
				continue
			}
			if t.is("some", "sometime", "time", "point", "not", "until", "at") && w.bound != closed {
				if t.text == "not" && w.bound == by {
					w.bound = after // "not before 9"
				}
				continue
			}
			return
		default:
			if !s.preposition(j, w) {
				return
			}
			if w.bound != closed || t.is("gone", "between", "over") {
				w.from = j
			}
		}
	}
}

// preposition takes the word at j as that which ties the time to the rest.
func (s *scan) preposition(j int, w *written) bool {
	t := s.at(j)
	switch t.text {
	case "at", "on", "in", "during", "over", "between", "@", "of", "for":
		w.cue = t.text
	case "until", "till", "til", "'til":
		w.cue, w.bound = "until", until
	case "since":
		w.cue, w.bound = "since", since
	case "from":
		w.cue, w.bound = "from", since
	case "by":
		w.cue, w.bound = "by", by
	case "before":
		w.cue, w.bound = "before", by
	case "after":
		w.cue, w.bound = "after", after
	case "gone", "past":
		w.cue, w.near = "gone", 1
	case "to":
		switch s.at(j - 1).text {
		case "prior":
			w.cue, w.bound = "before", by
		case "up":
			w.cue, w.bound = "until", until
		case "close":
			w.cue, w.about = "at", true
		case "subsequent":
			w.cue, w.bound = "after", after
		default:
			w.cue, w.bound = "to", until // the end of something
		}
	case "than":
		w.cue, w.bound = "by", by
		if s.at(j-1).text == "earlier" {
			w.bound = after
		}
	case ":", "=":
		w.cue = ":"
	default:
		return false
	}
	return true
}

// timed are the words after which a bare number may be an hour.
func timedCue(w *written) bool {
	switch w.cue {
	case "at", "@", "until", "since", "by", "before", "after", "gone", "between", "from":
		return true
	}
	return w.about || w.near != 0
}

// look takes what stands before an atom at k.
func (s *scan) look(k, lo int, joined bool, w *written) {
	var b written
	s.back(k, lo, &b)
	if !joined {
		w.from = b.from
		w.cue = b.cue
	}
	if w.part == earlyAfternoon && b.bound == after || w.part == lateMorning && b.bound == by {
		b.bound = closed // after lunch, before lunch
	}
	if b.bound != closed {
		w.bound = b.bound
		if joined {
			w.cue = b.cue
		}
	}
	w.about = w.about || b.about
	if b.near != 0 {
		w.near = b.near
	}
}
