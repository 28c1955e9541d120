package report_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

// A goldenMonth is a record that the true fold made, and the month of it that is
// reported.
type goldenMonth struct {
	name  string
	month incident.Month
	make  func(*testing.T) *world
}

func goldenMonths() []goldenMonth {
	return []goldenMonth{
		{"empty", "2026-11", func(t *testing.T) *world { return monthWorld(t, london("2026-11-01 00:00")) }},
		{"one", "2026-11", oneIncident},
		{"typical", "2026-11", typicalMonth},
		{"spring", "2026-03", springMonth},
		{"autumn", "2026-10", autumnMonth},
		{"edge-before", "2026-10", edgeMonth},
		{"edge-after", "2026-11", edgeMonth},
		{"merge-and-correction", "2026-11", func(t *testing.T) *world { w, _, _, _ := merged(t); return w }},
		{"by-hand", "2026-11", byHandMonth},
		{"policy-changed", "2026-11", policyMonth},
		{"day", "2026-11", func(t *testing.T) *world { w, _ := day(t); return w }},
	}
}

// london returns an instant by the clocks of London.
func london(s string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", s, incident.London())
	if err != nil {
		panic(err)
	}
	return t.UTC()
}

// monthWorld begins a record at an instant.
func monthWorld(t *testing.T, at time.Time) *world {
	t.Helper()
	pepper, err := incident.NewPepper(make([]byte, incident.MinPepper))
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, pepper: pepper, s: fold.New(func(string) (fold.Predicate, error) { return nil, fmt.Errorf("no expressions here") })}
	w.rules(at, rules())
	return w
}

func oneIncident(t *testing.T) *world {
	w := monthWorld(t, london("2026-11-01 00:00"))
	at := london("2026-11-05 17:30")
	w.signal(at, "mailbox", mail(at, "INC1", incident.Minute(at.Add(-25*time.Minute))))
	return w
}

// springMonth has an incident over the hour that is missing.
func springMonth(t *testing.T) *world {
	w := monthWorld(t, london("2026-03-01 00:00"))
	for i, d := range []struct{ detected, told string }{
		{"2026-03-29 00:30", "2026-03-29 02:15"}, // 45 minutes
		{"2026-03-29 00:30", "2026-03-29 03:00"}, // 90
		{"2026-03-31 23:50", "2026-04-01 00:20"},
	} {
		at := london(d.told)
		w.tick(at)
		w.signal(at, "mailbox", mail(at, fmt.Sprintf("INC%d", i), incident.Minute(london(d.detected))))
	}
	return w
}

// autumnMonth has incidents in the hour that comes twice.
func autumnMonth(t *testing.T) *world {
	w := monthWorld(t, london("2026-10-01 00:00"))
	first := time.Date(2026, 10, 25, 0, 30, 0, 0, time.UTC)
	for i, d := range []struct {
		detected incident.Interval
		told     time.Time
	}{
		{incident.Interval{Earliest: first, Latest: first.Add(time.Hour + time.Minute - 1)}, first.Add(95 * time.Minute)},
		{incident.Minute(first), first.Add(20 * time.Minute)},
		{incident.Minute(first.Add(time.Hour)), first.Add(3 * time.Hour)},
	} {
		w.tick(d.told)
		w.signal(d.told, "mailbox", mail(d.told, fmt.Sprintf("INC%d", i), d.detected))
	}
	return w
}

// edgeMonth has incidents about the midnight between two months.
func edgeMonth(t *testing.T) *world {
	w := monthWorld(t, london("2026-10-01 00:00"))
	midnight := london("2026-11-01 00:00")
	for i, d := range []incident.Interval{
		incident.Minute(midnight.Add(-10 * time.Minute)),                                    // of October
		{Earliest: midnight.Add(-10 * time.Minute), Latest: midnight.Add(10 * time.Minute)}, // of November, by its latest bound
		{Earliest: midnight.Add(-30 * time.Minute), Latest: midnight.Add(-time.Nanosecond)}, // of October
		incident.At(midnight), // of November
		{},                    // nobody says: of the month of its receipt
	} {
		at := midnight.Add(20*time.Minute + time.Duration(i)*time.Second)
		w.signal(at, "mailbox", mail(at, fmt.Sprintf("INC%d", i), d))
	}
	open := midnight.Add(-20 * time.Minute)
	w2 := alert(open, "INC9")
	w2.Receipt = midnight.Add(30 * time.Minute)
	w.signal(midnight.Add(30*time.Minute), "siem", w2)
	w.tick(midnight.Add(2 * time.Hour))
	return w
}

