package incident

import (
	"crypto/hmac"
	"strings"
)

// StampHeader is the mail header field that holds the stamp of an alert that we
// send, so that it is known when it comes back.
const StampHeader = "X-Promptness-Id"

// Stamp signs an alert that leaves us by mail: the AlertID, a semicolon and a
// Mark under the pepper. Only who holds the pepper can make one. It does not
// stop a stranger from putting a stamp that he was sent over a mail of his own:
// what he writes then counts for as little as our own alert does.
func (p Pepper) Stamp(id AlertID) string {
	return string(id) + ";" + p.mark("alert", string(id)).String()
}

// Stamped returns the alert that stamp was made for, and whether it was made by
// us. White space round it does not matter.
func (p Pepper) Stamped(stamp string) (AlertID, bool) {
	stamp = strings.TrimSpace(stamp)
	id, _, ok := strings.Cut(stamp, ";")
	if !ok || id == "" || len(stamp) > maxStamp || !hmac.Equal([]byte(stamp), []byte(p.Stamp(AlertID(id)))) {
		return "", false
	}
	return AlertID(id), true
}

// Ours reports whether stamp was made by us.
func (p Pepper) Ours(stamp string) bool {
	_, ok := p.Stamped(stamp)
	return ok
}

// maxStamp bounds the stamps that are looked at.
const maxStamp = 512
