package webhook_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
)

var received = time.Date(2026, 11, 24, 11, 30, 0, 123, time.UTC)

func capture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func at(t testing.TB, s string) time.Time {
	t.Helper()
	x, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return x.UTC()
}

// alerts is a source of kind alertmanager as an operator writes it.
func alerts() webhook.Config {
	return webhook.Config{
		Source:        ingest.Source{Name: "siem"},
		Kind:          webhook.KindAlertmanager,
		Auth:          webhook.Auth{Kind: webhook.AuthBearer, TokenFile: "/run/secrets/siem"},
		Organisations: map[string]incident.Organisation{"Legal Aid Agency": "laa"},
	}
}

var orgs = []incident.Organisation{"hmcts", "laa", "opg"}

// interpret reads raw as it came to the source c, and what went wrong.
func interpret(t testing.TB, c webhook.Config, raw []byte) (incident.Reading, []error) {
	t.Helper()
	x, err := webhook.New([]webhook.Config{c})
	if err != nil {
		t.Fatal(err)
	}
	rule, err := c.Rule(orgs)
	if err != nil {
		t.Fatal(err)
	}
	return x.Explain(signal(c, raw), rule)
}

func signal(c webhook.Config, raw []byte) incident.Signal {
	auth := map[webhook.AuthKind]incident.Auth{
		webhook.AuthBearer: incident.AuthBearer, webhook.AuthBasic: incident.AuthBasic,
		webhook.AuthHMAC: incident.AuthHMAC, webhook.AuthNone: incident.AuthNone,
	}
	return incident.Signal{
		ID: incident.NewSignalID(c.Name, raw), Source: c.Name, Channel: incident.ChannelWebhook,
		Received: received, Auth: auth[c.Auth.Kind], Raw: raw,
	}
}

func detected(t time.Time, words [2]int) incident.Claim {
	return incident.Claim{Milestone: incident.Detected, Interval: incident.At(t), Basis: incident.Recorded, Observer: "siem", Words: words}
}

// fingerprint returns the keys of an alert: the fingerprint with its start,
// and, to suggest a link only, the fingerprint alone.
func fingerprint(value string) []incident.Key {
	alone, _, _ := strings.Cut(value, "/")
	return []incident.Key{
		{Kind: incident.KeyFingerprint, Value: value},
		{Kind: incident.KeyFingerprint, Value: alone, Weak: true},
	}
}

