package soak_test

import (
	"encoding/json"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// A receiver is an Alertmanager that remembers all it was told, and is not always
// well: it refuses, hangs, and takes an alert and loses its answer.
type receiver struct {
	*httptest.Server

	mu   sync.Mutex
	rnd  *rand.Rand
	well bool
	told map[string]*told // by alert_id
}

// told is what was heard of one alert.
type told struct {
	prints map[string]bool // its label sets
	firing int             // times it was told as active
	ended  bool            // by the last word of it
	first  time.Time
}

func newReceiver(t testing.TB, seed uint64) *receiver {
	r := &receiver{rnd: rand.New(rand.NewPCG(seed, 3)), told: map[string]*told{}}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Server.Close)
	t.Cleanup(r.Server.CloseClientConnections)
	return r
}

// getWell ends its illness.
func (r *receiver) getWell() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.well = true
}

// ServeHTTP takes alerts as Alertmanager's API v2 does.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil || req.URL.Path != "/api/v2/alerts" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	ill := r.ill()
	switch {
	case ill < 4:
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	case ill < 6: // it hangs until the sender goes
		select {
		case <-req.Context().Done():
		case <-time.After(15 * time.Second):
		}
		return
	}
	if err := r.note(body); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if ill < 10 {
		panic(http.ErrAbortHandler) // it has it, and the answer is lost
	}
	w.WriteHeader(http.StatusOK)
}

// ill returns a number below 100; the lower the worse.
func (r *receiver) ill() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.well {
		return 99
	}
	return r.rnd.IntN(100)
}

func (r *receiver) note(body []byte) error {
	var all []struct {
		Labels      map[string]string `json:"labels"`
		Annotations map[string]string `json:"annotations"`
		EndsAt      time.Time         `json:"endsAt"`
	}
	if err := json.Unmarshal(body, &all); err != nil {
		return err
	}
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range all {
		id := a.Annotations["alert_id"]
		if id == "" {
			continue // of the program itself, not of an incident
		}
		x := r.told[id]
		if x == nil {
			x = &told{prints: map[string]bool{}, first: now}
			r.told[id] = x
		}
		x.prints[fingerprint(a.Labels)] = true
		x.ended = !a.EndsAt.After(now)
		if !x.ended {
			x.firing++
		}
	}
	return nil
}

// fingerprint is what Alertmanager knows an alert again by: its labels.
func fingerprint(labels map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(k + "=" + labels[k] + ";")
	}
	return b.String()
}
