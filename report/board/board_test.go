package board_test

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

func nine() time.Time { return time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC) }

// entries are the rules, an incident that is met, one that became part of it,
// and a signal that could not be read.
func entries() []incident.Entry {
	at := nine()
	home, ended := incident.NewRef(2), incident.NewRef(3)
	signal := func(seq uint64) *incident.SignalRecord {
		return &incident.SignalRecord{
			Pos: incident.Pos{Seq: seq}, Source: "mailbox", Channel: incident.ChannelEmail, Received: at, Receipt: at,
			Trust: incident.Aligned, Interpreter: "test/1", Claims: []incident.SealedClaim{
				{Milestone: incident.Detected, Interval: incident.At(at.Add(-20 * time.Minute)), Basis: incident.Stated},
				{Milestone: incident.Reported, Interval: incident.At(at), Basis: incident.Recorded, Receiver: true},
			},
		}
	}
	record := func(ref incident.Ref) *incident.IncidentRecord {
		return &incident.IncidentRecord{
			Ref: ref, Open: incident.StatusOpen, First: at, Signals: 1, Evidence: 2, Source: "mailbox",
			Attrs: incident.Attributes{Organisation: "hmpps"},
			Clocks: []incident.Clock{{
				Policy: "pol-imp-002", Version: "2013-05-01", State: incident.Met, Limit: incident.Span(time.Hour),
				Start: incident.At(at.Add(-20 * time.Minute)), Stop: incident.At(at),
				Shortest: incident.Span(20 * time.Minute), Longest: incident.Span(20 * time.Minute),
			}},
		}
	}
	gone := record(ended)
	gone.Open, gone.Into = incident.StatusMerged, home
	rules := `{"v":1,"policies":[{"id":"pol-imp-002","title":"Report","from":"2013-05-01","start":"detected","stop":"reported","limit":"1h0m0s"}],"sources":[]}`
	return []incident.Entry{
		{N: 1, At: at, Kind: incident.KindRules, Rules: 1, Text: []byte(rules)},
		{N: 2, At: at, Kind: incident.KindOpened, Why: incident.WhyNew, Rules: 1, Pos: incident.Pos{Seq: 1}, Signal: signal(1), Incident: record(home)},
		{N: 3, At: at, Kind: incident.KindOpened, Why: incident.WhyNew, Rules: 1, Pos: incident.Pos{Seq: 2}, Signal: signal(2), Incident: record(ended)},
		{N: 4, At: at, Kind: incident.KindMerged, Why: incident.WhyByPerson, Rules: 1, Pos: incident.Pos{Seq: 2}, Incident: gone},
		{N: 5, At: at, Kind: incident.KindQuarantined, Why: incident.WhyEncrypted, Rules: 1, Pos: incident.Pos{Seq: 3}, Signal: signal(3)},
	}
}

// token lets in who shows it.
func token(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer known" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func serve(t *testing.T, change func(*board.Functions)) http.Handler {
	t.Helper()
	b := report.NewBook()
	all := entries()
	for _, e := range all {
		if err := b.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	f := board.Functions{
		Entries: func(_ context.Context, numbers []uint64) iter.Seq2[incident.Entry, error] {
			return func(yield func(incident.Entry, error) bool) {
				for _, e := range all {
					if slices.Contains(numbers, e.N) && !yield(e, nil) {
						return
					}
				}
			}
		},
		Sources: func() []board.Source {
			return []board.Source{{Name: "mailbox", Channel: incident.ChannelEmail, Tells: incident.TellsTeam, Polled: true, Watermark: nine()}}
		},
		Status: func() board.Status {
			return board.Status{Ready: true, Verified: true, Entries: 5, Pos: incident.Pos{Seq: 3}}
		},
	}
	if change != nil {
		change(&f)
	}
	return board.New(b, f, token, slog.New(slog.DiscardHandler))
}

func ask(t *testing.T, h http.Handler, method, path, auth string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	r.Header.Set("Authorization", auth)
	h.ServeHTTP(w, r)
	return w
}

// get decodes the answer of a path, which must be one.
func get[T any](t *testing.T, h http.Handler, path string) T {
	t.Helper()
	w := ask(t, h, http.MethodGet, path, "Bearer known")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Cache-Control") != "no-store" {
		t.Fatalf("GET %s = %d, %v: %s", path, w.Code, w.Header(), w.Body)
	}
	var v T
	dec := json.NewDecoder(w.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&v); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
	return v
}

