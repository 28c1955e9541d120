// Package said reads times that a person wrote, British day-first, and gives
// for each the interval in which it lies, what is doubtful about it, and of
// what it is the time; it never guesses silently and reads no clock.
//
// [Label] reads an absolute time behind a label, [LabelAt] also a relative one,
// [Prose] the times of running text. Prose cuts the text into sentences
// (token.go), reads the times of each (grammar.go and the files of its parts)
// and the verbs (event.go), ties each time to the verb nearest to it (tie.go)
// and gives it its day and instants (resolve.go, timeofday.go).
//
// What a word is taken for is in one place each: the hours of a part of the day
// in partofday.go, the words in lexicon.go, what a verb tells in deed.go.
// "About" is ten minutes either way ([About]), "just after" a quarter of an
// hour, a number that counts back is taken at its word, to the minute, and
// flagged, one with "about" may be three tenths of it off and at least five minutes. A
// weekday is the last one that was: on a Monday, "on Monday" is today if that
// time has been and is flagged, "last Monday" is a week ago, and on a Thursday
// "last Tuesday" is either. An hour from 1 to 12 with neither half of the day
// is read in the one that has been; where both have, 1 to 6 is the afternoon,
// an earlier day's 9 to 11 the morning, and all else spans both; it is flagged
// each time. A time without a day is today's, or yesterday's if today it has not
// been, flagged; after a sentence that spoke of another day it spans both.
package said
