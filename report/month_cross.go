package report

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A Crossed says what became of the crossings of one threshold.
type Crossed struct {
	Threshold incident.ThresholdName `json:"threshold"`
	Due       int                    `json:"due"`
	InTime    int                    `json:"told_in_time"`
	Late      int                    `json:"told_late"`
	// Retracted is how many of the told were taken back, ReadLate how many of
	// those because the report had come in time.
	Retracted int `json:"retracted"`
	ReadLate  int `json:"read_late"`
	// NotTold is by the state in which the crossing ended untold; Held waits
	// until the sources are read.
	NotTold map[incident.AlertState]int `json:"not_told,omitempty"`
	Held    int                         `json:"held"`
}

func (w *policyWork) thresholds() []Crossed {
	of := map[incident.ThresholdName]*Crossed{}
	var names []incident.ThresholdName
	get := func(t incident.ThresholdName) *Crossed {
		if of[t] == nil {
			of[t] = &Crossed{Threshold: t, NotTold: map[incident.AlertState]int{}}
			names = append(names, t)
		}
		return of[t]
	}
	for _, t := range w.b.book.labels.thresholds[w.id] {
		get(t)
	}
	for i := range w.clocks {
		for k := range w.clocks[i].c.Bars {
			bar := &w.clocks[i].c.Bars[k]
			get(bar.Threshold).count(bar)
		}
	}
	// A late report is told when it comes; it is late by what it says.
	slices.SortStableFunc(names, func(a, b incident.ThresholdName) int {
		return boolRank(a == incident.LateReport) - boolRank(b == incident.LateReport)
	})
	out := make([]Crossed, len(names))
	for i, t := range names {
		out[i] = *of[t]
	}
	return out
}

func (t *Crossed) count(bar *incident.Crossing) {
	t.Due++
	switch {
	case bar.State == incident.AlertHeld:
		t.Held++
	case !bar.Told():
		t.NotTold[bar.State]++
	case bar.Late && bar.Threshold != incident.LateReport:
		t.Late++
	default:
		t.InTime++
	}
	if bar.State == incident.AlertRetracted {
		t.Retracted++
		if bar.Why == incident.WhyReadLate {
			t.ReadLate++
		}
	}
}

// Questions counts what may have a good reason and is worth a question.
type Questions struct {
	N int `json:"n"` // clocks with both bounds of the delay
	// JustUnder and JustOver are the delays within NearLimit of the limit, on
	// either side.
	JustUnder int `json:"just_under"`
	JustOver  int `json:"just_over"`
	// NoDelay are those that were reported within the minute of their start.
	NoDelay int `json:"no_delay"`
	// MovedLater are starts that a person set to a later time after the report
	// had come, MovedMet those among them that are met.
	MovedLater int      `json:"moved_later"`
	MovedMet   int      `json:"moved_later_met"`
	Ask        []string `json:"ask"`
}

// NearLimit is how near a delay is just under the limit, or just over it.
const NearLimit = 5 * time.Minute

func (w *policyWork) questions() Questions {
	q := Questions{Ask: []string{}}
	for i := range w.clocks {
		x := &w.clocks[i]
		if x.state == incident.Excluded {
			continue
		}
		if w.movedLater(x) {
			q.MovedLater++
			if x.state == incident.Met {
				q.MovedMet++
			}
		}
		if !inN(x.state) || x.c.State.Open() {
			continue
		}
		d := w.bounds(x)
		if d.open {
			continue
		}
		limit := x.c.Limit.D()
		q.N++
		switch {
		case d.low > limit-NearLimit && d.high <= limit:
			q.JustUnder++
		case d.low > limit && d.high <= limit+NearLimit:
			q.JustOver++
		}
		if d.high <= time.Minute {
			q.NoDelay++
		}
	}
	ask := func(when bool, format string, args ...any) {
		if when {
			q.Ask = append(q.Ask, fmt.Sprintf(format, args...))
		}
	}
	ask(q.N >= FewestForRate && q.JustUnder >= 5 && q.JustUnder > 2*q.JustOver,
		"%d incidents were reported in the last 5 minutes of the limit and %d in the 5 minutes after it. Is there a reason for that?", q.JustUnder, q.JustOver)
	ask(q.N >= FewestForRate && 10*q.NoDelay >= q.N,
		"%d of %d incidents were reported within the minute of their detection. Is the time of the report written down as that of the detection?", q.NoDelay, q.N)
	ask(q.MovedLater > 0,
		"%s moved to a later time after the report had come, and %d of them met the limit. Is the reason on record for each?",
		count(q.MovedLater, "start was", "starts were"), q.MovedMet)
	return q
}

