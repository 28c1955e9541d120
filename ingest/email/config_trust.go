package email

import (
	"fmt"
	"strings"
)

// Authentication says how this mailbox knows who sent a mail. Several ways may be
// named beside one another; what fails DMARC is believed by none of them.
type Authentication struct {
	// AuthservID is the name under which our mail system writes its
	// Authentication-Results (RFC 8601). Only the topmost field with this name
	// is read, and with trusted_hops only above their Received field.
	AuthservID string `yaml:"authserv_id"`

	// ResultsWithoutID is for mail systems that write that field without a name
	// before its first result, as Exchange Online does. Needs trusted_hops, and
	// stands in the place of authserv_id.
	ResultsWithoutID bool `yaml:"results_without_id"`

	// ResultsBelowReceived is for mail systems that write that field below
	// their own Received field. They must strike out such fields under their
	// name from what comes in (RFC 8601 section 5): a sender's stand there too.
	ResultsBelowReceived bool `yaml:"results_below_received"`

	// DKIM says that we verify the signatures of each mail ourselves when it is
	// fetched, for which the DNS must be reached. One by the domain in From
	// proves the sender. Default: where authserv_id or results_without_id is
	// named, that is, where mail comes from outside.
	DKIM *bool `yaml:"dkim"`

	// InternalHeader is the field by which the mail system marks what was sent
	// from within. It is believed only in a mail that one of internal_hops took
	// in last. That host must strike it out of what comes from without.
	InternalHeader *HeaderValue `yaml:"internal_header"`

	// InternalHops are the hosts that write the topmost Received field of a mail
	// from within, as in trusted_hops. Default: trusted_hops.
	InternalHops []string `yaml:"internal_hops"`

	// Closed says that only known users can deliver to this mailbox.
	Closed bool `yaml:"closed"`
}

// A HeaderValue is a header field with a value, in any letter case.
type HeaderValue struct {
	Name  string `yaml:"name" json:"name"`
	Value string `yaml:"value" json:"value"`
}

// results reports whether the mail system's Authentication-Results are read.
func (a Authentication) results() bool { return a.AuthservID != "" || a.ResultsWithoutID }

// verifies reports whether signatures are verified.
func (a Authentication) verifies() bool {
	if a.DKIM != nil {
		return *a.DKIM
	}
	return a.results()
}

// validateTrust returns what is wrong with the fields that say who is believed.
func (c Config) validateTrust() []error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	hosts := func(field string, list []string) {
		for i, h := range list {
			if !hostName(h) {
				bad("%s[%d]: %q must be a host name, or a domain with a dot before it", field, i, h)
			}
		}
	}
	hosts("trusted_hops", c.TrustedHops)
	hosts("desk_hosts", c.DeskHosts)
	hosts("authentication.internal_hops", c.Authentication.InternalHops)
	if len(c.DeskHosts) > 0 && len(c.TrustedHops) == 0 {
		bad("desk_hosts: needs trusted_hops: who else says that the mail came from the desk?")
	}
	for i, a := range c.DeskAddresses {
		local, domain, ok := strings.Cut(a, "@")
		if ok && (local == "" || !hostName(domain) || strings.HasPrefix(domain, ".")) || !ok && (!strings.HasPrefix(a, ".") || !hostName(a)) {
			bad("desk_addresses[%d]: %q must be an address, or a domain with a dot before it", i, a)
		}
	}
	if len(c.DeskAddresses) > 0 && len(c.TrustedHops) == 0 {
		bad("desk_addresses: needs trusted_hops: who else says that the mail came to the desk?")
	}
	return append(all, c.Authentication.validate(c.TrustedHops)...)
}

func (a Authentication) validate(hops []string) []error {
	var all []error
	bad := func(format string, args ...any) {
		all = append(all, fmt.Errorf("authentication."+format, args...))
	}
	if strings.ContainsAny(a.AuthservID, " \t;\r\n") {
		bad("authserv_id: %q must be one word, as it stands before the first semicolon", a.AuthservID)
	}
	if a.ResultsWithoutID && a.AuthservID != "" {
		bad("results_without_id: authserv_id is named; which of them does the mail system write?")
	}
	if a.ResultsWithoutID && len(hops) == 0 {
		bad("results_without_id: needs trusted_hops: a sender's own field has no name either")
	}
	if a.ResultsBelowReceived && (a.AuthservID == "" || len(hops) == 0) {
		bad("results_below_received: needs authserv_id and trusted_hops")
	}
	if a.InternalHeader != nil {
		if !plainName([]byte(a.InternalHeader.Name)) || strings.Contains(a.InternalHeader.Name, ":") {
			bad("internal_header.name: %q must be the name of a header field", a.InternalHeader.Name)
		}
		if a.InternalHeader.Value == "" {
			bad("internal_header.value: is missing")
		}
		if len(hops)+len(a.InternalHops) == 0 {
			bad("internal_header: needs trusted_hops or internal_hops: it is believed only behind one of them")
		}
	}
	if len(a.InternalHops) > 0 && a.InternalHeader == nil {
		bad("internal_hops: needs internal_header")
	}
	if a.Closed && (a.results() || a.InternalHeader != nil) {
		bad("closed: every mail is believed, so authserv_id, results_without_id and internal_header say nothing")
	}
	return all
}

// warnings returns what is allowed and yet rarely meant.
func (a Authentication) warnings(hops []string) []string {
	var all []string
	if !a.results() && !a.verifies() && a.InternalHeader == nil && !a.Closed {
		all = append(all, "authentication: none is named, so no mail of this mailbox can stop a clock until a person vouches for it")
	}
	if a.AuthservID != "" && len(hops) == 0 {
		all = append(all, "authentication.authserv_id: without trusted_hops a sender's own Authentication-Results is believed unless the mail system strikes it out")
	}
	return all
}
