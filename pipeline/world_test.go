package pipeline_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server/ats"
	"github.com/nats-io/nats.go"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

func TestMain(m *testing.M) {
	ats.Register() // outside of every bubble: the server's ticker would freeze it
	os.Exit(m.Run())
}

// A world is a store on a real embedded server and a processor over it. Inside
// a bubble, stop and start it to be a process that was down.
type world struct {
	t      *testing.T
	dir    string
	rules  *incident.Rules
	change func(*pipeline.Options) // adjusts the processor before it runs
	faults func(pipeline.Ledger) pipeline.Ledger

	srv    *stream.Server
	nc     *nats.Conn
	store  *stream.Store
	writer *ledger.Writer
	proc   *pipeline.Processor
	cancel context.CancelFunc
	done   chan error

	mu   sync.Mutex
	told []incident.Entry
	read map[incident.SourceName]time.Time
	sent int

	shared   bool // another writer exists
	reopened int
}

// sixty is the policy of the department, as it is built in.
func sixty() *incident.Rules {
	return &incident.Rules{
		Policies: []incident.Policy{{
			ID: "pol-imp-002", Title: "POL.IMP.002", From: "2013-05-01",
			Start: incident.Detected, Stop: incident.Reported, Limit: incident.Span(time.Hour),
			Warn: []incident.Span{incident.Span(30 * time.Minute), incident.Span(50 * time.Minute)},
		}},
		Sources: []incident.SourceRule{
			{Name: "mailbox", Channel: incident.ChannelEmail, Polled: true, Tells: []incident.TellsFrom{{Tells: incident.TellsTeam}}},
			{Name: "siem", Channel: incident.ChannelWebhook},
		},
	}
}

func newWorld(t *testing.T, dir string) *world {
	return &world{t: t, dir: dir, rules: sixty(), read: map[incident.SourceName]time.Time{}}
}

// inBubble runs f in virtual time that begins at start, on a new directory.
func inBubble(t *testing.T, start string, f func(*world)) {
	t.Helper()
	dir := t.TempDir() // outside of the bubble: its clean-up is not part of it
	bubble.Run(t, func(t *testing.T) {
		at, err := time.Parse(time.RFC3339, start)
		if err != nil {
			t.Fatal(err)
		}
		bubble.Start(at)
		w := newWorld(t, dir)
		w.start()
		f(w)
		w.stop()
	})
}

func (w *world) config() stream.Config {
	cfg := stream.Default()
	cfg.Dir, cfg.MinFree = filepath.Join(w.dir, "store"), 0
	cfg.Ephemeral = true
	cfg.MaxBytes = stream.Limits{
		Signals: 256 * stream.MiB, Ledger: 256 * stream.MiB, Deliveries: 16 * stream.MiB,
		Positions: 4 * stream.MiB, Evidence: 64 * stream.MiB,
	}
	return cfg
}

// start opens the store and runs a processor.
func (w *world) start() {
	w.t.Helper()
	w.open()
	ctx, cancel := context.WithCancel(context.Background())
	w.cancel, w.done = cancel, make(chan error, 1)
	o := w.options()
	if w.change != nil {
		w.change(&o)
	}
	w.proc = pipeline.New(o)
	var err error
	w.writer, err = ledger.Open(ctx, ledger.Options{
		Log: w.store.Ledger(), Vault: vault{w.store}, Checkpoint: filepath.Join(w.dir, "checkpoint"), Each: w.proc.Replay,
	})
	if err != nil {
		w.t.Fatal(err)
	}
	go func() { w.done <- w.proc.Run(ctx) }()
	w.settle()
}

func (w *world) open() {
	w.t.Helper()
	log := slog.New(slog.DiscardHandler)
	var err error
	if w.srv, err = stream.Start(context.Background(), w.config(), log); err != nil {
		w.t.Fatal(err)
	}
	if w.nc, err = w.srv.Connect("test"); err != nil {
		w.t.Fatal(err)
	}
	if w.store, err = stream.Open(context.Background(), w.nc, w.config(), stream.Hooks{}, log); err != nil {
		w.t.Fatal(err)
	}
}

