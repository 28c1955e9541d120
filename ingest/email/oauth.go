package email

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
	"golang.org/x/oauth2/jwt"

	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// tokenWithin bounds the asking for a token, from the look-up of the name to the
// end of the answer.
const tokenWithin = 15 * time.Second

// Where tokens are had, and for what, where the configuration does not say.
const (
	microsoftToken = "https://login.microsoftonline.com/%s/oauth2/v2.0/token"
	microsoftScope = "https://outlook.office365.com/.default"
	googleToken    = "https://oauth2.googleapis.com/token"
	googleScope    = "https://mail.google.com/"
)

// rootsOf returns the certificates in file; nil, for those that the machine
// trusts, where file is not set.
func rootsOf(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // nil is how crypto/tls names the machine's
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate in PEM form", file)
	}
	return roots, nil
}

// An account is the key of a service account, as Google gives it out.
type account struct {
	Type       string `json:"type"`
	Email      string `json:"client_email"`
	KeyID      string `json:"private_key_id"`
	PrivateKey string `json:"private_key"`
	TokenURI   string `json:"token_uri"`
}

func (o OAuth2) serviceAccount() (account, error) {
	var a account
	file, err := conf.ReadSecret(o.ServiceAccountFile)
	if err != nil {
		return a, err
	}
	// The cause may repeat a byte of the key, so it is left out.
	if json.Unmarshal([]byte(file.Reveal()), &a) != nil || a.Type != "service_account" || a.Email == "" || a.PrivateKey == "" {
		return account{}, errors.New("is not the key of a service account in JSON form, as Google gives it out")
	}
	if a.TokenURI != "" {
		if err := checkTokenURL(a.TokenURI); err != nil {
			return account{}, fmt.Errorf("token_uri: %w", err)
		}
	}
	return a, nil
}

// token asks for a new token for user. No error of it holds the token, the
// client's secret or the key.
func (o OAuth2) token(ctx context.Context, user string) (conf.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenWithin)
	defer cancel()
	roots, err := rootsOf(o.CAFile)
	if err != nil {
		return conf.Secret{}, fmt.Errorf("oauth2.ca_file: %w", err)
	}
	client := tokenClient(ctx, roots)
	defer client.CloseIdleConnections()
	from, secret, err := o.source(context.WithValue(ctx, oauth2.HTTPClient, client), user)
	if err != nil {
		return conf.Secret{}, err
	}
	got, err := from.Token()
	if err != nil {
		return conf.Secret{}, o.tokenError(ctx, from.url, secret, err)
	}
	e := &TokenError{Host: hostOf(from.url)}
	switch {
	case got.AccessToken == "":
		// Of a service account this is how an error under status 200 shows.
		e.Err = errors.New("the answer holds no access_token")
	case got.TokenType != "" && !strings.EqualFold(got.TokenType, "Bearer"):
		e.Err = errors.New("the token is not of type Bearer")
	case len(got.AccessToken) > maxToken || !bearerToken.MatchString(got.AccessToken):
		e.Err = errors.New("the answer's access_token is none that may be sent (RFC 6750 section 2.1)")
	default:
		return conf.NewSecret(got.AccessToken), nil
	}
	e.hint = hintEndpoint
	return conf.Secret{}, e
}

// What a token may be. Without this one could write beyond its own field of a
// SASL message.
var bearerToken = regexp.MustCompile(`^[A-Za-z0-9._~+/-]+=*$`)

const maxToken = 32 << 10

// A tokenSource is a source with its address.
type tokenSource struct {
	oauth2.TokenSource
	url string
}

