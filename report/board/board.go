// Package board answers what the record says now, as JSON over HTTP. It takes a
// [report.Book] and functions for what the book does not hold; it gives answers
// to whoever the guard lets in, and never changes anything.
package board

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

// Functions are what a board asks beside the book. Each may be nil: then what
// it would tell is not served.
type Functions struct {
	// Entries yields the entries with these numbers, ascending, of the record.
	Entries func(ctx context.Context, numbers []uint64) iter.Seq2[incident.Entry, error]
	Sources func() []Source
	Status  func() Status
}

// A Source is a way in, as it is now.
type Source struct {
	Name    incident.SourceName `json:"name"`
	Channel incident.Channel    `json:"channel"`
	Kind    string              `json:"kind,omitempty"`
	Tells   incident.Tells      `json:"tells"`
	Polled  bool                `json:"polled"`
	// Success is when it was last read, or last delivered, without an error;
	// Watermark up to when everything in it was read and stored. Absent for
	// never.
	Success   time.Time `json:"last_success,omitzero"`
	Watermark time.Time `json:"watermark,omitzero"`
	// State is how it is heard, and Since when it was not, for SourceUnread and
	// SourceSilent: up to when it was read, and when something came last.
	State string    `json:"state"`
	Since time.Time `json:"since,omitzero"`
	// Latest is when the latest of what is stored came to it, where that is
	// known without asking the record.
	Latest time.Time `json:"latest,omitzero"`
	// Account says of a mailbox what became of every mail in it, as Account of
	// ingest/email is written. Absent where nothing is known of one.
	Account json.RawMessage `json:"account,omitempty"`
	// Problem says, for an operator, what is wrong with it now; empty for
	// nothing.
	Problem string `json:"problem,omitempty"`
}

// How a source is heard.
const (
	SourceRead   = "read"   // read by us not long ago, and not silent
	SourceUnread = "unread" // not read for longer than it may be
	SourceSilent = "silent" // nothing came for longer than is expected
	SourceNever  = "never"  // never read; of one that calls us, never heard by this process
	SourceHeard  = "heard"  // it calls us, and has
)

// Status is what the program is doing.
type Status struct {
	Ready bool   `json:"ready"`
	Why   string `json:"why,omitempty"` // what it waits for
	// Verified says that the chain of the record was verified at start and that
	// nothing was found wrong since.
	Verified bool `json:"verified"`
	// Leads says that this process is the one that writes the record.
	Leads   bool         `json:"leads"`
	Entries uint64       `json:"entries"`
	Pos     incident.Pos `json:"pos"`
	Head    string       `json:"head,omitempty"` // hash of the last entry
	// Oldest is when the oldest signal was received that is not in the record
	// yet. Absent where there is none.
	Oldest  time.Time `json:"oldest_unprocessed,omitzero"`
	Started time.Time `json:"started,omitzero"`
	Version string    `json:"version,omitempty"`
}

// Incidents is the answer to GET /v1/incidents.
type Incidents struct {
	// At is when it was asked, Entries the last entry that is known of.
	At        time.Time    `json:"at"`
	Entries   uint64       `json:"entries"`
	Incidents []report.Row `json:"incidents"`
	// More says that there are more than were asked for.
	More bool `json:"more,omitempty"`
}

// Decisions is the answer to GET /v1/decisions, oldest first.
type Decisions struct {
	At        time.Time        `json:"at"`
	Entries   uint64           `json:"entries"`
	Decisions []report.Waiting `json:"decisions"`
}

// Sources is the answer to GET /v1/sources.
type Sources struct {
	At      time.Time `json:"at"`
	Sources []Source  `json:"sources"`
}

// Refusal is the answer where there is nothing to show.
type Refusal struct {
	Error    string    `json:"error"`
	Problems []Problem `json:"problems,omitempty"`
}

// A Problem is one thing that is wrong with a request.
type Problem struct {
	Field string `json:"field"`
	Text  string `json:"text"`
}

type board struct {
	book *report.Book
	f    Functions
	log  *slog.Logger
}

// New returns a handler for
//
//	GET /v1/incidents            Incidents; see report.Filter for month, policy,
//	                             state, status, organisation, impact, waiting, limit
//	GET /v1/incidents/{ref}      report.Detail
//	GET /v1/incidents/{ref}/why  report.Derivation
//	GET /v1/decisions            Decisions
//	GET /v1/months/{month}       report.Figures; "current" and "previous" are months
//	GET /v1/sources              Sources
//	GET /v1/status               Status
//
// guard stands before all of them and decides who may read; it MUST answer those
// who may not. A nil guard is a mistake that New does not forgive.
func New(book *report.Book, f Functions, guard func(http.Handler) http.Handler, log *slog.Logger) http.Handler {
	if guard == nil {
		panic("unreachable: a board without a guard would show the record to anybody")
	}
	b := &board{book, f, log}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/incidents", b.incidents)
	mux.HandleFunc("GET /v1/incidents/{ref}", b.incident)
	mux.HandleFunc("GET /v1/incidents/{ref}/why", b.why)
	mux.HandleFunc("GET /v1/decisions", b.decisions)
	mux.HandleFunc("GET /v1/months/{month}", b.month)
	mux.HandleFunc("GET /v1/sources", b.sources)
	mux.HandleFunc("GET /v1/status", b.status)
	return guard(mux)
}

