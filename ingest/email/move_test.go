package email_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// subjectsIn returns the subjects of the mails in a folder of s, sorted.
func subjectsIn(s *dovecot.Server, folder string) []string {
	all := []string{}
	for _, raw := range s.Folder(folder) {
		_, rest, _ := strings.Cut(string(raw), "Subject: ")
		subject, _, _ := strings.Cut(rest, "\r\n")
		all = append(all, subject)
	}
	slices.Sort(all)
	return all
}

// wantIn waits until a folder of s holds exactly these.
func wantIn(t testing.TB, s *dovecot.Server, folder string, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("folder %q holds %q, want %q", folder, got, want)
		}
	}()
	eventually.Eventually(t, 20*time.Second, fmt.Sprintf("folder %q holds %d mails", folder, len(want)), func() bool {
		got = subjectsIn(s, folder)
		return slices.Equal(got, want)
	})
}

// moving returns a mailbox on s whose mails are moved to "done".
func moving(s *dovecot.Server) email.Config {
	c := configFor(s)
	c.Start, c.MoveTo = email.StartAll, "done"
	return c
}

// raw speaks IMAP by hand: it logs in to s, says each line and returns what the
// server said to it.
func raw(t testing.TB, s *dovecot.Server, lines ...string) []string {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	_, _ = in.ReadString('\n')
	var all []string
	for i, l := range append([]string{fmt.Sprintf("LOGIN %q %q", dovecot.User, dovecot.Password)}, lines...) {
		_, _ = fmt.Fprintf(conn, "r%d %s\r\n", i, l)
		for {
			got, err := in.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(got, fmt.Sprintf("r%d ", i)) {
				if !strings.Contains(got, " OK ") {
					t.Fatalf("%s: %s", l, got)
				}
				break
			}
			if i > 0 {
				all = append(all, strings.TrimSpace(got))
			}
		}
	}
	return all
}

func TestWithoutMoveToNothingInTheMailboxChanges(t *testing.T) {
	s := dovecot.Start(t)
	for i := range 5 {
		s.Deliver(letter(fmt.Sprintf("mail %d", i)))
	}
	raw(t, s, "SELECT INBOX", `UID STORE 2 +FLAGS (\Flagged \Answered)`, `UID STORE 3 +FLAGS (\Seen)`, `UID STORE 4 +FLAGS (\Deleted keyword)`)
	for i := 5; i < 8; i++ {
		s.Deliver(letter(fmt.Sprintf("mail %d", i)))
	}
	look := func() []string {
		return raw(t, s, "EXAMINE INBOX", "UID FETCH 1:* (UID FLAGS INTERNALDATE RFC822.SIZE)", `STATUS INBOX (MESSAGES RECENT UNSEEN UIDNEXT UIDVALIDITY)`)
	}
	before := look()
	if text := strings.Join(before, "\n"); !strings.Contains(text, `\Recent`) || !strings.Contains(text, `keyword`) {
		t.Fatalf("the mailbox shows no recent mails, or no keyword: %s", text)
	}
	c := configFor(s)
	c.Start = email.StartAll
	v := newVault()
	box, stop := run(t, c, v)
	connected(t, box)
	if n := len(v.stored()); n != 8 {
		t.Fatalf("%d mails stored, want 8", n)
	}
	stop()
	if d := cmp.Diff(before, look()); d != "" {
		t.Errorf("the mailbox changed (-before +after):\n%s", d)
	}
}

