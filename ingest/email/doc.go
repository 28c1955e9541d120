// Package email reads a mailbox over IMAP, stores each mail as a signal before
// it moves on, and reads facts in stored mails; it never changes a mailbox, not
// even a flag, unless move_to is set, and never decides what a mail means for an
// incident.
//
// # How mails are read, once each
//
// The mailbox is opened with EXAMINE (with move_to: SELECT) and bodies are
// fetched with BODY.PEEK. How far it was read stands in KV under "imap.<source>", as JSON:
//
//	{"uidvalidity":7,"last_uid":4711,"last_internaldate":"…","start":"…","account":{…}}
//
// It is saved after Put, so that a crash between the two reads mails again and
// loses none; the same bytes are the same signal. A new UIDVALIDITY means that
// the numbers mean nothing any more: everything since two days before
// last_internaldate is read again. start bounds what is ever read.
//
// account says what became of every mail that the server ever listed: numbers,
// and UIDs as IMAP writes them. Every ten minutes the whole mailbox is held
// against it, and what was passed over is read. Its "moving" are the mails that
// are stored and still to be moved: none of former numbers, none that is a stub.
//
// # What is stored in the place of a mail
//
// Three kinds of mail are replaced before Put. Signal.Stub names the reason and
// Raw is one line of JSON with source, uid, size and received:
//
//   - marked_secret: marked SECRET or TOP SECRET ([Marked]); nothing of it is
//     kept, not even its hash (ADR 9).
//   - unreadable: listed by the server and not given out when asked for.
//   - too_large: over 25 MiB. Here Raw is the mail's header and the first
//     256 KiB of its body.
package email
