package said_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ministryofjustice/incident-promptness/incident"
	"github.com/ministryofjustice/incident-promptness/ingest/said"
)

// monday is a mail of Monday 23 November 2026, sent at 10:20:10 and received
// twenty seconds later.
func monday(t testing.TB) said.Anchor {
	t.Helper()
	return said.Anchor{Receipt: instant(t, "2026-11-23T10:20:30Z"), Sent: instant(t, "2026-11-23T10:20:10Z"), Zoned: true}
}

// told writes sayings as the tables below do: the milestone's first letter (?
// for none), the ends in London, the flags. An end on the day of now is written
// without it; a latest that is the last instant of the earliest's minute or of
// a later minute is written as that minute, one that is the sending as "sent".
func told(all []said.Saying, a said.Anchor) []string {
	today := a.Receipt.In(incident.London()).YearDay()
	end := func(t time.Time) string {
		t = t.In(incident.London())
		layout := "02Jan 15:04"
		switch {
		case t.Year() != a.Receipt.Year():
			layout = "02Jan06 15:04"
		case t.YearDay() == today:
			layout = "15:04"
		}
		if t.Second() != 0 {
			layout += ":05"
		}
		return t.Format(layout)
	}
	var out []string
	for _, s := range all {
		m := "?"
		if s.Milestone != "" {
			m = strings.ToUpper(string(s.Milestone[:1]))
		}
		line := m + " " + end(s.Interval.Earliest)
		last := s.Interval.Latest.Add(1)
		switch {
		case s.Interval.Latest.Equal(a.Sent) || a.Sent.IsZero() && s.Interval.Latest.Equal(a.Receipt):
			line += " to sent"
		case last.Equal(s.Interval.Earliest.Add(time.Minute)):
		case last.Second() == 0 && last.Nanosecond() == 0:
			line += " to " + end(last.Add(-time.Minute))
		default:
			line += " to " + end(s.Interval.Latest.Add(1).Truncate(time.Second))
		}
		for _, f := range s.Flags {
			line += " " + string(f)
		}
		out = append(out, line)
	}
	return out
}

type row struct {
	text string
	want string // parted by "; "
}

func check(t *testing.T, a said.Anchor, rows []row) {
	t.Helper()
	for _, tt := range rows {
		t.Run(tt.text, func(t *testing.T) {
			got := strings.Join(told(said.Prose(tt.text, a), a), "; ")
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("Prose(%q) (-want +got):\n%s", tt.text, diff)
			}
		})
	}
}

func TestProseReadsATimeOfDay(t *testing.T) {
	check(t, monday(t), []row{
		{"I noticed at 9.15 this morning that the door was open.", "D 09:15"},
		{"Noticed 09:15.", "D 09:15"},
		{"Noticed at 9:15 a.m. and locked it.", "D 09:15"},
		{"We spotted it at 0915hrs.", "D 09:15"},
		{"We spotted it at 0915 hours.", "D 09:15"},
		{"Spotted 09h15 by the porter.", "D 09:15"},
		{"Spotted at 9 15 am.", "D 09:15"},
		{"Spotted at 915am.", "D 09:15"},
		{"I noticed it at 09:15:30.", "D 09:15:30 to 09:15:31"},
		{"I noticed it about quarter past nine.", "D 09:05 to 09:25 about"},
		{"I noticed it at a quarter to ten.", "D 09:45"},
		{"I noticed it at half nine.", "D 09:30"},
		{"I noticed it at half-past nine.", "D 09:30"},
		{"I noticed it at twenty-five to ten.", "D 09:35"},
		{"I noticed it at ten to ten.", "D 09:50"},
		{"I noticed it at 10 to 9.", "D 08:50"},
		{"I noticed it at 5 minutes past 9.", "D 09:05"},
		{"I noticed it at nine fifteen.", "D 09:15"},
		{"I noticed it at nine o'clock.", "D 09:00"},
		{"I noticed it at 9 this morning.", "D 09:00"},
		{"I noticed it at nine-ish.", "D 08:50 to 09:10 about"},
		{"I noticed it at 9.15 or so.", "D 09:05 to 09:25 about"},
		{"I noticed it at 9.15 (approx).", "D 09:05 to 09:25 about"},
		{"Noticed c. 9.15", "D 09:05 to 09:25 about"},
		{"Noticed ~09:15", "D 09:05 to 09:25 about"},
		{"Noticed at 09:15?", "D 09:05 to 09:25 about"},
		{"Noticed just after 9.", "D 09:00 to 09:15 about"},
		{"I noticed at noon yesterday.", "D 22Nov 12:00"},
		{"I noticed at midnight.", "D 00:00 midnight"},
		{"I noticed at midnight last night.", "D 00:00 midnight"},
		{"I noticed at midnight on Saturday.", "D 21Nov 00:00 to 22Nov 00:00 midnight"},
		{"I noticed at ten to midnight on Saturday.", "D 21Nov 23:50 midnight"},
		{"I noticed at ten to.", ""},
		{"It was 9.15 before I realised.", "D 09:15"},
		{"9.15 is when I noticed.", "D 09:15"},
		{"Noticed at 21:15.", "D 22Nov 21:15 either_day"},
		{"Noticed at 9:15 or 9:30.", "D 09:15 to 09:30"},
		{"noticed at 25:15", ""},
	})
}

