package email

import (
	"slices"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// deskClaims say when the service desk was told, for a mail that came to it
// first. What counts as evidence is what the receiving side wrote down
// (rules.md section 1):
//
//   - a stamp of a host of the desk, or of a host of ours that took the mail for
//     an address of the desk, on the way of this mail, where each host on the way
//     names the next by a name that it looked up itself: evidence;
//   - such a stamp in a mail that the desk itself attaches to one of its own, and
//     that one is authenticated: the desk hands over what its mail server wrote,
//     evidence;
//   - the same where a host names the next only as that called itself, or where
//     somebody else attaches the mail: weak;
//   - the Sent line above what the desk passes on in its own text, and Resent-Date:
//     what somebody typed or may have changed, weak.
//
// Nothing is read in X-MS-Exchange-Inbox-Rules-Loop and the like: they carry no
// time, and anybody can write them.
func (m *mailing) deskClaims(trust incident.Trust, got receipt) []incident.Claim {
	if len(m.DeskHosts)+len(m.DeskAddresses) == 0 {
		return nil
	}
	from, _ := letter.Get(m.Fields, "from")
	byDesk := atDesk(author(from), m.DeskAddresses)
	var claims []incident.Claim
	add := func(c incident.Claim) {
		if c.Interval.Known() && !c.Interval.Latest.After(got.at) {
			c.Milestone = incident.ReportedToDesk
			claims = append(claims, c)
		}
	}
	if !byDesk { // what the desk writes itself was not told to it
		found, via := m.deskStamp(m.Fields, m.TrustedHops, false)
		add(m.stampClaim(found, true))
		if found.at.IsZero() && via {
			add(m.resent())
		}
	}
	desk := byDesk && trust.Known()
	var inline, attached incident.Claim
	for _, f := range m.Forwarded {
		if f.Nested || f.Answered {
			continue // not in the words of whoever sends this mail
		}
		if f.Attached {
			found, _ := m.deskStamp(f.Fields, slices.Concat(m.TrustedHops, m.DeskHosts), true)
			earliest(&attached, m.stampClaim(found, desk))
		}
		if desk && !atDesk(f.From, m.DeskAddresses) {
			earliest(&inline, incident.Claim{
				Interval: f.Sent, Basis: incident.Derived, Observer: letter.Address(from), Words: f.Words,
			})
		}
	}
	add(attached)
	if len(claims) == 0 {
		add(inline)
	}
	return claims
}

// earliest puts c in the place of best if it is better evidence, or as good and
// earlier.
func earliest(best *incident.Claim, c incident.Claim) {
	switch {
	case !c.Interval.Known():
	case !best.Interval.Known(), c.Receiver && !best.Receiver,
		c.Receiver == best.Receiver && c.Interval.Latest.Before(best.Interval.Latest):
		*best = c
	}
}

// A deskStamp is when the desk had a mail. It is sure if nobody but hosts of ours
// and of the desk can have written it.
type deskStamp struct {
	at   time.Time
	sure bool
}

// stampClaim is the claim that a stamp makes. handed says that it comes to us by
// our own hosts or by the desk.
func (m *mailing) stampClaim(s deskStamp, handed bool) incident.Claim {
	if s.at.IsZero() {
		return incident.Claim{}
	}
	c := incident.Claim{
		Interval: incident.At(s.at.UTC()), Basis: incident.Recorded, Observer: string(m.signal.Source),
		Receiver: true, Flags: []incident.Flag{incident.FlagReceivedHop},
	}
	if !s.sure || !handed {
		c.Basis, c.Receiver = incident.Derived, false
	}
	return c
}

// deskStamp follows the Received fields down from the topmost one of hosts as
// long as each says that it has the mail from the one below, and returns the
// lowest that is the desk's: the first time that the desk had the mail. A sender
// can write such fields only below, and cannot make the host above say that it
// had the mail from the desk. first says that the topmost may be of a desk host.
// via reports that the mail came by a host of the desk, whether or not it wrote
// a field.
func (r *rules) deskStamp(fields []letter.Field, hosts []string, first bool) (found deskStamp, via bool) {
	at, above := r.topmost(fields, hosts)
	if at < 0 {
		return found, false
	}
	below, sure := false, true
	for _, f := range fields[at:] {
		if f.Name != "received" {
			continue
		}
		h, ok := letter.ParseReceived(f.Value)
		if below && (!ok || !r.handedOn(above, h)) {
			break
		}
		desk := letter.Within(h.By, r.DeskHosts) && (below || first) ||
			letter.Within(h.By, slices.Concat(r.TrustedHops, r.DeskHosts)) && takenFor(f.Value, r.DeskAddresses)
		if desk && !h.At.IsZero() && (sure || !found.sure) {
			found = deskStamp{h.At, sure}
		}
		sure = sure && peerLookedUp(f.Value)
		via = via || letter.Within(h.From, r.DeskHosts)
		above, below = h, true
	}
	return found, via
}

// peerLookedUp reports whether a Received field names its peer as the host found
// it in the DNS, "from called (found [address])", and not as the peer called
// itself.
func peerLookedUp(value string) bool {
	words := letter.ReceivedWords(value)
	if len(words) < 3 || !strings.EqualFold(words[0].Text, "from") || words[1].Comment || !words[2].Comment {
		return false
	}
	c := strings.ToLower(words[2].Text)
	name, address, _ := strings.Cut(strings.TrimSpace(c), " ")
	return strings.Contains(name, ".") && wordOf(name, "-._") && strings.Trim(name, "0123456789.") != "" &&
		strings.HasPrefix(strings.TrimSpace(address), "[") && !strings.Contains(c, "helo") && !strings.Contains(c, "forged")
}

// takenFor reports whether a Received field says that the host took the mail for
// one of addresses: its for clause, which has the recipient of the envelope.
func takenFor(value string, addresses []string) bool {
	if len(addresses) == 0 {
		return false
	}
	words := letter.ReceivedWords(value[:max(strings.LastIndexByte(value, ';'), 0)])
	by := false
	for i := 0; i+1 < len(words); i++ {
		switch w := words[i]; {
		case w.Comment || words[i+1].Comment:
		case strings.EqualFold(w.Text, "by"):
			by = true
		case by && strings.EqualFold(w.Text, "for"):
			return atDesk(strings.ToLower(strings.Trim(words[i+1].Text, "<>,")), addresses)
		}
	}
	return false
}

// atDesk reports whether address is one of addresses, or at or beneath a domain
// of them that is written with a dot before it.
func atDesk(address string, addresses []string) bool {
	_, domain, ok := strings.Cut(address, "@")
	if !ok {
		return false
	}
	for _, a := range addresses {
		a = strings.ToLower(a)
		if a == address || strings.HasPrefix(a, ".") && strings.HasSuffix("."+domain, a) {
			return true
		}
	}
	return false
}

// resent is the claim of a mail that the desk sent on with fields of its own
// (RFC 5322 section 3.6.6): it had the mail by then.
func (m *mailing) resent() incident.Claim {
	from, _ := letter.Get(m.Fields, "resent-from")
	date, _ := letter.Get(m.Fields, "resent-date")
	at, ok := letter.ParseDate(date)
	if !ok || !atDesk(author(from), m.DeskAddresses) {
		return incident.Claim{}
	}
	return incident.Claim{
		Interval: incident.Interval{Latest: at.UTC()}, Basis: incident.Derived, Observer: letter.Address(from),
	}
}
