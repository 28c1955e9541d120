package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A writeOrder is what a trace of one run says of the order in which it wrote,
// synced and spoke.
//
// A write is durable at the end of the first sync of its file that succeeded and
// began after the write had ended; before, nothing is said of it. The rules,
// with "before" as in [tracedCall]:
//
//   - Each 202 names a signal, and a frame that holds this signal was durable
//     before the first byte of the 202 was written. The signal is found by its
//     identity, so the rule holds where one frame and one sync carry the signals
//     of many senders, and for a repeat, whose frame is an older one.
//   - Each checkpoint names an entry that was durable before it was written.
//   - Each alert that is posted stands in an entry that was durable, a
//     checkpoint at or after that entry was durable, and the attempt was on
//     record and durable, all before the first byte of the post.
type writeOrder struct {
	Faults  []string
	Answers int // 202s
	Frames  int // writes of frames
	Steps   int // checkpoints of entries
	Alerts  int // posts of alerts of the record
}

var (
	orderFrame      = regexp.MustCompile(`\{"v":1,"id":"([0-9a-f]{64})"`)
	orderAnswer     = regexp.MustCompile(`"id":"([0-9a-f]{64})"`)
	orderEntry      = regexp.MustCompile(`\{"v":1,"n":(\d+),"prev":`)
	orderCheckpoint = regexp.MustCompile(`^\{"v":1,"n":(\d+),"seq":`)
	orderAlert      = regexp.MustCompile(`"id":"([^"/]+/[^"/]+/[^"/]+/\d+)"`)
	orderBegun      = regexp.MustCompile(`"alert":"([^"]+)","state":"[a-z]+","phase":"begun"`)
	orderPost       = regexp.MustCompile(`"alert_id":"([^"]+)"`)
)

// never is a moment that does not come.
const never = math.MaxInt

// orderOf holds the calls of a run against the rules.
func orderOf(calls []tracedCall) writeOrder {
	var o writeOrder
	syncs := map[string][]tracedCall{}
	for _, c := range calls {
		if (c.Name == "fsync" || c.Name == "fdatasync") && c.OK {
			syncs[c.On] = append(syncs[c.On], c)
		}
	}
	durable := func(w tracedCall) int {
		first := never
		for _, s := range syncs[w.On] {
			if w.OK && s.Begun > w.End {
				first = min(first, s.End)
			}
		}
		return first
	}

	// When each was durable; what is absent never was written.
	signals, begun := moments[string]{}, moments[string]{}
	entries := moments[int]{}
	alerts := map[string]int{} // to the entry that first holds it
	type reach struct{ n, at int }
	var checkpoints []reach
	for _, w := range calls {
		switch {
		case strings.Contains(w.On, "/SIGNALS_") && strings.HasSuffix(w.On, ".blk"):
			o.Frames++
			at := durable(w)
			for _, m := range orderFrame.FindAllStringSubmatch(w.Data, -1) {
				signals.note(m[1], at)
			}
		case strings.Contains(w.On, "/LEDGER_") && strings.HasSuffix(w.On, ".blk"):
			at := durable(w)
			starts := orderEntry.FindAllStringSubmatchIndex(w.Data, -1)
			for i, s := range starts {
				n, _ := strconv.Atoi(w.Data[s[2]:s[3]]) // digits
				entries.note(n, at)
				end := len(w.Data)
				if i+1 < len(starts) {
					end = starts[i+1][0]
				}
				for _, m := range orderAlert.FindAllStringSubmatch(w.Data[s[0]:end], -1) {
					if _, ok := alerts[m[1]]; !ok {
						alerts[m[1]] = n
					}
				}
			}
		case strings.Contains(w.On, "/DELIVERIES_") && strings.HasSuffix(w.On, ".blk"):
			at := durable(w)
			for _, m := range orderBegun.FindAllStringSubmatch(w.Data, -1) {
				begun.note(m[1], at)
			}
		case strings.HasSuffix(w.On, "/checkpoint"):
			m := orderCheckpoint.FindStringSubmatch(w.Data)
			if m == nil {
				continue // a sync
			}
			n, _ := strconv.Atoi(m[1])
			checkpoints = append(checkpoints, reach{n, durable(w)})
			if n == 0 {
				continue // of a record that is empty
			}
			o.Steps++
			if entries.of(n) >= w.Begun {
				o.fault(w, "checkpoint %d was written before its entry was durable", n)
			}
		}
	}
	for _, w := range calls {
		if !strings.HasPrefix(w.On, "socket:") {
			continue
		}
		switch {
		case strings.Contains(w.Data, "HTTP/1.1 202"):
			o.Answers++
			ids := orderAnswer.FindAllStringSubmatch(w.Data, -1)
			if len(ids) == 0 {
				o.fault(w, "a 202 names no signal")
			}
			for _, m := range ids {
				if signals.of(m[1]) >= w.Begun {
					o.fault(w, "a 202 was written before signal %.8s was durable", m[1])
				}
			}
		default: // a long body may come in a write of its own
			for _, m := range orderPost.FindAllStringSubmatch(w.Data, -1) {
				o.Alerts++
				id := m[1]
				n, ok := alerts[id]
				if !ok || entries.of(n) >= w.Begun {
					o.fault(w, "alert %s was told before its entry was durable", id)
				}
				if !slices.ContainsFunc(checkpoints, func(r reach) bool { return ok && r.n >= n && r.at < w.Begun }) {
					o.fault(w, "alert %s was told before the checkpoint of its entry was durable", id)
				}
				if begun.of(id) >= w.Begun {
					o.fault(w, "alert %s was told before the attempt was durable", id)
				}
			}
		}
	}
	return o
}

