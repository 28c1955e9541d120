package incident_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
)

// signal is a member of an incident that came with entry n, received at minute.
func signal(n uint64, minute int, claims ...incident.SealedClaim) incident.Member {
	return incident.Member{N: n, SignalRecord: &incident.SignalRecord{
		Mark: incident.Mark{byte(n), byte(n >> 8)}, Receipt: after(minute, 0), Received: after(minute, 0), Trust: incident.Aligned,
		Observer: incident.Mark{99, byte(n), byte(n >> 8)}, Claims: claims,
	}}
}

func untrusted(m incident.Member) incident.Member {
	m.Trust = incident.Unauthenticated
	return m
}

func from(m incident.Member, observer byte) incident.Member {
	m.Observer = incident.Mark{observer}
	return m
}

func acted(n uint64, a incident.Act) incident.Member {
	return incident.Member{N: n, SignalRecord: &incident.SignalRecord{Mark: incident.Mark{byte(n)}, Receipt: after(500, 0), Received: after(500, 0), Trust: incident.Authenticated, Act: &a}}
}

func stated(i incident.Interval) incident.SealedClaim {
	return incident.SealedClaim{Milestone: incident.Detected, Interval: i, Basis: incident.Stated}
}

func recorded(i incident.Interval) incident.SealedClaim {
	return incident.SealedClaim{Milestone: incident.Detected, Interval: i, Basis: incident.Recorded}
}

func report(minute int) incident.SealedClaim {
	return incident.SealedClaim{Milestone: incident.Reported, Interval: incident.At(after(minute, 0)), Basis: incident.Recorded, Receiver: true}
}

func told(c incident.SealedClaim, receiver bool) incident.SealedClaim {
	c.Milestone, c.Receiver = incident.Reported, receiver
	return c
}

func makeWeak(c incident.SealedClaim) incident.SealedClaim { c.Weak = true; return c }

