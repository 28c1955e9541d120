package webhook

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// Auth says how the senders of a source prove who they are. While a secret is
// replaced, its file holds both, one a line: all lines are active.
type Auth struct {
	// Kind is bearer, basic, hmac, or none. None is only for a listener on
	// loopback; what comes that way is believed like mail from an aligned
	// domain, not like a sender that showed a secret.
	Kind AuthKind `yaml:"kind"`

	// TokenFile holds the token of kind bearer, at least 16 characters.
	TokenFile string `yaml:"token_file"`

	// Username and PasswordFile are for kind basic.
	Username     string `yaml:"username"`
	PasswordFile string `yaml:"password_file"`

	// SecretFile holds the key of kind hmac. A key that begins with whsec_ is
	// base64 after that (Standard Webhooks); any other is the bytes of its line.
	SecretFile string `yaml:"secret_file"`

	// HMAC says what is signed and where the signature stands. Default: as in
	// Standard Webhooks 1.0.0.
	HMAC HMAC `yaml:"hmac"`
}

// An AuthKind is a way to prove who sends.
type AuthKind string

// The kinds of authentication.
const (
	AuthBearer AuthKind = "bearer"
	AuthBasic  AuthKind = "basic"
	AuthHMAC   AuthKind = "hmac"
	AuthNone   AuthKind = "none"
)

// fact returns the transport fact that a signal carries.
func (k AuthKind) fact() incident.Auth {
	switch k {
	case AuthBearer:
		return incident.AuthBearer
	case AuthBasic:
		return incident.AuthBasic
	case AuthHMAC:
		return incident.AuthHMAC
	case AuthNone:
		return incident.AuthNone
	default:
		return ""
	}
}

// HMAC describes a signature over the raw body. Two examples:
//
//	# GitHub                          # a delivery with a stamp
//	header: X-Hub-Signature-256       header: X-Signature
//	prefix: sha256=                   template: "{ts}.{body}"
//	                                  ts_header: X-Timestamp
//
// A header may hold several signatures, with spaces or commas between them.
type HMAC struct {
	// Header holds the signature, Prefix what stands before it.
	Header string `yaml:"header"`
	Prefix string `yaml:"prefix"`

	// Alg is sha256, the default and only one.
	Alg string `yaml:"alg"`

	// Encoding of the signature: hex (the default) or base64.
	Encoding string `yaml:"encoding"`

	// Template is what is signed: text with {body}, {ts} and {id} in it.
	// Default: {body}.
	Template string `yaml:"template"`

	// TSHeader holds the delivery stamp {ts}, in TSUnit: s (the default), ms or
	// rfc3339. A stamp further than Tolerance (default 5m, at most 1h) from our
	// clock is refused: a captured delivery cannot be played back later. How
	// old the event is that it tells of does not matter.
	TSHeader  string        `yaml:"ts_header"`
	TSUnit    string        `yaml:"ts_unit"`
	Tolerance incident.Span `yaml:"tolerance"`

	// IDHeader holds the sender's id of the delivery, {id}. It is only signed;
	// what a repeat is, the bytes decide.
	IDHeader string `yaml:"id_header"`
}

// standard is Standard Webhooks 1.0.0, https://www.standardwebhooks.com.
func standard() HMAC {
	return HMAC{
		Header: "webhook-signature", Prefix: "v1,", Alg: "sha256", Encoding: "base64", Template: "{id}.{ts}.{body}",
		TSHeader: "webhook-timestamp", TSUnit: "s", Tolerance: defaultStampTolerance, IDHeader: "webhook-id",
	}
}

const (
	defaultStampTolerance = incident.Span(5 * time.Minute)
	maxStampTolerance     = time.Hour
)

// filled returns h with its defaults.
func (h HMAC) filled() HMAC {
	if h == (HMAC{}) {
		return standard()
	}
	set := func(s *string, def string) {
		if *s == "" {
			*s = def
		}
	}
	set(&h.Alg, "sha256")
	set(&h.Encoding, "hex")
	set(&h.Template, "{body}")
	if h.TSHeader != "" {
		set(&h.TSUnit, "s")
		if h.Tolerance == 0 {
			h.Tolerance = defaultStampTolerance
		}
	}
	return h
}

// Validate returns all problems of a, each beginning with its field.
func (a Auth) Validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	fields := []struct {
		name, value string
		kind        AuthKind
	}{
		{"token_file", a.TokenFile, AuthBearer},
		{"username", a.Username, AuthBasic},
		{"password_file", a.PasswordFile, AuthBasic},
		{"secret_file", a.SecretFile, AuthHMAC},
	}
	switch a.Kind {
	case AuthBearer, AuthBasic, AuthHMAC, AuthNone:
		for _, f := range fields {
			switch {
			case f.kind == a.Kind && f.value == "":
				bad("%s: is needed for kind %s", f.name, a.Kind)
			case f.kind != a.Kind && f.value != "":
				bad("%s: has no meaning for kind %s", f.name, a.Kind)
			}
		}
	default:
		bad("kind: unknown kind %q (have bearer, basic, hmac, none)", a.Kind)
	}
	if strings.Contains(a.Username, ":") {
		bad("username: must not contain a colon (RFC 7617)")
	}
	if a.Kind == AuthHMAC {
		all = append(all, conf.Under("hmac", a.HMAC.filled().validate()))
	} else if a.HMAC != (HMAC{}) {
		bad("hmac: has no meaning for kind %s", a.Kind)
	}
	return errors.Join(all...)
}

func (h HMAC) validate() error {
	var all []error
	bad := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if h.Header == "" {
		bad("header: is needed, for example X-Hub-Signature-256")
	}
	if h.Alg != "sha256" {
		bad("alg: unknown algorithm %q (have sha256)", h.Alg)
	}
	if h.Encoding != "hex" && h.Encoding != "base64" {
		bad("encoding: unknown encoding %q (have hex, base64)", h.Encoding)
	}
	if strings.ContainsAny(h.Prefix, " \t") {
		bad("prefix: must not contain a space")
	}
	if n := strings.Count(h.Template, "{body}"); n != 1 {
		bad("template: must hold {body} once, holds it %d times", n)
	}
	for _, x := range []struct{ mark, field, header string }{{"{ts}", "ts_header", h.TSHeader}, {"{id}", "id_header", h.IDHeader}} {
		switch n := strings.Count(h.Template, x.mark); {
		case n > 1:
			bad("template: holds %s twice", x.mark)
		case n == 1 && x.header == "":
			bad("%s: is needed, the template signs %s", x.field, x.mark)
		case n == 0 && x.header != "":
			bad("%s: the template does not sign %s, so anybody could change it", x.field, x.mark)
		}
	}
	if h.TSHeader == "" {
		if h.TSUnit != "" || h.Tolerance != 0 {
			bad("ts_header: is needed for ts_unit and tolerance")
		}
		return errors.Join(all...)
	}
	if h.TSUnit != "s" && h.TSUnit != "ms" && h.TSUnit != "rfc3339" {
		bad("ts_unit: unknown unit %q (have s, ms, rfc3339)", h.TSUnit)
	}
	if d := h.Tolerance.D(); d <= 0 || d > maxStampTolerance {
		bad("tolerance: must be longer than 0s and at most %s, is %s", maxStampTolerance, d)
	}
	return errors.Join(all...)
}