func TestAMailIsMovedOnceItIsStored(t *testing.T) {
	for name, hidden := range map[string][]string{"by MOVE": nil, "by COPY and UID EXPUNGE": {" MOVE"}} {
		t.Run(name, func(t *testing.T) {
			s, v := dovecot.Start(t), newVault()
			s.MakeFolder("done")
			c := moving(s)
			c.TLS, c.CAFile, c.Address = email.TLSNone, "", newHider(t, s.Addr, hidden...)
			s.Deliver(letter("one"))
			s.Deliver(letter("SECRET - convoy plan"))
			s.Deliver(letter("two"))
			// A person has marked a mail to be deleted: that is not for us to do.
			s.Deliver(letter("SECRET - marked"))
			raw(t, s, "SELECT INBOX", `UID STORE 4 +FLAGS (\Deleted)`)
			box, _ := run(t, c, v)
			wantIn(t, s, "done", "one", "two")
			s.Deliver(letter("three"))
			wantIn(t, s, "done", "one", "three", "two")
			wantIn(t, s, "", "SECRET - convoy plan", "SECRET - marked")
			eventually.Eventually(t, 10*time.Second, "the moves are counted", func() bool { return box.Status().Moved == 3 })
			if got := box.Status(); got.MoveFailed != 0 || got.Stored != 5 {
				t.Errorf("Status() = %+v, want five stored and no failed move", got)
			}
			if got := raw(t, s, "EXAMINE done", "UID FETCH 1:* (FLAGS)"); strings.Contains(strings.Join(got[6:], ""), `\Seen`) || strings.Contains(strings.Join(got[6:], ""), `\Deleted`) {
				t.Errorf("in the folder: %q, want the mails as unread as they were", got)
			}
		})
	}
}

func TestAServerThatCannotMoveIsRefused(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.MakeFolder("done")
	s.Deliver(letter("one"))
	c := moving(s)
	c.TLS, c.CAFile, c.Address = email.TLSNone, "", newHider(t, s.Addr, " MOVE", " UIDPLUS")
	box, _ := run(t, c, v)
	eventually.Eventually(t, 20*time.Second, "the mailbox is refused", func() bool { return box.Status().Err != nil })
	if got := hintOf(box.Status().Err); !strings.Contains(got, "take move_to out") {
		t.Errorf("hint %q of %v", got, box.Status().Err)
	}
	if got := subjectsIn(s, ""); !slices.Equal(got, []string{"one"}) {
		t.Errorf("the mailbox holds %q, want it as it was", got)
	}
}

func TestAMoveThatFailsHoldsUpNothing(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.Deliver(letter("one"))
	box, stop := run(t, moving(s), v) // the folder is not there
	wantSubjects(t, v, "one")
	eventually.Eventually(t, 20*time.Second, "the failed move is counted", func() bool { return box.Status().MoveFailed == 1 })
	s.Deliver(letter("two"))
	wantSubjects(t, v, "one", "two")
	if got := box.Status(); !got.Connected || got.Reconnects != 0 {
		t.Errorf("Status() = %+v, want the same connection", got)
	}
	stop()
	wantIn(t, s, "", "one", "two")
	s.MakeFolder("done")
	box, _ = run(t, moving(s), v)
	wantIn(t, s, "done", "one", "two")
	connected(t, box)
	if n := v.repeats(); n != 0 {
		t.Errorf("%d mails read again, want none", n)
	}
}

// A failing is a connection whose Move ends as it is told.
type failing struct {
	email.Mailbox
	before func() error // instead of moving
	after  func() error // after it
}

func (f failing) Move(ctx context.Context, list email.UIDs, to string) error {
	if f.before != nil {
		if err := f.before(); err != nil {
			return err
		}
	}
	err := f.Mailbox.(email.Mover).Move(ctx, list, to)
	if err == nil && f.after != nil {
		err = f.after()
	}
	return err
}

func TestACrashBetweenStoringAndMoving(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*vault, *failing, func())
		// What is in the folder when the process has crashed.
		moved []string
		again int // mails put again by the next process
	}{
		{"noted, and not moved", func(_ *vault, f *failing, crash func()) {
			f.before = func() error { crash(); return errFault }
		}, []string{}, 0},
		{"moved, and not noted", func(v *vault, f *failing, crash func()) {
			f.after = func() error {
				v.fail(func(v *vault) { v.saveBefore = 1 << 30 })
				crash()
				return nil
			}
		}, []string{"one", "two"}, 0},
		{"moved, and noted without an answer", func(v *vault, f *failing, crash func()) {
			f.after = func() error {
				v.fail(func(v *vault) { v.saveAfter = 1 << 30 })
				crash()
				return nil
			}
		}, []string{"one", "two"}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, v := dovecot.Start(t), newVault()
			s.MakeFolder("done")
			s.Deliver(letter("one"))
			s.Deliver(letter("two"))
			c := moving(s)
			box, err := email.New(c, v, v, testLog(t))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			f := &failing{}
			tt.fault(v, f, cancel)
			email.SetDial(box, func(ctx context.Context) (email.Mailbox, error) {
				m, err := email.Dial(ctx, c)
				return failing{m, f.before, f.after}, err
			})
			_ = box.Run(ctx)
			if got := subjectsIn(s, "done"); !slices.Equal(got, tt.moved) {
				t.Errorf("at the crash the folder holds %q, want %q", got, tt.moved)
			}
			v.fail(func(v *vault) { v.saveBefore, v.saveAfter = 0, 0 })
			before := v.repeats()
			s.Deliver(letter("three"))
			run(t, c, v)
			wantIn(t, s, "done", "one", "three", "two")
			wantIn(t, s, "")
			wantSubjects(t, v, "one", "two", "three")
			if got := v.repeats() - before; got != tt.again {
				t.Errorf("%d mails put again, want %d", got, tt.again)
			}
		})
	}
}

