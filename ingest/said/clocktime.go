package said

import "time"

// How sure it is that what looks like a time of day is one.
type certainty uint8

const (
	noTime certainty = iota
	bare             // "9": only after "at" and its like
	weak             // "9.15", "0915": the same, or beside a day
	strong           // "9:15", "9am", "half nine"
)

// A scan reads the times of one sentence.
type scan struct {
	toks  []token
	text  string
	a     *Anchor
	words map[string]lexeme
	// labelled is one more than the token that a label has said to be a time.
	labelled int
	deep     bool // the end of a range is read
	dated    int  // the token behind the day that was read last
}

// at returns token i, or one that is nothing.
func (s *scan) at(i int) *token {
	if i < 0 || i >= len(s.toks) {
		return &nowhere
	}
	return &s.toks[i]
}

var nowhere = token{} //nolint:gochecknoglobals // the constant for "no token", never written to

// clock reads a time of day from token i and returns the token after it.
func (s *scan) clock(i int) (c clock, next int, sure certainty) {
	t := s.at(i)
	c.unit = time.Minute
	switch {
	case t.kind == aNumber:
		c, next, sure = s.clockDigits(i)
	case t.kind == aWord:
		c, next, sure = s.clockWords(i)
	}
	if sure == noTime || c.hour > 23 || c.min > 59 || c.sec > 59 {
		return clock{}, i, noTime
	}
	return c, next, sure
}

// halfOfDay reads am or pm at i.
func (s *scan) halfOfDay(i int) (half, bool) {
	switch t := s.at(i); {
	case t.text == "am":
		return am, true
	case t.text == "pm":
		return pm, true
	}
	return noHalf, false
}

// settle takes over am and pm, or the lack of them, and what may follow.
func (s *scan) settle(c clock, next int, sure certainty, leading bool) (clock, int, certainty) {
	if c.hour == 12 && c.min == 0 && s.at(next).is("noon", "midday", "midnight") {
		c.midnight = s.at(next).text == "midnight"
		if c.midnight {
			c.hour = 0
		}
		return c, next + 1, strong
	}
	if s.at(next).text == "." && s.at(next).glued && s.at(next+1).glued && s.at(next+1).is("am", "pm") {
		next++ // 9.am
	}
	if x, ok := s.halfOfDay(next); ok {
		next++
		sure = strong
		switch {
		case c.hour > 12 && x == pm: // 13:15pm
		case c.hour > 12 || c.hour == 0:
			return c, next, noTime
		default:
			c.midnight = c.hour == 12 && c.min == 0 && x == am
			c.either = true
			c = c.in(x)
		}
		return c, next, sure
	}
	c.either = !leading && c.hour >= 1 && c.hour <= 12
	if s.at(next).is("o'clock", "oclock") {
		return c, next + 1, strong
	}
	if s.at(next).text == "o" && s.at(next+1).text == "clock" {
		return c, next + 2, strong
	}
	if s.at(next).is("hrs", "hours", "hr", "h") && !c.hourOnly && (sure == strong || leading || c.hour > 9 || s.at(next).glued) {
		c.either = false
		next++
		sure = strong
	}
	return c, next, sure
}

