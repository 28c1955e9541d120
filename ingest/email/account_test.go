package email_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/ingest/email"
)

// A model keeps of each mail what became of it, in a map.
type model struct {
	became  map[uint32]int // -1: nothing yet
	present map[uint32]bool
}

func (m model) account(mark uint32) (mails email.Mails, waiting, missing uint64) {
	by := []*uint64{&mails.Stored, &mails.Known, &mails.Unreadable, &mails.Refused, &mails.BeforeStart, &mails.Gone}
	for uid, o := range m.became {
		mails.Seen++
		switch {
		case o >= 0:
			*by[o]++
		case uid <= mark:
			missing++
		default:
			waiting++
		}
	}
	return mails, waiting, missing
}

func set(m map[uint32]bool) email.UIDs {
	var list []uint32
	for uid, is := range m {
		if is {
			list = append(list, uid)
		}
	}
	return email.NewUIDs(list...)
}

// Whatever happens in a mailbox, each mail that was ever listed is counted once,
// and one that was passed over is missing.
func TestTheAccountCountsEachMailOnce(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		m := model{became: map[uint32]int{}, present: map[uint32]bool{}}
		k := &email.Reckoning{}
		k.Saw(nil)
		for range rapid.IntRange(1, 60).Draw(r, "steps") {
			uid := rapid.Uint32Range(1, 4).Draw(r, "uid")
			switch rapid.SampledFrom([]string{"arrive", "search", "deal", "leave", "look", "mark", "save"}).Draw(r, "what") {
			case "arrive":
				m.present[uid] = true
			case "search":
				for u, is := range m.present {
					if _, seen := m.became[u]; is && !seen {
						m.became[u] = -1
					}
				}
				k.Saw(set(m.present))
			case "deal":
				if _, seen := m.became[uid]; seen {
					m.became[uid] = rapid.IntRange(0, 4).Draw(r, "outcome")
					k.Became(email.NewUIDs(uid), m.became[uid])
				}
			case "leave":
				delete(m.present, uid)
			case "look":
				for u := range m.present {
					if o, seen := m.became[u]; !seen || o == 5 {
						m.became[u] = -1
					}
				}
				for u, o := range m.became {
					if o < 0 && !m.present[u] {
						m.became[u] = 5
					}
				}
				k.Look(set(m.present), nil)
			case "mark":
				k.Mark = max(k.Mark, uid)
			case "save":
				var err error
				if k, _, err = k.Again(); err != nil {
					r.Fatal(err)
				}
			}
			mails, waiting, missing := m.account(k.Mark)
			got := k.Account()
			if d := cmp.Diff(mails, got.Mails); d != "" || got.Waiting != waiting || got.Missing != missing {
				r.Fatalf("waiting %d, missing %d (%s), want %d and %d; mails (-want +got):\n%s", got.Waiting, got.Missing, got.MissingUIDs, waiting, missing, d)
			}
			if !k.Balanced() {
				r.Fatalf("%+v does not add up", got)
			}
		}
		before, _, missing := m.account(k.Mark)
		_, waiting, _ := m.account(k.Mark)
		k.Renumbered()
		k.Saw(email.NewUIDs(1))
		k.Became(email.NewUIDs(1), 1)
		got := k.Account()
		before.Seen, before.Known = before.Seen-missing-waiting+1, before.Known+1
		if d := cmp.Diff(before, got.Mails); d != "" || got.Numberings != 1 || got.Missing != 0 {
			r.Errorf("after a renumbering (-want +got):\n%s", d)
		}
	})
}

// A mailbox in which people delete every other mail has as many ranges as mails.
func TestTheAccountStaysSmall(t *testing.T) {
	const mails = 30_000
	k := &email.Reckoning{}
	k.Saw(nil)
	var all, recent []uint32
	for i := range uint32(mails) {
		uid := 2*i + 1
		all = append(all, uid)
		k.Saw(email.NewUIDs(uid))
		if i != 2 { // one of the first is missing all the time
			k.Became(email.NewUIDs(uid), int(i%2))
		}
		k.Mark = uid
		if recent = append(recent, uid); len(recent) > 300 {
			recent = recent[1:]
		}
		if k.Crowded() {
			k.Compact(email.NewUIDs(recent...))
		}
	}
	again, size, err := k.Again()
	if err != nil {
		t.Fatal(err)
	}
	if size > 40_000 {
		t.Errorf("the account has %d bytes, want at most 40 000", size)
	}
	want := email.Mails{Seen: mails, Stored: mails/2 - 1, Known: mails / 2}
	got := again.Account()
	if d := cmp.Diff(want, got.Mails); d != "" || got.Missing != 1 || got.MissingUIDs != "5" || !again.Balanced() {
		t.Errorf("missing %d (%s), mails (-want +got):\n%s", got.Missing, got.MissingUIDs, d)
	}
	if len(got.Ranges["seen"]) > 1<<10+3 {
		t.Errorf("%d bytes of ranges are shown, want at most 1 KiB", len(got.Ranges["seen"]))
	}
	// What stands below the Floor is not new, of the last days or older.
	again.Look(email.NewUIDs(all...), email.NewUIDs(recent...))
	if got := again.Account(); got.Mails.Seen != mails {
		t.Errorf("seen = %d after a look, want %d as before", got.Mails.Seen, mails)
	}
	// A mail that the server gives a number below the Floor is.
	again.Look(email.NewUIDs(append(all, 8)...), email.NewUIDs(append(recent, 8)...))
	if got := again.Account(); got.Missing != 2 || got.MissingUIDs != "5,8" {
		t.Errorf("missing = %d (%s), want 5, and 8, which came late", got.Missing, got.MissingUIDs)
	}
}
