package email_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func TestWhatAMailIs(t *testing.T) {
	const (
		exchange = "Auto-Submitted: auto-generated\nX-Auto-Response-Suppress: All\n"
		words    = "\nI noticed at 9:15 that my phone was stolen.\n"
	)
	for _, tt := range []struct {
		name    string
		mail    string // from its first field on
		opening incident.Opening
		void    incident.Void
		flags   []incident.Flag
	}{
		{"a report", "Subject: hello\n" + words, incident.Opens, "", nil},
		{"an answer by In-Reply-To", "In-Reply-To: <a@example.org>\n" + words, incident.Opens, "", []incident.Flag{incident.FlagReply}},
		{"an answer by References", "References: <a@example.org>\n" + words, incident.Opens, "", []incident.Flag{incident.FlagReply}},
		{"an answer to our reference", "Subject: RE: [" + string(incident.NewRef(7)) + "]\n\nthanks\n", incident.Opens, "", []incident.Flag{incident.FlagReply}},
		{"RE: alone is none", "Subject: RE: hello\n" + words, incident.Opens, "", nil},

		{"an absence note by RFC 3834", "Auto-Submitted: auto-replied (vacation)\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"an absence note of Exchange", exchange + "Subject: Automatic reply: phone\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"one of which only the suppression is left", "X-Auto-Response-Suppress: All\nSubject: Automatic reply: phone\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"in German", exchange + "Subject: =?utf-8?Q?Automatische_Antwort=3A_Ger=C3=A4t?=\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"in French", exchange + "Subject: =?utf-8?Q?R=C3=A9ponse_automatique_=3A_phone?=\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"in Welsh", exchange + "Subject: Ymateb awtomatig: phone\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"in Polish", exchange + "Subject: =?utf-8?B?T2Rwb3dpZWTFuiBhdXRvbWF0eWN6bmE6IHg=?=\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"an answering machine of old", "X-Autoreply: yes\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"by Precedence", "Precedence: auto_reply\n" + words, incident.NotRelated, incident.VoidAutomatic, nil},
		{"that says it is none", "X-Autoreply: no\n" + words, incident.Opens, "", nil},
		{"a person about an absence note", "Subject: Out of office: but this is an incident\n" + words, incident.Opens, "", nil},
		{"a person who is out of the office and answers", "Subject: Out of office - laptop stolen\nIn-Reply-To: <a@example.org>\n\nI noticed at 9.15 that my laptop was stolen.\n", incident.Opens, "", []incident.Flag{incident.FlagReply}},
		{"an absence note that only answers", "Subject: Out of office: laptop stolen\nIn-Reply-To: <a@example.org>\n\nI am away until Monday.\n", incident.NotRelated, incident.VoidAutomatic, nil},
		{"a person's answer to one", "Subject: RE: Automatic reply: phone\nIn-Reply-To: <a@example.org>\n" + words, incident.Opens, "", []incident.Flag{incident.FlagReply}},

		{"a delivery report", "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n" + words, incident.NotRelated, incident.VoidBounce, nil},
		{"qmail's", "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.org.\nphone stolen\n", incident.NotRelated, incident.VoidBounce, nil},
		{"qmail's behind a gateway that fills the return path in", "Return-Path: <x@example.org>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n\nphone stolen\n", incident.NotRelated, incident.VoidBounce, nil},
		{"Exim's", "Return-Path: <>\nX-Failed-Recipients: a@example.org\nFrom: Mail Delivery System <Mailer-Daemon@mx.example.org>\nSubject: Mail delivery failed: returning message to sender\n\nThis message was created automatically by mail delivery software.\n", incident.NotRelated, incident.VoidBounce, nil},
		{"Exchange's in plain text", "From: MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.org\nSubject: Undeliverable: phone stolen\n\nDelivery has failed to these recipients or groups:\n", incident.NotRelated, incident.VoidBounce, nil},
		{"a sender without an address", "Return-Path: <>\nFrom: Mail Delivery Subsystem <MAILER-DAEMON>\nSubject: Returned mail: see transcript for details\n\nx\n", incident.NotRelated, incident.VoidBounce, nil},
		{"a person who writes about one", "From: jo@example.org\nSubject: Undeliverable: suspicious mail\n\nHi. This is the qmail-send program, said a phishing mail that I received.\n", incident.Opens, "", nil},
		{"a null return path alone", "Return-Path: <>\n" + words, incident.Opens, "", nil},

		{"an invitation", "Content-Class: urn:content-classes:calendarmessage\nSubject: catch up\n\nLet us meet.\n", incident.JoinsOnly, "", []incident.Flag{incident.FlagCalendar}},
		{"an invitation that tells of something", "Content-Class: urn:content-classes:calendarmessage\nSubject: data breach\n" + words, incident.Candidate, "", []incident.Flag{incident.FlagCalendar}},
		{"a calendar part", "MIME-Version: 1.0\nContent-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nMETHOD:REQUEST\nBEGIN:VEVENT\nSUMMARY:catch up\nEND:VEVENT\nEND:VCALENDAR\n", incident.JoinsOnly, "", []incident.Flag{incident.FlagCalendar}},
		{"list mail", "List-Id: <staff.example.org>\n" + words, incident.Opens, "", []incident.Flag{incident.FlagList}},
		{"bulk mail", "Precedence: bulk\nSubject: hello\n\nOffers.\n", incident.Candidate, "", []incident.Flag{incident.FlagList}},
		{"a machine's notice", "Auto-Submitted: auto-generated\n" + words, incident.Candidate, "", []incident.Flag{incident.FlagAutomatic}},
		{"a machine's notice by its wish for no answers", "X-Auto-Response-Suppress: All\n" + words, incident.Candidate, "", []incident.Flag{incident.FlagAutomatic}},

		{"a request for advice", "Subject: a question\n\nCan I send the list to a supplier? It may be a breach if it is wrong.\n", incident.Candidate, "", []incident.Flag{incident.FlagAdvice}},
		{"about a process", "Subject: incident process\n\nWhat is the process for an incident at a supplier? Please advise.\n", incident.Candidate, "", []incident.Flag{incident.FlagAdvice}},
		{"a report that ends in a question", "Subject: phone\n\nMy phone was stolen. Can I have another one?\n", incident.Opens, "", nil},
		{"a report that asks how to report", "Subject: phone\n\nI have lost my phone, what is the process?\n", incident.Opens, "", nil},
		{"a question with a detection in it", "Subject: phone\n\nI noticed at 9:15 that it is missing. Please advise.\n", incident.Opens, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mail := tt.mail
			if !strings.Contains(mail, "From: ") {
				mail = "From: jo@example.org\n" + mail
			}
			f := facts(t, pass+mx+mail)
			void := f.Claims[0].Void
			if f.Opening != tt.opening || void != tt.void {
				t.Errorf("opening %q, void %q, want %q, %q", f.Opening, void, tt.opening, tt.void)
			}
			if got := kinds(f); !slices.Equal(got, tt.flags) {
				t.Errorf("flags %q, want %q", got, tt.flags)
			}
			if tt.void != "" && len(f.Keys) > 0 {
				t.Errorf("keys %v, want none: it must join nothing", f.Keys)
			}
		})
	}
}

