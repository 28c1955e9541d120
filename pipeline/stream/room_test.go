package stream_test

import (
	"bytes"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/ministryofjustice/incident-promptness/pipeline/stream"
)

// Every write path asks: what grows stops first, what is small and must go on
// stops before the disk is full.
func TestWhenSpaceRunsShortWhatGrowsStopsFirst(t *testing.T) {
	var full atomic.Pointer[stream.FullError]
	st, _ := open(t, small(t.TempDir()), stream.Hooks{Room: func() error {
		if e := full.Load(); e != nil {
			return e
		}
		return nil
	}})
	log := st.Ledger()
	large := bytes.Repeat([]byte("x"), 2*stream.MaxInline)
	for _, tt := range []struct {
		name        string
		full        *stream.FullError
		grow, spare bool // may be written
	}{
		{"little is left", &stream.FullError{Spare: true, Err: errors.New("little")}, false, true},
		{"nothing is left", &stream.FullError{Err: errors.New("nothing")}, false, false},
		{"there is room", nil, true, true},
	} {
		full.Store(tt.full)
		check := func(what string, err error, may bool) {
			t.Helper()
			if may && err != nil || !may && !errors.Is(err, stream.ErrFull) {
				t.Errorf("%s: %s = %v, may be written %v", tt.name, what, err, may)
			}
		}
		_, err := st.Put(t.Context(), webhookSignal("small"))
		check("Put", err, tt.grow)
		_, err = st.Put(t.Context(), webhookSignal(string(large)))
		check("Put of evidence", err, tt.grow)
		check("Append", log.Append(t.Context(), []byte("{}"), 0), tt.grow)
		_, err = st.AppendDelivery(t.Context(), []byte("{}"))
		check("AppendDelivery", err, tt.spare)
		check("Save", st.Save(t.Context(), "imap.box", []byte("{}")), tt.spare)
	}
}

func TestEvidenceStopsInTheMiddleWhenSpaceRunsShort(t *testing.T) {
	var asked atomic.Int64
	st, _ := open(t, small(t.TempDir()), stream.Hooks{Room: func() error {
		if asked.Add(1) > 3 {
			return &stream.FullError{Err: errors.New("little is left")}
		}
		return nil
	}})
	if _, err := st.Put(t.Context(), webhookSignal(string(make([]byte, 4<<20)))); !errors.Is(err, stream.ErrFull) {
		t.Errorf("Put of 4 MiB while space runs out = %v, want ErrFull", err)
	}
	if n := asked.Load(); n > 6 {
		t.Errorf("asked %d times, want it to stop at the first no", n)
	}
}
