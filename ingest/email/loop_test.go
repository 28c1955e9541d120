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

// A server in a bubble keeps mails by UID. Sockets cannot be in a bubble: what
// they do is tested on Dovecot.
type server struct {
	mu       sync.Mutex
	validity uint32
	mails    []served
	down     bool // no connection can be made
	dials    []time.Time
	refusal  error // what a connection is refused with
	searches int
	waits    []time.Duration
	news     chan struct{}
}

type served struct {
	raw      []byte
	internal time.Time
	err      error // of every Fetch
	hidden   bool  // from List
	unlisted bool  // from Search: not there yet, or not any more
}

func newServer() *server { return &server{validity: 1, news: make(chan struct{}, 1)} }

func (s *server) deliver(m served) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m.internal.IsZero() {
		m.internal = time.Now()
	}
	s.mails = append(s.mails, m)
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *server) dial(context.Context) (email.Mailbox, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials = append(s.dials, time.Now())
	if s.refusal != nil {
		return nil, s.refusal
	}
	if s.down {
		return nil, errors.New("connection refused")
	}
	return &conn{server: s, state: email.NewState(s.validity, uint32(len(s.mails))+1)}, nil
}

func (s *server) with(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

type conn struct {
	*server
	state email.State
}

var _ email.Mailbox = (*conn)(nil)

func (c *conn) State() email.State { return c.state }

func (c *conn) Search(_ context.Context, after uint32, since time.Time) ([]uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		return nil, errors.New("connection reset")
	}
	c.searches++
	var uids []uint32
	for i, m := range c.mails {
		if uid := uint32(i) + 1; !m.unlisted && uid > after && (since.IsZero() || !m.internal.Before(since)) {
			uids = append(uids, uid)
		}
	}
	return uids, nil
}

func (c *conn) List(_ context.Context, uids []uint32) (map[uint32]email.Listed, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[uint32]email.Listed{}
	for _, uid := range uids {
		if m := c.mails[uid-1]; !m.hidden {
			all[uid] = email.NewListed(int64(len(m.raw)), m.internal)
		}
	}
	return all, nil
}

func (c *conn) Fetch(_ context.Context, uid uint32, _ bool) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m := c.mails[uid-1]
	return m.raw, m.err
}

func (c *conn) Wait(ctx context.Context, d time.Duration) error {
	c.with(func() { c.waits = append(c.waits, d) })
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-c.news:
		return nil
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (c *conn) Close() {}

// inBubble runs a box against a server in virtual time, from noon.
func inBubble(t *testing.T, f func(t *testing.T, s *server, v *vault, box *email.Box)) {
	t.Helper()
	inBubbleFrom(t, email.StartNow, f)
}

// inBubbleFrom is inBubble with another start, on a mailbox that holds ten mails
// of the last ten days.
func inBubbleFrom(t *testing.T, start string, f func(t *testing.T, s *server, v *vault, box *email.Box)) {
	t.Helper()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC))
		c := config()
		c.Address, c.Username, c.PasswordFile = "imap.example.org:993", "u", secret
		c.Start = start
		s, v := newServer(), newVault()
		if start != email.StartNow {
			for day := range 10 {
				s.deliver(served{raw: letter(fmt.Sprintf("old %d", day)), internal: time.Now().AddDate(0, 0, day-10)})
			}
			v.putBefore = 1 << 30
		}
		box, err := email.New(c, v, v, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		email.SetDial(box, s.dial)
		ctx, cancel := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { _ = box.Run(ctx) })
		synctest.Wait()
		f(t, s, v, box)
		cancel()
		wg.Wait()
	})
}

func TestWatermarkFollowsThePollWhenNothingComes(t *testing.T) {
	inBubble(t, func(t *testing.T, _ *server, _ *vault, box *email.Box) {
		start := time.Now().UTC()
		for i := range 5 {
			if got, want := box.Watermark(), start.Add(time.Duration(i)*time.Minute); !got.Equal(want) {
				t.Errorf("after %d minutes Watermark() = %s, want %s", i, got, want)
			}
			bubble.Advance(time.Minute)
		}
	})
}

func TestWatermarkStandsStillWhileTheServerIsAway(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		last := box.Watermark()
		s.with(func() { s.down = true })
		bubble.Advance(2 * time.Hour)
		if got := box.Watermark(); !got.Equal(last) {
			t.Errorf("Watermark() = %s after two hours without the server, want %s", got, last)
		}
		if got := box.Status(); got.Connected || got.Err == nil {
			t.Errorf("Status() = %+v, want not connected, with an error", got)
		}
		// Scenario 32: what came meanwhile is read with the time of its coming.
		came := time.Now().Add(-time.Hour).UTC()
		s.deliver(served{raw: letter("while away"), internal: came})
		s.with(func() { s.down = false })
		bubble.Advance(2 * time.Minute)
		got := v.stored()
		if len(got) != 1 || !got[0].Stamped.Equal(came) {
			t.Fatalf("stored %v, want one mail stamped %s", got, came)
		}
		if w := box.Watermark(); !w.After(came) {
			t.Errorf("Watermark() = %s, want it past %s", w, came)
		}
	})
}

