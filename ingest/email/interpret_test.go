package email_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// at is an instant of 23 November 2026, where London is on UTC.
func at(t testing.TB, clock string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, "2026-11-23T"+clock+"Z")
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// mx is the Received field of our own border, 10:20:00.
const mx = "Received: from out.example.org (out.example.org [192.0.2.7])\n\tby mx.example.org (Postfix) with ESMTPS id 4F7K2Q\n\tfor <reports@example.org>; Mon, 23 Nov 2026 10:20:00 +0000 (GMT)\n"

// pass is what our own border says of a genuine mail.
const pass = "Authentication-Results: mx.example.org; dkim=pass header.d=example.org; spf=pass smtp.mailfrom=example.org\n"

// config is a mailbox that knows its border.
func config(change ...func(*email.Config)) email.Config {
	c := email.Default()
	c.Name = "reports"
	c.Tells = ingest.Telling{{Tells: incident.TellsTeam}}
	c.TrustedHops = []string{"mx.example.org"}
	c.Authentication.AuthservID = "mx.example.org"
	c.Organisations = map[incident.Organisation][]string{"hmcts": {"HM Courts and Tribunals Service"}, "laa": nil}
	for _, f := range change {
		f(&c)
	}
	return c
}

// signal is a mail that reached the mail store at 10:20:05 and us at 10:20:30.
func signal(t testing.TB, mail string) incident.Signal {
	t.Helper()
	raw := []byte(strings.ReplaceAll(mail, "\n", "\r\n"))
	return incident.Signal{
		ID: incident.NewSignalID("reports", raw), Source: "reports", Channel: incident.ChannelEmail,
		Received: at(t, "10:20:30"), Stamped: at(t, "10:20:05"), Auth: incident.AuthMail, Raw: raw,
	}
}

// facts reads the one part of a mail.
func facts(t testing.TB, mail string, change ...func(*email.Config)) incident.Facts {
	t.Helper()
	x := &email.Interpreter{Ours: func(id string) bool { return id == "ours" }}
	r := x.Interpret(signal(t, mail), config(change...).Rule())
	if r.Interpreter != email.Version {
		t.Errorf("Interpreter = %q, want %q", r.Interpreter, email.Version)
	}
	if len(r.Parts) != 1 {
		t.Fatalf("%d parts, quarantine %q, want one part", len(r.Parts), r.Quarantine)
	}
	return r.Parts[0]
}

