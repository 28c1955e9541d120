package webhook

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest"
	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// Path is where the Handler wants to be mounted. A source is at Path + name.
const Path = "/in/"

const (
	// putTimeout is how long a sender waits for a durable answer: senders give
	// up after about ten seconds, and a clear 503 is better than their guess.
	putTimeout = 8 * time.Second

	// maxInFlight bounds the bytes of all bodies that are being taken for one
	// source: strangers at one cannot keep the senders of another out.
	maxInFlight = 64 << 20

	// smallBody is read into memory of its own size at once; a larger one has
	// to arrive before memory is spent on it.
	smallBody = 64 << 10
)

// Handler takes deliveries. The server around it bounds how long a head and a
// body may take to arrive (http.Server.ReadHeaderTimeout, ReadTimeout).
type Handler struct {
	sink    ingest.Sink
	sources map[string]*source
	unknown prometheus.Counter
	log     *slog.Logger
}

// source is what the Handler knows of one source.
type source struct {
	name   incident.SourceName
	auth   *verifier
	fact   incident.Auth
	limit  int64
	asks   []string // WWW-Authenticate of a 401
	counts map[result]prometheus.Counter
	told   map[result]*occasion

	inFlight atomic.Int64 // bytes
}

// NewHandler reads the secrets of sources, which were validated, and returns a
// Handler that leaves what they send in sink. It starts nothing. The error
// joins every problem, each beginning with [index] and its field.
func NewHandler(sources []Config, sink ingest.Sink, log *slog.Logger, reg prometheus.Registerer) (*Handler, error) {
	m, err := newMetrics(reg)
	if err != nil {
		return nil, err
	}
	h := &Handler{sink: sink, sources: map[string]*source{}, unknown: m.of("_unknown", resultNoSource), log: log}
	var all []error
	for i, c := range sources {
		v, err := newVerifier(c.Auth)
		if err != nil {
			all = append(all, conf.Under(fmt.Sprintf("[%d].auth", i), err))
			continue
		}
		s := &source{
			name: c.Name, auth: v, fact: c.Auth.Kind.fact(), limit: c.MaxBytes,
			counts: map[result]prometheus.Counter{}, told: map[result]*occasion{},
		}
		if s.limit == 0 {
			s.limit = MaxBytes
		}
		switch c.Auth.Kind {
		case AuthBearer:
			s.asks = []string{`Bearer realm="promptness"`}
		case AuthBasic:
			s.asks = []string{`Basic realm="promptness", charset="UTF-8"`}
		case AuthHMAC, AuthNone:
			// Neither has a scheme to name.
		}
		for _, r := range results() {
			s.counts[r] = m.of(string(c.Name), r)
			s.told[r] = &occasion{}
		}
		h.sources[string(c.Name)] = s
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	return h, nil
}

// ServeHTTP takes one delivery.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, ok := strings.CutPrefix(r.URL.Path, Path)
	s := h.sources[name]
	if !ok || s == nil {
		h.unknown.Inc()
		refuse(w, http.StatusNotFound)
		return
	}
	o := h.take(w, r, s)
	s.counts[o.result].Inc()
	if level, loud := o.result.level(); loud {
		h.tell(r, s, level, o)
	}
	o.answer(w, s)
}

// An outcome is what became of a delivery, before its sender is told.
type outcome struct {
	result result
	id     incident.SignalID
	err    error // of the sink
}

// take takes one delivery to s.
func (h *Handler) take(w http.ResponseWriter, r *http.Request, s *source) outcome {
	switch {
	case r.Method != http.MethodPost:
		return outcome{result: resultMethod}
	case !s.auth.early(r):
		return outcome{result: resultStranger}
	case r.ContentLength > s.limit:
		return outcome{result: resultTooLarge}
	}
	size := r.ContentLength
	if size < 0 {
		size = s.limit
	}
	defer s.inFlight.Add(-size)
	if s.inFlight.Add(size) > maxInFlight {
		return outcome{result: resultBusy}
	}
	body, err := read(w, r, s.limit)
	if err != nil {
		if _, over := errors.AsType[*http.MaxBytesError](err); over {
			return outcome{result: resultTooLarge}
		}
		return outcome{result: resultCutOff}
	}
	now := time.Now().UTC().Round(0)
	if !s.auth.signed(r, body, now) {
		return outcome{result: resultStranger}
	}
	sig := incident.Signal{
		ID:       incident.NewSignalID(s.name, body),
		Source:   s.name,
		Channel:  incident.ChannelWebhook,
		Received: now,
		Auth:     s.fact,
		Raw:      body,
	}
	ctx, cancel := context.WithTimeout(r.Context(), putTimeout)
	defer cancel()
	// Put, then answer. The sender forgets the delivery once it has its 202; a
	// crash before that repeats it, and Put knows a repeat when it sees one.
	receipt, err := h.sink.Put(ctx, sig)
	switch {
	case err == nil && receipt.Repeat:
		return outcome{result: resultRepeat, id: sig.ID}
	case err == nil:
		return outcome{result: resultStored, id: sig.ID}
	case ingest.IsErased(err):
		return outcome{result: resultRefused, err: err}
	default:
		return outcome{result: resultUnavailable, err: err}
	}
}

// answer tells the sender.
func (o outcome) answer(w http.ResponseWriter, s *source) {
	switch o.result {
	case resultStored, resultRepeat:
		accept(w, o.id, o.result == resultRepeat)
	case resultStranger:
		if s.asks != nil {
			w.Header()["Www-Authenticate"] = s.asks
		}
		refuse(w, http.StatusUnauthorized)
	case resultMethod:
		w.Header()["Allow"] = []string{http.MethodPost}
		refuse(w, http.StatusMethodNotAllowed)
	case resultTooLarge:
		w.Header()["Connection"] = []string{"close"} // the rest of the body is not read
		refuse(w, http.StatusRequestEntityTooLarge)
	case resultRefused:
		refuse(w, http.StatusGone)
	case resultUnavailable:
		later(w, ingest.RetryAfter(o.err))
	case resultCutOff, resultBusy:
		// A body that did not come whole: the sender went away, or was slower
		// than the server waits, which may be our fault. It can try again.
		later(w, ingest.DefaultRetry)
	case resultNoSource:
		refuse(w, http.StatusNotFound)
	default:
		later(w, ingest.DefaultRetry)
	}
}

// read returns the whole body, at most limit bytes of it.
func read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	body := http.MaxBytesReader(w, r.Body, limit)
	if n := r.ContentLength; n >= 0 && n <= smallBody {
		b := make([]byte, n)
		_, err := io.ReadFull(body, b)
		return b, err
	}
	return io.ReadAll(body)
}

// later answers that we could not, and when to try again.
func later(w http.ResponseWriter, after time.Duration) {
	s := int64((after + time.Second - 1) / time.Second)
	w.Header()["Retry-After"] = []string{strconv.FormatInt(max(s, 1), 10)}
	refuse(w, http.StatusServiceUnavailable)
}

// refuse answers with no more than the status says: what a stranger reads and
// what we read are two texts.
func refuse(w http.ResponseWriter, status int) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"error":"`+strings.ToLower(http.StatusText(status))+"\"}\n")
}

// accept answers that the signal is safe.
func accept(w http.ResponseWriter, id incident.SignalID, repeat bool) {
	w.Header()["Content-Type"] = []string{"application/json"}
	w.WriteHeader(http.StatusAccepted)
	var buf [128]byte
	b := append(buf[:0], `{"id":"`...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, `","repeat":`...)
	b = strconv.AppendBool(b, repeat)
	b = append(b, "}\n"...)
	_, _ = w.Write(b)
}
