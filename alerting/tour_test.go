package alerting_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/eventually"
)

func TestADeskTellsInAnyNumberOfToursAndBetweenThemOnlyFollows(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am, pager := &level{name: "am-0"}, &edge{name: "pager"}
		d := newDesk(t, &m, alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}})
		var want []string
		for i := range 5 {
			between, e := l.passed(incident.NewRef(uint64(2*i)), time.Now())
			d.Follow([]incident.Entry{e})
			bubble.Advance(time.Hour)
			if got := len(pager.said()); got != len(want) {
				t.Fatalf("the pager heard %q between two tours", pager.said()[len(want):])
			}
			stop := d.start(t)
			synctest.Wait()
			during, e := l.passed(incident.NewRef(uint64(2*i+1)), time.Now())
			d.Follow([]incident.Entry{e})
			d.Follow(l.entries) // all of it anew: nothing of it is news
			bubble.Advance(time.Minute)
			stop()
			want = append(want, string(between)+" active", string(during)+" active")
			if diff := cmp.Diff(want, pager.said()); diff != "" {
				t.Fatalf("the pager heard after tour %d (-want +got):\n%s", i+1, diff)
			}
			if got := len(am.shows()); got != len(want) {
				t.Errorf("Alertmanager shows %d alerts after tour %d, want %d", got, i+1, len(want))
			}
		}
	})
}

func TestTheRecordReadAnewMakesNothingOldActive(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		am := &level{name: "am-0"}
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{am}}, nil)
		defer d.stop()
		id, _ := l.passed(ref, t0)
		l.over(id, incident.AlertResolved, incident.WhyStopped, t0)
		d.Follow(l.entries)
		bubble.Advance(time.Second)
		d.Follow(l.entries[:1]) // the rest comes when it has been verified
		bubble.Advance(time.Minute)
		if got := am.count(id, incident.AlertActive); got != 0 {
			t.Errorf("told %d times that what has ended is active", got)
		}
		if got := am.count(id, incident.AlertResolved); got < 2 {
			t.Errorf("told of the end %d times within a minute, want twice", got)
		}
	})
}

// A slow record is one whose reading takes a while.
type slowRecord struct{ *memory }

func (r slowRecord) Deliveries(ctx context.Context, from uint64, yield func(uint64, []byte) error) error {
	pause := time.NewTimer(time.Second)
	<-pause.C
	return r.memory.Deliveries(ctx, from, yield)
}

func TestWhatIsFollowedWhileTheRecordIsReadIsNotToldAgain(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		pager := &edge{name: "pager"}
		channels := alerting.Channels{Edges: []alerting.Edge{pager}}
		id, _ := l.passed(ref, t0)
		before := run(t, &m, channels, l.entries)
		bubble.Advance(time.Second)
		before.stop()
		d := newDesk(t, slowRecord{&m}, channels)
		defer d.start(t)()
		synctest.Wait()
		d.Follow(l.entries)
		bubble.Advance(time.Minute)
		if diff := cmp.Diff([]string{string(id) + " active"}, pager.said()); diff != "" {
			t.Errorf("the pager heard (-want +got):\n%s", diff)
		}
	})
}

func TestASecondTourIsRefusedWhileOneLasts(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		var m memory
		d := run(t, &m, alerting.Channels{Levels: []alerting.Level{&level{name: "am-0"}}}, nil)
		if err := d.Run(t.Context()); !errors.Is(err, alerting.ErrRunning) {
			t.Errorf("Run while another lasts = %v, want %v", err, alerting.ErrRunning)
		}
		d.stop()
		defer d.start(t)()
		synctest.Wait()
	})
}

// One goroutine follows, another begins and ends tours, as fast as they can.
func TestNoEntryIsLostOrDoubledWhereverToursBeginAndEnd(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		chunks := rapid.SliceOfN(rapid.IntRange(1, 4), 20, 60).Draw(rt, "chunks")
		tours := rapid.SliceOfN(rapid.IntRange(0, 400), 1, 12).Draw(rt, "tours") // microseconds
		var m memory
		var l log
		am, pager := &level{name: "am-0"}, &edge{name: "pager"}
		d := newDesk(t, &m, alerting.Channels{Levels: []alerting.Level{am}, Edges: []alerting.Edge{pager}})
		var want []string
		var steps [][]incident.Entry
		for _, n := range chunks {
			from := len(l.entries)
			for range n {
				id, _ := l.passed(incident.NewRef(uint64(len(l.entries))), t0)
				want = append(want, string(id)+" active")
			}
			steps = append(steps, l.entries[from:len(l.entries):len(l.entries)])
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for _, step := range steps {
				d.Follow(step)
			}
		})
		for _, us := range tours {
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(us)*time.Microsecond)
			if err := d.Run(ctx); err != nil {
				rt.Errorf("Run: %v", err)
			}
			cancel()
		}
		wg.Wait()
		stop := d.start(t)
		eventually.Eventually(t, 10*time.Second, "all to be told", func() bool {
			return len(pager.said()) >= len(want) && len(am.shows()) >= len(want)
		})
		stop()
		got := pager.said()
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("the pager heard (-want +got):\n%s", diff)
		}
	})
}

