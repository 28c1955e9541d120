package ledger

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A checker puts records into their places in the chain, one after the other,
// and says which one does not fit.
type checker struct {
	head Head
	// marks are compared when the chain comes to them, the checkpoint first. One
	// of N = 0 compares nothing.
	marks []mark
	// trusted is the message up to which, itself left out, the chain was hashed
	// before and is not hashed again; unhashed says that head's was not.
	trusted  uint64
	unhashed bool
	// begins says that what stands before the next record is not known.
	begins bool
	// each is given every entry that fits.
	each func(*record) error

	// doubt holds an entry whose prev is not the hash of the one before: either
	// may have been changed, and the entry after tells which.
	doubt *record

	covered covered
	losses  Losses
	// whole are the ends of the last two steps that were taken whole.
	whole [2]Head
}

// covered is the commitment to the signal at the position that is covered.
type covered struct {
	n, seq uint64
	pos    incident.Pos
	commit incident.Digest
}

// A mark is an entry that somebody outside of the record names.
type mark struct {
	Checkpoint
	who string
	met bool          // the chain came to it
	err *RefusedError // and it is another there
}

func newChecker(marks []mark, each func(*record) error) *checker {
	return &checker{marks: marks, each: each}
}

// furthest returns the mark that names the last entry.
func (c *checker) furthest() mark {
	var far mark
	for _, m := range c.marks {
		if m.N > far.N {
			far = m
		}
	}
	return far
}

// named reports whether a mark names entry n, and with which hash.
func (c *checker) named(n uint64) (hash incident.Hash, ok bool) {
	for _, m := range c.marks {
		if m.N == n {
			return m.Hash, true
		}
	}
	return hash, false
}

// take puts r into its place.
func (c *checker) take(r *record) error {
	if c.doubt != nil {
		return c.blame(prevOf(r.line) == c.doubt.hash)
	}
	bad := func(err error) error {
		return &RefusedError{Name: RefuseRecord, N: c.head.N + 1, Seq: r.seq, Err: err}
	}
	e := &r.entry
	if r.err != nil {
		return bad(r.err)
	}
	if c.begins {
		c.begins, c.unhashed, c.head.N = false, true, e.N-1
	}
	if c.unhashed {
		c.head.Hash = e.Prev
	}
	err := c.head.follows(e)
	if _, ok := errors.AsType[*unlinkedError](err); ok {
		doubt := *r
		c.doubt = &doubt
		return nil
	}
	if err != nil {
		return bad(err)
	}
	c.head.step(e, r.hash, r.seq)
	c.unhashed = r.unhashed
	for i := range c.marks {
		if m := &c.marks[i]; e.N == m.N {
			m.met, m.err = true, m.compare(r)
		}
	}
	if e.Signal != nil && e.Signal.Pos == e.Pos {
		c.covered = covered{n: e.N, seq: r.seq, pos: e.Pos, commit: e.Signal.Commit}
	}
	if r.last {
		c.whole[0], c.whole[1] = c.whole[1], c.head
	}
	c.losses.Take(e)
	if c.each != nil {
		return c.each(r)
	}
	return nil
}

// compare compares the entry that m names with what m says of it.
func (m *mark) compare(r *record) *RefusedError {
	differs := &RefusedError{Name: RefuseDiffers, N: r.entry.N, Seq: r.seq}
	switch {
	case r.seq != m.Seq && (r.unhashed || r.hash == m.Hash):
		differs.What = fmt.Sprintf("%s says message %d", m.who, m.Seq)
	case r.unhashed: // it was compared before
		return nil
	case r.hash != m.Hash:
		differs.What = fmt.Sprintf("hash is %s, %s says %s", r.hash, m.who, m.Hash)
	case !r.last:
		differs.What = m.who + " stands in the middle of a step"
	default:
		return nil
	}
	return differs
}

// fails returns what is wrong with m at the end of the chain, unless an
// acceptance names it.
func (c *checker) fails(m *mark) *RefusedError {
	if m.N == 0 || m.met && m.err == nil || c.losses.any(func(a *acceptance) bool { return a.passesMark(m) }) {
		return nil
	}
	switch {
	case m.met:
		return m.err
	case m.N > c.head.N:
		return c.ahead(m, nil)
	default:
		return &RefusedError{Name: RefuseDiffers, N: m.N, Seq: m.Seq, What: "no entry has the number that " + m.who + " names"}
	}
}

