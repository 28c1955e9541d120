package email

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/emersion/go-imap/v2"
)

// What a server may send in answer to one command. go-imap keeps a line, or a
// string that is no body of a mail, in memory whatever its length.
const (
	maxAnswer = 64 << 20  // a search that finds eight million mails
	maxFetch  = 512 << 20 // a mail, of which at most MaxMail is kept
)

// errTooMuch says that a server sent more than any answer needs.
var errTooMuch = errors.New("the server sends without end")

// A guard is a connection that bounds what the server sends, and remembers the
// last line, since go-imap forgets what a server says as it hangs up.
type guard struct {
	net.Conn

	mu   sync.Mutex
	left int64
	last []byte
	nest nesting
	// sealedBelow says that what is read here is still under TLS.
	sealedBelow bool
}

// maxLast is how much of the last lines is remembered.
const maxLast = 1 << 10

// allow lets the server send n bytes from now on.
func (g *guard) allow(n int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = n
}

// Read counts.
func (g *guard) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left -= int64(n)
	g.last = append(g.last, p[max(0, n-maxLast):n]...)
	g.last = g.last[max(0, len(g.last)-maxLast):]
	if g.left < 0 {
		return 0, errTooMuch
	}
	if g.sealedBelow {
		return n, err
	}
	if !g.nest.read(p[:n]) {
		return 0, errTooDeep
	}
	return n, err
}

// goodbye returns what the server said in a BYE that was its last line; nil
// where it said none.
func (g *guard) goodbye() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	lines := bytes.Split(bytes.TrimRight(g.last, "\r\n"), []byte("\n"))
	text, ok := strings.CutPrefix(string(lines[len(lines)-1]), "* BYE")
	if !ok {
		return nil
	}
	e := &imap.Error{Type: imap.StatusResponseTypeBye, Text: cut(text, maxSaid)}
	if code, rest, ok := strings.Cut(strings.TrimPrefix(e.Text, "["), "]"); ok && len(rest) < len(e.Text)-1 {
		word, _, _ := strings.Cut(code, " ")
		e.Code, e.Text = imap.ResponseCode(strings.ToUpper(word)), strings.TrimSpace(rest)
	}
	return fmt.Errorf("the server hung up: %w", e)
}

// refusal returns what a server said in its NO or BAD to a command. Such an
// answer leaves the connection well; a BYE does not.
func refusal(err error) *imap.Error {
	no, ok := errors.AsType[*imap.Error](err)
	if !ok || no.Type != imap.StatusResponseTypeNo && no.Type != imap.StatusResponseTypeBad {
		return nil
	}
	return no
}

// maxUIDs bounds what a search may find.
const maxUIDs = 8 << 20

// found returns the UIDs of a search's answer. It may be any set: go-imap's own
// way panics at one of sequence numbers, and fills the memory with a range of
// all that there can be.
func found(set imap.NumSet) ([]uint32, error) {
	switch set := set.(type) {
	case nil:
		return nil, nil
	case imap.UIDSet:
		n := uint64(0)
		for _, r := range set {
			if r.Start == 0 || r.Stop < r.Start {
				return nil, errors.New("the server's answer to a search names no UIDs")
			}
			if n += uint64(r.Stop-r.Start) + 1; n > maxUIDs {
				return nil, fmt.Errorf("the server's answer to a search names over %d mails", maxUIDs)
			}
		}
		all := make([]uint32, 0, n)
		for _, r := range set {
			for uid := uint64(r.Start); uid <= uint64(r.Stop); uid++ {
				all = append(all, uint32(uid)) //nolint:gosec // r.Stop is one
			}
		}
		return all, nil
	default:
		return nil, errors.New("the server's answer to a search names no UIDs")
	}
}
