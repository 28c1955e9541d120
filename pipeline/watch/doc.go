// Package watch looks after the record while it is in use: it takes what every
// copy of the streams says of itself, what a reading of a whole copy finds, and
// what others report, and gives the one fault for which the work is to stop, with
// its place and its repair; it never repairs anything, and reads no signal.
//
// # Monitors
//
// Twice a minute each copy of LEDGER and of SIGNALS is asked what it holds: a few
// small requests. Six things are looked at: LEDGER begins with message 1, has no
// gaps, has nothing deleted and reaches the checkpoint; what is missing in SIGNALS
// was erased on purpose; SIGNALS reaches the position that the record covers. A
// finding is a fault when three looks in twenty seconds agree, so that a server
// that has just started, or a message that is being erased, is none: a damage is
// known within a minute. A copy that lags is left out until it has caught up. A
// round counts as a success when every copy was looked at.
//
// Monitors see what a stream knows to have lost. They do not see bytes that are
// changed where they lie, nor a message that its server skips because it cannot
// read it.
//
// # The scrub
//
// So every day (Options.Period) each copy in turn is read whole: the chain, every
// signal against its commitment, every alert told once. It is done slowly, see
// [Pace]. A flip of a bit is found within the period and the time of one scrub.
//
// # A fault
//
// A fault of the record as it is served ends when promptness is started again,
// which verifies it. A fault of one copy also ends when that copy was read whole
// afterwards; it is read again every ten minutes for that. Nothing else ends a
// fault, so that it cannot come and go.
package watch
