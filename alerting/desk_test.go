package alerting_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/alerting"
	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
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
