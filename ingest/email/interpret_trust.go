package email

import (
	"strings"
	"time"

	"github.com/emersion/go-msgauth/authres"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// trustedHop returns the place among fields of the topmost Received field of a
// trusted host, and what it says; -1 where there is none. A sender can write
// such fields only below it: every host puts its own on top.
func (r *rules) trustedHop(fields []field) (int, hop) {
	for i, f := range fields {
		if f.name != "received" {
			continue
		}
		if h, ok := parseReceived(f.value); ok && within(h.by, r.TrustedHops) {
			return i, h
		}
	}
	return -1, hop{}
}

// trust says how sure we are that the mail comes from the address in From, by
// the one way that its mailbox names. Without one no mail is trusted.
func (r *rules) trust(fields []field) incident.Trust {
	from := ""
	for _, f := range fields {
		if f.name != "from" {
			continue
		}
		if from != "" {
			return incident.Unauthenticated // two From fields: which one would be shown?
		}
		if from = address(f.value); from == "" {
			return incident.Unauthenticated
		}
	}
	_, domain, ok := strings.Cut(from, "@")
	if !ok {
		return incident.Unauthenticated
	}
	switch {
	case r.Closed:
		return incident.Aligned
	case r.InternalHeader != nil:
		if r.internal(fields) {
			return incident.Aligned
		}
	case r.AuthservID != "":
		return r.results(fields, domain)
	}
	return incident.Unauthenticated
}

// internal reports whether the mail bears the header by which the mail system
// marks what was sent from within. It is believed only of a mail that a trusted
// host took in last, and only if no other value of it is there: that host must
// strike it out of what comes from without.
func (r *rules) internal(fields []field) bool {
	for _, f := range fields {
		if f.name == "received" {
			if h, ok := parseReceived(f.value); !ok || !within(h.by, r.TrustedHops) {
				return false
			}
			break
		}
	}
	at, _ := r.trustedHop(fields)
	found := false
	for _, f := range fields {
		if f.name != strings.ToLower(r.InternalHeader.Name) {
			continue
		}
		if !strings.EqualFold(f.value, r.InternalHeader.Value) {
			return false
		}
		found = true
	}
	return at >= 0 && found
}

// results reads the topmost Authentication-Results field with our own
// authserv-id (RFC 8601). Every other one may be the sender's. It must stand
// above the Received field of the trusted host, where one is configured: the
// sender's own fields stand below it.
func (r *rules) results(fields []field, domain string) incident.Trust {
	end := len(fields)
	if len(r.TrustedHops) > 0 {
		at, _ := r.trustedHop(fields)
		if at < 0 {
			return incident.Unauthenticated
		}
		end = at
		if r.ResultsBelow {
			for end = at + 1; end < len(fields) && fields[end].name != "received"; end++ {
			}
		}
	}
	for _, f := range fields[:end] {
		if f.name != "authentication-results" {
			continue
		}
		id, _, _ := strings.Cut(f.value, ";")
		if words := strings.Fields(id); len(words) == 0 || !strings.EqualFold(words[0], r.AuthservID) {
			continue
		}
		_, results, err := authres.Parse(f.value)
		if err != nil {
			return incident.Unauthenticated
		}
		return grade(results, domain)
	}
	return incident.Unauthenticated
}

// grade says what the results prove of the domain in From: dmarc=pass for it or
// a passing DKIM signature of it is authenticated, a passing SPF of it aligned.
// What another domain proves counts nothing.
func grade(results []authres.Result, domain string) incident.Trust {
	best := incident.Unauthenticated
	for _, r := range results {
		switch x := r.(type) {
		case *authres.DMARCResult:
			switch {
			case x.Value == authres.ResultPass && (x.From == "" || aligned(x.From, domain)):
				best = incident.Authenticated
			case x.Value == authres.ResultFail:
				return incident.Unauthenticated
			}
		case *authres.DKIMResult:
			signer := x.Domain
			if _, d, ok := strings.Cut(x.Identifier, "@"); ok && signer == "" {
				signer = d
			}
			if x.Value == authres.ResultPass && aligned(signer, domain) {
				best = incident.Authenticated
			}
		case *authres.SPFResult:
			envelope := x.From
			if i := strings.LastIndexByte(envelope, '@'); i >= 0 {
				envelope = envelope[i+1:]
			}
			if x.Value == authres.ResultPass && aligned(envelope, domain) && best == incident.Unauthenticated {
				best = incident.Aligned
			}
		}
	}
	return best
}

// aligned reports whether prover is domain itself or a domain above it. The
// other way about would let whoever has a sub-domain speak for the whole; where
// DMARC allows that, the mail system says dmarc=pass.
func aligned(prover, domain string) bool {
	prover, domain = strings.ToLower(strings.Trim(prover, ".<> ")), strings.ToLower(domain)
	return prover != "" && strings.Contains(prover, ".") &&
		(prover == domain || strings.HasSuffix(domain, "."+prover))
}

// A receipt is when a mail reached us, and by which stamp.
type receipt struct {
	at    time.Time
	flags []incident.Flag
}

// received returns when the mail reached us: by the topmost Received field of a
// trusted host, else by INTERNALDATE, else when we took it. What we had at an
// instant was received by then, whatever a stamp says.
func (r *rules) received(s incident.Signal, fields []field) receipt {
	var got receipt
	at, h := r.trustedHop(fields)
	switch {
	case at >= 0 && !h.at.IsZero():
		got = receipt{h.at.UTC(), []incident.Flag{incident.FlagReceivedHop}}
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

// deskReceipt returns when the mail first passed a host of the service desk on
// its way here: the topmost Received field of such a host, if the hosts above it
// hand the mail on one to the next. A sender who writes the field himself cannot
// make the host above say that it had the mail from the desk.
func (r *rules) deskReceipt(fields []field) time.Time {
	if len(r.DeskHosts) == 0 {
		return time.Time{}
	}
	at, above := r.trustedHop(fields)
	if at < 0 {
		return time.Time{}
	}
	for _, f := range fields[at+1:] {
		if f.name != "received" {
			continue
		}
		h, ok := parseReceived(f.value)
		if !ok {
			return time.Time{}
		}
		if above.from != h.by && !(within(above.from, r.DeskHosts) && within(h.by, r.DeskHosts)) {
			return time.Time{}
		}
		if within(h.by, r.DeskHosts) {
			return h.at
		}
		above = h
	}
	return time.Time{}
}
