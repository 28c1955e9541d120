package outbound

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"

	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// Config says where to post, and with which credentials.
type Config struct {
	// URL is the address of the receiver, with its path prefix if it has one.
	// Example: https://alertmanager-0.example.org:9093
	URL string `yaml:"url"`
	// BearerFile is the path of a file that holds a bearer token.
	BearerFile string `yaml:"bearer_file"`
	// BasicUser and BasicPasswordFile are a user name and the path of a file
	// that holds its password. Secrets are read for every request.
	BasicUser         string `yaml:"basic_user"`
	BasicPasswordFile string `yaml:"basic_password_file"`
	// CAFile is the path of a PEM file with the authorities that may have
	// signed the receiver's certificate, instead of those of the system.
	CAFile string `yaml:"ca_file"`
}

// Validate returns all problems of c. It opens no file.
func (c Config) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	u, err := url.Parse(c.URL)
	switch {
	case c.URL == "":
		bad("url: is missing; for example http://localhost:9093")
	case err != nil: // its text would repeat the address
		bad("url: cannot be read as an address; for example http://localhost:9093")
	case u.Scheme != "http" && u.Scheme != "https":
		bad("url: must begin with http:// or https://, begins with %q", u.Scheme)
	case u.Hostname() == "":
		bad("url: names no host")
	case u.User != nil:
		bad("url: must hold no user name or password; use basic_user and basic_password_file")
	case u.RawQuery != "" || u.Fragment != "":
		bad("url: must end with the path, without ? and #")
	}
	if c.BearerFile != "" && (c.BasicUser != "" || c.BasicPasswordFile != "") {
		bad("bearer_file: cannot stand beside basic_user and basic_password_file")
	}
	if (c.BasicUser == "") != (c.BasicPasswordFile == "") {
		bad("basic_user: needs basic_password_file, and the other way round")
	}
	if err == nil && u.Scheme == "http" {
		if (c.BearerFile != "" || c.BasicPasswordFile != "") && !loopback(u.Hostname()) {
			bad("url: must begin with https://, or the credentials could be read on the way")
		}
		if c.CAFile != "" {
			bad("ca_file: is of no use with an http:// url")
		}
	}
	return errors.Join(all...)
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// authorise sets the header that shows our credentials, if there are any.
func (c Config) authorise(h http.Header) error {
	switch {
	case c.BearerFile != "":
		token, err := conf.ReadSecret(c.BearerFile)
		if err != nil {
			return fmt.Errorf("bearer_file: %w", err)
		}
		h.Set("Authorization", "Bearer "+token.Reveal())
	case c.BasicPasswordFile != "":
		password, err := conf.ReadSecret(c.BasicPasswordFile)
		if err != nil {
			return fmt.Errorf("basic_password_file: %w", err)
		}
		h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(c.BasicUser+":"+password.Reveal())))
	}
	return nil
}

// roots returns the authorities of CAFile, or nil for those of the system.
func (c Config) roots() (*x509.CertPool, error) {
	if c.CAFile == "" {
		return nil, nil //nolint:nilnil // crypto/tls takes nil for the system's own
	}
	pem, err := os.ReadFile(c.CAFile)
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file: %s holds no PEM certificate", c.CAFile)
	}
	return pool, nil
}
