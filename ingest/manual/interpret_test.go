package manual_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/manual"
)

var received = time.Date(2026, 11, 23, 10, 30, 0, 0, time.UTC)

// signal is the signal of a request as the handler stores it.
func signal(t testing.TB, request string) incident.Signal {
	t.Helper()
	raw := fmt.Sprintf(`{"v":1,"author":"m-1","role":"manager","key":"k","request":%s}`, request)
	return incident.Signal{
		ID: incident.NewSignalID(manual.Source, []byte(raw)), Source: manual.Source, Channel: incident.ChannelManual,
		Received: received, Auth: incident.AuthOwner, Author: "m-1", Role: incident.RoleManager, Raw: []byte(raw),
	}
}

func at(hour, minute int) time.Time { return time.Date(2026, 11, 23, hour, minute, 0, 0, time.UTC) }

func TestWhatAnActSays(t *testing.T) {
	const span = `{"e":"2026-11-23T09:15:00Z","l":"2026-11-23T09:15:59.999999999Z"}`
	ref := incident.NewRef(7)
	own := []incident.Key{{Kind: incident.KeyOwn, Value: string(ref)}}
	act := func(a incident.Act) *incident.Act {
		a.Author, a.Role = "m-1", incident.RoleManager
		return &a
	}
	for _, tt := range []struct {
		name, request string
		want          incident.Facts // Trust, Observer, Receipt, Route are the same for all
	}{
		{
			"a report without a time came when we took it, by our own stamp", `{"kind":"report"}`,
			incident.Facts{
				Opening: incident.Opens,
				Claims:  []incident.Claim{{Milestone: incident.Reported, Interval: incident.At(received), Basis: incident.Recorded, Observer: "m-1", Receiver: true}},
				Act:     act(incident.Act{Kind: incident.ActReport, Milestone: incident.Reported, Interval: incident.At(received)}),
			},
		},
		{
			"a phone call that came earlier, of somebody who noticed at quarter past",
			`{"kind":"report","milestone":"reported_to_desk","interval":{"e":"2026-11-23T09:20:00Z","l":"2026-11-23T09:20:59.999999999Z"},"detected":` + span + `,"impact":"high","personal":"unknown","organisation":"hmcts","ticket":"inc0012345","reporter":"caller@agency.example.org"}`,
			incident.Facts{
				Opening: incident.Opens,
				Keys:    []incident.Key{{Kind: incident.KeyTicket, Value: "INC0012345"}},
				Claims: []incident.Claim{
					{Milestone: incident.ReportedToDesk, Interval: incident.Minute(at(9, 20)), Basis: incident.Stated, Observer: "m-1", Receiver: true},
					{Milestone: incident.Detected, Interval: incident.Minute(at(9, 15)), Basis: incident.Stated, Observer: "caller@agency.example.org"},
				},
				Attrs: incident.Attributes{Impact: incident.ImpactHigh, Organisation: "hmcts"},
				Act:   act(incident.Act{Kind: incident.ActReport, Milestone: incident.ReportedToDesk, Interval: incident.Minute(at(9, 20))}),
			},
		},
		{
			"a report about a known incident joins it", fmt.Sprintf(`{"kind":"report","ref":%q,"interval":%s}`, ref, span),
			incident.Facts{
				Opening: incident.JoinsOnly, Keys: own,
				Claims: []incident.Claim{{Milestone: incident.Reported, Interval: incident.Minute(at(9, 15)), Basis: incident.Stated, Observer: "m-1", Receiver: true}},
				Act:    act(incident.Act{Kind: incident.ActReport, Ref: ref, Milestone: incident.Reported, Interval: incident.Minute(at(9, 15))}),
			},
		},
		{
			"a time of detection is evidence", fmt.Sprintf(`{"kind":"detection","ref":%q,"interval":%s}`, ref, span),
			incident.Facts{
				Opening: incident.JoinsOnly, Keys: own,
				Claims: []incident.Claim{{Milestone: incident.Detected, Interval: incident.Minute(at(9, 15)), Basis: incident.Stated, Observer: "m-1"}},
				Act:    act(incident.Act{Kind: incident.ActDetection, Ref: ref, Milestone: incident.Detected, Interval: incident.Minute(at(9, 15))}),
			},
		},
		{
			"a milestone is what the receiving side says", fmt.Sprintf(`{"kind":"milestone","ref":%q,"milestone":"siro_informed","interval":%s}`, ref, span),
			incident.Facts{
				Opening: incident.JoinsOnly, Keys: own,
				Claims: []incident.Claim{{Milestone: incident.SIROInformed, Interval: incident.Minute(at(9, 15)), Basis: incident.Stated, Observer: "m-1", Receiver: true}},
				Act:    act(incident.Act{Kind: incident.ActMilestone, Ref: ref, Milestone: incident.SIROInformed, Interval: incident.Minute(at(9, 15))}),
			},
		},
		{
			"a correction claims nothing, it acts", fmt.Sprintf(`{"kind":"correction","ref":%q,"milestone":"detected","interval":%s,"reason":"typing_error","upon":12,"text":"\"interval\":{}"}`, ref, span),
			incident.Facts{
				Opening: incident.JoinsOnly, Keys: own,
				Act: act(incident.Act{Kind: incident.ActCorrection, Ref: ref, Milestone: incident.Detected, Interval: incident.Minute(at(9, 15)), Reason: incident.ReasonTyping, Upon: 12}),
			},
		},
		{
			"back to suspected", fmt.Sprintf(`{"kind":"disposition","ref":%q,"disposition":"suspected"}`, ref),
			incident.Facts{Opening: incident.JoinsOnly, Keys: own, Act: act(incident.Act{Kind: incident.ActDisposition, Ref: ref})},
		},
		{
			"an impact taken back", fmt.Sprintf(`{"kind":"impact","ref":%q,"impact":"unknown"}`, ref),
			incident.Facts{Opening: incident.JoinsOnly, Keys: own, Act: act(incident.Act{Kind: incident.ActImpact, Ref: ref})},
		},
		{
			"a quarantined signal was looked at", `{"kind":"settle","signal":9}`,
			incident.Facts{Opening: incident.JoinsOnly, Act: act(incident.Act{Kind: incident.ActSettle, Signal: 9})},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := signal(t, tt.request)
			got := (&manual.Interpreter{}).Interpret(s, manual.Rule())
			tt.want.Trust, tt.want.Observer, tt.want.Receipt, tt.want.Route = incident.Authenticated, "m-1", received, incident.RoutePerson
			if got.Quarantine != "" || len(got.Parts) != 1 || got.Interpreter != manual.Version {
				t.Fatalf("Interpret = %+v, want one part", got)
			}
			part := got.Parts[0]
			for i, c := range part.Claims {
				if words := string(s.Raw[c.Words[0]:c.Words[1]]); c.Basis == incident.Stated {
					var in incident.Interval
					if err := json.Unmarshal([]byte(words), &in); err != nil || in != c.Interval {
						t.Errorf("the words of %s are %q, want those of %s", c.Milestone, words, c.Interval)
					}
				}
				part.Claims[i].Words = [2]int{}
			}
			if d := cmp.Diff(tt.want, part); d != "" {
				t.Errorf("facts (-want +got):\n%s", d)
			}
		})
	}
}