func TestReportWithLabelledLines(t *testing.T) {
	const mail = pass + mx + `From: Jo Reporter <Jo@Example.org>
To: reports@example.org
Subject: Lost laptop
Message-ID: <one@example.org>
Date: Mon, 23 Nov 2026 10:27:00 +0000

Hello,

Date and time detected: 23/11/2026 09:15
Impact: High
Personal data: Yes
Reference: INC0012345
Organisation: HM Courts and Tribunals Service

Jo
`
	got := facts(t, mail)
	var x email.Interpreter
	text := email.Text(signal(t, mail).Raw)
	want := incident.Facts{
		Opening: incident.Opens, Trust: incident.Authenticated, Observer: "jo@example.org",
		Receipt: at(t, "10:20:00"),
		Keys: []incident.Key{
			{Kind: incident.KeyMail, Value: "one@example.org"},
			{Kind: incident.KeyTicket, Value: "INC0012345"},
		},
		Claims: []incident.Claim{
			{
				Milestone: incident.Reported, Interval: incident.At(at(t, "10:20:00")), Basis: incident.Recorded,
				Observer: "reports", Receiver: true, Flags: []incident.Flag{incident.FlagReceivedHop},
			},
			{
				Milestone: incident.Detected, Interval: incident.Minute(at(t, "09:15:00")), Basis: incident.Stated,
				Observer: "jo@example.org", Words: wordsOf(t, text, "23/11/2026 09:15"),
			},
		},
		Attrs: incident.Attributes{Organisation: "hmcts", Impact: incident.ImpactHigh, Personal: incident.PersonalYes},
		Route: incident.RoutePerson,
		Flags: []incident.Flag{incident.FlagReceivedHop, incident.FlagResultsPass},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
	// The same again, from the compiled rule.
	r := x.Interpret(signal(t, mail), config().Rule())
	if again := x.Interpret(signal(t, mail), config().Rule()); !cmp.Equal(r, again) {
		t.Errorf("read twice: %s", cmp.Diff(r, again))
	}
}

func wordsOf(t testing.TB, text, words string) [2]int {
	t.Helper()
	i := strings.Index(text, words)
	if i < 0 {
		t.Fatalf("%q is not in %q", words, text)
	}
	return [2]int{i, i + len(words)}
}

func TestReceiptIsTheBestStampOfOurOwn(t *testing.T) {
	const from = "From: jo@example.org\nSubject: incident\n\nx\n"
	for _, tt := range []struct {
		name   string
		mail   string
		change func(*email.Config)
		want   string
		flag   incident.Flag
	}{
		{"the border's stamp", mx + from, nil, "10:20:00", incident.FlagReceivedHop},
		{"beneath a hop of no account", "Received: from mx.example.org by store.example.org; Mon, 23 Nov 2026 10:20:03 +0000\n" + mx + from, nil, "10:20:00", incident.FlagReceivedHop},
		{"a forged stamp beneath the border's", mx + strings.Replace(mx, "10:20:00", "09:00:00", 1) + from, nil, "10:20:00", incident.FlagReceivedHop},
		{"no trusted host in it", "Received: from a by b.invalid; Mon, 23 Nov 2026 09:00:00 +0000\n" + from, nil, "10:20:05", incident.FlagInternalDate},
		{"no trusted host configured", mx + from, func(c *email.Config) { c.TrustedHops = nil }, "10:20:05", incident.FlagInternalDate},
		{"a stamp in British Summer Time by name", strings.Replace(mx, "10:20:00 +0000 (GMT)", "11:20:00 BST", 1) + from, nil, "10:20:00", incident.FlagReceivedHop},
		{"a stamp in an unknown zone", strings.Replace(mx, "+0000 (GMT)", "IST", 1) + from, nil, "10:20:05", incident.FlagInternalDate},
		{"a stamp from a fast clock", strings.Replace(mx, "10:20:00", "10:21:00", 1) + from, nil, "10:20:30", incident.FlagClipped},
		{"a stamp from a very fast clock", strings.Replace(mx, "10:20:00", "11:20:00", 1) + from, nil, "10:20:30", incident.FlagSkewed},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var change []func(*email.Config)
			if tt.change != nil {
				change = append(change, tt.change)
			}
			f := facts(t, tt.mail, change...)
			if want := at(t, tt.want); !f.Receipt.Equal(want) || !slices.Contains(f.Flags, tt.flag) {
				t.Errorf("Receipt = %s %q, want %s %q", f.Receipt, f.Flags, want, tt.flag)
			}
			if c := f.Claims[0]; c.Milestone != incident.Reported || c.Interval != incident.At(f.Receipt) || !c.Receiver {
				t.Errorf("claim = %+v, want reported at the receipt, by the receiver", c)
			}
		})
	}
}

func TestTheDateFieldMovesNothing(t *testing.T) {
	const mail = pass + mx + "From: jo@example.org\nSubject: incident\nDate: Mon, 23 Nov 2026 10:27:00 +0000\n\nDate and time detected: 23/11/2026 09:15\n"
	a := facts(t, mail)
	b := facts(t, strings.Replace(mail, "10:27:00", "03:27:00", 1))
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("another Date gave other facts:\n%s", diff)
	}
}

func TestWhatArrivalMeansChangesWithTheDay(t *testing.T) {
	const mail = mx + "From: jo@example.org\nSubject: incident\n\nx\n"
	for _, tt := range []struct {
		name  string
		tells ingest.Telling
		want  incident.Milestone
	}{
		{"nothing", nil, ""},
		{"the desk", ingest.Telling{{Tells: incident.TellsDesk}}, incident.ReportedToDesk},
		{"the team from that day", ingest.Telling{{Tells: incident.TellsDesk}, {Tells: incident.TellsTeam, From: "2026-11-23"}}, incident.Reported},
		{"the team from the next day", ingest.Telling{{Tells: incident.TellsDesk}, {Tells: incident.TellsTeam, From: "2026-11-24"}}, incident.ReportedToDesk},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := facts(t, mail, func(c *email.Config) { c.Tells = tt.tells })
			var got incident.Milestone
			if len(f.Claims) > 0 {
				got = f.Claims[0].Milestone
			}
			if got != tt.want {
				t.Errorf("arrival proves %q, want %q", got, tt.want)
			}
		})
	}
}

