package email_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func TestWaysToLogInAreRefusedByName(t *testing.T) {
	microsoft := email.OAuth2{Provider: "microsoft", Tenant: "example.org", ClientID: "id", ClientSecretFile: "/s"}
	google := email.OAuth2{Provider: "google", ServiceAccountFile: "/a"}
	other := email.OAuth2{Provider: "other", TokenURL: "https://login.example.org/token", ClientID: "id", ClientSecretFile: "/s"}
	change := func(o email.OAuth2, f func(*email.OAuth2)) *email.OAuth2 { f(&o); return &o }
	for _, tt := range []struct {
		name   string
		oauth2 *email.OAuth2
		want   string // "": it is valid
	}{
		{"Microsoft", &microsoft, ""},
		{"Microsoft of a national cloud", change(microsoft, func(o *email.OAuth2) {
			o.TokenURL, o.Scopes = "https://login.microsoftonline.us/t/oauth2/v2.0/token", []string{"https://outlook.office365.us/.default"}
		}), ""},
		{"Google", &google, ""},
		{"Google in another's name", change(google, func(o *email.OAuth2) { o.Subject = "x@example.org" }), ""},
		{"another", &other, ""},
		{"another on loopback", change(other, func(o *email.OAuth2) { o.TokenURL = "http://127.0.0.1:8080/token" }), ""},
		{"no provider", &email.OAuth2{}, `oauth2.provider: unknown ""`},
		{"an unknown provider", &email.OAuth2{Provider: "yahoo"}, `oauth2.provider: unknown "yahoo" (have microsoft, google, other)`},
		{"Microsoft without a tenant", change(microsoft, func(o *email.OAuth2) { o.Tenant = "" }), "oauth2.tenant: is missing"},
		{"Microsoft without an id", change(microsoft, func(o *email.OAuth2) { o.ClientID = "" }), "oauth2.client_id: is missing"},
		{"Microsoft without a secret", change(microsoft, func(o *email.OAuth2) { o.ClientSecretFile = "" }), "oauth2.client_secret_file: is missing"},
		{"Microsoft for everybody", change(microsoft, func(o *email.OAuth2) { o.Tenant = "Common" }), "oauth2.tenant: Common is for people who sign in"},
		{"a tenant that is a path", change(microsoft, func(o *email.OAuth2) { o.Tenant = "../x" }), "oauth2.tenant: \"../x\" must be"},
		{"Microsoft with a key of Google's", change(microsoft, func(o *email.OAuth2) { o.ServiceAccountFile = "/a" }), "oauth2.service_account_file: is not for provider microsoft"},
		{"Google with a secret", change(google, func(o *email.OAuth2) { o.ClientSecretFile = "/s" }), "oauth2.client_secret_file: is not for provider google"},
		{"Google without a key", &email.OAuth2{Provider: "google"}, "oauth2.service_account_file: is missing"},
		{"another without an address", change(other, func(o *email.OAuth2) { o.TokenURL = "" }), "oauth2.token_url: is missing"},
		{"a secret over http", change(other, func(o *email.OAuth2) { o.TokenURL = "http://login.example.org/token" }), "oauth2.token_url: must be https"},
		{"a secret over http to a name like loopback", change(other, func(o *email.OAuth2) { o.TokenURL = "http://localhost.example.org/" }), "oauth2.token_url: must be https"},
		{"a password in the address", change(other, func(o *email.OAuth2) { o.TokenURL = "https://me:geheim@login.example.org/" }), "without a user name"},
		{"a file as address", change(other, func(o *email.OAuth2) { o.TokenURL = "file:///etc/passwd" }), "oauth2.token_url: must be https"},
		{"two scopes in one", change(other, func(o *email.OAuth2) { o.Scopes = []string{"a b"} }), "oauth2.scopes[0]: \"a b\" must be one word"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := configAt(t, "127.0.0.1:1")
			c.PasswordFile, c.OAuth2 = "", tt.oauth2
			err := c.Validate()
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Validate() = %v, want nil", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Validate() = %v, want %q", err, tt.want)
			case err != nil && strings.Contains(err.Error(), "geheim"):
				t.Errorf("Validate() = %v, which holds a password", err)
			}
		})
	}
	both := configAt(t, "127.0.0.1:1")
	both.OAuth2 = &microsoft
	if err := both.Validate(); err == nil || !strings.Contains(err.Error(), "oauth2: a mailbox is opened by password_file or by oauth2, not by both") {
		t.Errorf("with both: %v", err)
	}
	none := configAt(t, "127.0.0.1:1")
	none.PasswordFile = ""
	if err := none.Validate(); err == nil || !strings.Contains(err.Error(), "password_file: is missing (or oauth2") {
		t.Errorf("with neither: %v", err)
	}
	breaks := configAt(t, "127.0.0.1:1")
	breaks.Username = "a\x01auth=Bearer x"
	if err := breaks.Validate(); err == nil || !strings.Contains(err.Error(), "username:") {
		t.Errorf("with a control character in the name: %v", err)
	}
}

