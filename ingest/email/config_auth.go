package email

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// Whose tokens a mailbox is opened with.
const (
	ProviderMicrosoft = "microsoft"
	ProviderGoogle    = "google"
	ProviderOther     = "other"
)

// An OAuth2 is how a token is had for a mailbox, in the place of a password.
// A new one is asked for at each connection, and every file is read anew then.
type OAuth2 struct {
	// Provider is microsoft (client credentials of an app in Entra ID), google
	// (a service account with domain-wide delegation), or other (client
	// credentials, RFC 6749 section 4.4).
	Provider string `yaml:"provider"`

	// Tenant of Microsoft 365: the directory's id or one of its domains.
	Tenant string `yaml:"tenant"`

	// ClientID is the application's id. Microsoft calls it Application (client)
	// ID. For microsoft and other.
	ClientID string `yaml:"client_id"`

	// ClientSecretFile holds the client's secret: at Microsoft its Value, not
	// its Secret ID. For microsoft and other.
	ClientSecretFile string `yaml:"client_secret_file"`

	// ServiceAccountFile is the service account's key as Google gives it, JSON.
	ServiceAccountFile string `yaml:"service_account_file"`

	// TokenURL is where tokens are had: https, or http on loopback. Default:
	// Microsoft's for the tenant; what the service account's file says.
	TokenURL string `yaml:"token_url"`

	// Scopes that are asked for. Default: what IMAP needs at Microsoft and at
	// Google; none at others.
	Scopes []string `yaml:"scopes"`

	// Subject is the user in whose name a service account acts. Default:
	// username. For google.
	Subject string `yaml:"subject"`

	// CAFile holds certificates in PEM form that the token endpoint's must come
	// from. Default: those that the machine trusts.
	CAFile string `yaml:"ca_file"`
}

// tenantName is what can stand in Microsoft's address in the place of a tenant.
var tenantName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9.-]{0,127}$`)

// validateAuth returns what is wrong with how c logs in.
func (c Config) validateAuth() []error {
	var all []error
	switch {
	case c.Username == "":
		all = append(all, errors.New("username: is missing"))
	case strings.ContainsFunc(c.Username, func(r rune) bool { return r < ' ' || r == 0x7f }):
		all = append(all, fmt.Errorf("username: %q holds a control character", c.Username))
	}
	switch {
	case c.OAuth2 == nil && c.PasswordFile == "":
		all = append(all, errors.New("password_file: is missing (or oauth2, for a mailbox that takes no password)"))
	case c.OAuth2 != nil && c.PasswordFile != "":
		all = append(all, errors.New("oauth2: a mailbox is opened by password_file or by oauth2, not by both"))
	case c.OAuth2 != nil:
		for _, err := range c.OAuth2.validate() {
			all = append(all, fmt.Errorf("oauth2.%w", err))
		}
	}
	return all
}

func (o OAuth2) validate() []error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	fields := []struct{ name, value string }{
		{"tenant", o.Tenant}, {"client_id", o.ClientID}, {"client_secret_file", o.ClientSecretFile},
		{"service_account_file", o.ServiceAccountFile}, {"subject", o.Subject}, {"token_url", o.TokenURL},
	}
	var needs, takes []string
	switch o.Provider {
	case ProviderMicrosoft:
		needs = []string{"tenant", "client_id", "client_secret_file"}
		takes = []string{"token_url"}
	case ProviderGoogle:
		needs = []string{"service_account_file"}
		takes = []string{"subject", "token_url"}
	case ProviderOther:
		needs = []string{"token_url", "client_id", "client_secret_file"}
	default:
		return []error{fmt.Errorf("provider: unknown %q (have %s, %s, %s)", o.Provider, ProviderMicrosoft, ProviderGoogle, ProviderOther)}
	}
	for _, f := range fields {
		switch {
		case f.value == "" && slices.Contains(needs, f.name):
			bad("%s: is missing; provider %s needs it", f.name, o.Provider)
		case f.value != "" && !slices.Contains(needs, f.name) && !slices.Contains(takes, f.name):
			bad("%s: is not for provider %s", f.name, o.Provider)
		}
	}
	switch t := strings.ToLower(o.Tenant); {
	case t == "common", t == "organizations", t == "consumers":
		bad("tenant: %s is for people who sign in; name the directory's id, or one of its domains", o.Tenant)
	case t != "" && !tenantName.MatchString(t):
		bad("tenant: %q must be the directory's id, or one of its domains", o.Tenant)
	}
	if o.TokenURL != "" {
		if err := checkTokenURL(o.TokenURL); err != nil {
			bad("token_url: %w", err)
		}
	}
	for i, s := range o.Scopes {
		if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' }) {
			bad("scopes[%d]: %q must be one word", i, s)
		}
	}
	return all
}

// checkTokenURL refuses an address to which no secret may be sent.
func checkTokenURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("cannot be read") // the cause would repeat it
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return errors.New("must be https://host/path, without a user name")
	case u.Scheme == "https", u.Scheme == "http" && loopback(u.Hostname()):
		return nil
	default:
		return fmt.Errorf("must be https: the client's secret is sent there (http is allowed on loopback only, %s is not)", u.Hostname())
	}
}

// readSecrets reads every file that c logs in with, so that what is wrong with
// one shows at once.
func (c Config) readSecrets() error {
	if c.OAuth2 == nil {
		if _, err := conf.ReadSecret(c.PasswordFile); err != nil {
			return fmt.Errorf("password_file: %w", err)
		}
		return nil
	}
	var all []error
	o := c.OAuth2
	if o.ClientSecretFile != "" {
		if _, err := conf.ReadSecret(o.ClientSecretFile); err != nil {
			all = append(all, fmt.Errorf("oauth2.client_secret_file: %w", err))
		}
	}
	if o.ServiceAccountFile != "" {
		if _, err := o.serviceAccount(); err != nil {
			all = append(all, fmt.Errorf("oauth2.service_account_file: %w", err))
		}
	}
	if _, err := rootsOf(o.CAFile); err != nil {
		all = append(all, fmt.Errorf("oauth2.ca_file: %w", err))
	}
	return errors.Join(all...)
}

// SameMailbox returns a warning for each mailbox that two sources of all read:
// its mails would be recorded twice, once for each.
func SameMailbox(all []Config) []string {
	type place struct{ address, user, mailbox string }
	first := map[place]incident.SourceName{}
	var warnings []string
	for _, c := range all {
		c = c.withDefaults()
		p := place{strings.ToLower(c.Address), strings.ToLower(c.Username), c.Mailbox}
		if strings.EqualFold(p.mailbox, "INBOX") {
			p.mailbox = "INBOX"
		}
		if other, ok := first[p]; ok {
			warnings = append(warnings, fmt.Sprintf("mailbox: sources %s and %s read the same mailbox, so each of its mails is a signal of both", other, c.Name))
			continue
		}
		first[p] = c.Name
	}
	return warnings
}
