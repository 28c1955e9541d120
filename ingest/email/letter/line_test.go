package letter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// sorted reads a mail whose sender's words begin with "mine" on every line, and
// whose repeated words with "theirs".
func sorted(t *testing.T, subject, kind, body string) letter.Sorted {
	t.Helper()
	s := letter.Sort([]byte("From: jo@example.org\r\nSubject: " + subject + "\r\nContent-Type: " + kind + "; charset=utf-8\r\n\r\n" + strings.ReplaceAll(body, "\n", "\r\n")))
	if !s.Ranges {
		t.Error("a range lies outside of the text")
	}
	for l := range strings.Lines(s.Own) {
		if strings.Contains(l, "theirs") {
			t.Errorf("%q is called the sender's own", l)
		}
	}
	for l := range strings.Lines(s.Quoted + s.Passed) {
		if strings.Contains(l, "mine") {
			t.Errorf("%q is called another's", l)
		}
	}
	for _, w := range []string{"mine", "theirs"} {
		if n, want := strings.Count(s.Own+s.Quoted+s.Passed+s.Signature, w), strings.Count(body, w); n != want {
			t.Errorf("%d times %q, want %d", n, w, want)
		}
	}
	return s
}

func TestNewTextIsToldFromRepeatedText(t *testing.T) {
	const outlook = "From: Al Example <al@example.org>\nSent: 23 November 2026 09:05\nTo: Jo <jo@example.org>\nSubject: news\n\ntheirs\n"
	for _, tt := range []struct {
		name, subject, text string
	}{
		{"quote signs", "Re: x", "mine\n> theirs\nmine below\n"},
		{"quote signs with blanks", "Re: x", "mine\n  > theirs\n > > theirs\nmine\n"},
		{"Outlook", "RE: x", "mine\n\n" + outlook + "theirs too\n"},
		{"Outlook with its rule", "RE: x", "mine\n________________________________\n" + outlook},
		{"Outlook in bold", "RE: x", "mine\n\n*From:* Al <al@example.org>\n*Sent:* 23 November 2026 09:05\n*To:* Jo\n*Subject:* news\n\ntheirs\n"},
		{"Outlook with a list of recipients over several lines", "RE: x", "mine\n\nFrom: Al <al@example.org>\nSent: 23 November 2026 09:05\nTo: Jo <jo@example.org>; Bo <bo@example.org>;\n Cy <cy@example.org>\nCc: Di\nSubject: news\n\ntheirs\n"},
		{"Outlook in German", "AW: x", "mine\n\nVon: Al <al@example.org>\nGesendet: Montag, 23. November 2026 09:05\nAn: Jo\nBetreff: news\n\ntheirs\n"},
		{"Outlook in French", "RE: x", "mine\n\nDe : Al <al@example.org>\nEnvoyé : lundi 23 novembre 2026 09:05\nÀ : Jo\nObjet : news\n\ntheirs\n"},
		{"Outlook in Spanish", "RE: x", "mine\n\nDe: Al <al@example.org>\nEnviado: lunes, 23 de noviembre de 2026 9:05\nPara: Jo\nAsunto: news\n\ntheirs\n"},
		{"Outlook in Italian", "R: x", "mine\n\nDa: Al <al@example.org>\nInviato: lunedì 23 novembre 2026 09:05\nA: Jo\nOggetto: news\n\ntheirs\n"},
		{"Outlook in Welsh", "RE: x", "mine\n\nOddi wrth: Al <al@example.org>\nAnfonwyd: 23 Tachwedd 2026 09:05\nAt: Jo\nPwnc: news\n\ntheirs\n"},
		{"the original message", "RE: x", "mine\n\n-----Original Message-----\n" + outlook},
		{"the original message without a header", "RE: x", "mine\n\n-----Original Message-----\ntheirs\n"},
		{"the original message in German", "AW: x", "mine\n\n-----Ursprüngliche Nachricht-----\nVon: Al\nGesendet: 23.11.2026 09:05\ntheirs\n"},
		{"Gmail", "Re: x", "mine\n\nOn Mon, 23 Nov 2026 at 09:05, Al Example <al@example.org> wrote:\n\n> theirs\n> theirs\n"},
		{"Gmail over two lines", "Re: x", "mine\n\nOn Mon, 23 Nov 2026 at 09:05, Al Example of the Office <\nal@example.org> wrote:\n\n> theirs\n"},
		{"Gmail over three lines", "Re: x", "mine\n\nOn Monday, 23 November 2026 at 09:05:12 GMT, Al Example of the\nOffice of Long Names\n<al@example.org> wrote:\n\n> theirs\n"},
		{"an attribution without signs below it", "Re: x", "mine\n\nOn 23 Nov 2026, at 09:05, Al Example wrote:\n\ntheirs\ntheirs\n"},
		{"an attribution in German", "AW: x", "mine\n\nAm 23.11.2026 um 09:05 schrieb Al Example <al@example.org>:\n\n> theirs\n"},
		{"an attribution in French", "Re: x", "mine\n\nLe lun. 23 nov. 2026 à 09:05, Al Example <al@example.org> a écrit :\n\n> theirs\n"},
		{"an attribution without a date", "Re: x", "mine\n\nAl Example <al@example.org> wrote:\n\n> theirs\n"},
		{"answers between the quotations", "Re: x", "On 23 Nov 2026, at 09:05, Al wrote:\n> theirs\n\nmine\n\n> theirs\n> theirs\n\nmine\n"},
		{"an answer below the quotation", "Re: x", "On 23 Nov 2026, at 09:05, Al wrote:\n\n> theirs\n\nmine\n-- \nJo\n"},
		{"a forwarded mail of Gmail", "Fwd: x", "mine\n\n---------- Forwarded message ---------\nFrom: Al <al@example.org>\nDate: Mon, 23 Nov 2026 at 09:05\nSubject: news\nTo: Jo <jo@example.org>\n\ntheirs\n"},
		{"a forwarded mail of Thunderbird", "Fwd: x", "mine\n\n-------- Forwarded Message --------\nSubject: \tnews\nDate: \tMon, 23 Nov 2026 09:05:00 +0000\nFrom: \tAl <al@example.org>\nTo: \tJo\n\ntheirs\n"},
		{"a forwarded mail of Apple", "Fwd: x", "mine\n\nBegin forwarded message:\n\n> From: Al <al@example.org>\n> Subject: news\n> Date: 23 November 2026 at 09:05:00 GMT\n> To: Jo\n> \n> theirs\n\nmine\n"},
		{"a forwarded mail of Notes", "Fw: x", "mine\n\n----- Forwarded by Jo/EXAMPLE on 23/11/2026 10:00 -----\n\nFrom:\tAl/EXAMPLE\nTo:\tJo/EXAMPLE\nDate:\t23/11/2026 09:05\nSubject:\tnews\n\ntheirs\n"},
		{"Outlook for a telephone", "RE: x", "mine\n\nGet Outlook for iOS\n________________________________\n" + outlook},
		{"several mails below one another", "RE: x", "mine\n\n" + outlook + "\n" + outlook + "\nOn 22 Nov 2026 at 08:00 Bo <bo@example.org> wrote:\ntheirs\n"},
		{"a sentence that ends with wrote", "x", "mine: on Monday he wrote:\nmine\n"},
		{"a form with the names of header fields", "report", "From: mine\nDate: 23/11/2026 mine\nSubject: mine\nmine\n"},
		{"words with a colon", "x", "mine\nTo: mine\nmine: From: mine\n"},
		{"a line of the mbox kind", "x", "mine\n>From the bag it was mine\n"},
	} {
		t.Run(tt.name, func(t *testing.T) { sorted(t, tt.subject, "text/plain", tt.text) })
	}
}

