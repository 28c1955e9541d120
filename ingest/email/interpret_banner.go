package email

import (
	"bytes"
	"regexp"
	"sync"

	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// bannerPatterns is compiled once.
var bannerPatterns = sync.OnceValue(func() (p struct{ lead, tag, bare, marking, tail, line, opening, sentence *regexp.Regexp }) {
	const official = `(?:uk[ -]+)?official(?:[ _/–-]+sensitive)?(?:[ ,:/–-]+(?:personal|commercial|locsen|hr|legal|staff)(?:[ -]data)?)*`
	p.lead = regexp.MustCompile(`(?i)^\s*(?:(?:re|fwd?|aw|wg|sv|vs|tr|rv|antw|res|enc|odp)\s*(?:\[\d+\]|\(\d+\))?\s*[:：])`)
	p.tag = regexp.MustCompile(`(?i)^\s*(?:[\[({<*]+\s*(?:ext|external|extern|externe?r?|caution|warning|suspicious|spam\??|unclassified|` +
		`external (?:e-?mail|sender|message)|suspected spam|` + official + `)\s*[\])}>*]+|external\s*:|(?:caution|external)\s*[-–|]\s)[\s:|–-]*`)
	p.bare = regexp.MustCompile(`^\s*(?:UK[ -]+)?OFFICIAL(?:[ _/–-]+SENSITIVE)?(?:[ ,:/–-]+(?:PERSONAL|COMMERCIAL|LOCSEN|HR|LEGAL|STAFF))*(?:\s*[:|–-]\s*|\s+)`)
	p.marking = regexp.MustCompile(`(?i)[\[({]\s*` + official + `\s*[\])}]`)
	p.tail = regexp.MustCompile(`(?i)(?:^\s*|[\s:|–-]+)` + official + `\s*$`)
	p.line = regexp.MustCompile(`(?i)^[\s>*_=\[({#-]*(?:(?:security |protective )?(?:classification|marking)\s*[:=-]\s*)?(?:` + official + `|\[?ext(?:ernal)?(?: e-?mail| sender| message)?\]?)[\s\])}*_=.#-]*$`)
	p.opening = regexp.MustCompile(`(?i)^[\s*_>\[(|!⚠️-]*(?:(?:caution|warning|attention|notice|important|external(?: e-?mail| sender| message)?)\s*[\])*_]*\s*[:!.–-]*\s*[\])*_]*\s*)*` +
		`(?:(?:this|the) (?:e-?mail|message)(?: below)?|it|this)\s+(?:has\s+)?(?:originate[sd]|came|comes|was sent|was received|is|has been (?:sent|received))\s+(?:from\s+)?(?:an?\s+|someone\s+)?(?:outside|external)\b[^.!\n]*[.!]?`)
	// What banners go on to say. A sentence that says something else ends them.
	p.sentence = regexp.MustCompile(`(?i)^[\s*_>)\]|]*(?:(?:please\s+)?(?:do not|don't|never|avoid)\s+(?:click|open|reply|respond|download|follow|forward|enter)|please (?:take care|be (?:careful|cautious|vigilant)|exercise|treat|do not|report any)|` +
		`(?:take|exercise|use) (?:extra |particular )?(?:care|caution)|be (?:careful|cautious|vigilant|wary)|treat (?:it|this|links|attachments|with)|think before|always (?:check|verify|think)|` +
		`(?:only |and )?(?:click|open) (?:links|attachments|on)|unless you|if (?:you are )?(?:unsure|in doubt|suspicious)|if you (?:suspect|are (?:not sure|unsure|in doubt|suspicious)|think this|do not recogni[sz]e|don't recogni[sz]e)|` +
		`(?:report|forward) (?:any )?(?:suspicious|phishing)|verify the sender|check (?:the|that) sender)[^.!\n]*[.!]?`)
	return p
})

// maxBanner bounds the bytes of one banner.
const maxBanner = 1000

// unmark blanks out in the text of a mail what its sender did not write in order
// to say something: the answer signs and markings of the subject, lines that
// hold a marking up to OFFICIAL-SENSITIVE, and the warning that a gateway puts
// over mail from without. The length stays as it is. answers says that the
// subject begins with RE:, FW: or the like.
func unmark(text []byte, subject int, lines []letter.Line) (answers bool) {
	answers = unmarkSubject(text[:subject])
	for i := 0; i < len(lines); i++ {
		l := lines[i]
		if l.Quoted || l.Begin < subject || l.Begin == l.End {
			continue
		}
		p := bannerPatterns()
		switch s := text[l.Begin:l.End]; {
		case p.line.Match(s):
			blank(s)
		case p.opening.Match(s):
			unbanner(text[l.Begin:paragraph(lines[i:], maxBanner)])
		}
	}
	return answers
}

// paragraph returns where the paragraph ends that begins with the first line.
func paragraph(lines []letter.Line, most int) int {
	end := lines[0].End
	for _, l := range lines[1:] {
		if l.Begin == l.End || l.Quoted || l.End-lines[0].Begin > most {
			break
		}
		end = l.End
	}
	return end
}

// unbanner blanks a warning at the beginning of text, sentence by sentence, up
// to the first that belongs to no warning.
func unbanner(text []byte) {
	p := bannerPatterns()
	rest := text
	at := p.opening.FindIndex(rest)
	for at != nil {
		blank(rest[:at[1]])
		rest = rest[at[1]:]
		// A sentence may go on over the end of a line.
		flat := bytes.Map(func(r rune) rune {
			if r == '\n' || r == '\r' {
				return ' '
			}
			return r
		}, rest)
		at = p.sentence.FindIndex(flat)
	}
}

// unmarkSubject blanks the signs and markings of a subject.
func unmarkSubject(s []byte) (answers bool) {
	p := bannerPatterns()
	for rest := s; ; {
		if at := p.lead.FindIndex(rest); at != nil {
			answers = true
			blank(rest[:at[1]])
			rest = rest[at[1]:]
			continue
		}
		at := p.tag.FindIndex(rest)
		if at == nil {
			at = p.bare.FindIndex(rest)
		}
		if at == nil {
			break
		}
		blank(rest[:at[1]])
		rest = rest[at[1]:]
	}
	for _, at := range p.marking.FindAllIndex(s, 8) {
		blank(s[at[0]:at[1]])
	}
	if at := p.tail.FindIndex(s); at != nil {
		blank(s[at[0]:at[1]])
	}
	return answers
}

// blank overwrites text with spaces, line ends left as they are.
func blank(text []byte) {
	for i, c := range text {
		if c != '\n' && c != '\r' {
			text[i] = ' '
		}
	}
}
