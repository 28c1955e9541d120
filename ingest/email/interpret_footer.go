package email

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// footerPatterns is compiled once.
var footerPatterns = sync.OnceValue(func() (p struct{ small, greeting *regexp.Regexp }) {
	const rest = `[^.!?]{0,300}[.!?]?`
	const thisMail = `(?:this|the) (?:e-?mail|message|communication|transmission)`
	// Sentences of small print that hold words of incidents. A sentence in the
	// past ("was intended for somebody else") is none: it may be the report.
	p.small = regexp.MustCompile(`(?i)\b(?:` +
		`(?:its|any|the) unauthori[sz]ed (?:use|disclosure|access|copying|dissemination|distribution|storage|review|retransmission)\b` + rest + `|` +
		`if you (?:are not|believe|have|receive|think)\b[^.!?]{0,120}(?:\bin error\b|\bby mistake\b|\bintended (?:recipient|addressee)|\baddressee)` + rest + `|` +
		thisMail + `[^.!?]{0,200} (?:is|are) (?:[a-z, /]{0,60})?intended (?:only|solely|exclusively|for the (?:use|attention|addressee|named|individual))` + rest + `|` +
		thisMail + `[^.!?]{0,120} (?:has|have) been (?:scanned|swept|checked)\b` + rest + `|` +
		`(?:no|any|all|known) (?:known )?(?:computer )?(?:viruses|virus|malware)\b[^.!?]{0,80}(?:found|detected|present|scanned|damage|transmitted|contained|caused)` + rest + `|` +
		`(?:scanned|checked|swept) (?:for|by)\b[^.!?]{0,80}(?:virus|malware)` + rest + `|` +
		`(?:virus|malware)(?:es)?[ -](?:free|checked|scanned|checking)` + rest + `|` +
		`(?:accepts? no|does not accept|cannot accept|no) (?:liability|responsibility)\b[^.!?]{0,200}(?:virus|malware|loss|damage|lost|breach|unauthori[sz]ed)` + rest + `|` +
		`(?:privilege|confidentiality)\b[^.!?]{0,80} (?:is not|are not|not) (?:waived|lost)` + rest + `|` +
		`(?:please )?report (?:any |all )?(?:suspicious|phishing|security) (?:e-?mails?|messages?|incidents?|activity)\b[^.!?]{0,60} (?:to|at|via|by|using)\b[^.!?]{0,100}[.!?]?)`)
	p.greeting = regexp.MustCompile(`(?i)^(?:(?:kind|kindest|best|warm|warmest|many|with|my)?[ ]?(?:regards|wishes)|(?:many )?thanks(?: (?:and|&) (?:kind )?regards| in advance| again)?|thank you|cheers|` +
		`yours (?:sincerely|faithfully|truly)|sincerely|best|kr|br|rgds|diolch|cofion)[ \t]*[,.!]*$`)
	return p
})

// smallPrint are words of which one stands in all small print that is looked
// for: most mails have none, and need no search.
func smallPrint() []string {
	return []string{
		"unauthori", "in error", "by mistake", "intended", "addressee", "scanned", "swept", "checked", "virus", "malware",
		"liability", "responsibility", "privilege", "confidentiality", "report",
	}
}

const (
	maxGreeting = 40       // bytes of a line that ends a letter
	maxTitle    = 100      // of a line below it that is no sentence
	maxSmall    = 64 << 10 // of new text that is searched for small print
)

// unprint blanks the small print in the sender's own text: what his
// organisation puts under every mail, and speaks of unauthorised use and viruses.
func unprint(own []byte) {
	text := own[:min(len(own), maxSmall)]
	low := bytes.ToLower(text)
	if !slices.ContainsFunc(smallPrint(), func(w string) bool { return bytes.Contains(low, []byte(w)) }) {
		return
	}
	for _, at := range footerPatterns().small.FindAllIndex(text, 20) {
		blank(text[at[0]:at[1]])
	}
}

// signedOff returns where the first line begins that ends a letter; the end of
// text where there is none.
func (m *mailing) signedOff(text string) int {
	for i, l := range m.lines {
		if i == 0 || l.Quoted || l.End > len(text) {
			continue
		}
		if s := strings.TrimSpace(text[l.Begin:l.End]); s != "" && len(s) <= maxGreeting && footerPatterns().greeting.MatchString(s) {
			return l.Begin
		}
	}
	return len(text)
}

// wordsOf returns the text in which words and sentences open an incident: the
// sender's own, without his signature and without the lines below the end of the
// letter that are no sentences. There somebody may be an incident manager.
func (m *mailing) wordsOf(own string) string {
	b := []byte(own)
	end := m.signedOff(own)
	for _, l := range m.lines {
		if l.Quoted || l.End > len(b) {
			continue
		}
		s := strings.TrimSpace(own[l.Begin:l.End])
		if l.Signature || l.Begin >= end && len(s) <= maxTitle && !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "!") && !strings.HasSuffix(s, "?") {
			blank(b[l.Begin:l.End])
		}
	}
	return string(b)
}
