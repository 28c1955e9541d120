package email_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// wantMails compares the account, in which nothing waits.
func wantMails(t *testing.T, box *email.Box, want email.Mails, missing string) {
	t.Helper()
	got := box.Account()
	if d := cmp.Diff(want, got.Mails); d != "" {
		t.Errorf("mails (-want +got):\n%s", d)
	}
	if got.MissingUIDs != missing {
		t.Errorf("missing %q (%d), want %q", got.MissingUIDs, got.Missing, missing)
	}
}

// Exchange gives a mail a lower number than one that was there before it.
func TestAMailThatComesLateWithALowNumberIsRead(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		s.deliver(served{raw: letter("first")})
		s.deliver(served{raw: letter("late"), unlisted: true})
		s.deliver(served{raw: letter("third")})
		bubble.Advance(2 * time.Minute)
		s.with(func() { s.mails[1].unlisted = false })
		bubble.Advance(5 * time.Minute)
		if got, want := v.subjects(), []string{"first", "third"}; !slices.Equal(got, want) {
			t.Fatalf("stored %q, want %q until the mailbox is looked through", got, want)
		}
		bubble.Advance(email.LookEvery)
		if got, want := v.subjects(), []string{"first", "third", "late"}; !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
		wantMails(t, box, email.Mails{Seen: 3, Stored: 3}, "")
	})
}

// The same where the mail was there on the first day and the mailbox begins now.
func TestAMailThatWasThereBeforeTheStartIsCountedAndNotRead(t *testing.T) {
	inBubbleFrom(t, "2026-11-20", func(t *testing.T, _ *server, v *vault, box *email.Box) {
		v.fail(func(v *vault) { v.putBefore = 0 })
		bubble.Advance(2 * time.Minute)
		if got, want := len(v.stored()), 3; got != want {
			t.Errorf("%d mails stored, want the %d since the start", got, want)
		}
		wantMails(t, box, email.Mails{Seen: 10, Stored: 3, BeforeStart: 7}, "")
	})
}

func TestAMailThatStaysUnreadIsMissingUntilItIsRead(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		s.deliver(served{raw: letter("passed over"), unlisted: true})
		s.deliver(served{raw: letter("second")})
		bubble.Advance(2 * time.Minute)
		s.with(func() { s.mails[0].unlisted = false })
		v.fail(func(v *vault) { v.putBefore = 1 << 30 }) // what is missing cannot be stored
		bubble.Advance(email.LookEvery + time.Minute)
		wantMails(t, box, email.Mails{Seen: 2, Stored: 1}, "1")
		stuck := box.Watermark()
		bubble.Advance(10 * time.Minute)
		if got := box.Watermark(); !got.Equal(stuck) {
			t.Errorf("Watermark() = %s, want %s: a mail is known not to be stored", got, stuck)
		}
		v.fail(func(v *vault) { v.putBefore = 0 })
		bubble.Advance(5 * time.Minute)
		wantMails(t, box, email.Mails{Seen: 2, Stored: 2}, "")
		if got := box.Watermark(); !got.After(stuck) {
			t.Errorf("Watermark() = %s, want it to move on", got)
		}
	})
}

func TestWhatWaitsToBeReadIsCounted(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		v.fail(func(v *vault) { v.putBefore = 1 << 30 }) // the store takes nothing
		for i := range 30 {
			s.deliver(served{raw: letter(fmt.Sprintf("mail %d", i))})
		}
		bubble.Advance(2 * time.Minute)
		if got := box.Account(); got.Waiting != 30 || got.Mails.Seen != 30 || got.Missing != 0 {
			t.Errorf("seen %d, waiting %d, missing %d; want 30 that wait", got.Mails.Seen, got.Waiting, got.Missing)
		}
		v.fail(func(v *vault) { v.putBefore = 0 })
		bubble.Advance(2 * time.Minute)
		wantMails(t, box, email.Mails{Seen: 30, Stored: 30}, "")
		if got := box.Account().Waiting; got != 0 {
			t.Errorf("%d wait, want none", got)
		}
	})
}

// Scenario 50: it is erased, it is still in the mailbox, and all mails get other
// numbers.
func TestAnErasedMailIsRefusedUnderEveryNumber(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		v.fail(func(v *vault) { v.refuse = true })
		s.deliver(served{raw: letter("erased")})
		bubble.Advance(2 * time.Minute)
		wantMails(t, box, email.Mails{Seen: 1, Refused: 1}, "")
		s.with(func() { s.validity++; s.down = true })
		bubble.Advance(time.Minute)
		s.with(func() { s.down = false })
		bubble.Advance(5 * time.Minute)
		wantMails(t, box, email.Mails{Seen: 2, Refused: 2}, "")
		if got := v.stored(); len(got) != 0 {
			t.Errorf("%d mails stored, want none", len(got))
		}
	})
}

