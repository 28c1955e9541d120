package manual_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
)

const (
	deskToken    = "desk-token-0123456789abcdef"
	managerToken = "manager-token-0123456789abc"
)

// vault is a Sink that keeps signals in memory and can fail, before or after
// it has stored one.
type vault struct {
	mu      sync.Mutex
	signals []incident.Signal
	before  error
	after   error
}

var _ ingest.Sink = (*vault)(nil)

func (v *vault) Put(_ context.Context, s incident.Signal) (incident.Receipt, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.before != nil {
		return incident.Receipt{}, v.before
	}
	repeat := slices.ContainsFunc(v.signals, func(o incident.Signal) bool { return o.ID == s.ID })
	if !repeat {
		v.signals = append(v.signals, s)
	}
	return incident.Receipt{Repeat: repeat}, v.after
}

// record is what became of signals.
type record map[incident.SignalID][]incident.Entry

func (r record) Outcome(_ context.Context, id incident.SignalID) ([]incident.Entry, error) {
	if r == nil {
		return nil, errors.New("record is closed")
	}
	return r[id], nil
}

func people(t testing.TB) *manual.Desk {
	t.Helper()
	dir := t.TempDir()
	var ps manual.People
	for _, p := range []struct {
		number string
		role   incident.Role
		token  string
	}{{"d-1", incident.RoleDesk, deskToken}, {"m-1", incident.RoleManager, managerToken}} {
		file := filepath.Join(dir, p.number)
		if err := os.WriteFile(file, []byte(p.token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		ps = append(ps, manual.Person{Number: p.number, Role: p.role, TokenFile: file})
	}
	d, err := ps.Load()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

type sending struct {
	token, key, contentType, body string
}

// send posts an act and returns the answer's status, header and body.
func send(t *testing.T, h http.Handler, s sending) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/acts", strings.NewReader(s.body))
	if s.contentType == "" {
		s.contentType = "application/json"
	}
	r.Header.Set("Content-Type", s.contentType)
	if s.token != "" {
		r.Header.Set("Authorization", "Bearer "+s.token)
	}
	if s.key != "" {
		r.Header.Set("Idempotency-Key", s.key)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), w.Body.String()
}

func handler(t *testing.T, v *vault) *manual.Handler {
	t.Helper()
	return manual.New(v, record{}, people(t), slog.New(slog.NewTextHandler(t.Output(), nil)))
}

func TestTheAuthorIsTheOwnerOfTheToken(t *testing.T) {
	for token, want := range map[string]struct {
		number string
		role   incident.Role
	}{deskToken: {"d-1", incident.RoleDesk}, managerToken: {"m-1", incident.RoleManager}} {
		v := &vault{}
		res, body := send(t, handler(t, v), sending{token: token, body: `{"kind":"report"}`})
		if res.StatusCode != http.StatusAccepted {
			t.Fatalf("report = %d %s, want 202", res.StatusCode, body)
		}
		s := v.signals[0]
		if s.Author != want.number || s.Role != want.role || s.Auth != incident.AuthOwner {
			t.Errorf("signal is of %q, %q, %q, want %q, %q, owner", s.Author, s.Role, s.Auth, want.number, want.role)
		}
		got := (&manual.Interpreter{}).Interpret(s, manual.Rule())
		if a := got.Parts[0].Act; a.Author != want.number || a.Role != want.role {
			t.Errorf("act is of %q, %q, want %q, %q", a.Author, a.Role, want.number, want.role)
		}
	}
}

func TestNobodyCanSayWhoTheyAre(t *testing.T) {
	v := &vault{}
	h := handler(t, v)
	for _, field := range []string{
		"author", "Author", "AUTHOR", "role", "Role", "by", "as", "on_behalf_of", "actor", "user", "staff_number", "auth", "Auth",
	} {
		res, body := send(t, h, sending{token: deskToken, body: fmt.Sprintf(`{"kind":"report",%q:"m-1"}`, field)})
		if res.StatusCode != http.StatusBadRequest || !strings.Contains(body, "owner of the token") {
			t.Errorf("field %q = %d %s, want 400 that says whose the author is", field, res.StatusCode, body)
		}
	}
	// Nor by a query, a header or a cookie.
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/acts?author=m-1&role=manager", strings.NewReader(`{"kind":"report"}`))
	for k, s := range map[string]string{
		"Content-Type": "application/json", "Authorization": "Bearer " + deskToken, "X-Author": "m-1", "X-Role": "manager",
		"X-Forwarded-User": "m-1", "From": "m-1", "Cookie": "author=m-1",
	} {
		r.Header.Set(k, s)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusAccepted || len(v.signals) != 1 || v.signals[0].Author != "d-1" || v.signals[0].Role != incident.RoleDesk {
		t.Errorf("a request that names another in its query and headers = %d, signals %v, want one of d-1", w.Code, v.signals)
	}
	// Nor by bytes that reach the interpreter another way.
	forged := v.signals[0]
	forged.Raw = bytes.Replace(forged.Raw, []byte(`"author":"d-1","role":"desk"`), []byte(`"author":"m-1","role":"manager"`), 1)
	if got := (&manual.Interpreter{}).Interpret(forged, manual.Rule()); got.Quarantine != incident.WhyMalformed || len(got.Parts) != 0 {
		t.Errorf("bytes that name another than the transport = %+v, want them quarantined", got)
	}
}

func TestWhoShowsNoTokenIsToldNothing(t *testing.T) {
	v := &vault{}
	h := handler(t, v)
	for _, token := range []string{"", "x", deskToken + "x", deskToken[:len(deskToken)-1], strings.ToUpper(deskToken), " "} {
		res, body := send(t, h, sending{token: token, body: `{"author":"m-1"`})
		if res.StatusCode != http.StatusUnauthorized || res.Header.Get("WWW-Authenticate") == "" || strings.Contains(body, "author") {
			t.Errorf("token %q = %d %s, want 401 and no word about the body", token, res.StatusCode, body)
		}
	}
	if len(v.signals) != 0 {
		t.Errorf("%d signals were stored of nobody", len(v.signals))
	}
}

func TestOnlyAManagerCorrects(t *testing.T) {
	ref := incident.NewRef(7)
	body := fmt.Sprintf(`{"kind":"correction","ref":%q,"milestone":"detected","interval":{"e":"2026-11-23T09:15:00Z","l":"2026-11-23T09:15:59Z"},"reason":"typing_error","upon":12}`, ref)
	v := &vault{}
	h := handler(t, v)
	if res, text := send(t, h, sending{token: deskToken, body: body}); res.StatusCode != http.StatusForbidden {
		t.Errorf("correction by the desk = %d %s, want 403", res.StatusCode, text)
	}
	if res, text := send(t, h, sending{token: managerToken, body: body}); res.StatusCode != http.StatusAccepted {
		t.Errorf("correction by a manager = %d %s, want 202", res.StatusCode, text)
	}
	for _, k := range incident.Acts() {
		if !manual.Allowed(k, incident.RoleManager) || manual.Allowed(k, incident.RoleDesk) != (k != incident.ActCorrection) || manual.Allowed(k, "") {
			t.Errorf("Allowed(%s) is wrong for a role", k)
		}
	}
}

func TestARetriedRequestIsOneSignalAndACommandGivenTwiceIsTwo(t *testing.T) {
	v := &vault{}
	h := handler(t, v)
	var answers []manual.Accepted
	for _, s := range []sending{
		{token: deskToken, key: "key-00000001", body: `{"kind":"report"}`},
		{token: deskToken, key: "key-00000001", body: "{ \"kind\" : \"report\"\n}"}, // the same, written otherwise
		{token: deskToken, key: "key-00000002", body: `{"kind":"report"}`},
		{token: managerToken, key: "key-00000001", body: `{"kind":"report"}`}, // another person
		{token: deskToken, body: `{"kind":"report"}`},
		{token: deskToken, body: `{"kind":"report"}`},
	} {
		res, body := send(t, h, s)
		var a manual.Accepted
		if err := json.Unmarshal([]byte(body), &a); err != nil || res.StatusCode != http.StatusAccepted {
			t.Fatalf("%+v = %d %s", s, res.StatusCode, body)
		}
		answers = append(answers, a)
	}
	if answers[0].ID != answers[1].ID || answers[0].Repeat || !answers[1].Repeat {
		t.Errorf("a retried request = %+v, %+v, want one signal and a repeat", answers[0], answers[1])
	}
	if len(v.signals) != 5 {
		t.Errorf("%d signals are stored, want 5", len(v.signals))
	}
	if res, _ := send(t, h, sending{token: deskToken, key: "short", body: `{"kind":"report"}`}); res.StatusCode != http.StatusBadRequest {
		t.Errorf("a key of five letters = %d, want 400", res.StatusCode)
	}
}

// gone is an error of a Sink that never stores these bytes.
type gone struct{}

func (gone) Error() string   { return "erased" }
func (gone) Permanent() bool { return true }

// full is one that says when to come back.
type full struct{}

func (full) Error() string             { return "full" }
func (full) RetryAfter() time.Duration { return 90 * time.Second }

func TestNobodyHearsYesBeforeTheActIsStored(t *testing.T) {
	for _, tt := range []struct {
		name   string
		v      *vault
		code   int
		after  string
		stored int
	}{
		{"failed, and it is not there", &vault{before: errors.New("disk")}, http.StatusServiceUnavailable, "5", 0},
		{"failed, and it is there", &vault{after: errors.New("line broke")}, http.StatusServiceUnavailable, "5", 1},
		{"full", &vault{before: full{}}, http.StatusServiceUnavailable, "90", 0},
		{"erased", &vault{before: gone{}}, http.StatusGone, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := handler(t, tt.v)
			s := sending{token: deskToken, key: "key-00000001", body: `{"kind":"report"}`}
			res, _ := send(t, h, s)
			if res.StatusCode != tt.code || res.Header.Get("Retry-After") != tt.after || len(tt.v.signals) != tt.stored {
				t.Fatalf("= %d, Retry-After %q, %d stored, want %d, %q, %d", res.StatusCode, res.Header.Get("Retry-After"), len(tt.v.signals), tt.code, tt.after, tt.stored)
			}
			tt.v.before, tt.v.after = nil, nil
			if res, _ = send(t, h, s); res.StatusCode != http.StatusAccepted || len(tt.v.signals) != 1 {
				t.Errorf("sent again = %d, %d stored, want 202 and one", res.StatusCode, len(tt.v.signals))
			}
		})
	}
}

func TestWhatIsWrongWithARequestIsToldAtOnce(t *testing.T) {
	for _, tt := range []struct {
		name, body string
		want       []string
	}{
		{"nothing", ``, []string{"body"}},
		{"a list", `[]`, []string{"body"}},
		{"null", `null`, []string{"kind"}},
		{"two values", `{"kind":"report"} {}`, []string{"body"}},
		{"many things", `{"kind":"correction","ref":"p-1","foo":1,"reason":"because","upon":"x","interval":{"x":1}}`,
			[]string{"foo", "interval", "milestone", "reason", "ref", "upon"}},
		{"letter case", `{"Kind":"report"}`, []string{"Kind", "kind"}},
		{"a field without meaning", fmt.Sprintf(`{"kind":"impact","ref":%q,"impact":"high","policy":"x"}`, incident.NewRef(1)), []string{"policy"}},
		{"a false positive without reason", fmt.Sprintf(`{"kind":"disposition","ref":%q,"disposition":"false_positive"}`, incident.NewRef(1)), []string{"reason"}},
		{"not notifiable without reason", fmt.Sprintf(`{"kind":"notifiable","ref":%q,"policy":"gdpr-33","off":true}`, incident.NewRef(1)), []string{"reason"}},
		{"itself", fmt.Sprintf(`{"kind":"link","ref":%q,"other":%[1]q}`, incident.NewRef(1)), []string{"other"}},
		{"detection as milestone", fmt.Sprintf(`{"kind":"milestone","ref":%q,"milestone":"detected","interval":{"e":"2026-11-23T09:15:00Z"}}`, incident.NewRef(1)), []string{"milestone"}},
		{"backwards", `{"kind":"report","interval":{"e":"2026-11-23T09:15:00Z","l":"2026-11-23T09:14:00Z"}}`, []string{"interval"}},
		{"the future", `{"kind":"report","interval":{"e":"2126-11-23T09:15:00Z","l":"2126-11-23T09:15:00Z"}}`, []string{"interval"}},
		{"prose without end", `{"kind":"report","text":"` + strings.Repeat("x", manual.MaxText+1) + `"}`, []string{"text"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := &vault{}
			res, body := send(t, handler(t, v), sending{token: managerToken, body: tt.body})
			var r manual.Refusal
			if err := json.Unmarshal([]byte(body), &r); err != nil || res.StatusCode != http.StatusBadRequest {
				t.Fatalf("= %d %s, want 400", res.StatusCode, body)
			}
			var got []string
			for _, p := range r.Problems {
				got = append(got, p.Field)
				if p.Text == "" || strings.Contains(p.Text, "incident.") || strings.Contains(p.Text, "Go ") {
					t.Errorf("problem of %s says %q to a person", p.Field, p.Text)
				}
			}
			slices.Sort(got)
			if d := cmp.Diff(tt.want, slices.Compact(got)); d != "" {
				t.Errorf("fields (-want +got):\n%s\n%s", d, body)
			}
			if len(v.signals) != 0 {
				t.Error("it was stored all the same")
			}
		})
	}
	if res, _ := send(t, handler(t, &vault{}), sending{token: deskToken, body: strings.Repeat(" ", manual.MaxBody+1)}); res.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a body over the limit = %d, want 413", res.StatusCode)
	}
	if res, _ := send(t, handler(t, &vault{}), sending{token: deskToken, contentType: "text/plain", body: `{"kind":"report"}`}); res.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("text/plain = %d, want 415", res.StatusCode)
	}
}