// Scenarios 8 and 9: reporter → desk 9:20 → team 10:20.
func TestTheDeskOnTheWay(t *testing.T) {
	const (
		viaDesk = "Received: from desk.example.org (desk.example.org [192.0.2.9]) by mx.example.org; Mon, 23 Nov 2026 10:20:00 +0000\n"
		desk    = "Received: from pc.example.org by desk.example.org with ESMTP; Mon, 23 Nov 2026 09:20:00 +0000\n"
		rest    = "From: jo@example.org\nSubject: incident\n\nx\n"
	)
	hosts := func(c *email.Config) { c.DeskHosts = []string{"desk.example.org"} }
	told := func(f incident.Facts) string {
		for _, c := range f.Claims {
			if c.Milestone == incident.ReportedToDesk {
				if !c.Receiver || c.Basis != incident.Recorded {
					t.Errorf("claim %+v, want recorded by the receiver", c)
				}
				return c.Interval.Earliest.Format(time.TimeOnly)
			}
		}
		return ""
	}
	if got := told(facts(t, viaDesk+desk+rest, hosts)); got != "09:20:00" {
		t.Errorf("passed on by the desk: told to the desk at %q, want 09:20:00", got)
	}
	if got := told(facts(t, mx+desk+rest, hosts)); got != "" {
		t.Errorf("a desk stamp that the sender wrote: told to the desk at %q, want nothing", got)
	}
	forgedName := strings.Replace(viaDesk, "(desk.example.org [192.0.2.9])", "(evil.invalid [203.0.113.5])", 1)
	if got := told(facts(t, forgedName+desk+rest, hosts)); got != "" {
		t.Errorf("a host that only calls itself the desk: told to the desk at %q, want nothing", got)
	}
	if got := told(facts(t, viaDesk+desk+rest)); got != "" {
		t.Errorf("no desk hosts configured: told to the desk at %q, want nothing", got)
	}
}

func TestStatedTimes(t *testing.T) {
	mail := func(body string) string {
		return pass + mx + "From: jo@example.org\nSubject: incident\n\n" + body
	}
	for _, tt := range []struct {
		name  string
		body  string
		want  string // of the detected claim: "basis earliest latest"
		flags []incident.Flag
	}{
		{"a minute", "Date and time detected: 23/11/2026 09:15\n", "stated 09:15:00 09:15:59", nil},
		{"a range", "Date and time detected: 23/11/2026 09:15 to 09:45\n", "stated 09:15:00 09:45:59", nil},
		{"another case, bold and a bullet", "- **date AND time detected**: 23/11/2026 09:15\n", "stated 09:15:00 09:15:59", nil},
		{"the value on the next line", "Date and time detected:\n23/11/2026 09:15\n", "stated 09:15:00 09:15:59", nil},
		{"a cell of a table", "Date and time detected\t23/11/2026 09:15\n", "stated 09:15:00 09:15:59", nil},
		{"the value two lines below", "Date and time detected:\n\n23/11/2026 09:15\n", "stated 09:15:00 09:15:59", nil},
		{"a hint behind the label", "Date and time detected (dd/mm/yyyy hh:mm): 23/11/2026 09:15\n", "stated 09:15:00 09:15:59", nil},
		{"a dash", "Date and time detected - 23/11/2026 09:15\n", "stated 09:15:00 09:15:59", nil},
		{"a table in Markdown", "| Date and time detected | 23/11/2026 09:15 |\n", "stated 09:15:00 09:15:59", nil},
		{"no value, and the next label", "Date and time detected:\nDate and time occurred: 23/11/2026 08:15\n", "", nil},
		{"about", "Detected: about 9.15am on 23/11/2026\n", "stated 09:05:00 09:25:59", []incident.Flag{incident.FlagAbout}},
		{"a date only", "Date and time detected: 23/11\n", "stated 00:00:00 10:20:00", []incident.Flag{incident.FlagDateOnly}},
		{"after the receipt, as written", "Detected: 23/11/2026 10:22\n", "stated 10:22:00 10:22:59", nil},
		{"prose", "I noticed at about 9:15 this morning\n", "stated 09:05:00 09:25:59", []incident.Flag{incident.FlagAbout}},
		{"prose behind a label", "Date and time detected: about 9:15 this morning\n", "stated 09:05:00 09:25:59", []incident.Flag{incident.FlagAbout}},
		{"two times are not chosen from", "Detected: 23/11/2026 09:15 or 10:15\n", "stated 09:15:00 10:15:59", nil},
		{"quoted words of another are derived", "Please see below.\n\n-----Original Message-----\nFrom: al@example.org\nDate and time detected: 23/11/2026 08:15\n", "derived 08:15:00 08:15:59", nil},
		{"one's own words before quoted ones", "Detected: 23/11/2026 09:15\n\n> Detected: 23/11/2026 08:15\n", "stated 09:15:00 09:15:59", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := facts(t, mail(tt.body))
			got := ""
			var flags []incident.Flag
			for _, c := range f.Claims {
				if c.Milestone == incident.Detected {
					got += string(c.Basis) + " " + c.Interval.Earliest.Format(time.TimeOnly) + " " + c.Interval.Latest.Format(time.TimeOnly)
					flags = c.Flags
					if c.Receiver {
						t.Error("a stated time is marked as the receiver's")
					}
				}
			}
			if got != tt.want || !slices.Equal(flags, tt.flags) {
				t.Errorf("detected %q %q, want %q %q", got, flags, tt.want, tt.flags)
			}
		})
	}
}

