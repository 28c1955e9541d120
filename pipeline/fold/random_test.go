package fold_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

// A sent is a signal of the property tests.
type sent struct {
	name   string
	source incident.SourceName
	facts  incident.Facts
}

var epoch = time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)

// settled is when every random history is judged: later than all of it.
var settled = epoch.AddDate(0, 4, 0)

// signals draws signals over few keys, with receipts around gaps of 14 days.
func signals(t *rapid.T) []sent {
	n := rapid.IntRange(1, 8).Draw(t, "signals")
	out := make([]sent, n)
	for k := range out {
		out[k] = aSignal(t, fmt.Sprintf("s%d", k))
	}
	return out
}

func aSignal(t *rapid.T, name string) sent {
	source := rapid.SampledFrom([]incident.SourceName{"siem", "mailbox", "mailbox", "slack"}).Draw(t, name+" source")
	receipt := epoch.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, name+" fortnights")) * 7 * 24 * time.Hour).
		Add(time.Duration(rapid.SampledFrom([]int{-61, -1, 0, 1, 20, 59, 60, 61, 150}).Draw(t, name+" minutes")) * time.Minute)
	f := incident.Facts{
		Opening:  rapid.SampledFrom([]incident.Opening{incident.Opens, incident.Opens, incident.Candidate}).Draw(t, name+" opening"),
		Trust:    rapid.SampledFrom([]incident.Trust{incident.Authenticated, incident.Aligned, incident.Aligned, incident.Unauthenticated}).Draw(t, name+" trust"),
		Observer: rapid.SampledFrom([]string{"ann", "bob", "cat"}).Draw(t, name+" observer"),
		Receipt:  receipt, Route: incident.RoutePerson,
		Attrs: incident.Attributes{
			Organisation: rapid.SampledFrom([]incident.Organisation{"", "hmpps", "laa"}).Draw(t, name+" organisation"),
			Impact:       rapid.SampledFrom(incident.Impacts()).Draw(t, name+" impact"),
			Personal:     rapid.SampledFrom(incident.Personals()).Draw(t, name+" personal"),
		},
	}
	for _, k := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 2, rapid.ID[string]).Draw(t, name+" keys") {
		weak := rapid.IntRange(0, 5).Draw(t, name+" weak") == 0
		f.Keys = append(f.Keys, incident.Key{Kind: incident.KeyTicket, Value: k, Weak: weak})
	}
	if source != "siem" {
		f.Claims = append(f.Claims, incident.Claim{Milestone: incident.Reported, Interval: incident.At(receipt), Basis: incident.Recorded, Observer: string(source), Receiver: true})
	}
	for range rapid.IntRange(0, 2).Draw(t, name+" claims") {
		basis := incident.Stated
		if source == "siem" {
			basis = incident.Recorded
		}
		from := receipt.Add(time.Duration(rapid.SampledFrom([]int{-20000, -200, -75, -61, -60, -59, -30, -5, 0, 3, 7}).Draw(t, name+" from")) * time.Minute)
		i := incident.Interval{Earliest: from, Latest: from.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 20, 90, 1440}).Draw(t, name+" width")) * time.Minute)}
		switch rapid.IntRange(0, 9).Draw(t, name+" open") {
		case 0:
			i.Earliest = time.Time{}
		case 1:
			i.Latest = time.Time{}
		}
		m := rapid.SampledFrom([]incident.Milestone{incident.Detected, incident.Detected, incident.Detected, incident.Reported, incident.Aware}).Draw(t, name+" milestone")
		f.Claims = append(f.Claims, incident.Claim{
			Milestone: m, Interval: i, Basis: basis, Receiver: rapid.Bool().Draw(t, name+" receiver"),
			Observer: rapid.SampledFrom([]string{f.Observer, "dan"}).Draw(t, name+" says"),
		})
	}
	return sent{name, source, f}
}

// A bench folds random signals and acts and keeps what came of them.
type bench struct {
	s       *fold.State
	entries []incident.Entry
	seq     uint64
	names   map[incident.Mark]string
}

