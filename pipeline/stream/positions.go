package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/nats-io/nats.go/jetstream"
)

// Load returns what was saved under key; nil and no error where nothing was. In
// a cluster it may be what was saved before the last time: a position is saved
// after Put, so an old one reads signals again, and Put knows them.
func (s *Store) Load(ctx context.Context, key string) ([]byte, error) {
	ctx, cancel := s.request(ctx)
	defer cancel()
	e, err := s.positions.Get(ctx, keyToken(key))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("load position %q: %w", key, err)
	}
	return e.Value(), nil
}

// Save keeps value under key, any non-empty text. It returns nil when the value
// would survive a crash.
func (s *Store) Save(ctx context.Context, key string, value []byte) error {
	ctx, cancel := s.request(ctx)
	defer cancel()
	if s.hooks.Write != nil {
		s.hooks.Write("position", value, false)
	}
	if _, err := s.positions.Put(ctx, keyToken(key), value); err != nil {
		return fmt.Errorf("save position %q: %w", key, err)
	}
	if s.hooks.Write != nil {
		s.hooks.Write("position", value, true)
	}
	return nil
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