func TestAttributesFromLabelledLines(t *testing.T) {
	for _, tt := range []struct {
		body     string
		impact   incident.Impact
		personal incident.Personal
		org      incident.Organisation
	}{
		{"Impact: High\n", "high", "", ""},
		{"Impact: medium - two teams\n", "medium", "", ""},
		{"Impact: Low.\n", "low", "", ""},
		{"Impact:\nHigh\n", "high", "", ""},
		{"Impact: High / Medium / Low\n", "", "", ""}, // the form's own text
		{"Impact: low to medium\n", "", "", ""},
		{"Impact:\nHigh time that somebody looks\n", "", "", ""},
		{"Impact: unknown\n", "", "", ""},
		{"Personal data: Yes\n", "", "yes", ""},
		{"Personal data: yes, three names\n", "", "yes", ""},
		{"Personal data: No.\n", "", "no", ""},
		{"Personal data: no - only server names\n", "", "no", ""},
		{"Personal data: No further details yet\n", "", "", ""},
		{"Personal data:\n\nNo further details\n", "", "", ""},
		{"Personal data: Yes / No\n", "", "", ""},
		{"Personal data: not known\n", "", "", ""},
		{"Organisation: HM Courts and  Tribunals service\n", "", "", "hmcts"},
		{"Organisation: LAA\n", "", "", "laa"},
		{"Organisation: somebody else\n", "", "", ""},
	} {
		t.Run(tt.body, func(t *testing.T) {
			got := facts(t, pass+mx+"From: jo@example.org\nSubject: x\n\n"+tt.body).Attrs
			if want := (incident.Attributes{Impact: tt.impact, Personal: tt.personal, Organisation: tt.org}); !cmp.Equal(got, want) {
				t.Errorf("attributes %+v, want %+v", got, want)
			}
		})
	}
	got := facts(t, "Subject: x\n\nOrganisation: nobody\n", func(c *email.Config) { c.Organisation = "laa" }).Attrs.Organisation
	if got != "laa" {
		t.Errorf("Organisation = %q, want the mailbox's own", got)
	}
}

// Scenario 27: what a sender says of having told is no receipt.
func TestASenderDoesNotStopTheClockBySayingSo(t *testing.T) {
	f := facts(t, pass+mx+"From: jo@example.org\nSubject: incident\n\nDate and time reported: 23/11/2026 09:30\n")
	var stated, recorded int
	for _, c := range f.Claims {
		switch {
		case c.Milestone == incident.Reported && c.Basis == incident.Stated && !c.Receiver:
			stated++
		case c.Milestone == incident.Reported && c.Basis == incident.Recorded && c.Receiver:
			recorded++
		}
	}
	if stated != 1 || recorded != 1 {
		t.Errorf("%d stated and %d recorded reports, want one of each: %+v", stated, recorded, f.Claims)
	}
}

