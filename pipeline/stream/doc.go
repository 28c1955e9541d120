// Package stream keeps signals and the record on NATS JetStream: signals and
// ledger messages come in and are durable when the call returns, and they come
// out again in order, whole and checked; it never reads what a signal says.
//
// # Streams of a tenant
//
//	SIGNALS_<tenant>      signal.<tenant>.frame   the vault: frames of raw signals, erasable
//	LEDGER_<tenant>       ledger.<tenant>         the record: one message a step, never deleted
//	DELIVERIES_<tenant>   deliveries.<tenant>     attempts to tell people, and their outcomes
//	KV_INGEST_<tenant>    key-value bucket        how far each way in has been read
//	OBJ_EVIDENCE_<tenant> object store            raw bytes too large for a frame
//
// [Start] runs a nats-server inside the process; an external cluster is only
// another way to a connection. [Open] creates what is missing and refuses what
// is there with settings that could lose something.
//
// # The frame, versions 1 and 2
//
// A message of SIGNALS is a frame: one signal after the other, each a line of
// JSON, a newline, the raw bytes, a newline.
//
//	{"v":1,"id":"…","source":"…","channel":"…","time":"…",…,"len":5}⏎
//	hello⏎
//	{"v":1,…,"len":0,"evidence":{"name":"…","len":734003200,"sha256":"…"}}⏎
//	⏎
//
// The line has these fields, in this order, without white space; a field in
// brackets is left out when empty. Anything else is not a frame: what is decoded
// and encoded again gives the same bytes.
//
//	v          2 for a line with dkim, which version 1 did not have, else 1. A
//	           reader refuses a version that it does not know.
//	index      [the index that the signal had in the frame that was replaced;
//	           only in a frame with the header Replaces, and there in each line]
//	id         incident.SignalID, 64 hexadecimal digits, of the stored bytes
//	source     name of the source, [a-z0-9-]{1,40}
//	channel    email, webhook, slack or manual
//	time       when our process took it: RFC 3339, UTC, nanoseconds
//	stamped    [when the receiving system says that it had it; the same form]
//	auth       how the transport authenticated the sender
//	author     [staff number of the credential's owner]
//	role       [role of author at that time]
//	stub       [why the raw bytes were replaced before they were stored]
//	dkim       [what our own verification of the mail's signatures gave, up to 5:
//	           {"d":domain,"s":selector,"r":pass, fail, temperror, permerror or
//	           policy}]
//	salt       32 random bytes, unpadded base64url. SHA-256(salt ‖ raw) is the
//	           commitment that the record holds.
//	len        number of raw bytes that follow the newline
//	evidence   [the raw bytes are an object of EVIDENCE: its name, its length in
//	           bytes, its SHA-256 in unpadded base64url; len is 0 then]
//
// id, source, time follow the names of CloudEvents. A frame holds 1 to
// [MaxFrameSignals] signals in at most [MaxFrameBytes]. A signal's position is
// the sequence of its message and its index in the frame, from 0.
//
// The header Replaces: <seq> marks a frame that holds what is left of frame seq
// after a signal in it was erased. Readers skip it: its signals were read at
// their old positions. [Store.Signal] finds them in it by index.
//
// # What is promised
//
// Put and Append return nil when the bytes would survive a power cut: the
// server syncs before it answers. A frame whose answer was lost is looked for
// and, if it is not there, sent again. It can still arrive late and then stands
// twice; the fold knows every signal for ever and calls the second one a repeat,
// so a doubled frame costs space and nothing else. Append is exact: it is fenced
// by sequence, and ends only when it knows.
package stream
