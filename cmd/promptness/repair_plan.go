package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// A repairPlan is everything that an accepted repair does, on the disk before
// the first step.
type repairPlan struct {
	Notes []incident.Note   `json:"notes"`
	Good  ledger.Checkpoint `json:"good"`            // the last step that stays
	Cut   bool              `json:"cut,omitempty"`   // what stands behind it goes
	Kept  string            `json:"kept,omitempty"`  // SHA-256 of the file of what stays
	Fill  uint64            `json:"fill,omitempty"`  // SIGNALS is filled up to here
	Again []uint64          `json:"again,omitempty"` // messages of SIGNALS whose signals are stored again

	dir string
}

// The files of a repair, each in a directory of its own under repair.
const (
	planFile    = "plan.json"     // there while the repair is not finished
	keptFile    = "kept.steps"    // the steps that stay: 8 bytes of length, big endian, and the body, each
	damagedFile = "damaged.jsonl" // what could be read of the record before it was cut
	filesDir    = "files"         // its files as the server had them
)

func repairDir(cfg Config) string { return filepath.Join(cfg.DataDir, "repair") }

// plan writes down what is to be done for found, with what is to be kept.
func (r *repairer) plan(ctx context.Context, d *ledger.Diagnosis, found []RepairFinding, author string) (*repairPlan, error) {
	p := &repairPlan{
		Good: ledger.Checkpoint{N: d.Head.N, Seq: d.Head.Seq, Hash: d.Head.Hash}, Cut: d.Cut,
		dir: filepath.Join(repairDir(r.cfg), r.now().UTC().Format("20060102T150405.000000000Z")),
	}
	for _, f := range found {
		n := f.Note
		n.Author = author
		p.Notes = append(p.Notes, n)
		switch f.Refusal { //nolint:exhaustive // the others are notes only
		case incident.RefusedVault:
			p.Fill = n.To
		case incident.RefusedSignal, incident.RefusedUnread:
			if n.To == 0 && !slices.Contains(p.Again, n.Seq) {
				p.Again = append(p.Again, n.Seq)
			}
		}
	}
	// The note that stands in the place of lost entries comes first.
	slices.SortStableFunc(p.Notes, func(a, b incident.Note) int { return rank(a) - rank(b) })
	if err := os.MkdirAll(p.dir, 0o700); err != nil {
		return nil, fmt.Errorf("plan the repair: %w", err)
	}
	if p.Cut {
		if err := r.keep(ctx, p); err != nil {
			return nil, fmt.Errorf("keep the damaged record: %w", err)
		}
	}
	if err := r.step("plan"); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return nil, err
	}
	if err := writeKept(filepath.Join(p.dir, planFile), func(w io.Writer) error { _, err := w.Write(text); return err }); err != nil {
		return nil, fmt.Errorf("plan the repair: %w", err)
	}
	return p, syncDirs(repairDir(r.cfg), r.cfg.DataDir)
}

func rank(n incident.Note) int {
	if n.Refusal.LosesEntries() && n.Seq > 0 {
		return 0
	}
	return 1
}

// readPlan returns the plan of a repair that was not finished, nil if there is
// none.
func readPlan(cfg Config) (*repairPlan, error) {
	found, err := filepath.Glob(filepath.Join(repairDir(cfg), "*", planFile))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		return nil, fmt.Errorf("read the plan of a repair: %w", err)
	}
	p := &repairPlan{dir: filepath.Dir(found[0])}
	if err := json.Unmarshal(text, p); err != nil {
		return nil, fmt.Errorf("read the plan of a repair in %s: %w", found[0], err)
	}
	return p, nil
}

// done reports whether all notes of p are in the record.
func (p *repairPlan) done(d *ledger.Diagnosis) bool {
	return !slices.ContainsFunc(p.Notes, func(n incident.Note) bool { return !d.Accepted(p.Good.N, n) })
}

// setAside makes the plan one that is not carried out any more.
func (p *repairPlan) setAside(why string) error {
	if err := os.Rename(filepath.Join(p.dir, planFile), filepath.Join(p.dir, "plan-"+why+".json")); err != nil {
		return fmt.Errorf("finish the repair: %w", err)
	}
	return syncDirs(p.dir)
}

// unfinishedRepair refuses to start on a record that a repair was begun on and
// not finished: it may lack what was to be kept, or say nothing of what was lost.
func unfinishedRepair(cfg Config) error {
	p, err := readPlan(cfg)
	if err != nil || p == nil {
		return err
	}
	var all []RepairFinding
	for _, n := range p.Notes {
		all = append(all, RepairFinding{Refusal: n.Refusal})
	}
	return say.WithHint(fmt.Errorf("start: the repair in %s is not finished", p.dir), fmt.Sprintf(unfinishedHint, repairCommand(all)))
}