func TestAFiringAlertDetectsAtItsStart(t *testing.T) {
	raw := capture(t, "alertmanager-firing.json")
	got, problems := interpret(t, alerts(), raw)
	start := at(t, "2026-11-24T10:28:57.987654321+01:00")
	from := strings.Index(string(raw), "2026-11-24T10:28:57")
	want := incident.Reading{
		Interpreter: "webhook/1",
		Parts: []incident.Facts{{
			Opening: incident.Opens, Trust: incident.Authenticated, Observer: "siem", Receipt: received,
			Keys:   fingerprint("0859ddbd66cb5978/2026-11-24T09:28:57.987654321Z"),
			Claims: []incident.Claim{detected(start, [2]int{from, from + len("2026-11-24T10:28:57.987654321+01:00")})},
			Attrs:  incident.Attributes{Impact: incident.ImpactHigh, Organisation: "hmcts"},
			Route:  incident.RouteAutomatic,
		}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("reading (-want +got):\n%s", d)
	}
	if len(problems) > 0 {
		t.Errorf("problems = %v, want none", problems)
	}
}

func TestAResolvedAlertOnlyJoins(t *testing.T) {
	firing, _ := interpret(t, alerts(), capture(t, "alertmanager-firing.json"))
	c := alerts()
	c.Tells = ingest.Telling{{Tells: incident.TellsTeam}}
	got, _ := interpret(t, c, capture(t, "alertmanager-resolved.json"))
	if len(got.Parts) != 1 || got.Quarantine != "" {
		t.Fatalf("reading = %+v, want one part", got)
	}
	p := got.Parts[0]
	if p.Opening != incident.JoinsOnly || len(p.Claims) != 0 {
		t.Errorf("opening %s, claims %v: a tool's resolved opens and reports nothing", p.Opening, p.Claims)
	}
	if d := cmp.Diff(firing.Parts[0].Keys, p.Keys); d != "" {
		t.Errorf("keys of the firing and the resolved alert (-firing +resolved):\n%s", d)
	}
}

func TestAnAlertWithoutAFingerprintHasTheOneThatPrometheusMakes(t *testing.T) {
	with, _ := interpret(t, alerts(), capture(t, "alertmanager-firing.json"))
	without, _ := interpret(t, alerts(), capture(t, "alertmanager-old.json"))
	if d := cmp.Diff(with.Parts[0].Keys, without.Parts[0].Keys); d != "" {
		t.Errorf("keys (-with +without):\n%s", d)
	}
}

func TestWhatTheSenderLeftOutIsForAPerson(t *testing.T) {
	got, problems := interpret(t, alerts(), capture(t, "alertmanager-truncated.json"))
	if got.Quarantine != incident.WhyTruncated || len(got.Parts) != 2 {
		t.Errorf("quarantine %q with %d parts, want %q with the 2 that came", got.Quarantine, len(got.Parts), incident.WhyTruncated)
	}
	if len(problems) != 1 || !strings.Contains(problems[0].Error(), "left 1 alerts out") {
		t.Errorf("problems = %v", problems)
	}
	if got.Parts[0].Attrs.Impact != incident.ImpactUnknown || got.Parts[1].Attrs.Impact != incident.ImpactMedium {
		t.Errorf("impacts = %q, %q, want unknown and medium", got.Parts[0].Attrs.Impact, got.Parts[1].Attrs.Impact)
	}
}

func TestGrafanaSendsTheSameShape(t *testing.T) {
	got, problems := interpret(t, alerts(), capture(t, "grafana-firing.json"))
	if len(problems) > 0 || got.Quarantine != "" || len(got.Parts) != 2 {
		t.Fatalf("reading = %+v, %v", got, problems)
	}
	p := got.Parts[0]
	if p.Attrs.Organisation != "laa" || p.Attrs.Impact != incident.ImpactHigh {
		t.Errorf("attributes = %+v, want laa and high", p.Attrs)
	}
	if want := at(t, "2026-11-24T07:51:03.157076Z"); len(p.Claims) != 1 || !p.Claims[0].Interval.Earliest.Equal(want) {
		t.Errorf("claims = %v, want detected %v", p.Claims, want)
	}
	if got.Parts[1].Opening != incident.JoinsOnly {
		t.Errorf("the resolved one = %s, want it to join only", got.Parts[1].Opening)
	}
}

// one returns a delivery of one alert with the given members.
func one(members string) []byte {
	return []byte(`{"version":"4","status":"firing","alerts":[{` + members + `}]}`)
}

const rest = `,"labels":{"alertname":"X","severity":"High "},"annotations":{},"fingerprint":"f1"`

func TestStartsAt(t *testing.T) {
	for _, tt := range []struct {
		name   string
		member string
		key    string
		claim  string // detected, or ""
	}{
		{"nanoseconds in UTC", `"startsAt":"2026-11-24T10:00:00.000000001Z"`, "f1/2026-11-24T10:00:00.000000001Z", "2026-11-24T10:00:00.000000001Z"},
		{"an offset is the same instant", `"startsAt":"2026-11-24T15:30:00+05:30"`, "f1/2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z"},
		{"an escaped sign", `"startsAt":"2026-11-24T15:30:00\u002b05:30"`, "f1/2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z"},
		{"the zero of Go", `"startsAt":"0001-01-01T00:00:00Z"`, "f1/unknown", ""},
		{"no zone", `"startsAt":"2026-11-24T10:00:00"`, "f1/unknown", ""},
		{"words", `"startsAt":"this morning"`, "f1/unknown", ""},
		{"a number", `"startsAt":1795513082`, "f1/unknown", ""},
		{"null", `"startsAt":null`, "f1/unknown", ""},
		{"absent", `"x":{"startsAt":"2026-11-24T10:00:00Z"}`, "f1/unknown", ""},
		{"twice, the last counts", `"startsAt":"2026-11-24T09:00:00Z","startsAt":"2026-11-24T10:00:00Z"`, "f1/2026-11-24T10:00:00Z", "2026-11-24T10:00:00Z"},
		{"after its receipt: the record sets it aside, not we", `"startsAt":"2026-11-24T11:40:00Z"`, "f1/2026-11-24T11:40:00Z", "2026-11-24T11:40:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := interpret(t, alerts(), one(`"status":"firing",`+tt.member+rest))
			if len(got.Parts) != 1 || got.Quarantine != "" {
				t.Fatalf("reading = %+v, want one part", got)
			}
			p := got.Parts[0]
			if d := cmp.Diff(fingerprint(tt.key), p.Keys); d != "" {
				t.Errorf("keys (-want +got):\n%s", d)
			}
			if p.Opening != incident.Opens || p.Attrs.Impact != incident.ImpactHigh {
				t.Errorf("opening %s, impact %s: it is an incident all the same", p.Opening, p.Attrs.Impact)
			}
			if tt.claim == "" {
				if len(p.Claims) != 0 || !cmp.Equal(p.Flags, []incident.Flag{incident.FlagUnreadTime}) {
					t.Errorf("claims %v, flags %v, want none and %s", p.Claims, p.Flags, incident.FlagUnreadTime)
				}
				return
			}
			if len(p.Claims) != 1 || p.Claims[0].Interval != incident.At(at(t, tt.claim)) || len(p.Flags) != 0 {
				t.Errorf("claims %v, flags %v, want detected %s", p.Claims, p.Flags, tt.claim)
			}
		})
	}
}

