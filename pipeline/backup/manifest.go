package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

const manifestName = "manifest.json"

// A Manifest says what a backup is.
type Manifest struct {
	V      int       `json:"v"`
	Tenant string    `json:"tenant"`
	Made   time.Time `json:"made"`
	By     string    `json:"by"`     // which release
	Pepper string    `json:"pepper"` // check value of the pepper, never the pepper
	Record Record    `json:"record"`
	Files  []File    `json:"files"`
	Sum    string    `json:"sha256"` // of all lines before it
}

// A Record is what the record said of itself when the copy was verified.
type Record struct {
	Entries uint64    `json:"entries"`
	Hash    string    `json:"hash"`    // of the last entry
	Message uint64    `json:"message"` // that holds it
	From    time.Time `json:"from,omitzero"`
	Until   time.Time `json:"until,omitzero"`
	Signals uint64    `json:"signals"` // compared with their commitments
	Erased  uint64    `json:"erased"`
	Alerts  uint64    `json:"alerts"`
}

// A File is one file of a backup.
type File struct {
	Name   string `json:"name"`
	Count  uint64 `json:"count"`
	First  uint64 `json:"first"`
	Last   uint64 `json:"last"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// sumField begins the line that holds the sum.
const sumField = `  "sha256": "`

// text returns the manifest as it is written, its sum computed.
func (m Manifest) text() ([]byte, error) {
	m.Sum = ""
	b, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return nil, err
	}
	body := b[:bytes.LastIndex(b, []byte(sumField))]
	sum := sha256.Sum256(body)
	return fmt.Appendf(bytes.Clone(body), "%s%s\"\n}\n", sumField, hex.EncodeToString(sum[:])), nil
}

// maxManifest bounds what is read as a manifest.
const maxManifest = 1 << 20

// ReadManifest reads the manifest of the backup in dir and checks that it is
// what was written. Whether the files are is another question: see [Open].
func ReadManifest(dir string) (Manifest, error) {
	path := filepath.Join(dir, manifestName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Manifest{}, &RefusedError{Name: RefuseIncomplete, Path: dir, What: "it has no " + manifestName}
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	b, err := io.ReadAll(io.LimitReader(f, maxManifest))
	if err := errors.Join(err, f.Close()); err != nil {
		return Manifest{}, fmt.Errorf("read manifest: %w", err)
	}
	m, err := parseManifest(b)
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		refused.Path = path
	}
	return m, err
}

func parseManifest(b []byte) (Manifest, error) {
	var m Manifest
	bad := func(err error) (Manifest, error) { return m, &RefusedError{Name: RefuseManifest, Err: err} }
	if err := json.Unmarshal(b, &m); err != nil {
		return bad(err)
	}
	// Another version may have other fields, so its sum is taken as it stands.
	at := bytes.LastIndex(b, []byte(sumField))
	if at < 0 {
		return bad(errors.New("it has no sum"))
	}
	if sum := sha256.Sum256(b[:at]); hex.EncodeToString(sum[:]) != m.Sum {
		return bad(errors.New("its sum is not that of its lines"))
	}
	if m.V != version {
		return m, &RefusedError{Name: RefuseVersion, What: fmt.Sprintf("its format is version %d, this release reads version %d", m.V, version)}
	}
	if again, err := m.text(); err != nil || !bytes.Equal(again, b) {
		return bad(errors.New("it is not in the form in which it is written"))
	}
	return m, nil
}
