package email

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/email/letter"
)

// Kind is the kind of a source that this package reads.
const Kind = "imap"

// How the connection to the mail server is protected.
const (
	TLSImplicit = "implicit"
	TLSStart    = "starttls"
	TLSNone     = "none"
)

// Where the first connection to a mailbox begins to read, besides a date.
const (
	StartNow = "now"
	StartAll = "all"
)

// A Config is one mailbox.
type Config struct {
	ingest.Source `yaml:",inline"`

	// Address of the mail server, host:port. Port 993 is usual for
	// tls: implicit, 143 for starttls.
	Address string `yaml:"address"`

	// TLS is implicit (the default), starttls, or none. none is allowed on
	// loopback only.
	TLS string `yaml:"tls"`

	// CAFile holds certificates in PEM form that the server's must come from.
	// Default: those that the machine trusts.
	CAFile string `yaml:"ca_file"`

	// Username to log in with.
	Username string `yaml:"username"`

	// PasswordFile holds the password.
	PasswordFile string `yaml:"password_file"`

	// OAuth2, in the place of PasswordFile, has a token asked for.
	OAuth2 *OAuth2 `yaml:"oauth2"`

	// Mailbox to read. Default INBOX. Without move_to it is never changed.
	// People who read it too may move a mail away before we have seen it: have
	// the server copy what comes in to a folder of ours.
	Mailbox string `yaml:"mailbox"`

	// MoveTo, if set, is the folder into which a mail is moved once it is stored
	// for good. It must be there. Without it nothing in the mailbox is changed.
	MoveTo string `yaml:"move_to"`

	// Poll is after how long at most the mailbox is looked into, beside being
	// told of new mail by the server. Default 60s; between 1s and 4m.
	Poll incident.Span `yaml:"poll"`

	// Start says where the first connection begins: now (the default: what is
	// in the mailbox already is not read), all, or a date such as 2026-11-01.
	// It means nothing once the mailbox has been connected to.
	Start string `yaml:"start"`

	// TrustedHops are the hosts of ours whose Received field tells when a mail
	// reached us, as they write themselves behind "by"; ".example.org" stands
	// for every host beneath it. Each must stamp every mail. Without any the
	// time is the mail store's own (INTERNALDATE).
	TrustedHops []string `yaml:"trusted_hops"`

	// DeskHosts are the hosts by which the service desk receives mail, for
	// mail that the desk's system passes on to us. Their stamp is the time at
	// which the desk was told. Needs trusted_hops.
	DeskHosts []string `yaml:"desk_hosts"`

	// DeskAddresses are the addresses of the service desk; ".example.org" stands
	// for every address at that domain and beneath it. A mail that one of
	// trusted_hops took in for one of them on its way here, or that the desk
	// attaches to one of its own, reached the desk then.
	DeskAddresses []string `yaml:"desk_addresses"`

	// Authentication says how this mailbox knows who sent a mail. Without it
	// no mail of it can stop a clock until a person vouches for it.
	Authentication Authentication `yaml:"authentication"`

	// Labels are the texts before a colon that people fill in, by what they
	// mean: detected, occurred, reported, impact, personal_data, reference,
	// organisation. A field that is given replaces the defaults of that field.
	// Default for detected: "Date and time detected", "Detected", …
	Labels map[string][]string `yaml:"labels"`

	// References are regular expressions (RE2) of the references of ticket
	// systems, matched as whole words in any letter case.
	// Default INC\d{7,}, REQ\d{7,}, RITM\d{7,}.
	References []string `yaml:"references"`

	// OpensWhen is a condition in CEL (https://cel.dev) for mail to open an
	// incident, over the variables of Subjects; mail that does not is a
	// candidate, which waits for a person. Default: DefaultOpensWhen.
	OpensWhen string `yaml:"opens_when"`

	// OpensWhenWords are the words that the variable word of OpensWhen speaks
	// of: true where one stands in the subject or new text, in any letter case.
	// Default: incident, breach, phishing, lost, stolen, …
	OpensWhenWords []string `yaml:"opens_when_words"`

	// Senders are rules for mail that machines send. Mail of a machine that has
	// no rule never opens an incident by default.
	Senders []Sender `yaml:"senders"`

	// Organisations says, for the keys of the organisation map, what people
	// write behind the label. A key stands for itself too.
	Organisations map[incident.Organisation][]string `yaml:"organisations"`
}

// Default returns a Config with every default filled in.
func Default() Config {
	return Config{
		TLS:            TLSImplicit,
		Mailbox:        "INBOX",
		Poll:           incident.Span(time.Minute),
		Start:          StartNow,
		Labels:         DefaultLabels(),
		References:     []string{`INC\d{7,}`, `REQ\d{7,}`, `RITM\d{7,}`},
		OpensWhen:      DefaultOpensWhen,
		OpensWhenWords: DefaultWords(),
	}
}

// withDefaults fills in what was left out.
func (c Config) withDefaults() Config {
	d := Default()
	if c.TLS == "" {
		c.TLS = d.TLS
	}
	if c.Mailbox == "" {
		c.Mailbox = d.Mailbox
	}
	if c.Poll == 0 {
		c.Poll = d.Poll
	}
	if c.Start == "" {
		c.Start = d.Start
	}
	for field, given := range c.Labels {
		d.Labels[field] = given
	}
	c.Labels = d.Labels
	if c.References == nil {
		c.References = d.References
	}
	if c.OpensWhen == "" {
		c.OpensWhen = d.OpensWhen
	}
	if c.OpensWhenWords == nil {
		c.OpensWhenWords = d.OpensWhenWords
	}
	return c
}

