package webhook

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// A result is what became of one request.
type result string

const (
	resultStored      result = "stored"       // durable
	resultRepeat      result = "repeat"       // durable before
	resultStranger    result = "unauthorised" // not authentic, or stale
	resultTooLarge    result = "too_large"
	resultMethod      result = "wrong_method"
	resultNoSource    result = "unknown_source"
	resultCutOff      result = "cut_off"     // the body did not come whole
	resultBusy        result = "busy"        // too many bodies at once
	resultUnavailable result = "unavailable" // could not be stored
	resultRefused     result = "refused"     // erased bytes came again
)

// results lists what can become of a request to a source.
func results() []result {
	return []result{resultStored, resultRepeat, resultStranger, resultTooLarge, resultMethod,
		resultCutOff, resultBusy, resultUnavailable, resultRefused}
}

// level says how loudly a result is logged, and whether it is at all.
func (r result) level() (slog.Level, bool) {
	switch r {
	case resultUnavailable, resultBusy:
		return slog.LevelError, true
	case resultStranger, resultTooLarge, resultRefused, resultCutOff:
		return slog.LevelWarn, true
	case resultStored, resultRepeat, resultMethod, resultNoSource:
		return slog.LevelDebug, false
	default:
		return slog.LevelDebug, false
	}
}

// metrics counts requests. Sources are labels from configuration; a name that
// a stranger made up is counted under "_unknown".
type metrics struct{ requests *prometheus.CounterVec }

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{requests: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "promptness_webhook_requests_total",
		Help: "Webhook requests since this process started, by source and what became of them.",
	}, []string{"source", "result"})}
	if err := reg.Register(m.requests); err != nil {
		return nil, fmt.Errorf("register webhook metrics: %w", err)
	}
	return m, nil
}

// of returns the counter of one source and result; it exists from then on.
func (m *metrics) of(source string, r result) prometheus.Counter {
	return m.requests.WithLabelValues(source, string(r))
}

// quietFor is how long one kind of refusal of one source is not logged again:
// a sender that retries, or a stranger that tries, must not fill the log.
const quietFor = 10 * time.Second

// An occasion remembers when something was logged last, and how often not.
type occasion struct {
	last    atomic.Int64 // unix nanoseconds
	skipped atomic.Int64
}

// due reports whether to log now, and how many times it was not logged since.
func (o *occasion) due(now time.Time) (int64, bool) {
	last := o.last.Load()
	if now.UnixNano()-last < int64(quietFor) || !o.last.CompareAndSwap(last, now.UnixNano()) {
		o.skipped.Add(1)
		return 0, false
	}
	return o.skipped.Swap(0), true
}

// tell logs what became of a request, with no byte that the sender wrote.
func (h *Handler) tell(r *http.Request, s *source, level slog.Level, o outcome) {
	skipped, due := s.told[o.result].due(time.Now())
	if !due {
		return
	}
	attrs := []slog.Attr{
		slog.String("source_name", string(s.name)),
		slog.String("result", string(o.result)),
		slog.String("remote", r.RemoteAddr),
		slog.Int64("not_logged", skipped),
	}
	if o.err != nil {
		attrs = append(attrs, slog.Any("err", o.err))
	}
	h.log.LogAttrs(r.Context(), level, "webhook not taken", attrs...)
}
