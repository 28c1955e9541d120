package metrics_test

import (
	"bytes"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/expfmt"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/pipeline/metrics"
	"github.com/ministryofjustice/incident-promptness/report"
)

func facts() live {
	at := nine().Add(3 * time.Hour)
	return live{
		success:   map[incident.SourceName]time.Time{"mailbox": at, "siem": at},
		watermark: map[incident.SourceName]time.Time{"mailbox": at},
		oldest:    at, verified: true,
	}
}

func exposition(t testing.TB, b *report.Book, now time.Time) string {
	t.Helper()
	families, err := registry(t, b, facts(), now).Gather()
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&buf, f); err != nil {
			t.Fatal(err)
		}
	}
	return buf.String()
}

func TestNamesAndHelpAreInOrder(t *testing.T) {
	w := day(t)
	now := nine().Add(4 * time.Hour)
	for name, b := range map[string]*report.Book{"of nothing": report.NewBook(), "of a day": w.book(len(w.entries))} {
		problems, err := testutil.GatherAndLint(registry(t, b, facts(), now))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			t.Errorf("a book %s: %s: %s", name, p.Metric, p.Text)
		}
	}
	// The client takes any UTF-8 since 1.24, Prometheus before 3 does not.
	plain := regexp.MustCompile(`^promptness_[a-zA-Z0-9_]*$`)
	label := regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)
	for _, f := range gather(t, w.book(len(w.entries)), facts(), now) {
		if !plain.MatchString(f.GetName()) {
			t.Errorf("metric %q: want letters, digits and _ after promptness_", f.GetName())
		}
		if len(f.GetHelp()) < 20 || !strings.HasSuffix(f.GetHelp(), ".") {
			t.Errorf("%s: help is %q, want a sentence", f.GetName(), f.GetHelp())
		}
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if !label.MatchString(l.GetName()) {
					t.Errorf("%s: label %q: want letters, digits and _", f.GetName(), l.GetName())
				}
				if l.GetValue() == "" {
					t.Errorf("%s: label %s is empty, want a word for not known", f.GetName(), l.GetName())
				}
			}
		}
	}
}

func TestEverySeriesOfAClosedSetIsThereBeforeAnythingHappens(t *testing.T) {
	w := newWorld(t)
	got := gather(t, w.book(1), live{}, nine()) // the rules alone
	for name, want := range map[string]int{
		"promptness_month_incidents":                       2 * 3 * 4 * 8, // months, organisations with unknown and other, impacts, states
		"promptness_month_delay_seconds":                   2 * 2,
		"promptness_month_unmeasured_incidents":            2,
		"promptness_month_undetermined_incidents":          2 * 4,
		"promptness_month_excluded_incidents":              2 * 7,
		"promptness_month_candidates":                      2,
		"promptness_open_clocks":                           3 * 4 * 3,
		"promptness_alerts_active":                         3, // warn-30m, deadline, late-report
		"promptness_decisions_waiting":                     len(incident.DecisionKinds()),
		"promptness_first_verdicts_total":                  3 * 4 * 6,
		"promptness_verdict_changes_total":                 6 * 7 * len(report.Causes()),
		"promptness_signals_total":                         3 * len(report.Results()), // two sources and other
		"promptness_thresholds_late_total":                 2,
		"promptness_alert_changes_total":                   3 * len(incident.AlertStates()),
		"promptness_quarantined_total":                     3 * len(report.Unreadables()),
		"promptness_alert_bounces_total":                   3,
		"promptness_source_gap":                            3, // both of the one that we read, silent of the other
		"promptness_source_last_success_timestamp_seconds": 1, // the one that we read
		"promptness_source_watermark_timestamp_seconds":    1,
		"promptness_ledger_verified":                       1,
		"promptness_ledger_entries":                        1,
		"promptness_build_info":                            1,
	} {
		if n := len(got[name].GetMetric()); n != want {
			t.Errorf("%s has %d series, want %d", name, n, want)
		}
		if name == "promptness_ledger_entries" || name == "promptness_build_info" {
			continue
		}
		if v, _ := value(got[name], nil); v != 0 {
			t.Errorf("%s sums to %v, want 0", name, v)
		}
	}
	for _, name := range []string{
		"promptness_next_deadline_timestamp_seconds", "promptness_oldest_candidate_timestamp_seconds",
		"promptness_oldest_unprocessed_signal_timestamp_seconds",
	} {
		if f := got[name]; f != nil {
			t.Errorf("%s is there, want it absent: there is no such instant", name)
		}
	}
}