func TestProseReadsADay(t *testing.T) {
	check(t, monday(t), []row{
		{"Discovered on 20/11/2026 09:15.", "D 20Nov 09:15"},
		{"Discovered 20.11.26 at 0915hrs.", "D 20Nov 09:15"},
		{"Discovered 20-Nov-26 0805", "D 20Nov 08:05"},
		{"Discovered at 2026-11-20T09:15:00Z.", "D 20Nov 09:15 to 20Nov 09:15:01"},
		{"Discovered on Friday 20th November at 9.15am.", "D 20Nov 09:15"},
		{"Discovered on the 20th at 9.15am.", "D 20Nov 09:15"},
		{"Discovered on November 20th, 2026 at 9:15 AM.", "D 20Nov 09:15"},
		{"Discovered 11/20/2026 09:15.", "D 20Nov 09:15 month_first"},
		{"Discovered on Tuesday 20/11/2026 at 09:15.", ""},
		{"Discovered on 31/02/2026 at 09:15.", ""},
		{"Discovered on 20/11.", "D 20Nov 00:00 to 20Nov 23:59 date_only"},
		{"Discovered yesterday around 5pm.", "D 22Nov 16:50 to 22Nov 17:10 about"},
		{"Discovered yesterday, Sunday, at 14:05.", "D 22Nov 14:05"},
		{"Discovered today (23/11/26) at 0915.", "D 09:15"},
		{"Discovered yesterday, Monday, at 14:05.", ""},
		{"Discovered the day before yesterday at 4pm.", "D 21Nov 16:00"},
		{"Discovered two days ago at 4pm.", "D 21Nov 16:00"},
		{"Discovered a week ago today.", "D 16Nov 00:00 to 16Nov 23:59 date_only"},
		{"Discovered on Friday.", "D 20Nov 00:00 to 20Nov 23:59 date_only"},
		{"Discovered Fri 17:40.", "D 20Nov 17:40"},
		{"Discovered last Friday at 3pm.", "D 20Nov 15:00"},
		// On a Monday, Monday is today where that has been, and flagged.
		{"Discovered on Monday at 09:15.", "D 09:15 either_day"},
		{"Discovered on Monday at 17:30.", "D 16Nov 17:30 either_day"},
		{"Discovered last Monday at 09:15.", "D 16Nov 09:15"},
		{"Discovered over the weekend.", "D 21Nov 00:00 to 22Nov 23:59 date_only"},
		{"Discovered last week.", "D 16Nov 00:00 to 22Nov 23:59 date_only"},
		{"Discovered earlier today.", "D 00:00 to sent date_only"},
		{"Discovered tomorrow.", ""},
		{"Discovered 22.11 at 9.15am.", "D 22Nov 09:15"},
		{"Discovered Nov. 22 at 9.15am.", "D 22Nov 09:15"},
		{"Discovered on Tuesday 24th.", ""}, // the last 24th was none
		{"Discovered at 9.15 yesteday.", "D 22Nov 09:15 either_half"},
		{"I found his date of birth, 12/05/1984, on the drive.", ""},
		{"The list sat on the printer until someone found it.", ""},
	})
}

