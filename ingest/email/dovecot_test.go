package email_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

func TestFirstConnectionStartsAtNow(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.Deliver(letter("old one"))
	s.Deliver(letter("old two"))
	box, stop := run(t, configFor(s), v)
	connected(t, box)
	s.Deliver(letter("new one"))
	wantSubjects(t, v, "new one")
	stop()
	s.Deliver(letter("while away"))
	run(t, configFor(s), v)
	wantSubjects(t, v, "new one", "while away")
	if !s.Untouched() {
		t.Error("a mail was given a flag or moved; want the mailbox as it was")
	}
}

func TestStartAllReadsWhatIsThere(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	for i := range 45 { // more than two batches
		s.Deliver(letter(fmt.Sprintf("old %d", i)))
	}
	c := configFor(s)
	c.Start = email.StartAll
	box, _ := run(t, c, v)
	connected(t, box)
	if got := len(v.stored()); got != 45 {
		t.Errorf("%d mails stored before the watermark moved, want 45", got)
	}
	if got := box.Status(); got.Stored != 45 || got.Repeated != 0 || !got.Connected || got.Err != nil {
		t.Errorf("Status() = %+v, want 45 stored, none repeated, connected", got)
	}
}

func TestStartAtADateReadsFromThatDay(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	for day := 18; day <= 23; day++ {
		s.DeliverAt(letter(fmt.Sprintf("day %d", day)), time.Date(2026, 11, day, 9, 0, 0, 0, time.UTC))
	}
	c := configFor(s)
	c.Start = "2026-11-21"
	run(t, c, v)
	wantSubjects(t, v, "day 21", "day 22", "day 23")
	s.Deliver(letter("today"))
	wantSubjects(t, v, "day 21", "day 22", "day 23", "today")
}

func TestEveryWayOfTLS(t *testing.T) {
	s := dovecot.Start(t)
	for _, tt := range []struct {
		name      string
		tls, addr string
		ca        string
	}{
		{"implicit TLS", email.TLSImplicit, s.TLSAddr, s.CAFile},
		{"STARTTLS", email.TLSStart, s.Addr, s.CAFile},
		{"plain on loopback", email.TLSNone, s.Addr, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, v := configFor(s), newVault()
			c.TLS, c.Address, c.CAFile = tt.tls, tt.addr, tt.ca
			box, stop := run(t, c, v)
			connected(t, box)
			s.Deliver(letter(tt.name))
			wantSubjects(t, v, tt.name)
			stop()
		})
	}
	for _, tt := range []struct {
		name      string
		tls, addr string
	}{
		{"implicit TLS with an unknown authority", email.TLSImplicit, s.TLSAddr},
		{"STARTTLS with an unknown authority", email.TLSStart, s.Addr},
		{"implicit TLS on the plain port", email.TLSImplicit, s.Addr},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c, v := configFor(s), newVault()
			c.TLS, c.Address, c.CAFile = tt.tls, tt.addr, ""
			box, stop := run(t, c, v)
			eventually.Eventually(t, 10*time.Second, "the mailbox is refused", func() bool { return box.Status().Err != nil })
			if !box.Watermark().IsZero() {
				t.Errorf("Watermark() = %s, want none: nothing may be read", box.Watermark())
			}
			stop()
		})
	}
}

func TestIdleDeliversWithoutWaitingForThePoll(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	c := configFor(s)
	c.Poll = incident.Span(4 * time.Minute)
	box, _ := run(t, c, v)
	connected(t, box)
	before := box.Watermark()
	s.Deliver(letter("urgent"))
	wantSubjects(t, v, "urgent") // within 30 seconds, far under the poll
	eventually.Eventually(t, 10*time.Second, "the watermark moves on", func() bool { return box.Watermark().After(before) })
}

func TestPollReadsWhereTheServerTellsNothing(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	c := configFor(s)
	c.Poll = incident.Span(time.Second)
	box, _ := run(t, c, v)
	connected(t, box)
	// Nothing comes, and still it is known up to when the mailbox was read.
	first := box.Watermark()
	eventually.Eventually(t, 10*time.Second, "the watermark moves on", func() bool { return box.Watermark().After(first) })
}

func TestMailsAreReadOnceEachWhileTheConnectionIsCut(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, seed))
	var cuts []int64 // bytes after which each connection is cut
	for range 6 {
		cuts = append(cuts, 900+random.Int64N(12_000))
	}
	proxy := newCutter(t, s.Addr, func() int64 {
		if len(cuts) == 0 {
			return -1
		}
		n := cuts[0]
		cuts = cuts[1:]
		return n
	})
	c := configFor(s)
	c.TLS, c.Address, c.Start = email.TLSNone, proxy.addr, email.StartAll
	var want []string
	for i := range 40 {
		subject := fmt.Sprintf("mail %d", i)
		want = append(want, subject)
		s.Deliver(append(letter(subject), strings.Repeat("a line of the mail\r\n", random.IntN(60))...))
	}
	box, _ := run(t, c, v)
	eventually.Eventually(t, 120*time.Second, "all mails are stored", func() bool { return len(v.stored()) >= len(want) })
	got := v.subjects()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
	if box.Status().Reconnects == 0 {
		t.Error("no connection was cut; want the test to cut some")
	}
}

