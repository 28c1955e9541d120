package email_test

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/dovecot"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// Against Debian's Dovecot, which has each token looked into (RFC 7662).
func TestAMailboxIsReadWithTokens(t *testing.T) {
	var valid atomic.Value
	valid.Store("token-1")
	s := dovecot.StartWithTokens(t, func(token string) string {
		if token == valid.Load() {
			return dovecot.User
		}
		return ""
	})
	e := newEndpoint(t, "token-1")
	c := microsoft(t, e, s.TLSAddr)
	c.TLS, c.CAFile = email.TLSImplicit, s.CAFile
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	v := newVault()
	box, stop := run(t, c, v)
	connected(t, box)
	s.Deliver(letter("with a token"))
	wantSubjects(t, v, "with a token")

	// A token that has expired ends no connection, and the next has a new one.
	e.with(func(e *endpoint) { e.token = "token-2" })
	valid.Store("token-2")
	s.Deliver(letter("after it expired"))
	wantSubjects(t, v, "with a token", "after it expired")
	s.Restart()
	s.Deliver(letter("with another"))
	wantSubjects(t, v, "with a token", "after it expired", "with another")
	stop()
	if got := slices.Compact(s.TokensAsked()); !slices.Equal(got, []string{"token-1", "token-2"}) {
		t.Errorf("the server was shown %q, want each token once", got)
	}
}

func TestATokenThatDovecotRefuses(t *testing.T) {
	for name, user := range map[string]string{"it is nobody's": "", "it is somebody else's": "other@example.org"} {
		t.Run(name, func(t *testing.T) {
			s := dovecot.StartWithTokens(t, func(string) string { return user })
			c := microsoft(t, newEndpoint(t, someToken), s.TLSAddr)
			c.TLS, c.CAFile = email.TLSImplicit, s.CAFile
			c.OAuth2.Provider, c.OAuth2.Tenant = email.ProviderOther, ""
			v := newVault()
			box, _ := run(t, c, v)
			eventually.Eventually(t, 20*time.Second, "the token is refused", func() bool { return box.Status().Err != nil })
			err := box.Status().Err
			if !strings.Contains(hintOf(err), "the server refuses it") {
				t.Errorf("error %v, hint %q", err, hintOf(err))
			}
			if pauseOf(err) < 2*time.Minute {
				t.Errorf("pause %s, want two minutes: a refusal is not mended by trying", pauseOf(err))
			}
			var connect *email.ConnectError
			if !errors.As(err, &connect) || connect.Step != "log in to" {
				t.Errorf("error %v, want one of logging in", err)
			}
		})
	}
}

// Both mechanisms, whichever the server offers.
func TestBothMechanismsAgainstDovecot(t *testing.T) {
	s := dovecot.StartWithTokens(t, func(token string) string {
		if token == someToken {
			return dovecot.User
		}
		return ""
	})
	// Seen through one that leaves out of the capabilities what it is told to.
	for _, hidden := range []string{"AUTH=OAUTHBEARER", "AUTH=XOAUTH2"} {
		p := newHider(t, s.Addr, " "+hidden)
		c := microsoft(t, newEndpoint(t, someToken), p)
		if _, err := open(t, c); err != nil {
			t.Errorf("without %s: %v", hidden, err)
		}
	}
}