func TestAWeekdayOfThisWeekWithLastMayBeEither(t *testing.T) {
	a := said.Anchor{Receipt: instant(t, "2026-11-26T09:30:00Z")}
	check(t, a, []row{
		{"Noticed last Tuesday at 16:20.", "D 17Nov 16:20 to 24Nov 16:20 either_day"},
		{"Noticed on Tuesday at 16:20.", "D 24Nov 16:20"},
		{"Noticed on Tuesday last week at 16:20.", "D 17Nov 16:20"},
	})
}

func TestProseReadsAPartOfTheDay(t *testing.T) {
	check(t, monday(t), []row{
		{"I noticed this morning.", "D 00:00 to sent part_of_day"},
		{"I noticed first thing this morning.", "D 06:00 to 09:59 part_of_day"},
		{"I noticed early this morning.", "D 00:00 to 08:59 part_of_day"},
		{"I noticed in the early hours of Saturday.", "D 21Nov 00:00 to 21Nov 05:59 part_of_day"},
		{"I noticed last night.", "D 22Nov 18:00 to 05:59 part_of_day"},
		{"I noticed it overnight.", "D 22Nov 17:00 to 08:59 part_of_day"},
		{"I noticed late on Friday.", "D 20Nov 15:00 to 20Nov 23:59 part_of_day"},
		{"I noticed Friday pm.", "D 20Nov 12:00 to 20Nov 23:59 part_of_day"},
		{"I noticed at lunchtime yesterday.", "D 22Nov 11:30 to 22Nov 14:29 part_of_day"},
		{"I noticed after lunch yesterday.", "D 22Nov 12:00 to 22Nov 14:59 part_of_day"},
		{"I noticed at close of play on Friday.", "D 20Nov 16:00 to 20Nov 18:59 part_of_day"},
		{"I noticed at the end of the day yesterday.", "D 22Nov 16:00 to 22Nov 18:59 part_of_day"},
		{"I noticed yesterday mid-afternoon.", "D 22Nov 14:00 to 22Nov 16:29 part_of_day"},
		{"I noticed at 9.30 last night.", "D 22Nov 21:30"},
		{"I noticed at 1 last night.", "D 01:00"},
		{"I noticed at 3 in the morning.", "D 03:00"},
		{"I noticed at 8 on Saturday evening.", "D 21Nov 20:00"},
		{"I noticed at 2am on Friday night.", "D 21Nov 02:00 either_day"},
		{"I noticed at 9pm this morning.", ""},
		{"I will look in the morning.", ""},
		{"The night patrol noticed 0215.", "D 02:15"},
	})
}

func TestHoursWithoutAHalfOfTheDay(t *testing.T) {
	check(t, said.Anchor{Receipt: instant(t, "2026-11-23T17:40:00Z")}, []row{
		{"I noticed at 9.15.", "D 09:15"}, // the evening has not been
		{"I noticed at 4.15.", "D 16:15 either_half"},
		{"I noticed at 04:15.", "D 04:15"},
		{"I noticed at 12.", "D 12:00 either_half"},
		{"I noticed at 12:15.", "D 12:15"},
	})
	check(t, said.Anchor{Receipt: instant(t, "2026-11-23T22:30:00Z")}, []row{
		{"I noticed at 9.15.", "D 09:15 to 21:15 either_half"},
		{"I noticed at 9.15 this evening.", "D 21:15"},
	})
	check(t, monday(t), []row{
		{"I noticed at 5.", "D 05:00 either_half"},
		{"I noticed yesterday at 3.", "D 22Nov 15:00 either_half"},
		{"I noticed yesterday at 7.", "D 22Nov 07:00 to 22Nov 19:00 either_half"},
		{"I noticed yesterday at 9:15.", "D 22Nov 09:15 either_half"},
	})
}

