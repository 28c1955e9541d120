package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Options are what a backup is made with.
type Options struct {
	Dir    string // must be empty, or not there
	Tenant string
	Made   time.Time
	By     string // which release makes it
	// Verify walks the copy and returns what it found, and the check value of
	// the pepper. It MUST return an error if the record in the copy, or a
	// signal that it names, is not whole.
	Verify func(ctx context.Context, c *Copy) (Record, string, error)
	// Free returns the free bytes on the disk of a directory.
	Free func(dir string) (int64, error)
	// Progress, if set, is told how many of about how many bytes are copied.
	Progress func(done, total int64)
}

// margin is what must stay free on the disk of a backup.
const margin = 64 << 20

// Receive makes a backup of an archive that [Send] writes into r. The manifest
// is written last, once every file is synced and the copy is verified: after an
// error or a crash before that there is no backup, and what is in the directory
// can be removed.
func Receive(ctx context.Context, r io.Reader, o Options) (Manifest, error) {
	return receive(ctx, r, o, files{})
}

func receive(ctx context.Context, r io.Reader, o Options, fsys files) (m Manifest, err error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return m, fmt.Errorf("make backup: %w", err)
	}
	switch there, err := os.ReadDir(o.Dir); {
	case err != nil:
		return m, fmt.Errorf("make backup: %w", err)
	case len(there) > 0:
		return m, &RefusedError{Name: RefuseOccupied, Path: o.Dir, What: fmt.Sprintf("%s is in it", there[0].Name())}
	}
	a, err := openArchive(r, o.Tenant)
	if err != nil {
		return m, err
	}
	free, err := o.Free(o.Dir)
	if err != nil {
		return m, fmt.Errorf("make backup: %w", err)
	}
	// The server's own count has more to a message than we write, but not
	// always; what does not fit after all is an error when it is written.
	if need := a.open.Bytes + a.open.Bytes/4 + margin; free < need {
		return m, &RefusedError{Name: RefuseSpace, Path: o.Dir, What: fmt.Sprintf("%d bytes are free, about %d are needed", free, need)}
	}
	m = Manifest{V: version, Tenant: o.Tenant, Made: o.Made.UTC(), By: o.By}
	var done int64
	for _, s := range Sections() {
		f, err := receiveFile(ctx, a, s, filepath.Join(o.Dir, s.file()), fsys, func(n int64) {
			if o.Progress != nil {
				o.Progress(done+n, max(a.open.Bytes, done+n))
			}
		})
		if err != nil {
			return m, fmt.Errorf("make backup: %s: %w", s, err)
		}
		done += f.Bytes
		m.Files = append(m.Files, f)
	}
	if err := a.close(); err != nil {
		return m, fmt.Errorf("make backup: %w", err)
	}
	c, err := openFiles(ctx, o.Dir, m)
	if err != nil {
		return m, err
	}
	m.Record, m.Pepper, err = o.Verify(ctx, c)
	if err := errors.Join(err, c.Close()); damaged(err) {
		return m, &RefusedError{Name: RefuseRecord, Path: o.Dir, Err: err}
	} else if err != nil {
		return m, fmt.Errorf("verify the backup: %w", err) // nothing is said against it
	}
	text, err := m.text()
	if err != nil {
		return m, fmt.Errorf("make backup: %w", err)
	}
	// The names of the files are durable before the manifest that vouches for
	// them, and so is the directory's own.
	for _, dir := range []string{o.Dir, filepath.Dir(filepath.Clean(o.Dir))} {
		if err := fsys.sync(dir); err != nil {
			return m, fmt.Errorf("make backup: %w", err)
		}
	}
	if err := fsys.write(filepath.Join(o.Dir, manifestName), text); err != nil {
		return m, fmt.Errorf("make backup: write manifest: %w", err)
	}
	return ReadManifest(o.Dir)
}

// receiveFile writes one section to path, and syncs it.
func receiveFile(ctx context.Context, a *archive, s Section, path string, fsys files, progress func(int64)) (f File, err error) {
	in, err := a.section(s)
	if err != nil {
		return f, err
	}
	file, err := fsys.create(path)
	if err != nil {
		return f, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, file.Close())
		}
	}()
	sum := &counted{sum: sha256.New()}
	buffered := bufio.NewWriterSize(file, 1<<20)
	out, err := NewWriter(io.MultiWriter(buffered, sum), s, a.open.Tenant)
	if err != nil {
		return f, err
	}
	for {
		m, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return f, err
		}
		if err := out.Add(m); err != nil {
			return f, err
		}
		progress(sum.n)
		if ctx.Err() != nil {
			return f, ctx.Err()
		}
	}
	end, err := out.Close(in.End().Last)
	if err != nil {
		return f, err
	}
	if end != in.End() {
		return f, fmt.Errorf("what was written is %+v, what was sent %+v", end, in.End())
	}
	if err := buffered.Flush(); err != nil {
		return f, err
	}
	if err := fsys.do("sync", path, file.Sync); err != nil {
		return f, err
	}
	if err := file.Close(); err != nil {
		return f, err
	}
	return File{
		Name: s.file(), Count: end.Count, First: end.First, Last: end.Last, Bytes: sum.n, SHA256: hex.EncodeToString(sum.sum.Sum(nil)),
	}, nil
}

// counted sums and counts what is written to it.
type counted struct {
	sum hash.Hash
	n   int64
}

func (c *counted) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.sum.Write(p)
}

// notThere reports whether err says that a file does not exist.
func notThere(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// damaged reports whether an error in err says that what was read is not what
// was stored, by a method Damage.
func damaged(err error) bool {
	var d interface{ Damage() bool }
	return errors.As(err, &d) && d.Damage()
}
