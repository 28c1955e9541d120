package email_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// The example that Microsoft and Google print in their description of XOAUTH2.
const (
	exampleUser    = "someuser@example.com"
	exampleToken   = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg"
	exampleMessage = "dXNlcj1zb21ldXNlckBleGFtcGxlLmNvbQFhdXRoPUJlYXJlciB5YTI5LnZGOWRmdDRxbVRjMk52YjNSbGNrQmhkSFJoZG1semRHRXVZMjl0Q2cBAQ=="
	// {"status":"401","schemes":"bearer mac","scope":"https://mail.google.com/"}
	exampleRefusal = "eyJzdGF0dXMiOiI0MDEiLCJzY2hlbWVzIjoiYmVhcmVyIG1hYyIsInNjb3BlIjoiaHR0cHM6Ly9tYWlsLmdvb2dsZS5jb20vIn0K"
)

// example is a mailbox of the example's user, on addr.
func example(t testing.TB, addr string) email.Config {
	t.Helper()
	c := microsoft(t, newEndpoint(t, exampleToken), addr)
	c.Username = exampleUser
	return c
}

func TestXOAuth2IsSpokenAsMicrosoftDocuments(t *testing.T) {
	for _, tt := range []struct {
		name, caps string
		answers    []string
		want       []string // of the login
	}{
		{
			"with the message in the command, as Exchange offers", "AUTH=PLAIN AUTH=XOAUTH2 SASL-IR UIDPLUS MOVE ID UNSELECT CHILDREN IDLE NAMESPACE LITERAL+",
			nil, []string{"AUTHENTICATE XOAUTH2 " + exampleMessage},
		},
		{
			"with the message after the server asks", "AUTH=XOAUTH2",
			[]string{"AUTHENTICATE", "+ \r\nWAIT"}, []string{"AUTHENTICATE XOAUTH2", exampleMessage},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, func(k *talk) {
				k.say("* OK The Microsoft Exchange IMAP4 service is ready.")
				for {
					tag, rest, ok := k.command()
					switch {
					case !ok:
						return
					case rest == "CAPABILITY":
						k.say("* CAPABILITY IMAP4 IMAP4rev1 %s", tt.caps)
					case rest == "AUTHENTICATE XOAUTH2":
						k.say("+ ")
						if _, ok := k.hear(); !ok {
							return
						}
					case strings.HasPrefix(rest, "EXAMINE"):
						k.say("* 0 EXISTS\r\n* OK [UIDVALIDITY 14] .\r\n* OK [UIDNEXT 1] .")
					}
					k.say("%s OK completed.", tag)
				}
			})
			if _, err := open(t, example(t, s.addr)); err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, l := range s.lines() {
				if _, rest, ok := strings.Cut(l, " "); ok && strings.HasPrefix(rest, "AUTH") {
					got = append(got, rest)
				} else if !ok {
					got = append(got, l)
				}
			}
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Errorf("the login (-want +got):\n%s", d)
			}
		})
	}
}

func TestTheMechanismFollowsTheCapabilities(t *testing.T) {
	for caps, want := range map[string]string{
		"AUTH=PLAIN AUTH=XOAUTH2 AUTH=OAUTHBEARER SASL-IR": "OAUTHBEARER n,a=someuser@example.com,\x01host=127.0.0.1\x01port=%p\x01auth=Bearer " + exampleToken + "\x01\x01",
		"AUTH=XOAUTH2 AUTH=PLAIN SASL-IR":                  "XOAUTH2 user=someuser@example.com\x01auth=Bearer " + exampleToken + "\x01\x01",
		"AUTH=PLAIN SASL-IR":                               "",
		"SASL-IR LOGINDISABLED":                            "",
	} {
		s := script(t, func(k *talk) { k.say("* OK hello"); k.serve(opening(caps)) })
		_, err := open(t, example(t, s.addr))
		if (err == nil) != (want != "") {
			t.Errorf("with %s: error %v", caps, err)
		}
		got := ""
		for _, l := range s.lines() {
			if _, rest, ok := strings.Cut(l, " AUTHENTICATE "); ok {
				mechanism, message, _ := strings.Cut(rest, " ")
				b, err := base64.StdEncoding.DecodeString(message)
				if err != nil {
					t.Fatal(err)
				}
				got = mechanism + " " + string(b)
			}
		}
		_, port, _ := strings.Cut(s.addr, ":")
		if want = strings.ReplaceAll(want, "%p", port); got != want {
			t.Errorf("with %s: sent %q, want %q", caps, got, want)
		}
		if want == "" && !strings.Contains(hintOf(err), "the server takes no token") {
			t.Errorf("with %s: hint %q", caps, hintOf(err))
		}
	}
}

