package email_test

import (
	"testing"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func BenchmarkInterpret(b *testing.B) {
	s := signal(b, pass+mx+"From: jo@example.org\nSubject: lost\nReferences: <a@b> <c@d>\n\nDate and time detected: 23/11/2026 09:15\nReference: INC0012345\n> quoted\n")
	rule := config().Rule()
	var x email.Interpreter
	for b.Loop() {
		x.Interpret(s, rule)
	}
}

func BenchmarkMarked(b *testing.B) {
	s := signal(b, pass+mx+"From: jo@example.org\nSubject: lost\n\nDate and time detected: 23/11/2026 09:15\n")
	for b.Loop() {
		email.Marked(s.Raw)
	}
}
