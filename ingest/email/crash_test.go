package email_test

import (
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// Every write has two rows: it failed and is not there, it failed and is there.
func TestNoMailIsLostOrStoredTwiceOverAFailedWrite(t *testing.T) {
	s := dovecot.Start(t)
	s.Deliver(letter("one"))
	s.Deliver(letter("two"))
	s.Deliver(letter("three"))
	for _, tt := range []struct {
		name    string
		fault   func(*vault)
		repeats int // of Put, which the vault knows
	}{
		{"put fails and the mail is not there", func(v *vault) { v.putBefore = 1 }, 0},
		{"put fails and the mail is there", func(v *vault) { v.putAfter = 1 }, 1},
		{"save fails and the position is not there", func(v *vault) { v.saveBefore = 1 }, 3},
		{"save fails and the position is there", func(v *vault) { v.saveAfter = 1 }, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := newVault()
			c := configFor(s)
			c.Start = email.StartAll
			// The first Save, of where to begin, is done before the fault.
			if err := v.Save(t.Context(), "imap.reports", start(t, s)); err != nil {
				t.Fatal(err)
			}
			v.fail(tt.fault)
			box, stop := run(t, c, v)
			wantSubjects(t, v, "one", "two", "three")
			eventually.Eventually(t, 20*time.Second, "the position is past the mails", func() bool {
				return v.position(t, "reports").LastUID == 3 && !box.Watermark().IsZero()
			})
			stop()
			if got := v.repeats(); got != tt.repeats {
				t.Errorf("%d mails put again, want %d", got, tt.repeats)
			}
		})
	}
}

// start returns the position of a mailbox that is connected to and not read.
func start(t *testing.T, s *dovecot.Server) []byte {
	t.Helper()
	v := newVault()
	v.fail(func(v *vault) { v.putBefore = 1 << 30 })
	c := configFor(s)
	c.Start = email.StartAll
	_, stop := run(t, c, v)
	var b []byte
	eventually.Eventually(t, 20*time.Second, "where to begin is saved", func() bool {
		b, _ = v.Load(t.Context(), "imap.reports")
		return b != nil
	})
	stop()
	return b
}

func TestWhereToBeginIsDecidedOnce(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.Deliver(letter("old"))
	v.fail(func(v *vault) { v.saveAfter = 1 }) // crash just after the beginning was saved
	c := configFor(s)
	_, stop := run(t, c, v)
	eventually.Eventually(t, 20*time.Second, "where to begin is saved", func() bool { return v.position(t, "reports").UIDValidity != 0 })
	stop()
	s.Deliver(letter("between"))
	run(t, c, v)
	wantSubjects(t, v, "between")
}

func TestMailThatTheVaultRefusesForGoodDoesNotStopTheFlow(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.Deliver(letter("erased"))
	c := configFor(s)
	c.Start = email.StartAll
	v.fail(func(v *vault) { v.refuse = true })
	box, _ := run(t, c, v)
	connected(t, box)
	v.fail(func(v *vault) { v.refuse = false })
	s.Deliver(letter("next"))
	wantSubjects(t, v, "next")
	if got := box.Status().Refused; got != 1 {
		t.Errorf("Status().Refused = %d, want 1", got)
	}
}