func TestProseCountsBack(t *testing.T) {
	check(t, monday(t), []row{
		{"I noticed 10 minutes ago.", "D 10:10 ago"},
		{"I noticed ten mins ago.", "D 10:10 ago"},
		{"I noticed about 20 minutes ago.", "D 09:54:10 to 10:06:10 ago about"},
		{"I noticed an hour ago.", "D 09:20 ago"},
		{"I noticed about an hour ago.", "D 09:02:10 to 09:38:10 ago about"},
		{"I noticed an hour and a half ago.", "D 08:50 ago"},
		{"I noticed 1.5 hours ago.", "D 08:50 ago"},
		{"I noticed 1h30m ago.", "D 08:50 ago"},
		{"I noticed half an hour ago.", "D 09:50 ago"},
		{"I noticed 10-15 minutes ago.", "D 10:05:10 to 10:10:10 ago about"},
		{"I noticed an hour or two ago.", "D 08:20:10 to 09:20:10 ago about"},
		{"I noticed a couple of hours ago.", "D 07:20:10 to 09:20:10 ago about"},
		{"I noticed a few minutes ago.", "D 10:10:10 to 10:19:10 ago about"},
		{"I noticed just now.", "D 10:15:10 to sent ago about"},
		{"I've just noticed that it is gone.", "D 10:10:10 to sent ago about"},
		{"I noticed in the last half hour.", "D 09:50:10 to sent ago about"},
		{"I noticed less than 10 minutes ago.", "D 10:10:10 to sent ago about"},
		{"I noticed nearly an hour ago.", "D 09:20:10 to 09:35:10 ago about"},
		{"I noticed over an hour ago.", ""},
		{"I sent it at 9.10 and noticed 5 minutes later.", "O 09:10; D 09:14 to 09:16 ago"},
		{"I noticed 5 minutes after sending it at 9.10.", "D 09:14 to 09:16 ago; O 09:10"},
		{"I sent it at 9.10 and noticed straight away.", "O 09:10; D 09:10 to 09:20 ago about"},
	})
}

func TestProseReadsARange(t *testing.T) {
	check(t, said.Anchor{Receipt: instant(t, "2026-11-23T17:40:00Z")}, []row{
		{"Noticed between 2 and 3pm.", "D 14:00 to 15:00"},
		{"Noticed 9-9.30am.", "D 09:00 to 09:30"},
		{"Noticed from 9.15 to 10.05.", "D 09:15 to 10:05"},
		{"Noticed between 11.30 and 12.15pm.", "D 11:30 to 12:15"},
		{"Noticed somewhere between half eight and nine this morning.", "D 08:30 to 09:00"},
		{"Noticed between 11pm and 6am.", "D 22Nov 23:00 to 06:00"},
		{"Noticed between 17:00 on Friday and 08:00 on Monday.", "D 20Nov 17:00 to 08:00 either_day"},
		{"Noticed between 9pm last night and 6am today.", "D 22Nov 21:00 to 06:00"},
		{"Noticed on Saturday or Sunday.", "D 21Nov 00:00 to 22Nov 23:59 date_only"},
		{"Noticed on 20-21 November.", "D 20Nov 00:00 to 21Nov 23:59 date_only"},
		{"Noticed between 9 and 10 people.", ""},
		{"Noticed between lunch and 2pm.", "D 11:30 to 14:00 part_of_day"},
		{"Noticed between closing and 2pm.", ""},
		{"Noticed 13:00/13:30.", "D 13:00 to 13:30"},
	})
}

func TestWhatIsOpenAtOneEndIsNoSaying(t *testing.T) {
	check(t, monday(t), []row{
		{"Nobody noticed before 10.", ""},
		{"We noticed before 9.", ""},
		{"We noticed some time after 9.", ""},
		{"We noticed by 9 at the latest.", ""},
		{"We noticed no later than 9.", ""},
		{"We noticed at 9.15 or earlier.", ""},
		{"We have been aware since 08:00 GMT.", "D 08:00"},
		{"It has been happening since 08:00.", "O 08:00"},
		{"We have not noticed anything since 9.", ""},
		{"We did not notice until 9:15.", "D 09:15"},
		{"It wasn't until 9.15 that we noticed.", "D 09:15"},
		{"It went unnoticed until 9.15.", "D 09:15"},
		{"We waited until 9.15.", ""},
	})
}