func TestARefusedTokenEndsTheConnectionAndNamesTheCause(t *testing.T) {
	withoutRole := "eyJ0eXAiOiJKV1QifQ.eyJyb2xlcyI6WyJNYWlsLlJlYWQiXX0.c2lnbmF0dXJl"
	for _, tt := range []struct {
		name, token, caps, refusal string
		provider                   string
		want, hint                 string
	}{
		{
			"Exchange says no", someToken, "AUTH=XOAUTH2 SASL-IR", "%t NO AUTHENTICATE failed.", email.ProviderMicrosoft,
			"AUTHENTICATE failed", "object id of the App registration",
		},
		{
			"Exchange says no to a token without the permission", withoutRole, "AUTH=XOAUTH2 SASL-IR", "%t NO AUTHENTICATE failed.", email.ProviderMicrosoft,
			"AUTHENTICATE failed", "add Office 365 Exchange Online, application permission IMAP.AccessAsApp",
		},
		{
			"the challenge in JSON", "ya29.opaque", "AUTH=XOAUTH2 SASL-IR", "+ " + exampleRefusal, email.ProviderGoogle,
			`rejected the token (XOAUTH2, status "401", scope "https://mail.google.com/")`, "IMAP is on for its users",
		},
		{
			"the challenge of OAUTHBEARER", "ya29.opaque", "AUTH=OAUTHBEARER SASL-IR", "+ " + exampleRefusal, email.ProviderOther,
			`rejected the token (OAUTHBEARER, status "401"`, "may read this mailbox",
		},
		{
			"a challenge that is no JSON", "ya29.opaque", "AUTH=XOAUTH2 SASL-IR", "+ " + base64.StdEncoding.EncodeToString([]byte("\x00no\r\n")), email.ProviderOther,
			"rejected the token (XOAUTH2)", "may read this mailbox",
		},
		{
			"an empty challenge", "ya29.opaque", "AUTH=XOAUTH2 SASL-IR", "+ ", email.ProviderOther,
			"initial response", "",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ended := make(chan struct{})
			var after []string
			s := script(t, func(k *talk) {
				defer close(ended)
				k.say("* OK hello")
				for {
					tag, rest, ok := k.command()
					if !ok {
						return
					}
					if rest == "CAPABILITY" {
						k.say("* CAPABILITY IMAP4rev1 %s\r\n%s OK done", tt.caps, tag)
						continue
					}
					k.say("%s", strings.ReplaceAll(tt.refusal, "%t", tag))
					for {
						l, ok := k.hear()
						if !ok {
							return
						}
						after = append(after, l)
					}
				}
			})
			c := example(t, s.addr)
			e := newEndpoint(t, tt.token)
			switch c.OAuth2.TokenURL = e.URL; tt.provider {
			case email.ProviderOther:
				c.OAuth2.Provider, c.OAuth2.Tenant = tt.provider, ""
			case email.ProviderGoogle:
				c, _ = google(t, e, s.addr)
			}
			_, err := open(t, c)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want it to have %q", err, tt.want)
			}
			if got := hintOf(err); !strings.Contains(got, tt.hint) {
				t.Errorf("hint %q, want it to have %q", got, tt.hint)
			}
			if tt.hint != "" && pauseOf(err) < 2*time.Minute {
				t.Errorf("pause %s, want two minutes or more: a refusal is not mended by trying", pauseOf(err))
			}
			if strings.Contains(fmt.Sprintf("%v %+v %#v", err, err, err), tt.token) {
				t.Errorf("the error %v holds the token", err)
			}
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Fatal("the connection is still there, want it dropped")
			}
			if len(after) > 0 {
				t.Errorf("after the refusal it said %q, want nothing", after)
			}
		})
	}
}

