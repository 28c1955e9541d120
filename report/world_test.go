package report_test

import (
	"fmt"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
	"github.com/ministryofjustice/incident-promptness/report"
)

// A world makes entries by the true fold and keeps them, so that what is shown
// is shown of what the program records.
type world struct {
	t       *testing.T
	s       *fold.State
	entries []incident.Entry
	seq     uint64
	pepper  incident.Pepper
}

// clock is the day of every test, in GMT.
func clock(t *testing.T, hhmm string) time.Time {
	t.Helper()
	at, err := time.Parse("15:04:05", hhmm)
	if err != nil {
		if at, err = time.Parse("15:04", hhmm); err != nil {
			t.Fatal(err)
		}
	}
	return at.AddDate(2026, 10, 22).UTC() // 23 November 2026
}

func rules() *incident.Rules {
	return &incident.Rules{
		Policies: []incident.Policy{{
			ID: "pol-imp-002", Title: "Report to the security team", From: "2013-05-01",
			Start: incident.Detected, Stop: incident.Reported, Limit: incident.Span(time.Hour),
			Warn:  []incident.Span{incident.Span(30 * time.Minute), incident.Span(50 * time.Minute)},
			Legal: "POL.IMP.002",
		}, {
			ID: "siro", Title: "Tell the SIRO", From: "2013-05-01", Off: true,
			Start: incident.Reported, Stop: incident.SIROInformed, Limit: incident.Span(time.Hour),
		}},
		Sources: []incident.SourceRule{
			{Name: "mailbox", Channel: incident.ChannelEmail, Tells: []incident.TellsFrom{{Tells: incident.TellsTeam}}},
			{Name: "manual", Channel: incident.ChannelManual},
			{Name: "siem", Channel: incident.ChannelWebhook},
		},
		Organisations: []incident.Organisation{"hmpps", "hmcts"},
	}
}

func newWorld(t *testing.T) *world {
	t.Helper()
	pepper, err := incident.NewPepper(make([]byte, incident.MinPepper))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, pepper: pepper, s: fold.New(func(string) (fold.Predicate, error) { return nil, fmt.Errorf("no expressions here") })}
	w.rules(clock(t, "00:00"), rules())
	return w
}

