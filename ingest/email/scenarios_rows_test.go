package email_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func mailRows(t testing.TB) []mailRow {
	t.Helper()
	stamp := incident.StampHeader + ": " + scenarioPepper(t).Stamp(incident.NewAlertID(incident.NewRef(2), "pol-imp-002", incident.Deadline, 1)) + "\n"
	byTicket := "Subject: INC0010001\n"
	return []mailRow{
		{
			name:  "1: noticed at about 9:15, and the SIEM at 10:00",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", header: byTicket, body: "I noticed at about 9:15 that the door was open.\n"}},
			want:  "undetermined straddles 54m0s 1h15m0s", detected: "09:05:00 09:25:59", decide: []incident.DecisionKind{incident.DecideStraddles}, signals: 2,
		},
		{
			name:  "1: at 9.15 exactly",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", header: byTicket, body: "I noticed at 9.15 that the door was open.\n"}},
			want:  "breached 1h4m0s 1h5m0s", detected: "09:15:00 09:15:59", signals: 2,
		},
		{
			name:  "3: no time of detection, nothing else",
			steps: []step{{at: "10:20", body: "A laptop is gone.\n"}},
			want:  "unmeasured", detected: "open 10:20:00", decide: []incident.DecisionKind{incident.DecideDetection},
		},
		{
			name: "8: reporter to the desk 9:20, detected 9:15, to the team 10:50",
			steps: []step{
				{at: "09:20", box: "servicedesk", header: byTicket, body: "We discovered at 9:15 that a phone was lost.\n"},
				{at: "10:50", header: "From: desk@example.org\n" + byTicket, body: "Passed on by the desk.\n"},
			},
			want: "breached 1h34m0s 1h35m0s", detected: "09:15:00 09:15:59", signals: 2,
		},
		{
			name: "9: the desk's relay without a time of detection",
			steps: []step{
				{at: "09:20", box: "servicedesk", header: byTicket, body: "A phone was lost.\n"},
				{at: "10:50", header: "From: desk@example.org\n" + byTicket, body: "Passed on by the desk.\n"},
			},
			want: "breached 1h30m0s 0s", detected: "open 09:20:00", signals: 2,
		},
		{
			name: "23: the hour that is there twice", day: "2026-10-25",
			steps: []step{{at: "02:05", body: "I noticed at 01:30 that the door was open.\n"}}, until: "06:00",
			want: "undetermined straddles 34m0s 1h35m0s", detected: "00:30:00 01:30:59", decide: []incident.DecisionKind{incident.DecideStraddles},
		},
		{
			name: "23: only one of them can be meant", day: "2026-10-25",
			steps: []step{{at: "00:50", body: "I noticed at 01:30 that the door was open.\n"}}, until: "06:00",
			want: "met 19m0s 20m0s", detected: "00:30:00 00:30:59",
		},
		{
			name:  "24: an unauthenticated mail is the only report",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", forged: true, header: byTicket, body: "We have seen it.\n"}}, until: "11:30",
			want: "overdue", decide: []incident.DecisionKind{incident.DecideVouch}, signals: 2,
			flags: []incident.Flag{incident.FlagUnconfirmed, incident.FlagProvisional},
		},
		{
			name: "24: and is vouched for",
			steps: []step{
				{at: "10:00", alert: "INC0010001"},
				{at: "10:20", forged: true, header: byTicket, body: "We have seen it.\n"},
				{at: "11:10", act: &incident.Act{Kind: incident.ActVouch}},
			},
			want: "met 20m0s 20m0s",
		},
		{
			name: "25: internal mail of Exchange without any result",
			config: func(c *email.Config) {
				c.Authentication = email.Authentication{InternalHeader: &email.HeaderValue{Name: "X-MS-Exchange-Organization-AuthAs", Value: "Internal"}}
			},
			steps: []step{
				{at: "10:00", alert: "INC0010001"},
				{at: "10:20", forged: true, header: "X-MS-Exchange-Organization-AuthAs: Internal\n" + byTicket, body: "We have seen it.\n"},
			},
			want: "met 20m0s 20m0s", signals: 2,
		},
		{
			name:   "25: a closed mailbox",
			config: func(c *email.Config) { c.Authentication = email.Authentication{Closed: true} },
			steps:  []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", forged: true, header: byTicket, body: "We have seen it.\n"}},
			want:   "met 20m0s 20m0s", signals: 2,
		},
		{
			name:  "27: I mailed you at 9:30, of which there is no trace",
			steps: []step{{at: "12:00", body: "I found at 9:10 that the phone was lost. I reported it to you at 9:30.\n"}},
			want:  "breached 2h49m0s 2h50m0s", detected: "09:10:00 09:10:59", decide: []incident.DecisionKind{incident.DecideAutomatic},
		},
		{
			name:  "37: Date after the receipt, an hour ago",
			steps: []step{{at: "10:20", header: "Date: Mon, 23 Nov 2026 10:27:00 +0000\n", body: "I noticed an hour ago that my phone was lost.\n"}},
			want:  "met 59m0s 1h0m0s", detected: "09:20:00 09:20:59",
		},
		{
			name:  "37: Date before the receipt, queued on a phone",
			steps: []step{{at: "10:20", header: "Date: Mon, 23 Nov 2026 10:05:00 +0000\n", body: "I noticed an hour ago that my phone was lost.\n"}},
			want:  "undetermined straddles 59m0s 1h15m0s", detected: "09:05:00 09:20:59", decide: []incident.DecisionKind{incident.DecideStraddles},
		},
		{
			name:  "38: the form says 09:15, the mail came at 10:15:30",
			steps: []step{{at: "10:15:30", body: "Date and time detected: 23/11/2026 09:15\n"}},
			want:  "undetermined straddles 59m30s 1h0m30s", detected: "09:15:00 09:15:59", decide: []incident.DecisionKind{incident.DecideStraddles},
		},
		{
			name:  "39: the form has a date only, and the SIEM 10:00",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", header: byTicket, body: "Date and time detected: 23/11\n"}},
			want:  "met 20m0s 20m0s", detected: "10:00:00 10:00:00", signals: 2,
		},
		{
			name:  "40: the wrong year",
			steps: []step{{at: "10:20", body: "Date and time detected: 23/11/2025 09:15\n"}},
			want:  "undetermined weak 8761h4m0s 8761h5m0s", detected: "09:15:00 09:15:59", decide: []incident.DecisionKind{incident.DecideWeak},
		},
		{
			name:   "44: an AWS notice in the inbox, by a rule for its sender",
			config: awsRule,
			steps: []step{{
				at: "10:01", header: "From: no-reply@sns.amazonaws.example.org\nSubject: AWS Notification Message\nAuto-Submitted: auto-generated\n",
				body: "Finding: UnauthorizedAccess\nEvent time: 2026-11-23 09:58:00\nReference: INC0010044\n",
			}},
			want: "met 3m0s 3m0s", route: incident.RouteAutomatic,
		},
		{
			name:   "44: in summer, when the machine's UTC is not London's time",
			day:    "2026-07-23",
			config: awsRule,
			steps: []step{{
				at: "10:01", header: "From: no-reply@sns.amazonaws.example.org\nSubject: AWS Notification Message\nAuto-Submitted: auto-generated\n",
				body: "Event time: 2026-07-23 09:58:00\n",
			}},
			want: "met 3m0s 3m0s", detected: "09:58:00 09:58:00", route: incident.RouteAutomatic,
		},
		{
			name: "52: a forward with the text inline, by the same observer",
			steps: []step{
				{at: "10:00", body: "I noticed at 9:40 that my phone was lost.\n"},
				{at: "10:30", header: "Subject: FW: lost phone\n", body: "Please see below. I spotted it at 9:50.\n\n-----Original Message-----\nFrom: Al <al@example.org>\nSent: 23 November 2026 09:45\nSubject: lost phone\n\nIt is gone.\n"},
			},
			want: "met 19m0s 20m0s", incidents: 2, links: []incident.LinkWhy{incident.LinkObserver},
		},
		{
			name: "52: a forward that attaches the original",
			steps: []step{
				{at: "10:00", header: "Message-ID: <original@example.org>\n", body: "I noticed at 9:40 that my phone was lost.\n"},
				{
					at:     "10:40",
					header: "From: bob@example.org\nSubject: FW: lost phone\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n",
					body:   "\n--b\nContent-Type: text/plain\n\nPlease look.\n--b\nContent-Type: message/rfc822\n\nFrom: Ann Other <ann@example.org>\nSubject: lost phone\nMessage-ID: <original@example.org>\n\nI noticed at 9:40 that my phone was lost.\n--b--\n",
				},
			},
			want: "met 19m0s 20m0s", detected: "09:40:00 09:40:59", signals: 2,
		},
		{
			name:  "54: a time of which no word says what it is the time of",
			steps: []step{{at: "10:20", body: "A laptop is gone, 9:50.\n"}},
			want:  "unmeasured", detected: "open 10:20:00", decide: []incident.DecisionKind{incident.DecideDetection},
		},
		{
			name: "54: and a person who has read the mail accepts it",
			steps: []step{
				{at: "10:20", body: "A laptop is gone, 9:50.\n"},
				{at: "11:00", act: &incident.Act{Kind: incident.ActAccept, Milestone: incident.Detected}},
			},
			want: "met 29m0s 30m0s", detected: "09:50:00 09:50:59",
		},
		{
			name:  "our own alert comes back and stops nothing",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", header: stamp + byTicket, body: "The deadline is near.\n"}}, until: "11:30",
			want: "overdue", signals: 1,
		},
		{
			name:  "a person's answer to our alert does",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", header: stamp + "Subject: RE: INC0010001\n", body: "We are on it.\n"}},
			want:  "met 20m0s 20m0s", signals: 2,
		},
		{
			name:  "a forged stamp changes nothing",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", header: strings.Replace(stamp, ";", ";A", 1) + byTicket, body: "We have seen it.\n"}},
			want:  "met 20m0s 20m0s", signals: 2,
		},
		{
			name:  "an absence note stops nothing",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", header: "Auto-Submitted: auto-replied\n" + byTicket, body: "I am away until 12:00.\n"}}, until: "11:30",
			want: "overdue", signals: 1,
		},
		{
			name:  "nor does a delivery report",
			steps: []step{{at: "10:00", alert: "INC0010001"}, {at: "10:20", header: "Return-Path: <>\nFrom: MAILER-DAEMON@example.org\nSubject: failure notice INC0010001\n", body: "Hi. This is the qmail-send program.\n"}}, until: "11:30",
			want: "overdue", signals: 1,
		},
		{
			name:  "a form whose prose says another time is flagged, and the earliest used",
			steps: []step{{at: "10:20", body: "Date and time detected: 23/11/2026 09:45\n\nWe noticed it at 9:15.\n"}},
			want:  "breached 1h4m0s 1h5m0s", decide: []incident.DecisionKind{incident.DecideInconsistent},
		},
		{
			name:  "a form and prose: where they meet, they say one time",
			steps: []step{{at: "10:20", body: "Date and time detected: 23/11/2026 09:15\n\nWe noticed it at about 9:20.\n"}},
			want:  "breached 1h4m0s 1h5m0s", detected: "09:15:00 09:15:59",
		},
	}
}

