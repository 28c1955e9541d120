package email

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
)

// batch is how many mails are read between two saves of the position.
const batch = 20

// dates is how many mails are asked for their dates at once.
const dates = 500

// How often a mail is asked for before it is given up and noted as unreadable:
// where the server refuses or does not give it, and where each time the
// connection broke over it. The latter may be the network's fault.
const (
	maxRefusals = 3
	maxBreaks   = 10
)

// sweep reads every mail past p, in ascending order, and returns the new
// position. Each mail is stored before the position goes past it. After an
// error the position that was saved last is where to go on.
func (b *Box) sweep(ctx context.Context, box mailbox, p position) (position, error) {
	list, err := box.Search(ctx, p.LastUID, p.searchSince())
	if err != nil {
		return p, err
	}
	if p, err = b.read(ctx, box, p, list); err != nil || p.Since.IsZero() {
		return p, err
	}
	return b.readThrough(ctx, box, p)
}

// read reads mails in ascending order and returns the new position, which is
// saved; after an error, how far it came.
func (b *Box) read(ctx context.Context, box mailbox, p position, list []uint32) (position, error) {
	if b.found = uidsOf(list); len(list) > 0 {
		b.show(p)
	}
	for some := range slices.Chunk(list, batch) {
		listed, err := box.List(ctx, some)
		if err != nil {
			return p, err
		}
		next, done := p.clone(), 0
		next.Account.saw(uidsOf(some))
		for _, uid := range some {
			mail, ok := listed[uid]
			what := outBefore
			if !ok || p.wanted(mail.internal) {
				if what, err = b.take(ctx, box, uid, mail); err != nil {
					break
				}
			}
			next = next.past(uid, mail, what, time.Now())
			done++
		}
		if done > 0 {
			// What was stored before an error is not read again.
			if errSave := b.save(ctx, box, next); errSave != nil {
				return p, errors.Join(err, errSave)
			}
			p = next
		}
		if err != nil {
			return p, err
		}
	}
	return p, nil
}

// save saves p, and shows its account once it stands.
func (b *Box) save(ctx context.Context, box mailbox, p position) error {
	if p.Account.crowded() {
		recent, err := b.recent(ctx, box)
		if err != nil {
			return err
		}
		p.Account.compact(recent)
	}
	b.plan(p.Account)
	if err := p.save(ctx, b.positions, b.cfg.Name); err != nil {
		return err
	}
	b.moves.stored = nil
	b.show(p)
	return nil
}

// readThrough ends the reading by date: from here on the numbers count. What the
// server's search by date left out is held against the dates that it lists.
// Until the end nothing of that is saved, since it can be done again.
func (b *Box) readThrough(ctx context.Context, box mailbox, p position) (position, error) {
	b.searched = true
	all, err := box.Search(ctx, 0, time.Time{})
	if err != nil {
		return p, err
	}
	found, err := box.Search(ctx, 0, p.searchSince())
	if err != nil {
		return p, err
	}
	next := p.clone()
	present, a := uidsOf(all), next.Account
	// At and below the Floor nobody knows of each any more: what the search by
	// date gives there was read.
	left := present.without(a.Seen.UIDs).without(uidsOf(found).upTo(a.Floor))
	a.saw(left)
	var old []uint32
	for some := range slices.Chunk(slices.Collect(left.all()), dates) {
		listed, err := box.List(ctx, some)
		if err != nil {
			return p, err
		}
		for _, uid := range some {
			mail, ok := listed[uid]
			if ok && p.older(mail.internal) {
				old = append(old, uid)
				continue
			}
			what, err := b.take(ctx, box, uid, mail)
			if err != nil {
				return p, err
			}
			next = next.past(uid, mail, what, time.Now())
		}
	}
	a.became(uidsOf(old), outBefore)
	next.Since = time.Time{}
	if n := box.State().uidNext; n > 0 {
		next.LastUID = max(next.LastUID, n-1)
	}
	a.Looked = time.Now().UTC()
	if err := b.save(ctx, box, next); err != nil {
		return p, err
	}
	b.looked = time.Now()
	return next, nil
}

// take reads one mail and stores it, or what stands in its place.
func (b *Box) take(ctx context.Context, box mailbox, uid uint32, mail listed) (outcome, error) {
	s, err := b.signal(ctx, box, uid, mail)
	if err != nil {
		return 0, err
	}
	delete(b.tries, uid)
	return b.put(ctx, uid, s)
}

