package email

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Known is what the record knows of a mailbox, so that a position that was lost
// does not pass for a mailbox that was never read. It may lag behind what was
// read: then more is read again.
type Known struct {
	// Named is since when the rules in the record name the source, by an earlier
	// run; zero: they do not. Nothing older was ever to be read.
	Named time.Time
	// Latest is the latest time of coming (UTC) of a mail of the source in the
	// record, never one in the future of when it was read; zero: there is none.
	Latest time.Time
}

// Recall gives b what the record knows of its mailbox. It is asked where no
// position is saved, or none that can be read; its error makes the mailbox wait
// and try again, since until the record was read nobody can say whether mail
// would be passed over. Call it before Run.
func (b *Box) Recall(known func(context.Context) (Known, error)) { b.known = known }

// A PositionError reports a saved position that cannot be one. It is no reason to
// stand still: the mailbox is read again by date, and another is saved.
type PositionError struct {
	Source incident.SourceName
	Err    error
}

func (e *PositionError) Error() string {
	return fmt.Sprintf("load position of %s: damaged: %v", e.Source, e.Err)
}

func (e *PositionError) Unwrap() error { return e.Err }

// Damage says that what is stored is not what was saved.
func (e *PositionError) Damage() bool { return true }

// Hint says what to do.
func (e *PositionError) Hint() string {
	return "nothing for this mailbox: it is read again by date and known mails are recognised; but its store is damaged: run promptness verify and look at the disk"
}

// lost returns where a mailbox is read from that has no position, or one that is
// damaged. What is read a second time is recognised; what is passed over would be
// lost, so in doubt more is read.
func (b *Box) lost(ctx context.Context, s state, now time.Time, damaged *PositionError) (position, error) {
	var known Known
	if b.known != nil {
		var err error
		if known, err = b.known(ctx); err != nil {
			return position{}, fmt.Errorf("ask the record of %s: %w", b.cfg.Name, err)
		}
	}
	p, err := first(b.cfg, s, now)
	if err != nil {
		return position{}, err
	}
	again := known != (Known{}) || damaged != nil
	if again && p.Since.IsZero() { // else it begins far enough back as it is
		p = p.again(known)
	}
	if damaged != nil {
		b.log.ErrorContext(ctx, "position of the mailbox is damaged; reading again by date", "err", damaged, "hint", damaged.Hint(), "since", p.Since)
	} else if again {
		b.log.ErrorContext(ctx, "position of the mailbox is lost, and the record knows the source; reading again by date", "since", p.Since)
	}
	return p, nil
}

// again returns p as it begins anew by date.
func (p position) again(known Known) position {
	p.LastUID, p.Start = 0, known.Named
	switch {
	case !known.Latest.IsZero():
		p.Since = known.Latest.Add(-rescanBack)
		p.LastInternalDate = known.Latest
		if p.Since.Before(p.Start) {
			p.Since = p.Start
		}
	case !known.Named.IsZero():
		p.Since, p.LastInternalDate = known.Named, known.Named
	default: // a position stood there, and nothing says since when
		p.Since, p.LastInternalDate = beginning(), beginning()
	}
	return p
}

// What a saved position cannot lack.
var (
	errNoPosition = errors.New("it has no uidvalidity or no date")
	errUnbalanced = errors.New("the numbers of its account do not add up")
)
