package webhook_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// document is a source of kind json as an operator writes it.
const guardduty = `
name: guardduty
kind: json
auth: {kind: bearer, token_file: /run/secrets/guardduty}
opens_when: p.detail.severity >= 7.0 && !p.detail.service.archived
severities: {"8": high}
organisations: {"111122223333": hmcts}
mapping:
  keys: p.detail.id
  detected: p.detail.createdAt
  occurred: p.detail.service.eventFirstSeen
  title: p.detail.title
  severity: p.detail.severity
  organisation: p.account
`

func source(t testing.TB, text string) webhook.Config {
	t.Helper()
	var c webhook.Config
	if err := conf.Decode("promptness.yaml", []byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// mapped returns a source of kind json with the given mapping.
func mapped(m webhook.Mapping) webhook.Config {
	return webhook.Config{
		Source:  ingest.Source{Name: "tool"},
		Kind:    webhook.KindJSON,
		Auth:    webhook.Auth{Kind: webhook.AuthBearer, TokenFile: "/run/secrets/tool"},
		Mapping: m,
	}
}

func TestAFindingIsReadByItsMapping(t *testing.T) {
	got, problems := interpret(t, source(t, guardduty), capture(t, "guardduty.json"))
	recorded := func(m incident.Milestone, s string) incident.Claim {
		return incident.Claim{Milestone: m, Interval: incident.At(at(t, s)), Basis: incident.Recorded, Observer: "guardduty"}
	}
	want := incident.Reading{
		Interpreter: "webhook/1",
		Parts: []incident.Facts{{
			Opening: incident.Opens, Trust: incident.Authenticated, Observer: "guardduty", Receipt: received,
			Keys: []incident.Key{{Kind: incident.KeyFinding, Value: "guardduty/16afba5c5c43e07c9e3e5e2e544e95df"}},
			Claims: []incident.Claim{
				recorded(incident.Occurred, "2026-11-24T09:31:12Z"),
				recorded(incident.Detected, "2026-11-24T09:58:02.123Z"),
			},
			Attrs: incident.Attributes{Impact: incident.ImpactHigh, Organisation: "hmcts"},
			Route: incident.RouteAutomatic,
		}},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("reading (-want +got):\n%s", d)
	}
	if len(problems) > 0 {
		t.Errorf("problems = %v, want none", problems)
	}
}

func TestKeys(t *testing.T) {
	own := incident.NewRef(4711)
	many := `[` + strings.Repeat(`"x",`, 10) + `"x"]`
	for _, tt := range []struct {
		name, keys, payload string
		want                []incident.Key
		quarantine          incident.Why
	}{
		{"an id of the sender joins within the source", `p.id`, `{"id":"a-1"}`, []incident.Key{{Kind: incident.KeyFinding, Value: "tool/a-1"}}, ""},
		{"a number above 2^53 keeps its digits", `p.id`, `{"id":9007199254740993}`, []incident.Key{{Kind: incident.KeyFinding, Value: "tool/9007199254740993"}}, ""},
		{"a number above 2^63", `p.id`, `{"id":18446744073709551615}`, []incident.Key{{Kind: incident.KeyFinding, Value: "tool/18446744073709551615"}}, ""},
		{"a number above 2^64", `p.id`, `{"id":340282366920938463463374607431768211455}`, []incident.Key{{Kind: incident.KeyFinding, Value: "tool/340282366920938463463374607431768211455"}}, ""},
		{"an id for all sources", `{"kind": "finding", "value": p.id, "shared": true}`, `{"id":"arn:x"}`, []incident.Key{{Kind: incident.KeyFinding, Value: "arn:x"}}, ""},
		{"several, each once", `[p.id, p.id, {"kind": "ticket", "value": p.t}, {"kind": "ticket", "value": "INC2", "weak": true}]`, `{"id":"1","t":"INC1"}`, []incident.Key{
			{Kind: incident.KeyFinding, Value: "tool/1"},
			{Kind: incident.KeyTicket, Value: "INC1"},
			{Kind: incident.KeyTicket, Value: "INC2", Weak: true},
		}, ""},
		{"our own reference", `[{"kind": "own_reference", "value": p.ref}]`, fmt.Sprintf(`{"ref":%q}`, strings.ToUpper(string(own))), []incident.Key{{Kind: incident.KeyOwn, Value: string(own)}}, ""},
		{"null is none", `[p.id, p.?absent]`, `{"id":null}`, nil, ""},
		{"white space is none", `p.id`, `{"id":"  "}`, nil, ""},
		{"repeated", many, `{}`, []incident.Key{{Kind: incident.KeyFinding, Value: "tool/x"}}, ""},
		{"not there", `p.id`, `{}`, nil, incident.WhyMapping},
		{"a fraction", `p.id`, `{"id":1.5}`, nil, incident.WhyMapping},
		{"an object", `p.id`, `{"id":{"a":1}}`, nil, incident.WhyMapping},
		{"an unknown kind", `{"kind": "serial", "value": "1"}`, `{}`, nil, incident.WhyMapping},
		{"a mistyped field", `{"kin": "finding", "value": "1"}`, `{}`, nil, incident.WhyMapping},
		{"no value", `{"kind": "finding"}`, `{}`, nil, incident.WhyMapping},
		{"no reference of ours", `{"kind": "own_reference", "value": "p-000000"}`, `{}`, nil, incident.WhyMapping},
		{"without end", `p.id`, `{"id":"` + strings.Repeat("x", 2000) + `"}`, nil, incident.WhyMapping},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := interpret(t, mapped(webhook.Mapping{Keys: tt.keys}), []byte(tt.payload))
			if len(got.Parts) != 1 || got.Quarantine != tt.quarantine {
				t.Fatalf("reading = %+v, %v, want one part, quarantine %q", got, problems, tt.quarantine)
			}
			if d := cmp.Diff(tt.want, got.Parts[0].Keys); d != "" {
				t.Errorf("keys (-want +got):\n%s", d)
			}
			opening := incident.Opens
			if tt.quarantine != "" {
				opening = incident.Candidate // else each delivery would open another
			}
			if got.Parts[0].Opening != opening {
				t.Errorf("opening = %s, want %s", got.Parts[0].Opening, opening)
			}
		})
	}
}

