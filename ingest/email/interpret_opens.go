package email

import (
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
	"github.com/ministryofjustice/incident-promptness/internal/expr"
)

// Subjects returns the variables over which opens_when is written.
func Subjects() map[string]expr.Type {
	return map[string]expr.Type{
		"labelled":      expr.Bool, // a labelled line of a time, the impact or personal data
		"reference":     expr.Bool, // the only ticket reference of its kind, or one behind a label
		"own_reference": expr.Bool, // a reference of ours
		"detection":     expr.Bool, // a sentence that says that something was noticed
		"word":          expr.Bool, // one of opens_when_words
		"automatic":     expr.Bool, // a machine sent it
		"reply":         expr.Bool, // it answers within a thread
		"list_mail":     expr.Bool, // it came by a mailing list or in bulk
		"calendar":      expr.Bool, // an invitation or an answer to one
		"advice":        expr.Bool, // it asks whether or how something may be done, and tells of nothing
		"encrypted":     expr.Bool, // its text cannot be read
		"trust":         expr.String,
		"organisation":  expr.String, // a key of organisations, "" unknown
		"subject":       expr.String, // lower case, without RE:, FW: and markings
		"text":          expr.String, // the sender's new text without his signature, lower case, one space between words
	}
}

// maxSubjectText bounds the variable text, in bytes: an expression has a bound
// on what it costs, and looking through text is most of it.
const maxSubjectText = 32 << 10

var subjects = sync.OnceValues(func() (*expr.Env, error) { return expr.NewEnv(Subjects()) })

// A condition is a compiled opens_when.
type condition struct {
	program  *expr.Program
	usesText bool
}

// compileCondition compiles src. The error joins every problem, each with its
// place in src.
func compileCondition(src string) (*condition, error) {
	env, err := subjects()
	if err != nil {
		return nil, err
	}
	p, err := env.Compile(src, expr.Bool)
	if err != nil {
		return nil, err
	}
	return &condition{program: p, usesText: strings.Contains(src, "text") || strings.Contains(src, "subject")}, nil
}

// A machine is the rule of one automatic sender, made ready for use. The mail is
// read by its rules, which are those of the mailbox but for the labels.
type machine struct {
	from  string // an address, or a domain with a dot before it
	route incident.Route
	zone  *time.Location // nil: London, as for people
	rules *rules
}

// machineOf returns the rule for mail from an address, nil if there is none. The
// first that fits is taken.
func (r *rules) machineOf(from string) *machine {
	if from == "" {
		return nil
	}
	_, domain, _ := strings.Cut(from, "@")
	for i := range r.machines {
		x := &r.machines[i]
		if x.from == from || strings.HasPrefix(x.from, ".") && (domain == x.from[1:] || strings.HasSuffix(domain, x.from)) {
			return x
		}
	}
	return nil
}

// senders makes the rules of automatic senders ready.
func (r *rules) senders() error {
	for i, s := range r.Senders {
		own := *r
		own.reading.Labels = map[string][]string{}
		for field, labels := range r.Labels {
			own.Labels[field] = labels
		}
		for field, labels := range s.Labels {
			own.Labels[field] = labels
		}
		own.sortedLabels()
		x := machine{from: strings.ToLower(s.From), route: incident.RouteAutomatic, rules: &own}
		if s.Route != "" {
			x.route = incident.Route(s.Route)
		}
		c, err := compileCondition(s.opensWhen())
		if err != nil {
			return fmt.Errorf("senders[%d].opens_when: %w", i, err)
		}
		own.condition = c
		if s.Zone != "" {
			if x.zone, err = time.LoadLocation(s.Zone); err != nil {
				return fmt.Errorf("senders[%d].zone: %w", i, err)
			}
		}
		r.machines = append(r.machines, x)
	}
	return nil
}

// A sighting is what opens_when is asked about one mail.
type sighting struct {
	kind
	labelled, reference, ownReference, detection, word bool
}

// sight looks at what the mail says.
func (m *mailing) sight(k kind, found []labelled, keys []incident.Key) sighting {
	s := sighting{kind: k, detection: said.Detects(m.words), word: m.hasWord(strings.ToLower(letter.OneLine(m.words)))}
	for _, l := range found {
		switch l.field {
		case labelReference, labelOrganisation: // stand in signatures as well
		default:
			s.labelled = true
		}
	}
	for _, key := range keys {
		s.reference = s.reference || !key.Weak && key.Kind == incident.KeyTicket
		s.ownReference = s.ownReference || !key.Weak && key.Kind == incident.KeyOwn
	}
	s.advice = !s.automatic && !s.labelled && !s.reference && !s.ownReference && !s.detection && asksAdvice(strings.TrimSpace(m.words))
	return s
}

// hasWord reports whether one of opens_when_words stands in text, in lower case
// and with one space between words, as a word of its own.
func (r *rules) hasWord(text string) bool {
	inWord := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsNumber(c) }
	for _, w := range r.opening {
		for at := 0; ; {
			i := strings.Index(text[at:], w)
			if i < 0 {
				break
			}
			begin, end := at+i, at+i+len(w)
			before, _ := utf8.DecodeLastRuneInString(text[:begin])
			after, _ := utf8.DecodeRuneInString(text[end:])
			if !inWord(before) && !inWord(after) {
				return true
			}
			at = begin + 1
		}
	}
	return false
}

// opening decides what the mail does where no incident is there yet. An
// invitation that speaks of nothing only ever joins what is known; everything
// else that does not open is a candidate, so that a person looks. err says that
// the condition could not be evaluated.
func (m *mailing) opening(s sighting, found []labelled, trust incident.Trust, org incident.Organisation) (incident.Opening, error) {
	if m.condition == nil { // a rule of email/1
		if s.reference || s.ownReference || len(found) > 0 || s.word {
			return incident.Opens, nil
		}
		return incident.Candidate, nil
	}
	vars := map[string]any{
		"labelled": s.labelled, "reference": s.reference, "own_reference": s.ownReference, "detection": s.detection, "word": s.word,
		"automatic": s.automatic, "reply": s.reply, "list_mail": s.list, "calendar": s.calendar, "advice": s.advice,
		"encrypted": m.Broken == incident.WhyEncrypted, "trust": string(trust), "organisation": string(org), "subject": "", "text": "",
	}
	if m.condition.usesText {
		n := min(len(m.Subject), len(m.words))
		vars["subject"] = plainText(m.words[:n])
		vars["text"] = plainText(m.words[n:])
	}
	opens, err := m.condition.program.Bool(vars)
	switch {
	case err != nil:
		return incident.Candidate, fmt.Errorf("evaluate opens_when: %w", err)
	case opens:
		return incident.Opens, nil
	case s.calendar && !s.labelled && !s.detection && !s.word:
		return incident.JoinsOnly, nil
	default:
		return incident.Candidate, nil
	}
}

// plainText is text as opens_when sees it.
func plainText(s string) string {
	s = strings.ToLower(letter.OneLine(s))
	return strings.ToValidUTF8(s[:min(len(s), maxSubjectText)], "")
}