// DefaultLabels are the labels that are known without configuration.
func DefaultLabels() map[string][]string {
	return map[string][]string{
		labelDetected: {
			"Date and time detected", "Date/time detected", "Date & time detected", "Time detected",
			"Detected at", "Detected on", "Detected", "Date and time discovered", "Date and time noticed",
			"Date detected", "Date discovered", "Time discovered", "Date noticed", "Time noticed",
		},
		labelOccurred: {
			"Date and time occurred", "Date and time of incident", "Occurred at", "Occurred",
			"Date occurred", "Time occurred", "Date of incident", "Time of incident",
		},
		labelReported:     {"Date and time reported", "Reported at"},
		labelImpact:       {"Impact"},
		labelPersonal:     {"Personal data", "Personal data involved"},
		labelReference:    {"Reference", "Ref", "Ticket", "Incident reference"},
		labelOrganisation: {"Organisation", "Agency"},
	}
}

// DefaultWords are the words that open an incident without configuration.
func DefaultWords() []string {
	return []string{
		"incident", "incidents", "breach", "breached", "phishing", "phish", "phished", "lost", "stolen",
		"theft", "missing", "malware", "ransomware", "virus", "suspicious", "compromise", "compromised",
		"hacked", "leak", "leaked", "unauthorised", "wrong recipient", "spoofed",
	}
}

// Validate returns all problems of c, each beginning with its field.
func (c Config) Validate() error {
	c = c.withDefaults()
	all := []error{c.Source.Validate()}
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	host, _, err := net.SplitHostPort(c.Address)
	if err != nil {
		bad("address: %q must be host:port, for example imap.example.org:993", c.Address)
	}
	switch c.TLS {
	case TLSImplicit, TLSStart:
	case TLSNone:
		if err == nil && !loopback(host) {
			bad("tls: none is allowed for a server on loopback only, %s is not", host)
		}
	default:
		bad("tls: unknown %q (have implicit, starttls, none)", c.TLS)
	}
	all = append(all, c.validateAuth()...)
	all = append(all, c.validateMove())
	if d := c.Poll.D(); d < time.Second || d > maxIdle {
		bad("poll: must lie between 1s and %s, is %s", maxIdle, d)
	}
	if u := c.UnreadAfter.D(); u != 0 && u <= c.Poll.D() {
		bad("unread_after: must be longer than poll, %s, is %s", c.Poll, u)
	}
	if _, err := c.since(); err != nil {
		bad("start: %w", err)
	}
	all = append(all, c.validateTrust()...)
	for i, p := range c.References {
		if _, err := referencePattern(p); err != nil {
			bad("references[%d]: %w", i, err)
		}
	}
	all = append(all, c.validateOpens()...)
	for org := range c.Organisations {
		if !incident.SourceName(org).Valid() {
			bad("organisations.%s: must match [a-z0-9-]{1,40}", org)
		}
	}
	return errors.Join(all...)
}

// Warnings returns what is allowed and yet rarely meant.
func (c Config) Warnings() []string {
	var all []string
	all = append(all, c.Authentication.warnings(c.TrustedHops)...)
	if len(c.Tells) == 0 {
		all = append(all, "tells: is missing, so the arrival of a mail here reports nothing")
	}
	return all
}

// since returns the instant before which nothing is read; zero for StartAll and
// StartNow.
func (c Config) since() (time.Time, error) {
	switch c.Start {
	case StartNow, StartAll, "":
		return time.Time{}, nil
	default:
		return incident.Date(c.Start).Start()
	}
}

// Rule returns what the record keeps of c: all that the interpreter goes by,
// and no address, name or secret of the connection.
func (c Config) Rule() incident.SourceRule {
	c = c.withDefaults()
	rule := c.Source.Rule(incident.ChannelEmail)
	rule.Kind = Kind
	rule.Polled = true
	r := reading{
		TrustedHops:    c.TrustedHops,
		DeskHosts:      c.DeskHosts,
		DeskAddresses:  c.DeskAddresses,
		AuthservID:     c.Authentication.AuthservID,
		ResultsNoID:    c.Authentication.ResultsWithoutID,
		ResultsBelow:   c.Authentication.ResultsBelowReceived,
		DKIM:           c.Authentication.verifies(),
		InternalHeader: c.Authentication.InternalHeader,
		InternalHops:   c.Authentication.InternalHops,
		Closed:         c.Authentication.Closed,
		Labels:         c.Labels,
		References:     c.References,
		OpensWhen:      c.OpensWhen,
		Words:          c.OpensWhenWords,
		Senders:        c.sendersRule(),
		Organisations:  map[string]incident.Organisation{},
	}
	for org, names := range c.Organisations {
		r.Organisations[string(org)] = org
		for _, n := range names {
			r.Organisations[strings.ToLower(letter.OneLine(n))] = org
		}
	}
	text, err := incident.MarshalCanonical(r)
	if err != nil {
		panic(fmt.Sprintf("unreachable, a reading holds only text: %v", err))
	}
	rule.Reading = text
	return rule
}

func hostName(h string) bool {
	h = strings.TrimPrefix(h, ".")
	return h != "" && !strings.ContainsAny(h, " \t/@:;()") && !strings.HasSuffix(h, ".")
}

// loopback reports whether host names this machine.
func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
