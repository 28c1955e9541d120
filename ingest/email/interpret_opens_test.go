package email_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

func TestOpensWhenSeesWhatTheMailIsAndSays(t *testing.T) {
	const plain = "Subject: RE: [EXTERNAL] Cake\n\nThere is  Cake\nin the kitchen.\n"
	for _, tt := range []struct {
		condition string
		mail      string
		want      incident.Opening
	}{
		{`labelled`, "Subject: x\n\nImpact: high\n", incident.Opens},
		{`labelled`, "Subject: x\n\nDate and time detected: 23/11/2026 09:15\n", incident.Opens},
		{`labelled`, "Subject: x\n\n> Personal data: no\n", incident.Opens},
		{`labelled`, "Subject: x\n\nOrganisation: LAA\nReference: 12\n", incident.Candidate}, // as in signatures
		{`reference`, "Subject: INC0012345\n\nx\n", incident.Opens},
		{`reference`, "Subject: x\n\nINC0012345 or INC0012346\n", incident.Candidate},
		{`reference`, "Subject: " + string(incident.NewRef(7)) + "\n\nx\n", incident.Candidate},
		{`own_reference`, "Subject: " + string(incident.NewRef(7)) + "\n\nx\n", incident.Opens},
		{`own_reference`, "Subject: x\n\n> " + string(incident.NewRef(7)) + "\n", incident.Candidate},
		{`detection`, "Subject: x\n\nI noticed it.\n", incident.Opens},
		{`detection`, "Subject: x\n\n> I noticed it.\n", incident.Candidate},
		{`word`, "Subject: phishing\n\nx\n", incident.Opens},
		{`!word`, plain, incident.Opens},
		{`automatic`, "Auto-Submitted: auto-generated\n" + plain, incident.Opens},
		{`reply`, "In-Reply-To: <a@example.org>\n" + plain, incident.Opens},
		{`list_mail`, "List-Id: <a.example.org>\n" + plain, incident.Opens},
		{`calendar`, "Content-Class: urn:content-classes:calendarmessage\n" + plain, incident.Opens},
		{`advice`, "Subject: x\n\nIs it ok to do so?\n", incident.Opens},
		{`encrypted`, "MIME-Version: 1.0\nContent-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\"; boundary=b\n\n--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--b\nContent-Type: application/octet-stream\n\nxx\n--b--\n", incident.Opens},
		{`trust == "authenticated"`, plain, incident.Opens},
		{`organisation == "laa"`, "Subject: x\n\nOrganisation: LAA\n", incident.Opens},
		{`subject == "cake"`, plain, incident.Opens},
		{`text == "there is cake in the kitchen."`, plain, incident.Opens},
		{`text.contains("quoted")`, "Subject: x\n\nhello\n> quoted\n", incident.Candidate},
		{`text.matches("cake.{1,10}kitchen") && trust in ["authenticated", "aligned"]`, plain, incident.Opens},
	} {
		t.Run(tt.condition, func(t *testing.T) {
			f := facts(t, pass+mx+"From: jo@example.org\n"+tt.mail, func(c *email.Config) { c.OpensWhen = tt.condition })
			if f.Opening != tt.want {
				t.Errorf("%s on %q: %q, want %q", tt.condition, tt.mail, f.Opening, tt.want)
			}
		})
	}
}

func TestEveryVariableOfOpensWhenIsGiven(t *testing.T) {
	for name := range email.Subjects() {
		c := config(func(c *email.Config) { c.OpensWhen = name + ` == ` + name })
		var x email.Interpreter
		r := x.Interpret(signal(t, pass+mx+"From: jo@example.org\nSubject: x\n\nx\n"), c.Rule())
		if r.Quarantine != "" || r.Parts[0].Opening != incident.Opens {
			t.Errorf("%s: quarantine %q, opening %q", name, r.Quarantine, r.Parts[0].Opening)
		}
	}
}

