package report_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

// random draws a history: signals, acts and time, as they come.
func random(t *testing.T, r *rapid.T) *world {
	w := newWorld(t)
	at := clock(t, "00:10")
	pick := func(label string, n int) int { return rapid.IntRange(0, n-1).Draw(r, label) }
	for range rapid.IntRange(1, 40).Draw(r, "steps") {
		at = at.Add(time.Duration(pick("minutes", 40)) * time.Minute)
		key := fmt.Sprintf("INC%d", pick("key", 6))
		w.tick(at)
		switch pick("what", 6) {
		case 0:
			f := alert(at.Add(-time.Duration(pick("age", 90))*time.Minute), key)
			f.Receipt = at
			f.Attrs.Organisation = incident.Organisation([]string{"", "hmpps", "hmcts", "elsewhere"}[pick("org", 4)])
			if pick("candidate", 4) == 0 {
				f.Opening = incident.Candidate
			}
			w.signal(at, "siem", f)
		case 1, 2:
			var in incident.Interval
			if pick("stated", 2) == 1 {
				in = incident.Minute(at.Add(-time.Duration(pick("before", 100)) * time.Minute))
			}
			f := mail(at, key, in)
			if pick("untrusted", 4) == 0 {
				f.Trust = incident.Unauthenticated
			}
			if pick("bridge", 5) == 0 {
				f.Keys = append(f.Keys, incident.Key{Kind: incident.KeyTicket, Value: fmt.Sprintf("INC%d", pick("other", 6))})
			}
			w.signal(at, "mailbox", f)
		case 3:
			w.deliver(at, "mailbox", incident.Reading{Interpreter: "test/1", Quarantine: incident.WhyMalformed})
		default:
			w.someAct(at, pick)
		}
	}
	return w
}

// someAct does something to some incident, or tries to.
func (w *world) someAct(at time.Time, pick func(string, int) int) {
	refs := w.s.Refs()
	if len(refs) == 0 {
		return
	}
	ref := refs[pick("ref", len(refs))]
	members := w.s.Members(ref)
	n := members[pick("member", len(members))].N
	a := incident.Act{Ref: ref}
	switch pick("act", 9) {
	case 0:
		a.Kind, a.Disposition = incident.ActDisposition, incident.Dispositions()[pick("disposition", 4)]
		a.Reason = incident.ReasonOther
	case 1:
		a.Kind, a.Signal = incident.ActVouch, n
	case 2:
		a.Kind, a.Signal, a.Reason = incident.ActDetach, n, incident.ReasonOther
	case 3:
		a.Kind, a.Other = incident.ActLink, refs[pick("other ref", len(refs))]
	case 4:
		a.Kind, a.Milestone, a.Reason = incident.ActCorrection, incident.Detected, incident.ReasonOther
		a.Interval = incident.Minute(at.Add(-time.Duration(pick("corrected", 200)) * time.Minute))
		a.Upon = w.s.Record(ref).Evidence
	case 5:
		a.Kind, a.Signal, a.Reason = incident.ActWithdraw, n, incident.ReasonOther
	case 6:
		a.Kind = incident.ActOpen
	case 7:
		a.Kind, a.Impact = incident.ActImpact, incident.Impacts()[pick("impact", 4)]
	case 8:
		a.Kind, a.Author, a.Role = incident.ActConfirm, "d-2", incident.RoleDesk
	}
	w.signal(at, "manual", act(at, a))
}

// counted counts anew what the book keeps count of, from the records alone.
func counted(b *report.Book, w *world, m incident.Month) (counts map[incident.PolicyID]map[incident.State]int, candidates int) {
	counts = map[incident.PolicyID]map[incident.State]int{pol: {}}
	for _, s := range incident.States() {
		counts[pol][s] = 0
	}
	for _, ref := range w.s.Refs() {
		rec := w.s.Record(ref)
		if rec.Open == incident.StatusCandidate {
			if rec.Attrs.Disposition != incident.FalsePositive && rec.Attrs.Disposition != incident.NearMiss {
				candidates++
			}
			continue
		}
		for i := range rec.Clocks {
			c := &rec.Clocks[i]
			start := c.Start.Latest
			if start.IsZero() {
				start = rec.First
			}
			if m.Contains(start) {
				state, _ := report.Counted(c)
				counts[c.Policy][state]++
			}
		}
	}
	return counts, candidates
}

