// Package manual takes what people do about incidents, each under their own
// token, and leaves it as signals whose author is the token's owner; it never
// lets anybody say who they are, and never decides what an act does.
package manual

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
)

// Outcomes tells what became of a signal. It is asked with an identity that
// Put has stored.
type Outcomes interface {
	// Outcome returns the entries that the signal made, in order; none while
	// it has not been folded. Err is for a record that cannot be asked.
	Outcome(ctx context.Context, id incident.SignalID) ([]incident.Entry, error)
}

// A Handler serves
//
//	POST /v1/acts       a Request, under Authorization: Bearer; 202 with an
//	                    Accepted once the act would survive a power cut
//	GET  /v1/acts/{id}  an Outcome: what became of it
//
// Idempotency-Key, if sent, makes a repeated request the same signal; without
// it every request is an act of its own.
type Handler struct {
	sink ingest.Sink
	out  Outcomes
	desk *Desk
	log  *slog.Logger
	mux  *http.ServeMux
}

// New returns a Handler that leaves acts in sink. out may be nil: then nobody
// is told what became of an act.
func New(sink ingest.Sink, out Outcomes, desk *Desk, log *slog.Logger) *Handler {
	h := &Handler{sink: sink, out: out, desk: desk, log: log, mux: http.NewServeMux()}
	h.mux.HandleFunc("POST /v1/acts", h.take)
	h.mux.HandleFunc("GET /v1/acts/{id}", h.tell)
	return h
}

// ServeHTTP serves the two paths.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.mux.ServeHTTP(w, r) }

// Accepted is the answer to an act that is safe.
type Accepted struct {
	ID     string `json:"id"`     // of the signal
	Repeat bool   `json:"repeat"` // the same act was there before
}

// Outcome is what became of an act.
type Outcome struct {
	ID string `json:"id"`
	// Folded is false while the processor has not come to it.
	Folded bool   `json:"folded"`
	Steps  []Step `json:"steps,omitempty"`
}

// A Step is one entry that the act made.
type Step struct {
	N    uint64        `json:"n"`
	At   time.Time     `json:"at"`
	Kind incident.Kind `json:"kind"`
	Why  incident.Why  `json:"why,omitempty"`
	Ref  incident.Ref  `json:"ref,omitempty"`
}

// Refusal is the answer to a request that is not taken.
type Refusal struct {
	Error    string    `json:"error"`
	Problems []Problem `json:"problems,omitempty"`
}

// putTimeout bounds the wait for a durable store; it is under the client's.
const putTimeout = 10 * time.Second

var idempotencyKey = regexp.MustCompile(`^[A-Za-z0-9._~-]{8,128}$`)

