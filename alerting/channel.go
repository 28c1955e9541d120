package alerting

import (
	"context"
	"errors"
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Deliveries is the record of what each channel was told. Its methods may be
// called by several goroutines.
type Deliveries interface {
	// AppendDelivery stores body and returns its sequence. It MUST NOT return
	// nil before body would survive a crash of this process and of the machine.
	// After an error body may be stored or not.
	AppendDelivery(ctx context.Context, body []byte) (uint64, error)
	// Deliveries calls yield with every stored body from sequence from on, in
	// order, to the present end. It stops at the first error and returns it.
	Deliveries(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error
}

// A Level channel is told the whole state again and again. Its receiver knows
// an alert by its name, without g, so that it is told at most one alert of each
// name at a time.
type Level interface {
	// Name is the configured name of the channel, [a-z0-9-]{1,40}.
	Name() string
	// Send tells alerts, active ones and such that have ended. Nil means that
	// the receiver has accepted all of them; any other outcome is an
	// *outbound.Error. Telling the same again MUST change nothing. Send MUST
	// return soon after ctx ends.
	Send(ctx context.Context, alerts []incident.Alert) error
}

// An Edge channel is told once of each alert that became active and once of its
// end.
type Edge interface {
	// Name is the configured name of the channel, [a-z0-9-]{1,40}.
	Name() string
	// Tell tells one alert. Nil means that the receiver has accepted it; any
	// other outcome is an *outbound.Error. again says that an earlier attempt to
	// tell the same may have been accepted: the channel MUST then do what its
	// receiver offers to tell it only once. The AlertID is the same each time.
	// Tell MUST return soon after ctx ends.
	Tell(ctx context.Context, a incident.Alert, again bool) error
}

// Channels are all that are configured.
type Channels struct {
	Levels []Level
	Edges  []Edge
}

// Names returns the names of all channels.
func (c Channels) Names() []string {
	var names []string
	for _, l := range c.Levels {
		names = append(names, l.Name())
	}
	for _, e := range c.Edges {
		names = append(names, e.Name())
	}
	return names
}

// Validate refuses a name that cannot be one, and two channels of one name:
// each would take the other's deliveries for its own.
func (c Channels) Validate() error {
	var all []error
	seen := map[string]bool{}
	for _, name := range c.Names() {
		if !ChannelName(name) {
			all = append(all, fmt.Errorf("name of channel %q: must match [a-z0-9-]{1,40}", name))
		}
		if seen[name] {
			all = append(all, fmt.Errorf("name of channel %q: is used twice", name))
		}
		seen[name] = true
	}
	return errors.Join(all...)
}

// ChannelName reports whether s may name a channel.
func ChannelName(s string) bool { return incident.SourceName(s).Valid() }