func TestWhatOpensAnIncident(t *testing.T) {
	for _, tt := range []struct {
		name, subject, body string
		want                incident.Opening
	}{
		{"a labelled line", "hello", "Impact: low\n", incident.Opens},
		{"a word in the subject", "FW: Suspicious mail", "x\n", incident.Opens},
		{"a word in the text", "hello", "my phone was stolen.\n", incident.Opens},
		{"our own reference", "RE: " + string(incident.NewRef(4711)), "x\n", incident.Opens},
		{"a ticket reference", "RE: INC0012345", "x\n", incident.Opens},
		{"nothing of these", "Lunch", "at one?\n", incident.Candidate},
		{"a word within a word", "Lunch", "the lostwithiel line\n", incident.Candidate},
		{"a word in quoted text only", "Lunch", "thanks\n\nOn Monday Jo wrote:\n> an incident\n", incident.Candidate},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := facts(t, pass+mx+"From: jo@example.org\nSubject: "+tt.subject+"\n\n"+tt.body)
			if f.Opening != tt.want {
				t.Errorf("Opening = %q, want %q", f.Opening, tt.want)
			}
		})
	}
}

func TestMailsThatNobodyWrote(t *testing.T) {
	for _, tt := range []struct {
		name, header string
		opening      incident.Opening
		route        incident.Route
		void         incident.Void
	}{
		{"an absence note", "Auto-Submitted: auto-replied", incident.NotRelated, incident.RoutePerson, incident.VoidAutomatic},
		{"an absence note of Exchange", "Auto-Submitted: auto-generated\nSubject: Automatic reply: an incident", incident.NotRelated, incident.RoutePerson, incident.VoidAutomatic},
		{"a delivery report", "Content-Type: multipart/report; boundary=b", incident.NotRelated, incident.RoutePerson, incident.VoidBounce},
		{"a complaint about a mail", "Content-Type: multipart/report; report-type=feedback-report; boundary=b", incident.Opens, incident.RoutePerson, ""},
		{"our own alert", "X-Promptness-Id: ours", incident.NotRelated, incident.RoutePerson, incident.VoidOurs},
		{"an alert that calls itself ours", "X-Promptness-Id: forged", incident.Opens, incident.RoutePerson, ""},
		{"a machine's notice", "Auto-Submitted: auto-generated", incident.Candidate, incident.RouteAutomatic, ""},
		{"a person's mail that says so", "Auto-Submitted: no", incident.Opens, incident.RoutePerson, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := facts(t, pass+mx+tt.header+"\nFrom: jo@example.org\nSubject: incident\nMessage-ID: <one@example.org>\n\nx\n")
			if f.Opening != tt.opening || f.Route != tt.route || f.Claims[0].Void != tt.void {
				t.Errorf("opening %q, route %q, void %q, want %q, %q, %q", f.Opening, f.Route, f.Claims[0].Void, tt.opening, tt.route, tt.void)
			}
			if tt.void != "" && len(f.Keys) > 0 {
				t.Errorf("keys %v, want none: it must join nothing", f.Keys)
			}
		})
	}
}

func TestStubsAreQuarantined(t *testing.T) {
	for stub, want := range map[string]incident.Why{
		email.StubSecret: incident.WhyStub, email.StubUnreadable: incident.WhyUnreadable, "another": incident.WhyUnreadable,
	} {
		s := signal(t, `{"stub":"x"}`)
		s.Stub = stub
		var x email.Interpreter
		r := x.Interpret(s, config().Rule())
		if r.Quarantine != want || len(r.Parts) != 0 {
			t.Errorf("stub %q: quarantine %q and %d parts, want %q and none", stub, r.Quarantine, len(r.Parts), want)
		}
	}
	s := signal(t, pass+mx+"From: jo@example.org\nSubject: incident\n\nDetected: 23/11/2026 09:15\n")
	s.Stub = email.StubTooLarge
	var x email.Interpreter
	if r := x.Interpret(s, config().Rule()); r.Quarantine != incident.WhyTooLarge || len(r.Parts) != 1 || len(r.Parts[0].Claims) != 2 {
		t.Errorf("a cut mail: %+v, want what is there read, and the note that it is not all", r)
	}
}