func TestKeysAreBounded(t *testing.T) {
	list := make([]string, 200)
	for i := range list {
		list[i] = fmt.Sprintf("%q", fmt.Sprint("id", i))
	}
	got, _ := interpret(t, mapped(webhook.Mapping{Keys: `p`}), []byte("["+strings.Join(list, ",")+"]"))
	if n := len(got.Parts[0].Keys); n != incident.MaxKeys {
		t.Errorf("%d keys, want %d", n, incident.MaxKeys)
	}
}

func TestTimesOfAPayload(t *testing.T) {
	const want = "2026-11-24T10:00:00Z"
	for _, tt := range []struct {
		name, expr, unit, payload string
		want                      string // or "" for no claim
		unread                    bool
	}{
		{"RFC 3339", `p.t`, "", `{"t":"2026-11-24T10:00:00Z"}`, want, false},
		{"a timestamp", `timestamp(p.t)`, "", `{"t":"2026-11-24T11:00:00+01:00"}`, want, false},
		{"seconds", `p.t`, "", `{"t":1795514400}`, want, false},
		{"milliseconds", `p.t`, "", `{"t":1795514400000}`, want, false},
		{"microseconds", `p.t`, "", `{"t":1795514400000000}`, want, false},
		{"nanoseconds, above 2^53", `p.t`, "", `{"t":1795514400000000001}`, "2026-11-24T10:00:00.000000001Z", false},
		{"seconds with a fraction", `p.t`, "", `{"t":1795514400.25}`, "2026-11-24T10:00:00.25Z", false},
		{"a number in a string", `p.t`, "", `{"t":"1795514400"}`, want, false},
		{"in the unit that is said", `p.t`, "s", `{"t":20000000}`, "", true},
		{"in the unit that is said, of another size", `p.t`, "ms", `{"t":94694400000}`, "1973-01-01T00:00:00Z", false},
		{"computed", `timestamp(p.t) - duration("30m")`, "", `{"t":"2026-11-24T10:30:00Z"}`, want, false},
		{"with a zone that the mapping says", `p.t + " UTC"`, "", `{"t":"2026-11-24 10:00:00"}`, want, false},
		{"without a zone", `p.t`, "", `{"t":"2026-11-24 10:00:00"}`, "", true},
		{"null", `p.t`, "", `{"t":null}`, "", false},
		{"empty", `p.t`, "", `{"t":""}`, "", false},
		{"may be absent", `p.?t`, "", `{}`, "", false},
		{"absent", `p.t`, "", `{}`, "", true},
		{"words", `p.t`, "", `{"t":"yesterday"}`, "", true},
		{"a bool", `p.t`, "", `{"t":true}`, "", true},
		{"a list", `p.t`, "", `{"t":[1795514400]}`, "", true},
		{"negative", `p.t`, "", `{"t":-1795514400}`, "", true},
		{"far too large", `p.t`, "", `{"t":1e300}`, "", true},
		{"larger than any integer", `p.t`, "", `{"t":99999999999999999999999999}`, "", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, problems := interpret(t, mapped(webhook.Mapping{Detected: tt.expr, EpochUnit: tt.unit}), []byte(tt.payload))
			if len(got.Parts) != 1 {
				t.Fatalf("reading = %+v, %v", got, problems)
			}
			p := got.Parts[0]
			var claims []incident.Claim
			if tt.want != "" {
				claims = []incident.Claim{{Milestone: incident.Detected, Interval: incident.At(at(t, tt.want)), Basis: incident.Recorded, Observer: "tool"}}
			}
			if d := cmp.Diff(claims, p.Claims); d != "" {
				t.Errorf("claims (-want +got):\n%s", d)
			}
			flagged := cmp.Equal(p.Flags, []incident.Flag{incident.FlagUnreadTime})
			if flagged != tt.unread || (got.Quarantine == incident.WhyMapping) != tt.unread {
				t.Errorf("flags %v, quarantine %q (%v), want unread = %v", p.Flags, got.Quarantine, problems, tt.unread)
			}
			if p.Opening != incident.Opens {
				t.Errorf("opening = %s: what has no time is an incident all the same", p.Opening)
			}
		})
	}
}

