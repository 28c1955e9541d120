package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// exportCmd writes the record as lines.
type exportCmd struct {
	Out string `help:"File to write, whole or not at all. Default: standard output." name:"out" short:"o" placeholder:"FILE"`
}

// Run writes the record, and its head on stderr.
func (c *exportCmd) Run(ctx context.Context, s *session) error {
	cfg, err := Load(s.Config)
	if err != nil {
		return err
	}
	var found ledger.Report
	write := func(w io.Writer) (err error) {
		found, err = s.export(ctx, cfg, w)
		return err
	}
	if c.Out == "" {
		err = write(s.stdout)
	} else {
		err = writeWhole(c.Out, write)
	}
	if err != nil {
		return fmt.Errorf("export the record: %w", err)
	}
	if s.JSON {
		enc := json.NewEncoder(s.stderr)
		return enc.Encode(found)
	}
	_, err = fmt.Fprintf(s.stderr, "exported %d entries; the last has hash %s\n", found.Entries, found.Head)
	return err
}

// export writes the record to w and returns what it is. What was written before
// an error is worth nothing.
func (s *session) export(ctx context.Context, cfg Config, w io.Writer) (r ledger.Report, err error) {
	err = s.direct(ctx, cfg, func(store *stream.Store) error {
		r, err = exportStore(ctx, store, w)
		return err
	}, func() error {
		r, err = s.exportRunning(ctx, w)
		return err
	})
	return r, err
}

// direct does work on the store itself or, where a running promptness holds it
// or it is not here, by asking that.
func (s *session) direct(ctx context.Context, cfg Config, work func(*stream.Store) error, ask func() error) (err error) {
	if _, err := os.Stat(cfg.Store.Dir); errors.Is(err, fs.ErrNotExist) && !cfg.Store.NATS.External() {
		return ask()
	}
	log := slog.New(slog.DiscardHandler)
	cfg.Store.Ephemeral = true // wherever it is, it can be copied
	host, err := stream.Begin(ctx, cfg.Store, log)
	if _, busy := errors.AsType[*stream.InUseError](err); busy {
		return ask()
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	nc, err := host.Connect("copy")
	if err != nil {
		return fmt.Errorf("connect to the store: %w", err)
	}
	defer nc.Close()
	store, err := stream.Open(ctx, nc, cfg.Store, stream.Hooks{}, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	return work(store)
}

// exportStore writes the record from its store, and looks at each line as it
// goes out.
func exportStore(ctx context.Context, store *stream.Store, w io.Writer) (ledger.Report, error) {
	pr, pw := io.Pipe()
	var wg sync.WaitGroup
	wg.Go(func() { pw.CloseWithError(writeLines(ctx, store, pw)) }) // nil is the end
	r, err := ledger.VerifyLines(io.TeeReader(pr, w))
	pr.CloseWithError(err) // ends the writer, if it has not ended
	wg.Wait()
	return r, err
}

// writeLines writes every entry of the record as a line.
func writeLines(ctx context.Context, store *stream.Store, w io.Writer) error {
	return store.Ledger().Messages(ctx, 1, func(_ uint64, body []byte) error {
		_, err := w.Write(append(body, '\n'))
		return err
	})
}

// headTrailer tells, once all was sent, the number and the hash of the last
// entry: an answer without it is not whole, whatever happened on its way.
const headTrailer = "Promptness-Head"

// newExportHandler serves the record as lines. The caller guards it.
func newExportHandler(store *stream.Store, log *slog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		out := &streamed{w: w, rc: http.NewResponseController(w)}
		w.Header().Set("Trailer", headTrailer)
		w.Header().Set("Content-Type", "application/jsonl")
		found, err := exportStore(r.Context(), store, out)
		if err != nil {
			out.fail(r.Context(), err, log.With("what", "export"))
			return
		}
		w.Header().Set(headTrailer, headText(found))
	})
}

func headText(r ledger.Report) string { return fmt.Sprintf("%d %s", r.Entries, r.Head) }

// exportRunning asks a running promptness for the record, and looks at each
// line as it comes.
func (s *session) exportRunning(ctx context.Context, w io.Writer) (ledger.Report, error) {
	res, err := s.stream(ctx, "/v1/export")
	if err != nil {
		return ledger.Report{}, err
	}
	defer res.close()
	found, err := ledger.VerifyLines(io.TeeReader(res, w))
	if err != nil {
		return found, err
	}
	if said := res.Trailer.Get(headTrailer); said != headText(found) {
		return found, say.WithHint(fmt.Errorf("the answer was cut off after entry %d", found.Entries), cutHint)
	}
	return found, nil
}

const cutHint = "try again; the log of the running promptness says why it stopped"