func (w *world) rules(at time.Time, r *incident.Rules) {
	w.t.Helper()
	es, err := w.s.SetRules(at, r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.entries = append(w.entries, es...)
}

// signal folds one signal of one part.
func (w *world) signal(at time.Time, source incident.SourceName, f incident.Facts) []incident.Entry {
	w.t.Helper()
	return w.deliver(at, source, incident.Reading{Interpreter: "test/1", Parts: []incident.Facts{f}})
}

func (w *world) deliver(at time.Time, source incident.SourceName, r incident.Reading) []incident.Entry {
	w.t.Helper()
	w.seq++
	raw := fmt.Appendf(nil, "signal %d", w.seq)
	rule, _ := w.rule(source)
	st := incident.Stored{
		Signal: incident.Signal{ID: incident.NewSignalID(source, raw), Source: source, Channel: rule.Channel, Received: at, Raw: raw},
		Pos:    incident.Pos{Seq: w.seq},
	}
	es := w.s.Signal(at, fold.NewInput(w.pepper, st, r, incident.DefaultTolerance))
	w.entries = append(w.entries, es...)
	if next, ok := w.s.Next(); ok && !next.After(at) { // as the processor does
		w.tick(at)
	}
	return es
}

func (w *world) rule(n incident.SourceName) (incident.SourceRule, bool) {
	r, _ := w.s.Rules()
	return r.Source(n)
}

func (w *world) tick(at time.Time) {
	w.t.Helper()
	for {
		es := w.s.Tick(fold.Tick{At: at}, 100)
		w.entries = append(w.entries, es...)
		if len(es) < 100 {
			return
		}
	}
}

// alert is what a tool says: detected at t.
func alert(t time.Time, key string) incident.Facts {
	return incident.Facts{
		Opening: incident.Opens, Trust: incident.Authenticated, Observer: "siem", Receipt: t, Route: incident.RouteAutomatic,
		Keys:   []incident.Key{{Kind: incident.KeyTicket, Value: key}},
		Claims: []incident.Claim{{Milestone: incident.Detected, Interval: incident.At(t), Basis: incident.Recorded}},
		Attrs:  incident.Attributes{Organisation: "hmpps", Impact: incident.ImpactHigh},
	}
}

// mail is a report that came at t, with the detection that it states, if any.
func mail(t time.Time, key string, detected incident.Interval) incident.Facts {
	f := incident.Facts{
		Opening: incident.Opens, Trust: incident.Aligned, Observer: "reporter@mail.example.org", Receipt: t, Route: incident.RoutePerson,
		Claims: []incident.Claim{{Milestone: incident.Reported, Interval: incident.At(t), Basis: incident.Recorded, Receiver: true}},
	}
	if key != "" {
		f.Keys = []incident.Key{{Kind: incident.KeyTicket, Value: key}}
	}
	if detected.Known() {
		f.Claims = append(f.Claims, incident.Claim{Milestone: incident.Detected, Interval: detected, Basis: incident.Stated, Words: [2]int{120, 136}})
	}
	return f
}

// act is what a person does at t.
func act(t time.Time, a incident.Act) incident.Facts {
	if a.Author == "" {
		a.Author, a.Role = "m-1", incident.RoleManager
	}
	return incident.Facts{
		Opening: incident.JoinsOnly, Trust: incident.Authenticated, Observer: a.Author, Receipt: t, Act: &a,
	}
}

// book returns a book of all entries so far.
func (w *world) book() *report.Book {
	w.t.Helper()
	b := report.NewBook()
	for _, e := range w.entries {
		if err := b.Apply(e); err != nil {
			w.t.Fatal(err)
		}
	}
	return b
}

// numbered yields the entries with these numbers.
func (w *world) numbered(of []uint64) iter.Seq2[incident.Entry, error] {
	return func(yield func(incident.Entry, error) bool) {
		for _, e := range w.entries {
			if slices.Contains(of, e.N) && !yield(e, nil) {
				return
			}
		}
	}
}

func (w *world) why(b *report.Book, ref incident.Ref) *report.Derivation {
	w.t.Helper()
	d, ok := b.Incident(ref)
	if !ok {
		w.t.Fatalf("Incident(%s): there is none", ref)
	}
	why, err := report.Explain(d.Ref, b.Rules, w.numbered(d.History))
	if err != nil {
		w.t.Fatal(err)
	}
	return why
}

// refOf returns the incident that the last of es holds.
func refOf(t *testing.T, es []incident.Entry) incident.Ref {
	t.Helper()
	e := es[len(es)-1]
	if e.Incident == nil {
		t.Fatalf("entry %d (%s %s) holds no incident", e.N, e.Kind, e.Why)
	}
	return e.Incident.Ref
}

// day is a day with an incident of every kind.
func day(t *testing.T) (*world, map[string]incident.Ref) {
	t.Helper()
	w := newWorld(t)
	at := func(s string) time.Time { return clock(t, s) }
	refs := map[string]incident.Ref{}
	note := func(name string, es []incident.Entry) { refs[name] = refOf(t, es) }
	note("overdue", w.signal(at("07:00"), "siem", alert(at("07:00"), "INC1")))
	w.tick(at("08:30"))
	note("met", w.signal(at("09:00"), "siem", alert(at("09:00"), "INC2")))
	note("met", w.signal(at("09:20"), "mailbox", mail(at("09:20"), "INC2", incident.Interval{})))
	note("undetermined", w.signal(at("10:15:30"), "mailbox", mail(at("10:15:30"), "INC3", incident.Minute(at("09:15")))))
	note("unmeasured", w.signal(at("10:20"), "mailbox", mail(at("10:20"), "INC4", incident.Interval{})))
	note("breached", w.signal(at("10:30"), "mailbox", mail(at("10:30"), "INC5", incident.Minute(at("08:15")))))
	note("excluded", w.signal(at("10:40"), "mailbox", mail(at("10:40"), "INC6", incident.Minute(at("08:40")))))
	w.signal(at("10:45"), "manual", act(at("10:45"), incident.Act{
		Kind: incident.ActDisposition, Ref: refs["excluded"], Disposition: incident.FalsePositive, Reason: incident.ReasonFalseAlarm,
	}))
	cand := alert(at("10:50"), "INC7")
	cand.Opening = incident.Candidate
	note("candidate", w.signal(at("10:50"), "siem", cand))
	w.deliver(at("10:52"), "mailbox", incident.Reading{Interpreter: "test/1", Quarantine: incident.WhyEncrypted})
	leaf := mail(at("10:55"), "INC8", incident.Minute(at("10:30")))
	leaf.Trust = incident.Unauthenticated
	note("leaf", w.signal(at("10:55"), "mailbox", leaf))
	note("running", w.signal(at("10:58"), "siem", alert(at("10:58"), "INC9")))
	return w, refs
}