// A hiding is a connection to a real server that keeps a mail from us.
type hiding struct {
	email.Mailbox
	from *hidden
}

type hidden struct {
	uid    atomic.Uint32
	search atomic.Bool // not found above a number, as by a server that gives it late
	fetch  atomic.Bool // the connection breaks over it
}

func (h hiding) Search(ctx context.Context, after uint32, since time.Time) ([]uint32, error) {
	list, err := h.Mailbox.Search(ctx, after, since)
	if h.from.search.Load() && after > 0 {
		list = slices.DeleteFunc(list, func(u uint32) bool { return u == h.from.uid.Load() })
	}
	return list, err
}

func (h hiding) Fetch(ctx context.Context, uid uint32, head bool) ([]byte, error) {
	if h.from.fetch.Load() && uid == h.from.uid.Load() {
		return nil, errors.New("connection reset")
	}
	return h.Mailbox.Fetch(ctx, uid, head)
}

// One mail is taken away between a real server and us: it is reported, by its
// number, and read once it can be.
func TestAMailThatIsKeptFromUsIsReported(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	c := configFor(s)
	c.Poll = incident.Span(time.Second)
	box, err := email.New(c, v, v, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	h := &hidden{}
	h.uid.Store(2)
	h.search.Store(true)
	h.fetch.Store(true)
	email.SetDial(box, func(ctx context.Context) (email.Mailbox, error) {
		m, err := email.Dial(ctx, c)
		if err != nil {
			return nil, err
		}
		return hiding{m, h}, nil
	})
	email.SetLookEvery(box, time.Second)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = box.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	connected(t, box)
	for _, subject := range []string{"one", "two", "three"} {
		s.Deliver(letter(subject))
	}
	eventually.Eventually(t, 30*time.Second, "the mail is reported as missing", func() bool {
		return box.Account().MissingUIDs == "2"
	})
	wantSubjects(t, v, "one", "three") // those behind it are not held up
	h.fetch.Store(false)
	wantSubjects(t, v, "one", "two", "three")
	eventually.Eventually(t, 10*time.Second, "nothing is missing", func() bool { return box.Account().Missing == 0 })
	wantMails(t, box, email.Mails{Seen: 3, Stored: 3}, "")
}

func TestAMailThatLeavesIsNoDifference(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		s.deliver(served{raw: letter("read and deleted")})
		bubble.Advance(2 * time.Minute)
		s.deliver(served{raw: letter("deleted at once"), err: errors.New("connection reset")})
		bubble.Advance(5 * time.Second)
		s.with(func() { s.mails[0].unlisted, s.mails[1].unlisted = true, true })
		s.deliver(served{raw: letter("third")})
		bubble.Advance(2 * email.LookEvery)
		wantMails(t, box, email.Mails{Seen: 2, Stored: 2}, "")
		// It was gone for good or only hidden: either way it is read when it is back.
		s.with(func() { s.mails[1].unlisted, s.mails[1].err = false, nil })
		bubble.Advance(2 * email.LookEvery)
		wantMails(t, box, email.Mails{Seen: 3, Stored: 3}, "")
		if got, want := v.subjects(), []string{"read and deleted", "third", "deleted at once"}; !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
	})
}

// A fault of an hour on the server must not leave a report unread.
func TestAMailThatWasNotGivenOutIsAskedForAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		s.deliver(served{raw: letter("stuck"), err: fmt.Errorf("NO: %w", email.ErrRefused)})
		bubble.Advance(5 * time.Minute)
		wantMails(t, box, email.Mails{Seen: 1, Unreadable: 1}, "")
		bubble.Advance(30 * time.Minute)
		if got, want := v.subjects(), []string{"unreadable"}; !slices.Equal(got, want) {
			t.Fatalf("stored %q, want %q and no second note", got, want)
		}
		s.with(func() { s.mails[0].err = nil })
		bubble.Advance(email.LookEvery + time.Minute)
		if got, want := v.subjects(), []string{"unreadable", "stuck"}; !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
		wantMails(t, box, email.Mails{Seen: 1, Stored: 1}, "")
	})
}

