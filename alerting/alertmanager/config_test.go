package alertmanager_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/alerting/alertmanager"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

func TestAConfigurationIsReadOverTheDefaults(t *testing.T) {
	cfg := alertmanager.Default()
	err := conf.Decode("promptness.yaml", []byte(`
peers:
  - name: am-0
    url: https://am-0.example.org/alertmanager
    basic_user: promptness
    basic_password_file: /run/secrets/am
  - name: am-1
    url: http://localhost:9093
labels: {team: security}
dashboard_url: https://grafana.example.org/d/promptness?var-incident={incident}
`), &cfg)
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	if len(cfg.Peers) != 2 || cfg.Peers[0].URL != "https://am-0.example.org/alertmanager" || cfg.Peers[0].BasicUser != "promptness" {
		t.Errorf("peers = %+v", cfg.Peers)
	}
	if cfg.Hold != 24*time.Hour {
		t.Errorf("hold = %s, want the default of 24h", cfg.Hold)
	}
	if err := alertmanager.Default().Validate(); err != nil {
		t.Errorf("the default is not valid: %v", err)
	}
}

func TestAllProblemsAreNamedAtOnceWithTheirPaths(t *testing.T) {
	cfg := alertmanager.Default()
	err := conf.Decode("promptness.yaml", []byte(`peers:
  - name: am-0
    url: ftp://am.example.org
  - name: am-0
    url: http://am.example.org
    bearer_file: /run/secrets/am
  - name: Main one
    url: https://user:password@am.example.org/?x=1
    basic_user: me
hold: 1m
labels: {incident: x, "no-name": y, team: ""}
runbook_url: runbooks/promptness
`), &cfg)
	if err == nil {
		t.Fatal("Decode accepted it")
	}
	var got []string
	for _, line := range strings.Split(err.Error(), "\n") {
		got = append(got, strings.TrimPrefix(line, "promptness.yaml:"))
	}
	want := []string{
		`3: peers[0].url: must begin with http:// or https://, begins with "ftp"`,
		`4: peers[1].name: "am-0" is the name of peers[0], too`,
		`5: peers[1].url: must begin with https://, or the credentials could be read on the way`,
		`7: peers[2].name: "Main one" must match [a-z0-9-]{1,40}, for example alertmanager-0`,
		`8: peers[2].url: must hold no user name or password; use basic_user and basic_password_file`,
		`9: peers[2].basic_user: needs basic_password_file, and the other way round`,
		`10: hold: must be at least 5m0s, is 1m0s`,
		`11: labels: "incident" is set by promptness`,
		`11: labels: "no-name" must match ^[a-zA-Z_][a-zA-Z0-9_]{0,63}$`,
		`11: labels: "team" has no value`,
		`12: runbook_url: must be an address that begins with http:// or https://`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if strings.Contains(err.Error(), "password@") {
		t.Error("the problems repeat a password")
	}
}

func TestAFileThatCannotBeUsedIsNamedBeforeAnythingIsSent(t *testing.T) {
	dir := t.TempDir()
	pem := filepath.Join(dir, "ca.pem")
	if err := os.WriteFile(pem, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, peer, want string }{
		{"a secret that is not there", "bearer_file: " + dir + "/none", "alertmanager am-0: bearer_file: read secret " + dir + "/none: no such file or directory"},
		{"a CA file without a certificate", "ca_file: " + pem, "alertmanager am-0: ca_file: " + pem + " holds no PEM certificate"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := alertmanager.Default()
			err := conf.Decode("promptness.yaml", []byte("peers:\n  - {name: am-0, url: 'https://am.example.org', "+tt.peer+"}\n"), &cfg)
			if err != nil {
				t.Fatalf("Decode: %v", err)
			}
			if _, err := alertmanager.New(cfg); err == nil || err.Error() != tt.want {
				t.Errorf("New = %v, want %s", err, tt.want)
			}
		})
	}
}