func TestWordsAreAPlaceInTheRawBytes(t *testing.T) {
	raw := append([]byte("\ufeff \n"), one(`"annotations":{"startsAt":"2026-11-24T10:00:00Z"},"labels":{"a":"2026-11-24T10:00:00Z"}, "startsAt" : "2026-11-24T10:00:00Z" `)...)
	got, _ := interpret(t, alerts(), raw)
	if len(got.Parts) != 1 || len(got.Parts[0].Claims) != 1 {
		t.Fatalf("reading = %+v", got)
	}
	w := got.Parts[0].Claims[0].Words
	if s := string(raw[w[0]:w[1]]); s != "2026-11-24T10:00:00Z" || w[0] != strings.LastIndex(string(raw), "2026-") {
		t.Errorf("words = %v %q, want the value of startsAt", w, s)
	}
}

func TestOurOwnReferenceJoins(t *testing.T) {
	a, b := incident.NewRef(4711), incident.NewRef(4712)
	own := func(r incident.Ref, weak bool) incident.Key {
		return incident.Key{Kind: incident.KeyOwn, Value: string(r), Weak: weak}
	}
	for _, tt := range []struct {
		name    string
		members string
		want    []incident.Key
	}{
		{"in a label", fmt.Sprintf(`"labels":{"ref":%q}`, a), []incident.Key{own(a, false)}},
		{"in an annotation, in capitals", fmt.Sprintf(`"labels":{"a":"b"},"annotations":{"x":"see %s."}`, strings.ToUpper(string(a))), []incident.Key{own(a, false)}},
		{"twice the same", fmt.Sprintf(`"labels":{"ref":%q},"annotations":{"x":%q}`, a, a), []incident.Key{own(a, false)}},
		{"two of them: neither is sure", fmt.Sprintf(`"labels":{"ref":%q},"annotations":{"x":%q}`, a, b), []incident.Key{own(a, true), own(b, true)}},
		{"with a wrong check character", `"labels":{"ref":"p-004k6x"},"annotations":{"x":"p-123456789"}`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := interpret(t, alerts(), one(`"fingerprint":"f","startsAt":"2026-11-24T10:00:00Z",`+tt.members))
			if len(got.Parts) != 1 {
				t.Fatalf("reading = %+v", got)
			}
			if d := cmp.Diff(tt.want, got.Parts[0].Keys[2:], cmp.Transformer("nil", func(k []incident.Key) []incident.Key { return append([]incident.Key(nil), k...) })); d != "" {
				t.Errorf("keys beside the fingerprint (-want +got):\n%s", d)
			}
		})
	}
}

func TestAnAlertOfOursThatCameBackStartsAndStopsNothing(t *testing.T) {
	ref := incident.NewRef(4711)
	c := alerts()
	c.Tells = ingest.Telling{{Tells: incident.TellsTeam}}
	got, _ := interpret(t, c, one(fmt.Sprintf(
		`"status":"firing","startsAt":"2026-11-24T10:00:00Z","labels":{"alertname":"PromptnessDeadline","incident":%q,"policy":"pol-imp-002","threshold":"deadline"}`, ref)))
	if len(got.Parts) != 1 {
		t.Fatalf("reading = %+v", got)
	}
	p := got.Parts[0]
	if p.Opening != incident.JoinsOnly || len(p.Claims) != 1 || p.Claims[0].Void != incident.VoidOurs {
		t.Errorf("opening %s, claims %v, want it to join with a void claim", p.Opening, p.Claims)
	}
}

