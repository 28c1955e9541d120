package said

import (
	"github.com/ministryofjustice/incident-promptness/incident"
)

// A tie says to which event of the sentence a time belongs.
type tie struct {
	event   int // -1: to none
	of      incident.Milestone
	drop    bool // it is no saying
	soon    bool // noticed on coming in at that time
	told    bool // somebody told of it then
	carried bool // its day was said at the beginning of the sentence
}

// tie gives each time of a sentence its event, and each undated one its day.
func (p *prose) tie(s *scan, asked bool) {
	p.measure(s)
	ties := make([]tie, len(p.times))
	for k := range p.times {
		ties[k] = p.nearest(s, k)
	}
	p.oneEach(s, ties)
	ties = p.justThen(s, ties)
	p.together(ties)
	first := len(p.all)
	for _, later := range [...]bool{false, true} { // what counts on from another comes after it
		for k := range p.times {
			w, t := &p.times[k], &ties[k]
			if t.drop || w.later != later {
				continue
			}
			if asked && w.timed && w.end >= len(s.toks) {
				w.about = true // "at 9.15?"
			}
			p.decide(s, ties, k, asked)
			if w.atOnce && (t.of != incident.Detected || len(p.all) == first) {
				t.drop = true
			}
			if !t.drop {
				p.say(s, w, t)
			}
		}
	}
	for i := first + 1; i < len(p.all); i++ {
		for j := i; j > first && p.all[j].Words[0] < p.all[j-1].Words[0]; j-- {
			p.all[j], p.all[j-1] = p.all[j-1], p.all[j]
			p.told[j], p.told[j-1] = p.told[j-1], p.told[j]
		}
	}
}

// The distances by which the verb nearest to a time is found, in words.
const (
	farClause = 6 // a conjunction or full break between them
	farThat   = 2
	farNoun   = 5 // a noun tells less than a verb
	farAfter  = 4 // a verb behind a time that has one before it
)

// nearest finds the event nearest to time k.
func (p *prose) nearest(s *scan, k int) tie {
	w := &p.times[k]
	best, cost := -1, 1<<30
	for i := range p.happened {
		e := &p.happened[i]
		c := 0
		if e.noun {
			c += farNoun
		}
		if e.at < w.from {
			c += p.far[w.from] - p.far[min(e.end, w.from)]
		} else {
			c += p.far[max(e.at, w.end)] - p.far[w.end] + 1
			if p.verb[w.from] {
				c += farAfter
			}
		}
		if c < cost || c == cost && best >= 0 && p.happened[best].of == "" {
			best, cost = i, c
		}
	}
	if best >= 0 && p.apart(s, w, best) {
		best = -1
	}
	t := tie{event: best}
	if best >= 0 {
		e := &p.happened[best]
		t.of = e.of
		t.soon = e.of == incident.Detected && w.timed && e.at > w.end && s.at(w.end).text == "and" && !p.verb[w.from] && p.saidBy(s, w)
	}
	return t
}

// apart reports whether w stands in a clause of its own, which tells of
// something that is no event here: "it was not there on Friday". The clause of
// "it was 9.15 when" tells of nothing and is not one.
func (p *prose) apart(s *scan, w *written, best int) bool {
	e := &p.happened[best]
	subject, verb, denied, content := false, false, false, 0
	for j := w.from - 1; j >= 0; j-- {
		t := s.at(j)
		if j == e.at {
			return false // within its clause
		}
		if p.within(j) {
			continue
		}
		if e.at >= w.end && j >= w.from-2 && t.is("email", "call", "message", "mail", "letter", "meeting", "conversation", "chat", "report", "note") &&
			s.at(j-1).is("my", "the", "your", "our", "his", "her", "their", "last", "earlier", "phone") {
			return true // further to my call at 9.15
		}
		if t.is("when", "as", "while", "once") {
			return false // at the same time
		}
		if t.text == "that" && e.at < j && content > 0 {
			// "noticed that it was missing at 9.15" is when it was noticed;
			// "noticed that the email at 11 had" is not.
			return !verb && s.at(w.end).is("had", "has", "was", "were", "is", "are", "contained", "did")
		}
		if t.lex.is&joins != 0 && t.text != "that" || t.is(",", ";", ":", "-", "(") {
			break
		}
		if t.is("will", "i'll", "we'll", "shall", "available", "free") ||
			t.is("call", "ring", "phone", "contact") && (j == 0 || s.at(j-1).is("please", "to", "can", "will", "or", "and", ",", "either")) {
			return true // of what is to come
		}
		switch {
		case t.is("it", "this", "that", "which", "time", "the", "not", "until", "only", "about", "around", "i", "we", "he", "she", "they"):
		case t.is("wasn't", "weren't", "hadn't", "isn't"):
			verb, denied = true, true
		case t.is("was", "is"):
			verb = true
			continue
		case t.is("were", "are", "had", "has", "have", "shows", "showed", "shown", "says", "contains"):
			verb = true
		case t.lex.is&joins == 0 && t.kind == aWord && !t.is("at", "on", "in", "by", "from"):
			content++
		}
		subject = subject || t.lex.is&joins == 0
	}
	if e.at >= w.end && content > 1 && s.at(w.end).is("and", "but", ";") {
		return !p.saidBy(s, w) || e.of != incident.Detected || e.at > w.end+3 // "I sat down at 9 and noticed"
	}
	if !subject || content == 0 || !verb || content < 3 && !denied && s.anyOf("who") {
		return false // "it was Priya at 9.15"
	}
	if e.at >= w.end {
		// what follows at once belongs to it: "I was in by 9 when I noticed"
		for j := w.end; j < e.at; j++ {
			if t := s.at(j); t.is("when", "that", "before") {
				return false
			}
		}
		return p.far[e.at]-p.far[w.end] >= farClause && !s.at(w.end).is("and") || s.at(w.end).is(",", ";", "-")
	}
	return true
}

