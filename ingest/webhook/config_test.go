package webhook_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

func TestASourceAsAnOperatorWritesIt(t *testing.T) {
	got := source(t, `
name: edr
kind: json
tells: reported
tolerance: 2m
organisation: hmcts
auth:
  kind: hmac
  secret_file: /run/secrets/edr
  hmac:
    header: X-Signature
    prefix: v1=
    encoding: base64
    template: "{ts}.{body}"
    ts_header: X-Timestamp
    ts_unit: ms
    tolerance: 1m
max_bytes: 65536
opens_when: p.severity > 3
ignore_when: p.type == "ping"
severities: {P1: high}
organisations: {Courts: hmcts}
mapping:
  each: p.items
  keys: item.id
  detected: item.at
  epoch_unit: ms
`)
	want := webhook.Config{
		Source: ingest.Source{Name: "edr", Tells: ingest.Telling{{Tells: incident.TellsTeam}}, Tolerance: incident.Span(2 * time.Minute), Organisation: "hmcts"},
		Kind:   webhook.KindJSON,
		Auth: webhook.Auth{Kind: webhook.AuthHMAC, SecretFile: "/run/secrets/edr", HMAC: webhook.HMAC{
			Header: "X-Signature", Prefix: "v1=", Encoding: "base64", Template: "{ts}.{body}", TSHeader: "X-Timestamp", TSUnit: "ms", Tolerance: incident.Span(time.Minute),
		}},
		MaxBytes: 65536, OpensWhen: "p.severity > 3", IgnoreWhen: `p.type == "ping"`,
		Severities:    map[string]incident.Impact{"P1": incident.ImpactHigh},
		Organisations: map[string]incident.Organisation{"Courts": "hmcts"},
		Mapping:       webhook.Mapping{Each: "p.items", Keys: "item.id", Detected: "item.at", EpochUnit: "ms"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("config (-want +got):\n%s", d)
	}
	if err := webhook.Validate([]webhook.Config{got}, "0.0.0.0:8080", orgs); err != nil {
		t.Errorf("Validate = %v, want nil", err)
	}
}

func TestEveryProblemOfTheSourcesIsNamedAtOnce(t *testing.T) {
	bad := []webhook.Config{
		{
			Source: ingest.Source{Name: "a b", Organisation: "acme", UnreadAfter: incident.Span(time.Hour)}, Kind: "xml", MaxBytes: webhook.MaxBytes + 1,
			Auth: webhook.Auth{Kind: "digest"}, Severities: map[string]incident.Impact{"P1": "grave"},
		},
		{
			Source: ingest.Source{Name: "siem"}, Kind: webhook.KindAlertmanager,
			Auth:      webhook.Auth{Kind: webhook.AuthNone, TokenFile: "/x"},
			OpensWhen: `lables.severity == "high"`, IgnoreWhen: `labels.severity`,
			Mapping:       webhook.Mapping{Keys: "p.id"},
			Organisations: map[string]incident.Organisation{"Courts": "cuorts"},
		},
		{
			Source: ingest.Source{Name: "siem"}, Kind: webhook.KindJSON, SeverityLabel: "severity",
			Auth:    webhook.Auth{Kind: webhook.AuthHMAC, SecretFile: "/x", HMAC: webhook.HMAC{Alg: "sha1", Encoding: "base32", Prefix: "v 1", Template: "{ts}.{ts}", TSUnit: "h", IDHeader: "X-Id"}},
			Mapping: webhook.Mapping{Keys: "q.id", Detected: "p.at +", EpochUnit: "h", Each: `p.size() == 1`},
		},
		{
			Source: ingest.Source{Name: "basic"}, Kind: webhook.KindJSON,
			Auth: webhook.Auth{Kind: webhook.AuthBasic, Username: "a:b", HMAC: webhook.HMAC{Header: "X"}},
		},
	}
	err := webhook.Validate(bad, "0.0.0.0:8080", orgs)
	if err == nil {
		t.Fatal("Validate = nil, want problems")
	}
	got := err.Error()
	for _, want := range []string{
		`[0].name: "a b" must match`, `[0].organisation: unknown "acme" (have hmcts, laa, opg)`, `[0].kind: unknown kind "xml" (have alertmanager, json)`,
		`[0].unread_after: is only for sources that are read`, `[0].max_bytes: must lie`, `[0].auth.kind: unknown kind "digest" (have bearer, basic, hmac, none)`, `[0].severities[P1]: unknown impact "grave"`,
		`[1].auth.kind: none is only for a listener on loopback, and 0.0.0.0:8080 can be reached`, `[1].auth.token_file: has no meaning for kind none`,
		`[1].opens_when: 1:1: unknown name "lables" (have alert, annotations, labels, status)`, `[1].ignore_when: 1:1: gives a value of type string, want bool`,
		`[1].mapping: is only for kind json`, `[1].organisations[Courts]: unknown organisation "cuorts"`,
		`[2].name: "siem" is the name of [1] too`, `[2].severity_label: labels are only`,
		`[2].auth.hmac.header: is needed`, `[2].auth.hmac.alg: unknown algorithm "sha1"`, `[2].auth.hmac.encoding:`, `[2].auth.hmac.prefix:`,
		`[2].auth.hmac.template: must hold {body} once`, `[2].auth.hmac.template: holds {ts} twice`, `[2].auth.hmac.id_header: the template does not sign {id}`,
		`[2].auth.hmac.ts_header: is needed for ts_unit`,
		`[2].mapping.keys: 1:1: unknown name "q" (have item, p)`, `[2].mapping.detected: 1:7: the expression ends too early`, `[2].mapping.epoch_unit:`, `[2].mapping.each: 1:1: gives a value of type bool, want list`,
		`[3].auth.password_file: is needed for kind basic`, `[3].auth.username: must not contain a colon`, `[3].auth.hmac: has no meaning for kind basic`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("Validate does not say %q", want)
		}
	}
	if t.Failed() {
		t.Logf("it says:\n%s", got)
	}
	for _, line := range strings.Split(got, "\n") {
		if p := pathOf(line); p == "" {
			t.Errorf("%q does not begin with a path", line)
		}
	}
}