func awsRule(c *email.Config) {
	c.Senders = []email.Sender{{
		From: ".amazonaws.example.org", OpensWhen: `labelled`, Zone: "UTC",
		Labels: map[string][]string{"detected": {"Event time"}},
	}}
}

// TestRowsOfTheContractFromRawMails shows each row of scenarios.md that speaks
// of mail. Where the order of arrival must not matter, every one is folded.
func TestRowsOfTheContractFromRawMails(t *testing.T) {
	for _, r := range mailRows(t) {
		t.Run(r.name, func(t *testing.T) {
			order := make([]int, len(r.steps))
			acts := false
			for i := range order {
				order[i] = i
				acts = acts || r.steps[i].act != nil
			}
			r.check(t, r.play(t, order))
			if len(order) == 2 && !acts {
				slices.Reverse(order)
				s := r.play(t, order)
				r.links = nil
				if r.incidents < 2 { // else the other one is the first
					r.check(t, s)
				}
			}
		})
	}
}

// What came of an alert that was not delivered stands in the record, where the
// metric of it counts.
func TestADeliveryReportOnOurAlertIsOnRecord(t *testing.T) {
	pepper := scenarioPepper(t)
	stamp := pepper.Stamp(incident.NewAlertID(incident.NewRef(2), "pol-imp-002", incident.Deadline, 1))
	var r mailRow
	rules := scenarioRules(config())
	s := r.play(t, nil)
	in := r.input(t, &email.Interpreter{Ours: pepper.Ours}, pepper, rules, step{
		at: "10:20", header: "Return-Path: <>\nFrom: MAILER-DAEMON@example.org\nSubject: failure notice\n",
		body: "Hi. This is the qmail-send program.\n\n" + incident.StampHeader + ": " + stamp + "\nSubject: deadline\n",
	}, 1, s)
	made := s.Signal(r.instant(t, "13:31"), in)
	if len(made) != 1 || made[0].Kind != incident.KindIgnored || made[0].Signal == nil || !slices.Contains(made[0].Signal.Flags, incident.FlagBounced) {
		t.Errorf("the record got %+v, want one ignored signal with the flag %s", made, incident.FlagBounced)
	}
}