// source returns where a token is had, and the secret that is sent there.
func (o OAuth2) source(ctx context.Context, user string) (tokenSource, conf.Secret, error) {
	scopes := o.Scopes
	if o.Provider == ProviderGoogle {
		a, err := o.serviceAccount()
		if err != nil {
			return tokenSource{}, conf.Secret{}, fmt.Errorf("oauth2.service_account_file: %w", err)
		}
		if scopes == nil {
			scopes = []string{googleScope}
		}
		address := cmp.Or(o.TokenURL, a.TokenURI, googleToken)
		c := &jwt.Config{
			Email: a.Email, PrivateKey: []byte(a.PrivateKey), PrivateKeyID: a.KeyID,
			Subject: cmp.Or(o.Subject, user), Scopes: scopes, TokenURL: address,
		}
		return tokenSource{c.TokenSource(ctx), address}, conf.Secret{}, nil
	}
	secret, err := conf.ReadSecret(o.ClientSecretFile)
	if err != nil {
		return tokenSource{}, conf.Secret{}, fmt.Errorf("oauth2.client_secret_file: %w", err)
	}
	// Every server must take the client's name and secret as Basic (RFC 6749
	// section 2.3.1); Microsoft documents both in the form.
	c := &clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: secret.Reveal(), TokenURL: o.TokenURL, Scopes: scopes,
		AuthStyle: oauth2.AuthStyleInHeader,
	}
	if o.Provider == ProviderMicrosoft {
		c.AuthStyle = oauth2.AuthStyleInParams
		c.TokenURL = cmp.Or(o.TokenURL, fmt.Sprintf(microsoftToken, url.PathEscape(o.Tenant)))
		if scopes == nil {
			c.Scopes = []string{microsoftScope}
		}
	}
	return tokenSource{c.TokenSource(ctx), c.TokenURL}, secret, nil
}

func hostOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "the token endpoint"
	}
	return u.Host
}

// tokenClient returns a client whose requests end with ctx. It asks the proxy
// that the environment names, and follows no redirect: the secret would go with
// it.
func tokenClient(ctx context.Context, roots *x509.CertPool) *http.Client {
	proxy := httpproxy.FromEnvironment().ProxyFunc()
	return &http.Client{
		Timeout:       tokenWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: bound{ctx, &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				u, err := proxy(r.URL)
				if err != nil {
					return nil, errors.New("HTTPS_PROXY cannot be read") // the cause would repeat a password in it
				}
				return u, nil
			},
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: 64 << 10,
			DisableKeepAlives:      true, // one request
		}},
	}
}

// bound binds every request to a context: golang.org/x/oauth2/jwt takes none.
type bound struct {
	ctx  context.Context //nolint:containedctx // of the one call that the client is made for
	next *http.Transport
}

func (b bound) RoundTrip(r *http.Request) (*http.Response, error) {
	return b.next.RoundTrip(r.WithContext(b.ctx))
}

// A TokenError says why no token could be had. It holds no secret.
type TokenError struct {
	// Host of the token endpoint.
	Host string
	// Status of its answer; 0 where there was none.
	Status int
	// Code is its error code (RFC 6749 section 5.2), such as invalid_client.
	Code string
	// Said is its description, cut, and without what could be a secret.
	Said string
	Err  error

	after time.Duration
	hint  string
}

// Error returns what the endpoint said.
func (e *TokenError) Error() string {
	text := "get token from " + e.Host
	if e.Status != 0 {
		text += fmt.Sprintf(": answer %d", e.Status)
	}
	if e.Code != "" {
		text += ": " + e.Code
	}
	if e.Said != "" {
		text += fmt.Sprintf(": %q", e.Said)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *TokenError) Unwrap() error { return e.Err }

// Hint says what an administrator may look at.
func (e *TokenError) Hint() string { return e.hint }

// RetryAfter returns how long to wait: longer after a refusal, which asking
// again does not change, and as long as the endpoint says.
func (e *TokenError) RetryAfter() time.Duration { return e.after }

// tokenError judges a failure to get a token from address.
func (o OAuth2) tokenError(ctx context.Context, address string, secret conf.Secret, err error) *TokenError {
	e := &TokenError{Host: hostOf(address)}
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		e.hint = hintEndpoint
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err
		}
		e.Err = errors.New(cut(scrub(err.Error(), secret), maxSaid))
		if ctx.Err() != nil {
			e.Err = fmt.Errorf("no answer in %s: %w", tokenWithin, ctx.Err())
		}
		return e
	}
	e.Status = answer.Response.StatusCode
	said := struct {
		Code string `json:"error"`
		Text string `json:"error_description"`
	}{answer.ErrorCode, answer.ErrorDescription}
	if said.Code == "" { // a service account's, of which nothing is read
		_ = json.Unmarshal(answer.Body, &said)
	}
	if errorCode.MatchString(said.Code) {
		e.Code = said.Code
	}
	e.Said = cut(scrub(said.Text, secret), maxSaid)
	e.hint = o.hint(e.Status, e.Code, said.Text)
	switch {
	case e.Status == http.StatusTooManyRequests || e.Status >= 500:
		e.after = max(retryHeader(answer.Response.Header.Get("Retry-After")), unavailablePause)
	default:
		e.after = refusedPause
	}
	return e
}

