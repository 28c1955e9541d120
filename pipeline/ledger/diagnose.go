package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Finding is one thing for which the record is refused, and the note by which
// a person goes on without what is lost. The note lacks its author.
type Finding struct {
	Refused *RefusedError
	Note    incident.Note
}

// A Diagnosis is all that is wrong with a record, found in one reading.
type Diagnosis struct {
	Findings []Finding
	// Head is the end of the last whole step before the first that is damaged;
	// Cut says that there is one, and that what stands behind Head must go.
	Head Head
	Cut  bool
	// Mark is the checkpoint as it was found, zero if there was none.
	Mark  Checkpoint
	rules uint64
	taken []acceptance
}

// Remains is what a log can do that reads over its own gaps.
type Remains interface {
	// Remains yields what is there from sequence from on.
	Remains(ctx context.Context, from uint64, yield func(seq uint64, body []byte) error) error
}

// Diagnose reads the whole record, as far as it is whole, and returns everything
// for which Open or Verify would refuse it, in the order in which they would. It
// changes nothing. Shared is that of [Options]. Its error is one of reading, not
// of the record.
func Diagnose(ctx context.Context, log Log, vault Vault, checkpointPath string, shared bool, progress func(done, total uint64)) (*Diagnosis, error) {
	cp, cpErr := ReadCheckpoint(checkpointPath)
	if cpErr != nil && !errors.Is(cpErr, ErrNoCheckpoint) {
		return nil, cpErr
	}
	d := &Diagnosis{Mark: cp}
	v := newVerifier(vault)
	check := newChecker([]mark{{Checkpoint: cp, who: "the checkpoint"}}, func(r *record) error { return v.entry(ctx, r) })
	_, last, deleted, err := log.State(ctx)
	if err != nil {
		return nil, fmt.Errorf("read state of ledger: %w", err)
	}
	if _, _, err = endOf(ctx, log); err == nil {
		err = check.links(ctx, log, last, deleted, progress)
	}
	broken, _ := errors.AsType[*RefusedError](err)
	if broken == nil && err != nil {
		return nil, err
	}
	m := &check.marks[0]
	if broken != nil && (broken.Name == RefuseAhead || broken.Name == RefuseDiffers) {
		broken = nil // the chain is whole
	}
	d.Head = check.head
	if broken != nil {
		if d.Cut, d.Head = true, check.whole[1]; broken.N > 0 && d.Head.N >= broken.N {
			d.Head = check.whole[0]
		}
	}
	d.rules, d.taken = v.lastRules(d.Head.N), check.losses.accepts

	// The record itself, and the checkpoint beside it.
	add := func(r *RefusedError, n incident.Note) {
		n.Code, n.Refusal, n.N, n.Hash = incident.NoteAcceptedLoss, r.Name, cp.N, cp.Hash
		d.Findings = append(d.Findings, Finding{r, n})
	}
	if broken != nil {
		to, err := d.lostTo(ctx, log)
		if err != nil {
			return nil, err
		}
		add(broken, incident.Note{Seq: d.Head.N + 1, To: to})
	}
	met := m.met && m.N <= d.Head.N
	switch {
	case cpErr != nil && last > 0:
		add(&RefusedError{Name: RefuseMissing, What: checkpointPath + " has none", Err: cpErr}, incident.Note{})
	case cp.N == 0:
	case met && check.fails(m) != nil:
		add(m.err, incident.Note{Seq: cp.N})
	case broken != nil && last < cp.Seq:
		add(check.ahead(m, nil), incident.Note{})
	case broken != nil || met && (shared || stale(cp, d.Head) == nil):
	case met:
		refused, _ := errors.AsType[*RefusedError](stale(cp, d.Head))
		add(refused, incident.Note{Seq: cp.N + 1, To: d.Head.N})
	default:
		if refused := check.fails(m); refused != nil && refused.Name == RefuseAhead {
			add(refused, incident.Note{Seq: d.Head.N + 1, To: cp.N})
		} else if refused != nil {
			add(refused, incident.Note{Seq: cp.N})
		}
	}
	return d, d.signals(ctx, v, vault, add)
}

