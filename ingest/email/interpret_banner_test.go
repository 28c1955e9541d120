package email_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// Each subject and text says nothing but what a gateway, an answer sign or a
// marking says.
func TestMarkingsAndBannersOpenNothing(t *testing.T) {
	words := func(c *email.Config) {
		c.OpensWhenWords = []string{"official", "sensitive", "external", "caution", "suspicious", "phishing", "outside", "click", "re", "fw", "incident", "unsure", "links"}
	}
	for _, tt := range []struct {
		name, subject, body string
	}{
		{"an answer sign", "RE: lunch", "at one\n"},
		{"many of them", "Fwd: RE: AW: FW: lunch", "at one\n"},
		{"numbered", "Re[2]: lunch", "at one\n"},
		{"OFFICIAL-SENSITIVE in brackets", "[OFFICIAL-SENSITIVE] lunch", "at one\n"},
		{"and OFFICIAL at the end", "lunch [OFFICIAL]", "at one\n"},
		{"without brackets", "OFFICIAL - SENSITIVE: lunch", "OFFICIAL-SENSITIVE\n\nat one\n"},
		{"with a caveat", "RE: [EXTERNAL] (OFFICIAL-SENSITIVE - PERSONAL) lunch", "OFFICIAL-SENSITIVE PERSONAL\nat one\n"},
		{"at the end, without brackets", "lunch - OFFICIAL SENSITIVE", "at one\nOFFICIAL\n"},
		{"as a classification", "lunch", "Classification: OFFICIAL-SENSITIVE\n\nat one\n"},
		{"EXTERNAL", "EXTERNAL: RE: lunch", "[EXTERNAL EMAIL]\n\nat one\n"},
		{"a banner", "lunch", "CAUTION: This email originated from outside of the organisation. Do not click links or open attachments unless you recognise the sender and know the content is safe.\n\nat one\n"},
		{"a banner over two lines", "lunch", "CAUTION: This email originated from outside the organisation.\nDo not click links or open attachments unless you recognise\nthe sender and know the content is safe.\n\nat one\n"},
		{"one that says where to turn", "lunch", "WARNING: This message came from an external sender. Please take care with links and attachments. If you are unsure, forward suspicious mail to phishing@example.org.\nat one\n"},
		{"one in brackets", "lunch", "[CAUTION] This email has been received from outside - be careful with links.\n\nat one\n"},
		{"a short one", "lunch", "This email is from an external source. Exercise caution.\n\nat one\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			mail := pass + mx + "From: jo@example.org\nSubject: " + tt.subject + "\n\n" + tt.body
			if f := facts(t, mail, words); f.Opening != incident.Candidate {
				t.Errorf("Opening = %q, want a candidate", f.Opening)
			}
			// The words are known where the sender himself writes them.
			own := strings.Replace(mail, "at one\n", "at one. I got a suspicious mail\n", 1)
			if f := facts(t, own, words); f.Opening != incident.Opens {
				t.Errorf("with a word of the sender's own: Opening = %q, want %q", f.Opening, incident.Opens)
			}
			// What is ignored is kept: the words of a claim count in the whole text.
			if text := email.Text(signal(t, mail).Raw); !strings.Contains(text, tt.subject) || !strings.Contains(text, strings.TrimSpace(strings.SplitAfter(tt.body, "\n")[0])) {
				t.Errorf("Text = %q, want all of it", text)
			}
		})
	}
}

func TestWhatIsNoBannerIsRead(t *testing.T) {
	for _, body := range []string{
		"CAUTION: This email originated from outside. I noticed at 9:15 that my laptop was stolen.\n",
		"CAUTION: This email originated from outside the organisation.\nDo not click links.\nI noticed at 9:15 that my laptop was stolen.\n",
		"Warning: external people were in the office, I noticed at 9:15 that my laptop was stolen.\n",
		"This email was sent to outside by mistake. I noticed at 9:15 that my laptop was stolen.\n",
		"OFFICIAL documents were left on a train. I noticed at 9:15 that my laptop was stolen.\n",
	} {
		f := facts(t, pass+mx+"From: jo@example.org\nSubject: x\n\n"+body)
		if !slices.ContainsFunc(f.Claims, func(c incident.Claim) bool { return c.Milestone == incident.Detected && c.Void == "" }) {
			t.Errorf("%q: claims %v, want a detection", body, f.Claims)
		}
	}
}

func TestTheSubjectsTicketIsFoundThroughMarkings(t *testing.T) {
	for _, subject := range []string{"RE: [OFFICIAL-SENSITIVE] INC0012345", "[EXTERNAL] FW: INC0012345 [OFFICIAL]", "OFFICIAL: INC0012345"} {
		f := facts(t, pass+mx+"From: jo@example.org\nSubject: "+subject+"\n\nx\n")
		if want := []incident.Key{{Kind: incident.KeyTicket, Value: "INC0012345"}}; !slices.Equal(f.Keys, want) {
			t.Errorf("%q: keys %v, want %v", subject, f.Keys, want)
		}
	}
}

// What an organisation puts under every mail, and who its writer is, open
// nothing.
func TestSmallPrintAndTitlesOpenNothing(t *testing.T) {
	for name, body := range map[string]string{
		"of the Ministry": "This e-mail and any attachments is intended only for the attention of the addressee(s). Its unauthorised use, disclosure, storage or copying is not permitted.\n" +
			"If you are not the intended recipient, please destroy all copies and inform the sender by return e-mail. Internet e-mail is not a secure medium.\nAny reply to this message could be intercepted and read by someone else.\n" +
			"This e-mail (whether you are the sender or the recipient) may be monitored, recorded and retained by the Ministry of Justice.\n",
		"of a scanner":         "This message has been scanned for viruses and malware by a service. No viruses were found.\n",
		"of a company":         "The company accepts no liability for any loss or damage caused by any virus transmitted by this email.\n",
		"of a law firm":        "If you have received this message in error, please notify us at once; privilege is not lost.\n",
		"of a security team":   "Please report suspicious emails to security@example.org.\n",
		"over several lines":   "Its unauthorised use, disclosure,\nstorage or copying is not\npermitted.\n",
		"a title":              "Kind regards,\n\nJo Other\nCyber Incident Manager\nPhishing Detection Team\n",
		"a title below dashes": "-- \nJo Other\nCyber Incident Manager\n",
	} {
		mail := pass + mx + "From: jo@example.org\nSubject: lunch\n\nat one\n\n" + body
		if f := facts(t, mail); f.Opening != incident.Candidate {
			t.Errorf("%s: Opening = %q, want a candidate", name, f.Opening)
		}
		if f := facts(t, strings.Replace(mail, "at one", "My phone was stolen", 1)); f.Opening != incident.Opens {
			t.Errorf("%s, with a report above: Opening = %q, want %q", name, f.Opening, incident.Opens)
		}
	}
	for _, body := range []string{
		"Hello,\n\nThanks\nA file went to someone who was not the intended recipient, it is a breach.\n",
		"This email was intended for John and went to a journalist. It is a breach.\n",
		"Kind regards,\nJo\n\nPS: the phone was stolen, too.\n",
		"I think that we have a virus on the shared drive.\n",
		"There was unauthorised access to the payroll.\n",
		"We were told to report phishing: here it is.\n",
	} {
		if f := facts(t, pass+mx+"From: jo@example.org\nSubject: lunch\n\n"+body); f.Opening != incident.Opens {
			t.Errorf("%q: Opening = %q, want %q", body, f.Opening, incident.Opens)
		}
	}
}
