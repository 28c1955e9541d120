package email_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
	"github.com/ministryofjustice/incident-promptness/internal/memimap"
)

// The demo has no Dovecot: it reads from go-imap's own server.
func TestTheServerInTheProcess(t *testing.T) {
	s, err := memimap.Start("127.0.0.1:0", "demo", "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(letter("old"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	c := config()
	c.Address, c.TLS, c.Username, c.PasswordFile = s.Addr, email.TLSNone, "demo", secret
	c.Poll = incident.Span(4 * time.Minute)
	v := newVault()
	box, stop := run(t, c, v)
	connected(t, box)
	stamp := time.Now().Add(-90 * time.Minute).Truncate(time.Second)
	if err := s.Deliver(letter("an hour and a half ago"), stamp); err != nil {
		t.Fatal(err)
	}
	if err := s.Deliver(letter("now"), time.Time{}); err != nil {
		t.Fatal(err)
	}
	wantSubjects(t, v, "an hour and a half ago", "now")
	if got := v.stored()[0].Stamped; !got.Equal(stamp) {
		t.Errorf("Stamped = %s, want %s", got, stamp)
	}
	w := box.Watermark()
	stop()
	box, _ = run(t, c, v) // again, from the position
	eventually.Eventually(t, 10*time.Second, "the mailbox is read again", func() bool { return box.Watermark().After(w) })
	if got := v.repeats(); got != 0 {
		t.Errorf("%d mails read again, want none", got)
	}
	if got := len(v.stored()); got != 2 {
		t.Errorf("%d mails stored, want 2", got)
	}
}
