package letter

import (
	"strings"
	"time"
	"unicode"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// A Forwarded is a mail that stands in another: attached, or repeated below
// lines that say whose it was. It is evidence with times of its own; the outer
// mail is the report. What could not be read of it is empty.
type Forwarded struct {
	From      string // address, lower case
	Subject   string
	messageID string
	// Sent is what its Date or Sent line says: the instant where that names a
	// zone, else the whole minute as a clock in London shows it, and both
	// where that minute comes twice. A date of figures alone that can be read
	// in two orders is not read.
	Sent     incident.Interval
	zoned    bool   // sent rests on a zone that the line names
	sentText string // the line's value as it is written
	// Words is the byte range of sentText in Text, Begin and End that of the
	// whole mail.
	Words      [2]int
	Begin, End int
	Attached   bool    // a part of its own (message/rfc822)
	Answered   bool    // repeated below an answer, not passed on
	Nested     bool    // in an attached mail: not the words of whoever sent this one
	Fields     []Field // of an attached mail, from the top: its Received fields, too
}

// moved returns f as it stands n bytes further on.
func (f Forwarded) moved(n int) Forwarded {
	f.Begin, f.End = f.Begin+n, f.End+n
	f.Words[0], f.Words[1] = f.Words[0]+n, f.Words[1]+n
	return f
}

// attach adds the text of an attached mail below the lines that say whose it
// is, so that its date can be pointed at.
func (d *Mail) attach(in *Mail) {
	if d.inner.Len() > 0 {
		d.inner.WriteByte('\n')
	}
	f := Forwarded{Attached: true, Subject: in.Subject, Fields: in.Fields, Begin: d.inner.Len()}
	from, _ := Get(in.Fields, "from")
	f.From = Address(from)
	if id, ok := Get(in.Fields, "message-id"); ok {
		if ids := MessageIDs(id); len(ids) > 0 {
			f.messageID = ids[0]
		}
	}
	date, _ := Get(in.Fields, "date")
	f.sentText = prefix(OneLine(decodeWords(date)), 200)
	f.Sent, f.zoned = sentAt(f.sentText)
	// A mail's own lines, so that its date can be pointed at.
	text := "From: " + prefix(OneLine(decodeWords(from)), 500) + "\nDate: "
	f.Words = [2]int{f.Begin + len(text), f.Begin + len(text) + len(f.sentText)}
	text += f.sentText + "\nSubject: " + in.Subject + "\n\n"
	at := f.Begin + len(text)
	own := marker{text: in.body(), lines: cutLines(in.body(), 0), passed: passedOn(in.Subject), thread: true}
	own.mark()
	d.inner.WriteString(text + in.body() + "\n")
	f.End = d.inner.Len()
	if len(d.Forwarded) < maxForwarded {
		d.Forwarded = append(d.Forwarded, f)
		for _, g := range own.found {
			g.Nested = true
			d.Forwarded = append(d.Forwarded, g.moved(at))
		}
	}
	at = d.inner.Len()
	d.inner.WriteString(in.inner.String())
	for _, g := range in.Forwarded {
		g.Nested = true
		d.Forwarded = append(d.Forwarded, g.moved(at))
	}
	d.Forwarded = d.Forwarded[:min(len(d.Forwarded), maxForwarded)]
}

// A head is a block of lines that say whose mail follows.
type head struct {
	m   *marker
	at  map[string]labelLine
	end int // the line after it; 0: there is none
}

type labelLine struct {
	value string
	begin int // in the text
}

const (
	headFrom    = "from"
	headSent    = "sent"
	headTo      = "to"
	headSubject = "subject"
	headOther   = "other"
	headID      = "id"
)

// maxHead bounds the lines of such a block: long lists of recipients wrap.
const maxHead = 16

// headAt reads the block that begins at line i with a From line.
func (m *marker) headAt(i int) head {
	h := head{m: m}
	label, _ := m.headLabel(i)
	if label != headFrom && label != headSubject && label != headSent {
		return h
	}
	wrapped := 0
	for j := i; j < i+maxHead && j < len(m.lines); j++ {
		label, v := m.headLabel(j)
		switch {
		case label != "":
			if h.at == nil {
				h.at = map[string]labelLine{}
			}
			if _, known := h.at[label]; known && label != headOther {
				return h
			}
			h.at[label], h.end, wrapped = v, j+1, 0
		case m.empty(j):
			// Some programs put an empty line between the lines.
			if next, _ := m.headLabel(j + 1); next == "" || len(h.at) >= 4 {
				return h
			}
		case wrapped == 8 || len(h.at) == 0:
			return h
		default:
			wrapped++ // of a long list of recipients
		}
	}
	return h
}

// empty reports whether line i shows nothing but > signs.
func (m *marker) empty(i int) bool {
	words, _ := bare(m.of(i))
	return words == ""
}

// lines returns how many lines the block takes, counted from line i.
func (h head) lines(i int) int { return max(h.end-i, 0) }

// sure reports whether the block is one: it says who, when, and to whom or
// about what. Below a rule who and when is enough.
func (h head) sure(ruled bool) bool {
	_, from := h.at[headFrom]
	_, sent := h.at[headSent]
	_, to := h.at[headTo]
	_, subject := h.at[headSubject]
	return from && sent && (ruled || to || subject)
}

// mail is what the block says.
func (h head) mail() Forwarded {
	f := Forwarded{From: Address(h.at[headFrom].value), Subject: OneLine(h.at[headSubject].value)}
	if v := h.at[headFrom].value; f.From == "" && strings.Contains(v, "mailto:") {
		f.From = Address(v[strings.Index(v, "mailto:")+len("mailto:"):])
	}
	if ids := MessageIDs(h.at[headID].value); len(ids) > 0 {
		f.messageID = ids[0]
	}
	if v, ok := h.at[headSent]; ok {
		f.sentText = v.value
		f.Words = [2]int{v.begin, v.begin + len(v.value)}
		f.Sent, f.zoned = sentAt(v.value)
	}
	return f
}

// headLabel reads line i as one line of such a block.
func (m *marker) headLabel(i int) (string, labelLine) {
	s := m.of(i)
	colon := strings.IndexByte(s[:min(len(s), 60)], ':')
	width := 1
	if colon < 0 {
		if colon = strings.Index(s[:min(len(s), 60)], "："); colon < 0 {
			return "", labelLine{}
		}
		width = len("：")
	}
	label := headWord(strings.ToLower(strings.Trim(s[:colon], " \t>*_\u00a0")))
	if label == "" {
		return "", labelLine{}
	}
	begin := colon + width
	begin += len(s[begin:]) - len(strings.TrimLeft(s[begin:], " \t*_\u00a0"))
	return label, labelLine{strings.TrimRight(s[begin:], " \t*_\u00a0"), m.lines[i].Begin + begin}
}

// headWord knows the labels of mail programs in English, Welsh, German, French,
// Spanish, Italian, Dutch, Portuguese, Polish, Swedish and Danish.
func headWord(s string) string {
	switch s {
	case "from", "von", "de", "da", "van", "oddi wrth", "od", "från", "fra", "expéditeur", "mittente", "remetente", "发件人", "差出人":
		return headFrom
	case "sent", "date", "gesendet", "datum", "envoyé", "envoyé le", "enviado", "enviado el", "enviado em", "fecha", "data", "inviato",
		"verzonden", "anfonwyd", "dyddiad", "wysłano", "skickat", "sendt", "dato", "发送时间", "送信日時", "date sent", "sent on":
		return headSent
	case "to", "an", "à", "para", "a", "aan", "at", "do", "till", "til", "destinataire", "收件人", "宛先":
		return headTo
	case "subject", "betreff", "objet", "asunto", "oggetto", "onderwerp", "assunto", "pwnc", "temat", "ämne", "emne", "主题", "件名":
		return headSubject
	case "message-id", "message id":
		return headID
	case "cc", "bcc", "copie à", "kopie", "importance", "priority", "reply-to", "attachments", "anlagen", "pièces jointes", "organization", "resent-from", "resent-date", "resent-to":
		return headOther
	}
	return ""
}

// attribution reports whether a line such as "On 23 November 2026, Jo wrote:"
// ends at line i.
func (m *marker) attribution(i int) bool {
	_, n := m.attributed(i)
	return n > 0
}

// attributed reads the attribution that ends at line i, and over how many lines
// it is wrapped; 0 where there is none.
func (m *marker) attributed(i int) (f Forwarded, n int) {
	last := strings.TrimRight(m.of(i), " \t*_\u00a0")
	if !strings.HasSuffix(last, ":") && !strings.HasSuffix(last, "----") || len(last) < 5 {
		return f, 0
	}
	_, quoted := bare(m.of(i))
	text, best := "", 0
	for n = 1; n <= 3 && i-n+1 >= 0; n++ {
		j := i - n + 1
		s := m.of(j)
		if words, quotes := bare(s); n > 1 && (words == "" || quotes != quoted) {
			break
		}
		text = strings.TrimSpace(strings.Trim(s, " \t>*_\u00a0") + " " + text)
		if len(text) > 400 {
			break
		}
		date, from, opened, ok := attribution(text)
		if !ok || !strings.ContainsAny(text, "0123456789") && !m.quotedNext(i+1) {
			continue
		}
		if !opened && best > 0 {
			continue
		}
		f, best = Forwarded{Begin: m.lines[j].Begin, From: from, Answered: true}, n
		begin := m.lines[j].Begin
		if at := strings.Index(m.text[begin:m.lines[i].End], date); date != "" && at >= 0 {
			f.sentText, f.Words = date, [2]int{begin + at, begin + at + len(date)}
			f.Sent, f.zoned = sentAt(date)
		}
		if opened {
			break
		}
	}
	return f, best
}

// attribution reads "On DATE, NAME <ADDRESS> wrote:" and its like, on one line.
// opened says that it has its first word; without it an address must be there.
func attribution(s string) (date, from string, opened, ok bool) {
	s = strings.Trim(s, "-: \t*_")
	lower := strings.ToLower(s)
	verb := ""
	for _, v := range []string{" wrote", " writes", " schrieb", " a écrit", " escribió", " ha scritto", " escreveu", " schreef", " skrev", " pisze", " napisał", " ysgrifennodd"} {
		if i := strings.LastIndex(lower, v); i >= 0 && (len(lower)-i-len(v) < 3 || v == " schrieb" || v == " ysgrifennodd" || v == " schreef" || v == " skrev" || v == " escribió") {
			verb = v
			break
		}
	}
	if verb == "" {
		return "", "", false, false
	}
	if all := headerPatterns().address.FindAllString(s, 2); len(all) == 1 {
		from = strings.ToLower(all[0])
	}
	for _, w := range []string{"on ", "am ", "le ", "el ", "il ", "op ", "em ", "den ", "w dniu ", "ar ", "dnia ", "il giorno "} {
		if strings.HasPrefix(lower, w) {
			opened = true
			s = s[len(w):]
			break
		}
	}
	if !opened {
		return "", from, false, from != ""
	}
	// The date ends before the name: behind the time of day and its zone.
	return strings.TrimRight(datePart(s), " ,"), from, true, true
}

// datePart returns the beginning of s up to its time of day, with what belongs
// to it.
func datePart(s string) string {
	colon := clockSign(s, ":")
	if colon < 0 {
		colon = clockSign(s, ".h")
	}
	if colon < 0 {
		return ""
	}
	end := colon + 3
	for end < len(s) && (digit(s[end]) || s[end] == ':') {
		end++
	}
	for {
		rest := s[end:]
		word := strings.TrimLeft(rest, " \u00a0\u202f(")
		skipped := len(rest) - len(word)
		n := strings.IndexFunc(word, func(r rune) bool { return r == ' ' || r == ',' || r == ')' || r == '\u00a0' })
		if n < 0 {
			n = len(word)
		}
		w := strings.ToLower(word[:n])
		if w == "" || !(w == "am" || w == "pm" || w == "uhr" || zoneWord(w)) {
			return s[:end]
		}
		end += skipped + n
	}
}

// clockSign returns where one of signs stands between the hour and the minute
// of a time of day; -1 where there is none.
func clockSign(s, signs string) int {
	for i := 1; i+2 < len(s) && i < 120; i++ {
		if strings.IndexByte(signs, s[i]) >= 0 && digit(s[i-1]) && digit(s[i+1]) && digit(s[i+2]) &&
			(i+3 == len(s) || !digit(s[i+3]) && s[i+3] != '.') {
			return i
		}
	}
	return -1
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func zoneWord(w string) bool {
	_, ok := zoneOffset(w)
	return ok
}

// zoneOffset reads GMT, BST, +0100, +01:00, UTC+1.
func zoneOffset(w string) (time.Duration, bool) {
	w = strings.Trim(strings.ToLower(w), "() ")
	if off, ok := said.Zone(w); ok && w != "" {
		return off, true
	}
	w = strings.TrimPrefix(strings.TrimPrefix(w, "utc"), "gmt")
	if len(w) < 2 || w[0] != '+' && w[0] != '-' {
		return 0, false
	}
	digits := strings.ReplaceAll(w[1:], ":", "")
	if strings.Trim(digits, "0123456789") != "" || len(digits) == 0 || len(digits) > 4 {
		return 0, false
	}
	hours, minutes := atoi(digits), 0
	if len(digits) > 2 {
		hours, minutes = atoi(digits[:len(digits)-2]), atoi(digits[len(digits)-2:])
	}
	if hours > 14 || minutes > 59 {
		return 0, false
	}
	off := time.Duration(hours)*time.Hour + time.Duration(minutes)*time.Minute
	if w[0] == '-' {
		off = -off
	}
	return off, true
}

// sentAt reads when a mail was sent as a program writes it above the mail.
func sentAt(s string) (in incident.Interval, zoned bool) {
	if t, ok := ParseDate(s); ok {
		return incident.At(t), true
	}
	d, ok := civilDate(s)
	if !ok {
		return in, false
	}
	at := time.Date(d.year, d.month, d.day, d.hour, d.minute, d.second, 0, time.UTC)
	unit := time.Minute
	if d.seconds {
		unit = time.Second
	}
	if d.zoned {
		at = at.Add(-d.zone)
		return incident.Interval{Earliest: at, Latest: at.Add(unit - 1)}, true
	}
	for _, offset := range []time.Duration{time.Hour, 0} {
		t := at.Add(-offset)
		if _, off := t.In(incident.London()).Zone(); time.Duration(off)*time.Second != offset {
			continue
		}
		if in.Earliest.IsZero() {
			in.Earliest = t
		}
		in.Latest = t.Add(unit - 1)
	}
	return in, false
}

// words cuts a date into its numbers and names.
func dateWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool {
		return unicode.IsSpace(r) || r == ',' || r == '(' || r == ')' || r == ';' || r == '\u202f'
	})
}
