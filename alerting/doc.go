// Package alerting takes the committed entries of the record, keeps which alerts
// are active, and has every configured channel told of each of them at least
// once, with a record of every attempt; it decides no alert and reads no signal.
//
// # Who is told what
//
// Only an alert that became active is told, and its end: resolved, retracted or
// merged. Whatever the record says of crossings that were held back, superseded,
// taken over or recorded in a backfill is for readers, not for channels. The
// first end of an alert is the one that is told: it can be active again only
// under its next number.
//
// An alert is owed to a channel until the channel has accepted its present
// state. So after a crash, or hours without a network, a channel hears the state
// that is true then, and of an alert that came and went meanwhile only the end. A
// channel that is new is told what is active, not what has ended before.
// Nothing is ever given up: an alert that was not accepted is offered again, with
// pauses of at most a minute, or of what the receiver asks for up to five, until
// the channel takes it or the alert's state changes.
//
// There are two kinds of channel. A [Level] channel is told the whole state
// again and again (Alertmanager); an [Edge] channel once for each change (mail,
// Slack, PagerDuty). Each has a goroutine of its own with one batch in hand; what
// waits is not queued but computed from the state. A channel that hangs delays
// no other.
//
// Nothing new is told before its attempt is on record. While the record cannot be
// written, for example because its stream is full, an Edge channel hears nothing
// new. A Level channel hears of it after some ten seconds all the same, and what
// it was told before is repeated: telling it twice changes nothing, and silence
// would be worse than a line that comes later.
//
// # Tours
//
// Where several processes could tell, one does, for as long as it holds a lease:
// a tour. The others follow the entries all the same, so that they know what is
// active when their turn comes. A tour begins by reading what was told so far. A
// tour that has ended begins no attempt; one that was in hand is finished on
// record under its own number, if that can still be written. So the record may
// hold lines of two tellers, mixed, where the first was thought dead: of two
// outcomes of one attempt accepted is the true one, and an end that was accepted
// stays told whatever comes after it. The next teller may have followed fewer
// entries than the one before: what it does not know yet is not told again.
//
// The desk keeps in memory what is active and what is owed. Between tours, and
// until a tour has read of whom that was told, it also keeps what has ended.
//
// # The record of deliveries
//
// A message of the deliveries stream is one or more lines of canonical JSON, each
// one delivery, separated by line feeds:
//
//	{"v":1,"channel":"am-0","phase":"joined","at":"2026-11-24T09:00:00Z","entry":4711}
//	{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","state":"active","phase":"begun","at":"…","attempt":1}
//	{"v":1,"channel":"am-0","alert":"p-00004k/pol-imp-002/deadline/1","state":"active","phase":"finished","outcome":"accepted","at":"…","attempt":1}
//
//	v        1. A reader that does not know the version leaves the line out.
//	channel  the configured name of the channel.
//	alert    the AlertID; absent for joined.
//	state    what was told: active, resolved, retracted, merged.
//	phase    joined: the channel is new, and is not owed alerts that ended up to
//	         entry. begun: durable before the attempt is made. finished: after.
//	outcome  of finished: accepted, refused, failed, unknown (it may have been
//	         accepted; the answer is missing).
//	code     of an outcome that is not accepted: see outbound.Codes.
//	at       our time, UTC.
//	attempt  counts from 1 for each alert, channel and state, across restarts.
//	entry    of joined: the number of the last entry that was known.
//
// An attempt that is begun and not finished when the program starts was cut by a
// crash. It is finished then as unknown with the code interrupted, and made again
// under the same AlertID.
//
// Of an Edge channel every attempt is recorded. Telling a Level channel the same
// again changes nothing, so of its failed attempts those numbered 1, 2, 4, 8 and
// so on are recorded: a receiver that is down over a weekend does not fill the
// disk. The attempt that is accepted is always recorded; the repetitions after
// it are counted in metrics only.
package alerting