// movedLater reports whether a person set the start of x to a later time than
// evidence has it, after the report had come.
func (w *policyWork) movedLater(x *monthClock) bool {
	if x.start.Basis != incident.Corrected || x.c.Stop.Earliest.IsZero() {
		return false
	}
	v := incident.NewView(members(x.k.signals), nil)
	c := v.Correction(x.start.Milestone)
	if c == nil || !c.Received.After(x.c.Stop.Earliest) {
		return false
	}
	was := v.ByEvidence(x.start.Milestone, false).Interval.Earliest
	return !was.IsZero() && c.Act.Interval.Earliest.After(was)
}

// A GapMonth is a gap of a source that touches the month.
type GapMonth struct {
	Gap
	// Incidents is how many of the month fell in it; Refs names those that are not
	// restricted, at most MaxGapRefs, and More how many others there are.
	Incidents int            `json:"incidents"`
	Refs      []incident.Ref `json:"refs,omitempty"`
	More      int            `json:"more"`
}

// MaxGapRefs bounds the incidents that are named with a gap.
const MaxGapRefs = 20

func (b *Builder) gapsOf(mine []*kept) []GapMonth {
	from, until := b.m.Bounds()
	out := []GapMonth{}
	for _, g := range b.book.gaps {
		if !g.From.Before(until) || !g.Until.IsZero() && !g.Until.After(from) {
			continue
		}
		gm := GapMonth{Gap: g}
		for _, k := range mine {
			if !b.fell(k.rec, g) {
				continue
			}
			gm.Incidents++
			if k.rec.Attrs.Restricted || len(gm.Refs) == MaxGapRefs {
				gm.More++
				continue
			}
			gm.Refs = append(gm.Refs, k.ref)
		}
		out = append(out, gm)
	}
	slices.SortStableFunc(out, func(x, y GapMonth) int {
		return cmp.Or(x.From.Compare(y.From), cmp.Compare(x.Source, y.Source), cmp.Compare(x.Kind, y.Kind))
	})
	return out
}

// fell reports whether any time of a clock of rec, from its start to its stop,
// lies in g.
func (b *Builder) fell(rec *incident.IncidentRecord, g Gap) bool {
	for i := range rec.Clocks {
		c := &rec.Clocks[i]
		begins, ends := startOf(rec, c), c.Stop.Latest
		if c.State.Open() || ends.IsZero() {
			ends = b.at
		}
		if (g.Until.IsZero() || begins.Before(g.Until)) && !ends.Before(g.From) {
			return true
		}
	}
	return false
}

// SkewMonth counts incidents with a time from a clock that ran ahead.
type SkewMonth struct {
	Clipped  int `json:"clipped"`
	SetAside int `json:"set_aside"`
}

func skewOf(mine []*kept) SkewMonth {
	var out SkewMonth
	has := func(k *kept, f incident.Flag) bool {
		return slices.ContainsFunc(k.rec.Times, func(t incident.Time) bool { return slices.Contains(t.Flags, f) })
	}
	for _, k := range mine {
		out.Clipped += boolRank(has(k, incident.FlagClipped))
		out.SetAside += boolRank(has(k, incident.FlagSkewed))
	}
	return out
}
