// Package ingest is what every way in has in common: a signal comes from its
// sender, is stored, and only then does the sender hear yes. It reads no mail
// and no payload, and never decides what a signal means.
package ingest

import (
	"context"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Sink is where a way in leaves a signal.
type Sink interface {
	// Put stores s. It MUST NOT return nil before s would survive a crash of
	// this process and of the machine. A known SignalID is not an error:
	// Receipt.Repeat is true. What an error means for the sender is told by
	// IsPermanent and RetryAfter.
	Put(ctx context.Context, s incident.Signal) (incident.Receipt, error)
}

// Positions is where a way in that reads, rather than being sent to, keeps how
// far it has read. A position is saved after Put has returned, never before: a
// crash between the two reads a signal again, and Put knows it.
type Positions interface {
	// Load returns what was saved under key; nil and no error where nothing was.
	Load(ctx context.Context, key string) ([]byte, error)
	// Save MUST NOT return nil before value would survive a crash.
	Save(ctx context.Context, key string, value []byte) error
}
