package email_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// desk is a mailbox that knows the desk's hosts and addresses.
func desk(c *email.Config) {
	c.DeskHosts = []string{"desk.example.org"}
	c.DeskAddresses = []string{"service@desk.example.org", ".help.example.org"}
}

// leg says what a mail says of when the desk was told: "evidence 09:20:00", "weak
// …09:20:00" and so on; several are told apart by "; ".
func leg(f incident.Facts) string {
	var all []string
	for _, c := range f.Claims {
		if c.Milestone != incident.ReportedToDesk {
			continue
		}
		s := "weak"
		if c.Basis == incident.Recorded && c.Receiver && f.Trust.Known() {
			s = "evidence"
		}
		if c.Interval.Earliest.IsZero() {
			s += " by"
		}
		all = append(all, s+" "+c.Interval.Latest.Format(time.TimeOnly))
	}
	return strings.Join(all, "; ")
}

const (
	// byBorder is our border's stamp of 10:50 for a mail that it has from the host
	// of the given words.
	byBorder = "Received: from %s\n\tby mx.example.org (Postfix) with ESMTPS id 1 for <reports@example.org>; Mon, 23 Nov 2026 10:50:00 +0000\n"
	fromDesk = "desk.example.org (desk.example.org [192.0.2.9])"
	atDesk   = "Received: from out.example.org (out.example.org [192.0.2.7]) by desk.example.org with ESMTPS id 2;\n\tMon, 23 Nov 2026 09:20:00 +0000\n"
	reporter = "From: Jo <jo@example.org>\nSubject: incident\nMessage-ID: <one@example.org>\n\nx\n"
)

// late is a mail that reached us at 10:50.
func late(t testing.TB, mail string, change ...func(*email.Config)) incident.Facts {
	t.Helper()
	s := signal(t, mail)
	s.Stamped, s.Received = at(t, "10:50:05"), at(t, "10:50:30")
	x := &email.Interpreter{}
	r := x.Interpret(s, config(append([]func(*email.Config){desk}, change...)...).Rule())
	if len(r.Parts) != 1 {
		t.Fatalf("%d parts, quarantine %q, want one part", len(r.Parts), r.Quarantine)
	}
	return r.Parts[0]
}

func TestWhenTheDeskWasToldByTheMailsOwnWay(t *testing.T) {
	border := func(from string) string { return pass + fmt.Sprintf(byBorder, from) }
	for _, tt := range []struct {
		name, mail, want string
	}{
		{"by a host of the desk", border(fromDesk) + atDesk + reporter, "evidence 09:20:00"},
		{"the first of the desk's hosts counts", border(fromDesk) +
			"Received: from desk.example.org (desk.example.org [192.0.2.9]) by desk.example.org; Mon, 23 Nov 2026 10:45:00 +0000\n" + atDesk + reporter, "evidence 09:20:00"},
		{"taken by our border for the desk, and passed on by the desk", border("mx.example.org (mx.example.org [192.0.2.1])") +
			"Received: from out.example.org (out.example.org [192.0.2.7]) by mx.example.org (Postfix) id 3 for <Service@Desk.example.org>; Mon, 23 Nov 2026 09:20:00 +0000\n" + reporter, "evidence 09:20:00"},
		{"for an address of the desk's domain", border("mx.example.org (mx.example.org [192.0.2.1])") +
			"Received: from out.example.org (out.example.org [192.0.2.7]) by mx.example.org for <a@it.help.example.org>; Mon, 23 Nov 2026 09:20:00 +0000\n" + reporter, "evidence 09:20:00"},
		{"for somebody else", border("mx.example.org (mx.example.org [192.0.2.1])") +
			"Received: from out.example.org (out.example.org [192.0.2.7]) by mx.example.org for <a@example.org>; Mon, 23 Nov 2026 09:20:00 +0000\n" + reporter, ""},
		{"for a domain that ends alike", border("mx.example.org (mx.example.org [192.0.2.1])") +
			"Received: from out.example.org (out.example.org [192.0.2.7]) by mx.example.org for <a@nohelp.example.org>; Mon, 23 Nov 2026 09:20:00 +0000\n" + reporter, ""},

		{"a stamp that the sender wrote", border("out.example.org (out.example.org [192.0.2.7])") + atDesk + reporter, ""},
		{"a stamp of our border that the sender wrote", border("out.example.org (out.example.org [192.0.2.7])") +
			"Received: from a by mx.example.org for <service@desk.example.org>; Mon, 23 Nov 2026 08:00:00 +0000\n" + reporter, ""},
		{"a sender who calls himself the desk", border("desk.example.org (evil.invalid [203.0.113.5])") + atDesk + reporter, ""},
		{"a sender who calls himself the desk and is not in the DNS", border("desk.example.org (unknown [203.0.113.5])") + atDesk + reporter, ""},
		{"a stamp that the sender wrote below the desk's", border(fromDesk) + atDesk +
			"Received: from a by desk.example.org; Mon, 23 Nov 2026 08:00:00 +0000\n" + reporter, "evidence 09:20:00"},
		{"a later desk stamp than ours", border(fromDesk) + strings.Replace(atDesk, "09:20", "11:20", 1) + reporter, ""},

		// Exchange and others write what the peer called itself.
		{"a border that does not look names up", border("desk.example.org (192.0.2.9)") + atDesk + reporter, "weak 09:20:00"},
		{"a border that puts the called name into the comment", border("[203.0.113.5] (helo=desk.example.org)") + atDesk + reporter, "weak 09:20:00"},
		{"a border that says that the name may be forged", border("x (desk.example.org [203.0.113.5] (may be forged))") + atDesk + reporter, "weak 09:20:00"},

		{"sent on by the desk, without a stamp of it", border(fromDesk) + "Resent-From: service@desk.example.org\nResent-Date: Mon, 23 Nov 2026 10:45:00 +0000\n" + reporter, "weak by 10:45:00"},
		{"sent on by whoever says so", border("out.example.org (out.example.org [192.0.2.7])") + "Resent-From: service@desk.example.org\nResent-Date: Mon, 23 Nov 2026 08:45:00 +0000\n" + reporter, ""},
		{"a mark of Exchange that anybody can write", border("out.example.org (out.example.org [192.0.2.7])") + "X-MS-Exchange-Inbox-Rules-Loop: service@desk.example.org\n" + reporter, ""},
		{"what the desk writes itself was not told to it", border(fromDesk) + atDesk + "From: service@desk.example.org\nSubject: incident\n\nx\n", ""},
		{"nobody authenticates it", fmt.Sprintf(byBorder, fromDesk) + atDesk + reporter, "weak 09:20:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := late(t, tt.mail)
			if got := leg(f); got != tt.want {
				t.Errorf("told to the desk: %q, want %q", got, tt.want)
			}
			if !f.Receipt.Equal(at(t, "10:50:00")) {
				t.Errorf("receipt %s, want 10:50", f.Receipt)
			}
		})
	}
}

