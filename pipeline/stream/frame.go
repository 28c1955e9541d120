package stream

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

const (
	// MaxFrameBytes bounds a frame, lines and raw bytes together.
	MaxFrameBytes = 512 << 10
	// MaxFrameSignals bounds the signals of a frame.
	MaxFrameSignals = 500
	// MaxInline is the most raw bytes that stand in a frame; more are an object
	// of EVIDENCE. It leaves room for the line of the longest author.
	MaxInline = MaxFrameBytes - 4<<10

	// A line is version 2 if it has the field dkim, which a reader of version 1
	// would take for damage, else version 1 as ever.
	frameVersion     = 1
	frameVersionDKIM = 2
	saltBytes        = 32
	maxAuthor        = 256 // bytes of author and stub, each
	replacesField    = "Replaces"
)

// A frameSignal is one signal of a frame. Raw aliases the frame, and is nil when
// the bytes are evidence.
type frameSignal struct {
	incident.Signal
	salt     [saltBytes]byte
	index    int // in the frame that was replaced, else -1
	evidence *evidenceRef
}

// An evidenceRef names the object that holds the raw bytes.
type evidenceRef struct {
	name   string
	length int64
	sha    incident.Digest
}

// commitment returns SHA-256(salt ‖ raw).
func commitment(salt [saltBytes]byte, raw []byte) incident.Digest {
	h := sha256.New()
	h.Write(salt[:])
	h.Write(raw)
	return incident.Digest(h.Sum(nil))
}

// newSalt returns 32 random bytes: without them a commitment to a short or
// guessable text could be opened by guessing.
func newSalt() (s [saltBytes]byte) {
	rand.Read(s[:]) // never fails: the program ends if the system has no randomness
	return s
}

// check reports what cannot be written of s, before anything is.
func (s *frameSignal) check() error {
	switch {
	case !s.Source.Valid():
		return fmt.Errorf("source name %q: must match [a-z0-9-]{1,40}", s.Source)
	case !knownChannel(s.Channel):
		return fmt.Errorf("channel %q is not known", s.Channel)
	case !knownAuth(s.Auth):
		return fmt.Errorf("authentication %q is not known", s.Auth)
	case !knownRole(s.Role):
		return fmt.Errorf("role %q is not known", s.Role)
	case len(s.Author) > maxAuthor || !plain(s.Author):
		return fmt.Errorf("author: must be at most %d printable ASCII characters without quote and backslash", maxAuthor)
	case len(s.Stub) > maxAuthor || !plain(s.Stub):
		return fmt.Errorf("stub: must be at most %d printable ASCII characters without quote and backslash", maxAuthor)
	case len(s.DKIM) > incident.MaxDKIM:
		return fmt.Errorf("dkim: at most %d results", incident.MaxDKIM)
	case !writableDKIM(s.DKIM):
		return errors.New("dkim: a result or a name in it is not known")
	case !writable(s.Received):
		return fmt.Errorf("received time %s: outside of the years 1 to 9999", s.Received)
	case !s.Stamped.IsZero() && !writable(s.Stamped):
		return fmt.Errorf("stamped time %s: outside of the years 1 to 9999", s.Stamped)
	default:
		return nil
	}
}

func writableDKIM(all []incident.DKIMResult) bool {
	return !slices.ContainsFunc(all, func(r incident.DKIMResult) bool { return !r.Valid() })
}

func knownChannel(c incident.Channel) bool {
	switch c {
	case incident.ChannelEmail, incident.ChannelWebhook, incident.ChannelSlack, incident.ChannelManual:
		return true
	default:
		return false
	}
}

func knownAuth(a incident.Auth) bool {
	switch a {
	case incident.AuthNone, incident.AuthBearer, incident.AuthBasic, incident.AuthHMAC, incident.AuthOwner, incident.AuthMail:
		return true
	default:
		return false
	}
}

func knownRole(r incident.Role) bool {
	switch r {
	case "", incident.RoleDesk, incident.RoleManager:
		return true
	default:
		return false
	}
}

// plain reports whether s stands in JSON as it is.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// writable reports whether RFC 3339 can hold t.
func writable(t time.Time) bool {
	y := t.UTC().Year()
	return !t.IsZero() && y >= 1 && y <= 9999
}

// appendSignal appends s as it stands in a frame: line, newline, raw, newline.
func appendSignal(b []byte, s *frameSignal) []byte {
	b = appendLine(b, s)
	b = append(b, '\n')
	if s.evidence == nil {
		b = append(b, s.Raw...)
	}
	return append(b, '\n')
}