func TestWhatADayShows(t *testing.T) {
	w := day(t)
	got := gather(t, w.book(len(w.entries)), facts(), nine().Add(3*time.Hour))
	m := func(pairs ...string) map[string]string {
		out := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			out[pairs[i]] = pairs[i+1]
		}
		return out
	}
	for _, tt := range []struct {
		name   string
		labels map[string]string
		want   float64
	}{
		{"promptness_month_incidents", m("month", "current", "policy", "pol-imp-002", "state", "met", "organisation", "hmpps", "impact", "high"), 1},
		{"promptness_month_incidents", m("month", "current", "state", "overdue", "organisation", "hmpps"), 1},
		{"promptness_month_incidents", m("month", "current", "state", "unmeasured", "organisation", "unknown", "impact", "unknown"), 1},
		{"promptness_month_incidents", m("month", "current", "state", "breached", "organisation", "other"), 1},
		{"promptness_month_incidents", m("month", "current", "state", "running", "impact", "low"), 1},
		{"promptness_month_incidents", m("month", "current"), 5},
		{"promptness_month_incidents", m("month", "previous"), 0},
		{"promptness_month_unmeasured_incidents", m("month", "current"), 1},
		{"promptness_open_clocks", m("state", "overdue", "organisation", "hmpps"), 1},
		{"promptness_open_clocks", m("state", "running", "organisation", "unknown", "impact", "low"), 1},
		{"promptness_alerts_active", m("threshold", "deadline"), 1},
		{"promptness_first_verdicts_total", m("verdict", "overdue"), 1},
		{"promptness_first_verdicts_total", m(), 4},
		{"promptness_signals_total", m("source", "siem", "result", "opened"), 3},
		{"promptness_signals_total", m("source", "mailbox", "result", "joined"), 1},
		{"promptness_thresholds_late_total", m("threshold", "deadline"), 1},
		{"promptness_thresholds_late_total", m(), 1},
		{"promptness_decisions_waiting", m("kind", "detection_missing"), 1},
		{"promptness_next_deadline_timestamp_seconds", m("policy", "pol-imp-002"), float64(nine().Add(220 * time.Minute).Unix())},
		{"promptness_source_last_success_timestamp_seconds", m("source", "siem"), float64(nine().Add(3 * time.Hour).Unix())},
		{"promptness_ledger_verified", m(), 1},
		{"promptness_ledger_entries", m(), float64(len(w.entries))},
		{"promptness_build_info", m("version", "v1", "revision", "abc", "goversion", "go1.26"), 1},
	} {
		v, n := value(got[tt.name], tt.labels)
		if v != tt.want || n == 0 {
			t.Errorf("%s%v = %v in %d series, want %v", tt.name, tt.labels, v, n, tt.want)
		}
	}
	for _, h := range got["promptness_month_delay_seconds"].GetMetric() {
		bound := ""
		month := ""
		for _, l := range h.GetLabel() {
			switch l.GetName() {
			case "bound":
				bound = l.GetValue()
			case "month":
				month = l.GetValue()
			}
		}
		if month != "current" {
			continue
		}
		edge := false
		for _, b := range h.GetHistogram().GetBucket() {
			if b.GetUpperBound() == 3600 {
				edge = true
				if b.GetCumulativeCount() != 1 { // sixty minutes exactly lies within
					t.Errorf("within 3600 s, %s: %d, want 1", bound, b.GetCumulativeCount())
				}
			}
		}
		if !edge || h.GetHistogram().GetSampleCount() != 2 {
			t.Errorf("delays, %s: edge at 3600 s: %v, count %d; want it, and 2", bound, edge, h.GetHistogram().GetSampleCount())
		}
	}
}

func TestTheMonthTurnsInLondon(t *testing.T) {
	w := day(t)
	b := w.book(len(w.entries))
	for _, tt := range []struct {
		now               time.Time
		current, previous float64
	}{
		{time.Date(2026, 11, 30, 23, 59, 59, 0, time.UTC), 5, 0},
		{time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), 0, 5},
		{time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), 0, 0},
	} {
		f := gather(t, b, facts(), tt.now)["promptness_month_incidents"]
		current, _ := value(f, map[string]string{"month": "current"})
		previous, _ := value(f, map[string]string{"month": "previous"})
		if current != tt.current || previous != tt.previous {
			t.Errorf("at %s: current %v, previous %v; want %v and %v", tt.now, current, previous, tt.current, tt.previous)
		}
	}
}

func TestARestartChangesNoValue(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		now := nine().Add(48 * time.Hour)
		before := w.book(len(w.entries))
		exposition(t, before, now) // a scrape changes nothing either
		if diff := cmp.Diff(exposition(t, before, now), exposition(t, w.book(len(w.entries)), now)); diff != "" {
			r.Errorf("metrics (-before +after):\n%s", diff)
		}
	})
}

