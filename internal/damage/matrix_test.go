package damage_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/damage"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

const checkpoint = "checkpoint"

// seeds returns which seeds to run: SEED=n that one, SEEDS=n the first n, else
// one of each kind.
func seeds(t *testing.T, kinds int) (first, to uint64) {
	t.Helper()
	number := func(name string) uint64 {
		n, err := strconv.ParseUint(os.Getenv(name), 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	switch {
	case os.Getenv("SEED") != "":
		n := number("SEED")
		return n, n + 1
	case os.Getenv("SEEDS") != "":
		return 0, number("SEEDS")
	default:
		return 0, uint64(kinds)
	}
}

// A row is one cell of the matrix: what was damaged, how.
type row struct {
	target string
	kind   damage.Kind
}

func rows() []row {
	var all []row
	for _, target := range []string{record, signals} {
		for _, k := range damage.StreamKinds() {
			all = append(all, row{target, k})
		}
	}
	for _, k := range damage.FileKinds() {
		all = append(all, row{checkpoint, k})
	}
	for _, target := range []string{positions, deliveries} {
		for _, k := range damage.StreamKinds() {
			if k != damage.OldStore { // is the same for every stream
				all = append(all, row{target, k})
			}
		}
	}
	return all
}

// What a damage came to, besides the names of refusals.
const (
	harmless = "harmless: all bytes are as stored"
	again    = "read or sent again" // of positions and deliveries
)

// TestEveryDamageIsRefusedByNameOrHarmless damages a store in every way that
// there is, by a seed each, and starts on it: the record and the signals are
// refused by name, or every byte of them is what was stored; a position or an
// attempt is what it was, an earlier one, or none, and never another.
func TestEveryDamageIsRefusedByNameOrHarmless(t *testing.T) {
	o := build(t)
	for _, dir := range []string{o.clean, o.crash} { // else everything below is worth nothing
		whole := t.TempDir()
		copyTo(t, whole, dir)
		if got, err := o.judge(t, whole, row{target: deliveries}, rand.New(rand.NewPCG(0, 0))); err != nil || got != harmless {
			t.Fatalf("as it is: %q, %v", got, err)
		}
	}
	all := rows()
	first, to := seeds(t, len(all))
	found := map[row]map[string]int{}
	for seed := first; seed < to; seed++ {
		cell := all[seed%uint64(len(all))]
		r := rand.New(rand.NewPCG(seed, 20))
		dir, from := t.TempDir(), o.clean
		if r.IntN(2) == 0 {
			from = o.crash
		}
		copyTo(t, dir, from)
		did, err := cell.damage(r, o, dir)
		if err != nil {
			t.Fatalf("seed %d: %s: %s: %v", seed, cell.target, cell.kind, err)
		}
		got, err := o.judge(t, dir, cell, r)
		if err != nil {
			t.Errorf("SEED=%d: %s: %s (%s, %s): %v", seed, cell.target, cell.kind, did, filepath.Base(from), err)
			got = "NOT DETECTED"
		}
		if first+1 == to {
			t.Logf("SEED=%d: %s: %s (%s): %s", seed, cell.target, cell.kind, did, got)
		}
		if found[cell] == nil {
			found[cell] = map[string]int{}
		}
		found[cell][got]++
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d seeds\n%s", to-first, table(all, found))
}

// table writes what was found, by what was damaged and how.
func table(all []row, found map[row]map[string]int) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	total := map[string]int{}
	for _, cell := range all {
		for _, what := range slices.Sorted(maps.Keys(found[cell])) {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\n", cell.target, cell.kind, what, found[cell][what])
			total[what] += found[cell][what]
		}
	}
	for _, what := range slices.Sorted(maps.Keys(total)) {
		fmt.Fprintf(w, "all\t\t%s\t%d\n", what, total[what])
	}
	_ = w.Flush() // to memory
	return b.String()
}

// damage does it.
func (c row) damage(r *rand.Rand, o *original, dir string) (string, error) {
	if c.target == checkpoint {
		return damage.File(r, c.kind, filepath.Join(dir, checkpoint), filepath.Join(o.old, checkpoint))
	}
	return damage.Stream(r, c.kind, filepath.Join(dir, "store"), filepath.Join(o.old, "store"), c.target)
}

// judge starts on the store and says what came of the damage. An error is a
// damage that nobody noticed, or one that got no name.
func (o *original) judge(t *testing.T, dir string, cell row, r *rand.Rand) (string, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	losses := &ledger.Losses{}
	p, err := run(ctx, dir, stream.Hooks{Erased: losses.Erased})
	if err != nil {
		return named(err)
	}
	got, err := o.look(ctx, p, filepath.Join(dir, checkpoint), losses, cell, r)
	return got, errors.Join(err, p.close())
}

// look does what a start does and what verify does, then compares.
func (o *original) look(ctx context.Context, p *place, checkpoint string, losses *ledger.Losses, cell row, r *rand.Rand) (string, error) {
	if cell == (row{signals, damage.LoseStream}) && r.IntN(2) == 0 {
		for i := range o.streams[signals] { // the numbers are used again
			if _, err := p.Put(ctx, signal(fmt.Appendf(nil, "another %d", i))); err != nil {
				return "", err
			}
		}
	}
	_, verified := ledger.Verify(ctx, p.Ledger(), p, checkpoint, nil)
	w, opened := ledger.Open(ctx, ledger.Options{Log: p.Ledger(), Vault: p, Checkpoint: checkpoint,
		Each: func(e incident.Entry) error { losses.Take(&e); return nil }})
	if opened != nil {
		got, err := named(opened)
		return "start: " + got, err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	if verified != nil {
		got, err := named(verified)
		return "verify: " + got, err
	}
	for _, name := range []string{record, signals} {
		got, err := p.all(ctx, name)
		if err != nil {
			return "", fmt.Errorf("%s was not refused, and reading it again: %w", name, err)
		}
		if err := same(o.streams[name], got); err != nil {
			return "", fmt.Errorf("%s was not refused: %w", name, err)
		}
	}
	if cell.target != positions && cell.target != deliveries {
		return harmless, nil
	}
	lost, err := o.small(ctx, p)
	switch {
	case err != nil:
		return "", err
	case lost:
		return again, nil
	default:
		return harmless, nil
	}
}

// same compares what is read with what was stored.
func same(want, got []*message) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d messages, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(want[i], got[i]) {
			return fmt.Errorf("message %d is not what was stored", i+1)
		}
	}
	return nil
}

// small compares positions and deliveries: each may be what it was, an earlier
// one, or none. It reports whether any is.
func (o *original) small(ctx context.Context, p *place) (lost bool, _ error) {
	for key, values := range o.saved {
		got, err := p.Load(ctx, key)
		if err != nil {
			if _, err := named(err); err != nil {
				return false, err
			}
			lost = true // and said
			continue
		}
		if got != nil && !slices.ContainsFunc(values, func(v []byte) bool { return bytes.Equal(v, got) }) {
			return false, fmt.Errorf("position %s is %q, which was never saved", key, got)
		}
		lost = lost || !bytes.Equal(got, values[len(values)-1])
	}
	n := 0
	err := p.Deliveries(ctx, 0, func(seq uint64, body []byte) error {
		n++
		if want := o.streams[deliveries][seq-1]; want == nil || !bytes.Equal(body, want.data) {
			return fmt.Errorf("delivery %d is %q, which was not stored there", seq, body)
		}
		return nil
	})
	if err != nil {
		_, err := named(err)
		return true, err
	}
	return lost || n < len(o.streams[deliveries]), nil
}

// named returns the name of a refusal that people can look up, or err itself
// where it has none.
func named(err error) (string, error) {
	if e, ok := errors.AsType[*ledger.RefusedError](err); ok {
		return string(e.Name), nil
	}
	if _, ok := errors.AsType[*stream.GapError](err); ok {
		return "gap", nil
	}
	if _, ok := errors.AsType[*stream.ShortError](err); ok {
		return "short", nil
	}
	if _, ok := errors.AsType[*stream.DamagedError](err); ok {
		return "damaged", nil
	}
	if _, ok := errors.AsType[*stream.BlockError](err); ok {
		return "impossible number", nil
	}
	if _, ok := errors.AsType[*stream.SettingsError](err); ok {
		return "settings", nil
	}
	return "", fmt.Errorf("no name: %T: %w", err, err)
}
