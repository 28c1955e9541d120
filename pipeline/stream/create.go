package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Made says what [Create] did to a stream.
type Made struct {
	Stream string `json:"stream"`
	Did    string `json:"did"` // created, changed or nothing
}

// Create makes the streams of cfg's tenant that are missing, and gives those
// that are there more room, more replicas and the settings that only make them
// safer. Anything else is a [SettingsError]. It needs a user that may create and
// update streams, which no part of the program is. It waits up to half a minute
// for a cluster that has not settled.
func Create(ctx context.Context, nc *nats.Conn, cfg Config) ([]Made, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("create streams: %w", err)
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(cfg.Timeout))
	if err != nil {
		return nil, fmt.Errorf("create streams: %w", err)
	}
	b := builder{js: js, cfg: cfg, make: true}
	var all []Made
	var errs []error
	for _, want := range wanted(cfg) {
		_, did, err := b.open(ctx, want)
		if err == nil {
			all = append(all, Made{want.Name, did})
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return all, fmt.Errorf("create streams: %w", err)
	}
	return all, nil
}

// A MissingError reports a stream that is not there and that we may not make.
type MissingError struct{ Stream string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("open stream %s: it is not there", e.Stream)
}

// Hint says what to do.
func (e *MissingError) Hint() string {
	return "run promptness init with the operator's credentials, once; if the streams were there before, do not: look first who removed them"
}

// A builder finds streams, and makes them where it may.
type builder struct {
	js   jetstream.JetStream
	cfg  Config
	make bool
}

// settleWithin is how long a cluster may take to have a leader for a stream.
const settleWithin = 30 * time.Second

// open returns the stream once it has a leader, and what was done to it.
func (b builder) open(ctx context.Context, want jetstream.StreamConfig) (st jetstream.Stream, did string, err error) {
	ctx, cancel := context.WithTimeout(ctx, settleWithin)
	defer cancel()
	did = "nothing"
	for try := 1; ; try++ {
		st, err = b.find(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			if !b.make {
				return nil, "", &MissingError{Stream: want.Name}
			}
			if st, err = b.create(ctx, want); err == nil {
				did = "created"
			}
		}
		if err == nil {
			if err = led(st); err == nil {
				break
			}
		}
		if !unsettled(err) || !wait(ctx, 10*pause(try)) {
			return nil, "", fmt.Errorf("open stream %s: %w", want.Name, err)
		}
	}
	settled, err := b.settle(ctx, st, want)
	if err == nil && settled != st {
		did = "changed"
	}
	return settled, did, err
}

func (b builder) find(ctx context.Context, name string) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	return b.js.Stream(ctx, name)
}

func (b builder) create(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	return b.js.CreateStream(ctx, want)
}

var errNoLeader = errors.New("it has no leader")

// led returns an error where the stream is in a cluster and nobody leads it.
func led(st jetstream.Stream) error {
	if c := st.CachedInfo().Cluster; c != nil && c.Leader == "" {
		return errNoLeader
	}
	return nil
}

// unsettled reports whether err can go away by itself in a cluster that has
// just started.
func unsettled(err error) bool {
	switch codeOf(err) {
	case codeNotAvailable, codeNoPeers, codeStreamOffline:
		return true
	case 0:
		return errors.Is(err, errNoLeader) || errors.Is(err, context.DeadlineExceeded) ||
			errors.Is(err, nats.ErrTimeout) || errors.Is(err, nats.ErrNoResponders) ||
			errors.Is(err, nats.ErrConnectionReconnecting) || errors.Is(err, nats.ErrDisconnected)
	default:
		return false
	}
}

// settle returns st when it is as wanted. Where it may, it first gives more room
// and more replicas, and takes away what an earlier version allowed and nothing
// uses: that loses nothing, and an operator who needs it is in a hurry.
func (b builder) settle(ctx context.Context, st jetstream.Stream, want jetstream.StreamConfig) (jetstream.Stream, error) {
	have := st.CachedInfo().Config
	better := have
	if b.make {
		better = safer(have, want)
	}
	if p := differences(better, want); len(p) > 0 {
		return nil, &SettingsError{Stream: want.Name, Problems: p}
	}
	if len(differences(have, better)) == 0 {
		return st, nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.cfg.Timeout)
	defer cancel()
	st, err := b.js.UpdateStream(ctx, better)
	if err != nil {
		return nil, fmt.Errorf("change stream %s: %w", want.Name, err)
	}
	return st, nil
}

// safer returns have with what can be changed towards want without a loss.
func safer(have, want jetstream.StreamConfig) jetstream.StreamConfig {
	if have.MaxBytes > 0 && want.MaxBytes > have.MaxBytes {
		have.MaxBytes = want.MaxBytes
	}
	have.Replicas = max(have.Replicas, want.Replicas)
	// Earlier versions left these open; nothing of ours ever used them. What the
	// record was always made with is not mended here: where it is missing, that
	// is somebody's doing, and what it protects may be gone already.
	switch bucket := want.MaxMsgSize < 0; {
	case bucket:
		have.DenyDelete = have.DenyDelete || want.DenyDelete
		have.DenyPurge = have.DenyPurge || want.DenyPurge
		have.AllowRollup = have.AllowRollup && want.AllowRollup
		have.AllowDirect = have.AllowDirect && want.AllowDirect
	case !want.DenyDelete: // the vault
		have.DenyPurge = have.DenyPurge || want.DenyPurge
	}
	return have
}
