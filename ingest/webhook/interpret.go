package webhook

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
	"github.com/ministryofjustice/incident-promptness/internal/expr"
)

// InterpreterName is the interpreter and its version, as the record names it.
const InterpreterName = "webhook/1"

// Interpreter reads the bytes that a Handler stored. It is pure, but for a
// memory of compiled rules, and safe for concurrent use.
type Interpreter struct {
	mu    sync.RWMutex
	known map[string]*compiled // by the bytes of SourceRule.Reading
}

// maxKnown bounds the compiled rules that are kept: one a source, and those of
// older rules while signals are read again.
const maxKnown = 256

// New compiles what sources say. The error joins every problem, each beginning
// with [index] and its field.
func New(sources []Config) (*Interpreter, error) {
	x := &Interpreter{known: map[string]*compiled{}}
	var all []error
	for i, c := range sources {
		rule, err := c.Rule(nil)
		if err == nil {
			_, err = x.compiled(rule.Reading)
		}
		all = append(all, conf.Under(fmt.Sprintf("[%d]", i), err))
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	return x, nil
}

// Interpret reads s by rule, the rule of its source that is in force. All that
// it goes by is in the two: the same signal under the same rule gives the same
// Reading, in this process and the next.
func (x *Interpreter) Interpret(s incident.Signal, rule incident.SourceRule) incident.Reading {
	r := x.read(s, rule)
	return r.out
}

// Explain reads s like Interpret and says besides, to the author of a mapping,
// what went wrong. The texts may quote the signal: they are not for a log.
func (x *Interpreter) Explain(s incident.Signal, rule incident.SourceRule) (incident.Reading, []error) {
	r := x.read(s, rule)
	return r.out, r.problems
}

// reading is one signal while it is read.
type reading struct {
	s    incident.Signal
	rule incident.SourceRule
	c    *compiled
	// trust and receipt are the same for all parts of a signal.
	trust    incident.Trust
	receipt  incident.Claim // without a Milestone where arrival tells nothing
	out      incident.Reading
	problems []error
	meter    expr.Meter
}

// maxSpent bounds what all expressions on one signal cost together: five times
// what one may. 256 incidents in one delivery with a dozen expressions each
// come to a tenth of it.
const maxSpent = 5 * expr.MaxCost

func (x *Interpreter) read(s incident.Signal, rule incident.SourceRule) *reading {
	r := &reading{s: s, rule: rule, meter: expr.Meter{Limit: maxSpent}}
	r.out.Interpreter = InterpreterName
	c, err := x.compiled(rule.Reading)
	if err != nil {
		r.quarantine(incident.WhyMapping, err)
		return r
	}
	r.c = c
	r.trust = trust(s.Auth)
	if m := rule.At(s.Received).Milestone(); m != "" {
		r.receipt = incident.Claim{
			Milestone: m, Interval: incident.At(s.Received), Basis: incident.Recorded,
			Observer: string(s.Source), Receiver: true,
		}
	}
	if s.Stub != "" {
		r.quarantine(incident.WhyStub, nil)
		return r
	}
	body, why, err := document(s.Raw)
	if why != "" {
		r.quarantine(why, err)
		return r
	}
	switch c.Kind {
	case KindAlertmanager:
		r.alertmanager(body)
	case KindJSON:
		r.json(body)
	default:
		r.quarantine(incident.WhyMapping, fmt.Errorf("unknown kind %q", c.Kind))
	}
	if len(r.out.Parts) > incident.MaxParts {
		r.out.Parts = r.out.Parts[:incident.MaxParts]
	}
	return r
}

// quarantine notes why something of the signal could not be read. The first
// reason stays: it is the first thing to mend.
func (r *reading) quarantine(why incident.Why, err error) {
	if r.out.Quarantine == "" {
		r.out.Quarantine = why
	}
	if err != nil {
		r.problems = append(r.problems, err)
	}
}

// trust says what the transport's authentication is worth. A secret that we
// gave out is a known sender. Where nothing was asked the sender was a program
// on this machine, the Handler makes sure: known by where it stands, as a mail
// is by its domain, so aligned. A signal of any other kind is unauthenticated.
func trust(a incident.Auth) incident.Trust {
	switch a {
	case incident.AuthBearer, incident.AuthBasic, incident.AuthHMAC, incident.AuthOwner:
		return incident.Authenticated
	case incident.AuthNone:
		return incident.Aligned
	case incident.AuthMail:
		return incident.Unauthenticated
	default:
		return incident.Unauthenticated
	}
}

// facts returns a part that is yet to be filled.
func (r *reading) facts() incident.Facts {
	return incident.Facts{
		Opening:  incident.Opens,
		Trust:    r.trust,
		Observer: string(r.s.Source),
		Receipt:  r.s.Received,
		Attrs:    incident.Attributes{Organisation: r.rule.Organisation},
		Route:    incident.RouteAutomatic,
	}
}

// claim adds that m was at t, stamped by the sender's own machine.
func (r *reading) claim(f *incident.Facts, m incident.Milestone, t time.Time, words [2]int) {
	f.Claims = append(f.Claims, incident.Claim{
		Milestone: m, Interval: incident.At(t), Basis: incident.Recorded,
		Observer: string(r.s.Source), Words: words,
	})
}

// finish adds what holds for every part that speaks of an incident.
func (r *reading) finish(f *incident.Facts) {
	if r.receipt.Milestone != "" && f.Opening != incident.NotRelated {
		f.Claims = append(f.Claims, r.receipt)
	}
	for i := range f.Keys {
		// What was not text when it came may not be what the sender meant.
		if strings.ContainsRune(f.Keys[i].Value, utf8.RuneError) {
			f.Keys[i].Weak = true
		}
	}
	r.out.Parts = append(r.out.Parts, *f)
}

// maxDepth bounds the nesting of a document.
const maxDepth = 100

// document returns the JSON text in raw, and why there is none.
func document(raw []byte) ([]byte, incident.Why, error) {
	body := bytes.TrimPrefix(raw, []byte("\ufeff"))
	ok, deep := check(body, maxDepth)
	switch {
	case ok:
		return body, "", nil
	case deep:
		return nil, incident.WhyTooDeep, fmt.Errorf("the document is nested deeper than %d", maxDepth)
	case len(bytes.TrimSpace(body)) == 0:
		return nil, incident.WhyMalformed, errors.New("the body is empty")
	case bytes.HasPrefix(body, []byte("\x1f\x8b")), bytes.HasPrefix(body, []byte("\x28\xb5\x2f\xfd")):
		return nil, incident.WhyUnreadable, errors.New("the body is compressed; turn compression off at the sender")
	case bytes.HasPrefix(body, []byte("\xff\xfe")), bytes.HasPrefix(body, []byte("\xfe\xff")):
		return nil, incident.WhyUnreadable, errors.New("the body is UTF-16, want UTF-8")
	default:
		return nil, incident.WhyMalformed, errors.New("the body is not one JSON document")
	}
}

// fold returns a name of a sender as tables know it.
func fold(s string) string { return strings.ToLower(strings.TrimSpace(s)) }
