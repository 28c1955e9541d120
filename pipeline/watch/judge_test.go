package watch_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/watch"
)

// record and signals return the copies of three servers that hold messages 1 to
// last.
func record(last uint64) []watch.Copy  { return copies("LEDGER_moj", true, last) }
func signals(last uint64) []watch.Copy { return copies("SIGNALS_moj", false, last) }

func copies(stream string, isRecord bool, last uint64) []watch.Copy {
	var all []watch.Copy
	for i, name := range []string{"n0", "n1", "n2"} {
		all = append(all, watch.Copy{Stream: stream, Record: isRecord, Replica: name, Leader: i == 0, Current: true,
			First: min(1, last), Last: last, Count: last})
	}
	return all
}

func TestEachDamageHasItsName(t *testing.T) {
	mark := watch.Mark{Entry: 200, Message: 100, Covered: incident.Pos{Seq: 45, Index: 3}, Stored: 50}
	erased := func(seq uint64) bool { return seq == 7 || seq == 1 }
	for _, tt := range []struct {
		name    string
		change  func(rec, sig []watch.Copy)
		refusal string // "" for none
		replica string
		stream  string
		storing bool
		partly  bool // not every copy was judged
	}{
		{"all is well", func(_, _ []watch.Copy) {}, "", "", "", false, false},
		{"the record has lost its beginning", func(rec, _ []watch.Copy) { rec[0].First, rec[0].Count = 3, 98 },
			"ledger_beginning_lost", "n0", "LEDGER_moj", true, false},
		{"one copy has lost its beginning", func(rec, _ []watch.Copy) { rec[2].First, rec[2].Count = 2, 99 },
			"ledger_beginning_lost", "n2", "LEDGER_moj", true, false},
		{"one copy has a gap", func(rec, _ []watch.Copy) { rec[1].Count-- },
			"ledger_messages_lost", "n1", "LEDGER_moj", true, false},
		{"the leader knows of a deletion", func(rec, _ []watch.Copy) { rec[0].Deleted = []uint64{8}; rec[0].Count-- },
			"ledger_messages_lost", "n0", "LEDGER_moj", true, false},
		{"the leader's record ends before the checkpoint", func(rec, _ []watch.Copy) { shorten(&rec[0], 99) },
			"checkpoint_ahead", "n0", "LEDGER_moj", true, false},
		{"the leader's record is empty", func(rec, _ []watch.Copy) { shorten(&rec[0], 0) },
			"checkpoint_ahead", "n0", "LEDGER_moj", true, false},
		{"one copy ends before the others and is current", func(rec, _ []watch.Copy) { shorten(&rec[1], 60) },
			"checkpoint_ahead", "n1", "LEDGER_moj", true, false},
		{"one copy is being filled", func(rec, _ []watch.Copy) { shorten(&rec[1], 60); rec[1].Current = false },
			"", "", "", false, true},
		{"one copy cannot be reached", func(rec, _ []watch.Copy) {
			rec[1] = watch.Copy{Stream: "LEDGER_moj", Record: true, Err: errors.New("offline")}
		},
			"", "", "", false, true},
		{"signals end before what was acknowledged", func(_, sig []watch.Copy) { shorten(&sig[0], 49) },
			"signals_end_lost", "n0", "SIGNALS_moj", false, false},
		{"signals end before what is covered", func(_, sig []watch.Copy) { shorten(&sig[0], 44) },
			"signals_end_lost", "n0", "SIGNALS_moj", false, false},
		{"one copy of the signals ends before the others", func(_, sig []watch.Copy) { shorten(&sig[2], 40) },
			"signals_end_lost", "n2", "SIGNALS_moj", false, false},
		{"a signal is gone, and nobody erased it", func(_, sig []watch.Copy) {
			for i := range sig {
				sig[i].Count--
			}
			sig[0].Deleted = []uint64{8}
		}, "signal_unreadable", "n0", "SIGNALS_moj", true, false},
		{"a signal was erased", func(_, sig []watch.Copy) {
			for i := range sig {
				sig[i].Count--
			}
			sig[0].Deleted = []uint64{7}
		}, "", "", "", false, false},
		{"a signal was erased, and one copy has yet to hear of it", func(_, sig []watch.Copy) {
			sig[0].Count--
			sig[0].Deleted = []uint64{7}
		}, "", "", "", false, false},
		{"the first signal was erased", func(_, sig []watch.Copy) {
			for i := range sig {
				sig[i].First, sig[i].Count = 2, sig[i].Count-1
			}
		}, "", "", "", false, false},
		{"the first signals are gone, and only one was erased", func(_, sig []watch.Copy) {
			for i := range sig {
				sig[i].First, sig[i].Count = 3, sig[i].Count-2
			}
		}, "signal_unreadable", "n0", "SIGNALS_moj", true, false},
		{"one copy of the signals has a gap", func(_, sig []watch.Copy) { sig[1].Count -= 2 },
			"signal_unreadable", "n1", "SIGNALS_moj", true, false},
		{"more is gone than the leader can name", func(_, sig []watch.Copy) { sig[0].Count -= 20 },
			"signal_unreadable", "n0", "SIGNALS_moj", true, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			rec, sig := record(100), signals(50)
			tt.change(rec, sig)
			found, whole := watch.Judge(mark, append(rec, sig...), erased)
			if whole == tt.partly {
				t.Errorf("every copy was judged: %v, want %v", whole, !tt.partly)
			}
			if tt.refusal == "" {
				if len(found) > 0 {
					t.Errorf("found %v, want nothing", found)
				}
				return
			}
			i := slices.IndexFunc(found, func(f watch.Fault) bool { return f.Replica == tt.replica })
			if i < 0 {
				t.Fatalf("found %v, want %s on %s", found, tt.refusal, tt.replica)
			}
			f := found[i]
			if f.Refusal != tt.refusal || f.Stream != tt.stream || f.StoringSafe != tt.storing {
				t.Errorf("found %+v, want %s of %s, storing safe %v", f, tt.refusal, tt.stream, tt.storing)
			}
		})
	}
}

func shorten(c *watch.Copy, last uint64) { c.First, c.Last, c.Count = min(1, last), last, last }
