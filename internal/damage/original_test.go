package damage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/damage"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// Streams of the tenant.
const (
	signals    = "SIGNALS_moj"
	record     = "LEDGER_moj"
	deliveries = "DELIVERIES_moj"
	positions  = "KV_INGEST_moj"
)

var start = time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)

// config fits a small store. What is damaged is a copy that nobody needs.
func config(dir string) stream.Config {
	cfg := stream.Default()
	cfg.Dir, cfg.MinFree, cfg.Ephemeral = filepath.Join(dir, "store"), 0, true
	cfg.Timeout = 2 * time.Second
	cfg.MaxBytes = stream.Limits{
		Signals: 4 * stream.MiB, Ledger: 4 * stream.MiB, Deliveries: 1 * stream.MiB,
		Positions: 1 * stream.MiB, Evidence: 4 * stream.MiB,
	}
	return cfg
}

// A place is a store that runs: its server, and its streams as the program sees
// them.
type place struct {
	*stream.Store
	srv *stream.Server
	js  jetstream.JetStream
}

// Last makes a place a vault.
func (p *place) Last(ctx context.Context) (incident.Pos, error) {
	r := p.Signals(incident.Pos{})
	pos, err := r.Last(ctx)
	return pos, errors.Join(err, r.Close())
}

// run opens the store below dir.
func run(ctx context.Context, dir string, hooks stream.Hooks) (*place, error) {
	log := slog.New(slog.DiscardHandler)
	srv, err := stream.Start(ctx, config(dir), log)
	if err != nil {
		return nil, err
	}
	p := &place{srv: srv}
	nc, err := srv.Connect("damage")
	if err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	if p.js, err = jetstream.New(nc); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	if p.Store, err = stream.Open(ctx, nc, config(dir), hooks, log); err != nil {
		return nil, errors.Join(err, srv.Close())
	}
	return p, nil
}

func (p *place) close() error { return errors.Join(p.Store.Close(), p.srv.Close()) }

// A message is what a stream holds at a sequence; nil where it holds nothing.
type message struct {
	header nats.Header
	data   []byte
}

// all reads every message of a stream as it stands.
func (p *place) all(ctx context.Context, name string) ([]*message, error) {
	st, err := p.js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	last := st.CachedInfo().State.LastSeq
	if last > 10_000 {
		return nil, fmt.Errorf("%s says that it ends at message %d", name, last)
	}
	var all []*message
	for seq := uint64(1); seq <= last; seq++ {
		m, err := st.GetMsg(ctx, seq)
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			all = append(all, nil)
		case err != nil:
			return nil, err
		default:
			all = append(all, &message{m.Header, m.Data})
		}
	}
	return all, nil
}

// An original is a store that is whole, in three copies, and what is in it.
type original struct {
	clean string // after its server was stopped
	crash string // as a kill -9 left it
	old   string // as it was before the last signals

	streams map[string][]*message
	saved   map[string][][]byte // every value a position ever had, in order
}

const positionKeys = 3

