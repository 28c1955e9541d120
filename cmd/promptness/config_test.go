package main

import (
	"strings"
	"testing"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestOneCheckNamesEveryProblemWithItsLineAndPath(t *testing.T) {
	_, _, err := read("bad.yml", []byte(`tenant: MOJ!
foo: 1
listen: {admin: 9420}
sources:
  - {channel: webhook, name: a, kind: json, auth: {kind: none}, mapping: {keys: "p.id +"}}
  - {channel: webhook, name: a, kind: alertmanagre, auth: {kind: bearer, token_file: nope}}
  - {channel: fax, name: b}
policies:
  - {id: x, from: yesterday, start: detected, stop: detected, limit: 0m, applies: impct == 1}
people: seven
`))
	if err == nil {
		t.Fatal("read = nil, want every problem")
	}
	for _, want := range []string{
		"bad.yml:1: tenant:",
		"bad.yml:2: foo: unknown key",
		"bad.yml:3: listen.admin:",
		"bad.yml:5: sources[0].mapping.keys: 1:7:",
		"bad.yml:6: sources[1].kind: unknown kind",
		`bad.yml:6: sources[1].name: "a" is the name of sources[0] already`,
		"bad.yml:7: sources[2].channel: unknown channel",
		"bad.yml:9: policies[0].from:",
		"bad.yml:9: policies[0].stop:",
		"bad.yml:9: policies[0].limit:",
		"bad.yml:9: policies[0].applies: 1:1: unknown name",
		"bad.yml:10: people:",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no %q among\n%v", want, err)
		}
	}
}

func TestAStoreThatWouldRefuseMailsIsRefused(t *testing.T) {
	c := Default()
	c.Store.MaxSignal = 24 * stream.MiB
	const want = "store.max_signal: must be at least 25MiB where a mailbox is read, is 24MiB"
	if err := c.Validate(); err != nil && strings.Contains(err.Error(), want) {
		t.Errorf("without a mailbox: %v", err)
	}
	c.Mailboxes = []email.Config{email.Default()}
	c.paths.mailboxes = []string{"sources[0]"}
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Validate = %v, want %q in it", err, want)
	}
}
