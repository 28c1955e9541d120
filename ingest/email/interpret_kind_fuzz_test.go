package email_test

import (
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// FuzzWhatAMailSays holds what must be true of the facts of any mail, under a
// rule that uses all that a rule can have.
func FuzzWhatAMailSays(f *testing.F) {
	for _, s := range []string{
		"Subject: RE: [OFFICIAL-SENSITIVE] lost\nIn-Reply-To: <a@b>\nDate: Mon, 23 Nov 2026 10:27:00 +0100\n\nCAUTION: This email originated from outside.\nDo not click links.\nI noticed at 9:15, stolen at 8.30.\n\nKind regards,\nJo 9:00 to 17:00\n",
		"Return-Path: <>\nFrom: MAILER-DAEMON@x\nSubject: failure notice\n\nHi. This is the qmail-send program\nX-Promptness-Id: a;aaaaaaaaaaaaaaaaaaaaaa\n",
		"From: a@machine.example.org\nAuto-Submitted: auto-generated\n\nEvent time: 2026-11-23 09:58:00 +0000\nDetected:\n\n9:15\n",
		"Subject: AW: x\n\nIs it ok?\n\n-----Original Message-----\nFrom: a@b\nSent: 23 November 2026 09:45\n\nI noticed an hour ago.\n> found 9:10\n",
		"Content-Type: text/calendar; method=REQUEST\n\nBEGIN:VCALENDAR\nSUMMARY:noticed 9:15\nEND:VCALENDAR\n",
		"Subject: [EXTERNAL][EXTERNAL] (OFFICIAL) OFFICIAL\n\n[CAUTION] This message came from an external sender\n\n\nOFFICIAL\n",
	} {
		f.Add([]byte(s))
	}
	c := config(func(c *email.Config) {
		c.OpensWhen = `(labelled || reference || own_reference || detection || word && !advice) && !automatic && !calendar && !text.contains(subject + "?") && trust != "x"`
		c.Senders = []email.Sender{{From: ".machine.example.org", Zone: "Asia/Tokyo", Labels: map[string][]string{"detected": {"Event time"}}}}
	})
	rule := c.Rule()
	x := &email.Interpreter{Ours: func(s string) bool { return len(s)%2 == 0 }}
	received := time.Date(2026, 11, 23, 10, 20, 30, 0, time.UTC)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := x.Interpret(incident.Signal{Source: "reports", Channel: incident.ChannelEmail, Received: received, Stamped: received, Raw: raw}, rule)
		text, own := email.Own(raw)
		if len(own) > len(text) {
			t.Fatalf("the sender's own text is longer than the whole")
		}
		for i := range len(own) {
			if own[i] != text[i] && own[i] != ' ' {
				t.Fatalf("byte %d of the sender's own text is %q, and %q in the whole", i, own[i], text[i])
			}
		}
		for _, p := range r.Parts {
			offered := 0
			for _, c := range p.Claims {
				if c.Words[0] < 0 || c.Words[0] > c.Words[1] || c.Words[1] > len(text) {
					t.Errorf("words %v of a text of %d bytes", c.Words, len(text))
				}
				if !c.Interval.Valid() {
					t.Errorf("the interval of %+v ends before it begins", c)
				}
				switch {
				case p.Opening == incident.NotRelated:
					if c.Void == "" {
						t.Errorf("%+v counts in a mail that concerns no incident", c)
					}
				case c.Void == incident.VoidOffered:
					offered++
					if c.Milestone != incident.Detected {
						t.Errorf("%+v is offered", c)
					}
				case c.Void != "":
					t.Errorf("%+v is void in a mail that counts", c)
				}
			}
			if offered > 8 {
				t.Errorf("%d times are offered", offered)
			}
		}
	})
}
