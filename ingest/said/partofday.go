package said

import "time"

// A part is a part of the day.
type part uint8

const (
	noPart part = iota
	earlyHours
	earlyMorning
	firstThing
	morning
	midMorning
	lateMorning
	lunchtime
	earlyAfternoon
	afternoon
	midAfternoon
	lateAfternoon
	closeOfPlay
	earlyEvening
	evening
	lateEvening
	night
	overnight
	lateDay // "late on Friday"
	halfDay // "Friday pm"
)

// hoursOf returns the hours that a part of the day is taken for, counted from
// the midnight with which its day begins: night and overnight run on into the
// next day. This table is the one place that says so. The hours are wide,
// since people mean different ones; a time that rests on them is flagged.
func hoursOf(p part) (from, to time.Duration) {
	h := func(a, b float64) (time.Duration, time.Duration) {
		return time.Duration(a * float64(time.Hour)), time.Duration(b * float64(time.Hour))
	}
	switch p {
	case earlyHours:
		return h(0, 6)
	case earlyMorning:
		return h(0, 9)
	case firstThing:
		return h(6, 10)
	case morning:
		return h(0, 12)
	case midMorning:
		return h(9, 11.5)
	case lateMorning:
		return h(10, 12.5)
	case lunchtime:
		return h(11.5, 14.5)
	case earlyAfternoon:
		return h(12, 15)
	case afternoon:
		return h(12, 18)
	case midAfternoon:
		return h(14, 16.5)
	case lateAfternoon:
		return h(15, 18.5)
	case closeOfPlay:
		return h(16, 19)
	case earlyEvening:
		return h(16.5, 20)
	case evening:
		return h(17, 24)
	case lateEvening:
		return h(20, 26)
	case night:
		return h(18, 30)
	case overnight:
		return h(17, 33)
	case lateDay:
		return h(15, 24)
	case halfDay:
		return h(12, 24)
	case noPart:
	}
	return h(0, 24)
}

// half returns which half of the day a time of 1 to 12 is in when it is said
// with p, and whether a day is to be added, since a night runs over midnight.
// sure is false where people use it either way ("12 in the morning").
func (p part) half(hour int) (x half, nextDay, sure bool) {
	of12 := hour % 12
	switch p {
	case earlyHours, earlyMorning, firstThing, morning, midMorning, lateMorning:
		if of12 == 0 {
			return pm, false, false // "12 this morning" is noon, or else midnight
		}
		return am, false, true
	case lunchtime:
		if of12 == 11 {
			return am, false, true
		}
		return pm, false, true
	case earlyAfternoon, afternoon, midAfternoon, lateAfternoon, closeOfPlay, earlyEvening, lateDay, halfDay:
		return pm, false, of12 < 9
	case evening, lateEvening:
		if of12 == 0 {
			return am, true, false
		}
		return pm, false, of12 >= 4
	case night, overnight:
		if of12 < 6 {
			return am, true, of12 > 0
		}
		if p == overnight && of12 < 9 {
			return am, true, false
		}
		return pm, false, true
	case noPart:
	}
	return noHalf, false, false
}