func TestTheLogHoldsNothingThatAPersonWrote(t *testing.T) {
	var log bytes.Buffer
	h := manual.New(&vault{}, record{}, people(t), slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	for _, body := range []string{
		`{"kind":"report","text":"SECRETWORDS","reporter":"SECRETWORDS"}`, `{"kind":"SECRETWORDS"}`, `{"SECRETWORDS":1}`, `SECRETWORDS`,
	} {
		send(t, h, sending{token: deskToken, body: body})
	}
	send(t, h, sending{token: "SECRETWORDS", body: `{}`})
	if strings.Contains(log.String(), "SECRETWORDS") || strings.Contains(log.String(), deskToken) {
		t.Errorf("the log holds it:\n%s", log.String())
	}
}

func TestWhatBecameOfAnActIsTold(t *testing.T) {
	id := incident.NewSignalID(manual.Source, []byte("x"))
	at := time.Date(2026, 11, 23, 9, 15, 0, 0, time.UTC)
	rec := record{id: {
		{N: 4, At: at, Kind: incident.KindActed, Why: incident.WhyByPerson, Incident: &incident.IncidentRecord{Ref: incident.NewRef(2)}},
		{N: 5, At: at, Kind: incident.KindRefused, Why: incident.WhyChangedSince, From: incident.NewRef(3)},
	}}
	h := manual.New(&vault{}, rec, people(t), slog.New(slog.DiscardHandler))
	ask := func(h http.Handler, token, id string) (int, manual.Outcome) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/acts/"+id, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		var o manual.Outcome
		_ = json.Unmarshal(w.Body.Bytes(), &o) // a refusal is no outcome
		return w.Code, o
	}
	code, got := ask(h, deskToken, id.String())
	want := manual.Outcome{ID: id.String(), Folded: true, Steps: []manual.Step{
		{N: 4, At: at, Kind: incident.KindActed, Why: incident.WhyByPerson, Ref: incident.NewRef(2)},
		{N: 5, At: at, Kind: incident.KindRefused, Why: incident.WhyChangedSince, Ref: incident.NewRef(3)},
	}}
	if d := cmp.Diff(want, got); code != http.StatusOK || d != "" {
		t.Errorf("outcome = %d (-want +got):\n%s", code, d)
	}
	if code, got := ask(h, deskToken, incident.SignalID{}.String()); code != http.StatusOK || got.Folded {
		t.Errorf("an act that was not folded = %d %+v, want 200 and not folded", code, got)
	}
	if code, _ := ask(h, "nobody", id.String()); code != http.StatusUnauthorized {
		t.Errorf("without a token = %d, want 401", code)
	}
	if code, _ := ask(h, deskToken, "12"); code != http.StatusNotFound {
		t.Errorf("no id = %d, want 404", code)
	}
	if code, _ := ask(manual.New(&vault{}, record(nil), people(t), slog.New(slog.DiscardHandler)), deskToken, id.String()); code != http.StatusServiceUnavailable {
		t.Errorf("a record that cannot be asked = %d, want 503", code)
	}
}

