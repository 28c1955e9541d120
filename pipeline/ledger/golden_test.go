package ledger_test

import (
	"bytes"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

func at(hour, minute int) time.Time { return time.Date(2026, 11, 24, hour, minute, 0, 0, time.UTC) }

func fullMinute(hour, minute int) incident.Interval { return incident.Minute(at(hour, minute)) }

// mailed is the usual entry: one mail that joins an incident by a key.
func mailed() incident.Entry {
	ref := incident.NewRef(2)
	started, stopped := fullMinute(9, 15), incident.At(at(10, 20).Add(31*time.Second))
	return incident.Entry{
		At: at(10, 20).Add(32_123_456_789), Pos: incident.Pos{Seq: 4711, Index: 3},
		Kind: incident.KindJoined, Why: incident.WhyKey, Rules: 1,
		Signal: &incident.SignalRecord{
			Mark: incident.Mark{1, 2, 3}, Commit: incident.Digest{4, 5, 6}, Pos: incident.Pos{Seq: 4711, Index: 3},
			Source: "ost-mailbox", Channel: incident.ChannelEmail, Received: at(10, 20).Add(32 * time.Second),
			Receipt: at(10, 20).Add(31 * time.Second), Interpreter: "email/1", Opening: incident.Opens,
			Trust: incident.Aligned, Observer: incident.Mark{7}, Route: incident.RoutePerson,
			Keys: []incident.SealedKey{
				{Kind: incident.KeyMail, Mark: incident.Mark{8}},
				{Kind: incident.KeyTicket, Mark: incident.Mark{9}, Weak: true},
			},
			Claims: []incident.SealedClaim{
				{Milestone: incident.Detected, Interval: started, Basis: incident.Stated, Words: [2]int{310, 315}},
				{Milestone: incident.Reported, Interval: stopped, Basis: incident.Recorded, Receiver: true},
			},
			Attrs: incident.Attributes{Impact: incident.ImpactHigh, Personal: incident.PersonalYes},
			Flags: []incident.Flag{incident.FlagReceivedHop},
		},
		Incident: &incident.IncidentRecord{
			Ref: ref, Open: incident.StatusOpen, Signals: 2, First: at(10, 0), Evidence: 3,
			Attrs: incident.Attributes{Organisation: "hmpps", Impact: incident.ImpactHigh, Personal: incident.PersonalYes},
			Route: incident.RoutePerson, Source: "siem",
			Times: []incident.Time{
				{Milestone: incident.Detected, Interval: started, Basis: incident.Stated, By: [2]uint64{3, 3}},
				{Milestone: incident.Reported, Interval: stopped, Basis: incident.Recorded, By: [2]uint64{3, 3}},
			},
			Clocks: []incident.Clock{{
				Policy: "pol-imp-002", Version: "2013-05-01", State: incident.Breached,
				Limit: incident.Span(time.Hour), Start: started, Stop: stopped,
				Bars: []incident.Crossing{{
					Threshold: incident.WarnName(30 * time.Minute), G: 1, Due: at(10, 30), At: at(10, 30).Add(4e6),
					State: incident.AlertResolved, Why: incident.WhyStopped,
				}},
				Shortest: incident.Span(64*time.Minute + 31*time.Second + 1), Longest: incident.Span(65*time.Minute + 31*time.Second),
			}},
		},
		Alerts: []incident.AlertChange{{ID: incident.NewAlertID(ref, "pol-imp-002", "warn-30m", 1), State: incident.AlertResolved, Why: incident.WhyStopped}},
	}
}

// ofEveryKind returns a record with an entry of every kind, a note of every
// code, and an entry in which every field is there.
func ofEveryKind(t *testing.T) []incident.Entry {
	t.Helper()
	full := newFiller(t, 1)
	full.full = true
	var all []incident.Entry
	add := func(k incident.Kind, w incident.Why, change func(*incident.Entry)) {
		e := mailed()
		e.Kind, e.Why, e.Alerts = k, w, nil
		if change != nil {
			change(&e)
		}
		all = append(all, e)
	}
	none := func(e *incident.Entry) { e.Signal, e.Incident, e.Rules = nil, nil, 1 }
	bare := func(e *incident.Entry) {
		e.Incident = nil
		e.Signal = &incident.SignalRecord{
			Mark: e.Signal.Mark, Commit: e.Signal.Commit, Pos: e.Signal.Pos, Source: e.Signal.Source,
			Channel: e.Signal.Channel, Received: e.Signal.Received, Receipt: e.Signal.Receipt,
		}
	}
	add(incident.KindRules, "", func(e *incident.Entry) {
		none(e)
		e.Rules = 0
		rules := incident.Rules{Policies: []incident.Policy{{ID: "pol-imp-002", Title: "POL.IMP.002 <détecté> & reported", From: "2013-05-01",
			Start: incident.Detected, Stop: incident.Reported, Limit: incident.Span(time.Hour)}}}
		text, err := rules.Canonical()
		if err != nil {
			t.Fatal(err)
		}
		e.Text = text
	})
	add(incident.KindOpened, incident.WhyNew, nil)
	add(incident.KindJoined, incident.WhyKey, nil)
	add(incident.KindMerged, incident.WhyBridge, func(e *incident.Entry) { e.Signal, e.From = nil, incident.NewRef(3) })
	add(incident.KindSplit, incident.WhyDetached, func(e *incident.Entry) {
		e.Signal, e.From, e.Moved = nil, incident.NewRef(3), []uint64{2, 3}
	})
	add(incident.KindActed, incident.WhyByPerson, func(e *incident.Entry) {
		e.Signal.Act = &incident.Act{Kind: incident.ActCorrection, Author: "4711", Role: incident.RoleManager, Ref: incident.NewRef(2),
			Upon: 3, Milestone: incident.Detected, Interval: fullMinute(9, 40), Reason: incident.ReasonTyping}
	})
	add(incident.KindRefused, incident.WhyChangedSince, func(e *incident.Entry) {
		e.Incident = nil
		e.Signal.Act = &incident.Act{Kind: incident.ActRestrict, Author: "QX-12", Role: incident.RoleDesk, Ref: incident.NewRef(2), Off: true}
	})
	add(incident.KindRepeated, incident.WhyDuplicate, bare)
	add(incident.KindIgnored, incident.WhyNotIncident, bare)
	add(incident.KindQuarantined, incident.WhyMalformed, bare)
	add(incident.KindCrossed, incident.WhyDue, func(e *incident.Entry) {
		e.Signal = nil
		e.Alerts = []incident.AlertChange{{ID: incident.NewAlertID(incident.NewRef(2), "pol-imp-002", incident.Deadline, 1), State: incident.AlertHeld}}
	})
	add(incident.KindTold, incident.WhySourcesRead, func(e *incident.Entry) {
		e.Signal = nil
		e.Alerts = []incident.AlertChange{{ID: incident.NewAlertID(incident.NewRef(2), "pol-imp-002", incident.Deadline, 1), State: incident.AlertActive}}
	})
	for i, code := range incident.NoteCodes() {
		if slices.Contains(unheard(), code) {
			continue
		}
		add(incident.KindNote, "", func(e *incident.Entry) {
			none(e)
			e.Note = &incident.Note{Code: code}
			if code == incident.NoteErased {
				*e.Note = incident.Note{Code: code, Seq: 4711, Index: 3, Commit: incident.Digest{4, 5, 6}, Author: "4711"}
			}
			if code == incident.NoteAcceptedLoss {
				*e.Note = incident.Note{Code: code, Seq: uint64(i), To: uint64(i) + 9, Author: "4711"}
			}
		})
	}
	all = append(all, full.entry())
	return all
}

// numbered puts entries into a chain, one after the other.
func numbered(entries []incident.Entry) []byte {
	var lines []byte
	var prev incident.Hash
	var pos incident.Pos
	for i := range entries {
		e := &entries[i]
		e.V, e.N, e.Prev, e.At = incident.EntryVersion, uint64(i)+1, prev, at(10, 0).Add(time.Duration(i)*1_234_567_890)
		if e.Rules > 1 || e.Rules == 1 && i == 0 {
			e.Rules = 1
		}
		if e.Pos.Less(pos) {
			e.Pos = pos
		}
		pos = e.Pos
		line := ledger.Encode(nil, e)
		prev = incident.HashOf(line)
		lines = append(append(lines, line...), '\n')
	}
	return lines
}

func TestEntriesOfEveryKindAreStillRead(t *testing.T) {
	if *update {
		if err := os.WriteFile(goldenFile, numbered(ofEveryKind(t)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var kinds []incident.Kind
	var notes []incident.NoteCode
	for i, line := range golden(t) {
		e, err := ledger.Decode(line)
		if err != nil {
			t.Fatalf("%s:%d: %v", goldenFile, i+1, err)
		}
		if got := ledger.Encode(nil, &e); !bytes.Equal(got, line) {
			t.Errorf("%s:%d is now written %s", goldenFile, i+1, got)
		}
		kinds = append(kinds, e.Kind)
		if e.Note != nil {
			notes = append(notes, e.Note.Code)
		}
	}
	for _, k := range incident.Kinds() {
		if !slices.Contains(kinds, k) {
			t.Errorf("%s has no entry of kind %s", goldenFile, k)
		}
	}
	for _, c := range incident.NoteCodes() {
		if !slices.Contains(notes, c) && !slices.Contains(unheard(), c) {
			t.Errorf("%s has no note %s", goldenFile, c)
		}
	}
	text, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	report, err := ledger.VerifyLines(bytes.NewReader(text))
	if err != nil || report.Entries != uint64(len(kinds)) {
		t.Errorf("VerifyLines = %+v, %v", report, err)
	}
}

// The golden file says in full what was written once; this says that no field
// of today is missing from it in some way that encoding/json would notice.
func TestTheGoldenFileIsPlainJSON(t *testing.T) {
	for i, line := range golden(t) {
		var e incident.Entry
		dec := json.NewDecoder(strings.NewReader(string(line)))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&e); err != nil {
			t.Errorf("%s:%d: %v", goldenFile, i+1, err)
		}
	}
}

const acceptancesFile = "testdata/acceptances-v1.jsonl"

// A note of each refusal as a person accepts it.
func TestAcceptancesOfEveryRefusalAreStillRead(t *testing.T) {
	if *update {
		var all []incident.Entry
		for i, name := range incident.Refusals() {
			n := incident.Note{Code: incident.NoteAcceptedLoss, Refusal: name, N: 40, Hash: incident.Hash{7, 8, 9}, Author: "4711"}
			switch name { //nolint:exhaustive // the others name nothing more
			case incident.RefusedMissing:
				n.N, n.Hash = 0, incident.Hash{}
			case incident.RefusedVault:
				n.Seq, n.To = 12, 19
			case incident.RefusedSignal, incident.RefusedUnread:
				n.Seq, n.Index, n.Commit = 7, 3, incident.Digest{1, 2, 3}
			default:
				n.Seq, n.To = uint64(i)+60, uint64(i)+70
			}
			all = append(all, incident.Entry{Kind: incident.KindNote, Pos: incident.Pos{Seq: 9}, Note: &n})
		}
		if err := os.WriteFile(acceptancesFile, numbered(all), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(acceptancesFile)
	if err != nil {
		t.Fatal(err)
	}
	var names []incident.Refusal
	for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte{'\n'}), []byte{'\n'}) {
		e, err := ledger.Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if got := ledger.Encode(nil, &e); !bytes.Equal(got, line) {
			t.Errorf("%s is now written %s", line, got)
		}
		names = append(names, e.Note.Refusal)
	}
	if !slices.Equal(names, incident.Refusals()) {
		t.Errorf("%s has %v, want every refusal", acceptancesFile, names)
	}
	if _, err := ledger.VerifyLines(bytes.NewReader(text)); err != nil {
		t.Errorf("VerifyLines = %v", err)
	}
}

const unheardFile = "testdata/unheard-v1.jsonl"

// unheard are the notes of sources that were not heard, with a file of their
// own: they came later than the first.
func unheard() []incident.NoteCode {
	return []incident.NoteCode{incident.NoteUnread, incident.NoteRead, incident.NoteSilent, incident.NoteHeard}
}

func TestNotesOfSourcesNotHeardAreStillRead(t *testing.T) {
	from := time.Date(2026, 11, 23, 10, 2, 3, 4_000_000, time.UTC)
	var want []incident.Note
	var all []incident.Entry
	for i, code := range unheard() {
		n := incident.Note{Code: code, Source: "ost-mailbox", From: from}
		if i%2 == 1 {
			n.Until = from.Add(2 * time.Hour)
		}
		want = append(want, n)
		all = append(all, incident.Entry{Kind: incident.KindNote, Pos: incident.Pos{Seq: 9}, Note: &n})
	}
	if *update {
		if err := os.WriteFile(unheardFile, numbered(all), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(unheardFile)
	if err != nil {
		t.Fatal(err)
	}
	var got []incident.Note
	for line := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte{'\n'}), []byte{'\n'}) {
		e, err := ledger.Decode(line)
		if err != nil {
			t.Fatal(err)
		}
		if now := ledger.Encode(nil, &e); !bytes.Equal(now, line) {
			t.Errorf("%s is now written %s", line, now)
		}
		got = append(got, *e.Note)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s has %+v, want %+v", unheardFile, got, want)
	}
}
