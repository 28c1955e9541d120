package stream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
)

var errDigest = errors.New("its bytes do not have the digest that their signal names")

// putEvidence stores raw as an object and returns its reference once it is
// durable. The name is the signal's identity, so the same bytes are one object.
func (s *Store) putEvidence(ctx context.Context, id incident.SignalID, raw []byte) (*evidenceRef, error) {
	sum := sha256.Sum256(raw)
	ref := &evidenceRef{name: id.String(), length: int64(len(raw)), sha: sum}
	if room := s.hooks.Room; room != nil {
		if err := room(); err != nil {
			return nil, err
		}
	}
	// A chunk is 128 KiB and one request; a slow disk gets time for each.
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Timeout+s.cfg.Timeout*timesMiB(len(raw))/8)
	defer cancel()
	have, err := s.evidence.GetInfo(ctx, ref.name)
	if err == nil && have.Size == uint64(len(raw)) && have.Digest == "SHA-256="+base64.URLEncoding.EncodeToString(sum[:]) {
		if _, err := s.getEvidence(ctx, ref); err == nil {
			return ref, nil
		}
	}
	if _, err := s.evidence.Put(ctx, jetstream.ObjectMeta{Name: ref.name}, bytes.NewReader(raw)); err != nil {
		if outcomeOf(err) == outcomeRefused {
			return nil, refusal(s.names.evidence, err)
		}
		return nil, &UnavailableError{Stream: s.names.evidence, Unknown: true, Err: err}
	}
	return ref, nil
}

// getEvidence reads an object back and checks its digest.
func (s *Store) getEvidence(ctx context.Context, ref *evidenceRef) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*s.cfg.Timeout+s.cfg.Timeout*timesMiB(int(ref.length))/8)
	defer cancel()
	obj, err := s.evidence.Get(ctx, ref.name)
	if err != nil {
		return nil, err
	}
	defer obj.Close()
	info, err := obj.Info()
	if err != nil {
		return nil, err
	}
	if info.Size != uint64(ref.length) {
		return nil, fmt.Errorf("object %s of %d bytes, not %d: %w", ref.name, info.Size, ref.length, errDigest)
	}
	raw := make([]byte, ref.length)
	if _, err := io.ReadFull(obj, raw); err != nil {
		return nil, err
	}
	if got := incident.Digest(sha256.Sum256(raw)); got != ref.sha {
		return nil, fmt.Errorf("object %s: %w", ref.name, errDigest)
	}
	return raw, nil
}