// kinds returns the flags that say what a mail is, and leaves out how its time
// and its sender are known.
func kinds(f incident.Facts) []incident.Flag {
	return slices.DeleteFunc(slices.Clone(f.Flags), func(x incident.Flag) bool {
		return !slices.Contains([]incident.Flag{
			incident.FlagAutomatic, incident.FlagReply, incident.FlagList, incident.FlagCalendar, incident.FlagAdvice,
			incident.FlagBounced, incident.FlagUnreadTime,
		}, x)
	})
}

func TestOnlyOurOwnStampMakesAnAlertOurs(t *testing.T) {
	pepper := scenarioPepper(t)
	other, err := incident.NewPepper([]byte("another pepper, also 32 bytes long"))
	if err != nil {
		t.Fatal(err)
	}
	id := incident.NewAlertID(incident.NewRef(7), "pol-imp-002", incident.Deadline, 1)
	ours, forged := "X-Promptness-Id: "+pepper.Stamp(id)+"\n", "X-Promptness-Id: "+other.Stamp(id)+"\n"
	const text = "Subject: [p-000072] deadline\n\nincident\n"
	returned := func(kind, stamp string) string {
		return "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n" +
			"Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n--b\nContent-Type: text/plain\n\nsorry\n--b\nContent-Type: message/delivery-status\n\nAction: failed\n\n" +
			"--b\nContent-Type: " + kind + "\n\nFrom: promptness@example.org\n" + stamp + text + "--b--\n"
	}
	const qmail = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: failure notice\n\nHi. This is the qmail-send program.\n\n--- Below this line is a copy of the message.\n\n"
	for _, tt := range []struct {
		name    string
		mail    string
		void    incident.Void
		bounced bool
	}{
		{"our alert that came back", ours + text, incident.VoidOurs, false},
		{"a stamp under another pepper", forged + text, "", false},
		{"an id without a signature", "X-Promptness-Id: " + string(id) + "\n" + text, "", false},
		{"our stamp below another's", forged + ours + text, "", false},
		{"an answer whose program copied the field", ours + "Subject: RE: [p-000072] deadline\n\nwe are on it\n", "", false},
		{"a person who passes it on", ours + "Subject: FW: [p-000072] deadline\n\nsee below\n", "", false},
		{"our stamp in the text", text + "\n" + ours, "", false},
		{"our alert, attached by a person", "Subject: this\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nincident\n--b\nContent-Type: message/rfc822\n\n" + ours + text + "--b--\n", "", false},
		{"a delivery report on our alert, with its header", returned("text/rfc822-headers", ours), incident.VoidBounce, true},
		{"with the whole of it", returned("message/rfc822", ours), incident.VoidBounce, true},
		{"with its header folded", returned("message/rfc822", strings.Replace(ours, ": ", ":\n ", 1)), incident.VoidBounce, true},
		{"in plain text", qmail + ours + text, incident.VoidBounce, true},
		{"in plain text and quoted", qmail + "> " + ours + "> " + text, incident.VoidBounce, true},
		{"on a mail that calls itself our alert", returned("message/rfc822", forged), incident.VoidBounce, false},
		{"in plain text, forged", qmail + forged + text, incident.VoidBounce, false},
		{"on another mail", returned("message/rfc822", ""), incident.VoidBounce, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mail := tt.mail
			if !strings.Contains(mail, "From: MAILER") {
				mail = "From: jo@example.org\n" + mail
			}
			x := &email.Interpreter{Ours: pepper.Ours}
			f := x.Interpret(signal(t, pass+mx+mail), config().Rule()).Parts[0]
			if f.Claims[0].Void != tt.void {
				t.Errorf("void %q, want %q", f.Claims[0].Void, tt.void)
			}
			if got := slices.Contains(f.Flags, incident.FlagBounced); got != tt.bounced {
				t.Errorf("flags %q, want %s: %v", f.Flags, incident.FlagBounced, tt.bounced)
			}
			if (f.Opening == incident.NotRelated) != (tt.void != "") {
				t.Errorf("opening %q", f.Opening)
			}
		})
	}
}
