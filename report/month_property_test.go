package report_test

import (
	"bytes"
	"iter"
	"math/rand/v2"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

func TestAReportThatIsAskedForInBetweenChangesNothing(t *testing.T) {
	w, _ := day(t)
	want := asJSON(t, w.month("2026-11"))
	rapid.Check(t, func(r *rapid.T) {
		b, err := report.NewBuilder("2026-11", holidays(t))
		if err != nil {
			t.Fatal(err)
		}
		for i, e := range w.entries { // in batches of any size, each with a report after it
			if err := b.Add(e); err != nil {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(r, "end of a batch") && i < len(w.entries)-1 {
				b.Report()
			}
		}
		if diff := cmp.Diff(string(want), string(asJSON(t, b.Report()))); diff != "" {
			r.Errorf("other batches, other report (-at once +in batches):\n%s", diff)
		}
	})
}

func TestAReportAgreesWithTheBookAndWithItself(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		w := random(t, r)
		got := w.month("2026-11").Policies[0]
		want := figuresOf(t, w.book().Month("2026-11", clock(t, "23:00")), pol)
		states := got.Counts.Value.States
		maybe := got.Counts.Value.Doubts[report.DoubtMayBeOver]
		for _, s := range incident.States() {
			n := want.Counts[s]
			switch s {
			case incident.Running:
				n -= maybe
			case incident.Undetermined:
				n += maybe
			default:
			}
			if states[s] != n {
				r.Errorf("%d are %s, the book has %d", states[s], s, n)
			}
		}
		share := got.Share.Value
		for _, d := range got.Distribution.Value {
			if d.After.D() == time.Hour && (d.Surely != share.Met || d.Possibly != share.Met+share.Undetermined) {
				r.Errorf("within the limit surely %d and possibly %d, the share is %d to %d",
					d.Surely, d.Possibly, share.Met, share.Met+share.Undetermined)
			}
		}
	})
}

var ids = regexp.MustCompile(`p-[0-9a-z]{6,}|"entries": \d+`)

// Order of signals changes ids, entries and alerts, and nothing else that a
// report says (rules.md section 7). All are told of at one moment: what was
// known when is the same.
func TestTheOrderOfSignalsChangesNoFigure(t *testing.T) {
	at := london("2026-11-20 12:00")
	type sent struct {
		source incident.SourceName
		facts  incident.Facts
	}
	rnd := rand.New(rand.NewPCG(7, 7))
	var all []sent
	for i := range 30 {
		key := "INC" + string(rune('A'+i%26)) + string(rune('a'+i/26))
		detected := london("2026-11-10 08:00").Add(time.Duration(i) * 3 * time.Hour)
		told := detected.Add(time.Duration(rnd.IntN(120)) * time.Minute)
		if i%3 != 0 {
			all = append(all, sent{"siem", alert(detected, key)})
		}
		m := mail(told, key, incident.Minute(detected.Add(time.Duration(i%5)*time.Minute)))
		m.Observer = key + "@mail.example.org"
		all = append(all, sent{"mailbox", m})
	}
	record := func() string {
		w := monthWorld(t, london("2026-11-01 00:00"))
		for _, s := range all {
			w.signal(at, s.source, s.facts)
		}
		r := w.month("2026-11")
		for i := range r.Policies {
			r.Policies[i].Thresholds.Value = nil
		}
		return string(ids.ReplaceAll(asJSON(t, r), []byte("id")))
	}
	want := record()
	if !bytes.Contains([]byte(want), []byte(`"n": 30`)) {
		t.Fatalf("the incidents are not all in N: the test's own signals do not do what they should")
	}
	for range 10 {
		rnd.Shuffle(len(all), func(i, k int) { all[i], all[k] = all[k], all[i] })
		if diff := cmp.Diff(want, record()); diff != "" {
			t.Fatalf("another order, another report (-first +other):\n%s", diff)
		}
	}
}