func TestFilesToLogInWithAreReadAtStart(t *testing.T) {
	e := newEndpoint(t, someToken)
	v := newVault()
	for name, tt := range map[string]struct {
		change func(*email.Config)
		want   string
	}{
		"no secret":      {func(c *email.Config) { c.OAuth2.ClientSecretFile = filepath.Join(t.TempDir(), "none") }, "oauth2.client_secret_file"},
		"no certificate": {func(c *email.Config) { c.OAuth2.CAFile = secretFile(t, "none") }, "oauth2.ca_file"},
		"no key": {func(c *email.Config) {
			c.OAuth2 = &email.OAuth2{Provider: email.ProviderGoogle, ServiceAccountFile: secretFile(t, `{"type":"authorized_user","private_key":"geheim"}`)}
		}, "oauth2.service_account_file: is not the key of a service account"},
		"a key that is no JSON": {func(c *email.Config) {
			c.OAuth2 = &email.OAuth2{Provider: email.ProviderGoogle, ServiceAccountFile: secretFile(t, "geheim")}
		}, "oauth2.service_account_file: is not the key of a service account"},
		"a key whose tokens go over http": {func(c *email.Config) {
			c.OAuth2 = &email.OAuth2{Provider: email.ProviderGoogle, ServiceAccountFile: secretFile(t, `{"type":"service_account","client_email":"a","private_key":"geheim","token_uri":"http://oauth2.example.org/"}`)}
		}, "token_uri: must be https"},
	} {
		c := microsoft(t, e, "127.0.0.1:1")
		tt.change(&c)
		_, err := email.New(c, v, v, testLog(t))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: New() = %v, want %q", name, err, tt.want)
		}
	}
	open := microsoft(t, e, "127.0.0.1:1")
	if err := os.Chmod(open.OAuth2.ClientSecretFile, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := email.New(open, v, v, testLog(t)); err == nil || !strings.Contains(err.Error(), "everybody on this machine") {
		t.Errorf("with a secret that all may read: %v", err)
	}
}

func TestOneMailboxUnderTwoNamesIsWarnedOf(t *testing.T) {
	box := func(name, address, user, mailbox string) email.Config {
		c := email.Default()
		c.Name, c.Address, c.Username, c.Mailbox = incident.SourceName(name), address, user, mailbox
		return c
	}
	a := box("a", "imap.example.org:993", "team@example.org", "INBOX")
	for _, tt := range []struct {
		name string
		all  []email.Config
		want []string
	}{
		{"one", []email.Config{a}, nil},
		{"two folders of one account", []email.Config{a, box("b", "imap.example.org:993", "team@example.org", "promptness")}, nil},
		{"one folder of two accounts", []email.Config{a, box("b", "imap.example.org:993", "desk@example.org", "INBOX")}, nil},
		{
			"the same, written otherwise", []email.Config{a, box("b", "IMAP.example.org:993", "Team@example.org", "inbox")},
			[]string{"mailbox: sources a and b read the same mailbox, so each of its mails is a signal of both"},
		},
		{
			"three times", []email.Config{a, box("b", "imap.example.org:993", "team@example.org", ""), box("c", "imap.example.org:993", "team@example.org", "INBOX")},
			[]string{
				"mailbox: sources a and b read the same mailbox, so each of its mails is a signal of both",
				"mailbox: sources a and c read the same mailbox, so each of its mails is a signal of both",
			},
		},
		{"folders differ by case", []email.Config{box("a", "x:1", "u", "Reports"), box("b", "x:1", "u", "reports")}, nil},
	} {
		if d := cmp.Diff(tt.want, email.SameMailbox(tt.all)); d != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, d)
		}
	}
}

func TestWhereMailIsMovedToIsChecked(t *testing.T) {
	for to, want := range map[string]string{"": "", "done": "", "INBOX/done": "", "INBOX": "is the mailbox that is read", "inbox": "is the mailbox that is read", "a\r\nb": "control character"} {
		c := configAt(t, "127.0.0.1:1")
		c.MoveTo = to
		err := c.Validate()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("move_to %q: %v, want %q", to, err, want)
		}
	}
}
