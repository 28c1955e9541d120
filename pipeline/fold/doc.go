// Package fold turns a signal's reading, a person's act or the passing of time,
// and the incidents so far, into the next incidents and the entries that
// explain the step. It reads no clock, opens no file and starts no goroutine:
// the same log gives the same bytes.
//
// What the entries say is enough to come back to the same state: Restore takes
// them one by one and follows what they record, without judging anew.
package fold
