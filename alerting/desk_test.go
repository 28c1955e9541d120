package alerting_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

const ref incident.Ref = "p-00001x"

func TestAnAlertIsToldAtOnceAndAgainEachMinuteUntilItEnds(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am := &level{name: "am-0"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, nil)
		defer d.stop()
		bubble.Advance(time.Second)

		id, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Nanosecond)
		if got := am.count(id, incident.AlertActive); got != 1 {
			t.Fatalf("told %d times at once, want 1", got)
		}
		bubble.Advance(10 * time.Minute)
		if got := am.count(id, incident.AlertActive); got != 11 {
			t.Errorf("told %d times within ten minutes, want 11", got)
		}
		e = l.over(id, incident.AlertResolved, incident.WhyStopped, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Nanosecond)
		if got := am.count(id, incident.AlertResolved); got != 1 {
			t.Fatalf("told of the end %d times at once, want 1", got)
		}
		bubble.Advance(time.Hour)
		if got := am.count(id, incident.AlertActive); got != 11 {
			t.Errorf("told %d times in all that it is active, want 11", got)
		}
		if got := am.count(id, incident.AlertResolved); got != 6 {
			t.Errorf("told of the end %d times, want 6: at once and for five minutes", got)
		}
		want := []string{
			"am-0 joined 0",
			"am-0 p-00001x/pol-imp-002/deadline/1 active begun 1",
			"am-0 p-00001x/pol-imp-002/deadline/1 active finished 1 accepted",
			"am-0 p-00001x/pol-imp-002/deadline/1 resolved begun 1",
			"am-0 p-00001x/pol-imp-002/deadline/1 resolved finished 1 accepted",
		}
		if diff := cmp.Diff(want, m.lines(t)); diff != "" {
			t.Errorf("record of deliveries (-want +got):\n%s", diff)
		}
	})
}

func TestAChannelThatHangsDelaysNoOther(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		hanging, am, pager := &level{name: "am-0", hang: true}, &level{name: "am-1"}, &edge{name: "pager"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{hanging, am}, Edges: []alerting.Edge{pager}}, nil)
		defer d.stop()
		bubble.Advance(time.Second)

		var ids []incident.AlertID
		for i := range 50 { // far more than a queue could hold without growing
			id, e := l.passed(incident.NewRef(uint64(i)), time.Now())
			ids = append(ids, id)
			d.Follow([]incident.Entry{e})
			bubble.Advance(time.Second)
			if am.count(id, incident.AlertActive) == 0 {
				t.Fatalf("the other Alertmanager has not heard of %s a second later", id)
			}
			if want := string(id) + " active"; pager.said()[len(pager.said())-1] != want {
				t.Fatalf("the pager has not heard of %s a second later", id)
			}
		}
		hanging.set(func() {
			hanging.hang = false
		})
		d.stop()
		d = run(t, &m, alerting.Channels{Levels: []alerting.Level{hanging, am}, Edges: []alerting.Edge{pager}}, l.entries)
		defer d.stop()
		bubble.Advance(time.Second)
		for _, id := range ids {
			if hanging.count(id, incident.AlertActive) != 1 {
				t.Errorf("%s is not told once the receiver answers", id)
			}
		}
		if got := len(pager.said()); got != len(ids) {
			t.Errorf("the pager was told %d times, want %d", got, len(ids))
		}
	})
}

