package email

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// The bounds of what one conversation with the server may last. A connection
// that is dead shows in them: nothing waits for a server without end.
const (
	dialWithin    = 30 * time.Second
	answerWithin  = time.Minute
	literalWithin = 10 * time.Minute
	// maxIdle is shorter than what address translators and balancers allow a
	// silent connection (Azure 4 minutes, AWS 350 seconds; Exchange 30 minutes).
	maxIdle = 4 * time.Minute
)

// A ConnectError says that a mailbox could not be opened.
type ConnectError struct {
	Step    string // "connect to", "log in to", "open"
	Address string
	Err     error
	hint    string
	after   time.Duration
}

// Error returns the step, the address and the cause.
func (e *ConnectError) Error() string { return fmt.Sprintf("%s %s: %v", e.Step, e.Address, e.Err) }

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// Hint says what an operator may look at.
func (e *ConnectError) Hint() string { return e.hint }

// RetryAfter returns how long to wait at least before the next try, where that
// is longer than after any failure.
func (e *ConnectError) RetryAfter() time.Duration { return e.after }

// tlsConfig returns how the server is checked.
func (c Config) tlsConfig() (*tls.Config, error) {
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: host}
	if c.TLS == TLSImplicit {
		t.NextProtos = []string{"imap"}
	}
	if t.RootCAs, err = rootsOf(c.CAFile); err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	return t, nil
}

// keepAlive finds a line that is dead while nothing is said on it within two
// minutes, and keeps translators of addresses from forgetting it.
func keepAlive() net.KeepAliveConfig {
	return net.KeepAliveConfig{Enable: true, Idle: 45 * time.Second, Interval: 15 * time.Second, Count: 5}
}

// A dialer opens the connections of one Box, one after the other, and remembers
// what they broke over.
type dialer struct {
	// odd counts, by UID, how often the answer could not be read when the mail
	// was listed.
	odd map[uint32]int
	// copied are mails that are in the folder of move_to and still here.
	copied uids
	of     uint32 // the UIDVALIDITY that both are of
}

// dial connects, logs in and opens the mailbox, for reading only unless mails are
// to be moved. What it logs in with is read anew each time, so that it can be changed without a restart; a
// token is asked for before, so that no connection waits for it.
func (d *dialer) dial(ctx context.Context, c Config) (mailbox, error) {
	ctx, cancel := context.WithTimeout(ctx, dialWithin)
	defer cancel()
	fail := func(step, hint string, err error) error {
		if ctx.Err() != nil {
			err = errors.Join(context.Cause(ctx), err)
		}
		e := &ConnectError{Step: step, Address: c.Address, Err: err, hint: hint, after: slow(err)}
		if l, ok := errors.AsType[*loginError](err); ok {
			e.hint, e.after = l.hint, l.after
		}
		return e
	}
	tlsConfig, err := c.tlsConfig()
	if err != nil {
		return nil, err
	}
	secret, err := c.credential(ctx)
	if err != nil {
		return nil, err
	}
	conn, err := (&net.Dialer{KeepAliveConfig: keepAlive()}).DialContext(ctx, "tcp", c.Address)
	if err != nil {
		return nil, fail("connect to", "check the address and port, and that this machine may reach it", err)
	}
	// go-imap knows no context: what ends the wait is the end of the connection.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	b := newConnection(conn, d)
	options := b.options(tlsConfig)
	switch c.TLS {
	case TLSImplicit:
		t := tls.Client(conn, tlsConfig)
		if err := t.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, fail("connect to", "check tls (implicit needs a TLS port, usually 993) and ca_file", err)
		}
		b.guard.Conn = t
		b.client, b.sealed = imapclient.New(b.guard, options), true
	case TLSStart:
		b.guard.sealedBelow = true
		if b.client, err = imapclient.NewStartTLS(b.guard, options); err != nil {
			_ = conn.Close()
			return nil, fail("connect to", "check that the server offers STARTTLS on this port, and ca_file", err)
		}
		b.sealed = true
	case TLSNone:
		if host, _, _ := net.SplitHostPort(c.Address); !loopback(host) {
			_ = conn.Close()
			return nil, fmt.Errorf("connect to %s: tls: none is allowed on loopback only", c.Address)
		}
		b.client = imapclient.New(b.guard, options)
	default:
		_ = conn.Close()
		return nil, fmt.Errorf("connect to %s: unknown tls %q", c.Address, c.TLS)
	}
	if err := b.login(c, secret); err != nil {
		b.Close()
		return nil, fail("log in to", "", err)
	}
	if c.MoveTo != "" && !b.mayMove() {
		b.Close()
		return nil, fail("open the mailbox at", hintNoMove, errNoMove)
	}
	if err := b.open(c.Mailbox, c.MoveTo == ""); err != nil {
		b.Close()
		return nil, fail("open the mailbox at", "check mailbox, and that the account may read it", err)
	}
	return b, nil
}