func TestAMailThatIsNotStoredIsNeverMoved(t *testing.T) {
	for _, tt := range []struct {
		name  string
		fault func(*vault)
	}{
		{"it was not put", func(v *vault) { v.putBefore = 1 << 30 }},
		{"it is not known to have been put", func(v *vault) { v.putAfter = 1 << 30 }},
		{"it was refused for good", func(v *vault) { v.refuse = true }},
		{"its position was not saved", func(v *vault) { v.saveBefore = 1 << 30 }},
		{"its position is not known to have been saved", func(v *vault) { v.saveAfter = 1 << 30 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s, v := dovecot.Start(t), newVault()
			s.MakeFolder("done")
			s.Deliver(letter("one"))
			c := moving(s)
			if err := v.Save(t.Context(), "imap.reports", start(t, s)); err != nil {
				t.Fatal(err)
			}
			v.fail(tt.fault)
			var moves atomic.Int32
			box, err := email.New(c, v, v, testLog(t))
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan struct{})
			email.SetDial(box, func(ctx context.Context) (email.Mailbox, error) {
				m, err := email.Dial(ctx, c)
				return failing{Mailbox: m, before: func() error { moves.Add(1); return nil }}, err
			})
			go func() { defer close(ended); _ = box.Run(ctx) }()
			eventually.Eventually(t, 20*time.Second, "it was tried twice, or read", func() bool {
				st := box.Status()
				return st.Reconnects >= 2 || !st.Read.IsZero()
			})
			cancel()
			<-ended
			if n := moves.Load(); n != 0 {
				t.Errorf("%d moves, want none", n)
			}
			if got := subjectsIn(s, ""); !slices.Equal(got, []string{"one"}) {
				t.Errorf("the mailbox holds %q, want the mail", got)
			}
		})
	}
}

// Numbers of former mails name others now.
func TestOldNumbersMoveNothing(t *testing.T) {
	s, v := dovecot.Start(t), newVault()
	s.MakeFolder("done")
	for _, n := range []string{"old one", "old two"} {
		s.DeliverAt(letter(n), time.Now().AddDate(0, 0, -20))
	}
	raw(t, s, "SELECT INBOX")
	now := time.Now().UTC().Format(time.RFC3339)
	p := `{"uidvalidity":1,"last_uid":2,"last_internaldate":"` + now + `","start":"` + now + `","account":{"seen":{"n":2,"uids":"1:2"},"stored":{"n":2,"uids":"1:2"},"moving":"1:2","looked":"` + now + `"}}`
	if err := v.Save(t.Context(), "imap.reports", []byte(p)); err != nil {
		t.Fatal(err)
	}
	c := moving(s)
	c.Start = email.StartNow
	box, _ := run(t, c, v)
	connected(t, box)
	s.Deliver(letter("new"))
	wantIn(t, s, "done", "new")
	wantIn(t, s, "", "old one", "old two")
	if box.Status().Renumbered != 1 {
		t.Errorf("Status() = %+v, want the numbers to have changed", box.Status())
	}
}

