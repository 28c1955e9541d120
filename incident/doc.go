// Package incident holds the words of incident promptness and the arithmetic
// that belongs to them: what a Signal, a Claim, a Clock and an Entry are, how a
// milestone's time is chosen among claims and which verdict an interval gives.
// It takes values and returns values; it reads no clock, opens no file and
// never decides what joins what.
//
// All instants are UTC. An interval is closed; a zero end is open, that is, not
// known. Nothing is clamped and no duration is negative.
package incident
