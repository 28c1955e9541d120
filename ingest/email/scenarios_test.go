package email_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

// A mailRow is a row of the contract of meaning that begins with mail: raw mails
// go through the interpreter and the true fold. Times are of the row's day.
type mailRow struct {
	name   string
	day    string // default 2026-11-23
	config func(*email.Config)
	steps  []step
	until  string // when it is looked at, default 13:30
	// want is "state doubt shortest longest", the spans in whole seconds,
	// rounded down.
	want     string
	detected string // "earliest latest", times of the day in UTC; "" not looked at
	decide   []incident.DecisionKind
	flags    []incident.Flag // on the clock
	links    []incident.LinkWhy
	// incidents is how many there are, default 1; signals how many the first has.
	incidents, signals int
	route              incident.Route
}

// A step is a mail, an alert of a SIEM, or an act.
type step struct {
	at     string // receipt, "10:20" or "10:20:30", UTC
	box    string // source, default reports
	header string // beside Received and, unless forged, Authentication-Results
	forged bool   // nothing says that it is genuine
	body   string
	alert  string // the ticket that the SIEM's alert names
	act    *incident.Act
}

func (r mailRow) instant(t testing.TB, s string) time.Time {
	t.Helper()
	day := r.day
	if day == "" {
		day = "2026-11-23"
	}
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if x, err := time.Parse(layout, day+" "+s); err == nil {
			return x
		}
	}
	t.Fatalf("%q is no time", s)
	return time.Time{}
}

// raw writes the mail of a step. Its border stamps it at the step's time.
func (r mailRow) raw(t testing.TB, s step) []byte {
	t.Helper()
	var b strings.Builder
	if !s.forged {
		b.WriteString(pass)
	}
	fmt.Fprintf(&b, "Received: from out.example.org (out.example.org [192.0.2.7])\n\tby mx.example.org (Postfix) with ESMTPS id 4F7K2Q; %s\n",
		r.instant(t, s.at).Format(time.RFC1123Z))
	b.WriteString(s.header)
	if !strings.Contains(s.header, "From:") {
		b.WriteString("From: Ann Other <ann@example.org>\n")
	}
	if !strings.Contains(s.header, "Subject:") {
		b.WriteString("Subject: incident\n")
	}
	fmt.Fprintf(&b, "Message-ID: <%x@example.org>\n", sha256.Sum256([]byte(s.at+s.box+s.body)))
	if !strings.Contains(s.header, "Content-Type:") {
		b.WriteString("\n")
	}
	b.WriteString(s.body)
	return []byte(strings.ReplaceAll(b.String(), "\n", "\r\n"))
}

func scenarioRules(c email.Config) *incident.Rules {
	minutes := func(all ...int) (spans []incident.Span) {
		for _, m := range all {
			spans = append(spans, incident.Span(time.Duration(m)*time.Minute))
		}
		return spans
	}
	desk := c
	desk.Name, desk.Tells = "servicedesk", ingest.Telling{{Tells: incident.TellsDesk}}
	r := &incident.Rules{
		Policies: []incident.Policy{{
			ID: "pol-imp-002", Title: "Reported within an hour", From: "2013-05-01", Start: incident.Detected, Stop: incident.Reported,
			Limit: minutes(60)[0], Warn: minutes(30, 50), Remind: minutes(60),
		}},
		Sources: []incident.SourceRule{
			{Name: "desk", Channel: incident.ChannelManual, Kind: "manual"}, c.Rule(), desk.Rule(),
			{Name: "siem", Channel: incident.ChannelWebhook, Kind: "json"},
		},
	}
	return r
}

