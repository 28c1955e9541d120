package email

import (
	"bytes"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// maxOffered bounds the times that are offered because no word says what they
// are the time of.
const maxOffered = 8

// anchor returns that against which the sender's relative words are read.
func (m *mailing) anchor(receipt time.Time) said.Anchor {
	a := said.Anchor{Receipt: receipt}
	date := m.value("date")
	if sent, ok := letter.ParseDate(date); ok {
		a.Sent = sent.UTC()
		a.Offset, a.Zoned = letter.DateOffset(date)
	}
	return a
}

// A teller gathers the times that a mail tells of.
type teller struct {
	m       *mailing
	from    string
	anchor  said.Anchor
	machine bool // no person wrote the text
	claims  []incident.Claim
	own     map[incident.Milestone]bool // milestones of which the sender himself speaks
	// unread says that a machine's time stood behind a label and could not be
	// read.
	unread bool
}

// told returns the times of which the mail tells: those behind labels and in the
// prose of the sender's new text, as his statements. They are not weighed
// against each other here: a form whose prose says another time than its field
// holds two statements of one observer, which meet or are flagged
// (rules.md section 1). What the mail repeats of others is derived, and used
// only where the sender says nothing of that milestone. A time of which no word
// says what it is the time of is offered, where the sender names no detection.
func (m *mailing) told(found []labelled, from string, receipt time.Time, machine bool) *teller {
	t := &teller{m: m, from: from, anchor: m.anchor(receipt), machine: machine, own: map[incident.Milestone]bool{}}
	var offered []incident.Claim
	offer := func(sayings []said.Saying, at int) {
		for _, s := range sayings {
			if len(offered) < maxOffered {
				offered = append(offered, t.claim(incident.Detected, s, at, incident.Stated))
			}
		}
	}
	read := t.apart(found)
	for i, l := range found {
		if l.quoted || read[i] {
			continue
		}
		if !t.labelled(l, t.anchor) && milestoneOf(l.field) == incident.Detected {
			offer(said.Prose(l.value, t.anchor), l.at)
		}
	}
	text, signedOff := m.newText(found)
	basis := incident.Stated
	if machine {
		basis = incident.Derived // nobody states it
	}
	for _, s := range said.Prose(text, t.anchor) {
		switch {
		case s.Milestone != "":
			t.own[s.Milestone] = true
			t.add(t.claim(s.Milestone, s, 0, basis))
		case s.Words[0] < signedOff:
			offer([]said.Saying{s}, 0)
		}
	}
	t.others(found)
	if !t.own[incident.Detected] {
		for _, c := range offered {
			c.Void = incident.VoidOffered
			t.add(c)
		}
	}
	return t
}

func (t *teller) claim(to incident.Milestone, s said.Saying, at int, basis incident.Basis) incident.Claim {
	return incident.Claim{
		Milestone: to, Interval: s.Interval, Basis: basis, Observer: t.from,
		Words: [2]int{s.Words[0] + at, s.Words[1] + at}, Flags: besides(s.Flags, incident.FlagClipped, incident.FlagSkewed),
	}
}

func (t *teller) add(c incident.Claim) {
	if !alreadySaid(t.claims, c) {
		t.claims = append(t.claims, c)
	}
}

// labelled reads a labelled time and reports whether it is none or was read. A
// machine's is recorded: what it stamps needs no person to have stated it.
func (t *teller) labelled(l labelled, a said.Anchor) bool {
	to := milestoneOf(l.field)
	if to == "" {
		return true
	}
	in, flags, words, err := t.m.label(l.value, a)
	if err != nil {
		t.unread = t.unread || t.machine
		return false // a person is asked: the time is missing
	}
	t.state(l, in, flags, words)
	return true
}

// state adds the time that l says; words is its byte range in l's value.
func (t *teller) state(l labelled, in incident.Interval, flags []incident.Flag, words [2]int) {
	to := milestoneOf(l.field)
	c := t.claim(to, said.Saying{Interval: in, Flags: flags, Words: words}, l.at, incident.Stated)
	switch {
	case l.quoted:
		c.Basis = incident.Derived
		c.Observer = t.m.teller(l.at, t.from)
	case t.machine && t.m.machine != nil:
		c.Basis = incident.Recorded
		if in.Latest.Sub(in.Earliest) < time.Second {
			c.Interval = incident.At(in.Earliest) // a machine's stamp is an instant
		}
	}
	if !l.quoted {
		t.own[to] = true
	}
	t.add(c)
}

// others adds what the mail repeats of others. A mail that was passed on has
// times of its own: its relative words count from when it was sent.
func (t *teller) others(found []labelled) {
	for _, l := range found {
		if l.quoted && !t.own[milestoneOf(l.field)] {
			a, _ := t.m.anchorAt(l.at, t.anchor)
			t.labelled(l, a)
		}
	}
	text := t.m.quotedText()
	said := func(part string, at int, a said.Anchor, known bool) {
		for _, s := range prose(part, a, known) {
			if s.Milestone == "" || t.own[s.Milestone] {
				continue
			}
			c := t.claim(s.Milestone, s, at, incident.Derived)
			c.Observer = t.m.teller(c.Words[0], t.from)
			t.add(c)
		}
	}
	if strings.TrimSpace(string(text)) == "" {
		return
	}
	for i := len(t.m.Forwarded) - 1; i >= 0; i-- { // one that another holds stands behind it
		f := t.m.Forwarded[i]
		if f.Begin < 0 || f.End > len(text) || f.Begin >= f.End {
			continue
		}
		part := text[f.Begin:f.End]
		a, known := t.m.anchorAt(f.Begin, t.anchor)
		said(string(part), f.Begin, a, known)
		blank(part)
	}
	said(string(text), 0, t.anchor, false)
}

// prose reads text of which it may not be known when it was written: then only
// those times are taken that do not depend on it.
func prose(text string, a said.Anchor, known bool) []said.Saying {
	all := said.Prose(text, a)
	if known || len(all) == 0 {
		return all
	}
	const later = 40*24*time.Hour + 5*time.Hour + 17*time.Minute // another month, another time of day
	b := a
	b.Receipt = a.Receipt.Add(later)
	b.Sent = time.Time{}
	again := said.Prose(text, b)
	var same []said.Saying
	for _, s := range all {
		for _, r := range again {
			if s.Words == r.Words && s.Milestone == r.Milestone && s.Interval.Earliest.Equal(r.Interval.Earliest) {
				same = append(same, s)
				break
			}
		}
	}
	return same
}

// anchorAt returns the anchor of the words at a place in the text: when the
// innermost mail was sent in which it stands. known says that this is known.
func (m *mailing) anchorAt(at int, outer said.Anchor) (a said.Anchor, known bool) {
	a = outer
	for _, f := range m.Forwarded {
		if at < f.Begin || at >= f.End {
			continue
		}
		if known = !f.Sent.Latest.IsZero(); known {
			a = said.Anchor{Receipt: f.Sent.Latest, Sent: f.Sent.Earliest}
			if a.Receipt.After(outer.Receipt) {
				a = said.Anchor{Receipt: outer.Receipt}
			}
		}
	}
	return a, known
}

// teller returns who wrote the words at a place in the text that is quoted: the
// sender of the mail that was passed on, where that is known.
func (m *mailing) teller(at int, outer string) string {
	who := outer
	for _, f := range m.Forwarded {
		if at >= f.Begin && at < f.End && f.From != "" {
			who = f.From
		}
	}
	return who
}

// label reads the value of a labelled line. A machine's time that names no zone
// is one of the zone that its rule names.
func (m *mailing) label(value string, a said.Anchor) (incident.Interval, []incident.Flag, [2]int, error) {
	if m.machine == nil || m.machine.zone == nil {
		return said.LabelAt(value, a)
	}
	in, flags, words, err := said.Label(value, a.Receipt)
	if err != nil {
		return in, flags, words, err
	}
	// Read as UTC it is the clock that was written. The day is allowed for, so
	// that nothing is cut off before the zone is known.
	utc, flagsUTC, wordsUTC, err := said.Label(value[:words[1]]+" UTC", a.Receipt.Add(48*time.Hour))
	if err != nil || wordsUTC[1] <= words[1] {
		return in, flags, words, nil // it names a zone itself
	}
	in = incident.Interval{Earliest: asClock(utc.Earliest, m.machine.zone), Latest: asClock(utc.Latest, m.machine.zone)}
	if !in.Earliest.After(a.Receipt) {
		in = in.NotAfter(a.Receipt)
	}
	return in, flagsUTC, words, nil
}

// asClock returns the instant at which a clock in zone shows what one in UTC
// shows at t.
func asClock(t time.Time, zone *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), zone).UTC()
}