// vault is the store as the ledger checks itself against it.
type vault struct{ *stream.Store }

func (v vault) Last(ctx context.Context) (incident.Pos, error) {
	r := v.Signals(incident.Pos{})
	pos, err := r.Last(ctx)
	return pos, errors.Join(err, r.Close())
}

func (w *world) options() pipeline.Options {
	pepper, err := incident.NewPepper(make([]byte, 32))
	if err != nil {
		w.t.Fatal(err)
	}
	return pipeline.Options{
		Signals: func(after incident.Pos) (pipeline.Signals, error) { return w.store.Signals(after), nil },
		Ledger:  lazyLedger{w},
		Reopen:  w.reopen,
		Fits:    ledger.Fits,
		Interpret: func(s incident.Signal, _ incident.SourceRule) incident.Reading {
			var f incident.Facts
			if err := json.Unmarshal(s.Raw, &f); err != nil {
				return incident.Reading{Interpreter: "test/1", Quarantine: incident.WhyMalformed}
			}
			return incident.Reading{Interpreter: "test/1", Parts: []incident.Facts{f}}
		},
		Pepper:  pepper,
		Compile: func(string) (fold.Predicate, error) { return func(incident.Attributes) bool { return true }, nil },
		Rules:   w.rules,
		Marks:   w.marks,
		Tell:    w.tell,
		Log:     slog.New(slog.NewTextHandler(w.t.Output(), nil)),
	}
}

func (w *world) marks(n incident.SourceName) time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.read[n]
}

// readUpTo says that the mailbox was read up to now.
func (w *world) readUpTo(t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.read["mailbox"] = t
}

func (w *world) tell(es []incident.Entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range es {
		if n := len(w.told); n > 0 && e.N != w.told[n-1].N+1 {
			w.t.Errorf("told entry %d after entry %d", e.N, w.told[n-1].N)
		}
		w.told = append(w.told, e)
	}
}

// stop ends the process; the record stays.
func (w *world) stop() {
	w.t.Helper()
	w.cancel()
	if err := <-w.done; err != nil {
		w.t.Errorf("Run() = %v", err)
	}
	w.shut()
	w.mu.Lock()
	w.told = nil // the next start tells from the first entry on
	w.mu.Unlock()
}

func (w *world) shut() {
	w.t.Helper()
	if err := w.writer.Close(); err != nil {
		w.t.Error(err)
	}
	if err := w.store.Close(); err != nil {
		w.t.Error(err)
	}
	w.nc.Close()
	if err := w.srv.Close(); err != nil {
		w.t.Error(err)
	}
}

// settle lets everything happen that happens without the passing of time.
func (w *world) settle() { synctest.Wait() }

// put stores a signal as its ingestor would.
func (w *world) put(source incident.SourceName, f incident.Facts) {
	w.t.Helper()
	raw, err := json.Marshal(f)
	if err != nil {
		w.t.Fatal(err)
	}
	w.putRaw(source, raw)
}

func (w *world) putRaw(source incident.SourceName, raw []byte) {
	w.t.Helper()
	w.sent++
	rule, _ := w.rules.Source(source)
	sig := incident.Signal{Source: source, Channel: rule.Channel, Received: time.Now(), Auth: incident.AuthBearer, Raw: raw}
	if _, err := w.store.Put(context.Background(), sig); err != nil {
		w.t.Fatal(err)
	}
}

// detected is a tool's alert: it stamps at.
func (w *world) detected(key string, at time.Time) {
	w.put("siem", incident.Facts{
		Opening: incident.Opens, Trust: incident.Authenticated, Observer: "siem",
		Keys:   []incident.Key{{Kind: incident.KeyFinding, Value: key}},
		Claims: []incident.Claim{{Milestone: incident.Detected, Interval: incident.At(at), Basis: incident.Recorded}},
	})
}