func TestAfterARestartAllThatIsActiveIsSentAgainAndNothingIsNew(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am, pager := &level{name: "am-0"}, &edge{name: "pager"}
		channels := alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}}
		d := run(t, &m, channels, nil)
		bubble.Advance(time.Second)

		stays, e1 := l.passed("p-00001x", time.Now())
		ends, e2 := l.passed("p-00002y", time.Now())
		d.Follow([]incident.Entry{e1, e2})
		bubble.Advance(time.Second)
		d.stop()

		// While the process was down one was resolved, one passed, and one came
		// and went.
		bubble.Advance(3 * time.Hour)
		l.over(ends, incident.AlertResolved, incident.WhyStopped, time.Now())
		late, _ := l.passed("p-00003z", time.Now())
		passing, _ := l.passed("p-000042", time.Now())
		l.over(passing, incident.AlertRetracted, incident.WhyReadLate, time.Now())
		before := len(m.lines(t))

		d = run(t, &m, channels, l.entries)
		defer d.stop()
		bubble.Advance(time.Second)
		for _, want := range []struct {
			id    incident.AlertID
			state incident.AlertState
			n     int
		}{
			{stays, incident.AlertActive, 2},
			{ends, incident.AlertResolved, 1},
			{late, incident.AlertActive, 1},
			{passing, incident.AlertActive, 0},
			{passing, incident.AlertRetracted, 1},
		} {
			if got := am.count(want.id, want.state); got != want.n {
				t.Errorf("Alertmanager was told %d times that %s is %s, want %d", got, want.id, want.state, want.n)
			}
		}
		heard := []string{
			string(stays) + " active", string(ends) + " active",
			string(ends) + " resolved", string(late) + " active", string(passing) + " retracted",
		}
		if diff := cmp.Diff(heard, pager.said()); diff != "" {
			t.Errorf("the pager heard (-want +got):\n%s", diff)
		}
		for _, line := range m.lines(t)[before:] {
			if slices.Contains([]string{"am-0 " + string(stays) + " active begun 1", "pager " + string(stays) + " active begun 1"}, line) {
				t.Errorf("recorded anew after the restart: %s", line)
			}
		}
	})
}

func TestAChannelThatIsNewIsToldWhatIsActiveAndNotThePast(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		old := &level{name: "am-0"}
		past, _ := l.passed("p-00001x", time.Now())
		l.over(past, incident.AlertResolved, incident.WhyStopped, time.Now())
		present, _ := l.passed("p-00002y", time.Now())
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{old}}, l.entries)
		bubble.Advance(time.Hour)
		d.stop()
		l.over(present, incident.AlertResolved, incident.WhyStopped, time.Now())
		last, _ := l.passed("p-00003z", time.Now())

		added := &edge{name: "pager"}
		channels := alerting.Channels{Levels: []alerting.Level{old}, Edges: []alerting.Edge{added}}
		for range 2 { // the second start knows that the channel is new no more
			d = run(t, &m, channels, l.entries)
			bubble.Advance(time.Hour)
			d.stop()
		}
		if diff := cmp.Diff([]string{string(last) + " active"}, added.said()); diff != "" {
			t.Errorf("the new channel heard (-want +got):\n%s", diff)
		}
		if got := old.count(past, incident.AlertResolved); got != 0 {
			t.Errorf("the first channel was told %d times of what ended before it was there", got)
		}
		if got := old.count(present, incident.AlertResolved); got == 0 {
			t.Error("the first channel was not told of the end of what it had heard of")
		}
	})
}

func TestAnAlertThatFiresAgainEndsFirst(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		down := &level{name: "am-0", answer: func(int, []incident.Alert) (bool, error) {
			return false, &outbound.Error{Outcome: outbound.Failed, Code: outbound.Unreachable, Err: errDisk}
		}}
		up := &level{name: "am-1"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{down, up}}, nil)
		defer d.stop()
		bubble.Advance(time.Second)

		first, e := l.fired(ref, incident.Deadline, 1, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(5 * time.Second)
		e = l.over(first, incident.AlertRetracted, incident.WhyRedated, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(5 * time.Second)
		second, e := l.fired(ref, incident.Deadline, 2, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(5 * time.Second)
		down.set(func() {
			down.answer = nil
		})
		bubble.Advance(10 * time.Minute)

		order := func(l *level) (all []string) {
			for _, a := range l.all() {
				if s := string(a.ID) + " " + string(a.State); len(all) == 0 || all[len(all)-1] != s {
					all = append(all, s)
				}
			}
			return all
		}
		if diff := cmp.Diff([]string{string(first) + " active", string(first) + " retracted", string(second) + " active"}, order(up)); diff != "" {
			t.Errorf("Alertmanager heard (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{string(first) + " retracted", string(second) + " active"}, order(down)); diff != "" {
			t.Errorf("the Alertmanager that was down heard (-want +got):\n%s", diff)
		}
	})
}

func TestOnlyWhatBecameActiveIsTold(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am, pager := &level{name: "am-0"}, &edge{name: "pager"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}}, nil)
		defer d.stop()
		bubble.Advance(time.Second)
		told := 0
		for i, s := range incident.AlertStates() {
			r := incident.NewRef(uint64(i))
			id := incident.NewAlertID(r, polImp002, incident.Deadline, 1)
			e := l.add(time.Now(), record(r, incident.At(t0), crossed(incident.Deadline, 1, t0, s)),
				incident.AlertChange{ID: id, State: s})
			d.Follow([]incident.Entry{e})
			bubble.Advance(time.Second)
			if s == incident.AlertActive {
				told = 1
			}
			if got := len(am.shows()); got != told {
				t.Fatalf("%d alerts told after one was %s, want %d", got, s, told)
			}
		}
		if got := len(pager.said()); got != 1 {
			t.Errorf("the pager heard %v, want the active one only", pager.said())
		}
	})
}

