package email_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
	"github.com/ministryofjustice/incident-promptness/report"
)

// judged folds mails, as they came to the mailbox, through the true interpreter
// and the true fold, and returns the one incident as it is shown.
func judged(t *testing.T, change func(*email.Config), mails ...incident.Signal) (report.Detail, string) {
	t.Helper()
	rule := config(desk, change).Rule()
	pepper, err := incident.NewPepper(make([]byte, incident.MinPepper))
	if err != nil {
		t.Fatal(err)
	}
	s := fold.New(func(string) (fold.Predicate, error) { return nil, fmt.Errorf("no expressions here") })
	entries, err := s.SetRules(at(t, "00:00:00"), &incident.Rules{
		Policies: []incident.Policy{{
			ID: "pol-imp-002", Title: "Report to the security team", From: "2013-05-01",
			Start: incident.Detected, Stop: incident.Reported, Limit: incident.Span(time.Hour),
		}, {
			ID: "first-told", Title: "Tell anyone", From: "2013-05-01",
			Start: incident.Detected, Stop: incident.ReportedToDesk, Limit: incident.Span(time.Hour),
		}},
		Sources: []incident.SourceRule{rule},
	})
	if err != nil {
		t.Fatal(err)
	}
	x := &email.Interpreter{}
	var now time.Time
	for i, m := range mails {
		now = m.Received
		st := incident.Stored{Signal: m, Pos: incident.Pos{Seq: uint64(i) + 1}}
		entries = append(entries, s.Signal(now, fold.NewInput(pepper, st, x.Interpret(m, rule), rule.Skew()))...)
		entries = append(entries, s.Tick(fold.Tick{At: now}, 100)...)
	}
	book := report.NewBook()
	for _, e := range entries {
		if err := book.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	rows, _ := book.Incidents(report.Filter{})
	if len(rows) != 1 {
		t.Fatalf("%d incidents, want one", len(rows))
	}
	d, _ := book.Incident(rows[0].Ref)
	var shown bytes.Buffer
	if err := report.WriteIncident(&shown, &d, now); err != nil {
		t.Fatal(err)
	}
	return d, shown.String()
}

// arrived is a mail that reached the mail store at 10:50:05.
func arrived(t testing.TB, mail string) incident.Signal {
	t.Helper()
	s := signal(t, mail)
	s.Stamped, s.Received = at(t, "10:50:05"), at(t, "10:50:30")
	return s
}

func state(d report.Detail, policy incident.PolicyID) incident.State {
	for _, c := range d.Clocks {
		if c.Policy == policy {
			return c.State
		}
	}
	return ""
}

// Scenarios 8 and 9 from raw mails, by each of the ways in which the desk may have
// been told: reporter → desk 9:20 → team 10:50.
func TestScenariosOfTheDeskFromRawMails(t *testing.T) {
	const (
		told  = "From: Jo <jo@example.org>\nSubject: Lost laptop\nMessage-ID: <one@example.org>\n\nDetected: 23/11/2026 09:15\n"
		plain = "From: Jo <jo@example.org>\nSubject: Lost laptop\nMessage-ID: <one@example.org>\n\nI lost my laptop.\n"
		own   = "From: Desk <service@desk.example.org>\n"
	)
	stamped := "Received: from out.example.org (out.example.org [192.0.2.7]) by mx.example.org for <service@desk.example.org>; Mon, 23 Nov 2026 09:20:00 +0000\n"
	border := fmt.Sprintf(byBorder, fromDesk)
	signed := strings.ReplaceAll(pass, "=example.org", "=desk.example.org")
	for _, way := range []struct {
		name string
		mail func(original string) string
	}{
		{"by the desk's host", func(m string) string { return pass + border + atDesk + m }},
		{"by the desk's address", func(m string) string {
			return pass + fmt.Sprintf(byBorder, "mx.example.org (mx.example.org [192.0.2.1])") + stamped + m
		}},
		{"attached by the desk", func(m string) string { return attached(signed+border+own, stamped+m) }},
	} {
		t.Run("row 8, "+way.name, func(t *testing.T) {
			d, shown := judged(t, desk, arrived(t, way.mail(told)))
			if got := state(d, "pol-imp-002"); got != incident.Breached && !strings.HasPrefix(way.name, "attached") {
				t.Errorf("pol-imp-002: %s, want breached", got)
			}
			want := []string{"from the desk to the team: 1h30m\n"}
			if !strings.HasPrefix(way.name, "attached") { // what the reporter wrote is the desk's word there, and weak
				want = append(want, "1h34m to 1h35m; the limit is 60 minutes", "from detection to the desk: 4m to 5m\n")
				if got := state(d, "first-told"); got != incident.Met {
					t.Errorf("first-told: %s, want met", got)
				}
			}
			for _, w := range want {
				if !strings.Contains(shown, w) {
					t.Errorf("no %q in\n%s", w, shown)
				}
			}
		})
		t.Run("row 9, "+way.name, func(t *testing.T) {
			d, shown := judged(t, desk, arrived(t, way.mail(plain)))
			if got := state(d, "pol-imp-002"); got != incident.Breached {
				t.Errorf("pol-imp-002: %s, want breached\n%s", got, shown)
			}
			for _, w := range []string{"at least 1h30m; the limit is 60 minutes", "from detection to the desk: not known\n", "from the desk to the team: 1h30m\n"} {
				if !strings.Contains(shown, w) {
					t.Errorf("no %q in\n%s", w, shown)
				}
			}
		})
	}
	t.Run("row 9, where the desk only wrote when", func(t *testing.T) {
		// The block that the desk's program writes can be edited: it decides nothing.
		const block = "Subject: FW: Lost laptop\n\nFrom: Jo <jo@example.org>\nSent: 23 November 2026 09:20\nTo: Service Desk\nSubject: Lost laptop\n\nI lost my laptop.\n"
		d, shown := judged(t, desk, arrived(t, signed+border+own+block))
		if got := state(d, "pol-imp-002"); got != incident.Unmeasured {
			t.Errorf("pol-imp-002: %s, want unmeasured", got)
		}
		if want := "from the desk to the team: 1h29m to 1h30m (weak)\n"; !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	})
}

// Scenario 25 from raw mails: mail from within has neither SPF nor DKIM, and stops
// the clock where the mailbox says how it is known.
func TestScenarioOfInternalMailFromRawMails(t *testing.T) {
	const text = "From: Jo <jo@example.org>\nSubject: Lost laptop\n\nDetected: 23/11/2026 10:15\n"
	exchange := func(c *email.Config) {
		c.Authentication = email.Authentication{
			ResultsWithoutID: true, InternalHops: []string{".prod.example.org"},
			InternalHeader: &email.HeaderValue{Name: "X-MS-Exchange-Organization-AuthAs", Value: "Internal"},
		}
	}
	closed := func(c *email.Config) { c.Authentication = email.Authentication{Closed: true} }
	const store = "Received: from B.prod.example.org (2001:db8::2) by A.prod.example.org (2001:db8::1) with Microsoft SMTP Server; Mon, 23 Nov 2026 10:50:02 +0000\n"
	for _, tt := range []struct {
		name, mail string
		change     func(*email.Config)
		want       incident.State
	}{
		{"by its internal header", store + "X-MS-Exchange-Organization-AuthAs: Internal\n" + text, exchange, incident.Met},
		{"by a closed mailbox", store + text, closed, incident.Met},
		{"neither", store + text, func(*email.Config) {}, incident.Running},
		{"from outside, with the header", store + "X-MS-Exchange-Organization-AuthAs: Anonymous\nX-MS-Exchange-Organization-AuthAs: Internal\n" + text, exchange, incident.Running},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d, shown := judged(t, tt.change, arrived(t, tt.mail))
			if got := state(d, "pol-imp-002"); got != tt.want {
				t.Errorf("pol-imp-002: %s, want %s\n%s", got, tt.want, shown)
			}
		})
	}
}
