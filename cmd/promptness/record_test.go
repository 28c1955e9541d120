package main

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
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/report"
)

// A server takes acts as a running promptness does, and says what the test
// wants to have become of them.
type server struct {
	t    *testing.T
	http *httptest.Server
	file string // of the token of m-1

	mu       sync.Mutex
	acts     []manual.Request
	ids      []incident.SignalID
	kind     incident.Kind
	why      incident.Why
	never    bool // folds nothing
	loseFrom int  // answers to lose after the act was taken
}

func newServer(t *testing.T) *server {
	t.Helper()
	s := &server{t: t, kind: incident.KindActed, why: incident.WhyByPerson, file: filepath.Join(t.TempDir(), "m-1.token")}
	if err := os.WriteFile(s.file, []byte("manager-token-0123456789\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	desk, err := manual.People{{Number: "m-1", Role: incident.RoleManager, TokenFile: s.file}}.Load()
	if err != nil {
		t.Fatal(err)
	}
	h := manual.New(s, s, desk, slog.New(slog.DiscardHandler))
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/acts", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		lose := s.loseFrom > 0
		s.loseFrom--
		s.mu.Unlock()
		if lose {
			h.ServeHTTP(httptest.NewRecorder(), r) // taken, and the answer is lost
			panic(http.ErrAbortHandler)
		}
		h.ServeHTTP(w, r)
	})
	mux.Handle("/v1/acts/", h)
	mux.HandleFunc("GET /v1/incidents/{ref}", func(w http.ResponseWriter, r *http.Request) {
		if r.PathValue("ref") != string(known) {
			http.Error(w, `{"error":"no such incident"}`, http.StatusNotFound)
			return
		}
		_ = json.NewEncoder(w).Encode(report.Detail{Evidence: 12, Row: report.Row{
			Ref: known, Status: incident.StatusOpen, Impact: incident.ImpactHigh, Signals: 2, First: utc("2026-11-23T09:20:00Z"),
			Clocks: []report.RowClock{{Policy: "pol-imp-002", State: incident.Met, Limit: incident.Span(time.Hour)}},
		}})
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "processor: the backlog is being folded", http.StatusServiceUnavailable)
	})
	s.http = httptest.NewServer(mux)
	t.Cleanup(s.http.Close)
	return s
}

var known = incident.NewRef(7)

// Put takes an act.
func (s *server) Put(_ context.Context, sig incident.Signal) (incident.Receipt, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.ids {
		if id == sig.ID {
			return incident.Receipt{Repeat: true}, nil
		}
	}
	var env struct{ Request manual.Request }
	if err := json.Unmarshal(sig.Raw, &env); err != nil {
		s.t.Error(err)
	}
	if sig.Author != "m-1" || sig.Role != incident.RoleManager {
		s.t.Errorf("act is of %q, %q, want the owner of the token", sig.Author, sig.Role)
	}
	s.ids, s.acts = append(s.ids, sig.ID), append(s.acts, env.Request)
	return incident.Receipt{}, nil
}

// Outcome says what became of it.
func (s *server) Outcome(_ context.Context, _ incident.SignalID) ([]incident.Entry, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.never {
		return nil, nil
	}
	e := incident.Entry{N: 13, At: utc("2026-11-23T10:30:00Z"), Kind: s.kind, Why: s.why, From: known}
	if s.kind != incident.KindRefused {
		e.From, e.Incident = "", &incident.IncidentRecord{Ref: known}
	}
	return []incident.Entry{e}, nil
}

// run gives one command line and returns what was said and the exit code.
func (s *server) run(args ...string) (stdout, stderr string, code int) {
	s.t.Helper()
	var out, errs bytes.Buffer
	err := promptness(s.t.Context(), append([]string{"--server", s.http.URL, "--token-file", s.file}, args...), &out, &errs)
	if errors.Is(err, errSilent) {
		return out.String(), errs.String(), say.CouldNot
	}
	code = say.Error(&errs, err)
	return out.String(), errs.String(), code
}