func TestTheFirstEndOfAnAlertIsTheOneThatIsTold(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		pager := &edge{name: "pager"}
		d := run(t, &m, alerting.Channels{Edges: []alerting.Edge{pager}}, nil)
		id, _ := l.passed(ref, time.Now())
		l.over(id, incident.AlertResolved, incident.WhyStopped, time.Now())
		l.over(id, incident.AlertRetracted, incident.WhyExcluded, time.Now())
		for _, e := range l.entries {
			d.Follow([]incident.Entry{e})
			bubble.Advance(time.Minute)
		}
		d.stop()
		d = run(t, &m, alerting.Channels{Edges: []alerting.Edge{pager}}, l.entries)
		defer d.stop()
		bubble.Advance(time.Hour)
		if diff := cmp.Diff([]string{string(id) + " active", string(id) + " resolved"}, pager.said()); diff != "" {
			t.Errorf("the pager heard (-want +got):\n%s", diff)
		}
	})
}

func TestAMergedAlertSaysIntoWhatItWent(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am := &level{name: "am-0"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, nil)
		defer d.stop()
		id, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Second)

		r := record(ref, incident.At(t0), crossed(incident.Deadline, 1, t0, incident.AlertMerged))
		r.Open, r.Into = incident.StatusMerged, "p-00000w"
		e = l.add(time.Now(), r, incident.AlertChange{ID: id, State: incident.AlertMerged, Why: incident.WhyMerged})
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Second)
		got := am.shows()[ref2name(ref)]
		if got.State != incident.AlertMerged || got.Into != "p-00000w" {
			t.Errorf("told state %s, into %q; want merged, into p-00000w", got.State, got.Into)
		}
	})
}

func TestARestrictedIncidentIsToldWithoutItsAttributes(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am := &level{name: "am-0"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, nil)
		defer d.stop()
		_, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Second)
		if got := am.shows()[ref2name(ref)]; got.Organisation != "hmpps" || got.Impact != incident.ImpactHigh {
			t.Fatalf("told organisation %q and impact %q, want hmpps and high", got.Organisation, got.Impact)
		}
		// Somebody restricts the incident; no alert changes by it.
		r := record(ref, incident.At(t0), crossed(incident.Deadline, 1, t0, incident.AlertActive))
		r.Attrs.Restricted = true
		d.Follow([]incident.Entry{l.add(time.Now(), r)})
		bubble.Advance(time.Minute)
		if got := am.shows()[ref2name(ref)]; !got.Restricted || got.Organisation != "" || got.Impact != "" {
			t.Errorf("told restricted %v, organisation %q, impact %q, want no attributes", got.Restricted, got.Organisation, got.Impact)
		}

		// The same after the alert ended, while its end is repeated.
		const other incident.Ref = "p-00002y"
		id, e := l.passed(other, time.Now())
		d.Follow([]incident.Entry{e})
		d.Follow([]incident.Entry{l.over(id, incident.AlertResolved, incident.WhyStopped, time.Now())})
		bubble.Advance(time.Minute)
		r = record(other, incident.At(t0), crossed(incident.Deadline, 1, t0, incident.AlertResolved))
		r.Attrs.Restricted = true
		d.Follow([]incident.Entry{l.add(time.Now(), r)})
		bubble.Advance(time.Minute)
		if got := am.shows()[ref2name(other)]; got.Active() || got.Organisation != "" || got.Impact != "" {
			t.Errorf("the end is repeated with organisation %q and impact %q, want no attributes", got.Organisation, got.Impact)
		}
	})
}

func ref2name(r incident.Ref) string {
	return incident.Alert{Incident: r, Policy: polImp002, Threshold: incident.Deadline}.Name()
}