func TestWhatExchangeGivesInThePlaceOfAMailIsUnreadable(t *testing.T) {
	const apology = "From: Microsoft Exchange Server\r\nTo: reports@example.org\r\n" +
		"Subject: Retrieval using the IMAP4 protocol failed for the following message: 7\r\nMIME-Version: 1.0\r\n\r\n" +
		"The server couldn't retrieve the following message:\r\n\r\nSubject: Lost laptop\r\nFrom: Reporter\r\n"
	for name, tt := range map[string]struct {
		raw  string
		want bool
	}{
		"the server's own":       {apology, true},
		"its subject folded":     {"Subject:\r\n Retrieval using the IMAP4 protocol failed for\r\n the following message: 7\r\n\r\nx", true},
		"a mail of that subject": {"Received: from x by y; Mon, 23 Nov 2026 10:20:00 +0000\r\n" + apology, false},
		"with an id":             {"Message-ID: <1@example.org>\r\n" + apology, false},
		"quoted in a mail":       {"Subject: help\r\n\r\nSubject: Retrieval using the IMAP4 protocol failed\r\n", false},
		"a reply":                {"Subject: RE: Retrieval using the IMAP4 protocol failed\r\n\r\n", false},
		"nothing":                {"", false},
	} {
		if got := email.Apology([]byte(tt.raw)); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		s.deliver(served{raw: []byte(apology)})
		bubble.Advance(time.Minute)
		got := v.stored()
		if len(got) != 1 || got[0].Stub != email.StubUnreadable || string(got[0].Raw) != apology {
			t.Fatalf("stored %q, want the server's words as they are, called unreadable", v.subjects())
		}
		wantMails(t, box, email.Mails{Seen: 1, Unreadable: 1}, "")
		s.with(func() { s.mails[0].raw = letter("lost laptop") })
		bubble.Advance(email.LookEvery + time.Minute)
		wantMails(t, box, email.Mails{Seen: 1, Stored: 1}, "")
	})
}

func TestARenumberedMailboxBeginsAnAccountBesideTheOld(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, _ *vault, box *email.Box) {
		for i := range 4 {
			s.deliver(served{raw: letter(fmt.Sprintf("mail %d", i))})
		}
		bubble.Advance(2 * time.Minute)
		old := box.Account()
		s.with(func() { s.validity++; s.down = true })
		bubble.Advance(time.Minute)
		s.with(func() { s.down = false })
		s.deliver(served{raw: letter("new")})
		bubble.Advance(5 * time.Minute)
		wantMails(t, box, email.Mails{Seen: 4 + 5, Stored: 5, Known: 4}, "")
		got := box.Account()
		if got.Numberings != 1 || got.UIDValidity == old.UIDValidity || got.Ranges["known"] != "1:4" || got.Ranges["stored"] != "5" {
			t.Errorf("account = %+v, want the new numbers alone in the ranges", got)
		}
	})
}

// A position that an earlier release saved has no account: what lies below it was
// read by that release, and nobody knows more.
func TestAPositionWithoutAnAccountGetsOne(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.Deliver(letter("one"))
	s.Deliver(letter("two"))
	c := configFor(s)
	c.Start = email.StartAll
	box, stop := run(t, c, v)
	connected(t, box)
	stop()
	p := v.position(t, "reports")
	text := fmt.Appendf(nil, `{"uidvalidity":%d,"last_uid":2,"last_internaldate":"2026-11-23T10:20:00Z"}`, p.UIDValidity)
	if err := v.Save(t.Context(), "imap.reports", text); err != nil {
		t.Fatal(err)
	}
	s.Deliver(letter("three"))
	box, _ = run(t, c, v)
	wantSubjects(t, v, "one", "two", "three")
	connected(t, box)
	wantMails(t, box, email.Mails{Seen: 3, Stored: 1, BeforeStart: 2}, "")
}

// The position was moved past mails that nobody read, by a hand or by a fault.
func TestAMailThatThePositionWasMovedPastIsReportedAndRead(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	c := configFor(s)
	s.Deliver(letter("one"))
	c.Start = email.StartAll
	box, stop := run(t, c, v)
	connected(t, box)
	stop()
	s.Deliver(letter("passed over"))
	s.Deliver(letter("passed over too"))
	p := v.position(t, "reports")
	text := fmt.Sprintf(`{"uidvalidity":%d,"last_uid":3,"last_internaldate":"2026-11-23T10:20:00Z","account":{`+
		`"seen":{"n":1,"uids":"1"},"stored":{"n":1,"uids":"1"},"looked":"2026-11-23T10:20:00Z"}}`, p.UIDValidity)
	if err := v.Save(t.Context(), "imap.reports", []byte(text)); err != nil {
		t.Fatal(err)
	}
	v.fail(func(v *vault) { v.putBefore = 1 << 30 })
	box, _ = run(t, c, v)
	eventually.Eventually(t, 20*time.Second, "the two mails are reported", func() bool {
		a := box.Account()
		return a.Missing == 2 && a.MissingUIDs == "2:3"
	})
	if !box.Watermark().IsZero() {
		t.Error("the mailbox counts as read; want it not to, while two mails are missing")
	}
	v.fail(func(v *vault) { v.putBefore = 0 })
	s.Deliver(letter("four"))
	wantSubjects(t, v, "one", "passed over", "passed over too", "four")
	connected(t, box)
	eventually.Eventually(t, 10*time.Second, "nothing is missing", func() bool { return box.Account().Missing == 0 })
	wantMails(t, box, email.Mails{Seen: 4, Stored: 4}, "")
}

