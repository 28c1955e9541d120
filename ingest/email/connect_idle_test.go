package email_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
)

// A piped server speaks IMAP over pipes in virtual time. It has one mailbox,
// whose mails have the UIDs from 1.
type piped struct {
	caps string
	poll time.Duration
	// silent says of the nth connection, from 1, and the commands that it heard
	// before, whether the server says nothing any more.
	silent func(n int, heard []spoken) bool

	mu    sync.Mutex
	mails [][]byte
	talks [][]spoken
	conns []net.Conn
	wg    sync.WaitGroup
}

// spoken is a command without its tag.
type spoken struct {
	at   time.Time
	line string
}

func (s *piped) dial(context.Context) (email.Mailbox, error) {
	ours, theirs := net.Pipe()
	s.mu.Lock()
	s.conns = append(s.conns, theirs)
	s.talks = append(s.talks, nil)
	n := len(s.conns)
	s.mu.Unlock()
	s.wg.Go(func() { s.serve(n, theirs) })
	return email.NewConnectionWith(ours, strings.Contains(s.caps, "IDLE"), email.NewState(1, 1)), nil
}

func (s *piped) serve(n int, conn net.Conn) {
	say := func(format string, args ...any) { _, _ = fmt.Fprintf(conn, format+"\r\n", args...) }
	say("* OK [CAPABILITY IMAP4rev1 %s] hello", s.caps)
	idle := ""
	for in := bufio.NewScanner(conn); in.Scan(); {
		tag, line, _ := strings.Cut(in.Text(), " ")
		if tag == "DONE" {
			tag, line = idle, "DONE"
		}
		s.mu.Lock()
		s.talks[n-1] = append(s.talks[n-1], spoken{time.Now(), line})
		talk, mails := slices.Clone(s.talks[n-1]), slices.Clone(s.mails)
		s.mu.Unlock()
		if s.silent != nil && s.silent(n, talk) {
			_, _ = io.Copy(io.Discard, conn)
			return
		}
		words := strings.Fields(line)
		switch {
		case line == "IDLE":
			idle = tag
			say("+ idling")
			continue
		case strings.HasPrefix(line, "UID SEARCH"):
			all := ""
			for i := range mails {
				all += fmt.Sprintf(" %d", i+1)
			}
			say("* SEARCH%s", all)
		case strings.Contains(line, "INTERNALDATE"):
			for i, m := range mails {
				say("* %d FETCH (UID %d INTERNALDATE \"24-Nov-2026 12:00:00 +0000\" RFC822.SIZE %d)", i+1, i+1, len(m))
			}
		case strings.HasPrefix(line, "UID FETCH"):
			for i, m := range mails {
				if words[2] == fmt.Sprint(i+1) {
					say("* %d FETCH (UID %d BODY[] {%d}\r\n%s)", i+1, i+1, len(m), m)
				}
			}
		}
		say("%s OK done", tag)
	}
}

func (s *piped) heard() [][]spoken {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all [][]spoken
	for _, t := range s.talks {
		all = append(all, slices.Clone(t))
	}
	return all
}

// reading runs a box against s in virtual time.
func reading(t *testing.T, s *piped, check func(t *testing.T, box *email.Box, v *vault)) {
	t.Helper()
	secret := secretFile(t, "x")
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC))
		c := configAt(t, "127.0.0.1:1")
		c.PasswordFile = secret
		if s.poll > 0 {
			c.Poll = incident.Span(s.poll)
		}
		v := newVault()
		box, err := email.New(c, v, v, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		email.SetDial(box, s.dial)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = box.Run(ctx) })
		synctest.Wait()
		check(t, box, v)
		cancel()
		wg.Wait()
		for _, c := range s.conns {
			_ = c.Close()
		}
		s.wg.Wait()
	})
}

