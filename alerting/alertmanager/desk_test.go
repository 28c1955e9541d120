package alertmanager_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/alerting/alertmanager"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/alertmanagertest"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

// A record keeps deliveries over the runs of a test.
type record struct {
	mu     sync.Mutex
	bodies [][]byte
}

func (r *record) AppendDelivery(_ context.Context, body []byte) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bodies = append(r.bodies, slices.Clone(body))
	return uint64(len(r.bodies)), nil
}

func (r *record) Deliveries(_ context.Context, from uint64, yield func(uint64, []byte) error) error {
	r.mu.Lock()
	bodies := slices.Clone(r.bodies)
	r.mu.Unlock()
	for i, b := range bodies {
		if seq := uint64(i) + 1; seq >= from {
			if err := yield(seq, b); err != nil {
				return err
			}
		}
	}
	return nil
}

// outcomes returns the outcomes on record of one channel, in order.
func (r *record) outcomes(t *testing.T, channel string) (all []string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, b := range r.bodies {
		ds, err := alerting.DecodeDeliveries(b)
		if err != nil {
			t.Fatalf("read deliveries: %v", err)
		}
		for _, d := range ds {
			if d.Channel == channel && d.Phase == alerting.Finished {
				all = append(all, strings.TrimSpace(string(d.Outcome)+" "+string(d.Code)))
			}
		}
	}
	return all
}

// settled waits until no attempt of the channels is without its outcome: an
// Alertmanager shows an alert before the desk has read its answer, and a desk
// stopped in between rightly records that it does not know.
func settled(t *testing.T, rec *record, channels ...string) {
	t.Helper()
	open := func() (n int) {
		rec.mu.Lock()
		defer rec.mu.Unlock()
		for _, b := range rec.bodies {
			ds, err := alerting.DecodeDeliveries(b)
			if err != nil {
				t.Fatalf("read deliveries: %v", err)
			}
			for _, d := range ds {
				switch {
				case !slices.Contains(channels, d.Channel):
				case d.Phase == alerting.Begun:
					n++
				case d.Phase == alerting.Finished:
					n--
				}
			}
		}
		return n
	}
	eventually.Eventually(t, 10*time.Second, "every attempt has its outcome", func() bool { return open() == 0 })
}

// start runs a desk that has replayed past, and returns it and what stops it.
func start(t *testing.T, rec *record, rs []*alertmanager.Receiver, past []incident.Entry) (*alerting.Desk, func()) {
	t.Helper()
	var c alerting.Channels
	for _, r := range rs {
		c.Levels = append(c.Levels, r)
	}
	d, err := alerting.New(rec, c, slog.New(slog.NewTextHandler(t.Output(), nil)), prometheus.NewRegistry())
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	d.Follow(past)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	return d, func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
	}
}

// entry returns the n-th entry, in which the deadline of an incident that was
// detected over an hour before due came to a state.
func entry(n uint64, ref incident.Ref, g int, due, at time.Time, s incident.AlertState) incident.Entry {
	const policy incident.PolicyID = "pol-imp-002"
	e := incident.Entry{V: incident.EntryVersion, N: n, At: at, Kind: incident.KindCrossed}
	e.Alerts = []incident.AlertChange{{ID: incident.NewAlertID(ref, policy, incident.Deadline, g), State: s}}
	e.Incident = &incident.IncidentRecord{Ref: ref, Open: incident.StatusOpen, Clocks: []incident.Clock{{
		Policy: policy, State: incident.Overdue, Limit: incident.Span(time.Hour), Start: incident.At(due.Add(-time.Hour)),
		Bars: []incident.Crossing{{Threshold: incident.Deadline, G: g, Due: due, At: at, State: s}},
	}}}
	return e
}

