package report_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

func TestTheTwoLegsOfAReportByWayOfTheDesk(t *testing.T) {
	minutes := func(n int) *incident.Span {
		s := incident.Span(time.Duration(n) * time.Minute)
		return &s
	}
	desk := func(hhmm string, basis incident.Basis) incident.Claim {
		return incident.Claim{
			Milestone: incident.ReportedToDesk, Interval: incident.At(clock(t, hhmm)), Basis: basis, Receiver: basis == incident.Recorded,
		}
	}
	for _, tt := range []struct {
		name     string
		detected incident.Interval
		desk     []incident.Claim
		legs     [][2]*incident.Span // shortest and longest
		weak     bool
		text     []string
	}{
		{"scenario 8", incident.Minute(clock(t, "09:15")), []incident.Claim{desk("09:20", incident.Recorded)},
			[][2]*incident.Span{{nil, minutes(5)}, {minutes(90), minutes(90)}}, false,
			[]string{"from detection to the desk: 4m to 5m", "from the desk to the team: 1h30m"}},
		{"scenario 9, no detection", incident.Interval{}, []incident.Claim{desk("09:20", incident.Recorded)},
			[][2]*incident.Span{{minutes(0), nil}, {minutes(90), minutes(90)}}, false,
			[]string{"from detection to the desk: not known", "from the desk to the team: 1h30m"}},
		{"a range of detection", incident.Interval{Earliest: clock(t, "09:00"), Latest: clock(t, "09:30")}, []incident.Claim{desk("09:20", incident.Recorded)},
			[][2]*incident.Span{{minutes(0), minutes(20)}, {minutes(90), minutes(90)}}, false, []string{"from detection to the desk: 0s to 20m"}},
		{"what the desk only wrote", incident.Minute(clock(t, "09:15")), []incident.Claim{desk("09:20", incident.Derived)},
			[][2]*incident.Span{{nil, minutes(5)}, {minutes(90), minutes(90)}}, true,
			[]string{"from detection to the desk: 4m to 5m (weak)", "from the desk to the team: 1h30m (weak)"}},
		{"nothing of the desk", incident.Minute(clock(t, "09:15")), nil, nil, false, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t)
			at := clock(t, "10:50")
			f := mail(at, "INC1", tt.detected)
			f.Claims = append(f.Claims, tt.desk...)
			ref := refOf(t, w.signal(at, "mailbox", f))
			b := w.book()
			d, _ := b.Incident(ref)
			if len(d.Legs) != len(tt.legs) {
				t.Fatalf("%d legs, want %d", len(d.Legs), len(tt.legs))
			}
			for i, l := range d.Legs {
				if want := tt.legs[i]; want[0] != nil && (l.Shortest == nil || *l.Shortest != *want[0]) || !same(l.Longest, want[1]) || l.Weak != tt.weak {
					t.Errorf("leg %s: %v to %v, weak %v, want %v to %v, weak %v", l.Leg, l.Shortest, l.Longest, l.Weak, want[0], want[1], tt.weak)
				}
			}
			var shown, why bytes.Buffer
			if err := report.WriteIncident(&shown, &d, at); err != nil {
				t.Fatal(err)
			}
			if err := report.WriteWhy(&why, w.why(b, ref)); err != nil {
				t.Fatal(err)
			}
			for _, line := range tt.text {
				for _, text := range []string{shown.String(), why.String()} {
					if !strings.Contains(text, line+"\n") {
						t.Errorf("no line %q in\n%s", line, text)
					}
				}
			}
			if tt.text == nil && strings.Contains(shown.String(), "desk") {
				t.Errorf("legs are shown:\n%s", shown.String())
			}
			rows, _ := b.Incidents(report.Filter{})
			text, err := json.Marshal(rows)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := strings.Count(string(text), `"leg":`), len(tt.legs); got != want {
				t.Errorf("%d legs in the JSON of the list, want %d: %s", got, want, text)
			}
		})
	}
}

func same(a, b *incident.Span) bool { return a == nil && b == nil || a != nil && b != nil && *a == *b }

// A desk that hears of it after the team is on nobody's way, and one that has not
// passed it on has a second leg without an end.
func TestLegsThatAreNone(t *testing.T) {
	w := newWorld(t)
	at := clock(t, "10:50")
	f := mail(at, "INC1", incident.Interval{})
	w.signal(at, "mailbox", f)
	later := clock(t, "11:30")
	told := incident.Facts{
		Opening: incident.JoinsOnly, Trust: incident.Aligned, Observer: "desk", Receipt: later,
		Keys:   []incident.Key{{Kind: incident.KeyTicket, Value: "INC1"}},
		Claims: []incident.Claim{{Milestone: incident.ReportedToDesk, Interval: incident.At(later), Basis: incident.Recorded, Receiver: true}},
	}
	es := w.signal(later, "mailbox", told)
	if d, _ := w.book().Incident(refOf(t, es)); len(d.Legs) != 0 {
		t.Errorf("told after the team: legs %+v, want none", d.Legs)
	}

	w = newWorld(t)
	told.Opening = incident.Opens
	ref := refOf(t, w.signal(later, "mailbox", told))
	d, ok := w.book().Incident(ref)
	if !ok || len(d.Legs) != 2 || d.Legs[0].Open || !d.Legs[1].Open || d.Legs[1].Shortest != nil || d.Legs[1].Longest != nil {
		t.Errorf("not passed on: legs %+v, want a second one that is open", d.Legs)
	}
	var shown bytes.Buffer
	if err := report.WriteIncident(&shown, &d, later); err != nil {
		t.Fatal(err)
	}
	if want := "from the desk to the team: not yet\n"; !strings.Contains(shown.String(), want) {
		t.Errorf("no %q in\n%s", want, shown.String())
	}
}