func (o *writeOrder) fault(c tracedCall, format string, a ...any) {
	o.Faults = append(o.Faults, fmt.Sprintf("line %d: ", c.Begun)+fmt.Sprintf(format, a...))
}

// moments says when each thing was first durable.
type moments[K comparable] map[K]int

func (m moments[K]) note(k K, at int) { m[k] = min(m.of(k), at) }

func (m moments[K]) of(k K) int {
	if at, ok := m[k]; ok {
		return at
	}
	return never
}

// wantOrder fails the test for each fault, and if the trace shows too little.
func wantOrder(t *testing.T, o writeOrder, answers, steps, alerts int) {
	t.Helper()
	for _, f := range o.Faults[:min(len(o.Faults), 20)] {
		t.Error(f)
	}
	if o.Answers < answers || o.Frames == 0 || o.Steps < steps || o.Alerts < alerts {
		t.Errorf("the trace shows %d answers, %d frames, %d steps, %d alerts, want at least %d, 1, %d, %d",
			o.Answers, o.Frames, o.Steps, o.Alerts, answers, steps, alerts)
	}
}

// TestTheOrderOfWritesIsFoundWrong takes syncs out of a recorded trace: each
// rule must notice its own.
func TestTheOrderOfWritesIsFoundWrong(t *testing.T) {
	whole := readTrace(t, "testdata/strace/synced.txt")
	wantOrder(t, orderOf(whole), 3, 3, 3)
	syncOf := func(part string) func(*tracedCall) bool {
		return func(c *tracedCall) bool { return c.Name == "fsync" && strings.Contains(c.On, part) }
	}
	for _, tt := range []struct {
		name   string
		change func(c *tracedCall) (keep bool)
		want   string
	}{
		{"no sync of a frame", not(syncOf("/SIGNALS_")), "a 202 was written before signal"},
		{"a sync of a frame fails", failed(syncOf("/SIGNALS_")), "a 202 was written before signal"},
		{"a sync of a frame never ends", endless(syncOf("/SIGNALS_")), "a 202 was written before signal"},
		{"a frame is written after its sync", late("/SIGNALS_"), "a 202 was written before signal"},
		{"no frame", not(func(c *tracedCall) bool { return strings.Contains(c.On, "/SIGNALS_") }), "a 202 was written before signal"},
		{"no sync of the record", not(syncOf("/LEDGER_")), "was written before its entry was durable"},
		{"no sync of the record, and an alert", not(syncOf("/LEDGER_")), "was told before its entry was durable"},
		{"no sync of the checkpoint", not(syncOf("/checkpoint")), "before the checkpoint of its entry was durable"},
		{"no sync of an attempt", not(syncOf("/DELIVERIES_")), "before the attempt was durable"},
	} {
		var calls []tracedCall
		for _, c := range whole {
			if tt.change(&c) {
				calls = append(calls, c)
			}
		}
		if o := orderOf(calls); !strings.Contains(strings.Join(o.Faults, "\n"), tt.want) {
			t.Errorf("%s: found %q, want a fault that says %q", tt.name, o.Faults, tt.want)
		}
	}
}

// TestAStoreThatDoesNotSyncIsFoundOut reads a trace of this program with the
// store's sync turned off.
func TestAStoreThatDoesNotSyncIsFoundOut(t *testing.T) {
	o := orderOf(readTrace(t, "testdata/strace/unsynced.txt"))
	got := strings.Join(o.Faults, "\n")
	for _, want := range []string{"a 202 was written before signal", "before its entry was durable", "before the attempt was durable"} {
		if !strings.Contains(got, want) {
			t.Errorf("found %q, want a fault that says %q", o.Faults, want)
		}
	}
}

func not(which func(*tracedCall) bool) func(*tracedCall) bool {
	return func(c *tracedCall) bool { return !which(c) }
}

func failed(which func(*tracedCall) bool) func(*tracedCall) bool {
	return func(c *tracedCall) bool {
		if which(c) {
			c.OK = false
		}
		return true
	}
}

func endless(which func(*tracedCall) bool) func(*tracedCall) bool {
	return func(c *tracedCall) bool {
		if which(c) {
			c.End = never
		}
		return true
	}
}

// late lets writes end only after the next line, where their sync had begun.
func late(part string) func(*tracedCall) bool {
	return func(c *tracedCall) bool {
		if c.Name == "pwrite64" && strings.Contains(c.On, part) {
			c.End++
		}
		return true
	}
}
