package incident

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"strings"
	"sync"
	"time"
)

// A KeyKind says what two signals of one incident share.
type KeyKind string

// The kinds of key. What is strong and what is weak is rules.md section 7.
const (
	KeyMail        KeyKind = "mail_id"       // a mail's Message-ID, In-Reply-To, References
	KeySlack       KeyKind = "slack_thread"  // team, channel and thread of a post
	KeyOwn         KeyKind = "own_reference" // our reference; kept in the clear
	KeyFingerprint KeyKind = "fingerprint"   // an alert's fingerprint with its start
	KeyFinding     KeyKind = "finding"       // a vendor's own id of a finding
	KeyTicket      KeyKind = "ticket"        // a reference of a ticket system
	KeyAttachment  KeyKind = "attachment"    // SHA-256 of an attachment of a reported mail
	KeyLink        KeyKind = "link"          // host and path of a link in a reported mail
)

// KeyKinds lists every kind of key.
func KeyKinds() []KeyKind {
	return []KeyKind{KeyMail, KeySlack, KeyOwn, KeyFingerprint, KeyFinding, KeyTicket, KeyAttachment, KeyLink}
}

// DefaultGap is the longest silence in receipt time over which a key still
// joins two signals (rules.md section 7).
const DefaultGap = 14 * 24 * time.Hour

// Gap returns the longest silence over which a key of kind k joins. A person
// who writes our own reference means that incident, however long ago: there
// the gap is unbounded and 0 is returned.
func (k KeyKind) Gap() time.Duration {
	if k == KeyOwn {
		return 0
	}
	return DefaultGap
}

// MaxKeys bounds the keys of one part of a signal, so that a step is bounded.
const MaxKeys = 64

// A Key is something that two signals of one incident share, as an interpreter
// reads it. Strong keys join; weak keys only suggest a link.
type Key struct {
	Kind  KeyKind
	Value string
	Weak  bool
}

// A Mark is the first 16 bytes of an HMAC-SHA256 under the tenant's pepper:
// equal for equal values, and telling nothing of them without the pepper.
type Mark [16]byte

// IsZero reports whether m is not set.
func (m Mark) IsZero() bool { return m == Mark{} }

// String returns m in unpadded base64url, 22 characters.
func (m Mark) String() string { return base64.RawURLEncoding.EncodeToString(m[:]) }

// MarshalText writes String.
func (m Mark) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, m[:]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (m *Mark) UnmarshalText(b []byte) error {
	n, err := base64.RawURLEncoding.Strict().Decode(m[:], b)
	if err != nil || n != len(m) || len(b) != 22 {
		return fmt.Errorf("read mark %q: want 22 characters of base64url", b)
	}
	return nil
}

// A SealedKey is a key as the record holds it. Own references are kept in the
// clear in Ref: they stand in the record anyway and name no person.
type SealedKey struct {
	Kind KeyKind `json:"k"`
	Mark Mark    `json:"m,omitzero"`
	Ref  Ref     `json:"ref,omitempty"`
	Weak bool    `json:"weak,omitempty"`
}

// A Pepper turns values that could name a person into marks. It lives outside
// the store and its backups; with another pepper nothing joins any more.
type Pepper struct {
	// macs are keyed and used again: to key one costs more than to use it, and
	// a signal takes several.
	macs *sync.Pool
}

// MinPepper is the least length of a pepper in bytes.
const MinPepper = 32

// NewPepper returns a Pepper of at least MinPepper secret bytes.
func NewPepper(secret []byte) (Pepper, error) {
	if len(secret) < MinPepper {
		return Pepper{}, fmt.Errorf("read pepper: %d bytes, want at least %d", len(secret), MinPepper)
	}
	secret = append([]byte(nil), secret...)
	return Pepper{macs: &sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}}, nil
}

func (p Pepper) mark(domain string, parts ...string) Mark {
	h := p.macs.Get().(hash.Hash)
	defer p.macs.Put(h)
	h.Reset()
	h.Write([]byte(domain))
	for _, s := range parts {
		h.Write([]byte{0})
		h.Write([]byte(s))
	}
	var sum [sha256.Size]byte
	return Mark(h.Sum(sum[:0])[:16])
}

// Key seals k.
func (p Pepper) Key(k Key) SealedKey {
	if k.Kind == KeyOwn {
		return SealedKey{Kind: k.Kind, Ref: Ref(strings.ToLower(k.Value)), Weak: k.Weak}
	}
	return SealedKey{Kind: k.Kind, Mark: p.mark("key", string(k.Kind), k.Value), Weak: k.Weak}
}

// Signal seals a signal's identity.
func (p Pepper) Signal(id SignalID) Mark { return p.mark("signal", string(id[:])) }

// Observer seals who or what observed something, for example a mail address.
// Letter case does not matter.
func (p Pepper) Observer(name string) Mark {
	if name == "" {
		return Mark{}
	}
	return p.mark("observer", strings.ToLower(name))
}

// Check returns a value by which a store knows its pepper again.
func (p Pepper) Check() Mark { return p.mark("check") }