// byHandMonth has reports that were entered by hand, in time and late, confirmed
// and not, corrections that move a start, a weak time, and reasons.
func byHandMonth(t *testing.T) *world {
	w := monthWorld(t, london("2026-11-01 00:00"))
	at := func(s string) time.Time { return london("2026-11-10 " + s) }
	hand := func(key, detected, told, entered string) incident.Ref {
		w.tick(at(entered))
		ref := refOf(t, w.signal(at(detected), "siem", alert(at(detected), key)))
		w.tick(at(entered))
		f := act(at(entered), incident.Act{Kind: incident.ActReport, Ref: ref, Author: "d-1", Role: incident.RoleDesk})
		f.Claims = []incident.Claim{{Milestone: incident.Reported, Interval: incident.Minute(at(told)), Basis: incident.Stated, Receiver: true}}
		f.Receipt = at(told)
		w.signal(at(entered), "manual", f)
		return ref
	}
	hand("INC1", "10:00", "10:20", "10:25")
	confirmed := hand("INC2", "11:00", "11:20", "13:30")
	w.signal(at("13:40"), "manual", act(at("13:40"), incident.Act{Kind: incident.ActConfirm, Ref: confirmed, Author: "d-2", Role: incident.RoleDesk}))
	hand("INC3", "14:00", "14:20", "15:30")

	w.tick(at("16:30"))
	es := w.signal(at("16:30"), "mailbox", mail(at("16:30"), "INC4", incident.Minute(at("15:10")))) // breached
	ref := refOf(t, es)
	w.signal(at("16:40"), "manual", act(at("16:40"), incident.Act{
		Kind: incident.ActCorrection, Ref: ref, Milestone: incident.Detected, Interval: incident.Minute(at("15:40")),
		Reason: incident.ReasonWrongTime, Upon: w.s.Record(ref).Evidence,
	}))
	w.signal(at("16:50"), "manual", act(at("16:50"), incident.Act{Kind: incident.ActConfirm, Ref: ref, Author: "d-2", Role: incident.RoleDesk}))

	late := refOf(t, w.signal(at("17:00"), "mailbox", mail(at("17:00"), "INC5", incident.Minute(at("08:00")))))
	w.signal(at("17:05"), "manual", act(at("17:05"), incident.Act{Kind: incident.ActReason, Ref: late, Reason: incident.ReasonToldManager}))
	w.signal(at("17:10"), "manual", act(at("17:10"), incident.Act{Kind: incident.ActRestrict, Ref: late}))

	weak := mail(at("17:20"), "INC6", incident.Minute(at("17:00")))
	weak.Claims[1].Basis = incident.Derived
	w.signal(at("17:20"), "mailbox", weak)
	desk := mail(at("19:50"), "INC7", incident.Minute(at("18:10"))) // to the desk in time, to the team not
	desk.Claims = append(desk.Claims, incident.Claim{Milestone: incident.ReportedToDesk, Interval: incident.At(at("18:20")), Basis: incident.Recorded, Receiver: true})
	w.tick(at("19:50"))
	w.signal(at("19:50"), "mailbox", desk)
	leaf := mail(at("20:10"), "", incident.Minute(at("20:00")))
	leaf.Trust = incident.Unauthenticated
	w.signal(at("20:10"), "mailbox", leaf)
	w.tick(at("22:00"))
	return w
}

// policyMonth has a shorter limit from its 15th on.
func policyMonth(t *testing.T) *world {
	w := monthWorld(t, london("2026-11-01 00:00"))
	r := rules()
	next := r.Policies[0]
	next.From, next.Limit, next.Warn = "2026-11-15", incident.Span(30*time.Minute), nil
	r.Policies = append(r.Policies, next)
	w.rules(london("2026-11-10 09:00"), r)
	for i, d := range []struct{ detected, told string }{
		{"2026-11-14 10:00", "2026-11-14 10:45"},
		{"2026-11-15 10:00", "2026-11-15 10:45"},
	} {
		at := london(d.told)
		w.tick(at)
		w.signal(at, "mailbox", mail(at, fmt.Sprintf("INC%d", i), incident.Minute(london(d.detected))))
	}
	at := london("2026-11-15 00:40") // version by the latest bound of the start
	w.tick(at)
	w.signal(london("2026-11-16 00:40"), "mailbox", mail(london("2026-11-16 00:40"), "INC8",
		incident.Interval{Earliest: london("2026-11-14 23:50"), Latest: london("2026-11-15 00:10")}))
	w.tick(london("2026-11-30 12:00"))
	return w
}

