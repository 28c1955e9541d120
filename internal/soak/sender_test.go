package soak_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A sender delivers the load, each delivery until it is acknowledged.
type sender struct {
	urls   []string // of the two ways in
	token  string
	client http.Client

	mu    sync.Mutex
	acked map[incident.SignalID]time.Time // when the first 202 for it came
	tries int
	later int // answers of 503
	lost  int // no answer at all
	wrong []string
}

func newSender(urls []string, token string) *sender {
	return &sender{
		urls: urls, token: token, acked: map[incident.SignalID]time.Time{},
		client: http.Client{Timeout: 9 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 32, ResponseHeaderTimeout: 9 * time.Second}},
	}
}

// run delivers all at their times, counted from start, and returns when each is
// acknowledged or ctx has ended. It returns how many never were.
func (s *sender) run(ctx context.Context, start time.Time, all []signal) int {
	var wait sync.WaitGroup
	var mu sync.Mutex
	missing := 0
	for _, sig := range all {
		body, id := sig.body(start), sig.id(start)
		for _, d := range sig.Deliveries {
			wait.Go(func() {
				if !sleepUntil(ctx, start.Add(d.At)) || !s.deliver(ctx, sig.Source, body, id, d.Ingest) {
					mu.Lock()
					missing++
					mu.Unlock()
				}
			})
		}
	}
	wait.Wait()
	return missing
}

// deliver posts one body until it is told 202, at the other way in after each
// answer that is none.
func (s *sender) deliver(ctx context.Context, source string, body []byte, id incident.SignalID, ingest int) bool {
	for try := 0; ; try++ {
		status, after, answered := s.post(ctx, s.urls[(ingest+try)%len(s.urls)]+"/in/"+source, body, id)
		switch {
		case status == http.StatusAccepted && answered:
			return true
		case status != 0 && status != http.StatusServiceUnavailable:
			s.mu.Lock()
			s.wrong = append(s.wrong, strconv.Itoa(status))
			s.mu.Unlock()
		}
		// It is told to wait five seconds; there is another way in.
		pause := min(after, time.Second)
		if status == 0 {
			pause = 200 * time.Millisecond
		}
		if !sleepUntil(ctx, time.Now().Add(pause)) {
			return false
		}
	}
}

// post returns the status, 0 for no answer, and after how long to try again.
func (s *sender) post(ctx context.Context, url string, body []byte, id incident.SignalID) (status int, after time.Duration, named bool) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, 0, false
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	resp, err := s.client.Do(req)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if err != nil {
		s.lost++
		return 0, 0, false
	}
	defer resp.Body.Close()
	var a struct{ ID string }
	err = json.NewDecoder(resp.Body).Decode(&a)
	_, _ = io.Copy(io.Discard, resp.Body)
	switch resp.StatusCode {
	case http.StatusAccepted:
		if err != nil || a.ID != id.String() {
			s.wrong = append(s.wrong, "202 for "+a.ID+", want "+id.String())
			return resp.StatusCode, 0, false
		}
		if _, again := s.acked[id]; !again {
			s.acked[id] = time.Now()
		}
		return resp.StatusCode, 0, true
	case http.StatusServiceUnavailable:
		s.later++
	}
	seconds, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
	return resp.StatusCode, time.Duration(seconds) * time.Second, false
}

// sleepUntil waits for at, and reports whether it came before ctx ended.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
