package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"sync"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/report"
)

// monthCmd makes the report of a month.
type monthCmd struct {
	Month         string          `arg:"" optional:"" help:"Month in London, for example 2026-11. Default: the previous one."`
	AsKnownAt     string          `help:"Leave out what was recorded later, for example '1/12/2026 09:00'." name:"as-known-at" placeholder:"TIME"`
	Format        string          `help:"Form: text, json or csv (one row an incident, restricted ones left out)." enum:"text,json,csv" default:"text" placeholder:"FORM"`
	Out           string          `help:"File to write, whole or not at all. Default: standard output." name:"out" short:"o" placeholder:"FILE"`
	From          string          `help:"Read an export instead of the record, and verify it; - is standard input." name:"from" placeholder:"FILE"`
	Outside       bool            `help:"For readers outside of the department: numbers under 5 are 'fewer than 5', no incident is named. Text only."`
	AddHoliday    []incident.Date `help:"Days that are bank holidays besides those of gov.uk's list, for example 2026-12-24." placeholder:"DAY"`
	RemoveHoliday []incident.Date `help:"Days of the list that are none." placeholder:"DAY"`
}

// Run makes it.
func (c *monthCmd) Run(ctx context.Context, s *session) error {
	m, known, err := c.asked(time.Now())
	if err != nil {
		return err
	}
	holidays, err := report.NewHolidays(c.AddHoliday, c.RemoveHoliday)
	if err != nil {
		return &say.UsageError{Err: err, Do: "write a day as 2026-12-24"}
	}
	if s.JSON {
		c.Format = "json"
	}
	if c.Outside && c.Format != "text" {
		return say.Usage("report --outside: %s names incidents and small numbers; only text leaves the department", c.Format)
	}
	r, err := c.build(ctx, s, m, holidays, known)
	if err != nil {
		return fmt.Errorf("report on %s: %w", m, err)
	}
	write := func(w io.Writer) error {
		switch c.Format {
		case "json":
			return r.JSON(w)
		case "csv":
			return r.CSV(w)
		default:
			return r.Text(w, c.Outside)
		}
	}
	if c.Out == "" {
		return write(s.stdout)
	}
	return writeWhole(c.Out, write)
}

// asked returns the month, and the time by which the report is to know; zero: all
// there is.
func (c *monthCmd) asked(now time.Time) (m incident.Month, known time.Time, err error) {
	m = incident.MonthOf(now).Previous()
	if c.Month != "" {
		if m, err = incident.ParseMonth(c.Month); err != nil {
			return "", known, &say.UsageError{Err: err}
		}
	}
	if from, _ := m.Bounds(); c.From == "" && from.After(now) {
		return "", known, say.Usage("report on %s: the month has not begun", m)
	}
	if c.AsKnownAt != "" {
		in, err := parseTime(c.AsKnownAt, now)
		if err != nil {
			return "", known, err
		}
		known = in.Latest
	}
	return m, known, nil
}

// build reads the whole record, verifies it on the way, and makes the report.
func (c *monthCmd) build(ctx context.Context, s *session, m incident.Month, h *report.Holidays, known time.Time) (*report.Report, error) {
	pr, pw := io.Pipe()
	var wg sync.WaitGroup
	var failed error // of the reading; known after wg.Wait
	wg.Go(func() {
		failed = c.lines(ctx, s, pw)
		pw.CloseWithError(failed) // nil is the end
	})
	bar := say.Start(s.stderr, "read the record", 0)
	defer bar.Stop()
	r, err := report.Build(m, h, report.Until(known, entriesOf(pr, func(n uint64) { bar.Set(int64(n), 0) })))
	if err == nil {
		_, err = io.Copy(io.Discard, pr) // what was recorded later is verified, too
	}
	pr.CloseWithError(errBuilt) // ends the reading, if it has not ended
	wg.Wait()
	if failed != nil && !errors.Is(failed, errBuilt) {
		return nil, failed
	}
	return r, err
}

var errBuilt = errors.New("the report needs no more")

// lines writes the record, or the export that was named, as lines, and verifies
// each on the way.
func (c *monthCmd) lines(ctx context.Context, s *session, w io.Writer) error {
	if c.From == "" {
		cfg, err := Load(s.Config)
		if err != nil {
			return err
		}
		_, err = s.export(ctx, cfg, w)
		return err
	}
	in := io.Reader(os.Stdin)
	if c.From != "-" {
		f, err := os.Open(c.From)
		if err != nil {
			return say.WithHint(err, "promptness export -o record.jsonl writes an export")
		}
		defer f.Close()
		in = f
	}
	_, err := ledger.VerifyLines(io.TeeReader(in, w))
	if refused, ok := errors.AsType[*ledger.RefusedError](err); ok {
		return say.WithHint(fmt.Errorf("read export %s: %s", c.From, refused.Error()), "the file is not what was exported; export the record anew")
	}
	return err
}

// entriesOf reads entries from lines that somebody else verifies.
func entriesOf(r io.Reader, progress func(n uint64)) iter.Seq2[incident.Entry, error] {
	return func(yield func(incident.Entry, error) bool) {
		lines := bufio.NewReaderSize(r, ledger.MaxBody+1)
		for {
			line, err := lines.ReadSlice('\n')
			if errors.Is(err, io.EOF) && len(line) == 0 {
				return
			}
			if err != nil && !errors.Is(err, io.EOF) {
				yield(incident.Entry{}, fmt.Errorf("read the record: %w", err))
				return
			}
			e, err := ledger.Decode(bytes.TrimSuffix(line, []byte{'\n'}))
			if err == nil && e.N%1000 == 0 {
				progress(e.N)
			}
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}