// build makes the store that is damaged: 140 signals in frames of one to four,
// one of them erased, an entry for each, attempts to tell, positions that moved
// on. Blocks are as small as the server makes them, so that there are several.
func build(t *testing.T) *original {
	t.Helper()
	root := t.TempDir()
	o := &original{clean: filepath.Join(root, "clean"), crash: filepath.Join(root, "crash"), old: filepath.Join(root, "old"),
		streams: map[string][]*message{}, saved: map[string][][]byte{}}
	smallBlocks(t, root, o.clean)
	b := &builder{t: t, o: o}
	b.grow(110)
	b.erase()
	b.shut()
	copyTo(t, o.old, o.clean)
	b.grow(30)
	copyTo(t, o.crash, o.clean) // everything is synced, and the index is not written yet
	for _, name := range []string{signals, record, deliveries, positions} {
		all, err := b.p.all(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		o.streams[name] = all
	}
	b.shut()
	for _, name := range []string{signals, record} {
		blocks, _ := filepath.Glob(filepath.Join(damage.StreamDir(filepath.Join(o.clean, "store"), name), "msgs", "*.blk"))
		if len(blocks) < 2 {
			t.Fatalf("%s has %d blocks, want some to swap", name, len(blocks))
		}
	}
	return o
}

// smallBlocks makes the streams with limits that give small blocks; opening the
// store raises the limits, and the blocks stay small while that server runs.
func smallBlocks(t *testing.T, root, dir string) {
	t.Helper()
	pattern, err := run(t.Context(), filepath.Join(root, "pattern"), stream.Hooks{})
	if err != nil {
		t.Fatal(err)
	}
	var configs []jetstream.StreamConfig
	for _, name := range []string{signals, record, deliveries} {
		st, err := pattern.js.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		cfg := st.CachedInfo().Config
		cfg.MaxBytes = 64 << 10
		configs = append(configs, cfg)
	}
	if err := pattern.close(); err != nil {
		t.Fatal(err)
	}
	srv, err := stream.Start(t.Context(), config(dir), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := srv.Connect("small blocks")
	if err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	for _, cfg := range configs {
		if _, err := js.CreateStream(t.Context(), cfg); err != nil {
			t.Fatal(err)
		}
	}
	if err := srv.Close(); err != nil {
		t.Fatal(err)
	}
}

// A builder puts signals into a store and commits an entry for each.
type builder struct {
	t *testing.T
	o *original
	p *place
	w *ledger.Writer
	n int // signals so far
}

func (b *builder) open() {
	b.t.Helper()
	if b.p != nil {
		return
	}
	var err error
	if b.p, err = run(b.t.Context(), b.o.clean, stream.Hooks{}); err != nil {
		b.t.Fatal(err)
	}
	b.w, err = ledger.Open(b.t.Context(), ledger.Options{Log: b.p.Ledger(), Vault: b.p, Checkpoint: filepath.Join(b.o.clean, checkpoint)})
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *builder) shut() {
	b.t.Helper()
	if err := errors.Join(b.w.Close(), b.p.close()); err != nil {
		b.t.Fatal(err)
	}
	b.p, b.w = nil, nil
}

func (b *builder) grow(n int) {
	b.t.Helper()
	b.open()
	for until := b.n + n; b.n < until; {
		group := make([]incident.Pos, 1+b.n%4)
		var wg sync.WaitGroup
		for i := range group {
			raw := bytes.Repeat(fmt.Appendf(nil, "signal %d ", b.n+i), 20+b.n*7%300)
			wg.Go(func() {
				got, err := b.p.Put(b.t.Context(), signal(raw))
				if err != nil {
					b.t.Error(err)
				}
				group[i] = got.Pos
			})
		}
		wg.Wait()
		b.n += len(group)
		b.fold()
		key := fmt.Sprintf("imap.box-%d", b.n%positionKeys)
		value := fmt.Appendf(nil, `{"last_internaldate":"2026-11-24T09:00:00Z","last_uid":%d,"uidvalidity":7}`, b.n)
		if err := b.p.Save(b.t.Context(), key, value); err != nil {
			b.t.Fatal(err)
		}
		b.o.saved[key] = append(b.o.saved[key], value)
		if _, err := b.p.AppendDelivery(b.t.Context(), fmt.Appendf(nil, `{"attempt":%d}`, b.n)); err != nil {
			b.t.Fatal(err)
		}
	}
}

func signal(raw []byte) incident.Signal {
	return incident.Signal{Source: "desk", Channel: incident.ChannelManual, Received: start,
		Auth: incident.AuthOwner, Author: "4711", Role: incident.RoleDesk, Raw: raw}
}

// fold commits an entry for each signal after the position, one to three a step.
func (b *builder) fold() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), 20*time.Second)
	defer cancel()
	n, _, _ := b.w.Head()
	var from incident.Pos
	for e, err := range b.w.Entries(ctx, max(n, 1)) {
		if err != nil {
			b.t.Fatal(err)
		}
		from = e.Pos
	}
	r := b.p.Signals(from)
	defer r.Close()
	last, err := b.p.Last(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	for from.Less(last) {
		batch, err := r.Batch(ctx, 1+int(n)%3)
		if err != nil {
			b.t.Fatal(err)
		}
		var es []incident.Entry
		for _, s := range batch {
			n++
			from = s.Pos
			es = append(es, incident.Entry{N: n, At: start.Add(time.Duration(n) * time.Second), Pos: s.Pos,
				Kind: incident.KindIgnored, Why: incident.WhyNotIncident,
				Signal: &incident.SignalRecord{Mark: incident.Mark{byte(n)}, Commit: s.Commit, Pos: s.Pos, Source: s.Source,
					Channel: s.Channel, Received: start, Receipt: start, Interpreter: "manual/1"}})
		}
		if err := b.w.Commit(ctx, es); err != nil {
			b.t.Fatal(err)
		}
	}
}

// erase erases the first frame that holds one signal, and notes it: package
// stream says how.
func (b *builder) erase() {
	b.t.Helper()
	ctx := b.t.Context()
	st, err := b.p.js.Stream(ctx, signals)
	if err != nil {
		b.t.Fatal(err)
	}
	n, _, _ := b.w.Head()
	var pos, end incident.Pos
	in := map[uint64]int{}
	for e, err := range b.w.Entries(ctx, 1) {
		if err != nil {
			b.t.Fatal(err)
		}
		in[e.Pos.Seq]++
		end = e.Pos
	}
	for seq := uint64(2); seq < end.Seq && pos.Seq == 0; seq++ {
		if in[seq] == 1 {
			pos.Seq = seq
		}
	}
	if pos.Seq == 0 {
		b.t.Fatal("no frame holds one signal")
	}
	if err := st.SecureDeleteMsg(ctx, pos.Seq); err != nil {
		b.t.Fatal(err)
	}
	if err := b.w.Commit(ctx, []incident.Entry{{N: n + 1, At: start.Add(time.Duration(n+1) * time.Second), Pos: end,
		Kind: incident.KindNote, Note: &incident.Note{Code: incident.NoteErased, Seq: pos.Seq, Author: "4711"}}}); err != nil {
		b.t.Fatal(err)
	}
}

// copyTo copies a directory.
func copyTo(t testing.TB, to, from string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
}
