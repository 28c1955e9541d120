// Package letter reads the bytes of any mail, however broken, into header fields,
// text, and lines that say whose words they are; it reads no clock, knows nothing
// of incidents beyond the names of its reasons, and never fails: what it could not
// read it names, and the rest stands.
//
// The structure is walked here, since one bad line makes a library lose all that
// stands behind it; go-message decodes what is well formed. Everything is bounded:
// parts, depth, decoded bytes, text (see mail.go).
package letter