func TestAConditionThatFailsLosesNoMail(t *testing.T) {
	for _, condition := range []string{
		`text.split(" ")[99] == "x"`,
		`1 / int(text.size() - text.size()) == 1`,
		`text.matches("(a|b)+c") && [1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, a+b+c+d > 0)))) || true && [1,2,3,4,5,6,7,8,9,10].all(a, [1,2,3,4,5,6,7,8,9,10].all(b, [1,2,3,4,5,6,7,8,9,10].all(c, [1,2,3,4,5,6,7,8,9,10].all(d, [1,2,3,4,5,6,7,8,9,10].all(e, a+b+c+d+e > 0)))))`,
	} {
		c := config(func(c *email.Config) { c.OpensWhen = condition })
		c.Address, c.Username, c.PasswordFile = "imap.example.org:993", "x", "x"
		if err := c.Validate(); err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		var x email.Interpreter
		r := x.Interpret(signal(t, pass+mx+"From: jo@example.org\nSubject: incident\nMessage-ID: <a@example.org>\n\nDate and time detected: 23/11/2026 09:15\n"), c.Rule())
		if r.Quarantine != incident.WhyMapping || len(r.Parts) != 1 {
			t.Fatalf("%s: quarantine %q and %d parts, want %q and one", condition, r.Quarantine, len(r.Parts), incident.WhyMapping)
		}
		if f := r.Parts[0]; f.Opening != incident.Candidate || len(f.Claims) != 2 || len(f.Keys) != 1 {
			t.Errorf("%s: %+v, want a candidate with all that it says", condition, f)
		}
	}
}

// What was recorded for email/1 has neither opens_when nor senders.
func TestAnOlderReadingMeansWhatItMeant(t *testing.T) {
	old := config().Rule()
	var reading map[string]any
	if err := json.Unmarshal(old.Reading, &reading); err != nil {
		t.Fatal(err)
	}
	delete(reading, "opens_when")
	delete(reading, "senders")
	text, err := incident.MarshalCanonical(reading)
	if err != nil {
		t.Fatal(err)
	}
	old.Reading = text
	for _, tt := range []struct {
		mail string
		want incident.Opening
	}{
		{"Subject: x\n\nImpact: high\n", incident.Opens},
		{"Subject: x\n\nOrganisation: LAA\n", incident.Opens},
		{"Subject: INC0012345\n\nx\n", incident.Opens},
		{"Subject: phishing\n\nx\n", incident.Opens},
		{"Auto-Submitted: auto-generated\nSubject: phishing\n\nx\n", incident.Opens},
		{"Subject: x\n\nI noticed it.\n", incident.Candidate},
		{"Subject: lunch\n\nx\n", incident.Candidate},
	} {
		var x email.Interpreter
		r := x.Interpret(signal(t, pass+mx+"From: jo@example.org\n"+tt.mail), old)
		if len(r.Parts) != 1 || r.Parts[0].Opening != tt.want {
			t.Errorf("%q: %+v, want %q", tt.mail, r, tt.want)
		}
	}
}

