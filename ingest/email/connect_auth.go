package email

import (
	"context"
	"encoding/base64"
	"errors"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-sasl"

	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// How long is waited, at least half of it, after what trying again does not
// mend, or makes worse: so at most one try a minute follows a refusal, since an
// account that is locked for too many of them is worse than a late mail.
const (
	refusedPause     = 2 * time.Minute
	unavailablePause = 2 * time.Minute
	throttledPause   = 5 * time.Minute
	longestAsked     = 10 * time.Minute // however long a server asks for
)

// Hints for what goes wrong at the door.
const (
	hintPassword   = "check username and password_file, and that the account may use IMAP"
	hintNoPassword = "the server takes no password: at Microsoft 365 and Google use oauth2; elsewhere check tls, for some take one under TLS only"
	hintNoBearer   = "the server takes no token: check address, or use password_file"
	hintToken      = "the token is good and the server refuses it: check username, that the account may use IMAP, and that the application may read this mailbox"
	hintMicrosoft  = "the token is good and Exchange refuses it: Add-MailboxPermission -Identity MAILBOX -User OBJECT-ID -AccessRights FullAccess is missing, New-ServicePrincipal was given the object id of the App registration instead of that of the Enterprise application, or IMAP is off for the mailbox (Set-CASMailbox -ImapEnabled $true)"
	hintGoogle     = "the token is good and Google refuses it: check that username is the mailbox that the service account acts for, and that IMAP is on for its users (Admin console, Apps, Gmail, End User Access)"
	hintAway       = "the mail server says that it cannot do this now: nothing to do, it is tried again"
	hintThrottled  = "the mail server asks for fewer requests: it is tried again when it allows; does something else read the same mailbox?"
)

// errPlain says that a secret would have gone over a line that others can read.
var errPlain = errors.New("no secret is sent without TLS, but on loopback")

// A credential is what one connection logs in with.
type credential struct {
	user   string
	secret conf.Secret // the password, or a token
	bearer bool
}

// credential reads the password, or asks for a token.
func (c Config) credential(ctx context.Context) (credential, error) {
	k := credential{user: c.Username, bearer: c.OAuth2 != nil}
	var err error
	if k.bearer {
		k.secret, err = c.OAuth2.token(ctx, c.Username)
	} else {
		k.secret, err = conf.ReadSecret(c.PasswordFile)
	}
	return k, err
}

// login logs in by the best way that the server offers. Its errors hold nothing
// of the secret, also where the server repeats it.
func (b *connection) login(c Config, k credential) error {
	err := b.present(c, k)
	if err == nil {
		return nil
	}
	if bye := b.guard.goodbye(); bye != nil {
		err = bye
	}
	plain := "\x00" + k.user + "\x00" + k.secret.Reveal()
	e := &loginError{
		err: err, hint: c.loginHint(k, err),
		text: cut(scrub(err.Error(), k.secret, base64.StdEncoding.EncodeToString([]byte(plain))), 2*maxSaid),
	}
	var rejected *rejectedError
	switch {
	case slow(err) > 0:
		e.after = slow(err)
	case refusal(err) != nil, errors.As(err, &rejected):
		e.after = refusedPause
	}
	return e
}

// present sends the secret.
func (b *connection) present(c Config, k credential) error {
	if err := b.client.WaitGreeting(); err != nil {
		return err
	}
	if !b.sealed && !isLoopback(b.conn.RemoteAddr()) {
		return errPlain
	}
	caps := b.client.Caps()
	switch {
	case k.bearer && caps.Has(imap.AuthCap(sasl.OAuthBearer)):
		client, err := newOAuthBearer(k.user, c.Address, k.secret)
		if err != nil {
			return err
		}
		return b.client.Authenticate(client)
	case k.bearer && caps.Has(imap.AuthCap(xoauth2)):
		return b.client.Authenticate(newXOAuth2(k.user, k.secret))
	case k.bearer:
		return errNoBearer
	case caps.Has(imap.AuthCap(sasl.Plain)):
		return b.client.Authenticate(sasl.NewPlainClient("", k.user, k.secret.Reveal()))
	case caps.Has(imap.CapLoginDisabled):
		return errNoPassword
	default:
		return b.client.Login(k.user, k.secret.Reveal()).Wait()
	}
}

var (
	errNoBearer   = errors.New("the server offers neither OAUTHBEARER nor XOAUTH2")
	errNoPassword = errors.New("the server offers no way to log in with a password (LOGINDISABLED)")
)

// loginHint returns what to do about err.
func (c Config) loginHint(k credential, err error) string {
	var rejected *rejectedError
	switch {
	case errors.Is(err, errNoBearer):
		return hintNoBearer
	case errors.Is(err, errNoPassword):
		return hintNoPassword
	case throttled(err):
		return hintThrottled
	case slow(err) > 0:
		return hintAway
	case refusal(err) == nil && !errors.As(err, &rejected):
		return "" // the line broke
	case !k.bearer:
		return hintPassword
	}
	switch c.OAuth2.Provider {
	case ProviderMicrosoft:
		if may, known := mayIMAP(k.secret); known && !may {
			return hintConsent
		}
		return hintMicrosoft
	case ProviderGoogle:
		return hintGoogle
	default:
		return hintToken
	}
}

// A loginError is a failure to log in, without a secret in its text.
type loginError struct {
	err   error
	text  string
	hint  string
	after time.Duration
}

func (e *loginError) Error() string { return e.text }

// Is goes on to the cause, which Unwrap would let out with its text.
func (e *loginError) Is(target error) bool { return errors.Is(e.err, target) }

// Hint says what an operator may look at.
func (e *loginError) Hint() string { return e.hint }

// RetryAfter returns how long to wait at least before the next try.
func (e *loginError) RetryAfter() time.Duration { return e.after }

// A slowError is a failure after which the next try waits longer.
type slowError struct {
	error
	after time.Duration
}

// patient returns err, with how long to wait after it where the server says that
// it is overloaded or away.
func patient(err error) error {
	if after := slow(err); after > 0 {
		return &slowError{err, after}
	}
	return err
}

// Unwrap returns the failure.
func (e *slowError) Unwrap() error { return e.error }

// RetryAfter returns how long to wait at least before the next try.
func (e *slowError) RetryAfter() time.Duration { return e.after }

// slow returns how long to leave a server alone that gave err; 0 where it does
// not say that it is overloaded or away.
func slow(err error) time.Duration {
	var no *imap.Error
	switch {
	case !errors.As(err, &no):
		return 0
	case throttled(err):
		if m := backoffTime.FindStringSubmatch(no.Text); m != nil {
			ms, _ := strconv.Atoi(m[1])
			return min(max(time.Duration(ms)*time.Millisecond, throttledPause), longestAsked)
		}
		return throttledPause
	case no.Code == imap.ResponseCodeUnavailable, no.Code == imap.ResponseCodeInUse, no.Code == imap.ResponseCodeLimit:
		return unavailablePause
	default:
		return 0
	}
}

// throttled reports whether a server asks for fewer requests. Exchange and Gmail
// say so in words, Gmail by a code of its own also.
func throttled(err error) bool {
	var no *imap.Error
	return errors.As(err, &no) && (no.Code == "THROTTLED" || throttleText.MatchString(no.Text))
}

var (
	throttleText = regexp.MustCompile(`(?i)\bthrottled\b|too many (?:simultaneous connections|requests|commands)|bandwidth limits`)
	backoffTime  = regexp.MustCompile(`(?i)Suggested Backoff Time: (\d{1,9}) milliseconds`)
)

// retryHeader reads the seconds of a Retry-After field (RFC 9110 section
// 10.2.3); 0 where it has none.
func retryHeader(s string) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(s))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(min(n, 3600))*time.Second, longestAsked)
}

func isLoopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// maxSaid bounds what an error repeats of what a server says.
const maxSaid = 300

// cut returns s on one line and at most n bytes of it.
func cut(s string, n int) string {
	s = strings.ToValidUTF8(strings.Join(strings.Fields(s), " "), "?")
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "") + "…"
	}
	return s
}

var unpadded = base64.RawURLEncoding

// longWord is what a token, an assertion or a SASL message in base64 look like.
var longWord = regexp.MustCompile(`[A-Za-z0-9+/_=.~%-]{60,}`)

// scrub returns text without secret, in any of the forms in which it is sent,
// and without anything that looks like a token.
func scrub(text string, secret conf.Secret, forms ...string) string {
	if s := secret.Reveal(); s != "" {
		forms = append(forms, s, strings.Trim(strconv.Quote(s), `"`), url.QueryEscape(s), base64.StdEncoding.EncodeToString([]byte(s)))
	}
	// The longest first: one may be part of another.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	for _, form := range forms {
		text = strings.ReplaceAll(text, form, "[hidden]")
	}
	return longWord.ReplaceAllString(text, "[hidden]")
}