// A mailbox of the desk that passes mail on within the mail store leaves no stamp
// of its own: the border's is then the desk's, and ours is when the store had it.
func TestAStampForTheDeskIsNotOurReceipt(t *testing.T) {
	const mail = pass + "Received: from out.example.org (out.example.org [192.0.2.7]) by mx.example.org for <service@desk.example.org>; Mon, 23 Nov 2026 09:20:00 +0000\n" + reporter
	f := late(t, mail)
	if got, want := leg(f), "evidence 09:20:00"; got != want {
		t.Errorf("told to the desk: %q, want %q", got, want)
	}
	if !f.Receipt.Equal(at(t, "10:50:05")) || f.Flags[0] != incident.FlagInternalDate {
		t.Errorf("receipt %s %v, want the mail store's, 10:50:05", f.Receipt, f.Flags)
	}
	none := func(c *email.Config) { c.DeskHosts, c.DeskAddresses = nil, nil }
	if f := late(t, mail, none); leg(f) != "" || !f.Receipt.Equal(at(t, "09:20:00")) {
		t.Errorf("without desk_addresses: %q at %s, want nothing at 09:20", leg(f), f.Receipt)
	}
}

// attached is a mail with another one attached.
func attached(head, inner string) string {
	b := fmt.Sprintf("b%d", len(inner))
	return head + "Subject: FW: incident\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=" + b + "\n\n--" + b +
		"\nContent-Type: text/plain\n\nplease see the attached\n--" + b + "\nContent-Type: message/rfc822\n\n" + inner + "\n--" + b + "--\n"
}

func TestWhenTheDeskWasToldByWhatItPassesOn(t *testing.T) {
	const (
		own    = "From: Desk <service@desk.example.org>\n"
		other  = "From: Mo <mo@example.org>\n"
		forged = "Received: from a by mx.example.org for <service@desk.example.org>; Mon, 23 Nov 2026 08:00:00 +0000\n"
		// stamped is our border's stamp of a mail that came to the desk.
		stamped = "Received: from out.example.org (out.example.org [192.0.2.7]) by mx.example.org for <service@desk.example.org>; Mon, 23 Nov 2026 09:20:00 +0000\n"
		date    = "Date: Mon, 23 Nov 2026 09:19:30 +0000\n"
		block   = "Subject: FW: Lost laptop\n\nPlease deal with this.\n\nFrom: Jo <jo@example.org>\nSent: 23 November 2026 09:20\nTo: Service Desk\nSubject: Lost laptop\n\nI lost my laptop.\n"
	)
	fromThem := fmt.Sprintf(byBorder, fromDesk)
	signed := strings.ReplaceAll(pass, "=example.org", "=desk.example.org")
	for _, tt := range []struct {
		name, mail, want string
	}{
		{"attached by the desk", attached(signed+fromThem+own, stamped+date+reporter), "evidence 09:20:00"},
		{"attached by the desk, stamped by its own host", attached(signed+fromThem+own, atDesk+date+reporter), "evidence 09:20:00"},
		{"attached, with a stamp that the first sender wrote below", attached(signed+fromThem+own, stamped+forged+reporter), "evidence 09:20:00"},
		{"attached by a desk that is not authenticated", attached(fromThem+own, stamped+reporter), "weak 09:20:00"},
		{"attached by somebody else", attached(pass+fromThem+other, stamped+reporter), "weak 09:20:00"},
		{"attached to what is attached", attached(signed+fromThem+own, attached(date+"From: Jo <jo@example.org>\n", forged+reporter)), "weak 09:19:30"},
		{"attached without a stamp", attached(signed+fromThem+own, date+reporter), "weak 09:19:30"},
		{"attached for somebody else", attached(signed+fromThem+own, strings.Replace(stamped, "service@desk", "reports", 1)+reporter), ""},

		{"repeated in the desk's own mail", signed + fromThem + own + block, "weak 09:20:59"},
		{"repeated by somebody else", pass + fromThem + other + block, ""},
		{"repeated by a desk that is not authenticated", fromThem + own + block, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := leg(late(t, tt.mail)); got != tt.want {
				t.Errorf("told to the desk: %q, want %q", got, tt.want)
			}
		})
	}
}
