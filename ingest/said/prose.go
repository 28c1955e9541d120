package said

import (
	"slices"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// The bounds of what is read of a text: no more bytes of it, and no more
// sayings than a person would look through.
const (
	MaxProse   = 256 << 10
	MaxSayings = 64
)

// A Fidelity says how exactly a time was written.
type Fidelity string

// The fidelities, the most exact first.
const (
	ToSecond    Fidelity = "second"
	ToMinute    Fidelity = "minute"
	ToHour      Fidelity = "hour"
	ToPartOfDay Fidelity = "part_of_day"
	ToDay       Fidelity = "day"
	ToDays      Fidelity = "days"
)

// A Saying is one time that a text speaks of.
type Saying struct {
	Milestone incident.Milestone // Detected, Occurred or Reported; "" where no word says which
	Interval  incident.Interval  // closed, UTC
	Flags     []incident.Flag
	Fidelity  Fidelity
	Words     [2]int // byte range in the text of the time's words
}

// Prose reads the times of running text, in the order of the text, as
// intervals that are closed and in UTC. Only the first [MaxProse] bytes are
// read and [MaxSayings] sayings returned; the work grows with the length of the
// text and no faster.
//
// Which milestone a time is of is decided by the verb nearest to it in its
// sentence. What is asked, supposed, denied or planned is no saying, and a
// statement that is open at one end ("before nine") is none either. A word
// that leaves something open widens the interval or is flagged.
//
// Nothing lies after the time at which the text was sent, unless a flag says
// so ([incident.FlagClipped], [incident.FlagSkewed], [incident.FlagAfterSent],
// [incident.FlagSpansSent]).
func Prose(text string, a Anchor) []Saying {
	if len(text) > MaxProse {
		text = text[:MaxProse]
	}
	p := newProse(text, a)
	for len(p.all) < MaxSayings {
		toks, ok := p.read.sentence()
		if !ok {
			break
		}
		p.sentence(toks, p.read.ended == '?')
	}
	p.firstHand()
	p.doubted()
	if len(p.all) > MaxSayings {
		p.all = p.all[:MaxSayings]
	}
	return p.all
}

// Detects reports whether a sentence of text says that something was
// detected, with or without a time. A find ("saw", "found", "was told") counts
// only where its sentence speaks of harm, too.
func Detects(text string) bool {
	if len(text) > MaxProse {
		text = text[:MaxProse]
	}
	p := newProse(text, Anchor{})
	for {
		toks, ok := p.read.sentence()
		if !ok {
			return false
		}
		if heading(toks) {
			continue
		}
		s := scan{toks: toks, text: text, a: &p.resolver.a, words: p.read.words}
		p.happened = s.events(func(int) bool { return false }, p.read.ended == '?', p.happened[:0])
		for i := range p.happened {
			e := &p.happened[i]
			if e.of != incident.Detected || e.unasked || e.noun && !s.anywhere(harm) || !e.strong && !s.anywhere(harm) {
				continue
			}
			if !e.denied || s.follows(e.at, lookAhead, "until", "till", "til") > 0 || s.precedes(e.at, 12, "until", "till") > 0 {
				return true
			}
		}
	}
}

// A prose is the reading of one text.
type prose struct {
	read     *reader
	resolver *resolver
	all      []Saying
	told     []bool             // for each of all: it is when somebody told of it
	asks     incident.Milestone // of which the sentence before asked when it was
	lastOf   incident.Milestone // that of the time of day said last
	signed   bool               // the closing words have been read
	times    []written          // of the sentence at hand
	happened []event            // likewise
	far      []int              // how far each of its tokens is from the first
	verb     []bool             // whether an event stands before it in its clause
	count    int                // sentences
	saidIn   int                // the sentence in which a day was spoken of
}

func newProse(text string, a Anchor) *prose {
	return &prose{read: newReader(text), resolver: newResolver(a)}
}

// sentence reads one sentence.
func (p *prose) sentence(toks []token, asked bool) {
	p.count++
	if heading(toks) {
		return
	}
	if closing(toks) {
		p.signed = true
		return
	}
	s := scan{toks: toks, text: p.read.text, a: &p.resolver.a, words: p.read.words}
	p.find(&s)
	p.happened = s.events(p.within, asked, p.happened[:0])
	if len(p.times) > 0 || slices.ContainsFunc(p.happened, func(e event) bool { return e.just > 0 }) {
		p.tie(&s, asked)
	}
	p.asks = ""
	if first := &toks[0]; asked && len(p.times) == 0 && len(p.happened) > 0 && (first.text == "when" || s.anyOf("time")) {
		p.asks = p.happened[len(p.happened)-1].of
	}
}

// firstHand takes back that somebody's telling was the detection, where the
// text says of an earlier time when it was noticed.
func (p *prose) firstHand() {
	for i := range p.all {
		if !p.told[i] {
			continue
		}
		for k := range p.all {
			if p.all[k].Milestone == incident.Detected && !p.told[k] && p.all[k].Interval.Latest.Before(p.all[i].Interval.Latest) {
				p.all[i].Milestone = ""
				break
			}
		}
	}
}

// heading knows the lines that a mail program writes above quoted words.
func heading(toks []token) bool {
	first := &toks[0]
	if first.text == ">" {
		return true
	}
	if len(toks) > 1 && toks[1].text == ":" && toks[1].glued && first.line && first.is("sent", "from", "to", "cc", "bcc", "subject", "received", "tel", "phone", "mobile", "fax") {
		return true
	}
	last := &toks[len(toks)-1]
	if last.text == ":" && len(toks) > 1 {
		last = &toks[len(toks)-2]
	}
	return last.is("wrote", "writes") && first.is("on", "am", "le")
}

// closing knows the words before a signature.
func closing(toks []token) bool {
	if len(toks) > 4 || toks[0].kind != aWord {
		return false
	}
	for i := range toks {
		if toks[i].is("regards", "wishes", "sincerely", "faithfully") {
			return true
		}
	}
	return toks[0].is("thanks", "ta", "cheers", "br", "kr") || len(toks) == 2 && toks[1].is("thanks")
}

// find reads the times of a sentence.
func (p *prose) find(s *scan) {
	p.times = p.times[:0]
	lo := 0
	for i := 0; i < len(s.toks); i++ {
		if !s.begins(i) {
			continue
		}
		w, ok := s.parse(i, lo)
		if !ok {
			continue
		}
		p.times = append(p.times, w)
		i = max(i, w.end-1)
		lo = w.end
	}
}

// begins reports whether a time can begin with token i.
func (s *scan) begins(i int) bool {
	t := s.at(i)
	switch {
	case t.kind == aNumber:
		return true
	case t.kind != aWord:
		return t.is("\u00bd", "\u00bc", "\u00be")
	case t.lex.is&(numberWord|monthName|weekdayName|partName) != 0:
		return true
	}
	next := s.at(i + 1)
	switch t.text { // the commonest words first: what stands behind them decides
	case "the":
		return next.kind == aNumber || next.lex.is&(numberWord|weekdayName|monthName|partName) != 0 || next.is("same", "day", "following", "next", "previous",
			"last", "past", "other", "weekend", "back", "early", "late", "small", "wee", "end", "start", "mid", "middle", "close", "first")
	case "a", "an":
		return next.lex.is&unitName != 0 || next.is("couple", "few", "half", "quarter", "good", "short")
	case "this", "that":
		return next.lex.is&(partName|weekdayName|unitName) != 0 || next.is("very", "same", "early", "late", "mid", "weekend", "am", "pm", "past", "week", "moment", "instant")
	case "at":
		return next.text == "once"
	case "just":
		return next.text == "now"
	case "back":
		return next.text == "of"
	case "today", "tday", "yesterday", "yest", "yday", "tomorrow", "tmrw", "tonight", "day", "same", "later", "earlier", "weekend", "some", "recently",
		"last", "past", "next", "previous", "following", "noon", "midday", "midnight", "half", "quarter", "early", "late", "mid", "middle",
		"first", "small", "wee", "close", "end", "start", "tea", "dinner", "breakfast", "moments", "seconds", "moment", "second", "minute",
		"immediately", "instantly", "straight", "right", "while", "couple", "few", "several", "minutes", "hours":
		return true
	}
	return false
}

// within reports whether token i belongs to a time of the sentence.
func (p *prose) within(i int) bool {
	for k := range p.times {
		if w := &p.times[k]; i >= w.from && i < w.end {
			return true
		}
	}
	return false
}

// justThen adds the time of what was "just" noticed, where no other is.
func (p *prose) justThen(s *scan, ties []tie) []tie {
	for i := range p.happened {
		e := &p.happened[i]
		if e.of != incident.Detected || e.just == 0 || e.denied || e.unasked || p.within(e.just-1) {
			continue
		}
		if timed := slices.ContainsFunc(ties, func(t tie) bool { return t.event == i }); !timed {
			j := e.just - 1
			p.times = append(p.times, s.counted(written{}, j, j+1, 0, About))
			return append(ties, tie{event: i, of: e.of})
		}
	}
	return ties
}