func TestWhatArrivalTells(t *testing.T) {
	c := alerts()
	c.Tells = ingest.Telling{{Tells: incident.TellsDesk}, {Tells: incident.TellsTeam, From: "2026-11-24"}}
	got, _ := interpret(t, c, capture(t, "alertmanager-firing.json"))
	want := incident.Claim{Milestone: incident.Reported, Interval: incident.At(received), Basis: incident.Recorded, Observer: "siem", Receiver: true}
	if cl := got.Parts[0].Claims; len(cl) != 2 || !cmp.Equal(cl[1], want) {
		t.Errorf("claims = %v, want %v beside detected", cl, want)
	}
	c.Tells[1].From = "2026-11-25"
	got, _ = interpret(t, c, capture(t, "alertmanager-firing.json"))
	if cl := got.Parts[0].Claims; len(cl) != 2 || cl[1].Milestone != incident.ReportedToDesk {
		t.Errorf("claims = %v, want reported_to_desk a day before the address changed hands", cl)
	}
}

func TestWhatOpensIsTheSourcesToSay(t *testing.T) {
	const members = `"status":"firing","startsAt":"2026-11-24T10:00:00Z","labels":{"alertname":"Watchdog","severity":"low"},"annotations":{"team":"ost"},"generatorURL":"http://p.example.org","fingerprint":"f"`
	for _, tt := range []struct {
		name          string
		opens, ignore string
		want          incident.Opening
		claims        int
		quarantine    incident.Why
	}{
		{"by default every firing alert", "", "", incident.Opens, 1, ""},
		{"true", `labels.severity == "low" && status == "firing"`, "", incident.Opens, 1, ""},
		{"false", `labels.severity in ["critical", "high"]`, "", incident.Candidate, 1, ""},
		{"over annotations and the alert", `annotations.team == "ost" && alert.fingerprint == "f" && alert.labels.alertname == labels.alertname && alert.generatorURL.startsWith("http")`, "", incident.Opens, 1, ""},
		{"a label that is not there", `labels.tier == "1"`, "", incident.Candidate, 1, incident.WhyMapping},
		{"a label that may not be there", `labels.?tier.orValue("") == "1"`, "", incident.Candidate, 1, ""},
		{"ignored", "", `labels.alertname == "Watchdog"`, incident.NotRelated, 0, ""},
		{"not ignored", "", `labels.alertname == "Heartbeat"`, incident.Opens, 1, ""},
		{"what fails to be ignored is not", "", `labels.tier == "1"`, incident.Opens, 1, incident.WhyMapping},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := alerts()
			c.OpensWhen, c.IgnoreWhen = tt.opens, tt.ignore
			got, problems := interpret(t, c, one(members))
			if len(got.Parts) != 1 {
				t.Fatalf("reading = %+v, %v", got, problems)
			}
			if p := got.Parts[0]; p.Opening != tt.want || len(p.Claims) != tt.claims || got.Quarantine != tt.quarantine {
				t.Errorf("opening %s with %d claims, quarantine %q (%v), want %s with %d, %q",
					p.Opening, len(p.Claims), got.Quarantine, problems, tt.want, tt.claims, tt.quarantine)
			}
		})
	}
}

func TestOrganisations(t *testing.T) {
	for _, tt := range []struct {
		name, label string
		own         incident.Organisation
		want        incident.Organisation
	}{
		{"a key of the map means itself", `"organisation":"opg"`, "", "opg"},
		{"in any letter case", `"organisation":" OPG "`, "", "opg"},
		{"a name that the source explains", `"organisation":"legal aid agency"`, "", "laa"},
		{"no label: the source's own", `"a":"b"`, "hmcts", "hmcts"},
		{"a label before the source's own", `"organisation":"opg"`, "hmcts", "opg"},
		{"a name that nobody knows is not another's", `"organisation":"acme"`, "hmcts", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := alerts()
			c.Organisation = tt.own
			got, _ := interpret(t, c, one(`"labels":{`+tt.label+`}`))
			if o := got.Parts[0].Attrs.Organisation; o != tt.want {
				t.Errorf("organisation = %q, want %q", o, tt.want)
			}
		})
	}
}