func newBench() *bench {
	b := &bench{s: fold.New(compile), names: map[incident.Mark]string{}}
	sc := scenario{}
	made, err := b.s.SetRules(epoch.AddDate(0, -1, 0), sc.rules())
	if err != nil {
		panic(err)
	}
	b.entries = made
	return b
}

func (b *bench) input(x sent) fold.Input {
	b.seq++
	rule, _ := (&scenario{}).rulesOf(string(x.source))
	st := incident.Stored{
		Signal: incident.Signal{ID: incident.NewSignalID(x.source, []byte(x.name)), Source: x.source, Channel: rule.Channel, Received: x.facts.Receipt},
		Pos:    incident.Pos{Seq: b.seq}, Commit: sha256.Sum256([]byte(x.name)),
	}
	b.names[pepper().Signal(st.ID)] = x.name
	return fold.NewInput(pepper(), st, incident.Reading{Interpreter: "random/1", Parts: []incident.Facts{x.facts}}, rule.Skew())
}

func (b *bench) signal(at time.Time, x sent) []incident.Entry {
	made := b.s.Signal(at, b.input(x))
	b.entries = append(b.entries, made...)
	return made
}

func (b *bench) tick(at time.Time) {
	for {
		made := b.s.Tick(fold.Tick{At: at, Read: func(incident.SourceName) time.Time { return at }}, 5)
		b.entries = append(b.entries, made...)
		if len(made) < 5 {
			return
		}
	}
}

// verdicts is all that order and repetition must not change. Leaves are shown
// on each part on which they hang.
func (b *bench) verdicts() string {
	var lines []string
	for _, ref := range b.s.Refs() {
		rec := b.s.Record(ref)
		var names []string
		for _, m := range b.s.Members(ref) {
			names = append(names, b.names[m.Mark])
		}
		slices.Sort(names)
		attrs, err := json.Marshal(rec.Attrs)
		if err != nil {
			panic(err)
		}
		line := fmt.Sprintf("%v %s signals=%d leaves=%d first=%s source=%s %s\n", slices.Compact(names), rec.Open, rec.Signals, rec.Leaves, rec.First, rec.Source, attrs)
		for _, t := range rec.Times {
			line += fmt.Sprintf("  %s %s %s weak=%v bound=%s %v\n", t.Milestone, t.Interval, t.Basis, t.Weak, t.Bound, t.Flags)
		}
		for _, c := range rec.Clocks {
			flags := slices.Clone(c.Flags)
			slices.Sort(flags)
			line += fmt.Sprintf("  %s %s %s %s..%s %v\n", c.Policy, c.State, c.Doubt, c.Shortest, c.Longest, flags)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func TestOrderAndRepetitionChangeNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sent := signals(t)
		one := newBench()
		for _, x := range sent {
			one.signal(settled, x)
		}
		one.tick(settled.Add(time.Minute))

		again := append(rapid.Permutation(sent).Draw(t, "order"), rapid.SliceOfN(rapid.SampledFrom(sent), 0, 3).Draw(t, "repeated")...)
		two := newBench()
		for k, x := range again {
			two.signal(settled.Add(time.Duration(k)*time.Second), x)
			if rapid.Bool().Draw(t, "tick") {
				two.tick(settled.Add(time.Duration(k) * time.Second))
			}
		}
		two.tick(settled.Add(time.Minute))
		if got, want := two.verdicts(), one.verdicts(); got != want {
			t.Fatalf("in another order (-one +two):\n%s", gocmp.Diff(want, got))
		}
		if got, want := parts(two), joined(sent); got != want {
			t.Fatalf("the parts differ from the plain model of joining (-model +fold):\n%s", gocmp.Diff(want, got))
		}
		sound(t, two)
	})
}

