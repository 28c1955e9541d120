package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/email"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
	"github.com/ministryofjustice/incident-promptness/ingest/webhook"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
	"github.com/ministryofjustice/incident-promptness/report"
	"github.com/ministryofjustice/incident-promptness/report/board"
)

// facts are what is known of the running program beside its record.
type facts struct {
	roles Roles
	proc  *pipeline.Processor
	rec   *record
	boxes map[incident.SourceName]*email.Box
	marks *marks
	in    *sink
	rules *incident.Rules
	shown *firstFault
	host  stream.Host
	watch *watch.Watch
	heard <-chan struct{} // closed when the record was read to its end

	started time.Time
}

// notReady says why the program should be given nothing now, or "".
func (f *facts) notReady() string {
	if fault := f.watch.Fault(); fault != nil {
		return fault.Text()
	}
	if err := f.host.Health(); err != nil {
		return "store: " + err.Error()
	}
	if err := f.host.Room(); err != nil {
		return "store: " + err.Error()
	}
	if err := f.shown.get(); err != nil {
		return "record cannot be followed: " + err.Error()
	}
	select {
	case <-f.heard:
	default:
		return "reading the record"
	}
	// A processor that stands by is as it should be: it takes over by itself.
	if s := f.proc.Status(); f.leads() && !s.Ready {
		return "processor: " + s.Why
	}
	return ""
}

// leads reports whether this process is the one that writes the record, and so
// the one that shows its figures: shown by all, they would be counted several
// times over.
func (f *facts) leads() bool { return f.roles.Has(RoleProcess) && f.rec.leads() }

// An admin is what the admin listener serves from.
type admin struct {
	book       *report.Book
	facts      *facts
	people     *manual.Desk
	acts       http.Handler
	rec        *record
	store      *stream.Store
	checkpoint string
	tenant     string
	reg        *prometheus.Registry
	log        *slog.Logger
}

func adminRoutes(a admin) http.Handler {
	mux := http.NewServeMux()
	if a.facts.roles.Has(RoleIngest) {
		mux.Handle("/v1/acts", a.acts)
		mux.Handle("/v1/acts/", a.acts)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.reg, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "alive") })
	mux.HandleFunc("GET /readyz", a.ready)
	mux.Handle("/v1/", board.New(a.book, board.Functions{
		Entries: a.facts.entries, Sources: func() []board.Source { return a.facts.sources(a.book) }, Status: a.facts.status,
	}, a.people.Guard, a.log))
	mux.Handle("GET /v1/verify", http.HandlerFunc(a.verify))
	mux.Handle("GET /v1/export", a.people.Guard(newExportHandler(a.store, a.log)))
	mux.Handle("GET /v1/backup", a.people.GuardManagers(newBackupHandler(a.store, a.tenant, a.log)))
	return mux
}

// ready answers 200 once the backlog is folded, else 503 and why.
func (a admin) ready(w http.ResponseWriter, _ *http.Request) {
	if why := a.facts.notReady(); why != "" {
		http.Error(w, why, http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

// verify walks the record while the program runs.
func (a admin) verify(w http.ResponseWriter, r *http.Request) {
	// The walk may last longer than any other answer.
	if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(verifyPatience)); err != nil {
		http.Error(w, "verify: "+err.Error(), http.StatusInternalServerError)
		return
	}
	found, err := verifyWhole(r.Context(), a.store, a.checkpoint, a.facts.host.Embedded(), nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(found); err != nil {
		return // the client went away
	}
}

func webhookRoutes(h *webhook.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/in/", h)
	return mux
}