// put stores what was read of one mail.
func (b *Box) put(ctx context.Context, uid uint32, s incident.Signal) (outcome, error) {
	got, err := b.sink.Put(ctx, s)
	switch {
	case ingest.IsPermanent(err):
		b.note(func(s *Status) { s.Refused++ })
		b.log.WarnContext(ctx, "mail refused by the store", "uid", uid, "bytes", len(s.Raw), "err", err)
		return outRefused, nil
	case err != nil:
		return 0, fmt.Errorf("store mail: %w", err)
	}
	b.note(func(c *Status) {
		if got.Repeat {
			c.Repeated++
			return
		}
		c.Stored++
		switch s.Stub {
		case StubSecret:
			c.Secret++
		case StubUnreadable:
			c.Unreadable++
		case StubTooLarge:
			c.TooLarge++
		}
	})
	b.noteStored(uid, s.Stub)
	switch {
	case s.Stub == StubUnreadable:
		return outUnreadable, nil
	case got.Repeat:
		return outKnown, nil
	default:
		return outStored, nil
	}
}

// signal fetches one mail and makes a signal of it.
func (b *Box) signal(ctx context.Context, box mailbox, uid uint32, mail listed) (incident.Signal, error) {
	s := incident.Signal{
		Source: b.cfg.Name, Channel: incident.ChannelEmail, Auth: incident.AuthMail, Stamped: mail.internal,
	}
	if mail.size > MaxMail {
		s.Stub = StubTooLarge
	}
	raw, err := b.fetch(ctx, box, uid, s.Stub == StubTooLarge)
	if errors.Is(err, errTooBig) {
		s.Stub = StubTooLarge
		raw, err = b.fetch(ctx, box, uid, true)
	}
	s.Received = time.Now().UTC()
	switch {
	case errors.Is(err, errUnreadable):
		s.Stub = StubUnreadable
	case err != nil:
		return s, err
	default:
		s.Raw = raw
		switch {
		case marked(raw):
			s.Stub = StubSecret
		case apology(raw):
			s.Stub = StubUnreadable
		}
	}
	if s.Stub == StubSecret || s.Stub == StubUnreadable && s.Raw == nil {
		if s.Raw, err = json.Marshal(stub{s.Stub, s.Source, uid, mail.size, mail.internal}); err != nil {
			return s, fmt.Errorf("note mail that is not kept: %w", err)
		}
	}
	if s.Stub != "" {
		b.log.WarnContext(ctx, "mail not stored as it is", "reason", s.Stub, "uid", uid)
	}
	if s.Stub == "" {
		s.DKIM = b.proofs(ctx, s.Raw)
	}
	s.ID = incident.NewSignalID(s.Source, s.Raw)
	return s, nil
}

// marked is Marked for where no fault in reading may end the process. After one
// the bytes are looked at as they stand.
func marked(raw []byte) (is bool) {
	defer func() {
		if recover() != nil {
			is = markings().level.Match(raw)
		}
	}()
	return Marked(raw)
}

// A stub is what is stored in the place of a mail.
type stub struct {
	Stub     string              `json:"stub"`
	Source   incident.SourceName `json:"source"`
	UID      uint32              `json:"uid"`
	Size     int64               `json:"size"`
	Received time.Time           `json:"received,omitzero"` // INTERNALDATE
}

// errUnreadable says that a mail was asked for often enough.
var errUnreadable = errors.New("fetch mail: given up")

// fetch asks for a mail. An error that may pass ends the sweep, so that the
// mail is asked for again; after enough of them errUnreadable lets the flow go
// on.
func (b *Box) fetch(ctx context.Context, box mailbox, uid uint32, head bool) ([]byte, error) {
	raw, err := box.Fetch(ctx, uid, head)
	switch {
	case err == nil:
		return raw, nil
	case errors.Is(err, errTooBig) && !head, ctx.Err() != nil, throttled(err):
		return nil, err // no fault of the mail
	}
	b.tries[uid]++
	limit := maxBreaks
	if errors.Is(err, errAbsent) || errors.Is(err, errRefused) || errors.Is(err, errTooBig) {
		limit = maxRefusals
	}
	if b.tries[uid] >= limit {
		return nil, errUnreadable
	}
	return nil, fmt.Errorf("fetch mail uid %d: %w", uid, err)
}

// readLiteral reads a literal to its end, however long, and keeps at most
// MaxMail of it. One that ends early, since the connection did, is an error.
func readLiteral(r io.Reader, size int64) (raw []byte, tooBig bool, err error) {
	var kept bytes.Buffer
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		size -= int64(n)
		if room := MaxMail - kept.Len(); n > room {
			kept.Write(buf[:max(room, 0)])
			tooBig = true
		} else {
			kept.Write(buf[:n])
		}
		switch {
		case errors.Is(err, io.EOF) && size > 0:
			return nil, tooBig, io.ErrUnexpectedEOF
		case errors.Is(err, io.EOF):
			return kept.Bytes(), tooBig, nil
		case err != nil:
			return nil, tooBig, err
		}
	}
}