func TestRetriesBackOffAndAreUneven(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, _ *vault, _ *email.Box) {
		s.with(func() { s.down = true })
		bubble.Advance(time.Hour)
		var pauses []time.Duration
		s.with(func() {
			for i := 2; i < len(s.dials); i++ {
				pauses = append(pauses, s.dials[i].Sub(s.dials[i-1]))
			}
		})
		if n := len(pauses); n < 35 || n > 130 {
			t.Errorf("%d tries in an hour, want one about every minute", n)
		}
		if longest := slices.Max(pauses); longest > 90*time.Second {
			t.Errorf("longest pause %s, want at most 90 seconds", longest)
		}
		even := slices.Compact(slices.Clone(pauses))
		if len(even) < len(pauses)/2 {
			t.Errorf("pauses %v, want them uneven", pauses)
		}
	})
}

func TestMailThatTheServerDoesNotGiveOutIsNotedAndPassed(t *testing.T) {
	for name, m := range map[string]served{
		"listed, and no data":      {err: email.ErrAbsent, hidden: true},
		"refused":                  {err: fmt.Errorf("NO: %w", email.ErrRefused)},
		"the connection breaks":    {err: errors.New("connection reset")},
		"listed, and not given it": {err: email.ErrAbsent},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
				s.deliver(served{raw: letter("before")})
				s.deliver(m)
				s.deliver(served{raw: letter("after")})
				bubble.Advance(20 * time.Minute)
				want := []string{"before", "unreadable", "after"}
				if got := v.subjects(); !slices.Equal(got, want) {
					t.Errorf("stored %q, want %q", got, want)
				}
				if got := box.Status(); got.Unreadable != 1 || got.Stored != 3 || !got.Connected {
					t.Errorf("Status() = %+v, want 3 stored, one of them unreadable, and connected", got)
				}
			})
		})
	}
}

func TestMailThatCanBeReadAgainIsNotGivenUp(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, _ *email.Box) {
		s.deliver(served{raw: letter("slow"), err: errors.New("connection reset")})
		bubble.Advance(10 * time.Second)
		s.with(func() { s.mails[0].err = nil })
		bubble.Advance(5 * time.Minute)
		if got, want := v.subjects(), []string{"slow"}; !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
	})
}

func TestRenumberedMailboxIsReadFromTwoDaysBack(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, box *email.Box) {
		now := time.Now()
		for day := range 4 {
			bubble.Advance(24 * time.Hour)
			s.deliver(served{raw: letter(fmt.Sprintf("day %d", day))})
		}
		bubble.Advance(2 * time.Minute)
		first := v.repeats()
		s.with(func() {
			s.validity++
			// The mails have other numbers, and there is an older one that was
			// there before we ever came.
			slices.Reverse(s.mails)
			s.mails = append(s.mails, served{raw: letter("older"), internal: now.Add(-time.Hour)})
			s.down = true
		})
		bubble.Advance(time.Minute)
		s.with(func() { s.down = false })
		bubble.Advance(5 * time.Minute)
		want := []string{"day 0", "day 1", "day 2", "day 3"}
		if got := v.subjects(); !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
		if got := v.repeats() - first; got < 2 || got > 4 {
			t.Errorf("%d mails put again, want those of the last days", got)
		}
		if got := box.Status().Renumbered; got != 1 {
			t.Errorf("Status().Renumbered = %d, want 1", got)
		}
		s.deliver(served{raw: letter("next")})
		bubble.Advance(time.Minute)
		if got := v.subjects(); !slices.Contains(got, "next") {
			t.Errorf("stored %q, want the next mail too", got)
		}
	})
}

func TestAMailMovedInWithAnOldDateIsRead(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, _ *email.Box) {
		s.deliver(served{raw: letter("moved here"), internal: time.Now().AddDate(0, -2, 0)})
		bubble.Advance(time.Minute)
		if got, want := v.subjects(), []string{"moved here"}; !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
	})
}

// What was not read of an old mailbox when it was renumbered is not lost.
func TestMailboxRenumberedWhileItIsReadForTheFirstTime(t *testing.T) {
	for start, want := range map[string]int{email.StartAll: 10, "2026-11-16": 7} {
		t.Run(start, func(t *testing.T) {
			inBubbleFrom(t, start, func(t *testing.T, s *server, v *vault, _ *email.Box) {
				bubble.Advance(time.Minute)
				s.with(func() { s.validity++ })
				v.fail(func(v *vault) { v.putBefore = 0 })
				bubble.Advance(5 * time.Minute)
				if got := v.subjects(); len(got) != want {
					t.Errorf("stored %q, want the last %d", got, want)
				}
			})
		})
	}
}

func TestADateInTheFutureDoesNotHideWhatComesAfter(t *testing.T) {
	inBubble(t, func(t *testing.T, s *server, v *vault, _ *email.Box) {
		s.deliver(served{raw: letter("from the future"), internal: time.Now().AddDate(4, 0, 0)})
		bubble.Advance(2 * time.Minute)
		s.with(func() { s.validity++; s.down = true })
		s.deliver(served{raw: letter("today")})
		bubble.Advance(2 * time.Minute)
		s.with(func() { s.down = false })
		bubble.Advance(2 * time.Minute)
		if got, want := v.subjects(), []string{"from the future", "today"}; !slices.Equal(got, want) {
			t.Errorf("stored %q, want %q", got, want)
		}
	})
}