func TestASendersWordOfAReportIsNotTheReceiversStamp(t *testing.T) {
	c := mapped(webhook.Mapping{Reported: `p.at`})
	c.Tells = ingest.Telling{{Tells: incident.TellsTeam}}
	got, _ := interpret(t, c, []byte(`{"at":"2026-11-24T09:30:00Z"}`))
	if len(got.Parts) != 1 || len(got.Parts[0].Claims) != 2 {
		t.Fatalf("reading = %+v, want two claims", got)
	}
	said, arrived := got.Parts[0].Claims[0], got.Parts[0].Claims[1]
	if said.Milestone != incident.Reported || said.Receiver {
		t.Errorf("what the sender says = %+v, want it not to be the receiver's", said)
	}
	if arrived.Milestone != incident.Reported || !arrived.Receiver || arrived.Interval != incident.At(received) {
		t.Errorf("what we saw = %+v, want the receipt", arrived)
	}
}

func TestSeveralIncidentsInOnePayload(t *testing.T) {
	m := webhook.Mapping{Each: `p.findings.filter(f, f.state == "NEW")`, Keys: `item.id`, Detected: `item.at`, Severity: `item.sev`, Title: `item.title`}
	raw := []byte(`{"findings":[
		{"id":"a","at":"2026-11-24T10:00:00Z","sev":"medium","state":"NEW","title":"First"},
		{"id":"b","at":"2026-11-24T10:01:00Z","sev":"low","state":"ARCHIVED","title":"Not this"},
		{"id":"c","at":"2026-11-24T10:02:00Z","sev":"HIGH","state":"NEW","title":"Sec\u202eond\nline"}]}`)
	got, problems := interpret(t, mapped(m), raw)
	if len(got.Parts) != 2 || len(problems) > 0 {
		t.Fatalf("reading = %+v, %v, want two parts", got, problems)
	}
	if k := got.Parts[1].Keys; len(k) != 1 || k[0].Value != "tool/c" || got.Parts[1].Attrs.Impact != incident.ImpactHigh {
		t.Errorf("second part = %+v", got.Parts[1])
	}
	x, err := webhook.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	rule, err := mapped(m).Rule(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"First", "Second line", ""} {
		if title := x.Title(signal(mapped(m), raw), rule, i); title != want {
			t.Errorf("title of part %d = %q, want %q", i, title, want)
		}
	}

	got, _ = interpret(t, mapped(m), []byte(`{"findings":[]}`))
	if len(got.Parts) != 1 || got.Parts[0].Opening != incident.NotRelated || got.Quarantine != "" {
		t.Errorf("no findings = %+v, want it ignored", got)
	}
	got, _ = interpret(t, mapped(m), []byte(`{"message":"something else"}`))
	if len(got.Parts) != 1 || got.Parts[0].Opening != incident.Candidate || got.Quarantine != incident.WhyMapping {
		t.Errorf("no list of findings = %+v, want a candidate that a person looks at", got)
	}
	items := strings.TrimSuffix(strings.Repeat(`{"id":"a","state":"NEW","at":null,"sev":null},`, incident.MaxParts+1), ",")
	got, _ = interpret(t, mapped(m), []byte(`{"findings":[`+items+`]}`))
	if len(got.Parts) != incident.MaxParts || got.Quarantine != incident.WhyTooManyParts {
		t.Errorf("%d parts, quarantine %q, want %d and %q", len(got.Parts), got.Quarantine, incident.MaxParts, incident.WhyTooManyParts)
	}
}

