package webhook_test

import (
	"encoding/json"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
)

func TestTrustIsWhatTheTransportShowed(t *testing.T) {
	for _, tt := range []struct {
		auth incident.Auth
		want incident.Trust
	}{
		{incident.AuthBearer, incident.Authenticated},
		{incident.AuthBasic, incident.Authenticated},
		{incident.AuthHMAC, incident.Authenticated},
		{incident.AuthNone, incident.Aligned},
		{incident.AuthMail, incident.Unauthenticated},
		{"", incident.Unauthenticated},
	} {
		s := signal(alerts(), capture(t, "alertmanager-firing.json"))
		s.Auth = tt.auth
		x, err := webhook.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		rule, err := alerts().Rule(orgs)
		if err != nil {
			t.Fatal(err)
		}
		if got := x.Interpret(s, rule).Parts[0].Trust; got != tt.want {
			t.Errorf("auth %q = %s, want %s", tt.auth, got, tt.want)
		}
	}
}

func TestAKeyThatWasNoTextIsNotSure(t *testing.T) {
	got, _ := interpret(t, alerts(), one("\"labels\":{\"a\":\"b\"},\"fingerprint\":\"f\xff\""))
	if k := got.Parts[0].Keys; len(k) != 2 || !k[0].Weak || !k[1].Weak {
		t.Errorf("keys = %v, want weak ones only", k)
	}
}

func TestASignalIsReadByTheRulesOfItsTime(t *testing.T) {
	old := alerts()
	old.Severities = map[string]incident.Impact{"critical": incident.ImpactLow}
	rule, err := old.Rule(orgs)
	if err != nil {
		t.Fatal(err)
	}
	// The rule went into the record and came back.
	text, err := json.Marshal(rule)
	if err != nil {
		t.Fatal(err)
	}
	var recorded incident.SourceRule
	if err := json.Unmarshal(text, &recorded); err != nil {
		t.Fatal(err)
	}
	x, err := webhook.New([]webhook.Config{alerts()}) // a process that knows only the new rules
	if err != nil {
		t.Fatal(err)
	}
	s := signal(alerts(), capture(t, "alertmanager-firing.json"))
	if got := x.Interpret(s, recorded).Parts[0].Attrs.Impact; got != incident.ImpactLow {
		t.Errorf("by the old rule = %q, want low", got)
	}
	now, err := alerts().Rule(orgs)
	if err != nil {
		t.Fatal(err)
	}
	if got := x.Interpret(s, now).Parts[0].Attrs.Impact; got != incident.ImpactHigh {
		t.Errorf("by the new rule = %q, want high", got)
	}
	for _, bad := range []string{``, `{}`, `{"v":2,"kind":"alertmanager"}`, `{"v":1,"kind":"xml"}`, `{"v":1,"kind":"json","opens_when":"nonsense("}`} {
		recorded.Reading = json.RawMessage(bad)
		if got := x.Interpret(s, recorded); got.Quarantine != incident.WhyMapping || len(got.Parts) != 0 {
			t.Errorf("by the rule %q = %+v, want it kept as %s", bad, got, incident.WhyMapping)
		}
	}
}

func TestTheRuleStatesItsDefaults(t *testing.T) {
	rule, err := alerts().Rule(orgs)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"v":1,"kind":"alertmanager","severities":{"critical":"high","high":"high","info":"low","low":"low","medium":"medium","warning":"medium"},` +
		`"organisations":{"hmcts":"hmcts","laa":"laa","legal aid agency":"laa","opg":"opg"},"severity_label":"severity","organisation_label":"organisation"}`
	if got := string(rule.Reading); got != want {
		t.Errorf("reading = %s\nwant      %s", got, want)
	}
	if rule.Name != "siem" || rule.Channel != incident.ChannelWebhook || rule.Kind != "alertmanager" || rule.Polled {
		t.Errorf("rule = %+v", rule)
	}
}