func TestNewTextIsToldFromRepeatedTextInHTML(t *testing.T) {
	for _, tt := range []struct {
		name, subject, page string
	}{
		{"Outlook", "RE: x", "<p>mine</p><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0cm 0cm 0cm'><p class=MsoNormal><b><span>From:</span></b> Al &lt;al@example.org&gt; <br><b>Sent:</b> 23 November 2026 09:05<br><b>To:</b> Jo<br><b>Subject:</b> news<o:p></o:p></p></div><p>theirs</p>"},
		{"Outlook in the browser", "Re: x", "<div>mine</div><div id=\"appendonsend\"></div><hr tabindex=\"-1\" style=\"display:inline-block; width:98%\"><div id=\"divRplyFwdMsg\" dir=\"ltr\"><font><b>From:</b> Al &lt;al@example.org&gt;<br><b>Sent:</b> 23 November 2026 09:05<br><b>To:</b> Jo<br><b>Subject:</b> news</font></div><div>theirs</div>"},
		{"Outlook for a telephone", "Re: x", "<div>mine</div><div id=ms-outlook-mobile-signature><a href=x>Get Outlook for iOS</a></div><hr><div id=divRplyFwdMsg><strong>From:</strong> Al &lt;al@example.org&gt;<br><strong>Sent:</strong> Monday, November 23, 2026 9:05:00 AM<br><strong>To:</strong> Jo<br><strong>Subject:</strong> news</div>theirs"},
		{"Gmail", "Re: x", "<div>mine</div><div class=gmail_quote><div class=gmail_attr>On Mon, 23 Nov 2026 at 09:05, Al &lt;<a>al@example.org</a>&gt; wrote:<br></div><blockquote class=gmail_quote><div>theirs</div><table><tr><td>theirs</td><td>theirs</td></tr></table></blockquote></div><div>mine</div>"},
		{"Apple", "Re: x", "<body>mine<br><div><blockquote type=cite><div>On 23 Nov 2026, at 09:05, Al &lt;al@example.org&gt; wrote:</div><br><div>theirs</div></blockquote></div><br>mine</body>"},
		{"Apple, answers within", "Re: x", "<blockquote type=cite><p>theirs</p></blockquote><p>mine</p><blockquote type=cite><p>theirs</p></blockquote><p>mine</p>"},
		{"an indented paragraph", "x", "<p>mine</p><blockquote style=\"margin:0 0 0 40px;border:none;padding:0px\"><p>mine</p></blockquote>"},
	} {
		t.Run(tt.name, func(t *testing.T) { sorted(t, tt.subject, "text/html", tt.page) })
	}
}