// reported is a mail that our server stamped at.
func (w *world) reported(key string, at time.Time) {
	w.put("mailbox", incident.Facts{
		Opening: incident.Opens, Trust: incident.Aligned, Observer: "person@example.org", Receipt: at,
		Keys:   []incident.Key{{Kind: incident.KeyFinding, Value: key}},
		Claims: []incident.Claim{{Milestone: incident.Reported, Interval: incident.At(at), Basis: incident.Recorded, Receiver: true}},
	})
}

// last returns the latest record of the only incident.
func (w *world) last() *incident.IncidentRecord {
	w.t.Helper()
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := len(w.told) - 1; i >= 0; i-- {
		if r := w.told[i].Incident; r != nil {
			return r
		}
	}
	return nil
}

func (w *world) wantState(want incident.State) {
	w.t.Helper()
	r := w.last()
	if r == nil || len(r.Clocks) == 0 {
		w.t.Fatalf("at %s there is no clock, want %s", time.Now().UTC().Format(time.RFC3339Nano), want)
	}
	if got := r.Clocks[0].State; got != want {
		w.t.Errorf("at %s the clock is %s, want %s", time.Now().UTC().Format(time.RFC3339Nano), got, want)
	}
}

// alerts returns every change of an alert, "threshold/g state", in order.
func (w *world) alerts() []string {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	out := []string{}
	for _, e := range w.told {
		for _, a := range e.Alerts {
			_, _, th, g, err := incident.ParseAlertID(a.ID)
			if err != nil {
				w.t.Error(err)
			}
			out = append(out, fmt.Sprintf("%s/%d %s", th, g, a.State))
		}
	}
	return out
}

func (w *world) count(k incident.Kind) int {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, e := range w.told {
		if e.Kind == k {
			n++
		}
	}
	return n
}

// lazyLedger is the writer of the present process, with the test's faults.
type lazyLedger struct{ w *world }

func (l lazyLedger) over() pipeline.Ledger {
	if l.w.faults != nil {
		return l.w.faults(l.w.writer)
	}
	return l.w.writer
}

func (l lazyLedger) Commit(ctx context.Context, es []incident.Entry) error {
	return l.over().Commit(ctx, es)
}

func (l lazyLedger) Entries(ctx context.Context, from uint64) iter.Seq2[incident.Entry, error] {
	return l.over().Entries(ctx, from)
}

// reopen opens the record anew, as the program does after a failed commit.
func (w *world) reopen(ctx context.Context, each func(incident.Entry) error) error {
	w.reopened++
	if err := w.writer.Close(); err != nil {
		return err
	}
	var err error
	w.writer, err = ledger.Open(ctx, ledger.Options{
		Log: w.store.Ledger(), Vault: vault{w.store}, Checkpoint: filepath.Join(w.dir, "checkpoint"), Each: each,
		Shared: w.shared,
	})
	return err
}

func (w *world) openWriter() {
	w.t.Helper()
	var err error
	w.writer, err = ledger.Open(context.Background(), ledger.Options{
		Log: w.store.Ledger(), Vault: vault{w.store}, Checkpoint: filepath.Join(w.dir, "checkpoint"), Each: w.proc.Replay,
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// runOnce runs the processor until it returns by itself, and closes the store.
func (w *world) runOnce() error {
	w.t.Helper()
	err := w.proc.Run(context.Background())
	w.shut()
	w.mu.Lock()
	w.told = nil
	w.mu.Unlock()
	return err
}

func (w *world) notes() []incident.NoteCode {
	w.settle()
	w.mu.Lock()
	defer w.mu.Unlock()
	var codes []incident.NoteCode
	for _, e := range w.told {
		if e.Note != nil {
			codes = append(codes, e.Note.Code)
		}
	}
	return codes
}