// Numbers that do not add up are damage: the mailbox is read again by date.
func TestAnAccountThatDoesNotAddUpIsDamage(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.Deliver(letter("one"))
	s.Deliver(letter("two"))
	c := configFor(s)
	c.Start = email.StartAll
	box, stop := run(t, c, v)
	connected(t, box)
	stop()
	p := v.position(t, "reports")
	text := fmt.Sprintf(`{"uidvalidity":%d,"last_uid":2,"last_internaldate":"2026-11-23T10:20:00Z","account":{`+
		`"seen":{"n":2,"uids":"1:2"},"stored":{"n":1,"uids":"1:2"},"looked":"2026-11-23T10:20:00Z"}}`, p.UIDValidity)
	if err := v.Save(t.Context(), "imap.reports", []byte(text)); err != nil {
		t.Fatal(err)
	}
	box, _ = run(t, c, v)
	connected(t, box)
	wantMails(t, box, email.Mails{Seen: 2, Known: 2}, "")
	wantSubjects(t, v, "one", "two")
}

// Every write has two rows: it failed and is not there, it failed and is there.
// The account is written with the position, and where it was looked through.
func TestTheAccountHoldsOverAFailedWrite(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*vault)
		want  email.Mails
	}{
		{"what was read, and it is not there", func(v *vault) { v.saveBefore = 1 }, email.Mails{Seen: 4, Stored: 2, Known: 2}},
		{"what was read, and it is there", func(v *vault) { v.saveAfter = 1 }, email.Mails{Seen: 4, Stored: 4}},
		{"put, and it is not there", func(v *vault) { v.putBefore = 1 }, email.Mails{Seen: 4, Stored: 4}},
		{"put, and it is there", func(v *vault) { v.putAfter = 1 }, email.Mails{Seen: 4, Stored: 3, Known: 1}},
	} {
		for _, late := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, of mails that came late: %v", tt.name, late), func(t *testing.T) {
				inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
					for i := range 2 {
						s.deliver(served{raw: letter(fmt.Sprintf("late %d", i)), unlisted: true})
					}
					s.deliver(served{raw: letter("three")})
					s.deliver(served{raw: letter("four")})
					if !late {
						v.fail(tt.fault)
					}
					bubble.Advance(2 * time.Minute)
					s.with(func() { s.mails[0].unlisted, s.mails[1].unlisted = false, false })
					if late {
						bubble.Advance(email.LookEvery - 3*time.Minute)
						v.fail(tt.fault)
					}
					bubble.Advance(2 * email.LookEvery)
					want := tt.want
					if late && tt.name == "what was read, and it is not there" {
						// The first write of a look is that it was made: nothing was put before.
						want = email.Mails{Seen: 4, Stored: 4}
					}
					wantMails(t, box, want, "")
					if got := len(v.stored()); got != 4 {
						t.Errorf("%d mails stored, want 4", got)
					}
				})
			})
		}
	}
}

func TestTheLastWriteOfALookFailsToo(t *testing.T) {
	for name, tt := range map[string]struct {
		fault func(*vault)
		want  email.Mails
	}{
		"it is not there": {func(v *vault) { v.saveBefore = 1 }, email.Mails{Seen: 2, Stored: 1, Known: 1}},
		"it is there":     {func(v *vault) { v.saveAfter = 1 }, email.Mails{Seen: 2, Stored: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
				s.deliver(served{raw: letter("late"), unlisted: true})
				s.deliver(served{raw: letter("second")})
				bubble.Advance(2 * time.Minute)
				s.with(func() { s.mails[0].unlisted = false })
				v.fail(func(v *vault) { v.onPut = func() { tt.fault(v) } }) // the write after the next Put
				bubble.Advance(2 * email.LookEvery)
				wantMails(t, box, tt.want, "")
				if got := len(v.stored()); got != 2 {
					t.Errorf("%d mails stored, want 2", got)
				}
			})
		})
	}
}
