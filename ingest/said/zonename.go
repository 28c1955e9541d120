package said

import (
	"slices"
	"time"
)

// zone reads a zone at i.
func (s *scan) zone(i int, w *written) int {
	j := i
	bracket := s.at(j).text == "("
	if bracket {
		j++
	}
	t := s.at(j)
	done := func(n int) int {
		if bracket && s.at(n).text == ")" {
			n++
		}
		return n
	}
	if t.kind == aWord {
		switch t.text {
		case "local", "london", "uk", "british":
			if t.text == "british" && s.at(j+1).text == "summer" && s.at(j+2).text == "time" {
				w.zoned, w.zone = true, time.Hour
				return done(j + 3)
			}
			if s.at(j+1).text == "time" {
				j++
			}
			if t.text == "local" && s.at(j+1).text == "in" {
				w.badZone = true // London would be a guess
				return done(j + 2)
			}
			w.london = t.text != "local"
			return done(j + 1)
		case "et", "pt", "ct", "mt", "ist", "aest", "aedt", "acst", "awst", "cst", "mst", "cdt", "mdt", "jst", "hkt", "sgt", "nzst", "nzdt", "msk", "pkt", "sast", "eat":
			if t.upper {
				w.bySender = s.a.Zoned && slices.Contains(meant(t.text), s.a.Offset)
				w.zoned, w.zone, w.badZone = w.bySender, s.a.Offset, !w.bySender
				return done(j + 1)
			}
			return i
		}
		if n := s.elsewhere(j); n > j {
			w.badZone = true
			return done(n)
		}
		offset, known := Zone(t.text)
		if !known || !t.upper && !t.is("bst", "gmt", "utc", "z") || t.text == "z" && !t.glued {
			return i
		}
		if t.is("utc", "gmt") && s.at(j+1).is("+", "-") && s.at(j+1).glued && s.at(j+2).kind == aNumber && s.at(j+2).glued {
			return done(s.offset(j+1, w))
		}
		w.zoned, w.zone = true, offset
		return done(j + 1)
	}
	if t.text == "+" && s.at(j+1).kind == aNumber && s.at(j+1).glued || t.text == "-" && t.glued && s.at(j+1).digits == 2 && s.at(j+2).text == ":" && w.start.unit == 0 && s.at(i-1).digits == 2 && s.at(i-2).text == ":" && s.at(i-4).text == ":" {
		return done(s.offset(j, w))
	}
	return i
}

// offset reads +1, +01:00 or +0100, the sign at i.
func (s *scan) offset(i int, w *written) int {
	n := s.at(i + 1)
	hh, mm, next := n.n, 0, i+2
	if n.digits > 2 {
		hh, mm = n.n/100, n.n%100
	} else if s.at(next).text == ":" && s.at(next+1).digits == 2 {
		mm, next = s.at(next+1).n, next+2
	}
	if hh > 14 || mm > 59 {
		w.badZone = true
		return next
	}
	w.zoned, w.zone = true, time.Duration(hh)*time.Hour+time.Duration(mm)*time.Minute
	if s.at(i).text == "-" {
		w.zone = -w.zone
	}
	return next
}

// elsewhere moves over a clock of another place that is named in words at i:
// "Pacific", "Paris time", "their time". Which offset it has is not known here,
// and London's would be a guess.
func (s *scan) elsewhere(i int) int {
	t := s.at(i)
	next := s.at(i + 1).text
	switch {
	case t.is("eastern", "pacific", "mountain"), t.text == "central" && next == "time":
		if next == "time" || next == "standard" || next == "daylight" {
			return i + 2
		}
		return i + 1
	case next != "time":
		return i
	case t.is("their", "your", "his", "her"):
		return i + 2
	}
	if t.upper && !t.is("this", "the", "first", "last", "next", "that", "lunch", "break", "tea", "dinner", "bed", "some", "any", "same", "what", "about", "in", "by") {
		return i + 2 // a place, or what belongs to one
	}
	return i
}

// meant returns the offsets that a zone's name can stand for. It is taken to be
// the one that the sender's own clock shows, and is else not read.
func meant(name string) []time.Duration {
	const h, half = time.Hour, time.Hour / 2
	switch name {
	case "ist":
		return []time.Duration{5*h + half, 2 * h, h} // of India, Israel, Ireland
	case "cst":
		return []time.Duration{-6 * h, 8 * h}
	case "cdt":
		return []time.Duration{-5 * h}
	case "mst":
		return []time.Duration{-7 * h}
	case "mdt":
		return []time.Duration{-6 * h}
	case "aest":
		return []time.Duration{10 * h}
	case "aedt":
		return []time.Duration{11 * h}
	case "acst":
		return []time.Duration{9*h + half}
	case "awst", "hkt", "sgt":
		return []time.Duration{8 * h}
	case "jst":
		return []time.Duration{9 * h}
	case "nzst":
		return []time.Duration{12 * h}
	case "nzdt":
		return []time.Duration{13 * h}
	case "msk", "eat":
		return []time.Duration{3 * h}
	case "pkt":
		return []time.Duration{5 * h}
	case "sast":
		return []time.Duration{2 * h}
	case "et":
		return []time.Duration{-5 * h, -4 * h}
	case "ct":
		return []time.Duration{-6 * h, -5 * h}
	case "mt":
		return []time.Duration{-7 * h, -6 * h}
	case "pt":
		return []time.Duration{-8 * h, -7 * h}
	}
	return nil
}
