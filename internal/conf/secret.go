package conf

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
)

// A Secret prints as [hidden] in every format. Only Reveal returns it. The zero
// Secret is not set.
type Secret struct{ s string }

const hidden = "[hidden]"

// NewSecret returns s as a Secret.
func NewSecret(s string) Secret { return Secret{s: s} }

// String returns "[hidden]".
func (Secret) String() string { return hidden }

// GoString returns "[hidden]".
func (Secret) GoString() string { return hidden }

// Format writes "[hidden]" for every verb: %d and %x would print the fields.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue returns "[hidden]".
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText returns "[hidden]", for JSON, YAML and flags.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Reveal returns the secret itself. Its callers are what a review looks at.
func (s Secret) Reveal() string { return s.s }

// IsZero reports whether no secret is set.
func (s Secret) IsZero() bool { return s.s == "" }

// Equal reports whether given is the secret, in a time that tells neither how
// much of it is right nor how long the secret is. A Secret that is not set
// equals nothing.
func (s Secret) Equal(given string) bool {
	want, got := sha256.Sum256([]byte(s.s)), sha256.Sum256([]byte(given))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1 && s.s != ""
}

// maxSecret bounds a secret file: far more than any token, key or password.
const maxSecret = 64 << 10

// ReadSecret reads the secret in the file at path. One newline at its end is
// not part of it. It refuses a file that everybody on the machine can read, an
// empty one, and one over 64 KiB.
func ReadSecret(path string) (Secret, error) {
	f, err := os.Open(path) // opened first: what is judged is what is read
	if err != nil {
		return Secret{}, &SecretError{Path: path, Err: cause(err), hint: hintOf(path, err)}
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return Secret{}, &SecretError{Path: path, Err: cause(err)}
	}
	switch {
	case st.IsDir():
		return Secret{}, &SecretError{Path: path, Err: errors.New("is a directory"), hint: "name the file in it that holds the secret"}
	case st.Mode().Perm()&0o007 != 0:
		return Secret{}, &SecretError{
			Path: path,
			Err:  fmt.Errorf("everybody on this machine may use it (mode %04o)", st.Mode().Perm()),
			hint: "chmod 600 " + path + " (in Kubernetes: defaultMode: 0400), and change the secret if others may have read it",
		}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return Secret{}, &SecretError{Path: path, Err: cause(err)}
	}
	if len(b) > maxSecret {
		return Secret{}, &SecretError{Path: path, Err: fmt.Errorf("over %d bytes", maxSecret), hint: "is this the right file?"}
	}
	b = bytes.TrimSuffix(b, []byte("\n"))
	b = bytes.TrimSuffix(b, []byte("\r"))
	if len(b) == 0 {
		return Secret{}, &SecretError{Path: path, Err: errors.New("is empty"), hint: "write the secret into it, for example: openssl rand -hex 32 > " + path}
	}
	return Secret{s: string(b)}, nil
}

func cause(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

func hintOf(path string, err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "make it, for example: (umask 077; openssl rand -hex 32 > " + path + ")"
	case errors.Is(err, fs.ErrPermission):
		return "let the user that runs promptness read it, and nobody else"
	default:
		return ""
	}
}

// A SecretError says why the secret in a file cannot be used. It never holds
// a byte of the secret.
type SecretError struct {
	Path string
	Err  error
	hint string
}

// Error names the file and the cause.
func (e *SecretError) Error() string { return fmt.Sprintf("read secret %s: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *SecretError) Unwrap() error { return e.Err }

// Hint says what to do about it.
func (e *SecretError) Hint() string { return e.hint }
