package email

import (
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
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
	m := &mailing{rules: r, signal: s, source: rule, document: parse(s.Raw)}
	m.layout()
	if len(m.fields) == 0 && strings.TrimSpace(m.body) == "" {
		out.Quarantine = incident.WhyMalformed
		return out
	}
	out.Parts = []incident.Facts{m.facts(x.Ours)}
	out.Quarantine = m.broken
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
	m := &mailing{document: parse(raw)}
	m.layout()
	return m.body
}

// A mailing is one mail as it is being read.
type mailing struct {
	*rules
	*document
	signal incident.Signal
	source incident.SourceRule
	body   string // see Text
	lines  []line
}

// layout joins the texts of the mail and marks their lines.
func (m *mailing) layout() { m.body, m.lines = m.document.layout() }

// own returns the sender's own words: the subject and what is not quoted.
func (m *mailing) own() string { return m.collect(false) }

// quoted returns the words of others that the mail repeats.
func (m *mailing) quoted() string { return m.collect(true) }

func (m *mailing) collect(quoted bool) string {
	var b strings.Builder
	for _, l := range m.lines {
		if l.quoted == quoted {
			b.WriteString(m.body[l.begin:l.end])
			b.WriteByte('\n')
		}
	}
	return b.String()
}

// facts reads the mail.
func (m *mailing) facts(ours func(string) bool) incident.Facts {
	got := m.received(m.signal, m.fields)
	from, _ := get(m.fields, "from")
	f := incident.Facts{
		Trust:    m.trust(m.fields),
		Observer: address(from),
		Receipt:  got.at,
		Route:    incident.RoutePerson,
		Flags:    got.flags,
	}
	found := m.findLabelled(m.body, m.lines)
	f.Claims = append(m.receipts(got), m.stated(found, got.at)...)
	f.Attrs = m.attributes(found)
	void := m.automatic(&f, ours)
	if void != "" {
		f.Opening = incident.NotRelated
		for i := range f.Claims {
			f.Claims[i].Void = void
		}
		return f
	}
	own, quoted := m.own(), m.quoted()
	var reference bool
	f.Keys, reference = m.keys(own, quoted, found)
	f.Opening = incident.Candidate
	if reference || len(found) > 0 || m.opens != nil && m.opens.MatchString(own) {
		f.Opening = incident.Opens
	}
	return f
}

// automatic tells mails that people write from those that machines do. A
// reason is returned for those whose claims are void: answers that nobody
// wrote, delivery reports, and our own alerts.
func (m *mailing) automatic(f *incident.Facts, ours func(string) bool) incident.Void {
	if id, ok := get(m.fields, "x-promptness-id"); ok && ours != nil && ours(id) {
		return incident.VoidOurs
	}
	if m.report {
		return incident.VoidBounce
	}
	auto, _ := get(m.fields, "auto-submitted")
	kind, _, _ := strings.Cut(strings.ToLower(auto), ";")
	switch kind = strings.TrimSpace(kind); {
	case kind == "auto-replied", kind != "" && kind != "no" && outOfOffice(m.subject):
		return incident.VoidAutomatic
	case kind != "" && kind != "no":
		f.Route = incident.RouteAutomatic
		f.Flags = append(f.Flags, incident.FlagAutomatic)
	}
	return ""
}

// outOfOffice knows the absence notes of Exchange, which calls them
// auto-generated and puts these words before the subject.
func outOfOffice(subject string) bool {
	s := strings.ToLower(subject)
	return strings.HasPrefix(s, "automatic reply:") || strings.HasPrefix(s, "out of office:")
}

// receipts are the claims that the receiving side makes: when the mail reached
// the desk on its way, and what its arrival here means.
func (m *mailing) receipts(got receipt) []incident.Claim {
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
	if at := m.deskReceipt(m.fields); !at.IsZero() && !at.After(got.at) && to != incident.ReportedToDesk {
		add(incident.ReportedToDesk, at, []incident.Flag{incident.FlagReceivedHop})
	}
	return claims
}

// stated are the claims in labelled lines. One that stands in quoted words is
// used only where the sender's own say nothing, and is derived: the sender did
// not say it himself.
func (m *mailing) stated(found []labelled, at time.Time) []incident.Claim {
	from, _ := get(m.fields, "from")
	var claims []incident.Claim
	own := map[incident.Milestone]bool{}
	for _, l := range found {
		to := milestoneOf(l.field)
		if to == "" || l.quoted && own[to] {
			continue
		}
		in, flags, words, err := said.Label(l.value, at)
		if err != nil {
			continue // a person is asked: the time is missing
		}
		c := incident.Claim{
			Milestone: to, Interval: in, Basis: incident.Stated, Observer: address(from),
			Words: [2]int{l.at + words[0], l.at + words[1]}, Flags: besides(flags, incident.FlagClipped, incident.FlagSkewed),
		}
		if l.quoted {
			c.Basis = incident.Derived
		} else {
			own[to] = true
		}
		if !alreadySaid(claims, c) {
			claims = append(claims, c)
		}
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
		value := strings.ToLower(oneLine(strings.Trim(l.value, " .,;")))
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
