package soak_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// A comparison holds the record against what was sent and what the model makes
// of it.
type comparison struct {
	t      *testing.T
	rec    *recorded
	pepper incident.Pepper
	acked  map[incident.SignalID]time.Time
	sent   map[incident.SignalID]bool
	facts  []fact // each signal once, in the order of its first storing
	now    time.Time
	failed int
}

// most is how many failures of a run are printed; one fault makes thousands.
const most = 25

func (c *comparison) errorf(format string, args ...any) {
	c.t.Helper()
	c.failed++
	if c.failed <= most {
		c.t.Errorf(format, args...)
	}
}

// signals checks that each acknowledged signal is in the record exactly once, and
// nothing that was not sent.
func (c *comparison) signals(stored []incident.Stored) {
	c.t.Helper()
	times := map[incident.SignalID]int{}
	for _, s := range stored {
		times[s.ID]++
		if !c.sent[s.ID] {
			c.errorf("the vault holds a signal that nobody sent, at %s", s.Pos)
			continue
		}
		if times[s.ID] > 1 {
			continue
		}
		f, err := readFact(s.Signal)
		if err != nil {
			c.errorf("read signal at %s: %v", s.Pos, err)
			continue
		}
		c.facts = append(c.facts, f)
	}
	for id := range c.acked {
		if times[id] == 0 {
			c.errorf("acknowledged signal %s is not in the vault", id)
		}
	}
	twice := 0
	for id, n := range times {
		kinds := c.rec.folded[c.pepper.Signal(id)]
		folded, repeated := 0, 0
		for _, k := range kinds {
			switch k {
			case incident.KindOpened, incident.KindJoined:
				folded++
			case incident.KindRepeated:
				repeated++
			default:
			}
		}
		if folded != 1 || repeated != n-1 {
			c.errorf("signal %s stands %d times in the vault, and is folded %d times and repeated %d times in the record", id, n, folded, repeated)
		}
		twice += n - 1
	}
	if len(c.rec.of) != len(times) {
		c.errorf("the record holds %d signals, the vault %d", len(c.rec.of), len(times))
	}
	c.t.Logf("%d signals acknowledged, %d stored, %d of them again", len(c.acked), len(times), twice)
}

// incidents checks parts, times and verdicts.
func (c *comparison) incidents(all []naive) {
	c.t.Helper()
	owner := map[incident.Ref]int{}
	states := map[incident.State]int{}
	for k, n := range all {
		ref := c.ref(n.facts[0])
		for _, i := range n.facts {
			if got := c.ref(i); got != ref {
				c.errorf("signals %s and %s share an incident in the model, and are in %s and %s in the record\n%s",
					c.facts[n.facts[0]].id, c.facts[i].id, ref, got, c.story(n))
			}
		}
		if other, twice := owner[ref]; twice {
			c.errorf("incident %s is two in the model: of signals %s and %s", ref, c.facts[n.facts[0]].id, c.facts[all[other].facts[0]].id)
			continue
		}
		owner[ref] = k
		st := c.rec.state[ref]
		if st == nil {
			continue // said above
		}
		if st.Signals != len(n.facts) {
			c.errorf("incident %s has %d signals, want %d", ref, st.Signals, len(n.facts))
		}
		for _, p := range clocks() {
			c.clock(st, n, p, states)
		}
	}
	c.t.Logf("%d incidents; their clocks: %v", len(all), states)
}

// story tells of each signal of an incident, for a person who looks for the cause.
func (c *comparison) story(n naive) string {
	var b strings.Builder
	for _, i := range n.facts {
		f := c.facts[i]
		mark := c.pepper.Signal(f.id)
		fmt.Fprintf(&b, "  %s %s %v: %v in %s\n", f.received.Format("05.000"), f.source, f.keys, c.rec.folded[mark], c.rec.of[mark])
	}
	return b.String()
}

func (c *comparison) ref(fact int) incident.Ref {
	return c.rec.final(c.rec.of[c.pepper.Signal(c.facts[fact].id)])
}

