package metrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/ministryofjustice/incident-promptness/pipeline/metrics"
)

func TestEveryReasonForAFaultIsThereAtZeroAndNoInstantBeforeItWas(t *testing.T) {
	var w metrics.Watched
	c := metrics.NewRecord([]string{"checkpoint_ahead", "signal_changed"}, func() metrics.Watched { return w })
	check := func(want string) {
		t.Helper()
		if err := testutil.CollectAndCompare(c, strings.NewReader(want),
			"promptness_record_fault", "promptness_scrub_last_success_timestamp_seconds", "promptness_scrub_duration_seconds",
			"promptness_scrub_progress_ratio", "promptness_monitor_last_success_timestamp_seconds", "promptness_store_sync_seconds"); err != nil {
			t.Error(err)
		}
	}
	help := func(name, text string) string { return "# HELP " + name + " " + text + "\n# TYPE " + name + " gauge\n" }
	fault := help("promptness_record_fault", "1 while the record has a fault of this kind, as start would refuse it; nothing is folded or told meanwhile. /readyz says where, and what repairs it.")
	progress := help("promptness_scrub_progress_ratio", "How much of the copy that is being read is done, 0 while none is.")
	check(fault + "promptness_record_fault{refusal=\"checkpoint_ahead\"} 0\npromptness_record_fault{refusal=\"signal_changed\"} 0\n" +
		progress + "promptness_scrub_progress_ratio 0\n")

	w = metrics.Watched{
		Faults: []string{"signal_changed", "signal_changed"}, Monitored: time.Unix(1000, 0), Scrubbed: time.Unix(900, 500_000_000),
		Took: 90 * time.Second, ScrubDone: 0.25, Sync: 4 * time.Millisecond,
	}
	check(fault + "promptness_record_fault{refusal=\"checkpoint_ahead\"} 0\npromptness_record_fault{refusal=\"signal_changed\"} 1\n" +
		progress + "promptness_scrub_progress_ratio 0.25\n" +
		help("promptness_monitor_last_success_timestamp_seconds", "When every copy of the record was last asked what it holds, and nothing was missing. Absent until the first time since the start.") +
		"promptness_monitor_last_success_timestamp_seconds 1000\n" +
		help("promptness_scrub_last_success_timestamp_seconds", "When every copy of the record was last read whole, each signal compared with its commitment, and found sound. Absent until the first time since the start.") +
		"promptness_scrub_last_success_timestamp_seconds 900.5\n" +
		help("promptness_scrub_duration_seconds", "How long that reading took, rests included. Absent until the first time since the start.") +
		"promptness_scrub_duration_seconds 90\n" +
		help("promptness_store_sync_seconds", "How long one sync of the store's disk took when it was measured. Absent where the store is elsewhere.") +
		"promptness_store_sync_seconds 0.004\n")
	if problems, err := testutil.CollectAndLint(c); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v, %v", problems, err)
	}
}