func (h *Handler) take(w http.ResponseWriter, r *http.Request) {
	who, ok := h.desk.person(w, r)
	if !ok {
		return
	}
	if ct, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || ct != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, Refusal{Error: "send application/json"})
		return
	}
	key := r.Header.Get("Idempotency-Key")
	switch {
	case key == "":
		key = rand.Text()
	case !idempotencyKey.MatchString(key):
		refuse(w, http.StatusBadRequest, Refusal{Error: "act not accepted", Problems: []Problem{
			{"Idempotency-Key", "must be 8 to 128 letters, digits and . _ ~ -"},
		}})
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
			refuse(w, http.StatusRequestEntityTooLarge, Refusal{Error: "act is too large"})
			return
		}
		refuse(w, http.StatusBadRequest, Refusal{Error: "act could not be read"})
		return
	}
	req, err := Decode(body)
	if bad, ok := errors.AsType[*RequestError](err); ok {
		refuse(w, http.StatusBadRequest, Refusal{Error: "act not accepted", Problems: bad.Problems})
		return
	}
	now := time.Now().UTC()
	if bad := future(req, now); len(bad) > 0 {
		refuse(w, http.StatusBadRequest, Refusal{Error: "act not accepted", Problems: bad})
		return
	}
	if !Allowed(req.Kind, who.role) {
		refuse(w, http.StatusForbidden, Refusal{Error: "only a manager may record a " + string(req.Kind)})
		return
	}
	s, err := sign(req, who, key, now)
	if err != nil {
		h.log.ErrorContext(r.Context(), "act could not be encoded", "err", err)
		refuse(w, http.StatusInternalServerError, Refusal{Error: "act could not be stored"})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), putTimeout)
	defer cancel()
	receipt, err := h.sink.Put(ctx, s)
	switch {
	case ingest.IsPermanent(err):
		h.log.WarnContext(r.Context(), "act refused by the store", "kind", req.Kind, "author", who.number, "err", err)
		refuse(w, http.StatusGone, Refusal{Error: "this act was erased and is not taken again"})
		return
	case err != nil:
		h.log.WarnContext(r.Context(), "act not stored, its sender is told to try again", "kind", req.Kind, "author", who.number, "err", err)
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(ingest.RetryAfter(err).Seconds()))))
		refuse(w, http.StatusServiceUnavailable, Refusal{Error: "act could not be stored; send it again"})
		return
	}
	h.log.InfoContext(r.Context(), "act stored", "kind", req.Kind, "author", who.number, "repeat", receipt.Repeat)
	answer(w, http.StatusAccepted, Accepted{ID: s.ID.String(), Repeat: receipt.Repeat})
}

// sign makes the signal of a request: its author and role come from the seat.
func sign(req Request, who seat, key string, now time.Time) (incident.Signal, error) {
	body, err := incident.MarshalCanonical(req)
	if err != nil {
		return incident.Signal{}, err
	}
	raw, err := incident.MarshalCanonical(envelope{
		V: envelopeVersion, Author: who.number, Role: who.role, Key: key, Request: body,
	})
	if err != nil {
		return incident.Signal{}, err
	}
	return incident.Signal{
		ID: incident.NewSignalID(Source, raw), Source: Source, Channel: incident.ChannelManual,
		Received: now, Auth: incident.AuthOwner, Author: who.number, Role: who.role, Raw: raw,
	}, nil
}

// future finds times that have not come yet: nobody records those. The record
// would set them aside; here a person is there to type them again.
func future(req Request, now time.Time) []Problem {
	var bad []Problem
	limit := now.Add(incident.DefaultTolerance)
	for _, f := range []struct {
		name string
		i    incident.Interval
	}{{"interval", req.Interval}, {"detected", req.Detected}} {
		if f.i.Earliest.After(limit) || f.i.Earliest.IsZero() && f.i.Latest.After(limit) {
			bad = append(bad, Problem{f.name, "lies in the future"})
		}
	}
	return bad
}

func (h *Handler) tell(w http.ResponseWriter, r *http.Request) {
	if _, ok := h.desk.person(w, r); !ok {
		return
	}
	id, err := incident.ParseSignalID(r.PathValue("id"))
	if err != nil || h.out == nil {
		refuse(w, http.StatusNotFound, Refusal{Error: "no such act"})
		return
	}
	entries, err := h.out.Outcome(r.Context(), id)
	if err != nil {
		h.log.WarnContext(r.Context(), "outcome of an act not told", "err", err)
		w.Header().Set("Retry-After", "5")
		refuse(w, http.StatusServiceUnavailable, Refusal{Error: "the record cannot be asked now"})
		return
	}
	o := Outcome{ID: id.String(), Folded: len(entries) > 0}
	for _, e := range entries {
		st := Step{N: e.N, At: e.At, Kind: e.Kind, Why: e.Why, Ref: e.From}
		if e.Incident != nil {
			st.Ref = e.Incident.Ref
		}
		o.Steps = append(o.Steps, st)
	}
	answer(w, http.StatusOK, o)
}

func refuse(w http.ResponseWriter, code int, r Refusal) { answer(w, code, r) }

func answer(w http.ResponseWriter, code int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(v) // a sender that has gone asks again under its key
}
