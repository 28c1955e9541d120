package letter

import (
	"strings"
	"unicode"
)

// A Line is one line of a mail's text, by its byte range there.
type Line struct {
	Begin, End int
	Quoted     bool // not the sender's own new words
	Forwarded  bool // of a mail that was passed on; such a line is quoted, too
	Signature  bool // below the sender's "-- ", or put there by his program
}

const (
	maxLines          = 20_000 // of a text that are looked at
	maxForwarded      = 50     // mails in a mail that are told of
	maxSignatureLines = 20     // lines below "-- "
)

// layout joins the texts of the mail: the subject, an empty line, the text, and
// that of attached mails, which is quoted. It fills forwarded.
func (d *Mail) Layout() (string, []Line) {
	body := d.Subject + "\n\n" + d.body()
	m := marker{text: body, lines: cutLines(body, 0), passed: passedOn(d.Subject), thread: d.thread()}
	m.mark()
	attached := d.Forwarded
	d.Forwarded = m.found
	if d.inner.Len() == 0 {
		return body, m.lines
	}
	body += "\n\n"
	begin := len(body)
	body += d.inner.String()
	for _, l := range cutLines(body, begin) {
		if len(m.lines) < maxLines {
			l.Quoted, l.Forwarded = true, true
			m.lines = append(m.lines, l)
		}
	}
	for _, f := range attached {
		d.Forwarded = append(d.Forwarded, f.moved(begin))
	}
	d.Forwarded = d.Forwarded[:min(len(d.Forwarded), maxForwarded)]
	return body, m.lines
}

// thread reports whether the mail says that it answers another.
func (d *Mail) thread() bool {
	for _, name := range []string{"in-reply-to", "references"} {
		if v, ok := Get(d.Fields, name); ok && v != "" {
			return true
		}
	}
	return answering(d.Subject) || passedOn(d.Subject)
}

// cutLines cuts text, from begin on, into lines.
func cutLines(text string, begin int) []Line {
	lines := make([]Line, 0, min(strings.Count(text[begin:], "\n")+1, maxLines))
	for at := begin; at < len(text) && len(lines) < maxLines; {
		next := len(text)
		if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		lines = append(lines, Line{Begin: at, End: at + len(strings.TrimRight(text[at:next], "\r\n"))})
		at = next
	}
	return lines
}

// A marker marks the lines of a text that repeat another mail: what stands
// behind a > sign, and everything below "-----Original Message-----", "On …
// wrote:" or the From:, Sent:, To: and Subject: lines that programs put over a
// reply, in the languages of those programs.
type marker struct {
	text   string
	lines  []Line
	passed bool // the subject says that the mail passes another one on
	thread bool // the mail says that it answers another
	found  []Forwarded

	below   bool // everything from here on is another mail's
	forward bool // and that was passed on
	signs   bool // the other mail stands behind > signs that follow
	open    bool // the last of found has no end yet
}

func (m *marker) of(i int) string {
	if i < 0 || i >= len(m.lines) {
		return ""
	}
	return m.text[m.lines[i].Begin:m.lines[i].End]
}

func (m *marker) mark() {
	signed := -1 // the line of "-- " below which a signature stands
	for i := 0; i < len(m.lines); i++ {
		l := &m.lines[i]
		s := m.of(i)
		words, quotes := bare(s)
		l.Quoted = m.below || quotes
		l.Forwarded = m.forward && l.Quoted
		if words == "" {
			continue
		}
		if m.signs && !quotes && !m.below {
			m.close(l.Begin) // the sender's own words follow the > signs
			m.signs, m.forward = false, false
			l.Forwarded = false
		}
		if n, passed := m.separator(i, words); n > 0 {
			signed = -1
			m.start(i, n, passed, quotes)
			i += n - 1
			continue
		}
		switch {
		case l.Quoted:
			signed = -1
		case signed >= 0 && i-signed <= maxSignatureLines:
			l.Signature = true
		case strings.TrimRight(s, " \t\u00a0") == "--" && m.endsWithin(i+1):
			signed = i
			l.Signature = true
		case machineLine(s):
			l.Signature = true
		}
	}
	m.close(len(m.text))
}