func TestBytesThatNoHandlerMadeAreQuarantined(t *testing.T) {
	good := signal(t, `{"kind":"report"}`)
	for name, spoil := range map[string]func(*incident.Signal){
		"no envelope":        func(s *incident.Signal) { s.Raw = []byte("hello") },
		"nothing":            func(s *incident.Signal) { s.Raw = nil },
		"a later version":    func(s *incident.Signal) { s.Raw = []byte(strings.Replace(string(s.Raw), `"v":1`, `"v":2`, 1)) },
		"no person":          func(s *incident.Signal) { s.Author = "" },
		"another person":     func(s *incident.Signal) { s.Author = "d-1" },
		"another role":       func(s *incident.Signal) { s.Role = incident.RoleDesk },
		"another credential": func(s *incident.Signal) { s.Auth = incident.AuthBearer },
		"an unknown act":     func(s *incident.Signal) { s.Raw = []byte(strings.Replace(string(s.Raw), `"report"`, `"rumour"`, 1)) },
	} {
		t.Run(name, func(t *testing.T) {
			s := good
			spoil(&s)
			if got := (&manual.Interpreter{}).Interpret(s, manual.Rule()); got.Quarantine != incident.WhyMalformed || len(got.Parts) != 0 {
				t.Errorf("Interpret = %+v, want it quarantined", got)
			}
		})
	}
}

func TestEveryActHasAShape(t *testing.T) {
	for _, k := range incident.Acts() {
		err := manual.Request{Kind: k}.Validate()
		bad, _ := errors.AsType[*manual.RequestError](err)
		if bad == nil {
			continue // a report needs nothing
		}
		for _, p := range bad.Problems {
			if p.Field == "kind" {
				t.Errorf("%s is an act that nobody can record", k)
			}
		}
	}
	// A reason is asked for wherever something is taken from a measured time.
	for _, k := range []incident.ActKind{incident.ActCorrection, incident.ActWithdraw, incident.ActReject, incident.ActDetach, incident.ActReason} {
		if err := (manual.Request{Kind: k}).Validate(); err == nil || !strings.Contains(err.Error(), "reason: is needed") {
			t.Errorf("%s without a reason = %v, want one asked for", k, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		`{"kind":"report"}`, `{"kind":"report","interval":{"e":"2026-11-23T09:15:00+01:00","l":"2026-11-23T09:15:00Z"},"text":"<&>\u2028"}`,
		`{"kind":"correction","ref":"p-000035","milestone":"detected","interval":{"e":"2026-11-23T09:15:00Z"},"reason":"typing_error","upon":18446744073709551615}`,
		`{"kind":"settle","signal":1e3}`, `{"author":"x"}`, `{"kind":null}`, `{"kind":"note","ref":"P-000035","text":"x"}`, `[]`, `{"kind":"report"`, "\xff",
		`{"kind":"report","kind":"note"}`, `{"kind":"report","interval":{"E":"2026-11-23T09:15:00Z"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := manual.Decode(body)
		if err != nil {
			if bad, ok := errors.AsType[*manual.RequestError](err); !ok || len(bad.Problems) == 0 {
				t.Errorf("Decode(%q) = %v, want problems", body, err)
			}
			return
		}
		if err := r.Validate(); err != nil {
			t.Errorf("Decode(%q) accepts what Validate refuses: %v", body, err)
		}
		text, err := incident.MarshalCanonical(r)
		if err != nil {
			t.Fatal(err)
		}
		again, err := manual.Decode(text)
		if err != nil || !reflect.DeepEqual(r, again) {
			t.Errorf("Decode(%q) does not survive writing: %s reads as %+v, %v", body, text, again, err)
		}
		// What was taken is never quarantined: its sender heard yes.
		if got := (&manual.Interpreter{}).Interpret(signal(t, string(text)), manual.Rule()); got.Quarantine != "" {
			t.Errorf("%s was taken and cannot be read: %s", text, got.Quarantine)
		}
	})
}
