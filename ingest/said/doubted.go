package said

import (
	"regexp"
	"sync"
)

// doubtSeen is how far behind a time, in bytes, the words may stand that take it
// back.
const doubtSeen = 120

// doubts is compiled once.
var doubts = sync.OnceValue(func() (p struct{ unsure, moved, day *regexp.Regexp }) {
	const days = `(?:yesterday|today|last night|the (?:day|night) before|(?:mon|tues|wednes|thurs|fri|satur|sun)day|the \d{1,2}(?:st|nd|rd|th))`
	// "at 9.15 but it could have been 8.15", "at 9.15, maybe earlier".
	p.unsure = regexp.MustCompile(`(?i)^(?:[^.!?\n]{0,30}\b(?:could|might|may)(?: well)? have been\b` +
		`|\W{0,3}(?:or )?(?:maybe|perhaps|possibly|probably) (?:a (?:bit|little|touch) |slightly |much )?(?:earlier|later|before|after|sooner)\b)`)
	// "at 9:45. That was yesterday.", "at 9:45 (not today, Friday)".
	p.moved = regexp.MustCompile(`(?i)^[^.!?\n]{0,20}[.,;(!?\n\x{2013}\x{2014}-]+\s*(?:(?:no|sorry|actually|correction|apologies)[,:.]?\s*)*` +
		`(?:(?:that|it|this) was|that(?:'|\x{2019})s|i mean|i meant|i should say|make that|not today)[^.!?\n]{0,12}?\b` + days + `\b`)
	p.day = regexp.MustCompile(`(?i)\b` + days + `|\d[/-]\d|\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)`)
	return p
})

// doubted takes the milestone from times that the words behind them take back:
// whoever reads the mail decides. A flag would not do, since the time as it
// stands is not what the sender means.
func (p *prose) doubted() {
	text, re := p.read.text, doubts()
	for i := range p.all {
		x := &p.all[i]
		if x.Milestone == "" {
			continue
		}
		behind := text[x.Words[1]:min(len(text), x.Words[1]+doubtSeen)]
		switch {
		case len(x.Flags) == 0 && re.unsure.MatchString(behind),
			re.moved.MatchString(behind) && !re.day.MatchString(text[x.Words[0]:x.Words[1]]):
			x.Milestone = ""
		}
	}
}
