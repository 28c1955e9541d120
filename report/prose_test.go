package report_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/report"
)

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339Nano, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestTimesAreWrittenAsGOVUKWritesThem(t *testing.T) {
	for _, tt := range []struct{ name, in, want string }{
		{"a time of day", "2026-11-23T10:20:00Z", "10:20am on 23 November 2026"},
		{"the full hour has no minutes", "2026-11-23T17:00:00Z", "5pm on 23 November 2026"},
		{"noon is midday", "2026-11-23T12:00:00Z", "midday on 23 November 2026"},
		{"midnight says of which day", "2026-11-23T00:00:00Z", "midnight at the start of 23 November 2026"},
		{"seconds where there are any", "2026-11-23T00:00:07Z", "12:00:07am on 23 November 2026"},
		{"summer time is London's", "2026-07-01T09:20:00Z", "10:20am on 1 July 2026"},
		{"the hour that comes twice, first", "2026-10-25T00:30:00Z", "1:30am BST on 25 October 2026"},
		{"the hour that comes twice, again", "2026-10-25T01:30:00Z", "1:30am GMT on 25 October 2026"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := report.On(at(t, tt.in)); got != tt.want {
				t.Errorf("on(%s) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestIntervalsSayWhatIsKnown(t *testing.T) {
	e, l := at(t, "2026-11-23T09:05:00Z"), at(t, "2026-11-23T09:25:59.999999999Z")
	for _, tt := range []struct {
		name string
		in   incident.Interval
		want string
	}{
		{"nothing", incident.Interval{}, "not known"},
		{"an instant", incident.At(e), "9:05am on 23 November 2026"},
		{"a whole minute", incident.Minute(e), "9:05am on 23 November 2026, to the minute"},
		{"within a day", incident.Interval{Earliest: e, Latest: l}, "between 9:05am and 9:25am on 23 November 2026"},
		{"over midnight", incident.Interval{Earliest: e, Latest: l.AddDate(0, 0, 1)}, "between 9:05am on 23 November 2026 and 9:25am on 24 November 2026"},
		{"no earliest", incident.Interval{Latest: e}, "at or before 9:05am on 23 November 2026"},
		{"no latest", incident.Interval{Earliest: e}, "at or after 9:05am on 23 November 2026"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := report.SpanOf(tt.in); got != tt.want {
				t.Errorf("span(%s) = %q, want %q", tt.in, got, tt.want)
			}
		})
	}
}

func TestLengthsSayOnWhichSideOfTheLimitTheyLie(t *testing.T) {
	const m, h = time.Minute, time.Hour
	for _, tt := range []struct {
		in   time.Duration
		want string
	}{
		{0, "0 minutes"},
		{m, "1 minute"},
		{h, "60 minutes"},
		{h + 1, "just over 60 minutes"},
		{h - 1, "just under 60 minutes"},
		{59*m + 30*time.Second, "59 minutes 30 seconds"},
		{6*h + 30*m, "6 hours 30 minutes"},
		{72 * h, "72 hours"},
		{2*h + time.Second, "2 hours 1 second"},
	} {
		if got := report.Length(tt.in); got != tt.want {
			t.Errorf("length(%s) = %q, want %q", tt.in, got, tt.want)
		}
	}
	for in, want := range map[time.Duration]string{
		0: "0s", 59 * time.Second: "59s", m: "1m", 64 * m: "1h04m", 50 * h: "2d02h", -2 * h: "-2h00m",
	} {
		if got := report.Brief(in); got != want {
			t.Errorf("brief(%s) = %q, want %q", in, got, want)
		}
	}
}

func TestALongListIsCutAndStillFits(t *testing.T) {
	first := clock(t, "09:00")
	rows := []report.Row{{
		Ref: incident.NewRef(1 << 40), Status: incident.StatusOpen, First: first.AddDate(-1, 0, 0), Waiting: 1,
		Organisation: incident.Organisation(strings.Repeat("organisation-", 3)), Impact: incident.ImpactHigh,
		Clocks: []report.RowClock{
			{Policy: "pol-imp-002", State: incident.Overdue, Certain: first, Flags: []incident.Flag{incident.FlagUnconfirmed}},
			{Policy: incident.PolicyID(strings.Repeat("p", 40)), State: incident.Undetermined, Doubt: incident.DoubtSecondPerson},
		},
	}}
	var out bytes.Buffer
	if err := report.WriteIncidents(&out, rows, true, first.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if n := len([]rune(strings.TrimSuffix(line, "\n"))); n > 80 {
			t.Errorf("%d columns, want at most 80: %s", n, line)
		}
	}
	for _, want := range []string{string(rows[0].Ref), "…", "there are more", "1 waits for a person"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the list does not hold %q:\n%s", want, out.String())
		}
	}
}
