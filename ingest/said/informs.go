package said

import "github.com/ministryofjustice/incident-promptness/incident"

func (s *scan) informs(i int, e *event) bool {
	t := s.at(i)
	if t.lex.present && s.precedes(i, 4, "did", "didn't") == 0 || s.at(i-1).text == "be" {
		return false // "please be advised"
	}
	passive := s.precedes(i, 3, "was", "were", "been", "being", "got", "is", "are") > 0
	aux := s.precedes(i, 3, "was", "were", "been", "being", "got", "is", "are")
	switch {
	case passive && s.precedes(aux-1, 5, "you", "desk", "helpdesk", "csirt", "soc", "mailbox") > 0:
		e.of = incident.Reported
	case passive && s.precedes(aux-1, 4, "i", "we", "i've", "we've", "i'd", "we'd", "us", "and", "having", "after", "when", "then", "just", "first") > 0, passive && aux == 1:
		e.of = incident.Detected
	case s.follows(i, 3, "me", "us") > 0,
		s.follows(i, 2, "staff", "officers") > 0 && s.precedes(i, 3, "i", "we") == 0,
		!passive && !s.toUs(i) && s.precedes(i, 3, "i", "we", "i've", "we've") == 0 && (s.follows(i, 8, "saying", "telling", "asking") > 0 || s.toSay(i)):
		e.of = incident.Detected
	case passive && s.follows(i, 2, "to") > 0 && s.follows(i, 5, "me", "us", "our", "my") > 0:
		e.of = incident.Detected
	case s.toUs(i):
		e.of = incident.Reported
	case passive && t.is("alerted", "notified", "told", "informed", "advised", "warned") && s.precedes(aux-1, 3, "team", "staff", "officer", "they", "he", "she") > 0:
		e.of = incident.Detected
	case t.is("alerted", "warned") && !passive && !s.toOthers(i) && !s.at(i-1).is("i", "we", "i've", "we've", "and"):
		e.of = incident.Detected // a machine did
	case t.is("emailed", "mailed", "messaged", "texted", "wrote") && s.wrongly():
		e.of, e.strong = incident.Occurred, true
	}
	e.told = e.of == incident.Detected
	e.arrives = e.of == "" && !passive && s.precedes(i, 3, "i", "we", "i've", "we've") == 0 && !s.toOthers(i)
	if e.of == incident.Detected && t.is("alerted", "alerting", "notified", "informed", "warned") {
		e.strong = true
	}
	return true
}

// toUs reports whether what the verb at i does is done to you or the desk.
func (s *scan) toUs(i int) bool {
	for j := i + 1; j <= i+lookAhead && j < len(s.toks); j++ {
		t := s.at(j)
		switch {
		case t.is("you", "yourselves", "yourself", "desk", "helpdesk", "servicedesk", "mailbox", "csirt", "soc", "infosec", "ciso", "cert"):
			return true
		case t.text == "your" && s.at(j+1).is("team", "desk", "mailbox", "inbox", "colleague", "office", "line"):
			return true
		case t.is("security", "cyber", "incident", "incidents", "ict", "digital") && s.at(j+1).is("team", "desk", "line", "mailbox", "unit", "operations"):
			return true
		case t.text == "it" && s.at(j-1).is("to", "with") && s.shouted(j):
			return true
		case t.is("and", "but", "when", "because", ";", "that", "after", "as"):
			return false
		}
	}
	return false
}

// shouted reports whether the word at j is all capitals: IT, not it.
func (s *scan) shouted(j int) bool { return s.text[s.toks[j].at:s.toks[j].end] == "IT" }

// toOthers reports whether it is done to somebody else by name or rank.
func (s *scan) toOthers(i int) bool {
	return s.follows(i, lookAhead, "manager", "police", "boss", "supervisor", "governor", "head", "director", "colleague", "colleagues", "dpo", "iao", "siro", "ico",
		"supplier", "orderly", "duty", "deputy", "team", "him", "her", "them", "bank", "lead", "bt", "customer", "solicitor", "wife", "husband", "101", "999", "facilities", "reception") > 0
}

// reportObject reports whether what is sent or raised is a report.
func (s *scan) reportObject(i int) bool {
	return s.follows(i, 4, "report", "ticket", "form", "call", "incident", "case", "request", "job", "notification", "this") > 0
}

// toSay finds "to say" and its like behind the verb at i: "rang at 9.20 to
// say".
func (s *scan) toSay(i int) bool {
	j := s.follows(i, 8, "to")
	return j > 0 && s.at(j+1).is("say", "tell", "report", "let", "advise", "inform", "warn")
}

func (s *scan) reports(i int, e *event) bool {
	t, next := s.at(i), s.at(i+1)
	if t.lex.present || t.text == "reports" && s.precedes(i, 4, "did", "didn't") == 0 {
		return false
	}
	switch t.text {
	case "logged":
		if next.is("on", "in", "into", "onto", "back") {
			e.arrives = true
			return true
		}
		if next.is("off", "out") {
			return true
		}
	case "reporting", "submitting", "submit", "lodged":
		return t.text == "lodged"
	}
	switch {
	case t.is("raised", "logged") && (s.follows(i, 4, "alert", "alarm", "alerts") > 0 || s.precedes(i, 8, "alert", "alarm") > 0 || s.at(0).is("alert", "alarm")):
		e.of, e.strong = incident.Detected, true
	case s.follows(i, 5, "me", "us") > 0 && s.follows(i, 5, "to", "with") > 0:
		e.of = incident.Detected
	case s.toUs(i), t.text != "reported" && s.reportObject(i):
		e.of = incident.Reported
	case s.toOthers(i), t.text != "reported":
	case s.at(i-1).is("as") || s.at(i+1).is("by") && !s.at(i+2).is("me", "us"):
		// it was reported by someone: to us or to whom, nobody says
	case s.at(i-1).kind == aWord && s.at(i-1).lex == (lexeme{}) && !s.at(i-1).is("then", "first", "also", "immediately", "time", "date", "have", "since", "finally", "promptly", "subsequently", "initially", "formally", "duly", "now", "straight"):
		// "a user reported": to whom, nobody says
	default:
		e.of = incident.Reported
	}
	return true
}

func (s *scan) receives(i int, e *event) bool {
	t, next := s.at(i), s.at(i+1)
	if t.is("got", "get", "gets", "getting", "gotten") {
		if next.is("in", "into", "to", "back", "home", "there", "on", "up") {
			e.arrives = true
			return true
		}
		if s.follows(i, 4, "call", "alert", "notification", "email", "message", "text", "report", "alarm", "warning") == 0 {
			return false
		}
	}
	if t.is("receipt") {
		return false
	}
	if s.follows(i, 7, "alert", "alarm", "notification", "call", "complaint", "warning", "report", "ticket", "word", "phonecall", "message", "text") > 0 &&
		s.follows(i, 7, "phishing", "scam", "spam") == 0 {
		e.of = incident.Detected
		e.strong = s.follows(i, 7, "alert", "alarm", "warning") > 0
		return true
	}
	if s.anyOf("phishing", "suspicious", "scam", "spam", "strange", "odd", "unusual", "fake", "malicious", "dodgy") {
		e.of, e.strong = incident.Occurred, true
	}
	return true
}
