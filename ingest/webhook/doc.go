// Package webhook takes what detection tools send by HTTP: authentic bytes come
// in, go whole and unread into a Sink, and only then is the sender told 202;
// its Interpreter reads keys, times and attributes in such bytes later. It
// never answers yes for what could still be lost, and never answers no to
// authentic bytes because of what stands in them.
//
// # What is answered
//
//	202 {"id":"<signal>","repeat":false}   stored, or known already
//	401   not authentic, or its delivery stamp is too old; stored nowhere
//	404   no such source
//	405   another method than POST
//	410   these bytes were erased on a person's word and are refused
//	413   larger than the limit
//	503   could not be stored now; Retry-After says when to try again
//
// Bytes that are authentic but make no sense are stored, and quarantined when
// they are read: evidence of a report must not vanish. What went wrong on our
// side is always a 503, never a 4xx: Alertmanager and most senders give up at
// a 4xx and try a 5xx again. A retry is the same signal.
package webhook
