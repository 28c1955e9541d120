package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/internal/conf"
)

// A verifier decides whether a delivery is authentic. It says no more than yes
// or no: what a stranger did wrong is not told to them.
type verifier struct {
	kind AuthKind
	// accepted holds SHA-256(token), or SHA-256(username ‖ 0 ‖ password), of
	// every active secret: values of one length compare in constant time.
	accepted [][sha256.Size]byte
	sig      *signature
}

// The least length of a secret, in characters: shorter ones can be guessed.
const (
	minToken    = 16
	minPassword = 8
)

// newVerifier reads the secrets of a.
func newVerifier(a Auth) (*verifier, error) {
	v := &verifier{kind: a.Kind}
	switch a.Kind {
	case AuthBearer:
		tokens, err := secrets("token_file", a.TokenFile, minToken)
		for _, t := range tokens {
			v.accepted = append(v.accepted, sha256.Sum256([]byte(t)))
		}
		return v, err
	case AuthBasic:
		passwords, err := secrets("password_file", a.PasswordFile, minPassword)
		for _, p := range passwords {
			v.accepted = append(v.accepted, sha256.Sum256([]byte(a.Username+"\x00"+p)))
		}
		return v, err
	case AuthHMAC:
		keys, err := secrets("secret_file", a.SecretFile, minToken)
		if err != nil {
			return nil, err
		}
		v.sig, err = newSignature(a.HMAC.filled(), keys)
		return v, err
	case AuthNone:
		return v, nil
	default:
		return nil, fmt.Errorf("kind: unknown kind %q (have bearer, basic, hmac, none)", a.Kind)
	}
}

// secrets reads the active secrets in the file at path, one a line.
func secrets(field, path string, least int) ([]string, error) {
	s, err := conf.ReadSecret(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", field, err)
	}
	var all []string
	for line := range strings.Lines(s.Reveal()) {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if len(line) < least {
			return nil, fmt.Errorf("%s: %w", field, &WeakSecretError{Path: path, Line: len(all) + 1, Least: least})
		}
		all = append(all, line)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%s: read secret %s: holds only white space", field, path)
	}
	return all, nil
}

// A WeakSecretError says that a secret is too short to be one.
type WeakSecretError struct {
	Path  string
	Line  int // counts the secrets of the file, from 1
	Least int // characters
}

// Error names the file, never the secret.
func (e *WeakSecretError) Error() string {
	return fmt.Sprintf("read secret %s: number %d has fewer than %d characters", e.Path, e.Line, e.Least)
}

// Hint says how to make a good one.
func (e *WeakSecretError) Hint() string { return "openssl rand -hex 32 > " + e.Path }

// early reports whether r is authentic as far as its head tells: all there is
// to know, but for a signature. A body that a stranger sends is not even read.
func (v *verifier) early(r *http.Request) bool {
	switch v.kind {
	case AuthBearer:
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		return strings.EqualFold(scheme, "Bearer") && v.accepts(strings.TrimSpace(token))
	case AuthBasic:
		user, password, ok := r.BasicAuth()
		return ok && !strings.Contains(user, "\x00") && v.accepts(user+"\x00"+password)
	case AuthHMAC:
		return r.Header.Get(v.sig.header) != ""
	case AuthNone:
		return near(r)
	default:
		return false
	}
}

// accepts compares given with every active secret, whichever fits.
func (v *verifier) accepts(given string) bool {
	sum := sha256.Sum256([]byte(given))
	ok := 0
	for i := range v.accepted {
		ok |= subtle.ConstantTimeCompare(sum[:], v.accepted[i][:])
	}
	return ok == 1
}

// near reports whether r comes from a program on this machine: not through a
// proxy on it, and not from a page in somebody's browser, which can post to
// loopback too.
func near(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	if ip == nil || !ip.IsLoopback() {
		return false
	}
	for _, h := range [...]string{"Forwarded", "X-Forwarded-For", "X-Real-Ip", "Via", "Origin", "Sec-Fetch-Site"} {
		if _, has := r.Header[h]; has {
			return false
		}
	}
	return true
}

// signed reports whether body, received at now, is what the sender signed.
func (v *verifier) signed(r *http.Request, body []byte, now time.Time) bool {
	return v.kind != AuthHMAC || v.sig.verify(r.Header, body, now)
}

// A signature is an HMAC over a template.
type signature struct {
	header, prefix     string
	tsHeader, idHeader string
	unit               string
	tolerance          time.Duration
	base64             bool
	parts              []part
	keys               []*sync.Pool // of hash.Hash, one for each active key
}

