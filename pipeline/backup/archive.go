package backup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
)

// A Source is a store that is copied.
type Source interface {
	// Size returns about how many bytes there are.
	Size(ctx context.Context) (int64, error)
	// Dump yields everything that the section holds when it is called, in
	// ascending sequences, and returns the last sequence. It MUST return the
	// first error of yield, and an error where something is missing that was
	// not erased, as far as it can know.
	Dump(ctx context.Context, s Section, yield func(Message) error) (last uint64, err error)
}

// An opening is the first line of an archive.
type opening struct {
	V       int    `json:"v"`
	Archive string `json:"archive"`
	Tenant  string `json:"tenant"`
	Bytes   int64  `json:"bytes"`
}

const archiveName = "promptness"

// Send writes all sections of src to w as one archive. An archive that ends
// before its last section has ended is noticed by [Receive].
func Send(ctx context.Context, src Source, tenant string, w io.Writer) error {
	size, err := src.Size(ctx)
	if err != nil {
		return err
	}
	line, err := compact(opening{V: version, Archive: archiveName, Tenant: tenant, Bytes: size})
	if err != nil {
		return err
	}
	if _, err := w.Write(line); err != nil {
		return err
	}
	for _, s := range Sections() {
		out, err := NewWriter(w, s, tenant)
		if err != nil {
			return err
		}
		last, err := src.Dump(ctx, s, out.Add)
		if err != nil {
			return fmt.Errorf("copy %s: %w", s, err)
		}
		if _, err := out.Close(last); err != nil {
			return err
		}
	}
	return nil
}

// An archive is what Send writes, as it is read.
type archive struct {
	b    *bufio.Reader
	open opening
}

func openArchive(r io.Reader, tenant string) (*archive, error) {
	a := &archive{b: bufio.NewReaderSize(r, maxLine+1)}
	line, err := a.b.ReadSlice('\n')
	if errors.Is(err, io.EOF) {
		err = errCut
	}
	if err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	if err := decode(line, &a.open); err != nil {
		return nil, fmt.Errorf("read archive: %w", err)
	}
	switch {
	case a.open.Archive != archiveName:
		return nil, fmt.Errorf("read archive: it is one of %q", a.open.Archive)
	case a.open.V != version:
		return nil, &RefusedError{Name: RefuseVersion, Path: "archive", What: fmt.Sprintf("its format is version %d, this release reads version %d", a.open.V, version)}
	case a.open.Tenant != tenant:
		return nil, &RefusedError{Name: RefuseTenant, Path: "archive", What: fmt.Sprintf("it is of tenant %q, not %q", a.open.Tenant, tenant)}
	}
	return a, nil
}

// section begins the next section, which must be s.
func (a *archive) section(s Section) (*Reader, error) {
	r, err := NewReader(a.b)
	if err != nil {
		return nil, err
	}
	if r.Section() != s || r.Tenant() != a.open.Tenant {
		return nil, fmt.Errorf("section %q of tenant %q stands where %q of %q belongs", r.Section(), r.Tenant(), s, a.open.Tenant)
	}
	return r, nil
}

// close checks that nothing follows.
func (a *archive) close() error {
	if _, err := a.b.ReadByte(); !errors.Is(err, io.EOF) {
		return errors.Join(errors.New("read archive: something follows its last section"), err)
	}
	return nil
}