func scenarioPepper(t testing.TB) incident.Pepper {
	t.Helper()
	p, err := incident.NewPepper([]byte("a pepper for tests, 32 bytes long"))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// play folds the row in the given order of its steps.
func (r mailRow) play(t testing.TB, order []int) *fold.State {
	t.Helper()
	c := config()
	if r.config != nil {
		r.config(&c)
	}
	if err := errors.Join(c.Validate()); err != nil && !strings.Contains(err.Error(), "address") {
		t.Fatal(err)
	}
	rules := scenarioRules(c)
	s := fold.New(func(string) (fold.Predicate, error) { return func(incident.Attributes) bool { return true }, nil })
	now := r.instant(t, "00:00")
	if _, err := s.SetRules(now, rules); err != nil {
		t.Fatal(err)
	}
	pepper := scenarioPepper(t)
	x := &email.Interpreter{Ours: pepper.Ours}
	tick := func(until time.Time) {
		for {
			next, ok := s.Next()
			if !s.Holding() && (!ok || next.After(until)) {
				return
			}
			at := until
			if ok && next.Before(until) && next.After(now) {
				at = next
			}
			s.Tick(fold.Tick{At: at, Read: func(incident.SourceName) time.Time { return at }}, 100)
			if now = at; !at.Before(until) {
				return
			}
		}
	}
	for k, i := range order {
		st := r.steps[i]
		at := r.instant(t, st.at)
		if at.Before(now) {
			at = now
		}
		tick(at)
		now = at
		in := r.input(t, x, pepper, rules, st, uint64(k+1), s)
		s.Signal(at, in)
	}
	until := r.until
	if until == "" {
		until = "13:30"
	}
	tick(r.instant(t, until))
	return s
}

func (r mailRow) input(t testing.TB, x *email.Interpreter, pepper incident.Pepper, rules *incident.Rules, st step, seq uint64, s *fold.State) fold.Input {
	t.Helper()
	at := r.instant(t, st.at)
	stored := func(source incident.SourceName, channel incident.Channel, raw []byte) incident.Stored {
		return incident.Stored{
			Signal: incident.Signal{
				ID: incident.NewSignalID(source, raw), Source: source, Channel: channel, Received: at.Add(2 * time.Second), Stamped: at, Raw: raw,
				Auth: incident.AuthMail,
			},
			Pos: incident.Pos{Seq: seq}, Commit: sha256.Sum256(raw),
		}
	}
	switch {
	case st.alert != "":
		f := incident.Facts{
			Opening: incident.Opens, Trust: incident.Authenticated, Observer: "siem", Receipt: at, Route: incident.RoutePerson,
			Keys:   []incident.Key{{Kind: incident.KeyTicket, Value: st.alert}},
			Claims: []incident.Claim{{Milestone: incident.Detected, Interval: incident.At(at), Basis: incident.Recorded, Observer: "siem"}},
		}
		return fold.NewInput(pepper, stored("siem", incident.ChannelWebhook, []byte(st.alert)), incident.Reading{Interpreter: "test/1", Parts: []incident.Facts{f}}, time.Minute)
	case st.act != nil:
		act := *st.act
		act.Author, act.Role, act.Ref, act.Upon = "s100", incident.RoleManager, s.Refs()[0], s.N()
		members := s.Members(act.Ref)
		act.Signal = members[len(members)-1].N
		f := incident.Facts{Opening: incident.JoinsOnly, Trust: incident.Authenticated, Observer: act.Author, Receipt: at, Act: &act}
		return fold.NewInput(pepper, stored("desk", incident.ChannelManual, []byte(st.at)), incident.Reading{Interpreter: "test/1", Parts: []incident.Facts{f}}, time.Minute)
	}
	box := incident.SourceName(st.box)
	if box == "" {
		box = "reports"
	}
	rule, ok := rules.Source(box)
	if !ok {
		t.Fatalf("no source %q", box)
	}
	sig := stored(box, incident.ChannelEmail, r.raw(t, st))
	reading := x.Interpret(sig.Signal, rule)
	if len(reading.Parts) != 1 {
		t.Fatalf("%d parts, quarantine %q, want one", len(reading.Parts), reading.Quarantine)
	}
	return fold.NewInput(pepper, sig, reading, rule.Skew())
}

func (r mailRow) check(t *testing.T, s *fold.State) {
	t.Helper()
	refs := s.Refs()
	if want := max(r.incidents, 1); len(refs) != want {
		t.Fatalf("%d incidents, want %d", len(refs), want)
	}
	rec := s.Record(refs[0])
	if r.signals > 0 && len(s.Members(refs[0])) != r.signals {
		t.Errorf("%d signals in the first incident, want %d", len(s.Members(refs[0])), r.signals)
	}
	if len(rec.Clocks) == 0 {
		t.Fatalf("no clock runs, status %s; want %q", rec.Open, r.want)
	}
	c := rec.Clocks[0]
	if got := clockText(c); got != r.want {
		t.Errorf("clock %q, want %q; start %s, stop %s", got, r.want, spanText(c.Start), spanText(c.Stop))
	}
	if r.detected != "" {
		i := slices.IndexFunc(rec.Times, func(x incident.Time) bool { return x.Milestone == incident.Detected })
		if i < 0 || spanText(rec.Times[i].Interval) != r.detected {
			t.Errorf("times %+v, want detected %s", rec.Times, r.detected)
		}
	}
	var kinds []incident.DecisionKind
	for _, d := range rec.Decide {
		kinds = append(kinds, d.Kind)
	}
	slices.Sort(kinds)
	if !slices.Equal(kinds, r.decide) {
		t.Errorf("decisions %q, want %q", kinds, r.decide)
	}
	for _, f := range r.flags {
		if !slices.Contains(c.Flags, f) {
			t.Errorf("flags %q, want %s among them", c.Flags, f)
		}
	}
	var links []incident.LinkWhy
	for _, ref := range refs {
		for _, l := range s.Record(ref).Links {
			links = append(links, l.Why)
		}
	}
	if !slices.Equal(links, r.links) {
		t.Errorf("links %q, want %q", links, r.links)
	}
	if r.route != "" && rec.Route != r.route {
		t.Errorf("route %q, want %q", rec.Route, r.route)
	}
}

func clockText(c incident.Clock) string {
	words := []string{string(c.State)}
	if c.Doubt != "" {
		words = append(words, string(c.Doubt))
	}
	if c.Shortest != 0 || c.Longest != 0 {
		words = append(words, c.Shortest.D().Truncate(time.Second).String(), c.Longest.D().Truncate(time.Second).String())
	}
	return strings.Join(words, " ")
}

func spanText(i incident.Interval) string {
	text := func(x time.Time) string {
		if x.IsZero() {
			return "open"
		}
		return x.Format(time.TimeOnly)
	}
	return text(i.Earliest) + " " + text(i.Latest)
}
