package fold_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

// TestScenarios folds every row of the contract as the processor would: ticks
// at each instant at which time changes something, signals up to it first.
func TestScenarios(t *testing.T) {
	for _, sc := range readScenarios(t) {
		t.Run(sc.Row, func(t *testing.T) {
			w := play(t, &sc, nil, 0, -1)
			w.check()
			w.restoresAtEveryPrefix()
			for k := range sc.Signals {
				if again := play(t, &sc, nil, 0, k); again.record() != w.record() {
					t.Errorf("after a restart before signal %d the entries differ\n%s", k, gocmp.Diff(w.record(), again.record()))
				}
			}
			late := play(t, &sc, nil, 50*time.Millisecond, -1)
			if got, want := late.summary(true), w.summary(true); got != want {
				t.Errorf("with ticks 50 ms late (-on time +late):\n%s", gocmp.Diff(want, got))
			}
			if sc.AnyOrder {
				want := w.summary(false)
				permute(len(sc.Signals), func(order []int) {
					if got := play(t, &sc, order, 0, -1).summary(false); got != want {
						t.Errorf("arrived in the order %v (-as given +so):\n%s", order, gocmp.Diff(want, got))
					}
				})
			}
		})
	}
}

func permute(n int, f func([]int)) {
	order := make([]int, n)
	for k := range order {
		order[k] = k
	}
	var step func(int)
	step = func(k int) {
		if k == n {
			f(order)
			return
		}
		for j := k; j < n; j++ {
			order[k], order[j] = order[j], order[k]
			step(k + 1)
			order[k], order[j] = order[j], order[k]
		}
	}
	step(0)
}

// everything applies to every incident, and "personal" to those with personal
// data unless none are concerned.
func compile(expr string) (fold.Predicate, error) {
	switch expr {
	case "personal != 'no'":
		return func(a incident.Attributes) bool { return a.Personal != incident.PersonalNo }, nil
	default:
		return nil, fmt.Errorf("compile %q: not known to these tests", expr)
	}
}

func pepper() incident.Pepper {
	p, err := incident.NewPepper([]byte("a pepper for tests, 32 bytes long"))
	if err != nil {
		panic(err)
	}
	return p
}

// A world is the true fold with the signals and the time of a scenario.
type world struct {
	t       *testing.T
	sc      *scenario
	s       *fold.State
	late    time.Duration
	entries []incident.Entry
	seq     uint64
	marks   map[string]incident.Mark
	seen    map[string]uint64 // last entry after a signal was folded
	log     []string          // changes of alerts
	then    int               // the next expectation
	failed  []string
}

type foldAt struct {
	at  time.Time
	row int
}

// play folds the scenario: the signals in the given order (nil: as they are
// folded), each tick late by so much, with a restart before the signal restart.
func play(t *testing.T, sc *scenario, order []int, late time.Duration, restart int) *world {
	t.Helper()
	w := &world{t: t, sc: sc, s: fold.New(compile), late: late, marks: map[string]incident.Mark{}, seen: map[string]uint64{}}
	begin := sc.begin()
	w.rules(begin, sc.rules(), "")
	rest := sc.arrivals(order)
	rulesAt := time.Time{}
	if sc.NewRules != nil {
		rulesAt = sc.instant(sc.NewRules.At)
	}
	var quiet []time.Time
	for _, b := range sc.Backfill {
		quiet = append(quiet, sc.instant(b))
	}
	for w.then < len(sc.Then) {
		until := sc.instant(sc.Then[w.then].At)
		now, what := until, "expect"
		if len(rest) > 0 && !rest[0].at.After(now) {
			now, what = rest[0].at, "signal"
		}
		if len(quiet) > 0 && !quiet[0].After(now) {
			now, what = quiet[0], "backfill"
		}
		if !rulesAt.IsZero() && !rulesAt.After(now) {
			now, what = rulesAt, "rules"
		}
		if next, ok := w.wakes(); ok && next.Before(now) {
			w.tick(next)
			continue
		}
		switch what {
		case "signal":
			if rest[0].row == restart {
				w.restart()
			}
			w.fold(now, rest[0].row)
			rest = rest[1:]
		case "backfill":
			code := incident.NoteBackfillBegin
			if len(quiet)%2 == 1 {
				code = incident.NoteBackfillEnd
			}
			w.entries = append(w.entries, w.s.Note(now, incident.Note{Code: code}))
			quiet = quiet[1:]
		case "rules":
			w.rules(now, &incident.Rules{Policies: sc.NewRules.Policies, Sources: sc.rules().Sources}, sc.NewRules.Refused)
			rulesAt = time.Time{}
		default:
			w.settle(now)
			if order != nil { // only how it ends must be the same
				w.then++
				continue
			}
			w.expect(now)
		}
	}
	return w
}

