package stream

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// chunkBytes is the size of the messages that hold an object, as the client's
// object store has it.
const chunkBytes = 128 << 10

var errDigest = errors.New("its bytes do not have the digest that their signal names")

// objects writes and reads objects of one object store, in the form of the
// client's (jetstream.ObjectStore and the nats command read them). Not the
// client's own Put and Get: Put removes the chunks of an object before it, by a
// purge and a rollup, and no service may remove anything from the store; Get
// makes a consumer that pushes, and waits for a chunk that is lost.
type objects struct {
	store  *Store
	stream jetstream.Stream
	bucket string
	pub    publisher
}

// put stores what r holds under name and returns when it is durable. What an
// earlier put of that name left stays, and is not found any more. ctx ends it;
// every request has its own deadline.
func (o objects) put(ctx context.Context, name string, r io.Reader) error {
	info := jetstream.ObjectInfo{
		ObjectMeta: jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunkBytes}},
		Bucket:     o.bucket, NUID: nuid.Next(),
	}
	sum, chunk := sha256.New(), make([]byte, chunkBytes)
	for {
		n, err := io.ReadFull(r, chunk)
		if n > 0 {
			if _, err := o.pub.publish(ctx, &nats.Msg{Subject: o.chunkSubject(info.NUID), Data: chunk[:n]}); err != nil {
				return err
			}
			sum.Write(chunk[:n])
			info.Chunks, info.Size = info.Chunks+1, info.Size+uint64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return err
		}
	}
	info.Digest = digestText([sha256.Size]byte(sum.Sum(nil)))
	// The name comes last: an object that is found has all its chunks.
	data, err := json.Marshal(&info)
	if err != nil {
		return err
	}
	_, err = o.pub.publish(ctx, &nats.Msg{Subject: o.metaSubject(name), Data: data})
	return err
}

// info returns what was put under name last; jetstream.ErrObjectNotFound where
// there is nothing.
func (o objects) info(ctx context.Context, name string) (jetstream.ObjectInfo, error) {
	ctx, cancel := o.store.request(ctx)
	defer cancel()
	var info jetstream.ObjectInfo
	m, err := o.stream.GetLastMsgForSubject(ctx, o.metaSubject(name))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return info, jetstream.ErrObjectNotFound
	}
	if err != nil {
		return info, err
	}
	if err := json.Unmarshal(m.Data, &info); err != nil {
		return info, fmt.Errorf("object %s: %w", name, errDigest)
	}
	return info, nil
}

// get reads length bytes of the object back. The caller checks their digest.
func (o objects) get(ctx context.Context, name string, length int64) ([]byte, error) {
	info, err := o.info(ctx, name)
	if err != nil {
		return nil, err
	}
	if info.Size != uint64(length) || info.Deleted {
		return nil, fmt.Errorf("object %s of %d bytes, not %d: %w", name, info.Size, length, errDigest)
	}
	raw := make([]byte, 0, length)
	subject := o.chunkSubject(info.NUID)
	for seq := uint64(0); int64(len(raw)) < length; {
		m, err := o.chunk(ctx, seq+1, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, fmt.Errorf("object %s ends after %d bytes, not %d: %w", name, len(raw), length, errDigest)
		}
		if err != nil {
			return nil, err
		}
		if int64(len(raw)+len(m.Data)) > length || len(m.Data) == 0 {
			return nil, fmt.Errorf("object %s: %w", name, errDigest)
		}
		raw, seq = append(raw, m.Data...), m.Sequence
	}
	return raw, nil
}

// names returns the names of all objects, also of those that were deleted, in
// their order. Not the client's List: its consumer pushes, and what an account
// pushes reaches no user of another.
func (o objects) names(ctx context.Context) ([]string, error) {
	prefix := "$O." + o.bucket + ".M."
	seen := map[string]bool{}
	for seq := uint64(0); ; {
		m, err := o.chunk(ctx, seq+1, prefix+">")
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return slices.Sorted(maps.Keys(seen)), nil
		}
		if err != nil {
			return nil, err
		}
		seq = m.Sequence
		name, err := base64.URLEncoding.DecodeString(strings.TrimPrefix(m.Subject, prefix))
		if err != nil {
			return nil, fmt.Errorf("message %d is of no object: %w", seq, err)
		}
		seen[string(name)] = true
	}
}

// chunk returns the first message of subject at or after seq, from the leader.
// To ask again changes nothing, so it asks once more where no answer came.
func (o objects) chunk(ctx context.Context, seq uint64, subject string) (m *jetstream.RawStreamMsg, err error) {
	for range 2 {
		within, cancel := o.store.request(ctx)
		m, err = o.stream.GetMsg(within, seq, jetstream.WithGetMsgSubject(subject))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
			break
		}
	}
	return m, err
}

func (o objects) chunkSubject(id string) string { return "$O." + o.bucket + ".C." + id }

func (o objects) metaSubject(name string) string {
	return "$O." + o.bucket + ".M." + base64.URLEncoding.EncodeToString([]byte(name))
}

func digestText(sum [sha256.Size]byte) string {
	return "SHA-256=" + base64.URLEncoding.EncodeToString(sum[:])
}

// putEvidence stores raw as an object and returns its reference once it is
// durable. The name is the signal's identity, so the same bytes are one object.
func (s *Store) putEvidence(ctx context.Context, id incident.SignalID, raw []byte) (*evidenceRef, error) {
	sum := sha256.Sum256(raw)
	ref := &evidenceRef{name: id.String(), length: int64(len(raw)), sha: sum}
	if err := s.room(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, s.evidenceTime(len(raw)))
	defer cancel()
	have, err := s.objects.info(ctx, ref.name)
	if err == nil && have.Size == uint64(len(raw)) && have.Digest == digestText(sum) {
		if _, err := s.getEvidence(ctx, ref); err == nil {
			return ref, nil
		}
	}
	if err := s.objects.put(ctx, ref.name, &roomReader{r: bytes.NewReader(raw), room: s.room}); err != nil {
		if errors.Is(err, ErrFull) {
			return nil, err
		}
		if outcomeOf(err) == outcomeRefused {
			return nil, refusal(s.names.evidence, err)
		}
		return nil, &UnavailableError{Stream: s.names.evidence, Unknown: true, Err: err}
	}
	return ref, nil
}

// getEvidence reads an object back and checks its digest.
func (s *Store) getEvidence(ctx context.Context, ref *evidenceRef) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, s.evidenceTime(int(ref.length)))
	defer cancel()
	raw, err := s.objects.get(ctx, ref.name, ref.length)
	if err != nil {
		return nil, err
	}
	if got := incident.Digest(sha256.Sum256(raw)); got != ref.sha {
		return nil, fmt.Errorf("object %s: %w", ref.name, errDigest)
	}
	return raw, nil
}

// evidenceTime is how long n bytes of evidence may take. A chunk is one request;
// a slow disk gets time for each.
func (s *Store) evidenceTime(n int) time.Duration {
	return 4*s.cfg.Timeout + s.cfg.Timeout*timesMiB(n)/8
}