func (b *board) incidents(w http.ResponseWriter, r *http.Request) {
	f, bad := readFilter(r.URL.Query())
	if len(bad) > 0 {
		refuse(w, http.StatusBadRequest, Refusal{Error: "list not understood", Problems: bad})
		return
	}
	rows, more := b.book.Incidents(f)
	n, _ := b.book.N()
	answer(w, http.StatusOK, Incidents{At: time.Now().UTC(), Entries: n, Incidents: orEmpty(rows), More: more})
}

func (b *board) incident(w http.ResponseWriter, r *http.Request) {
	if ref, ok := readRef(w, r); ok {
		d, ok := b.book.Incident(ref)
		if !ok {
			noIncident(w)
			return
		}
		answer(w, http.StatusOK, d)
	}
}

func (b *board) why(w http.ResponseWriter, r *http.Request) {
	ref, ok := readRef(w, r)
	if !ok {
		return
	}
	d, ok := b.book.Incident(ref)
	if !ok || b.f.Entries == nil {
		noIncident(w)
		return
	}
	why, err := report.Explain(d.Ref, b.book.Rules, b.f.Entries(r.Context(), d.History))
	if err != nil {
		b.log.WarnContext(r.Context(), "incident not derived", "incident", string(d.Ref), "err", err)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, Refusal{Error: "the record cannot be read now"})
		return
	}
	why.Asked = d.Asked
	answer(w, http.StatusOK, why)
}

func (b *board) decisions(w http.ResponseWriter, _ *http.Request) {
	now := time.Now().UTC()
	list := b.book.Decisions(now)
	n, _ := b.book.N()
	answer(w, http.StatusOK, Decisions{At: now, Entries: n, Decisions: orEmpty(list)})
}

func (b *board) month(w http.ResponseWriter, r *http.Request) {
	now := time.Now()
	var m incident.Month
	switch s := r.PathValue("month"); s {
	case "current":
		m = incident.MonthOf(now)
	case "previous":
		m = incident.MonthOf(now).Previous()
	default:
		var err error
		if m, err = incident.ParseMonth(s); err != nil {
			refuse(w, http.StatusBadRequest, Refusal{Error: "month not understood", Problems: []Problem{{"month", "must be year and month, for example 2026-11"}}})
			return
		}
	}
	answer(w, http.StatusOK, b.book.Month(m, now))
}

func (b *board) sources(w http.ResponseWriter, _ *http.Request) {
	if b.f.Sources == nil {
		refuse(w, http.StatusNotFound, Refusal{Error: "not served here"})
		return
	}
	answer(w, http.StatusOK, Sources{At: time.Now().UTC(), Sources: orEmpty(b.f.Sources())})
}

func (b *board) status(w http.ResponseWriter, _ *http.Request) {
	if b.f.Status == nil {
		refuse(w, http.StatusNotFound, Refusal{Error: "not served here"})
		return
	}
	answer(w, http.StatusOK, b.f.Status())
}

func readRef(w http.ResponseWriter, r *http.Request) (incident.Ref, bool) {
	ref, err := incident.ParseRef(r.PathValue("ref"))
	if err != nil {
		refuse(w, http.StatusBadRequest, Refusal{Error: err.Error()})
		return "", false
	}
	return ref, true
}

// readFilter reads the query of a list and returns all that is wrong with it.
func readFilter(q url.Values) (report.Filter, []Problem) {
	var f report.Filter
	var bad []Problem
	for _, name := range slices.Sorted(maps.Keys(q)) {
		v := q.Get(name)
		var err error
		switch name {
		case "month":
			f.Month, err = incident.ParseMonth(v)
		case "state":
			f.State, err = oneOf(v, incident.States())
		case "status":
			f.Status, err = oneOf(v, incident.Statuses())
		case "impact":
			f.Impact, err = oneOf(v, incident.Impacts()[1:])
		case "policy":
			f.Policy = incident.PolicyID(v)
		case "organisation":
			f.Organisation = incident.Organisation(v)
		case "waiting":
			f.Waiting, err = strconv.ParseBool(v)
		case "limit":
			f.Limit, err = strconv.Atoi(v)
			if err != nil || f.Limit < 1 || f.Limit > report.MaxLimit {
				err = fmt.Errorf("must be a number from 1 to %d", report.MaxLimit)
			}
		default:
			err = fmt.Errorf("unknown (have impact, limit, month, organisation, policy, state, status, waiting)")
		}
		if err != nil {
			bad = append(bad, Problem{name, err.Error()})
		}
	}
	return f, bad
}

func oneOf[T ~string](v string, have []T) (T, error) {
	if slices.Contains(have, T(v)) {
		return T(v), nil
	}
	names := make([]string, len(have))
	for i, h := range have {
		names[i] = string(h)
	}
	return "", fmt.Errorf("%q is none of %s", v, strings.Join(names, ", "))
}

// orEmpty makes an empty list of none, so that readers need not know of null.
func orEmpty[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

func noIncident(w http.ResponseWriter) {
	refuse(w, http.StatusNotFound, Refusal{Error: "no such incident"})
}

func refuse(w http.ResponseWriter, code int, r Refusal) { answer(w, code, r) }

func answer(w http.ResponseWriter, code int, v any) {
	body, err := incident.MarshalCanonical(v)
	if err != nil {
		code, body = http.StatusInternalServerError, []byte(`{"error":"the answer could not be written"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // who has gone asks again
}