// newText returns the text of the mail in which only the sender's own new prose
// stands, each byte at its place: no labelled times, no signature, and no
// subject that an answer repeats. signedOff is where the words of a greeting at
// the end begin: what stands below may be office hours.
func (m *mailing) newText(found []labelled) (text string, signedOff int) {
	b := []byte(m.own)
	for _, l := range m.lines {
		if l.Signature && l.End <= len(b) {
			blank(b[l.Begin:l.End])
		}
	}
	if m.answers {
		blank(b[:min(len(m.Subject), len(b))])
	}
	for _, l := range found {
		if !l.quoted && milestoneOf(l.field) != "" {
			m.blankLabelled(b, l)
		}
	}
	text = string(b)
	return text, m.signedOff(text)
}

// blankLabelled blanks the line of a labelled value, and that of its label.
func (m *mailing) blankLabelled(b []byte, l labelled) {
	for i, x := range m.lines {
		if l.at < x.Begin || l.at > x.End || x.End > len(b) {
			continue
		}
		blank(b[x.Begin:x.End])
		for j := i - 1; l.below && j >= 0 && j >= i-3; j-- {
			if field, _ := m.labelAt(m.body, m.lines[j].Begin, m.lines[j].End); field != "" {
				blank(b[m.lines[j].Begin:m.lines[j].End])
				break
			}
		}
		return
	}
}

// quotedText returns the text of the mail in which only stands what others said,
// each byte at its place: quoted lines without the signs before them, and the
// subject of an answer.
func (m *mailing) quotedText() []byte {
	b := []byte(m.body)
	for i, l := range m.lines {
		s := b[l.Begin:l.End]
		if !l.Quoted && (i > 0 || !m.answers) {
			blank(s)
		}
		blank(s[:len(s)-len(bytes.TrimLeft(s, "> \t"))])
	}
	return b
}