func TestWhatTheBoardAnswers(t *testing.T) {
	h := serve(t, nil)
	home, ended := incident.NewRef(2), incident.NewRef(3)

	list := get[board.Incidents](t, h, "/v1/incidents?month=2026-11&state=met&policy=pol-imp-002")
	if len(list.Incidents) != 1 || list.Incidents[0].Ref != home || list.Entries != 5 || list.More {
		t.Errorf("incidents = %+v, want %s of entry 5", list, home)
	}
	if c := list.Incidents[0].Clocks[0]; c.Longest == nil || c.Longest.D() != 20*time.Minute {
		t.Errorf("clock = %+v, want a longest delay of 20 minutes", c)
	}
	if none := get[board.Incidents](t, h, "/v1/incidents?month=2026-10"); none.Incidents == nil || len(none.Incidents) != 0 {
		t.Errorf("incidents of October = %v, want an empty list", none.Incidents)
	}

	d := get[report.Detail](t, h, "/v1/incidents/"+strings.ToUpper(string(ended)))
	if d.Ref != home || d.Asked != ended {
		t.Errorf("incident %s = %s, asked %q; want %s and what was asked for", ended, d.Ref, d.Asked, home)
	}

	why := get[report.Derivation](t, h, "/v1/incidents/"+string(ended)+"/why")
	if why.Incident.Ref != home || why.Asked != ended || len(why.Signals) != 2 || why.Clocks[0].Row != report.RowSurelyInTime {
		t.Errorf("why %s = %+v, want that of %s from two signals", ended, why, home)
	}

	dec := get[board.Decisions](t, h, "/v1/decisions")
	if len(dec.Decisions) != 1 || dec.Decisions[0].Entry != 5 || !slices.Equal(dec.Decisions[0].Commands, []string{"promptness record settle --signal 5"}) {
		t.Errorf("decisions = %+v, want the one of entry 5", dec.Decisions)
	}

	f := get[report.Figures](t, h, "/v1/months/2026-11")
	if len(f.Policies) != 1 || f.Policies[0].Share != (report.Share{N: 1, Met: 1}) {
		t.Errorf("November = %+v, want one met of one", f)
	}
	if f := get[report.Figures](t, h, "/v1/months/current"); f.Month != incident.MonthOf(time.Now()) {
		t.Errorf("month = %s, want the current one", f.Month)
	}

	src := get[board.Sources](t, h, "/v1/sources")
	if len(src.Sources) != 1 || !src.Sources[0].Watermark.Equal(nine()) || !src.Sources[0].Success.IsZero() {
		t.Errorf("sources = %+v, want the mailbox, read up to nine, without a success", src.Sources)
	}
	want := board.Status{Ready: true, Verified: true, Entries: 5, Pos: incident.Pos{Seq: 3}}
	if diff := cmp.Diff(want, get[board.Status](t, h, "/v1/status")); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}

func TestNobodyReadsWithoutTheGuard(t *testing.T) {
	h := serve(t, nil)
	ref := string(incident.NewRef(2))
	for _, path := range []string{
		"/v1/incidents", "/v1/incidents/" + ref, "/v1/incidents/" + ref + "/why",
		"/v1/decisions", "/v1/months/current", "/v1/sources", "/v1/status", "/v1/nothing",
	} {
		if w := ask(t, h, http.MethodGet, path, ""); w.Code != http.StatusUnauthorized || w.Body.Len() != 0 {
			t.Errorf("GET %s without a token = %d: %s, want 401 and nothing said", path, w.Code, w.Body)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("New without a guard returned, want a panic")
		}
	}()
	board.New(report.NewBook(), board.Functions{}, nil, slog.New(slog.DiscardHandler))
}

func TestWhatTheBoardRefuses(t *testing.T) {
	h := serve(t, nil)
	for _, tt := range []struct {
		name, method, path string
		code               int
		want               string
	}{
		{"an incident that is not there", "GET", "/v1/incidents/" + string(incident.NewRef(99)), 404, "no such incident"},
		{"a reference that is mistyped", "GET", "/v1/incidents/p-00002x", 400, "check character"},
		{"no reference at all", "GET", "/v1/incidents/all", 400, "read reference"},
		{"a month that is none", "GET", "/v1/months/2026-13", 400, "2026-11"},
		{"every wrong field at once", "GET", "/v1/incidents?state=late&limit=0&colour=red", 400, `"field":"colour"`},
		{"every wrong field at once, and the others", "GET", "/v1/incidents?state=late&limit=0&colour=red", 400, `"field":"limit"`},
		{"a list without end", "GET", "/v1/incidents?limit=10001", 400, "1 to 10000"},
		{"a change", "POST", "/v1/incidents", 405, ""},
		{"a deletion", "DELETE", "/v1/incidents/" + string(incident.NewRef(2)), 405, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := ask(t, h, tt.method, tt.path, "Bearer known")
			if w.Code != tt.code || !strings.Contains(w.Body.String(), tt.want) {
				t.Errorf("%s %s = %d: %s, want %d with %q", tt.method, tt.path, w.Code, w.Body, tt.code, tt.want)
			}
		})
	}
}

func TestARecordThatCannotBeReadIsSaidAndNotShown(t *testing.T) {
	h := serve(t, func(f *board.Functions) {
		f.Entries = func(context.Context, []uint64) iter.Seq2[incident.Entry, error] {
			return func(yield func(incident.Entry, error) bool) {
				yield(incident.Entry{}, errors.New("read entry 2: disk on fire"))
			}
		}
	})
	w := ask(t, h, http.MethodGet, "/v1/incidents/"+string(incident.NewRef(2))+"/why", "Bearer known")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("why = %d, %v: %s; want 503, when to ask again, and no inner words", w.Code, w.Header(), w.Body)
	}
}

func TestWhatIsNotGivenIsNotServed(t *testing.T) {
	h := serve(t, func(f *board.Functions) { *f = board.Functions{} })
	for _, path := range []string{"/v1/sources", "/v1/status", "/v1/incidents/" + string(incident.NewRef(2)) + "/why"} {
		if w := ask(t, h, http.MethodGet, path, "Bearer known"); w.Code != http.StatusNotFound {
			t.Errorf("GET %s = %d, want 404", path, w.Code)
		}
	}
}