// endsWithin reports whether what follows line i up to the next quoted mail is
// short enough to be a signature.
func (m *marker) endsWithin(i int) bool {
	n := 0
	for ; i < len(m.lines) && n <= maxSignatureLines; i++ {
		words, quotes := bare(m.of(i))
		if quotes {
			return true
		}
		if end, _ := m.separator(i, words); end > 0 {
			return true
		}
		if words != "" {
			n++
		}
	}
	return n <= maxSignatureLines
}

// separator reports whether another mail begins at line i, how many lines say
// so, and whether the mail was passed on rather than answered.
func (m *marker) separator(i int, words string) (n int, passed bool) {
	if kind := ruled(words); kind != notRuled {
		head := m.headAt(m.skipEmpty(i + 1))
		return 1 + head.lines(i+1), kind == ruledForward || kind == ruledOriginal && m.passed
	}
	if m.attribution(i) {
		return 1, false
	}
	if underscores(words) {
		if head := m.headAt(m.skipEmpty(i + 1)); head.sure(true) {
			return 1 + head.lines(i+1), m.passed
		}
		return 0, false
	}
	if head := m.headAt(i); head.sure(false) {
		if !m.thread && m.firstWords(i) {
			return 0, false // a form that begins with From, Date and Subject
		}
		return head.lines(i), m.passed
	}
	return 0, false
}

// firstWords reports whether nothing of the sender's stands above line i but
// the subject.
func (m *marker) firstWords(i int) bool {
	for j := 2; j < i; j++ {
		if strings.TrimSpace(m.of(j)) != "" {
			return false
		}
	}
	return true
}

func (m *marker) skipEmpty(i int) int {
	for range 3 {
		if words, _ := bare(m.of(i)); words != "" {
			break
		}
		i++
	}
	return i
}

// start notes that another mail begins with the n lines from i.
func (m *marker) start(i, n int, passed, quotes bool) {
	m.close(m.lines[i].Begin)
	first := i
	if f, wrapped := m.attributed(i); wrapped > 0 {
		first = i - wrapped + 1
		m.open = m.add(f)
	} else {
		head := m.headAt(m.skipEmpty(i))
		for j := i; head.end == 0 && j < i+n; j++ {
			head = m.headAt(j)
		}
		f := head.mail()
		f.Begin, f.Answered = m.lines[i].Begin, !passed && !m.forward
		m.open = m.add(f)
	}
	if !quotes && !m.below {
		m.forward = passed
		// Where > signs follow they say what is quoted: somebody may answer below.
		m.signs = m.quotedNext(i + n)
		m.below = !m.signs
	}
	for j := first; j < i+n && j < len(m.lines); j++ {
		m.lines[j].Quoted, m.lines[j].Forwarded, m.lines[j].Signature = true, m.forward, false
	}
}

func (m *marker) add(f Forwarded) bool {
	if len(m.found) >= maxForwarded {
		return false
	}
	m.found = append(m.found, f)
	return true
}

func (m *marker) close(end int) {
	if m.open {
		m.found[len(m.found)-1].End = end
		m.open = false
	}
}

// quotedNext reports whether a > sign opens one of the next lines that are not
// empty.
func (m *marker) quotedNext(i int) bool {
	for j := i; j < i+4; j++ {
		s := m.of(j)
		if s == "" {
			continue
		}
		_, quotes := bare(s)
		return quotes
	}
	return false
}

// bare returns a line without its > signs and the blanks at its ends, and
// whether it had such signs. ">From " only protects a line from being taken for
// the beginning of a mail.
func bare(s string) (string, bool) {
	t := strings.TrimLeft(s, " \t\u00a0")
	if t == "" || t[0] != '>' || strings.HasPrefix(t, ">From ") {
		return strings.TrimRight(t, " \t\u00a0"), false
	}
	return strings.Trim(t, "> \t\u00a0"), true
}

// The kinds of lines that separate a mail from the one above it.
type rule int

const (
	notRuled rule = iota
	ruledOriginal
	ruledForward
)