func TestAMappingThatCostsTooMuchIsStopped(t *testing.T) {
	list := "[" + strings.TrimSuffix(strings.Repeat("1,", 2000), ",") + "]"
	got, problems := interpret(t, mapped(webhook.Mapping{Keys: `p.map(a, p.filter(b, b == a).size() > 0 ? "x" : "y")`}), []byte(list))
	if got.Quarantine != incident.WhyTimedOut || len(got.Parts) != 1 || got.Parts[0].Opening != incident.Candidate {
		t.Errorf("reading = %+v, %v, want one candidate, quarantine %q", got, problems, incident.WhyTimedOut)
	}
}

func TestTitles(t *testing.T) {
	x, err := webhook.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		c    webhook.Config
		raw  []byte
		i    int
		want string
	}{
		{"of an alert", alerts(), capture(t, "alertmanager-firing.json"), 0, "Sign-ins from two countries"},
		{"of an alert without a summary", alerts(), capture(t, "alertmanager-truncated.json"), 1, "Many"},
		{"beyond the last alert", alerts(), capture(t, "alertmanager-firing.json"), 1, ""},
		{"of a document", source(t, guardduty), capture(t, "guardduty.json"), 0, "Unusual console login"},
		{"of a document without a mapping", mapped(webhook.Mapping{}), capture(t, "guardduty.json"), 0, ""},
		{"where the mapping fails", mapped(webhook.Mapping{Title: "p.title"}), []byte(`{}`), 0, ""},
		{"without end", mapped(webhook.Mapping{Title: "p"}), []byte(`"` + strings.Repeat("é", 500) + `"`), 0, strings.Repeat("é", 199) + "…"},
		{"with an escape for a terminal", mapped(webhook.Mapping{Title: "p"}), []byte(`"\u001b[31mred\u0007\u0000"`), 0, "[31mred"},
		{"of no document", alerts(), []byte("x"), 0, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rule, err := tt.c.Rule(nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := x.Title(signal(tt.c, tt.raw), rule, tt.i); got != tt.want {
				t.Errorf("Title = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseStamp(t *testing.T) {
	const ten = "2026-11-24T10:00:00Z"
	for _, tt := range []struct {
		in   string
		want string // or the beginning of what is wrong
	}{
		{"2026-11-24T10:00:00Z", ten},
		{" 2026-11-24T10:00:00Z ", ten},
		{"2026-11-24t10:00:00z", ten},
		{"2026-11-24T10:00:00.123456789Z", "2026-11-24T10:00:00.123456789Z"},
		{"2026-11-24T11:00:00+01:00", ten},
		{"2026-11-24T11:00:00+0100", ten},
		{"2026-11-24T11:00:00.5+0100", "2026-11-24T10:00:00.5Z"},
		{"2026-11-24T11:00:00+01", ten},
		{"2026-11-24T05:00:00-0500", ten},
		{"2026-11-24 10:00:00 UTC", ten},
		{"2026-11-24 10:00:00 GMT", ten},
		{"2026-11-24 10:00:00Z", ten},
		{"2026-11-24 11:00:00 +0100", ten},
		{"2026-11-24 10:00:00.25 UTC", "2026-11-24T10:00:00.25Z"},
		{"1795514400", ten},
		{"1795514400.000000001", "2026-11-24T10:00:00.000000001Z"},
		{"1795514400123", "2026-11-24T10:00:00.123Z"},
		{"1795514400123456", "2026-11-24T10:00:00.123456Z"},
		{"1795514400123456789", "2026-11-24T10:00:00.123456789Z"},
		{"2026-11-24T10:00:00", "has no zone"},
		{"2026-11-24 10:00:00.5", "has no zone"},
		{"2026-11-24", "is not a time"},
		{"24/11/2026 10:00:00 UTC", "is not a time"},
		{"2026-11-24T10:00Z", "is not a time"},
		{"2026-11-24T25:00:00Z", "is not a time"},
		{"2026-02-30T10:00:00Z", "is not a time"},
		{"2026-11-24T10:00:60Z", "is not a time"},
		{"2026-11-24T10:00:00 BST", "is not a time"},
		{"2026-11-24T10:00:00+23:00", "has an offset"},
		{"0001-01-01T00:00:00Z", "is not between"},
		{"1970-01-01T00:00:00Z", "is not between"},
		{"9999-12-31T23:59:59Z", "is not between"},
		{"0", "is too small"},
		{"20261124", "is too small"},
		{"-1795514400", "is not a time"},
		{"", "is not a time"},
		{"99999999999999999999", "is not a time"},
		{".5", "is not a time"},
		{"1.2.3", "is not a time"},
	} {
		got, err := webhook.ParseStamp(tt.in)
		switch {
		case err != nil && !strings.Contains(err.Error(), ": "+tt.want):
			t.Errorf("ParseStamp(%q) = %v, want %s", tt.in, err, tt.want)
		case err == nil && got.Format(time.RFC3339Nano) != tt.want:
			t.Errorf("ParseStamp(%q) = %s, want %s", tt.in, got.Format(time.RFC3339Nano), tt.want)
		}
	}
}

func BenchmarkInterpretJSON(b *testing.B) {
	c := source(b, guardduty)
	x, err := webhook.New([]webhook.Config{c})
	if err != nil {
		b.Fatal(err)
	}
	rule, err := c.Rule(orgs)
	if err != nil {
		b.Fatal(err)
	}
	s := signal(c, capture(b, "guardduty.json"))
	b.ReportAllocs()
	b.SetBytes(int64(len(s.Raw)))
	for b.Loop() {
		if r := x.Interpret(s, rule); len(r.Parts) != 1 || r.Quarantine != "" {
			b.Fatal(r)
		}
	}
}