func TestAlertmanagerShowsWhatIsTrueAlsoAfterEitherWasKilled(t *testing.T) {
	am0, am1 := alertmanagertest.Start(t, ""), alertmanagertest.Start(t, "")
	var rec record
	rs := receivers(t, am0.URL, am1.URL)
	due := time.Now().Add(-time.Minute).UTC().Truncate(time.Millisecond)
	log := []incident.Entry{
		entry(1, "p-00001x", 1, due, due, incident.AlertActive),
		entry(2, "p-00002y", 1, due, due, incident.AlertActive),
	}
	d, stop := start(t, &rec, rs, nil)
	d.Follow(log)
	shows := func(am *alertmanagertest.Server, want ...string) bool {
		var got []string
		for _, a := range am.Alerts() {
			got = append(got, a.Annotations["alert_id"])
		}
		slices.Sort(got)
		return slices.Equal(got, want)
	}
	both := []string{"p-00001x/pol-imp-002/deadline/1", "p-00002y/pol-imp-002/deadline/1"}
	for _, am := range []*alertmanagertest.Server{am0, am1} {
		eventually.Eventually(t, 10*time.Second, "both alerts are shown", func() bool { return shows(am, both...) })
	}
	settled(t, &rec, "am-0", "am-1")
	stop()

	// One Alertmanager loses all it knew; we are down while one alert ends.
	am0.Restart()
	if !shows(am0) {
		t.Fatalf("a restarted Alertmanager shows %v", am0.Alerts())
	}
	log = append(log, entry(3, "p-00001x", 1, due, time.Now().UTC(), incident.AlertResolved))
	d, stop = start(t, &rec, rs, log)
	for _, am := range []*alertmanagertest.Server{am0, am1} {
		eventually.Eventually(t, 10*time.Second, "only the alert that is active is shown", func() bool {
			return shows(am, "p-00002y/pol-imp-002/deadline/1")
		})
	}
	got := am1.Alert(map[string]string{"incident": "p-00002y"})[0]
	for _, want := range []string{"p-00002y: the limit of POL.IMP.002 has passed", "quote p-00002y in your reply"} {
		if !strings.Contains(got.Annotations["message"], want) {
			t.Errorf("message = %q, want %q in it", got.Annotations["message"], want)
		}
	}
	if !got.StartsAt.Equal(due) {
		t.Errorf("startsAt = %s, want %s", got.StartsAt, due)
	}

	// It is retracted, and fires again under the next number.
	d.Follow([]incident.Entry{entry(4, "p-00002y", 1, due, time.Now().UTC(), incident.AlertRetracted)})
	eventually.Eventually(t, 10*time.Second, "nothing is shown", func() bool { return shows(am0) && shows(am1) })
	d.Follow([]incident.Entry{entry(5, "p-00002y", 2, time.Now().UTC(), time.Now().UTC(), incident.AlertActive)})
	eventually.Eventually(t, 10*time.Second, "it is shown again", func() bool {
		return shows(am0, "p-00002y/pol-imp-002/deadline/2") && shows(am1, "p-00002y/pol-imp-002/deadline/2")
	})
	settled(t, &rec, "am-0", "am-1")
	stop()
	for _, name := range []string{"am-0", "am-1"} {
		for _, o := range rec.outcomes(t, name) {
			if o != "accepted" {
				t.Errorf("on record for %s is %q, want accepted only", name, o)
			}
		}
	}
}

// Alertmanager tells people of the alert, and of its end.
func TestPeopleAreNotifiedOnceAndOfTheEnd(t *testing.T) {
	var mu sync.Mutex
	var got []string
	people := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var n struct {
			Alerts []struct {
				Status      string            `json:"status"`
				Annotations map[string]string `json:"annotations"`
			} `json:"alerts"`
		}
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			t.Errorf("read a notification: %v", err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, a := range n.Alerts {
			got = append(got, a.Status+" "+a.Annotations["alert_id"])
		}
	}))
	defer people.Close()
	am := alertmanagertest.Start(t, `
route: {receiver: people, group_by: [incident, policy, threshold], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: people, webhook_configs: [{url: "`+people.URL+`", send_resolved: true}]}]
`)
	heard := func(want ...string) func() bool {
		return func() bool { mu.Lock(); defer mu.Unlock(); return slices.Equal(got, want) }
	}
	var rec record
	rs := receivers(t, am.URL)
	due := time.Now().Add(-time.Second).UTC()
	log := []incident.Entry{entry(1, "p-00001x", 1, due, due, incident.AlertActive)}
	const id = "p-00001x/pol-imp-002/deadline/1"
	d, stop := start(t, &rec, rs, nil)
	d.Follow(log)
	eventually.Eventually(t, 15*time.Second, "people are told", heard("firing "+id))
	stop()
	updated := am.Alerts()[0].UpdatedAt
	d, stop = start(t, &rec, rs, log) // it is sent again, and nobody is told again
	defer func() { stop() }()
	eventually.Eventually(t, 10*time.Second, "Alertmanager has heard of it again", func() bool {
		return am.Alerts()[0].UpdatedAt.After(updated)
	})
	d.Follow([]incident.Entry{entry(2, "p-00001x", 1, due, time.Now().UTC(), incident.AlertResolved)})
	eventually.Eventually(t, 15*time.Second, "people are told of the end, and of nothing twice", heard("firing "+id, "resolved "+id))
}

