// Package said reads a time that a person wrote, British day-first, and gives
// the interval in which it lies and what is doubtful about it; it never guesses
// and reads no clock.
//
// So far it reads absolute times that stand behind a label. Times in running
// prose ("about an hour ago") are not read.
package said