// measure adds up, for each token, how far it is from the first, so that the
// distance between any two is known at once; and it notes where an event
// stands before it in its clause.
func (p *prose) measure(s *scan) {
	p.far, p.verb = p.far[:0], p.verb[:0]
	d, k, e, verb := 0, 0, 0, false
	for j := range s.toks {
		p.far, p.verb = append(p.far, d), append(p.verb, verb)
		for k < len(p.times) && p.times[k].end <= j {
			k++
		}
		for e < len(p.happened) && p.happened[e].at < j {
			e++
		}
		t := s.at(j)
		switch {
		case k < len(p.times) && j >= p.times[k].from:
			continue // within a time
		case t.text == "that":
			d += farThat
		case t.text == "as" && s.at(j+1).text == "well":
		case t.is(":", "-") && k < len(p.times) && j+1 == p.times[k].from:
			d++ // a label
		case t.lex.is&joins != 0, t.is(";", ":", "-", "("):
			d += farClause
			verb = false
			continue
		case t.text == ",":
			d += 2
		default:
			d++
		}
		verb = verb || e < len(p.happened) && p.happened[e].at == j
	}
	p.far = append(p.far, d)
}

// saidBy reports whether the clause of w begins with a person: it is a whole
// one.
func (p *prose) saidBy(s *scan, w *written) bool {
	for j := w.from - 1; j >= 0; j-- {
		t := s.at(j)
		if t.lex.is&joins != 0 || t.is(",", ";", ":", "-", "(") {
			return false
		}
		if t.is("i", "we", "he", "she", "they", "i've", "we've", "i'd", "we'd", "i'm", "we're", "he'd", "she'd") {
			return true
		}
	}
	return false
}

// decide settles of what milestone w is, and whether it is a saying at all.
func (p *prose) decide(s *scan, ties []tie, k int, asked bool) {
	w, t := &p.times[k], &ties[k]
	if w.past > 0 && t.of != incident.Detected {
		t.drop = true
		return
	}
	if t.event < 0 {
		if p.asks != "" && w.from == 0 && w.bound == closed {
			t.of = p.asks // "When did you notice? 9.15"
			return
		}
		t.drop = w.bound != closed || p.signed || s.planned(w, asked)
		return
	}
	e := &p.happened[t.event]
	if e.unasked {
		t.drop = true
		return
	}
	if e.arrives || e.leads {
		p.onArrival(s, ties, k, e)
	}
	if e.told {
		p.secondHand(ties, k, e)
		t.told = true
	}
	if e.of == "" && w.timed && w.begin <= 3 && e.at > w.end {
		p.fronted(s, ties, k, e)
	}
	if w.bound == until {
		// "did not notice until", "it was not until … that we noticed"
		if !e.denied && !p.deniedBefore(s, w) {
			t.drop = true
			return
		}
		w.bound = closed
		if t.of != incident.Detected {
			t.drop = true
		}
	} else if e.denied {
		t.drop = true
		return
	}
	if w.bound == since {
		switch {
		case t.of == incident.Occurred, t.of == incident.Detected && w.cue == "since" && e.at < w.begin:
			w.bound = closed
		default:
			t.drop = true
		}
	}
	if w.bound != closed {
		t.drop = true
		return
	}
	if t.of == "" && (p.signed || s.planned(w, asked)) {
		t.drop = true
	}
}

