package letter_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

func ugliest(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("../testdata/ugly", name))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestInvitationsAndOpaqueBodiesAreToldApart(t *testing.T) {
	for name, want := range map[string]struct{ calendar, opaque bool }{
		"calendar.eml":            {calendar: true},
		"html-table.eml":          {},
		"tnef-body.eml":           {},
		"tnef-none.eml":           {opaque: true},
		"smime-signed.eml":        {},
		"smime-rubbish.eml":       {opaque: true},
		"smime-compressed.eml":    {},
		"charset-unknown.eml":     {},
		"part-bad-header.eml":     {},
		"attached-mail.eml":       {},
		"tnef-embedded.eml":       {},
		"smime-signed-ber.eml":    {},
		"header-utf16.eml":        {},
		"multipart-base64.eml":    {},
		"boundary-wrong.eml":      {},
		"base64-footer.eml":       {},
		"quote-gmail-wrapped.eml": {},
	} {
		s := letter.Sort(ugliest(t, name))
		if s.Calendar != want.calendar || s.Opaque != want.opaque {
			t.Errorf("%s: calendar %v, opaque %v, want %+v", name, s.Calendar, s.Opaque, want)
		}
	}
}