// appendLine appends the line of s. The order of its fields is the format.
func appendLine(b []byte, s *frameSignal) []byte {
	if len(s.DKIM) > 0 {
		b = append(b, `{"v":2`...)
	} else {
		b = append(b, `{"v":1`...)
	}
	if s.index >= 0 {
		b = append(b, `,"index":`...)
		b = strconv.AppendInt(b, int64(s.index), 10)
	}
	b = append(b, `,"id":"`...)
	b = hex.AppendEncode(b, s.ID[:])
	b = append(b, `","source":"`...)
	b = append(b, s.Source...)
	b = append(b, `","channel":"`...)
	b = append(b, s.Channel...)
	b = append(b, `","time":"`...)
	b = s.Received.UTC().AppendFormat(b, time.RFC3339Nano)
	if !s.Stamped.IsZero() {
		b = append(b, `","stamped":"`...)
		b = s.Stamped.UTC().AppendFormat(b, time.RFC3339Nano)
	}
	b = append(b, `","auth":"`...)
	b = append(b, s.Auth...)
	if s.Author != "" {
		b = append(b, `","author":"`...)
		b = append(b, s.Author...)
	}
	if s.Role != "" {
		b = append(b, `","role":"`...)
		b = append(b, s.Role...)
	}
	if s.Stub != "" {
		b = append(b, `","stub":"`...)
		b = append(b, s.Stub...)
	}
	b = append(b, '"')
	b = appendDKIM(b, s.DKIM)
	b = append(b, `,"salt":"`...)
	b = base64.RawURLEncoding.AppendEncode(b, s.salt[:])
	b = append(b, `","len":`...)
	if s.evidence == nil {
		b = strconv.AppendInt(b, int64(len(s.Raw)), 10)
		return append(b, '}')
	}
	b = append(b, `0,"evidence":{"name":"`...)
	b = append(b, s.evidence.name...)
	b = append(b, `","len":`...)
	b = strconv.AppendInt(b, s.evidence.length, 10)
	b = append(b, `,"sha256":"`...)
	b = base64.RawURLEncoding.AppendEncode(b, s.evidence.sha[:])
	return append(b, `"}}`...)
}

// appendDKIM appends the field dkim, unless it is empty.
func appendDKIM(b []byte, all []incident.DKIMResult) []byte {
	for i, r := range all {
		if i == 0 {
			b = append(b, `,"dkim":[{"d":"`...)
		} else {
			b = append(b, `,{"d":"`...)
		}
		b = append(b, r.Domain...)
		b = append(b, `","s":"`...)
		b = append(b, r.Selector...)
		b = append(b, `","r":"`...)
		b = append(b, r.Result...)
		b = append(b, `"}`...)
	}
	if len(all) > 0 {
		b = append(b, ']')
	}
	return b
}

var errFrameTooLarge = errors.New("frame is larger than 512 KiB")

// decodeFrame reads a frame whole. replaced says that it has the header
// Replaces. It does not check that id and raw bytes belong together.
func decodeFrame(b []byte, replaced bool) ([]frameSignal, error) {
	if len(b) > MaxFrameBytes {
		return nil, errFrameTooLarge
	}
	if len(b) == 0 {
		return nil, errors.New("frame is empty")
	}
	signals := make([]frameSignal, 0, 1+len(b)/2048)
	var again []byte // scratch: a line must be exactly what we write
	for len(b) > 0 {
		if len(signals) == MaxFrameSignals {
			return nil, fmt.Errorf("frame holds more than %d signals", MaxFrameSignals)
		}
		signals = append(signals, frameSignal{})
		s := &signals[len(signals)-1]
		line, length, rest, err := decodeSignal(b, s)
		if err != nil {
			return nil, fmt.Errorf("signal %d: %w", len(signals)-1, err)
		}
		if (s.index >= 0) != replaced {
			return nil, fmt.Errorf("signal %d: field index is for frames that replace another, and for each signal of them", len(signals)-1)
		}
		if s.evidence != nil && length != 0 {
			return nil, fmt.Errorf("signal %d: evidence and %d raw bytes", len(signals)-1, length)
		}
		if again = appendLine(again[:0], s); string(again) != string(line) {
			return nil, fmt.Errorf("signal %d: line is not in the canonical form", len(signals)-1)
		}
		b = rest
	}
	return signals, nil
}