func (s *scan) clockDigits(i int) (clock, int, certainty) {
	t := s.at(i)
	c := clock{hour: t.n, unit: time.Minute}
	if s.partOfNumber(i) {
		return c, i, noTime
	}
	sep, m := s.at(i+1), s.at(i+2)
	leading := t.digits == 2 && t.n < 10
	switch {
	case t.digits <= 2 && sep.glued && sep.is(":", ".", "h", ";") && m.kind == aNumber && m.glued && m.digits == 2:
		c.min = m.n
		next, sure := i+3, strong
		if sep.is(".", ";") {
			sure = weak
		}
		if s.at(next).is(":", ".") && s.at(next).glued && s.at(next+1).kind == aNumber && s.at(next+1).glued {
			if sep.text == "." || s.at(next+1).digits != 2 || s.at(next).text == "." {
				return c, i, noTime
			}
			c.sec, c.unit = s.at(next+1).n, time.Second
			next += 2
			if s.at(next).is(".", ",") && s.at(next).glued && s.at(next+1).kind == aNumber && s.at(next+1).glued && s.at(next+1).digits <= 9 {
				f := s.at(next + 1)
				for range f.digits {
					c.unit /= 10
				}
				c.frac = time.Duration(f.n) * c.unit
				next += 2
			}
			if s.at(next).text == ":" && s.at(next).glued && s.at(next+1).kind == aNumber {
				return c, i, noTime
			}
		}
		if s.runsOn(next) {
			return c, i, noTime
		}
		return s.settle(c, next, sure, leading || sep.text == "h")
	case t.digits == 4 || t.digits == 3:
		c.hour, c.min = t.n/100, t.n%100
		_, halved := s.halfOfDay(i + 1)
		if t.digits == 3 && !halved || s.runsOn(i+1) {
			return c, i, noTime
		}
		if s.at(i-1).kind == aNumber && i != s.dated || s.at(i+1).kind == aNumber && !s.startsDate(i+1) {
			return c, i, noTime // a telephone
		}
		c, next, sure := s.settle(c, i+1, weak, !halved)
		c.either = false
		return c, next, sure
	case t.digits > 2:
		return c, i, noTime
	}
	// 9 15 am
	if m := s.at(i + 1); m.kind == aNumber && m.digits == 2 && !m.glued {
		if _, ok := s.halfOfDay(i + 2); ok {
			c.min = m.n
			return s.settle(c, i+2, strong, false)
		}
	}
	if c2, next, ok := s.minutesTo(i, t.n, i+1, false); ok {
		return c2, next, strong
	}
	if s.runsOn(i+1) || s.at(i+1).kind == aNumber {
		return c, i, noTime
	}
	c.hourOnly = true
	return s.settle(c, i+1, bare, false)
}

// runsOn reports whether the number before token i goes on: 9.15%, 10.0.0.1,
// 12:30:44:01.
func (s *scan) runsOn(i int) bool {
	t, u := s.at(i), s.at(i+1)
	switch {
	case t.is("%", "\u00b0", "$"):
		return true
	case t.kind == aWord && t.glued && !t.is("am", "pm", "hrs", "hours", "hr", "h", "ish", "z", "bst", "gmt", "utc", "a", "p", "o'clock"):
		return true
	case t.text == "/" && u.kind == aNumber && u.digits <= 2 && s.at(i+2).is(".", ":") && s.at(i-2).is(".", ":"):
		return false // 9.15/9.20
	case t.is(".", ":", "/", "@", "#", "_") && t.glued && u.glued && u.kind != aMark:
		return true
	case t.text == "-" && t.glued && u.glued && u.kind == aNumber && u.digits > 4:
		return true
	}
	return false
}

// partOfNumber reports whether the number at i is the end of something longer.
func (s *scan) partOfNumber(i int) bool {
	t, before := s.at(i), s.at(i-1)
	if !t.glued {
		return before.lex.is&numbers != 0 && !s.clockBehind(i) || before.is("\u00a3", "$", "\u20ac", "#")
	}
	switch {
	case before.kind == aWord:
		return !before.is("t", "at", "c", "ca", "hrs")
	case before.text == "/" && s.at(i-2).is("am", "pm"):
		return false
	case before.text == "/" && s.at(i-2).kind == aNumber && s.at(i-3).is(":", "."):
		return s.at(i-3).text == "." && s.at(i+1).text != "." // 9.15/9.20
	case before.is("\u00a3", "$", "\u20ac", "#", "/", "\\", "=", "&", "+"):
		return true
	case before.is(".", ":", "_", "@", "-"):
		return before.glued && s.at(i-2).kind == aNumber && before.text != "-" ||
			before.glued && s.at(i-2).kind == aWord && before.text != ":" && !s.at(i-2).is("am", "pm", "c", "ca", "approx")
	}
	return false
}

// clockBehind reports whether am or a colon shows that the number at i is a
// time after all: "stage 9:15".
func (s *scan) clockBehind(i int) bool {
	if _, ok := s.halfOfDay(i + 1); ok {
		return true
	}
	return s.at(i+1).text == ":" && s.at(i+1).glued
}

