package email

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// Version is the interpreter that this package is.
const Version = "email/2"

// An Interpreter reads facts in mails. It is pure: the same signal and rule
// give the same facts. Its methods may be called by several goroutines.
type Interpreter struct {
	// Ours reports whether the value of an X-Promptness-Id field was made by
	// us, so that the mail is an alert of our own that came back. Nil: none is.
	Ours func(id string) bool

	compiled sync.Map // canonical text of a reading → *rules or error
}

// Interpret returns what the mail says under the rule of its mailbox. Every
// mail gives a part, however broken it is; Quarantine then says what could not
// be read.
func (x *Interpreter) Interpret(s incident.Signal, rule incident.SourceRule) incident.Reading {
	out := incident.Reading{Interpreter: Version}
	switch s.Stub {
	case "", StubTooLarge:
	case StubSecret:
		out.Quarantine = incident.WhyStub
		return out
	default:
		out.Quarantine = incident.WhyUnreadable
		return out
	}
	r, err := x.rules(string(rule.Reading))
	if err != nil {
		out.Quarantine = incident.WhyMapping
		return out
	}
	m := &mailing{rules: r, signal: s, source: rule, Mail: letter.Read(s.Raw)}
	m.layout()
	if len(m.Fields) == 0 && strings.TrimSpace(m.body) == "" {
		out.Quarantine = incident.WhyMalformed
		return out
	}
	f, err := m.facts(x.Ours)
	out.Parts = []incident.Facts{f}
	out.Quarantine = m.Broken
	if err != nil && out.Quarantine == "" {
		out.Quarantine = incident.WhyMapping
	}
	if s.Stub == StubTooLarge {
		out.Quarantine = incident.WhyTooLarge
	}
	return out
}

// rules returns the compiled form of a reading. There are as many as there are
// mailboxes and versions of their rules.
func (x *Interpreter) rules(text string) (*rules, error) {
	if v, ok := x.compiled.Load(text); ok {
		if r, ok := v.(*rules); ok {
			return r, nil
		}
	}
	r, err := compile([]byte(text))
	if err != nil {
		return nil, err
	}
	x.compiled.Store(text, r)
	return r, nil
}

// Text returns the text of a mail in which the byte ranges of its claims'
// words count: the subject, an empty line, the text, and that of attached
// mails.
func Text(raw []byte) string {
	m := &mailing{Mail: letter.Read(raw)}
	m.layout()
	return m.body
}

// A mailing is one mail as it is being read.
type mailing struct {
	*rules
	*letter.Mail
	signal  incident.Signal
	source  incident.SourceRule
	body    string // see Text
	lines   []letter.Line
	machine *machine // the rule of its sender, nil if none is configured

	// own is what the sender himself wrote, each byte at its place in body and
	// spaces for all else: the subject and the new text, without the signs and
	// markings that he did not write to say something.
	own string
	// words is that of own in which words and sentences open an incident.
	words string
	// answers says that the subject begins with RE:, FW: or the like.
	answers bool
}

// layout joins the texts of the mail and marks their lines.
func (m *mailing) layout() { m.body, m.lines = m.Mail.Layout() }

// prepare sets own, words and answers.
func (m *mailing) prepare() {
	end, subject := 0, min(len(m.Subject), len(m.body))
	for _, l := range m.lines {
		if !l.Quoted {
			end = l.End
		}
	}
	own := []byte(m.body[:end])
	for _, l := range m.lines {
		if l.Quoted && l.End <= end {
			blank(own[l.Begin:l.End])
		}
	}
	m.answers = unmark(own, min(subject, end), m.lines)
	unprint(own)
	m.own = string(own)
	m.words = m.wordsOf(m.own)
}