func (c *comparison) clock(st *incident.IncidentRecord, n naive, p clock, states map[incident.State]int) {
	c.t.Helper()
	i := slices.IndexFunc(st.Clocks, func(k incident.Clock) bool { return k.Policy == p.policy })
	if i < 0 {
		c.errorf("incident %s has no clock %s", st.Ref, p.policy)
		return
	}
	got := st.Clocks[i]
	want := n.verdict(p.limit, c.now)
	if got.State != want {
		c.errorf("clock %s of %s is %s, want %s (detected %s to %s, told %s)", p.policy, st.Ref, got.State, want, n.earliest, n.latest, n.told)
	}
	states[want]++
	if start := (incident.Interval{Earliest: n.earliest, Latest: n.latest}); !got.Start.Earliest.Equal(start.Earliest) || !got.Start.Latest.Equal(start.Latest) {
		c.errorf("clock %s of %s starts within %v, want %v", p.policy, st.Ref, got.Start, start)
	}
	if !got.Stop.Earliest.Equal(n.told) || !got.Stop.Latest.Equal(n.told) {
		c.errorf("clock %s of %s stops within %v, want %v", p.policy, st.Ref, got.Stop, n.told)
	}
	c.crossed(st.Ref, got, n, p)
}

// slack is what may lie between a due time and its crossing when all is well.
const slack = 3 * time.Second

// crossed checks which thresholds were crossed.
func (c *comparison) crossed(ref incident.Ref, got incident.Clock, n naive, p clock) {
	c.t.Helper()
	told := false
	for _, b := range got.Bars {
		warning := b.Due.Before(got.Due())
		told = told || !warning && b.State != incident.AlertHeld && (b.Told() || stands(b)) // also under the id of one that merged
	}
	for _, b := range p.bars {
		due := n.base().Add(b.after)
		cr, ok := got.Find(b.name)
		if n.told.IsZero() && due.Add(slack).Before(c.now) && (!ok || !stands(cr)) {
			c.errorf("%s of %s, %s, was due at %s, nothing reported, and it did not cross (%+v)", b.name, p.policy, ref, due, cr)
		}
		if due.After(c.now) && ok && stands(cr) {
			c.errorf("%s of %s, %s, is due at %s, after the end, and stands: %+v", b.name, p.policy, ref, due, cr)
		}
	}
	switch late, _ := got.Find(incident.LateReport); {
	case got.State == incident.Breached && n.toldLast && !told:
		c.errorf("%s of %s is breached and nobody was told: %+v", p.policy, ref, got.Bars)
	case got.State == incident.Met && late.Told():
		c.errorf("%s of %s is met, and a late report was told", p.policy, ref)
	}
}

// stands reports whether a crossing is in force.
func stands(b incident.Crossing) bool {
	switch b.State {
	case incident.AlertHeld, incident.AlertActive, incident.AlertSuperseded, incident.AlertTaken, incident.AlertQuiet:
		return true
	default:
		return false
	}
}

// alerts checks each alert of the record: made once, not before its time, not
// after the report was stored, and told.
func (c *comparison) alerts(all []naive, r *receiver) {
	c.t.Helper()
	byRef := map[incident.Ref]naive{}
	for _, n := range all {
		byRef[c.ref(n.facts[0])] = n
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	untold := 0
	for id, a := range c.rec.alerts {
		if a.made != 1 {
			c.errorf("alert %s was made %d times", id, a.made)
		}
		if a.at.Before(a.due) {
			c.errorf("alert %s was made at %s, before it was due at %s", id, a.at, a.due)
		}
		c.known(id, a, byRef[c.rec.final(a.ref)])
		x := r.told[string(id)]
		switch {
		case x == nil && a.lifetime > 0 && a.lifetime < time.Minute:
			untold++ // it ended before anybody could be told; its outcome is in the record of deliveries
		case x == nil:
			c.errorf("alert %s (%s, made at %s, lasted %s) was never told", id, a.state, a.at, a.lifetime)
		case len(x.prints) != 1:
			c.errorf("alert %s was told with %d label sets: %v", id, len(x.prints), x.prints)
		case a.state == incident.AlertActive && x.ended:
			c.errorf("alert %s is active, and told as ended", id)
		case a.state != incident.AlertActive && !x.ended:
			c.errorf("alert %s is %s, and told as active to the end", id, a.state)
		}
	}
	for id := range r.told {
		if c.rec.alerts[incident.AlertID(id)] == nil {
			c.errorf("alert %s was told and is not in the record", id)
		}
	}
	c.t.Logf("%d alerts made; %d ended so soon that nobody was told", len(c.rec.alerts), untold)
}

// known checks that an alert does not speak of what was known to be reported when
// it fell due.
func (c *comparison) known(id incident.AlertID, a *alert, n naive) {
	c.t.Helper()
	if n.facts == nil || n.told.IsZero() || !n.told.Before(a.due) || a.name == incident.LateReport {
		return
	}
	for _, i := range n.facts {
		if at, ok := c.acked[c.facts[i].id]; !ok || !at.Before(a.due) {
			return
		}
	}
	c.errorf("alert %s fell due at %s, and was made at %s though the report of %s was stored", id, a.due, a.at, n.told)
}
