package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/internal/bubble"
	"github.com/ministryofjustice/incident-promptness/pipeline"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// times returns n copies of v.
func times[T any](n int, v T) []T {
	s := make([]T, n)
	for i := range s {
		s[i] = v
	}
	return s
}

// Steps are bounded by fold.Size, and a step that is longer than it says would
// be refused again and again.
func TestNoEntryIsLongerThanItsSize(t *testing.T) {
	at := time.Date(2026, 11, 23, 10, 0, 0, 123456789, time.UTC)
	long := strings.Repeat("n", 40)
	ref, both := incident.NewRef(1<<40), incident.Interval{Earliest: at, Latest: at.Add(time.Nanosecond)}
	mark := incident.Mark{1}
	signal := func(keys, claims int) *incident.SignalRecord {
		return &incident.SignalRecord{
			Mark: mark, Commit: incident.Digest{1}, Pos: incident.Pos{Seq: 1 << 40, Index: 499}, Part: 255,
			Source: incident.SourceName(long), Channel: incident.ChannelWebhook, Received: at, Receipt: at, Interpreter: "webhook/1",
			Opening: incident.JoinsOnly, Trust: incident.Unauthenticated, Observer: mark, MoreKeys: 1000,
			Keys: times(keys, incident.SealedKey{Kind: incident.KeyFingerprint, Mark: mark, Weak: true}),
			Claims: times(claims, incident.SealedClaim{
				Milestone: incident.RegulatorNotified, Interval: both, Basis: incident.Corrected, Observer: mark,
				Receiver: true, Weak: true, Flags: []incident.Flag{incident.FlagSkewed, incident.FlagFarPast}, Words: [2]int{100000, 100020},
			}),
			Attrs: incident.Attributes{Organisation: incident.Organisation(long), Impact: incident.ImpactMedium, Personal: incident.PersonalYes},
		}
	}
	act := signal(2, 1)
	act.Act = &incident.Act{
		Kind: incident.ActCorrection, Author: strings.Repeat("a", 40), Role: incident.RoleManager, Ref: ref, Other: ref,
		Signal: 1 << 40, Upon: 1 << 40, Milestone: incident.RegulatorNotified, Interval: both, Reason: incident.Reasons()[0],
	}
	record := func(clocks, bars int) *incident.IncidentRecord {
		return &incident.IncidentRecord{
			Ref: ref, Open: incident.StatusCandidate, Attrs: signal(0, 0).Attrs, Signals: 20000, Leaves: 20000, First: at, Evidence: 1 << 40,
			Source: incident.SourceName(long),
			Times: times(12, incident.Time{
				Milestone: incident.RegulatorNotified, Interval: both, Basis: incident.Corrected, Weak: true, Bound: both, By: [2]uint64{1 << 40, 1 << 40},
				Flags: []incident.Flag{incident.FlagInconsistent, incident.FlagToldBefore},
			}),
			Clocks: times(clocks, incident.Clock{
				Policy: incident.PolicyID(long), Version: "2013-05-01", State: incident.Undetermined, Doubt: incident.DoubtStraddles,
				Flags: []incident.Flag{incident.FlagToldBefore}, Would: incident.Undetermined, Limit: incident.Span(time.Hour),
				Start: both, Stop: both, Shortest: incident.Span(1<<50 + 1), Longest: incident.Span(1<<50 + 1),
				Bars: times(bars, incident.Crossing{
					Threshold: "late-report", G: 12, Due: at, At: at, State: incident.AlertSuperseded, Why: incident.WhySuperseded, Late: true,
				}),
			}),
			Links:   times(incident.MaxLinks, incident.Link{To: ref, Why: incident.LinkOrg, State: incident.LinkOffered, Since: at}),
			Decide:  times(24, incident.Decision{Kind: incident.DecideInconsistent, Since: at, Entry: 1 << 40, Policy: incident.PolicyID(long), Other: ref}),
			Impacts: times(incident.MaxHistory, incident.ImpactAt{At: at, Impact: incident.ImpactMedium}),
			Cuts:    times(8, ref),
		}
	}
	held := record(1, 3)
	for i := range held.Clocks[0].Bars {
		held.Clocks[0].Bars[i].Unread = times(20, incident.SourceName(long))
	}
	reasoned := record(1, 1)
	reasoned.Reasons = incident.Reasons()
	excluded := record(1, 1)
	excluded.Attrs.NotNotifiable = times(5, incident.PolicyID(long))
	alerts := times(160, incident.AlertChange{ID: incident.NewAlertID(ref, incident.PolicyID(long), "late-report", 12), State: incident.AlertSuperseded, Why: incident.WhySuperseded})
	entry := func(s *incident.SignalRecord, r *incident.IncidentRecord) incident.Entry {
		return incident.Entry{V: 1, N: 1 << 40, At: at, Pos: incident.Pos{Seq: 1 << 40, Index: 499}, Kind: incident.KindQuarantined, Why: incident.WhyTimedOut, Rules: 1 << 40, Signal: s, Incident: r}
	}
	told := entry(signal(1, 1), record(5, 32))
	told.Alerts = alerts
	moved := entry(nil, record(0, 0))
	moved.Moved = times(1000, uint64(1<<40))
	for name, e := range map[string]incident.Entry{
		"bare":                    entry(signal(0, 0), nil),
		"most keys":               entry(signal(incident.MaxKeys, 0), nil),
		"most claims":             entry(signal(0, incident.MaxClaims), nil),
		"an act":                  entry(act, nil),
		"no clock":                entry(nil, record(0, 0)),
		"five clocks":             entry(nil, record(5, 0)),
		"five clocks, most bars":  entry(nil, record(5, 32)),
		"sources that are unread": entry(nil, held),
		"all reasons":             entry(nil, reasoned),
		"not notifiable":          entry(nil, excluded),
		"most alerts":             told,
		"signals that moved":      moved,
		"everything":              entry(signal(incident.MaxKeys, incident.MaxClaims), record(5, 32)),
	} {
		t.Run(name, func(t *testing.T) {
			if is, says := len(ledger.Encode(nil, &e)), fold.Size(&e); is > says {
				t.Errorf("the entry has %d bytes, its size says at most %d", is, says)
			}
		})
	}
}