// TestTheTimeOfAMilestone has the rules by which a time is chosen among claims.
func TestTheTimeOfAMilestone(t *testing.T) {
	by := func(minute int) incident.Interval { return incident.Interval{Latest: after(minute, 0)} }
	type want struct {
		i     incident.Interval
		weak  bool
		flags []incident.Flag
	}
	for _, tt := range []struct {
		name    string
		of      incident.Milestone
		members []incident.Member
		want    want
	}{
		{"nothing is said: told by its receipt", incident.Detected, []incident.Member{signal(2, 20, report(20))}, want{i: by(20)}},
		{"a tool's signal bounds it too", incident.Detected, []incident.Member{signal(2, 15), signal(3, 20, report(20))}, want{i: by(15)}},
		{"an unauthenticated signal bounds nothing", incident.Detected, []incident.Member{untrusted(signal(2, 5)), signal(3, 20, report(20))}, want{i: by(20)}},
		{"a person before the tool", incident.Detected, []incident.Member{signal(2, 30, recorded(between(20, 20))), signal(3, 40, stated(between(10, 11)))}, want{i: between(10, 11)}},
		{"the earliest of each end", incident.Detected, []incident.Member{signal(2, 50, stated(between(0, 40))), signal(3, 50, recorded(between(10, 12)), recorded(between(11, 11)))},
			want{i: between(0, 11)}},
		{"evidence before a weak time", incident.Detected, []incident.Member{signal(2, 30, recorded(between(20, 20))), untrusted(signal(3, 40, stated(between(10, 11))))}, want{i: between(20, 20)}},
		{"only weak times", incident.Detected, []incident.Member{signal(2, 30, makeWeak(stated(between(10, 11)))), untrusted(signal(3, 40, stated(between(5, 6))))}, want{i: between(5, 6), weak: true}},
		{"begun after it was told", incident.Detected, []incident.Member{signal(2, 20, report(20)), signal(3, 40, recorded(between(30, 30)))}, want{i: by(20), flags: []incident.Flag{incident.FlagToldBefore}}},
		{"begun before it was told, ended after", incident.Detected, []incident.Member{signal(2, 20, report(20)), signal(3, 40, recorded(between(10, 30)))}, want{i: between(10, 20)}},
		{"one observer twice, meeting", incident.Detected, []incident.Member{from(signal(2, 50, stated(between(0, 20))), 1), from(signal(3, 50, stated(between(10, 40))), 1)}, want{i: between(10, 20)}},
		{"one observer twice, apart", incident.Detected, []incident.Member{from(signal(2, 50, stated(between(30, 31))), 1), from(signal(3, 50, stated(between(10, 11))), 1)},
			want{i: between(10, 11), flags: []incident.Flag{incident.FlagInconsistent}}},
		{"a machine's records are not intersected", incident.Detected, []incident.Member{from(signal(2, 50, recorded(between(30, 31))), 1), from(signal(3, 50, recorded(between(10, 11))), 1)}, want{i: between(10, 11)}},
		{"wide, and contains another's", incident.Detected, []incident.Member{signal(2, 99, stated(between(0, 61))), signal(3, 99, stated(between(20, 21)))}, want{i: between(20, 21), flags: []incident.Flag{incident.FlagWide}}},
		{"an hour is not wide", incident.Detected, []incident.Member{signal(2, 99, stated(between(0, 60))), signal(3, 99, stated(between(20, 21)))}, want{i: between(0, 21)}},
		{"wide, and contains only a weak one", incident.Detected, []incident.Member{signal(2, 99, stated(between(0, 61))), untrusted(signal(3, 99, stated(between(20, 21))))}, want{i: between(0, 61)}},
		{"wide, and not contained", incident.Detected, []incident.Member{signal(2, 99, stated(between(0, 61))), signal(3, 99, stated(between(60, 62)))}, want{i: between(0, 61)}},
		{"a void claim", incident.Detected, []incident.Member{signal(2, 20, incident.SealedClaim{Milestone: incident.Detected, Interval: between(1, 1), Basis: incident.Stated, Void: incident.VoidAutomatic})}, want{i: by(20)}},
		{"a skewed one is listed", incident.Detected, []incident.Member{signal(2, 20, incident.SealedClaim{Milestone: incident.Detected, Interval: between(30, 30), Basis: incident.Recorded, Void: incident.VoidFuture, Flags: []incident.Flag{incident.FlagSkewed}})},
			want{i: by(20), flags: []incident.Flag{incident.FlagSkewed}}},
		{"rejected", incident.Detected, []incident.Member{signal(2, 20, stated(between(1, 2))), acted(3, incident.Act{Kind: incident.ActReject, Signal: 2, Milestone: incident.Detected})}, want{i: by(20)}},
		{"rejected, and the rejection withdrawn", incident.Detected, []incident.Member{signal(2, 20, stated(between(1, 2))), acted(3, incident.Act{Kind: incident.ActReject, Signal: 2, Milestone: incident.Detected}), acted(4, incident.Act{Kind: incident.ActWithdraw, Signal: 3})}, want{i: between(1, 2)}},
		{"a weak one accepted", incident.Detected, []incident.Member{signal(2, 20, makeWeak(stated(between(1, 2)))), acted(3, incident.Act{Kind: incident.ActAccept, Signal: 2, Milestone: incident.Detected})}, want{i: between(1, 2)}},
		{"vouched for", incident.Detected, []incident.Member{untrusted(signal(2, 20, stated(between(1, 2)))), acted(3, incident.Act{Kind: incident.ActVouch, Signal: 2})}, want{i: between(1, 2)}},
		{"corrected twice", incident.Detected, []incident.Member{signal(2, 20, stated(between(1, 2))), acted(3, incident.Act{Kind: incident.ActCorrection, Milestone: incident.Detected, Interval: between(5, 6)}), acted(4, incident.Act{Kind: incident.ActCorrection, Milestone: incident.Detected, Interval: between(7, 8)})}, want{i: between(7, 8)}},
		{"corrected twice, the last withdrawn", incident.Detected, []incident.Member{signal(2, 20, stated(between(1, 2))), acted(3, incident.Act{Kind: incident.ActCorrection, Milestone: incident.Detected, Interval: between(5, 6)}), acted(4, incident.Act{Kind: incident.ActCorrection, Milestone: incident.Detected, Interval: between(7, 8)}), acted(5, incident.Act{Kind: incident.ActWithdraw, Signal: 4})}, want{i: between(5, 6)}},
		{"nobody is aware before detection", incident.Aware, []incident.Member{signal(2, 20, stated(between(1, 2)))}, want{i: incident.Interval{Earliest: after(1, 0)}}},
		{"aware, as stated", incident.Aware, []incident.Member{signal(2, 20, stated(between(1, 2)), incident.SealedClaim{Milestone: incident.Aware, Interval: between(15, 16), Basis: incident.Stated})}, want{i: between(15, 16)}},

		{"the receiver's stamp", incident.Reported, []incident.Member{signal(2, 20, report(20)), signal(3, 30, report(30))}, want{i: between(20, 20)}},
		{"the sender's own word", incident.Reported, []incident.Member{signal(2, 20, told(stated(between(5, 6)), false), report(20))}, want{i: between(20, 20)}},
		{"the sender's own word alone", incident.Reported, []incident.Member{signal(2, 20, told(stated(between(5, 6)), false))}, want{i: between(5, 6), weak: true}},
		{"a person of the desk", incident.Reported, []incident.Member{signal(2, 60, told(stated(between(5, 5)), true))}, want{i: between(5, 5)}},
		{"an unauthenticated report", incident.Reported, []incident.Member{untrusted(signal(2, 20, report(20)))}, want{i: between(20, 20), weak: true}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := incident.NewView(tt.members, nil).Time(tt.of, tt.of.Receipt())
			if got.Interval != tt.want.i || got.Weak != tt.want.weak {
				t.Errorf("got %s weak %v, want %s weak %v", got.Interval, got.Weak, tt.want.i, tt.want.weak)
			}
			if d := cmp.Diff(tt.want.flags, got.Flags); d != "" {
				t.Errorf("flags (-want +got):\n%s", d)
			}
			// Acts follow one another; signals may come in any order.
			turned := slices.Clone(tt.members)
			slices.Reverse(turned[:slices.IndexFunc(append(turned, acted(0, incident.Act{})), func(m incident.Member) bool { return m.Act != nil })])
			again := incident.NewView(turned, nil).Time(tt.of, tt.of.Receipt())
			if again.Interval != got.Interval || again.Weak != got.Weak || !cmp.Equal(again.Flags, got.Flags) {
				t.Errorf("the other way round %s, want %s", again.Interval, got.Interval)
			}
		})
	}
}