// A script answers like a receiver in trouble; each answer stands for one
// attempt, the last for all that follow.
func script(t *testing.T, answers ...http.HandlerFunc) (url string, accepted func() map[string]string) {
	t.Helper()
	var mu sync.Mutex
	n := 0
	known := map[string]string{} // labels to alert_id
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		answer := answers[min(n, len(answers)-1)]
		n++
		mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		w = &watched{ResponseWriter: w, ok: func() {
			var alerts []struct{ Labels, Annotations map[string]string }
			if err := json.Unmarshal(body, &alerts); err != nil {
				t.Errorf("read alerts: %v", err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, a := range alerts {
				labels, _ := json.Marshal(a.Labels)
				known[string(labels)] = a.Annotations["alert_id"]
			}
		}}
		answer(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() map[string]string { mu.Lock(); defer mu.Unlock(); return maps.Clone(known) }
}

// watched calls ok when the receiver takes what it was sent.
type watched struct {
	http.ResponseWriter
	ok func()
}

func (w *watched) WriteHeader(code int) {
	if code/100 == 2 {
		w.ok()
	}
	w.ResponseWriter.WriteHeader(code)
}

func TestAReceiverInTroubleGetsTheAlertOnce(t *testing.T) {
	says := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	busy := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusTooManyRequests)
	}
	drops := func(w http.ResponseWriter, _ *http.Request) {
		w.(*watched).ok() // it has taken the alert, and says so to nobody
		panic(http.ErrAbortHandler)
	}
	hangs := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

	for _, tt := range []struct {
		name    string
		answers []http.HandlerFunc
		want    []string
	}{
		{"it accepts", []http.HandlerFunc{says(200)}, []string{"accepted"}},
		{"it takes the alert and drops the answer", []http.HandlerFunc{drops, says(200)}, []string{"unknown no_answer", "accepted"}},
		{"it fails for a while", []http.HandlerFunc{says(500), says(503), says(200)}, []string{"failed server_error", "failed server_error", "accepted"}},
		{"it is busy", []http.HandlerFunc{busy, says(200)}, []string{"failed rate_limited", "accepted"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var rec record
			url, known := script(t, tt.answers...)
			hanging, _ := script(t, hangs)
			d, stop := start(t, &rec, receivers(t, url, hanging), nil)
			defer stop()
			now := time.Now().UTC()
			d.Follow([]incident.Entry{entry(1, "p-00001x", 1, now, now, incident.AlertActive)})
			eventually.Eventually(t, 15*time.Second, "the alert is accepted while another receiver hangs", func() bool {
				return slices.Contains(rec.outcomes(t, "am-0"), "accepted")
			})
			if got := rec.outcomes(t, "am-0"); !slices.Equal(got, tt.want) {
				t.Errorf("outcomes = %q, want %q", got, tt.want)
			}
			if got := known(); len(got) != 1 {
				t.Errorf("the receiver knows %v, want one alert", got)
			}
			if got := rec.outcomes(t, "am-1"); slices.Contains(got, "accepted") {
				t.Errorf("outcomes of the receiver that hangs = %q, want none accepted", got)
			}
		})
	}
}

func TestARefusalIsRecorded(t *testing.T) {
	var rec record
	url, _ := script(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadRequest) })
	d, stop := start(t, &rec, receivers(t, url), nil)
	defer stop()
	now := time.Now().UTC()
	d.Follow([]incident.Entry{entry(1, "p-00001x", 1, now, now, incident.AlertActive)})
	eventually.Eventually(t, 10*time.Second, "the refusal is on record", func() bool {
		return slices.Contains(rec.outcomes(t, "am-0"), "refused rejected")
	})
	if got := slices.Compact(rec.outcomes(t, "am-0")); len(got) != 1 {
		t.Errorf("outcomes = %q, want refusals only", got)
	}
}