func TestASignalOfManyPartsIsFoldedOrQuarantinedInPartAndNeverStopsTheFlow(t *testing.T) {
	for _, tt := range []struct {
		name         string
		keys, claims int
		whole        bool
	}{
		{"alerts as they are", 3, 2, true},
		{"alerts as large as they may be", incident.MaxKeys, incident.MaxClaims, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			inBubble(t, "2026-11-23T10:00:00Z", func(w *world) {
				w.stop()
				w.change = func(o *pipeline.Options) {
					read := o.Interpret
					o.Interpret = func(s incident.Signal, r incident.SourceRule) incident.Reading {
						if string(s.Raw) != "many" {
							return read(s, r)
						}
						return incident.Reading{Interpreter: "test/1", Parts: parts(s.Received, incident.MaxParts, tt.keys, tt.claims)}
					}
				}
				w.start()
				w.putRaw("siem", []byte("many"))
				w.settle()
				opened, quarantined := w.count(incident.KindOpened), w.count(incident.KindQuarantined)
				t.Logf("%d parts: %d opened, %d quarantined", incident.MaxParts, opened, quarantined)
				if opened == 0 || tt.whole && (opened != incident.MaxParts || quarantined != 0) || !tt.whole && quarantined != 1 {
					t.Errorf("%d opened and %d quarantined", opened, quarantined)
				}
				w.mu.Lock()
				for _, e := range w.told {
					if is, says := len(ledger.Encode(nil, &e)), fold.Size(&e); is > says {
						t.Errorf("entry %d has %d bytes, its size says at most %d", e.N, is, says)
					}
				}
				w.mu.Unlock()
				w.detected("after", time.Now())
				bubble.Advance(time.Second)
				if got := w.count(incident.KindOpened); got != opened+1 {
					t.Errorf("%d opened after the next signal, want %d: the flow stands still", got, opened+1)
				}
				if s := w.proc.Status(); !s.Ready || w.reopened != 0 {
					t.Errorf("status %+v, opened anew %d times; want ready, never", s, w.reopened)
				}
			})
		})
	}
}

// parts are n alerts, each of an incident of its own.
func parts(at time.Time, n, keys, claims int) []incident.Facts {
	out := make([]incident.Facts, n)
	for i := range out {
		f := &out[i]
		f.Opening, f.Trust, f.Observer = incident.Opens, incident.Authenticated, "siem"
		for k := range keys {
			f.Keys = append(f.Keys, incident.Key{Kind: incident.KeyFinding, Value: fmt.Sprintf("%d/%d", i, k)})
		}
		for range claims {
			f.Claims = append(f.Claims, incident.Claim{Milestone: incident.Detected, Interval: incident.At(at.Add(-time.Minute)), Basis: incident.Recorded, Observer: "another"})
		}
	}
	return out
}
