package email

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
)

// A position is how far a mailbox has been read.
type position struct {
	UIDValidity uint32 `json:"uidvalidity"`
	LastUID     uint32 `json:"last_uid"`
	// LastInternalDate is the latest INTERNALDATE read, or when the first
	// connection was made.
	LastInternalDate time.Time `json:"last_internaldate"`
	// Start is the instant before which a mail is never read, where the numbers
	// cannot tell: after a change of UIDVALIDITY.
	Start time.Time `json:"start,omitzero"`
	// Since is set while the mailbox is read by date: only mails from that day
	// on are looked for.
	Since time.Time `json:"since,omitzero"`
	// Account says what became of each mail. It is saved with the position, as
	// one value: neither can be ahead of the other. Nil where an earlier release
	// saved the position.
	Account *reckoning `json:"account,omitempty"`
}

// clone returns a copy whose account is its own, and never nil.
func (p position) clone() position {
	a := reckoning{}
	if p.Account != nil {
		a = *p.Account
	}
	p.Account = &a
	return p
}

// rescanBack is how far before the last mail a mailbox is read again when its
// numbers have changed: SEARCH SINCE knows days only, and no time zone.
const rescanBack = 48 * time.Hour

// startSlack allows for a mail server's clock that is behind ours.
const startSlack = 10 * time.Minute

// beginning returns a Since before every mail.
func beginning() time.Time { return time.Unix(0, 0).UTC().AddDate(0, 0, 2) }

// positionKey is where the position of a source stands in KV.
func positionKey(name incident.SourceName) string { return "imap." + string(name) }

// loadPosition returns nil where nothing is saved, and a [PositionError] for what
// can be no position.
func loadPosition(ctx context.Context, from ingest.Positions, name incident.SourceName) (*position, error) {
	b, err := from.Load(ctx, positionKey(name))
	if err != nil {
		return nil, fmt.Errorf("load position of %s: %w", name, err)
	}
	if b == nil {
		return nil, nil //nolint:nilnil // no position and no error: it was never connected to
	}
	p := &position{}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, &PositionError{name, err}
	}
	if p.UIDValidity == 0 || p.LastInternalDate.IsZero() {
		return nil, &PositionError{name, errNoPosition}
	}
	if p.Account != nil && !p.Account.balanced() {
		return nil, &PositionError{name, errUnbalanced}
	}
	return p, nil
}

func (p position) save(ctx context.Context, to ingest.Positions, name incident.SourceName) error {
	b, err := incident.MarshalCanonical(p)
	if err != nil {
		return fmt.Errorf("save position of %s: %w", name, err)
	}
	if err := to.Save(ctx, positionKey(name), b); err != nil {
		return fmt.Errorf("save position of %s: %w", name, err)
	}
	return nil
}

// first returns where a mailbox that was never connected to is read from.
func first(c Config, s state, now time.Time) (position, error) {
	p := position{UIDValidity: s.uidValidity, LastInternalDate: now}
	since, err := c.since()
	if err != nil {
		return p, fmt.Errorf("start: %w", err)
	}
	switch {
	case c.Start == StartAll:
		p.Since = beginning()
	case !since.IsZero():
		p.Start, p.Since = since, since
	default:
		p.Start, p.LastUID = now, max(s.uidNext, 1)-1
	}
	return p, nil
}

// opened returns p as it stands when the mailbox is opened again: the same, or
// back by date where the numbers have changed. A position past the end is of
// other numbers, too: mails to come would get those that count as read.
func (p position) opened(s state) (next position, changed bool) {
	if p.UIDValidity == s.uidValidity && (s.uidNext == 0 || p.LastUID < s.uidNext) {
		return p, false
	}
	p = p.clone()
	*p.Account = p.Account.renumbered()
	p.UIDValidity, p.LastUID = s.uidValidity, 0
	if !p.Since.IsZero() {
		return p, true // was being read by date, and has not come to the end
	}
	p.Since = p.LastInternalDate.Add(-rescanBack)
	if p.Since.Before(p.Start) {
		p.Since = p.Start
	}
	return p, true
}

// searchSince is the day that SEARCH SINCE is asked for: a day early, since the
// server's day is not ours.
func (p position) searchSince() time.Time {
	if p.Since.IsZero() {
		return time.Time{}
	}
	return p.Since.Add(-24 * time.Hour)
}

// wanted reports whether a mail with this INTERNALDATE is to be read.
func (p position) wanted(internal time.Time) bool {
	return p.Since.IsZero() || internal.IsZero() || !internal.Before(p.Start.Add(-startSlack))
}

// older reports whether a mail with this INTERNALDATE lies before where the
// mailbox is being read by date.
func (p position) older(internal time.Time) bool {
	return !internal.IsZero() && (internal.Before(p.Since) || !p.wanted(internal))
}

// past returns p, which is a clone, after the mail has been dealt with at the
// instant now. A date that lies in the future must not move the beginning of a
// later search there.
func (p position) past(uid uint32, mail listed, o outcome, now time.Time) position {
	p.Account.became(uids{{uid, uid}}, o)
	p.LastUID = max(p.LastUID, uid)
	if mail.internal.After(now) {
		return p
	}
	if mail.internal.After(p.LastInternalDate) {
		p.LastInternalDate = mail.internal
	}
	if mail.internal.After(p.Account.Latest) && o != outBefore {
		p.Account.Latest = mail.internal
	}
	return p
}
