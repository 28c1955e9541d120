package alerting_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/internal/outbound"
)

// A deed is one step of a random history.
type deed struct {
	kind string
	pick int // which alert, where, or how long
}

// Whatever happens, and wherever the process dies, in the end every channel has
// accepted every alert, and Alertmanager shows what is true.
func TestEveryAlertIsAcceptedByEveryChannelInAnyHistory(t *testing.T) {
	deeds := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) deed {
		return deed{
			kind: rapid.SampledFrom([]string{
				"fire", "fire", "end", "end", "again", "wait", "wait", "crash", "die soon", "disk", "level", "edge", "hang",
			}).Draw(t, "kind"),
			pick: rapid.IntRange(0, 99).Draw(t, "pick"),
		}
	}), 1, 40)
	rapid.Check(t, func(rt *rapid.T) {
		plan := deeds.Draw(rt, "deeds")
		var err error
		bubble.Run(t, func(t *testing.T) {
			bubble.Start(t0)
			err = live(t, plan)
		})
		if err != nil {
			rt.Fatal(err)
		}
	})
}

// A history is the record, the receivers, and the process that lives now.
type history struct {
	t     *testing.T
	log   log
	m     *memory
	am    *level
	pager *edge
	g     map[incident.Ref]int
	state map[incident.AlertID]incident.AlertState
	ids   []incident.AlertID
	life  *life
	desk  *desk
}

func live(t *testing.T, plan []deed) error {
	h := &history{
		t: t, m: &memory{}, am: &level{name: "am-0"}, pager: &edge{name: "pager"},
		g: map[incident.Ref]int{}, state: map[incident.AlertID]incident.AlertState{},
	}
	h.begin(nil)
	bubble.Advance(time.Second) // the channels have joined
	for _, d := range plan {
		h.do(d)
	}
	// All is well again.
	h.heal()
	h.end()
	h.begin(nil)
	bubble.Advance(5 * time.Minute)
	defer h.end()
	return errors.Join(h.wantLevel(), h.wantEdge())
}

func (h *history) begin(die func(place string) bool) {
	h.life = &life{m: h.m, die: die}
	h.desk = run(h.t, h.life, alerting.Channels{
		Levels: []alerting.Level{mortalLevel{h.am, h.life}},
		Edges:  []alerting.Edge{mortalEdge{h.pager, h.life}},
	}, h.log.entries)
}

func (h *history) end() {
	h.life.dead.Store(true)
	h.desk.stop()
}

func (h *history) heal() {
	h.m.set(func() {
		h.m.fault = nil
	})
	h.am.set(func() {
		h.am.answer, h.am.hang = nil, false
	})
	h.pager.set(func() {
		h.pager.answer = nil
	})
}

func (h *history) follow(e incident.Entry) {
	h.desk.Follow([]incident.Entry{e})
	bubble.Advance(time.Nanosecond)
}

// answer returns what a receiver does: it accepts, or drops the answer, or does
// not accept.
func answer(pick int) (accept bool, err error) {
	switch pick % 5 {
	case 0:
		return true, nil
	case 1:
		return true, fails(outbound.Unknown, outbound.NoAnswer)
	case 2:
		return false, fails(outbound.Failed, outbound.ServerError)
	case 3:
		return false, fails(outbound.Refused, outbound.Rejected)
	default:
		return false, fails(outbound.Unknown, outbound.TimedOut)
	}
}

func (h *history) do(d deed) {
	now := time.Now()
	switch d.kind {
	case "fire":
		ref := incident.NewRef(uint64(d.pick % 10))
		if h.g[ref] > 0 {
			return
		}
		h.fire(ref)
	case "again":
		if len(h.ids) == 0 {
			return
		}
		ref, _, _, _, _ := incident.ParseAlertID(h.ids[d.pick%len(h.ids)])
		if h.state[incident.NewAlertID(ref, polImp002, incident.Deadline, h.g[ref])] != incident.AlertActive {
			h.fire(ref)
		}
	case "end":
		if len(h.ids) == 0 {
			return
		}
		id := h.ids[d.pick%len(h.ids)]
		if h.state[id] != incident.AlertActive {
			return
		}
		s := []incident.AlertState{incident.AlertResolved, incident.AlertRetracted, incident.AlertMerged}[d.pick%3]
		h.state[id] = s
		h.follow(h.log.over(id, s, incident.WhyStopped, now))
	case "wait":
		bubble.Advance(time.Duration(d.pick*d.pick) * 100 * time.Millisecond)
	case "crash":
		h.end()
		h.begin(nil)
	case "die soon": // at one of the next places where it can
		var left atomic.Int64
		left.Store(int64(d.pick % 7))
		h.end()
		h.begin(func(string) bool { return left.Add(-1) < 0 })
		bubble.Advance(time.Second)
	case "disk":
		h.m.set(func() {
			h.m.fault = func(n int, _ []byte) fault { return fault((n * (d.pick + 1)) % 3) }
		})
	case "level":
		h.am.set(func() {
			h.am.answer = func(n int, _ []incident.Alert) (bool, error) { return answer(n * (d.pick + 1)) }
		})
	case "edge":
		h.pager.set(func() {
			h.pager.answer = func(n int, _ incident.Alert) (bool, error) { return answer(n * (d.pick + 1)) }
		})
	case "hang":
		h.am.set(func() {
			h.am.hang = d.pick%2 == 0
		})
	}
}

func (h *history) fire(ref incident.Ref) {
	h.g[ref]++
	id, e := h.log.fired(ref, incident.Deadline, h.g[ref], time.Now())
	h.ids = append(h.ids, id)
	h.state[id] = incident.AlertActive
	h.follow(e)
}

// wantLevel checks that each alert was accepted, and that the last that was of
// each name is its present state.
func (h *history) wantLevel() error {
	var all []error
	for _, id := range h.ids {
		if h.am.count(id, incident.AlertActive)+h.am.count(id, h.state[id]) == 0 {
			all = append(all, fmt.Errorf("alertmanager never accepted %s, which is %s", id, h.state[id]))
		}
	}
	for ref, g := range h.g {
		id := incident.NewAlertID(ref, polImp002, incident.Deadline, g)
		if got := h.am.shows()[ref2name(ref)]; got.ID != id || got.State != h.state[id] {
			all = append(all, fmt.Errorf("alertmanager shows %s %s, want %s %s", got.ID, got.State, id, h.state[id]))
		}
	}
	return errors.Join(all...)
}

// wantEdge checks that each alert was accepted, in its present state, and that
// what was heard twice was said to be so.
func (h *history) wantEdge() error {
	var all []error
	heard := map[string]int{}
	for _, s := range h.pager.said() {
		said, again := strings.CutSuffix(s, " again")
		if heard[said]++; heard[said] > 1 && !again {
			all = append(all, fmt.Errorf("the pager heard %q as new %d times", said, heard[said]))
		}
	}
	for _, id := range h.ids {
		if heard[fmt.Sprintf("%s %s", id, h.state[id])] == 0 {
			all = append(all, fmt.Errorf("the pager never accepted that %s is %s", id, h.state[id]))
		}
	}
	return errors.Join(all...)
}