func TestWhatIsNoDelivery(t *testing.T) {
	many := make([]string, incident.MaxParts+3)
	for i := range many {
		many[i] = fmt.Sprintf(`{"labels":{"n":"%d"},"startsAt":"2026-11-24T10:00:00Z"}`, i)
	}
	good := `{"labels":{"a":"b"},"startsAt":"2026-11-24T10:00:00Z"}`
	for _, tt := range []struct {
		name  string
		raw   string
		why   incident.Why
		parts int
	}{
		{"nothing", "", incident.WhyMalformed, 0},
		{"white space", " \r\n", incident.WhyMalformed, 0},
		{"XML", "<alert/>", incident.WhyMalformed, 0},
		{"half of it", `{"alerts":[` + good, incident.WhyMalformed, 0},
		{"two documents", `{"alerts":[]}{"alerts":[]}`, incident.WhyMalformed, 0},
		{"a list", "[" + good + "]", incident.WhyMalformed, 0},
		{"a word", `"alerts"`, incident.WhyMalformed, 0},
		{"no alerts", `{"version":"4"}`, incident.WhyMalformed, 0},
		{"alerts that are no list", `{"alerts":{"labels":{}}}`, incident.WhyMalformed, 0},
		{"compressed", "\x1f\x8b\x08\x00", incident.WhyUnreadable, 0},
		{"UTF-16", "\xff\xfe{\x00", incident.WhyUnreadable, 0},
		{"nested without end", strings.Repeat(`{"a":[`, 60), incident.WhyTooDeep, 0},
		{"brackets in a string are no nesting", `{"x":"` + strings.Repeat("[{", 200) + `\"[","alerts":[` + good + `]}`, "", 1},
		{"an element that is no alert, beside one", `{"alerts":[7,` + good + `,"x",[` + good + `]]}`, incident.WhyMalformed, 1},
		{"an alert without a name", `{"alerts":[{"startsAt":"2026-11-24T10:00:00Z"},` + good + `]}`, incident.WhyMalformed, 1},
		{"labels that are no strings", `{"alerts":[{"labels":{"a":1,"b":["x"],"c":"d"},"annotations":[],"startsAt":"2026-11-24T10:00:00Z"}]}`, "", 1},
		{"more alerts than are read", `{"alerts":[` + strings.Join(many, ",") + `]}`, incident.WhyTooManyParts, incident.MaxParts},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := interpret(t, alerts(), []byte(tt.raw))
			if got.Quarantine != tt.why || len(got.Parts) != tt.parts || got.Interpreter != "webhook/1" {
				t.Errorf("quarantine %q with %d parts (%v), want %q with %d", got.Quarantine, len(got.Parts), problems, tt.why, tt.parts)
			}
			if (tt.why != "") != (len(problems) > 0) {
				t.Errorf("problems = %v with quarantine %q", problems, got.Quarantine)
			}
		})
	}
}

func TestAnEmptyDeliveryConcernsNoIncident(t *testing.T) {
	c := alerts()
	c.Tells = ingest.Telling{{Tells: incident.TellsTeam}}
	got, _ := interpret(t, c, []byte(`{"alerts":[],"truncatedAlerts":0}`))
	if got.Quarantine != "" || len(got.Parts) != 1 || got.Parts[0].Opening != incident.NotRelated || len(got.Parts[0].Claims) != 0 {
		t.Errorf("reading = %+v, want one part that is ignored", got)
	}
}

func BenchmarkInterpretAlert(b *testing.B) {
	for _, when := range []string{"", `labels.severity in ["critical", "high"]`} {
		name := "plain"
		if when != "" {
			name = "opens_when"
		}
		b.Run(name, func(b *testing.B) {
			c := alerts()
			c.OpensWhen = when
			x, err := webhook.New([]webhook.Config{c})
			if err != nil {
				b.Fatal(err)
			}
			rule, err := c.Rule(orgs)
			if err != nil {
				b.Fatal(err)
			}
			s := signal(c, capture(b, "alertmanager-firing.json"))
			b.ReportAllocs()
			b.SetBytes(int64(len(s.Raw)))
			for b.Loop() {
				if r := x.Interpret(s, rule); len(r.Parts) != 1 {
					b.Fatal(r)
				}
			}
		})
	}
}