// A server that repeats what it heard, in whatever form, is not believed to
// keep secrets for us.
func TestNothingSecretComesIntoLogOrStatus(t *testing.T) {
	const password = `p"\ä:4`
	echo := []string{"%t NO you sent %l", "%t BAD %l", "* BYE %l", "%l", "%t NO %d"}
	for _, caps := range []string{"AUTH=XOAUTH2 AUTH=PLAIN SASL-IR", "AUTH=OAUTHBEARER SASL-IR", "AUTH=PLAIN", ""} {
		for _, answer := range echo {
			s := script(t, func(k *talk) {
				k.say("* OK hello")
				for {
					tag, rest, ok := k.command()
					if !ok {
						return
					}
					switch {
					case rest == "CAPABILITY":
						k.say("* CAPABILITY IMAP4rev1 %s\r\n%s OK done", caps, tag)
						continue
					case strings.HasSuffix(rest, "}"), !strings.Contains(rest, " ") || strings.Count(rest, " ") == 1 && strings.HasPrefix(rest, "AUTH"):
						k.say("+ ")
						more, _ := k.hear()
						rest += more
					}
					words := strings.Fields(rest)
					plain, _ := base64.StdEncoding.DecodeString(words[len(words)-1])
					k.say("%s", strings.NewReplacer("%t", tag, "%l", rest, "%d", strings.ToValidUTF8(strings.Map(func(r rune) rune {
						if r < ' ' {
							return ' '
						}
						return r
					}, string(plain)), "?")).Replace(answer))
					if strings.HasPrefix(answer, "* BYE") {
						return
					}
				}
			})
			for _, bearer := range []bool{true, false} {
				c := configAt(t, s.addr)
				c.PasswordFile = secretFile(t, password)
				secrets := []string{password, base64.StdEncoding.EncodeToString([]byte("\x00" + c.Username + "\x00" + password))}
				if bearer {
					c = example(t, s.addr)
					secrets = []string{exampleToken, exampleMessage, base64.StdEncoding.EncodeToString([]byte(exampleToken)), clientSecret}
				}
				var mu sync.Mutex
				var out bytes.Buffer
				v := newVault()
				box, err := email.New(c, v, v, slog.New(slog.NewTextHandler(locked{&mu, &out}, &slog.HandlerOptions{Level: slog.LevelDebug})))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(t.Context())
				var wg sync.WaitGroup
				wg.Go(func() { _ = box.Run(ctx) })
				eventually.Eventually(t, 20*time.Second, "the login fails", func() bool { return box.Status().Err != nil })
				status := box.Status().Err
				cancel()
				wg.Wait()
				mu.Lock()
				text := out.String() + fmt.Sprintf("%v %+v %#v", status, status, status)
				mu.Unlock()
				for _, secret := range secrets {
					if i := strings.Index(text, secret); i >= 0 {
						t.Errorf("with %q, answer %q: %q holds %q", caps, answer, text, secret)
					}
				}
			}
		}
	}
}

// locked is a writer for several goroutines.
type locked struct {
	mu *sync.Mutex
	to *bytes.Buffer
}

func (l locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.to.Write(p)
}

