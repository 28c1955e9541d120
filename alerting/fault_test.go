package alerting_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

func fails(o outbound.Outcome, c outbound.Code) error {
	return &outbound.Error{Outcome: o, Code: c, Err: fmt.Errorf("%s by the test", o)}
}

func TestAReceiverThatIsDownIsTriedWithPausesAndRecordedEverMoreRarely(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		up := t0.Add(time.Hour)
		am := &level{name: "am-0", answer: func(int, []incident.Alert) (bool, error) {
			if time.Now().Before(up) {
				return false, fails(outbound.Failed, outbound.Unreachable)
			}
			return true, nil
		}}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, nil)
		defer d.stop()
		id, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Hour + time.Minute + time.Second)

		if got := am.count(id, incident.AlertActive); got == 0 {
			t.Error("not told within a minute after the receiver came back")
		}
		if am.sent() < 60 || am.sent() > 90 {
			t.Errorf("tried %d times within an hour, want about once a minute", am.sent())
		}
		var failed, accepted int
		for _, line := range m.lines(t) {
			failed += strings.Count(line, "finished")
			accepted += strings.Count(line, "accepted")
		}
		failed -= accepted
		if failed != 7 || accepted != 1 { // attempts 1, 2, 4, 8, 16, 32, 64
			t.Errorf("recorded %d failed and %d accepted attempts, want 7 and 1:\n%s", failed, accepted, strings.Join(m.lines(t), "\n"))
		}
	})
}

func TestOfAnEdgeChannelEveryAttemptIsRecorded(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		pager := &edge{name: "pager", answer: func(n int, _ incident.Alert) (bool, error) {
			switch n {
			case 1:
				return false, fails(outbound.Failed, outbound.ServerError)
			case 2:
				return true, fails(outbound.Unknown, outbound.NoAnswer)
			default:
				return true, nil
			}
		}}
		d := run(t, &m, alerting.Channels{Edges: []alerting.Edge{pager}}, nil)
		defer d.stop()
		id, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Minute)
		want := []string{
			"pager joined 0",
			"pager " + string(id) + " active begun 1",
			"pager " + string(id) + " active finished 1 failed",
			"pager " + string(id) + " active begun 2",
			"pager " + string(id) + " active finished 2 unknown",
			"pager " + string(id) + " active begun 3",
			"pager " + string(id) + " active finished 3 accepted",
		}
		if diff := cmp.Diff(want, m.lines(t)); diff != "" {
			t.Errorf("record of deliveries (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{string(id) + " active", string(id) + " active again"}, pager.said()); diff != "" {
			t.Errorf("the pager heard (-want +got):\n%s", diff)
		}
	})
}

func TestWhatIsRefusedStandsInNobodysWay(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		bad, _ := l.passed("p-00001x", t0)
		takes := func(a incident.Alert) bool { return a.ID != bad || time.Now().After(t0.Add(30*time.Minute)) }
		am := &level{name: "am-0", answer: func(_ int, as []incident.Alert) (bool, error) {
			if slices.ContainsFunc(as, func(a incident.Alert) bool { return !takes(a) }) {
				return false, fails(outbound.Refused, outbound.Rejected)
			}
			return true, nil
		}}
		pager := &edge{name: "pager", answer: func(_ int, a incident.Alert) (bool, error) {
			if !takes(a) {
				return false, fails(outbound.Refused, outbound.Rejected)
			}
			return true, nil
		}}
		others := make([]incident.AlertID, 200)
		for i := range others {
			others[i], _ = l.passed(incident.NewRef(uint64(1000+i)), t0)
		}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}}, l.entries)
		defer d.stop()
		bubble.Advance(time.Second)
		for _, id := range others {
			if am.count(id, incident.AlertActive) == 0 {
				t.Fatalf("Alertmanager has not heard of %s: the refused one is in its way", id)
			}
		}
		if got := len(pager.said()); got != len(others) {
			t.Errorf("the pager heard of %d alerts, want %d", got, len(others))
		}
		id, e := l.passed("p-00002y", time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Second)
		if am.count(id, incident.AlertActive) == 0 || len(pager.said()) != len(others)+1 {
			t.Error("what came after the refusal was not told at once")
		}
		bubble.Advance(29 * time.Minute)
		if pager.tried() > len(others)+1+40 {
			t.Errorf("told the pager %d times, want about once a minute what it refuses", pager.tried())
		}
		bubble.Advance(2 * time.Minute)
		if am.count(bad, incident.AlertActive) == 0 || !slices.Contains(pager.said(), string(bad)+" active") {
			t.Error("what was refused is not told within two minutes after it would be taken")
		}
	})
}