// minutesTo reads what stands after n minutes: past nine, to nine.
func (s *scan) minutesTo(i, n, next int, words bool) (clock, int, bool) {
	if s.at(next).is("minutes", "mins", "min", "minute") {
		next++
	}
	way := s.at(next)
	if n < 1 || n > 59 || !way.is("past", "to", "before", "after", "of") || way.text == "of" && n != 15 {
		return clock{}, i, false
	}
	minuted := s.at(next-1).is("minutes", "mins", "min", "minute")
	if way.is("before", "after") && !minuted {
		return clock{}, i, false
	}
	if way.text == "to" && !words && !minuted {
		// "5 to 9" may be a range: only the usual minutes, and not after
		// "from" or "between", and not where the range would fit as well.
		if n != 5 && n != 10 && n != 20 && n != 25 || s.cueBefore(i, "from", "between") {
			return clock{}, i, false
		}
	}
	hour, after := s.hourWord(next + 1)
	if hour == 0 {
		if s.at(next+1).is("noon", "midday") {
			hour, after = 12, next+2
		} else if s.at(next+1).text == "midnight" {
			c := clock{hour: 23, min: 60 - n, unit: time.Minute, midnight: true}
			if way.is("past", "after") {
				c.hour, c.min = 0, n
			}
			return c, next + 2, true
		} else {
			return clock{}, i, false
		}
	}
	if way.text == "to" && !words && !minuted && n+1 == hour {
		return clock{}, i, false
	}
	c := clock{hour: hour, min: n, unit: time.Minute}
	if way.is("to", "before", "of") {
		c.hour, c.min = hour-1, 60-n
		if c.hour == 0 {
			c.hour = 12
		}
	}
	c, after, _ = s.settle(c, after, strong, false)
	if c.half == pm && hour == 12 && c.hour == 23 {
		c.hour = 11 // "ten to 12pm" is before noon
	} else if c.half == am && hour == 12 && c.hour == 11 {
		c.hour = 23
	}
	return c, after, true
}

// hourWord reads an hour from 1 to 12, in digits or in words.
func (s *scan) hourWord(i int) (hour, next int) {
	t := s.at(i)
	switch {
	case t.kind == aNumber && t.digits <= 2 && t.n >= 1 && t.n <= 12 && !s.runsOn(i+1):
		return t.n, i + 1
	case t.lex.is&numberWord != 0 && t.lex.n >= 1 && t.lex.n <= 12:
		return int(t.lex.n), i + 1
	}
	return 0, i
}

// numberAt reads a number below sixty, in words.
func (s *scan) numberAt(i int) (n, next int, ok bool) {
	t := s.at(i)
	if t.lex.is&numberWord == 0 {
		return 0, i, false
	}
	n, next = int(t.lex.n), i+1
	if n == 5 && s.at(next).text == "and" && s.at(next+1).text == "twenty" {
		return 25, next + 2, true // five and twenty past nine
	}
	if n >= 20 {
		j := next
		if s.at(j).text == "-" && s.at(j).glued {
			j++
		}
		if u := s.at(j); u.lex.is&numberWord != 0 && u.lex.n > 0 && u.lex.n < 10 {
			return n + int(u.lex.n), j + 1, true
		}
	}
	return n, next, true
}

func (s *scan) clockWords(i int) (clock, int, certainty) {
	t := s.at(i)
	c := clock{unit: time.Minute}
	switch t.text {
	case "noon", "midday":
		c.hour = 12
		return c, i + 1, strong
	case "midnight":
		c.midnight = true
		return c, i + 1, strong
	case "half":
		next := i + 1
		if s.at(next).text == "-" || s.at(next).text == "past" || s.at(next).text == "after" {
			next++
			if s.at(next).text == "past" {
				next++
			}
		}
		hour, after := s.hourWord(next)
		if hour == 0 || s.at(after).lex.is&(unitName|measures) != 0 {
			return c, i, noTime
		}
		c.hour, c.min = hour, 30
		return s.settle(c, after, strong, false)
	case "quarter":
		if c, next, ok := s.minutesTo(i, 15, i+1, true); ok {
			return c, next, strong
		}
		return c, i, noTime
	}
	n, next, ok := s.numberAt(i)
	if !ok {
		return c, i, noTime
	}
	if s.at(i-1).lex.is&numbers != 0 {
		return c, i, noTime
	}
	if c, next, ok := s.minutesTo(i, n, next, true); ok {
		return c, next, strong
	}
	if n < 1 || n > 23 {
		return c, i, noTime
	}
	c.hour = n
	// nine fifteen, nine oh five
	j := next
	if s.at(j).is("oh", "o") && s.at(j+1).lex.is&numberWord != 0 {
		if m, after, ok := s.numberAt(j + 1); ok && m < 10 {
			c.min = m
			return s.settle(c, after, weak, false)
		}
	}
	if m, after, ok := s.numberAt(j); ok && m >= 10 && n <= 12 {
		c.min = m
		return s.settle(c, after, weak, false)
	}
	if s.at(next).is("hundred") && s.at(next+1).is("hours", "hrs") {
		return c, next + 2, strong
	}
	c.hourOnly = true
	return s.settle(c, next, bare, false)
}
