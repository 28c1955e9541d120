package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/ledger"
)

// with commits one entry for each change, on top of a world of one step each.
func with(t *testing.T, changes ...func(e *incident.Entry)) *world {
	t.Helper()
	w := newWorld(t)
	wr := w.mustOpen(t)
	for _, change := range changes {
		entries := w.next(wr, 1)
		change(&entries[0])
		if err := wr.Commit(t.Context(), entries); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

func alerts(changes ...any) func(*incident.Entry) {
	return func(e *incident.Entry) {
		for i := 0; i < len(changes); i += 2 {
			e.Alerts = append(e.Alerts, incident.AlertChange{ID: incident.AlertID(changes[i].(string)), State: changes[i+1].(incident.AlertState)})
		}
	}
}

func rules(text string) func(*incident.Entry) {
	return func(e *incident.Entry) { e.Kind, e.Why, e.Signal, e.Text = incident.KindRules, "", nil, []byte(text) }
}

func under(n uint64) func(*incident.Entry) { return func(e *incident.Entry) { e.Rules = n } }

func erased(seq uint64) func(*incident.Entry) {
	return func(e *incident.Entry) {
		e.Kind, e.Why, e.Note = incident.KindNote, "", &incident.Note{Code: incident.NoteErased, Seq: seq}
	}
}

func plain(*incident.Entry) {}

func TestVerifyLooksAtWhatTheChainDoesNotSay(t *testing.T) {
	const a, b = "p-00001x/pol-imp-002/deadline/1", "p-00001x/pol-imp-002/deadline/2"
	for _, tt := range []struct {
		name string
		w    *world
		want ledger.Refusal
		n    uint64
	}{
		{"an alert is held, then told, then ended", with(t, alerts(a, incident.AlertHeld), alerts(a, incident.AlertActive), alerts(a, incident.AlertRetracted)), "", 0},
		{"the next crossing is another alert", with(t, alerts(a, incident.AlertActive), alerts(a, incident.AlertRetracted, b, incident.AlertActive)), "", 0},
		{"an alert is told twice", with(t, alerts(a, incident.AlertActive), plain, alerts(a, incident.AlertActive)), ledger.RefuseTwice, 3},
		{"an alert is told twice in one step", with(t, plain, alerts(a, incident.AlertActive, a, incident.AlertActive)), ledger.RefuseTwice, 2},
		{"an alert is told again after its end", with(t, alerts(a, incident.AlertActive), alerts(a, incident.AlertResolved), alerts(a, incident.AlertActive)), ledger.RefuseTwice, 3},
		{"an alert is crossed again after its end", with(t, alerts(a, incident.AlertActive), alerts(a, incident.AlertResolved), alerts(a, incident.AlertHeld)), ledger.RefuseTwice, 3},
		{"an alert is held twice", with(t, alerts(a, incident.AlertHeld), alerts(a, incident.AlertHeld)), ledger.RefuseTwice, 2},
		{"rules are named after they stand", with(t, rules(`{"v":1}`), under(1), rules(`{"v":1}`), under(3)), "", 0},
		{"rules are named that are none", with(t, rules(`{"v":1}`), under(1), under(2)), ledger.RefuseReference, 3},
		{"rules are named before they stand", with(t, plain, under(3), rules(`{"v":1}`)), ledger.RefuseReference, 2},
		{"rules without a text", with(t, rules(``)), ledger.RefuseReference, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ledger.Verify(t.Context(), tt.w.log, tt.w.vault, tt.w.path, nil)
			_, lines := ledger.VerifyLines(bytes.NewReader(bytes.Join(tt.w.log.Bodies, []byte{'\n'})))
			for who, err := range map[string]error{"Verify": err, "VerifyLines": lines} {
				if refused, ok := errors.AsType[*ledger.RefusedError](err); tt.want == "" && err != nil ||
					tt.want != "" && (!ok || refused.Name != tt.want || refused.N != tt.n) {
					t.Errorf("%s = %v, want %q, entry %d", who, err, tt.want, tt.n)
				}
			}
		})
	}
}

func TestVerifyLooksAtEverySignal(t *testing.T) {
	for _, tt := range []struct {
		name   string
		w      *world
		change func(w *world)
		want   ledger.Refusal
		n      uint64
	}{
		{"an early signal was changed", with(t, plain, plain, plain), func(w *world) { change(w, incident.Pos{Seq: 2}) }, ledger.RefuseSignal, 2},
		{"two were changed: the first is named", with(t, plain, plain, plain), func(w *world) {
			change(w, incident.Pos{Seq: 1})
			change(w, incident.Pos{Seq: 3})
		}, ledger.RefuseSignal, 1},
		{"an early signal is gone", with(t, plain, plain, plain), func(w *world) { delete(w.vault.Signals, incident.Pos{Seq: 1}) }, ledger.RefuseUnread, 1},
		{"it was erased, and the note stands", with(t, plain, plain, erased(1)), func(w *world) { delete(w.vault.Signals, incident.Pos{Seq: 1}) }, "", 0},
		{"the note is of another", with(t, plain, plain, erased(2)), func(w *world) { delete(w.vault.Signals, incident.Pos{Seq: 1}) }, ledger.RefuseUnread, 1},
		{"the last one was erased", with(t, plain, plain, func(e *incident.Entry) {
			erased(2)(e)
			e.Signal, e.Pos = nil, incident.Pos{Seq: 2}
		}), func(w *world) { delete(w.vault.Signals, incident.Pos{Seq: 2}) }, "", 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.change(tt.w)
			report, err := ledger.Verify(t.Context(), tt.w.log, tt.w.vault, tt.w.path, nil)
			if refused, ok := errors.AsType[*ledger.RefusedError](err); tt.want == "" && err != nil ||
				tt.want != "" && (!ok || refused.Name != tt.want || refused.N != tt.n || refused.Seq != tt.n) {
				t.Errorf("Verify = %v, want %q, entry %d", err, tt.want, tt.n)
			}
			if tt.want == "" && report.Erased != 1 {
				t.Errorf("Verify = %+v, want one erased", report)
			}
			if _, _, err := tt.w.open(t); tt.want == "" && err != nil {
				t.Errorf("Open = %v, want nothing", err)
			}
			if _, err := ledger.Verify(t.Context(), tt.w.log, nil, tt.w.path, nil); err != nil {
				t.Errorf("Verify without a vault = %v, want nothing", err)
			}
		})
	}
}

