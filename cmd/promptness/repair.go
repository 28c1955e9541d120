package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A repairer looks at the record in one store and goes on without what is lost.
// Everything that it does once a loss is accepted stands in a plan on the disk
// before the first step, and each step may be done again: a crash at any of them
// is gone on from by the next repair.
type repairer struct {
	cfg      Config
	log      *slog.Logger
	now      func() time.Time
	progress func(done, total uint64)
	// at is told before each step; its error ends the repair there. For tests.
	at func(step string) error

	host  stream.Host
	store *stream.Store
	shut  func() error
}

func (r *repairer) step(name string) error {
	if r.at == nil {
		return nil
	}
	return r.at(name)
}

// open reaches the store.
func (r *repairer) open(ctx context.Context) error {
	var undo unwind
	r.shut = undo.all
	r.cfg.Store.Ephemeral = true // serve, not repair, says where a store may be
	host, err := stream.Begin(ctx, r.cfg.Store, r.log)
	if err != nil {
		return err
	}
	r.host = host
	undo.add("store", host.Close)
	r.shut = undo.all
	nc, err := host.Connect("repair")
	if err != nil {
		return errors.Join(fmt.Errorf("connect to the store: %w", err), undo.all())
	}
	undo.add("connection", func() error { nc.Close(); return nil })
	if r.store, err = stream.Open(ctx, nc, r.cfg.Store, stream.Hooks{}, r.log); err != nil {
		return errors.Join(err, undo.all())
	}
	undo.add("streams", r.store.Close)
	r.shut = undo.all
	return nil
}

// look returns all that is wrong.
func (r *repairer) look(ctx context.Context) (*ledger.Diagnosis, []RepairFinding, error) {
	log := r.store.Ledger()
	d, err := ledger.Diagnose(ctx, log, vault{r.store}, r.cfg.CheckpointFile(), !r.host.Embedded(), r.progress)
	if err != nil {
		return nil, nil, err
	}
	frames, err := r.frames(ctx, d)
	if err != nil {
		return nil, nil, err
	}
	var all []RepairFinding
	for _, f := range d.Findings {
		whole := f.Note.Refusal == incident.RefusedUnread && slices.ContainsFunc(frames, func(n incident.Note) bool {
			return n.Seq <= f.Note.Seq && f.Note.Seq <= n.To
		})
		if !whole {
			all = append(all, RepairFinding{f.Note.Refusal, f.Refused.Error(), loses(f.Note), f.Note})
		}
	}
	for _, n := range frames {
		all = append(all, RepairFinding{n.Refusal, fmt.Sprintf("check signals: %s: messages %d to %d of SIGNALS are missing or damaged", n.Refusal, n.Seq, n.To), loses(n), n})
	}
	mark, err := readStored(r.cfg.StoredFile())
	if err != nil {
		return nil, nil, err
	}
	end, err := r.store.End(ctx)
	if err != nil {
		return nil, nil, err
	}
	return d, withStored(all, d, end, mark), nil
}

// frames returns the notes of the messages of SIGNALS that are missing or
// damaged as a whole, covered or not, and of signals in them that nobody folded.
func (r *repairer) frames(ctx context.Context, d *ledger.Diagnosis) ([]incident.Note, error) {
	losses := &ledger.Losses{}
	if err := r.taken(ctx, d, losses); err != nil {
		return nil, err
	}
	var notes []incident.Note
	err := r.store.Damaged(ctx, 0, func(dm stream.Damage) error {
		n := incident.Note{Code: incident.NoteAcceptedLoss, Refusal: incident.RefusedUnread, Seq: dm.Pos.Seq, N: d.Mark.N, Hash: d.Mark.Hash}
		switch last := len(notes) - 1; {
		case losses.Erased(dm.Pos.Seq) || losses.Lost(dm.Pos.Seq, dm.Pos.Index) || losses.Lost(dm.Pos.Seq, -1):
		case !dm.Whole && !d.Head.Pos.Less(dm.Pos): // the record names it by its commitment
		case !dm.Whole:
			n.Index = dm.Pos.Index
			notes = append(notes, n)
		case last >= 0 && notes[last].To+1 == n.Seq && notes[last].To > 0:
			notes[last].To = n.Seq
		default:
			n.To = n.Seq
			notes = append(notes, n)
		}
		return nil
	})
	return notes, err
}