func TestCountersNeverFallAndNoSeriesGoes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		b := report.NewBook()
		last := map[string]float64{}
		for i, e := range w.entries {
			if err := b.Apply(e); err != nil {
				t.Fatal(err)
			}
			if i%5 != 0 && i < len(w.entries)-1 {
				continue // a scrape does not see every entry either
			}
			is := map[string]float64{}
			for name, f := range gather(t, b, facts(), e.At) {
				if !strings.HasSuffix(name, "_total") {
					continue
				}
				for _, m := range f.GetMetric() {
					is[name+m.String()[:strings.Index(m.String(), "counter:")]] = m.GetCounter().GetValue()
				}
			}
			for k, v := range last {
				if now, ok := is[k]; !ok || now < v {
					r.Fatalf("after entry %d: %s was %v, is %v (there: %v)", e.N, k, v, now, ok)
				}
			}
			last = is
		}
	})
}

func TestGaugesAreTheFiguresOfTheBook(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		b := w.book(len(w.entries))
		now := nine()
		got := gather(t, b, facts(), now)
		f := b.Month(incident.MonthOf(now), now)
		for _, state := range incident.States() {
			v, _ := value(got["promptness_month_incidents"], map[string]string{"month": "current", "state": string(state)})
			if want := f.Policies[0].Counts[state]; v != float64(want) {
				r.Errorf("month_incidents of %s = %v, the book says %d", state, v, want)
			}
		}
		waiting, _ := value(got["promptness_decisions_waiting"], nil)
		if want := len(b.Decisions(now)); waiting != float64(want) {
			r.Errorf("decisions_waiting = %v, the book lists %d", waiting, want)
		}
		open, _ := value(got["promptness_open_clocks"], nil)
		rows, _ := b.Incidents(report.Filter{Limit: report.MaxLimit})
		want := 0
		for _, row := range rows {
			for _, c := range row.Clocks {
				if c.State.Open() {
					want++
				}
			}
		}
		if open != float64(want) {
			r.Errorf("open_clocks = %v, the book lists %d", open, want)
		}
	})
}

func TestNoWordOfASignalBecomesALabel(t *testing.T) {
	w := newWorld(t)
	w.signal(nine(), "siem", "INC-SECRET-1", nine(), time.Time{}, incident.Attributes{Organisation: "named-by-a-sender"})
	w.signal(nine(), "nowhere", "INC-SECRET-2", nine(), time.Time{}, incident.Attributes{Impact: "apocalyptic"})
	text := exposition(t, w.book(len(w.entries)), nine())
	for _, word := range []string{"SECRET", "named-by-a-sender", "nowhere", "apocalyptic", string(incident.NewRef(2))} {
		if strings.Contains(text, word) {
			t.Errorf("the metrics hold %q", word)
		}
	}
}

func TestASourceThatNeverSucceededIsSeen(t *testing.T) {
	w := newWorld(t)
	got := gather(t, w.book(1), live{}, nine())
	v, n := value(got["promptness_source_last_success_timestamp_seconds"], map[string]string{"source": "mailbox"})
	if v != 0 || n != 1 {
		t.Errorf("last success of a mailbox that was never read = %v in %d series, want 0: its age is then noticed", v, n)
	}
	if _, n := value(got["promptness_source_last_success_timestamp_seconds"], map[string]string{"source": "siem"}); n != 0 {
		t.Error("last success of a webhook that nobody called is there, want it absent")
	}
}

func TestEveryMetricIsDescribed(t *testing.T) {
	w := day(t)
	families := gather(t, w.book(len(w.entries)), facts(), nine())
	// The candidate's instant is absent: nobody waits to be judged.
	if got, want := len(families), len(metrics.Descs())-1; got != want {
		t.Errorf("%d families, want %d", got, want)
	}
}

// Of several processes at work on one record each shows its own: a sum over all
// of them is then the figure of one.
func TestAProcessShowsOnlyWhatIsItsOwn(t *testing.T) {
	w := day(t)
	b, now := w.book(len(w.entries)), nine().Add(3*time.Hour)
	f := facts()
	f.noFigures, f.noSources = true, true
	idle := gather(t, b, f, now)
	f.noSources = false
	ingest := gather(t, b, f, now)
	for name, want := range map[string]struct{ idle, ingest bool }{
		"promptness_month_incidents":                             {false, false},
		"promptness_open_clocks":                                 {false, false},
		"promptness_decisions_waiting":                           {false, false},
		"promptness_signals_total":                               {false, false},
		"promptness_oldest_unprocessed_signal_timestamp_seconds": {false, false},
		"promptness_source_watermark_timestamp_seconds":          {false, true},
		"promptness_ledger_verified":                             {true, true},
		"promptness_ledger_entries":                              {true, true},
		"promptness_build_info":                                  {true, true},
	} {
		if got := idle[name] != nil; got != want.idle {
			t.Errorf("a standby shows %s: %v, want %v", name, got, want.idle)
		}
		if got := ingest[name] != nil; got != want.ingest {
			t.Errorf("an ingestor shows %s: %v, want %v", name, got, want.ingest)
		}
	}
}
