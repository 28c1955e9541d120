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
	uids, err := box.Search(ctx, p.LastUID, p.searchSince())
	if err != nil {
		return p, err
	}
	for some := range slices.Chunk(uids, batch) {
		list, err := box.List(ctx, some)
		if err != nil {
			return p, err
		}
		next := p
		for _, uid := range some {
			mail, ok := list[uid]
			if ok && !p.wanted(mail.internal) {
				next = next.past(uid, mail.internal, time.Now())
				continue
			}
			if err = b.take(ctx, box, uid, mail); err != nil {
				break
			}
			next = next.past(uid, mail.internal, time.Now())
		}
		if next != p {
			// What was stored before an error is not read again.
			if errSave := next.save(ctx, b.positions, b.cfg.Name); errSave != nil {
				return p, errors.Join(err, errSave)
			}
			p = next
		}
		if err != nil {
			return p, err
		}
	}
	if p.Since.IsZero() {
		return p, nil
	}
	// The mailbox was read through by date. From here on the numbers count.
	next := p
	next.Since = time.Time{}
	if n := box.State().uidNext; n > 0 {
		next.LastUID = max(next.LastUID, n-1)
	}
	return next, next.save(ctx, b.positions, b.cfg.Name)
}

// take reads one mail and stores it, or what stands in its place.
func (b *Box) take(ctx context.Context, box mailbox, uid uint32, mail listed) error {
	s, err := b.signal(ctx, box, uid, mail)
	if err != nil {
		return err
	}
	delete(b.tries, uid)
	got, err := b.sink.Put(ctx, s)
	switch {
	case ingest.IsPermanent(err):
		b.note(func(s *Status) { s.Refused++ })
		return nil
	case err != nil:
		return fmt.Errorf("store mail: %w", err)
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
	return nil
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
		if marked(raw) {
			s.Stub = StubSecret
		}
	}
	if s.Stub == StubSecret || s.Stub == StubUnreadable {
		if s.Raw, err = json.Marshal(stub{s.Stub, s.Source, uid, mail.size, mail.internal}); err != nil {
			return s, fmt.Errorf("note mail that is not kept: %w", err)
		}
		b.log.WarnContext(ctx, "mail replaced before it was stored", "reason", s.Stub, "uid", uid)
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
	case errors.Is(err, errTooBig) && !head, ctx.Err() != nil:
		return nil, err
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