// pathOf returns the field that a problem begins with.
func pathOf(line string) string {
	path, _, ok := strings.Cut(line, ": ")
	if !ok || !strings.HasPrefix(path, "[") {
		return ""
	}
	return path
}

func TestAProblemHasItsLineInTheFile(t *testing.T) {
	var c struct {
		Webhooks []webhook.Config `yaml:"webhooks"`
	}
	doc, err := conf.Parse("promptness.yaml", []byte(`webhooks:
  - name: siem
    kind: alertmanager
    auth: {kind: bearer, token_file: /x}
    opens_when: labls.severity == "high"
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Decode(&c); err != nil {
		t.Fatal(err)
	}
	err = doc.Locate(conf.Under("webhooks", webhook.Validate(c.Webhooks, "127.0.0.1:8080", nil)))
	if want := `promptness.yaml:5: webhooks[0].opens_when: 1:1: unknown name "labls"`; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Validate = %v, want %q", err, want)
	}
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:8080": true, "[::1]:8080": true, "localhost:8080": true, "127.5.5.5:0": true,
		":8080": false, "0.0.0.0:8080": false, "[::]:8080": false, "192.0.2.1:8080": false, "example.org:8080": false, "127.0.0.1": false, "": false,
	} {
		if got := webhook.Loopback(addr); got != want {
			t.Errorf("Loopback(%q) = %v, want %v", addr, got, want)
		}
	}
	ok := []webhook.Config{{Source: ingest.Source{Name: "local"}, Kind: webhook.KindAlertmanager, Auth: webhook.Auth{Kind: webhook.AuthNone}}}
	if err := webhook.Validate(ok, "[::1]:8080", orgs); err != nil {
		t.Errorf("Validate of none on loopback = %v, want nil", err)
	}
}

func TestNewNamesTheMappingThatIsWrong(t *testing.T) {
	_, err := webhook.New([]webhook.Config{alerts(), mapped(webhook.Mapping{Keys: "q.id"})})
	if err == nil || !strings.HasPrefix(err.Error(), `[1].mapping.keys: 1:1: unknown name "q"`) {
		t.Errorf("New = %v, want it to name [1].mapping.keys", err)
	}
}