func TestAPercentileOfRangesHoldsThatOfAnyDelaysWithin(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n := rapid.IntRange(10, 60).Draw(r, "n")
		var low, high, truth []time.Duration
		for range n {
			a := time.Duration(rapid.IntRange(0, 200).Draw(r, "low")) * time.Minute
			w := time.Duration(rapid.IntRange(0, 90).Draw(r, "width")) * time.Minute
			x := a + time.Duration(rapid.IntRange(0, int(w/time.Minute)).Draw(r, "true"))*time.Minute
			low, high, truth = append(low, a), append(high, a+w), append(truth, x)
		}
		s := report.SpreadOf(low, high)
		slices.Sort(truth)
		for _, tt := range []struct {
			name string
			got  *report.Range
			rank int
		}{{"median", s.Median, (n + 1) / 2}, {"90th percentile", s.P90, (9*n + 9) / 10}, {"longest", s.Longest, n}} {
			if x := truth[tt.rank-1]; x < tt.got.From.D() || x > tt.got.To.D() {
				r.Errorf("%s: %s is not between %s and %s", tt.name, x, tt.got.From, tt.got.To)
			}
		}
	})
}

func TestWilsonIsThePublishedInterval(t *testing.T) {
	for _, tt := range []struct {
		a, n      int
		low, high float64
	}{{0, 10, 0, 0.2775}, {10, 10, 0.7225, 1}, {81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}} {
		if low, high := report.Wilson(tt.a, tt.n); low != tt.low || high != tt.high {
			t.Errorf("Wilson(%d, %d) = %v, %v, want %v, %v", tt.a, tt.n, low, high, tt.low, tt.high)
		}
	}
}

func TestOfficeHoursAndHolidays(t *testing.T) {
	h, err := report.NewHolidays([]incident.Date{"2026-12-24"}, []incident.Date{"2026-12-28"})
	if err != nil {
		t.Fatal(err)
	}
	for at, want := range map[string]bool{
		"2026-11-24 08:59": false, "2026-11-24 09:00": true, "2026-11-24 16:59": true, "2026-11-24 17:00": false,
		"2026-11-22 12:00": false, "2026-12-25 12:00": false, "2026-12-24 12:00": false, "2026-12-28 12:00": true,
		"2022-09-19 12:00": false, "2026-07-01 09:00": true, "2026-07-01 08:30": false,
	} {
		if got := h.InOffice(london(at)); got != want {
			t.Errorf("InOffice(%s) = %v, want %v", at, got, want)
		}
	}
	if _, err := report.NewHolidays([]incident.Date{"24/12/2026"}, nil); err == nil {
		t.Error("a day that is none was added")
	}
	if h.Covers("2029-01") || !h.Covers("2028-12") {
		t.Error("the list speaks up to December 2028")
	}
}

func TestWhatIsRestrictedIsInTotalsOnly(t *testing.T) {
	w := byHandMonth(t)
	r := w.month("2026-11")
	var secret incident.Ref
	for _, ref := range w.s.Refs() {
		if w.s.Record(ref).Attrs.Restricted {
			secret = ref
		}
	}
	if secret == "" {
		t.Fatal("nothing is restricted: the test's own signals do not do what they should")
	}
	var text, rows bytes.Buffer
	if err := r.Text(&text, false); err != nil {
		t.Fatal(err)
	}
	if err := r.CSV(&rows); err != nil {
		t.Fatal(err)
	}
	for name, form := range map[string][]byte{"text": text.Bytes(), "CSV": rows.Bytes(), "JSON": asJSON(t, r)} {
		if bytes.Contains(form, []byte(secret)) {
			t.Errorf("the %s names %s, which is restricted", name, secret)
		}
	}
	if n := r.Policies[0].Late.Value; n.Cases != 2 || n.Restricted != 1 || len(n.Listed) != 1 {
		t.Errorf("late cases = %+v, want two of which one is restricted", n)
	}
}

func TestAReportKnowsNothingOfWhatCameLater(t *testing.T) {
	w, _ := day(t)
	cut := clock(t, "10:00")
	early := monthOf(t, report.Until(cut, all(w.entries)))
	var before []incident.Entry
	for _, e := range w.entries {
		if !e.At.After(cut) {
			before = append(before, e)
		}
	}
	if diff := cmp.Diff(string(asJSON(t, monthOf(t, all(before)))), string(asJSON(t, early))); diff != "" {
		t.Errorf("-record that ends there +as known then:\n%s", diff)
	}
	if len(before) == len(w.entries) {
		t.Fatal("nothing came later")
	}
}

func monthOf(t *testing.T, entries iter.Seq2[incident.Entry, error]) *report.Report {
	t.Helper()
	r, err := report.Build("2026-11", holidays(t), entries)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