func TestATourThatHasEndedBeginsNoAttempt(t *testing.T) {
	for _, kind := range []string{"level", "edge"} {
		t.Run(kind, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				bubble.Start(t0)
				var l log
				id, _ := l.passed(ref, t0)
				ctx, lose := context.WithCancel(t.Context())
				m := &memory{fault: func(_ int, body []byte) fault {
					if phaseOf(body) == "begin" {
						lose() // the lease is lost while the attempt is being recorded
					}
					return fine
				}}
				am, pager := &level{name: "am-0"}, &edge{name: "pager"}
				c, name := alerting.Channels{Levels: []alerting.Level{am}}, "am-0"
				if kind == "edge" {
					c, name = alerting.Channels{Edges: []alerting.Edge{pager}}, "pager"
				}
				d := newDesk(t, m, c)
				d.Follow(l.entries)
				if err := d.Run(ctx); err != nil {
					t.Fatalf("Run: %v", err)
				}
				if am.sent()+pager.tried() != 0 {
					t.Error("an attempt was made after the tour had ended")
				}
				attempt := name + " " + string(id) + " active "
				want := []string{name + " joined 1", attempt + "begun 1", attempt + "finished 1 failed"}
				if diff := cmp.Diff(want, m.lines(t)); diff != "" {
					t.Errorf("record of deliveries (-want +got):\n%s", diff)
				}
				m.set(func() { m.fault = nil })
				defer d.start(t)()
				bubble.Advance(time.Minute)
				if kind == "edge" {
					if diff := cmp.Diff([]string{string(id) + " active"}, pager.said()); diff != "" {
						t.Errorf("the pager heard in the next tour (-want +got):\n%s", diff)
					}
				} else if am.count(id, incident.AlertActive) == 0 {
					t.Error("Alertmanager was not told in the next tour")
				}
			})
		})
	}
}

// A strict edge is one that objects to hearing what is on record as accepted.
type strictEdge struct {
	mortalEdge
	t *testing.T
}

func (e strictEdge) Tell(ctx context.Context, a incident.Alert, again bool) error {
	line := fmt.Sprintf("%s %s %s finished ", e.Name(), a.ID, a.State)
	for _, s := range e.life.m.lines(e.t) {
		if strings.HasPrefix(s, line) && strings.HasSuffix(s, " accepted") {
			e.t.Errorf("told %s %s although it is on record as accepted", a.ID, a.State)
		}
	}
	return e.mortalEdge.Tell(ctx, a, again)
}

var places = []string{
	"", "before begin", "after begin", "before send", "after send", "before finish", "after finish",
}

// Two processes follow one record and take turns at telling. Each is killed at
// each place; the second may have followed less of the record than the first
// when its turn comes.
func TestTwoDesksTakeTurnsAndAreKilledAtEachPlace(t *testing.T) {
	for _, first := range places {
		for _, second := range places {
			for _, behind := range []int{0, 1, 3} {
				name := fmt.Sprintf("first %s, second %s, %d entries behind", first, second, behind)
				t.Run(strings.ReplaceAll(name, " ,", " lives,"), func(t *testing.T) {
					bubble.Run(t, func(t *testing.T) { takeTurns(t, first, second, behind) })
				})
			}
		}
	}
}