func TestRulesOfAutomaticSenders(t *testing.T) {
	aws := email.Sender{From: ".aws.example.org", OpensWhen: `labelled`, Zone: "UTC", Labels: map[string][]string{"detected": {"Event time"}}}
	form := email.Sender{From: "form@example.org", Route: "person", Labels: map[string][]string{"detected": {"When did you notice"}}}
	york := email.Sender{From: "scanner@example.org", Zone: "America/New_York"}
	senders := func(c *email.Config) { c.Senders = []email.Sender{aws, form, york} }
	const auto = "Auto-Submitted: auto-generated\n"
	for _, tt := range []struct {
		name, mail string
		opening    incident.Opening
		route      incident.Route
		detected   string // "basis earliest latest", in UTC
		flags      []incident.Flag
	}{
		{"a machine's stamp is an instant, recorded", auto + "From: no-reply@sns.aws.example.org\n\nEvent time: 2026-11-23 09:58:00\n", incident.Opens, incident.RouteAutomatic, "recorded 09:58:00 09:58:00", []incident.Flag{incident.FlagAutomatic}},
		{"the domain itself", auto + "From: no-reply@AWS.example.org\n\nEvent time: 2026-11-23 09:58\n", incident.Opens, incident.RouteAutomatic, "recorded 09:58:00 09:58:59", []incident.Flag{incident.FlagAutomatic}},
		{"one that only ends alike", auto + "From: no-reply@evilaws.example.org\n\nEvent time: 2026-11-23 09:58\n", incident.Candidate, incident.RouteAutomatic, "", []incident.Flag{incident.FlagAutomatic}},
		{"without the mark of a machine", "From: no-reply@sns.aws.example.org\n\nEvent time: 2026-11-23 09:58:00\n", incident.Opens, incident.RouteAutomatic, "recorded 09:58:00 09:58:00", []incident.Flag{incident.FlagAutomatic}},
		{"a zone that the machine names", auto + "From: no-reply@sns.aws.example.org\n\nEvent time: 2026-11-23T10:58:00+01:00\n", incident.Opens, incident.RouteAutomatic, "recorded 09:58:00 09:58:00", []incident.Flag{incident.FlagAutomatic}},
		{"the mailbox's labels hold, too", auto + "From: no-reply@sns.aws.example.org\n\nImpact: high\n", incident.Opens, incident.RouteAutomatic, "", []incident.Flag{incident.FlagAutomatic}},
		{"its own condition decides", auto + "From: no-reply@sns.aws.example.org\nSubject: breach\n\nI noticed a breach.\n", incident.Candidate, incident.RouteAutomatic, "", []incident.Flag{incident.FlagAutomatic}},
		{"a time that cannot be read", auto + "From: no-reply@sns.aws.example.org\n\nEvent time: 1795427880\n", incident.Opens, incident.RouteAutomatic, "", []incident.Flag{incident.FlagAutomatic, incident.FlagUnreadTime}},
		{"a zone with an offset of its own", auto + "From: scanner@example.org\nSubject: malware\n\nDetected: 23/11/2026 04:58:00\n", incident.Opens, incident.RouteAutomatic, "recorded 09:58:00 09:58:00", []incident.Flag{incident.FlagAutomatic}},
		{"a form that people fill in", auto + "From: form@example.org\n\nWhen did you notice: 23/11/2026 09:58\n", incident.Opens, incident.RoutePerson, "stated 09:58:00 09:58:59", nil},
		{"prose of a machine is nobody's statement", auto + "From: form2@example.org\n\nWe noticed at 09:58 that a disk is gone.\n", incident.Candidate, incident.RouteAutomatic, "derived 09:58:00 09:58:59", []incident.Flag{incident.FlagAutomatic}},
		{"prose in a form is", auto + "From: form@example.org\n\nWe noticed at 09:58 that a disk is gone.\n", incident.Opens, incident.RoutePerson, "stated 09:58:00 09:58:59", nil},
		{"an absence note stays one", "Auto-Submitted: auto-replied\nFrom: form@example.org\n\nIncident\n", incident.NotRelated, incident.RoutePerson, "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := facts(t, pass+mx+tt.mail, senders)
			if f.Opening != tt.opening || f.Route != tt.route {
				t.Errorf("opening %q, route %q, want %q, %q", f.Opening, f.Route, tt.opening, tt.route)
			}
			if got := kinds(f); !slices.Equal(got, tt.flags) {
				t.Errorf("flags %q, want %q", got, tt.flags)
			}
			if got := detections(f, false); got != tt.detected {
				t.Errorf("detected %q, want %q", got, tt.detected)
			}
		})
	}
}

// detections writes the claims of detection: the void ones or the others.
func detections(f incident.Facts, void bool) string {
	var all []string
	for _, c := range f.Claims {
		if c.Milestone == incident.Detected && (c.Void != "") == void {
			all = append(all, string(c.Basis)+" "+spanText(c.Interval))
		}
	}
	return strings.Join(all, ", ")
}

