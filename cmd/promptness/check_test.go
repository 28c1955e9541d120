package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/internal/say"
)

// inDirWith changes to an empty directory with these files in it.
func inDirWith(t *testing.T, files map[string]string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
}

// check runs promptness check and returns what it prints and its exit code.
func check(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	err := promptness(t.Context(), append([]string{"check"}, args...), &out, &errs)
	if errors.Is(err, errSilent) {
		return out.String(), errs.String(), say.CouldNot
	}
	code = say.Error(&errs, err)
	return out.String(), errs.String(), code
}

const soundFile = `tenant: moj
organisations: [hmcts, opg]
people:
  - {number: d-1, role: desk, token_file: d.token}
  - {number: m-1, role: manager, token_file: m.token}
sources:
  - channel: email
    name: ost-mailbox
    tells: reported
    address: imap.example.org:993
    username: ost
    password_file: mail.password
  - channel: webhook
    name: siem
    kind: json
    auth: {kind: hmac, secret_file: siem.key}
    mapping: {keys: p.id, detected: p.at}
enable:
  - {id: service-desk, from: 2026-12-01, limit: 30m}
policies:
  - {id: pol-imp-002, title: Sooner, from: 2027-01-01, start: detected, stop: reported, limit: 30m, warn: [15m]}
  - {id: high, from: 2027-01-01, start: detected, stop: contained, limit: 4h, applies: impact == "high"}
alerting:
  alertmanager:
    peers:
      - {name: am-0, url: "http://127.0.0.1:9093"}
`

func secretFiles() map[string]string {
	return map[string]string{
		"d.token": "desk-token-0123456789abcdef\n", "m.token": "manager-token-0123456789abc\n",
		"mail.password": "a-password\n", "siem.key": "a-key-0123456789abcdef\n",
	}
}

func TestCheckPrintsWhatWillBeInForce(t *testing.T) {
	files := secretFiles()
	files["promptness.yml"] = soundFile
	inDirWith(t, files)
	stdout, stderr, code := check(t, "promptness.yml")
	want := `promptness.yml is sound. It will put in force:

tenant moj, store in promptness-data/store, pepper in promptness-data/secrets/pepper
webhooks on 127.0.0.1:9421, people and metrics on 127.0.0.1:9420

policies
  high from 2027-01-01: detected → contained within 4h
    only if impact == "high"
  pol-imp-002 from 2013-05-01: detected → reported within 1h
    warns after 30m, 50m; reminds 1h, 4h, 24h after the deadline
  pol-imp-002 from 2027-01-01: detected → reported within 30m
    warns after 15m; reminds never after the deadline
  service-desk from 2026-12-01: reported_to_desk → reported within 30m
    warns after 15m; reminds 1h, 4h, 24h after the deadline

sources
  manual (manual, manual): what people record
  ost-mailbox (email, imap): arrival tells reported
  siem (webhook, json): arrival tells nothing

people
  d-1, desk
  m-1, manager

alertmanagers
  am-0 at http://127.0.0.1:9093
`
	if d := cmp.Diff(want, stdout); code != 0 || d != "" {
		t.Errorf("check = %d %s (-want +got):\n%s", code, stderr, d)
	}
	if !strings.HasPrefix(stderr, "warning: promptness.yml:7: sources[0].authentication: none is named, so no mail of this mailbox can stop a clock") {
		t.Errorf("check warns\n%s\nwant of the mailbox without authentication", stderr)
	}
	for _, secret := range secretFiles() {
		if strings.Contains(stdout+stderr, strings.TrimSpace(secret)) {
			t.Errorf("check prints the secret %s", secret)
		}
	}
}

func TestCheckReadsFilesAndValuesInOneRun(t *testing.T) {
	files := secretFiles()
	delete(files, "siem.key")
	files["d.token"] = "short\n"
	files["promptness.yml"] = strings.NewReplacer("limit: 4h", "limit: 4hours", "tenant: moj", "tenant: moj\ntenant: hmcts").Replace(soundFile)
	inDirWith(t, files)
	if err := os.Chmod("m.token", 0o644); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := check(t, "promptness.yml")
	if code != say.CouldNot || stdout != "" {
		t.Errorf("check = %d, prints %q, want 1 and nothing in force", code, stdout)
	}
	for _, want := range []string{
		"promptness.yml:2: tenant: is here twice, first on line 1",
		"promptness.yml:5: people[0].token_file: the token in d.token has 5 characters",
		"promptness.yml:6: people[1].token_file: read secret m.token: everybody on this machine may use it (mode 0644)",
		"promptness.yml:17: sources[1].auth.secret_file: read secret siem.key: no such file or directory",
		"policies[1].limit:",
		"hint: chmod 600 m.token",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("check says\n%s\nwant %q", stderr, want)
		}
	}
	if strings.Count(stderr, "error:") != 1 {
		t.Errorf("check says error: more than once:\n%s", stderr)
	}
	stdout, stderr, code = check(t, "promptness.yml", "--json")
	var got Checked
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != say.CouldNot || stderr != "" || len(got.Problems) != 5 || got.Rules != nil {
		t.Errorf("check --json = %d %s %s, %v, want five problems alone on stdout", code, stdout, stderr, err)
	}
}