func TestFiguresAreWhatCountingTheRecordsGives(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		b := w.book()
		f := b.Month("2026-11", clock(t, "23:00"))
		counts, candidates := counted(b, w, "2026-11")
		got := figuresOf(t, f, pol)
		if diff := cmp.Diff(counts[pol], got.Counts); diff != "" {
			r.Errorf("counts (-counted +book):\n%s", diff)
		}
		cells := 0
		for _, c := range got.Cells {
			cells += c.Count
		}
		all, delays := 0, 0
		for _, n := range got.Counts {
			all += n
		}
		if cells != all {
			r.Errorf("cells hold %d clocks, counts %d", cells, all)
		}
		for _, ref := range w.s.Refs() {
			for _, c := range w.s.Record(ref).Clocks {
				if s := c.State; c.Stop.Known() && (s == incident.Met || s == incident.Breached || s == incident.Undetermined) {
					delays++
				}
			}
		}
		if got.Shortest.N != delays || got.Longest.N != delays {
			r.Errorf("delays of %d and %d clocks, want %d", got.Shortest.N, got.Longest.N, delays)
		}
		for i, n := range got.Longest.Within {
			if n > got.Shortest.Within[i] {
				r.Errorf("within %s: %d longest, %d shortest: a longest bound is shorter", report.DelayEdges()[i], n, got.Shortest.Within[i])
			}
		}
		if candidates != f.Candidates {
			r.Errorf("candidates = %d, want %d", f.Candidates, candidates)
		}
	})
}

func TestDecisionsAreThoseOfTheRecords(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		b := w.book()
		want := map[incident.DecisionKind]int{}
		for _, k := range incident.DecisionKinds() {
			want[k] = 0
		}
		for _, ref := range w.s.Refs() {
			for _, d := range w.s.Record(ref).Decide {
				want[d.Kind]++
			}
		}
		for _, e := range w.entries {
			if e.Kind == incident.KindQuarantined {
				want[incident.DecideQuarantine]++
			}
		}
		if diff := cmp.Diff(want, b.Snapshot(clock(t, "23:00")).Waiting); diff != "" {
			r.Errorf("waiting (-counted +book):\n%s", diff)
		}
		got := map[incident.DecisionKind]int{}
		for k := range want {
			got[k] = 0
		}
		list := b.Decisions(clock(t, "23:00"))
		for i, d := range list {
			got[d.Kind]++
			if i > 0 && d.Since.Before(list[i-1].Since) {
				r.Errorf("decision %d is older than the one before it", i)
			}
			if len(d.Commands) == 0 {
				r.Errorf("%s of %s names no command", d.Kind, d.Ref)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			r.Errorf("Decisions (-counted +listed):\n%s", diff)
		}
	})
}

func TestTheNextDeadlineIsTheLeastOfAllRunningClocks(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		b := report.NewBook()
		for _, e := range w.entries {
			if err := b.Apply(e); err != nil {
				t.Fatal(err)
			}
			var want time.Time
			rows, _ := b.Incidents(report.Filter{State: incident.Running, Limit: report.MaxLimit})
			for _, row := range rows {
				due := row.Clocks[0].Due
				for _, f := range row.Clocks[0].Flags {
					if f == incident.FlagMayBeOver {
						due = row.Clocks[0].Certain
					}
				}
				if want.IsZero() || due.Before(want) {
					want = due
				}
			}
			if got := b.Snapshot(e.At).Next[pol]; !got.Equal(want) {
				r.Fatalf("after entry %d: next deadline %s, want %s", e.N, got, want)
			}
		}
	})
}

func TestEveryIncidentCanBeExplained(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		b := w.book()
		for _, ref := range w.s.Refs() {
			var got, want []uint64
			for _, s := range w.why(b, ref).Signals {
				got = append(got, s.Entry)
			}
			for _, m := range w.s.Members(ref) {
				want = append(want, m.N)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				r.Errorf("signals of %s (-fold +derivation):\n%s", ref, diff)
			}
		}
	})
}

func TestCountersNeverFall(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		b := report.NewBook()
		last := b.Snapshot(clock(t, "00:00"))
		for _, e := range w.entries {
			if err := b.Apply(e); err != nil {
				t.Fatal(err)
			}
			s := b.Snapshot(e.At)
			notLess(r, last.Signals, s.Signals)
			notLess(r, last.Verdicts, s.Verdicts)
			notLess(r, last.Changes, s.Changes)
			notLess(r, last.Late, s.Late)
			notLess(r, last.Alerts, s.Alerts)
			last = s
		}
	})
}

func notLess[K comparable](r *rapid.T, was, is map[K]uint64) {
	for k, n := range was {
		if is[k] < n {
			r.Errorf("%v fell from %d to %d", k, n, is[k])
		}
	}
}
