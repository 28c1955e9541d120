// Package backup copies the streams of a tenant into a directory and gives them
// back message by message: messages come in, files with their sums go out, and
// the other way round; it never reads what a message says, and never calls a
// copy whole that was not looked at by whoever can.
//
// # A backup
//
// A backup is a directory with a file for each section and a manifest:
//
//	positions.messages   how far each way in was read
//	deliveries.messages  attempts to tell people, and their outcomes
//	ledger.messages      the record
//	signals.messages     the vault: raw signals, with what was erased left out
//	evidence.messages    raw bytes too large for a message of the vault
//	manifest.json        what these files are; written last
//
// A directory without a whole manifest is no backup. The pepper is in none of
// them: the manifest holds its check value, which says whether a pepper is the
// one, and nothing else. Leases are not copied.
//
// # Order
//
// The sections are copied in the order above, one after the other, while the
// program goes on. So what a section refers to was copied after it, and is
// there: a position is saved after its signals are stored, a delivery is
// recorded after its alert is in the record, a step is committed after the
// signals that it covers are stored, and a frame is stored after its evidence.
// A restored copy is what a crash could have left.
//
// # A file of messages, version 1
//
// A line, the messages, a line. Lines are compact JSON with the fields in this
// order; those in brackets are left out when they are empty.
//
//	{"v":1,"section":"signals","tenant":"moj"}⏎
//	{"seq":1,"time":"…","len":5,"sha256":"…"}⏎hello⏎
//	{"seq":4,"time":"…","header":{"Replaces":["2"]},"len":0,"sha256":"…"}⏎⏎
//	{"end":"signals","count":2,"first":1,"last":5,"bytes":…,"sha256":"…"}⏎
//
//	v        1. A reader refuses a version that it does not know.
//	section  the name of the section
//	tenant   whose it is
//	seq      the message's sequence in its stream, ascending. One that is
//	         missing was erased. Of a position it is the revision; pieces of
//	         objects are counted from 1.
//	time     when the server stored it: RFC 3339, UTC
//	key      [of a position; the name of an object]
//	piece    [of an object: which of its pieces, from 0]
//	pieces   [of an object: how many there are]
//	header   [the message's header, names in ascending order]
//	len      bytes of the body, at most 1 MiB; they follow the line's newline,
//	         and a newline follows them
//	sha256   of the body, hexadecimal; in the last line: of all bytes of the
//	         file before it
//	count    messages in the file
//	first    sequence of the first message, 0 where there is none
//	last     last sequence of the stream when it was copied. Larger than that of
//	         the last message where that was erased.
//	bytes    length of the file before its last line
//
// A line that [Writer] cannot have written is refused. The files one after the
// other, behind a line of their own, are what a running program sends:
//
//	{"v":1,"archive":"promptness","tenant":"moj","bytes":…}⏎
//
// bytes is about how many will come.
//
// # The manifest, version 1
//
// Indented JSON for people. Its last field is the SHA-256 of all lines before
// it: head -n -2 manifest.json | sha256sum.
package backup
