package pipeline

import (
	"context"
	"fmt"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

// readAtMost is the number of signals that are read at once.
const readAtMost = 256

// An input is a signal, read and sealed, on its way to the owner.
type input struct {
	fold.Input
	received time.Time
}

// read takes signals in order, interprets them and hands them to the owner.
func (p *Processor) read(ctx context.Context, vault Signals, to chan<- []input) error {
	for {
		batch, err := vault.Batch(ctx, readAtMost)
		if err != nil {
			return fmt.Errorf("read the vault: %w", err)
		}
		out := p.interpretAll(ctx, batch)
		select {
		case to <- out:
		case <-ctx.Done():
			return nil
		}
	}
}

// interpretAll reads a batch. One goroutine works through it; where it is stuck
// on a signal past the bound, that signal is quarantined, the goroutine is left
// to end by itself, and another goes on behind it.
func (p *Processor) interpretAll(ctx context.Context, batch []incident.Stored) []input {
	out := make([]input, 0, len(batch))
	for len(out) < len(batch) {
		rest := batch[len(out):]
		results := make(chan input, len(rest))
		quit := make(chan struct{})
		go func() {
			defer close(results)
			for i := range rest {
				select {
				case <-quit:
					return
				default:
					results <- p.interpretOne(rest[i])
				}
			}
		}()
		out = append(out, p.collect(ctx, rest, results)...)
		close(quit)
		if ctx.Err() != nil {
			return out
		}
	}
	return out
}

// collect takes results until all have come or one takes too long; that one is
// quarantined in its place.
func (p *Processor) collect(ctx context.Context, rest []incident.Stored, results <-chan input) []input {
	var out []input
	patience := time.NewTimer(p.o.Patience)
	defer patience.Stop()
	for {
		select {
		case in, ok := <-results:
			if !ok {
				return out
			}
			out = append(out, in)
			patience.Reset(p.o.Patience)
		case <-patience.C:
			st := rest[len(out)]
			p.log.WarnContext(ctx, "interpreter timed out; signal quarantined", "position", st.Pos.String(), "source_name", string(st.Source))
			return append(out, p.quarantine(st, incident.WhyTimedOut))
		case <-ctx.Done():
			return out
		}
	}
}

func (p *Processor) quarantine(st incident.Stored, why incident.Why) input {
	return input{
		Input:    fold.NewInput(p.o.Pepper, st, incident.Reading{Interpreter: "none", Quarantine: why}, 0),
		received: st.Received,
	}
}

// interpretOne reads one signal. A panic is a quarantine note: the flow goes on
// and the bytes can be read again by a later version.
func (p *Processor) interpretOne(st incident.Stored) (in input) {
	defer func() {
		if r := recover(); r != nil {
			p.log.Error("interpreter panicked; signal quarantined", "position", st.Pos.String(),
				"source_name", string(st.Source), "panic", fmt.Sprintf("%T", r)) // never its text: it may quote the signal
			in = p.quarantine(st, incident.WhyPanicked)
		}
	}()
	rule, ok := p.o.Rules.Source(st.Source)
	if !ok {
		return p.quarantine(st, incident.WhyUnknownSource)
	}
	if st.Stub == string(incident.WhyStub) {
		return p.quarantine(st, incident.WhyStub)
	}
	in = input{Input: fold.NewInput(p.o.Pepper, st, p.o.Interpret(st.Signal, rule), rule.Skew()), received: st.Received}
	for _, part := range in.Parts {
		if p.o.Fits == nil {
			break
		}
		if err := p.o.Fits(part); err != nil {
			p.log.Error("reading does not fit the record; signal quarantined", "position", st.Pos.String(),
				"source_name", string(st.Source), "err", err)
			return p.quarantine(st, incident.WhyMalformed)
		}
	}
	return in
}
