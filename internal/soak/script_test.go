package soak_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheScriptIsAFunctionOfItsSeed(t *testing.T) {
	for seed := range uint64(20) {
		a, b := script(seed, 5*time.Minute), script(seed, 5*time.Minute)
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("script of seed %d differs from itself:\n%s", seed, d)
		}
		if d := cmp.Diff(load(seed, time.Minute, 5), load(seed, time.Minute, 5)); d != "" {
			t.Errorf("load of seed %d differs from itself:\n%s", seed, d)
		}
		if printed(a) == printed(script(seed+1, 5*time.Minute)) {
			t.Errorf("seeds %d and %d have one script", seed, seed+1)
		}
	}
}

func TestNoScriptLeavesAMajorityAway(t *testing.T) {
	const length = 20 * time.Minute
	seen := map[string]bool{}
	for seed := range uint64(30) {
		faults := script(seed, length)
		for _, f := range faults {
			seen[string(f.Deed)+" "+strings.TrimRight(f.Party, "0123456789")] = true
			if f.At+f.Lasts > length-tail {
				t.Errorf("seed %d: %s lasts into the quiet at the end", seed, f)
			}
		}
		// Two of three at a time for seconds only. A leader may be any of them.
		var away, longest time.Duration
		for at := time.Duration(0); at < length; at += 100 * time.Millisecond {
			n := 0
			for _, f := range faults {
				if (strings.HasPrefix(f.Party, "nats-") || strings.HasPrefix(f.Party, "leader")) && f.At <= at && at < f.At+f.Lasts {
					n++
				}
			}
			if n < 2 {
				away = 0
			} else {
				away += 100 * time.Millisecond
			}
			longest = max(longest, away)
		}
		if longest > 7*time.Second {
			t.Errorf("seed %d: a majority is away for %s", seed, longest)
		}
	}
	for _, want := range []string{
		"kill nats-", "stop nats-", "cut nats-", "sever nats-", "term nats-", "fill nats-",
		"kill leader of LEDGER_moj", "kill leader of SIGNALS_moj",
		"kill process-", "stop process-", "cut process-", "kill ingest-", "cut ingest-", "stop alert-", "term alert-",
		"kill holder of processor", "stop holder of processor", "cut holder of processor",
		"kill holder of alert", "stop holder of alert", "cut holder of alert",
	} {
		if !seen[want] {
			t.Errorf("no script of 30 has %q", want)
		}
	}
}

func TestEveryRunStopsAHolderAndWakesItAgain(t *testing.T) {
	for seed := range uint64(50) {
		faults := script(seed, 2*time.Minute)
		if len(faults) < 3 {
			t.Errorf("seed %d has %d faults in two minutes", seed, len(faults))
			continue
		}
		if f := faults[0]; f.Deed != halt || f.Party != holderOfProcessor || f.Lasts < 10*time.Second {
			t.Errorf("seed %d begins with %s, want the processor stopped for over ten seconds", seed, f)
		}
	}
}
