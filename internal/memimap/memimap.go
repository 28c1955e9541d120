// Package memimap is an IMAP server in the process, for where Debian's Dovecot
// cannot be asked for: it takes mails from the program and hands them to IMAP
// clients on loopback. It keeps them in memory only and is no place for mail.
//
// It is go-imap's own test server, which differs from real ones: it answers a
// FETCH of a range past the end with nothing, where they answer with the last
// mail, and its UIDVALIDITY never changes while it runs.
package memimap

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// A Server serves one user's INBOX, without TLS: on loopback only.
type Server struct {
	// Addr is the host:port that it listens on.
	Addr string

	user   *imapmemserver.User
	server *imapserver.Server
	wg     sync.WaitGroup
	once   sync.Once
}

// Start serves the INBOX of a user on addr, host:port; port 0 takes a free one.
// Close ends it.
func Start(addr, username, password string) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("listen for imap: %w", err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("listen for imap on %s: only on loopback, it has no TLS", addr)
	}
	s := &Server{user: imapmemserver.NewUser(username, password)}
	if err := s.user.Create("INBOX", nil); err != nil {
		return nil, fmt.Errorf("make inbox: %w", err)
	}
	mem := imapmemserver.New()
	mem.AddUser(s.user)
	s.server = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapUIDPlus: {}},
		InsecureAuth: true,
		Logger:       silence{}, // it tells of every client that leaves
	})
	l, err := net.Listen("tcp", addr) //nolint:noctx // returns at once
	if err != nil {
		return nil, fmt.Errorf("listen for imap: %w", err)
	}
	s.Addr = l.Addr().String()
	s.wg.Go(func() { _ = s.server.Serve(l) })
	return s, nil
}

// Deliver puts a mail into the INBOX. internalDate is when the server says
// that it came; zero is now.
func (s *Server) Deliver(raw []byte, internalDate time.Time) error {
	_, err := s.user.Append("INBOX", literal{bytes.NewReader(raw)}, &imap.AppendOptions{Time: internalDate})
	if err != nil {
		return fmt.Errorf("deliver mail: %w", err)
	}
	return nil
}

// silence is an imapserver.Logger.
type silence struct{}

func (silence) Printf(string, ...any) {}

type literal struct{ *bytes.Reader }

func (l literal) Size() int64 { return l.Reader.Size() }

// Close ends the server and every connection to it. It may be called twice.
func (s *Server) Close() error {
	var err error
	s.once.Do(func() {
		if err = s.server.Close(); errors.Is(err, net.ErrClosed) {
			err = nil
		}
		s.wg.Wait()
	})
	return err
}
