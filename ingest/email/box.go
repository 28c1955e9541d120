package email

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest"
)

// The bounds of what is taken of one mail.
const (
	// MaxMail is the largest mail that is stored whole: 25 MiB, what Exchange
	// and most others accept.
	MaxMail = 25 << 20
	// headBytes is what is stored of the body of a larger one.
	headBytes = 256 << 10
)

// The pause before a connection is tried again doubles from the first to the
// longest, and each is made uneven, so that many do not return at once.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// A Box reads one mailbox and stores its mails. Run it once.
type Box struct {
	cfg       Config
	sink      ingest.Sink
	positions ingest.Positions
	log       *slog.Logger

	dial  func(context.Context, Config) (mailbox, error)
	known func(context.Context) (Known, error) // see Recall; nil: nothing is known

	prover prover // owned by Run

	// tries counts, by UID, how often a mail could not be fetched. Owned by Run.
	tries map[uint32]int
	// retried counts, by UID, how often a mail that could not be fetched was
	// asked for again. Owned by Run.
	retried map[uint32]int
	// looked is when this process last held the mailbox against the account.
	// Owned by Run.
	looked time.Time
	// searched says that the mailbox was searched after the sweep. Owned by Run.
	searched bool
	// found are the mails that are being read, or that were when the connection
	// broke. Owned by Run.
	found uids
	// every is how often the mailbox is held against the account.
	every time.Duration

	moves moves // owned by Run

	mu      sync.Mutex
	status  Status
	account Account
}

// A Status says how a mailbox is doing.
type Status struct {
	// Connected says that the mailbox is open now.
	Connected bool
	// Read is the instant up to which the mailbox was read and everything in it
	// stored; zero before the first time.
	Read time.Time
	// Err is why the last try to connect or to read failed; nil after one that
	// did not.
	Err error
	// What this process did, by mails.
	Stored     uint64 // new to the vault
	Repeated   uint64 // known to the vault
	Refused    uint64 // refused by the vault for good, for example erased ones
	Secret     uint64 // replaced: marked SECRET or above
	Unreadable uint64 // replaced: not given out by the server
	TooLarge   uint64 // cut
	Reconnects uint64 // failed connections and broken ones
	// Renumbered counts changes of UIDVALIDITY.
	Renumbered uint64
	// Moved counts mails that were moved (move_to), MoveFailed those that could
	// not be, at each try.
	Moved, MoveFailed uint64
}

// New returns a Box. It reads the files that cfg names, so that what is wrong
// with them shows at once, and opens no connection; Run does.
func New(cfg Config, sink ingest.Sink, positions ingest.Positions, log *slog.Logger) (*Box, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg = cfg.withDefaults()
	_, err := cfg.tlsConfig()
	if err = errors.Join(err, cfg.readSecrets()); err != nil {
		return nil, err
	}
	return &Box{
		cfg: cfg, sink: sink, positions: positions, dial: (&dialer{}).dial,
		log:   log.With("source_name", string(cfg.Name)),
		tries: map[uint32]int{}, retried: map[uint32]int{}, every: lookEvery,
	}, nil
}

// Watermark returns the instant up to which the mailbox was read and everything
// in it stored; zero before the first time. It is taken before the server is
// asked.
func (b *Box) Watermark() time.Time { return b.Status().Read }

// Status returns how the mailbox is doing.
func (b *Box) Status() Status {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.status
}

func (b *Box) note(f func(*Status)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f(&b.status)
}

// Run reads the mailbox until ctx ends and returns ctx's error. What fails is
// tried again for ever: a mail server that is away for a night loses nothing.
func (b *Box) Run(ctx context.Context) error {
	pause := firstPause
	for ctx.Err() == nil {
		read, err := b.session(ctx)
		if ctx.Err() != nil {
			break
		}
		b.note(func(s *Status) { s.Connected, s.Err = false, err; s.Reconnects++ })
		if read {
			pause = firstPause
		}
		wait := pause
		var after interface{ RetryAfter() time.Duration }
		if errors.As(err, &after) {
			wait = max(wait, ingest.RetryAfter(err))
		}
		wait = wait/2 + rand.N(wait) //nolint:gosec // evenness is no secret
		b.log.WarnContext(ctx, "mailbox not read", "err", err, "retry_after", wait.Round(time.Millisecond))
		sleep(ctx, wait)
		pause = min(2*pause, longestPause)
	}
	b.note(func(s *Status) { s.Connected = false })
	return ctx.Err()
}

// sleep waits for d or the end of ctx.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// session reads over one connection until it fails. read says that it came on:
// the mailbox was read through, or at least one mail was dealt with.
func (b *Box) session(ctx context.Context) (read bool, err error) {
	// Taken before the server is asked for the first time: a mail that comes
	// later is none that we can have seen.
	began := time.Now().UTC()
	box, err := b.dial(ctx, b.cfg)
	if err != nil {
		return false, err
	}
	defer box.Close()
	b.moves.stored = nil // what was not saved is read again
	p, err := b.position(ctx, box, began)
	if err != nil {
		return false, err
	}
	b.note(func(s *Status) { s.Connected, s.Err = true, nil })
	b.log.InfoContext(ctx, "mailbox opened", "last_uid", p.LastUID)
	for {
		began = time.Now().UTC()
		before := p
		p, err = b.sweep(ctx, box, p)
		if err == nil && (b.looked.IsZero() || began.Sub(b.looked) >= b.every) {
			p, err = b.look(ctx, box, p)
		}
		read = read || err == nil || p != before
		if err != nil {
			return read, err
		}
		b.note(func(s *Status) { s.Read = began })
		if p, err = b.moveAway(ctx, box, p); err != nil {
			return read, err
		}
		if b.searched {
			b.searched = false
			continue // the server may have told meanwhile of news, and tells once
		}
		if err := box.Wait(ctx, b.cfg.Poll.D()); err != nil {
			return read, err
		}
	}
}

// position returns where to read on.
func (b *Box) position(ctx context.Context, box mailbox, now time.Time) (position, error) {
	p, err := loadPosition(ctx, b.positions, b.cfg.Name)
	damaged, _ := errors.AsType[*PositionError](err)
	if err != nil && damaged == nil {
		return position{}, err
	}
	var next position
	changed := false
	switch {
	case p == nil:
		next, err = b.lost(ctx, box.State(), now, damaged)
	default:
		next, changed = p.opened(box.State())
	}
	if err != nil {
		return position{}, err
	}
	if changed {
		b.note(func(s *Status) { s.Renumbered++ })
		b.log.WarnContext(ctx, "mailbox renumbered", "since", next.Since)
		clear(b.tries)
		clear(b.retried)
		b.looked, b.found = time.Time{}, nil
	}
	if next.Account != nil {
		b.show(next)
		return next, nil
	}
	// Saved before anything is read: a crash must not move the beginning.
	if next, err = b.begin(ctx, box, next); err != nil {
		return position{}, err
	}
	return next, b.save(ctx, box, next)
}
