// Package ledger takes the entries that a step made and gives them back as a
// record that nobody can change unseen: it owns their exact bytes, the chain of
// hashes through them, the checkpoint outside the store, and the checks before
// anything new is written. It decides nothing about an incident, never reads a
// clock, and never repairs what it finds damaged.
//
// # An entry
//
// An entry is one line of canonical JSON: the fields of [incident.Entry] in the
// order of their declaration, under the names and omission rules of their json
// tags, with no white space:
//
//	{"v":1,"n":2,"prev":"9f86…","at":"2026-11-24T09:15:00.5Z","pos":[7,0],"kind":"joined","why":"shared_key","rules":1,"signal":{…},"incident":{…}}
//
//	v        1; a reader refuses what it does not know
//	n        counts from 1 without gaps, but where a note says which entries are lost
//	prev     SHA-256 of the previous entry's bytes, 64 hexadecimal digits in lower case; zeros for n = 1
//	at       when the step was made; never before the previous entry's
//	pos      [sequence,index] in SIGNALS that is covered after this entry; never before the previous entry's
//	kind     a word of [incident.Kinds]
//	why      a reason, where the kind needs one
//	rules    number of the entry that holds the rules in force
//	signal   what the signal added
//	incident the incident's resolved state after the step
//	from     for merged and split: the incident whose signals move
//	moved    for split: the entry numbers of the signals that move
//	alerts   the alerts that this step changed
//	note     something about the record itself; see below
//	text     the rules, compact JSON, for kind rules only
//
// Instants are RFC 3339 in UTC with a Z and no more digits of a second than are
// needed. Hashes are hexadecimal, marks and digests unpadded base64url. Numbers
// are decimal integers. Every text is a word from a closed set or a name of a
// few letters, digits and signs: there is no place where prose, a person's name
// or an address could stand, and [Decode] refuses one that tries.
//
// # An accepted loss
//
// A person goes on without what is lost by a note, in a fixed place and no other:
//
//	{"code":"accepted_loss","refusal":"ledger_record_bad","seq":812,"to":900,"n":900,"hash":"…","author":"4711"}
//
//	refusal  the name under which the record was refused, a word of [incident.Refusals]
//	seq, to  what is lost: entries where the refusal loses some, then the note's own
//	         number is to+1 and it stands behind entry seq-1; else messages of
//	         SIGNALS; without a to the one signal at [seq,index]; for
//	         alert_told_twice and ledger_reference_wrong entry seq
//	index    of that signal
//	commit   what the record commits to for that signal
//	n, hash  what the checkpoint said then, left out where there was none
//	author   staff number of whoever accepted it
//
// Verification passes over exactly what a later note names. It names no fault of
// an entry behind it.
//
// [Decode] is the exact inverse of [Encode]. Whatever Encode cannot have
// written is refused: other order, white space, an escape, a field that should
// have been left out. So one entry has one spelling, and its hash means it.
//
// # A message
//
// A step is one message of the LEDGER stream: its entries joined by newlines,
// none at the end, at most [MaxBody] bytes. The bodies joined by newlines are
// the export, and sha256sum over each line checks it; [VerifyLines] does so.
//
// # The checkpoint
//
// One file outside the store's directory: two slots of 512 bytes, written in
// turn, in place, and synced.
//
//	bytes 0–446    {"v":1,"n":12,"seq":9,"hash":"…"}, filled up with spaces
//	bytes 447–510  SHA-256 of bytes 0–446, hexadecimal
//	byte  511      newline
//
// The whole slot with the greater n counts. A torn one is as if it had never
// been written: then the other is at most one step behind, which is what a
// crash leaves anyway. Both torn: there is no checkpoint.
//
// # Order
//
// commit → checkpoint → tell. A step is stored, then the checkpoint names it,
// and only then does [Writer.Commit] return and [Writer.Entries] show it.
package ledger
