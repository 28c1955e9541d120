package email_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// A vault stands for the streams: it keeps what was put and what was saved over
// restarts of the box, and fails where it is told to.
type vault struct {
	mu        sync.Mutex
	signals   []incident.Signal
	known     map[incident.SignalID]int // how often it was put
	positions map[string][]byte

	// putBefore and putAfter fail the next Put without and with its effect;
	// saveBefore and saveAfter the next Save.
	putBefore, putAfter, saveBefore, saveAfter int
	refuse                                     bool   // every Put, for good
	onPut                                      func() // once, after the next Put; holds the lock
}

var (
	_ ingest.Sink      = (*vault)(nil)
	_ ingest.Positions = (*vault)(nil)
)

func newVault() *vault {
	return &vault{known: map[incident.SignalID]int{}, positions: map[string][]byte{}}
}

var errFault = errors.New("fault of the test")

type refused struct{}

func (refused) Error() string   { return "refused" }
func (refused) Permanent() bool { return true }

func (v *vault) Put(_ context.Context, s incident.Signal) (incident.Receipt, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refuse {
		return incident.Receipt{}, refused{}
	}
	if v.putBefore > 0 {
		v.putBefore--
		return incident.Receipt{}, errFault
	}
	v.known[s.ID]++
	if v.onPut != nil {
		v.onPut()
		v.onPut = nil
	}
	repeat := v.known[s.ID] > 1
	if !repeat {
		v.signals = append(v.signals, s)
	}
	if v.putAfter > 0 {
		v.putAfter--
		return incident.Receipt{}, errFault
	}
	return incident.Receipt{Pos: incident.Pos{Seq: uint64(len(v.signals))}, Repeat: repeat}, nil
}

func (v *vault) Load(_ context.Context, key string) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.positions[key]), nil
}

func (v *vault) Save(_ context.Context, key string, value []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.saveBefore > 0 {
		v.saveBefore--
		return errFault
	}
	v.positions[key] = slices.Clone(value)
	if v.saveAfter > 0 {
		v.saveAfter--
		return errFault
	}
	return nil
}

func (v *vault) fail(f func(*vault)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f(v)
}

func (v *vault) stored() []incident.Signal {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.signals)
}

// subjects returns the subjects of what is stored, in order.
func (v *vault) subjects() []string {
	var all []string
	for _, s := range v.stored() {
		subject := ""
		for l := range strings.Lines(string(s.Raw)) {
			if rest, ok := strings.CutPrefix(l, "Subject: "); ok {
				subject = strings.TrimSpace(rest)
				break
			}
		}
		if s.Stub != "" {
			subject = s.Stub
		}
		all = append(all, subject)
	}
	return all
}

// repeats returns how often something was put that was there.
func (v *vault) repeats() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	n := 0
	for _, times := range v.known {
		n += times - 1
	}
	return n
}

func (v *vault) position(t testing.TB, source string) (p struct {
	UIDValidity uint32 `json:"uidvalidity"`
	LastUID     uint32 `json:"last_uid"`
}) {
	t.Helper()
	v.mu.Lock()
	defer v.mu.Unlock()
	b := v.positions["imap."+source]
	if b == nil {
		return p
	}
	if err := json.Unmarshal(b, &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// configFor returns a mailbox on s, over TLS.
func configFor(s *dovecot.Server) email.Config {
	c := email.Default()
	c.Name = "reports"
	c.Address = s.TLSAddr
	c.CAFile = s.CAFile
	c.Username = dovecot.User
	c.PasswordFile = s.PasswordFile
	c.Tells = ingest.Telling{{Tells: incident.TellsTeam}}
	return c
}

// run runs a box until the returned function is called.
func run(t testing.TB, c email.Config, v *vault) (box *email.Box, stop func()) {
	t.Helper()
	box, err := email.New(c, v, v, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := box.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want it to end with its context", err)
		}
	})
	stop = sync.OnceFunc(func() { cancel(); wg.Wait() })
	t.Cleanup(stop)
	return box, stop
}

func testLog(t testing.TB) *slog.Logger {
	t.Helper()
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

// wantSubjects waits until the vault holds exactly these, in any order.
func wantSubjects(t testing.TB, v *vault, want ...string) {
	t.Helper()
	slices.Sort(want)
	var got []string
	defer func() {
		if t.Failed() {
			t.Logf("stored %q, want %q", got, want)
		}
	}()
	eventually.Eventually(t, 30*time.Second, fmt.Sprintf("%d mails are stored", len(want)), func() bool {
		got = v.subjects()
		slices.Sort(got)
		return slices.Equal(got, want)
	})
}

// connected waits until the mailbox has been read through once.
func connected(t testing.TB, box *email.Box) {
	t.Helper()
	eventually.Eventually(t, 20*time.Second, "the mailbox is read", func() bool { return !box.Watermark().IsZero() })
}

// letter is a small mail with a subject.
func letter(subject string) []byte {
	return fmt.Appendf(nil, "From: Reporter <reporter@example.org>\r\nTo: reports@example.org\r\nSubject: %s\r\n"+
		"Message-ID: <%s@example.org>\r\nDate: Mon, 23 Nov 2026 10:20:00 +0000\r\n\r\nSomething happened: %s\r\n",
		subject, strings.ReplaceAll(subject, " ", "-"), subject)
}

// A cutter stands between a client and a server and cuts each connection after
// some bytes of the server's.
type cutter struct {
	addr string
	l    net.Listener
	to   string
	mu   sync.Mutex
	left func() int64 // bytes for the next connection; negative: no cut
	live map[net.Conn]bool
	wg   sync.WaitGroup
}

func newCutter(t testing.TB, to string, left func() int64) *cutter {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{addr: l.Addr().String(), l: l, to: to, left: left, live: map[net.Conn]bool{}}
	c.wg.Go(c.serve)
	t.Cleanup(func() {
		_ = l.Close()
		c.cutAll()
		c.wg.Wait()
	})
	return c
}

func (c *cutter) serve() {
	for {
		down, err := c.l.Accept()
		if err != nil {
			return
		}
		up, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", c.to)
		if err != nil {
			_ = down.Close()
			continue
		}
		c.mu.Lock()
		n := c.left()
		c.live[down], c.live[up] = true, true
		c.mu.Unlock()
		var pair sync.WaitGroup
		pair.Go(func() { _, _ = io.Copy(up, down); _ = up.Close() })
		pair.Go(func() {
			if n < 0 {
				_, _ = io.Copy(down, up)
			} else {
				_, _ = io.CopyN(down, up, n)
			}
			_ = down.Close()
			_ = up.Close()
		})
		c.wg.Go(pair.Wait)
	}
}

// cutAll cuts every connection that is open.
func (c *cutter) cutAll() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for conn := range c.live {
		_ = conn.Close()
	}
	clear(c.live)
}