func TestTheNearestVerbDecides(t *testing.T) {
	check(t, monday(t), []row{
		{"It was sent at 8:50 and I noticed it at 9:15.", "O 08:50; D 09:15"},
		{"At 8:50 it was sent and at 9:15 I noticed it.", "O 08:50; D 09:15"},
		{"At 9:15 I noticed the email that was sent at 8:50.", "D 09:15; O 08:50"},
		{"The email sent at 8:50 was noticed at 9:15.", "O 08:50; D 09:15"},
		{"I noticed that the door was open at 9:15.", "D 09:15"},
		{"I clicked the link at 8:50.", "O 08:50"},
		{"Time of discovery: 9:15am. Time of incident: 8:50am.", "D 09:15; O 08:50"},
		{"I reported it to the service desk at 9.40.", "R 09:40"},
		{"I emailed you at 9.40.", "R 09:40"},
		{"I raised a ticket at 9.40.", "R 09:40"},
		{"I told my manager at 9.40.", "? 09:40"},
		{"We were told by the supplier at 9.40.", "D 09:40"},
		{"Our system alerted at 09:15.", "D 09:15"},
		{"I received a phishing email at 08:55.", "O 08:55"},
		{"We received an alert at 08:55.", "D 08:55"},
		{"I last saw it at 5pm yesterday and noticed it was gone at 9.15.", "? 22Nov 17:00; D 22Nov 17:00 to 09:15 either_day either_half"},
		{"Sarah told me at 9.40 that she spotted it at 9.15.", "? 09:40; D 09:15"},
		{"I was called at 9.40. The cleaner had found it at 9.15.", "? 09:40; D 09:15"},
		{"When I came in at 9 I noticed that it was gone.", "D 08:50 to 09:20 about"},
		{"I came in at 9 to find the door open.", "D 08:50 to 09:20 about"},
		{"Staff arriving at 0730 discovered the break-in.", "D 07:20 to 07:50 about"},
		{"My shift starts at 7 and I noticed.", "? 07:00"},
		{"I have been on leave since Friday and noticed this at 8.15 today.", "D 08:15"},
		{"When I came in at 8.30 I logged on, and at 9.15 I noticed it.", "? 08:30; D 09:15"},
		{"I checked at 9.15 and found the cabinet open.", "D 09:15"},
		{"At 9.40 the phone rang and I was made aware of it.", "D 09:40"},
		{"I noticed at 9.15 - it wasn't there on Friday.", "D 09:15; ? 20Nov 00:00 to 20Nov 23:59 date_only"},
		{"Start: 09:00 Detected: 09:10 End: 09:45", "? 09:00; D 09:10; ? 09:45"},
		{"I only noticed now that the email at 9 had the wrong file.", "? 09:00"},
		{"Further to my call at 9.15, I have now found the file.", "? 09:15"},
		{"A client called at 9.20 and we realised.", "D 09:10 to 09:40 about"},
		{"We identified that an account (created 01/09/2026) was open.", "? 01Sep 00:00 to 01Sep 23:59 date_only"},
		{"My supplier emailed to say they'd been hit on Thursday night.", "O 19Nov 18:00 to 20Nov 05:59 part_of_day"},
		{"It came to our attention at 9.15.", "D 09:15"},
		{"We found that an order was placed at 02:14.", "? 02:14"},
		{"It was noticed on Friday at 17:00. It was sent at 09:15.", "D 20Nov 17:00; O 20Nov 09:15 either_day"},
	})
}

func TestADayIsCarriedOn(t *testing.T) {
	check(t, monday(t), []row{
		{"Yesterday I noticed at 16:15 that it was gone.", "D 22Nov 16:15"},
		{"I noticed this when I came in yesterday. It was sent on Thursday.", "D 22Nov 00:00 to 22Nov 23:59 date_only; O 19Nov 00:00 to 19Nov 23:59 date_only"},
		{"It was stolen on Saturday night between 8 and 10. I realised at 9.55.", "O 21Nov 20:00 to 21Nov 22:00; D 21Nov 20:00 to 09:55 either_day either_half"},
		{"I noticed the other day at 9.15.", ""},
		{"I noticed in October at 9.15.", ""},
		{"I noticed at 9.15 on Boxing Day.", "D 09:15 either_day"},
		{"It happened on Thursday at 3pm, noticed the same day at 17:10.", "O 19Nov 15:00; D 19Nov 17:10"},
		{"It happened on Thursday. We noticed the next day at 10am.", "O 19Nov 00:00 to 19Nov 23:59 date_only; D 20Nov 10:00"},
		// Of which day nobody can tell: both.
		{"It was sent on Friday. We noticed at 09:15.", "O 20Nov 00:00 to 20Nov 23:59 date_only; D 20Nov 09:15 to 09:15 either_day"},
		{"It was sent on Friday at 17:00. We noticed at 09:15.", "O 20Nov 17:00; D 09:15 either_day"},
	})
}