// begin is the instant before everything.
func (sc *scenario) begin() time.Time {
	first := sc.instant(sc.Then[0].At)
	for _, x := range sc.Signals {
		if at := sc.instant(x.At); at.Before(first) {
			first = at
		}
	}
	return first.Add(-time.Hour)
}

// arrivals says when each signal is folded. In another order than its own each
// comes as early as it can after the one before.
func (sc *scenario) arrivals(order []int) []foldAt {
	var all []foldAt
	for k, x := range sc.Signals {
		at := sc.instant(cmp.Or(x.Folded, x.Came, x.At))
		if len(sc.Down) == 2 {
			if from, until := sc.instant(sc.Down[0]), sc.instant(sc.Down[1]); !at.Before(from) && at.Before(until) {
				at = until
			}
		}
		all = append(all, foldAt{at, k})
	}
	if order == nil {
		slices.SortStableFunc(all, func(a, b foldAt) int { return a.at.Compare(b.at) })
		return all
	}
	var last time.Time
	out := make([]foldAt, 0, len(all))
	for _, k := range order {
		if all[k].at.After(last) {
			last = all[k].at
		}
		out = append(out, foldAt{last, k})
	}
	return out
}

func (w *world) down(t time.Time) (until time.Time, is bool) {
	if len(w.sc.Down) != 2 {
		return time.Time{}, false
	}
	until = w.sc.instant(w.sc.Down[1])
	return until, !t.Before(w.sc.instant(w.sc.Down[0])) && t.Before(until)
}

// wakes returns when the processor decides time next: when something is due,
// and while a deadline is held, when a source is read.
func (w *world) wakes() (time.Time, bool) {
	next, ok := w.s.Next()
	if ok && next.Before(w.s.At()) {
		next = w.s.At()
	}
	if w.s.Holding() {
		read := w.s.At()
		for _, polls := range w.sc.Polls {
			for _, p := range polls {
				if at := w.sc.instant(p); at.After(w.s.At()) && (read.Equal(w.s.At()) || at.Before(read)) {
					read = at
				}
			}
		}
		if read.After(w.s.At()) && (!ok || read.Before(next)) {
			next, ok = read, true
		}
	}
	next = next.Add(w.late)
	if until, down := w.down(next); down {
		next = until
	}
	return next, ok
}

func (w *world) read(at time.Time) func(incident.SourceName) time.Time {
	return func(n incident.SourceName) time.Time {
		polls, ok := w.sc.Polls[string(n)]
		if !ok {
			return at
		}
		var last time.Time
		for _, p := range polls {
			if t := w.sc.instant(p); !t.After(at) {
				last = t
			}
		}
		return last
	}
}

func (w *world) tick(at time.Time) {
	for range 1000 {
		made := w.s.Tick(fold.Tick{At: at, Read: w.read(at)}, 3)
		w.take(made)
		if len(made) < 3 {
			if next, ok := w.s.Next(); ok && !next.After(at) {
				w.t.Fatalf("after a tick at %s the next is %s", at, next)
			}
			return
		}
	}
	w.t.Fatalf("ticks at %s do not end", at)
}

// settle decides time up to at: every signal stored up to then is folded.
func (w *world) settle(at time.Time) {
	if next, ok := w.s.Next(); w.s.Holding() || ok && !next.After(at) {
		w.tick(at)
	}
}

func (w *world) rules(at time.Time, r *incident.Rules, refused string) {
	made, err := w.s.SetRules(at, r)
	switch {
	case err != nil && (refused == "" || !strings.Contains(err.Error(), refused)):
		w.t.Fatalf("set rules: %v, want refused for %q", err, refused)
	case err == nil && refused != "":
		w.t.Fatalf("set rules: taken, want refused for %q", refused)
	}
	w.take(made)
}