// decodeSignal reads the first signal of b into s and returns its line, the
// length that it gives, and what follows.
func decodeSignal(b []byte, s *frameSignal) (line []byte, length int, rest []byte, err error) {
	p := lineParser{b: b}
	s.index = -1
	p.want(`{"v":`)
	if v := p.number(); p.err == nil && v != frameVersion && v != frameVersionDKIM {
		return nil, 0, nil, fmt.Errorf("frame version %d is not known: written by a newer release", v)
	}
	if p.has(`,"index":`) {
		s.index = int(min(p.number(), MaxFrameSignals))
	}
	p.want(`,"id":"`)
	p.hex(s.ID[:])
	p.want(`,"source":"`)
	s.Source = incident.SourceName(p.text())
	p.want(`,"channel":"`)
	s.Channel = incident.Channel(p.text())
	p.want(`,"time":"`)
	s.Received = p.time()
	if p.has(`,"stamped":"`) {
		s.Stamped = p.time()
	}
	p.want(`,"auth":"`)
	s.Auth = incident.Auth(p.text())
	if p.has(`,"author":"`) {
		s.Author = p.text()
	}
	if p.has(`,"role":"`) {
		s.Role = incident.Role(p.text())
	}
	if p.has(`,"stub":"`) {
		s.Stub = p.text()
	}
	s.DKIM = p.dkim()
	p.want(`,"salt":"`)
	p.base64(s.salt[:])
	p.want(`,"len":`)
	length = int(min(p.number(), MaxFrameBytes+1))
	if p.has(`,"evidence":{"name":"`) {
		s.evidence = &evidenceRef{}
		s.evidence.name = p.text()
		p.want(`,"len":`)
		s.evidence.length = p.number()
		p.want(`,"sha256":"`)
		p.base64(s.evidence.sha[:])
		p.want(`}`)
	}
	p.want(`}`)
	line = b[:p.at]
	p.want("\n")
	if p.err != nil {
		return nil, 0, nil, p.err
	}
	if err := s.check(); err != nil {
		return nil, 0, nil, err
	}
	rest = b[p.at:]
	if length >= len(rest) || rest[length] != '\n' {
		return nil, 0, nil, fmt.Errorf("raw bytes: want %d and a newline, %d bytes are left", length, len(rest))
	}
	if s.evidence == nil {
		s.Raw = rest[:length:length]
	}
	return line, length, rest[length+1:], nil
}

// verify reports whether raw is what s was stored with, and returns the
// commitment to it.
func (s *frameSignal) verify(raw []byte) (incident.Digest, error) {
	if got := incident.NewSignalID(s.Source, raw); got != s.ID {
		return incident.Digest{}, errors.New("raw bytes do not have the id of their line")
	}
	return commitment(s.salt, raw), nil
}

// A lineParser reads a line from left to right and keeps its first error.
type lineParser struct {
	b   []byte
	at  int
	err error
}

func (p *lineParser) fail(what string) {
	if p.err == nil {
		p.err = fmt.Errorf("byte %d: want %s", p.at, what)
	}
}

func (p *lineParser) has(s string) bool {
	if p.err != nil || len(p.b)-p.at < len(s) || string(p.b[p.at:p.at+len(s)]) != s {
		return false
	}
	p.at += len(s)
	return true
}

func (p *lineParser) want(s string) {
	if !p.has(s) {
		p.fail(s)
	}
}

// bytes returns what stands before the next quote, and steps over it.
func (p *lineParser) bytes() []byte {
	if p.err != nil {
		return nil
	}
	for i := p.at; i < len(p.b) && i-p.at <= 2*maxAuthor; i++ {
		switch c := p.b[i]; {
		case c == '"':
			got := p.b[p.at:i]
			p.at = i + 1
			return got
		case c < ' ' || c > '~' || c == '\\':
			p.fail("printable ASCII")
			return nil
		}
	}
	p.fail("a closing quote")
	return nil
}

func (p *lineParser) text() string { return string(p.bytes()) }

func (p *lineParser) hex(dst []byte) {
	if src := p.bytes(); len(src) != hex.EncodedLen(len(dst)) {
		p.fail("hexadecimal digits")
	} else if _, err := hex.Decode(dst, src); err != nil {
		p.fail("hexadecimal digits")
	}
}

func (p *lineParser) base64(dst []byte) {
	if src := p.bytes(); len(src) != base64.RawURLEncoding.EncodedLen(len(dst)) {
		p.fail("base64url")
	} else if _, err := base64.RawURLEncoding.Strict().Decode(dst, src); err != nil {
		p.fail("base64url")
	}
}

func (p *lineParser) time() time.Time {
	var t time.Time
	if err := t.UnmarshalText(p.bytes()); err != nil {
		p.fail("a time")
		return time.Time{}
	}
	return t.UTC()
}

// dkim reads the field dkim if it stands there.
func (p *lineParser) dkim() (all []incident.DKIMResult) {
	if !p.has(`,"dkim":[{"d":"`) {
		return nil
	}
	for p.err == nil {
		var r incident.DKIMResult
		r.Domain = p.text()
		p.want(`,"s":"`)
		r.Selector = p.text()
		p.want(`,"r":"`)
		r.Result = incident.DKIM(p.text())
		p.want(`}`)
		if all = append(all, r); len(all) > incident.MaxDKIM {
			p.fail("fewer results")
		}
		if !p.has(`,{"d":"`) {
			break
		}
	}
	p.want(`]`)
	return all
}

func (p *lineParser) number() int64 {
	start := p.at
	var n int64
	for p.err == nil && p.at < len(p.b) && p.at-start < 18 && p.b[p.at] >= '0' && p.b[p.at] <= '9' {
		n = n*10 + int64(p.b[p.at]-'0')
		p.at++
	}
	if p.at == start {
		p.fail("a number")
	}
	return n
}