func TestIdleIsLeftAndRenewedWithANoop(t *testing.T) {
	for _, poll := range []time.Duration{time.Minute, 4 * time.Minute} {
		s := &piped{caps: "IDLE", poll: poll}
		reading(t, s, func(t *testing.T, _ *email.Box, _ *vault) {
			bubble.Advance(20 * time.Minute)
			talks := s.heard()
			if len(talks) != 1 {
				t.Fatalf("%d connections, want one", len(talks))
			}
			var last time.Time
			rounds := 0
			for i, c := range talks[0] {
				if !last.IsZero() && c.at.Sub(last) > 4*time.Minute {
					t.Errorf("nothing was said for %s before %q", c.at.Sub(last), c.line)
				}
				last = c.at
				if c.line != "IDLE" {
					continue
				}
				rounds++
				// Behind each IDLE its end, and a NOOP before anything is asked.
				if i+2 < len(talks[0]) && (talks[0][i+1].line != "DONE" || talks[0][i+2].line != "NOOP") {
					t.Errorf("after IDLE came %q, %q, want DONE, NOOP", talks[0][i+1].line, talks[0][i+2].line)
				}
			}
			if want := int(20 * time.Minute / poll); rounds < want {
				t.Errorf("poll %s: %d times idle in 20 minutes, want %d or more", poll, rounds, want)
			}
		})
	}
}

func TestAServerWithoutIdleIsPolled(t *testing.T) {
	s := &piped{caps: "ID"}
	reading(t, s, func(t *testing.T, _ *email.Box, v *vault) {
		bubble.Advance(10*time.Minute + time.Second)
		s.mu.Lock()
		s.mails = append(s.mails, letter("polled"))
		s.mu.Unlock()
		bubble.Advance(time.Minute)
		if got := v.subjects(); !slices.Equal(got, []string{"polled"}) {
			t.Errorf("stored %q, want the mail within a minute", got)
		}
		noops := 0
		for _, c := range s.heard()[0] {
			switch {
			case c.line == "IDLE":
				t.Error("IDLE was said to a server that has none")
			case c.line == "NOOP":
				noops++
			}
		}
		if noops < 11 {
			t.Errorf("%d times NOOP in 11 minutes, want one a minute", noops)
		}
	})
}

// A balancer forgot the connection: all that is sent is swallowed, and nothing
// says so.
func TestAMailIsReadAlthoughTheLineWentDeadWhileIdle(t *testing.T) {
	s := &piped{caps: "IDLE", silent: func(n int, heard []spoken) bool {
		return n == 1 && heard[len(heard)-1].line == "DONE"
	}}
	reading(t, s, func(t *testing.T, box *email.Box, v *vault) {
		last := box.Watermark()
		s.mu.Lock()
		s.mails = append(s.mails, letter("swallowed"))
		s.mu.Unlock()
		// One poll, one answerWithin, and the first pause.
		bubble.Advance(2*time.Minute + 10*time.Second)
		if got := v.subjects(); !slices.Equal(got, []string{"swallowed"}) {
			t.Errorf("stored %q, want the mail", got)
		}
		if n := len(s.heard()); n != 2 {
			t.Errorf("%d connections, want a second", n)
		}
		if !box.Watermark().After(last) {
			t.Error("the watermark stands still")
		}
	})
}

type slowly struct {
	error
	after time.Duration
}

func (e slowly) RetryAfter() time.Duration { return e.after }

// An account that is locked for too many tries is worse than a late mail.
func TestAfterARefusalThereIsAtMostOneTryAMinute(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, _ *vault, _ *email.Box) {
		s.with(func() { s.down = true })
		bubble.Advance(time.Minute)
		s.with(func() {
			s.dials, s.refusal = nil, fmt.Errorf("log in: %w", slowly{errors.New("NO"), email.RefusedPause})
		})
		bubble.Advance(2 * time.Hour)
		s.with(func() {
			tries := s.dials
			for i := 1; i < len(tries); i++ {
				if d := tries[i].Sub(tries[i-1]); d < time.Minute || d > 3*time.Minute {
					t.Errorf("%s between two tries, want one to three minutes", d)
				}
			}
			if len(tries) < 40 {
				t.Errorf("%d tries in two hours, want that it goes on", len(tries))
			}
		})
	})
}

// However long a server asks for fewer requests, the mail is not given up.
func TestAMailIsNotGivenUpWhileTheServerIsOverloaded(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		s.deliver(served{raw: letter("patient"), err: email.Throttled()})
		bubble.Advance(3 * time.Hour)
		if got := v.subjects(); len(got) > 0 {
			t.Fatalf("stored %q, want nothing yet", got)
		}
		var dials int
		s.with(func() { dials, s.mails[0].err = len(s.dials), nil })
		if dials < 13 || dials > 90 {
			t.Errorf("%d connections in three hours, want one each few minutes", dials)
		}
		bubble.Advance(10 * time.Minute)
		if got := v.subjects(); !slices.Equal(got, []string{"patient"}) {
			t.Errorf("stored %q, want the mail", got)
		}
	})
}