// A connection is a mailbox on go-imap.
type connection struct {
	conn   net.Conn
	guard  *guard // around conn
	client *imapclient.Client
	sealed bool // under TLS
	state  state
	idle   bool
	news   chan struct{} // holds one token while there is news
	past   *dialer

	// strays are the mails that go-imap could not give to the fetch that asked
	// for them.
	strays *strays
}

var _ mailbox = (*connection)(nil)

func newConnection(conn net.Conn, past *dialer) *connection {
	b := &connection{conn: conn, guard: &guard{Conn: conn}, news: make(chan struct{}, 1), past: past, strays: newStrays()}
	b.guard.allow(maxAnswer)
	return b
}

func (b *connection) options(t *tls.Config) *imapclient.Options {
	return &imapclient.Options{
		TLSConfig: t,
		UnilateralDataHandler: &imapclient.UnilateralDataHandler{
			Mailbox: func(d *imapclient.UnilateralDataMailbox) {
				if d.NumMessages != nil {
					b.tell()
				}
			},
			Fetch: b.strays.take,
		},
	}
}

func (b *connection) tell() {
	select {
	case b.news <- struct{}{}:
	default:
	}
}

// open opens the mailbox, where it is to be read only with EXAMINE, by which
// nothing in it can be changed.
func (b *connection) open(name string, readOnly bool) error {
	d, err := b.client.Select(name, &imap.SelectOptions{ReadOnly: readOnly}).Wait()
	if err != nil {
		return err
	}
	b.idle = b.client.Caps().Has(imap.CapIdle)
	b.state = state{uidValidity: d.UIDValidity, uidNext: uint32(d.UIDNext)}
	if b.past.of != d.UIDValidity {
		b.past.odd, b.past.copied, b.past.of = map[uint32]int{}, nil, d.UIDValidity
	}
	if d.UIDNext > 0 {
		return nil
	}
	// A server of before 2003 does not tell: the next is past the last.
	data, err := b.client.UIDSearch(&imap.SearchCriteria{}, nil).Wait()
	if err != nil {
		return err
	}
	uids, err := found(data.All)
	for _, uid := range uids {
		b.state.uidNext = max(b.state.uidNext, uid+1)
	}
	return err // of an empty one nothing is known
}

// State returns what the server said when the mailbox was opened.
func (b *connection) State() state { return b.state }

// Close ends the connection.
func (b *connection) Close() {
	_ = b.conn.Close()
	if b.client != nil {
		_ = b.client.Close()
	}
}

// within runs f and cuts the connection if it lasts longer than d, or if the
// server sends over n bytes meanwhile. A server's answer must not end the
// process, so a panic is an error.
func (b *connection) within(ctx context.Context, d time.Duration, n int64, what string, f func() error) (err error) {
	b.guard.allow(n)
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = b.conn.Close() })
	defer stop()
	defer func() {
		if v := recover(); v != nil {
			_ = b.conn.Close()
			err = fmt.Errorf("%s: the server's answer cannot be read: %v", what, v)
		}
	}()
	err = f()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", what, errors.Join(ctx.Err(), err))
	case refusal(err) != nil:
		err = fmt.Errorf("%s: %w", what, err)
	default:
		err = b.broken(what, err)
	}
	return patient(err)
}

// broken is why the connection ended with err: what the server said as it hung
// up, if it did. A mail's own words are never taken for that.
func (b *connection) broken(what string, err error) error {
	if bye := b.guard.goodbye(); bye != nil && what != fetching {
		return fmt.Errorf("%s: %w", what, bye)
	}
	if text := err.Error(); len(text) > maxSaid { // go-imap adds its stack
		return fmt.Errorf("%s: %s", what, cut(text, maxSaid))
	}
	return fmt.Errorf("%s: %w", what, err)
}

const fetching = "fetch mail"

// Search returns the UIDs above after, ascending. A server searches what it has
// told of, so it is made to tell first; news from then on is kept for Wait. A
// server asked for the range from one past the end gives the last mail (RFC 3501
// section 6.4.8), so what is not above after is left out.
func (b *connection) Search(ctx context.Context, after uint32, since time.Time) ([]uint32, error) {
	var uids []uint32
	err := b.within(ctx, answerWithin, maxAnswer, "search mailbox", func() error {
		if err := b.client.Noop().Wait(); err != nil {
			return err
		}
		select {
		case <-b.news:
		default:
		}
		criteria := &imap.SearchCriteria{Since: since} // with neither: ALL
		if after > 0 {
			var set imap.UIDSet
			set.AddRange(imap.UID(after)+1, 0)
			criteria.UID = []imap.UIDSet{set}
		}
		data, err := b.client.UIDSearch(criteria, nil).Wait()
		if err != nil {
			return err
		}
		uids, err = found(data.All)
		return err
	})
	uids = slices.DeleteFunc(uids, func(uid uint32) bool { return uid <= after })
	slices.Sort(uids)
	return slices.Compact(uids), err
}

