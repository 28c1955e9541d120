package incident

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"regexp"
	"time"
)

// A SourceName names a configured way in, for example "ost-mailbox". It
// matches [a-z0-9-]{1,40}.
type SourceName string

var sourceName = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

// Valid reports whether n may name a source, a tenant or a policy.
func (n SourceName) Valid() bool { return sourceName.MatchString(string(n)) }

// A Channel is the kind of road that a signal took.
type Channel string

// The channels.
const (
	ChannelEmail   Channel = "email"
	ChannelWebhook Channel = "webhook"
	ChannelSlack   Channel = "slack"
	ChannelManual  Channel = "manual"
)

// Channels lists every channel.
func Channels() []Channel {
	return []Channel{ChannelEmail, ChannelWebhook, ChannelSlack, ChannelManual}
}

// A SignalID is SHA-256(source name ‖ 0x00 ‖ raw bytes): the same bytes from
// the same source are the same signal, and no sender chooses it.
type SignalID [sha256.Size]byte

// NewSignalID returns the identity of raw as it came from source.
func NewSignalID(source SourceName, raw []byte) SignalID {
	h := sha256.New()
	h.Write([]byte(source))
	h.Write([]byte{0})
	h.Write(raw)
	return SignalID(h.Sum(nil))
}

// String returns the identity as 64 hexadecimal digits.
func (id SignalID) String() string { return hex.EncodeToString(id[:]) }

// ParseSignalID reads what String wrote.
func ParseSignalID(s string) (SignalID, error) {
	var id SignalID
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, fmt.Errorf("read signal id %q: want 64 hexadecimal digits", s)
	}
	copy(id[:], b)
	return id, nil
}

// Auth says how the transport authenticated the sender of a signal. It is a
// transport fact; what it means for the claims is the interpreter's to say.
type Auth string

// How a sender was authenticated.
const (
	AuthNone   Auth = "none"   // nothing was asked; only allowed on loopback
	AuthBearer Auth = "bearer" // a bearer token that we gave out
	AuthBasic  Auth = "basic"  // a user name and password that we gave out
	AuthHMAC   Auth = "hmac"   // a signature over the raw bytes
	AuthOwner  Auth = "owner"  // a person's own token; Author is its owner
	AuthMail   Auth = "mail"   // to be read from the mail's own headers
)

// A Signal is what arrived: the raw bytes and the transport's facts about
// them. It is immutable.
type Signal struct {
	ID       SignalID
	Source   SourceName
	Channel  Channel
	Received time.Time // when our process took it, UTC
	// Stamped is when the receiving system of the channel says that it had the
	// signal, for example IMAP INTERNALDATE. Zero where there is none.
	Stamped time.Time
	Auth    Auth
	// Author is the staff number of the credential's owner, for AuthOwner
	// only. It is never taken from what the sender wrote.
	Author string
	// Role is the role of Author when the signal was taken: desk or manager.
	Role Role
	// DKIM holds what our own verification of the mail's signatures gave, at most
	// MaxDKIM; empty where there is no signature or none was verified.
	DKIM []DKIMResult
	// Stub is the reason for which the raw bytes were replaced before they
	// were stored, or empty. Example: "marked_secret".
	Stub string
	Raw  []byte
}

// LogValue logs no byte that a person wrote.
func (s Signal) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("source_name", string(s.Source)),
		slog.String("channel", string(s.Channel)),
		slog.Time("received", s.Received),
		slog.Int("bytes", len(s.Raw)))
}

// A Pos is a place in the SIGNALS stream: the sequence of a frame, from 1, and
// the index of a signal in it, from 0. The zero Pos lies before every signal.
type Pos struct {
	Seq   uint64
	Index int
}

// Less reports whether p lies before q.
func (p Pos) Less(q Pos) bool {
	return p.Seq < q.Seq || p.Seq == q.Seq && p.Index < q.Index
}

// IsZero reports whether p lies before every signal.
func (p Pos) IsZero() bool { return p == Pos{} }

// String returns "seq/index".
func (p Pos) String() string { return fmt.Sprintf("%d/%d", p.Seq, p.Index) }

// MarshalJSON writes a position as [seq,index].
func (p Pos) MarshalJSON() ([]byte, error) {
	return fmt.Appendf(nil, "[%d,%d]", p.Seq, p.Index), nil
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (p *Pos) UnmarshalJSON(b []byte) error {
	var q Pos
	if n, err := fmt.Sscanf(string(b), "[%d,%d]", &q.Seq, &q.Index); err != nil || n != 2 {
		return fmt.Errorf("read position %q: want [sequence,index]", b)
	}
	*p = q
	return nil
}

// Stored is a signal with its place in the vault. Commit binds the record to
// the bytes without telling them: SHA-256(salt ‖ raw).
type Stored struct {
	Signal
	Pos    Pos
	Commit Digest
}

// A Digest is a SHA-256 value, or the first 16 bytes of an HMAC-SHA256 (see
// Mark). In the record it is unpadded base64url.
type Digest [sha256.Size]byte

// IsZero reports whether d is not set.
func (d Digest) IsZero() bool { return d == Digest{} }

// String returns d in unpadded base64url.
func (d Digest) String() string { return base64.RawURLEncoding.EncodeToString(d[:]) }

// MarshalText writes String.
func (d Digest) MarshalText() ([]byte, error) {
	return base64.RawURLEncoding.AppendEncode(nil, d[:]), nil
}

// UnmarshalText reads what MarshalText wrote.
func (d *Digest) UnmarshalText(b []byte) error {
	n, err := base64.RawURLEncoding.Strict().Decode(d[:], b)
	if err != nil || n != len(d) || len(b) != 43 {
		return fmt.Errorf("read digest %q: want 43 characters of base64url", b)
	}
	return nil
}

// A Receipt is the vault's answer to a signal that is safe: where it stands,
// and whether it was there before.
type Receipt struct {
	Pos    Pos
	Repeat bool
}