func takeTurns(t *testing.T, first, second string, behind int) {
	bubble.Start(t0)
	var l log
	m, am, pager := &memory{}, &level{name: "am-0"}, &edge{name: "pager"}
	begin := func(place string) (*life, *desk) {
		w := &life{m: m, die: func(at string) bool { return at == place }}
		return w, newDesk(t, w, alerting.Channels{
			Levels: []alerting.Level{mortalLevel{am, w}},
			Edges:  []alerting.Edge{strictEdge{mortalEdge{pager, w}, t}},
		})
	}
	_, joins := begin("") // a channel that was never told anything is new
	joined := joins.start(t)
	bubble.Advance(time.Second)
	joined()
	a, da := begin(first)
	b, db := begin(second)

	one, _ := l.passed(incident.NewRef(1), t0)
	two, _ := l.passed(incident.NewRef(2), t0)
	da.Follow(l.entries)
	stop := da.start(t)
	bubble.Advance(10 * time.Second)
	l.over(one, incident.AlertResolved, incident.WhyStopped, time.Now())
	da.Follow(l.entries)
	bubble.Advance(10 * time.Second)
	a.dead.Store(true)

	db.Follow(l.entries[:len(l.entries)-behind])
	stopB := db.start(t)
	bubble.Advance(10 * time.Second)
	stop() // of the first nothing reaches anybody any more
	three, _ := l.passed(incident.NewRef(3), time.Now())
	db.Follow(l.entries)
	bubble.Advance(10 * time.Second)
	b.dead.Store(true)

	_, dc := begin("")
	l.over(two, incident.AlertRetracted, incident.WhyReadLate, time.Now())
	dc.Follow(l.entries)
	stopC := dc.start(t)
	bubble.Advance(2 * time.Minute)
	stopB()
	stopC()

	wantFinished(t, m)
	states := map[incident.AlertID]incident.AlertState{
		one: incident.AlertResolved, two: incident.AlertRetracted, three: incident.AlertActive,
	}
	fresh := map[string]int{}
	for _, s := range pager.said() {
		if fresh[s]++; fresh[s] > 1 && !strings.HasSuffix(s, " again") {
			t.Errorf("the pager heard %q as new %d times", s, fresh[s])
		}
	}
	for id, s := range states {
		if am.count(id, s) == 0 {
			t.Errorf("Alertmanager never heard that %s is %s", id, s)
		}
		if said := fmt.Sprintf("%s %s", id, s); fresh[said]+fresh[said+" again"] == 0 {
			t.Errorf("the pager never heard that %s is %s", id, s)
		}
	}
	if got := len(am.shows()); got != len(states) {
		t.Errorf("Alertmanager knows %d alerts, want the %d of the record", got, len(states))
	}
	for name, a := range am.shows() {
		if a.State != states[a.ID] {
			t.Errorf("Alertmanager shows %s as %s, want %s", name, a.State, states[a.ID])
		}
	}
}

// The first teller lost its lease in the middle of an attempt, which comes to
// its end while the second tells.
func TestAnAttemptOfATellerThatLostItsLeaseIsFinishedUnderItsNumber(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		id, _ := l.passed(ref, t0)
		slow, pager := &edge{name: "pager", takes: 2 * time.Second}, &edge{name: "pager", takes: time.Second / 2}
		a := run(t, &m, alerting.Channels{Edges: []alerting.Edge{slow}}, l.entries)
		bubble.Advance(time.Second)
		go a.stop()
		b := run(t, &m, alerting.Channels{Edges: []alerting.Edge{pager}}, l.entries)
		bubble.Advance(10 * time.Second)
		b.stop()
		attempt := "pager " + string(id) + " active "
		want := []string{
			"pager joined 1", attempt + "begun 1",
			attempt + "finished 1 unknown", attempt + "begun 2", attempt + "finished 2 accepted",
			attempt + "finished 1 accepted",
		}
		if diff := cmp.Diff(want, m.lines(t)); diff != "" {
			t.Errorf("record of deliveries (-want +got):\n%s", diff)
		}
		c := run(t, &m, alerting.Channels{Edges: []alerting.Edge{pager}}, l.entries)
		defer c.stop()
		bubble.Advance(time.Minute)
		if diff := cmp.Diff([]string{string(id) + " active again"}, pager.said()); diff != "" {
			t.Errorf("the second and third teller told (-want +got):\n%s", diff)
		}
	})
}

