package metrics

import "github.com/prometheus/client_golang/prometheus"

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("promptness_"+name, help, labels, nil)
}

// The metrics. Their help says what a reader must know who has no other text.
//
//nolint:gochecknoglobals // constants: descriptions are made once and never change
var (
	monthIncidents = desc("month_incidents",
		"Incidents of the current or previous calendar month in London, by the state of the policy's clock as known now. Within the limit: met/N to (met+undetermined)/N, N = met+breached+overdue+undetermined.",
		"month", "policy", "organisation", "impact", "state")
	monthDelay = desc("month_delay_seconds",
		"Delay from the start to the stop of the month's clocks that are met, breached or undetermined, as known now: its shortest and its longest bound. An unknown bound counts as longer than every bucket. Values fall when the month ends or a time is corrected: never use rate().",
		"month", "policy", "bound")
	monthUnmeasured = desc("month_unmeasured_incidents",
		"Incidents of the month that are reported, and of which nobody said when they were detected.",
		"month", "policy")
	monthUndetermined = desc("month_undetermined_incidents",
		"Incidents of the month for which what is known cannot decide whether the limit was kept, by the reason for doubt.",
		"month", "policy", "doubt")
	monthExcluded = desc("month_excluded_incidents",
		"Incidents of the month that do not count under the policy, by the state that the clock would have had.",
		"month", "policy", "would")
	monthCandidates = desc("month_candidates",
		"Possible incidents of the month that nobody has judged; no clock runs for them.",
		"month")
	openClocks = desc("open_clocks",
		"Clocks that wait for their stop, whatever the month.",
		"policy", "organisation", "impact", "state")
	nextDeadline = desc("next_deadline_timestamp_seconds",
		"When the next running clock may pass its limit, or, once it may have, when it certainly has. Absent while no clock runs.",
		"policy")
	alertsActive = desc("alerts_active",
		"Alerts that people are being told of.",
		"policy", "threshold")
	decisionsWaiting = desc("decisions_waiting",
		"What waits for a person; promptness decisions lists it.",
		"kind")
	oldestCandidate = desc("oldest_candidate_timestamp_seconds",
		"Since when the oldest possible incident waits to be judged. Absent while none waits.")
	firstVerdicts = desc("first_verdicts_total",
		"Clocks by the first state that they had other than waiting or running. Each counts once, whatever became of it later.",
		"policy", "organisation", "impact", "verdict")
	verdictChanges = desc("verdict_changes_total",
		"Changes of a verdict that had been given, by what changed it.",
		"policy", "from", "to", "why")
	signals = desc("signals_total",
		"Signals by what became of them; each incident that a signal speaks of counts.",
		"source", "result")
	quarantined = desc("quarantined_total",
		"Signals of which nothing, or not all, could be read, by the reason; their bytes are kept. marked_secret: marked at a level that may not be held, so that nothing of it is.",
		"source", "why")
	alertBounces = desc("alert_bounces_total",
		"Alerts of promptness of which a mail system says that they were not delivered, by the source that the report of it came to.",
		"source")
	sourceGap = desc("source_gap",
		"1 while the record has a gap open for the source: unread, nobody read it for longer than allowed; silent, nothing came from it for longer than is expected.",
		"source", "kind")
	thresholdsLate = desc("thresholds_late_total",
		"Warnings, deadlines and reminders that were decided over ten seconds after their time.",
		"policy", "threshold")
	alertChanges = desc("alert_changes_total",
		"How often alerts came to a state; active means that people are told.",
		"policy", "threshold", "state")
	sourceSuccess = desc("source_last_success_timestamp_seconds",
		"When the source was last read, or last delivered, without an error. Sources that are read by promptness begin at 0, others are absent until something came.",
		"source")
	sourceWatermark = desc("source_watermark_timestamp_seconds",
		"Up to when everything in the source was read and stored; 0 for never. Only for sources that are read by promptness.",
		"source")
	oldestUnprocessed = desc("oldest_unprocessed_signal_timestamp_seconds",
		"When the oldest signal was received that is stored and not yet in the record. Absent while there is none.")
	ledgerVerified = desc("ledger_verified",
		"1 if the record was verified at start and neither a monitor, a scrub nor whoever reads it has found a fault since; else 0. promptness_record_fault names the fault.")
	ledgerEntries = desc("ledger_entries",
		"Entries in the record.")
	buildInfo = desc("build_info",
		"Always 1; its labels say what was built.",
		"version", "revision", "goversion")
)

// descs lists every metric.
//
//nolint:gochecknoglobals // a constant list
var descs = []*prometheus.Desc{
	monthIncidents, monthDelay, monthUnmeasured, monthUndetermined, monthExcluded, monthCandidates,
	openClocks, nextDeadline, alertsActive, decisionsWaiting, oldestCandidate,
	firstVerdicts, verdictChanges, signals, quarantined, alertBounces, sourceGap, thresholdsLate, alertChanges,
	sourceSuccess, sourceWatermark, oldestUnprocessed, ledgerVerified, ledgerEntries, buildInfo,
}
