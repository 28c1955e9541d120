package email

import (
	"context"
	"net"
	"slices"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// Mailbox is the connection that a Box reads from.
type Mailbox = mailbox

// What an external test needs to play a server.
type (
	State  = state
	Listed = listed
)

// The answers of a connection that is well.
var (
	ErrAbsent  = errAbsent
	ErrRefused = errRefused
)

// NewState returns what a server says of a mailbox.
func NewState(validity, next uint32) State { return state{validity, next} }

// NewListed returns what a server tells of a mail.
func NewListed(size int64, internal time.Time) Listed { return listed{size, internal} }

// SetDial makes b connect with f.
func SetDial(b *Box, f func(context.Context) (Mailbox, error)) {
	b.dial = func(ctx context.Context, _ Config) (mailbox, error) { return f(ctx) }
}

// NewConnection returns a Mailbox that speaks to conn as if it had logged in.
func NewConnection(conn net.Conn) Mailbox {
	b := newConnection(conn, &dialer{odd: map[uint32]int{}})
	b.idle = true
	b.client = imapclient.New(b.guard, b.options(nil))
	return b
}

// NewConnectionWith is NewConnection to a server that has IDLE, or not, and a
// mailbox in this state.
func NewConnectionWith(conn net.Conn, idle bool, s State) Mailbox {
	b := NewConnection(conn).(*connection)
	b.idle, b.state = idle, s
	return b
}

// RefusedPause is refusedPause.
const RefusedPause = refusedPause

// Dial opens the mailbox that c names.
func Dial(ctx context.Context, c Config) (Mailbox, error) {
	return (&dialer{}).dial(ctx, c.withDefaults())
}

// Token asks for the token that c names.
func Token(ctx context.Context, c Config) (string, error) {
	s, err := c.OAuth2.token(ctx, c.Username)
	return s.Reveal(), err
}

// Nests reports whether b, read by size bytes at a time, nests too deep.
func Nests(b []byte, size int) bool {
	n := &nesting{}
	for ; len(b) > 0; b = b[min(size, len(b)):] {
		if !n.read(b[:min(size, len(b))]) {
			return true
		}
	}
	return false
}

// What a test needs of moving.
type Mover = mover

// UIDsOf is uidsOf.
func UIDsOf(list ...uint32) UIDs { return uidsOf(list) }

// Parts yields the UIDs of the sets into which s is divided.
func Parts(s UIDs, n uint64) func(func([]uint32) bool) {
	return func(yield func([]uint32) bool) {
		for part := range s.parts(n) {
			if !yield(slices.Collect(part.all())) {
				return
			}
		}
	}
}

// Throttled is what a connection returns where the server asks for fewer
// requests.
func Throttled() error {
	return patient(&imap.Error{Type: imap.StatusResponseTypeBad, Text: "Request is throttled. Suggested Backoff Time: 1000 milliseconds"})
}
