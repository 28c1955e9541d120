package email_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

const good = `
name: reports
address: imap.example.org:993
username: reports@example.org
password_file: password
tells: reported
organisation: hmcts
trusted_hops: [mx.example.org, .relay.example.org]
authentication:
  authserv_id: mx.example.org
labels:
  detected: ["When did you notice"]
start: 2026-11-01
poll: 30s
`

func TestConfigFromYAML(t *testing.T) {
	var c email.Config
	if err := yaml.Load([]byte(good), &c, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("Validate() = %v, want no problem", err)
	}
	if got := c.Warnings(); len(got) != 0 {
		t.Errorf("Warnings() = %q, want none", got)
	}
	rule := c.Rule()
	if rule.Channel != incident.ChannelEmail || rule.Kind != "imap" || !rule.Polled || !rule.EverReports() || rule.Organisation != "hmcts" {
		t.Errorf("Rule() = %+v, want a polled mailbox that reports", rule)
	}
	for _, want := range []string{`"When did you notice"`, `"Impact"`, `".relay.example.org"`, `"authserv_id":"mx.example.org"`, `INC\\d{7,}`} {
		if !bytes.Contains(rule.Reading, []byte(want)) {
			t.Errorf("Reading %s does not hold %s", rule.Reading, want)
		}
	}
	for _, secret := range []string{"password", "imap.example.org", "reports@"} {
		if bytes.Contains(rule.Reading, []byte(secret)) {
			t.Errorf("Reading holds %q, which is no part of reading mails", secret)
		}
	}
	if again := c.Rule(); !bytes.Equal(rule.Reading, again.Reading) {
		t.Errorf("Reading differs from call to call:\n%s\n%s", rule.Reading, again.Reading)
	}
}

func TestEveryProblemIsToldAtOnce(t *testing.T) {
	const bad = `
name: Reports!
address: imap.example.org
tls: sometimes
poll: 1h
unread_after: 30m
expect_every: 1s
start: yesterday
tells: perhaps
trusted_hops: ["mx example"]
desk_hosts: [desk/1]
authentication:
  authserv_id: a b
  closed: true
  internal_header: {name: "X y", value: ""}
labels: {colour: [x], detected: [":"]}
references: ["(", ".*"]
opens_when_words: [" "]
organisations: {"HM CTS": [x]}
`
	var c email.Config
	if err := yaml.Load([]byte(bad), &c, yaml.WithKnownFields()); err != nil {
		t.Fatal(err)
	}
	err := c.Validate()
	if err == nil {
		t.Fatal("Validate() = nil, want problems")
	}
	for _, want := range []string{
		"name:", "address:", "tls: unknown", "username:", "password_file:", "poll:", "unread_after: must be longer than poll", "expect_every:", "start:", "tells[0].tells:",
		"trusted_hops[0]:", "desk_hosts[0]:", "authentication.authserv_id: \"a b\"", "authentication.closed:",
		"authentication.internal_header.name:", "authentication.internal_header.value:", "labels.colour:", "labels.detected[0]:",
		"references[0]:", "references[1]:", "opens_when_words[0]:", "organisations.HM CTS:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() does not tell of %s:\n%v", want, err)
		}
	}
}

func TestPlainIsForLoopbackOnly(t *testing.T) {
	for addr, ok := range map[string]bool{"127.0.0.1:143": true, "localhost:143": true, "[::1]:143": true, "192.0.2.1:143": false, "imap.example.org:143": false} {
		c := config()
		c.Address, c.TLS, c.Username, c.PasswordFile = addr, email.TLSNone, "u", "f"
		if err := c.Validate(); (err == nil) != ok {
			t.Errorf("Validate() with tls: none at %s = %v, want allowed = %v", addr, err, ok)
		}
	}
}

func TestWarnings(t *testing.T) {
	c := config()
	c.Authentication = email.Authentication{}
	if got := strings.Join(c.Warnings(), "\n"); !strings.Contains(got, "no mail of this mailbox can stop a clock") {
		t.Errorf("Warnings() = %q, want one about authentication", got)
	}
	c = config()
	c.TrustedHops, c.Tells = nil, nil
	if got := c.Warnings(); len(got) != 2 {
		t.Errorf("Warnings() = %q, want one about trusted_hops and one about tells", got)
	}
}

func TestNewReadsTheFilesThatAreNamed(t *testing.T) {
	c := config()
	c.Address, c.Username = "imap.example.org:993", "u"
	c.PasswordFile = filepath.Join(t.TempDir(), "none")
	c.CAFile = filepath.Join(t.TempDir(), "none.pem")
	_, err := email.New(c, newVault(), newVault(), testLog(t))
	for _, want := range []string{"password_file", "ca_file"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New() = %v, want it to tell of %s", err, want)
		}
	}
	c.CAFile = filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(c.CAFile, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := email.New(c, newVault(), newVault(), testLog(t)); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("New() = %v, want it to tell of a file without a certificate", err)
	}
}