// TestOneSlipAmongManyDoesNotDecide: after twenty stating observers only the
// first report's own time, and what is accepted, is evidence.
func TestOneSlipAmongManyDoesNotDecide(t *testing.T) {
	var members []incident.Member
	for n := range uint64(incident.ManyObservers) {
		members = append(members, signal(n+2, 30+int(n), report(30+int(n)), stated(between(20, 21))))
	}
	slip := signal(40, 60, report(60), stated(between(-600, -599)))
	with := func(more ...incident.Member) incident.Interval {
		return incident.NewView(append(slices.Clone(members), more...), nil).Time(incident.Detected, false).Interval
	}
	if got := with(); got != between(20, 21) {
		t.Fatalf("twenty observers: %s", got)
	}
	members = members[1:]
	if got := with(slip); got != between(-600, -599) {
		t.Errorf("a slip among twenty observers: %s", got)
	}
	members = append(members, signal(2, 30, report(30), stated(between(20, 21))))
	if got := with(slip); got != between(20, 21) {
		t.Errorf("a slip among twenty-one observers: %s", got)
	}
	if got := with(slip, acted(50, incident.Act{Kind: incident.ActAccept, Signal: 40, Milestone: incident.Detected})); got != between(-600, -599) {
		t.Errorf("the slip, accepted: %s", got)
	}
	if got := with(slip, signal(60, 70, recorded(between(10, 10)))); got != between(10, 10) {
		t.Errorf("a machine's record among many: %s", got)
	}
}

