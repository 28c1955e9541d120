package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ConnOptions are the options that every connection of ours needs, to the
// embedded server or to a cluster. Nothing is buffered while disconnected: a
// buffered publish would be stored after its sender was told that it failed.
func ConnOptions(name string) []nats.Option {
	return []nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(20 * time.Millisecond),
		nats.ReconnectJitter(5*time.Millisecond, 50*time.Millisecond),
		nats.ReconnectBufSize(-1),
		nats.NoEcho(),
		// Every request has its own answer; the client prints the rest to stderr.
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}),
	}
}

// A publisher sends one message and returns the sequence at which it is stored.
type publisher interface {
	publish(ctx context.Context, m *nats.Msg) (seq uint64, err error)
}

// A wire is the publisher over a connection. Unlike jetstream.Publisher it never
// sends a message a second time by itself.
type wire struct {
	nc      *nats.Conn
	timeout time.Duration
}

func (w wire) publish(ctx context.Context, m *nats.Msg) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	resp, err := w.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return 0, err
	}
	var ack struct {
		Error  *jetstream.APIError `json:"error"`
		Stream string              `json:"stream"`
		Seq    uint64              `json:"seq"`
	}
	if err := json.Unmarshal(resp.Data, &ack); err != nil {
		return 0, fmt.Errorf("read answer of the store: %w", err)
	}
	if ack.Error != nil {
		return 0, ack.Error
	}
	if ack.Stream == "" || ack.Seq == 0 {
		return 0, errors.New("read answer of the store: it names no message")
	}
	return ack.Seq, nil
}

// An outcome says what is known of a message after an error.
type outcome int

const (
	outcomeUnknown outcome = iota // it may be stored, now or later
	outcomeNotSent                // it never reached a stream
	outcomeRefused                // the stream refused it
)

// Error codes of the server (its errors.json).
const (
	codeNoPeers       jetstream.ErrorCode = 10005 // not enough servers for the replicas
	codeNotAvailable  jetstream.ErrorCode = 10008 // the cluster has no leader
	codeStreamOffline jetstream.ErrorCode = 10118
	codeInsufficient  jetstream.ErrorCode = 10023 // the account's or the server's limit
	codeWrongLast     jetstream.ErrorCode = 10071 // the fence does not fit
	codeStoreFailed   jetstream.ErrorCode = 10077 // a limit of the stream, with the cause as text
	codeWrongLastBusy jetstream.ErrorCode = 10164 // the fence may not fit: others are in flight
	codeTooManyWaits  jetstream.ErrorCode = 10167 // the stream's queue is full
	codeIDInFlight    jetstream.ErrorCode = 10158 // an earlier try with this id is on its way
)

// codeOf returns the server's code in err, or 0.
func codeOf(err error) jetstream.ErrorCode {
	if api, ok := errors.AsType[*jetstream.APIError](err); ok {
		return api.ErrorCode
	}
	return 0
}

// outcomeOf says what err means for the message that was published.
func outcomeOf(err error) outcome {
	switch code := codeOf(err); {
	case code == codeTooManyWaits:
		return outcomeNotSent
	case code == codeIDInFlight:
		return outcomeUnknown
	case code != 0:
		return outcomeRefused
	case errors.Is(err, nats.ErrNoResponders),
		errors.Is(err, nats.ErrReconnectBufExceeded),
		errors.Is(err, nats.ErrConnectionReconnecting):
		return outcomeNotSent
	default:
		// Also a connection that was closed: it may have been in flight.
		return outcomeUnknown
	}
}

// refusal turns the server's refusal into an error for people.
func refusal(stream string, err error) error {
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return &WriteError{Stream: stream, Err: err}
	}
	full := api.ErrorCode == codeInsufficient ||
		api.ErrorCode == codeStoreFailed && api.Description == "maximum bytes exceeded"
	if full {
		return &FullError{Stream: stream, Err: err}
	}
	return &WriteError{Stream: stream, Err: err}
}

// wait waits for d, and reports whether it passed before ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// pause is how long to wait before try n, from 1: 10 ms to 1 s.
func pause(n int) time.Duration {
	return min(10*time.Millisecond<<min(n-1, 10), time.Second)
}
