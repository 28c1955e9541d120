package said

import "strings"

// mend returns the word that an unknown one was meant for, where a slip of the
// fingers leaves no doubt: the few words that decide what a time is.
func mend(w string) string {
	if len(w) < 4 || len(w) > 15 {
		return w
	}
	for _, word := range [...]string{
		"noticed", "spotted", "discovered", "realised", "realized", "identified", "detected", "observed", "became", "found", "aware", "flagged",
		"alerted", "uncovered", "reported", "received", "informed", "yesterday", "morning", "afternoon", "evening", "lunchtime", "midnight", "minutes",
		"quarter", "today", "tonight",
	} {
		if slip(w, word) {
			return word
		}
	}
	if len(w) < 6 {
		return w
	}
	for _, m := range [...]struct{ begins, ends, word string }{
		{"yest", "y", "yesterday"}, {"yste", "ay", "yesterday"}, {"tommor", "", "tomorrow"}, {"tomor", "", "tomorrow"},
		{"novem", "r", "november"}, {"novm", "r", "november"}, {"octo", "r", "october"}, {"septe", "r", "september"}, {"decem", "r", "december"}, {"janu", "y", "january"},
		{"febu", "y", "february"}, {"febr", "y", "february"}, {"wedn", "ay", "wednesday"}, {"wend", "ay", "wednesday"}, {"wens", "ay", "wednesday"},
		{"thur", "ay", "thursday"}, {"teus", "ay", "tuesday"}, {"tues", "ay", "tuesday"}, {"satu", "ay", "saturday"}, {"morni", "", "morning"}, {"morin", "g", "morning"},
		{"aftern", "n", "afternoon"}, {"evein", "g", "evening"}, {"notis", "ed", "noticed"}, {"relis", "ed", "realised"}, {"realis", "d", "realised"}, {"recie", "ed", "received"},
		{"aproxi", "", "approximately"}, {"approxi", "", "approximately"}, {"arround", "", "around"}, {"occure", "d", "occurred"}, {"happend", "", "happened"},
	} {
		if strings.HasPrefix(w, m.begins) && strings.HasSuffix(w, m.ends) {
			return m.word
		}
	}
	return w
}

// slip reports whether w is word with two neighbouring letters swapped, one
// left out or one doubled. The first letter and the last of a word that loses
// one must be right: "observe" is no slip of "observed", nor "potted" of
// "spotted".
func slip(w, word string) bool {
	if w[0] != word[0] || len(w) < len(word)-1 || len(w) > len(word)+1 {
		return false
	}
	i := 0
	for i < len(w) && i < len(word) && w[i] == word[i] {
		i++
	}
	switch len(w) - len(word) {
	case 0:
		return i+1 < len(w) && w[i] == word[i+1] && w[i+1] == word[i] && w[i+2:] == word[i+2:]
	case 1:
		return w[i] == w[i-1] && w[i+1:] == word[i:]
	default:
		return (len(word) > 5 || word == "aware") && i < len(w) && w[i:] == word[i+1:]
	}
}
