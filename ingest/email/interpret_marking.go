package email

import (
	"regexp"
	"strings"
	"sync"
	"unicode"

	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// The reasons for which a mail is replaced before it is stored.
const (
	StubSecret     = "marked_secret"
	StubUnreadable = "unreadable"
	StubTooLarge   = "too_large"
)

// markings is compiled once.
var markings = sync.OnceValue(func() (p struct{ level, only, head, labelled, bare, header, subject, edge *regexp.Regexp }) {
	// (UK) (TOP) SECRET, and what may follow it in a marking.
	const level = `(?:uk\s+)?(?:top[\s_-]*)?secret`
	const tail = `(?:[\s/,;:(\x{2013}\x{2014}-]+(?:uk\s+eyes\s+only|eyes\s+only|uk|strap\s*\d?|personal|[a-z]+-?sensitive)\)?)*`
	p.only = regexp.MustCompile(`(?i)^` + level + tail + `[\s.:!]*$`)
	p.labelled = regexp.MustCompile(`(?i)^(?:(?:security\s+|protective\s+)?(?:classification|marking)|handling|gscp?|sensitivity)\s*[:=\t|\x{2013}\x{2014}-]\s*[*_\["']*` + level + `\b`)
	// In capitals at the head of a line: behind other markings, before a caveat
	// or whatever it marks.
	p.head = regexp.MustCompile(`^(?:(?:UK|NATO|EU|OFFICIAL|OFFICIAL-SENSITIVE|HMG)[\s/\x{2013}\x{2014}-]+)*(?:TOP[\s_-]*)?SECRET(?:\s*[\]):/,\x{2013}\x{2014}-]|\s+(?:UK|US|EYES|NOFORN|REL|STRAP)\b|$)`)
	p.bare = regexp.MustCompile(`^(?i:(?:(?:security|protective)\s+)?(?:classification|marking))\s+(?:UK\s+)?(?:TOP[\s_-]*)?SECRET\b`)
	p.level = regexp.MustCompile(`\b(?:TOP[\s_-]*)?SECRET\b`)
	p.header = regexp.MustCompile(`(?i)\b(?:top[\s_-]*)?secret\b`)
	p.subject = regexp.MustCompile(`(?i)^(?:\s*(?:(?:re|fw|fwd|aw|wg)\s*(?:\[\d+\])?\s*:|\[(?:external|ext)\]))+`)
	p.edge = regexp.MustCompile(`^[\s\[({<*_:|/–—-]+|[\s\])}>*_:|/–—.!-]+$`)
	return p
})

// Marked reports whether a mail is marked SECRET or TOP SECRET, levels that
// this program must never hold (ADR 9). It looks at three places:
//
//   - the subject, after RE:, FW:, [EXTERNAL] and [OFFICIAL]: SECRET in capitals
//     as its first or last word or in brackets, unless NOT or NON stands before
//     it; that of an attached mail, and of one that is repeated, likewise;
//   - a header field whose name speaks of marking, classification, sensitivity
//     or protection, with the word secret in its value in any letter case, of
//     the mail or of an attached one;
//   - the first 4 KiB of each text, HTML too: a line that holds nothing but the
//     marking (with a caveat such as UK EYES ONLY), or names it behind
//     "Classification:" or "Protective marking:"; and the names of attached files
//     that begin with it in capitals.
//
// A sentence that speaks of something secret is no marking, and
// OFFICIAL-SENSITIVE is not a level. Where it is doubtful the answer is yes: a
// person is told to look, while a marked mail that was stored cannot be
// unstored.
func Marked(raw []byte) bool {
	d := letter.Read(raw)
	if markedSubject(d.Subject) {
		return true
	}
	if markedFields(d.Fields) {
		return true
	}
	for _, f := range d.Forwarded {
		if markedSubject(f.Subject) || markedFields(f.Fields) {
			return true
		}
	}
	for _, n := range d.Names {
		if l := markings().level.FindStringIndex(n); l != nil && strings.TrimLeft(n[:l[0]], " [({_-") == "" {
			return true
		}
	}
	for _, text := range d.Heads {
		if markedLines(text[:min(len(text), letter.HeadBytes)]) {
			return true
		}
	}
	return false
}

func markedFields(fields []letter.Field) bool {
	for _, f := range fields {
		if markingField(f.Name) && markings().header.MatchString(f.Value) && !denied(strings.ToUpper(f.Value)) {
			return true
		}
	}
	return false
}

func markingField(name string) bool {
	for _, w := range []string{"marking", "classification", "sensitivity", "protective", "x-label", "security-label", "msip_label"} {
		if strings.Contains(name, w) {
			return true
		}
	}
	return false
}

func markedSubject(subject string) bool {
	p := markings()
	plain := []byte(subject)
	unmarkSubject(plain)
	s := p.edge.ReplaceAllString(p.subject.ReplaceAllString(strings.TrimSpace(string(plain)), ""), "")
	for _, at := range p.level.FindAllStringIndex(s, -1) {
		before, after := strings.TrimSpace(s[:at[0]]), strings.TrimSpace(s[at[1]:])
		if denied(strings.ToUpper(before) + " SECRET") {
			continue
		}
		before = strings.TrimSpace(strings.TrimSuffix(strings.ToUpper(before), "UK"))
		if before == "" || after == "" || strings.ContainsAny(before[len(before)-1:], "[({") && strings.ContainsAny(after[:1], "])}") {
			return true
		}
	}
	return false
}

// denied reports whether a text in capitals says that it is not secret.
func denied(s string) bool {
	i := strings.LastIndex(s, "SECRET")
	if i < 0 {
		return false
	}
	words := strings.FieldsFunc(s[:i], func(r rune) bool { return !unicode.IsLetter(r) && r != '\'' })
	for _, w := range words[max(0, len(words)-3):] {
		switch w {
		case "NOT", "NON", "NO", "ISN'T", "BELOW", "NEVER":
			return true
		}
	}
	return false
}

func markedLines(text string) bool {
	p := markings()
	for _, l := range strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		l = strings.TrimFunc(l, func(r rune) bool {
			return unicode.IsSpace(r) || strings.ContainsRune("*_#[](){}<>=|~-–—\"'.", r)
		})
		if p.only.MatchString(l) || p.labelled.MatchString(l) || p.head.MatchString(l) || p.bare.MatchString(l) {
			return true
		}
		if before, after, ok := strings.Cut(l, ":"); ok && strings.EqualFold(before, "subject") && markedSubject(after) {
			return true
		}
	}
	return false
}
