package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/nats-io/nats.go/jetstream"
)

// A StalePositionError reports that a position was saved by another since this
// process loaded it: two processes read the same mailbox, and this one is to
// stop. Nothing was saved.
type StalePositionError struct{ Key string }

func (e *StalePositionError) Error() string {
	return fmt.Sprintf("save position %q: another reader took over and saved it since", e.Key)
}

// Hint says what to do.
func (e *StalePositionError) Hint() string {
	return "nothing, if it comes once after a process was paused or cut off: the other one reads on; if it comes again and again, two processes outside one cluster read the same mailbox"
}

// Fenced says that another writer is at work.
func (e *StalePositionError) Fenced() bool { return true }

// revisions are what positions were loaded or saved at last, by key: 0 where
// nothing was there.
type revisions struct {
	mu sync.Mutex
	at map[string]uint64
	// tried are values whose saving upon at was not answered: at most one of
	// them can stand.
	tried map[string][][]byte
}

// maxTried bounds the values that are remembered for one key.
const maxTried = 64

// try remembers that value may stand under key, now or soon.
func (r *revisions) try(key string, value []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tried == nil {
		r.tried = map[string][][]byte{}
	}
	all := r.tried[key]
	if slices.ContainsFunc(all, func(b []byte) bool { return bytes.Equal(b, value) }) {
		return
	}
	if len(all) == maxTried {
		all = slices.Delete(all, 0, 1)
	}
	r.tried[key] = append(all, bytes.Clone(value))
}

// ours reports whether value is one of those tried.
func (r *revisions) ours(key string, value []byte) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.tried[key], func(b []byte) bool { return bytes.Equal(b, value) })
}

func (r *revisions) get(key string) (uint64, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rev, ok := r.at[key]
	return rev, ok
}

func (r *revisions) set(key string, rev uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]uint64{}
	}
	if r.at[key] != rev {
		delete(r.tried, key) // nothing is stored upon the old one any more
	}
	r.at[key] = rev
}

// Load returns what was saved under key; nil and no error where nothing was. It
// reads from the leader. What is saved next under key is saved upon it.
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	value, rev, err := s.position(ctx, key)
	if err != nil {
		return nil, fmt.Errorf("load position %q: %w", key, err)
	}
	s.revisions.set(key, rev)
	return value, nil
}

// position returns what stands under key and its revision, 0 for nothing.
func (s *Store) position(ctx context.Context, key string) ([]byte, uint64, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	e, err := s.positions.Get(ctx, keyToken(key))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	return e.Value(), e.Revision(), nil
}

// Save keeps value under key, any non-empty text, if nobody else has saved
// another since this store loaded or saved it last; else it is a
// [StalePositionError]. Without a Load before it, it takes what stands there as
// loaded. It returns nil when the value would survive a crash. After any other
// error either the old value stands or the new one, and Save may be called
// again.
func (s *Store) Save(ctx context.Context, key string, value []byte) error {
	if err := s.spare(); err != nil {
		return fmt.Errorf("save position %q: %w", key, err)
	}
	if _, known := s.revisions.get(key); !known {
		if _, err := s.Load(ctx, key); err != nil {
			return fmt.Errorf("save position %q: %w", key, err)
		}
	}
	for {
		err := s.save(ctx, key, value)
		if err == nil {
			return nil
		}
		// The answer may have been lost, now or at an earlier call.
		stands, rev, again := s.position(ctx, key)
		switch known, _ := s.revisions.get(key); {
		case again == nil && bytes.Equal(stands, value):
			s.revisions.set(key, rev)
			return nil
		case again == nil && rev != known && s.revisions.ours(key, stands):
			s.revisions.set(key, rev)
			continue // upon our own
		case again == nil && rev != known:
			return &StalePositionError{Key: key}
		}
		s.revisions.try(key, value)
		return fmt.Errorf("save position %q: %w", key, err)
	}
}

// save tries once.
func (s *Store) save(ctx context.Context, key string, value []byte) error {
	ctx, cancel := s.request(ctx)
	defer cancel()
	known, _ := s.revisions.get(key)
	if s.hooks.Write != nil {
		s.hooks.Write("position", value, false)
	}
	var rev uint64
	var err error
	if known == 0 {
		rev, err = s.positions.Create(ctx, keyToken(key), value)
	} else {
		rev, err = s.positions.Update(ctx, keyToken(key), value, known)
	}
	if err == nil {
		s.revisions.set(key, rev)
		if s.hooks.Write != nil {
			s.hooks.Write("position", value, true)
		}
	}
	return err
}

// keyToken writes a key so that a bucket takes it: bytes other than letters,
// digits, - and _ and / become =XX.
func keyToken(key string) string {
	var b strings.Builder
	for i := range len(key) {
		switch c := key[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '/':
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}