// ruled tells lines such as "-----Original Message-----" and "Begin forwarded
// message:".
func ruled(s string) rule {
	s = strings.Trim(s, " \t*_>\u00a0")
	if len(s) < 8 || len(s) > 200 {
		return notRuled
	}
	lower := strings.ToLower(s)
	if s[0] != '-' {
		switch strings.TrimRight(lower, ": ") {
		case "begin forwarded message", "start of forwarded message", "anfang der weitergeleiteten nachricht",
			"début du message réexpédié", "début du message transféré", "inicio del mensaje reenviado",
			"inizio messaggio inoltrato", "begin doorgestuurd bericht", "início da mensagem reencaminhada":
			return ruledForward
		}
		return notRuled
	}
	words := strings.TrimLeft(lower, "- ")
	if n := len(lower) - len(words); n < 2 || words == "" || !strings.ContainsFunc(words, unicode.IsLetter) {
		return notRuled
	}
	for _, w := range []string{"forwarded ", "weitergeleitete", "message transféré", "message transmis", "mensaje reenviado",
		"messaggio inoltrato", "doorgestuurd bericht", "mensagem encaminhada", "vidarebefordrat", "videresendt", "neges wedi'i hanfon ymlaen", "message réexpédié"} {
		if strings.HasPrefix(words, w) {
			return ruledForward
		}
	}
	for _, w := range []string{"original message", "original mail", "original appointment", "originalnachricht", "ursprüngliche nachricht",
		"ursprünglicher termin", "message d'origine", "message original", "mensaje original", "messaggio originale", "oorspronkelijk bericht",
		"mensagem original", "originalmeddelande", "oprindelig meddelelse", "oryginalna wiadomość", "neges wreiddiol", "reply message"} {
		if strings.HasPrefix(words, w) {
			return ruledOriginal
		}
	}
	return notRuled
}

// underscores tells the rule that Outlook draws above a mail that it repeats.
func underscores(s string) bool {
	s = strings.TrimSpace(s)
	return len(s) >= 5 && strings.Trim(s, "_") == "" || len(s) >= 15 && strings.Trim(s, "-") == ""
}

// machineLine tells the lines that a program puts below what its user wrote.
func machineLine(s string) bool {
	if len(s) < 10 || len(s) > 120 {
		return false
	}
	s = strings.ToLower(strings.Trim(s, " \t*_>\u00a0."))
	if !strings.HasPrefix(s, "get ") && !strings.HasPrefix(s, "sent ") && !strings.HasPrefix(s, "von meinem ") &&
		!strings.HasPrefix(s, "gesendet ") && !strings.HasPrefix(s, "envoyé ") && !strings.HasPrefix(s, "enviado ") && !strings.HasPrefix(s, "anfonwyd o") && !strings.HasPrefix(s, "obtenir ") && !strings.HasPrefix(s, "outlook für ") && !strings.HasPrefix(s, "holen sie sich outlook") {
		return false
	}
	for _, w := range []string{"get outlook for", "sent from my ", "sent from outlook", "sent from mail for", "sent from yahoo", "sent via ",
		"sent from gmail", "sent from proton", "sent with ", "sent using ", "von meinem ", "gesendet von ", "gesendet mit ", "envoyé de ", "envoyé depuis ", "enviado desde ",
		"anfonwyd o", "obtenir outlook", "outlook für ", "holen sie sich outlook"} {
		if strings.HasPrefix(s, w) {
			return true
		}
	}
	return false
}

// answering and passedOn tell by its subject what a mail does with another.
func answering(subject string) bool {
	return prefixed(subject, "re", "aw", "sv", "antw", "rif", "odp", "r", "atb", "vs", "ynt")
}

func passedOn(subject string) bool {
	return prefixed(subject, "fw", "fwd", "wg", "tr", "rv", "enc", "i", "doorst", "vb", "pd", "ymlaen")
}

// prefixed reports whether one of the first words before a colon is among
// words.
func prefixed(subject string, words ...string) bool {
	for range 5 {
		subject = strings.TrimSpace(subject)
		for strings.HasPrefix(subject, "[") {
			_, rest, ok := strings.Cut(subject, "]")
			if !ok {
				return false
			}
			subject = strings.TrimSpace(rest)
		}
		before, rest, ok := strings.Cut(subject, ":")
		if !ok || len(before) > 12 {
			return false
		}
		before, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(before)), "[")
		for _, w := range words {
			if before == w {
				return true
			}
		}
		subject = rest
	}
	return false
}