func TestWhatIsNewDoesNotDisturbAReceiverThatIsDown(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		down := false
		am := &level{name: "am-0", answer: func(int, []incident.Alert) (bool, error) {
			if down {
				return false, fails(outbound.Failed, outbound.Unreachable)
			}
			return true, nil
		}}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, nil)
		defer d.stop()
		old, e := l.passed("p-00001x", time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(59 * time.Second)
		am.set(func() { down = true })
		before := am.sent()
		for i := range 200 {
			_, e := l.passed(incident.NewRef(uint64(1000+i)), time.Now())
			d.Follow([]incident.Entry{e})
			bubble.Advance(time.Second)
		}
		if got := am.sent() - before; got > 12 {
			t.Errorf("tried %d times within 200 seconds, want pauses that double", got)
		}
		// It may have been started anew, so it hears all, also what it knew.
		am.set(func() { am.now, down = nil, false })
		bubble.Advance(time.Minute)
		if got := len(am.shows()); got != 201 {
			t.Errorf("told of %d alerts when it is back, want 201", got)
		}
		if am.shows()[incident.Alert{Incident: "p-00001x", Policy: polImp002, Threshold: incident.Deadline}.Name()].ID != old {
			t.Error("not told again of what it knew before it went down")
		}
		// After a short outage it does not wait for the next repetition.
		bubble.Advance(2 * time.Minute)
		am.set(func() { am.now, down = nil, true })
		_, e = l.passed("p-00002y", time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Nanosecond)
		am.set(func() { down = false })
		bubble.Advance(2 * time.Second)
		if got := len(am.shows()); got != 202 {
			t.Errorf("told of %d alerts two seconds after a short outage, want 202", got)
		}
	})
}

func TestAnAlertThatEndsWhileItIsToldIsToldOfItsEnd(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am, pager := &level{name: "am-0", takes: time.Second}, &edge{name: "pager", takes: time.Second}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}}, nil)
		defer d.stop()
		id, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Second / 2)
		d.Follow([]incident.Entry{l.over(id, incident.AlertResolved, incident.WhyStopped, time.Now())})
		bubble.Advance(2 * time.Second)
		if diff := cmp.Diff([]string{string(id) + " active", string(id) + " resolved"}, pager.said()); diff != "" {
			t.Errorf("the pager heard (-want +got):\n%s", diff)
		}
		if got := am.shows()[ref2name(ref)].State; got != incident.AlertResolved {
			t.Errorf("Alertmanager shows it %s, want resolved", got)
		}
	})
}

func TestWhatIsSettledIsForgotten(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am, pager := &level{name: "am-0"}, &edge{name: "pager"}
		channels := alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}}
		for i := range 100 {
			id, _ := l.passed(incident.NewRef(uint64(i)), t0)
			l.over(id, incident.AlertResolved, incident.WhyStopped, t0)
		}
		l.passed(ref, t0)
		d := run(t, &m, channels, nil)
		d.Follow(l.entries)
		bubble.Advance(time.Minute)
		if got := d.Known(); got != 101 {
			t.Errorf("knows %d alerts after a minute, want all 101: their end is repeated", got)
		}
		bubble.Advance(6 * time.Minute)
		if got := d.Known(); got != 1 {
			t.Errorf("knows %d alerts seven minutes later, want the active one", got)
		}
		d.stop()
		d = run(t, &m, channels, l.entries)
		defer d.stop()
		bubble.Advance(time.Minute + time.Second)
		if got := d.Known(); got != 1 {
			t.Errorf("knows %d alerts a minute after a restart, want the active one", got)
		}
	})
}

func TestAReceiverThatAsksToBeLeftAloneIs(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am := &level{name: "am-0", answer: func(n int, _ []incident.Alert) (bool, error) {
			if n == 1 {
				return false, &outbound.Error{Outcome: outbound.Failed, Code: outbound.Limited, After: 3 * time.Minute, Err: errDisk}
			}
			return true, nil
		}}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, nil)
		defer d.stop()
		id, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(3*time.Minute - time.Nanosecond)
		if am.sent() != 1 {
			t.Errorf("sent %d times within the three minutes, want once", am.sent())
		}
		bubble.Advance(2 * time.Nanosecond)
		if am.count(id, incident.AlertActive) != 1 {
			t.Error("not told after the three minutes")
		}
	})
}

func TestWhileTheRecordCannotBeWrittenOnlyALevelChannelHearsOfWhatIsNew(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am, pager := &level{name: "am-0"}, &edge{name: "pager"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}}, nil)
		defer d.stop()
		old, e := l.passed("p-00001x", time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Second)

		m.set(func() { m.down = true })
		fresh, e := l.passed("p-00002y", time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(2 * time.Second)
		if am.count(fresh, incident.AlertActive) != 0 {
			t.Error("told of a new alert without trying for a while to record it")
		}
		bubble.Advance(15 * time.Second)
		if am.count(fresh, incident.AlertActive) == 0 {
			t.Error("Alertmanager is not told of a new alert because the record is full")
		}
		bubble.Advance(10 * time.Minute)
		if got := am.count(old, incident.AlertActive); got < 10 || got > 12 {
			t.Errorf("told %d times of what it knew within ten minutes, want 11", got)
		}
		if got := pager.said(); len(got) != 1 {
			t.Errorf("the pager heard %q: what is not on record could be told twice", got)
		}

		m.set(func() { m.down = false })
		bubble.Advance(time.Minute)
		if got := pager.said(); len(got) != 2 {
			t.Errorf("the pager heard %q within a minute after it could be recorded, want both", got)
		}
		for _, want := range []string{
			"am-0 " + string(fresh) + " active begun 1",
			"am-0 " + string(fresh) + " active finished 1 accepted",
		} {
			if !slices.Contains(m.lines(t), want) {
				t.Errorf("not on record after a minute: %s", want)
			}
		}
	})
}