// joined is the rule of joining in its plainest form: trusted signals that share
// a strong key with no silence of over 14 days between neighbours are one, and
// a leaf hangs on every part that it touches in that way.
func joined(sent []sent) string {
	part := make([]int, len(sent))
	for k := range part {
		part[k] = k
	}
	known := func(k int) bool { return sent[k].facts.Trust.Known() }
	for range sent {
		for a := range sent {
			for b := range sent {
				if known(a) && known(b) && touch(sent[a], sent[b]) {
					part[a] = min(part[a], part[b])
					part[b] = part[a]
				}
			}
		}
	}
	groups := map[int][]string{}
	for k := range sent {
		if known(k) {
			groups[part[k]] = append(groups[part[k]], sent[k].name)
		}
	}
	for k := range sent {
		if known(k) {
			continue
		}
		hung := map[int]bool{}
		for o := range sent {
			if known(o) && touch(sent[k], sent[o]) {
				hung[part[o]] = true
			}
		}
		for p := range hung {
			groups[p] = append(groups[p], sent[k].name)
		}
		if len(hung) == 0 {
			groups[-1-k] = []string{sent[k].name}
		}
	}
	var lines []string
	for _, g := range groups {
		slices.Sort(g)
		lines = append(lines, fmt.Sprint(g))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func touch(a, b sent) bool {
	gap := a.facts.Receipt.Sub(b.facts.Receipt).Abs()
	return gap <= incident.DefaultGap && slices.ContainsFunc(a.facts.Keys, func(k incident.Key) bool { return !k.Weak && slices.Contains(b.facts.Keys, k) })
}

func parts(b *bench) string {
	var lines []string
	for _, ref := range b.s.Refs() {
		var names []string
		for _, m := range b.s.Members(ref) {
			names = append(names, b.names[m.Mark])
		}
		slices.Sort(names)
		lines = append(lines, fmt.Sprint(slices.Compact(names)))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// sound checks what holds after every history.
func sound(t *rapid.T, b *bench) {
	active := map[incident.AlertID]bool{}
	for k, e := range b.entries {
		if e.N != uint64(k+1) {
			t.Fatalf("entry %d is numbered %d", k+1, e.N)
		}
		if text, err := json.Marshal(e); err != nil || len(text) > fold.Size(&e) {
			t.Fatalf("entry %d: %d bytes, estimated %d, %v", e.N, len(text), fold.Size(&e), err)
		}
		for _, a := range e.Alerts {
			if a.State == incident.AlertActive && active[a.ID] {
				t.Fatalf("entry %d: alert %s is active a second time", e.N, a.ID)
			}
			active[a.ID] = active[a.ID] || a.State == incident.AlertActive
		}
		if e.Incident != nil {
			soundRecord(t, e)
		}
	}
	if got, want := restoredFor(t, b.entries).Dump(), b.s.Dump(); got != want {
		t.Fatalf("restored, the state differs (-state +restored):\n%s", gocmp.Diff(want, got))
	}
}

func soundRecord(t *rapid.T, e incident.Entry) {
	for _, x := range e.Incident.Times {
		if !x.Interval.Valid() {
			t.Fatalf("entry %d: %s %s", e.N, x.Milestone, x.Interval)
		}
	}
	for _, c := range e.Incident.Clocks {
		if c.Shortest < 0 || c.Longest < 0 || c.Longest > 0 && c.Longest < c.Shortest {
			t.Fatalf("entry %d: delay of %s to %s", e.N, c.Shortest, c.Longest)
		}
		ids := map[string]bool{}
		for _, b := range c.Bars {
			id := fmt.Sprint(b.Threshold, b.G)
			if ids[id] {
				t.Fatalf("entry %d: %s crossed twice", e.N, id)
			}
			ids[id] = true
			if b.At.Before(b.Due) {
				t.Fatalf("entry %d: %s crossed at %s, before it was due at %s", e.N, id, b.At, b.Due)
			}
		}
		if c.State == incident.Overdue && e.At.Before(c.Certain()) {
			t.Fatalf("entry %d: overdue at %s, certain at %s", e.N, e.At, c.Certain())
		}
	}
}

func restoredFor(t *rapid.T, entries []incident.Entry) *fold.State {
	s := fold.New(compile)
	for _, e := range entries {
		if err := s.Restore(e); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// TestAnyActsAtAnyTime folds signals, acts and ticks in any order: nothing
// panics, a refused act changes nothing, and at any step the record restores to
// the same state, from which the fold goes on.
func TestAnyActsAtAnyTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBench()
		at := epoch
		var came []sent
		for k := range rapid.IntRange(2, 25).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 10, 31, 59, 60, 120, 1500}).Draw(t, "pass")) * time.Minute)
			switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
			case what < 4 || b.s.Len() == 0:
				x := aSignal(t, fmt.Sprintf("s%d", k))
				x.facts.Receipt = at.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "age")) * time.Minute)
				for c := range x.facts.Claims {
					if x.facts.Claims[c].Milestone == incident.Reported && x.facts.Claims[c].Basis == incident.Recorded {
						x.facts.Claims[c].Interval = incident.At(x.facts.Receipt)
					}
				}
				b.signal(at, x)
				came = append(came, x)
			case what < 5 && len(came) > 0:
				b.signal(at, rapid.SampledFrom(came).Draw(t, "again"))
			case what < 6:
				b.tick(at)
			default:
				before := b.s.Dump()
				made := b.signal(at, anAct(t, b, at, fmt.Sprintf("s%d", k)))
				if made[0].Kind == incident.KindRefused && incidents(before) != incidents(b.s.Dump()) {
					t.Fatalf("refused act for %s changed the state:\n%s", made[0].Why, gocmp.Diff(incidents(before), incidents(b.s.Dump())))
				}
			}
			if next, ok := b.s.Next(); ok && rapid.Bool().Draw(t, "in time") && !next.After(at) {
				b.tick(at)
			}
			if rapid.IntRange(0, 7).Draw(t, "restart") == 0 {
				sound(t, b)
				b.s = restoredFor(t, b.entries)
			}
		}
		sound(t, b)
		b.tick(settled)
		sound(t, b)
	})
}