// signals adds what is wrong with the signals, and with what entries say.
func (d *Diagnosis) signals(ctx context.Context, v *verifier, vault Vault, add func(*RefusedError, incident.Note)) error {
	end := ^uint64(0)
	if vault != nil {
		c := checker{head: d.Head}
		err := c.reaches(ctx, vault)
		short, ok := errors.AsType[*RefusedError](err)
		if err != nil && !ok {
			return err
		}
		if ok {
			if end, err = lastOf(ctx, vault); err != nil {
				return err
			}
			add(short, incident.Note{Seq: end + 1, To: d.Head.Pos.Seq})
		}
	}
	for _, f := range v.all() {
		switch {
		case f.N > d.Head.N: // it goes with what is cut off
		case f.Name == RefuseUnread && f.Pos.Seq > end: // named with the lost end
		case f.Pos.IsZero():
			add(f.RefusedError, incident.Note{Seq: f.N})
		default:
			add(f.RefusedError, incident.Note{Seq: f.Pos.Seq, Index: f.Pos.Index, Commit: f.commit})
		}
	}
	return nil
}

// lastOf returns the last sequence of SIGNALS.
func lastOf(ctx context.Context, v Vault) (uint64, error) {
	if e, ok := v.(Ender); ok {
		return e.End(ctx)
	}
	pos, err := v.Last(ctx)
	return pos.Seq, err
}

// lostTo returns the highest number that an entry behind Head is known to have
// had: by the checkpoint, or by what is left of the record. A number counts only
// if the entry before or behind it vouches for it.
func (d *Diagnosis) lostTo(ctx context.Context, log Log) (uint64, error) {
	to := max(d.Head.N+1, d.Mark.N)
	co := newCoder()
	var before record
	look := func(seq uint64, body []byte) error {
		c := chunk{seqs: []uint64{seq}, bodies: [][]byte{body}}
		c.decode(co, 0)
		for _, r := range c.records {
			if before.err == nil && before.entry.N > 0 && r.err == nil && r.entry.N == before.entry.N+1 && r.entry.Prev == before.hash {
				to = max(to, r.entry.N)
			}
			before = r
		}
		return nil
	}
	read := log.Messages
	if r, ok := log.(Remains); ok {
		read = r.Remains
	}
	return to, read(ctx, d.Head.Seq+1, look)
}

// Accepted reports whether the record holds the note already, behind entry n.
func (d *Diagnosis) Accepted(n uint64, note incident.Note) bool {
	return slices.ContainsFunc(d.taken, func(a acceptance) bool { return a.n > n && a.Note == note })
}

// acceptsPerStep keeps a step of notes far below the greatest message.
const acceptsPerStep = 500

// Accept writes notes behind the end of the diagnosis, as the one writer, and
// makes that the checkpoint. What was to be cut off is cut off. Only the first
// note may be one that loses entries; it takes the number behind them. now is
// the time of the notes, unless the record is later.
func (d *Diagnosis) Accept(ctx context.Context, log Log, checkpointPath string, now time.Time, notes []incident.Note) (err error) {
	file, err := OpenCheckpoint(checkpointPath)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	if _, err := file.Read(); err != nil && !errors.Is(err, ErrNoCheckpoint) {
		return err
	}
	w := &Writer{trail: &trail{log: log, head: d.Head}, file: file, coder: newCoder()}
	if now = now.UTC(); now.Before(d.Head.At) {
		now = d.Head.At
	}
	n := d.Head.N
	for step := range slices.Chunk(notes, acceptsPerStep) {
		var entries []incident.Entry
		for _, note := range step {
			if n++; note.Refusal.LosesEntries() && note.Seq == n {
				n = note.To + 1
			}
			entries = append(entries, incident.Entry{N: n, At: now, Pos: d.Head.Pos, Kind: incident.KindNote, Rules: d.rules, Note: &note})
		}
		if err := w.Commit(ctx, entries); err != nil {
			return err
		}
	}
	if len(notes) == 0 {
		return file.Write(d.Head.checkpoint())
	}
	return nil
}
