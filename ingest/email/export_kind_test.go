package email

import "github.com/ministryofjustice/incident-promptness/ingest/email/letter"

// Own returns the text of a mail and, at the same places, what of it its sender
// wrote himself.
func Own(raw []byte) (text, own string) {
	m := &mailing{Mail: letter.Read(raw)}
	m.layout()
	m.prepare()
	return m.body, m.own
}