// go-imap's own substitute for MOVE sends COPY, STORE and EXPUNGE at once.
func TestWhatCouldNotBeCopiedIsNotDeleted(t *testing.T) {
	s := script(t, func(k *talk) {
		k.say("* OK hello")
		k.serve(with(opening("AUTH=PLAIN SASL-IR UIDPLUS"), "UID SEARCH", "* SEARCH 5 6\r\n%t OK done", "UID COPY", "%t NO [TRYCREATE] no such folder"))
	})
	c := configAt(t, s.addr)
	c.MoveTo = "done"
	m, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.(email.Mover).Move(t.Context(), email.UIDsOf(5, 6, 7), "done"); err == nil {
		t.Error("Move() = nil, want the refusal")
	}
	if _, err := m.Search(t.Context(), 0, time.Time{}); err != nil {
		t.Errorf("Search() after it: %v, want the connection well", err)
	}
	for _, l := range s.lines() {
		if strings.Contains(l, "STORE") || strings.Contains(l, "EXPUNGE") {
			t.Errorf("after a refused COPY it said %q", l)
		}
		if strings.Contains(l, "UID COPY") && !strings.HasSuffix(l, "UID COPY 5:6 done") && !strings.HasSuffix(l, `UID COPY 5:6 "done"`) {
			t.Errorf("it said %q, want those that are there", l)
		}
	}
}

func TestWhatWasCopiedAndNotDeletedIsNotCopiedAgain(t *testing.T) {
	refuse := true
	s := script(t, func(k *talk) {
		k.say("* OK hello")
		answers := with(opening("AUTH=PLAIN SASL-IR UIDPLUS"), "UID SEARCH", "* SEARCH 5\r\n%t OK done", "UID STORE", "%t NO not now")
		for tag, rest, ok := k.command(); ok; tag, rest, ok = k.command() {
			a := "%t OK done"
			for words, answer := range answers {
				if strings.HasPrefix(rest, words) && (words != "UID STORE" || refuse) {
					a = answer
				}
			}
			k.say("%s", strings.ReplaceAll(a, "%t", tag))
		}
	})
	c := configAt(t, s.addr)
	c.MoveTo = "done"
	m, err := open(t, c)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.(email.Mover).Move(t.Context(), email.UIDsOf(5), "done"); err == nil {
		t.Error("Move() = nil, want the refusal")
	}
	refuse = false
	if err := m.(email.Mover).Move(t.Context(), email.UIDsOf(5), "done"); err != nil {
		t.Errorf("Move() = %v", err)
	}
	copies, expunges := 0, 0
	for _, l := range s.lines() {
		if strings.Contains(l, "UID COPY") {
			copies++
		}
		if strings.Contains(l, "UID EXPUNGE 5") {
			expunges++
		}
		if strings.HasSuffix(l, " EXPUNGE") || strings.HasSuffix(l, " CLOSE") {
			t.Errorf("it said %q, which deletes what others marked", l)
		}
	}
	if copies != 1 || expunges != 1 {
		t.Errorf("%d times COPY, %d times EXPUNGE, want one of each", copies, expunges)
	}
}

func TestMovingIsSelectedOnlyWithMoveTo(t *testing.T) {
	for _, to := range []string{"", "done"} {
		s := script(t, func(k *talk) { k.say("* OK hello"); k.serve(opening("AUTH=PLAIN SASL-IR MOVE")) })
		c := configAt(t, s.addr)
		c.MoveTo = to
		if _, err := open(t, c); err != nil {
			t.Fatal(err)
		}
		for _, l := range s.lines() {
			if got := strings.Contains(l, "SELECT"); got && to == "" {
				t.Errorf("without move_to it said %q", l)
			}
		}
	}
}

func TestSetsOfMailsToMoveAreDividedWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Uint32Range(1, 200), 0, 100).Draw(t, "uids")
		n := rapid.Uint64Range(1, 20).Draw(t, "at once")
		var got []uint32
		for part := range email.Parts(email.UIDsOf(list...), n) {
			if len(part) == 0 || uint64(len(part)) > n {
				t.Fatalf("a part of %d, want 1 to %d", len(part), n)
			}
			got = append(got, part...)
		}
		slices.Sort(list)
		if want := slices.Compact(list); !slices.Equal(got, want) {
			t.Fatalf("parts give %v, want %v", got, want)
		}
	})
}

var _ = errors.Is
