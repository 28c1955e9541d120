package report

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Book is the present state of the record as readers see it. It is made of
// entries alone: the same entries give the same book, whenever they are read.
// One goroutine applies entries; any number may ask at the same time.
type Book struct {
	mu sync.RWMutex // guards all fields below; what a held points to is read without

	n     uint64    // of the last entry
	began time.Time // of the first entry
	at    time.Time // of the last entry
	pos   incident.Pos

	rules  map[uint64]*incident.Rules // by the number of their entry
	rulesN uint64                     // in force

	held  map[incident.Ref]*held
	order []*held // by first entry; only ever appended to
	kin   map[incident.Ref][]incident.Ref

	unread     map[uint64]Waiting // quarantined signals that nobody has settled, by entry
	candidates map[*held]struct{}
	undecided  map[*held]struct{} // have a decision that waits
	waiting    map[incident.DecisionKind]int

	months    map[incident.Month]*month
	calendar  calendar
	open      map[OpenKey]int
	deadlines map[incident.PolicyID]*deadlines
	active    map[ThresholdKey]int

	gaps     []Gap
	openGaps map[GapKey]int // index into gaps

	labels  labels
	tally   tally
	counted counted
	joining merging
}

// A held is an incident as the book holds it. Its record is immutable and is
// shared with whoever made the entry.
type held struct {
	rec     atomic.Pointer[incident.IncidentRecord]
	entries []uint64            // numbers of its entries, ascending
	judged  []incident.PolicyID // whose clock had its first verdict
}

// counted is the signal of the last entry that was counted: one signal may
// stand in several entries.
type counted struct {
	pos  incident.Pos
	part int
	kind incident.Kind
}

// merging is the incident into which the entry before merged another.
type merging struct {
	into incident.Ref
	n    uint64
}

// NewBook returns the book before the first entry.
func NewBook() *Book {
	return &Book{
		rules:      map[uint64]*incident.Rules{},
		held:       map[incident.Ref]*held{},
		kin:        map[incident.Ref][]incident.Ref{},
		unread:     map[uint64]Waiting{},
		candidates: map[*held]struct{}{},
		undecided:  map[*held]struct{}{},
		waiting:    map[incident.DecisionKind]int{},
		months:     map[incident.Month]*month{},
		open:       map[OpenKey]int{},
		deadlines:  map[incident.PolicyID]*deadlines{},
		active:     map[ThresholdKey]int{},
		openGaps:   map[GapKey]int{},
		labels:     newLabels(),
		tally:      newTally(),
	}
}

// Apply follows one entry. Entries come in order, from the first on; an error
// leaves the book as it was.
func (b *Book) Apply(e incident.Entry) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !e.Follows(b.n) {
		return fmt.Errorf("follow entry %d: the book is at entry %d", e.N, b.n)
	}
	switch e.Kind {
	case incident.KindRules:
		if err := b.applyRules(e); err != nil {
			return fmt.Errorf("follow entry %d: %w", e.N, err)
		}
	case incident.KindOpened, incident.KindJoined, incident.KindMerged, incident.KindSplit, incident.KindActed,
		incident.KindRefused, incident.KindRepeated, incident.KindIgnored, incident.KindQuarantined,
		incident.KindCrossed, incident.KindTold, incident.KindNote:
	default:
		return fmt.Errorf("follow entry %d: unknown kind %q", e.N, e.Kind)
	}
	if (e.Kind == incident.KindMerged || e.Kind == incident.KindSplit) && e.Incident == nil {
		return fmt.Errorf("follow entry %d: %s: %w", e.N, e.Kind, errNoIncident)
	}
	if b.n == 0 {
		b.began = e.At
	}
	b.n, b.at, b.pos = e.N, e.At, e.Pos
	b.countSignal(&e)
	b.countAlerts(&e)
	switch e.Kind {
	case incident.KindNote:
		b.listen(&e)
	case incident.KindQuarantined:
		b.quarantine(&e)
	case incident.KindRefused:
		if h := b.held[e.From]; h != nil {
			h.entries = append(h.entries, e.N)
		}
	case incident.KindMerged:
		b.join(e.Incident.Into, e.Incident.Ref, e.N)
		b.joining = merging{e.Incident.Into, e.N}
	case incident.KindSplit:
		b.join(e.Incident.Ref, e.From, 0)
		if h := b.held[e.From]; h != nil {
			h.entries = append(h.entries, e.N)
		}
	default:
	}
	if a := actOf(&e); e.Kind == incident.KindActed && a != nil && a.Kind == incident.ActSettle {
		delete(b.unread, a.Signal)
	}
	if e.Incident != nil {
		b.put(&e)
	}
	return nil
}

