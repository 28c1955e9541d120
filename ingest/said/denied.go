package said

import "github.com/ministryofjustice/incident-promptness/incident"

// denied reports whether e is said not to have been.
func (s *scan) denied(e *event) bool {
	if s.at(e.at).is("unnoticed", "undetected", "undiscovered") {
		return true
	}
	for j := e.end; j < e.end+3 && s.at(j).lex.is&joins == 0; j++ {
		if s.at(j).is("nothing", "no", "none", "nobody") {
			return true
		}
	}
	for j := e.at - 1; j >= 0 && j >= e.at-7; j-- {
		t := s.at(j)
		if t.lex.is&negative != 0 && !(t.text == "not" && s.at(j+1).text == "only") && !(t.text == "no" && s.at(j+1).is("longer")) {
			return true
		}
		if t.is("and", "but", "when", "which", "who", "because", "so", "then", ";", ",", "where", ":") || t.is("that") && !s.at(j-1).is("not") {
			return false
		}
	}
	return false
}

// unasked reports whether e is asked for, supposed or planned.
func (s *scan) unasked(e *event, asked bool) bool {
	clause := 0
	for j := e.at - 1; j >= 0; j-- {
		if t := s.at(j); t.is(",", ";", "-", ":", "(", ")") || t.is("and", "but", "so") && s.at(j+1).lex.is&(subject|auxiliary|asks) != 0 {
			clause = j + 1
			break
		}
	}
	for j := clause; j < e.at; j++ {
		t := s.at(j)
		switch {
		case t.is("if", "whether", "unless") && !s.at(j-1).is("as"):
			return true
		case t.text == "should" && s.at(j+1).is("you", "anyone", "anybody"):
			return true
		case t.text == "case" && s.at(j-1).text == "in" && s.at(j+1).lex.is&(subject|auxiliary) != 0:
			return true
		case j > e.at-5 && (t.is("should", "will", "shall", "would", "could", "might", "'ll", "i'll", "we'll", "must", "may") || t.text == "be" && s.at(j-1).text == "to") &&
			!(s.at(j+1).is("have") && e.of != incident.Detected) && !s.between(j, e.at, "when", "that"):
			return true // "they might have noticed"
		}
	}
	first := s.at(clause)
	for first.is("please", "hi", "also", "and", "so") && clause < e.at {
		clause++
		first = s.at(clause)
	}
	if first.lex.is&(auxiliary|asks) != 0 && (asked || s.at(clause+1).is("you", "anyone", "anybody") || first.lex.is&asks != 0 && s.at(clause+1).is("did", "was", "were", "do", "have")) {
		return true
	}
	return false
}

// between reports whether one of words stands between tokens i and j.
func (s *scan) between(i, j int, words ...string) bool {
	for k := i + 1; k < j; k++ {
		if s.at(k).is(words...) {
			return true
		}
	}
	return false
}

// strikes reports whether the verb at i, else of an incident, tells of a
// thought: "it occurred to me", "the penny dropped", "happened upon".
func (s *scan) strikes(i int) bool {
	t, next := s.at(i), s.at(i+1)
	switch t.text {
	case "occurred":
		return next.text == "to" && s.at(i+2).is("me", "us", "him", "her", "them")
	case "hit":
		return s.at(i-1).text == "it" && next.is("me", "us", "him", "her", "them")
	case "dropped":
		return s.at(i-1).is("penny", "finally") && s.precedes(i, 3, "penny") > 0
	case "happened":
		return next.is("upon", "across")
	}
	return false
}