func TestAnAcceptanceThatCouldNotBeRecordedIsRecordedLater(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		m := memory{fault: func(n int, body []byte) fault {
			if n > 1 && n < 8 && strings.Contains(string(body), "accepted") {
				return notDone
			}
			return fine
		}}
		var l log
		am, pager := &level{name: "am-0"}, &edge{name: "pager"}
		channels := alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}}
		d := run(t, &m, channels, nil)
		id, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(10 * time.Minute) // nothing else happens that would write it
		for _, channel := range []string{"am-0", "pager"} {
			if line := channel + " " + string(id) + " active finished 1 accepted"; !slices.Contains(m.lines(t), line) {
				t.Errorf("not on record after ten minutes: %s", line)
			}
		}
		d.stop()
		d = run(t, &m, channels, l.entries)
		defer d.stop()
		bubble.Advance(time.Minute)
		if diff := cmp.Diff([]string{string(id) + " active"}, pager.said()); diff != "" {
			t.Errorf("the pager heard (-want +got):\n%s", diff)
		}
	})
}

func TestTheRecordIsReadUntilItCanBe(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		m := memory{blind: true}
		var l log
		am := &level{name: "am-0"}
		id, _ := l.passed(ref, time.Now())
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, l.entries)
		defer d.stop()
		bubble.Advance(10 * time.Minute)
		if am.sent() != 0 {
			t.Error("told before it is known what was told")
		}
		for i := range 100 { // what comes meanwhile is taken, and holds up nobody
			_, e := l.passed(incident.NewRef(uint64(100+i)), time.Now())
			d.Follow([]incident.Entry{e})
		}
		m.set(func() {
			m.blind = false
		})
		bubble.Advance(time.Minute)
		if am.count(id, incident.AlertActive) == 0 || len(am.shows()) != 101 {
			t.Errorf("told of %d alerts within a minute after the record could be read, want 101", len(am.shows()))
		}
	})
}

func TestALineThatCannotBeReadIsToldAgain(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		m := memory{bodies: [][]byte{[]byte("{"), []byte(`{"v":2,"channel":"am-0"}`)}}
		var l log
		am := &level{name: "am-0"}
		id, _ := l.passed(ref, time.Now())
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, l.entries)
		defer d.stop()
		bubble.Advance(time.Second)
		if am.count(id, incident.AlertActive) != 1 {
			t.Error("a line that cannot be read keeps an alert from being told")
		}
	})
}

func TestWhatIsInHandIsFinishedWhenTheDeskStops(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		pager := &edge{name: "pager", takes: 2 * time.Second}
		channels := alerting.Channels{Edges: []alerting.Edge{pager}}
		d := run(t, &m, channels, nil)
		id, e := l.passed(ref, time.Now())
		d.Follow([]incident.Entry{e})
		bubble.Advance(time.Second)
		before := time.Now()
		d.stop()
		if took := time.Since(before); took > 5*time.Second {
			t.Errorf("stopped after %s, want within five seconds", took)
		}
		want := "pager " + string(id) + " active finished 1 accepted"
		if lines := m.lines(t); lines[len(lines)-1] != want {
			t.Errorf("last line = %q, want %q", lines[len(lines)-1], want)
		}
		d.Follow([]incident.Entry{e}) // returns, although nobody listens
	})
}

func TestADeskThatHasNoTourTellsNobody(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am := &level{name: "am-0"}
		d := newDesk(t, &m, alerting.Channels{Levels: []alerting.Level{am}})
		l.passed(ref, t0)
		d.Follow(l.entries)
		bubble.Advance(time.Hour)
		if am.sent() != 0 || len(m.bodies) != 0 {
			t.Error("something was told or recorded without a tour")
		}
	})
}

func TestTwoChannelsOfOneNameAreRefused(t *testing.T) {
	for _, c := range []alerting.Channels{
		{Levels: []alerting.Level{&level{name: "a"}, &level{name: "a"}}},
		{Levels: []alerting.Level{&level{name: "a"}}, Edges: []alerting.Edge{&edge{name: "a"}}},
		{Edges: []alerting.Edge{&edge{name: "A channel"}}},
	} {
		if err := c.Validate(); err == nil {
			t.Errorf("Validate(%q) = nil, want an error", c.Names())
		}
	}
}
