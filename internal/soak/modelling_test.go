package soak_test

import (
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
)

func TestTheModelKnowsAnIncidentWhenItSeesOne(t *testing.T) {
	t0 := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	tool := func(received, detected int, keys ...string) fact {
		return fact{source: toolSource, received: at(received), detected: at(detected), keys: keys}
	}
	mute := func(received int, keys ...string) fact {
		return fact{source: toolSource, received: at(received), keys: keys}
	}
	desk := func(received int, keys ...string) fact {
		return fact{source: deskSource, received: at(received), keys: keys}
	}
	for _, tt := range []struct {
		name  string
		facts []fact
		want  []incident.State
	}{
		{"told at the limit is in time", []fact{tool(5, 0, "a"), desk(20, "a")}, []incident.State{incident.Met}},
		{"told a second later is late", []fact{tool(5, 0, "a"), desk(21, "a")}, []incident.State{incident.Breached}},
		{"the earliest detection counts, in any order", []fact{tool(9, 5, "a"), desk(21, "a"), tool(4, 0, "a")}, []incident.State{incident.Breached}},
		{"a bridge makes one of two", []fact{tool(5, 0, "a"), tool(6, 1, "b"), desk(10, "b"), tool(11, 1, "a", "b")}, []incident.State{incident.Met}},
		{"without the bridge they are two", []fact{tool(5, 0, "a"), tool(6, 1, "b"), desk(10, "b")}, []incident.State{incident.Overdue, incident.Met}},
		{"nobody said when: in time cannot be known", []fact{mute(5, "a"), desk(10, "a")}, []incident.State{incident.Unmeasured}},
		{"nobody said when: late can", []fact{mute(5, "a"), desk(26, "a")}, []incident.State{incident.Breached}},
		{"a detection after the first receipt is not the first", []fact{desk(5, "a"), tool(9, 6, "a")}, []incident.State{incident.Unmeasured}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var got []incident.State
			for _, n := range model(tt.facts) {
				got = append(got, n.verdict(quickLimit, at(60)))
			}
			if len(got) != len(tt.want) {
				t.Fatalf("model makes %v, want %v", got, tt.want)
			}
			for i := range got {
				if got[i] != tt.want[i] {
					t.Errorf("model makes %v, want %v", got, tt.want)
				}
			}
		})
	}
}
