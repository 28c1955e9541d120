package backup

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
)

// A Copy is a backup that is there whole: its files are what was written. Its
// methods may be called from any goroutine.
type Copy struct {
	dir      string
	manifest Manifest
	sections map[Section]*section

	mu  sync.Mutex
	buf *bufio.Reader
}

// A section of a Copy, with the place of each message.
type section struct {
	path   string
	file   *os.File
	facts  File
	seqs   []uint64
	places []int64
	keys   map[string]int // of the first message of a key
}

// Want is what a backup must be to be used.
type Want struct {
	Tenant string
	Pepper string // check value
}

// Open opens the backup in dir once it has read all of it: a [RefusedError]
// names what is not as it was written, or not as wanted.
func Open(ctx context.Context, dir string, w Want) (*Copy, error) {
	m, err := ReadManifest(dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, manifestName)
	switch {
	case m.Tenant != w.Tenant:
		return nil, &RefusedError{Name: RefuseTenant, Path: path, What: fmt.Sprintf("it is of tenant %q, not %q", m.Tenant, w.Tenant)}
	case m.Pepper != w.Pepper:
		return nil, &RefusedError{Name: RefusePepper, Path: path, What: fmt.Sprintf("the check value of its pepper is %s, that of ours %s", m.Pepper, w.Pepper)}
	}
	return openFiles(ctx, dir, m)
}

// openFiles opens the files that m names and compares them with it.
func openFiles(ctx context.Context, dir string, m Manifest) (c *Copy, err error) {
	c = &Copy{dir: dir, manifest: m, sections: map[Section]*section{}, buf: bufio.NewReaderSize(nil, maxLine+1)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Close())
		}
	}()
	if len(m.Files) != len(Sections()) {
		return c, &RefusedError{Name: RefuseManifest, Path: filepath.Join(dir, manifestName), What: fmt.Sprintf("it names %d files", len(m.Files))}
	}
	for i, s := range Sections() {
		path := filepath.Join(dir, s.file())
		if m.Files[i].Name != s.file() {
			return c, &RefusedError{Name: RefuseManifest, Path: filepath.Join(dir, manifestName), What: fmt.Sprintf("it names %q where %q belongs", m.Files[i].Name, s.file())}
		}
		sec := &section{path: path, facts: m.Files[i], keys: map[string]int{}}
		if sec.file, err = os.Open(path); notThere(err) {
			return c, &RefusedError{Name: RefuseIncomplete, Path: path, What: "the file is missing"}
		} else if err != nil {
			return c, fmt.Errorf("open backup: %w", err)
		}
		c.sections[s] = sec
		if err := sec.scan(ctx, s, m.Tenant); err != nil {
			if ctx.Err() != nil {
				return c, ctx.Err()
			}
			return c, &RefusedError{Name: RefuseFile, Path: path, Err: err}
		}
	}
	return c, nil
}

// scan reads the whole file, compares it with the manifest, and remembers where
// each message stands.
func (s *section) scan(ctx context.Context, name Section, tenant string) error {
	sum := &counted{sum: sha256.New()}
	whole := io.TeeReader(s.file, sum)
	r, err := NewReader(whole)
	if err != nil {
		return err
	}
	if r.Section() != name || r.Tenant() != tenant {
		return fmt.Errorf("it holds %s of tenant %q", r.Section(), r.Tenant())
	}
	for ctx.Err() == nil {
		at := r.got.Bytes
		m, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if _, ok := s.keys[m.Key]; m.Key != "" && !ok {
			s.keys[m.Key] = len(s.seqs)
		}
		s.seqs, s.places = append(s.seqs, m.Seq), append(s.places, at)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if n, err := r.r.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(fmt.Errorf("byte %#x follows its last line", n), err)
	}
	end := r.End()
	got := File{Name: s.facts.Name, Count: end.Count, First: end.First, Last: end.Last, Bytes: sum.n, SHA256: hex.EncodeToString(sum.sum.Sum(nil))}
	if got != s.facts {
		return fmt.Errorf("it is %+v, the manifest says %+v", got, s.facts)
	}
	return nil
}

// Close closes the files. It may be called twice.
func (c *Copy) Close() error {
	var errs []error
	for _, s := range c.sections {
		if s.file != nil {
			errs = append(errs, s.file.Close())
			s.file = nil
		}
	}
	return errors.Join(errs...)
}

// Manifest returns what the backup says that it is.
func (c *Copy) Manifest() Manifest { return c.manifest }

// File returns what is known of a section's file.
func (c *Copy) File(s Section) File { return c.sections[s].facts }

// Last returns the last sequence of a section.
func (c *Copy) Last(s Section) uint64 { return c.sections[s].facts.Last }

// Has reports whether message seq of a section is there.
func (c *Copy) Has(s Section, seq uint64) bool {
	sec := c.sections[s]
	i := sec.find(seq)
	return i < len(sec.seqs) && sec.seqs[i] == seq
}

// Bytes returns the length of all files.
func (c *Copy) Bytes() (sum int64) {
	for _, s := range c.sections {
		sum += s.facts.Bytes
	}
	return sum
}

// Messages yields the messages of a section from sequence from on, in order. An
// error, that of reading or of ctx, ends it.
func (c *Copy) Messages(ctx context.Context, s Section, from uint64) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		sec := c.sections[s]
		i := sec.find(from)
		if i == len(sec.seqs) {
			return
		}
		r := &Reader{r: bufio.NewReaderSize(io.NewSectionReader(sec.file, sec.places[i], sec.facts.Bytes), 1<<20)}
		for _, seq := range sec.seqs[i:] {
			m, err := r.again()
			if err == nil && m.Seq != seq {
				err = fmt.Errorf("message %d stands where %d belongs", m.Seq, seq)
			}
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(Message{}, fmt.Errorf("read %s: %w", sec.path, err))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}

// find returns the index of the first message from sequence from on.
func (s *section) find(from uint64) int {
	lo, hi := 0, len(s.seqs)
	for lo < hi {
		if mid := (lo + hi) / 2; s.seqs[mid] < from {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo
}

// At returns message seq of a section; not ok where there is none.
func (c *Copy) At(s Section, seq uint64) (m Message, ok bool, err error) {
	sec := c.sections[s]
	i := sec.find(seq)
	if i == len(sec.seqs) || sec.seqs[i] != seq {
		return Message{}, false, nil
	}
	m, err = c.at(sec, i)
	return m, err == nil, err
}

func (c *Copy) at(sec *section, i int) (Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.buf.Reset(io.NewSectionReader(sec.file, sec.places[i], sec.facts.Bytes))
	m, err := (&Reader{r: c.buf}).again()
	if err != nil {
		return m, fmt.Errorf("read %s: message %d: %w", sec.path, sec.seqs[i], err)
	}
	return m, nil
}

// Key returns the bytes under a key of a section, all pieces of them; not ok
// where there are none.
func (c *Copy) Key(s Section, key string) (body []byte, ok bool, err error) {
	sec := c.sections[s]
	i, ok := sec.keys[key]
	if !ok {
		return nil, false, nil
	}
	for piece := 0; ; piece++ {
		if i+piece == len(sec.seqs) {
			return nil, false, fmt.Errorf("read %s: %s has too few pieces", sec.path, key)
		}
		m, err := c.at(sec, i+piece)
		if err != nil {
			return nil, false, err
		}
		if m.Key != key || m.Piece != piece {
			return nil, false, fmt.Errorf("read %s: %s has too few pieces", sec.path, key)
		}
		body = append(body, m.Body...)
		if piece+1 >= m.Pieces {
			return body, true, nil
		}
	}
}