func TestCheckOfAFileThatIsNotThere(t *testing.T) {
	inDirWith(t, nil)
	stdout, stderr, code := check(t, "absent.yml")
	if code != say.CouldNot || stdout != "" || !strings.Contains(stderr, "absent.yml: no such file") || strings.Contains(stderr, "warning") {
		t.Errorf("check = %d %q %q", code, stdout, stderr)
	}
}

func TestAnEmptyFileIsTheDefaults(t *testing.T) {
	got, _, err := read("empty.yml", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(Config{}, sourcePaths{})); d != "" {
		t.Errorf("an empty file (-defaults +got):\n%s", d)
	}
	if err := want.Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	if n := len(want.FirstStart()); n != 2 {
		t.Errorf("a first start makes %d tokens, want those of me and local", n)
	}
	named, _, err := read("f.yml", []byte("people: []\nsources: []\n"))
	if err != nil || len(named.FirstStart()) != 0 || len(named.People) != 0 || len(named.Webhooks) != 0 {
		t.Errorf("a file that names nobody = %+v, %v, want nobody and no source", named.People, err)
	}
}

func TestBuiltInPolicies(t *testing.T) {
	ids := func(yaml string) ([]incident.PolicyID, error) {
		c, _, err := read("f.yml", []byte(yaml))
		if err != nil {
			return nil, err
		}
		r, err := c.Rules()
		if err != nil {
			return nil, err
		}
		return r.PolicyIDs(), r.Validate()
	}
	for _, tt := range []struct {
		name, yaml string
		want       []incident.PolicyID
		refused    string
	}{
		{"one is in force without a word", "", []incident.PolicyID{"pol-imp-002"}, ""},
		{"the law has its number", "enable: [{id: gdpr-33, from: 2026-12-01}]", []incident.PolicyID{"gdpr-33", "pol-imp-002"}, ""},
		{"and no other", "enable: [{id: gdpr-33, from: 2026-12-01, limit: 80h}]", nil, "limit: of gdpr-33 is 72h0m0s by law"},
		{"immediately is no number", "enable: [{id: siro, from: 2026-12-01}]", nil, "enable[0].limit: is missing"},
		{"a number makes it one", "enable: [{id: siro, from: 2026-12-01, limit: 2h}]", []incident.PolicyID{"pol-imp-002", "siro"}, ""},
		{"it needs a day", "enable: [{id: siro, limit: 2h}]", nil, "enable[0].from: is missing"},
		{"there is no such one", "enable: [{id: pol-imp-002, from: 2026-12-01}]", nil, "enable[0].id: unknown built-in policy"},
		{"the built-in version stays", "policies: [{id: pol-imp-002, from: 2013-05-01, start: detected, stop: reported, limit: 2h}]", nil, "already begins on 2013-05-01"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ids(tt.yaml)
			if tt.refused != "" {
				if err == nil || !strings.Contains(err.Error(), tt.refused) {
					t.Errorf("= %v, want it refused: %s", err, tt.refused)
				}
				return
			}
			if d := cmp.Diff(tt.want, got); err != nil || d != "" {
				t.Errorf("policies = %v (-want +got):\n%s", err, d)
			}
		})
	}
	if p := builtIn(); p.Limit.D().Minutes() != 60 || p.From != "2013-05-01" || p.Start != incident.Detected || p.Stop != incident.Reported {
		t.Errorf("POL.IMP.002 is %+v", p)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(soundFile))
	f.Add([]byte("sources: [{channel: webhook}, {channel: email}, {}, 1, null]"))
	f.Add([]byte("people: {a: 1}\nenable: [1]\npolicies: [{}]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, _, err := read("f.yml", data)
		if err != nil {
			if err.Error() == "" {
				t.Errorf("read(%q) is refused without a word", data)
			}
			return
		}
		if _, err := c.Rules(); err != nil {
			t.Errorf("read(%q) is taken and makes no rules: %v", data, err)
		}
	})
}

func TestTwoSourcesOfOneMailboxAreWarnedOf(t *testing.T) {
	one := email.Default()
	one.Name, one.Address, one.Username = "ost", "imap.example.org:993", "ost@example.org"
	other := one
	other.Name = "ost-again"
	c := Config{Mailboxes: []email.Config{one, other}}
	c.paths.mailboxes = []string{"sources[0]", "sources[1]"}
	const want = "sources: mailbox: sources ost and ost-again read the same mailbox"
	if got := strings.Join(c.warnings(nil), "\n"); !strings.Contains(got, want) {
		t.Errorf("warnings:\n%s\nwant %q among them", got, want)
	}
	c.Mailboxes[1].Mailbox = "Archive"
	if got := strings.Join(c.warnings(nil), "\n"); strings.Contains(got, "same mailbox") {
		t.Errorf("warnings of two mailboxes:\n%s", got)
	}
}
