package ledger

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// VerifyLines checks an export: entries as lines, in their order, from the
// first on. It needs no store and no checkpoint, and so cannot tell whether
// the end was cut off: compare Head of the report with one that was published.
// The first fault is returned as a *RefusedError that names the entry.
func VerifyLines(r io.Reader) (Report, error) {
	v := newVerifier(nil)
	check := newChecker(nil, func(r *record) error { return v.entry(context.Background(), r) })
	lines := bufio.NewReaderSize(r, MaxBody+1)
	co := newCoder()
	for {
		line, err := lines.ReadSlice('\n')
		last := errors.Is(err, io.EOF)
		switch {
		case last && len(line) == 0:
			return v.lines(check)
		case errors.Is(err, bufio.ErrBufferFull):
			return v.report, &RefusedError{Name: RefuseRecord, N: check.head.N + 1, Err: errTooLong}
		case err != nil && !last:
			return v.report, fmt.Errorf("read line %d: %w", check.head.N+1, err)
		}
		line = bytes.Clone(bytes.TrimSuffix(line, []byte{'\n'}))
		rec := &record{line: line}
		rec.read(co, 0)
		if err := check.take(rec); err != nil {
			return v.report, err
		}
		if last {
			return v.lines(check)
		}
	}
}

// lines ends the reading of an export.
func (v *verifier) lines(check *checker) (Report, error) {
	if err := check.end(); err != nil {
		return v.report, err
	}
	return v.ends(context.Background(), check)
}
