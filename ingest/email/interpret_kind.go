package email

import (
	"regexp"
	"strings"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// A kind is what a mail is, whatever it says.
type kind struct {
	// void is why nothing that it says counts, or empty.
	void incident.Void
	// bounced says that it is a delivery report on an alert of our own.
	bounced bool
	// automatic says that a machine sent it.
	automatic                     bool
	reply, list, calendar, advice bool
}

// flags returns k for the record.
func (k kind) flags() []incident.Flag {
	var all []incident.Flag
	for _, x := range []struct {
		is   bool
		flag incident.Flag
	}{
		{k.automatic, incident.FlagAutomatic},
		{k.reply, incident.FlagReply},
		{k.list, incident.FlagList},
		{k.calendar, incident.FlagCalendar},
		{k.advice, incident.FlagAdvice},
		{k.bounced, incident.FlagBounced},
	} {
		if x.is {
			all = append(all, x.flag)
		}
	}
	return all
}

// kindPatterns is compiled once.
var kindPatterns = sync.OnceValue(func() (p struct{ away, daemon, undelivered, undeliveredText, stamp *regexp.Regexp }) {
	// What Exchange, Gmail and others put before the subject of an absence
	// note, in the languages of the members of the EU that we hear from.
	p.away = regexp.MustCompile(`(?i)^\s*(?:automatic reply|auto(?:matic)?[- ]?(?:reply|response)|out of (?:the )?office(?:\s*auto-?reply)?|` +
		`automatische antwort|abwesenheits(?:notiz|nachricht)|abwesend|r[ée]ponse automatique|absence du bureau|` +
		`respuesta autom[áa]tica|fuera de (?:la )?oficina|resposta autom[áa]tica|risposta automatica|fuori sede|` +
		`automatisch antwoord|afwezig(?:heid)?|automatiskt svar|automatisk svar|autosvar|automaattinen vastaus|` +
		`odpowied[źz] automatyczna|automatick[áa] odpov[eě][dď]|automatikus v[áa]lasz|r[ăa]spuns automat|` +
		`αυτόματη απάντηση|автоматический ответ|автоматична відповідь|ymateb awtomatig|自动答复|自動回覆|自動応答)\s*[:：\-–]`)
	p.daemon = regexp.MustCompile(`(?i)(?:^|[<\s"'])(?:mailer-?daemon|mail-?daemon|maildelivery(?:system|subsystem)?|microsoftexchange[0-9a-f]{32})(?:@|[\s>"'(]|$)`)
	p.undelivered = regexp.MustCompile(`(?i)^\s*(?:undeliver(?:able|ed)\b|un?able to deliver|mail delivery (?:failed|failure|system)|delivery (?:failure|failed|has failed|status notification|report)|` +
		`failure notice|returned mail|mail system error|message (?:could not be|not) delivered|non[- ]?delivery|nondeliverable|` +
		`warning: (?:could not send|message .{0,40}delayed)|message delayed|delayed:|delivery delayed|unzustellbar|non remis|échec de remise|no se puede entregar)`)
	p.undeliveredText = regexp.MustCompile(`(?im)^[\s>]*(?:hi\. this is the qmail-send program|this message was created automatically by mail delivery software|` +
		`this is the mail system at host|delivery has failed to these recipients|your message (?:did not reach|to .{1,200} couldn't be delivered|wasn't delivered)|` +
		`the following (?:address(?:es|\(es\))?|message to|organization rejected) |this is an automatically generated delivery status|i'm afraid i wasn't able to deliver your message|` +
		`a message that you sent (?:could not|has not yet) be|the original message was received at )`)
	p.stamp = regexp.MustCompile(`(?im)^[> \t]*` + strings.ToLower(incident.StampHeader) + `:[ \t]*(?:\r?\n[> \t]+)?([^\s;]{1,400};[A-Za-z0-9_-]{22})`)
	return p
})

// kindOf tells mails that people write from those that machines do.
func (m *mailing) kindOf(ours func(string) bool) kind {
	switch {
	case m.ourAlert(ours):
		return kind{void: incident.VoidOurs}
	case m.deliveryFailure():
		return kind{void: incident.VoidBounce, bounced: ours != nil && m.returnsOurs(ours)}
	case m.autoReply():
		return kind{void: incident.VoidAutomatic}
	}
	k := kind{
		automatic: machineSays(m.value("auto-submitted")) || strings.EqualFold(m.value("x-auto-response-suppress"), "all") || m.precedence("junk"),
		list:      m.has("list-id") || m.has("list-unsubscribe") || m.has("list-post") || m.precedence("list", "bulk"),
		calendar:  m.Calendar || strings.Contains(strings.ToLower(m.value("content-class")), "calendarmessage"),
	}
	k.reply = len(letter.MessageIDs(m.value("in-reply-to"))) > 0 || len(letter.MessageIDs(m.value("references"))) > 0 ||
		m.answers && len(incident.FindRefs(m.Subject)) > 0
	return k
}

// value returns the topmost field of that name without the space around it; ""
// where there is none.
func (m *mailing) value(name string) string {
	v, _ := letter.Get(m.Fields, name)
	return strings.TrimSpace(v)
}

func (m *mailing) has(name string) bool {
	_, ok := letter.Get(m.Fields, name)
	return ok
}

func (m *mailing) precedence(words ...string) bool {
	have := m.value("precedence")
	for _, w := range words {
		if strings.EqualFold(have, w) {
			return true
		}
	}
	return false
}

// nobody reports whether the mail was sent so that nothing can come back to its
// sender, as delivery reports and automatic answers are (RFC 5321 section 4.5.5).
func (m *mailing) nobody() bool { return m.value("return-path") == "<>" }

// ourAlert reports whether the mail is an alert of ours that came back: its own
// header bears our stamp, and no person put "RE:" or "FW:" before the subject.
// Our alerts have no such subject; a program that copies every field into an
// answer puts one there.
func (m *mailing) ourAlert(ours func(string) bool) bool {
	stamp, ok := letter.Get(m.Fields, strings.ToLower(incident.StampHeader))
	return ok && ours != nil && !m.answers && ours(stamp)
}

// deliveryFailure reports whether the mail says what became of another one:
// multipart/report, and what older mail systems send in plain text. There it
// takes two marks: people write about such mails and have them in the subject.
func (m *mailing) deliveryFailure() bool {
	if m.Report {
		return true
	}
	p := kindPatterns()
	marks := 0
	for _, is := range []bool{
		p.daemon.MatchString(m.value("from")),
		m.nobody(),
		m.has("x-failed-recipients") || m.has("x-ms-exchange-message-is-ndr"),
	} {
		if is {
			marks++
		}
	}
	if marks == 0 {
		return false
	}
	return marks > 1 || p.undelivered.MatchString(m.Subject) || p.undeliveredText.MatchString(m.body[:min(len(m.body), 2<<10)])
}

// maxReturned is how much of a delivery report is searched for our stamp. Our
// alerts are short.
const maxReturned = 1 << 20

// returnsOurs reports whether a delivery report returns a mail that we sent: its
// stamp stands in the returned header, as a part of its own or in the text. The
// stamp is signed, so it does not matter in which of them.
func (m *mailing) returnsOurs(ours func(string) bool) bool {
	name := strings.ToLower(incident.StampHeader)
	for _, f := range m.Forwarded {
		for _, h := range f.Fields {
			if h.Name == name && ours(h.Value) {
				return true
			}
		}
	}
	raw := m.signal.Raw
	for _, text := range []string{m.body, string(raw[:min(len(raw), maxReturned)])} {
		for _, found := range kindPatterns().stamp.FindAllStringSubmatch(text[:min(len(text), maxReturned)], 8) {
			if ours(found[1]) {
				return true
			}
		}
	}
	return false
}

// autoReply reports whether a machine answered: by RFC 3834, by the fields that
// came before it, or by the words that a mail system puts before the subject
// together with a sign that no person sent it. That it answers is a weak sign,
// which a sentence of detection outweighs: a report that is lost is worse than an
// absence note that a person looks at.
func (m *mailing) autoReply() bool {
	auto := m.value("auto-submitted")
	if submitted(auto) == "auto-replied" || m.precedence("auto_reply", "auto-reply", "autoreply") {
		return true
	}
	for _, name := range []string{"x-autoreply", "x-auto-reply", "x-autorespond", "x-autoresponder", "x-autoreply-from", "x-mail-autoreply"} {
		if v, ok := letter.Get(m.Fields, name); ok && !strings.EqualFold(strings.TrimSpace(v), "no") {
			return true
		}
	}
	return kindPatterns().away.MatchString(m.Subject) &&
		(machineSays(auto) || m.has("x-auto-response-suppress") || m.has("x-ms-exchange-generated-message-source") ||
			m.nobody() || m.precedence("bulk", "junk") || m.has("in-reply-to") && !said.Detects(m.words[min(len(m.Subject), len(m.words)):]))
}

// machineSays reports whether an Auto-Submitted field says that a machine sent
// the mail.
func machineSays(auto string) bool {
	word := submitted(auto)
	return word != "" && word != "no"
}

// submitted returns the keyword of an Auto-Submitted field, lower case.
func submitted(auto string) string {
	return strings.ToLower(strings.TrimRight(auto[:len(auto)-len(strings.TrimLeft(auto, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"))], " "))
}

// advicePatterns is compiled once.
var advicePatterns = sync.OnceValue(func() (p struct{ asks, happened *regexp.Regexp }) {
	p.asks = regexp.MustCompile(`(?i)\b(?:(?:can|could|may|should|shall|must) (?:i|we|you (?:please )?(?:advise|confirm|clarify|tell))\b|` +
		`(?:am i|are we|is (?:he|she|someone|anyone|a colleague)) (?:allowed|permitted|able) to\b|` +
		`(?:is|would) (?:it|this|that)(?: be)? (?:ok(?:ay)?|alright|all right|safe|acceptable|permissible|allowed|appropriate|possible)\b|` +
		`please (?:could you )?advise\b|(?:any|your|some|for) (?:advice|guidance)\b|(?:advice|guidance) (?:on|about|please|regarding)\b|` +
		`what(?:'s| is| are)(?: the)? (?:process|procedure|policy|rules?|guidance|right way|best way)\b|` +
		`(?:do|does|would) (?:i|we|you|this|it) (?:need|have) to\b|how (?:do|should|would|can) (?:i|we)\b|who (?:do|should) (?:i|we)\b|` +
		`i(?:'d| would) (?:like|be grateful for) (?:some )?(?:advice|guidance))`)
	// Somebody did something or something came to somebody: no mere question,
	// whatever is asked besides.
	p.happened = regexp.MustCompile(`(?i)\b(?:i|we|he|she|they|it|you|someone|somebody|colleagues?|users?|staff|member|officer|team|laptop|phone|device|bag|file|account|mailbox|` +
		`has|have|had|'ve|'s|was|were|been|got|just|is|are|my|our|his|her|their)\b[^.?!\n]{0,60}?\b` +
		`(?:lost|stolen|missing|gone|clicked|entered|hacked|compromised|leaked|breached|phished|spoofed|infected|encrypted|exposed|disclosed|` +
		`received|opened|left|sent|mislaid|misplaced|disappeared|taken|shared|published|uploaded|copied|noticed|spotted|discovered|found)\b`)
	return p
})

// maxAdvice bounds, in bytes, the new text of a mail that is taken for a mere
// question.
const maxAdvice = 8 << 10

// asksAdvice reports whether text only asks whether or how something may be
// done. Where something seems to have happened the answer is no: a report that
// ends in a question is a report.
func asksAdvice(text string) bool {
	p := advicePatterns()
	if len(text) > maxAdvice {
		return false // a person looks at what opened
	}
	return p.asks.MatchString(text) && !p.happened.MatchString(text)
}