// taken gives losses what the whole part of the record says.
func (r *repairer) taken(ctx context.Context, d *ledger.Diagnosis, losses *ledger.Losses) error {
	if d.Head.Seq == 0 {
		return nil
	}
	errEnd := errors.New("end")
	err := r.store.Ledger().Messages(ctx, 1, func(seq uint64, body []byte) error {
		if err := losses.TakeLines(body); err != nil {
			return err
		}
		if seq == d.Head.Seq {
			return errEnd
		}
		return nil
	})
	if errors.Is(err, errEnd) {
		return nil
	}
	return err
}

// repair looks and, where accept names all that is wrong, goes on without it.
func (r *repairer) repair(ctx context.Context, accept []incident.Refusal, author string) (out Repaired, err error) {
	if err := r.open(ctx); err != nil {
		return out, err
	}
	defer func() { err = errors.Join(err, r.shut()) }()
	p, err := readPlan(r.cfg)
	if err != nil {
		return out, err
	}
	if p != nil {
		return r.resume(ctx, p, accept)
	}
	d, found, err := r.look(ctx)
	if err != nil {
		return out, err
	}
	out.Findings = found
	if len(found) == 0 {
		return out, nil
	}
	out.Command = repairCommand(found)
	for _, f := range found {
		if !slices.Contains(accept, f.Refusal) {
			return out, nil
		}
	}
	if p, err = r.plan(ctx, d, found, author); err != nil {
		return out, err
	}
	return r.carryOut(ctx, p, out)
}

// resume goes on with a repair that did not come to its end. Any acceptance will
// do: what is done was accepted when it was planned.
func (r *repairer) resume(ctx context.Context, p *repairPlan, accept []incident.Refusal) (out Repaired, err error) {
	d, found, err := r.look(ctx)
	if err != nil {
		return out, err
	}
	if len(found) == 0 && !p.done(d) && d.Head.N > p.Good.N {
		// The record is whole and goes on: a backup was restored meanwhile.
		if err := p.setAside("not-needed"); err != nil {
			return out, err
		}
		return out, nil
	}
	for _, n := range p.Notes {
		out.Findings = append(out.Findings, RepairFinding{n.Refusal, "a repair of " + string(n.Refusal) + " was begun and is not finished", loses(n), n})
	}
	out.Command = repairCommand(out.Findings)
	if len(accept) == 0 {
		return out, nil
	}
	return r.carryOut(ctx, p, out)
}

// carryOut does what p says and is not done yet.
func (r *repairer) carryOut(ctx context.Context, p *repairPlan, out Repaired) (Repaired, error) {
	if p.Cut {
		if err := r.cut(ctx, p); err != nil {
			return out, err
		}
		out.Kept = p.dir
	}
	if err := r.step("fill"); err != nil {
		return out, err
	}
	if err := r.store.FillVoid(ctx, p.Fill); err != nil {
		return out, err
	}
	if err := r.step("store again"); err != nil {
		return out, err
	}
	for _, seq := range p.Again {
		n, err := r.store.Again(ctx, seq)
		if err != nil {
			return out, err
		}
		out.Again += n
	}
	if err := r.step("note"); err != nil {
		return out, err
	}
	d, _, err := r.look(ctx)
	if err != nil {
		return out, err
	}
	var notes []incident.Note
	for _, n := range p.Notes {
		if !d.Accepted(p.Good.N, n) {
			notes = append(notes, n)
		}
	}
	if err := d.Accept(ctx, r.store.Ledger(), r.cfg.CheckpointFile(), r.now(), notes); err != nil {
		return out, fmt.Errorf("note what was accepted: %w", err)
	}
	if err := r.step("done"); err != nil {
		return out, err
	}
	d, found, err := r.look(ctx)
	if err != nil {
		return out, err
	}
	if len(found) > 0 {
		return out, fmt.Errorf("repair the record: it is still refused: %s", found[0].Problem)
	}
	out.Repaired, out.Entries = true, d.Head.N
	return out, p.setAside("done")
}
