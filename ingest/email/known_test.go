package email_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
)

const savedPosition = "imap.reports"

// recalled is what a record knows that every mail of v was folded into, since
// the rules named the mailbox.
func recalled(v *vault, named time.Time) email.Known {
	k := email.Known{Named: named}
	for _, s := range v.stored() {
		at := s.Stamped
		if s.Received.Before(at) {
			at = s.Received
		}
		if at.After(k.Latest) {
			k.Latest = at
		}
	}
	return k
}

// An interrupted is a mailbox that is read for four days, and then not.
type interrupted struct {
	server *server
	vault  *vault
	config email.Config
	named  time.Time
	early  []byte // the position after the first day
}

// run reads the mailbox until stop is called.
func (w *interrupted) run(t *testing.T, known func(context.Context) (email.Known, error)) (box *email.Box, stop func()) {
	t.Helper()
	box, err := email.New(w.config, w.vault, w.vault, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	email.SetDial(box, w.server.dial)
	box.Recall(known)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = box.Run(ctx) })
	synctest.Wait()
	return box, func() { cancel(); wg.Wait() }
}

// interrupt makes an interrupted mailbox with an old mail, one mail a day of four
// that is stored, and two that came while nobody read it.
func interrupt(t *testing.T, f func(t *testing.T, w *interrupted)) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
		w := &interrupted{server: newServer(), vault: newVault(), config: config(), named: time.Now()}
		w.config.Name, w.config.Address, w.config.Username, w.config.PasswordFile = "reports", "imap.example.org:993", "u", secret
		w.config.Start = email.StartNow
		w.server.deliver(served{raw: letter("older"), internal: time.Now().Add(-time.Hour)})
		_, stop := w.run(t, func(context.Context) (email.Known, error) { return email.Known{}, nil })
		for day := range 4 {
			bubble.Advance(24 * time.Hour)
			w.server.deliver(served{raw: letter(fmt.Sprintf("day %d", day))})
			bubble.Advance(time.Minute)
			if day == 0 {
				w.early, _ = w.vault.Load(t.Context(), savedPosition)
			}
		}
		stop()
		bubble.Advance(time.Hour)
		w.server.deliver(served{raw: letter("while away")})
		bubble.Advance(72 * time.Hour)
		w.server.deliver(served{raw: letter("just now")})
		bubble.Advance(time.Minute)
		f(t, w)
	})
}

func TestAPositionThatIsLostOrDamagedLosesNoMail(t *testing.T) {
	all := []string{"day 0", "day 1", "day 2", "day 3", "just now", "while away"}
	for name, spoil := range map[string]func(w *interrupted){
		"removed":          func(w *interrupted) { delete(w.vault.positions, savedPosition) },
		"cut":              func(w *interrupted) { w.vault.positions[savedPosition] = w.vault.positions[savedPosition][:20] },
		"zeros":            func(w *interrupted) { w.vault.positions[savedPosition] = make([]byte, 100) },
		"without a number": func(w *interrupted) { w.vault.positions[savedPosition] = []byte(`{"last_uid":7}`) },
		"an old copy":      func(w *interrupted) { w.vault.positions[savedPosition] = w.early },
		"past the end": func(w *interrupted) {
			w.vault.positions[savedPosition] = []byte(`{"uidvalidity":1,"last_uid":900,"last_internaldate":"2026-11-27T12:00:00Z"}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			interrupt(t, func(t *testing.T, w *interrupted) {
				w.vault.fail(func(*vault) { spoil(w) })
				_, stop := w.run(t, func(context.Context) (email.Known, error) { return recalled(w.vault, w.named), nil })
				bubble.Advance(5 * time.Minute)
				got := slices.Sorted(slices.Values(w.vault.subjects()))
				if !slices.Equal(got, all) {
					t.Errorf("stored %q, want %q", got, all)
				}
				w.server.deliver(served{raw: letter("next")})
				bubble.Advance(time.Minute)
				if got := w.vault.subjects(); !slices.Contains(got, "next") {
					t.Errorf("stored %q, want the next mail too", got)
				}
				stop()
				// From here on there is a position again.
				again := w.vault.repeats()
				_, stop = w.run(t, func(context.Context) (email.Known, error) {
					t.Error("the record was asked, want the position that was saved")
					return email.Known{}, nil
				})
				bubble.Advance(time.Minute)
				stop()
				if got := w.vault.repeats() - again; got != 0 {
					t.Errorf("%d mails put again after the next start, want none", got)
				}
			})
		})
	}
}

// A source of which no mail was folded yet is known by the rules.
func TestAPositionLostBeforeTheFirstMailWasFoldedLosesNoMail(t *testing.T) {
	interrupt(t, func(t *testing.T, w *interrupted) {
		w.vault.fail(func(v *vault) { delete(v.positions, savedPosition) })
		_, stop := w.run(t, func(context.Context) (email.Known, error) { return email.Known{Named: w.named}, nil })
		bubble.Advance(time.Minute)
		stop()
		want := []string{"day 0", "day 1", "day 2", "day 3", "just now", "while away"}
		if got := slices.Sorted(slices.Values(w.vault.subjects())); !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
	})
}

// A damaged position says that there was one, even where the record says nothing.
func TestADamagedPositionOfAMailboxThatNothingIsKnownOfIsReadFromItsBeginning(t *testing.T) {
	interrupt(t, func(t *testing.T, w *interrupted) {
		w.vault.fail(func(v *vault) { v.positions[savedPosition] = []byte("{") })
		_, stop := w.run(t, nil)
		bubble.Advance(time.Minute)
		stop()
		if got := w.vault.subjects(); !slices.Contains(got, "while away") || !slices.Contains(got, "older") {
			t.Errorf("stored %q, want all that is there", got)
		}
	})
}

func TestAMailboxWithoutPositionWaitsUntilTheRecordWasRead(t *testing.T) {
	interrupt(t, func(t *testing.T, w *interrupted) {
		w.vault.fail(func(v *vault) { delete(v.positions, savedPosition) })
		var mu sync.Mutex
		unread := errors.New("the record is not read yet")
		box, stop := w.run(t, func(context.Context) (email.Known, error) {
			mu.Lock()
			defer mu.Unlock()
			return recalled(w.vault, w.named), unread
		})
		defer stop()
		bubble.Advance(time.Hour)
		if got := box.Status(); !errors.Is(got.Err, unread) || !got.Read.IsZero() {
			t.Errorf("Status() = %+v, want nothing read, and why", got)
		}
		if b, _ := w.vault.Load(t.Context(), savedPosition); b != nil {
			t.Errorf("position %s was saved, want none before the record is read", b)
		}
		mu.Lock()
		unread = nil
		mu.Unlock()
		bubble.Advance(2 * time.Minute)
		if got := w.vault.subjects(); !slices.Contains(got, "while away") {
			t.Errorf("stored %q, want the mail that came while nobody read it", got)
		}
	})
}