func TestEachCommandRecordsItsAct(t *testing.T) {
	ref, other := string(known), string(incident.NewRef(8))
	nine := incident.Minute(utc("2026-11-23T09:15:00Z"))
	const when = "23/11/2026 09:15"
	seen := map[incident.ActKind]bool{}
	for _, tt := range []struct {
		args []string
		want manual.Request
	}{
		{[]string{"report"}, manual.Request{Kind: incident.ActReport}},
		{
			[]string{"report", "--at", when, "--to-desk", "--detected", when, "--impact", "high", "--personal", "yes", "--organisation", "hmcts", "--ticket", "INC0012345", "--reporter", "a caller", "--text", "in words"},
			manual.Request{
				Kind: incident.ActReport, Milestone: incident.ReportedToDesk, Interval: nine, Detected: nine, Impact: "high", Personal: "yes",
				Organisation: "hmcts", Ticket: "INC0012345", Reporter: "a caller", Text: "in words",
			},
		},
		{[]string{"detection", ref, "--at", when}, manual.Request{Kind: incident.ActDetection, Interval: nine}},
		{[]string{"milestone", ref, "--milestone", "siro-informed", "--at", when}, manual.Request{Kind: incident.ActMilestone, Milestone: incident.SIROInformed, Interval: nine}},
		{[]string{"correction", ref, "--milestone", "detected", "--at", when, "--reason", "typing_error"}, manual.Request{Kind: incident.ActCorrection, Milestone: incident.Detected, Interval: nine, Reason: incident.ReasonTyping}},
		{[]string{"withdraw", ref, "--signal", "9", "--reason", "other"}, manual.Request{Kind: incident.ActWithdraw, Signal: 9, Reason: incident.ReasonOther}},
		{[]string{"accept", ref, "--signal", "#9", "--milestone", "detected"}, manual.Request{Kind: incident.ActAccept, Signal: 9, Milestone: incident.Detected}},
		{[]string{"reject", ref, "--signal", "9", "--reason", "other"}, manual.Request{Kind: incident.ActReject, Signal: 9, Reason: incident.ReasonOther}},
		{[]string{"vouch", ref, "--signal", "9"}, manual.Request{Kind: incident.ActVouch, Signal: 9}},
		{[]string{"detach", ref, "--signal", "9", "--reason", "other"}, manual.Request{Kind: incident.ActDetach, Signal: 9, Reason: incident.ReasonOther}},
		{[]string{"confirm", strings.ToUpper(ref)}, manual.Request{Kind: incident.ActConfirm}},
		{[]string{"open", ref}, manual.Request{Kind: incident.ActOpen}},
		{[]string{"impact", ref, "HIGH"}, manual.Request{Kind: incident.ActImpact, Impact: "high"}},
		{[]string{"personal", ref, "no"}, manual.Request{Kind: incident.ActPersonal, Personal: "no"}},
		{[]string{"organisation", ref, "hmcts"}, manual.Request{Kind: incident.ActOrganise, Organisation: "hmcts"}},
		{[]string{"disposition", ref, "near-miss", "--reason", "false_alarm"}, manual.Request{Kind: incident.ActDisposition, Disposition: incident.NearMiss, Reason: incident.ReasonFalseAlarm}},
		{[]string{"restrict", ref, "--off"}, manual.Request{Kind: incident.ActRestrict, Off: true}},
		{[]string{"notifiable", ref, "gdpr-33", "--off", "--reason", "no_risk_to_people"}, manual.Request{Kind: incident.ActNotifiable, Policy: "gdpr-33", Off: true, Reason: incident.ReasonNoRisk}},
		{[]string{"link", ref, other}, manual.Request{Kind: incident.ActLink, Other: incident.Ref(other)}},
		{[]string{"unlink", ref, other}, manual.Request{Kind: incident.ActUnlink, Other: incident.Ref(other)}},
		{[]string{"reason", ref, "told_manager_first"}, manual.Request{Kind: incident.ActReason, Reason: incident.ReasonToldManager}},
		{[]string{"note", ref, "spoke", "to", "them"}, manual.Request{Kind: incident.ActNote, Text: "spoke to them"}},
		{[]string{"settle", "--signal", "9"}, manual.Request{Kind: incident.ActSettle, Signal: 9}},
	} {
		s := newServer(t)
		stdout, stderr, code := s.run(append([]string{"record"}, tt.args...)...)
		if code != 0 || stderr != "" || !strings.Contains(stdout, "applied, "+string(known)+" (entry 13)") {
			t.Errorf("record %q = %d, says %q, %q", tt.args, code, stdout, stderr)
			continue
		}
		if tt.want.Kind != incident.ActReport && tt.want.Kind != incident.ActSettle {
			tt.want.Ref, tt.want.Upon = known, 12 // what the incident was when the command was given
		}
		if !reflect.DeepEqual(s.acts, []manual.Request{tt.want}) {
			t.Errorf("record %q sends %+v, want %+v", tt.args, s.acts, tt.want)
		}
		seen[tt.want.Kind] = true
	}
	for _, k := range incident.Acts() {
		if !seen[k] {
			t.Errorf("no command records %s", k)
		}
	}
}

