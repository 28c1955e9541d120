// Package report turns the entries of the record into what people and machines
// are shown: incidents, what waits for a person, the figures of a month, and
// the derivation of a verdict. It takes entries and returns values and text; it
// reads no clock, opens no file, and never decides what an entry has not said.
//
// Everything that is shown comes from here, so that the command line, the
// metrics, the page and the monthly report cannot disagree. A [Book] follows the
// record; [Explain] derives one incident from its own entries.
package report
