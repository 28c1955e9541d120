package stream

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// NATS says how an external cluster is reached, and as whom. Secrets stand in
// files of their own and are read again at each reconnect, so they can be
// changed under a running program.
type NATS struct {
	// URLs are servers of one cluster, for example tls://nats-1.example.org:4222.
	// Others are learnt from these. Empty runs the server in this process.
	URLs []string `yaml:"urls"`

	// One of the following says who we are. CredentialsFile is a .creds file:
	// the user's JWT and seed.
	CredentialsFile string `yaml:"credentials_file"`
	// NKeyFile holds the seed of an nkey; the server knows the public half only.
	NKeyFile string `yaml:"nkey_file"`
	// TokenFile holds a token. It cannot tell roles apart: not in production.
	TokenFile string `yaml:"token_file"`
	// User and PasswordFile belong together.
	User         string `yaml:"user"`
	PasswordFile string `yaml:"password_file"`

	// TLS holds certificates. It is used as soon as a URL begins with tls://.
	TLS TLS `yaml:"tls"`

	// InboxPrefix is where answers come in; a user may be allowed no other.
	// Default _INBOX.
	InboxPrefix string `yaml:"inbox_prefix"`

	// Monitor are the monitoring addresses of all servers of the cluster, for
	// example http://nats-1.example.org:8222. Only there can be seen whether a
	// server syncs before it answers; needed in production.
	Monitor []string `yaml:"monitor"`
}

// TLS holds PEM files.
type TLS struct {
	// CAFile holds the authorities that sign the servers' certificates. Default:
	// those of the system.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are our own certificate, where servers ask for one.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
}

// External reports whether an external cluster is configured.
func (n NATS) External() bool { return len(n.URLs) > 0 }

// identities are the ways to say who we are that are configured.
func (n NATS) identities() (all []string) {
	for _, i := range []struct{ field, value string }{
		{"credentials_file", n.CredentialsFile},
		{"nkey_file", n.NKeyFile},
		{"token_file", n.TokenFile},
		{"user", n.User},
	} {
		if i.value != "" {
			all = append(all, i.field)
		}
	}
	return all
}

// validate returns everything that is wrong with n, each with its field.
func (n NATS) validate(production bool) error {
	var all []error
	bad := func(format string, a ...any) { all = append(all, fmt.Errorf(format, a...)) }
	for i, text := range n.URLs {
		if problem := natsURL(text, production); problem != "" {
			bad("urls[%d]: %s", i, problem)
		}
	}
	if who := n.identities(); len(who) > 1 {
		bad("%s: is one identity too many, beside %s", who[1], who[0])
	}
	if (n.User == "") != (n.PasswordFile == "") {
		bad("password_file: must be set together with user")
	}
	if (n.TLS.CertFile == "") != (n.TLS.KeyFile == "") {
		bad("tls.key_file: must be set together with tls.cert_file")
	}
	if n.InboxPrefix != "" && (strings.ContainsAny(n.InboxPrefix, "*> \t\r\n") || strings.HasSuffix(n.InboxPrefix, ".")) {
		bad("inbox_prefix: must be a subject without wildcards, is %q", n.InboxPrefix)
	}
	for i, text := range n.Monitor {
		if u, err := url.Parse(text); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil {
			bad("monitor[%d]: must be an address like http://nats-1.example.org:8222", i)
		}
	}
	if !production || !n.External() {
		return errors.Join(all...)
	}
	switch who := n.identities(); {
	case len(who) == 0:
		bad("nkey_file: production needs an identity: nkey_file, credentials_file, or user and password_file")
	case who[0] == "token_file":
		bad("token_file: production needs one user for each role, and a token is the same for all")
	}
	if len(n.Monitor) < productionReplicas {
		bad("monitor: production needs the monitoring address of every server, at least %d; there are %d", productionReplicas, len(n.Monitor))
	}
	return errors.Join(all...)
}

// natsURL says what is wrong with the address of a server. It does not repeat
// the address: a password may stand in it.
func natsURL(text string, production bool) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "nats" && u.Scheme != "tls":
		return "must be an address like tls://nats-1.example.org:4222"
	case u.User != nil:
		return "must hold no user and no password; name nkey_file, credentials_file or password_file"
	case u.Path != "" && u.Path != "/" || u.RawQuery != "":
		return "must end after the port"
	case production && u.Scheme != "tls" && !loopback(u.Hostname()):
		return "must begin with tls:// in production"
	default:
		return ""
	}
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// options are what the configuration adds to [ConnOptions]. It reads every file
// once, so that one that cannot be used is named at start.
func (n NATS) options() ([]nats.Option, error) {
	var opts []nats.Option
	if n.InboxPrefix != "" {
		opts = append(opts, nats.CustomInboxPrefix(n.InboxPrefix))
	}
	if n.TLS.CAFile != "" {
		opts = append(opts, nats.RootCAs(n.TLS.CAFile))
	}
	if n.TLS.CertFile != "" {
		opts = append(opts, nats.ClientCert(n.TLS.CertFile, n.TLS.KeyFile))
	}
	switch {
	case n.CredentialsFile != "":
		if _, err := conf.ReadSecret(n.CredentialsFile); err != nil {
			return nil, err
		}
		opts = append(opts, nats.UserCredentials(n.CredentialsFile))
	case n.NKeyFile != "":
		if _, err := conf.ReadSecret(n.NKeyFile); err != nil {
			return nil, err
		}
		opt, err := nats.NkeyOptionFromSeed(n.NKeyFile)
		if err != nil {
			return nil, &ClusterError{Refusal: RefusedCredentials, Err: fmt.Errorf("read nkey %s: %w", n.NKeyFile, err)}
		}
		opts = append(opts, opt)
	case n.TokenFile != "":
		read, err := rereading(n.TokenFile)
		if err != nil {
			return nil, err
		}
		opts = append(opts, nats.TokenHandler(read))
	case n.User != "":
		read, err := rereading(n.PasswordFile)
		if err != nil {
			return nil, err
		}
		opts = append(opts, nats.UserInfoHandler(func() (string, string) { return n.User, read() }))
	}
	return opts, nil
}

// rereading returns a function that reads a secret each time it is asked, and
// gives the first one where the file cannot be read any more.
func rereading(path string) (func() string, error) {
	first, err := conf.ReadSecret(path)
	if err != nil {
		return nil, err
	}
	return func() string {
		if now, err := conf.ReadSecret(path); err == nil {
			return now.Reveal()
		}
		return first.Reveal()
	}, nil
}
