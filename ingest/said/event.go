package said

import (
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// An event is a verb of a sentence, or a noun made of one, and the milestone
// of which it tells; none if it tells of something else.
type event struct {
	at, end int
	of      incident.Milestone
	noun    bool // a noun or an adjective: farther from a time than a verb
	strong  bool // tells of an incident by itself
	arrives bool // somebody came in
	leads   bool // somebody looked: checked at 9.15 and found
	told    bool // somebody told us, and may say when it was noticed
	denied  bool // it is said not to have been
	unasked bool // a question, a condition or a plan
	just    int  // the token "just" before it, plus one
}

// lookAhead is how many tokens behind a verb are looked at for its object.
const lookAhead = 9

// events finds the events of a sentence, outside the times that are in it.
func (s *scan) events(within func(int) bool, asked bool, into []event) []event {
	for i := range s.toks {
		t := &s.toks[i]
		if t.kind != aWord || within(i) {
			continue
		}
		e := event{at: i, end: i + 1}
		if t.lex.does == nothing {
			switch {
			case t.text == "had" && s.at(i+1).is("a", "an", "another") && s.receives(i, &e) && e.of != "":
				e.unasked = s.unasked(&e, asked)
				into = append(into, e)
			case s.participle(i), within(i+1) && strings.HasSuffix(t.text, "ed") && len(t.text) > 4 && t.lex == (lexeme{}), t.text == "had" && s.at(i-1).text == "last":
				into = append(into, e)
			}
			continue
		}
		if t.lex.present && !s.infinitive(i) && t.lex.does != alerts && !(strings.HasSuffix(t.text, "s") && within(0)) {
			continue
		}
		if s.at(i-1).text == "last" && s.at(i-2).text != "at" {
			e.of = "" // last seen: before it was lost
		} else if !s.tell(i, &e) {
			continue
		}
		e.denied = s.denied(&e)
		e.unasked = s.unasked(&e, asked)
		for j := i - 1; j >= 0 && j >= i-4; j-- {
			if s.at(j).is("just") {
				e.just = j + 1
				break
			}
			if s.at(j).lex.is&joins != 0 || s.at(j).kind == aMark {
				break
			}
		}
		into = append(into, e)
	}
	return into
}

// participle reports whether the unknown word at i is a verb in the past that
// tells of something else: "was placed", "had parked".
func (s *scan) participle(i int) bool {
	t := s.at(i)
	if t.lex != (lexeme{}) || !strings.HasSuffix(t.text, "ed") && s.at(i-1).text != "been" || s.at(i-1).text == "been" && t.is("there", "here", "very", "able", "busy", "like") || len(t.text) < 5 || t.is("generated", "created", "issued", "triggered") && s.anyOf("alert", "alarm") || t.is("damaged", "cracked", "unattended", "abandoned", "addressed", "labelled", "marked",
		"unsecured", "unredacted", "needed", "indeed", "supposed", "concerned", "involved", "affected", "named", "called", "redacted", "unlocked", "locked") {
		return false
	}
	for j := i - 1; j >= 0 && j > i-6; j-- {
		if s.at(j).is("that", "who", "which") {
			return true // "that a man entered"
		}
		if s.at(j).lex.is&joins != 0 || s.at(j).kind == aMark {
			break
		}
	}
	if s.at(i-1).text == "been" {
		return true
	}
	return s.at(i-1).is("was", "were", "been", "had", "i", "we", "he", "she", "they", "i'd", "he'd", "she'd", "we'd") ||
		s.at(i-2).is("was", "were", "been", "had") && s.at(i-1).kind == aWord && s.at(i-1).lex.does == nothing && s.at(i-1).lex.is&(joins|subject) == 0
}

// infinitive reports whether the verb at i, not in the past, is part of a form
// that tells of the past: "did not notice", "failed to notice".
func (s *scan) infinitive(i int) bool {
	for j := i - 1; j >= 0 && j >= i-4; j-- {
		t := s.at(j)
		if t.text == "to" && j == i-1 && s.at(i).is("find", "discover", "see") && s.anyOf("came", "arrived", "returned", "got", "went", "logged", "back", "arriving", "returning") {
			return true // "came in at 9 to find"
		}
		if t.is("did", "didn't", "failed", "not", "never", "us", "me", "managed", "took") {
			return true
		}
		if t.lex.is&joins != 0 || t.kind == aMark {
			return false
		}
	}
	return false
}

// follows finds one of words within n tokens behind i, in the same clause.
func (s *scan) follows(i, n int, words ...string) int {
	for j := i + 1; j <= i+n && j < len(s.toks); j++ {
		t := s.at(j)
		if t.is(words...) {
			return j
		}
		if t.is("and", "but", "when", "which", "who", "because", ";", "that", "so", "then") {
			return 0
		}
	}
	return 0
}

// precedes finds one of words within n tokens before i, in the same clause.
func (s *scan) precedes(i, n int, words ...string) int {
	for j := i - 1; j >= i-n && j >= 0; j-- {
		t := s.at(j)
		if t.is(words...) {
			return j + 1
		}
		if t.is("and", "but", "when", "which", "because", ";", "that", "so", "then") {
			return 0
		}
	}
	return 0
}

// anywhere reports whether a token of the sentence is of class c.
func (s *scan) anywhere(c classes) bool {
	for i := range s.toks {
		if s.toks[i].lex.is&c != 0 {
			return true
		}
	}
	return false
}

func (s *scan) anyOf(words ...string) bool {
	for i := range s.toks {
		if s.toks[i].kind == aWord && s.toks[i].is(words...) {
			return true
		}
	}
	return false
}

// tell settles of what the word at i tells.
func (s *scan) tell(i int, e *event) bool {
	t := s.at(i)
	next := s.at(i + 1)
	described := s.at(i-1).is("the", "a", "an", "my", "our", "this", "his", "her", "their", "some", "any", "your", "potentially", "suspected", "possible")
	switch t.lex.does {
	case detects:
		return s.detects(i, e, described)
	case finds:
		return s.finds(i, e)
	case happens:
		return s.happens(i, e, described)
	case informs:
		return s.informs(i, e)
	case reports:
		return s.reports(i, e)
	case arrives:
		if t.is("back") && !s.at(i-1).is("got", "came", "get", "was", "were", "am", "came", "went", "straight") {
			return false
		}
		if t.is("unlocked", "unlocking") && !s.at(i-1).is("i", "we", "he", "she", "they", "and", "who") && i > 0 {
			return false // "the door was unlocked"
		}
		if t.is("returned", "returning") && next.is("the", "it", "them", "to") && s.follows(i, 3, "sender", "owner", "laptop", "phone", "device") > 0 {
			return true
		}
		if t.is("opening") && next.text == "hours" {
			return true
		}
		e.arrives = true
		return true
	case receives:
		return s.receives(i, e)
	case leaves:
		if next.is("work", "home", "for", "site", "at") || s.follows(i, 3, "office", "building", "prison", "site", "desk") > 0 && s.follows(i, 4, "in", "on", "behind") == 0 {
			return true
		}
		e.of, e.strong = incident.Occurred, true
		return s.follows(i, lookAhead, "on", "in", "behind", "at", "unattended", "open", "unlocked", "under", "out") > 0 || described
	case alerts:
		if s.precedes(i, 2, "false", "no") > 0 || next.is("me", "us", "you", "them", "staff") {
			return false
		}
		if t.is("alert", "alerts", "alarm", "alarms") {
			if s.follows(i, 5, "fired", "triggered", "came", "raised", "sounded", "generated", "received", "was", "went", "at", "from", "popped", "showed") == 0 {
				return false
			}
			e.noun = true
		} else if !s.anyOf("alert", "alerts", "alarm", "alarms", "rule", "sensor", "siem", "detection", "monitoring") {
			return false
		}
		e.of, e.strong = incident.Detected, true
		return true
	case goes:
		switch {
		case t.is("took"):
			if next.text != "place" {
				return !next.is("until", "till", "about", "us", "me", "a") && next.kind == aWord && next.lex.is&numberWord == 0
			}
			e.of, e.strong = incident.Occurred, true
		case next.is("missing", "astray", "down", "wrong", "out", "walkabout") || next.text == "to" && s.anyOf("wrong", "incorrect", "unintended"):
			e.of, e.strong = incident.Occurred, true
		case next.text == "off" && s.anyOf("alarm", "alarms", "alert"):
			e.of, e.strong = incident.Detected, true
		case t.is("gone", "going", "go"):
			return false
		case next.is("in", "into", "back", "through", "to"):
			e.arrives = true
		}
		return true
	case other:
		if t.text == "worked" && next.text == "out" {
			e.of = incident.Detected
			return true
		}
		e.noun = s.precedes(i, 3, "during", "on", "in", "at", "for", "after", "before", "of") > 0
		e.leads = t.is("checking", "looking", "checked", "looked", "searched", "counted")
		return !t.is("last", "break", "close", "court", "train", "shift", "backup", "training") && (!described || t.is("meeting", "appointment", "interview", "visit"))
	case nothing:
	}
	return false
}

func (s *scan) detects(i int, e *event, described bool) bool {
	t := s.at(i)
	switch {
	case t.text == "aware":
		if i > 0 && !s.at(i-1).is("became", "become", "becoming", "made", "was", "were", "been", "am", "are", "is", "got", "now", "first", "fully", "not", "aware", "wasn't", "weren't", "i'm", "we're", "only", "already", "initially") {
			return false
		}
		if s.at(i-1).text == "made" && s.at(i-2).text == "be" {
			return false
		}
		if who := s.precedes(i, 6, "you", "desk", "helpdesk"); who > 0 && s.precedes(i, 3, "made") > 0 {
			e.of = incident.Reported
			return true
		}
	case t.is("sight", "sighting", "inkling", "indication", "evidence", "realisation", "realization"):
		if s.precedes(i, 2, "first", "earliest", "initial") == 0 && !t.is("realisation", "realization", "sighting") || s.at(i-2).text == "at" {
			return false
		}
		e.noun = true
	case t.is("knew", "known"):
		if s.precedes(i, 4, "first") == 0 && !(t.text == "known" && s.anyOf("since")) {
			return false
		}
	case t.is("suspected") && s.at(i-1).lex.is&subject == 0:
		return false
	case t.is("flagged"):
		if s.at(i+1).text == "by" {
			break
		}
		if s.toUs(i) {
			e.of = incident.Reported
			return true
		}
		if s.toOthers(i) && s.follows(i, 4, "us", "me") == 0 {
			return true
		}
	case t.is("detection", "detecting", "spot", "identify") && s.at(i+1).is("rule", "rules", "system", "tool", "software", "check", "checks"):
		return false
	case t.is("discovery", "detection", "discoveries"):
		e.noun = !s.at(i - 1).is("of")
	case t.is("identified", "detected", "observed", "discovered") && described:
		e.noun = true
	case t.is("observed", "observation", "identified") && s.at(i-1).is("as"):
		return false
	}
	e.of, e.strong = incident.Detected, true
	return true
}

func (s *scan) finds(i int, e *event) bool {
	t, next := s.at(i), s.at(i+1)
	switch {
	case t.is("stumbled", "chanced"):
		if !next.is("on", "onto", "upon", "across") {
			return false
		}
	case t.text == "tipped":
		if next.text != "off" || s.precedes(i, 4, "i", "we", "was", "were") == 0 {
			return false
		}
	case t.is("became", "become"):
		if !next.is("apparent", "clear", "evident", "known", "obvious") && s.follows(i, 2, "apparent", "clear", "evident", "known", "obvious") == 0 {
			return false
		}
	case t.is("came"):
		switch {
		case next.is("across"), next.is("to") && s.follows(i, 4, "light", "attention", "notice") > 0:
			e.strong = true
		case next.is("in", "into", "back", "on", "to", "out", "up", "down", "round", "over"):
			if next.is("in", "through") && s.precedes(i, 4, "alert", "call", "alarm", "report", "notification", "ticket") > 0 {
				e.of, e.strong = incident.Detected, true
				return true
			}
			e.arrives = true
			return true
		case next.is("through") && s.precedes(i, 4, "alert", "call", "alarm", "report", "notification") > 0:
		default:
			return false
		}
	case t.is("picked"):
		if next.text != "up" && s.follows(i, 4, "up") == 0 || s.follows(i, 4, "phone", "kids", "children", "car", "keys", "shift") > 0 {
			return true
		}
	case t.is("seen", "seeing", "see", "sees"):
		if s.at(i-1).text == "first" {
			return true // a machine's first trace of it
		}
		if !s.at(i-1).is("was", "were", "been", "had", "have", "i've", "we've", "just", "started", "to", "not", "didn't", "did", "began") {
			return false
		}
	case t.is("caught"):
		if next.text == "up" || !s.anywhere(harm) {
			return false
		}
	case t.is("heard"):
		if !next.is("from", "about", "that", "of", "at") && s.at(i-1).text != "first" {
			return false
		}
	case t.is("located", "confirmed", "understood"):
		return true // found again, or not for the first time
	case t.is("come"):
		if s.follows(i, 4, "light", "attention", "notice") == 0 && !next.is("across") {
			return false
		}
		e.strong = true
	case t.is("pointed"):
		if s.follows(i, 3, "out") == 0 {
			return false
		}
		e.told = true
	case t.is("brought", "drawn"):
		if s.follows(i, 6, "attention", "notice") == 0 && s.precedes(i, 4, "attention") == 0 {
			return t.text == "brought"
		}
		e.told, e.strong = true, true
	case t.is("let"):
		switch {
		case next.is("me", "us") && s.at(i+2).text == "know" && s.at(i-1).text != "please":
			e.told = true
		case next.is("you") && s.at(i+2).text == "know":
			e.of = incident.Reported
			return s.at(i-1).text != "to"
		default:
			return false
		}
	case t.is("learned", "learnt", "determined", "established", "diagnosed", "recognised", "recognized"):
		if s.at(i-1).is("lessons", "be", "as", "well", "is", "are") {
			return false
		}
	}
	if t.is("found", "find", "finds", "finding", "saw", "located", "picked") {
		if next.is("you", "your", "him", "them", "time") || s.at(i-1).is("jury", "court", "judge") || next.text == "her" && (s.at(i+2).kind != aWord || s.at(i+2).is("at", "in", "on")) || s.anyOf("recovered", "returned", "handed", "guilty", "verdict") && t.is("found") {
			return true
		}
		if next.text == "out" {
			e.strong = true
		}
	}
	e.of = incident.Detected
	return true
}

// wrongly are words by which a message is no report but what happened.
func (s *scan) wrongly() bool {
	return s.anyOf("wrong", "wrongly", "incorrect", "incorrectly", "error", "mistake", "mistakenly", "accident", "accidentally", "unencrypted", "inadvertently",
		"unintended", "externally", "misaddressed", "instead", "intended", "bcc", "cc", "personal", "sensitive", "confidential", "unredacted")
}

func (s *scan) happens(i int, e *event, described bool) bool {
	t, next := s.at(i), s.at(i+1)
	if s.strikes(i) {
		e.of, e.strong = incident.Detected, true
		return true
	}
	switch t.text {
	case "sent", "sending", "send", "sends", "forwarded", "posted", "shared", "handed", "submitted", "replied":
		if t.is("handed") && next.is("in", "over", "back") {
			return true
		}
		if next.is("from") && s.at(i+2).text == "my" {
			return false // Sent from my phone
		}
		if !s.wrongly() {
			if s.toUs(i) || s.reportObject(i) && s.follows(i, lookAhead, "to") == 0 {
				e.of = incident.Reported
				return true
			}
			if next.is("me", "us") || s.toOthers(i) {
				return true
			}
		}
	case "opened":
		switch {
		case s.at(i-1).is("i", "we", "he", "she", "they") && s.follows(i, 4, "bag", "case", "boot", "cupboard", "cabinet", "safe", "drawer", "box", "rucksack", "briefcase", "car", "van", "locker", "wallet", "purse", "handbag") > 0:
			e.leads = true // and looked
			return true
		case s.follows(i, 4, "ticket", "case", "call", "job") > 0:
			e.of = incident.Reported
			return true
		case next.is("up", "for") || s.follows(i, 3, "office", "inbox", "laptop", "building", "unit", "reception", "wing", "mail", "post", "emails", "outlook", "shop", "mailbox") > 0:
			e.arrives = true
			return true
		}
	case "started", "began", "begun":
		if s.follows(i, 3, "work", "shift", "duty", "early", "my", "checking", "looking", "investigating") > 0 {
			e.arrives = true
			return true
		}
	case "taken":
		if s.anyOf("action", "actions", "steps", "measures", "photo", "offline", "down") {
			return true
		}
	case "incident", "event", "occurrence", "theft", "thefts", "loss", "breach", "release", "broken", "receipt":
		e.noun = !s.at(i - 1).is("of")
		if t.is("incident", "event") && next.is("report", "form", "reference", "number", "no", "ref", "reported", "manager", "team", "response", "management", "log") {
			return false
		}
	case "dropped":
		if next.is("off", "in") {
			return true
		}
	case "failed", "printed", "installed", "uninstalled", "attached", "released", "transferred", "copied", "wiped", "deleted", "disposed", "plugged", "inserted":
	}
	if described {
		e.noun = true
	}
	if s.at(i-1).lex.does == finds || s.at(i-1).lex.does == detects {
		e.noun = true // found encrypted
	}
	for j := i - 1; j >= i-3 && j > 0; j-- {
		if s.at(j).text == "of" && s.at(j-1).lex.does != nothing {
			return false // discovery of the loss
		}
	}
	e.of, e.strong = incident.Occurred, true
	return true
}
