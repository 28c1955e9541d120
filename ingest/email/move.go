package email

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
)

// A mover is a mailbox out of which mails can be moved.
type mover interface {
	// Move moves those of list that are still there, and of which it can be sure
	// that they leave this mailbox only for the other. A refusal leaves the
	// connection well.
	Move(ctx context.Context, list uids, to string) error
}

const (
	// movePause is how long after a move that was refused the next is tried.
	movePause = 5 * time.Minute
	// moveAtOnce bounds the mails of one command.
	moveAtOnce = 500
	// maxMoving bounds the ranges of mails that wait to be moved. What is
	// forgotten beyond it stays where it is, and is counted.
	maxMoving = 2000
)

// moves is what a Box knows of the mails that it moves. Owned by Run.
type moves struct {
	stored uids      // since the position was saved last
	after  time.Time // when the next try may be, after one that was refused
}

// validateMove returns what is wrong with where c moves mails.
func (c Config) validateMove() error {
	same := c.MoveTo == c.Mailbox || strings.EqualFold(c.MoveTo, "INBOX") && strings.EqualFold(c.Mailbox, "INBOX")
	switch {
	case c.MoveTo == "":
		return nil
	case same:
		return fmt.Errorf("move_to: %q is the mailbox that is read; name another folder", c.MoveTo)
	case strings.ContainsFunc(c.MoveTo, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("move_to: %q holds a control character", c.MoveTo)
	}
	return nil
}

// noteStored notes a mail that is durable as it was sent. Of one that was
// replaced by a stub (marked SECRET, not given out, too large) a person is told
// to look into the mailbox: it stays there, under the number that the stub names.
func (b *Box) noteStored(uid uint32, stub string) {
	if b.cfg.MoveTo != "" && stub == "" {
		b.moves.stored = b.moves.stored.with(uids{{uid, uid}})
	}
}

// plan puts into a, which is about to be saved, the mails that are stored and to
// be moved: so they are known after a crash, and never before they count as read.
func (b *Box) plan(a *reckoning) {
	a.Moving = a.Moving.with(b.moves.stored)
	if n := len(a.Moving); n > maxMoving {
		left := a.Moving[:n-maxMoving]
		b.note(func(s *Status) { s.MoveFailed += left.count() })
		a.Moving = a.Moving[n-maxMoving:]
	}
}

// moveAway moves what is stored and noted, of p that is saved. What cannot be
// moved is tried again later and holds up nothing.
func (b *Box) moveAway(ctx context.Context, box mailbox, p position) (position, error) {
	m, ok := box.(mover)
	if b.cfg.MoveTo == "" || !ok || p.Account == nil || len(p.Account.Moving) == 0 || time.Now().Before(b.moves.after) {
		return p, nil
	}
	list := p.Account.Moving
	for some := range list.parts(moveAtOnce) {
		err := m.Move(ctx, some, b.cfg.MoveTo)
		if refusal(err) != nil && slow(err) == 0 {
			b.moves.after = time.Now().Add(movePause)
			b.note(func(s *Status) { s.MoveFailed += some.count() })
			b.log.WarnContext(ctx, "mails not moved", "err", err, "hint", hintMove, "mails", list.count())
			break
		}
		if err != nil {
			return p, err
		}
		b.note(func(s *Status) { s.Moved += some.count() })
		p = p.clone()
		p.Account.Moving = p.Account.Moving.without(some)
	}
	if p.Account.Moving.count() == list.count() {
		return p, nil
	}
	// Not saved, it would be moved again, which finds nothing.
	return p, b.save(ctx, box, p)
}

// parts yields s in sets of at most n UIDs.
func (s uids) parts(n uint64) func(func(uids) bool) {
	return func(yield func(uids) bool) {
		var part uids
		for _, r := range s {
			for {
				room := n - part.count()
				if uint64(r.to)-uint64(r.from) < room {
					part = append(part, r)
					break
				}
				part = append(part, span{r.from, r.from + uint32(room) - 1}) //nolint:gosec // within r
				if !yield(part) {
					return
				}
				part = nil
				r.from += uint32(room) //nolint:gosec // within r
			}
		}
		if len(part) > 0 {
			yield(part)
		}
	}
}

const (
	hintMove   = "make the folder of move_to, and let the account insert mails there, and delete them from the mailbox; they are read all the same"
	hintNoMove = "the server has neither MOVE nor UIDPLUS, so a mail could not be moved without others being deleted: take move_to out"
)

var errNoMove = errors.New("move_to is set, and the server cannot move a mail")

// mayMove reports whether mails can be moved without touching others.
func (b *connection) mayMove() bool {
	caps := b.client.Caps()
	return caps.Has(imap.CapMove) || caps.Has(imap.CapUIDPlus)
}

// Move moves those of list that are still there. Without MOVE each mail is
// deleted here only after the server has said that it is there: go-imap's own
// substitute sends all three commands at once, and would delete what could not be
// copied.
func (b *connection) Move(ctx context.Context, list uids, to string) error {
	return b.within(ctx, answerWithin, maxAnswer, "move mails", func() error {
		var set imap.UIDSet
		for _, r := range list {
			set.AddRange(imap.UID(r.from), imap.UID(r.to))
		}
		// Some servers refuse a command that finds no mail.
		data, err := b.client.UIDSearch(&imap.SearchCriteria{UID: []imap.UIDSet{set}}, nil).Wait()
		if err != nil {
			return err
		}
		there, err := found(data.All)
		if err != nil {
			return err
		}
		left := uidsOf(there).both(list)
		if len(left) == 0 {
			return nil
		}
		set = nil
		for _, r := range left {
			set.AddRange(imap.UID(r.from), imap.UID(r.to))
		}
		caps := b.client.Caps()
		switch {
		case caps.Has(imap.CapMove):
			_, err := b.client.Move(set, to).Wait()
			return err
		case !caps.Has(imap.CapUIDPlus):
			return errNoMove
		}
		// What was copied and could not be deleted is not copied again.
		if fresh := left.without(b.past.copied); len(fresh) > 0 {
			var copies imap.UIDSet
			for _, r := range fresh {
				copies.AddRange(imap.UID(r.from), imap.UID(r.to))
			}
			if _, err := b.client.Copy(copies, to).Wait(); err != nil {
				return err
			}
			b.past.copied = b.past.copied.with(fresh)
		}
		deleted := &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}
		if err := b.client.Store(set, deleted, nil).Close(); err != nil {
			return err
		}
		return b.client.UIDExpunge(set).Close()
	})
}