// incidents is what a refused act must not touch.
func incidents(dump string) string {
	_, rest, _ := strings.Cut(dump, "\n")
	before, _, _ := strings.Cut(rest, "\nseen=")
	return before
}

func anAct(t *rapid.T, b *bench, at time.Time, name string) sent {
	refs := b.s.Refs()
	ref := rapid.SampledFrom(refs).Draw(t, "ref")
	members := b.s.Members(ref)
	from := at.Add(-time.Duration(rapid.IntRange(0, 300).Draw(t, "ago")) * time.Minute)
	a := &incident.Act{
		Kind:   rapid.SampledFrom(incident.Acts()).Draw(t, "act"),
		Author: rapid.SampledFrom([]string{"ann", "bea"}).Draw(t, "author"), Role: rapid.SampledFrom(incident.Roles()).Draw(t, "role"),
		Ref: ref, Other: rapid.SampledFrom(refs).Draw(t, "other"), Upon: b.s.N(),
		Signal:      rapid.SampledFrom(members).Draw(t, "signal").N,
		Milestone:   rapid.SampledFrom([]incident.Milestone{incident.Detected, incident.Reported, incident.Aware}).Draw(t, "of"),
		Interval:    incident.Interval{Earliest: from, Latest: from.Add(time.Minute)},
		Reason:      rapid.SampledFrom([]incident.Reason{"", incident.ReasonTyping, incident.ReasonOther}).Draw(t, "reason"),
		Disposition: rapid.SampledFrom(incident.Dispositions()).Draw(t, "disposition"),
		Policy:      "pol-imp-002", Off: rapid.Bool().Draw(t, "off"),
	}
	f := incident.Facts{Opening: incident.JoinsOnly, Trust: incident.Authenticated, Observer: a.Author, Receipt: at, Act: a, Route: incident.RoutePerson}
	switch a.Kind {
	case incident.ActReport, incident.ActDetection, incident.ActMilestone:
		f.Keys = []incident.Key{{Kind: incident.KeyOwn, Value: string(ref)}}
		m := a.Milestone
		if a.Kind == incident.ActDetection {
			m = incident.Detected
		}
		f.Claims = []incident.Claim{{Milestone: m, Interval: a.Interval, Basis: incident.Stated, Observer: a.Author, Receiver: true}}
	default:
	}
	return sent{name, "desk", f}
}