func TestThereIsNoOptionThatSaysWhoRecords(t *testing.T) {
	s := newServer(t)
	for _, name := range []string{"author", "as", "by", "role", "user", "on-behalf-of", "staff-number"} {
		if _, stderr, code := s.run("record", "report", "--"+name, "d-1"); code != say.Misused || !strings.Contains(stderr, "unknown flag") {
			t.Errorf("record report --%s = %d %q, want it unknown", name, code, stderr)
		}
	}
	if len(s.acts) != 0 {
		t.Errorf("%d acts were recorded", len(s.acts))
	}
	t.Setenv("PROMPTNESS_AUTHOR", "d-1")
	t.Setenv("USER", "d-1")
	s.run("record", "report") // Put checks the author
	if len(s.acts) != 1 {
		t.Errorf("%d acts were recorded, want one", len(s.acts))
	}
}

func TestAnAnswerThatIsLostRecordsOnce(t *testing.T) {
	s := newServer(t)
	s.loseFrom = 2
	if stdout, stderr, code := s.run("record", "open", string(known)); code != 0 || !strings.Contains(stdout, "applied") {
		t.Errorf("= %d %q %q, want it applied", code, stdout, stderr)
	}
	if len(s.acts) != 1 {
		t.Errorf("%d acts were recorded, want one", len(s.acts))
	}
}

func TestWhatARefusalSays(t *testing.T) {
	for why, want := range map[incident.Why]string{
		incident.WhyChangedSince: "has changed since", incident.WhyContradicts: "detach it first", incident.WhySamePerson: "another person must confirm",
		incident.WhyNoSignal: "promptness why " + string(known), incident.WhyNothingToDo: "change nothing",
	} {
		s := newServer(t)
		s.kind, s.why = incident.KindRefused, why
		stdout, stderr, code := s.run("record", "confirm", string(known))
		if code != say.CouldNot || stdout != "" || !strings.HasPrefix(stderr, "error: record confirm: refused: ") || !strings.Contains(stderr, want) {
			t.Errorf("%s = %d %q %q, want 1 and %q", why, code, stdout, stderr, want)
		}
		stdout, stderr, code = s.run("record", "confirm", string(known), "--json")
		var got Recorded
		if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != say.CouldNot || stderr != "" || got.Refused != why {
			t.Errorf("%s with --json = %d %q %q (%v), want 1 and the reason alone on stdout", why, code, stdout, stderr, err)
		}
	}
}