func TestWhoMustHaveASecondPerson(t *testing.T) {
	byHand := func(entered int) incident.Member {
		m := acted(5, incident.Act{Kind: incident.ActReport, Author: "ann"})
		m.Received, m.Receipt, m.Claims = after(entered, 0), after(entered, 0), []incident.SealedClaim{told(stated(between(10, 10)), true)}
		return m
	}
	confirm := func(author string) incident.Member {
		return acted(9, incident.Act{Kind: incident.ActConfirm, Author: author})
	}
	for _, tt := range []struct {
		name    string
		members []incident.Member
		due     time.Time
		want    bool
	}{
		{"entered at once", []incident.Member{byHand(10)}, after(60, 0), false},
		{"entered after 15 minutes", []incident.Member{byHand(25)}, after(60, 0), false},
		{"entered after 16 minutes", []incident.Member{byHand(26)}, after(60, 0), true},
		{"entered soon, but after the due time", []incident.Member{byHand(12)}, after(11, 0), true},
		{"a correction", []incident.Member{acted(5, incident.Act{Kind: incident.ActCorrection, Author: "ann"})}, after(60, 0), true},
		{"an acceptance", []incident.Member{acted(5, incident.Act{Kind: incident.ActAccept, Author: "ann"})}, after(60, 0), true},
		{"confirmed by the same", []incident.Member{byHand(90), confirm("ann")}, after(60, 0), true},
		{"confirmed by another", []incident.Member{byHand(90), confirm("bea")}, after(60, 0), false},
		{"confirmed before it was done", []incident.Member{acted(3, incident.Act{Kind: incident.ActConfirm, Author: "bea"}), byHand(90)}, after(60, 0), true},
		{"withdrawn", []incident.Member{byHand(90), acted(9, incident.Act{Kind: incident.ActWithdraw, Signal: 5})}, after(60, 0), false},
	} {
		if got := incident.NewView(tt.members, nil).NeedsSecond(tt.due)[5]; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

func TestAClaimIsGradedByItsOwnSignal(t *testing.T) {
	pepper, err := incident.NewPepper(make([]byte, incident.MinPepper))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name  string
		claim incident.Claim
		want  incident.SealedClaim // of what is compared
	}{
		{"before its receipt", incident.Claim{Basis: incident.Stated, Interval: between(-10, -9)}, incident.SealedClaim{Interval: between(-10, -9)}},
		{"at the end of the tolerance", incident.Claim{Basis: incident.Recorded, Interval: between(5, 5)}, incident.SealedClaim{Interval: between(0, 0), Flags: []incident.Flag{incident.FlagClipped}}},
		{"an instant beyond it", incident.Claim{Basis: incident.Recorded, Interval: incident.At(after(5, 1))}, incident.SealedClaim{Interval: incident.At(after(5, 1)), Void: incident.VoidFuture, Flags: []incident.Flag{incident.FlagSkewed}}},
		{"seven days before", incident.Claim{Basis: incident.Stated, Interval: incident.At(nine.Add(-incident.FarPast))}, incident.SealedClaim{Interval: incident.At(nine.Add(-incident.FarPast))}},
		{"an instant more", incident.Claim{Basis: incident.Stated, Interval: incident.At(nine.Add(-incident.FarPast - 1))}, incident.SealedClaim{Interval: incident.At(nine.Add(-incident.FarPast - 1)), Weak: true, Flags: []incident.Flag{incident.FlagFarPast}}},
		{"a machine's record is never far", incident.Claim{Basis: incident.Recorded, Interval: incident.At(nine.AddDate(-1, 0, 0))}, incident.SealedClaim{Interval: incident.At(nine.AddDate(-1, 0, 0))}},
		{"ends before it begins", incident.Claim{Basis: incident.Stated, Interval: between(-9, -10)}, incident.SealedClaim{Interval: between(-9, -10), Void: incident.VoidRejected}},
		{"void already", incident.Claim{Basis: incident.Stated, Interval: between(99, 99), Void: incident.VoidBounce}, incident.SealedClaim{Interval: between(99, 99), Void: incident.VoidBounce}},
	} {
		st := incident.Stored{Signal: incident.Signal{Source: "mailbox", Received: nine}}
		r := incident.Seal(pepper, st, incident.Reading{Parts: []incident.Facts{{Claims: []incident.Claim{tt.claim}}}}, 0, incident.DefaultTolerance)
		got := r.Claims[0]
		if got.Interval != tt.want.Interval || got.Weak != tt.want.Weak || got.Void != tt.want.Void || !cmp.Equal(got.Flags, tt.want.Flags) {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