// What two tellers wrote may be mixed. Each row is what is on record when the
// next tour begins, what the record then says more, and what is told.
func TestTheMixedLinesOfTwoTellersAreUnderstood(t *testing.T) {
	const active, resolved = "active", "resolved"
	line := func(phase alerting.Phase, state string, n int, outcome string) string {
		s := fmt.Sprintf(`{"alert":"%s/pol-imp-002/deadline/1","at":"2026-11-24T09:00:00Z","attempt":%d,"channel":"pager",`, ref, n)
		if outcome != "" {
			code := ""
			if outcome != "accepted" {
				code = `"code":"interrupted",`
			}
			s += code + `"outcome":"` + outcome + `",`
		}
		return s + fmt.Sprintf(`"phase":"%s","state":"%s","v":1}`, phase, state)
	}
	begun := func(s string, n int) string { return line(alerting.Begun, s, n, "") }
	finished := func(s string, n int, o string) string { return line(alerting.Finished, s, n, o) }
	for _, tt := range []struct {
		name   string
		record []string
		over   bool // the alert has ended
		said   string
		then   []string // without the alert's id
	}{
		{
			"the first is accepted after the second has begun, and the second is cut",
			[]string{begun(active, 1), finished(active, 1, "unknown"), begun(active, 2), finished(active, 1, "accepted")},
			false, "", []string{"active finished 2 unknown"},
		},
		{
			"the first is accepted after the second was",
			[]string{begun(active, 1), begun(active, 2), finished(active, 2, "accepted"), finished(active, 1, "accepted")},
			false, "", nil,
		},
		{
			"the first fails after the second was accepted",
			[]string{begun(active, 1), begun(active, 2), finished(active, 2, "accepted"), finished(active, 1, "failed")},
			false, "", nil,
		},
		{
			"the first is accepted after the second told the end",
			[]string{begun(active, 1), begun(resolved, 1), finished(resolved, 1, "accepted"), finished(active, 1, "accepted")},
			true, "", nil,
		},
		{
			"the first is cut, and the second told the end",
			[]string{begun(active, 1), begun(resolved, 1), finished(resolved, 1, "accepted")},
			true, "", []string{"active finished 1 unknown"},
		},
		{
			"both are cut",
			[]string{begun(active, 1), begun(active, 2)},
			false, "active again",
			[]string{"active finished 1 unknown", "active finished 2 unknown", "active begun 3", "active finished 3 accepted"},
		},
		{
			"both tell the same state under one number, and one is accepted",
			[]string{begun(active, 2), begun(active, 2), finished(active, 2, "accepted"), finished(active, 2, "unknown")},
			false, "", nil,
		},
		{
			"the first goes on to fail at what is over while the second fails at the end",
			[]string{
				begun(active, 1), begun(resolved, 1), finished(active, 1, "failed"), begun(active, 2),
				finished(resolved, 1, "failed"), begun(resolved, 2), finished(active, 2, "failed"), finished(resolved, 2, "failed"),
			},
			true, "resolved", []string{"resolved begun 3", "resolved finished 3 accepted"},
		},
		{
			"the first fails after the second has",
			[]string{begun(active, 1), begun(active, 2), finished(active, 2, "failed"), finished(active, 1, "failed")},
			false, "active", []string{"active begun 3", "active finished 3 accepted"},
		},
		{
			"the end was told by one who had followed further",
			[]string{begun(resolved, 1), finished(resolved, 1, "accepted")},
			false, "", nil,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble.Run(t, func(t *testing.T) {
				bubble.Start(t0)
				m := memory{bodies: [][]byte{[]byte(`{"at":"2026-11-24T09:00:00Z","channel":"pager","entry":0,"phase":"joined","v":1}`)}}
				for _, s := range tt.record {
					m.bodies = append(m.bodies, []byte(s))
				}
				before := len(m.lines(t))
				var l log
				id, _ := l.passed(ref, t0)
				if tt.over {
					l.over(id, incident.AlertResolved, incident.WhyStopped, t0)
				}
				pager := &edge{name: "pager"}
				d := run(t, &m, alerting.Channels{Edges: []alerting.Edge{pager}}, l.entries)
				bubble.Advance(time.Minute)
				d.stop()
				var said []string
				if tt.said != "" {
					said = []string{string(id) + " " + tt.said}
				}
				if diff := cmp.Diff(said, pager.said()); diff != "" {
					t.Errorf("the pager heard (-want +got):\n%s", diff)
				}
				var then []string
				for _, s := range m.lines(t)[before:] {
					then = append(then, strings.TrimPrefix(s, "pager "+string(id)+" "))
				}
				if diff := cmp.Diff(tt.then, then); diff != "" {
					t.Errorf("recorded then (-want +got):\n%s", diff)
				}
			})
		})
	}
}

func TestWhatWasToldOfAlertsThatAreNotKnownYetIsRememberedForAnHour(t *testing.T) {
	bubble.Run(t, func(t *testing.T) {
		bubble.Start(t0)
		var m memory
		var l log
		pager := &edge{name: "pager"}
		channels := alerting.Channels{Edges: []alerting.Edge{pager}}
		known, _ := l.passed(incident.NewRef(1), t0)
		l.passed(incident.NewRef(2), t0)
		ahead := run(t, &m, channels, l.entries)
		bubble.Advance(time.Minute)
		ahead.stop()

		behind := run(t, &m, channels, l.entries[:1])
		defer behind.stop()
		bubble.Advance(59 * time.Minute)
		if got := behind.Remembered(); got != 2 {
			t.Errorf("remembers what was told of %d alerts for 59 minutes, want 2", got)
		}
		bubble.Advance(2 * time.Minute)
		if got := behind.Remembered(); got != 1 {
			t.Errorf("remembers what was told of %d alerts after an hour, want the one that is known, %s", got, known)
		}
	})
}
