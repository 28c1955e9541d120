package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/ministryofjustice/incident-promptness/internal/say"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

// A VerifiedCopy is what verify --replicas found of one server's copy.
type VerifiedCopy struct {
	Replica  string `json:"replica,omitempty"`
	Verified bool   `json:"verified"`
	Problem  string `json:"problem,omitempty"`
	// Repair are the commands that repair it.
	Repair []string `json:"repair,omitempty"`
	ledger.Report
}

// verifyReplicas verifies the copy that each server keeps, one after the other,
// and says which is bad. The store may be in use.
func (s *session) verifyReplicas(ctx context.Context, cfg Config) (err error) {
	host, err := stream.Begin(ctx, cfg.Store, slog.New(slog.DiscardHandler))
	if _, busy := errors.AsType[*stream.InUseError](err); busy { // which means one copy
		bar := say.Start(s.stderr, "verify the record", 0)
		v, err := s.verifyRunning(ctx, bar)
		bar.Stop()
		if err != nil {
			return err
		}
		return s.showCopies([]VerifiedCopy{{Verified: true, Report: v.Report}})
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	nc, err := host.Connect("verify")
	if err != nil {
		return err
	}
	// What is missing needs a note in the record, which the walk looks for; here it
	// is only a question of where SIGNALS ends.
	hooks := stream.Hooks{Erased: func(uint64) bool { return true }, Lost: func(uint64, int) bool { return true }}
	store, err := stream.Open(ctx, nc, cfg.Store, hooks, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	replicas, err := store.Replicas(ctx)
	if err != nil {
		return err
	}
	var all []VerifiedCopy
	for _, r := range replicas {
		bar := say.Start(s.stderr, "verify the copy on "+r, 0)
		found, err := scrub(ctx, store, r, cfg.CheckpointFile(), watch.NewPace(0, 0),
			func(done, total uint64) { bar.Set(int64(done), int64(total)) })
		bar.Stop()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		v := VerifiedCopy{Replica: r, Verified: err == nil, Report: found}
		if err != nil {
			v.Problem = err.Error()
			if f := nameFault(cfg.Store.Tenant)(err); f != nil {
				f.Replica = r
				v.Problem, v.Repair = f.Error(), repairOf(store.Account(ctx))(*f)
			}
		}
		all = append(all, v)
	}
	return errors.Join(s.showCopies(all), badCopies(all))
}

func (s *session) showCopies(all []VerifiedCopy) error {
	if s.JSON {
		return s.printJSON(all)
	}
	return s.printCopies(all)
}

// printCopies prints a line for each copy.
func (s *session) printCopies(all []VerifiedCopy) error {
	for _, v := range all {
		name := v.Replica
		if name == "" {
			name = "the only copy"
		}
		var err error
		if v.Verified {
			_, err = fmt.Fprintf(s.stdout, "%s: verified %d entries and %d signals; the last entry has hash %s\n", name, v.Entries, v.Signals, v.Head)
		} else {
			_, err = fmt.Fprintf(s.stdout, "%s: BAD: %s\n", name, v.Problem)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// A CopiesError says that some of the copies could not be verified.
type CopiesError struct {
	Bad, All int
	First    VerifiedCopy
}

func (e *CopiesError) Error() string {
	if e.All == 1 {
		return "verify the record: " + e.First.Problem
	}
	return fmt.Sprintf("verify the copies: %d of %d could not be verified: %s", e.Bad, e.All, e.First.Problem)
}

// Hint says what to do.
func (e *CopiesError) Hint() string {
	switch {
	case e.Bad == 1 && e.All > 2 && len(e.First.Repair) > 0:
		return "the others are sound, so let the cluster make this copy anew:" + lines(e.First.Repair)
	case len(e.First.Repair) == 0:
		return "a copy that could not be reached is not known to be bad: try again when its server runs"
	default:
		return "remove no copy: not enough others are known to be sound; keep them all as they are, then restore a backup"
	}
}

// lines indents commands, one a line.
func lines(all []string) string {
	text := ""
	for _, l := range all {
		text += "\n    " + l
	}
	return text
}

// badCopies returns an error that names the copies which are not sound.
func badCopies(all []VerifiedCopy) error {
	e := &CopiesError{All: len(all)}
	for _, v := range all {
		if v.Verified {
			continue
		}
		if e.Bad == 0 {
			e.First = v
		}
		e.Bad++
	}
	if e.Bad == 0 {
		return nil
	}
	return e
}
