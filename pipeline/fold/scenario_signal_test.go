package fold_test

import (
	"cmp"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/fold"
)

func (w *world) fold(at time.Time, k int) {
	row := w.sc.Signals[k]
	raw := row.Name
	if row.Again != "" {
		raw = row.Again
	}
	rule, ok := w.sc.rulesOf(row.Source)
	if !ok {
		w.t.Fatalf("signal %q: no source %q", row.Name, row.Source)
	}
	w.seq++
	st := incident.Stored{
		Signal: incident.Signal{
			ID: incident.NewSignalID(rule.Name, []byte(raw)), Source: rule.Name, Channel: rule.Channel,
			Received: w.sc.instant(cmp.Or(row.Came, row.At)),
		},
		Pos: incident.Pos{Seq: w.seq}, Commit: sha256.Sum256([]byte(raw)),
	}
	if row.Again == "" {
		w.marks[row.Name] = pepper().Signal(st.ID)
	}
	f := w.facts(row, rule)
	made := w.s.Signal(at, fold.NewInput(pepper(), st, incident.Reading{Interpreter: "scenario/1", Parts: []incident.Facts{f}}, rule.Skew()))
	w.take(made)
	w.seen[row.Name] = w.s.N()
	var refused incident.Why
	if made[0].Kind == incident.KindRefused {
		refused = made[0].Why
	}
	if string(refused) != row.Refused {
		w.fail("signal %q: refused for %q, want %q", row.Name, refused, row.Refused)
	}
	if repeat := made[0].Kind == incident.KindRepeated; repeat != (row.Again != "") {
		w.fail("signal %q: is a repeat: %v", row.Name, repeat)
	}
}

func (sc *scenario) rulesOf(name string) (incident.SourceRule, bool) {
	for _, r := range sc.rules().Sources {
		if string(r.Name) == name {
			return r, true
		}
	}
	return incident.SourceRule{}, false
}

func (w *world) facts(row signalRow, rule incident.SourceRule) incident.Facts {
	trust := map[incident.Channel]incident.Trust{
		incident.ChannelWebhook: incident.Authenticated, incident.ChannelEmail: incident.Aligned,
		incident.ChannelSlack: incident.Authenticated, incident.ChannelManual: incident.Authenticated,
	}[rule.Channel]
	f := incident.Facts{
		Opening: incident.Opening(cmp.Or(row.Opening, string(incident.Opens))), Trust: incident.Trust(cmp.Or(row.Trust, string(trust))),
		Observer: cmp.Or(row.Observer, row.Source), Receipt: w.sc.instant(row.At), Route: incident.RoutePerson, Attrs: row.Attrs,
	}
	for _, k := range row.Keys {
		kind, value, _ := strings.Cut(k, " ")
		weak := kind == "weak"
		if weak {
			kind, value, _ = strings.Cut(value, " ")
		}
		if kind == "own" {
			f.Keys = append(f.Keys, incident.Key{Kind: incident.KeyOwn, Value: string(w.of(value)), Weak: weak})
			continue
		}
		f.Keys = append(f.Keys, incident.Key{Kind: incident.KeyKind(kind), Value: value, Weak: weak})
	}
	if m := rule.At(f.Receipt).Milestone(); m != "" && !row.NoReport {
		f.Claims = append(f.Claims, incident.Claim{Milestone: m, Interval: incident.At(f.Receipt), Basis: incident.Recorded, Observer: row.Source, Receiver: true})
	}
	for _, c := range row.Claims {
		basis := incident.Stated
		if rule.Channel == incident.ChannelWebhook {
			basis = incident.Recorded
		}
		f.Claims = append(f.Claims, incident.Claim{
			Milestone: incident.Milestone(c.Of), Interval: w.sc.interval(c.When), Basis: incident.Basis(cmp.Or(string(c.Basis), string(basis))),
			Observer: cmp.Or(c.Observer, f.Observer), Receiver: c.Receiver, Flags: c.Flags, Void: c.Void,
		})
	}
	if row.Act != nil {
		f.Observer, f.Opening = row.Act.By, incident.JoinsOnly
		if row.Act.Kind == incident.ActReport && row.Act.On == "" {
			f.Opening = incident.Opens
		}
		f.Act = w.act(row.Act)
	}
	return f
}

func (w *world) act(a *actRow) *incident.Act {
	act := &incident.Act{
		Kind: a.Kind, Author: a.By, Role: cmp.Or(a.Role, incident.RoleManager), Upon: w.s.N(), Milestone: a.Of,
		Reason: a.Reason, Disposition: a.Disposition, Impact: a.Impact, Personal: a.Personal, Policy: a.Policy, Off: a.Off,
	}
	if a.On != "" {
		act.Ref = w.of(a.On)
	}
	if a.Other != "" {
		act.Other = w.of(a.Other)
	}
	if a.Signal != "" {
		act.Signal = w.entryOf(act.Ref, a.Signal)
	}
	if a.Seen != "" {
		act.Upon = w.seen[a.Seen]
	}
	if a.When != "" {
		act.Interval = w.sc.interval(a.When)
	}
	return act
}