// blame names the bad one of two entries that do not hang together: the first
// if what comes after still vouches for the second.
func (c *checker) blame(secondIsWhole bool) error {
	e := &RefusedError{Name: RefuseRecord, N: c.head.N, Seq: c.head.Seq,
		What: fmt.Sprintf("it was changed: its hash is %s, entry %d says %s", c.head.Hash, c.head.N+1, c.doubt.entry.Prev)}
	if !secondIsWhole || c.head.N == 0 {
		e.N, e.Seq = c.head.N+1, c.doubt.seq
		e.What = fmt.Sprintf("it was changed: the hash of entry %d is %s, prev says %s", c.head.N, c.head.Hash, c.doubt.entry.Prev)
	}
	return e
}

// end settles what the last record left open, and compares the end of the
// chain with the marks.
func (c *checker) end() error {
	if c.doubt != nil {
		if hash, ok := c.named(c.doubt.entry.N); ok {
			return c.blame(c.doubt.hash == hash)
		}
		_, ok := c.named(c.head.N)
		return c.blame(c.head.N == 0 || !ok)
	}
	for i := range c.marks {
		if err := c.fails(&c.marks[i]); err != nil {
			return err
		}
	}
	return nil
}

// An Ender is a Vault that knows how far its numbers were used, whatever has
// become of the signals there.
type Ender interface {
	// End returns the last sequence of SIGNALS.
	End(ctx context.Context) (seq uint64, err error)
}

// reaches checks that SIGNALS reaches the position that is covered. Where it
// does not, new signals would get numbers that are covered, and nobody would
// ever read them.
func (c *checker) reaches(ctx context.Context, v Vault) error {
	if e, ok := v.(Ender); ok {
		end, err := e.End(ctx)
		switch {
		case err != nil:
			return fmt.Errorf("read end of signals: %w", err)
		case end < c.head.Pos.Seq:
			return &RefusedError{Name: RefuseVault, N: c.head.N, Pos: c.head.Pos,
				What: fmt.Sprintf("it is covered, and SIGNALS ends with message %d", end)}
		default:
			return nil
		}
	}
	last, err := v.Last(ctx)
	if err != nil {
		return fmt.Errorf("read end of signals: %w", err)
	}
	if last.Less(c.head.Pos) {
		return &RefusedError{Name: RefuseVault, N: c.head.N, Pos: c.head.Pos,
			What: fmt.Sprintf("it is covered, and SIGNALS ends at %s", last)}
	}
	return nil
}

// lastSignal compares the signal at the position that is covered with its
// commitment, unless it was erased or its loss was accepted.
func (c *checker) lastSignal(ctx context.Context, v Vault) error {
	if c.covered.n == 0 || c.covered.pos != c.head.Pos || c.losses.erasedAt(c.covered.pos) {
		return nil
	}
	err := c.covered.check(ctx, v)
	refused, ok := errors.AsType[*RefusedError](err)
	if ok && c.losses.any(func(a *acceptance) bool { return a.passes(&fault{refused, c.covered.commit}) }) {
		return nil
	}
	return err
}

// damaged reports whether err says that a signal is gone or is not what was
// stored: a method Damage of one of the errors in it says yes.
func damaged(err error) bool {
	var d interface{ Damage() bool }
	return errors.As(err, &d) && d.Damage()
}

// check compares a signal with the commitment to it.
func (c covered) check(ctx context.Context, v Vault) error {
	s, err := v.Signal(ctx, c.pos)
	switch {
	case err != nil && ctx.Err() != nil:
		return ctx.Err()
	case err != nil && !damaged(err):
		// It cannot be reached now: that says nothing of what is there.
		return fmt.Errorf("read signal %s of entry %d: %w", c.pos, c.n, err)
	case err != nil:
		return &RefusedError{Name: RefuseUnread, N: c.n, Seq: c.seq, Pos: c.pos, Err: err}
	case s.Commit != c.commit:
		return &RefusedError{Name: RefuseSignal, N: c.n, Seq: c.seq, Pos: c.pos,
			What: fmt.Sprintf("its bytes hash to %s, the record says %s", s.Commit, c.commit)}
	default:
		return nil
	}
}

// endOf returns the last sequence of the log, and refuses one that says of itself
// that it does not begin with message 1.
func endOf(ctx context.Context, log Log) (last uint64, deleted int, err error) {
	first, last, deleted, err := log.State(ctx)
	switch {
	case err != nil:
		return 0, 0, fmt.Errorf("read state of ledger: %w", err)
	case last == 0:
		return 0, 0, nil
	case first != 1:
		return 0, 0, &RefusedError{Name: RefuseFirst, Seq: first, What: "the record begins here, not with message 1"}
	default:
		return last, deleted, nil
	}
}

