package ledger

import (
	"context"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// MaxBody is the most bytes of one message: the entries of one step.
const MaxBody = 512 << 10

// A Log is the LEDGER stream: messages numbered from 1, only ever added to.
type Log interface {
	// Append stores body as the message after fence and returns nil once it
	// would survive a power cut. It MUST NOT store it if the last sequence is
	// another than fence, and MUST NOT store it twice. After an error either
	// nothing of it is stored or all of it: the caller opens the ledger anew.
	// The body is the caller's again once Append has returned.
	Append(ctx context.Context, body []byte, fence uint64) error
	// Messages yields every message from sequence from on to the present end,
	// in ascending order, and stops with the first error of yield. The body
	// belongs to yield, which may keep it.
	Messages(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error
	// State returns the first and the last sequence and how many messages
	// between them are gone. An empty log has last 0.
	State(ctx context.Context) (first, last uint64, deleted int, err error)
}

// A Tailer is a Log that can be followed.
type Tailer interface {
	Log
	// Tail does what Messages does and goes on with what is appended, until ctx
	// ends. It may wait for ever where the log was cut or made anew.
	Tail(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error
}

// A Vault is the SIGNALS stream, as far as the record is checked against it.
type Vault interface {
	// Last returns the position of the last stored signal, zero when none.
	Last(ctx context.Context) (incident.Pos, error)
	// Signal returns the signal at pos, its Commit computed from its bytes. An
	// error that says that it is gone or damaged MUST have a method Damage that
	// returns true; any other means that it cannot be reached now.
	Signal(ctx context.Context, pos incident.Pos) (incident.Stored, error)
}