func TestGuardLetsPeopleThroughAndNobodyElse(t *testing.T) {
	h := people(t).Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) }))
	for header, want := range map[string]int{
		"Bearer " + deskToken: http.StatusTeapot, "bearer " + managerToken: http.StatusTeapot,
		"": http.StatusUnauthorized, "Basic " + deskToken: http.StatusUnauthorized, deskToken: http.StatusUnauthorized, "Bearer ": http.StatusUnauthorized,
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil)
		r.Header.Set("Authorization", header)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("Authorization %q = %d, want %d", header, w.Code, want)
		}
	}
}

func TestPeopleAreCheckedAllAtOnce(t *testing.T) {
	err := manual.People{
		{Number: "A B", Role: "boss"}, {Number: "x", Role: incident.RoleDesk, TokenFile: "f"}, {Number: "x", Role: incident.RoleManager, TokenFile: "f"},
	}.Validate()
	for _, want := range []string{"[0].number:", "[0].role:", "[0].token_file:", "[2].number:", "[2].token_file:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Validate() = %v, want it to name %s", err, want)
		}
	}
	dir := t.TempDir()
	var ps manual.People
	for name, token := range map[string]string{"a": strings.Repeat("t", 30), "b": strings.Repeat("t", 30), "c": "short"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
			t.Fatal(err)
		}
		ps = append(ps, manual.Person{Number: name, Role: incident.RoleDesk, TokenFile: file})
	}
	ps = append(ps, manual.Person{Number: "d", Role: incident.RoleDesk, TokenFile: filepath.Join(dir, "absent")})
	_, err = ps.Load()
	for _, want := range []string{"token of their own", "has 5 characters", "[3].token_file: read secret"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Load() = %v, want it to say %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "ttttt") {
		t.Errorf("the error holds a token: %v", err)
	}
}