var errNoIncident = errors.New("the entry holds no incident")

func actOf(e *incident.Entry) *incident.Act {
	if e.Signal == nil {
		return nil
	}
	return e.Signal.Act
}

func (b *Book) applyRules(e incident.Entry) error {
	r, err := incident.ParseRules(e.Text)
	if err != nil {
		return err
	}
	b.rules[e.N], b.rulesN = r, e.N
	b.labels.learn(r)
	return nil
}

// join notes that the history of ref goes on from that of another, and that
// entry n, if any, is part of it.
func (b *Book) join(ref, other incident.Ref, n uint64) {
	if !slices.Contains(b.kin[ref], other) {
		b.kin[ref] = append(b.kin[ref], other)
	}
	if h := b.held[ref]; h != nil && n != 0 {
		h.entries = append(h.entries, n)
	}
}

// put makes e.Incident the present state of its incident.
func (b *Book) put(e *incident.Entry) {
	h := b.held[e.Incident.Ref]
	if h == nil {
		h = &held{}
		b.held[e.Incident.Ref] = h
		b.order = append(b.order, h)
	}
	old := h.rec.Load()
	h.entries = append(h.entries, e.N)
	b.countVerdicts(h, old, e)
	if old != nil {
		b.account(h, old, -1)
	}
	h.rec.Store(e.Incident)
	b.account(h, e.Incident, 1)
	b.schedule(h, old)
}

// account adds rec to everything that is counted of the present, or takes it
// away again.
func (b *Book) account(h *held, rec *incident.IncidentRecord, sign int) {
	for _, d := range rec.Decide {
		b.waiting[d.Kind] += sign
	}
	for i := range rec.Clocks {
		for _, bar := range rec.Clocks[i].Bars {
			if bar.State == incident.AlertActive {
				add(b.active, ThresholdKey{rec.Clocks[i].Policy, bar.Threshold}, sign)
			}
		}
	}
	b.accountMonth(rec, sign)
	if rec.Open == incident.StatusOpen {
		b.accountOpen(rec, sign)
	}
	if sign < 0 {
		delete(b.candidates, h)
		delete(b.undecided, h)
		return
	}
	if rec.Open == incident.StatusCandidate {
		b.candidates[h] = struct{}{}
	}
	if len(rec.Decide) > 0 {
		b.undecided[h] = struct{}{}
	}
}

// add adds n to m[k] and forgets what comes to nothing.
func add[K comparable](m map[K]int, k K, n int) {
	if v := m[k] + n; v == 0 {
		delete(m, k)
	} else {
		m[k] = v
	}
}

// N returns the number of the last entry, and when it was made.
func (b *Book) N() (n uint64, at time.Time) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.n, b.at
}

// Rules returns the rules of entry n, or nil. They are not to be changed.
func (b *Book) Rules(n uint64) *incident.Rules {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.rules[n]
}

// InForce returns the rules in force, never nil, and the number of their
// entry, 0 before the first.
func (b *Book) InForce() (*incident.Rules, uint64) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.inForce(), b.rulesN
}

func (b *Book) inForce() *incident.Rules {
	if r := b.rules[b.rulesN]; r != nil {
		return r
	}
	return &incident.Rules{}
}
