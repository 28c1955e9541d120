package email_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// A scripted server says what a real one says in cases that no real one can be
// brought to at will. It writes down every line that it hears.
type scripted struct {
	addr string
	l    net.Listener
	wg   sync.WaitGroup

	mu    sync.Mutex
	heard []string
	conns int
	live  []net.Conn
}

// A talk is one connection to a scripted server.
type talk struct {
	*scripted
	conn net.Conn
	in   *bufio.Reader
	n    int // of the connection, from 1
}

// script runs a server on loopback that holds each talk until the test ends.
func script(t testing.TB, hold func(*talk)) *scripted {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{addr: l.Addr().String(), l: l}
	s.wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns++
			s.live = append(s.live, conn)
			k := &talk{scripted: s, conn: conn, in: bufio.NewReader(conn), n: s.conns}
			s.mu.Unlock()
			s.wg.Go(func() {
				defer conn.Close()
				hold(k)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		s.mu.Lock()
		for _, c := range s.live {
			_ = c.Close()
		}
		s.mu.Unlock()
		s.wg.Wait()
	})
	return s
}

// say sends a line, with CRLF.
func (k *talk) say(format string, args ...any) {
	_, _ = io.WriteString(k.conn, fmt.Sprintf(format, args...)+"\r\n")
}

// hear returns the next line, without CRLF, and ok if there is one.
func (k *talk) hear() (string, bool) {
	line, err := k.in.ReadString('\n')
	line = strings.TrimRight(line, "\r\n")
	if err == nil {
		k.mu.Lock()
		k.heard = append(k.heard, line)
		k.mu.Unlock()
	}
	return line, err == nil
}

// command returns the next command's tag and what follows it.
func (k *talk) command() (tag, rest string, ok bool) {
	line, ok := k.hear()
	tag, rest, _ = strings.Cut(line, " ")
	return tag, rest, ok
}

// serve answers commands by their first words (the longest that fit) until the
// other end leaves; %t is the tag. A command without an answer gets OK.
func (k *talk) serve(answers map[string]string) {
	for {
		tag, rest, ok := k.command()
		if !ok {
			return
		}
		best, answer := -1, "%t OK done"
		for words, a := range answers {
			if strings.HasPrefix(rest, words) && len(words) > best {
				best, answer = len(words), a
			}
		}
		if answer == "CUT" {
			return
		}
		if answer != "" {
			k.say("%s", strings.ReplaceAll(answer, "%t", tag))
		}
	}
}

// lines returns what was heard, of all connections.
func (s *scripted) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.heard...)
}

// opening is what a server answers to be opened with an empty mailbox, whose
// next UID is 1.
func opening(caps string) map[string]string {
	return map[string]string{
		"CAPABILITY": "* CAPABILITY IMAP4rev1 " + caps + "\r\n%t OK done",
		"EXAMINE":    "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 1] next\r\n%t OK [READ-ONLY] done",
		"SELECT":     "* 0 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\n* OK [UIDNEXT 1] next\r\n%t OK [READ-WRITE] done",
	}
}

// with returns answers and those of more, which replace them.
func with(answers map[string]string, more ...string) map[string]string {
	for i := 0; i+1 < len(more); i += 2 {
		answers[more[i]] = more[i+1]
	}
	return answers
}

// configAt returns a mailbox on addr, without TLS and with a password.
func configAt(t testing.TB, addr string) email.Config {
	t.Helper()
	c := email.Default()
	c.Name, c.Address, c.TLS = "reports", addr, email.TLSNone
	c.Username, c.PasswordFile = "reports@example.org", secretFile(t, "correct horse")
	c.Tells = ingest.Telling{{Tells: incident.TellsTeam}}
	return c
}

// secretFile returns a file that holds s.
func secretFile(t testing.TB, s string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(s+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// open opens c's mailbox and closes it when the test ends.
func open(t testing.TB, c email.Config) (email.Mailbox, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	m, err := email.Dial(ctx, c)
	if err == nil {
		t.Cleanup(m.Close)
	}
	return m, err
}

// deadline is a context that ends after d.
func deadline(t testing.TB, d time.Duration) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithTimeout(t.Context(), d)
}

// hintOf returns the hint of err.
func hintOf(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// pauseOf returns how long err asks to wait.
func pauseOf(err error) time.Duration {
	var r interface{ RetryAfter() time.Duration }
	if errors.As(err, &r) {
		return r.RetryAfter()
	}
	return 0
}

// newHider returns the address of one that passes on what a server says, but for
// some words.
func newHider(t testing.TB, to string, words ...string) string {
	t.Helper()
	return script(t, func(k *talk) {
		up, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", to)
		if err != nil {
			return
		}
		defer up.Close()
		k.wg.Go(func() {
			_, _ = io.Copy(up, k.in)
			_ = up.Close()
		})
		for in := bufio.NewReader(up); ; {
			line, err := in.ReadString('\n')
			for _, w := range words {
				line = strings.ReplaceAll(line, w, "")
			}
			if _, errSay := io.WriteString(k.conn, line); err != nil || errSay != nil {
				return
			}
		}
	}).addr
}
