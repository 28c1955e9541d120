package email

import (
	"context"
	"errors"
	"time"
)

// A mailbox is what this package needs of an IMAP connection on which one
// mailbox is open. Every method returns within a bound of its own or when ctx
// ends; after an error other than errRefused the connection is of no use.
type mailbox interface {
	// State is what the server said when the mailbox was opened.
	State() state
	// Search returns the UIDs above after, of mails that came on the day of
	// since or later where it is set, ascending.
	Search(ctx context.Context, after uint32, since time.Time) ([]uint32, error)
	// List returns what the server tells of mails. One that it does not list is
	// absent.
	List(ctx context.Context, uids []uint32) (map[uint32]listed, error)
	// Fetch returns the bytes of a mail; with head its header and the first
	// headBytes of its body. It returns errAbsent where the server gives none,
	// errRefused where it says that it cannot.
	Fetch(ctx context.Context, uid uint32, head bool) ([]byte, error)
	// Wait returns when the server tells of news, and after d at the latest.
	Wait(ctx context.Context, d time.Duration) error
	Close()
}

// A state is what a server says of a mailbox as it opens it.
type state struct {
	uidValidity uint32
	uidNext     uint32
}

// A listed is what a server tells of a mail without its bytes.
type listed struct {
	size     int64
	internal time.Time // INTERNALDATE
}

// What Fetch returns for one mail on a connection that is well.
var (
	errAbsent  = errors.New("fetch mail: the server lists it and does not give it out")
	errRefused = errors.New("fetch mail: the server refused")
	errTooBig  = errors.New("fetch mail: larger than the server said")
)