// deniedBefore knows "it was not until".
func (p *prose) deniedBefore(s *scan, w *written) bool {
	for j := w.from - 1; j >= 0 && j >= w.from-5; j-- {
		t := s.at(j)
		if t.lex.is&negative != 0 || t.is("took", "only", "unnoticed", "undetected", "undiscovered") {
			return true
		}
		if t.is("and", "but", ",", ";") {
			return false
		}
	}
	return false
}

// planned reports whether a time that no event claims may be one that is still
// to come, or of every day: a meeting, opening hours.
func (s *scan) planned(w *written, asked bool) bool {
	if asked && s.at(0).lex.is&(auxiliary|asks) != 0 {
		return true
	}
	for j := range s.toks {
		t := &s.toks[j]
		if j >= w.from && j < w.end {
			if j > w.begin && t.text == "-" && s.at(j-1).lex.is&weekdayName != 0 {
				return true // Mon-Fri
			}
			continue
		}
		if t.lex.is&ahead != 0 && !(t.text == "due" && s.at(j+1).text == "to") && !(t.is("please") && s.at(j+1).is("note", "be")) ||
			t.is("call", "ring", "phone") && !s.at(j-1).is("a", "the", "this", "phone", "my", "our") || t.is("open") && s.at(j+1).is("from", "until", "between", "mon", "monday", "daily") || j < w.from && t.is("would", "can", "could", "must") || t.is("hours", "opens", "opening", "working", "every", "daily", "weekdays", "usually", "normally", "always", "urgent", "train", "tel", "office:") {
			return true
		}
	}
	return w.day.kind == onWeekday && w.toward != nil
}

// strayDay reports whether a word of the sentence names a day that was not
// read: the time beside it may be of that day.
func (p *prose) strayDay(s *scan) bool {
	for i := range s.toks {
		t := &s.toks[i]
		if t.kind != aWord || p.within(i) {
			continue
		}
		if t.lex.is&weekdayName != 0 && t.text != "sat" && t.text != "sun" || t.lex.is&monthName != 0 && !t.is("may", "mar", "march", "dec") ||
			t.is("day", "days", "week", "weeks", "weekend", "month", "holiday", "christmas", "easter", "boxing", "yesterday's", "yesterdays", "friday's", "monday's") && !s.at(i-1).is("all", "every", "a", "per", "each", "working", "next") {
			return true
		}
	}
	return false
}

// say resolves w and adds what it says.
func (p *prose) say(s *scan, w *written, t *tie) {
	r := p.resolver
	over := r.spoke && p.count-p.saidIn <= 1 && w.timed && w.day.kind == noDay && w.part == noPart
	switch {
	case t.of == incident.Detected && p.lastOf != incident.Detected:
		w.order = 1
	case t.of == incident.Occurred && p.lastOf == incident.Detected:
		w.order = -1
	}
	x, ok := r.resolve(w, over)
	if !ok {
		return
	}
	late := x.has(incident.FlagSkewed) || x.has(incident.FlagClipped)
	if late && t.of == "" {
		return // a plan
	}
	if t.carried || w.timed && w.day.kind == noDay && !w.later && p.strayDay(s) {
		x.flag(incident.FlagEitherDay)
	}
	if t.soon && !late {
		x.in.Earliest, x.in.Latest = x.in.Earliest.Add(-About), x.in.Latest.Add(2*About)
		x.flag(incident.FlagAbout)
		x = r.clip(x)
	}
	dated := t.event >= 0 && t.of == "" && p.happened[t.event].end == w.begin // "a letter dated"
	if !dated && w.day.kind != noDay && w.day.kind != sameDay && x.fidelity != ToDays && !late {
		r.said, r.spoke, p.saidIn = x.day, true, p.count
		if w.toward != nil {
			r.said = r.civilOf(x.in.Latest)
		}
	} else if w.day.kind == sameDay && r.spoke {
		p.saidIn = p.count
	}
	if x.timed {
		r.last, r.prev, p.lastOf = x.in, x.fidelity, t.of
	}
	p.told = append(p.told, t.told && t.of == incident.Detected)
	p.all = append(p.all, Saying{
		Milestone: t.of,
		Interval:  incident.Interval{Earliest: x.in.Earliest.UTC(), Latest: x.in.Latest.UTC()},
		Flags:     x.flags,
		Fidelity:  x.fidelity,
		Words:     [2]int{s.toks[w.from].at, s.toks[w.end-1].end},
	})
}

func (x *answer) has(f incident.Flag) bool { return contains(x.flags, f) }