func TestEachConnectionHasATokenOfItsOwn(t *testing.T) {
	e := newEndpoint(t, someToken)
	s := script(t, func(k *talk) { k.say("* OK hello"); k.serve(opening("AUTH=XOAUTH2 SASL-IR")) })
	c := microsoft(t, e, s.addr)
	for _, token := range []string{"first", "second"} {
		e.with(func(e *endpoint) { e.token = token })
		if _, err := open(t, c); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, l := range s.lines() {
		if _, message, ok := strings.Cut(l, " AUTHENTICATE XOAUTH2 "); ok {
			b, _ := base64.StdEncoding.DecodeString(message)
			_, token, _ := strings.Cut(strings.Trim(string(b), "\x01"), "auth=Bearer ")
			got = append(got, token)
		}
	}
	if !slices.Equal(got, []string{"first", "second"}) {
		t.Errorf("tokens %q, want a new one for each connection", got)
	}
}

func TestWithoutATokenNoConnectionIsMade(t *testing.T) {
	s := script(t, func(k *talk) { k.say("* OK hello"); k.serve(opening("AUTH=XOAUTH2 SASL-IR")) })
	e := newEndpoint(t, someToken)
	e.refuse(401, "invalid_client", "AADSTS7000222: expired")
	_, err := open(t, microsoft(t, e, s.addr))
	if err == nil || !strings.Contains(hintOf(err), "has expired") {
		t.Errorf("error %v, hint %q, want the endpoint's", err, hintOf(err))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conns != 0 {
		t.Errorf("%d connections to the mail server, want none", s.conns)
	}
}

func TestRefusalsAtTheDoor(t *testing.T) {
	for _, tt := range []struct {
		name    string
		answers []string
		hint    string
		after   time.Duration
	}{
		{"a wrong password", []string{"AUTHENTICATE", "%t NO [AUTHENTICATIONFAILED] no"}, "check username and password_file", 2 * time.Minute},
		{"the accounts are away", []string{"AUTHENTICATE", "%t NO [UNAVAILABLE] later"}, "nothing to do", 2 * time.Minute},
		{"too many connections", []string{"AUTHENTICATE", "%t NO [ALERT] Too many simultaneous connections. (Failure)"}, "asks for fewer requests", 5 * time.Minute},
		{"Exchange throttles", []string{"AUTHENTICATE", "%t BAD Request is throttled. Suggested Backoff Time: 421337 milliseconds"}, "asks for fewer requests", 421337 * time.Millisecond},
		{"Exchange throttles for a day", []string{"AUTHENTICATE", "%t BAD Request is throttled. Suggested Backoff Time: 86400000 milliseconds"}, "asks for fewer requests", 10 * time.Minute},
		{"throttled by its code", []string{"AUTHENTICATE", "%t NO [THROTTLED] slow"}, "asks for fewer requests", 5 * time.Minute},
		{"no such mailbox", []string{"EXAMINE", "%t NO [NONEXISTENT] Mailbox doesn't exist"}, "check mailbox", 0},
		{"the mailbox is away", []string{"EXAMINE", "%t NO [UNAVAILABLE] later"}, "check mailbox", 2 * time.Minute},
		{"throttled at the mailbox", []string{"EXAMINE", "%t NO [THROTTLED] slow"}, "check mailbox", 5 * time.Minute},
		{"goodbye instead of an answer", []string{"AUTHENTICATE", "* BYE Server shutting down"}, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := script(t, func(k *talk) { k.say("* OK hello"); k.serve(with(opening("AUTH=PLAIN SASL-IR"), tt.answers...)) })
			c := configAt(t, s.addr)
			if tt.name == "goodbye instead of an answer" {
				s = script(t, func(k *talk) {
					k.say("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR] hello")
					_, _ = k.hear()
					k.say("* BYE Server shutting down")
				})
				c.Address = s.addr
			}
			_, err := open(t, c)
			if err == nil {
				t.Fatal("no error")
			}
			if got := hintOf(err); !strings.Contains(got, tt.hint) {
				t.Errorf("hint %q, want it to have %q (%v)", got, tt.hint, err)
			}
			if got := pauseOf(err); got != tt.after {
				t.Errorf("pause %s, want %s (%v)", got, tt.after, err)
			}
		})
	}
}

func TestAPasswordIsNotOfferedWhereTheServerForbidsIt(t *testing.T) {
	s := script(t, func(k *talk) { k.say("* OK hello"); k.serve(opening("LOGINDISABLED")) })
	_, err := open(t, configAt(t, s.addr))
	if err == nil || !strings.Contains(hintOf(err), "the server takes no password") {
		t.Errorf("error %v, hint %q", err, hintOf(err))
	}
	for _, l := range s.lines() {
		if strings.Contains(l, "LOGIN") || strings.Contains(l, "horse") {
			t.Errorf("the server heard %q", l)
		}
	}
}