func (w *world) take(made []incident.Entry) {
	for _, e := range made {
		w.entries = append(w.entries, e)
		for _, a := range e.Alerts {
			w.log = append(w.log, w.line(e, a))
		}
	}
}

// line writes a change of an alert as the expectations do.
func (w *world) line(e incident.Entry, a incident.AlertChange) string {
	ref, id, threshold, g, err := incident.ParseAlertID(a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	s := fmt.Sprintf("%s %s %s/%d %s", w.sc.clockTime(e.At), w.begunBy(ref), threshold, g, a.State)
	if id != "pol-imp-002" {
		s = fmt.Sprintf("%s %s %s %s/%d %s", w.sc.clockTime(e.At), w.begunBy(ref), id, threshold, g, a.State)
	}
	if a.Why != "" {
		s += fmt.Sprintf(" (%s)", a.Why)
	}
	for _, c := range e.Incident.Clocks {
		for _, b := range c.Bars {
			if incident.NewAlertID(e.Incident.Ref, c.Policy, b.Threshold, b.G) != a.ID || b.State != incident.AlertActive {
				continue
			}
			if b.Late {
				s += " late"
			}
			if len(b.Unread) > 0 {
				s += fmt.Sprintf(" unread %v", b.Unread)
			}
		}
	}
	return s
}

// begunBy names the signal that began an incident.
func (w *world) begunBy(ref incident.Ref) string {
	for _, e := range w.entries {
		if e.Incident != nil && e.Incident.Ref == ref && e.Signal != nil && e.Kind == incident.KindOpened {
			return w.name(e.Signal.Mark)
		}
		if e.Incident != nil && e.Incident.Ref == ref && e.Kind == incident.KindSplit {
			return "part"
		}
	}
	return string(ref)
}

func (w *world) name(m incident.Mark) string {
	for name, mark := range w.marks {
		if mark == m {
			return name
		}
	}
	return m.String()
}

// of returns the oldest incident that holds the signal of this name.
func (w *world) of(name string) incident.Ref {
	for _, ref := range w.s.Refs() {
		for _, m := range w.s.Members(ref) {
			if m.Mark == w.marks[name] {
				return ref
			}
		}
	}
	w.t.Fatalf("%s: no incident holds signal %q", w.sc.Row, name)
	return ""
}

func (w *world) entryOf(ref incident.Ref, name string) uint64 {
	for _, m := range w.s.Members(ref) {
		if m.Mark == w.marks[name] {
			return m.N
		}
	}
	w.t.Fatalf("%s: %s holds no signal %q", w.sc.Row, ref, name)
	return 0
}

// restart begins anew from the record.
func (w *world) restart() { w.s = restored(w.t, w.entries) }

func restored(t *testing.T, entries []incident.Entry) *fold.State {
	t.Helper()
	s := fold.New(compile)
	for _, e := range entries {
		// What is read back has gone through the record's own text.
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		var back incident.Entry
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if err := s.Restore(back); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (w *world) restoresAtEveryPrefix() {
	w.t.Helper()
	if got, want := restored(w.t, w.entries).Dump(), w.s.Dump(); got != want {
		w.t.Errorf("restored from its entries, the state differs (-state +restored):\n%s", gocmp.Diff(want, got))
	}
}

func (w *world) fail(format string, args ...any) {
	w.failed = append(w.failed, fmt.Sprintf(format, args...))
}

func (w *world) check() {
	w.t.Helper()
	for _, f := range w.failed {
		w.t.Error(f)
	}
	ids := map[string]bool{}
	for _, e := range w.entries {
		if e.Incident == nil {
			continue
		}
		for _, a := range e.Alerts {
			key := string(a.ID) + " " + string(a.State)
			if ids[key] {
				w.t.Errorf("entry %d: alert %s came to state %s twice", e.N, a.ID, a.State)
			}
			ids[key] = true
		}
	}
}

// record is all entries, as text.
func (w *world) record() string {
	var b strings.Builder
	for _, e := range w.entries {
		text, err := json.Marshal(e)
		if err != nil {
			w.t.Fatal(err)
		}
		b.Write(text)
		b.WriteString("\n")
	}
	return b.String()
}
