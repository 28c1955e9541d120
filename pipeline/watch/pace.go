package watch

import (
	"context"
	"time"
)

// A Pace keeps a reading slow. Whoever reads calls Read after each piece; what is
// decoded and hashed elsewhere is bounded by what was read. It may be used by
// several goroutines, which then rest together.
type Pace struct {
	rate  int64
	share float64
	turn  chan struct{}

	// These belong to whoever has the turn.
	began time.Time // of the present piece of work
	owed  time.Duration
}

// NewPace returns a Pace of at most rate bytes a second, working at most share of
// the time (over 0, below 1). Zero bounds nothing. It must be made where it is
// used: not outside of a bubble for the inside.
func NewPace(rate int64, share float64) *Pace {
	return &Pace{rate: rate, share: share, turn: make(chan struct{}, 1)}
}

// leastRest is the shortest rest: many short ones would cost more than they
// spare.
const leastRest = 20 * time.Millisecond

// Read says that a piece of so many bytes was read and worked on, and rests as
// long as is due. Its error is that of ctx.
func (p *Pace) Read(ctx context.Context, bytes int) error {
	if p == nil || p.rate <= 0 && p.share <= 0 {
		return ctx.Err()
	}
	select {
	case p.turn <- struct{}{}:
		defer func() { <-p.turn }()
	case <-ctx.Done():
		return ctx.Err()
	}
	now := time.Now()
	if p.began.IsZero() {
		p.began = now
	}
	worked := now.Sub(p.began)
	p.began = now
	// Time that passed for another reason is no licence to run: nothing is saved.
	rest := time.Duration(0)
	if p.rate > 0 {
		rest = max(0, time.Duration(float64(bytes)/float64(p.rate)*float64(time.Second))-worked)
	}
	if p.share > 0 && p.share < 1 {
		rest = max(rest, time.Duration(float64(worked)*(1/p.share-1)))
	}
	if p.owed += rest; p.owed < leastRest {
		return ctx.Err()
	}
	t := time.NewTimer(p.owed)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	p.began, p.owed = time.Now(), 0
	return nil
}