func TestServerKilledAndBack(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	box, _ := run(t, configFor(s), v)
	connected(t, box)
	s.Kill()
	s.Deliver(letter("while the server was down"))
	eventually.Eventually(t, 10*time.Second, "the loss of the server is noticed", func() bool { return !box.Status().Connected })
	s.Restart()
	wantSubjects(t, v, "while the server was down")
}

func TestUIDValidityChangesInTheMiddle(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.DeliverAt(letter("before the start"), time.Now().Add(-24*time.Hour))
	box, _ := run(t, configFor(s), v)
	connected(t, box)
	for i := range 5 {
		s.Deliver(letter(fmt.Sprintf("first %d", i)))
	}
	wantSubjects(t, v, "first 0", "first 1", "first 2", "first 3", "first 4")
	old := v.position(t, "reports")
	s.ResetUIDValidity()
	s.Deliver(letter("second 0"))
	s.Deliver(letter("second 1"))
	wantSubjects(t, v, "first 0", "first 1", "first 2", "first 3", "first 4", "second 0", "second 1")
	// Dovecot may number the mails more than once: what it says in the end counts.
	eventually.Eventually(t, 60*time.Second, "the new numbers are noted", func() bool {
		p := v.position(t, "reports")
		said := strings.Join(raw(t, s, "STATUS INBOX (UIDNEXT UIDVALIDITY)"), "")
		return p.UIDValidity != old.UIDValidity && p.LastUID >= 8 &&
			strings.Contains(said, fmt.Sprintf("UIDVALIDITY %d)", p.UIDValidity)) && strings.Contains(said, fmt.Sprintf("UIDNEXT %d ", p.LastUID+1))
	})
	if got := box.Status().Renumbered; got == 0 {
		t.Error("Status().Renumbered = 0, want the change counted")
	}
}

func TestMailDeletedBySomebodyElse(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	box, stop := run(t, configFor(s), v)
	connected(t, box)
	s.Deliver(letter("first"))
	wantSubjects(t, v, "first")
	stop()
	s.Deliver(letter("deleted"))
	s.Remove()
	s.Deliver(letter("second"))
	run(t, configFor(s), v)
	wantSubjects(t, v, "first", "second")
}

func TestBigMailIsKeptWholeAndABiggerOneIsCut(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	c := configFor(s)
	c.Start = email.StartAll
	line := strings.Repeat("x", 76) + "\r\n"
	whole := append(letter("whole"), strings.Repeat(line, (email.MaxMail-2000)/len(line))...)
	bigger := append(letter("bigger"), strings.Repeat(line, email.MaxMail/len(line)+1)...)
	s.Deliver(whole)
	s.Deliver(bigger)
	s.Deliver(letter("after"))
	run(t, c, v)
	wantSubjects(t, v, "whole", "too_large", "after")
	for _, g := range v.stored() {
		switch {
		case g.Stub == email.StubTooLarge:
			if n := len(g.Raw); n < 256<<10 || n > 257<<10 {
				t.Errorf("%d bytes of the bigger mail kept, want its header and 256 KiB", n)
			}
			if !strings.HasPrefix(string(g.Raw), "From: Reporter") {
				t.Errorf("the bigger mail begins with %q, want its header", g.Raw[:40])
			}
		case len(g.Raw) > 1<<20:
			if string(g.Raw) != string(whole) {
				t.Errorf("%d bytes of the whole mail stored, want its %d bytes as they are", len(g.Raw), len(whole))
			}
		}
	}
}

func TestMarkedMailIsReplacedBeforeItIsStored(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	c := configFor(s)
	c.Start = email.StartAll
	s.DeliverAt(letter("SECRET - convoy plan"), time.Date(2026, 11, 23, 10, 20, 0, 0, time.UTC))
	s.Deliver(letter("OFFICIAL-SENSITIVE - lost laptop"))
	run(t, c, v)
	wantSubjects(t, v, "marked_secret", "OFFICIAL-SENSITIVE - lost laptop")
	for _, g := range v.stored() {
		if g.Stub == "" {
			continue
		}
		want := fmt.Sprintf(`{"stub":"marked_secret","source":"reports","uid":1,"size":%d,"received":"2026-11-23T10:20:00Z"}`, len(letter("SECRET - convoy plan")))
		if string(g.Raw) != want {
			t.Errorf("stored %s, want %s", g.Raw, want)
		}
	}
}