var errorCode = regexp.MustCompile(`^[a-z_]{1,40}$`)

// aadsts is Microsoft's number of an error.
var aadsts = regexp.MustCompile(`AADSTS\d{5,8}`)

// Hints for what goes wrong with a token.
const (
	hintEndpoint = "check that this machine may reach the token endpoint (HTTPS_PROXY and NO_PROXY are heeded), its certificate, and token_url"
	hintRedirect = "the token endpoint answers with a redirect, which is not followed: write the address that it points to in token_url"
	hintRefused  = "compare client_id, client_secret_file and scopes with what the identity provider shows for the application"
	hintBusy     = "the identity provider is overloaded or asks for fewer requests: nothing to do, it is asked again"

	hintSecretExpired = "the application's secret has expired: in Entra ID, App registrations, Certificates & secrets, make a new one, and write its Value into client_secret_file"
	hintSecretWrong   = "the application's secret is wrong: client_secret_file must hold the Value of the secret (shown once, when it is made), not its Secret ID"
	hintNoApp         = "there is no such application in this tenant: compare client_id with Application (client) ID, and tenant with Directory (tenant) ID"
	hintNoTenant      = "there is no such tenant: compare tenant with Directory (tenant) ID in Entra ID"
	hintConsent       = "an administrator has not consented: in Entra ID, App registrations, API permissions, add Office 365 Exchange Online, application permission IMAP.AccessAsApp, and grant admin consent"
	hintScope         = "the scope is wrong: leave scopes out; for Microsoft 365 it is https://outlook.office365.com/.default"
	hintBlocked       = "the application is disabled, or a Conditional Access policy for workload identities blocks it: ask who administers Entra ID"

	hintDelegation = "the service account may not act for the mailbox: in Google's Admin console, Security, API controls, Domain-wide delegation, add its client id with the scope https://mail.google.com/"
	hintSubject    = "Google knows no such user, or not this key: check username (or subject), that the user is in the domain, and that the key of the service account was not deleted; check this machine's clock, too"
)

// hint returns what to do about an endpoint's refusal.
func (o OAuth2) hint(status int, code, text string) string {
	switch {
	case status >= 300 && status < 400:
		return hintRedirect
	case status == http.StatusTooManyRequests || status >= 500:
		return hintBusy
	}
	if o.Provider == ProviderGoogle {
		switch code {
		case "unauthorized_client", "access_denied":
			return hintDelegation
		case "invalid_grant":
			return hintSubject
		case "invalid_scope":
			return hintDelegation
		default:
			return hintSubject
		}
	}
	switch aadsts.FindString(text) {
	case "AADSTS7000222":
		return hintSecretExpired
	case "AADSTS7000215", "AADSTS7000218", "AADSTS7000216":
		return hintSecretWrong
	case "AADSTS700016", "AADSTS7000229":
		return hintNoApp
	case "AADSTS90002", "AADSTS900023", "AADSTS900021", "AADSTS900022":
		return hintNoTenant
	case "AADSTS65001", "AADSTS65005", "AADSTS650052", "AADSTS650056", "AADSTS90094", "AADSTS501051":
		return hintConsent
	case "AADSTS70011", "AADSTS1002012", "AADSTS500011", "AADSTS28002", "AADSTS28003":
		return hintScope
	case "AADSTS7000112", "AADSTS53003", "AADSTS530035", "AADSTS500014":
		return hintBlocked
	}
	return hintRefused
}

// accessRole is the application permission that Exchange asks for.
const accessRole = "IMAP.AccessAsApp"

// mayIMAP reports whether a token of Microsoft's names the permission; known is
// false where it cannot be told. Only a hint hangs on it: a token is nothing
// that a client is promised to be able to read.
func mayIMAP(token conf.Secret) (may, known bool) {
	parts := strings.Split(token.Reveal(), ".")
	if len(parts) != 3 {
		return false, false
	}
	var claims struct {
		Roles []string `json:"roles"`
	}
	b, err := unpadded.DecodeString(parts[1])
	if err != nil || json.Unmarshal(b, &claims) != nil {
		return false, false
	}
	return slices.Contains(claims.Roles, accessRole), true
}
