package said

import "time"

// A written is one time as the words give it, before it is asked what day the
// text was written on. A zero field was not said.
type written struct {
	begin, end int // the tokens of the time itself
	from       int // the first token that belongs to it: "about", "just after"

	day  dayRef
	also dayRef // the same day, named again
	part part
	mod  string // early, late, mid, first, last: of the part or the day

	timed    bool  // a time of day was written
	start    clock // of a range, or the only one
	stop     clock // start unless it is a range
	ranged   bool
	zoned    bool // a zone was named
	zone     time.Duration
	london   bool // the zone was named as ours
	badZone  bool
	bySender bool // the zone's name means several, of which the sender's is one

	about  bool
	near   int // just before (-1) or just after (+1)
	bound  bound
	cue    string   // the preposition before it
	toward *written // the end of a range whose end has a day of its own

	ago        bool // counted back: between least and most before now
	least      time.Duration
	most       time.Duration
	later      bool          // counted on from the time said before
	atOnce     bool          // it was straight after that
	order      int           // it must be after (1) or before (-1) the time said last
	past       time.Duration // minutes past the hour of the time said before
	bySaid     bool          // and it was by then
	exact      bool          // a number was given and no word that makes it vague
	monthFirst bool
}

// A bound says that a time is no more than one end of what is meant.
type bound uint8

const (
	closed bound = iota
	until
	since
	by // or before
	after
)

// A clock is a time of day as it was written.
type clock struct {
	hour, min, sec int
	frac           time.Duration
	unit           time.Duration
	half           half
	either         bool // 1 to 12 with neither half: "9:15", "half nine"
	hourOnly       bool
	midnight       bool
}

func (c clock) ofDay() time.Duration {
	return time.Duration(c.hour)*time.Hour + time.Duration(c.min)*time.Minute + time.Duration(c.sec)*time.Second + c.frac
}

// in returns c in half x of the day.
func (c clock) in(x half) clock {
	if c.either && x != noHalf {
		c.hour %= 12
		if x == pm {
			c.hour += 12
		}
		c.half, c.either = x, false
	}
	return c
}

// A dayRef is how a day was named.
type dayRef struct {
	kind    dayKind
	date    civil // onDate
	to      civil // the last day of a range of dates
	n       int   // daysAgo, dayOfMonth; weeks back of a weekday
	weekday time.Weekday
	last    bool // "last Friday"
	named   bool // its weekday stood before it
	wrong   bool // no such date, or its weekday is another
}

type dayKind uint8

const (
	noDay      dayKind = iota
	onDate             // 23/11/2026
	daysAgo            // today, yesterday, three days ago
	onWeekday          // Friday
	dayOfMonth         // the 23rd
	weekend
	thisWeek
	sameDay // that day, the same day
	nextDay // the following day
	vague   // the other day, in October: no day that could be named
	future  // tomorrow
)
