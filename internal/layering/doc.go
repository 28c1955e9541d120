// Package layering holds the rules that the source tree itself must keep, as
// tests: who may import whom, what reads no clock, who may sleep, and how long a
// file may be. There is nothing in it to call.
//
// A new package needs a row in the table of layering_test.go. The row is a
// decision: it is made with the architecture at hand, not to make a test pass.
package layering
