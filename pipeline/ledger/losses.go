package ledger

import (
	"bytes"
	"sync"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// Losses are the signals of which the record says that they are not there: those
// that were erased, and those whose loss somebody accepted. The zero value knows
// none. Take is called with every entry in its order; the rest from anywhere.
type Losses struct {
	mu      sync.RWMutex
	erased  map[incident.Pos]struct{}
	frames  map[uint64]struct{} // SIGNALS messages of which something was erased
	accepts []acceptance
}

// TakeLines looks at the entries of one message, which was verified.
func (l *Losses) TakeLines(body []byte) error {
	for line := range bytes.SplitSeq(body, []byte{'\n'}) {
		if !bytes.Contains(line, []byte(`,"note":`)) {
			continue
		}
		e, err := Decode(line)
		if err != nil {
			return err
		}
		l.Take(&e)
	}
	return nil
}

// An acceptance is a note of an accepted loss, and the number of its entry.
type acceptance struct {
	n uint64
	incident.Note
}

// Take looks at one entry.
func (l *Losses) Take(e *incident.Entry) {
	if e.Note == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch e.Note.Code { //nolint:exhaustive // the other notes lose nothing
	case incident.NoteErased:
		if l.erased == nil {
			l.erased, l.frames = map[incident.Pos]struct{}{}, map[uint64]struct{}{}
		}
		l.erased[incident.Pos{Seq: e.Note.Seq, Index: e.Note.Index}] = struct{}{}
		l.frames[e.Note.Seq] = struct{}{}
	case incident.NoteAcceptedLoss:
		l.accepts = append(l.accepts, acceptance{e.N, *e.Note})
	}
}

// Erased reports whether an erased note names a signal of message seq of
// SIGNALS, which is then missing on purpose.
func (l *Losses) Erased(seq uint64) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	_, ok := l.frames[seq]
	return ok
}

// Message reports whether the loss of message seq of SIGNALS as a whole was
// accepted, whatever has become of it: it is missing, or cannot be read.
func (l *Losses) Message(seq uint64) bool {
	return l.any(func(a *acceptance) bool { return a.ofSignals() && a.To > 0 && a.Seq <= seq && seq <= a.To })
}

// Signal reports whether the loss of the signal at pos was accepted, alone or
// with its message.
func (l *Losses) Signal(pos incident.Pos) bool {
	return l.Message(pos.Seq) || l.any(func(a *acceptance) bool {
		return a.ofSignals() && a.To == 0 && a.Seq == pos.Seq && a.Index == pos.Index
	})
}

// Lost is Message for an index of -1, else Signal: what the readers of SIGNALS
// ask.
func (l *Losses) Lost(seq uint64, index int) bool {
	if index < 0 {
		return l.Message(seq)
	}
	return l.Signal(incident.Pos{Seq: seq, Index: index})
}

func (l *Losses) any(ok func(*acceptance) bool) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	for i := range l.accepts {
		if ok(&l.accepts[i]) {
			return true
		}
	}
	return false
}

// erasedAt reports whether the signal at pos was erased.
func (l *Losses) erasedAt(pos incident.Pos) bool {
	_, ok := l.erased[pos]
	return ok
}

func (a *acceptance) ofSignals() bool {
	return a.Refusal == RefuseVault || a.Refusal == RefuseSignal || a.Refusal == RefuseUnread
}

// passes reports whether a, which stands in the record, names this fault of an
// entry before it. No acceptance covers what comes after it.
func (a *acceptance) passes(f *fault) bool {
	if a.n <= f.N {
		return false
	}
	switch f.Name { //nolint:exhaustive // the others are faults of the record as a whole
	case RefuseTwice, RefuseReference:
		return a.Refusal == f.Name && a.Seq == f.N
	case RefuseUnread:
		if a.Refusal == RefuseVault {
			return a.Seq <= f.Pos.Seq && f.Pos.Seq <= a.To
		}
	case RefuseSignal:
	default:
		return false
	}
	switch {
	case a.Refusal != f.Name:
		return false
	case a.To == 0:
		return a.Seq == f.Pos.Seq && a.Index == f.Pos.Index && a.Commit == f.commit
	default:
		return a.Seq <= f.Pos.Seq && f.Pos.Seq <= a.To
	}
}

// passesMark reports whether a names what a mark from outside says: an entry
// that was accepted as lost, or a hash that was accepted as another.
func (a *acceptance) passesMark(m *mark) bool {
	return a.Refusal.LosesEntries() && a.Seq <= m.N && m.N <= a.To ||
		a.Refusal == RefuseDiffers && a.N == m.N && a.Hash == m.Hash
}

// A fault is a refusal that an acceptance further on may name.
type fault struct {
	*RefusedError
	commit incident.Digest // of the signal concerned
}
