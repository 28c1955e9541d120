package email

import (
	"bytes"
	"context"
	"regexp"
	"sync"
	"time"
)

// How often the whole mailbox is held against the account, and how far back the
// mails are that a server may still give a number below those it gave already:
// Exchange does, and so does a mail that is moved back.
const (
	lookEvery = 10 * time.Minute
	lookBack  = 24 * time.Hour
	// maxRetries bounds how often a mail that the server did not give out is
	// asked for again, once at each look.
	maxRetries = 12
)

// recent returns the mails of the last days. The server's day is not ours.
func (b *Box) recent(ctx context.Context, box mailbox) (uids, error) {
	b.searched = true
	list, err := box.Search(ctx, 0, time.Now().Add(-lookBack))
	return uidsOf(list), err
}

// begin notes what lies in the mailbox at or below p, and is not to be read.
func (b *Box) begin(ctx context.Context, box mailbox, p position) (position, error) {
	if !p.Since.IsZero() {
		return p.clone(), nil // what is older is noted when the rest was read
	}
	list, err := box.Search(ctx, 0, time.Time{})
	if err != nil {
		return p, err
	}
	p = p.clone()
	old := uidsOf(list).upTo(p.LastUID)
	p.Account.saw(old)
	p.Account.became(old, outBefore)
	p.Account.Looked = time.Now().UTC()
	return p, nil
}

// look holds all that is in the mailbox against the account. A mail of which
// nothing became, at or below the number up to which all was read, is read now;
// one that cannot be read stays missing, and the next look tries again.
func (b *Box) look(ctx context.Context, box mailbox, p position) (position, error) {
	// A server that cannot be searched as a whole must not hold up the reading:
	// it is not asked at each connection.
	before := b.looked
	b.looked = time.Now()
	list, err := box.Search(ctx, 0, time.Time{})
	if err != nil {
		return p, err
	}
	recent, err := b.recent(ctx, box)
	if err != nil {
		return p, err
	}
	next := p.clone()
	next.Account.look(uidsOf(list), recent)
	next.Account.Looked = time.Now().UTC()
	if err := b.save(ctx, box, next); err != nil {
		return p, err
	}
	p = next
	missing := p.Account.missing(p.LastUID)
	if len(missing) > 0 {
		b.log.ErrorContext(ctx, "mails are in the mailbox that were passed over; reading them now", "mails", missing.count(), "uids", short(missing))
		var list []uint32
		for uid := range missing.all() {
			list = append(list, uid)
		}
		if p, err = b.read(ctx, box, p, list); err != nil {
			b.looked = before // not all that is there was read: again at once
			return p, err
		}
	}
	return b.retry(ctx, box, p, p.Account.Unreadable.UIDs.both(recent))
}

// retry asks once more for mails that the server did not give out: a fault of an
// hour must not leave a report unread. One that is given now is stored, beside
// the note that it could not be read.
func (b *Box) retry(ctx context.Context, box mailbox, p position, list uids) (position, error) {
	asked := 0
	for uid := range list.all() {
		if b.retried[uid] == maxRetries || asked == batch {
			continue
		}
		asked++
		b.retried[uid]++
		mails, err := box.List(ctx, []uint32{uid})
		if err != nil {
			return p, err
		}
		b.tries[uid] = max(maxRefusals, maxBreaks) // this once
		s, err := b.signal(ctx, box, uid, mails[uid])
		delete(b.tries, uid)
		if err != nil {
			return p, err
		}
		if s.Stub == StubUnreadable {
			continue
		}
		what, err := b.put(ctx, uid, s)
		if err != nil {
			return p, err
		}
		next := p.clone().past(uid, mails[uid], what, time.Now())
		if err := b.save(ctx, box, next); err != nil {
			return p, err
		}
		p = next
	}
	return p, nil
}

// show shows p's account, which is saved, and beside it what was found since and
// waits to be read.
func (b *Box) show(p position) {
	a := p.account()
	found := b.found.without(p.Account.Seen.UIDs).count()
	a.Mails.Seen, a.Waiting = a.Mails.Seen+found, a.Waiting+found
	b.mu.Lock()
	defer b.mu.Unlock()
	b.account = a
}

// Account returns what became of every mail, as it was saved last.
func (b *Box) Account() Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.account
}

// An apology is what Exchange gives in the place of a mail that it cannot turn
// into one. It has come over no wire: a mail that somebody sent with this
// subject has been received and has an id.
var apologies = sync.OnceValue(func() (p struct{ subject, sent *regexp.Regexp }) {
	p.subject = regexp.MustCompile(`(?im)^Subject:[ \t]*(?:\r?\n[ \t]+)?Retrieval using the IMAP4 protocol failed`)
	p.sent = regexp.MustCompile(`(?im)^(?:Received|Message-ID)[ \t]*:`)
	return p
})

// apology reports whether raw is no mail but says that there is one.
func apology(raw []byte) bool {
	head := raw[:min(len(raw), 8<<10)]
	if i := bytes.Index(head, []byte("\r\n\r\n")); i >= 0 {
		head = head[:i]
	}
	return apologies().subject.Match(head) && !apologies().sent.Match(head)
}
