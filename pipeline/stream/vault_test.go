package stream_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// A vault that reads ahead gives what the store gives one by one, in whatever
// order it is asked: frames of several signals, evidence kept elsewhere, frames
// of which a signal was erased, messages that are gone.
func TestAVaultGivesWhatTheStoreGives(t *testing.T) {
	st, _ := open(t, small(t.TempDir()), stream.Hooks{})
	var all []incident.Pos
	for i := range 40 {
		switch {
		case i%10 == 3:
			all = append(all, mustPut(t, st, webhookSignal(strings.Repeat(fmt.Sprint(i), 280<<10))).Pos)
		case i%10 == 7: // three signals, of which the middle one is erased later
			three := map[int]incident.Signal{}
			for k := range 3 {
				three[k] = webhookSignal(fmt.Sprintf("%d/%d", i, k))
			}
			seq, err := st.PutFrame(t.Context(), three, 0)
			if err != nil {
				t.Fatal(err)
			}
			for k := range 3 {
				all = append(all, incident.Pos{Seq: seq, Index: k})
			}
			if i < 30 {
				delete(three, 1)
				if _, err := st.PutFrame(t.Context(), three, seq); err != nil {
					t.Fatal(err)
				}
				gone(t, st, seq)
			}
		default:
			all = append(all, mustPut(t, st, webhookSignal(fmt.Sprint(i))).Pos)
		}
	}
	gone(t, st, 5)
	gone(t, st, 1)
	last := all[len(all)-1].Seq
	gone(t, st, last)
	for seq := range last + 3 {
		all = append(all, incident.Pos{Seq: seq + 1, Index: 1}) // mostly where nothing is
	}
	kind := func(err error) string {
		if err == nil {
			return ""
		}
		if _, ok := errors.AsType[*stream.GapError](err); ok {
			return "gap"
		}
		return "other"
	}
	r := rand.New(rand.NewPCG(3, 3))
	for round := range 2 {
		v := st.Vault("")
		for i := range all {
			pos := all[i]
			if round > 0 {
				pos = all[r.IntN(len(all))]
			}
			got, gotErr := v.Signal(t.Context(), pos)
			want, wantErr := st.Signal(t.Context(), pos)
			if kind(gotErr) != kind(wantErr) {
				t.Errorf("Signal(%s) = %v, the store says %v", pos, gotErr, wantErr)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Signal(%s) (-store +vault):\n%s", pos, diff[:min(len(diff), 500)])
			}
		}
		if err := errors.Join(v.Close(), v.Close()); err != nil {
			t.Error(err)
		}
	}
}

// gone removes a message as an erasure does.
func gone(t *testing.T, st *stream.Store, seq uint64) {
	t.Helper()
	s, err := st.JetStream().Stream(t.Context(), "SIGNALS_moj")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.SecureDeleteMsg(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
}

// BenchmarkVault compares reading ahead with asking for each signal.
func BenchmarkVault(b *testing.B) {
	st, _ := open(b, small(b.TempDir()), stream.Hooks{})
	const signals = 20_000
	fill(b, st, signals, 64)
	var all []incident.Pos
	for i := 0; len(all) < signals; i++ {
		r := st.Signals(incident.Pos{})
		for len(all) < signals {
			batch, err := r.Batch(b.Context(), 1000)
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range batch {
				all = append(all, s.Pos)
			}
		}
		_ = r.Close()
	}
	v := st.Vault("")
	defer v.Close()
	for _, bb := range []struct {
		name string
		get  func(incident.Pos) error
	}{
		{"ahead", func(p incident.Pos) error { _, err := v.Signal(b.Context(), p); return err }},
		{"one by one", func(p incident.Pos) error { _, err := st.Signal(b.Context(), p); return err }},
	} {
		b.Run(bb.name, func(b *testing.B) {
			for i := range b.N {
				if err := bb.get(all[i%signals]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