// oddLimit is how often in all an answer about a mail may break the connection
// before the mail is not listed any more: once among others, then alone.
const oddLimit = 3

// List returns size and INTERNALDATE of mails. A mail of which the server tells
// what go-imap cannot read, such as no date at all, costs a connection each time:
// after oddLimit of them it is left out, and read without.
func (b *connection) List(ctx context.Context, uids []uint32) (map[uint32]listed, error) {
	all := map[uint32]listed{}
	var groups [][]uint32
	var together []uint32
	for _, uid := range uids {
		switch n := b.past.odd[uid]; {
		case n == 0:
			together = append(together, uid)
		case n < oddLimit:
			groups = append(groups, []uint32{uid})
		}
	}
	if len(together) > 0 {
		groups = append(groups, together)
	}
	for _, some := range groups {
		err := b.list(ctx, some, all)
		if garbled(err) {
			for _, uid := range some {
				b.past.odd[uid]++
			}
		}
		if err != nil {
			return all, err
		}
	}
	return all, nil
}

// list lists some mails with one command, into all. What the server refuses to
// list is absent.
func (b *connection) list(ctx context.Context, some []uint32, all map[uint32]listed) error {
	err := b.within(ctx, answerWithin, maxAnswer, "list mails", func() error {
		var set imap.UIDSet
		for _, uid := range some {
			set.AddNum(imap.UID(uid))
		}
		cmd := b.client.Fetch(set, &imap.FetchOptions{UID: true, InternalDate: true, RFC822Size: true})
		mails, err := cmd.Collect()
		for _, m := range mails {
			all[uint32(m.UID)] = listed{size: m.RFC822Size, internal: m.InternalDate.UTC()}
		}
		return err
	})
	if refusal(err) != nil && slow(err) == 0 {
		return nil
	}
	return err
}

// garbled reports whether err is of an answer that came and cannot be read.
func garbled(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	for _, line := range []string{"EOF", "closed", "reset", "timeout", "broken pipe"} {
		if strings.Contains(text, line) {
			return false
		}
	}
	return strings.Contains(text, "in response") || strings.Contains(text, "cannot be read")
}

// Fetch returns the bytes of one mail, by BODY.PEEK.
func (b *connection) Fetch(ctx context.Context, uid uint32, head bool) ([]byte, error) {
	sections := []*imap.FetchItemBodySection{{Peek: true}}
	if head {
		sections = []*imap.FetchItemBodySection{
			{Specifier: imap.PartSpecifierHeader, Peek: true},
			{Specifier: imap.PartSpecifierText, Peek: true, Partial: &imap.SectionPartial{Size: headBytes}},
		}
	}
	g := newGathering(sections)
	b.strays.want(g)
	defer b.strays.want(nil)
	err := b.within(ctx, literalWithin, maxFetch, fetching, func() error {
		cmd := b.client.Fetch(imap.UIDSetNum(imap.UID(uid)), &imap.FetchOptions{UID: true, BodySection: sections})
		// Everything must be read to the end, or the connection hangs.
		for m := cmd.Next(); m != nil; m = cmd.Next() {
			if err := g.take(m, func() {}); err != nil {
				// The command is left as it is: to end it would read on from a
				// literal that go-imap has given up (a data race).
				return err
			}
		}
		return cmd.Close()
	})
	switch {
	case slow(err) > 0:
		return nil, err // nothing is wrong with the mail
	case refusal(err) != nil:
		return nil, fmt.Errorf("%w: %w", errRefused, err)
	case err != nil:
		return nil, err
	}
	if !g.found {
		g = b.strays.find(uid)
	}
	switch {
	case g == nil:
		return nil, errAbsent
	case g.tooBig:
		return nil, errTooBig
	}
	return slices.Concat(g.parts...), nil
}

// Wait idles until there is news, or d has passed. A connection that has died
// meanwhile shows in the Search that follows.
func (b *connection) Wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(min(d, maxIdle))
	defer timer.Stop()
	select {
	case <-b.news:
		return nil // came while we were reading
	default:
	}
	var idle *imapclient.IdleCommand
	if b.idle {
		if err := b.within(ctx, answerWithin, maxAnswer, "idle", func() (err error) { idle, err = b.client.Idle(); return err }); err != nil {
			return err
		}
	}
	var err error
	select {
	case <-b.news:
	case <-timer.C:
	case <-ctx.Done():
		err = ctx.Err()
	case <-b.client.Closed():
		return patient(b.broken("idle", errors.New("the connection was closed")))
	}
	if idle != nil {
		end := b.within(context.WithoutCancel(ctx), answerWithin, maxAnswer, "end idle", func() error {
			return errors.Join(idle.Close(), idle.Wait())
		})
		err = errors.Join(err, end)
	}
	return err
}