func TestVerifyEndsWithItsContext(t *testing.T) {
	w := with(t, plain, plain)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ledger.Verify(ctx, w.log, w.vault, w.path, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Verify = %v, want %v", err, context.Canceled)
	}
}

// The record is verified while it is written to, any number of times.
func TestVerifyWhileTheRecordGrows(t *testing.T) {
	w := newWorld(t)
	wr := w.mustOpen(t)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for ctx.Err() == nil {
			if err := wr.Commit(t.Context(), w.next(wr, 1)); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for range 30 {
		if _, err := ledger.Verify(t.Context(), w.log, w.vault, w.path, nil); err != nil {
			t.Errorf("Verify = %v", err)
			break
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Commit = %v", err)
	}
}

func TestAnExportIsVerifiedWithoutTheStore(t *testing.T) {
	w := varied(t, 5, 20)
	export := bytes.Join(w.log.Bodies, []byte{'\n'})
	stored, err := ledger.Verify(t.Context(), w.log, w.vault, w.path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"without a newline at its end": string(export), "with one": string(export) + "\n"} {
		got, err := ledger.VerifyLines(strings.NewReader(text))
		if err != nil || got.Entries != stored.Entries || got.Head != stored.Head {
			t.Errorf("%s: VerifyLines = %+v, %v, want %+v", name, got, err, stored)
		}
		if _, err := ledger.VerifyLines(iotest.OneByteReader(strings.NewReader(text))); err != nil {
			t.Errorf("%s, byte by byte: VerifyLines = %v", name, err)
		}
	}
	if got, err := ledger.VerifyLines(strings.NewReader("")); err != nil || got.Entries != 0 {
		t.Errorf("VerifyLines of nothing = %+v, %v", got, err)
	}
	lines := bytes.Split(export, []byte{'\n'})
	for name, tt := range map[string]struct {
		lines [][]byte
		n     uint64
	}{
		"the first is gone":       {lines[1:], 1},
		"one is gone":             {append(append([][]byte{}, lines[:4]...), lines[5:]...), 5},
		"an empty line between":   {append(append(append([][]byte{}, lines[:4]...), nil), lines[4:]...), 5},
		"two newlines at its end": {append(append([][]byte{}, lines...), nil, nil), uint64(len(lines)) + 1},
		"a line without an end":   {[][]byte{bytes.Repeat([]byte{'x'}, 2*ledger.MaxBody)}, 1},
	} {
		_, err := ledger.VerifyLines(bytes.NewReader(bytes.Join(tt.lines, []byte{'\n'})))
		if refused, ok := errors.AsType[*ledger.RefusedError](err); !ok || refused.N != tt.n {
			t.Errorf("%s: VerifyLines = %v, want entry %d", name, err, tt.n)
		}
	}
	broken := errors.New("broken")
	if _, err := ledger.VerifyLines(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("VerifyLines of a broken reader = %v, want %v", err, broken)
	}
}

// silent is a vault that cannot be reached, while its signals are all there.
type silent struct{ ledger.Vault }

func (silent) Signal(context.Context, incident.Pos) (incident.Stored, error) {
	return incident.Stored{}, errors.New("the store has no leader now")
}

// A cluster that elects a leader is no damage: a fault would stop the work until
// a person comes.
func TestAVaultThatCannotBeReachedIsNotCalledDamaged(t *testing.T) {
	w := with(t, plain, plain, plain)
	for name, read := range map[string]func() error{
		"Verify": func() error {
			_, err := ledger.Verify(t.Context(), w.log, silent{w.vault}, w.path, nil)
			return err
		},
		"Open": func() error {
			wr, err := ledger.Open(t.Context(), ledger.Options{Log: w.log, Vault: silent{w.vault}, Checkpoint: w.path})
			if err == nil {
				_ = wr.Close()
			}
			return err
		},
	} {
		err := read()
		if refused, ok := errors.AsType[*ledger.RefusedError](err); err == nil || ok {
			t.Errorf("%s = %v (%v), want an error that refuses nothing", name, err, refused)
		}
	}
	if _, err := ledger.Verify(t.Context(), w.log, w.vault, w.path, nil); err != nil {
		t.Errorf("Verify once it answers = %v", err)
	}
}