func TestHowARecordCommandEnds(t *testing.T) {
	s := newServer(t)
	weak := filepath.Join(t.TempDir(), "open")
	if err := os.WriteFile(weak, []byte("manager-token-0123456789"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(weak, 0o644); err != nil {
		t.Fatal(err)
	}
	wrong := filepath.Join(t.TempDir(), "wrong")
	if err := os.WriteFile(wrong, []byte("somebody-elses-token-0123"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"no such incident", []string{"record", "open", string(incident.NewRef(99))}, 1, []string{"there is none", "promptness incidents"}},
		{"a mistyped reference", []string{"record", "open", "p-000000"}, 2, []string{"read reference"}},
		{"a reason is missing", []string{"record", "disposition", string(known), "false_positive"}, 2, []string{"reason: is needed", "--help"}},
		{"a time is wrong", []string{"record", "report", "--at", "nine-ish"}, 2, []string{`read time "nine-ish"`, "hint:"}},
		{"no time", []string{"record", "detection", string(known)}, 2, []string{"--at"}},
		{"a token that others can read", []string{"--token-file", weak, "record", "report"}, 1, []string{"0644", "chmod 600"}},
		{"a token of nobody", []string{"--token-file", wrong, "record", "report"}, 1, []string{"no person is known", "--token-file"}},
		{"no token", []string{"--token-file", filepath.Join(t.TempDir(), "none"), "record", "report"}, 1, []string{"no such file", "PROMPTNESS_TOKEN_FILE"}},
		{"nobody listens", []string{"--server", "http://127.0.0.1:1", "record", "report"}, 1, []string{"refused", "promptness serve"}},
		{"no address", []string{"--server", "nowhere", "record", "report"}, 2, []string{"--server"}},
		{"not ready", []string{"healthcheck"}, 1, []string{"the backlog is being folded"}},
		{"no such command", []string{"recrod"}, 2, []string{"hint: promptness --help"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stdout, stderr, code := s.run(tt.args...)
			if code != tt.code || stdout != "" {
				t.Errorf("%q = %d, prints %q, want %d and nothing", tt.args, code, stdout, tt.code)
			}
			for _, want := range tt.says {
				if !strings.Contains(stderr, want) {
					t.Errorf("%q says\n%s\nwant %q", tt.args, stderr, want)
				}
			}
			if strings.Contains(stderr, "0123") || strings.Count(stderr, "error:") != 1 {
				t.Errorf("%q says\n%s\nwant error: once, and no token", tt.args, stderr)
			}
		})
	}
	if len(s.acts) != 0 {
		t.Errorf("%d acts were recorded", len(s.acts))
	}
}

func TestAnActThatIsNotFoldedInTimeIsSaidToBeStored(t *testing.T) {
	s := newServer(t)
	s.never = true
	stdout, _, code := s.run("record", "open", string(known), "--wait", "50ms")
	if code != 0 || !strings.Contains(stdout, "not folded yet") {
		t.Errorf("= %d %q, want 0 and that it is stored", code, stdout)
	}
	if stdout, _, code = s.run("record", "open", string(known), "--wait", "0"); code != 0 || !strings.Contains(stdout, "stored as") {
		t.Errorf("without waiting = %d %q, want 0 and that it is stored", code, stdout)
	}
}

func TestHelpFitsATerminalAndEveryCommandHasSome(t *testing.T) {
	commands := [][]string{{}, {"serve"}, {"demo"}, {"check"}, {"record"}, {"decisions"}, {"incidents"}, {"incidents", "show"}, {"why"}, {"verify"}, {"healthcheck"}, {"version"}}
	for _, k := range incident.Acts() {
		commands = append(commands, []string{"record", string(k)})
	}
	for _, c := range commands {
		var out, errs bytes.Buffer
		if err := promptness(t.Context(), append(c, "--help"), &out, &errs); err != nil || errs.Len() != 0 {
			t.Errorf("%q --help = %v %q", c, err, errs.String())
		}
		if !strings.HasPrefix(out.String(), fmt.Sprintf("Usage: %s", strings.Join(append([]string{"promptness"}, c...), " "))) {
			t.Errorf("%q --help begins %.80q", c, out.String())
		}
		for i, line := range strings.Split(out.String(), "\n") {
			// The first line is the usage, which kong does not wrap.
			if n := len([]rune(line)); i > 0 && n > 80 {
				t.Errorf("%q --help has a line of %d letters: %s", c, n, line)
			}
		}
	}
}