// quoted returns the words of others that the mail repeats.
func (m *mailing) quoted() string {
	var b strings.Builder
	for _, l := range m.lines {
		if l.Quoted {
			b.WriteString(m.body[l.Begin:l.End])
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// facts reads the mail. An error says that the condition for opening an incident
// could not be evaluated; the facts are good, and the mail is a candidate.
func (m *mailing) facts(ours func(string) bool) (incident.Facts, error) {
	got := m.received(m.signal, m.Fields)
	from := letter.Address(m.value("from"))
	trust, by := m.trust(m.Fields, m.signal.DKIM)
	f := incident.Facts{
		Trust:    trust,
		Observer: from,
		Receipt:  got.at,
		Route:    incident.RoutePerson,
	}
	m.prepare()
	k := m.kindOf(ours)
	if m.machine = m.machineOf(from); m.machine != nil {
		m.rules = m.machine.rules
		k.automatic = m.machine.route == incident.RouteAutomatic
	}
	found := m.findLabelled(m.body, m.lines)
	t := m.told(found, from, got.at, k.automatic)
	f.Claims = append(m.receipts(trust, got), t.claims...)
	f.Attrs = m.attributes(found)
	if k.void != "" {
		f.Opening = incident.NotRelated
		f.Flags = slices.Concat(got.flags, by, k.flags())
		for i := range f.Claims {
			f.Claims[i].Void = k.void
		}
		return f, nil
	}
	if k.automatic {
		f.Route = incident.RouteAutomatic
	}
	f.Keys = m.keys(m.own, m.quoted(), found)
	s := m.sight(k, found, f.Keys)
	var err error
	f.Opening, err = m.opening(s, found, f.Trust, f.Attrs.Organisation)
	f.Flags = slices.Concat(got.flags, by, s.flags())
	if t.unread {
		f.Flags = append(f.Flags, incident.FlagUnreadTime)
	}
	return f, err
}

// receipts are the claims that the receiving side makes: when the mail reached
// the desk on its way, and what its arrival here means.
func (m *mailing) receipts(trust incident.Trust, got receipt) []incident.Claim {
	var claims []incident.Claim
	add := func(to incident.Milestone, at time.Time, flags []incident.Flag) {
		claims = append(claims, incident.Claim{
			Milestone: to,
			Interval:  incident.At(at),
			Basis:     incident.Recorded,
			Observer:  string(m.signal.Source),
			Receiver:  true,
			Flags:     flags,
		})
	}
	to := m.source.At(got.at).Milestone()
	if to != "" {
		add(to, got.at, got.flags)
	}
	if to != incident.ReportedToDesk {
		claims = append(claims, m.deskClaims(trust, got)...)
	}
	return claims
}

// besides returns flags without those that are given where a claim is sealed:
// how far a clock may run ahead is the source's to say.
func besides(flags []incident.Flag, without ...incident.Flag) []incident.Flag {
	return slices.DeleteFunc(flags, func(f incident.Flag) bool { return slices.Contains(without, f) })
}

// alreadySaid reports whether the same was said already.
func alreadySaid(claims []incident.Claim, c incident.Claim) bool {
	for _, d := range claims {
		if d.Milestone == c.Milestone && d.Interval == c.Interval {
			return true
		}
	}
	return false
}

func milestoneOf(labelField string) incident.Milestone {
	switch labelField {
	case labelDetected:
		return incident.Detected
	case labelOccurred:
		return incident.Occurred
	case labelReported:
		return incident.Reported
	default:
		return ""
	}
}

// attributes are read from labelled lines. What is from no closed set is left
// out, and so is a form's own text that nobody has filled in ("Yes / No").
func (m *mailing) attributes(found []labelled) incident.Attributes {
	a := incident.Attributes{}
	for _, l := range found {
		value := strings.ToLower(letter.OneLine(strings.Trim(l.value, " .,;")))
		switch l.field {
		case labelImpact:
			if a.Impact == incident.ImpactUnknown {
				a.Impact = incident.Impact(only(value, l.below, "low", "medium", "high"))
			}
		case labelPersonal:
			if a.Personal == incident.PersonalUnknown {
				a.Personal = personal(value, l.below)
			}
		case labelOrganisation:
			if a.Organisation == "" {
				a.Organisation = m.Organisations[value]
			}
		}
	}
	if a.Organisation == "" {
		a.Organisation = m.source.Organisation
	}
	return a
}

// only returns the word of the set with which value begins, if no other one of
// the set stands in it. Below its label it must be all there is.
func only(value string, below bool, set ...string) string {
	found := ""
	words := strings.FieldsFunc(value, func(r rune) bool { return !unicode.IsLetter(r) })
	for i, w := range words {
		switch {
		case !slices.Contains(set, w) || w == found:
		case i > 0:
			return ""
		default:
			found = w
		}
	}
	if below && len(words) > 1 {
		return ""
	}
	return found
}

// personal reads whether personal data are concerned. "No further details" is
// no answer: a no ends a clock, so it must stand by itself.
func personal(value string, below bool) incident.Personal {
	first, _, _ := strings.Cut(strings.NewReplacer(",", ";", "(", ";", ".", ";", " - ", ";", "\u2013", ";").Replace(value), ";")
	switch strings.TrimSpace(first) {
	case "no", "n", "none", "no personal data":
		return incident.PersonalNo
	case "y":
		return incident.PersonalYes
	}
	return incident.Personal(strings.Replace(only(value, below, "yes", "no"), "no", "", 1))
}