// A forwarded mail is evidence with its own date.
func TestARepeatedMailTellsWhoWroteItAndWhen(t *testing.T) {
	minute := incident.Minute(at(t, "09:05:00"))
	instant := incident.At(at(t, "09:05:00"))
	second := incident.Interval{Earliest: at(t, "09:05:00"), Latest: at(t, "09:05:00").Add(time.Second - 1)}
	head := func(sent string) string {
		return "FYI\n\nFrom: Al <al@example.org>\nSent: " + sent + "\nTo: Jo\nSubject: news\n\nthe bag\n"
	}
	for _, tt := range []struct {
		name, text string
		want       incident.Interval
		zoned      bool
	}{
		{"Outlook in London", head("23 November 2026 09:05"), minute, false},
		{"Outlook in America", head("Monday, November 23, 2026 9:05 AM"), minute, false},
		{"with seconds", head("Monday, November 23, 2026 9:05:00 AM"), second, false},
		{"figures that can be read one way", head("23/11/2026 09:05"), minute, false},
		{"figures the American way, one way only", head("11/23/2026 9:05 AM"), minute, false},
		{"figures that can be read two ways", head("11/12/2026 09:05"), incident.Interval{}, false},
		{"ISO 8601", head("2026-11-23 09:05"), minute, false},
		{"a date field", head("Mon, 23 Nov 2026 10:05:00 +0100"), instant, true},
		{"German", head("Montag, 23. November 2026 09:05"), minute, false},
		{"Welsh", head("23 Tachwedd 2026 09:05"), minute, false},
		{"Polish", head("poniedziałek, 23 listopada 2026 09:05"), minute, false},
		{"a zone in words", head("23 November 2026 at 09:05:00 GMT"), second, true},
		{"an offset", head("23 November 2026 14:35 UTC+5:30"), minute, true},
		{"nonsense", head("soon"), incident.Interval{}, false},
		{"no such day", head("31 November 2026 09:05"), incident.Interval{}, false},
		{"Gmail", "x\n\nOn Mon, 23 Nov 2026 at 09:05, Al <al@example.org> wrote:\n> the bag\n", minute, false},
		{"Gmail with a half of the day", "x\n\nOn Mon, Nov 23, 2026 at 9:05 AM Al <al@example.org> wrote:\n> the bag\n", minute, false},
		{"Gmail with a narrow blank", "x\n\nOn Mon, Nov 23, 2026 at 9:05\u202fAM Al <al@example.org> wrote:\n> the bag\n", minute, false},
		{"French", "x\n\nLe lun. 23 nov. 2026 à 09:05, Al <al@example.org> a écrit :\n> the bag\n", minute, false},
		{"German figures", "x\n\nAm 23.11.2026 um 09:05 schrieb Al <al@example.org>:\n> the bag\n", minute, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := letter.Sort([]byte("Subject: Fwd: x\nContent-Type: text/plain; charset=utf-8\n\n" + tt.text))
			if len(s.Forwarded) != 1 {
				t.Fatalf("%d mails repeated, want one: %+v", len(s.Forwarded), s.Forwarded)
			}
			f := s.Forwarded[0]
			if f.From != "al@example.org" || !strings.Contains(f.Text, "the bag") {
				t.Errorf("from %q: %q, want al@example.org and its words", f.From, f.Text)
			}
			if f.Sent != tt.want || f.Zoned != tt.zoned {
				t.Errorf("sent %q: %s, zoned %v, want %s, %v", f.SentText, f.Sent, f.Zoned, tt.want, tt.zoned)
			}
			if f.Words != f.SentText {
				t.Errorf("its words are %q, want %q", f.Words, f.SentText)
			}
		})
	}
}