func TestTheRuleIsInTheRecordWhole(t *testing.T) {
	c := config(func(c *email.Config) {
		c.OpensWhen = `word && trust != "unauthenticated"`
		c.Senders = []email.Sender{{From: "No-Reply@Example.org", Zone: "UTC", Labels: map[string][]string{"detected": {"Event time"}}}}
	})
	var got struct {
		OpensWhen string         `json:"opens_when"`
		Senders   []email.Sender `json:"senders"`
	}
	if err := json.Unmarshal(c.Rule().Reading, &got); err != nil {
		t.Fatal(err)
	}
	if got.OpensWhen != c.OpensWhen {
		t.Errorf("opens_when %q, want %q", got.OpensWhen, c.OpensWhen)
	}
	want := []email.Sender{{
		From: "no-reply@example.org", Zone: "UTC", Labels: map[string][]string{"detected": {"Event time"}},
		OpensWhen: "labelled || reference || own_reference || detection || word",
	}}
	if diff := cmp.Diff(want, got.Senders); diff != "" {
		t.Errorf("senders (-want +got):\n%s", diff)
	}
	if again, err := incident.MarshalCanonical(json.RawMessage(c.Rule().Reading)); err != nil || string(again) != string(c.Rule().Reading) {
		t.Errorf("the reading is not canonical: %v\n%s\n%s", err, again, c.Rule().Reading)
	}
	d := email.Default()
	if err := json.Unmarshal(d.Rule().Reading, &got); err != nil || got.OpensWhen != email.DefaultOpensWhen {
		t.Errorf("the default stands in the record as %q, want it whole", got.OpensWhen)
	}
}

func TestWhatIsWrongWithAConditionIsToldByItsField(t *testing.T) {
	c := config(func(c *email.Config) {
		c.OpensWhen = `labelled && lable`
		c.Senders = []email.Sender{
			{From: "somewhere", OpensWhen: `text`, Zone: "Local", Route: "pigeon", Labels: map[string][]string{"colour": {"x"}, "impact": {":"}}},
			{From: ".example.org", Zone: "Mars/Olympus"},
			{From: ".Example.org"},
		}
	})
	c.Address, c.Username, c.PasswordFile = "imap.example.org:993", "x", "x"
	err := c.Validate()
	if err == nil {
		t.Fatal("Validate() = nil")
	}
	lines := strings.Split(err.Error(), "\n")
	for _, want := range []string{
		`opens_when: 1:13: unknown name "lable"`,
		`senders[0].from: "somewhere" must be an address`,
		`senders[0].opens_when: 1:1: gives a value of type string, want bool`,
		`senders[0].zone: the zone Local is another one on another machine`,
		`senders[0].route: unknown "pigeon"`,
		`senders[0].labels.colour: unknown field`,
		`senders[0].labels.impact[0]: is empty`,
		`senders[1].zone: unknown "Mars/Olympus"`,
		`senders[2].from: stands in senders[1] already`,
	} {
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.HasPrefix(l, want) }) {
			t.Errorf("%q is not told in:\n%s", want, err)
		}
	}
	if len(lines) != 9 {
		t.Errorf("%d problems, want 9:\n%s", len(lines), err)
	}
}

func TestOperatingNamesEveryVariableAndTheDefault(t *testing.T) {
	b, err := os.ReadFile("../../docs/OPERATING.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "\n"+email.DefaultOpensWhen+"\n") {
		t.Errorf("docs/OPERATING.md does not have the default of opens_when: %s", email.DefaultOpensWhen)
	}
	_, table, _ := strings.Cut(string(b), "\n| variable | true when, or what |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for name := range email.Subjects() {
		if !strings.Contains(table, "`"+name+"`") {
			t.Errorf("docs/OPERATING.md does not say what %s is in opens_when", name)
		}
	}
}