// typicalMonth has 500 incidents as a month has them.
func typicalMonth(t *testing.T) *world {
	w := monthWorld(t, london("2026-11-01 00:00"))
	rnd := rand.New(rand.NewPCG(5, 2026))
	type event struct {
		at     time.Time
		source incident.SourceName
		facts  func() incident.Facts
	}
	var events []event
	from := london("2026-11-01 00:00")
	for i := range 500 {
		key := fmt.Sprintf("INC%04d", i)
		detected := from.Add(time.Duration(rnd.IntN(30*24*60))*time.Minute - time.Duration(rnd.IntN(2))*time.Hour)
		delay := time.Duration(3+rnd.ExpFloat64()*22) * time.Minute
		if rnd.IntN(8) == 0 {
			delay += time.Duration(rnd.IntN(600)) * time.Minute
		}
		told := detected.Add(delay + time.Duration(rnd.IntN(60))*time.Second)
		org := incident.Organisation([]string{"", "hmpps", "hmpps", "hmcts"}[rnd.IntN(4)])
		impact := incident.Impacts()[rnd.IntN(4)]
		kind := rnd.IntN(20)
		if kind < 9 { // a tool saw it
			events = append(events, event{detected, "siem", func() incident.Facts {
				f := alert(detected, key)
				f.Attrs.Organisation, f.Attrs.Impact = org, impact
				if kind == 8 {
					f.Opening = incident.Candidate
				}
				return f
			}})
		}
		if kind == 0 || kind == 8 {
			continue // and nobody reports it
		}
		events = append(events, event{told, "mailbox", func() incident.Facts {
			in := incident.Minute(detected)
			switch {
			case kind == 10:
				in = incident.Interval{} // says nothing of its detection
			case kind == 11 || kind == 12:
				in = incident.Interval{Earliest: detected.Add(-20 * time.Minute), Latest: detected.Add(20 * time.Minute)}
			case kind < 8:
				in = incident.Interval{}
			}
			f := mail(told, key, in)
			f.Observer = fmt.Sprintf("r%d@mail.example.org", i)
			f.Attrs.Organisation, f.Attrs.Impact = org, impact
			switch kind {
			case 13:
				f.Trust = incident.Unauthenticated
			case 14:
				f.Attrs.Restricted = true
			case 15:
				f.Claims = append(f.Claims, incident.Claim{Milestone: incident.ReportedToDesk,
					Interval: incident.At(told.Add(-delay / 2)), Basis: incident.Recorded, Receiver: true})
			}
			return f
		}})
	}
	slices.SortStableFunc(events, func(a, b event) int { return a.at.Compare(b.at) })
	for _, e := range events {
		w.tick(e.at)
		w.signal(e.at, e.source, e.facts())
	}
	at := london("2026-12-02 09:00")
	w.tick(at)
	for i, ref := range w.s.Refs() {
		switch {
		case i%60 == 7:
			w.signal(at, "manual", act(at, incident.Act{Kind: incident.ActDisposition, Ref: ref, Disposition: incident.FalsePositive, Reason: incident.ReasonFalseAlarm}))
		case i%25 == 3:
			w.signal(at, "manual", act(at, incident.Act{Kind: incident.ActReason, Ref: ref, Reason: incident.ReasonNotRecognised}))
		case i%90 == 11:
			w.signal(at, "manual", act(at, incident.Act{
				Kind: incident.ActCorrection, Ref: ref, Milestone: incident.Detected, Reason: incident.ReasonWrongTime,
				Interval: incident.Minute(w.s.Record(ref).First.Add(-30 * time.Minute)), Upon: w.s.Record(ref).Evidence,
			}))
		}
	}
	return w
}