// Where the clocks go back, an hour without a zone is two.
func TestARepeatedMailOfTheHourThatComesTwice(t *testing.T) {
	s := letter.Sort([]byte("Subject: Fwd: x\n\nFrom: Al <al@example.org>\nSent: 25 October 2026 01:30\nTo: Jo\nSubject: news\n\nx\n"))
	if len(s.Forwarded) != 1 {
		t.Fatalf("%d mails repeated, want one", len(s.Forwarded))
	}
	want := incident.Interval{Earliest: time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC), Latest: time.Date(2026, 10, 25, 1, 30, 59, 999999999, time.UTC)}
	if got := s.Forwarded[0].Sent; got != want {
		t.Errorf("sent %s, want %s", got, want)
	}
}

func TestAnAttachedMailIsEvidenceWithItsOwnDate(t *testing.T) {
	const deepest = "From: bo@example.org\nDate: Mon, 23 Nov 2026 08:00:00 +0000\nSubject: first\nMessage-ID: <first@example.org>\n\nthe very first words\n"
	const inner = "From: Al <al@example.org>\nDate: Mon, 23 Nov 2026 09:05:00 +0000\nSubject: news\nMessage-ID: <news@example.org>\nReceived: from a.example.org by b.example.org; Mon, 23 Nov 2026 09:05:02 +0000\nContent-Type: multipart/mixed; boundary=c\n\n--c\n\nthe bag\n\nOn 22 Nov 2026 at 07:00, Cy <cy@example.org> wrote:\n> older\n--c\nContent-Type: message/rfc822\n\n" + deepest + "--c--\n"
	s := letter.Sort([]byte("Subject: report\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nmy words\n--b\nContent-Type: message/rfc822\n\n" + inner + "--b--\n"))
	if !s.Ranges || strings.TrimSpace(s.Own) != "report\n\nmy words" {
		t.Errorf("own words %q, ranges %v", s.Own, s.Ranges)
	}
	var got []string
	for _, f := range s.Forwarded {
		got = append(got, f.From+" "+f.ID+" "+f.Sent.Earliest.Format("2 15:04"))
		if f.Words != f.SentText {
			t.Errorf("its words are %q, want %q", f.Words, f.SentText)
		}
	}
	want := "al@example.org news@example.org 23 09:05, cy@example.org  22 07:00, bo@example.org first@example.org 23 08:00"
	if strings.Join(got, ", ") != want {
		t.Errorf("repeated %q, want %q", strings.Join(got, ", "), want)
	}
	if f := s.Forwarded[0]; !f.Attached || !strings.Contains(f.Text, "the bag") || strings.Contains(f.Text, "the very first words") {
		t.Errorf("%+v", f)
	}
	if f := s.Forwarded[2]; !f.Attached || !strings.Contains(f.Text, "the very first words") || strings.Contains(f.Text, "the bag") {
		t.Errorf("%+v", f)
	}
}

func TestSignaturesAreTold(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"the usual one", "mine\n\n-- \nJo Reporter\n020 7946 0000\n", "--|Jo Reporter|020 7946 0000"},
		{"above a quotation", "mine\n\n-- \nJo\n\nOn 23 Nov 2026 at 09:05, Al wrote:\n> theirs\n", "--|Jo"},
		{"a telephone's", "mine\n\nSent from my iPhone\n", "Sent from my iPhone"},
		{"two dashes that part a form", "mine\n--\n" + strings.Repeat("mine\n", 40), ""},
		{"none", "mine\nJo\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := sorted(t, "x", "text/plain", tt.text)
			if got := strings.Join(strings.FieldsFunc(strings.ReplaceAll(s.Signature, "-- \n", "--\n"), func(r rune) bool { return r == '\n' }), "|"); got != tt.want {
				t.Errorf("signature %q, want %q", got, tt.want)
			}
		})
	}
}

// at is an instant of 23 November 2026, where London is on UTC.
func at(t testing.TB, clock string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339, "2026-11-23T"+clock+"Z")
	if err != nil {
		t.Fatal(err)
	}
	return x
}
