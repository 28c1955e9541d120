package email

import (
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// trustedHop returns the place among fields of the topmost Received field of a
// trusted host, and what it says; -1 where there is none that can be believed.
func (r *rules) trustedHop(fields []letter.Field) (int, letter.Hop) {
	return r.topmost(fields, r.TrustedHops)
}

// topmost returns the place among fields of the topmost Received field of one of
// hosts, and what it says; -1 where there is none. A sender can write such fields
// only below those of the hosts that had the mail after him: every host puts its
// own on top. So each host above must say that it had the mail from the next;
// where one took it from somebody else, what stands below is that one's word.
func (r *rules) topmost(fields []letter.Field, hosts []string) (int, letter.Hop) {
	var above letter.Hop
	for i, f := range fields {
		if f.Name != "received" {
			continue
		}
		h, ok := letter.ParseReceived(f.Value)
		if !ok || above.By != "" && !r.handedOn(above, h) {
			return -1, letter.Hop{}
		}
		if letter.Within(h.By, hosts) {
			return i, h
		}
		above = h
	}
	return -1, letter.Hop{}
}

// handedOn reports whether the host of above had the mail from the host of h: by
// its name, or both are of one side, or it is a host with several domains: there
// the first label is the same, and the name that was found for it is one of ours,
// as Exchange Online has it.
func (r *rules) handedOn(above, h letter.Hop) bool {
	if above.From == "" || above.From == h.By {
		return above.From != ""
	}
	for _, side := range [][]string{r.TrustedHops, r.DeskHosts} {
		if letter.Within(above.From, side) && letter.Within(h.By, side) {
			return true
		}
	}
	a, _, _ := strings.Cut(above.From, ".")
	b, _, _ := strings.Cut(h.By, ".")
	return a == b && (letter.Within(above.From, r.InternalHops) || letter.Within(above.From, r.TrustedHops))
}

// trust says how sure we are that the mail comes from the address in From, by
// the ways that its mailbox names, and which of them spoke. Without one no mail
// is trusted.
//
//	our border says  our own DKIM  trust
//	dmarc=fail       anything      unauthenticated
//	anything else    pass          authenticated
//	dmarc, dkim pass anything      authenticated
//	spf pass         not pass      aligned
//	nothing          not pass      unauthenticated, or aligned by the internal
//	                               header or a closed mailbox
//
// A failure of DMARC wins although we verified a signature: the domain may ask
// for more than we do, and a mail that is believed too little asks for a person,
// while one that is believed too much stops a clock. A signature that fails here
// takes nothing away: a border that puts a banner into a mail breaks it after it
// has looked at it itself.
func (r *rules) trust(fields []letter.Field, signed []incident.DKIMResult) (incident.Trust, []incident.Flag) {
	domain, ok := authorDomain(fields)
	if !ok {
		return incident.Unauthenticated, nil
	}
	var flags []incident.Flag
	own := ownNone
	if r.DKIM {
		own = proof(signed, domain)
	}
	switch own {
	case ownPasses:
		flags = append(flags, incident.FlagDKIMPass)
	case ownFails:
		flags = append(flags, incident.FlagDKIMFail)
	case ownUnknown:
		flags = append(flags, incident.FlagDKIMUnknown)
	case ownNone:
	}
	said := r.results(fields, domain)
	switch said {
	case borderProven, borderAligned:
		flags = append(flags, incident.FlagResultsPass)
	case borderRefuted:
		flags = append(flags, incident.FlagResultsFail)
	case borderSilent:
	}
	switch {
	case said == borderRefuted:
		return incident.Unauthenticated, flags
	case said == borderProven, own == ownPasses:
		return incident.Authenticated, flags
	case said == borderAligned, r.Closed, r.InternalHeader != nil && r.internal(fields):
		return incident.Aligned, flags
	default:
		return incident.Unauthenticated, flags
	}
}

// authorDomain returns the domain of the one address in the one From field.
func authorDomain(fields []letter.Field) (string, bool) {
	from := ""
	for _, f := range fields {
		if f.Name != "from" {
			continue
		}
		if from != "" {
			return "", false // two From fields: which one would be shown?
		}
		if from = author(f.Value); from == "" {
			return "", false
		}
	}
	_, domain, ok := strings.Cut(from, "@")
	return domain, ok
}

// internal reports whether the mail bears the header by which the mail system
// marks what was sent from within. It is believed only of a mail that a host of
// ours took in last, and only if no other value of it is there: that host must
// strike it out of what comes from without.
func (r *rules) internal(fields []letter.Field) bool {
	hops := r.InternalHops
	if len(hops) == 0 {
		hops = r.TrustedHops
	}
	last, _ := letter.Get(fields, "received")
	if h, ok := letter.ParseReceived(last); !ok || !letter.Within(h.By, hops) {
		return false
	}
	found := false
	for _, f := range fields {
		if f.Name != strings.ToLower(r.InternalHeader.Name) {
			continue
		}
		if !strings.EqualFold(f.Value, r.InternalHeader.Value) {
			return false
		}
		found = true
	}
	return found
}

// A receipt is when a mail reached us, and by which stamp.
type receipt struct {
	at    time.Time
	flags []incident.Flag
}

// received returns when the mail reached us: by the topmost Received field of a
// trusted host, else by INTERNALDATE, else when we took it. What we had at an
// instant was received by then, whatever a stamp says. A stamp by which the host
// took the mail for the desk is not the time at which we had it: the desk's
// mailbox passed it on later, without a stamp.
func (r *rules) received(s incident.Signal, fields []letter.Field) receipt {
	var got receipt
	at, h := r.trustedHop(fields)
	ours := at >= 0 && !h.At.IsZero() && !takenFor(fields[at].Value, r.DeskAddresses)
	switch {
	case ours:
		got = receipt{h.At.UTC(), []incident.Flag{incident.FlagReceivedHop}}
	case !s.Stamped.IsZero():
		got = receipt{s.Stamped.UTC(), []incident.Flag{incident.FlagInternalDate}}
	default:
		return receipt{at: s.Received.UTC()}
	}
	if ahead := got.at.Sub(s.Received); ahead > 0 && !s.Received.IsZero() {
		got.at = s.Received.UTC()
		flag := incident.FlagClipped
		if ahead > incident.DefaultTolerance {
			flag = incident.FlagSkewed
		}
		got.flags = append(got.flags, flag)
	}
	return got
}