func TestWhatIsAskedSupposedDeniedOrPlannedIsNoSaying(t *testing.T) {
	check(t, monday(t), []row{
		{"Have you noticed anything at 9?", ""},
		{"Did anybody spot the email at 9.15?", ""},
		{"If you noticed anything at 9, please let me know.", ""},
		{"I noticed nothing at 9.", ""},
		{"Nobody noticed it at 9.", ""},
		{"I noticed it at 9.15, can you help?", "D 09:15"},
		{"They should have noticed at 9.", ""},
		{"They would have noticed it at 9.", ""},
		{"I noticed it at 9 every day.", ""},
		{"The meeting is at 3pm tomorrow.", ""},
		{"I will call at 4.", ""},
		{"Please call me at 3pm, I noticed it at 9.40.", "D 09:40"},
		{"Call me between 9 and 5.", ""},
		{"Opening hours: Mon-Fri 9am-5pm", ""},
		{"Noticed 9.15.\n\nKind regards,\nAnn\nMon-Thu 9.30am to 2.30pm", "D 09:15"},
		{"On Mon, 23 Nov 2026 at 09:15, Ann Example wrote:", ""},
		{"From: Ann Example\nSent: 23 November 2026 09:15\nTo: Bob", ""},
	})
}

func TestNumbersThatAreNoTimes(t *testing.T) {
	for _, text := range []string{
		"I noticed on 0207 946 0915.", "Found in room 9.15, floor 9.", "Noticed in ticket 0915 and INC0000915.", "Noticed 10.0.9.15 and 9.15.0.1.",
		"I noticed version 9.15 was old.", "I noticed £9.15 was gone.", "Found 9.15% of it.", "I noticed at least 9 files.", "We found it at 12 High Street.",
		"I found it at 10 South Colonnade.", "I noticed at 2 separate sites.", "At one point I noticed it.", "I noticed 9 laptops and 10 bags.", "We noticed 1015 failed logins.",
		"I found a note that says John 3:16.", "I found the invitation to the 10am meeting.", "Noticed 00:1b:44:11:3a:b7 on the switch.", "I noticed the 9:15 email.",
		"Noticed 24/7 and 50/50.", "I found order 20261123.", "noticed 1.5 hours of work lost",
	} {
		if got := said.Prose(text, monday(t)); len(got) > 0 {
			t.Errorf("Prose(%q) = %v, want nothing", text, got)
		}
	}
}

func TestTheClocksChange(t *testing.T) {
	check(t, said.Anchor{Receipt: instant(t, "2026-10-25T02:05:00Z")}, []row{
		{"I noticed at 01:30.", "D 01:30 to 01:30 hour_twice"},
		{"I noticed at 01:30 BST.", "D 01:30"},
		{"I noticed at 01:30 GMT.", "D 01:30"},
	})
	a := said.Anchor{Receipt: instant(t, "2026-10-25T02:05:00Z")}
	for text, want := range map[string]string{
		"I noticed at 01:30.":     "2026-10-25T00:30:00Z 61m",
		"I noticed at 01:30 BST.": "2026-10-25T00:30:00Z 1m",
		"I noticed at 01:30 GMT.": "2026-10-25T01:30:00Z 1m",
	} {
		if got := said.Prose(text, a)[0].Interval; got != interval(t, want) {
			t.Errorf("Prose(%q) = %s, want %s", text, got, want)
		}
	}
	// Row 23 of the scenarios: only the first half past one has been.
	a.Receipt = instant(t, "2026-10-25T00:50:00Z")
	if got, want := said.Prose("I noticed at 01:30.", a)[0].Interval, interval(t, "2026-10-25T00:30:00Z 1m"); got != want {
		t.Errorf("before the second 01:30: %s, want %s", got, want)
	}
	a.Receipt = instant(t, "2026-03-29T08:00:00Z")
	got := said.Prose("I noticed at 01:30.", a)[0]
	if want := interval(t, "2026-03-29T00:30:00Z 61m"); got.Interval != want || fmt.Sprint(got.Flags) != "[hour_missing]" {
		t.Errorf("in the hour that is not there: %s %v, want %s", got.Interval, got.Flags, want)
	}
}