// A part of a template is fixed text, or the place of a value.
type part struct {
	text string
	mark string // {ts}, {id} or {body}
}

func newSignature(h HMAC, keys []string) (*signature, error) {
	s := &signature{
		header: http.CanonicalHeaderKey(h.Header), prefix: h.Prefix,
		tsHeader: http.CanonicalHeaderKey(h.TSHeader), idHeader: http.CanonicalHeaderKey(h.IDHeader),
		unit: h.TSUnit, tolerance: h.Tolerance.D(), base64: h.Encoding == "base64",
		parts: split(h.Template),
	}
	for i, k := range keys {
		key := []byte(k)
		if b64, ok := strings.CutPrefix(k, "whsec_"); ok {
			var err error
			if key, err = base64.StdEncoding.DecodeString(b64); err != nil {
				return nil, fmt.Errorf("secret_file: secret number %d: is not base64 after whsec_", i+1)
			}
		}
		s.keys = append(s.keys, &sync.Pool{New: func() any { return hmac.New(sha256.New, key) }})
	}
	return s, nil
}

// split cuts a template at its marks.
func split(template string) []part {
	var parts []part
	for template != "" {
		at, mark := len(template), ""
		for _, m := range [...]string{"{ts}", "{id}", "{body}"} {
			if i := strings.Index(template, m); i >= 0 && i < at {
				at, mark = i, m
			}
		}
		if at > 0 {
			parts = append(parts, part{text: template[:at]})
		}
		if mark != "" {
			parts = append(parts, part{mark: mark})
		}
		template = template[at+len(mark):]
	}
	return parts
}

// maxSignatures bounds the signatures that are tried of one header.
const maxSignatures = 8

// verify reports whether one of the signatures in h is that of body under one
// of the active keys, and the stamp is fresh.
func (s *signature) verify(h http.Header, body []byte, now time.Time) bool {
	var given [maxSignatures][sha256.Size]byte
	n := s.given(h.Get(s.header), &given)
	ts, id := "", ""
	if s.idHeader != "" {
		id = h.Get(s.idHeader)
	}
	if s.tsHeader != "" {
		ts = h.Get(s.tsHeader)
		at, err := s.stamp(ts)
		if err != nil || now.Sub(at).Abs() > s.tolerance {
			return false
		}
	}
	ok := 0
	var sum [sha256.Size]byte
	for _, pool := range s.keys {
		mac, _ := pool.Get().(hash.Hash)
		mac.Reset()
		for _, p := range s.parts {
			switch p.mark {
			case "{body}":
				mac.Write(body)
			case "{ts}":
				mac.Write([]byte(ts))
			case "{id}":
				mac.Write([]byte(id))
			default:
				mac.Write([]byte(p.text))
			}
		}
		mac.Sum(sum[:0])
		pool.Put(mac)
		for i := range n {
			ok |= subtle.ConstantTimeCompare(sum[:], given[i][:])
		}
	}
	return ok == 1
}

// given reads the signatures in a header into out and returns how many.
func (s *signature) given(header string, out *[maxSignatures][sha256.Size]byte) int {
	n := 0
	// The prefix may contain a comma itself ("v1,"), so it is cut off first.
	for field := range strings.SplitSeq(header, " ") {
		field, ok := strings.CutPrefix(strings.TrimRight(field, ","), s.prefix)
		if !ok {
			continue
		}
		for one := range strings.SplitSeq(field, ",") {
			if n == maxSignatures {
				return n
			}
			if s.decode(strings.TrimPrefix(one, s.prefix), &out[n]) {
				n++
			}
		}
	}
	return n
}

func (s *signature) decode(text string, out *[sha256.Size]byte) bool {
	if s.base64 {
		text = strings.TrimRight(text, "=")
		if len(text) != base64.RawStdEncoding.EncodedLen(len(out)) {
			return false
		}
		n, err := base64.RawStdEncoding.Decode(out[:], []byte(text))
		return err == nil && n == len(out)
	}
	if len(text) != hex.EncodedLen(len(out)) {
		return false
	}
	n, err := hex.Decode(out[:], []byte(text))
	return err == nil && n == len(out)
}

// stamp reads the delivery stamp.
func (s *signature) stamp(text string) (time.Time, error) {
	if s.unit == "rfc3339" {
		return time.Parse(time.RFC3339, text)
	}
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return time.Time{}, err
	case n < 0:
		return time.Time{}, errors.New("before 1970")
	case s.unit == "ms":
		return time.UnixMilli(n), nil
	default:
		return time.Unix(n, 0), nil
	}
}