const unfinishedHint = "a repair was ended before its end; finish it with %s"

// keep copies the damaged record, and what of it stays.
func (r *repairer) keep(ctx context.Context, p *repairPlan) error {
	if err := r.step("keep"); err != nil {
		return err
	}
	if r.host.Embedded() {
		// The server's files, while it does not run.
		if err := r.shut(); err != nil {
			return err
		}
		from := filepath.Join(r.cfg.Store.Dir, "jetstream", "$G", "streams", "LEDGER_"+r.cfg.Store.Tenant)
		if err := copyTree(from, filepath.Join(p.dir, filesDir)); err != nil {
			return err
		}
		if err := r.open(ctx); err != nil {
			return err
		}
	}
	log := r.store.Ledger()
	if err := writeKept(filepath.Join(p.dir, damagedFile), func(w io.Writer) error {
		return log.Remains(ctx, 1, func(_ uint64, body []byte) error {
			_, err := w.Write(append(body, '\n'))
			return err
		})
	}); err != nil {
		return err
	}
	sum := sha256.New()
	if err := writeKept(filepath.Join(p.dir, keptFile), func(w io.Writer) error {
		if p.Good.Seq == 0 {
			return nil
		}
		err := log.Messages(ctx, 1, func(seq uint64, body []byte) error {
			if _, err := io.MultiWriter(w, sum).Write(append(binary.BigEndian.AppendUint64(nil, uint64(len(body))), body...)); err != nil {
				return err
			}
			if seq == p.Good.Seq {
				return errKept
			}
			return nil
		})
		if errors.Is(err, errKept) {
			return nil
		}
		return err
	}); err != nil {
		return err
	}
	p.Kept = hex.EncodeToString(sum.Sum(nil))
	return nil
}

var errKept = errors.New("all that stays is kept")

// cut makes the record anew of what stays, unless that was done.
func (r *repairer) cut(ctx context.Context, p *repairPlan) error {
	path := filepath.Join(p.dir, keptFile)
	sum := sha256.New()
	if err := steps(path, sum, func([]byte) error { return nil }); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != p.Kept {
		return fmt.Errorf("cut the record: %s was changed since it was written", path)
	}
	first, last, deleted, err := r.store.Ledger().State(ctx)
	if err != nil {
		return err
	}
	if whole := deleted == 0 && (first == 1 || last == 0); whole && last >= p.Good.Seq {
		d, _, err := r.look(ctx)
		if err != nil {
			return err
		}
		if !d.Cut && (d.Head.Seq == p.Good.Seq && d.Head.Hash == p.Good.Hash || p.done(d)) {
			return nil
		}
	}
	if err := r.step("cut"); err != nil {
		return err
	}
	err = r.store.Remake(ctx, p.Good.Seq, func(yield func([]byte, error) bool) {
		err := steps(path, io.Discard, func(body []byte) error {
			if err := r.step("append"); err != nil {
				return err
			}
			if !yield(body, nil) {
				return errKept
			}
			return nil
		})
		if err != nil && !errors.Is(err, errKept) {
			yield(nil, err)
		}
	})
	if err != nil {
		return fmt.Errorf("cut the record: %w", err)
	}
	return nil
}

// steps yields the bodies of a file of kept steps, and writes it all to w.
func steps(path string, w io.Writer, yield func(body []byte) error) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("read what stays of the record: %w", err)
	}
	defer f.Close() //nolint:errcheck // only read
	in := bufio.NewReader(io.TeeReader(f, w))
	for {
		var length [8]byte
		if _, err := io.ReadFull(in, length[:]); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read what stays of the record: %w", err)
		}
		n := binary.BigEndian.Uint64(length[:])
		if n > ledger.MaxBody {
			return fmt.Errorf("read what stays of the record: a step of %d bytes", n)
		}
		body := make([]byte, n)
		if _, err := io.ReadFull(in, body); err != nil {
			return fmt.Errorf("read what stays of the record: %w", err)
		}
		if err := yield(body); err != nil {
			return err
		}
	}
}

// writeKept writes a file that is there whole, and would survive a power cut,
// or not at all.
func writeKept(path string, write func(io.Writer) error) (err error) {
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	buf := bufio.NewWriterSize(f, 1<<20)
	err = errors.Join(write(buf), buf.Flush(), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return err
	}
	return syncDirs(filepath.Dir(path))
}

func syncDirs(dirs ...string) error {
	for _, dir := range dirs {
		d, err := os.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(d.Sync(), d.Close()); err != nil {
			return err
		}
	}
	return nil
}

// copyTree copies every file under from and syncs it.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close() //nolint:errcheck // only read
		return writeKept(filepath.Join(to, rel), func(w io.Writer) error { _, err := io.Copy(w, in); return err })
	})
}