// chain walks the log through c, from behind its head on. The log said that it
// reaches last, and that so many messages are gone.
func (c *checker) chain(ctx context.Context, log Log, last uint64, deleted int, progress func(done, total uint64)) error {
	err := c.links(ctx, log, last, deleted, progress)
	if _, named := errors.AsType[*RefusedError](err); named {
		for i := range c.marks { // what was found before it
			if m := &c.marks[i]; m.err != nil && c.fails(m) != nil {
				return m.err
			}
		}
	}
	return err
}

func (c *checker) links(ctx context.Context, log Log, last uint64, deleted int, progress func(done, total uint64)) error {
	next := c.head.Seq + 1
	read := walk
	if last < next+few {
		read = one // at a take-over there is little to read
	}
	err := read(ctx, log, next, c.trusted, func(r *record) error {
		if r.seq != next {
			return c.lost(next, fmt.Sprintf("message %d follows %d", r.seq, next-1), nil)
		}
		if err := c.take(r); err != nil {
			return err
		}
		if r.last {
			if next%progressEvery == 0 && progress != nil {
				progress(next, max(last, next))
			}
			next++
		}
		return nil
	})
	_, named := errors.AsType[*RefusedError](err)
	switch {
	case named || ctx.Err() != nil:
		return err
	case deleted > 0:
		// The log knows that messages are gone, and stops where the first was.
		return c.lost(next, fmt.Sprintf("%d of %d messages are gone, the first of them here", deleted, last), err)
	case err != nil && next <= last && damaged(err) && c.unreadable(ctx, log, next):
		return c.lost(next, "the message cannot be read, and one beside it can", err)
	case err != nil:
		return fmt.Errorf("read ledger after entry %d in message %d: %w", c.head.N, c.head.Seq, err)
	case next <= last:
		return c.lost(next, fmt.Sprintf("the record can be read up to message %d of %d", next-1, last), nil)
	}
	if err := c.end(); err != nil {
		return err
	}
	if progress != nil {
		progress(next-1, next-1)
	}
	return nil
}

// few is up to how many messages it does not pay to decode with all processors.
const few = 16

// unreadable reports whether message seq is damaged, not only out of reach for
// the moment: it cannot be read again, and the one before or after it can.
func (c *checker) unreadable(ctx context.Context, log Log, seq uint64) bool {
	readable := func(seq uint64) bool {
		found := false
		err := log.Messages(ctx, seq, func(got uint64, _ []byte) error {
			found = got == seq
			return errStop
		})
		return found && errors.Is(err, errStop)
	}
	return !readable(seq) && (seq > 1 && readable(seq-1) || readable(seq+1))
}

// ahead says that the record ends before the entry that m names, and names the
// first one that is lost.
func (c *checker) ahead(m *mark, err error) *RefusedError {
	return &RefusedError{Name: RefuseAhead, N: c.head.N + 1, Seq: c.head.Seq + 1, Err: err,
		What: fmt.Sprintf("it is lost: the record ends before it, and %s names entry %d in message %d", m.who, m.N, m.Seq)}
}

// shorter looks for the first entry that is lost in a log that ends before the
// message that a mark names. It finds nothing where the loss was accepted.
func (c *checker) shorter(ctx context.Context, log Log, last uint64, deleted int, progress func(done, total uint64)) error {
	err := c.chain(ctx, log, last, deleted, progress)
	if refused, named := errors.AsType[*RefusedError](err); named && refused.Name != RefuseAhead {
		far := c.furthest()
		return c.ahead(&far, refused) // the rest is damaged too
	}
	return err
}

func (c *checker) lost(seq uint64, what string, err error) error {
	return &RefusedError{Name: RefuseDeleted, N: c.head.N + 1, Seq: seq, What: what, Err: err}
}

// progressEvery is after how many messages progress is told.
const progressEvery = 4096

// prevOf returns the prev of a line by its place, for a line that may be
// damaged elsewhere.
func prevOf(line []byte) incident.Hash {
	var h incident.Hash
	const key = `,"prev":"`
	i := bytes.Index(line, []byte(key))
	if i < 0 || len(line) < i+len(key)+2*len(h) {
		return h
	}
	if _, err := hex.Decode(h[:], line[i+len(key):i+len(key)+2*len(h)]); err != nil {
		return incident.Hash{}
	}
	return h
}
